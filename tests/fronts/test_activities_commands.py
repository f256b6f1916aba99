"""What plan, explain, status, drift and undo say about activities, by command over two simulated CRMs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crmsync.service.sandbox import seed
from fronts.town import Town

UNDO_KEYS = {"write_id", "undo_id", "refused", "needs_yes", "crm", "object", "record_id", "action", "person_id", "restored", "kept"}
ACTIVITY_KEYS = {"key", "kind", "subject", "due", "at", "status", "owner", "records", "waiting", "undone", "fields", "last_write"}


def worked(town: Town) -> tuple[str, str, str]:
    """One person with a call in HubSpot, in step: (e-mail, contact id, call id)."""
    (email,) = town.seed(1)
    town.provision()
    assert town.run("sync").code == 0
    (contact,) = town.hubspot_ids()
    hubspot = town.sims["hubspot"]
    owner = hubspot.get("contacts", contact)["hubspot_owner_id"]
    call = hubspot.create("calls", {"hs_timestamp": "2026-03-10T13:00:00Z", "hs_call_title": "First call", "hubspot_owner_id": owner})
    hubspot.associate("calls", call, "contacts", contact)
    return email, contact, str(call)


def rows(town: Town, email: str) -> Any:
    said = town.run("explain", email, "--json")
    assert said.code == 0, said.err
    return said.json


def test_an_activity_is_planned_explained_counted_compared_and_undone(town: Town) -> None:
    email, _, call = worked(town)
    planned = town.run("plan", "--json").json
    assert {(w["crm"], w["action"], w["what"]) for w in planned["writes"]} == {
        ("salesforce", "create", "call"),
        ("hubspot", "update", "call"),
    }
    assert planned["activities"]["call"] == 1
    assert planned["waiting"] == []
    assert "call" in town.run("plan").out
    assert town.run("sync").code == 0
    assert town.run("sync").code == 0

    told = rows(town, email)
    (activity,) = told["activities"]
    assert set(activity) >= ACTIVITY_KEYS
    assert (activity["kind"], activity["subject"], activity["due"], activity["waiting"]) == ("call", "First call", "2026-03-10", None)
    assert {(r["crm"], r["state"]) for r in activity["records"]} == {("hubspot", "live"), ("salesforce", "live")}
    subject = next(f for f in activity["fields"] if f["field"] == "subject")
    assert subject["values"] == {"hubspot": "First call", "salesforce": "First call"}
    assert subject["rule"] == "created from hubspot"
    assert any(w["what"] == "call" and w["action"] == "create" for w in told["writes"])
    assert "First call" in town.run("explain", email).out
    counted = town.run("status", "--json").json
    assert counted["activities"]["call"] == {"known": 1}
    assert counted["object_lag_seconds"]["hubspot"].keys() >= {"contacts", "calls", "tasks"}
    compared = town.run("drift", "--json")
    assert (compared.code, compared.json["unexplained"], compared.json["activities"]) == (0, 0, {"call": 1})
    assert "1 × call" in town.run("drift").out

    town.sims["hubspot"].edit("calls", call, {"hs_call_title": "Second call"})
    assert town.run("sync").code == 0
    (activity,) = rows(town, email)["activities"]
    subject = next(f for f in activity["fields"] if f["field"] == "subject")
    assert (subject["last_write"]["old"], subject["last_write"]["value"]) == ("First call", "Second call")
    done = town.run("undo", subject["last_write"]["write_id"], "--json")
    assert (done.code, done.json["refused"]) == (0, None), done.err
    assert set(done.json) == UNDO_KEYS
    assert [(f["name"], f["was"], f["now"]) for f in done.json["restored"]] == [("subject", "Second call", "First call")]
    assert town.run("sync", "--json").json["written"] == {"hubspot": 0, "salesforce": 0}
    assert "undone by hand" in town.run("drift").out
    (activity,) = rows(town, email)["activities"]
    assert activity["undone"] == ["salesforce"]


def test_provenance_of_a_person_and_what_undo_refuses(town: Town) -> None:
    (email,) = town.seed(1)
    town.provision()
    assert town.run("sync").code == 0
    (contact,) = town.hubspot_ids()
    hubspot = town.sims["hubspot"]
    before = hubspot.get("contacts", contact)["phone"]
    hubspot.edit("contacts", contact, {"phone": "+442079460999"})
    assert town.run("sync").code == 0
    field = next(f for f in rows(town, email)["fields"] if f["field"] == "phone")
    assert field["set_by"] == {"hubspot": "hubspot", "salesforce": "crmsync"}
    last = field["last_write"]
    assert (last["crm"], last["old"], last["value"], last["old_known"]) == ("salesforce", before, "+442079460999", True)
    (lead,) = town.sims["salesforce"].all("Lead")
    town.sims["salesforce"].edit("Lead", lead["Id"], {"Phone": "+442079460111"})
    writes = town.writes()
    refused = town.run("undo", last["write_id"])
    assert refused.code == 1
    assert "phone" in refused.err
    assert town.writes() == writes
    assert town.run("undo", "nonsense", "--json").json["refused"].startswith("no write nonsense is known")
    assert town.run("sync").code == 0
    field = next(f for f in rows(town, email)["fields"] if f["field"] == "phone")
    assert field["set_by"] == {"hubspot": "crmsync", "salesforce": "salesforce"}
    done = town.run("undo", field["last_write"]["write_id"])
    assert done.code == 0, done.err
    assert hubspot.get("contacts", contact)["phone"] == "+442079460999"
    assert town.run("sync", "--json").json["written"] == {"hubspot": 0, "salesforce": 0}


def test_the_sandbox_ends_without_an_unexplained_difference(town: Town) -> None:
    seed(town.sims, 40)
    town.provision()
    planned = town.run("plan", "--json").json
    for sim in town.sims.values():
        sim.writes.clear()
    synced = town.run("sync", "--json")
    assert synced.code in (0, 1), synced.err
    # All that was planned to be created was, and nothing else; what belongs to new persons included.
    made = Counter((side, write.object) for side, sim in town.sims.items() for write in sim.writes if write.action == "create")
    assert made == {(row["crm"], row["object"]): row["writes"] for row in planned["counts"] if row["action"] == "create"}
    found = town.run("drift", "--json")
    assert (found.code, found.json["unexplained"]) == (0, 0), found.json["examples"]
    assert sum(found.json["activities"].values()) > 20
    assert found.json["differences"] == sum(found.json["reasons"].values())
