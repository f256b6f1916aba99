"""SLA clocks (process.md A1-A9, F74-F76) end to end: `crmsync_sla_*` in both simulated CRMs, a second before and at every moment that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from crmsync.engine.cycle import cycle
from crmsync.insight.compliance import Compliance
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
from scenarios.world import SIDES, USERS, Both, Edits

ASHA, DORA, DAN, KIM, LOU, UTE = (f"{name}@corp.example" for name in ("asha", "dora", "dan", "kim", "lou", "ute"))
TEAM = (
    *(user for user in USERS if user["email"] == RITA),
    {"email": SAM, "first_name": "Sam", "last_name": "Seller", "time_zone": "Europe/Berlin"},
    {"email": ASHA, "first_name": "Asha", "last_name": "Seller", "time_zone": "Asia/Kolkata"},
    {"email": DORA, "first_name": "Dora", "last_name": "Night", "time_zone": "Europe/Berlin"},
    {"email": DAN, "first_name": "Dan", "last_name": "Night", "time_zone": "America/New_York"},
    {"email": KIM, "first_name": "Kim", "last_name": "Rep", "time_zone": "America/New_York"},
    {"email": LOU, "first_name": "Lou", "last_name": "Rep", "time_zone": "America/New_York"},
    {"email": UTE, "first_name": "Ute", "last_name": "Rep", "time_zone": "Europe/Berlin"},
    {"email": MAX, "first_name": "Max", "last_name": "Head", "time_zone": "America/New_York"},
)
NIGHTS = '{days: [sun, mon], start: "00:00", end: "08:00"}'
EDITS: Edits = {
    "mappings/playbook.yaml": {"people: {} ": f"people: {{{SAM}: {{country: DE}}, {DORA}: {NIGHTS}, {DAN}: {NIGHTS}}} "},
}
OFFICE: Edits = {
    "mappings/followup.yaml": {"sql_within:   ": "sql_within: 1 working hour  "},
    "mappings/playbook.yaml": {
        "members: []": f"members: [{RITA}, {LOU}]",
        "people: {} ": f"people: {{{SAM}: {{time_zone: Europe/Berlin, away: [{{from: 2026-03-10, to: 2026-03-11, cover: {RITA}}}]}}}} ",
    },
    "mappings/alerts.yaml": {
        "digest: {over": f"to: {{at_risk: [owner], breach: [owner, manager, sales], reassigned: [owner]}}\nmanager: {MAX}\ndigest: {{over"
    },
}


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
        script.play()
        script.check(*cases)
        assert script.looks.total() > 200


@pytest.fixture(scope="module")
def office() -> Iterator[Both]:
    with Both(kinds=("task", "call", "meeting"), users=TEAM, edits=OFFICE) as both:
        both.settle()
        yield both


@dataclass(slots=True)
class Weeks:
    """Two weeks in March in which everybody below asked for something on Monday, 10:00 in New York (15:00 in Berlin): `start`. kept: what was looked at on the way."""

    both: Both
    script: Script
    start: datetime
    kept: dict[str, Any] = field(default_factory=dict)

    def person(self, name: str) -> str:
        return str(self.both.contact(email(name))["id"])

    def calls(self, *names: str, at: datetime | None = None, owner: str = RITA) -> None:
        """The rep logs a call in HubSpot that was made at that moment (None: now)."""
        for name in names:
            self.both.enter("call", "hubspot", self.person(name), owner=owner, hs_timestamp=(at or self.both.time()).isoformat())

    def says(self, name: str, disposition: str, reason: str | None = None) -> None:
        """The rep decides in Salesforce."""
        self.both.sf.edit("Lead", lead_id(self.both, name), {"crmsync_disposition__c": disposition, "crmsync_reason_code__c": reason})

    def line(self, name: str, *rest: tuple[datetime, str, datetime | None], due: datetime | None = None) -> None:
        """What both CRMs show from the handoff on."""
        self.script.expect(name, (self.start, "on_track", due or self.start + 4 * HOUR), *rest)

    def obligation(self, name: str, kind: str) -> Any:
        person = state_of(self.both, name).person_id
        (found,) = [row for row in self.both.store.obligations.of([person])[person] if row.kind == kind]
        return found


OWNERS: dict[str, str | None] = {"eli": None, "hal": SAM, "jan": ASHA, "lea": KIM, "lia": KIM, "lio": KIM, "liv": KIM}
ASKING = {"web": "Download the e-book", "rep": "", "una": ""}
LATER = ("hal", "liv", "una")
NAMES = (
    *OWNERS,
    *ASKING,
    "tel",
    "dem",
    "tim",
    "sip",
    "ava",
    "abe",
    "amy",
    "art",
    "cid",
    "coy",
    "dov",
    "dot",
    "eva",
    "flo",
    "gus",
    "ian",
    "kai",
)


@pytest.fixture(scope="module")
def weeks(office: Both) -> Weeks:
    start = monday(office)
    assert start == datetime(2026, 3, 9, 14, tzinfo=UTC)
    for name in NAMES:
        contact(office, name, OWNERS.get(name, RITA), **({"jobtitle": "Chief Executive Officer"} if name == "web" else {}))
    office.settle(0)
    happens(office, "una", "email_bounce")
    happens(office, "rep", "email_reply")
    for name in NAMES:
        if name not in ("hal", "liv", "rep"):
            asks(office, name, ASKING.get(name) or "Book a demo")
    found = Weeks(both=office, script=Script(office), start=start)
    found.calls("dov")
    office.settle(0)
    for tell in (_handoff, _responses, _accepted, _effort, _read_late, _owners, _conversations, _cover, _odd, _reported):
        tell(found)
    found.script.play()
    return found


# --- A1, A2, A3: which clocks there are -------------------------------------------------------------------------------------


def _handoff(weeks: Weeks) -> None:
    """She cannot be reached until a phone number is entered, an hour too late."""
    at, told = weeks.start, weeks.start + 25 * HOUR
    weeks.script.expect("una", (at, "on_track", at + DAY), (at + 12 * HOUR, "at_risk", at + DAY), (at + DAY, "breached", at + DAY))
    weeks.script.at(told, lambda: weeks.both.sf.edit("Lead", lead_id(weeks.both, "una"), {"Phone": "+14085550100"}))
    weeks.script.expect("una", (told, "on_track", told + 4 * HOUR), (told + 2 * HOUR, "at_risk", told + 4 * HOUR))
    weeks.script.expect("una", (told + 4 * HOUR, "breached", told + 4 * HOUR))


def test_a1_the_handoff_is_owed_within_24_hours_and_its_breach_told(weeks: Weeks) -> None:
    weeks.script.check("una")
    due, told = weeks.start + DAY, weeks.start + 25 * HOUR
    found = alerts(weeks.both, "una", "breach")
    assert found == [("breach", at, who, False) for at in (due, told + 4 * HOUR) for who in RECEIVERS]
    row = weeks.obligation("una", "handoff")
    assert (row.started_at, row.met_at, row.breached_at) == (weeks.start, told, due)


RECEIVERS = ("channel:sales", f"manager:{MAX}", f"owner:{RITA}")


def _responses(weeks: Weeks) -> None:
    """Calls logged in either CRM, and a task done in Salesforce, after half an hour."""
    at, then = weeks.start, weeks.start + 30 * MINUTE
    # four working hours, three working days of eight hours, one of them
    weeks.line("web", due=at + 3 * DAY)
    weeks.line("rep", due=at + DAY)
    weeks.line("sip", (at + 2 * HOUR, "at_risk", at + 4 * HOUR), (at + 4 * HOUR, "breached", at + 4 * HOUR))
    for name in ("tel", "dem", "tim"):
        weeks.line(name, (then, "met", None))

    def work() -> None:
        weeks.calls("tel")
        weeks.both.enter("call", "salesforce", lead_id(weeks.both, "dem"), ActivityDate=then.date().isoformat())
        (task,) = tasks(weeks.both, "tim")
        weeks.both.sf.edit("Task", str(task["Id"]), {"Status": "Completed"})
        weeks.both.mark()

    def count() -> None:
        written = Counter(str(write.id) for side in SIDES for write in weeks.both.written(side))
        ids = {name: (weeks.person(name), lead_id(weeks.both, name)) for name in ("tel", "dem", "tim")}
        weeks.kept["written"] = {name: tuple(written[id] for id in pair) for name, pair in ids.items()}
        weeks.kept["met"] = {name: shown(weeks.both, name) for name in ids}

    weeks.script.at(then, work)
    weeks.script.note(then, count)


def test_a2_a7_each_type_has_its_window_and_the_first_touch_in_any_crm_meets_it(weeks: Weeks) -> None:
    for name in ("tel", "dem", "tim", "sip"):
        weeks.script.check(name)
    assert [line for name in ("web", "rep") for line in weeks.script.wrong.get(name, []) if line < (weeks.start + HOUR).isoformat()] == []
    met = Shown(stage="sal", status="met", due=None, first=weeks.start + 30 * MINUTE, touches=1)
    assert weeks.kept["met"] == dict.fromkeys(("tel", "dem", "tim"), met)
    # both CRMs were told once, and nobody hears of what is met
    assert weeks.kept["written"] == dict.fromkeys(("tel", "dem", "tim"), (1, 1))
    assert [alerts(weeks.both, name) for name in ("tel", "dem", "tim")] == [[], [], []]


def _accepted(weeks: Weeks) -> None:
    """Called at once and accepted an hour later; one is called again after 40 minutes, the other is not."""
    first, sql = weeks.start + 30 * MINUTE, weeks.start + HOUR
    due, again = sql + HOUR, sql + 40 * MINUTE
    weeks.script.at(first, lambda: weeks.calls("ava", "abe"))
    weeks.script.at(sql, lambda: weeks.says("ava", "accepted"), lambda: weeks.says("abe", "accepted"))
    weeks.script.at(again, lambda: weeks.calls("abe"))
    weeks.line("ava", (first, "met", None), (sql, "on_track", due), (sql + 30 * MINUTE, "at_risk", due), (due, "breached", due))
    weeks.line("abe", (first, "met", None), (sql, "on_track", due), (sql + 30 * MINUTE, "at_risk", due), (again, "met", None))


def test_a2_the_clock_of_an_sql_runs_until_the_next_touch(weeks: Weeks) -> None:
    weeks.script.check("ava", "abe")
    assert shown(weeks.both, "ava").stage == shown(weeks.both, "abe").stage == "sql"
    assert [(at, who) for _, at, who, _ in alerts(weeks.both, "ava", "breach")] == [(weeks.start + 2 * HOUR, who) for who in RECEIVERS]
    assert alerts(weeks.both, "abe", "breach") == []


def asked_to_try(both: Both) -> list[str]:
    return [str(task["Subject"]) for name in ("amy", "art") for task in tasks(both, name, "Keep trying")]


def _effort(weeks: Weeks) -> None:
    """Given up after two calls; five more, and the eighth. Another one is given up together with the eighth."""
    start, both = weeks.start, weeks.both

    def log(name: str, *numbers: int) -> None:
        for number in numbers:
            weeks.calls(name, at=start + number * 20 * MINUTE)

    def keep(key: str) -> None:
        weeks.kept[key] = {name: (shown(both, name).stage, shown(both, name).touches) for name in ("amy", "art")}

    at = start + 3 * HOUR
    weeks.script.at(start + HOUR, lambda: log("amy", 1, 2))
    weeks.script.at(at, lambda: weeks.says("amy", "rejected", "no_response"))
    weeks.script.at(at, lambda: log("art", *range(1, 9)), lambda: weeks.says("art", "rejected", "no_response"))
    weeks.script.note(at + 5 * MINUTE, lambda: keep("two"))
    weeks.script.at(start + 4 * HOUR, lambda: log("amy", 3, 4, 5, 6, 7))
    weeks.script.note(start + 4 * HOUR, lambda: keep("seven"))
    weeks.script.note(start + 4 * HOUR, lambda: weeks.kept.update(asked=asked_to_try(both)))
    weeks.script.at(start + 5 * HOUR, lambda: log("amy", 8))
    weeks.script.note(start + 5 * HOUR, lambda: keep("eight"))


def test_a3_no_response_is_not_believed_before_eight_touches(weeks: Weeks) -> None:
    gone = ("nurture", 8)
    assert weeks.kept["two"] == {"amy": ("sal", 2), "art": gone}
    assert weeks.kept["seven"] == {"amy": ("sal", 7), "art": gone}
    assert weeks.kept["eight"] == {"amy": gone, "art": gone}
    assert (owes(weeks.both, "amy"), owes(weeks.both, "art")) == (("none", None), ("none", None))
    assert weeks.kept["asked"] == ["Keep trying (2 of 8 touches): Amy Lee"]
    assert asked_to_try(weeks.both) == [], "taken back with the eighth"


# --- A5, A8: a breach is one ------------------------------------------------------------------------------------------------


def _read_late(weeks: Weeks) -> None:
    """Calls that were made ten minutes before and after the deadline are logged an hour after it."""
    due = weeks.start + 4 * HOUR
    logged = due + HOUR
    weeks.script.at(logged, lambda: weeks.calls("cid", at=due - 10 * MINUTE), lambda: weeks.calls("coy", at=due + 10 * MINUTE))
    for name in ("cid", "coy"):
        weeks.line(name, (weeks.start + 2 * HOUR, "at_risk", due), (due, "breached", due), (logged, "met", None))


def test_a5_a_touch_that_was_made_in_time_and_is_read_late_takes_the_breach_back(weeks: Weeks) -> None:
    due = weeks.start + 4 * HOUR
    weeks.script.check("cid", "coy")
    assert (shown(weeks.both, "cid").first, shown(weeks.both, "coy").first) == (due - 10 * MINUTE, due + 10 * MINUTE)
    rows = [weeks.obligation(name, "response") for name in ("cid", "coy")]
    assert [(row.breached_at, row.met_at) for row in rows] == [(None, due - 10 * MINUTE), (due, due + 10 * MINUTE)]


def test_f76_a_touch_in_the_very_second_of_the_handoff_meets_it_at_once(weeks: Weeks) -> None:
    assert shown(weeks.both, "dov") == Shown(stage="sal", status="met", due=None, first=weeks.start, touches=1)
    row = weeks.obligation("dov", "response")
    assert (row.started_at, row.met_at, row.used, alerts(weeks.both, "dov")) == (weeks.start, weeks.start, 0.0, [])


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


# --- owners -----------------------------------------------------------------------------------------------------------------


def _owners(weeks: Weeks) -> None:
    start, both = weeks.start, weeks.both
    # two hours were used in New York; it is 17:00 in Berlin, where the other two run on the next day
    then, due = start + 2 * HOUR, datetime(2026, 3, 10, 11, tzinfo=BERLIN)
    weeks.script.at(then, lambda: both.hs.edit("contacts", weeks.person("dot"), {"hubspot_owner_id": both.owner("hubspot", UTE)}))
    weeks.line("dot", (then, "at_risk", due), (due, "breached", due))
    # nobody works the one whom the router gave to a rep: 48 hours later it is another one's turn
    first, moved = start + 4 * HOUR, start + 2 * DAY
    second = moved + 4 * HOUR
    weeks.line("eli", (start + 2 * HOUR, "at_risk", first), (first, "breached", first), (moved, "on_track", second))
    weeks.script.expect("eli", (moved + 2 * HOUR, "at_risk", second), (second, "breached", second))
    weeks.script.note(start + HOUR, lambda: weeks.kept.update(eli=state_of(both, "eli").owner))


def test_a6_f57_a_clock_moves_along_with_an_owner_set_by_hand(weeks: Weeks) -> None:
    weeks.script.check("dot")
    assert [who for _, _, who, _ in alerts(weeks.both, "dot", "breach")] == [*RECEIVERS[:2], f"owner:{UTE}"]


def test_r7_a5_the_next_rep_has_a_clock_of_their_own(weeks: Weeks) -> None:
    start, moved = weeks.start, weeks.start + 2 * DAY
    first = weeks.kept["eli"]
    (second,) = {RITA, LOU} - {first}
    person = state_of(weeks.both, "eli").person_id
    rows = [row for row in weeks.both.store.obligations.of([person])[person] if row.kind == "response"]
    assert [(row.owner, row.started_at, row.ended, row.breached_at) for row in rows][:2] == [
        (first, start, "reassigned", start + 4 * HOUR), (second, moved, "reassigned", moved + 4 * HOUR),
    ]  # fmt: skip
    assert [(at, who) for _, at, who, _ in alerts(weeks.both, "eli", "breach") if who.startswith("owner:")][:2] == [
        (start + 4 * HOUR, f"owner:{first}"), (moved + 4 * HOUR, f"owner:{second}"),
    ]  # fmt: skip
    assert [line for line in weeks.script.wrong.get("eli", []) if line < (start + 4 * DAY).isoformat()] == []


# --- A7: pauses -------------------------------------------------------------------------------------------------------------


def _conversations(weeks: Weeks) -> None:
    start, both = weeks.start, weeks.both
    begun = start + HOUR
    weeks.script.at(begun, lambda: happens(both, "eva", "email_reply"))
    week = start + 7 * DAY
    weeks.line("eva", (begun, "paused", None), (begun + 5 * DAY, "on_track", week + 2 * HOUR))
    weeks.script.expect("eva", (week, "at_risk", week + 2 * HOUR), (week + 2 * HOUR, "breached", week + 2 * HOUR))
    # booked for Thursday of the next week, in Salesforce; one is put off to Friday in HubSpot and held, the other called off on Tuesday
    begins, ends, off = start + 10 * DAY + 5 * HOUR, start + 10 * DAY + 6 * HOUR, start + 8 * DAY + HOUR
    ids: dict[str, str] = {}

    def book() -> None:
        for name in ("flo", "gus"):
            when = {"StartDateTime": begins.isoformat(), "EndDateTime": ends.isoformat()}
            ids[name] = both.enter("meeting", "salesforce", lead_id(both, name), **when)

    def change() -> None:
        put_off = {"hs_meeting_start_time": (begins + DAY).isoformat(), "hs_meeting_end_time": (ends + DAY).isoformat()}
        both.edit("meeting", "hubspot", both.twin_id("meeting", "salesforce", ids["flo"]), **put_off)
        both.edit("meeting", "hubspot", both.twin_id("meeting", "salesforce", ids["gus"]), hs_meeting_outcome="CANCELED")

    weeks.script.at(begun, book)
    weeks.script.at(off, change)
    weeks.line("flo", (begun, "paused", None), (ends, "paused", None), (ends + DAY, "met", None))
    weeks.line("gus", (begun, "paused", None), (off, "on_track", off + 3 * HOUR))
    weeks.script.expect("gus", (off + HOUR, "at_risk", off + 3 * HOUR), (off + 3 * HOUR, "breached", off + 3 * HOUR))


def test_a7_a_reply_pauses_for_five_days(weeks: Weeks) -> None:
    weeks.script.check("eva")


def test_a7_a_booked_meeting_pauses_until_it_is_over_or_called_off(weeks: Weeks) -> None:
    weeks.script.check("flo", "gus")
    assert (shown(weeks.both, "flo").first, shown(weeks.both, "flo").touches) == (weeks.start + 11 * DAY + 5 * HOUR, 1)
    assert alerts(weeks.both, "flo") == []


def _cover(weeks: Weeks) -> None:
    """Sam is away on Tuesday and Wednesday; one hour was used on Monday, and the other three are Thursday's."""
    asked = datetime(2026, 3, 9, 16, tzinfo=BERLIN)
    away, back, due = (datetime(2026, 3, day, hour, tzinfo=BERLIN) for day, hour in ((10, 0), (12, 0), (12, 12)))
    weeks.script.at(asked, lambda: asks(weeks.both, "hal"))
    weeks.script.expect("hal", (asked, "on_track", due), (away, "paused", None), (back, "on_track", due))
    weeks.script.expect("hal", (back + 10 * HOUR, "at_risk", due), (due, "breached", due))


def test_a7_an_owner_who_is_away_with_a_cover_pauses(weeks: Weeks) -> None:
    weeks.script.check("hal")


# --- bad input --------------------------------------------------------------------------------------------------------------


def _odd(weeks: Weeks) -> None:
    start, both = weeks.start, weeks.both
    weeks.says("ian", "rejected", "wrong_icp")  # in the second of the handoff
    both.settle(0)
    weeks.script.expect("ian", (start, "none", None))
    # both CRMs say at once that the task is done, and the call is logged as well
    done = start + MINUTE

    def twice() -> None:
        (task,) = tasks(both, "kai")
        both.hs.edit("tasks", both.twin_id("task", "salesforce", str(task["Id"])), {"hs_task_status": "COMPLETED"})
        both.sf.edit("Task", str(task["Id"]), {"Status": "Completed"})
        weeks.calls("kai")

    weeks.script.at(done, twice)
    weeks.script.note(done, lambda: weeks.kept.update(kai=shown(both, "kai")))
    # a rep leaves: known with the next look at users
    left = start + HOUR

    def leave() -> None:
        both.hs.deactivate_user(ASHA)
        both.sf.edit("User", both.owner("salesforce", ASHA), {"IsActive": False})

    weeks.script.at(left, leave, lambda: both.world.refresh(both.time()))


def test_a7_bad_input_assigned_and_closed_within_a_second(weeks: Weeks) -> None:
    weeks.script.check("ian")
    row = weeks.obligation("ian", "response")
    assert (row.started_at, row.ended_at, row.met_at, row.breached_at) == (weeks.start, weeks.start, None, None)
    assert (shown(weeks.both, "ian").stage, alerts(weeks.both, "ian")) == ("disqualified", [])


def test_a7_c7_bad_input_two_tasks_completed_for_one_touch(weeks: Weeks) -> None:
    assert weeks.kept["kai"] == Shown(stage="sal", status="met", due=None, first=weeks.start + MINUTE, touches=1)


def test_r7_bad_input_a_rep_who_is_deactivated_in_the_middle(weeks: Weeks) -> None:
    """Whoever gets the person has a clock of their own; the one who left hears of nothing."""
    person = state_of(weeks.both, "jan").person_id
    rows = [row for row in weeks.both.store.obligations.of([person])[person] if row.kind == "response"]
    left, taken = rows[0], rows[1]
    assert (left.owner, left.started_at, left.ended, left.breached_at) == (ASHA, weeks.start, "reassigned", None)
    assert taken.owner in (RITA, LOU)
    assert taken.started_at == weeks.start + HOUR
    assert taken.breached_at == taken.started_at + 4 * HOUR
    assert [who for _, _, who, _ in alerts(weeks.both, "jan") if ASHA in who] == []


# --- A9, cost ---------------------------------------------------------------------------------------------------------------


def _reported(weeks: Weeks) -> None:
    """Four leads of one rep: met in time, met late, breached and still owed, and one that is not due yet."""
    start, both = weeks.start, weeks.both
    weeks.script.at(start + HOUR, lambda: weeks.calls("lea", owner=KIM))
    weeks.script.at(start + 5 * HOUR, lambda: weeks.calls("lia", owner=KIM))
    weeks.script.at(start + 5 * HOUR, lambda: asks(both, "liv"))

    def report() -> None:
        weeks.kept["statuses"] = [shown(both, name).status for name in ("lea", "lia", "lio", "liv")]
        weeks.kept["report"] = sla_report(both.store, both.playbook, start, start + 7 * DAY, both.time())

    weeks.script.note(start + 5 * HOUR, report)


def test_a9_the_report_counts_what_the_crms_showed(weeks: Weeks) -> None:
    assert weeks.kept["statuses"] == ["met", "met", "breached", "on_track"]
    found: Compliance = weeks.kept["report"]
    (mine,) = [group.measure for group in found.groups["rep"] if group.key == KIM]
    assert (mine.count, mine.kept, mine.breached, mine.owing, mine.open, mine.touched) == (4, 1, 2, 1, 1, 2)
    assert mine.share == pytest.approx(1 / 3)
    assert (mine.median, mine.touches_each) == (180.0, 0.5)
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
