"""Groups, queues and absences of users, over the wire of a simulated org."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crmsync.model.absence import Away

ANN, BOB, CYD = "ann@acme.example", "bob@acme.example", "cyd@acme.example"
AWAY = {"from": "Out_From__c", "until": "Out_Until__c", "cover": "Out_Cover__c"}


@pytest.fixture
def org(simulator: Any) -> Any:
    simulator.seed(users=[{"email": mail, "time_zone": "Europe/Vienna"} for mail in (ANN, BOB, CYD)], people=[])
    return simulator


def by_mail(users: Any) -> dict[str, Any]:
    return {user.email: user for user in users}


def teams(connector: Any, *words: str) -> dict[str, tuple[str, ...]]:
    return {mail: user.teams for mail, user in by_mail(connector.users(teams=words)).items() if user.teams}


def test_groups_and_queues_by_name_developer_name_and_id_for_one_call_more(org: Any, connect: Callable[..., Any]) -> None:
    reps, queue = org.add_group("EMEA Reps", ANN, BOB), org.add_queue("Inbound Leads", "Lead")
    org.join_group(queue, CYD)
    org.add_group("Others", ANN, BOB, CYD)
    connector = connect(org)
    connector.users()
    without = connector.calls()
    assert without == 3, "users, business hours, queues: nothing is asked about groups that nobody names"
    said = ("emea reps", "Inbound_Leads", reps, reps[:15], "Nobody's 'group'")
    assert teams(connector, *said) == {
        ANN: tuple(sorted(("emea reps", reps, reps[:15]))), BOB: tuple(sorted(("emea reps", reps, reps[:15]))), CYD: ("Inbound_Leads",),
    }  # fmt: skip
    assert connector.calls() == 2 * without + 1


def test_groups_within_groups_are_followed_level_by_level_and_circles_end(org: Any, connect: Callable[..., Any]) -> None:
    inner = org.add_group("Inner", CYD)
    middle = org.add_group("Middle", BOB, inner)
    outer = org.add_group("Outer", ANN, middle)
    org.join_group(inner, outer)
    connector = connect(org)
    assert teams(connector, "Outer", "Inner") == {ANN: ("Inner", "Outer"), BOB: ("Inner", "Outer"), CYD: ("Inner", "Outer")}
    before = connector.calls()
    assert teams(connector, "Middle") == dict.fromkeys((ANN, BOB, CYD), ("Middle",))
    assert connector.calls() - before == 3 + 3, "the circle of three groups takes a call per level, and ends"


def test_depth_is_bounded(org: Any, connect: Callable[..., Any]) -> None:
    last = org.add_group("Level 9", ANN)
    for level in range(8, 0, -1):
        last = org.add_group(f"Level {level}", last)
    connector = connect(org)
    assert teams(connector, "Level 1") == {}
    assert connector.calls() == 3 + 7
    assert teams(connector, "Level 4") == {ANN: ("Level 4",)}


def test_roles_among_the_members_are_left_out(org: Any, connect: Callable[..., Any]) -> None:
    role = org.create("Group", {"Name": "CEO", "DeveloperName": "CEO", "Type": "Role"})
    org.join_group(role, CYD)
    org.add_group("Mixed", ANN, role)
    assert teams(connect(org), "Mixed", "CEO") == {ANN: ("Mixed",)}


def test_users_are_known_where_memberships_are_refused(org: Any, connect: Callable[..., Any]) -> None:
    org.add_group("Reps", ANN)
    refused = [{"errorCode": "INVALID_TYPE", "message": "sObject type 'GroupMember' is not supported."}]
    org.faults.add({"path": "FROM.GroupMember", "times": None, "do": "status", "status": 400, "body": refused})
    found = by_mail(connect(org).users(teams=["Reps"]))
    assert {ANN, BOB, CYD} <= set(found)
    assert found[ANN].teams == ()


def test_absences_are_days_of_the_users_own_clock_and_cost_no_call(org: Any, connect: Callable[..., Any]) -> None:
    for name, kind in zip(AWAY.values(), ("Date", "Date", "Text"), strict=True):
        org.add_field("User", name, type=kind)
    ids = {row["Email"]: row["Id"] for row in org.all("User")}
    org.edit("User", ids[ANN], {"Out_From__c": "2026-12-20", "Out_Until__c": "2027-01-03", "Out_Cover__c": ids[BOB][:15]})
    org.edit("User", ids[BOB], {"Out_From__c": "2026-12-20"})
    org.edit("User", ids[CYD], {"Out_Until__c": "2026-12-31", "Out_Cover__c": "Bob@Acme.example"})
    connector = connect(org)
    found = by_mail(connector.users(away=AWAY))
    assert connector.calls() == 3
    start, end = datetime(2026, 12, 19, 23, tzinfo=UTC), datetime(2027, 1, 3, 23, tzinfo=UTC)
    assert found[ANN].away == (Away(start=start, end=end, cover=BOB, source="salesforce"),), "the last day included, in Vienna"
    assert found[BOB].away == (), "nobody knows when they are back"
    (cyd,) = found[CYD].away
    assert (cyd.start, cyd.end, cyd.cover) == (datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC), BOB)
    assert by_mail(connector.users())[ANN].away == (), "nothing was asked"


def test_a_field_that_is_not_there_or_no_name_leaves_users_as_they_are(org: Any, connect: Callable[..., Any]) -> None:
    connector = connect(org)
    plain = connector.users()
    for name in ("Gone__c", "Id FROM User--", "Manager.Name"):
        assert connector.users(away={"until": name}) == plain
    org.add_field("User", "Hidden__c", granted=False, type="Date")
    assert connector.users(away={"until": "Hidden__c"}) == plain
