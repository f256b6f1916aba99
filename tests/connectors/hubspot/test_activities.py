"""Activities, companies and deals: whom they belong to, read and written in as few calls as there can be; a simulated portal over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.conftest import Script
from connectors.hubspot.replies import reply
from crmsync.connect.protocol import Connector
from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Record, RecordState, Ref
from crmsync_hubspot import connect
from crmsync_hubspot.associate import TYPES, Associating
from crmsync_hubspot.client import Client
from crmsync_hubspot.links import ACTIVITIES, Links, embedded, target_of
from crmsync_hubspot.sim import Simulator

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded" / "amp-labs-connectors" / "hubspot"
KEY = [f for f in OWN_FIELDS if f.name == "crmsync_key"]
DUE = "2026-06-03T09:00:00.000Z"
NEEDED = {
    "companies": {"name": "F"},
    "deals": {"dealname": "D"},
    "emails": {"hs_timestamp": DUE, "hs_email_direction": "EMAIL"},
}
TEXT = {
    "tasks": "hs_task_subject",
    "calls": "hs_call_title",
    "emails": "hs_email_subject",
    "meetings": "hs_meeting_title",
    "notes": "hs_note_body",
}


class Portal:
    """A portal, its connector, one clock for both, and three people, two companies and a deal."""

    def __init__(self, **options: Any) -> None:
        self.now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
        self.sim = Simulator(clock=lambda: self.now, **options).start()
        prefix = "CRMSYNC_HUBSPOT__"
        env = {k.removeprefix(prefix).lower(): v for k, v in self.sim.environment().items() if k.startswith(prefix)}
        self.hub: Connector = connect({**env, "search_per_second": "0"}, sleep=self.sleep, clock=lambda: self.now)
        self.people = [self.sim.create("contacts", {"email": f"p{n}@acme.example"}) for n in range(3)]
        self.firms = [self.sim.create("companies", {"name": f"Firm {n}"}) for n in range(2)]
        self.deal = self.sim.create("deals", {"dealname": "Big"})
        self.count = 0

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def activity(self, object: str, *about: Ref, **fields: str) -> str:
        id = self.sim.create(object, {"hs_timestamp": DUE, TEXT[object]: "x", **fields})
        for ref in about:
            self.sim.associate(object, id, ref.object, ref.id)
        return id

    def write(self, action: Action, object: str, **more: Any) -> Outcome:
        self.count += 1
        (outcome,) = self.hub.write([Write(write_id=f"w{self.count}", action=action, object=object, **more)])
        return outcome

    def spent(self, work: Callable[[], Any]) -> tuple[Any, int]:
        before = self.sim.api_calls()
        told = work()
        return told, self.sim.api_calls() - before

    def pull(self, object: str, cursor: Any) -> tuple[dict[str, Record], Any]:
        pages = list(self.hub.pull(object, ("hs_timestamp", TEXT.get(object, "name")), cursor, self.now))
        return {r.ref.id: r for page in pages for r in page.records}, pages[-1].cursor

    def close(self) -> None:
        self.hub.close()
        self.sim.stop()


@pytest.fixture
def make() -> Iterator[Callable[..., Portal]]:
    made: list[Portal] = []

    def portal(**options: Any) -> Portal:
        made.append(Portal(**options))
        return made[-1]

    yield portal
    for one in made:
        one.close()


@pytest.fixture
def portal(make: Callable[..., Portal]) -> Portal:
    return make()


def contact(id: str) -> Ref:
    return Ref(side="hubspot", object="contacts", id=id)


def company(id: str) -> Ref:
    return Ref(side="hubspot", object="companies", id=id)


def deal(id: str) -> Ref:
    return Ref(side="hubspot", object="deals", id=id)


# --- whom they belong to ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", ACTIVITIES)
def test_an_activity_tells_its_people_companies_and_deals(portal: Portal, object: str) -> None:
    refs = (contact(portal.people[0]), contact(portal.people[2]), company(portal.firms[0]), deal(portal.deal))
    first, bare = portal.activity(object, *reversed(refs)), portal.activity(object)
    told, calls = portal.spent(lambda: portal.hub.links(object, [first, bare]))
    assert (set(told[first]), told[bare], calls) == (set(refs), (), 2)
    assert [r.object for r in told[first]] == ["contacts", "contacts", "companies", "deals"], "persons first"
    more = [portal.activity(object, refs[0]) for _ in range(3)]
    many, calls = portal.spent(lambda: portal.hub.links(object, [first, bare, *more]))
    assert calls == 3, "one call per kind of target, however many records"
    assert many == {first: told[first], bare: (), **dict.fromkeys(more, (refs[0],))}


def test_the_primary_company_of_a_deal_comes_first(portal: Portal) -> None:
    for firm in reversed(portal.firms):
        portal.sim.associate("deals", portal.deal, "companies", firm)
    portal.sim.associate("deals", portal.deal, "contacts", portal.people[1])
    expected = (contact(portal.people[1]), company(portal.firms[1]), company(portal.firms[0]))
    told, calls = portal.spent(lambda: portal.hub.links("deals", [portal.deal]))
    assert (told, calls) == ({portal.deal: expected}, 1)
    other = portal.sim.create("deals", {"dealname": "Small"})
    told, calls = portal.spent(lambda: portal.hub.links("deals", [portal.deal, other]))
    assert (told, calls) == ({portal.deal: expected, other: ()}, 2)


def test_ids_that_are_none_belong_to_nobody(portal: Portal) -> None:
    told, calls = portal.spent(lambda: portal.hub.links("tasks", ["no-id", "99"]))
    assert (told, calls) == ({"no-id": (), "99": ()}, 1)
    assert portal.hub.links("tasks", []) == {}
    assert portal.spent(lambda: portal.hub.links("companies", portal.firms)) == (dict.fromkeys(portal.firms, ()), 0)


def test_long_lists_of_people_are_read_to_their_end(make: Callable[..., Portal]) -> None:
    portal = make(association_page=2)
    crowd = [contact(portal.sim.create("contacts", {"email": f"c{n}@acme.example"})) for n in range(7)]
    ids = [portal.activity("meetings", *crowd), portal.activity("meetings", *crowd[:3]), portal.activity("meetings")]
    for asked in (ids[:1], ids):
        told = portal.hub.links("meetings", asked)
        assert set(told[ids[0]]) == set(crowd)
    assert [len(told[i]) for i in ids] == [7, 3, 0]


def test_a_token_without_deals_still_tells_people(make: Callable[..., Portal]) -> None:
    wide = make()
    granted = [
        f"crm.{part}.{kind}.{right}" for part in ("objects", "schemas") for kind in ("contacts", "companies") for right in ("read", "write")
    ]
    portal = make(scopes=granted)
    refs = (contact(portal.people[0]), company(portal.firms[0]))
    task = portal.activity("tasks", *refs)
    assert portal.hub.links("tasks", [task])[task] == refs
    told, calls = portal.spent(lambda: portal.hub.links("tasks", [task]))
    assert (told[task], calls) == (refs, 1), "what we may not see is not asked for again"
    wide.sim.revoke_tokens()
    with pytest.raises(CredentialsError):
        wide.hub.links("tasks", ["1"])


def test_an_error_is_never_taken_for_no_association(script: Script, client: Client) -> None:
    broken = {"status": "error", "category": "INTERNAL_ERROR", "message": "try later", "context": {"fromObjectId": ["1"]}}
    script.answer = lambda request: reply(207, {"status": "COMPLETE", "results": [], "errors": [broken], "numErrors": 1})
    with pytest.raises(UnreachableError, match="not tell all"):
        Links(client).links("tasks", [str(n) for n in range(5)])


# --- recorded answers ---------------------------------------------------------------------------------------------------------------


def recorded(name: str) -> Any:
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"recorded payloads are not at ../shared/recorded ({name})")
    return json.loads(path.read_text())


def test_the_recorded_batch_read_parses(script: Script, client: Client) -> None:
    said = recorded("test/search/contacts/contacts-to-companies.json")
    script.answer = lambda request: reply(207, said)
    lonely = said["errors"][0]["context"]["fromObjectId"][0]
    told = Links(client).links("contacts", ["501", lonely, "7"])
    rows = {row["from"]["id"]: row["to"] for row in said["results"]}
    assert told["501"] == tuple(company(str(to["toObjectId"])) for to in rows["501"])
    assert told[lonely] == ()
    assert target_of(rows["501"][0]) == (str(rows["501"][0]["toObjectId"]), True), "the primary company is told by its label"


def test_the_recorded_batch_create_is_done(script: Script, client: Client) -> None:
    said = recorded("internal/associations/test/contact-to-company-resp.json")
    script.answer = lambda request: reply(201, said)
    row = said["results"][0]
    writes = [
        Write(write_id="w", action=Action.UPDATE, object="contacts", id=str(row["fromObjectId"]), about=(company(str(row["toObjectId"])),))
    ]
    out = {"w": Outcome(write_id="w", kind=OutcomeKind.DONE)}
    Associating(client).carry("contacts", writes, out)
    assert out["w"].kind is OutcomeKind.DONE
    types = script.requests[0].body["inputs"][0]["types"]
    assert {t["associationTypeId"] for t in types} == {279, 1}, "a person's company is its primary one, which the property shows (F08)"
    assert {t["associationCategory"] for t in types} == {"HUBSPOT_DEFINED"}


def test_the_recorded_refusal_of_an_association_is_one(script: Script, client: Client) -> None:
    said = recorded("internal/associations/test/err-contact-to-contact.json")
    script.answer = lambda request: reply(207 if "errors" in said else 400, said)
    named = [str(v) for e in said.get("errors", ()) for values in (e.get("context") or {}).values() for v in values]
    id = next((v for v in named if v.isdigit()), "1")
    writes = [Write(write_id="w", action=Action.UPDATE, object="contacts", id=id, about=(company("2"),))]
    out = {"w": Outcome(write_id="w", kind=OutcomeKind.DONE, id=id)}
    Associating(client).carry("contacts", writes, out)
    assert out["w"].kind in (OutcomeKind.REJECTED, OutcomeKind.GONE)
    assert out["w"].cause


def test_inline_associations_tell_the_primary_company_both_ways() -> None:
    live = [
        {"id": "8", "type": "deal_to_company_unlabeled"},
        {"id": "9", "type": "deal_to_company"},
        {"id": "9", "type": "deal_to_company_unlabeled"},
    ]
    assert embedded(live) == ["9", "8"]
    assert embedded([{"id": "3", "type": "task_to_contact"}, {"id": "4", "type": "task_to_contact"}]) == ["3", "4"]


# --- polling ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", [*ACTIVITIES, "companies", "deals"])
def test_every_object_can_be_polled_found_listed_and_read(portal: Portal, object: str) -> None:
    portal.hub.provision(KEY, dry_run=False)
    fields = NEEDED.get(object, {"hs_timestamp": DUE})
    outcome = portal.write(Action.CREATE, object, fields=fields, key="k1")
    assert outcome.kind is OutcomeKind.DONE, outcome
    again = portal.write(Action.CREATE, object, fields=fields, key="k1")
    assert (again.kind, again.existing_id) == (OutcomeKind.EXISTS, outcome.id)
    id = str(outcome.id)
    portal.sleep(30)
    seen, cursor = portal.pull(object, None)
    assert seen[id].links is None, "HubSpot's records do not tell whom they belong to"
    (found,) = portal.hub.find(object, "crmsync_key", ["k1"], ("crmsync_key",))
    (fetched,) = portal.hub.fetch(object, [id], ("crmsync_key",))
    assert found.fields == fetched.fields == {"crmsync_key": "k1"}
    assert id in set(portal.hub.live_ids(object))
    assert [v.value for v in portal.hub.history(object, [id], ["crmsync_key"])] == ["k1"]
    assert portal.hub.schema([object])[object].fields["crmsync_key"].unique
    portal.sleep(3600)
    assert portal.write(Action.DELETE, object, id=id).kind is OutcomeKind.DONE
    portal.sleep(1000)
    seen, _ = portal.pull(object, cursor)
    assert seen[id].state is RecordState.DELETED
    assert portal.hub.fetch(object, [id], ())[0].state is RecordState.DELETED


@pytest.mark.parametrize(("object", "other"), [("tasks", "contacts"), ("notes", "deals"), ("deals", "companies")])
def test_a_change_of_associations_alone_changes_the_digest(portal: Portal, object: str, other: str) -> None:
    id = portal.deal if object == "deals" else portal.activity(object)
    portal.sleep(30)
    before, cursor = portal.pull(object, None)
    portal.sleep(60)
    assert portal.pull(object, cursor)[0].get(id, before[id]).digest == before[id].digest
    to = {"contacts": portal.people[0], "companies": portal.firms[0], "deals": portal.deal}[other]
    portal.sim.associate(object, id, other, to)
    portal.sleep(30)
    after, _ = portal.pull(object, cursor)
    assert after[id].digest != before[id].digest, "F08"


def test_a_new_stamp_alone_changes_no_contact(portal: Portal) -> None:
    fields = ("email",)
    portal.sleep(30)
    before = {r.ref.id: r.digest for page in portal.hub.pull("contacts", fields, None, portal.now) for r in page.records}
    portal.activity("notes", contact(portal.people[0]))
    portal.sleep(60)
    after = {r.ref.id: r for page in portal.hub.pull("contacts", fields, None, portal.now) for r in page.records}
    assert after[portal.people[0]].modified_at > portal.now - timedelta(seconds=120)
    assert after[portal.people[0]].digest == before[portal.people[0]]


def test_values_come_and_go_as_canonical_ones(portal: Portal) -> None:
    fields = {
        "hs_timestamp": DUE, "hs_call_duration": 61_000, "hs_call_direction": "OUTBOUND", "hs_call_body": "<p>Hi</p>",
        "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    }  # fmt: skip
    outcome = portal.write(Action.CREATE, "calls", fields=fields)
    (told,) = portal.hub.fetch("calls", [str(outcome.id)], tuple(fields))
    assert dict(told.fields) == fields == dict(outcome.shown or {})
    schema = portal.hub.schema(["calls", "meetings", "deals"])
    kinds = {n: f.type for s in schema.values() for n, f in s.fields.items()}
    assert [kinds[n] for n in ("hs_timestamp", "hs_call_duration", "hs_call_disposition", "hs_meeting_start_time", "amount", "dealstage")] == [
        "datetime", "number", "picklist", "datetime", "number", "picklist",
    ]  # fmt: skip
    assert schema["calls"].fields["hs_timestamp"].required
    assert portal.hub.schema(["emails"])["emails"].fields["hs_email_direction"].required


def test_merged_companies_and_deals_lead_to_their_survivor(portal: Portal) -> None:
    portal.sleep(30)
    _, cursor = portal.pull("companies", None)
    portal.sleep(60)
    survivor = portal.sim.merge("companies", portal.firms[0], [portal.firms[1]])
    portal.sleep(30)
    seen, _ = portal.pull("companies", cursor)
    assert portal.firms[1] in seen[survivor].former_ids
    told = {r.ref.id: r for r in portal.hub.fetch("companies", portal.firms, ("name",))}
    assert (told[portal.firms[1]].state, told[portal.firms[1]].survivor) == (RecordState.MERGED, company(survivor))
    outcome = portal.write(Action.UPDATE, "companies", id=portal.firms[1], fields={"name": "New"})
    assert (outcome.kind, outcome.existing_id) == (OutcomeKind.GONE, survivor)


# --- writing ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object", ACTIVITIES)
def test_a_create_brings_its_associations_along(portal: Portal, object: str) -> None:
    refs = (contact(portal.people[1]), contact(portal.people[0]), company(portal.firms[0]), deal(portal.deal))
    write = {"fields": NEEDED.get(object, {"hs_timestamp": DUE}), "about": (*refs, Ref(side="other", object="contacts", id="1"))}
    portal.hub.schema([object])
    outcome, calls = portal.spent(lambda: portal.write(Action.CREATE, object, **write))
    assert (outcome.kind, calls) == (OutcomeKind.DONE, 1)
    assert set(portal.hub.links(object, [str(outcome.id)])[str(outcome.id)]) == set(refs)


def test_the_first_company_of_a_new_deal_is_its_primary_one(portal: Portal) -> None:
    about = (contact(portal.people[0]), company(portal.firms[1]), company(portal.firms[0]))
    outcome = portal.write(Action.CREATE, "deals", fields={"dealname": "D"}, about=about)
    assert portal.hub.links("deals", [str(outcome.id)])[str(outcome.id)] == about


def test_updates_make_and_end_associations(portal: Portal) -> None:
    a, b, c = map(contact, portal.people)
    task = portal.activity("tasks", a, b)
    portal.hub.schema(["tasks"])
    outcome, calls = portal.spent(
        lambda: portal.write(Action.UPDATE, "tasks", id=task, fields={"hs_task_subject": "y"}, about=(c, deal(portal.deal)), unlink=(a,))
    )
    assert (outcome.kind, calls) == (OutcomeKind.DONE, 4), "the property, one per new target, one for the end"
    assert outcome.shown == {"hs_task_subject": "y"}
    assert set(portal.hub.links("tasks", [task])[task]) == {b, c, deal(portal.deal)}
    alone, calls = portal.spent(lambda: portal.write(Action.UPDATE, "tasks", id=task, unlink=(b,)))
    assert (alone.kind, alone.id, calls) == (OutcomeKind.DONE, task, 1), "links alone cost no write of properties"
    assert set(portal.hub.links("tasks", [task])[task]) == {c, deal(portal.deal)}
    again, calls = portal.spent(lambda: portal.write(Action.UPDATE, "tasks", id=task, unlink=(b,), about=(c,)))
    assert (again.kind, calls) == (OutcomeKind.DONE, 2), "twice is the same as once"


def test_links_of_many_records_go_in_few_calls(portal: Portal) -> None:
    tasks = portal.sim.create_many("tasks", [{"hs_timestamp": DUE} for _ in range(1100)])
    writes = [Write(write_id=f"w{i}", action=Action.UPDATE, object="tasks", id=str(i), about=(contact(portal.people[0]),)) for i in tasks]
    outcomes, calls = portal.spent(lambda: portal.hub.write(writes))
    assert ({o.kind for o in outcomes}, calls) == ({OutcomeKind.DONE}, 2)
    told, calls = portal.spent(lambda: portal.hub.links("tasks", [str(i) for i in tasks]))
    assert (set(told.values()), calls) == ({(contact(portal.people[0]),)}, 6)


def test_one_bad_association_costs_only_its_own_write(portal: Portal) -> None:
    tasks = [portal.activity("tasks") for _ in range(3)]
    gone = contact("424242")
    writes = [
        Write(write_id=f"w{n}", action=Action.UPDATE, object="tasks", id=id, about=(gone if n == 1 else contact(portal.people[0]),))
        for n, id in enumerate(tasks)
    ]
    missing = Write(write_id="w9", action=Action.UPDATE, object="tasks", id="515151", about=(contact(portal.people[0]),))
    outcomes = portal.hub.write([*writes, missing])
    assert [o.kind for o in outcomes] == [OutcomeKind.DONE, OutcomeKind.REJECTED, OutcomeKind.DONE, OutcomeKind.GONE]
    assert "424242" in outcomes[1].message
    assert portal.hub.links("tasks", tasks)[tasks[2]] == (contact(portal.people[0]),)


def test_trouble_with_associations_is_told_per_write(portal: Portal) -> None:
    task = portal.activity("tasks")
    portal.hub.schema(["tasks"])
    portal.sim.faults.add({"do": "status", "status": 503, "body": "x", "times": 100, "path": "associations"})
    outcome = portal.write(Action.UPDATE, "tasks", id=task, fields={"hs_task_subject": "y"}, about=(contact(portal.people[0]),))
    assert outcome.kind in (OutcomeKind.RETRY, OutcomeKind.UNKNOWN)
    assert portal.sim.get("tasks", task)["hs_task_subject"] == "y"
    portal.sim.faults.clear()
    again = portal.write(Action.UPDATE, "tasks", id=task, fields={"hs_task_subject": "y"}, about=(contact(portal.people[0]),))
    assert again.kind is OutcomeKind.DONE


def test_every_pair_of_types_is_one_that_hubspot_defines(portal: Portal) -> None:
    targets = {"contacts": portal.people[0], "companies": portal.firms[0], "deals": portal.deal}
    for (object, target), type_id in TYPES.items():
        id = portal.activity(object) if object in ACTIVITIES else {**targets, "contacts": portal.people[1]}[object]
        outcome = portal.write(Action.UPDATE, object, id=id, about=(Ref(side="hubspot", object=target, id=targets[target]),))
        assert outcome.kind is OutcomeKind.DONE, (object, target, type_id, outcome)
        assert targets[target] in portal.sim.associated(object, id, target)


# --- privacy ------------------------------------------------------------------------------------------------------------------------


def test_a_privacy_deletion_is_told_apart_from_an_archived_contact(portal: Portal) -> None:
    erased, archived, live = portal.people
    portal.sim.forget("contacts", erased)
    portal.sim.delete("contacts", archived)
    told = {r.ref.id: r for r in portal.hub.fetch("contacts", [erased, archived, live, "no-id"], ("email",))}
    assert {id: r.state for id, r in told.items()} == {
        erased: RecordState.PURGED, archived: RecordState.DELETED, live: RecordState.LIVE,
    }  # fmt: skip
    assert dict(told[erased].fields) == {}
    assert portal.hub.fetch("tasks", ["424242"], ()) == [], "only contacts can be erased so"


def test_provision_without_the_scope_of_deals_goes_on(make: Callable[..., Portal]) -> None:
    rights = ("read", "write")
    portal = make(
        scopes=[f"crm.{part}.{kind}.{r}" for part in ("objects", "schemas") for kind in ("contacts", "companies") for r in rights]
    )
    findings = portal.hub.provision(KEY, dry_run=False)
    assert {f.level for f in findings if f.subject.startswith(("contacts", "tasks", "companies"))} == {"done"}
    (warning,) = [f for f in findings if f.subject.startswith("deals")]
    assert (warning.level, "scopes of deals" in warning.fix) == ("warning", True)


def test_what_came_in_is_read_without_the_bodies_that_were_sent(portal: Portal) -> None:
    hub, sim = portal.hub, portal.sim
    texts = {"INCOMING_EMAIL": "1\n\n> " + "x" * 9_000, "EMAIL": "our own words", "FORWARDED_EMAIL": "somebody's words"}
    ids = {
        way: sim.create("emails", {"hs_timestamp": DUE, "hs_email_direction": way, "hs_email_text": text}) for way, text in texts.items()
    }
    bare = sim.create("emails", {"hs_timestamp": DUE, "hs_email_direction": "INCOMING_EMAIL"})
    portal.sleep(60)
    wanted = ["hs_email_subject", "incoming_text"]
    told = {r.ref.id: r.fields for page in hub.pull("emails", wanted, None, portal.now) for r in page.records}
    fetched = {r.ref.id: r.fields for r in hub.fetch("emails", [*ids.values(), bare], wanted)}
    for seen in (told, fetched):
        assert seen[ids["INCOMING_EMAIL"]]["incoming_text"] == "1\n\n> " + "x" * 3_995
        assert [seen[id]["incoming_text"] for id in (ids["EMAIL"], ids["FORWARDED_EMAIL"], bare)] == [None] * 3
        assert set(seen[bare]) == set(wanted), "and nothing that was not asked for"
    made = hub.schema(["emails"])["emails"].fields["incoming_text"]
    assert (made.type, made.length, made.createable, made.updateable) == ("text", 4_000, False, False)
    assert "incoming_text" not in hub.schema(["calls"])["calls"].fields
