"""SLA clocks (process.md A1-A9, F74-F76) end to end: `crmsync_sla_*` in both simulated CRMs, a second before and at every moment that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from crmsync.engine.cycle import cycle
from crmsync.model.absence import Away
from crmsync.model.rules import Playbook, Shift
from crmsync.service.report import sla_report
from scenarios.owed import (
    BERLIN,
    DAY,
    HOUR,
    KOLKATA,
    MAX,
    MINUTE,
    NEW_YORK,
    RITA,
    SAM,
    SECOND,
    Script,
    Shown,
    alerts,
    asks,
    clock,
    contact,
    email,
    go,
    handed,
    happens,
    lead_id,
    monday,
    owes,
    shown,
    state_of,
    tasks,
)  # fmt: skip
from scenarios.world import USERS, Both, Edits

ASHA, DORA, DAN, KIM, LOU = "asha@corp.example", "dora@corp.example", "dan@corp.example", "kim@corp.example", "lou@corp.example"
TEAM = (
    *(user for user in USERS if user["email"] == RITA),
    {"email": SAM, "first_name": "Sam", "last_name": "Seller", "time_zone": "Europe/Berlin"},
    {"email": ASHA, "first_name": "Asha", "last_name": "Seller", "time_zone": "Asia/Kolkata"},
    {"email": DORA, "first_name": "Dora", "last_name": "Night", "time_zone": "Europe/Berlin"},
    {"email": DAN, "first_name": "Dan", "last_name": "Night", "time_zone": "America/New_York"},
    {"email": KIM, "first_name": "Kim", "last_name": "Rep", "time_zone": "America/New_York"},
    {"email": LOU, "first_name": "Lou", "last_name": "Rep", "time_zone": "America/New_York"},
    {"email": MAX, "first_name": "Max", "last_name": "Head", "time_zone": "America/New_York"},
)
NIGHTS = '{days: [sun, mon], start: "00:00", end: "08:00"}'
EDITS: Edits = {
    "mappings/playbook.yaml": {"people: {} ": f"people: {{{SAM}: {{country: DE}}, {DORA}: {NIGHTS}, {DAN}: {NIGHTS}}} "},
}
OFFICE: Edits = {
    "mappings/followup.yaml": {"sql_within:   ": "sql_within: 1 working hour  "},
    "mappings/playbook.yaml": {"members: []": f"members: [{RITA}, {LOU}]"},
    "mappings/alerts.yaml": {
        "digest: {over": f"to: {{at_risk: [owner], breach: [owner, manager, sales], reassigned: [owner]}}\nmanager: {MAX}\ndigest: {{over"
    },
}


@pytest.fixture(scope="module")
def office() -> Iterator[Both]:
    """One world, from Monday to Monday: each test has people of its own."""
    with Both(kinds=("task", "call", "meeting"), users=TEAM, edits=OFFICE) as both:
        both.settle()
        yield both


def test_a4_a5_a6_f74_nights_weekends_holidays_and_both_clock_changes_in_the_zone_of_the_crm() -> None:
    """Eight demo requests between March and November: at risk at 50 and 80 per cent of four working hours, breached at the end."""

    def here(zone: object, month: int, day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2026, month, day, hour, minute, tzinfo=zone)  # type: ignore[arg-type]

    cases = {
        # name: owner, asks, half, due
        "ann": (RITA, here(NEW_YORK, 3, 3, 10, 30), here(NEW_YORK, 3, 3, 12, 30), here(NEW_YORK, 3, 3, 14, 30)),
        "ivy": (ASHA, here(KOLKATA, 3, 4, 16), here(KOLKATA, 3, 5, 10), here(KOLKATA, 3, 5, 12)),
        "bob": (SAM, here(BERLIN, 3, 6, 16), here(BERLIN, 3, 9, 10), here(BERLIN, 3, 9, 12)),
        "cal": (RITA, here(NEW_YORK, 3, 6, 16), here(NEW_YORK, 3, 9, 10), here(NEW_YORK, 3, 9, 12)),
        "eve": (DAN, here(NEW_YORK, 3, 7, 12), here(NEW_YORK, 3, 8, 3), here(NEW_YORK, 3, 8, 5)),
        "dee": (DORA, here(BERLIN, 3, 28, 12), here(BERLIN, 3, 29, 3), here(BERLIN, 3, 29, 5)),
        "hal": (SAM, here(BERLIN, 4, 2, 16), here(BERLIN, 4, 7, 10), here(BERLIN, 4, 7, 12)),
        "fay": (DORA, here(BERLIN, 10, 24, 12), here(BERLIN, 10, 25, 2), here(BERLIN, 10, 25, 3)),
        "gil": (RITA, here(NEW_YORK, 10, 30, 16), here(NEW_YORK, 11, 2, 10), here(NEW_YORK, 11, 2, 12)),
    }
    with Both(kinds=(), users=TEAM, edits=EDITS) as both:
        both.settle()
        for name, (owner, *_) in cases.items():
            contact(both, name, owner)
        both.settle()
        script = Script(both)
        for name, (_, start, half, due) in cases.items():
            script.at(start, partial(asks, both, name))
            script.expect(name, (start, "on_track", due), (half, "at_risk", due), (due, "breached", due))
        assert script.play() > 200


# --- A1, A2, A3: which clocks there are -------------------------------------------------------------------------------------


def test_a1_the_handoff_is_owed_within_24_hours_and_its_breach_told(office: Both) -> None:
    at = monday(office)
    contact(office, "una")
    office.settle(0)
    happens(office, "una", "email_bounce")
    asks(office, "una")
    office.settle(0)
    script = Script(office)
    script.expect("una", (at, "on_track", at + DAY), (at + 12 * HOUR, "at_risk", at + DAY), (at + DAY, "breached", at + DAY))
    script.play()
    assert shown(office, "una").stage == "mql"
    assert alerts(office, "una", "breach") == [("breach", at + DAY, who, False) for who in ("channel:sales", f"manager:{MAX}", f"owner:{RITA}")]
    # with a number she can be handed over: what is owed next is the first response
    office.sf.edit("Lead", lead_id(office, "una"), {"Phone": "+14085550100"})
    office.settle(HOUR.total_seconds())
    assert owes(office, "una") == ("on_track", at + DAY + 5 * HOUR)
    handoff = clock(office, "una", "handoff")
    assert handoff is not None
    assert (handoff.met_at, handoff.breached_at) == (at + DAY + HOUR, at + DAY)
    assert len(alerts(office, "una", "breach")) == 3


def test_a2_a7_each_type_has_its_window_and_the_first_touch_in_any_crm_meets_it(office: Both) -> None:
    """A call logged in HubSpot, a task done in Salesforce and a call logged there; the status is written once per record."""
    at = monday(office)
    contact(office, "web", jobtitle="Chief Executive Officer")
    names = {"tel": "Book a demo", "dem": "Book a demo", "web": "Download the e-book", "rep": "", "sip": "Book a demo", "tim": "Book a demo"}
    for name in ("tel", "dem", "rep", "sip", "tim"):
        contact(office, name)
    office.settle(0)
    for name, form in names.items():
        if form:
            asks(office, name, form)
        else:
            happens(office, name, "email_reply")
    office.settle(0)
    # four working hours, three working days, one working day of a rep who works eight hours
    due = {**dict.fromkeys(("tel", "dem", "sip", "tim"), at + 4 * HOUR), "web": at + 3 * DAY, "rep": at + DAY}
    assert {name: owes(office, name) for name in due} == {name: ("on_track", when) for name, when in due.items()}
    office.time.advance(30 * 60)
    now = office.time()
    office.enter("call", "hubspot", str(office.contact(email("tel"))["id"]), hs_timestamp=now.isoformat())
    office.enter("call", "salesforce", lead_id(office, "dem"), ActivityDate=now.date().isoformat())
    (task,) = tasks(office, "tim")
    office.sf.edit("Task", str(task["Id"]), {"Status": "Completed"})
    office.world.refresh(now)
    office.mark()
    office.settle(0)
    met = Shown(stage="sal", status="met", due=None, first=now, touches=1)
    assert [shown(office, name) for name in ("tel", "dem", "tim")] == [met] * 3
    written = Counter(write.id for side in ("hubspot", "salesforce") for write in office.written(side))
    for name in ("tel", "dem", "tim"):
        assert (written[str(office.contact(email(name))["id"])], written[lead_id(office, name)]) == (1, 1), [
            (w.object, w.changes) for side in ("hubspot", "salesforce") for w in office.written(side) if w.object in ("contacts", "Lead")
        ]
    # nobody hears of what is met, whatever the hour
    go(office, at + 6 * HOUR)
    assert [alerts(office, name) for name in ("tel", "dem", "tim")] == [[], [], []]
    assert owes(office, "sip") == ("breached", due["sip"])


def test_a2_the_clock_of_an_sql_runs_until_the_next_touch(office: Both) -> None:
    handed(office, "ava", "abe")
    start = monday(office)
    office.settle(0)
    accepted, due = start + MINUTE, start + HOUR + MINUTE
    script = Script(office)
    for name in ("ava", "abe"):
        office.enter("call", "hubspot", str(office.contact(email(name))["id"]), hs_timestamp=start.isoformat())
        script.at(accepted, partial(office.sf.edit, "Lead", lead_id(office, name), {"crmsync_disposition__c": "accepted"}))
    script.expect("ava", (accepted, "on_track", due), (accepted + 30 * MINUTE, "at_risk", due), (due, "breached", due))
    script.expect("abe", (accepted, "on_track", due), (accepted + 30 * MINUTE, "at_risk", due), (accepted + 40 * MINUTE, "met", None))
    called = accepted + 40 * MINUTE
    script.at(called, partial(office.enter, "call", "hubspot", str(office.contact(email("abe"))["id"]), hs_timestamp=called.isoformat()))
    script.play()
    assert shown(office, "ava").stage == shown(office, "abe").stage == "sql"
    assert [row[1] for row in alerts(office, "ava", "breach")][-3:] == [due] * 3


def test_a3_no_response_is_not_believed_before_eight_touches(office: Both) -> None:
    start = monday(office)
    handed(office, "amy")
    person = str(office.contact(email("amy"))["id"])

    def call(number: int) -> None:
        at = start + number * 20 * MINUTE
        office.enter("call", "hubspot", person, hs_timestamp=at.isoformat())

    call(1)
    call(2)
    office.time.advance(3 * 3600)
    office.sf.edit("Lead", lead_id(office, "amy"), {"crmsync_disposition__c": "rejected", "crmsync_reason_code__c": "no_response"})
    office.settle(0)
    assert tasks(office, "amy", "Keep trying") == [], "touches that were logged with it may not be read yet"
    go(office, office.time() + 3 * MINUTE)
    assert shown(office, "amy") == Shown(stage="sal", status="met", due=None, first=start + 20 * MINUTE, touches=2)
    assert [task["Subject"] for task in tasks(office, "amy", "Keep trying")] == ["Keep trying (2 of 8 touches): Amy Lee"]
    for number in range(3, 8):
        call(number)
    office.settle()
    assert (shown(office, "amy").stage, shown(office, "amy").touches) == ("sal", 7)
    call(8)
    office.settle()
    assert (shown(office, "amy").stage, shown(office, "amy").status) == ("nurture", "none")


# --- A5, A8: a breach is one ------------------------------------------------------------------------------------------------


def test_a5_a8_f75_a_breach_is_told_once_after_two_hours_down_a_restart_and_a_clock_set_back(office: Both) -> None:
    start = monday(office)
    handed(office, "ben")
    due = start + 4 * HOUR
    go(office, start + 2 * HOUR)
    go(office, start + 192 * MINUTE)
    assert [(kind, at, late) for kind, at, _, late in alerts(office, "ben")] == [
        ("at_risk", start + 2 * HOUR, False), ("at_risk", start + 192 * MINUTE, False),
    ]  # fmt: skip
    assert tasks(office, "ben", "Response time breached") == []
    office.time.advance(2.5 * 3600)  # nobody looks for two hours and a half
    office.restart()
    office.settle(0)
    receivers = ("channel:sales", f"manager:{MAX}", f"owner:{RITA}")
    told = [("breach", due, who, True) for who in receivers]
    assert (owes(office, "ben"), alerts(office, "ben", "breach")) == (("breached", due), told)
    (task,) = tasks(office, "ben", "Response time breached")
    assert "This comes late" in str(task["Description"])
    assert office.sf.get("User", str(task["OwnerId"]))["Email"] == MAX

    def look(moment: datetime) -> None:
        cycle(office.world, moment)
        assert (owes(office, "ben"), alerts(office, "ben", "breach")) == (("breached", due), told)
        assert len(tasks(office, "ben", "Response time breached")) == 1

    now = office.time()
    office.mark()
    look(now - 3 * HOUR)  # the clock of this machine is set back, those of the CRMs are not
    look(now - 3 * HOUR + SECOND)
    office.restart()
    look(now - HOUR)
    look(now + MINUTE)
    office.time.advance(60)
    assert [w for side in ("hubspot", "salesforce") for w in office.written(side) if w.object in ("contacts", "Lead")] == []


def test_a5_a_touch_that_was_made_in_time_and_is_read_late_takes_the_breach_back(office: Both) -> None:
    start = monday(office)
    handed(office, "cid", "coy")
    due = start + 4 * HOUR
    go(office, due + HOUR)
    assert owes(office, "cid") == owes(office, "coy") == ("breached", due)
    for name, at in (("cid", due - 10 * MINUTE), ("coy", due + 10 * MINUTE)):
        office.enter("call", "hubspot", str(office.contact(email(name))["id"]), hs_timestamp=at.isoformat())
    office.settle()
    assert shown(office, "cid") == Shown(stage="sal", status="met", due=None, first=due - 10 * MINUTE, touches=1)
    assert shown(office, "coy") == Shown(stage="sal", status="met", due=None, first=due + 10 * MINUTE, touches=1)
    rows = {name: _obligation(office, name, "response") for name in ("cid", "coy")}
    assert {name: (row.breached_at, row.met_at) for name, row in rows.items()} == {
        "cid": (None, due - 10 * MINUTE), "coy": (due, due + 10 * MINUTE),
    }  # fmt: skip


def _obligation(both: Both, name: str, kind: str) -> Any:
    person = state_of(both, name).person_id
    found = [row for row in both.store.obligations.of([person])[person] if row.kind == kind]
    assert len(found) == 1, found
    return found[0]


def test_f76_a_touch_in_the_very_second_of_the_handoff_meets_it_at_once(office: Both) -> None:
    start = monday(office)
    contact(office, "dov")
    office.settle(0)
    asks(office, "dov")
    office.enter("call", "hubspot", str(office.contact(email("dov"))["id"]), hs_timestamp=start.isoformat())
    office.settle(0)
    assert shown(office, "dov") == Shown(stage="sal", status="met", due=None, first=start, touches=1)
    go(office, start + 5 * HOUR)
    assert alerts(office, "dov") == []


# --- owners -----------------------------------------------------------------------------------------------------------------


def test_a6_f57_a_clock_moves_along_with_an_owner_set_by_hand(office: Both) -> None:
    """Two hours were used in New York; it is evening in Berlin, where the other two run on the next day."""
    start = monday(office)
    handed(office, "dot")
    go(office, start + 2 * HOUR)
    office.hs.edit("contacts", str(office.contact(email("dot"))["id"]), {"hubspot_owner_id": office.owner("hubspot", SAM)})
    office.settle(0)
    morning = datetime.combine((start + DAY).date(), datetime.min.time(), tzinfo=BERLIN)
    due = (morning + 11 * HOUR).astimezone(UTC)
    assert owes(office, "dot") == ("at_risk", due)
    script = Script(office)
    script.expect("dot", (office.time(), "at_risk", due), (due, "breached", due))
    script.play()
    assert [who for kind, _, who, _ in alerts(office, "dot", "breach")] == ["channel:sales", f"manager:{MAX}", f"owner:{SAM}"]


def test_r7_a5_the_next_rep_has_a_clock_of_their_own(office: Both) -> None:
    start = monday(office)
    handed(office, "eli", owner=None)
    first = state_of(office, "eli").owner
    due, moved = start + 4 * HOUR, start + 2 * DAY
    script = Script(office)
    script.expect("eli", (start, "on_track", due), (start + 2 * HOUR, "at_risk", due), (due, "breached", due), (moved, "on_track", moved + 4 * HOUR))
    script.expect("eli", (moved + 2 * HOUR, "at_risk", moved + 4 * HOUR), (moved + 4 * HOUR, "breached", moved + 4 * HOUR))
    script.play()
    second = state_of(office, "eli").owner
    assert {first, second} == {RITA, LOU}
    assert [(at, who) for _, at, who, _ in alerts(office, "eli", "breach") if who.startswith("owner:")] == [
        (due, f"owner:{first}"), (moved + 4 * HOUR, f"owner:{second}"),
    ]  # fmt: skip
    person = state_of(office, "eli").person_id
    rows = [row for row in office.store.obligations.of([person])[person] if row.kind == "response"]
    assert [(row.owner, row.started_at, row.ended, row.breached_at) for row in rows] == [
        (first, start, "reassigned", due), (second, moved, "", moved + 4 * HOUR),
    ]  # fmt: skip


# --- A7: pauses -------------------------------------------------------------------------------------------------------------


def test_a7_a_reply_pauses_for_five_days(office: Both) -> None:
    start = monday(office)
    handed(office, "eva")
    replied, due = start + HOUR, start + 4 * HOUR
    week = _wall(start, 7)
    script = Script(office)
    script.at(replied, partial(happens, office, "eva", "email_reply"))
    script.expect("eva", (start, "on_track", due), (replied, "paused", None), (_wall(replied, 5), "on_track", week + 2 * HOUR))
    script.expect("eva", (week, "at_risk", week + 2 * HOUR), (week + 2 * HOUR, "breached", week + 2 * HOUR))
    script.play()


def _wall(at: datetime, days: int, hours: float = 0) -> datetime:
    """So many days and hours later."""
    return at + days * DAY + hours * HOUR


def test_a7_a_booked_meeting_pauses_until_it_is_over_or_called_off(office: Both) -> None:
    """Booked for Thursday of the next week, in Salesforce; one is put off to Friday in HubSpot and held, the other called off on Tuesday."""
    start = monday(office)
    handed(office, "flo", "gus")
    booked, due = start + HOUR, start + 4 * HOUR
    begins, ends = start + 10 * DAY + 5 * HOUR, start + 10 * DAY + 6 * HOUR
    ids: dict[str, str] = {}

    def book() -> None:
        for name in ("flo", "gus"):
            when = {"StartDateTime": begins.isoformat(), "EndDateTime": ends.isoformat()}
            ids[name] = office.enter("meeting", "salesforce", lead_id(office, name), **when)

    def change() -> None:
        put_off = {"hs_meeting_start_time": (begins + DAY).isoformat(), "hs_meeting_end_time": (ends + DAY).isoformat()}
        office.edit("meeting", "hubspot", office.twin_id("meeting", "salesforce", ids["flo"]), **put_off)
        office.edit("meeting", "hubspot", office.twin_id("meeting", "salesforce", ids["gus"]), hs_meeting_outcome="CANCELED")

    off = start + 8 * DAY + HOUR
    script = Script(office)
    script.at(booked, book)
    script.at(off, change)
    script.expect("flo", (start, "on_track", due), (booked, "paused", None), (ends + DAY, "met", None))
    script.expect("gus", (start, "on_track", due), (booked, "paused", None), (off, "on_track", off + 3 * HOUR))
    script.expect("gus", (off + HOUR, "at_risk", off + 3 * HOUR), (off + 3 * HOUR, "breached", off + 3 * HOUR))
    script.play()
    assert (shown(office, "flo").first, shown(office, "flo").touches) == (begins + DAY, 1)
    assert alerts(office, "flo") == []


def test_a7_an_owner_who_is_away_with_a_cover_pauses(office: Both) -> None:
    """Away on Tuesday and Wednesday; one hour was used on Monday, and the other three are Thursday's."""
    week = monday(office).astimezone(BERLIN).date()
    start = datetime(week.year, week.month, week.day, 16, tzinfo=BERLIN) + 7 * DAY
    away, back = start + 8 * HOUR, start + 8 * HOUR + 2 * DAY
    due = back + 12 * HOUR

    def told(book: Playbook) -> Playbook:
        shift = Shift(away=(Away(start=away.astimezone(UTC), end=back.astimezone(UTC), cover=RITA, source="playbook"),))
        return replace(book, hours=replace(book.hours, people={**book.hours.people, SAM: shift}))

    office.restart(playbook=told)
    go(office, start)
    handed(office, "hal", owner=SAM)
    script = Script(office)
    script.expect("hal", (start, "on_track", due), (away, "paused", None), (back, "on_track", due))
    script.expect("hal", (back + 10 * HOUR, "at_risk", due), (due, "breached", due))
    script.play()


# --- bad input --------------------------------------------------------------------------------------------------------------


def test_a7_bad_input_assigned_and_closed_within_a_second(office: Both) -> None:
    start = monday(office)
    handed(office, "ian")
    office.sf.edit("Lead", lead_id(office, "ian"), {"crmsync_disposition__c": "rejected", "crmsync_reason_code__c": "wrong_icp"})
    office.settle(0)
    assert office.time() == start
    assert (shown(office, "ian").stage, owes(office, "ian")) == ("disqualified", ("none", None))
    row = _obligation(office, "ian", "response")
    assert (row.started_at, row.ended_at, row.met_at, row.breached_at) == (start, start, None, None)
    go(office, start + 2 * DAY)
    assert alerts(office, "ian") == []


def test_r7_bad_input_a_rep_who_is_deactivated_in_the_middle(office: Both) -> None:
    """Whoever gets the person has a clock of their own; the one who left hears of nothing."""
    start = monday(office)
    handed(office, "jan", owner=ASHA)
    ids = {side: office.owner(side, ASHA) for side in ("hubspot", "salesforce")}
    office.time.advance(3600)
    office.hs.deactivate_user(ASHA)
    office.sf.edit("User", ids["salesforce"], {"IsActive": False})
    office.settle(600)
    now = office.time()
    assert state_of(office, "jan").owner in (RITA, LOU)
    assert owes(office, "jan") == ("on_track", now + 4 * HOUR)
    go(office, start + DAY)
    assert {who for _, _, who, _ in alerts(office, "jan", "breach", "at_risk")} <= {
        f"owner:{state_of(office, 'jan').owner}", f"manager:{MAX}", "channel:sales",
    }  # fmt: skip
    assert [at for _, at, who, _ in alerts(office, "jan", "breach") if who == "channel:sales"] == [now + 4 * HOUR]


def test_a7_c7_bad_input_two_tasks_completed_for_one_touch(office: Both) -> None:
    """The task is done in both CRMs at once, and the call logged as well: one touch."""
    start = monday(office)
    handed(office, "kai")
    (task,) = tasks(office, "kai")
    twin = office.twin_id("task", "salesforce", str(task["Id"]))
    office.time.advance(60)
    office.sf.edit("Task", str(task["Id"]), {"Status": "Completed"})
    office.hs.edit("tasks", twin, {"hs_task_status": "COMPLETED"})
    office.enter("call", "hubspot", str(office.contact(email("kai"))["id"]), hs_timestamp=office.time().isoformat())
    office.settle(30)
    assert shown(office, "kai") == Shown(stage="sal", status="met", due=None, first=start + MINUTE, touches=1)


# --- A9, cost ---------------------------------------------------------------------------------------------------------------


def test_a9_the_report_counts_what_the_crms_showed(office: Both) -> None:
    """Four leads of one rep: met in time, met late, breached and still owed, and one that is not due yet."""
    start = monday(office)
    handed(office, "lea", "lia", "lio", owner=KIM)
    calls = {"lea": HOUR, "lia": 5 * HOUR}
    for name, after in sorted(calls.items(), key=lambda one: one[1]):
        go(office, start + after)
        office.enter("call", "hubspot", str(office.contact(email(name))["id"]), owner=KIM, hs_timestamp=office.time().isoformat())
        office.settle(0)
    handed(office, "liv", owner=KIM)
    assert {name: shown(office, name).status for name in ("lea", "lia", "lio", "liv")} == {
        "lea": "met", "lia": "met", "lio": "breached", "liv": "on_track",
    }  # fmt: skip
    found = sla_report(office.store, office.playbook, start, start + 7 * DAY, office.time())
    (mine,) = [group.measure for group in found.groups["rep"] if group.key == KIM]
    assert (mine.count, mine.kept, mine.breached, mine.owing, mine.open, mine.touched) == (4, 1, 2, 1, 1, 2)
    assert (mine.share, mine.median, mine.touches_each) == (pytest.approx(1 / 3), 180.0, 0.5)
    assert {(row.rep, row.on_time, row.breached) for row in found.standing if row.rep == KIM} == {(KIM, 1, 1)}


def test_a5_what_clocks_cost_in_calls() -> None:
    """Nothing due: no more than looking. A share, a breach: one call per CRM for everybody, one write per record."""
    with Both(kinds=()) as both:
        both.settle()
        start = handed(both, "may", "mia", "moe")
        both.assert_settled()
        for moment, status in ((start + 2 * HOUR, "at_risk"), (start + 4 * HOUR, "breached")):
            both.time.advance((moment - SECOND - both.time()).total_seconds())
            both.world.refresh(both.time())
            both.mark()
            idle = both.settle(0)
            assert (both.extra_calls(idle), both.writes()) == ([], {"hubspot": 0, "salesforce": 0})
            both.mark()
            reports = both.settle(1)
            assert {owes(both, name) for name in ("may", "mia", "moe")} == {(status, start + 4 * HOUR)}
            assert both.writes() == {"hubspot": 3, "salesforce": 3}
            # HubSpot's records are read once more right before they are written; Salesforce holds a write against them itself
            assert sorted(both.extra_calls(reports)) == [
                "PATCH /services/data/v62.0/composite/sobjects", "POST /crm/v3/objects/contacts/batch/read",
                "POST /crm/v3/objects/contacts/batch/update",
            ]  # fmt: skip
        both.assert_settled()
