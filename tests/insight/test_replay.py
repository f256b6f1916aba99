"""History played again: equal to a plain loop over persons and moments, and true to the letter of S2, S4, S5 and S6."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from crmsync.decide.condition import Lists, holds
from crmsync.decide.frame import LONG_AGO, NEVER, Subject, frame_of, micros
from crmsync.decide.score import conditions_of, score_all
from crmsync.insight import replay
from crmsync.insight.replay import Entries, History, Overlap, months, overlap, qualified
from crmsync.model.condition import Happened, Test
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules, Segment, StageRules
from crmsync.model.rules import PersonMap, Playbook

START = datetime(2026, 1, 1, tzinfo=UTC)
LISTS = Lists()
TYPES = ("view", "download", "demo", "reply", "leave", "noise")
RULES = ScoreRules(
    fit=(FitRule(name="boss", points=20, when=Test(field="title", op="eq", value="boss")),),
    behavior=(
        BehaviorRule(name="views", points=6, signals=("view",), half_life_days=20, max_times=5),
        BehaviorRule(name="again and again", points=15, signals=("view",), count=3, within_days=5, max_times=2),
        BehaviorRule(name="downloads", points=14, signals=("download",), half_life_days=40, max_points=30),
        BehaviorRule(name="leaving", points=-30, signals=("leave",), max_times=1),
    ),
    express=("demo",),
    mql_at=50,
    hysteresis=10,
)
SMALL = replace(RULES, mql_at=35, express=())


def book(**more: object) -> Playbook:
    given: dict[str, object] = {"score": RULES, "stages": StageRules(signals=("reply",), cool_off_days=20), **more}
    return Playbook(person=PersonMap(objects={}, create_as={}, fields={}), **given)  # type: ignore[arg-type]


SEGMENTED = book(segments=(Segment(name="small", when=Test(field="size", op="eq", value="small"), score=SMALL),))
FADING = book(score=replace(RULES, behavior=(*RULES.behavior[:3], replace(RULES.behavior[3], half_life_days=5))))
CLOCKED = book(
    score=replace(
        RULES,
        fit=(*RULES.fit, FitRule(name="busy", points=12, when=Happened(signals=("view", "noise"), at_least=3, within_days=4))),
    )
)


def happened(*rows: tuple[float, str]) -> list[Signal]:
    """(days after the start, type)."""
    return [Signal(event_id=f"e{n}", type=type, at=START + timedelta(days=day)) for n, (day, type) in enumerate(rows)]


def person(signals: Sequence[Signal], **facts: str) -> Subject:
    return Subject(facts=facts, signals=signals, now=START)


def history(people: Sequence[Subject], playbook: Playbook, *, created: Sequence[float | None] = (), until: Sequence[float] = ()) -> History:
    frame = frame_of(people, conditions_of(playbook)).arranged()
    days = [*created, *[None] * (len(people) - len(created))]
    ends = [*until, *[365.0] * (len(people) - len(until))]
    return History(
        frame=frame,
        created=np.array([LONG_AGO if day is None else micros(START + timedelta(days=day)) for day in days], np.int64),
        until=np.array([micros(START + timedelta(days=day)) for day in ends], np.int64),
        forms=np.zeros(len(frame.at), np.bool_),
    )


def entered(found: Entries, who: int = 0) -> list[float]:
    """Days after the start."""
    return [(at - micros(START)) / 86_400e6 for p, at in zip(found.person.tolist(), found.at.tolist(), strict=True) if p == who]


def plain(people: Sequence[Subject], playbook: Playbook, created: Sequence[float | None], until: Sequence[float]) -> list[list[float]]:
    """The same by a loop, as the page on replay says it; every total from the scorer of decisions."""
    models = (playbook.score, *(s.score for s in playbook.segments))
    named = (
        {n for m in models for r in m.behavior for n in r.signals} | {n for m in models for n in m.express} | set(playbook.stages.signals)
    )
    named |= {n for m in models for rule in m.fit if isinstance(rule.when, Happened) for n in rule.when.signals}
    asked: list[Subject] = []
    looks: list[list[tuple[datetime, bool]]] = []
    for one, begun, ended in zip(people, created, until, strict=True):
        first, end = (START + timedelta(days=begun) if begun is not None else None), START + timedelta(days=ended)
        seen = [s for s in one.signals if s.type in named and s.at <= end]
        hot = {
            *next((s.score for s in playbook.segments if holds(s.when, one.facts, LISTS)), playbook.score).express,
            *playbook.stages.signals,
        }
        moments = sorted({max(s.at, first or s.at) for s in seen} | ({first} if first is not None and first <= end else set()))
        looks.append([(at, any(s.type in hot and max(s.at, first or s.at) == at for s in seen)) for at in moments if at <= end])
        for at, _ in looks[-1]:
            asked.append(replace(one, now=at - timedelta(microseconds=1), signals=[s for s in seen if s.at < at]))
            asked.append(replace(one, now=at, signals=[s for s in seen if s.at <= at]))
    totals = iter(verdict.total for verdict in score_all(asked, playbook, LISTS))
    found: list[list[float]] = []
    for one, moments in zip(people, looks, strict=True):
        model = next((s.score for s in playbook.segments if holds(s.when, one.facts, LISTS)), playbook.score)
        held, free, when = False, START - timedelta(days=9999), list[float]()
        for at, instant in moments:
            low, high = next(totals), next(totals)
            held = held and low >= model.mql_at - model.hysteresis
            if (instant or max(low, high) >= model.mql_at) and not held and at >= free:
                when.append((at - START) / timedelta(days=1))
                free, held = at + timedelta(days=playbook.stages.cool_off_days), True
            held = held and high >= model.mql_at - model.hysteresis
        found.append(when)
    return found


@pytest.mark.parametrize("playbook", [book(), SEGMENTED, FADING, CLOCKED], ids=["plain", "segments", "fading losses", "clock"])
def test_f9_equals_a_plain_loop(playbook: Playbook, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(9)
    people, created, until = [], [], []
    for _ in range(120):
        rows = [(rng.randrange(0, 2400) / 10, rng.choices(TYPES, (30, 12, 1, 1, 3, 10))[0]) for _ in range(rng.randrange(0, 25))]
        people.append(person(happened(*rows), title=rng.choice(("boss", "clerk")), size=rng.choice(("small", "large"))))
        created.append(rng.choice((None, 0.0, 60.0)))
        until.append(rng.choice((90.0, 300.0)))
    monkeypatch.setattr(replay, "ROWS", 700)  # several portions
    found = qualified(history(people, playbook, created=created, until=until), playbook, LISTS)
    wanted = plain(people, playbook, created, until)
    assert sum(map(len, wanted)) > 25
    assert [entered(found, n) for n in range(len(people))] == wanted


def test_s4_a_score_around_the_threshold_makes_one_mql() -> None:
    rows = [(day, "download") for day in (0, 1, 2)] + [(day, "view") for day in (3, 4, 5, 20, 21, 40)]
    found = qualified(history([person(happened(*rows), title="boss")], book()), book(), LISTS)
    assert entered(found) == [2]
    later = [*rows, *((day, "download") for day in (200, 201, 202)), (203, "view")]
    found = qualified(history([person(happened(*later), title="boss")], book()), book(), LISTS)
    assert entered(found) == [2, 200], "once more after it had fallen below"


def test_s6_express_signals_replies_and_forms_make_an_mql_at_once() -> None:
    people = [person(happened((5, name))) for name in ("demo", "reply", "download")]
    found = qualified(history(people, book()), book(), LISTS)
    assert [entered(found, n) for n in range(3)] == [[5], [5], []]
    played = history(people, book())
    played.forms[2] = True
    assert entered(qualified(played, book(), LISTS), 2) == [5]
    assert entered(qualified(history([person(happened((5, "demo")), size="small")], SEGMENTED), SEGMENTED, LISTS)) == [], (
        "S5: another model"
    )


def test_what_comes_after_the_end_or_before_the_person_does_not_count() -> None:
    rows = happened((5, "demo"), (50, "demo"))
    people = [person(rows)] * 3
    found = qualified(history(people, book(), created=[None, 20, None], until=[365, 365, 4]), book(), LISTS)
    assert [entered(found, n) for n in range(3)] == [[5, 50], [20, 50], []]


def test_ten_thousand_signals_of_one_person_are_looked_at_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    some = replay._Scorer._some

    def counted(self: replay._Scorer, person_: object, at: object, rows: np.ndarray) -> object:
        scored.append(int(rows.sum()))
        return some(self, person_, at, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(replay._Scorer, "_some", counted)
    rows = [(n / 100, "view") for n in range(10_000)]
    found = qualified(history([person(happened(*rows), title="boss")], book()), book(), LISTS)
    assert len(entered(found)) == 1
    assert sum(scored) < 2_000_000, "not every prefix of ten thousand"
    assert max(scored) <= replay.ROWS + 10_000


def test_overlap_and_months() -> None:
    old, new = np.array([1, 1, NEVER, NEVER, 1]), np.array([1, NEVER, 1, NEVER, 1])
    won = np.array([True, False, True, True, False])
    found = overlap(old, new, won)
    assert found == Overlap(both=2, only_old=1, only_new=1, won_both=1, won_only_old=0, won_only_new=1, winners=3)
    assert (found + found).both == 4
    days = np.array([micros(START + timedelta(days=day)) for day in (0, 30, 31, 400)], np.int64)
    assert months(days) == {"2026-01": 2, "2026-02": 1, "2027-02": 1}
    nobody = qualified(history([], book()), book(), LISTS)
    assert (nobody.first(0).tolist(), months(nobody.at)) == ([], {})
