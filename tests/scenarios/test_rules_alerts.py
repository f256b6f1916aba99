"""Handoff and alerts (process.md H1-H3, A4, A5) end to end: what stands in both simulated CRMs, and what a chat hears of it over real HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from scenarios.chat import Office, chatting
from scenarios.owed import (
    BERLIN,
    DAY,
    HOUR,
    MAX,
    MINUTE,
    NEW_YORK,
    RITA,
    SAM,
    SECOND,
    asks,
    contact,
    email,
    go,
    handed,
    happens,
    lead_id,
    monday,
    owes,
    pass_by,
    shown,
    state_of,
    tasks,
)  # fmt: skip
from scenarios.world import USERS, Both, Edits

TEAM = (
    *(user for user in USERS if user["email"] == RITA),
    {"email": SAM, "first_name": "Sam", "last_name": "Seller", "time_zone": "Europe/Berlin"},
    {"email": MAX, "first_name": "Max", "last_name": "Head", "time_zone": "America/New_York"},
)
WRITTEN: Edits = {
    "mappings/alerts.yaml": {
        "digest: {over": "to: {hot_lead: [owner, sales], at_risk: [owner], breach: [owner, manager, sales]}\n"
        f'manager: {MAX}\nquiet: {{from: "20:00", to: "07:00", days: [sat, sun]}}\ndigest: {{over',
        "time_zone: UTC": "time_zone: America/New_York",
    },
}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Both(kinds=("task", "call"), users=TEAM, edits=WRITTEN) as both, chatting() as chat:
        both.settle()
        found = Office(both=both, chat=chat)
        yield found
        found.notifier.close()


def begin(office: Office) -> datetime:
    """A Monday, 10:00 in New York or a few minutes later: the chat is well, and heard all that had come up about everybody else."""
    office.chat.status = 200
    monday(office.both)
    pass_by(office.both)
    while office.tell():
        office.both.time.advance(61)
    return office.both.time()


# --- H1, H2, H3 -------------------------------------------------------------------------------------------------------------

PACKAGE = (
    "Name: Ann Lee", "E-mail: ann@ann.example", "Phone: +14085550100 (valid)", "Region: Germany", "MQL type: direct_request", "Trigger: demo_request: Book a demo",
    "Source: Web", "+45 Decision", "+25 Director or above", "+10 Pricing page", "https://x.example/pricing", "page: https://corp.example/contact",
    "email_open", "Owner: rita@corp.example",
)  # fmt: skip
"""Contact data as verified, region, type and trigger, source, the score and its signals, pages, answers, history, owner."""


def test_h1_h2_the_package_is_a_field_stands_in_the_task_and_is_told_at_once(office: Office) -> None:
    both = office.both
    begin(office)
    contact(both, "ann", phone="+14085550100", country="Germany", jobtitle="VP Sales", company="Acme")
    both.settle(0)
    both.sf.edit("Lead", lead_id(both, "ann"), {"LeadSource": "Web"})
    happens(both, "ann", "page_view", name="https://x.example/pricing")
    happens(both, "ann", "email_open")
    both.settle(60)
    assert (tasks(both, "ann"), office.tell(), office.heard("Ann Lee")) == ([], 0, [])
    asks(both, "ann")
    both.settle(5)
    handed_at = both.time()
    # the same look that saw it wrote the owner, the field and the task, and had it told
    field = str(both.contact(email("ann"))["crmsync_handoff"])
    assert str(both.lead(email("ann"))["crmsync_handoff__c"]).split() == field.split()
    (task,) = tasks(both, "ann")
    assert (task["Subject"], task["Priority"], task["Status"]) == ("Call now: Ann Lee (Acme)", "High", "Not Started")
    assert office.tell() == 2
    assert both.time() == handed_at
    assert office.heard("Ann Lee") == [
        ("/sales", "Hot lead: Ann Lee (Acme) (direct_request)"),
        (RITA, "Hot lead: Ann Lee (Acme) (direct_request)"),
    ]
    (said,) = {text for _, title, text in office.chat.heard if "Ann Lee" in title}
    both.settle()
    marked_up = str(both.twin("task", "salesforce", str(task["Id"]))["hs_task_body"])
    twin = " ".join(html.unescape(re.sub("<[^>]*>", " ", marked_up)).split())
    for line in PACKAGE:
        assert [line in text for text in (field, str(task["Description"]), twin, said)] == [True] * 4, line
    # once, whatever happens later
    happens(both, "ann", "page_view", name="https://x.example/pricing?again")
    both.settle(HOUR.total_seconds())
    office.restart()
    both.settle(0)
    assert (office.tell(), len(office.heard("Ann Lee", "Hot lead"))) == (0, 2)


def test_h2_a_hot_lead_is_told_in_quiet_hours_too(office: Office) -> None:
    both = office.both
    night = begin(office) + 13 * HOUR
    go(both, night)
    handed(both, "bea", owner=SAM)
    office.tell()
    assert office.heard("Bea Lee") == [("/sales", "Hot lead: Bea Lee (direct_request)"), (SAM, "Hot lead: Bea Lee (direct_request)")]


def test_h3_every_accepted_sql_has_a_task_with_action_context_and_deadline(office: Office) -> None:
    both = office.both
    start = begin(office)
    handed(both, "cal")
    go(both, start + HOUR)
    both.sf.edit("Lead", lead_id(both, "cal"), {"crmsync_disposition__c": "accepted"})
    both.settle(0)
    (task,) = tasks(both, "cal", "Agree on the next step")
    due = start + DAY + HOUR  # one working day of a rep who works eight hours
    assert str(task["Description"]).startswith(f"Agree on the next step by {due:%Y-%m-%d %H:%M} UTC: book a meeting")
    assert all(line in str(task["Description"]) for line in ("Name: Cal Lee", "Trigger: demo_request: Book a demo", "Goal: Book a meeting"))
    assert (task["ActivityDate"], both.sf.get("User", str(task["OwnerId"]))["Email"]) == (due.astimezone(NEW_YORK).date().isoformat(), RITA)
    both.settle()
    twin = both.twin("task", "salesforce", str(task["Id"]))
    assert (twin["hs_task_subject"], twin["hubspot_owner_id"]) == (task["Subject"], both.owner("hubspot", RITA))
    # accepted once is one task, also when it is said again in the other CRM
    both.hs.edit("contacts", str(both.contact(email("cal"))["id"]), {"crmsync_disposition": "accepted"})
    both.settle()
    assert len(tasks(both, "cal", "Agree on the next step")) == 1
    # it goes from both CRMs once they are no sql any more
    both.sf.edit("Lead", lead_id(both, "cal"), {"crmsync_stage__c": "nurture"})
    both.settle()
    both.settle()
    assert both.shown("task", "salesforce", str(task["Id"]))["IsDeleted"] is True
    assert [row for row in both.hs.all("tasks") if row["hs_task_subject"] == task["Subject"]] == []


# --- A4, A5 -----------------------------------------------------------------------------------------------------------------


def test_a4_a5_the_owner_hears_of_the_risk_and_the_manager_of_the_breach(office: Office) -> None:
    both = office.both
    start = begin(office)
    due = start + 4 * HOUR
    handed(both, "dee")
    office.tell()
    for moment, titles in (
        (start + 2 * HOUR - SECOND, []),
        (start + 2 * HOUR, ["At risk"]),
        (start + 192 * MINUTE - SECOND, ["At risk"]),
        (start + 192 * MINUTE, ["At risk", "At risk"]),
        (due - SECOND, ["At risk", "At risk"]),
        (due, ["At risk", "At risk", "Breached"]),
    ):
        go(both, moment)
        office.tell()
        assert [title.split(":")[0] for who, title in office.heard("Dee Lee") if who == RITA and "Hot" not in title] == titles, moment
        owed = both.store.obligations.of([state_of(both, "dee").person_id])[state_of(both, "dee").person_id]
        assert any(clock.at_risk for clock in owed if clock.kind == "response") is bool(titles), "as the status counts them"
    when = due.astimezone(NEW_YORK)
    title = f"Breached: the first response for Dee Lee was due {when:%a} {when.day} {when:%b} 2026, {when:%H:%M} (America/New_York)"
    assert office.heard("Breached: the first response for Dee Lee") == [("/sales", title), (MAX, title), (RITA, title)]
    both.settle(0)
    (task,) = tasks(both, "dee", "Response time breached")
    assert (both.sf.get("User", str(task["OwnerId"]))["Email"], task["Priority"]) == (MAX, "High")
    assert "Owner: rita@corp.example." in str(task["Description"])
    go(both, due + 3 * DAY)
    office.tell()
    assert len(office.heard("Dee Lee")) == 7  # hot lead twice, at risk twice, breached thrice


def test_a5_quiet_hours_are_those_of_whoever_would_be_disturbed(office: Office) -> None:
    """Sam's clock runs out on Wednesday, 11:00 in Berlin: he hears of it then, New York when its quiet hours are over."""
    both = office.both
    day = begin(office).astimezone(BERLIN).date()
    asked, due, morning = (
        (datetime(day.year, day.month, day.day, hour, tzinfo=zone) + days * DAY).astimezone(UTC)
        for days, hour, zone in ((1, 15, BERLIN), (2, 11, BERLIN), (2, 7, NEW_YORK))
    )
    go(both, asked)
    handed(both, "eve", owner=SAM)
    office.tell()
    go(both, due)
    office.tell()
    assert owes(both, "eve") == ("breached", due)
    assert [who for who, title in office.heard("Eve Lee") if title.startswith("Breached")] == [SAM]
    go(both, morning - SECOND)
    assert office.tell() == 0
    go(both, morning)
    office.tell()
    assert [who for who, title in office.heard("Eve Lee") if title.startswith("Breached")] == ["/sales", MAX, SAM]


def test_a5_a_chat_that_is_down_delays_the_message_and_never_the_task(office: Office) -> None:
    both = office.both
    start = begin(office)
    office.chat.status = 503
    handed(both, "fay")
    refused = office.chat.refused
    assert office.tell() == 2
    assert (office.chat.refused - refused, office.heard("Fay Lee")) == (2, [])
    # the task was there before anybody tried to tell
    assert [task["Subject"] for task in tasks(both, "fay")] == ["Call now: Fay Lee"]
    go(both, start + 4 * HOUR)
    both.settle(0)
    office.tell()
    assert (owes(both, "fay")[0], len(tasks(both, "fay", "Response time breached"))) == ("breached", 1)
    office.restart()
    both.time.advance(3 * 3600)
    both.settle(0)
    office.chat.status = 200
    for _ in range(4):
        both.time.advance(3700)
        office.tell()
    # each message that was owed came, once
    kinds = sorted(
        (title.removeprefix("Late: ").split(":")[0], who) for who, title in office.heard("Fay Lee") if not title.endswith("alerts")
    )
    assert kinds == [
        ("At risk", RITA), ("At risk", RITA), ("Breached", "/sales"), ("Breached", MAX), ("Breached", RITA), ("Hot lead", "/sales"), ("Hot lead", RITA),
    ]  # fmt: skip
    assert len(tasks(both, "fay", "Response time breached")) == 1


def test_h2_a_hundred_at_once_are_one_message_and_a_hundred_tasks(office: Office) -> None:
    both = office.both
    begin(office)
    before = len(office.chat.heard)
    names = [f"gus{n}" for n in range(100)]
    handed(both, *names)
    office.tell()
    new = office.chat.heard[before:]
    assert sorted((path, title) for path, title, _ in new) == [
        ("/people?to=rita%40corp.example", "100 alerts: hot leads 100"), ("/sales", "100 alerts: hot leads 100"),
    ]  # fmt: skip
    assert all("HOT LEADS (100)" in text and "and 70 more" in text for _, _, text in new)
    keys = {str(row.get("crmsync_key__c")).split("-")[0] for row in both.sf.all("Task") if str(row["Subject"]).startswith("Call now: Gus")}
    assert len(keys) == 100
    both.settle(0)
    assert office.tell() == 0


def test_h2_a5_nothing_is_told_twice_in_two_months(office: Office) -> None:
    """Whoever was told of stays told of, over restarts and whatever else goes on."""
    both = office.both
    start = begin(office)
    handed(both, "hal")
    office.tell()
    go(both, start + 4 * HOUR)
    office.tell()
    told = office.heard("Hal Lee")
    assert sorted(title.removeprefix("Late: ").split(":")[0] for _, title in told) == ["At risk"] * 2 + ["Breached"] * 3 + ["Hot lead"] * 2
    for weeks in (1, 4, 9):
        go(both, start + weeks * 7 * DAY)
        office.restart()
        both.settle(0)
        office.tell()
    assert office.heard("Hal Lee") == told
    assert shown(both, "hal").status == "breached"
    assert state_of(both, "hal").owner == RITA
