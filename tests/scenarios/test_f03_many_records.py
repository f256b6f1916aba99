"""Many records: long reads, gaps in the delete log, the first sync (F03, F10, F12, F25)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmsync.engine.pull import pull_side
from crmsync.errors import HaltError
from crmsync.service.resume import resume
from crmsync_hubspot import search
from crmsync_hubspot.sim import searching
from scenarios.world import START, Both

DAY = 86_400.0
PEOPLE = ("ann@example.com", "bob@example.com", "cid@example.com")


def somebody(email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "first_name": "Pat", "last_name": email.partition("@")[0], "company": "Acme", **more}


# --- F03, F10 -------------------------------------------------------------------------------------------------------------------


def test_f03_more_rows_with_one_timestamp_than_the_window_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    # HubSpot's own window of 10,000 rows is held against its simulator in the connector's tests
    monkeypatch.setattr(search, "WINDOW", 1_000)
    monkeypatch.setattr(searching, "TOTAL_LIMIT", 1_000)
    with Both(kinds=()) as both:
        # given two and a half windows of contacts with the same modified time
        count = 2_500
        both.hs.create_many("contacts", ({"lastname": f"No{n}"} for n in range(count)))
        both.world.refresh(both.time())
        both.mark()
        # when they are read
        pulled = pull_side(both.world, "hubspot", both.time())
        # then each was read once, no search went past the window, and it ended
        assert pulled.error is None
        assert pulled.read == pulled.changed == count
        assert both.store.count_snapshots() == {("hubspot", "contacts", "live"): count}
        assert {call.status for call in both.hs.calls} == {200}
        assert len(both.hs.calls) <= 1.6 * count / 200
        assert both.writes() == {"hubspot": 0, "salesforce": 0}


def test_f10_more_than_two_thousand_rows() -> None:
    with Both(kinds=()) as both:
        # given 4,100 leads, which Salesforce gives in three pages
        count = 4_100
        both.sf.create_many("Lead", ({"LastName": f"No{n}", "Company": "Acme"} for n in range(count)))
        both.world.refresh(both.time())
        both.mark()
        # when they are read
        pulled = pull_side(both.world, "salesforce", both.time())
        # then every page was read, by following nextRecordsUrl, and it ended
        assert pulled.error is None
        assert pulled.read == pulled.changed == count
        assert both.store.count_snapshots() == {("salesforce", "Lead", "live"): count}
        assert sum("/query/0r8" in call.path for call in both.sf.calls) == 2
        assert both.sf.api_calls() <= 4
        # and an idle look is two calls, one for each object, once the second of the last change has passed
        both.time.advance(3600)
        pull_side(both.world, "salesforce", both.time())
        both.mark()
        both.time.advance(15)
        again = pull_side(both.world, "salesforce", both.time())
        assert (again.read, again.changed) == (0, 0)
        assert both.sf.api_calls() == 2


# --- F12 ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def three() -> Any:
    """Three pairs at rest; then, unseen, Ann's lead is deleted and purged, and Bob's is edited."""
    with Both(people=[somebody(email, kind="lead") for email in PEOPLE], kinds=()) as both:
        both.settle()
        both.assert_settled()
        both.mark()
        yield both


def loses_ann(both: Both, *, days: float) -> dict[str, str]:
    leads = {email: str(both.lead(email)["Id"]) for email in PEOPLE}
    both.time.advance(DAY)
    both.sf.delete("Lead", leads[PEOPLE[0]])
    both.sf.purge("Lead", leads[PEOPLE[0]])
    both.sf.edit("Lead", leads[PEOPLE[1]], {"Phone": "+14085550100"})
    both.time.advance((days - 1) * DAY)
    return leads


def refuse(both: Both) -> None:
    body = [{"errorCode": "INVALID_REPLICATION_DATE", "message": "startDate before org's deletion log"}]
    both.sf.faults.add({"method": "GET", "path": "/sobjects/Lead/deleted/", "do": "status", "status": 400, "body": body})


def assert_only_ann_is_gone(both: Both, leads: dict[str, str]) -> None:
    assert both.counts() == {"contacts": 3, "Lead": 2, "Contact": 0}
    assert [problem.record_id for problem in both.problems("deleted_elsewhere")] == [leads[PEOPLE[0]]]
    assert both.contact(PEOPLE[1])["phone"] == "+14085550100", "what changed meanwhile was read too"
    assert both.store.count_snapshots()["salesforce", "Lead", "live"] == 2
    # and the others are still in step
    both.hs.edit("contacts", both.contact(PEOPLE[2])["id"], {"phone": "+14085550199"})
    both.settle()
    assert both.lead(PEOPLE[2])["Phone"] == "+14085550199"


@pytest.mark.parametrize(("why", "days"), [("refused", 3.0), ("trimmed", 3.0), ("too long", 20.0)])
def test_f12_delete_log_purged(three: Both, why: str, days: float) -> None:
    both = three
    # given a pause, during which a lead was deleted and purged, and a delete log that no longer reaches back
    leads = loses_ann(both, days=days)
    if why == "refused":
        refuse(both)
    elif why == "trimmed":
        both.sf.purge_delete_log(0.5)
    # when we look again
    both.settle()
    # then every id is compared, and the one that is gone is told from those that are only old
    assert_only_ann_is_gone(both, leads)
    both.assert_settled()


def test_f12_nothing_is_deleted_while_the_ids_cannot_be_compared(three: Both) -> None:
    both = three
    # given a gap in the delete log, and an org whose listing of ids breaks off
    leads = loses_ann(both, days=3)
    refuse(both)
    both.sf.faults.add({"method": "GET", "path": r"SELECT(\+|%20)Id(\+|%20)FROM(\+|%20)Lead", "do": "drop_before"})
    # when we look again
    both.settle()
    # then no record counts as deleted
    assert both.problems("deleted_elsewhere") == []
    assert both.store.count_snapshots()["salesforce", "Lead", "live"] == 3
    assert both.counts() == {"contacts": 3, "Lead": 2, "Contact": 0}
    # and once it answers, the comparison is made up for
    both.sf.faults.clear()
    refuse(both)
    both.settle()
    assert_only_ann_is_gone(both, leads)


# --- F25 ------------------------------------------------------------------------------------------------------------------------


BRAKE = {"crmsync.yaml": {"max_creates: 100000": "max_creates: 30"}}


def test_f25_first_sync_flood_stops_at_the_brake() -> None:
    with Both(edits=BRAKE, kinds=()) as both:
        # given more people in HubSpot than one run may create
        both.hs.seed(users=(), people=[somebody(f"p{n}@example.com") for n in range(31)])
        both.mark()
        # when it is connected for the first time
        with pytest.raises(HaltError, match="31"):
            both.settle()
        # then nothing was written, and further runs do not even look
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        assert both.sf.all("Lead") == []
        both.mark()
        with pytest.raises(HaltError):
            both.settle()
        assert both.calls() == {"hubspot": 0, "salesforce": 0}
        # and after a person looked, it goes on and the brake is set again
        assert resume(both.store, now=both.time()) is not None
        both.settle()
        assert both.counts() == {"contacts": 31, "Lead": 31, "Contact": 0}
        both.assert_settled()
        both.hs.seed(users=(), people=[somebody(f"q{n}@example.com") for n in range(31)])
        both.mark()
        with pytest.raises(HaltError):
            both.settle()
        assert both.writes() == {"hubspot": 0, "salesforce": 0}


def test_f25_a_first_sync_below_the_brake_is_not_stopped() -> None:
    with Both(edits=BRAKE, kinds=()) as both:
        both.hs.seed(users=(), people=[somebody(f"p{n}@example.com") for n in range(30)])
        both.settle()
        assert both.counts() == {"contacts": 30, "Lead": 30, "Contact": 0}
        both.assert_settled()


def test_f25_history_has_no_outward_effects() -> None:
    long_ago = START - timedelta(days=400)
    rita = {"owner_email": "rita@corp.example", "created_at": long_ago}
    hot = {"title": "Chief Executive Officer", "employees": 900, "industry": "COMPUTER_SOFTWARE"}
    with Both() as both:
        # given people with a past: a boss who asked for a demo an hour ago, owned by Rita in HubSpot; another only in Salesforce
        both.hs.seed(users=(), people=[somebody("boss@example.com", **rita, **hot), somebody("quiet@example.com", created_at=long_ago)])
        both.hs.happen({"email": "boss@example.com", "type": "form_submitted", "name": "Demo request"})
        both.sf.seed(users=(), people=[somebody("seller@example.com", **rita, **hot)])
        both.time.advance(3600)
        owners = {email: both.contact(email).get("hubspot_owner_id") for email in ("boss@example.com", "quiet@example.com")}
        sf_owner = next(row["OwnerId"] for row in (*both.sf.all("Lead"), *both.sf.all("Contact")) if row["Email"] == "seller@example.com")
        both.mark()
        # when both are connected for the first time
        both.settle()
        # then everybody is there on both sides, and nobody's owner changed, no task, no deadline, no mail came of it
        assert {row["email"] for row in both.hs.all("contacts")} == {"boss@example.com", "quiet@example.com", "seller@example.com"}
        assert {email: both.contact(email).get("hubspot_owner_id") for email in owners} == owners
        found = [row for row in (*both.sf.all("Lead"), *both.sf.all("Contact")) if row["Email"] == "seller@example.com"]
        assert [row["OwnerId"] for row in found] == [sf_owner]
        assert both.lead("boss@example.com")["OwnerId"] == both.owner("salesforce", "rita@corp.example")
        assert both.sf.all("Task") == []
        assert both.hs.all("tasks") == []
        assert both.contact("boss@example.com").get("crmsync_score") not in (None, "0"), "it was scored"
        for row in both.hs.all("contacts"):
            assert {row.get(name) for name in ("crmsync_sla_due", "crmsync_assigned_at", "crmsync_handoff")} == {None}
        both.assert_settled()
        # and what happens from now on does have them: the check could fail
        both.hs.happen({"email": "quiet@example.com", "type": "form_submitted", "name": "Demo request"})
        both.settle()
        assert [task["WhoId"] for task in both.sf.all("Task")] == [both.lead("quiet@example.com")["Id"]]
