"""The vectorised score against a naive one, one person at a time, on 100,000 generated persons; and one person against a whole batch."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from crmsync.decide.frame import LONG_AGO, moment_of
from crmsync.decide.score import Subject, score, score_all, score_frame, thresholds
from crmsync.model.link import Signal
from crmsync.model.process import ScoreRules
from crmsync.model.rules import PersonMap, Playbook
from decide.score_reference import LISTS, NOW, TYPES, Person, models, naive, people, persons

PER_MODEL, MODELS = 4_000, 25


def test_a_hundred_thousand_persons_score_as_the_naive_reference_says() -> None:
    compared = 0
    for n, rules in enumerate(models(MODELS)):
        frame, columns = people(PER_MODEL, n)
        scores = score_frame(frame, rules, LISTS, NOW)
        expected = np.array([naive(person, rules, NOW) for person in persons(PER_MODEL, columns)])
        assert np.abs(scores.fit - expected[:, 0]).max() < 1e-9, rules
        worst = int(np.abs(scores.behavior - expected[:, 1]).argmax())
        assert scores.behavior[worst] == pytest.approx(expected[worst, 1], abs=1e-9), (n, worst, rules)
        assert bool(np.all(scores.total == scores.fit + scores.behavior))
        compared += len(expected)
    assert compared == 100_000


def at(moment: int) -> datetime:
    found = moment_of(moment)
    assert found is not None
    return found


def subject(person: Person, now: int) -> Subject:
    """The person as the engine has them, their signals told out of order, some of them twice."""
    told = [Signal(event_id=str(n), type=kind, at=at(moment), source="api") for n, (kind, moment) in enumerate(person.signals)]
    recycled = None if person.recycled == LONG_AGO else at(person.recycled)
    return Subject(facts=person.facts, signals=[*told[::-1], *told[:2]], now=at(now), colleagues=person.colleagues, recycled_at=recycled)


@pytest.mark.parametrize("number", range(4))
def test_a_batch_scores_as_each_alone_and_reasons_add_up(number: int) -> None:
    rules = list(models(12, seed=7))[number * 3]
    frame, columns = people(400, number)
    scores = score_frame(frame, rules, LISTS, NOW, due=True)
    assert scores.due is not None
    playbook = Playbook(person=PersonMap(objects={}, create_as={}, fields={}), score=rules)
    subjects = [subject(person, NOW) for person in persons(400, columns)]
    for n, verdict in enumerate(score_all(subjects, playbook, LISTS)):
        assert (verdict.total, verdict.fit, verdict.behavior, verdict.own) == (
            scores.total[n], scores.fit[n], scores.behavior[n], scores.own[n]
        )  # fmt: skip
        assert verdict.next_due_at == moment_of(int(scores.due[n]))
        assert sum(r.points for r in verdict.reasons) == pytest.approx(verdict.total, abs=1e-9)
        sizes = [abs(r.points) for r in verdict.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 not in sizes
        if n < 20:
            one = subjects[n]
            alone = score(
                facts=one.facts, signals=one.signals, rules=rules, lists=LISTS, now=one.now, colleagues=one.colleagues,
                recycled_at=one.recycled_at,
            )  # fmt: skip
            assert alone == verdict


def test_however_signals_come_the_scores_are_the_same() -> None:
    """In order of persons, of time, or of neither; whole, in parts, and taken out one by one."""
    rules = next(models(1, seed=3))
    frame, columns = people(500, 1)
    expected = score_frame(frame, rules, LISTS, NOW)
    assert len(TYPES) == len(frame.types)
    by_time = np.argsort(columns["at"], kind="stable")
    for other in (
        frame,
        frame.arranged(),
        type(frame)(
            size=500, facts=frame.facts, types=TYPES, person=frame.person[by_time], type=frame.type[by_time], at=frame.at[by_time],
            timely=True, colleagues=frame.colleagues, recycled=frame.recycled,
        ),
    ):  # fmt: skip
        assert bool(np.all(score_frame(other, rules, LISTS, NOW).total == expected.total))
        cut = [other.part(a, b, rows) for a, b, rows in other.parts(64)]
        assert bool(np.all(np.concatenate([score_frame(part, rules, LISTS, NOW).total for part in cut]) == expected.total))
    few = np.array([7, 7, 499, 0])
    moments = np.array([NOW, NOW, NOW, NOW])
    assert bool(np.all(score_frame(frame.take(few), rules, LISTS, moments).total == expected.total[few]))


def test_history_is_played_again_without_knowing_what_comes() -> None:
    rules: ScoreRules = next(models(1, seed=5))
    frame, columns = people(300, 2)
    assert thresholds(rules)
    then = NOW - 20 * 86_400_000_000
    before = columns["at"] <= then
    known = type(frame)(
        size=300, facts=frame.facts, types=TYPES, person=frame.person[before], type=frame.type[before], at=frame.at[before],
        colleagues=frame.colleagues, recycled=frame.recycled,
    )  # fmt: skip
    expected = score_frame(known, rules, LISTS, then, due=True)
    again = score_frame(frame, rules, LISTS, then, due=True, ahead=False)
    assert bool(np.all(again.total == expected.total))
    assert again.due is not None
    assert expected.due is not None
    assert bool(np.all(again.due == expected.due))
