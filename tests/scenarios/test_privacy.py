"""Consent and privacy: whoever a CRM erases for privacy, or a person erases by hand, is erased here, recognised, and not created anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from crmsync.cli.main import run
from crmsync.engine import sweep
from crmsync.engine.cycle import cycle
from crmsync.engine.pull import Pulled, reconcile_ids
from crmsync.errors import ConfigError, CrmsyncError, HaltError, UnreachableError
from crmsync.model.change import Outcome, Write
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Ref
from crmsync.service.explain import explain
from crmsync.service.forget import forget
from crmsync.service.init import init
from crmsync.service.lease import Lease
from crmsync.service.resume import resume
from crmsync.service.settings import read_settings
from crmsync.service.status import status
from crmsync.store import PROOF, Store, StoredSnapshot
from scenarios.desk import desk
from scenarios.persons import crowd
from scenarios.world import START, Both

DAY = timedelta(hours=24, minutes=1).total_seconds()
ANN = "annabelle.uniquename@example.com"
NAMING = ("uniquename", "annabelle", "4085559876", "a-very-private-subject", "private body of hers")
"""What no byte of the database may show once she is erased, whatever its case."""


def named_in(database: str) -> list[str]:
    """What the database shows of her: with its log and all its free pages."""
    path = Path(database.removeprefix("sqlite:///"))
    content = b"".join(found.read_bytes() for found in sorted(path.parent.glob(path.name + "*"))).lower()
    return [text for text in NAMING if text.encode() in content]


def named(both: Both) -> list[str]:
    return named_in(both.database)


def proofs(both: Both) -> list[str]:
    return [text for _, kind, text in both.store.events(1000) if kind == PROOF]


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    with Both(kinds=getattr(request, "param", ("task",))) as world:
        yield world


def enter(both: Both, others: int = 1) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """Ann with values worth hiding, and others, so that there is a person left, in both CRMs and in step; her contact and lead, and theirs."""
    both.hs.create(
        "contacts",
        {"email": ANN, "firstname": "Annabelle", "lastname": "Uniquename", "company": "Acme", "phone": "+14085559876", "jobtitle": "CFO"},
    )
    both.hs.happen({"email": ANN, "type": "form_submitted", "name": "Book a demo", "at": both.time()})
    pairs = crowd(both, others)
    return (str(both.contact(ANN)["id"]), str(both.lead(ANN)["Id"])), pairs


@pytest.fixture
def pair(both: Both) -> tuple[tuple[str, str], tuple[str, str]]:
    ann, (bob,) = enter(both)
    return ann, bob


@pytest.fixture
def ann(pair: tuple[tuple[str, str], tuple[str, str]]) -> tuple[str, str]:
    return pair[0]


@pytest.fixture
def bob(pair: tuple[tuple[str, str], tuple[str, str]]) -> tuple[str, str]:
    return pair[1]


def assert_erased(both: Both, left: list[tuple[str, str, str]], asked: str) -> None:
    """Nothing is held of Ann, one proof tells so, and these records in the CRMs are reported."""
    assert named(both) == []
    assert [text.split(";")[0] for text in proofs(both)] == [f"asked for {asked}"]
    assert both.store.find_person_by_email(ANN) == []
    assert sorted((p.side, p.object, str(p.record_id)) for p in both.problems("erased_elsewhere")) == sorted(left)
    assert not [p for p in both.problems() if p.person_id is not None]


# --- noticed --------------------------------------------------------------------------------------------------------------------


def test_a_privacy_deletion_is_noticed_before_a_write_and_a_later_record_is_a_new_person(both: Both, ann: tuple[str, str]) -> None:
    contact, lead = ann
    assert set(named(both)) == set(NAMING[:3]), "the search finds what is there"
    both.hs.forget("contacts", contact)
    both.sf.edit("Lead", lead, {"Title": "Chairwoman"})
    both.settle()
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    assert both.contacts(ANN) == []
    both.assert_settled()
    # and a record that is entered later is a new person
    both.time.advance(60)
    again = both.hs.create("contacts", {"email": ANN, "lastname": "Uniquename", "company": "Acme"})
    both.settle()
    both.settle()
    leads = {str(row["Id"]) for row in both.people_of("Lead", ANN)}
    assert len(leads) == 2
    assert both.person_of("hubspot", "contacts", again) == both.person_of("salesforce", "Lead", *(leads - {lead}))
    assert both.person_of("salesforce", "Lead", lead) is None
    both.assert_settled()
    assert explain(desk(both), ANN)["erased"] is not None


def test_a_privacy_deletion_is_noticed_by_a_write_that_finds_nobody(
    both: Both, ann: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contact, lead = ann
    hubspot = both.connectors["hubspot"]
    send = hubspot.write

    def too_late(writes: list[Write]) -> list[Outcome]:
        if any(write.id == contact for write in writes):
            both.hs.forget("contacts", contact)
        return send(writes)

    monkeypatch.setattr(hubspot, "write", too_late)
    both.sf.edit("Lead", lead, {"Title": "Chairwoman"})
    both.settle()
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    both.assert_settled()


def test_a_privacy_deletion_is_noticed_when_all_ids_are_compared_and_what_is_left_is_not_synced(both: Both, ann: tuple[str, str]) -> None:
    contact, lead = ann
    both.hs.forget("contacts", contact)
    reconcile_ids(both.world, "hubspot", "contacts", both.time(), Pulled())
    both.settle()
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    both.mark()
    both.sf.edit("Lead", lead, {"Title": "Uniquename Chairwoman", "Phone": "+14085559876"})
    both.settle()
    both.restart(playbook=lambda rules: replace(rules, person=replace(rules.person, tie="hubspot")))
    both.settle()
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert both.contacts(ANN) == []
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    both.store.problems.drop([row.problem_id for row in both.store.problems.rows()])
    both.sf.edit("Lead", lead, {"Title": "Once more"})
    both.settle()
    assert both.problems() == [], "it is said once"


def test_the_daily_sweep_finds_what_no_log_tells_and_the_report_goes_with_the_record(both: Both, ann: tuple[str, str]) -> None:
    contact, lead = ann
    both.hs.forget("contacts", contact)
    both.settle(after=3600)
    assert both.store.find_person_by_email(ANN) != [], "nothing has told us yet"
    both.settle(after=DAY)
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    both.assert_settled()
    both.sf.delete("Lead", lead)
    both.settle()
    assert both.problems() == []
    assert named(both) == []


def test_the_sweep_can_be_switched_off(both: Both, ann: tuple[str, str]) -> None:
    both.restart(playbook=lambda rules: replace(rules, sweep_hours=0))
    both.hs.forget("contacts", ann[0])
    both.settle(after=DAY)
    both.settle(after=DAY)
    assert both.store.find_person_by_email(ANN) != []


def test_the_sweep_goes_on_part_by_part_and_holds_up_nobody(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven people, listed three at a time: each cycle costs a call or two more, and what changes meanwhile is carried at once."""
    (contact, lead), pairs = enter(both, 7)
    both.settle(after=DAY - 600)
    monkeypatch.setattr(sweep, "LISTED_AT_ONCE", 3)
    both.hs.forget("contacts", contact)
    both.sf.delete("Lead", pairs[6][1])
    both.time.advance(1200)
    cycle(both.world, both.time(), everything=False)
    assert both.world.listing is not None
    assert len(both.world.listing.live) == 3
    for number in range(6):
        both.hs.edit("contacts", pairs[number][0], {"jobtitle": f"Title {number}"})
        both.settle(everything=False)
        assert both.sf.get("Lead", pairs[number][1])["Title"] == f"Title {number}"
    for _ in range(6):
        both.settle(everything=False)
    assert [p.cause for p in both.problems()] == ["deleted_elsewhere", "erased_elsewhere"]
    assert [p.record_id for p in both.problems("erased_elsewhere")] == [lead]
    assert named(both) == []
    assert both.store.get(sweep.STATE)["done"] == []
    assert both.world.listing is None
    both.mark()
    both.settle(everything=False)
    assert max(both.calls().values()) <= 4, "no second sweep on the same day"


def test_a_sweep_that_is_cut_off_begins_again_an_hour_later(both: Both, ann: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    both.hs.forget("contacts", ann[0])
    both.settle(after=DAY - 600)
    hubspot = both.connectors["hubspot"]
    listed, tries = hubspot.live_ids, []

    def cut_off(object: str) -> Iterator[str]:
        tries.append(object)
        yield from islice(listed(object), 1)
        if len(tries) == 1:
            raise UnreachableError("the line is dead", side="hubspot")

    monkeypatch.setattr(hubspot, "live_ids", cut_off)
    both.settle(after=1200)
    both.settle(after=60)
    assert tries == ["contacts"], "it does not hammer"
    assert both.store.find_person_by_email(ANN) != []
    monkeypatch.setattr(hubspot, "live_ids", listed)
    both.settle(after=3600)
    assert both.store.find_person_by_email(ANN) == []


def test_a_sweep_counts_for_the_brakes_as_a_whole(both: Both) -> None:
    """A CRM that knows nobody any more is an accident until a person says otherwise: nothing is erased."""
    pairs = crowd(both, 12)
    for contact, _ in pairs:
        both.hs.forget("contacts", contact)
    with pytest.raises(HaltError, match="12 of 12"):
        both.settle(after=DAY)
    assert both.store.count_persons() == 12
    assert proofs(both) == []
    resume(both.store, now=both.time())
    both.settle()
    assert both.store.count_persons() == 0
    assert len(proofs(both)) == 12
    assert both.counts()["Lead"] == 12, "erasing changes nothing in a CRM"


# --- not created anew -------------------------------------------------------------------------------------------------------------


def test_an_older_record_with_her_address_is_left_out_and_reported_once(both: Both, ann: tuple[str, str]) -> None:
    """Another lead of hers was entered right before she was erased, and nobody had read it yet."""
    contact, lead = ann
    both.time.advance(5)
    forget(both.store, both.playbook, "nobody@example.com", clock=both.time)
    second = both.sf.create("Lead", {"LastName": "Uniquename", "Company": "Acme", "Email": ANN.upper()})
    both.time.advance(5)
    assert forget(both.store, both.playbook, f" {ANN.upper()} ", clock=both.time).outcome == "erased"
    both.settle()
    places = [("hubspot", "contacts", contact), ("salesforce", "Lead", lead), ("salesforce", "Lead", second)]
    assert_erased(both, places, "by hand")
    both.sf.edit("Lead", second, {"Title": "Annabelle's"})
    both.settle()
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert_erased(both, places, "by hand")


# --- everything around her ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("both", [("task", "meeting")], indirect=True, ids=["around"])
def test_her_activities_go_and_shared_ones_stay_with_the_others(both: Both, ann: tuple[str, str], bob: tuple[str, str]) -> None:
    contact, lead = ann
    alone = both.hs.create(
        "tasks",
        {"hs_task_subject": "A-very-private-subject", "hs_task_body": "private body of hers", "hs_timestamp": "2026-03-09T12:00:00Z",
         "associations": {"contacts": [contact]}},
    )  # fmt: skip
    shared = both.hs.create(
        "meetings",
        {"hs_meeting_title": "Both of them", "hs_timestamp": "2026-03-09T12:00:00Z", "hs_meeting_start_time": "2026-03-09T12:00:00Z",
         "hs_meeting_end_time": "2026-03-09T13:00:00Z", "associations": {"contacts": [contact, bob[0]]}},
    )  # fmt: skip
    both.settle()
    both.settle()
    hers = [str(row["Id"]) for row in both.sf.all("Task") if row.get("Subject") == "A-very-private-subject"]
    assert len(hers) == 1
    assert set(named(both)) == set(NAMING)
    both.mark()
    both.hs.forget("contacts", contact)
    both.settle(after=DAY)
    assert_erased(both, [("salesforce", "Lead", lead)], "in hubspot")
    refs = {n: Ref(side="hubspot", object=n, id=id) for n, id in (("tasks", alone), ("meetings", shared))}
    assert list(both.store.snapshots(list(refs.values()))) == [refs["meetings"]]
    assert both.store.links.of([refs["meetings"]]) == {refs["meetings"]: (Ref(side="hubspot", object="contacts", id=bob[0]),)}
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # and what a rep still does with the task in either CRM is not taken up again
    both.hs.edit("tasks", alone, {"hs_task_subject": "A-very-private-subject, once more"})
    both.sf.edit("Task", hers[0], {"Subject": "A-very-private-subject, there"})
    both.hs.edit("meetings", shared, {"hs_meeting_title": "Only Pat"})
    both.settle()
    assert named(both) == []
    assert [row["Subject"] for row in both.sf.all("Event")] == ["Only Pat"]
    # and a new activity on the lead that is left is none of ours
    both.time.advance(60)
    both.sf.create("Task", {"Subject": "A-very-private-subject, new", "WhoId": lead, "Status": "Completed"})
    both.settle()
    assert named(both) == []
    both.assert_settled()


@pytest.mark.parametrize("both", [("call",)], indirect=True, ids=["around"])
def test_two_who_share_an_activity_and_are_erased_together(both: Both, ann: tuple[str, str], bob: tuple[str, str]) -> None:
    contact, _ = ann
    both.hs.create(
        "calls",
        {
            "hs_call_title": "A-very-private-subject",
            "hs_timestamp": "2026-03-02T12:00:00Z",
            "associations": {"contacts": [contact, bob[0]]},
        },
    )
    both.settle()
    both.settle()
    for id in (contact, bob[0]):
        both.hs.forget("contacts", id)
    both.settle(after=DAY)
    assert both.store.count_persons() == 0
    assert named(both) == []
    assert both.store.twins.counts() == {}
    assert len(proofs(both)) == 2


# --- by hand ----------------------------------------------------------------------------------------------------------------------


def test_by_hand_everything_goes_and_the_proof_answers_later_requests(both: Both, ann: tuple[str, str]) -> None:
    contact, lead = ann
    found = forget(both.store, both.playbook, ANN, clock=both.time)
    assert (found.outcome, found.at, found.persons) == ("erased", both.time(), 1)
    assert {"persons", "signals", "journal", "hubspot contacts", "salesforce Lead"} <= found.counts.keys()
    assert [(crm, id) for crm, _, id, _ in found.left] == [("hubspot", contact), ("salesforce", lead)]
    assert_erased(both, [("hubspot", "contacts", contact), ("salesforce", "Lead", lead)], "by hand")
    (proof,) = proofs(both)
    assert proof.endswith(f"e-mail {found.email_hash}")
    assert "salesforce Lead 1" in proof
    both.time.advance(3600)
    again = forget(both.store, both.playbook, ANN.upper(), clock=both.time)
    assert (again.outcome, again.at, again.email_hash) == ("already_erased", found.at, found.email_hash)
    assert forget(both.store, both.playbook, "stranger@example.com", clock=both.time).outcome == "unknown"
    assert explain(desk(both), ANN) == {"erased": found.at.isoformat() if found.at else None}
    told = status(both.store, now=both.time(), real_now=both.time())
    assert told.json()["erased"] == {"persons": 1, "last_at": found.json()["at"]}
    with pytest.raises(CrmsyncError, match="No person"):
        explain(desk(both), "stranger@example.com")
    with pytest.raises(ConfigError, match="no e-mail address"):
        forget(both.store, both.playbook, "annabelle", clock=both.time)
    both.settle()
    both.assert_settled()
    assert_erased(both, [("hubspot", "contacts", contact), ("salesforce", "Lead", lead)], "by hand")
    # and her contact, still in HubSpot, stands in the way of a new lead with her address, but is not taken up
    both.time.advance(60)
    new = both.sf.create("Lead", {"LastName": "Uniquename", "Company": "Acme", "Email": ANN})
    both.settle()
    assert both.person_of("hubspot", "contacts", contact) is None
    assert both.person_of("salesforce", "Lead", new) is not None
    assert [(p.side, p.object) for p in both.problems("exists")] == [("hubspot", "contacts")]
    both.assert_settled()


def test_by_hand_while_a_write_of_hers_has_no_answer(both: Both, ann: tuple[str, str]) -> None:
    contact, lead = ann
    both.sf.edit("Lead", lead, {"Title": "Chairwoman"})
    both.hs.faults.add({"do": "drop_after", "path": "batch/update", "times": 9})
    both.cycle(after=15)
    assert len(both.store.journal.open_intents()) == 1
    both.hs.faults.clear()
    forget(both.store, both.playbook, ANN, clock=both.time)
    assert both.store.journal.open_intents() == []
    both.settle()
    both.assert_settled()
    assert_erased(both, [("hubspot", "contacts", contact), ("salesforce", "Lead", lead)], "by hand")


def test_by_hand_while_another_process_runs_the_cycles(both: Both, ann: tuple[str, str]) -> None:
    """It is asked to do it, and does so at the beginning of its next cycle, a halt or not."""
    waits: list[float] = []

    def next_cycle(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            both.cycle()

    with Lease(both.store, wait=0, sleep=both.time.sleep):
        late = forget(both.store, both.playbook, ANN, clock=both.time, sleep=lambda seconds: None, waits=3)
        assert late.outcome == "asked"
        assert both.store.find_person_by_email(ANN) != []
        done = forget(both.store, both.playbook, ANN, clock=both.time, sleep=next_cycle)
    assert (done.outcome, done.at) == ("erased", both.time())
    assert len(waits) == 3
    assert named(both) == []
    assert len(proofs(both)) == 1


def test_a_halt_does_not_keep_a_request_waiting(both: Both, ann: tuple[str, str]) -> None:
    for number in range(12):
        both.hs.create("contacts", {"email": f"one{number}@example.com", "lastname": "One", "company": "Acme"})
    both.settle()
    both.settle()
    for row in both.sf.all("Lead"):
        if row["LastName"] == "One":
            both.sf.delete("Lead", str(row["Id"]))
    with pytest.raises(HaltError):
        both.settle()
    with Lease(both.store, wait=0, sleep=both.time.sleep):
        forget(both.store, both.playbook, ANN, clock=both.time, sleep=lambda seconds: None, waits=1)
    with pytest.raises(HaltError):
        both.cycle()
    assert named(both) == []
    assert both.store.find_person_by_email(ANN) == []


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Store]:
    """Ann as a contact and a lead, read and linked; the command asks no CRM."""
    with closing(Store.open(f"sqlite:///{tmp_path / 'state.db'}")) as store:
        refs = (Ref(side="hubspot", object="contacts", id="501"), Ref(side="salesforce", object="Lead", id="00Q000000000001AAA"))
        fields = {"email": ANN, "first_name": "Annabelle", "last_name": "Uniquename", "phone": "+14085559876"}
        rows = [Snapshot(ref=ref, fields=fields, extra={}, modified_at=START, person_id="ann") for ref in refs]
        store.save_snapshots([StoredSnapshot(snapshot=row, hash="h", emails=(ANN,), key="ann") for row in rows], dirty=False)
        store.save_persons([PersonState(person_id="ann")])
        yield store


@pytest.fixture
def command(stored: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`crmsync forget` over this database."""
    init(tmp_path / "home")
    monkeypatch.setenv("CRMSYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRMSYNC_DATABASE_URL", f"sqlite:///{tmp_path / 'state.db'}")

    def call(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(args))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command_asks_first(stored: Store, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    database = read_settings().database_url
    assert named_in(database) == list(NAMING[:3])
    code, out, err = command("forget", ANN)
    assert (code, out) == (2, "")
    assert "--yes" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *args, **more: False)
    code, out, err = command("forget", ANN)
    assert (code, out) == (1, "")
    assert "hubspot contacts 501 live" in err
    assert stored.find_person_by_email(ANN) != []
    monkeypatch.setattr("typer.confirm", lambda *args, **more: True)
    code, out, err = command("forget", ANN)
    assert code == 0
    assert out.startswith("erased at 2")
    assert "salesforce Lead 00Q000000000001AAA" in err
    assert named_in(database) == []
    code, out, _ = command("forget", ANN)
    assert (code, out[:19]) == (0, "already erased at 2")


def test_the_command_speaks_json(command: Command) -> None:
    code, out, err = command("forget", ANN, "--yes", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert set(told) == {"outcome", "at", "email_hash", "persons", "erased", "left"}
    assert (told["outcome"], told["persons"], told["erased"]["hubspot contacts"]) == ("erased", 1, 1)
    assert told["left"][0] == {"crm": "hubspot", "object": "contacts", "record_id": "501"}
    code, out, _ = command("forget", "stranger@example.com", "--json")
    assert (code, json.loads(out)["outcome"]) == (1, "unknown")
    code, out, _ = command("status", "--json")
    assert json.loads(out)["erased"]["persons"] == 1
