"""What a live check says of users."""

from __future__ import annotations

from dataclasses import replace

from crmsync.model.record import User
from crmsync.model.routing import one_pool
from crmsync.model.rules import PersonMap, Playbook, Shift, WorkingHours
from crmsync.model.week import Week
from crmsync.service.users import check_users

OFFICE = Week(spans=((0, 540, 1020),), shared=True)


def user(
    side: str, id: str, mail: str | None, *, active: bool = True, kind: str = "person", zone: str | None = None, hours: Week | None = None
) -> User:
    return User(side=side, id=id, email=mail, name=id, active=active, kind=kind, time_zone=zone, hours=hours)


def playbook(fallback: str | None = None, pairs: dict[str, dict[str, str]] | None = None, hours: WorkingHours | None = None) -> Playbook:
    person = PersonMap(fields={}, objects={}, create_as={}, fallback_owner=fallback, owner_pairs=pairs or {})
    return Playbook(person=person, hours=hours or WorkingHours())


USERS = {
    "a": [
        user("a", "1", "rita@x.example", hours=Week(spans=((0, 480, 720),))),
        user("a", "2", "sam@x.example"),
        user("a", "3", "old@x.example", active=False),
    ],
    "b": [
        user("b", "005000000000001AAA", "rita@x.example", zone="Asia/Tokyo", hours=OFFICE),
        user("b", "005000000000002AAA", "ada@x.example", zone="Mars/Base", hours=OFFICE),
        user("b", "005000000000003AAA", "gone@x.example", active=False),
        user("b", "005000000000004AAA", "robot@x.example", kind="integration", zone="UTC"),
        user("b", "00G000000000001AAA", None, kind="queue"),
    ],
}  # fmt: skip


def test_users_without_a_twin_and_clocks_are_told() -> None:
    found = check_users(playbook(), USERS, "b")
    assert [(f.level, f.message) for f in found] == [
        ("info", "a users without a user in b: sam@x.example; their owner is left alone there"),
        ("info", "b users without a user in a: ada@x.example; their owner is left alone there"),
        ("info", "of 3 users 1 have a time zone, 1 working hours of their own, 1 those of their organisation; else working_hours"),
    ]
    alone = {"a": [user("a", str(n), f"u{n}@x.example") for n in range(8)], "b": []}
    assert check_users(playbook(), alone, "a")[0].message == (
        "a users without a user in b: u0@x.example, u1@x.example, u2@x.example, u3@x.example, u4@x.example and 3 more; their owner is left alone there"
    )
    assert [f.subject for f in check_users(playbook(), {"a": USERS["a"]}, "a")] == ["working hours"], "one CRM alone lacks nobody"


def test_pairs_and_a_fallback_that_lead_nowhere_are_warned_of() -> None:
    pairs = {
        "sam@x.example": {"b": "005000000000002"},  # cut short, and right
        "eve@x.example": {"a": "77", "b": "005000000000003AAA", "zoho": "1"},
    }
    found = check_users(playbook("ada@x.example", pairs), USERS, "b")
    assert [f.message for f in found if f.level == "warning"] == [
        "owners.pairs: 77, named for eve@x.example, is not among the users of a",
        "owners.pairs: 005000000000003AAA, named for eve@x.example, is deactivated in b",
        "the fallback owner ada@x.example has no active user in a and b",
    ]
    assert not [f for f in found if "users without" in f.message]


def test_who_cannot_take_turns_is_warned_of() -> None:
    routing = one_pool(members=("rita@x.example", "sam@x.example"), exclude=("rita@x.example",))
    found = [f for f in check_users(replace(playbook(), routing=routing), USERS, "b") if f.subject == "routing"]
    assert [(f.level, f.message) for f in found] == [
        ("warning", "pool default: rita@x.example is excluded"),
        ("warning", "pool default: sam@x.example is no active user of a and b"),
        ("warning", "pool default is empty"),
    ]


def test_hours_of_no_crm_are_not_counted() -> None:
    said = WorkingHours(from_crm=False, people={"sam@x.example": Shift(time_zone="Europe/Rome", week=Week(spans=((1, 1, 2),)))})
    (*_, clocks) = check_users(playbook(hours=said), USERS, "b")
    assert (
        clocks.message == "of 3 users 2 have a time zone, 1 working hours of their own, 0 those of their organisation; else working_hours"
    )
