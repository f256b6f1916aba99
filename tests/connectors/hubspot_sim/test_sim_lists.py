"""Lists (segments) and their memberships: shapes, processing types, scopes, merges, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .conftest import Clock, Http

RECORDED = "recorded/amp-labs-connectors/hubspot/test/read-lists-2-second-page.json"


def change(http: Http, list_id: str, what: str, body: Any, base: str = "/crm/v3/lists") -> dict[str, Any]:
    answer = http("PUT", f"{base}/{list_id}/memberships/{what}", body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_only_what_changed_is_named_and_missing_records_are_told(http: Http) -> None:
    ann, bob = http.contact(email="ann@x.example"), http.contact(email="bob@x.example")
    nurture = http.sim.add_list("Nurture")
    assert change(http, nurture, "add", [ann, "99999", "nonsense"]) == {"recordsIdsAdded": [ann], "recordIdsMissing": ["99999", "nonsense"]}
    assert change(http, nurture, "add", [ann]) == {}, "who is a member already is ignored"
    assert change(http, nurture, "add-and-remove", {"recordIdsToAdd": [bob], "recordIdsToRemove": [ann]}) == {
        "recordsIdsAdded": [bob], "recordIdsRemoved": [ann],
    }  # fmt: skip
    assert change(http, nurture, "remove", [ann]) == {}
    assert http.sim.members(nurture) == [bob]
    http.sim.options.change("list_answers", "reference")
    told = change(http, nurture, "remove", [int(bob)], base="/crm/lists/2026-03")
    assert told == {"recordIdsAdded": [], "recordIdsRemoved": [bob], "recordIdsMissing": []}


def test_a_list_that_follows_a_filter_takes_nobody(http: Http) -> None:
    ann = http.contact(email="ann@x.example")
    for processing, status in (("MANUAL", 200), ("SNAPSHOT", 200), ("DYNAMIC", 400)):
        made = http.sim.add_list(processing, processing=processing)
        answer = http("PUT", f"/crm/v3/lists/{made}/memberships/add", [ann])
        assert answer.status_code == status
        if status == 400:
            assert (answer.json()["category"], answer.json()["subCategory"].split(".")[0]) == ("VALIDATION_ERROR", "ListError")
    unknown = http("PUT", "/crm/v3/lists/777/memberships/add", [ann])
    assert (unknown.status_code, unknown.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert http("PUT", f"/crm/v3/lists/{http.sim.add_list('x')}/memberships/add", {"ids": [ann]}).status_code == 400


def test_a_list_and_its_members_are_read(http: Http, clock: Clock, recorded: Callable[[str], Any], same_shape: Callable[..., None]) -> None:
    people = [http.contact(email=f"p{n}@x.example") for n in range(3)]
    made = http.sim.add_list("Nurture")
    clock.tick(60)
    change(http, made, "add", people)
    told = http("GET", f"/crm/v3/lists/{made}").json()["list"]
    same_shape(told, recorded(RECORDED)["lists"][0])
    assert (told["processingType"], told["objectTypeId"], told["additionalProperties"]["hs_list_size"]) == ("MANUAL", "0-1", "3")
    assert http("GET", f"/crm/v3/lists?listIds={made}&listIds=99").json()["lists"] == [told]
    first = http("GET", f"/crm/v3/lists/{made}/memberships?limit=2").json()
    rest = http("GET", f"/crm/v3/lists/{made}/memberships?limit=2&after={first['paging']['next']['after']}").json()
    assert [row["recordId"] for row in first["results"] + rest["results"]] == people
    assert first["results"][0]["membershipTimestamp"] == "2026-03-02T09:01:00.250Z"


def test_who_is_on_which_list_since_when(http: Http, clock: Clock) -> None:
    ann, bob = http.contact(email="ann@x.example"), http.contact(email="bob@x.example")
    made = http.sim.add_list("Nurture")
    change(http, made, "add", [ann])
    clock.tick(60)
    change(http, made, "remove", [ann])
    change(http, made, "add", [ann])
    inputs = {"inputs": [{"objectTypeId": "0-1", "recordId": id} for id in (ann, bob)]}
    first, second = http("POST", "/crm/v3/lists/records/memberships/batch/read", inputs).json()["results"]
    assert (first["recordId"], second["recordListMemberships"]) == (ann, [])
    (row,) = first["recordListMemberships"]
    assert (row["listId"], row["lastAddedTimestamp"]) == (int(made), "2026-03-02T09:01:00.250Z")
    dated = http("GET", f"/crm/lists/2026-03/records/0-1/{ann}/memberships").json()
    assert [(r["listId"], r["lastAddedTimestamp"]) for r in dated["results"]] == [(made, row["lastAddedTimestamp"])]


def test_reading_and_changing_lists_need_scopes_of_their_own(make: Callable[..., Http]) -> None:
    http = make(scopes=["crm.objects.contacts.write", "crm.lists.read"])
    made, ann = http.sim.add_list("Nurture"), http.contact(email="ann@x.example")
    assert http("GET", f"/crm/v3/lists/{made}").status_code == 200
    answer = http("PUT", f"/crm/v3/lists/{made}/memberships/add", [ann])
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.lists.write"]


def test_a_merge_keeps_memberships_and_a_privacy_deletion_ends_them(http: Http) -> None:
    ann, bob = http.contact(email="ann@x.example"), http.contact(email="bob@x.example")
    made, other = http.sim.add_list("Nurture"), http.sim.add_list("News")
    assert http.sim.set_member(made, bob) and http.sim.set_member(other, ann)  # noqa: PT018
    survivor = http.sim.merge("contacts", ann, [bob])
    assert http.sim.members(made) == http.sim.members(other) == [survivor]
    http.sim.forget("contacts", survivor)
    assert http.sim.members(made) == []


def test_lists_are_on_the_pages_and_among_the_verbs(http: Http) -> None:
    ann = http.contact(email="ann@x.example")
    made = http("POST", "/_sim/do", {"verb": "add_list", "name": "<b>Nurture</b>", "processing": "SNAPSHOT"}).json()["result"]
    assert http("POST", "/_sim/do", {"verb": "set_member", "list_id": made, "id": ann}).json()["result"] is True
    record, overview = http("GET", f"/records/contacts/{ann}").text, http("GET", "/").text
    assert "&lt;b&gt;Nurture&lt;/b&gt;" in record
    assert "<td>1</td></tr>" in overview[overview.index('id="lists"') :]
    assert http("POST", "/_sim/do", {"verb": "add_list", "name": "x", "processing": "ODD"}).status_code == 422
