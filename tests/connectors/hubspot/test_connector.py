"""The whole connector against the simulated HubSpot over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmsync.connect.protocol import Connector
from crmsync.errors import CredentialsError, QuotaError
from crmsync.model.change import Action, OutcomeKind, TaskDraft, Write
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Record, RecordState, Ref
from crmsync_hubspot import connect
from crmsync_hubspot.client import Client
from crmsync_hubspot.connector import HubSpotConnector
from crmsync_hubspot.settings import parse
from crmsync_hubspot.sim import Simulator

FIELDS = ("email", "firstname", "lifecyclestage", "hs_email_optout", "crmsync_key", "crmsync_score")


class Time:
    """The engine's and the simulator's clock at once; sleeping moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class Portal:
    def __init__(self, sim: Any, time: Time, **more: str) -> None:
        self.sim, self.time = sim, time
        prefix = "CRMSYNC_HUBSPOT__"
        options = {k.removeprefix(prefix).lower(): v for k, v in sim.environment().items() if k.startswith(prefix)}
        self.hub: Connector = connect({**options, "search_per_second": "0", **more}, sleep=time.sleep, clock=time)
        self.cursor: Any = None
        self.count = 0

    def pull(self, object: str = "contacts", fields: tuple[str, ...] = FIELDS) -> list[Record]:
        out: list[Record] = []
        for page in self.hub.pull(object, fields, self.cursor, self.time()):
            out += page.records
            self.cursor = page.cursor
        return out

    def people(self, count: int) -> list[str]:
        ids = self.sim.create_many("contacts", [{"email": f"p{n}@acme.example", "firstname": f"N{n}"} for n in range(count)])
        return [str(i) for i in ids]

    def _write(self, action: Action, object: str, id: str | None, key: str | None, fields: dict[str, Any]) -> Any:
        self.count += 1
        write = Write(write_id=f"w{self.count}", action=action, object=object, id=id, key=key, fields=fields)
        return self.hub.write([write])[0]

    def create(self, key: str, **fields: Any) -> Any:
        return self._write(Action.CREATE, "contacts", None, key, fields)

    def update(self, id: str, **fields: Any) -> Any:
        return self._write(Action.UPDATE, "contacts", id, None, fields)


@pytest.fixture
def portal() -> Iterator[Portal]:
    time = Time()
    with Simulator(clock=time) as sim:
        made = Portal(sim, time)
        yield made
        made.hub.close()


@pytest.fixture
def ready(portal: Portal) -> Portal:
    findings = portal.hub.provision(OWN_FIELDS, dry_run=False)
    assert {f.level for f in findings} == {"done"}
    return portal


def updates(ids: list[str], **fields: Any) -> list[Write]:
    return [Write(write_id=f"u{i}", action=Action.UPDATE, object="contacts", id=i, fields=fields) for i in ids]


# --- the account ------------------------------------------------------------------------------------------------------------------


def test_identity_and_calls(portal: Portal) -> None:
    who = portal.hub.identity()
    assert who.account.isdigit()
    assert "/" in who.time_zone
    assert portal.hub.calls() == 1 == portal.sim.api_calls()


def test_check_is_content_after_provision(ready: Portal) -> None:
    assert {f.level for f in ready.hub.check()} == {"info"}
    budget = ready.hub.budget()
    assert budget.limit
    assert budget.used == ready.sim.api_calls()


def test_check_names_what_may_not_be_written(ready: Portal) -> None:
    reads = [f"crm.objects.{name}.read" for name in ("contacts", "companies", "deals", "owners", "users")]
    reads += [f"crm.schemas.{name}.read" for name in ("contacts", "companies", "deals")] + ["forms", "content"]
    assert ready.hub.schema(["deals"])["deals"].lacks == {}, "not known before it is asked"
    ready.sim.options.change("scopes", [*reads, "crm.objects.contacts.write"])
    (said,) = [f for f in ready.hub.check() if f.level != "info"]
    assert (said.subject, said.level) == ("HubSpot: write opt-outs", "warning")
    assert "communication_preferences.read_write" in said.fix
    shown = ready.hub.schema(["contacts", "calls", "deals"])
    assert shown["contacts"].lacks == shown["calls"].lacks == {}
    add = "add the scope crm.objects.deals.write in the app's settings"
    assert shown["deals"].lacks == {"create": add, "update": add, "delete": add}
    ready.sim.options.change("scopes", [*reads, "communication_preferences.read_write"])
    assert {f.level for f in ready.hub.check()} == {"info"}
    assert set(ready.hub.schema(["calls"])["calls"].lacks) == {"create", "update", "delete"}
    # a token whose scopes are not told lacks nothing that is known
    ready.sim.faults.add({"path": "access-token-info", "do": "status", "status": 404, "times": None})
    ready.hub.check()
    assert ready.hub.schema(["calls"])["calls"].lacks == {}


def test_an_oauth_token_brings_its_scopes() -> None:
    time = Time()
    with Simulator(clock=time, auth="oauth", scopes=["crm.objects.contacts.read", "crm.schemas.contacts.read"]) as sim:
        hub = Portal(sim, time).hub
        hub.check()
        assert set(hub.schema(["contacts"])["contacts"].lacks) == {"create", "update", "delete"}
        assert not any("access-token-info" in call.path for call in sim.calls)
        hub.close()


def test_a_wrong_token_is_a_finding_and_an_error(portal: Portal) -> None:
    wrong = Portal(portal.sim, portal.time, access_token="pat-na1-wrong-secret")
    assert [f.level for f in wrong.hub.check()] == ["error"]
    with pytest.raises(CredentialsError) as caught:
        wrong.hub.users()
    assert "wrong-secret" not in str(caught.value)


def test_provision_is_idempotent_and_dry_first(portal: Portal) -> None:
    would = portal.hub.provision(OWN_FIELDS, dry_run=True)
    assert {f.level for f in would} == {"would"}
    done = portal.hub.provision(OWN_FIELDS, dry_run=False)
    assert [f.subject for f in done] == [f.subject for f in would]
    calls = portal.hub.calls()
    assert portal.hub.provision(OWN_FIELDS, dry_run=False) == []
    assert portal.hub.calls() == calls + 8, "one look per object"
    schema = portal.hub.schema(["contacts", "tasks"])
    assert schema["contacts"].fields["crmsync_key"].unique
    assert schema["contacts"].fields["crmsync_stage"].type == "picklist"
    assert schema["contacts"].fields["crmsync_score"].type == "number"
    assert schema["contacts"].fields["crmsync_stage_since"].type == "datetime"
    assert "crmsync_key" in schema["tasks"].fields


def test_users_are_owners(portal: Portal) -> None:
    portal.sim.seed(users=[{"email": "rep@acme.example", "first_name": "Rae", "last_name": "Rep"},
                           {"email": "old@acme.example", "first_name": "Old", "last_name": "Rep", "active": False}], people=[])  # fmt: skip
    users = {u.email: u for u in portal.hub.users()}
    assert users["rep@acme.example"].active
    assert users["rep@acme.example"].name == "Rae Rep"
    assert not users["old@acme.example"].active


# --- reading ------------------------------------------------------------------------------------------------------------------------


def test_first_pull_then_changes_then_quiet(ready: Portal) -> None:
    ids = ready.people(450)
    ready.time.sleep(3600)
    assert sorted(r.ref.id for r in ready.pull()) == sorted(ids)
    ready.time.sleep(60)
    ready.sim.edit("contacts", ids[7], {"firstname": "New"})
    ready.time.sleep(400)
    changed = ready.pull()
    assert [(r.ref.id, r.fields["firstname"]) for r in changed if r.ref.id == ids[7]] == [(ids[7], "New")]
    for _ in range(8):
        ready.time.sleep(60)
        ready.pull()
    before = ready.sim.api_calls()
    ready.time.sleep(60)
    assert ready.pull() == []
    assert ready.sim.api_calls() <= before + 2


def test_25000_records_with_one_stamp(ready: Portal) -> None:
    ids = ready.people(25_000)
    ready.time.sleep(3600)
    before = ready.hub.calls()
    found = [r.ref.id for r in ready.pull()]
    assert len(found) == 25_000
    assert set(found) == set(ids)
    assert ready.hub.calls() - before < 135
    assert all(call.status < 400 for call in ready.sim.calls if call.path.endswith("/search"))


def test_own_write_is_shown_at_once_and_by_the_poll_later(ready: Portal) -> None:
    outcome = ready.create("k1", email="Ann@Acme.example", crmsync_score=12.0)
    assert outcome.kind is OutcomeKind.DONE
    assert outcome.shown["email"] == "ann@acme.example"
    assert outcome.shown["crmsync_score"] == 12
    ready.time.sleep(3600)
    assert [r.fields["crmsync_key"] for r in ready.pull()] == ["k1"]


def test_archived_records_come_as_deleted(ready: Portal) -> None:
    ids = ready.people(3)
    ready.time.sleep(3600)
    ready.pull()
    ready.time.sleep(60)
    ready.sim.delete("contacts", ids[1])
    ready.time.sleep(901)
    gone = [r for r in ready.pull() if r.state is RecordState.DELETED]
    assert [r.ref.id for r in gone] == [ids[1]]
    assert ready.hub.fetch("contacts", [ids[1]], FIELDS)[0].state is RecordState.DELETED


def test_merged_records_point_to_their_survivor(ready: Portal) -> None:
    ids = ready.people(3)
    ready.time.sleep(3600)
    ready.pull()
    survivor = str(ready.sim.merge("contacts", ids[0], [ids[1]]))
    ready.time.sleep(600)
    pulled = {r.ref.id: r for r in ready.pull()}
    assert ids[1] in pulled[survivor].former_ids
    fetched = {r.ref.id: r for r in ready.hub.fetch("contacts", [ids[1], ids[2], "424242"], FIELDS)}
    assert fetched[ids[1]].state is RecordState.MERGED
    assert fetched[ids[1]].survivor == Ref(side="hubspot", object="contacts", id=survivor)
    assert fetched[survivor].state is RecordState.LIVE
    assert fetched[ids[2]].state is RecordState.LIVE
    assert fetched["424242"].state is RecordState.PURGED, "HubSpot keeps nothing at all of this id"
    outcome = ready.update(ids[1], firstname="Z")
    assert (outcome.kind, outcome.existing_id) == (OutcomeKind.GONE, survivor)


def test_find_by_email_and_key(ready: Portal) -> None:
    ready.create("k1", email="ann@acme.example")
    by_email = ready.hub.find("contacts", "email", ["ANN@acme.example", "nobody@acme.example"], FIELDS)
    by_key = ready.hub.find("contacts", "crmsync_key", ["k1", "k2"], FIELDS)
    assert [r.fields["email"] for r in by_email] == ["ann@acme.example"]
    assert by_email[0].ref == by_key[0].ref
    assert ready.hub.find("contacts", "no_such_property", ["x"], FIELDS) == []


def test_history_is_newest_first(ready: Portal) -> None:
    outcome = ready.create("k1", email="ann@acme.example", firstname="A")
    ready.time.sleep(10)
    ready.update(outcome.id, firstname="B")
    versions = ready.hub.history("contacts", [outcome.id], ["firstname"])
    assert [v.value for v in versions] == ["B", "A"]
    assert versions[0].at - versions[1].at == timedelta(seconds=10)
    assert all(v.source for v in versions)


def test_live_ids_are_a_consistent_listing(ready: Portal) -> None:
    ids = ready.people(250)
    ready.sim.delete("contacts", ids[3])
    before = ready.hub.calls()
    assert sorted(ready.hub.live_ids("contacts")) == sorted(set(ids) - {ids[3]})
    assert ready.hub.calls() == before + 3


# --- writing ------------------------------------------------------------------------------------------------------------------------


def test_a_repeated_create_finds_the_first(ready: Portal) -> None:
    first = ready.create("k1", email="ann@acme.example")
    by_email = ready.create("k2", email="ANN@acme.example")
    by_key = ready.create("k1", email="other@acme.example")
    assert (by_email.kind, by_email.existing_id) == (OutcomeKind.EXISTS, first.id)
    assert (by_key.kind, by_key.existing_id) == (OutcomeKind.EXISTS, first.id)


def test_a_create_whose_answer_is_lost_is_unknown_and_found_by_key(ready: Portal) -> None:
    ready.sim.faults.add({"method": "POST", "path": "contacts/batch/create", "times": 1, "do": "drop_after"})
    assert ready.create("k1", email="ann@acme.example").kind is OutcomeKind.UNKNOWN
    assert len(ready.hub.find("contacts", "crmsync_key", ["k1"], FIELDS)) == 1
    assert ready.create("k1", email="ann@acme.example").kind is OutcomeKind.EXISTS


@pytest.mark.parametrize("fault", [{"do": "drop_after"}, {"do": "drop_before"}, {"do": "truncate"}, {"do": "status", "status": 502},
                                   {"do": "status_after", "status": 504}])  # fmt: skip
def test_a_lost_update_is_carried_out_all_the_same(ready: Portal, fault: dict[str, Any]) -> None:
    outcome = ready.create("k1", email="ann@acme.example")
    ready.sim.faults.add({"method": "POST", "path": "contacts/batch/update", "times": 1, **fault})
    again = ready.update(outcome.id, firstname="B")
    assert again.kind is OutcomeKind.DONE
    assert again.shown["firstname"] == "B"
    assert ready.sim.get("contacts", outcome.id)["firstname"] == "B"


def test_99_of_100_pass(ready: Portal) -> None:
    ids = ready.people(100)
    writes = updates(ids, lifecyclestage="customer")
    writes[41] = Write(write_id="bad", action=Action.UPDATE, object="contacts", id=ids[41], fields={"lifecyclestage": "nonsense"})
    before = ready.hub.calls()
    outcomes = ready.hub.write(writes)
    assert [o.write_id for o in outcomes if o.kind is not OutcomeKind.DONE] == ["bad"]
    assert outcomes[41].fields == ("lifecyclestage",)
    assert ready.hub.calls() - before <= 4
    assert sum(c["lifecyclestage"] == "customer" for c in ready.sim.all("contacts")) == 99


def test_a_property_that_does_not_exist_is_named(ready: Portal) -> None:
    id = ready.people(1)[0]
    outcome = ready.update(id, no_such_property="x")
    assert (outcome.kind, outcome.cause, outcome.fields) == (OutcomeKind.REJECTED, "PROPERTY_DOESNT_EXIST", ("no_such_property",))


def test_a_stage_moves_backward_by_clearing_first(ready: Portal) -> None:
    id = ready.create("k1", email="ann@acme.example", lifecyclestage="customer").id
    outcome = ready.update(id, lifecyclestage="lead", firstname="B")
    assert outcome.shown["lifecyclestage"] == "lead"
    assert outcome.shown["firstname"] == "B"
    assert ready.sim.get("contacts", id)["lifecyclestage"] == "lead"


def test_a_stage_moves_backward_where_hubspot_refuses_it(ready: Portal) -> None:
    """L11: a portal that answers a move backwards with an error, alone and in a batch."""
    ids = [ready.create(f"k{n}", email=f"p{n}@acme.example", lifecyclestage="customer").id for n in range(3)]
    ready.sim.options.change("lifecycle_backward", "reject")
    writes = updates(ids[:2], lifecyclestage="lead", firstname="B")
    writes += updates(ids[2:], lifecyclestage="lead")
    outcomes = ready.hub.write(writes)
    assert [(o.kind, o.shown["lifecyclestage"]) for o in outcomes if o.shown] == [(OutcomeKind.DONE, "lead")] * 3
    shown = [ready.sim.get("contacts", id) for id in ids]
    assert [(c["lifecyclestage"], c.get("firstname")) for c in shown] == [("lead", "B"), ("lead", "B"), ("lead", None)]
    # a word that is none of its options stays refused, and nothing was cleared for it
    odd = ready.update(ids[0], lifecyclestage="nonsense", firstname="C")
    assert (odd.kind, odd.fields) == (OutcomeKind.REJECTED, ("lifecyclestage",))
    assert ready.sim.get("contacts", ids[0])["lifecyclestage"] == "lead"


def test_a_stage_left_empty_by_a_failure_is_told(ready: Portal) -> None:
    id = ready.create("k1", email="ann@acme.example", lifecyclestage="customer").id
    body = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
    path = "contacts/batch/update"
    ready.sim.faults.add({"method": "POST", "path": path, "after": 2, "times": 1, "do": "status", "status": 429, "body": body})
    outcome = ready.update(id, lifecyclestage="lead", firstname="B")
    assert outcome.kind is OutcomeKind.DONE
    assert outcome.shown["lifecyclestage"] is None
    assert not ready.sim.get("contacts", id).get("lifecyclestage")


def test_none_clears(ready: Portal) -> None:
    id = ready.create("k1", email="ann@acme.example", firstname="A").id
    assert ready.update(id, firstname=None).shown == {"firstname": None}
    assert ready.hub.fetch("contacts", [id], FIELDS)[0].fields["firstname"] is None


def test_an_opt_out_goes_through_preferences_and_stays(ready: Portal) -> None:
    id = ready.create("k1", email="ann@acme.example").id
    done = ready.update(id, hs_email_optout=True, firstname="B")
    assert done.kind is OutcomeKind.DONE
    assert done.shown["hs_email_optout"] is True
    assert done.shown["firstname"] == "B"
    assert ready.hub.fetch("contacts", [id], FIELDS)[0].fields["hs_email_optout"] is True
    back = ready.update(id, hs_email_optout=False, firstname="C")
    assert (back.kind, back.fields) == (OutcomeKind.REJECTED, ("hs_email_optout",))
    assert ready.sim.get("contacts", id)["firstname"] == "B"
    new = ready.create("k2", email="bob@acme.example", hs_email_optout=True)
    assert new.shown["hs_email_optout"] is True


def test_delete_archives(ready: Portal) -> None:
    id = ready.people(1)[0]
    gone = Write(write_id="d1", action=Action.DELETE, object="contacts", id=id)
    assert ready.hub.write([gone])[0].kind is OutcomeKind.DONE
    assert ready.sim.all("contacts") == []
    assert ready.update(id, firstname="Z").kind is OutcomeKind.GONE


def test_a_task_is_seen_by_the_rep_and_created_once(ready: Portal) -> None:
    ready.sim.seed(users=[{"email": "rep@acme.example", "first_name": "Rae", "last_name": "Rep"}], people=[])
    owner = next(u.id for u in ready.hub.users() if u.email == "rep@acme.example")
    person = ready.people(1)[0]
    due = datetime(2026, 6, 2, 9, 30, tzinfo=UTC)
    draft = TaskDraft(
        key="t1", subject="Call <Ann>", body="Hi\n<b>now</b>", due_at=due, due_on=date(2026, 6, 2), owner_id=owner,
        person=Ref(side="hubspot", object="contacts", id=person), priority="high", channel="call", remind_at=due,
    )  # fmt: skip
    outcome = ready.hub.write([ready.hub.task(draft, "tw1")])[0]
    assert outcome.kind is OutcomeKind.DONE, outcome
    shown = ready.sim.get("tasks", outcome.id)
    assert shown["hs_task_subject"] == "Call <Ann>"
    assert shown["hs_task_body"] == "Hi<br>&lt;b&gt;now&lt;/b&gt;"
    assert ready.hub.task(replace(draft, html="<p><b>Hi</b></p>"), "tw0").fields["hs_task_body"] == "<p><b>Hi</b></p>"
    assert (shown["hs_task_status"], shown["hs_task_priority"], shown["hs_task_type"]) == ("NOT_STARTED", "HIGH", "CALL")
    assert shown["hubspot_owner_id"] == owner
    assert outcome.id
    again = ready.hub.write([ready.hub.task(draft, "tw2")])[0]
    assert (again.kind, again.existing_id) == (OutcomeKind.EXISTS, outcome.id)
    fields = ("hs_timestamp", "hs_task_status")
    assert ready.hub.fetch("tasks", [outcome.id], fields)[0].fields == {
        "hs_timestamp": "2026-06-02T09:30:00.000Z",
        "hs_task_status": "NOT_STARTED",
    }
    ready.time.sleep(3600)
    assert [r.ref.id for r in ready.pull("tasks", fields)] == [outcome.id]


# --- limits ---------------------------------------------------------------------------------------------------------------------------


def test_a_limited_search_is_waited_for(ready: Portal) -> None:
    ready.people(1000)
    ready.time.sleep(3600)
    ready.sim.faults.add({
        "method": "POST", "path": "contacts/search", "times": 2, "do": "status", "status": 429,
        "body": {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"},
    })  # fmt: skip
    ready.time.slept.clear()
    assert len(ready.pull()) == 1000
    assert ready.time.slept == [1.0, 2.0]


def test_the_daily_limit_stops_at_once(ready: Portal) -> None:
    body = {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
    ready.sim.faults.add({"method": None, "path": ".*", "times": None, "do": "status", "status": 429, "body": body})
    before = ready.hub.calls()
    with pytest.raises(QuotaError):
        ready.hub.users()
    assert ready.hub.calls() == before + 1


def test_dated_paths_do_the_same(portal: Portal) -> None:
    dated = Portal(portal.sim, portal.time, api_version="2026-03")
    assert {f.level for f in dated.hub.provision(OWN_FIELDS, dry_run=False)} == {"done"}
    assert dated.create("k1", email="ann@acme.example", hs_email_optout=True).shown["hs_email_optout"] is True
    portal.time.sleep(3600)
    assert len(dated.pull()) == 1
    assert all("/v3/" not in call.path for call in portal.sim.calls)
    assert dated.hub.identity().account


def test_with_limits_enforced_nothing_is_ever_refused() -> None:
    """Client and server share one clock, and sleeping moves it: reading is paced, not stopped."""
    time = Time()
    with Simulator(clock=time, rate_limits=True) as sim:
        options = {k.removeprefix("CRMSYNC_HUBSPOT__").lower(): v for k, v in sim.environment().items()}
        client = Client(parse(options), sleep=time.sleep, clock=time, monotonic=lambda: time.now.timestamp())
        hub = HubSpotConnector(client)
        sim.create_many("contacts", [{"email": f"p{n}@acme.example"} for n in range(25_000)])
        time.sleep(3600)
        start = time.now
        assert sum(1 for _ in hub.live_ids("contacts")) == 25_000
        listed = (time.now - start).total_seconds()
        assert sum(len(p.records) for p in hub.pull("contacts", ("email",), None, time.now)) == 25_000
        assert [c.status for c in sim.calls if c.status == 429] == []
        assert listed <= 20
        hub.close()
