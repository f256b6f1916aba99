"""What the demo is made of: a fast clock, and people who are always the same."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.testing.clock import Clock
from crmsync.testing.people import newcomer, population

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_clock_runs_at_its_rate() -> None:
    real = [100.0]
    slept: list[float] = []
    clock = Clock(60, start=NOON, monotonic=lambda: real[0], real_sleep=slept.append)
    assert clock() == NOON
    real[0] += 2.5
    assert clock() == NOON + timedelta(seconds=150)
    clock.sleep(30)
    clock.sleep(0)
    clock.sleep(-5)
    assert slept == [0.5]
    clock.jump(timedelta(hours=-1))
    assert clock() == NOON + timedelta(seconds=150) - timedelta(hours=1)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_clock_must_run_forward(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Clock(rate)


def test_a_clock_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        Clock(1, start=datetime(2026, 3, 2))  # noqa: DTZ001  # the naive moment is the point


def test_a_clock_is_monotonic_over_threads() -> None:
    clock, seen, lock = Clock(3600), [NOON - timedelta(days=9999)], threading.Lock()
    wrong: list[datetime] = []

    def look() -> None:
        for _ in range(500):
            with lock:
                now = clock()
                if now < seen[-1]:
                    wrong.append(now)
                seen.append(now)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(seen) == 2001


def test_people_are_the_same_from_the_same_seed() -> None:
    assert population(200, now=NOON, seed=3) == population(200, now=NOON, seed=3)
    assert population(200, now=NOON, seed=3) != population(200, now=NOON, seed=4)


def test_people_are_lifelike() -> None:
    crowd = population(2_000, now=NOON)
    left = {p["email"]: p for p in crowd.left if p["email"]}
    right = {p["email"]: p for p in crowd.right if p["email"]}
    both = left.keys() & right.keys()
    assert len(left) + sum(p["email"] is None for p in crowd.left) == len(crowd.left)  # no address twice
    assert 0.75 < len(both) / 2_000 < 0.85
    assert len(left.keys() - both) > 100
    assert len(right.keys() - both) > 100
    assert 0.1 < sum(left[email] != right[email] for email in both) / len(both) < 0.35
    assert len({p["country"] for p in crowd.left}) >= 8
    assert Counter(p["kind"] for p in crowd.left).keys() == {"lead", "contact"}
    assert any(not str(p["first_name"]).isascii() for p in crowd.left)
    assert all(str(p["email"]).isascii() for p in crowd.left)
    assert all(p["created_at"] < NOON for p in crowd.left)
    assert len(crowd.users) == 8
    domains: dict[str, set[str]] = {}
    for one in crowd.left:
        domain = str(one["email"]).partition("@")[2]
        if one["email"] and domain.endswith(".example"):
            domains.setdefault(str(one["company"]), set()).add(domain)
    assert all(len(found) == 1 for found in domains.values())  # a company has one domain


def test_newcomers_have_an_address_of_their_own() -> None:
    rng, taken = random.Random(1), set[str]()
    people = [newcomer(rng, taken, NOON) for _ in range(300)]
    assert len({p["email"] for p in people}) == 300
    assert all(p["email"] and "owner_email" not in p and p["created_at"] == NOON for p in people)
