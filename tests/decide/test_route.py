"""Pools and the round robin."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.route import members, pool_problems, route
from crmsync.model.record import User
from crmsync.model.routing import one_pool

SIDES = ("salesforce", "hubspot")


def user(side: str, email: str | None, *, id: str = "1", active: bool = True, kind: str = "person") -> User:
    return User(side=side, id=id, email=email, name="N", active=active, kind=kind)


def both(email: str, **more: object) -> list[User]:
    return [user("salesforce", email.upper(), **more), user("hubspot", email, **more)]  # type: ignore[arg-type]


def test_default_pool_is_everyone_active_on_every_side() -> None:
    users = [
        *both("b@x.example"), *both("a@x.example"), *both("gone@x.example", active=False), *both("queue@x.example", kind="queue"),
        *both("out@x.example"), user("salesforce", "only@x.example"), *both("robot@x.example", id="99"), user("hubspot", None),
    ]  # fmt: skip
    routing = one_pool(exclude=("OUT@x.example",))
    pool = members(routing=routing, users=users, sides=SIDES, integration={("salesforce", "99")})
    assert pool == ("a@x.example", "b@x.example")
    assert members(routing=routing, users=reversed(users), sides=SIDES, integration={("salesforce", "99")}) == pool


def test_one_connected_side_is_enough() -> None:
    assert members(routing=one_pool(), users=[user("salesforce", "only@x.example")], sides=("salesforce",)) == ("only@x.example",)
    assert members(routing=one_pool(), users=both("a@x.example"), sides=()) == ()


def test_named_members_keep_their_order_and_are_validated() -> None:
    users = [*both("a@x.example"), *both("b@x.example"), *both("c@x.example")]
    routing = one_pool(
        members=("C@x.example", "ghost@x.example", "a@x.example", "c@x.example", "b@x.example"), exclude=("b@x.example",)
    )
    assert members(routing=routing, users=users, sides=SIDES) == ("c@x.example", "a@x.example")
    assert pool_problems(routing=routing, users=users, sides=SIDES) == (
        "pool default: ghost@x.example is no active user of hubspot and salesforce",
        "pool default: b@x.example is excluded",
    )
    assert pool_problems(routing=one_pool(), users=(), sides=SIDES) == ("pool default is empty",)


def test_round_robin_names_rule_pool_and_counter() -> None:
    verdict = route(pool=("a", "b", "c"), counter=7, routing=one_pool("emea"))
    assert (verdict.owner, verdict.counter, verdict.problem) == ("b", 8, "")
    assert verdict.reason == "rule round robin, pool emea of 3, counter 7"


def test_an_existing_owner_stands_and_takes_no_turn() -> None:
    verdict = route(pool=("a", "b"), counter=3, routing=one_pool(), shown_owner="z")
    assert (verdict.owner, verdict.counter) == ("z", 3)


def test_empty_pool() -> None:
    given_to = route(pool=(), counter=3, routing=one_pool(fallback="Boss@x.example"))
    assert (given_to.owner, given_to.counter) == ("boss@x.example", 3)
    assert "is empty" in given_to.problem
    nobody = route(pool=(), counter=3, routing=one_pool())
    assert (nobody.owner, nobody.counter) == (None, 3)
    assert "no fallback owner" in nobody.problem


@given(size=st.integers(1, 9), start=st.integers(0, 1000), runs=st.lists(st.integers(0, 30), max_size=12))
def test_fair_however_runs_are_split(size: int, start: int, runs: list[int]) -> None:
    pool = tuple(f"u{n}" for n in range(size))
    served: Counter[str] = Counter(dict.fromkeys(pool, 0))
    counter = start
    for run in runs:
        for n in range(run):
            verdict = route(pool=pool, counter=counter, routing=one_pool(), shown_owner="own" if n % 4 == 3 else None)
            counter = verdict.counter
            if n % 4 != 3:
                assert verdict.owner is not None
                served[verdict.owner] += 1
    assert max(served.values()) - min(served.values()) <= 1


@given(start=st.integers(0, 50), sizes=st.lists(st.tuples(st.integers(2, 6), st.integers(0, 40)), min_size=1, max_size=6))
def test_each_change_of_members_costs_at_most_one(start: int, sizes: list[tuple[int, int]]) -> None:
    """Among those who are members throughout (the first two), the difference grows by at most 1 per stretch."""
    served: Counter[str] = Counter({"u0": 0, "u1": 0})
    counter = start
    for size, run in sizes:
        pool = tuple(f"u{n}" for n in range(size))
        for _ in range(run):
            verdict = route(pool=pool, counter=counter, routing=one_pool())
            counter = verdict.counter
            assert verdict.owner is not None
            served[verdict.owner] += 1
    assert abs(served["u0"] - served["u1"]) <= len(sizes)
