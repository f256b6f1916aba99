"""Sharing out 100,000 leads among 50 reps: our turns beside a plain counter (counter modulo members) and smooth weighted round robin (the widely used one of
load balancers: everybody gains their weight, the highest is chosen and pays the whole).

Deviation: turns that a rep had, less their exact share of the turns they were there for, the worst of any rep at any turn. Run: `python bench/router.py
[assignments [reps]]`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from _common import table

from crmsync.decide.pool import PoolNow, RepNow, choose

Chooser = Callable[[Sequence[int]], int]
"""Whose turn it is, of the reps who are here (rising numbers)."""


def ours(weights: Sequence[float]) -> Chooser:
    reps = tuple(RepNow(rep=f"rep{n:03}", weight=weight) for n, weight in enumerate(weights))
    pool, before = PoolNow(name="default", reps=reps), list(range(len(weights)))

    def turn(here: Sequence[int]) -> int:
        nonlocal pool, before
        if here != before:
            there = set(here)
            pool, before = replace(pool, reps=tuple(replace(rep, here=n in there, back=None) for n, rep in enumerate(reps))), list(here)
        choice = choose(pool)
        pool = choice.pool
        return int(str(choice.rep)[3:])

    return turn


def counter(weights: Sequence[float]) -> Chooser:
    count = 0

    def turn(here: Sequence[int]) -> int:
        nonlocal count
        count += 1
        return here[(count - 1) % len(here)]

    return turn


def smooth(weights: Sequence[float]) -> Chooser:
    current = [0.0] * len(weights)

    def turn(here: Sequence[int]) -> int:
        for n in here:
            current[n] += weights[n]
        chosen = max(here, key=current.__getitem__)
        current[chosen] -= sum(weights[n] for n in here)
        return chosen

    return turn


@dataclass
class Found:
    """over, under: the worst deviation above and below the exact share. micros: per assignment."""

    over: float
    under: float
    micros: float


def measured(
    make: Callable[[Sequence[float]], Chooser], weights: Sequence[float], calendar: Callable[[], Iterator[list[int]]], turns: int
) -> Found:
    """Deviations at every turn; the time of choosing alone."""
    choose_one, lag = make(weights), [0.0] * len(weights)
    over = under = seconds = 0.0
    for _, here in zip(range(turns), calendar(), strict=False):
        started = time.process_time()
        chosen = choose_one(here)
        seconds += time.process_time() - started
        whole = sum(weights[n] for n in here)
        for n in here:
            lag[n] -= weights[n] / whole
        lag[chosen] += 1
        over, under = max(over, lag[chosen]), min(under, *(lag[n] for n in here))
    return Found(over, -under, seconds / turns * 1e6)


def always(reps: int) -> Iterator[list[int]]:
    while True:
        yield list(range(reps))


def shifts(reps: int) -> Iterator[list[int]]:
    """Two thirds of a day's leads come while only one of two shifts is there; one rep in ten is away for a week at a time."""
    chance = random.Random(5)
    while True:
        away = {n for n in range(reps) if chance.random() < 0.1}
        for _ in range(5):
            for shift in (0, 1, None):
                here = [n for n in range(reps) if n not in away and shift in (n % 2, None)]
                for _ in range(chance.randint(20, 60)):
                    yield here


def any_of(reps: int) -> Iterator[list[int]]:
    """Everybody is there or not by the toss of a coin, at every turn."""
    chance = random.Random(7)
    while True:
        yield [n for n in range(reps) if chance.random() < 0.5] or [0]


def main(turns: int, reps: int) -> None:
    ways: Mapping[str, Callable[[Sequence[float]], Chooser]] = {
        "turns by deadline (ours)": ours,
        "counter modulo": counter,
        "smooth weighted": smooth,
    }
    chance = random.Random(3)
    weights: Mapping[str, list[float]] = {
        "equal": [1.0] * reps,
        "1 : 2 : 3": [float(1 + n % 3) for n in range(reps)],
        "one of 100, the others 1": [100.0] + [1.0] * (reps - 1),
        "any from 0.1 to 10": [round(chance.uniform(0.1, 10), 2) for _ in range(reps)],
    }
    calendars = {"everybody is there": always, "shifts and holidays": shifts, "a coin at every turn": any_of}
    for title, calendar in calendars.items():
        rows = []
        for name, given in weights.items():
            for way, make in ways.items():
                found = measured(make, given, lambda calendar=calendar: calendar(reps), turns)  # type: ignore[misc]
                rows.append((name, way, f"{found.over:.2f}", f"{found.under:.2f}", f"{found.micros:.1f}"))
        table(f"{title}: {turns:,} assignments, {reps} reps", ("weights", "way", "most above share", "most below share", "µs each"), rows)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    main(*(given + [100_000, 50][len(given) :]))
