"""Pools and the round robin."""

from __future__ import annotations

from crmsync.decide.route import members, pool_problems
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
    routing = one_pool(members=("C@x.example", "ghost@x.example", "a@x.example", "c@x.example", "b@x.example"), exclude=("b@x.example",))
    assert members(routing=routing, users=users, sides=SIDES) == ("c@x.example", "a@x.example")
    assert pool_problems(routing=routing, users=users, sides=SIDES) == (
        "pool default: ghost@x.example is no active user of hubspot and salesforce",
        "pool default: b@x.example is excluded",
    )
    assert pool_problems(routing=one_pool(), users=(), sides=SIDES) == ("pool default is empty",)
