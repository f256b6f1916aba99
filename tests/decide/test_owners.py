"""Who is who: by e-mail, then by the admin's pairs; inactive ones; whose clock shows which day."""

from __future__ import annotations

from crmsync.decide.owners import owners_of, whole_id
from crmsync.decide.steps import can_own
from crmsync.model.record import User
from crmsync.model.rules import Shift, WorkingHours


def user(side: str, id: str, email: str | None, *, active: bool = True, kind: str = "person", zone: str | None = None) -> User:
    return User(side=side, id=id, email=email, name=id, active=active, kind=kind, time_zone=zone)


def test_the_same_address_in_any_case_is_the_same_person_and_inactive_ones_own_nothing_new() -> None:
    found = owners_of(
        [user("a", "1", "Rita@X.example"), user("b", "9", "rita@x.example", active=False), user("b", "7", "RITA@x.example")], {}
    )
    assert (found.house("a", "1"), found.house("b", "9"), found.house("b", "7")) == ("rita@x.example",) * 3
    assert found.native("b", "rita@x.example") == "7"
    gone = owners_of([user("a", "1", "rita@x.example"), user("b", "9", "rita@x.example", active=False)], {})
    assert gone.native("b", "rita@x.example") is None
    assert gone.known("b", "rita@x.example") == "9"
    assert gone.house("b", "unheard of") == "b:unheard of"


def test_a_pair_wins_over_the_address_and_its_person_is_known_by_it() -> None:
    users = [user("a", "1", "rita@x.example"), user("b", "7", "r.old@x.example", zone="Asia/Tokyo"), user("b", "8", "rita@x.example")]
    found = owners_of(users, {"Rita@x.example": {"b": "7"}}, first="b")
    assert (found.house("b", "7"), found.native("b", "rita@x.example")) == ("rita@x.example", "7")
    assert found.users["rita@x.example"].id == "7"
    assert "r.old@x.example" not in found.users


def test_a_pair_with_somebody_inactive_gives_no_owner_there() -> None:
    users = [user("a", "1", "rita@x.example"), user("b", "7", "r.old@x.example", active=False)]
    found = owners_of(users, {"rita@x.example": {"b": "7"}}, first="b")
    assert found.native("b", "rita@x.example") is None
    assert not found.users["rita@x.example"].active


def test_a_pair_may_name_somebody_who_is_not_listed_and_may_cut_an_id_short() -> None:
    found = owners_of([user("b", "005000000000001AAA", "r.old@x.example")], {"rita@x.example": {"a": "77", "b": "005000000000001"}})
    assert found.native("a", "rita@x.example") == "77"
    assert found.native("b", "rita@x.example") == "005000000000001AAA"
    assert found.house("b", "005000000000001AAA") == "rita@x.example"
    assert whole_id("12345", ["123456"]) == "12345", "no id cut short: another id"
    assert whole_id("005000000000001", ["005000000000001AAA", "005000000000001AAB"]) == "005000000000001"


def test_a_queue_that_no_list_told_yet_is_a_queue_by_its_id() -> None:
    rita, inbound = user("a", "1", "rita@x.example"), user("b", "00G1", None, kind="queue")
    found = owners_of([rita, inbound], {}, groups=("b:00G",)).users
    assert not can_own("b:00G000000000001AAA", found)
    assert (found["b:00G2"].kind, found["b:00G2"].name, found["b:00G1"]) == ("queue", "00G2", inbound)
    assert can_own("b:005000000000001AAA", found), "a person until proven otherwise"
    assert can_own("a:00G2", found), "another CRM's ids mean something else"
    assert can_own("rita@x.example", found)
    assert (sorted(found), len(found), found.get("b:0052")) == (["b:00G1", "rita@x.example"], 2, None)
    assert can_own("b:00G2", owners_of([rita], {}).users)


def test_days_are_those_of_the_crm_that_shows_them() -> None:
    users = [user("a", "1", "rita@x.example", zone="Asia/Tokyo"), user("b", "7", "rita@x.example", zone="America/New_York")]
    found = owners_of([*users, user("b", "8", "sam@x.example", zone="Europe/Rome")], {}, first="b")
    assert found.zone("a", "rita@x.example", "UTC") == "Asia/Tokyo"
    assert found.zone("b", "rita@x.example", "UTC") == "America/New_York"
    assert found.zone("a", "sam@x.example", "UTC") == "Europe/Rome", "the other CRM's word where this one has no such user"
    assert found.zone("a", None, "UTC") == found.zone("a", "b:queue", "UTC") == "UTC"
    said = owners_of(users, {}, WorkingHours(people={"rita@x.example": Shift(time_zone="Europe/Berlin")}), "b")
    assert said.zone("a", "rita@x.example", "UTC") == said.zone("b", "rita@x.example", "UTC") == "Europe/Berlin"
