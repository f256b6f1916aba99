"""Each rule of scoring (process.md section 2) on decisions alone: what it gives, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from crmsync.decide.condition import Lists
from crmsync.decide.frame import LONG_AGO, NEVER, encoded, frame_from, micros
from crmsync.decide.lifecycle import latch, stage
from crmsync.decide.outputs import score_fields, settle_score
from crmsync.decide.score import (
    Subject,
    cluster_hits,
    conditions_of,
    rules_of,
    score,
    score_all,
    score_base,
    score_frame,
    thresholds,
    top_cut,
)
from crmsync.model.condition import Happened, Test
from crmsync.model.link import PersonState, Signal, SignalSource, StageEntry
from crmsync.model.process import AccountRule, BehaviorRule, FitRule, ScoreRules, Segment
from crmsync.model.record import Fields
from crmsync.model.rules import PersonMap, Playbook
from crmsync.model.verdict import Reason, ScoreVerdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LISTS = Lists(free=frozenset({"gmail.com"}))
STILL = ScoreRules(inactivity_loss=0, inactive_points=0)
"""Without any decay but what a test adds."""


def signal(type: str, age: float = 0, n: int = 0, **more: str) -> Signal:
    return Signal(**{"event_id": f"{type}{age}{n}", "source": "api", **more}, type=type, at=NOW - timedelta(days=age))  # type: ignore[arg-type]


def told(name: str, points: float, *signals: str, **more: float | int | None) -> BehaviorRule:
    return BehaviorRule(name=name, points=points, signals=signals or (name,), **more)  # type: ignore[arg-type]


def scored(signals: Sequence[Signal], rules: ScoreRules, facts: Fields | None = None, now: datetime = NOW, **more: object) -> ScoreVerdict:
    return score(facts=facts or {}, signals=signals, rules=rules, lists=LISTS, now=now, **more)  # type: ignore[arg-type]


def behaves(*rules: BehaviorRule, base: ScoreRules = STILL) -> ScoreRules:
    return replace(base, behavior=rules)


def playbook(rules: ScoreRules, *segments: Segment) -> Playbook:
    return Playbook(person=PersonMap(objects={}, create_as={}, fields={}), score=rules, segments=segments)


def size_rule(name: str, points: float, group: str | None, value: int = 1) -> FitRule:
    return FitRule(name=name, points=points, when=Test(field="size", op="ge", value=value), group=group)


# --- S1 -------------------------------------------------------------------------------------------------------------------------


def test_s1_the_highest_of_a_group_counts() -> None:
    rules = ScoreRules(
        fit=(
            size_rule("director", 25, "title"),
            size_rule("c_level", 30, "title"),
            size_rule("chair", 90, "title", 1000),
            size_rule("size", 15, None),
        )
    )
    verdict = scored([], rules, {"size": 300})
    assert verdict.fit == verdict.total == 45
    assert verdict.reasons == (Reason(rule="c_level", points=30, source="size: 300"), Reason(rule="size", points=15, source="size: 300"))


def test_s1_of_equals_in_a_group_the_first_counts_and_losses_do_too() -> None:
    rules = ScoreRules(fit=(size_rule("a", -15, "g"), size_rule("b", -10, "g"), size_rule("c", -10, "g")))
    assert [(r.rule, r.points) for r in scored([], rules, {"size": 2}).reasons] == [("b", -10)]


def test_s1_true_is_not_one_and_empty_is_nothing() -> None:
    when = Test(field="flag", op="eq", value=True)
    one = Test(field="flag", op="eq", value=1)
    rules = ScoreRules(fit=(FitRule(name="yes", points=1, when=when), FitRule(name="one", points=10, when=one)))
    subjects = [Subject(facts={"flag": value}, signals=(), now=NOW) for value in (True, 1, 1.0, "1", None, False, 0)]
    assert [v.fit for v in score_all(subjects, playbook(rules), LISTS)] == [1, 10, 10, 0, 0, 0, 0]
    assert scored([], rules).fit == 0


def test_s1_inactive_for_thirty_days_costs_ten_and_losses_are_not_forgiven() -> None:
    rules = replace(behaves(told("unsub", -25)), inactive_points=-10, inactivity_loss=0.25)
    assert scored([signal("unsub", 20)], rules).behavior == -25
    assert scored([signal("unsub", 30)], rules).behavior == -35
    assert scored([], rules).behavior == 0


def test_s1_a_count_of_signals_can_be_a_fit_rule() -> None:
    rules = ScoreRules(fit=(FitRule(name="two visits", points=7, when=Happened(signals=("page",), at_least=2, within_days=10)),))
    assert scored([signal("page", 1), signal("page", 10)], rules).fit == 7
    assert scored([signal("page", 1), signal("page", 10.01)], rules).fit == 0
    assert scored([signal("page", 1), signal("page", -1)], rules).fit == 0


# --- S2 -------------------------------------------------------------------------------------------------------------------------


def test_s2_age_decay_halves_each_signal_by_its_own_age() -> None:
    rules = behaves(told("page", 40, half_life_days=10))
    assert scored([signal("page", 0), signal("page", 10), signal("page", 20)], rules).behavior == pytest.approx(70)


def test_s2_inactivity_takes_a_quarter_each_thirty_days_continuously() -> None:
    rules = behaves(told("demo", 40), base=ScoreRules(inactive_points=0))
    assert scored([signal("demo", 30)], rules).behavior == pytest.approx(30)
    assert scored([signal("demo", 15)], rules).behavior == pytest.approx(40 * 0.75**0.5)
    assert scored([signal("demo", 30), signal("demo", 60)], rules).behavior == pytest.approx(60)


def test_s2_both_kinds_of_decay_together() -> None:
    rules = behaves(told("demo", 40, half_life_days=30), base=ScoreRules(inactive_points=-10))
    assert scored([signal("demo", 60)], rules).behavior == pytest.approx(40 * 0.25 * 0.75**2 - 10)


# --- S3 -------------------------------------------------------------------------------------------------------------------------


def test_s3_caps_keep_the_newest_hits_and_bound_the_points() -> None:
    pages = [signal("page", age) for age in (0, 10, 20, 30)]
    assert scored(pages, behaves(told("page", 40, half_life_days=10, max_times=2))).behavior == pytest.approx(60)
    assert scored(pages, behaves(told("page", 40, half_life_days=10, max_points=65))).behavior == 65
    assert scored(pages, behaves(told("page", -40, max_points=65))).behavior == -65
    assert scored(pages, behaves(told("page", 40, max_times=0))).behavior == 0


def test_s3_a_cluster_of_signals_is_one_hit() -> None:
    rules = behaves(told("pages", 15, "page", "shop", count=3, within_days=7))
    verdict = scored([signal("page", 8), signal("shop", 5), signal("page", 1)], rules)
    assert verdict.behavior == 15
    assert verdict.reasons[0].source == "1 × (3 page or shop within 7 days), last 2026-05-31"
    assert scored([signal("page", 8.01), signal("shop", 5), signal("page", 1)], rules).behavior == 0


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
def test_s3_windows_are_taken_greedily(days: list[float], count: int, within: float | None, hits: list[float]) -> None:
    moments = [NOW + d * DAY for d in days]
    assert cluster_hits(moments, count, within) == [NOW + d * DAY for d in hits]


# --- S4 -------------------------------------------------------------------------------------------------------------------------


def test_s4_the_top_share_of_persons_makes_the_cut() -> None:
    totals = np.arange(100.0)
    assert top_cut(totals, 20) == 80
    assert top_cut(totals[:9], 20) == 8
    assert top_cut(totals[:3], 20) is None  # a fifth of three is nobody
    assert top_cut(totals[:0], 20) is None
    assert top_cut(totals, 100) == 0


def test_s4_those_who_share_a_total_reach_the_cut_together_or_not_at_all() -> None:
    assert top_cut(np.array([0.0] * 90 + [5.0] * 9 + [70.0]), 20) == 5
    assert top_cut(np.array([0.0] * 10 + [5.0] * 9 + [70.0]), 20) == 70
    assert top_cut(np.full(50, 7.0), 20) is None


def test_s4_the_cut_takes_the_place_of_the_threshold_where_a_model_wants_it() -> None:
    small = Segment(name="small", when=Test(field="size", op="lt", value=100), score=replace(STILL, top_percent=50))
    book = playbook(replace(behaves(told("demo", 40)), mql_at=60), small)
    assert rules_of(book, "small").mql_at == 50
    assert rules_of(book, "small", {"small": 33.5, "": 1}).mql_at == 33.5
    assert rules_of(book, "", {"small": 33.5, "": 1}).mql_at == 60
    assert {33.5, 23.5} < set(thresholds(rules_of(book, "small", {"small": 33.5})))


def test_s4_a_score_that_wavers_makes_one_mql() -> None:
    """49, 59, 49, 59: above, below by less than the hysteresis, above again."""
    rules = behaves(told("demo", 59), told("unsub", -10, max_times=1))
    state, made = PersonState(person_id="p"), 0
    for n in range(4):
        verdict = scored([signal("demo"), signal("unsub")][: 2 - n % 2], rules)
        staged = stage(state=state, score=verdict, signals=(), rules=rules, now=NOW)
        made += staged.changed and staged.stage == "mql"
        entry = StageEntry(stage=staged.stage, previous=None, at=NOW, cause="", who="engine")
        # As a rep would put somebody back whom they do not want yet.
        back = replace(entry, stage="lead")
        peak = latch(state=state, verdict=staged, score=verdict, rules=rules)
        state = replace(state, stages=(*state.stages, entry, back), peak_since_reset=peak)
    assert made == 1


# --- S5 -------------------------------------------------------------------------------------------------------------------------


def test_s5_the_first_segment_that_fits_counts() -> None:
    def model(points: float) -> ScoreRules:
        return behaves(told("demo", points))

    book = playbook(
        model(1),
        Segment(name="large", when=Test(field="size", op="ge", value=1000), score=model(2)),
        Segment(name="any size", when=Test(field="size", op="filled"), score=model(3)),
    )
    sizes: list[int | None] = [5000, 20, None, 1000]
    verdicts = score_all([Subject(facts={"size": size}, signals=[signal("demo")], now=NOW) for size in sizes], book, LISTS)
    assert [(v.segment, v.total) for v in verdicts] == [("large", 2), ("any size", 3), ("", 1), ("large", 2)]
    assert list(conditions_of(book)) == [s.when for s in book.segments]
    frame = frame_from(
        size=4, facts={"size": encoded(sizes)}, types=("demo",), person=np.arange(4), type=np.zeros(4, np.int16),
        at=np.full(4, micros(NOW)),
    )  # fmt: skip
    scores = score_base(frame, book, LISTS, micros(NOW), due=True)
    assert scores.total.tolist() == [2, 3, 1, 2]
    assert scores.segment.tolist() == [0, 1, -1, 0]
    assert scores.due is not None
    assert set(scores.due.tolist()) == {NEVER}


def test_s5_a_segment_that_looks_at_the_clock_says_when_it_turns() -> None:
    book = playbook(STILL, Segment(name="new", when=Test(field="born", op="within", value=7), score=STILL))
    verdict = score_all([Subject(facts={"born": "2026-05-31T12:00:00.000Z"}, signals=(), now=NOW)], book, LISTS)[0]
    assert verdict.segment == "new"
    assert verdict.next_due_at == NOW + 6 * DAY + timedelta(microseconds=1)
    none = np.zeros(0, np.int32)
    frame = frame_from(size=1, facts={"born": encoded(["2026-05-31"])}, types=(), person=none, type=none, at=np.zeros(0, np.int64))
    due = score_base(frame, book, LISTS, micros(NOW), due=True).due
    assert due is not None
    assert due.tolist() == [micros(datetime(2026, 6, 7, tzinfo=UTC)) + 1]


# --- S6 -------------------------------------------------------------------------------------------------------------------------


def test_s6_an_express_signal_promotes_whatever_the_total() -> None:
    rules = replace(behaves(told("demo", 1), told("page", 2)), express=("demo",))
    nobody = PersonState(person_id="p")
    for signals, stage_of in (([signal("demo")], "mql"), ([signal("page")], "lead")):
        verdict = scored(signals, rules)
        assert verdict.total < rules.mql_at
        assert stage(state=nobody, score=verdict, signals=signals, rules=rules, now=NOW).stage == stage_of


# --- S7 -------------------------------------------------------------------------------------------------------------------------


def test_s7_colleagues_raise_the_score_by_a_share() -> None:
    rules = replace(behaves(told("demo", 40)), account=AccountRule(share=0.25, max_points=30))
    verdict = scored([signal("demo")], rules, colleagues=80.0)
    assert (verdict.total, verdict.own) == (60, 40)
    assert verdict.reasons[1] == Reason(rule="colleagues", points=20, source="25 % of 80 points of others at the account")
    assert scored([], rules, colleagues=500.0).total == 30
    assert scored([], rules, colleagues=0.0).reasons == ()
    assert scored([], STILL, colleagues=500.0).total == 0


# --- S8, S10 --------------------------------------------------------------------------------------------------------------------


def test_s8_every_point_is_explained_the_largest_first() -> None:
    rules = ScoreRules(
        fit=(size_rule("size", 15, None),), behavior=(told("demo", 40), told("page", 10, half_life_days=30), told("nothing", 0))
    )
    verdict = scored([signal("demo", 60), signal("page", 30), signal("page", 31), signal("nothing")], rules, {"size": 2})
    assert [(r.rule, round(r.points, 4), r.source) for r in verdict.reasons] == [
        ("demo", 30.0, "1 × demo, last 2026-04-02"),
        ("size", 15.0, "size: 2"),
        ("inactive", -10.0, "30 days without a signal"),
        ("page", 7.4143, "2 × page, last 2026-05-02"),
    ]
    assert sum(r.points for r in verdict.reasons) == pytest.approx(verdict.total)


def test_s10_answers_of_a_framework_are_facts_for_rules() -> None:
    rules = ScoreRules(fit=(FitRule(name="Has a budget", points=20, when=Test(field="budget", op="in", value=("approved", "planned"))),))
    assert scored([], rules, {"budget": "Approved"}).fit == 20
    assert scored([], rules, {"budget": "none"}).fit == 0


# --- S11 ------------------------------------------------------------------------------------------------------------------------


def test_s11_decay_alone_wakes_only_at_crossings_and_so_writes_only_there() -> None:
    """90 points fading to nothing: 75, 50, 40 and 25 are crossed, four writes in a year in spite of min_delta 5."""
    rules = behaves(told("demo", 90, half_life_days=30))
    now, previous, written = NOW, dict[str, object](), []
    while True:
        verdict = scored([signal("demo")], rules, now=now)
        wanted = settle_score(previous, score_fields(verdict, rules), rules)  # type: ignore[arg-type]
        if wanted != previous:
            written.append(wanted["crmsync_score"])
            previous = dict(wanted)
        if verdict.next_due_at is None:
            break
        now = verdict.next_due_at
    assert written == [90, 74, 49, 39, 24]


# --- S12 ------------------------------------------------------------------------------------------------------------------------


def test_s12_an_event_told_twice_counts_once_and_a_merge_scores_the_union() -> None:
    rules = behaves(told("demo", 40, max_points=100), told("page", 10))
    one, other = [signal("demo", 1), signal("page", 2)], [signal("page", 2), signal("page", 3)]
    assert scored([*one, *one], rules).total == 50
    assert scored([*one, *other], rules).total == 60
    read = [signal("demo", 1, event_id=id, source=SignalSource.PROPERTY, detail="Demo form") for id in "ab"]
    assert scored(read, rules).total == 40


# --- recycling (L6) and bad input -----------------------------------------------------------------------------------------------


def test_l6_what_was_before_a_recycling_counts_half() -> None:
    rules = behaves(told("demo", 40, max_points=60), told("unsub", -10), told("page", 10, half_life_days=10))
    signals = [signal("demo", 5), signal("demo", 6), signal("page", 10), signal("unsub", 4)]
    assert scored(signals, rules).behavior == pytest.approx(60 + 5 - 10)
    recycled = scored(signals, rules, recycled_at=NOW - 3 * DAY)
    assert recycled.behavior == pytest.approx((60 + 5 - 10) / 2)
    assert recycled.reasons[0] == Reason(rule="demo", points=30, source="2 × demo, last 2026-05-27, × 0.5 up to the recycling")
    assert scored([*signals, signal("demo", 1)], rules, recycled_at=NOW - 3 * DAY).behavior == pytest.approx(60 + 2.5 - 5)
    assert scored(signals, rules, recycled_at=NOW - 5 * DAY).behavior == pytest.approx(30 + 2.5 - 10)
    assert scored(signals, rules, recycled_at=NOW + DAY).behavior == pytest.approx(55)


def test_future_signals_count_as_now_until_their_time() -> None:
    rules = behaves(told("demo", 40, half_life_days=1))
    verdict = scored([signal("demo", -2)], rules)
    assert verdict.behavior == 40
    assert verdict.next_due_at == NOW + 2 * DAY
    assert scored([signal("demo", -2)], rules, now=NOW + 3 * DAY).behavior < 21


def test_signals_that_no_rule_names_are_as_if_they_were_not_there() -> None:
    rules = replace(behaves(told("demo", 40)), inactive_points=-10, inactivity_loss=0.25)
    assert scored([signal("app_opened", 90)], rules) == scored([], rules)
    assert scored([signal("demo", 30), signal("app_opened", 0)], rules).behavior == pytest.approx(20)


def test_a_signal_older_than_the_person_or_than_computers_counts_by_its_age() -> None:
    rules = behaves(told("demo", 40, half_life_days=30), told("page", 5))
    old = [Signal(event_id=str(year), type="demo", at=datetime(year, 1, 1, tzinfo=UTC)) for year in (1, 1969, 9999)]
    verdict = scored([*old, signal("page", 1)], rules)
    assert verdict.behavior == pytest.approx(45)
    assert scored(old[:2], rules).behavior == pytest.approx(0)


def test_ten_thousand_signals_of_one_person_beside_somebody_else() -> None:
    many = [Signal(event_id=str(n), type="page", at=NOW - timedelta(minutes=n * 5), source="api") for n in range(10_000)]
    rules = behaves(told("page", 1, half_life_days=1), told("pages", 10, "page", count=3, within_days=7, max_points=80))
    few = Subject(facts={}, signals=[signal("page", 1)], now=NOW)
    verdicts = score_all([few, Subject(facts={}, signals=many, now=NOW), few], playbook(rules), LISTS)
    assert verdicts[1].behavior == pytest.approx(sum(0.5 ** (n * 5 / 1440) for n in range(10_000)) + 80)
    assert verdicts[0] == verdicts[2]
    assert verdicts[0].behavior == 0.5


def test_nobody_and_nothing() -> None:
    assert score_all([], playbook(STILL), LISTS) == []
    empty = frame_from(size=0, facts={}, types=(), person=np.zeros(0, np.int32), type=np.zeros(0, np.int16), at=np.zeros(0, np.int64))
    assert len(score_frame(empty, behaves(told("demo", 1)), LISTS, 0, due=True).total) == 0
    assert scored([], ScoreRules()).total == 0
    assert micros(datetime(1, 1, 1, tzinfo=UTC)) > LONG_AGO
