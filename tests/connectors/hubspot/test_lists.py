"""Memberships of HubSpot's lists: one call per batch, who was a member before, refusals in the list's own terms, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from connectors.hubspot.replies import reply
from connectors.hubspot.test_connector import Portal, Time
from crmsync.connect.protocol import LIST_CLOSED, LIST_FORBIDDEN, LIST_UNKNOWN, KeepsMembers
from crmsync.errors import CredentialsError
from crmsync.model.change import OutcomeKind
from crmsync.model.record import Ref
from crmsync_hubspot.lists import Lists
from crmsync_hubspot.sim import Simulator

DONE, EXISTS, GONE, REJECTED, UNKNOWN = (
    OutcomeKind.DONE, OutcomeKind.EXISTS, OutcomeKind.GONE, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN,
)  # fmt: skip


@pytest.fixture(params=["v3", "2026-03"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def portal(version: str) -> Iterator[Portal]:
    time = Time()
    with Simulator(clock=time, list_answers="live" if version == "v3" else "reference") as sim:
        made = Portal(sim, time, api_version=version)
        yield made
        made.hub.close()


def ref(id: str) -> Ref:
    return Ref(side="hubspot", object="contacts", id=id)


def kinds(portal: Portal, list_id: str, join: list[str], leave: list[str]) -> list[OutcomeKind]:
    hub = cast(KeepsMembers, portal.hub)
    return [o.kind for o in hub.members(list_id, [ref(i) for i in join], [ref(i) for i in leave])]


def test_one_call_joins_and_leaves_and_tells_who_was_a_member_before(portal: Portal) -> None:
    ann, bob, eve = (portal.sim.create("contacts", {"email": f"{name}@x.example"}) for name in ("ann", "bob", "eve"))
    made = portal.sim.add_list("Nurture")
    portal.sim.set_member(made, bob)
    calls = portal.sim.api_calls()
    assert kinds(portal, made, [ann, bob, "99999"], [eve]) == [DONE, EXISTS, GONE, EXISTS]
    assert kinds(portal, made, [], [ann, "99999"]) == [DONE, GONE]
    assert kinds(portal, made, [eve], []) == [DONE]
    assert kinds(portal, made, [], []) == []
    assert portal.sim.api_calls() - calls == 3 == portal.hub.calls()
    assert portal.sim.members(made) == [bob, eve]


def test_a_list_that_takes_nobody_says_why(portal: Portal) -> None:
    ann, hub = portal.sim.create("contacts", {"email": "ann@x.example"}), cast(KeepsMembers, portal.hub)
    active = portal.sim.add_list("Everybody", processing="DYNAMIC")
    firms = portal.sim.add_list("Firms", object_type="0-2")
    for list_id, cause, words in (
        (active, LIST_CLOSED, "active list"), ("777", LIST_UNKNOWN, "no such list"), ("Nurture", LIST_UNKNOWN, "is a number"),
    ):  # fmt: skip
        (outcome,) = hub.members(list_id, [ref(ann)], [])
        assert (outcome.kind, outcome.cause) == (REJECTED, cause)
        assert words in outcome.message
        assert (hub.member_list(list_id).refused, hub.member_list(list_id).why) == (cause, outcome.message)
    assert hub.member_list(firms).refused == LIST_CLOSED
    static = portal.sim.add_list("Nurture", processing="SNAPSHOT")
    assert (hub.member_list(static).refused, hub.member_list(static).label) == ("", "Nurture")


def test_a_missing_scope_refuses_the_list_and_not_the_account(portal: Portal) -> None:
    ann, made = portal.sim.create("contacts", {"email": "ann@x.example"}), portal.sim.add_list("Nurture")
    portal.sim.options.change("scopes", ["crm.objects.contacts.read"])
    hub = cast(KeepsMembers, portal.hub)
    (outcome,) = hub.members(made, [ref(ann)], [])
    assert (outcome.kind, outcome.cause) == (REJECTED, LIST_FORBIDDEN)
    assert "crm.lists.write" in outcome.message
    assert hub.member_list(made).refused == LIST_FORBIDDEN
    portal.sim.options.change("scopes", ["crm.objects.contacts.read", "crm.lists.read"])
    assert hub.member_list(made).refused == LIST_FORBIDDEN, "seen, but not to be changed"
    assert "crm.lists.write" in hub.member_list(made).why
    portal.sim.options.change("scopes", ["crm.objects.contacts.read"])
    assert hub.member_since(made, [ref(ann)]) == {}
    portal.sim.revoke_tokens()
    with pytest.raises(CredentialsError):
        hub.members(made, [ref(ann)], [])


def test_who_is_a_member_since_when(portal: Portal) -> None:
    people = [portal.sim.create("contacts", {"email": f"p{n}@x.example"}) for n in range(102)]
    made, other = portal.sim.add_list("Nurture"), portal.sim.add_list("News")
    for id in people[:101]:
        portal.sim.set_member(made, id)
    portal.sim.set_member(other, people[101])
    hub, calls = cast(KeepsMembers, portal.hub), portal.sim.api_calls()
    since = hub.member_since(made, [ref(id) for id in people])
    assert set(since) == {ref(id) for id in people[:101]}
    assert abs(since[ref(people[0])] - portal.time()) < timedelta(seconds=5)
    assert portal.sim.api_calls() - calls == 2


def test_a_lost_answer_is_never_repeated_blindly(portal: Portal) -> None:
    ann, made = portal.sim.create("contacts", {"email": "ann@x.example"}), portal.sim.add_list("Nurture")
    portal.sim.faults.add({"do": "drop_after", "times": 1, "path": "memberships/add"})
    calls = portal.hub.calls()
    assert kinds(portal, made, [ann], []) == [UNKNOWN]
    assert portal.hub.calls() - calls == 1
    assert portal.sim.members(made) == [ann]


def test_either_spelling_of_the_answer_is_understood(script: Any, client: Any) -> None:
    answers: list[dict[str, list[str]]] = [{"recordsIdsAdded": ["1"]}, {"recordIdsAdded": ["1"], "recordIdsMissing": []}]
    script.then(*(reply(json=answer) for answer in answers), reply(204))
    found = [Lists(client).members("7", [ref("1"), ref("2")], []) for _ in range(3)]
    assert [[o.kind for o in outcomes] for outcomes in found] == [[DONE, EXISTS], [DONE, EXISTS], [EXISTS, EXISTS]]
    assert script.requests[0].body == ["1", "2"]
