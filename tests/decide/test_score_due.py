"""When a score next matters (process.md S2, S4, S11): the moment is neither missed nor told for nothing, and decay is monotone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.condition import turns_at
from crmsync.decide.frame import DAY, NEVER, SECOND, Bools, Floats, Frame, Longs
from crmsync.decide.score import Scores, score, score_frame, thresholds
from crmsync.model.condition import All, AnyOf, Happened, Not, Test
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules
from crmsync.model.verdict import ScoreVerdict
from decide.score_reference import LISTS, NOW, models, people, steady

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
MODELS = list(models(60, seed=11))
MANY = 150


def signal(type: str, age: float, n: int = 0) -> Signal:
    return Signal(event_id=f"{type}{age}{n}", type=type, at=START - timedelta(days=age), source="api")


def scored(signals: list[Signal], rules: ScoreRules, now: datetime = START) -> ScoreVerdict:
    return score(facts={"size": 300}, signals=signals, rules=rules, lists=LISTS, now=now)


def cells(totals: Floats, rules: ScoreRules) -> Longs:
    return np.searchsorted(np.array(thresholds(rules)), totals, side="right").astype(np.int64)


def due_of(frame: Frame, rules: ScoreRules) -> tuple[Scores, Longs]:
    scores = score_frame(frame, rules, LISTS, NOW, due=True)
    assert scores.due is not None
    return scores, scores.due


def off_edges(totals: Floats, rules: ScoreRules) -> Bools:
    """Which totals are not on a threshold, where the last bit decides (or which a fading loss only approaches)."""
    apart: Bools = np.abs(totals[..., None] - np.array(thresholds(rules))).min(axis=-1) > 1e-6
    return apart


@settings(max_examples=25, deadline=None)
@given(rules=st.sampled_from(MODELS), seed=st.integers(0, 10_000))
def test_nothing_happens_before_the_next_moment(rules: ScoreRules, seed: int) -> None:
    """Scans 80 moments up to the one told, or two years: nobody shows another band before."""
    frame, _ = people(MANY, seed)
    scores, due = due_of(frame, rules)
    sure = np.flatnonzero(off_edges(scores.total, rules))
    end = np.minimum(due, NOW + 730 * DAY)[sure] - 62 * SECOND
    before = cells(scores.total[sure], rules)
    steps = np.linspace(0, 1, 80)
    moments = np.maximum(NOW, NOW + ((end - NOW)[:, None] * steps).astype(np.int64)).ravel()
    totals = score_frame(frame.take(np.repeat(sure, len(steps))), rules, LISTS, moments).total.reshape(len(sure), len(steps))
    wrong = np.argwhere((cells(totals, rules) != before[:, None]) & off_edges(totals, rules))
    assert not len(wrong), (sure[wrong[0][0]], moments.reshape(totals.shape)[tuple(wrong[0])])


@settings(max_examples=25, deadline=None)
@given(rules=st.sampled_from(MODELS).map(steady), seed=st.integers(0, 10_000))
def test_the_next_moment_is_one_at_which_something_happens(rules: ScoreRules, seed: int) -> None:
    """Where no loss fades totals only fall, and then everybody is told of a crossing, or of a signal dated in the future."""
    frame, columns = people(MANY, seed)
    scores, due = due_of(frame, rules)
    told = np.flatnonzero((due < NEVER) & off_edges(scores.total, rules))
    later = score_frame(frame.take(told), rules, LISTS, due[told]).total
    assert bool(np.all(due[told] > NOW))
    crossed = cells(later, rules) < cells(scores.total[told], rules)
    ahead = set(columns["at"][columns["at"] > NOW].tolist())
    assert all(moment in ahead for moment in due[told[~crossed]].tolist())


@settings(max_examples=15, deadline=None)
@given(rules=st.sampled_from(MODELS).map(steady), seed=st.integers(0, 10_000))
def test_decay_only_takes(rules: ScoreRules, seed: int) -> None:
    frame, _ = people(MANY, seed)
    last: Floats | None = None
    for days in (0, 0.01, 1, 13.9, 14.1, 29, 31, 200, 3_000):
        totals = score_frame(frame, rules, LISTS, NOW + int(days * DAY)).total
        assert last is None or bool(np.all(totals <= last + 1e-9))
        last = totals


def test_s2_the_moment_by_hand() -> None:
    """64 points halving every 10 days without any other decay cross 50 (ln 64/50 / ln 2 = 0.356144 half-lives) after 3.56144 days."""
    rules = ScoreRules(
        behavior=(BehaviorRule(name="d", points=64, signals=("demo",), half_life_days=10),), inactivity_loss=0, inactive_points=0, bands=()
    )
    due = scored([signal("demo", 0)], rules).next_due_at
    assert due is not None
    late = (due - START) / timedelta(days=1) - 3.561438
    assert 0 <= late < 60 / 86_400 + 1e-6


def test_the_start_of_the_inactive_rule_is_due_where_it_crosses_something() -> None:
    rules = ScoreRules(behavior=(BehaviorRule(name="d", points=5, signals=("demo",)),), inactivity_loss=0, bands=())
    assert scored([signal("demo", 3)], rules).next_due_at is None
    crossing = replace(rules, bands=(0.0,))
    assert scored([signal("demo", 3)], crossing).next_due_at == START + timedelta(days=27)
    assert scored([signal("demo", 31)], crossing).next_due_at is None


def test_what_is_crossed_after_the_inactive_rule_started_is_found() -> None:
    """100 points halving every 30 days: 10 less from day 30 on, 25 is crossed when 35 are left, after 30 * log2(100 / 35) days."""
    behavior = (BehaviorRule(name="d", points=100, signals=("demo",), half_life_days=30),)
    rules = ScoreRules(behavior=behavior, inactivity_loss=0, mql_at=500, sql_at=500, hysteresis=0, bands=(25.0,))
    due = scored([signal("demo", 0)], rules).next_due_at
    assert due is not None
    assert (due - START) / timedelta(days=1) == pytest.approx(30 * np.log2(100 / 35), abs=0.001)


def test_a_fading_loss_can_lift_the_total_over_a_threshold() -> None:
    behavior = (
        BehaviorRule(name="d", points=60, signals=("demo",)),
        BehaviorRule(name="u", points=-25, signals=("unsub",), half_life_days=10),
    )
    rules = ScoreRules(behavior=behavior, inactivity_loss=0, inactive_points=0, bands=())
    due = scored([signal("demo", 0), signal("unsub", 0)], rules).next_due_at
    assert due is not None
    assert (due - START) / timedelta(days=1) == pytest.approx(3.2193, abs=0.01)  # 60 - 25 * 2 ** (-t/10) = 40


def test_no_signals_never_due() -> None:
    verdict = scored([], ScoreRules(inactive_points=-10))
    assert (verdict.total, verdict.next_due_at, verdict.reasons) == (0, None, ())


def test_conditions_that_look_at_the_clock_are_due_when_they_turn() -> None:
    when = All(
        of=(
            AnyOf(of=(Test(field="born", op="within", value=7), Test(field="born", op="older_than", value=30))),
            Not(of=Happened(signals=("demo",), at_least=2, within_days=10)),
        )
    )
    rules = ScoreRules(fit=(FitRule(name="fresh", points=20, when=when),), inactive_points=0, inactivity_loss=0)
    signals = [signal("demo", 2), signal("demo", 9.5), signal("demo", -1)]
    facts = {"born": "2026-05-29T12:00:00.000Z"}
    now: datetime | None = START
    seen = []
    while now is not None:
        verdict = score(facts=facts, signals=signals, rules=rules, lists=LISTS, now=now)
        seen.append(verdict.fit)
        now = turns_at([when], facts, now, signals)
        assert verdict.next_due_at == now
    # Two demos within ten days; one; two with the one that was dated tomorrow; no longer fresh; one demo; none; at last old enough.
    assert seen == [0, 20, 0, 0, 0, 0, 20]
