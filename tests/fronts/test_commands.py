"""Commands end to end: real stores, both simulators over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from crmsync import __version__
from crmsync.engine.pull import pull_side
from crmsync.service.workspace import open_store, open_workspace, utc_now
from crmsync.store import Store
from fronts.town import Answer, Town

SYNC_KEYS = {"cycles", "read", "written", "api_calls", "problems", "conflicts", "halted"}
EXPLAIN_KEYS = {"person", "links", "fields", "score", "stage", "owner", "clocks", "touches", "writes", "conflicts"}
WRITE_KEYS = {"write_id", "at", "crm", "object", "record_id", "field", "old", "new", "rule", "outcome"}


def test_version(command: Callable[..., Answer]) -> None:
    said = command("--version")
    assert (said.code, said.out) == (0, f"crmsync {__version__}\n")


def test_unknown_command_is_usage(command: Callable[..., Answer]) -> None:
    said = command("sink")
    assert said.code == 2
    assert "No such command" in said.err


@pytest.mark.parametrize("name", ["init", "check", "provision", "plan", "sync", "run", "status", "explain", "problems", "conflicts", "drift",
                                  "resume", "sandbox", "demo"])  # fmt: skip
def test_every_command_has_help(command: Callable[..., Answer], name: str) -> None:
    said = command(name, "--help")
    assert said.code == 0
    assert len(said.out.split()) > 10


def test_init_writes_once_and_keeps_what_is_there(command: Callable[..., Answer], tmp_path: object) -> None:
    first = command("init", f"{tmp_path}/new")
    assert first.code == 0
    assert "crmsync.yaml" in first.out
    again = command("init", f"{tmp_path}/new")
    assert again.code == 0
    assert "nothing to write" in again.out


def test_no_crm_configured_is_2(command: Callable[..., Answer], home: object) -> None:
    said = command("sync", environ={"CRMSYNC_HOME": str(home)})
    assert said.code == 2
    assert "No CRM is connected" in said.err
    assert "CRMSYNC_HUBSPOT__" in said.err


def test_no_playbook_is_2_with_the_next_command(command: Callable[..., Answer], tmp_path: object) -> None:
    said = command("sync", environ={"CRMSYNC_HOME": str(tmp_path)})
    assert said.code == 2
    assert "crmsync init" in said.err


def test_a_yaml_error_is_2_with_its_place_and_nothing_is_contacted(town: Town) -> None:
    path = town.home / "crmsync.yaml"
    path.write_text(path.read_text() + "\npoll_secondz: 5\n")
    for name in ("sync", "plan", "drift", "provision"):
        said = town.run(name)
        assert said.code == 2, name
        assert "crmsync.yaml:" in said.err
        assert "Traceback" not in said.err
    assert town.calls() == 0
    assert not (town.home / "state.db").exists()


def test_check_and_check_live(town: Town) -> None:
    assert town.run("check").code == 0
    assert town.calls() == 0
    before = town.run("check", "--live")
    assert before.code == 2
    assert "crmsync provision" in before.out
    town.provision()
    after = town.run("check", "--live")
    assert after.code == 0, after.out
    assert "have a time zone" in after.out
    task = {"name": "Task", "label": "Task", "queryable": True, "createable": True, "updateable": True, "deletable": False, "fields": []}
    town.sims["salesforce"].faults.add({"path": "sobjects/Task/describe", "do": "status", "status": 200, "body": task, "times": None})
    assert "Fix: Grant delete on Task in a permission set" in town.run("check", "--live").out
    town.sims["salesforce"].faults.clear()


def test_provision_dry_run_creates_nothing(town: Town) -> None:
    said = town.run("provision", "--dry-run")
    assert said.code == 0, said.out
    assert "crmsync_score" in said.out
    assert town.run("sync").code == 2  # still without fields
    assert town.run("provision").code == 0
    again = town.run("provision")
    assert again.code == 0
    assert "done: Lead." not in again.out


def test_sync_before_provision_says_the_next_command(town: Town) -> None:
    said = town.run("sync", "--json")
    assert said.code == 2
    assert "crmsync provision" in said.err


def test_plan_then_sync_then_quiet(town: Town) -> None:
    emails = town.seed(12)
    town.provision()
    before = town.writes()
    planned = town.run("plan", "--json")
    assert planned.code == 0, planned.err
    assert town.writes() == before
    assert {w["crm"] for w in planned.json["writes"]} == {"hubspot", "salesforce"}
    assert all(f["rule"] for w in planned.json["writes"] for f in w["fields"])
    total = sum(row["writes"] for row in planned.json["counts"])
    assert total == len(planned.json["writes"]) == 24
    assert planned.json["api_calls"] == {"hubspot": 1, "salesforce": 1}
    assert town.run("plan", "--json").json["counts"] == planned.json["counts"]  # nothing was decided for good
    assert "Nothing to write" not in town.run("plan").out
    with open_store() as store:
        assert store.count_persons() == 0
        assert store.get("start_from") is None

    synced = town.run("sync", "--json")
    assert synced.code == 0, synced.err
    assert set(synced.json) >= SYNC_KEYS
    assert synced.json["written"] == {"hubspot": 12, "salesforce": 12}
    assert synced.json["halted"] is None
    assert all(calls > 0 for calls in synced.json["api_calls"].values())

    quiet = town.run("sync", "--json")
    assert (quiet.code, quiet.json["written"]) == (0, {"hubspot": 0, "salesforce": 0})
    # a process that begins knows account, users and schemas: a search per object of HubSpot and its list of e-mail events, a query per object of Salesforce
    assert quiet.json["api_calls"] == {"hubspot": 8 + 1, "salesforce": 7}
    assert quiet.json["refresh_calls"] == {"hubspot": 0, "salesforce": 0}
    assert town.run("plan").out.strip() == "Nothing to write."

    _explains(town, emails[3])
    assert town.run("drift").code == 0


def _explains(town: Town, email: str) -> None:
    calls = town.calls()
    said = town.run("explain", email.upper(), "--json")
    assert said.code == 0, said.err
    told = said.json
    assert set(told) >= EXPLAIN_KEYS
    assert {link["crm"] for link in told["links"]} == {"hubspot", "salesforce"}
    assert {"total", "fit", "behavior", "reasons"} <= set(told["score"])
    assert told["stage"]["history"]
    assert told["owner"]["owner"] == "rita@example.com"
    assert all(set(row) >= WRITE_KEYS for row in told["writes"])
    field = next(row for row in told["fields"] if row["field"] == "phone")
    assert set(field["values"]) == {"hubspot", "salesforce"}
    assert field["agreed"] is not None
    human = town.run("explain", email)
    assert "Score" in human.out
    assert email in human.out
    assert f"as of {told['at'][:10]} " in human.out
    told_by_us, _, writes = human.out.partition("Newest writes")
    told_by_us = told_by_us.partition("Fields")[0]
    assert re.search(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", told_by_us) is not None
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d(?! UTC)|\d{4}-\d\d-\d\dT", told_by_us) is None, "one form of moments, with its zone"
    assert re.search(r"^ *\d{4}-\d\d-\d\d \d\d:\d\d UTC  ", writes, re.MULTILINE), "also of writes"
    later = town.run("explain", email, "--now", "2031-01-01T00:00:00Z", "--json")
    assert later.json["at"] == "2031-01-01T00:00:00+00:00", "as of the clock of `sync --now`"
    assert later.json["overdue"] is None or later.json["overdue"]["since"] < later.json["at"]
    before = town.run("explain", email, "--now", "2001-01-01T00:00:00Z")
    assert (before.code, before.out) == (2, ""), "nobody had them"
    assert f"{email} was not there at 2001-01-01 00:00 UTC" in before.err
    assert town.calls() == calls  # it looked into the store only


def test_explain_shows_the_rule_of_the_last_write(town: Town) -> None:
    emails = town.seed(2)
    town.provision()
    assert town.run("sync").code == 0
    id = next(str(row["Id"]) for row in town.sims["salesforce"].all("Lead") if row["Email"] == emails[0])
    town.sims["salesforce"].edit("Lead", id, {"Title": "Head of Procurement"})
    assert town.run("sync").code == 0
    told = town.run("explain", emails[0], "--json").json
    title = next(row for row in told["fields"] if row["field"] == "title")
    assert title["values"] == {"hubspot": "Head of Procurement", "salesforce": "Head of Procurement"}
    assert title["rule"].startswith("latest")
    assert title["last_write"]["crm"] == "hubspot"


def test_explain_an_unknown_person(town: Town) -> None:
    said = town.run("explain", "nobody@example.com")
    assert said.code == 1
    assert "crmsync sync" in said.err


def test_a_wrong_token_is_2(town: Town) -> None:
    said = town.run("sync", environ={"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "pat-na1-wrong"})
    assert said.code == 2
    assert "hubspot" in said.err.lower()
    assert "pat-na1-wrong" not in said.err


def test_crms_down_is_4(town: Town) -> None:
    town.seed(1)
    town.provision()
    assert town.run("sync").code == 0
    for sim in town.sims.values():
        sim.stop()
    said = town.run("sync")
    assert said.code == 4, said.err
    assert "Traceback" not in said.err
    assert town.run("status").code == 0  # needs no CRM


def test_a_database_that_cannot_be_opened_is_4(town: Town, tmp_path: object) -> None:
    said = town.run("sync", environ={"CRMSYNC_DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/state.db"})
    assert said.code == 4
    assert town.calls() == 0


def test_a_mass_delete_halts_and_resume_leaves(town: Town) -> None:
    town.seed(20)
    town.provision()
    assert town.run("sync").code == 0
    for id in town.hubspot_ids()[:15]:
        town.sims["hubspot"].delete("contacts", id)
    later = (utc_now() + timedelta(minutes=30)).isoformat()  # archived records are asked for now and then only
    said = town.run("sync", "--json", "--now", later)
    assert said.code == 3
    assert "disappeared" in said.json["halted"]
    assert "crmsync resume" in said.err
    writes = town.writes()
    planned = town.run("plan", "--json")
    assert planned.code == 3
    assert planned.json["halted"] == said.json["halted"]
    shown = town.run("status", "--json")
    assert (shown.code, shown.json["healthy"]) == (3, False)
    assert town.writes() == writes
    assert town.run("resume").code == 0
    after = town.run("sync", "--json", "--now", later)
    assert after.json["halted"] is None
    assert (after.code, after.json["problems"]) == (1, 15)  # unlinked and flagged
    assert "not halted" in town.run("resume").out


def test_status_counts(town: Town) -> None:
    empty = town.run("status", "--json")
    assert empty.json["healthy"] is False
    town.seed(5)
    town.sims["salesforce"].create("Lead", {"LastName": "Nobody", "Company": "Nowhere"})
    town.provision()
    town.run("sync")
    told = town.run("status", "--json").json
    assert told["healthy"] is True
    assert told["persons"] == 6
    assert told["without_email"] == {"salesforce": 1}
    assert told["records"]["hubspot"]["contacts"]["live"] == 5
    assert told["waiting"] == told["open_writes"] == 0
    assert told["lag_seconds"] >= 0
    assert told["budgets"]["hubspot"]["limit"] > 0
    assert told["running"] is None
    assert "all is well" in town.run("status").out


def test_problems_list_retry_drop(town: Town) -> None:
    town.seed(3)
    town.provision()
    assert town.run("sync").code == 0
    town.sims["hubspot"].edit("contacts", town.hubspot_ids()[0], {"jobtitle": "y" * 200})  # longer than a Salesforce title
    said = town.run("sync", "--json")
    assert said.code == 1, said.err
    listed = town.run("problems", "list", "--json")
    assert listed.code == 1
    group = next(g for g in listed.json["groups"] if g["field"] == "title")
    assert group["cause"] == "too_long"
    assert group["crm"] == "salesforce"
    each = town.run("problems", "list", "--each", "--cause", "too_long", "--json").json["problems"]
    assert {row["field"] for row in each} == {"title"}
    assert town.run("problems", "retry").code == 2  # chooses nothing
    assert town.run("problems", "retry", "--cause", "too_long").code == 0
    with open_store() as store:
        assert store.dirty_count() > 0
        assert not [p for p in store.problems.rows() if p.problem.cause == "too_long"]
    assert town.run("sync").code == 1  # still too long, found again
    assert "problems dropped" in town.run("problems", "drop", "--all").out
    assert town.run("problems", "list").code == 0


def test_conflicts_list_and_resolve(town: Town) -> None:
    path = town.home / "mappings" / "person.yaml"
    text = path.read_text()
    line = next(one for one in text.splitlines() if one.strip().startswith("title:"))
    path.write_text(text.replace(line, line.replace("conflict: latest", "conflict: ask")))
    emails = town.seed(1, title="Buyer")
    town.provision()
    assert town.run("sync").code == 0
    lead = next(str(row["Id"]) for row in town.sims["salesforce"].all("Lead") if row["Email"] == emails[0])
    town.sims["salesforce"].edit("Lead", lead, {"Title": "Chief Buyer"})
    town.sims["hubspot"].edit("contacts", town.hubspot_ids()[0], {"jobtitle": "Head Buyer"})
    assert town.run("sync", "--json").json["conflicts"] == 1
    listed = town.run("conflicts", "list", "--json")
    assert listed.code == 1
    conflict = listed.json["conflicts"][0]
    assert conflict["values"] == {"hubspot": "Head Buyer", "salesforce": "Chief Buyer"}
    assert town.run("explain", emails[0], "--json").json["conflicts"][0]["values"] == conflict["values"]
    drift = town.run("drift", "--json")
    assert (drift.code, drift.json["reasons"]) == (
        0,
        {"conflict: waits for a person": 1, "by mapping: no company is created in salesforce": 1},
    )
    assert town.run("conflicts", "resolve", str(conflict["conflict_id"]), "pipedrive").code == 2
    assert town.run("conflicts", "resolve", "999", "hubspot").code == 2
    assert town.run("conflicts", "resolve", str(conflict["conflict_id"]), "salesforce").code == 0
    assert town.run("sync").code == 0
    assert town.sims["hubspot"].all("contacts")[0]["jobtitle"] == "Chief Buyer"
    assert town.run("conflicts", "list").code == 0


def test_now_is_for_simulators_only(town: Town) -> None:
    town.seed(1)
    town.provision()
    later = (utc_now() + timedelta(days=40)).isoformat()
    for name in ("sync", "plan"):
        calls = town.calls()
        said = town.run(name, "--now", later, environ={"CRMSYNC_HUBSPOT__BASE_URL": "https://api.hubapi.com"})
        assert said.code == 2, name
        assert "--now" in said.err
        assert town.calls() == calls
    unreadable = town.run("sync", "--now", "tomorrow", environ={"CRMSYNC_HUBSPOT__BASE_URL": town.sims["hubspot"].url})
    assert unreadable.code == 2
    assert town.run("sync", "--now", later).code == 0
    last = town.run("status", "--json").json["last_cycle"]["at"]
    assert last.startswith(later[:16])


def test_one_crm_alone(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.seed(3)
    town.provision()
    for name in town.environ:
        if name.startswith("CRMSYNC_HUBSPOT"):
            monkeypatch.delenv(name)
    before = len(town.sims["hubspot"].calls)
    said = town.run("sync", "--json")
    assert said.code == 0, said.err
    assert said.json["written"] == {"salesforce": 3}
    assert town.run("drift").code == 0
    assert len(town.sims["hubspot"].calls) == before


def _unlink_one(store: Store) -> None:
    person = next(iter(store.iter_person_ids()))
    ref = next(s.ref for s in store.snapshots_of([person])[person] if s.ref.side == "hubspot")
    store.link({ref: None})


def test_drift_is_1_for_what_nothing_explains(town: Town) -> None:
    town.seed(4)
    town.provision()
    town.run("sync")
    said = town.run("drift", "--json")
    assert (said.code, said.json["unexplained"], said.json["pairs"]) == (0, 0, 4)
    with open_store() as store:
        _unlink_one(store)
    lost = town.run("drift", "--json")
    assert lost.code == 1
    assert lost.json["unexplained"] == 2  # the record without a person, and the person without a twin
    assert "unexplained" in town.run("drift").out


def test_drift_tells_waiting_from_forgotten(town: Town) -> None:
    town.seed(4)
    town.provision()
    town.run("sync")
    town.sims["hubspot"].edit("contacts", town.hubspot_ids()[0], {"jobtitle": "Somebody new"})
    waiting = town.run("drift", "--json")
    assert waiting.code == 0
    assert [reason for reason in waiting.json["reasons"] if reason.startswith("waiting")]
    with open_workspace() as workspace:
        # The change is read but, as by a fault of ours, never decided.
        workspace.world.refresh(utc_now())
        pull_side(workspace.world, "hubspot", utc_now())
        workspace.store.clean([(snapshot.ref, version) for snapshot, version in workspace.store.take_dirty(100)])
    forgotten = town.run("drift", "--json")
    assert (forgotten.code, forgotten.json["unexplained"]) == (1, 1)
    example = forgotten.json["examples"]["unexplained"][0]
    assert (example["field"], example["values"]["hubspot"]) == ("title", "Somebody new")


def test_drift_before_any_sync(town: Town) -> None:
    said = town.run("drift")
    assert said.code == 2
    assert "crmsync sync" in said.err


def test_errors_are_one_line_and_the_details_are_kept(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the person jane@example.com broke it")

    monkeypatch.setattr("crmsync.service.status.status", broken)
    said = town.run("status")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    kept = (town.home / "crmsync-error.log").read_text()
    assert "RuntimeError" in kept
    assert "jane@example.com" not in kept
