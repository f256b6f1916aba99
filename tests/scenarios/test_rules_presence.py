"""Who is there, and what happens when nobody is, over five weeks of simulated time through both simulated CRMs (process.md R3, R5; F52, F78): hours, zones,
holidays, absences from the playbook, from a CRM and from a calendar, the queue and its clock."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crmsync.decide.canonical import moment
from crmsync.engine.acquaint import meet_owners
from crmsync.service.calendars import Calendars
from scenarios.desk import desk
from scenarios.floor import address, ask, owner, owners, reason, rep, reps, routing, stage
from scenarios.owed import pass_by
from scenarios.world import START, Both

OFFICE = 'days: [mon, tue, wed, thu, fri], start: "09:00", end: "17:00"'
NAMES = ("zones", "free", "told", "field", "portal", "calendar", "both")
POOLS = "  rules:\n" + "".join(f"    - {{name: {name}, when: {{field: city, is: {name.title()}}}, pool: {name}}}\n" for name in NAMES)
POOLS += """  pools:
    zones: {members: [bea@corp.example, nick@corp.example]}
    free: {members: [dirk@corp.example, ula@corp.example]}
    told: {members: [yan@corp.example, yara@corp.example]}
    field: {members: [sally@corp.example, stan@corp.example]}
    portal: {members: [hal@corp.example, hedy@corp.example]}
    calendar: {members: [cal@corp.example, cora@corp.example]}
    both: {members: [olga@corp.example, otto@corp.example], per_day: 3}
  outside_hours: queue
"""
PEOPLE = f"""{{bea@corp.example: {{{OFFICE}, time_zone: Europe/Berlin}}, nick@corp.example: {{{OFFICE}, time_zone: America/New_York}},
    dirk@corp.example: {{country: DE, region: BY, time_zone: Europe/Berlin}}, ula@corp.example: {{country: US, time_zone: America/New_York}},
    yan@corp.example: {{away: [{{from: 2026-03-09, to: 2026-03-11}}, {{from: 2026-03-10, to: 2026-03-13}}, {{from: "2026-03-10T12:00", to: "2026-03-10T13:00"}}]}},
    cal@corp.example: {{calendar: CAL, time_zone: America/New_York}},
    olga@corp.example: {{time_zone: America/New_York, away: [{{from: 2026-03-16, to: 2026-03-29}}]}}, otto@corp.example: {{time_zone: America/New_York, away: [{{from: 2026-03-14, to: 2026-03-29}}]}}}}"""
AWAY_FIELDS = "  away_fields: {salesforce: {from: Away_From__c, until: Away_Until__c}}\n"
STAFF = ["bea", "nick", "dirk", "ula", "yan", "yara", "sally", "stan", "hal", "hedy", "cal", "cora", "olga", "otto", "fred"]
ICS = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//scenario//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260317\r\nDTEND;VALUE=DATE:20260319\r\n\
SUMMARY:PTO\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""


class Published(BaseHTTPRequestHandler):
    """A calendar at an address."""

    def do_GET(self) -> None:
        body = ICS.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/calendar")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def published() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/cal.ics"
    server.shutdown()
    server.server_close()


class Weeks(Both):
    """The five weeks: at each moment some people ask, and what both CRMs show then is kept. Tests only read."""

    def __init__(self, calendar: str) -> None:
        edits = routing(
            POOLS,
            hours=AWAY_FIELDS,
            people=PEOPLE,
            playbook={
                "  queue_within: 4 working hours": "  queue_within:       ",
                "  reassign_after: 48 hours": "  reassign_after:       ",
            },
        )
        super().__init__(edits=edits, kinds=(), users=reps(*STAFF))
        self.environ["CRMSYNC_CALENDARS__CAL"] = calendar
        for name in ("Away_From__c", "Away_Until__c"):
            self.sf.add_field("User", name, type="Date", length=None)
        self.seen: dict[str, tuple[str, str, str]] = {}
        self.later: dict[tuple[str, str], tuple[str, str]] = {}
        self.calendars = Calendars()
        self.settle()

    def close(self) -> None:
        self.calendars.close()
        super().close()

    def at(self, day: int, hour: int, minute: int = 0, month: int = 3) -> None:
        """Goes to that moment (UTC) and does what is due then, as the daemon would: calendars are looked at beside. Nobody did anything in a CRM that
        would have to be read, but for what is told of users."""
        self.time.advance((datetime(2026, month, day, hour, minute, tzinfo=UTC) - self.time()).total_seconds())
        if self.calendars.step(desk(self), wait=5.0):
            self.world.recall()
            meet_owners(self.world)
        pass_by(self)

    def asked(self, word: str, *names: str) -> None:
        """These ask now; who has them then is kept."""
        ask(self, *names, city=word.title())
        self.settle()
        for name in names:
            self.seen[name] = (stage(self, name), owners(self, name)[0], reason(self, name))

    def kept(self, when: str, word: str) -> None:
        """What both CRMs show now of all whose names begin so."""
        for name in [name for name in self.seen if name.startswith(word)]:
            self.later[when, name] = (stage(self, name), owners(self, name)[0].partition("@")[0])

    def then(self, when: str, word: str) -> dict[str, tuple[str, str]]:
        return {name: found for (at, name), found in self.later.items() if at == when and name.startswith(word)}

    def who(self, *names: str) -> list[str]:
        """First names of the reps whom these got at once, "" for the queue."""
        return [self.seen[name][1].partition("@")[0] for name in names]

    def assigned(self, name: str) -> datetime:
        """The moment both CRMs show."""
        ours, theirs = self.contact(address(name))["crmsync_assigned_at"], self.lead(address(name))["crmsync_assigned_at__c"]
        assert moment(ours) == moment(theirs)
        at = moment(ours)
        assert at is not None
        return at


@pytest.fixture(scope="module")
def weeks(published: str) -> Iterator[Weeks]:
    with Weeks(published) as w:
        (sally,) = (row["Id"] for row in w.sf.all("User") if row["Email"] == rep("sally"))
        w.at(3, 19)
        w.asked("zones", "zones1", "zones2")  # Berlin is closed
        w.at(3, 23)
        w.asked("zones", "night1", "night2", "night3", "night4")  # both are
        w.at(4, 7, 59)
        w.kept("before Berlin opens", "night")
        w.at(4, 8)
        w.kept("Berlin opens", "night")
        w.asked("zones", "morning1", "morning2")  # New York is closed
        w.at(4, 15)
        w.asked("zones", "day1", "day2", "day3", "day4")
        w.at(6, 22, 30)  # Friday, all are gone
        w.asked("zones", "weekend1", "weekend2")
        w.at(8, 12)
        w.sf.edit("User", sally, {"Away_From__c": "2026-03-10", "Away_Until__c": "2026-03-12"})
        out = [datetime(2026, 3, day, tzinfo=UTC).timestamp() * 1000 for day in (10, 13)]
        w.hs.set_user(rep("hal"), {"hs_out_of_office_hours": json.dumps([{"startTimestamp": int(out[0]), "endTimestamp": int(out[1])}])})
        w.at(9, 7, 59)  # Monday, after the clocks went forward in New York
        w.kept("before Monday", "weekend")
        w.at(9, 8)
        w.kept("Monday", "weekend")
        w.asked("told", "told1", "told2", "told3")
        w.at(11, 15)
        w.asked("told", "told4", "told5")
        w.asked("field", "field1", "field2", "field3")
        w.asked("portal", "portal1", "portal2", "portal3")
        w.at(13, 15)
        w.asked("told", "told6", "told7")
        w.asked("field", "field4", "field5", "field6", "field7")
        w.asked("portal", "portal4", "portal5", "portal6", "portal7")
        w.at(14, 15)
        w.asked("told", "told8", "told9", "told10", "told11")
        w.at(16, 15)
        w.asked("calendar", "calendar1", "calendar2", "calendar3", "calendar4")
        for day in range(16, 26):  # both are away from the 16th to the 29th
            if day == 18:
                w.at(18, 12)
                w.asked("calendar", "calendar5", "calendar6", "calendar7")
            if day == 19:
                w.at(19, 5)  # midnight in New York was an hour ago
                w.asked("calendar", "calendar8", "calendar9", "calendar10", "calendar11")
            w.at(day, 16)
            w.asked("both", f"both{day}")
        w.at(30, 3, 59)
        w.kept("before they are back", "both")
        w.at(30, 4)  # the 30th begins in New York
        w.kept("back", "both")
        w.at(31, 4)
        w.kept("a day later", "both")
        w.at(3, 12, month=4)
        w.asked("free", "friday1", "friday2", "friday3")
        w.at(4, 12, month=4)
        w.asked("free", "saturday1", "saturday2", "saturday3", "saturday4")
        w.at(6, 12, month=4)
        w.asked("free", "monday1", "monday2")
        yield w


def test_r3_working_hours_in_the_zone_of_each_rep(weeks: Weeks) -> None:
    assert weeks.who("zones1", "zones2") == ["nick", "nick"]  # 14:00 in New York, 20:00 in Berlin
    assert weeks.who("morning1", "morning2") == ["bea", "bea"]  # 03:00 and 09:00
    assert sorted(weeks.who("day1", "day2", "day3", "day4")) == ["bea", "bea", "nick", "nick"]
    assert "round robin, 1 of 2 available" in weeks.seen["zones1"][2]


def test_r5_f52_who_comes_at_night_waits_for_the_opening_to_the_minute(weeks: Weeks) -> None:
    night = [f"night{n}" for n in range(1, 5)]
    for name in night:
        assert weeks.seen[name] == ("mql", "", "waits in the queue, rule zones: pool zones (nobody available: 2 away)")
    assert weeks.then("before Berlin opens", "night") == dict.fromkeys(night, ("mql", ""))
    assert weeks.then("Berlin opens", "night") == dict.fromkeys(night, ("sal", "bea"))
    assert {weeks.assigned(name) for name in night} == {datetime(2026, 3, 4, 8, tzinfo=UTC)}


def test_r5_f52_the_weekend_and_a_change_of_clocks_between(weeks: Weeks) -> None:
    assert weeks.then("before Monday", "weekend") == dict.fromkeys(["weekend1", "weekend2"], ("mql", ""))
    assert weeks.then("Monday", "weekend") == dict.fromkeys(["weekend1", "weekend2"], ("sal", "bea"))


def test_r3_holidays_of_the_country_and_region_of_each_rep(weeks: Weeks) -> None:
    assert weeks.who("friday1", "friday2", "friday3") == ["ula"] * 3  # Good Friday is a holiday in Germany, not in the United States
    assert sorted(weeks.who("saturday1", "saturday2", "saturday3", "saturday4")) == ["dirk", "dirk", "ula", "ula"]
    assert weeks.who("monday1", "monday2") == ["ula", "ula"]  # Easter Monday


def test_r3_absences_of_the_playbook_that_overlap_are_one(weeks: Weeks) -> None:
    assert weeks.who(*(f"told{n}" for n in range(1, 8))) == ["yara"] * 7  # from the 9th to the 13th, the last day included
    # back on the 14th, and not flooded with what others had meanwhile
    assert sorted(weeks.who("told8", "told9", "told10", "told11")) == ["yan", "yan", "yara", "yara"]


@pytest.mark.parametrize(
    ("word", "here", "away", "back"),
    [
        ("field", "stan", "sally", ("field4", "field5", "field6", "field7")),
        ("portal", "hedy", "hal", ("portal4", "portal5", "portal6", "portal7")),
        ("calendar", "cora", "cal", ("calendar8", "calendar9", "calendar10", "calendar11")),
    ],
)
def test_r3_absences_from_a_field_from_hubspot_and_from_a_calendar(
    weeks: Weeks, word: str, here: str, away: str, back: tuple[str, ...]
) -> None:
    first = 5 if word == "calendar" else 1
    assert weeks.who(*(f"{word}{n}" for n in range(first, first + 3))) == [here] * 3
    assert sorted(weeks.who(*back)) == sorted([here, here, away, away])
    if word == "calendar":
        assert sorted(weeks.who(*(f"calendar{n}" for n in range(1, 5)))) == [away, away, here, here]  # the day before


def test_r5_f52_nobody_for_two_weeks_then_oldest_first_and_fairly_within_the_caps(weeks: Weeks) -> None:
    everybody = [f"both{day}" for day in range(16, 26)]
    assert weeks.then("before they are back", "both") == dict.fromkeys(everybody, ("mql", ""))
    back = weeks.then("back", "both")
    first = [name for name in everybody if back[name][0] == "sal"]
    assert first == everybody[:6], back  # three a day each: who waited longest
    assert sorted(back[name][1] for name in first) == ["olga"] * 3 + ["otto"] * 3
    day_later = weeks.then("a day later", "both")
    assert {found[0] for found in day_later.values()} == {"sal"}  # nothing was lost
    assert Counter(day_later[name][1] for name in everybody) == {"olga": 5, "otto": 5}
    assert {name: day_later[name] for name in first} == {name: back[name] for name in first}


def test_r3_r5_all_of_it_settles(weeks: Weeks) -> None:
    weeks.assert_settled()
    assert weeks.problems() == []
    assert {owner(weeks, name) for name in weeks.seen} <= {rep(name) for name in STAFF}
    assert weeks.time() - START > timedelta(days=30)
