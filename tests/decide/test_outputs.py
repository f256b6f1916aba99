"""Engine-owned fields, and when a moved score is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.outputs import REASONS_LIMIT, outputs, score_fields, settle_score, shown_total
from crmsync.decide.score import thresholds
from crmsync.model.fields import OUTPUTS
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.process import ScoreRules
from crmsync.model.record import Value
from crmsync.model.verdict import Reason, ScoreVerdict

NOW = datetime(2026, 6, 1, 12, 30, 15, 999_999, tzinfo=UTC)
RULES = ScoreRules()


def verdict(total: float, fit: float = 0, reasons: tuple[Reason, ...] = ()) -> ScoreVerdict:
    return ScoreVerdict(total=total, fit=fit, behavior=total - fit, reasons=reasons)


def numbers(total: float, fit: float = 0) -> dict[str, Value]:
    return score_fields(verdict(total, fit), RULES)


def test_everything_said() -> None:
    entries = tuple(StageEntry(stage=s, previous=None, at=NOW, cause="", who="engine") for s in ("mql", "sal", "sql"))
    state = PersonState(
        person_id="p", stages=entries, mql_type="browser", trigger="t" * 500, owner="a", owner_reason="rule", assigned_at=NOW
    )
    reasons = (Reason(rule="C-level title", points=30), Reason(rule="Pricing\nX", points=-12.5), Reason(rule="old", points=0.01))
    wanted = outputs(state=state, score=verdict(17.5, 30, reasons), rules=RULES, previous={}, handoff="package")
    text = "2026-06-01T12:30:15.000Z"  # whole seconds: Salesforce keeps no more
    assert len(str(wanted["crmsync_trigger"])) == 255
    assert {n: v for n, v in wanted.items() if n != "crmsync_trigger"} == {
        "crmsync_score": 18, "crmsync_fit_score": 30, "crmsync_behavior_score": -12,
        "crmsync_score_reasons": "+30 C-level title\n-12.5 Pricing X", "crmsync_stage": "sql", "crmsync_stage_since": text,
        "crmsync_mql_type": "browser", "crmsync_mql_at": text, "crmsync_sal_at": text, "crmsync_sql_at": text,
        "crmsync_assigned_at": text, "crmsync_routing_reason": "rule", "crmsync_handoff": "package",
    }  # fmt: skip
    assert set(wanted) <= set(OUTPUTS)


def test_what_nobody_said_stays_out_and_what_is_gone_is_cleared() -> None:
    state = PersonState(person_id="p")
    previous: dict[str, Value] = {"crmsync_touches": 3, "crmsync_handoff": "old", "crmsync_mql_type": "browser"}
    wanted = outputs(state=state, score=verdict(0), rules=RULES, previous=previous)
    assert wanted["crmsync_mql_type"] is None
    assert (wanted["crmsync_touches"], wanted["crmsync_handoff"]) == (3, "old")
    assert "crmsync_sal_at" not in wanted
    assert "crmsync_data_quality" not in wanted
    assert "crmsync_routing_reason" not in wanted
    assert outputs(state=state, score=verdict(0), rules=RULES, previous=wanted) is wanted


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (60, 64, False),  # small
        (60, 65, True),  # min_delta
        (60, 56, False),
        (60, 55, True),
        (51, 49.4, True),  # over mql_at
        (41, 39.4, True),  # over mql_at - hysteresis
        (74, 75, True),  # over a band
        (50, 54, False),
    ],
)
def test_small_moves_are_not_written(old: float, new: float, written: bool) -> None:
    previous = numbers(old)
    settled = settle_score(previous, numbers(new), RULES)
    assert settled == (numbers(new) if written else previous)


def test_parts_can_move_against_each_other() -> None:
    assert settle_score(numbers(60, 20), numbers(60, 30), RULES) == numbers(60, 30)


def test_first_and_fresh_scores_are_written() -> None:
    assert settle_score({}, numbers(3), RULES) == numbers(3)
    assert settle_score({**numbers(60), "crmsync_score": "60"}, numbers(61), RULES) == numbers(61)
    assert settle_score(numbers(60), numbers(61), RULES, fresh=True) == numbers(61)


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=30))
def test_what_is_shown_is_never_far_from_the_truth_nor_in_another_band(totals: list[float]) -> None:
    shown: dict[str, Value] = {}
    for total in totals:
        shown = settle_score(shown, numbers(total), RULES)
        value = shown["crmsync_score"]
        assert isinstance(value, int)
        assert abs(value - total) < RULES.min_delta + 1
        assert all((value >= level) == (total >= level) for level in thresholds(RULES))


@given(st.floats(-500, 500))
def test_shown_total_does_not_promise_a_threshold(total: float) -> None:
    shown = shown_total(total, RULES)
    assert abs(shown - total) < 1
    assert all((shown >= level) == (total >= level) for level in thresholds(RULES))


def test_rounding() -> None:
    assert [shown_total(t, RULES) for t in (49.9, 50.0, 48.5, 48.4, -0.5, -1.5)] == [49, 50, 49, 48, 0, -1]


def test_reasons_are_cut_at_a_line() -> None:
    reasons = tuple(Reason(rule=f"rule {n} " + "x" * 100, points=5) for n in range(90))
    text = score_fields(verdict(450, 450, reasons), RULES)["crmsync_score_reasons"]
    assert isinstance(text, str)
    assert REASONS_LIMIT - 130 < len(text) <= REASONS_LIMIT
    assert text.endswith("\n…")
    assert score_fields(verdict(0), RULES)["crmsync_score_reasons"] is None
