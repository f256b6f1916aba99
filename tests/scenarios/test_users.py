"""Users of both CRMs: whose clock counts, who stands in for whom, and what a rename or a deactivation does to records and activities (F46, F48, F57)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crmsync.decide.canonical import moment
from scenarios.persons import crowd
from scenarios.world import USERS, Both

FALLBACK = {"mappings/person.yaml": {"  fallback:\n": "  fallback: sam@corp.example\n"}}
HOPE: dict[str, Any] = {"email": "hope@corp.example", "first_name": "Hope", "last_name": "Hubspot", "time_zone": "America/New_York"}
TEN = timedelta(minutes=10)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
SCOPES = [f"crm.{kind}.{name}.{verb}" for kind in ("objects", "schemas") for name in ("contacts", "owners") for verb in ("read", "write")]
"""What a token was granted that may not read users."""
MORNINGS = '[{"days":"MONDAY_TO_FRIDAY","startMinute":480,"endMinute":720}]'


def owners(both: Both, lead: str, *tasks: str) -> list[str]:
    """E-mails of the Salesforce owners of a lead and of tasks there."""
    ids = [both.sf.get("Lead", lead)["OwnerId"], *(both.sf.get("Task", task)["OwnerId"] for task in tasks)]
    by_id = {u.id: u.email or u.id for u in both.store.users() if u.side == "salesforce"}
    return [by_id[id] for id in ids]


def told(both: Both) -> list[tuple[str, str, str]]:
    return sorted((p.cause, p.side, p.object) for p in both.problems())


def test_f48_fallback_stands_in_for_persons_and_activities_and_gives_way() -> None:
    with Both(edits=FALLBACK) as both:
        # given a person and a task of Rita's in step, and a fallback owner
        ((contact, lead),) = crowd(both, 1)
        task = both.enter("task", "hubspot", contact)
        both.settle()
        theirs = both.twin_id("task", "hubspot", task)
        both.hs.add_user(HOPE)
        both.settle(after=400)
        hope = both.owner("hubspot", "hope@corp.example")
        both.mark()
        # when somebody who is in HubSpot only takes both over, enters a call, and brings a person along
        both.hs.edit("contacts", contact, {"hubspot_owner_id": hope})
        both.edit("task", "hubspot", task, hubspot_owner_id=hope)
        call = both.enter("call", "hubspot", contact, owner="hope@corp.example")
        both.hs.create("contacts", {"email": "new@example.com", "lastname": "New", "company": "New Works", "hubspot_owner_id": hope})
        both.settle()
        # then the fallback has them all in Salesforce, and that stays said: by record, and for new persons once for their owner
        logged = both.twin_id("call", "hubspot", call)
        new = str(both.lead("new@example.com")["Id"])
        assert owners(both, lead, theirs, logged) + owners(both, new) == ["sam@corp.example"] * 4
        assert told(both) == [("owner_without_twin", "salesforce", object) for object in ("Lead", "Task", "Task", "owner")]
        both.assert_settled()
        assert told(both) == [("owner_without_twin", "salesforce", object) for object in ("Lead", "Task", "Task", "owner")]
        assert {both.hs.get("contacts", contact)["hubspot_owner_id"], both.shown("task", "hubspot", task)["hubspot_owner_id"]} == {hope}
        # when another field changes on either side, nobody's owner is touched
        both.hs.edit("contacts", contact, {"jobtitle": "Baker"})
        both.edit("task", "salesforce", theirs, Subject="Send it")
        both.settle()
        assert owners(both, lead, theirs, logged) == ["sam@corp.example"] * 3
        assert both.shown("task", "hubspot", task)["hubspot_owner_id"] == hope
        both.mark()
        # and when she gets a user in Salesforce, what was hers before is hers there too, with one write each and nothing left to say
        both.sf.seed(users=[HOPE], people=[])
        both.settle(after=400)
        assert owners(both, lead, theirs, logged) == ["hope@corp.example"] * 3
        assert both.writes() == {"hubspot": 0, "salesforce": 3}
        assert told(both) == []
        both.assert_settled()
        # and a day is the one that HubSpot shows its user: 01:00 on the 11th in Tokyo, wherever Salesforce thinks that Sam is
        both.hs.add_user({**USERS[1], "time_zone": "Asia/Tokyo"})
        both.settle(after=400)
        late = both.enter("task", "hubspot", contact, owner="sam@corp.example", hs_timestamp="2026-03-10T16:00:00Z")
        both.settle()
        assert both.twin("task", "hubspot", late)["ActivityDate"] == "2026-03-11"
        both.edit("task", "salesforce", both.twin_id("task", "hubspot", late), ActivityDate="2026-03-12")
        both.settle()
        assert moment(both.shown("task", "hubspot", late)["hs_timestamp"]) == datetime(2026, 3, 11, 16, 0, tzinfo=UTC)


def test_f48_rename_and_deactivation_of_a_user() -> None:
    with Both(edits=FALLBACK) as both:
        # given two persons and a task of Rita's in step
        (first, second) = crowd(both, 2)
        task = both.enter("task", "salesforce", first[1])
        both.settle()
        ours = both.twin_id("task", "salesforce", task)
        both.mark()
        # when her address is changed in HubSpot alone
        both.hs.rename_user("rita@corp.example", "rita.moved@corp.example")
        both.settle(after=400)
        # then nothing moves for it, and records that nobody touches are nobody's trouble
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        # and with the next edit the fallback stands in where she is not recognised any more, once, and that is said
        both.hs.edit("contacts", first[0], {"jobtitle": "Baker"})
        both.edit("task", "salesforce", task, Subject="Send it")
        both.settle()
        assert owners(both, first[1]) + owners(both, second[1], task) == ["sam@corp.example", "rita@corp.example", "sam@corp.example"]
        assert told(both) == [("owner_without_twin", "salesforce", "Lead"), ("owner_without_twin", "salesforce", "Task")]
        both.assert_settled()
        # when a pair in person.yaml says who she is
        pair = {"rita.moved@corp.example": {"hubspot": both.owner("hubspot", "rita.moved@corp.example")}}
        pair["rita.moved@corp.example"]["salesforce"] = both.owner("salesforce", "rita@corp.example")[:15]
        both.restart(playbook=lambda rules: replace(rules, person=replace(rules.person, owner_pairs=pair)))
        both.settle(after=400)
        both.settle()
        # then everything is hers again on both sides, and nothing is left to say
        assert owners(both, first[1]) + owners(both, second[1], task) == ["rita@corp.example"] * 3
        assert both.shown("task", "hubspot", ours)["hubspot_owner_id"] == both.owner("hubspot", "rita.moved@corp.example")
        assert told(both) == []
        both.assert_settled()
        # when Salesforce deactivates her, and HubSpot names her for another person and a new task
        rita = both.owner("salesforce", "rita@corp.example")
        both.sf.edit("User", rita, {"IsActive": False})
        both.hs.create("contacts", {"email": "new@example.com", "lastname": "New", "company": "New Works",
                                    "hubspot_owner_id": both.owner("hubspot", "rita.moved@corp.example")})  # fmt: skip
        both.settle(after=400)
        late = both.enter("task", "hubspot", first[0], owner="rita.moved@corp.example")
        both.settle()
        # then she keeps what she had, and the fallback gets the rest
        assert owners(both, first[1]) + owners(both, second[1], task) == ["rita@corp.example"] * 3
        assert owners(both, str(both.lead("new@example.com")["Id"]), both.twin_id("task", "hubspot", late)) == ["sam@corp.example"] * 2
        assert ("owner_without_twin", "salesforce", "Task") in told(both)
        both.assert_settled()


def due(both: Both, task: dict[str, Any]) -> datetime | None:
    """The moment at which our task is due (UTC); Salesforce itself keeps the day."""
    return both.store.tasks.by_key([task["crmsync_key__c"]])[task["crmsync_key__c"]].due_at


def first_touch(both: Both, rep: str, n: int) -> dict[str, Any]:
    """The task of a new lead of that rep who asks for a demo now: within 10 working minutes."""
    mail = f"demo{n}@example.com"
    row = {"email": mail, "lastname": "Asks", "company": "Example Works", "phone": "+14085550000"}
    both.hs.create("contacts", {**row, "hubspot_owner_id": both.owner("hubspot", rep)})
    both.settle()
    both.time.advance(60)
    both.hs.happen({"email": mail, "type": "form_submitted", "name": "Demo request", "at": both.time()})
    both.settle()
    lead = str(both.lead(mail)["Id"])
    (task,) = [row for row in both.sf.all("Task") if row["WhoId"] == lead]
    return task


def test_clocks_run_by_what_the_crms_tell_of_their_users() -> None:
    rows = [
        *USERS,
        {"email": "kiri@corp.example", "first_name": "Kiri", "last_name": "Rep", "time_zone": "Pacific/Auckland"},
        {"email": "lou@corp.example", "first_name": "Lou", "last_name": "Rep", "time_zone": "America/Los_Angeles"},
    ]
    with Both(users=rows, kinds=()) as both:
        # given Tuesday 19:30 in London, an org without business hours, reps of whom one has hours of her own in HubSpot, and users read once
        both.settle()
        both.time.advance(hours=4, minutes=30)
        both.hs.add_user({**rows[2], "working_hours": MORNINGS})
        both.hs.add_user({**rows[3], "time_zone": "Mars/Base", "working_hours": "[{"})
        (report, *_) = both.settle(after=400)
        assert report.refresh_calls == {"hubspot": 6, "salesforce": 6}, "one call each for zones and hours"
        # then a task is due by the rep's own hours and clock: Kiri works from 08:00, and it is Wednesday 08:38 there
        kiri = first_touch(both, "kiri@corp.example", 1)
        assert (due(both, kiri), kiri["ActivityDate"]) == (both.time() + TEN, "2026-03-04")
        # Lou's zone and hours in HubSpot are nonsense: Salesforce's zone counts (11:38 there), and the playbook's hours
        lou = first_touch(both, "lou@corp.example", 2)
        assert (due(both, lou), lou["ActivityDate"]) == (both.time() + TEN, "2026-03-03")
        # when the admin of the org sets business hours from 09:00 to 11:00: Lou's clock stands until tomorrow, Kiri's own hours still count
        (default,) = both.sf.all("BusinessHours")
        both.sf.edit(
            "BusinessHours", default["Id"], {f"{d}{e}Time": t for d in WEEKDAYS for e, t in (("Start", "09:00:00"), ("End", "11:00:00"))}
        )
        both.sf.edit("BusinessHours", default["Id"], {f"{d}{e}Time": None for d in ("Saturday", "Sunday") for e in ("Start", "End")})
        both.settle(after=400)
        lou = first_touch(both, "lou@corp.example", 3)
        assert (due(both, lou), lou["ActivityDate"]) == (datetime(2026, 3, 4, 17, 10, tzinfo=UTC), "2026-03-04")
        kiri = first_touch(both, "kiri@corp.example", 4)
        assert due(both, kiri) == both.time() + TEN
        # and when the token may not read users any more, the hours of the other CRM count for her, too
        both.hs.options.change("scopes", SCOPES)
        both.settle(after=400)
        assert both.problems() == []
        both.time.advance(hours=3)
        both.settle(after=400)
        kiri = first_touch(both, "kiri@corp.example", 5)
        assert due(both, kiri) == datetime(2026, 3, 4, 20, 10, tzinfo=UTC)
