"""Conditions judged for many persons at once say of each what `condition.holds` and `condition.turns_at` say of one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np

from crmsync.decide.condition import OPS, Lists, holds, turns_at
from crmsync.decide.frame import Subject, frame_of, micros, moment_of
from crmsync.decide.score_fit import answers, holding, turning
from crmsync.model.condition import All, AnyOf, Condition, Happened, Not, Test
from crmsync.model.link import Signal
from crmsync.model.record import Value

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LISTS = Lists(free=frozenset({"gmail.com"}), competitor=frozenset({"rival.example"}))
FIELDS = ("one", "two", "born")
VALUES: tuple[Value, ...] = (
    None, "", " ", True, False, 0, 1, 1.0, 7, float("nan"), "1", "Seven", "seven", "a@gmail.com", "B@Mail.Rival.example", "https://www.rival.example/x",
    "@", "2026-05-30", "2026-05-25T12:00:00.000Z", "2026-06-02", "CEO",
)  # fmt: skip
WANTED: tuple[Value | tuple[Value, ...], ...] = (
    None, True, 1, 2.5, 7, "seven", "free", "rival.example", ("free", "competitor"), (0, 5), (1, "seven"), "c_level", "^s", "(",
)  # fmt: skip


def made(rng: random.Random, depth: int = 2) -> Condition:
    kind = rng.randrange(5 if depth else 2)
    if kind == 0:
        return Test(field=rng.choice(FIELDS), op=rng.choice(sorted(OPS)), value=rng.choice(WANTED))
    if kind == 1:
        names = rng.choice([("demo",), ("page", "demo"), ("never",)])
        within = rng.choice([None, 1.0, 7.0])
        return Happened(signals=names, at_least=rng.randrange(3), at_most=rng.choice([None, 1]), within_days=within)
    if kind == 2:
        return Not(of=made(rng, depth - 1))
    return rng.choice([All, AnyOf])(of=tuple(made(rng, depth - 1) for _ in range(rng.randrange(4))))


def test_many_are_judged_as_one_is() -> None:
    rng = random.Random(2)
    ends = [Test(field="born", op=op, value=7) for op in ("within", "older_than")]
    conditions = [*ends, *(made(rng) for _ in range(250))]
    subjects = []
    for n in range(80):
        signals = [
            Signal(
                event_id=f"{n}:{i}",
                type=rng.choice(["demo", "page", "seen"]),
                at=NOW + timedelta(hours=12 * rng.randrange(-20, 3)),
                source="api",
            )
            for i in range(rng.randrange(5))
        ]
        # Moments at which a window ends, the last microsecond in it, and any others.
        now = NOW + rng.choice([timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(hours=rng.randrange(-90, 90))])
        subjects.append(
            Subject(facts={name: rng.choice(VALUES[-5:] if name == "born" else VALUES) for name in FIELDS}, signals=signals, now=now)
        )
    frame = frame_of(subjects, conditions).arranged()
    moments = np.array([micros(subject.now) for subject in subjects], np.int64)
    known = answers(frame, conditions, LISTS)
    seen = set()
    for condition in conditions:
        many, turns = holding(condition, frame, known, moments).tolist(), turning([condition], frame, known, moments).tolist()
        for subject, held, turn in zip(subjects, many, turns, strict=True):
            one = holds(condition, subject.facts, LISTS, subject.now, subject.signals)
            assert held == one, (condition, subject)
            assert moment_of(turn) == turns_at([condition], subject.facts, subject.now, subject.signals), (condition, subject)
            seen.add((held, turn == micros(NOW)))
    assert len(seen) >= 3
