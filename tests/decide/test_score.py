"""The score against a naive reference, and its next_due_at against scanning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crmsync.decide.condition import Lists
from crmsync.decide.score import cluster_hits, score, thresholds
from crmsync.model.condition import Test
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules
from crmsync.model.verdict import Reason, ScoreVerdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LISTS = Lists()
TYPES = ("demo", "page", "open", "unsub", "unknown")


def signal(type: str, age: float, n: int = 0) -> Signal:
    return Signal(event_id=f"{type}{age}{n}", type=type, at=NOW - timedelta(days=age), source="api")


def scored(signals: list[Signal], rules: ScoreRules, now: datetime = NOW) -> ScoreVerdict:
    return score(facts={"size": 300}, signals=signals, rules=rules, lists=LISTS, now=now)


def naive(signals: list[Signal], rules: ScoreRules, now: datetime) -> float:
    """The behaviour part, written from process.md S1-S3 with no care for speed."""

    def age(s: Signal) -> float:
        return max(0.0, (now - s.at) / DAY)

    seen = {s.event_id: s for s in signals}.values()
    lists = []
    for rule in rules.behavior:
        todo = sorted((s for s in seen if s.type in rule.signals), key=lambda s: s.at)
        hits = []
        while len(todo) >= rule.count:
            window = todo[: rule.count]
            fits = rule.count == 1 or rule.within_days is None or (window[-1].at - window[0].at) / DAY <= rule.within_days
            if fits:
                hits.append(window[-1])
            todo = todo[rule.count :] if fits else todo[1:]
        hits.reverse()
        if rule.max_times is not None:
            hits = hits[: rule.max_times]
        total = 0.0
        for hit in hits:
            total += rule.points * (2 ** (-age(hit) / rule.half_life_days) if rule.half_life_days else 1)
        if rule.max_points is not None and abs(total) > rule.max_points:
            total = rule.max_points if total > 0 else -rule.max_points
        lists.append(total)
    active = [s for s in seen if any(r.points > 0 and s.type in r.signals for r in rules.behavior)]
    active = active or [s for s in seen if any(s.type in r.signals for r in rules.behavior)]
    if not active:
        return 0.0
    idle = min(age(s) for s in active)
    kept = (1 - rules.inactivity_loss) ** (idle / rules.inactivity_days)
    result = sum(t * kept if t > 0 else t for t in lists)
    return result + (rules.inactive_points if idle >= rules.inactive_after_days else 0)


def packed(**choices: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One of each, as ONE drawn number: what is drawn costs more here than what is tested."""

    def unpack(number: int) -> dict[str, Any]:
        picked = {}
        for name, values in choices.items():
            number, index = divmod(number, len(values))
            picked[name] = values[index]
        return picked

    return st.integers(0, math.prod(map(len, choices.values())) - 1).map(unpack)


RULE = packed(
    name=["a", "b", "c"],
    points=[-25.0, -5.0, 5.0, 10.0, 45.0],
    signals=[("demo",), ("page",), ("page", "open"), ("open", "page", "open"), ("unsub",)],
    half_life_days=[None, 7.0, 30.0, 90.0],
    max_times=[None, None, 0, 1, 3],
    max_points=[None, None, 20.0, 60.0],
    count=[1, 1, 2, 3],
    within_days=[None, 1.0, 7.0],
).map(lambda picked: BehaviorRule(**picked))
SIZE = FitRule(name="size", points=15.0, when=Test(field="size", op="ge", value=200))
RULES = st.tuples(
    st.lists(RULE, max_size=5),
    packed(inactivity_loss=[0.0, 0.25, 0.5], inactivity_days=[30.0, 10.0], inactive_points=[0.0, -10.0], inactive_after_days=[30.0, 14.0]),
).map(lambda parts: ScoreRules(fit=(SIZE,), behavior=tuple(parts[0]), **parts[1]))
SIGNALS = st.lists(
    packed(t=TYPES, minutes=range(-3 * 1440, 200 * 1440 + 1), n=[0, 1]), max_size=12
).map(lambda rows: [signal(row["t"], row["minutes"] / 1440, row["n"]) for row in rows])  # fmt: skip


@settings(max_examples=2000, deadline=None)
@given(signals=SIGNALS, rules=RULES)
def test_agrees_with_the_naive_scorer(signals: list[Signal], rules: ScoreRules) -> None:
    verdict = scored(signals, rules)
    assert verdict.fit == 15.0
    assert verdict.behavior == pytest.approx(naive(signals, rules, NOW), abs=1e-9)
    assert verdict.total == verdict.fit + verdict.behavior
    assert sum(r.points for r in verdict.reasons) == pytest.approx(verdict.total, abs=1e-9)
    sizes = [abs(r.points) for r in verdict.reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 not in sizes


@settings(max_examples=300, deadline=None)
@given(signals=SIGNALS, rules=RULES, order=st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(signals: list[Signal], rules: ScoreRules, order: object) -> None:
    shuffled = [*signals, *signals[:4]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert scored(shuffled, rules).total == pytest.approx(scored(signals, rules).total, abs=1e-9)


def cell(total: float, rules: ScoreRules) -> int:
    return sum(total >= level for level in thresholds(rules))


def quiet_until_due(signals: list[Signal], rules: ScoreRules, steps: int = 400) -> datetime | None:
    """Scan from NOW to next_due_at (or two years): no other band may show before."""
    verdict = scored(signals, rules)
    due = verdict.next_due_at
    end = due - timedelta(seconds=62) if due is not None else NOW + 730 * DAY
    for n in range(steps + 1):
        at = NOW + (end - NOW) * (n / steps)
        if at >= NOW:
            assert cell(scored(signals, rules, at).total, rules) == cell(verdict.total, rules), at
    return due


@settings(max_examples=150, deadline=None)
@given(signals=SIGNALS, rules=RULES)
def test_nothing_happens_before_next_due(signals: list[Signal], rules: ScoreRules) -> None:
    levels = thresholds(rules)
    total = scored(signals, rules).total
    assume(all(abs(total - level) > 1e-6 for level in levels))  # on the edge the last bit decides
    quiet_until_due(signals, rules, steps=120)


@settings(max_examples=300, deadline=None)
@given(signals=SIGNALS, rules=RULES)
def test_next_due_is_a_moment_at_which_something_happens(signals: list[Signal], rules: ScoreRules) -> None:
    """Where nothing fades from below the total is monotone, and then the moment is exact."""
    assume(not any(r.points < 0 and r.half_life_days for r in rules.behavior))
    verdict = scored(signals, rules)
    due = verdict.next_due_at
    if due is None:
        return
    assert due > NOW
    later = scored(signals, rules, due)
    comes_due = any(NOW < s.at <= due for s in signals)
    assert comes_due or cell(later.total, rules) < cell(verdict.total, rules)


def test_next_due_by_hand() -> None:
    """64 points halving every 10 days without any other decay cross 50 (ln 64/50 / ln 2 = 0.356144 half-lives) after 3.56144 days."""
    rules = ScoreRules(
        behavior=(BehaviorRule(name="d", points=64, signals=("demo",), half_life_days=10),), inactivity_loss=0, inactive_points=0, bands=()
    )
    due = scored([signal("demo", 0)], rules).next_due_at
    assert due is not None
    assert abs((due - NOW) / DAY - 3.56144) < 0.001
    assert quiet_until_due([signal("demo", 0)], rules) == due


def test_the_start_of_the_inactive_rule_is_due_where_it_crosses_something() -> None:
    rules = ScoreRules(behavior=(BehaviorRule(name="d", points=5, signals=("demo",)),), inactivity_loss=0, bands=())
    assert scored([signal("demo", 3)], rules).next_due_at is None
    assert scored([signal("demo", 3)], replace(rules, bands=(0.0,))).next_due_at == NOW + 27 * DAY
    assert scored([signal("demo", 31)], replace(rules, bands=(0.0,))).next_due_at is None


def test_a_fading_loss_can_lift_the_total_over_a_threshold() -> None:
    behavior = (
        BehaviorRule(name="d", points=60, signals=("demo",)),
        BehaviorRule(name="u", points=-25, signals=("unsub",), half_life_days=10),
    )
    rules = ScoreRules(behavior=behavior, inactivity_loss=0, inactive_points=0, bands=())
    signals = [signal("demo", 0), signal("unsub", 0)]
    due = quiet_until_due(signals, rules)
    assert due is not None
    assert (due - NOW) / DAY == pytest.approx(3.2193, abs=0.01)  # 60 - 25 * 2 ** (-t/10) = 40


def test_no_signals_never_due() -> None:
    verdict = scored([], ScoreRules(inactive_points=-10))
    assert (verdict.total, verdict.next_due_at, verdict.reasons) == (0, None, ())


def test_decay_of_inactivity_is_continuous() -> None:
    rules = ScoreRules(behavior=(BehaviorRule(name="d", points=40, signals=("demo",)),), inactive_points=0)
    assert scored([signal("demo", 30)], rules).behavior == pytest.approx(30)
    assert scored([signal("demo", 15)], rules).behavior == pytest.approx(40 * 0.75**0.5)
    assert scored([signal("demo", 30), signal("unknown", 0)], rules).behavior == pytest.approx(30)


def test_losses_are_not_forgiven_by_inactivity() -> None:
    rules = ScoreRules(behavior=(BehaviorRule(name="u", points=-25, signals=("unsub",)),), inactive_points=-10)
    assert scored([signal("unsub", 20)], rules).behavior == -25
    assert scored([signal("unsub", 30)], rules).behavior == -35


def test_future_signals_count_as_now_until_their_time() -> None:
    rules = ScoreRules(behavior=(BehaviorRule(name="d", points=40, signals=("demo",), half_life_days=1),))
    verdict = scored([signal("demo", -2)], rules)
    assert verdict.behavior == 40
    assert verdict.next_due_at == NOW + 2 * DAY
    assert scored([signal("demo", -2)], rules, NOW + 3 * DAY).behavior < 21


def test_group_counts_its_highest_rule_only() -> None:
    def rule(name: str, points: float, group: str | None, value: int = 1) -> FitRule:
        return FitRule(name=name, points=points, when=Test(field="size", op="ge", value=value), group=group)

    rules = ScoreRules(
        fit=(rule("director", 25, "title"), rule("c_level", 30, "title"), rule("chair", 90, "title", 1000), rule("size", 15, None))
    )
    verdict = scored([], rules)
    assert verdict.fit == 45
    assert verdict.reasons == (Reason(rule="c_level", points=30, source="size: 300"), Reason(rule="size", points=15, source="size: 300"))


@pytest.mark.parametrize(
    ("days", "count", "within", "hits"),
    [
        ([0, 1, 2], 3, 7, [2]),
        ([0, 1, 2, 3, 4, 5], 3, 7, [2, 5]),
        ([0, 8, 9, 10], 3, 7, [10]),
        ([0, 4, 8], 3, 7, []),
        ([0, 3.5, 7], 3, 7, [7]),
        ([0, 100], 2, None, [100]),
        ([0, 1], 1, 7, [0, 1]),
        ([], 3, 7, []),
    ],
)
def test_clusters(days: list[float], count: int, within: float | None, hits: list[float]) -> None:
    moments = [NOW + d * DAY for d in days]
    assert cluster_hits(moments, count, within) == [NOW + d * DAY for d in hits]
