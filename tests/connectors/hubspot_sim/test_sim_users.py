"""The users object: who is in it, its paging, and what it takes as a profile."""

from __future__ import annotations

from typing import Any

OFFICE = '[{"days":"MONDAY_TO_FRIDAY","startMinute":540,"endMinute":1020}]'


def test_users_are_the_owners_under_ids_of_their_own(http: Any) -> None:
    rows = [{"email": f"u{i}@acme.co", "first_name": "U", "time_zone": "Europe/Berlin", "active": i != 1} for i in range(4)]
    owners = [http.sim.add_user(row) for row in rows]
    bare = http("GET", "/crm/v3/objects/users/?limit=2").json()
    assert [set(row["properties"]) for row in bare["results"]] == [{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}] * 2
    first = bare["results"][0]
    assert first["properties"]["hs_object_id"] == first["id"]
    names = "hs_internal_user_id,hs_email,hs_standard_time_zone,hs_working_hours,no_such_property"
    rest = http("GET", f"/crm/objects/2026-03/users?limit=100&properties={names}&after={bare['paging']['next']['after']}").json()
    assert [row["properties"]["hs_email"] for row in rest["results"]] == ["u3@acme.co"]
    assert "paging" not in rest
    said = rest["results"][0]["properties"]
    assert (said["hs_standard_time_zone"], said["hs_working_hours"]) == ("Europe/Berlin", None)
    owner = http("GET", f"/crm/v3/owners/{owners[3]}").json()
    assert said["hs_internal_user_id"] == str(owner["userId"])
    assert len({said["hs_internal_user_id"], rest["results"][0]["id"], owner["id"]}) == 3
    assert "no_such_property" not in said
    gone = http("GET", "/crm/v3/objects/users?archived=true&properties=hs_email").json()["results"]
    assert [row["properties"]["hs_email"] for row in gone] == ["u1@acme.co"]
    assert http("GET", f"/crm/v3/objects/users/{first['id']}").json()["id"] == first["id"]
    assert http("GET", "/crm/v3/objects/users/12").status_code == 404
    assert http("GET", "/crm/v3/objects/users?limit=101").status_code == 400
    assert http("POST", "/crm/v3/objects/users", {"properties": {}}).status_code == 405


PROFILES: tuple[tuple[str | None, dict[str, str], int], ...] = (
    (None, {"hs_working_hours": OFFICE}, 400),  # the zone must be set first
    (None, {"hs_working_hours": OFFICE, "hs_standard_time_zone": "America/Detroit"}, 200),
    ("Europe/Berlin", {"hs_working_hours": OFFICE}, 200),
    ("Europe/Berlin", {"hs_standard_time_zone": "Mars/Base"}, 400),
    ("Europe/Berlin", {"hs_email": "a@b.co"}, 400),
    ("Europe/Berlin", {"hs_working_hours": '[{"days":"EVERY_DAY","startMinute":0,"endMinute":1441}]'}, 400),
    ("Europe/Berlin", {"hs_working_hours": '[{"days":"MONDAY","startMinute":540,"endMinute":500}]'}, 400),
    ("Europe/Berlin", {"hs_working_hours": OFFICE[:-1] + ',{"days":"FRIDAY","startMinute":1000,"endMinute":1100}]'}, 400),
    ("Europe/Berlin", {"hs_working_hours": OFFICE[:-1] + ',{"days":"FRIDAY","startMinute":1020,"endMinute":1100}]'}, 200),
)


def test_a_profile_takes_a_zone_and_hours_that_do_not_overlap(http: Any) -> None:
    for n, (before, _, _) in enumerate(PROFILES):
        http.sim.add_user({"email": f"rep{n}@acme.co", "first_name": "Rep", "time_zone": before})
    users = http("GET", "/crm/v3/objects/users?limit=100").json()["results"]
    for user, (_, properties, status) in zip(users, PROFILES, strict=True):
        answer = http("PATCH", f"/crm/v3/objects/users/{user['id']}", {"properties": properties})
        assert answer.status_code == status, (properties, answer.text)
        shown = http("GET", f"/crm/v3/objects/users/{user['id']}?properties=hs_working_hours,hs_standard_time_zone").json()["properties"]
        for name, value in properties.items():
            assert (shown.get(name) == value) == (status == 200), (name, shown)


def test_users_need_a_scope_of_their_own(http: Any) -> None:
    http.sim.options.change("scopes", ["crm.objects.owners.read"])
    assert http("GET", "/crm/v3/owners").status_code == 200
    refused = http("GET", "/crm/v3/objects/users")
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.users.read"]


ABSENCES: tuple[tuple[str | None, int], ...] = (
    ('[{"startTimestamp":1798444800000,"endTimestamp":1798531200000},{"startTimestamp":1799000000000,"endTimestamp":1799100000000}]', 200),
    ("[]", 200),
    (None, 200),
    ('[{"startTimestamp":1798531200000,"endTimestamp":1798444800000}]', 400),
    ('[{"startTimestamp":"1798444800000","endTimestamp":1798531200000}]', 400),
    ('{"startTimestamp":1798444800000,"endTimestamp":1798531200000}', 400),
    ("tomorrow", 400),
)


def test_a_profile_takes_absences_in_milliseconds(http: Any) -> None:
    http.sim.add_user({"email": "rep@acme.co", "first_name": "Rep"})
    (user,) = http("GET", "/crm/v3/objects/users?limit=100").json()["results"]
    path, name = f"/crm/v3/objects/users/{user['id']}", "hs_out_of_office_hours"
    for value, status in ABSENCES:
        before = http("GET", f"{path}?properties={name}").json()["properties"][name]
        assert http("PATCH", path, {"properties": {name: value}}).status_code == status, value
        assert http("GET", f"{path}?properties={name}").json()["properties"][name] == (value if status == 200 else before)


def test_properties_that_an_admin_added_to_users_hold_any_text(http: Any) -> None:
    http.sim.add_user({"email": "rep@acme.co", "first_name": "Rep"})
    (user,) = http("GET", "/crm/v3/objects/users?limit=100").json()["results"]
    path = f"/crm/v3/objects/users/{user['id']}"
    assert http("PATCH", path, {"properties": {"deputy": "x@acme.co"}}).status_code == 400
    http.sim.add_user_property("deputy")
    assert http("PATCH", path, {"properties": {"deputy": "x@acme.co"}}).status_code == 200
    assert http("GET", f"{path}?properties=deputy").json()["properties"]["deputy"] == "x@acme.co"


def test_owners_tell_their_teams_the_main_one_first(http: Any) -> None:
    ids = [http.sim.add_user({"email": f"{who}@acme.co", "first_name": who}) for who in ("ann", "bob")]
    main, other = http.sim.join_team("ann@acme.co", "EMEA"), http.sim.join_team("ann@acme.co", "Night")
    ann, bob = (http("GET", f"/crm/v3/owners/{id}").json() for id in ids)
    assert ann["teams"] == [{"id": main, "name": "EMEA", "primary": True}, {"id": other, "name": "Night", "primary": False}]
    assert "teams" not in bob
    assert http.sim.join_team("bob@acme.co", "Night") == other
