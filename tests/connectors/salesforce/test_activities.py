"""Tasks, events, accounts and opportunities: whom they belong to, archived ones, further people; a simulated org over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Record, RecordState, Ref
from crmsync_salesforce import belong, wire
from crmsync_salesforce.linking import completed, with_references
from crmsync_salesforce.sim import Simulator

KEY = [f for f in OWN_FIELDS if f.name == "crmsync_key"]
DONE, REJECTED = OutcomeKind.DONE, OutcomeKind.REJECTED
START = "2026-06-03T09:00:00.000Z"
FIELDS = {
    "Task": ("Subject",),
    "Event": ("Subject", "StartDateTime", "EndDateTime"),
    "Account": ("Name",),
    "Opportunity": ("Name", "Amount"),
}
NEEDED: dict[str, dict[str, Any]] = {
    "Task": {"Subject": "x"},
    "Event": {"Subject": "x", "StartDateTime": START, "EndDateTime": "2026-06-03T10:00:00.000Z"},
    "Account": {"Name": "x"},
    "Opportunity": {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-12-31"},
}


class Org:
    """An org with two contacts, a lead, an account and an opportunity."""

    def __init__(self, sim: Any, connector: Any) -> None:
        self.sim, self.connector = sim, connector
        self.account = sim.create("Account", {"Name": "Acme"})
        self.people = sim.create_many("Contact", [{"LastName": f"C{n}", "AccountId": self.account} for n in range(3)])
        self.lead = sim.create("Lead", {"LastName": "L", "Company": "Acme"})
        self.deal = sim.create("Opportunity", {**NEEDED["Opportunity"], "AccountId": self.account})
        self.count = 0

    def write(self, action: Action, object: str, **more: Any) -> Outcome:
        self.count += 1
        (outcome,) = self.connector.write([Write(write_id=f"w{self.count}", action=action, object=object, **more)])
        return outcome  # type: ignore[no-any-return]

    def create(self, object: str, *about: Ref, **fields: Any) -> str:
        outcome = self.write(Action.CREATE, object, fields={**NEEDED[object], **fields}, about=about)
        assert outcome.kind is DONE, outcome
        return str(outcome.id)

    def update(self, object: str, id: str, *about: Ref, unlink: tuple[Ref, ...] = (), **fields: Any) -> Outcome:
        return self.write(Action.UPDATE, object, id=id, fields=fields, about=about, unlink=unlink)

    def pull(self, object: str, cursor: Any = None) -> dict[str, Record]:
        pages = list(self.connector.pull(object, FIELDS.get(object, ("LastName",)), cursor, self.sim.now()))
        self.cursor = pages[-1].cursor
        return {r.ref.id: r for page in pages for r in page.records}

    def spent(self, work: Callable[[], Any]) -> tuple[Any, int]:
        before = self.sim.api_calls()
        told = work()
        return told, self.sim.api_calls() - before

    def one(self, object: str, id: str) -> Record:
        (record,) = self.connector.fetch(object, [id], FIELDS.get(object, ("LastName",)))
        return record  # type: ignore[no-any-return]


def ref(id: str) -> Ref:
    found = belong.ref_of(id)
    assert found is not None
    return found


@pytest.fixture
def org(simulator: Any, connect: Callable[..., Any]) -> Org:
    connector = connect(simulator)
    assert not [f for f in connector.provision(KEY, dry_run=False) if f.level in ("error", "warning")]
    return Org(simulator, connector)


@pytest.fixture
def shared(connect: Callable[..., Any]) -> Iterator[Org]:
    """The same with Shared Activities."""
    with Simulator(shared_activities=True) as sim:
        connector = connect(sim)
        assert not [f for f in connector.provision(KEY, dry_run=False) if f.level == "error"]
        yield Org(sim, connector)


# --- reading ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", ["Task", "Event"])
def test_an_activity_tells_its_person_and_what_it_is_about(org: Org, object: str) -> None:
    assert org.connector.traits.people_per_activity == 1
    id = org.sim.create(object, {**NEEDED[object], "WhoId": org.people[0], "WhatId": org.deal})
    bare = org.sim.create(object, NEEDED[object])
    seen = org.pull(object)
    assert seen[id].links == (ref(org.people[0]), ref(org.deal)) == org.one(object, id).links
    assert seen[bare].links == ()
    assert org.connector.links(object, [id, bare, "no-id"]) == {id: seen[id].links, bare: (), "no-id": ()}
    _, calls = org.spent(lambda: org.pull(object, org.cursor))
    assert calls == 1
    org.sim.edit(object, id, {"WhoId": org.people[1]})
    moved = org.pull(object, org.cursor)[id]
    assert moved.links == (ref(org.people[1]), ref(org.deal))
    assert moved.digest != seen[id].digest


def test_contacts_and_opportunities_tell_their_account_and_roles(org: Org) -> None:
    assert org.pull("Contact")[org.people[0]].links == (ref(org.account),)
    assert org.pull("Opportunity")[org.deal].links is None, "its contacts are rows of their own"
    assert org.connector.links("Opportunity", [org.deal]) == {org.deal: (ref(org.account),)}
    assert org.pull("Lead")[org.lead].links is None
    for person, primary in ((org.people[0], False), (org.people[1], True)):
        org.sim.create("OpportunityContactRole", {"OpportunityId": org.deal, "ContactId": person, "IsPrimary": primary})
    told, calls = org.spent(lambda: org.connector.links("Opportunity", [org.deal]))
    assert (told[org.deal], calls) == ((ref(org.people[1]), ref(org.people[0]), ref(org.account)), 2), "the primary role first"
    assert org.connector.links("Contact", org.people[:1]) == {org.people[0]: (ref(org.account),)}
    assert org.connector.links("Account", [org.account]) == {org.account: ()}


@pytest.mark.parametrize("object", ["Task", "Event"])
def test_archived_activities_are_not_taken_for_deleted(org: Org, object: str) -> None:
    old = org.sim.create(object, {"Subject": "old", "ActivityDate": "2024-01-02", **({"IsAllDayEvent": True} if object == "Event" else {})})
    done = {"Status": "Completed"} if object == "Task" else {}
    org.sim.edit(object, old, {"Subject": "older", **done})
    gone = org.sim.create(object, NEEDED[object])
    org.pull(object)
    assert org.sim.archive_activities("2025-06-01") == 1
    org.sim.delete(object, gone)
    assert set(org.connector.live_ids(object)) == {old}
    assert org.one(object, old).state is RecordState.LIVE
    assert org.one(object, gone).state is RecordState.DELETED
    later = org.pull(object, org.cursor)
    assert later[gone].state is RecordState.DELETED
    assert old not in later or later[old].state is RecordState.LIVE
    assert org.connector.links(object, [old]) == {old: ()}


def test_activities_deleted_for_good_come_from_the_delete_log(connect: Callable[..., Any]) -> None:
    moment = [datetime(2026, 6, 1, 12, 0, tzinfo=UTC)]
    with Simulator(clock=lambda: moment[0]) as sim:
        org = Org(sim, connect(sim))
        id = sim.create("Task", NEEDED["Task"])
        org.pull("Task")
        moment[0] += timedelta(minutes=5)
        sim.delete("Task", id)
        sim.purge("Task", id)
        moment[0] += timedelta(hours=3)
        assert org.pull("Task", org.cursor)[id].state is RecordState.DELETED
        assert org.connector.fetch("Task", [id], ("Subject",)) == [], "an emptied recycle bin is no privacy deletion"


def test_many_tasks_are_loaded_by_a_bulk_job_with_their_people(org: Org, connect: Callable[..., Any]) -> None:
    ids = org.sim.create_many("Task", [{"Subject": f"t{n}", "WhoId": org.people[n % 3], "Status": "Completed"} for n in range(2_500)])
    bulk = Org.__new__(Org)
    bulk.sim, bulk.connector = org.sim, connect(org.sim, bulk_read_from="2000")
    bulk.connector.identity()
    seen, calls = bulk.spent(lambda: bulk.pull("Task"))
    assert set(seen) == set(ids)
    assert {r.links for r in seen.values()} == {(ref(p),) for p in org.people}
    assert calls <= 8, "describes, one page, a job, its state and its results"


def test_a_recorded_opportunity_parses(recorded: Callable[[str], bytes]) -> None:
    rows = json.loads(recorded("amp-labs-connectors/salesforce/test/read-opportunity-with-account.json"))["records"]
    stamps = {"SystemModstamp": "2026-05-01T07:25:37.000+0000", "CreatedDate": "2026-05-01T07:25:37.000+0000", "IsDeleted": False}
    account = rows[0].get("AccountId") or rows[0]["Account"]["Id"]
    (record, *_) = wire.Decoder("Opportunity", ("Name", "Amount"), me=None).records([{**r, **stamps, "AccountId": account} for r in rows])
    assert record.links is None
    assert record.fields["Name"] == rows[0]["Name"]


# --- writing ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", ["Task", "Event", "Account", "Opportunity"])
def test_a_create_is_carried_out_once_by_its_key(org: Org, object: str) -> None:
    before = set(org.connector.live_ids(object))
    extra = {"TaskSubtype": "Call"} if object == "Task" else {}
    outcomes = [org.write(Action.CREATE, object, fields={**NEEDED[object], **extra}, key="k1") for _ in range(2)]
    assert [o.kind for o in outcomes] == [DONE, DONE]
    assert outcomes[0].id == outcomes[1].id
    (found,) = org.connector.find(object, "crmsync_key__c", ["k1"], ("crmsync_key__c",))
    assert found.ref.id == outcomes[0].id
    assert set(org.connector.live_ids(object)) - before == {found.ref.id}
    schema = org.connector.schema([object])[object]
    assert schema.fields["crmsync_key__c"].unique
    subtype = schema.fields.get("TaskSubtype")
    assert subtype is None or (subtype.createable, subtype.updateable) == (True, False)
    assert org.write(Action.DELETE, object, id=found.ref.id).kind is DONE
    assert org.one(object, found.ref.id).state is RecordState.DELETED


def test_who_and_what_come_from_what_it_is_about(org: Org) -> None:
    other = Ref(side="hubspot", object="contacts", id="1")
    id, calls = org.spent(lambda: org.create("Task", other, ref(org.people[1]), ref(org.people[0]), ref(org.deal), ref(org.account)))
    assert calls <= 2, "the create, and one look whether activities are shared"
    assert org.one("Task", id).links == (ref(org.people[1]), ref(org.deal))
    of_lead = org.create("Event", ref(org.lead), ref(org.account), EndDateTime=None)
    assert org.one("Event", of_lead).links == (ref(org.lead),), "a lead together with a What is refused: the What is left out"
    assert org.sim.get("Event", of_lead)["EndDateTime"] == org.sim.get("Event", of_lead)["StartDateTime"]


def test_an_update_of_links_changes_them_and_nothing_else(org: Org) -> None:
    id = org.create("Task", ref(org.people[0]), ref(org.account))
    org.pull("Task")
    outcome, calls = org.spent(lambda: org.update("Task", id, ref(org.people[1])))
    assert (outcome.kind, calls) == (DONE, 1)
    assert org.one("Task", id).links == (ref(org.people[1]), ref(org.account))
    outcome, calls = org.spent(lambda: org.update("Task", id, unlink=(ref(org.people[0]),)))
    assert (outcome.kind, calls) == (DONE, 1), "somebody else is linked by now: nothing is taken away"
    assert org.one("Task", id).links == (ref(org.people[1]), ref(org.account))
    outcome, calls = org.spent(lambda: org.update("Task", id, unlink=(ref(org.people[1]), ref(org.account)), Subject="y"))
    assert (outcome.kind, calls) == (DONE, 2)
    assert org.one("Task", id).links == ()
    assert org.one("Task", id).fields["Subject"] == "y"


def test_a_lead_takes_the_what_away(org: Org) -> None:
    id = org.create("Task", ref(org.people[0]), ref(org.account))
    assert org.update("Task", id, ref(org.lead)).kind is DONE
    assert org.one("Task", id).links == (ref(org.lead),)
    assert org.update("Task", id, ref(org.account)).kind is DONE
    assert org.one("Task", id).links == (ref(org.lead),)


def test_links_to_records_that_are_gone_are_refused_not_the_activity(org: Org) -> None:
    id = org.create("Task", ref(org.people[0]))
    converted = org.sim.create("Lead", {"LastName": "V", "Company": "Acme"})
    org.sim.convert(converted)
    org.sim.delete("Contact", org.people[2])
    for target in (converted, org.people[2]):
        created = org.write(Action.CREATE, "Task", fields=NEEDED["Task"], about=(ref(target),))
        assert (created.kind, created.id) == (REJECTED, None), created
        assert created.cause
        assert org.update("Task", id, ref(target)).kind is REJECTED
    org.sim.delete("Task", id)
    assert org.update("Task", id, ref(org.people[0])).kind is OutcomeKind.GONE


def test_contact_roles_of_an_opportunity_are_kept(org: Org) -> None:
    id = org.create("Opportunity", ref(org.people[0]), ref(org.people[1]), ref(org.account))
    assert org.connector.links("Opportunity", [id])[id] == (ref(org.people[0]), ref(org.people[1]), ref(org.account))
    assert org.update("Opportunity", id, ref(org.people[0]), ref(org.people[2]), unlink=(ref(org.people[1]),)).kind is DONE
    told = org.connector.links("Opportunity", [id])[id]
    assert (told[0], set(told)) == (ref(org.people[0]), {ref(org.people[0]), ref(org.people[2]), ref(org.account)})
    roles = [r for r in org.sim.all("OpportunityContactRole") if r["OpportunityId"] == id]
    assert sorted(bool(r["IsPrimary"]) for r in roles) == [False, True]


def test_a_reminder_is_switched_with_its_time() -> None:
    def of(object: str = "Task", action: Action = Action.UPDATE, **fields: Any) -> Write:
        return completed(Write(write_id="w", action=action, object=object, id="00T", fields=fields))

    assert of(ReminderDateTime=START).fields == {"ReminderDateTime": START, "IsReminderSet": True}
    assert of(ReminderDateTime=None).fields == {"ReminderDateTime": None, "IsReminderSet": False}
    assert of(ReminderDateTime=START, IsReminderSet=False).fields["IsReminderSet"] is False
    assert of(object="Lead", LastName="x").fields == {"LastName": "x"}
    made = of(object="Event", action=Action.CREATE, StartDateTime=START, DurationInMinutes=30)
    assert "EndDateTime" not in made.fields
    assert "EndDateTime" not in of(object="Event", action=Action.CREATE, StartDateTime=START, IsAllDayEvent=True).fields
    assert "EndDateTime" not in of(object="Event", StartDateTime=START).fields


def test_what_fields_name_themselves_stands() -> None:
    contact, lead, account = ref("003000000000001AAA"), ref("00Q000000000001EAA"), ref("001000000000001AAA")

    def of(*about: Ref, fields: dict[str, Any], unlink: tuple[Ref, ...] = ()) -> Any:
        write = Write(write_id="w", action=Action.CREATE, object="Task", fields=fields, about=about, unlink=unlink)
        return with_references(write, shared=False, now=None).fields

    assert of(contact, account, fields={"WhoId": lead.id}) == {"WhoId": lead.id}, "the given person is a lead: no What"
    assert of(contact, account, fields={"WhatId": None}) == {"WhoId": contact.id, "WhatId": None}
    assert of(account, contact, lead, fields={}) == {"WhoId": contact.id, "WhatId": account.id}


# --- shared activities --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", ["Task", "Event"])
def test_shared_activities_have_many_people(shared: Org, object: str) -> None:
    people = tuple(map(ref, shared.people))
    id = shared.create(object, *people, ref(shared.account))
    assert shared.connector.traits.people_per_activity == 50
    assert shared.pull(object)[id].links is None is shared.one(object, id).links, "the record itself tells only one of them"
    bare = shared.create(object)
    told, calls = shared.spent(lambda: shared.connector.links(object, [id, bare]))
    assert calls == 2
    assert (told[id][0], set(told[id]), told[bare]) == (people[0], {*people, ref(shared.account)}, ())


@pytest.mark.parametrize("object", ["Task", "Event"])
def test_people_of_shared_activities_come_and_go(shared: Org, object: str) -> None:
    a, b, c = map(ref, shared.people)
    id = shared.create(object, a, ref(shared.account))
    assert shared.update(object, id, b, c).kind is DONE
    assert shared.connector.links(object, [id])[id][0] == a, "the main person stays while it is linked"
    assert set(shared.connector.links(object, [id])[id]) == {a, b, c, ref(shared.account)}
    assert shared.update(object, id, unlink=(b,)).kind is DONE
    assert set(shared.connector.links(object, [id])[id]) == {a, c, ref(shared.account)}
    assert shared.update(object, id, unlink=(a,), Subject="y").kind is DONE
    assert shared.connector.links(object, [id])[id] == (c, ref(shared.account)), "another one is the main person now"
    assert shared.update(object, id, unlink=(c,)).kind is DONE
    assert shared.connector.links(object, [id])[id] == (ref(shared.account),)


def test_a_lead_is_alone_on_a_shared_activity(shared: Org) -> None:
    id = shared.create("Task", ref(shared.lead), ref(shared.people[0]), ref(shared.account))
    assert shared.connector.links("Task", [id])[id] == (ref(shared.lead),)
    mixed = shared.create("Task", ref(shared.people[0]), ref(shared.lead), ref(shared.people[1]))
    assert shared.connector.links("Task", [mixed])[mixed] == (ref(shared.people[0]), ref(shared.people[1]))


def test_a_link_that_fails_is_told_and_the_record_stands(shared: Org) -> None:
    a, b, _ = map(ref, shared.people)
    shared.connector.links("Task", [])
    shared.sim.delete("Contact", shared.people[1])
    outcome = shared.write(Action.CREATE, "Task", fields=NEEDED["Task"], about=(a, b))
    assert (outcome.kind, bool(outcome.message)) == (DONE, True)
    assert shared.update("Task", str(outcome.id), b).kind is REJECTED
    assert shared.connector.links("Task", [str(outcome.id)])[str(outcome.id)] == (a,)
