"""Users over the wire: owners joined with their user records, and what hostile or missing ones do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.hubspot.replies import Reply, reply
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.week import Week
from crmsync_hubspot.client import Client
from crmsync_hubspot.connector import HubSpotConnector, connect
from crmsync_hubspot.sim import Simulator
from crmsync_hubspot.users import SCOPE, absences, users, week

OFFICE = '[{"days":"MONDAY_TO_FRIDAY","startMinute":540,"endMinute":1020}]'
OFFICE_WEEK = tuple((day, 540, 1020) for day in range(5))


@pytest.fixture
def sim() -> Iterator[Any]:
    with Simulator() as made:
        yield made


def hub(sim: Any) -> HubSpotConnector:
    options = {k.removeprefix("CRMSYNC_HUBSPOT__").lower(): v for k, v in sim.environment().items()}
    return connect({**options, "search_per_second": "0"}, sleep=lambda seconds: None, clock=sim.clock.now)


def by_mail(found: list[User]) -> dict[str | None, User]:
    return {user.email: user for user in found}


def test_zones_and_hours_come_with_the_owners_and_cost_one_call(sim: Any) -> None:
    ids = {
        who: sim.add_user({"email": f"{who}@acme.example", "first_name": who, **more})
        for who, more in {
            "ann": {"time_zone": "Europe/Vienna", "working_hours": OFFICE},
            "bob": {"time_zone": "Asia/Tokyo"},
            "cyd": {"time_zone": "Europe/Rome", "working_hours": OFFICE, "active": False},
            "odd": {"time_zone": "Mars/Base", "working_hours": "[{"},
        }.items()
    }
    connector = hub(sim)
    found = by_mail(connector.users())
    assert connector.calls() == sim.api_calls() == 3, "owners, archived owners, users"
    assert {user.id for user in found.values()} >= set(ids.values())
    assert found["ann@acme.example"].time_zone == "Europe/Vienna"
    assert found["ann@acme.example"].hours == Week(spans=OFFICE_WEEK)
    assert (found["bob@acme.example"].time_zone, found["bob@acme.example"].hours) == ("Asia/Tokyo", None)
    assert (found["cyd@acme.example"].active, found["cyd@acme.example"].hours) == (False, None), "users that are gone are not listed"
    assert (found["odd@acme.example"].time_zone, found["odd@acme.example"].hours) == ("Mars/Base", None), "who decides looks at the name"
    # a renamed user keeps the ids, and so the hours
    sim.rename_user("ann@acme.example", "anna@acme.example")
    renamed = by_mail(connector.users())["anna@acme.example"]
    assert (renamed.id, renamed.hours) == (ids["ann"], Week(spans=OFFICE_WEEK))


def test_without_the_scope_users_are_known_and_check_says_what_is_missing(sim: Any) -> None:
    sim.add_user({"email": "ann@acme.example", "first_name": "Ann", "time_zone": "Europe/Vienna", "working_hours": OFFICE})
    assert [f for f in hub(sim).check() if f.subject == "HubSpot: read users"] == []
    sim.options.change("scopes", [f"crm.objects.{name}.read" for name in ("contacts", "owners", "companies", "deals")])
    connector = hub(sim)
    ann = by_mail(connector.users())["ann@acme.example"]
    assert (ann.active, ann.time_zone, ann.hours) == (True, None, None)
    (said,) = [f for f in connector.check() if f.subject == "HubSpot: read users"]
    assert said.level == "warning"
    assert SCOPE in said.fix
    assert "working_hours" in said.message


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        (OFFICE, OFFICE_WEEK),
        ('[{"days":"SUNDAY","startMinute":0,"endMinute":1440},{"days":"MONDAY","startMinute":660,"endMinute":840}]', ((0, 660, 840), (6, 0, 1440))),
        ('[{"days":"EVERY_DAY","startMinute":0,"endMinute":1440}]', tuple((day, 0, 1440) for day in range(7))),
        ('[{"days":"SATURDAY_SUNDAY","startMinute":540,"endMinute":600}]', ((5, 540, 600), (6, 540, 600))),
        # overlapping, reversed, unknown days, no minutes, no objects: what is sound of it
        ('[{"days":"MONDAY","startMinute":540,"endMinute":720},{"days":"MONDAY","startMinute":600,"endMinute":800}]', ((0, 540, 800),)),
        ('[{"days":"MONDAY","startMinute":1020,"endMinute":540},{"days":"FRIDAY","startMinute":540,"endMinute":600}]', ((4, 540, 600),)),
        ('[{"days":"WEEKDAYS","startMinute":540,"endMinute":720},7,null,{"days":["MONDAY"]},{}]', None),
        ('[{"days":"MONDAY","startMinute":"540","endMinute":720},{"days":"MONDAY","startMinute":-1,"endMinute":1e9}]', None),
        ("[]", None), ("", None), ("{}", None), ("future-format", None), (None, None), (7, None), ("[" * 3_000, None), (OFFICE + " " * 30_000, None),
    ],
)  # fmt: skip
def test_working_hours_are_what_is_sound_of_them(value: Any, spans: Any) -> None:
    found = week(value)
    assert (found.spans if found is not None else None) == spans


def test_records_are_joined_by_user_id_then_by_address_over_several_pages(script: Any, client: Client) -> None:
    records = [
        {"id": "11", "properties": {"hs_internal_user_id": "501", "hs_email": "else@x.example", "hs_standard_time_zone": "Asia/Tokyo"}},
        {"id": "12", "properties": {"hs_internal_user_id": None, "hs_email": "Bob@X.example", "hs_standard_time_zone": "Europe/Rome"}},
        {"id": "13", "properties": None},
    ]
    owners = [
        {"id": "1", "email": "ann@x.example", "userId": 501},
        {"id": "2", "email": "bob@x.example", "userId": 502},
        {"id": "3", "email": None},
    ]

    def answer(request: Any) -> Reply:
        if request.path.endswith("/owners"):
            return reply(json={"results": owners if request.query["archived"] == ["false"] else []})
        at = int(request.query.get("after", ["0"])[0])
        more = {"paging": {"next": {"after": str(at + 1)}}} if at < 2 else {}
        return reply(json={"results": [records[at]], **more})

    script.answer = answer
    found = {user.id: user.time_zone for user in users(client)}
    assert found == {"1": "Asia/Tokyo", "2": "Europe/Rome", "3": None}
    asked = [r for r in script.requests if r.path.endswith("/users")]
    assert len(asked) == 3
    assert json.dumps(asked[0].query["properties"]).count("hs_") == 5


def test_an_account_that_knows_no_such_object_has_users_all_the_same(script: Any, client: Client) -> None:
    def answer(request: Any) -> Reply:
        if request.path.endswith("/owners"):
            return reply(json={"results": [{"id": "1", "email": "ann@x.example"}] if request.query["archived"] == ["false"] else []})
        return reply(404, {"status": "error", "message": "resource not found"})

    script.answer = answer
    assert [(user.id, user.time_zone) for user in users(client)] == [("1", None)]


DAY = 86_400_000
MONDAY = 1_798_444_800_000  # 2026-12-28


def at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def test_teams_come_with_the_owners_and_cost_nothing(sim: Any) -> None:
    for who in ("ann", "bob"):
        sim.add_user({"email": f"{who}@acme.example", "first_name": who})
    team = sim.join_team("ann@acme.example", "EMEA")
    sim.join_team("ann@acme.example", "Night shift")
    connector = hub(sim)
    found = by_mail(connector.users(teams=["emea", "night shift", team, "DACH", "48"]))
    assert connector.calls() == sim.api_calls() == 3, "as without teams"
    assert found["ann@acme.example"].teams == (team, "emea", "night shift"), "the main team and any other, by name and id"
    assert found["bob@acme.example"].teams == ()
    sim.leave_teams("ann@acme.example")
    assert by_mail(connector.users(teams=["EMEA"]))["ann@acme.example"].teams == ()


def test_absences_of_the_users_own_profile_and_who_stands_in(sim: Any) -> None:
    ids = {who: sim.add_user({"email": f"{who}@acme.example", "first_name": who}) for who in ("ann", "bob", "cyd")}
    sim.add_user_property("deputy")
    sim.set_user("ann@acme.example", {"hs_out_of_office_hours": json.dumps([{"startTimestamp": MONDAY, "endTimestamp": MONDAY + DAY}])})
    sim.set_user("ann@acme.example", {"deputy": ids["bob"]})
    sim.set_user("bob@acme.example", {"hs_out_of_office_hours": "[]", "deputy": "CYD@acme.example"})
    connector = hub(sim)
    (told,) = by_mail(connector.users())["ann@acme.example"].away
    assert told == Away(start=at(MONDAY), end=at(MONDAY + DAY), source="hubspot")
    found = by_mail(connector.users(away={"cover": "deputy"}))
    assert [away.cover for away in found["ann@acme.example"].away] == ["bob@acme.example"], "an owner's id, or an address"
    assert found["bob@acme.example"].away == ()
    assert connector.calls() == 6, "two listings of owners and one of users, twice"
    sim.set_user("ann@acme.example", {"deputy": "her sister"})
    (told,) = by_mail(connector.users(away={"cover": "deputy"}))["ann@acme.example"].away
    assert told.cover == "", "nobody that anybody knows"


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        (f'[{{"startTimestamp":{MONDAY},"endTimestamp":{MONDAY + DAY}}}]', [(0, 1)]),
        (f'[{{"startTimestamp":{MONDAY + DAY},"endTimestamp":{MONDAY + 2 * DAY}}},{{"startTimestamp":{MONDAY},"endTimestamp":{MONDAY + DAY}}}]',
         [(0, 1), (1, 2)]),
        (f'[{{"startTimestamp":{MONDAY},"endTimestamp":{MONDAY}}},{{"startTimestamp":{MONDAY + DAY},"endTimestamp":{MONDAY}}}]', []),
        (f'[{{"startTimestamp":"{MONDAY}","endTimestamp":{MONDAY + DAY}}},{{"startTimestamp":true,"endTimestamp":{MONDAY}}}]', []),
        (f'[{{"startTimestamp":{MONDAY}}},{{"startTimestamp":{MONDAY},"endTimestamp":{10**30}}},null,7]', []),
        ("[]", []), ("", []), ("{}", []), ("soon", []), (None, []), ("[" * 3_000, []),
    ],
)  # fmt: skip
def test_absences_are_what_is_sound_of_them(value: Any, spans: list[tuple[int, int]]) -> None:
    assert [(away.start, away.end) for away in absences(value)] == [(at(MONDAY + DAY * a), at(MONDAY + DAY * b)) for a, b in spans]
