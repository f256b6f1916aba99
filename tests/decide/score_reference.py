"""The score of one person, written from process.md with no care for speed, and generated persons to compare with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crmsync.decide.condition import Lists, holds
from crmsync.decide.frame import DAY, LONG_AGO, Frame, encoded, frame_from
from crmsync.model.condition import All, Not, Test
from crmsync.model.process import AccountRule, BehaviorRule, FitRule, ScoreRules
from crmsync.model.record import Fields

NOW = 20_000 * DAY
TYPES = ("demo", "page", "open", "unsub", "unknown")
LISTS = Lists(free=frozenset({"free.example"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """signals: (type, microseconds)."""

    facts: Fields
    signals: list[tuple[str, int]]
    colleagues: float = 0.0
    recycled: int = LONG_AGO


def naive(person: Person, rules: ScoreRules, now: int) -> tuple[float, float]:
    """(fit, behaviour)."""
    fit, groups = 0.0, dict[str, float]()
    for rule in rules.fit:
        if holds(rule.when, person.facts, LISTS):
            if rule.group is None:
                fit += rule.points
            else:
                groups[rule.group] = max(rule.points, groups.get(rule.group, rule.points))
    gained, lost, gaining, named = 0.0, 0.0, list[int](), list[int]()
    for told in rules.behavior:
        todo = sorted(at for type, at in person.signals if type in told.signals)
        (gaining if told.points > 0 else named).extend(todo)
        hits = []
        while len(todo) >= told.count:
            last = todo[told.count - 1]
            fits = told.count == 1 or told.within_days is None or last - todo[0] <= told.within_days * DAY
            if fits:
                hits.append(last)
            todo = todo[told.count if fits else 1 :]
        if told.max_times is not None:
            hits = hits[max(0, len(hits) - told.max_times) :]
        if not hits:
            continue
        old = new = 0.0
        for at in hits:
            worth = told.points * (0.5 ** (max(0, now - at) / DAY / told.half_life_days) if told.half_life_days else 1)
            if at <= person.recycled:
                old += worth
            else:
                new += worth
        most = np.inf if told.max_points is None else told.max_points
        points = new + rules.recycle_factor * max(-most, min(most, old))
        points = max(-most, min(most, points))
        gained, lost = gained + max(0.0, points), lost + min(0.0, points)
    behavior = 0.0 if rules.account is None else min(rules.account.max_points, rules.account.share * person.colleagues)
    if gaining or named:
        idle = max(0, now - max(gaining or named)) / DAY
        behavior += gained * (1 - rules.inactivity_loss) ** (idle / rules.inactivity_days) + lost
        behavior += rules.inactive_points if idle >= rules.inactive_after_days else 0
    return fit + sum(groups.values()), behavior


def models(count: int, seed: int = 4) -> Iterator[ScoreRules]:
    """Different models, the same for the same seed."""
    rng = random.Random(seed)
    pick = rng.choice
    kinds = [("demo",), ("page",), ("page", "open"), ("open", "page", "open"), ("unsub",), ("never", "demo")]
    big = Test(field="size", op="ge", value=200)
    free = Test(field="email", op="domain_in", value="free")
    for _ in range(count):
        fit = [
            FitRule(name="big", points=pick([15.0, 20.0]), when=big, group="size"),
            FitRule(name="vast", points=20.0, when=Test(field="size", op="between", value=(1000, 9000)), group="size"),
            FitRule(name="free", points=-15.0, when=All(of=(free, Not(of=big)))),
        ]
        behavior = [
            BehaviorRule(
                name=f"rule {n}",
                points=pick([-25.0, -5.0, 0.0, 5.0, 10.0, 45.0]),
                signals=pick(kinds),
                half_life_days=pick([None, 7.0, 30.0, 90.0]),
                max_times=pick([None, None, None, 0, 1, 3]),
                max_points=pick([None, None, 20.0, 60.0]),
                count=pick([1, 1, 2, 3]),
                within_days=pick([None, 1.0, 7.0]),
            )
            for n in range(rng.randrange(6))
        ]
        yield ScoreRules(
            fit=tuple(rng.sample(fit, rng.randrange(4))),
            behavior=tuple(behavior),
            inactivity_loss=pick([0.0, 0.25, 0.5]),
            inactivity_days=pick([30.0, 10.0]),
            inactive_points=pick([0.0, -10.0]),
            inactive_after_days=pick([30.0, 14.0]),
            account=pick([None, AccountRule(share=0.25, max_points=30.0)]),
            recycle_factor=pick([0.5, 0.0]),
        )


def steady(rules: ScoreRules) -> ScoreRules:
    """The model without losses that fade: then totals only fall."""
    return replace(rules, behavior=tuple(replace(r, half_life_days=None) if r.points < 0 else r for r in rules.behavior))


def people(count: int, seed: int) -> tuple[Frame, dict[str, Any]]:
    """Persons as a frame, their signals in no order, and the columns it was made of. Moments are quarters of days, so that windows end on them."""
    rng = np.random.Generator(np.random.PCG64(seed))
    many = count * 3
    columns: dict[str, Any] = {
        "person": rng.integers(0, count, many).astype(np.int32),
        "type": rng.choice(len(TYPES), many, p=[0.2, 0.4, 0.2, 0.1, 0.1]),
        "at": NOW - (rng.integers(-8, 60 * 4, many) ** 2 // 60) * (DAY // 4),
    }
    sizes = [None, 10, 200, 1000.0, 5000, True, "300"]
    emails = ["a@free.example", "b@mail.free.example", "c@firm.example", "free.example", None]
    facts = {
        "size": [sizes[n] for n in rng.integers(0, len(sizes), count)],
        "email": [emails[n] for n in rng.integers(0, len(emails), count)],
    }
    colleagues = (rng.integers(0, 3, count) * 70).astype(np.float64)
    recycled = np.where(rng.random(count) < 0.7, LONG_AGO, NOW - rng.integers(0, 90, count) * DAY)
    frame = frame_from(
        size=count, facts={k: encoded(v) for k, v in facts.items()}, types=TYPES, colleagues=colleagues, recycled=recycled, **columns
    )
    return frame, {**facts, **columns, "colleagues": colleagues, "recycled": recycled}


def persons(count: int, columns: dict[str, Any]) -> list[Person]:
    """The same persons one by one."""
    signals: list[list[tuple[str, int]]] = [[] for _ in range(count)]
    for n, kind, at in zip(columns["person"].tolist(), columns["type"].tolist(), columns["at"].tolist(), strict=True):
        signals[n].append((TYPES[kind], at))
    rows = zip(columns["size"], columns["email"], signals, columns["colleagues"].tolist(), columns["recycled"].tolist(), strict=True)
    return [
        Person(facts={"size": size, "email": email}, signals=told, colleagues=colleagues, recycled=recycled)
        for size, email, told, colleagues, recycled in rows
    ]
