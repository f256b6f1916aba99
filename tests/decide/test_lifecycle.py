"""Stages: threshold with hysteresis, express lane, stages by hand, handoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.lifecycle import entered, is_historic, latch, mql_type, signal_text, stage, stage_of
from crmsync.model.fields import STAGES
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import ScoreRules, TypeRule
from crmsync.model.verdict import ScoreVerdict, StageVerdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = ScoreRules(mql_at=60, hysteresis=10, express=("demo_request", "pricing_inquiry"))


def total(points: float, fit: float = 0) -> ScoreVerdict:
    return ScoreVerdict(total=points, fit=fit, behavior=points - fit)


def at_stage(name: str, *, who: str = "engine", at: datetime = NOW - HOUR, peak: bool = False, historic: bool = False) -> PersonState:
    entry = StageEntry(stage=name, previous=None, at=at, cause="", who=who)
    return PersonState(person_id="p", stages=(entry,), peak_since_reset=peak, historic=historic)


def demo(at: datetime = NOW, type: str = "demo_request") -> Signal:
    return Signal(event_id=f"{type}{at}", type=type, at=at, detail="Demo form")


def step(state: PersonState, points: float, now: datetime, *, hand: str | None = None, signals: Sequence[Signal] = ()) -> PersonState:
    """One cycle: verdict, entry, latch."""
    verdict = stage(state=state, score=total(points), signals=signals, rules=RULES, now=now, hand_stage=hand)
    peak = latch(state=state, verdict=verdict, score=total(points), rules=RULES)
    if not verdict.changed:
        return replace(state, peak_since_reset=peak)
    entry = StageEntry(stage=verdict.stage, previous=stage_of(state), at=now, cause=verdict.cause, who=verdict.who)
    return replace(state, stages=(*state.stages, entry), peak_since_reset=peak)


def run(rows: Sequence[tuple[float, str | None]]) -> PersonState:
    state = PersonState(person_id="p")
    for n, (points, hand) in enumerate(rows):
        state = step(state, points, NOW + n * HOUR, hand=hand)
    return state


def mqls(state: PersonState) -> int:
    return sum(e.stage == "mql" for e in state.stages)


def test_flapping_makes_one_mql() -> None:
    assert mqls(run([(59, None), (60, None)] * 5)) == 1


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([(60, None), (60, "lead"), (60, None), (59, None), (60, None)], 1),  # a rep's step back is not undone by the score
        ([(60, None), (60, "lead"), (50, None), (60, None)], 1),  # 50 is not below 60 - 10
        ([(60, None), (60, "lead"), (49.9, None), (59, None), (60, None)], 2),
        ([(60, None), (60, "nurture"), (0, None), (70, None)], 2),
        ([(60, None), (60, "disqualified"), (0, None), (99, None)], 1),
        ([(99, "customer"), (0, None), (99, None)], 0),
        ([(10, None), (70, "lead"), (70, None)], 1),  # shows what it already is: no command
        ([(10, "subscriber"), (70, None)], 1),
        ([(70, "subscriber")], 1),  # where they begin is no command
        ([(10, None), (70, "subscriber"), (70, None)], 0),
    ],
)
def test_sequences(rows: list[tuple[float, str | None]], count: int) -> None:
    assert mqls(run(rows)) == count


@given(st.lists(st.floats(0, 120), max_size=40))
def test_score_alone_makes_at_most_one_mql_and_never_goes_back(points: list[float]) -> None:
    state = run([(p, None) for p in points])
    assert [e.stage for e in state.stages] in ([], ["lead"], ["mql"], ["lead", "mql"])
    assert mqls(state) == (1 if any(p >= 60 for p in points) else 0)


@given(st.sampled_from(STAGES), st.sampled_from(STAGES), st.floats(-100, 200), st.booleans())
def test_a_hand_made_stage_is_taken_and_kept(before: str, hand: str, points: float, express: bool) -> None:
    if before == hand:
        return
    state = at_stage(before)
    signals = [demo(NOW - HOUR / 2)] if express else []
    state = step(state, points, NOW, hand=hand, signals=signals)
    assert (stage_of(state), state.stages[-1].who) == (hand, "hand")
    after = step(state, max(points, 50), NOW + HOUR, signals=signals)
    assert stage_of(after) == hand or (points < 50 and hand in ("subscriber", "lead", "nurture"))


def test_first_seen_is_a_lead_with_a_cause() -> None:
    verdict = stage(state=PersonState(person_id="p"), score=total(0), signals=(), rules=RULES, now=NOW)
    assert verdict == StageVerdict(stage="lead", changed=True, cause="first seen", who="engine")


def test_threshold_names_its_trigger() -> None:
    verdict = stage(state=at_stage("lead"), score=total(62.9), signals=(), rules=RULES, now=NOW)
    assert (verdict.stage, verdict.trigger, verdict.cause) == ("mql", "score 62 ≥ 60", "threshold: score 62 ≥ 60")
    assert not stage(state=at_stage("lead"), score=total(59.99), signals=(), rules=RULES, now=NOW).changed


def test_express_lane_promotes_at_once_and_names_the_newest() -> None:
    signals = [demo(NOW - 9 * HOUR), demo(NOW - HOUR, "pricing_inquiry"), demo(NOW, "page_view")]
    verdict = stage(state=at_stage("lead"), score=total(-40), signals=signals, rules=RULES, now=NOW)
    assert (verdict.stage, verdict.trigger) == ("mql", "pricing_inquiry: Demo form at 2026-06-01 11:00 UTC")


def test_express_lane_again_only_by_a_newer_signal() -> None:
    state = step(at_stage("lead"), 0, NOW, signals=[demo()])
    state = step(state, 0, NOW + HOUR, hand="nurture", signals=[demo()])
    assert stage_of(step(state, 0, NOW + 2 * HOUR, signals=[demo()])) == "nurture"
    assert stage_of(step(state, 0, NOW + 2 * HOUR, signals=[demo(), demo(NOW + HOUR)])) == "nurture"
    assert stage_of(step(state, 0, NOW + 3 * HOUR, signals=[demo(), demo(NOW + 2 * HOUR)])) == "mql"


@pytest.mark.parametrize("name", ["mql", "sal", "sql", "opportunity", "customer", "disqualified"])
def test_no_step_back_or_aside_by_score_or_signal(name: str) -> None:
    verdict = stage(state=at_stage(name), score=total(99), signals=[demo()], rules=RULES, now=NOW)
    assert (verdict.stage, verdict.changed) == (name, False)
    assert stage(state=at_stage(name), score=total(-99), signals=(), rules=RULES, now=NOW).stage == name


@pytest.mark.parametrize(
    ("owner", "complete", "historic", "name"),
    [("a", True, False, "sal"), (None, True, False, "mql"), ("a", False, False, "mql"), ("a", True, True, "mql")],
)
def test_handoff_needs_owner_and_package_and_no_history(owner: str | None, complete: bool, historic: bool, name: str) -> None:
    state = at_stage("mql", historic=historic, peak=True)
    assert stage(state=state, score=total(70), signals=(), rules=RULES, now=NOW, owner=owner, complete=complete).stage == name


def test_a_historic_mql_becomes_one_anew_by_a_new_event() -> None:
    state = at_stage("mql", historic=True, peak=True)
    again = stage(state=state, score=total(70), signals=[demo()], rules=RULES, now=NOW)
    assert (again.stage, again.changed) == ("mql", True)
    assert not stage(state=state, score=total(70), signals=[demo(NOW - 2 * HOUR)], rules=RULES, now=NOW).changed
    assert stage(state=replace(state, peak_since_reset=False), score=total(70), signals=(), rules=RULES, now=NOW).changed


START = NOW - 5 * HOUR
OLD, LIVE = demo(START - HOUR), demo(START)


@pytest.mark.parametrize(
    ("points", "express", "signals", "created", "fit", "written", "historic"),
    [
        (0, LIVE, [LIVE], None, 0, None, False),
        (0, OLD, [OLD], None, 0, None, True),
        (0, OLD, [OLD, LIVE], None, 0, None, True),
        (70, OLD, [OLD, LIVE], None, 0, None, False),
        (70, None, [OLD], None, 0, None, True),
        (70, None, [OLD], START, 0, None, False),
        (70, None, [], START - HOUR, 70, None, True),
        (70, None, [], None, 70, 40, False),
        (70, None, [], None, 70.4, 70, True),
    ],
)
def test_historic(
    points: float, express: Signal | None, signals: list[Signal], created: datetime | None, fit: float, written: int | None, historic: bool
) -> None:
    state = PersonState(person_id="p", created_at=created, outputs={"crmsync_fit_score": written})
    found = is_historic(
        state=state, happened=express.at if express else None, signals=signals, score=total(points, fit), rules=RULES, start_from=START
    )
    assert found is historic


TYPES = (
    TypeRule(type="direct_request", signals=("demo_request",)),
    TypeRule(type="pre_qualified", signals=("page_view",), min_fit=30),
    TypeRule(type="pre_qualified", min_fit=60),
    TypeRule(type="content_download", signals=("content_download",)),
)


@pytest.mark.parametrize(
    ("types", "fit", "found"),
    [
        (["content_download", "demo_request"], 0, "direct_request"),
        (["page_view"], 30, "pre_qualified"),
        (["page_view"], 29, "browser"),
        ([], 60, "pre_qualified"),
        (["content_download"], 59, "content_download"),
        ([], 0, "browser"),
    ],
)
def test_mql_type(types: list[str], fit: float, found: str) -> None:
    signals = [demo(type=t) for t in types]
    assert mql_type(signals=signals, score=total(70, fit), types=TYPES).type == found


def test_entered_is_the_latest_entry() -> None:
    state = run([(60, None), (60, "lead"), (0, None), (60, None)])
    assert entered(state, "mql") == NOW + 3 * HOUR
    assert entered(state, "sql") is None


def test_signal_text_stays_on_one_line() -> None:
    odd = Signal(event_id="x", type="form\nX", at=NOW, detail="a\n\u202eb\u2028c" + "y" * 500)
    assert "\n" not in signal_text(odd)
    assert len(signal_text(odd)) < 220
