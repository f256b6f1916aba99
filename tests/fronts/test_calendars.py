"""R3: out-of-office times from calendars, read over real HTTP on this machine: what counts, what repeats, what fails, what is hostile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crmsync.connect import calendars as reading
from crmsync.connect import ical
from crmsync.connect.calendars import CalendarError, read_calendar
from crmsync.connect.ical import MOST_ABSENCES, absences
from crmsync.decide.presence import presence_of
from crmsync.decide.shift import CALENDARS, absences_from, same_person
from crmsync.model.record import User
from crmsync.model.routing import QUEUE
from crmsync.model.rules import Shift, WorkingHours
from crmsync.service.calendars import Calendars
from crmsync.service.calendars_known import calendar_notes
from crmsync.service.calendars_where import check_calendars
from crmsync.store import Store

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def ics(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{chr(10).join(event.split('|'))}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{body}END:VCALENDAR\r\n"


def spans(*events: str, now: datetime = NOW) -> list[tuple[str, str]]:
    """(start, end) of what was found, by the wall clock in Berlin."""
    return [
        (f"{away.start.astimezone(BERLIN):%Y-%m-%d %H:%M}", f"{away.end.astimezone(BERLIN):%Y-%m-%d %H:%M}")
        for away in absences(ics(*events), BERLIN, now)
    ]


WEEK = "UID:1|DTSTART;VALUE=DATE:20260615|DTEND;VALUE=DATE:20260620"
NOON = "UID:1|DTSTART;TZID=Europe/Berlin:20260615T120000|DTEND;TZID=Europe/Berlin:20260615T130000"


@pytest.mark.parametrize(
    "event",
    [
        f"{WEEK}|SUMMARY:Urlaub",
        f"{WEEK}|SUMMARY;LANGUAGE=fr:Congés payés",
        f"{WEEK}|SUMMARY:VACANCES d'été",
        f'{WEEK}|SUMMARY;X-A="a:b":On holiday\\, back soon',
        f"{WEEK}|SUMMARY:不在です",
        f"{WEEK}|SUMMARY:Out-of-office",
        f"{WEEK}|SUMMARY:private|X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        f"{WEEK}|SUMMARY:PTO|TRANSP:OPAQUE|X-MICROSOFT-CDO-BUSYSTATUS:BUSY|STATUS:TENTATIVE",
        "UID:1|DTSTART;VALUE=DATE:20260615|DURATION:P5D|SUMMARY:vaca|\ttion",
        f"{WEEK}|SUMMARY:Ferien|BEGIN:VALARM|TRIGGER:-PT15M|SUMMARY:x|END:VALARM",
    ],
)
def test_r3_days_out_of_office_count_in_the_persons_zone(event: str) -> None:
    assert spans(event) == [("2026-06-15 00:00", "2026-06-20 00:00")]


@pytest.mark.parametrize(
    "event",
    [
        f"{WEEK}|SUMMARY:Trade fair",
        f"{WEEK}|SUMMARY:Urlaub|TRANSP:TRANSPARENT",
        f"{WEEK}|SUMMARY:Urlaub|STATUS:CANCELLED",
        f"{WEEK}|SUMMARY:OOO|X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",
        f"{WEEK}|SUMMARY:private|X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
        f"{WEEK}|SUMMARY:Cooooperation",
        f"{WEEK}|SUMMARY:Call|DESCRIPTION:out of office",
        f"{NOON}|SUMMARY:Holiday party planning",
        f"{NOON}|SUMMARY:Urlaub besprechen",
        "UID:1|DTSTART;VALUE=DATE:20260301|DTEND;VALUE=DATE:20260310|SUMMARY:Urlaub",
        "UID:1|DTSTART;VALUE=DATE:20290301|DTEND;VALUE=DATE:20290310|SUMMARY:Urlaub",
    ],
)
def test_r3_ordinary_free_cancelled_and_far_events_are_no_absence(event: str) -> None:
    assert spans(event) == []


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (f"{NOON}|SUMMARY:OOO dentist", ("2026-06-15 12:00", "2026-06-15 13:00")),
        ("UID:1|DTSTART:20260615T100000Z|DURATION:PT4H|SUMMARY:Holiday", ("2026-06-15 12:00", "2026-06-15 16:00")),
        ("UID:1|DTSTART:20260615T120000|DTEND:20260615T130000|SUMMARY:OOO", ("2026-06-15 12:00", "2026-06-15 13:00")),
        ("UID:1|DTSTART;TZID=Pacific Standard Time:20260615T120000|DURATION:PT1H|SUMMARY:OOO", ("2026-06-15 21:00", "2026-06-15 22:00")),
        ("UID:1|DTSTART;TZID=Mars/Base:20260615T120000|DURATION:PT1H|SUMMARY:OOO", ("2026-06-15 12:00", "2026-06-15 13:00")),
        # over the clock change of 25 October: whole days are days
        ("UID:1|DTSTART;VALUE=DATE:20261024|DTEND;VALUE=DATE:20261027|SUMMARY:OOO", ("2026-10-24 00:00", "2026-10-27 00:00")),
        # without an end it lasts a day
        ("UID:1|DTSTART;VALUE=DATE:20260615|SUMMARY:OOO", ("2026-06-15 00:00", "2026-06-16 00:00")),
        # it began before what is looked at
        ("UID:1|DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20260701|SUMMARY:parental leave", ("2026-01-01 00:00", "2026-07-01 00:00")),
    ],
)
def test_r3_moments_are_understood_in_every_zone(event: str, found: tuple[str, str]) -> None:
    assert spans(event) == [found]


def test_f46_a_day_off_is_the_day_of_the_person() -> None:
    text = ics(f"{WEEK}|SUMMARY:Urlaub")
    for name in ("Pacific/Auckland", "America/Los_Angeles"):
        (away,) = absences(text, ZoneInfo(name), NOW)
        assert away.start == datetime(2026, 6, 15, tzinfo=ZoneInfo(name))
        assert away.end == datetime(2026, 6, 20, tzinfo=ZoneInfo(name))
        assert away.source == "calendar"


def test_r3_repeated_absences_are_expanded_without_those_taken_out_and_moved() -> None:
    friday = "UID:f|DTSTART;TZID=Europe/Berlin:20260605T120000|DTEND;TZID=Europe/Berlin:20260605T180000|RRULE:FREQ=WEEKLY;BYDAY=FR;UNTIL=20260703T100000Z|SUMMARY:OOO"
    assert [start for start, _ in spans(friday)] == [f"2026-{day} 12:00" for day in ("06-05", "06-12", "06-19", "06-26", "07-03")]
    out = f"{friday}|EXDATE;TZID=Europe/Berlin:20260612T120000"
    moved = "UID:f|RECURRENCE-ID;TZID=Europe/Berlin:20260619T120000|DTSTART:20260618T100000Z|DURATION:PT1H|SUMMARY:OOO"
    back = "UID:f|RECURRENCE-ID:20260626T100000Z|DTSTART:20260626T100000Z|DURATION:PT1H|SUMMARY:In after all"
    assert [start for start, _ in spans(out, moved, back)] == ["2026-06-05 12:00", "2026-06-18 12:00", "2026-07-03 12:00"]
    monthly = "UID:m|DTSTART;VALUE=DATE:20260501|RRULE:FREQ=MONTHLY;COUNT=3|SUMMARY:day off|RDATE;VALUE=DATE:20260810"
    assert [start[:10] for start, _ in spans(monthly)] == ["2026-06-01", "2026-07-01", "2026-08-10"]
    winter = "UID:w|DTSTART;TZID=Europe/Berlin:20261023T140000|DURATION:PT1H|RRULE:FREQ=WEEKLY;COUNT=2|SUMMARY:OOO"
    assert [start for start, _ in spans(winter)] == ["2026-10-23 14:00", "2026-10-30 14:00"], (
        "by the clock there, before and after the change"
    )


def test_r3_for_ever_ends_with_what_is_looked_at() -> None:
    found = spans("UID:d|DTSTART;VALUE=DATE:20200106|RRULE:FREQ=WEEKLY|SUMMARY:OOO")
    assert 55 < len(found) < 65
    assert found[-1][1] <= "2027-07-07"
    assert spans("UID:e|DTSTART;VALUE=DATE:20260601|DTEND;VALUE=DATE:99991231|SUMMARY:OOO")[0][1][:10] == "2027-07-06"


OK = f"{WEEK}|SUMMARY:Urlaub"


@pytest.mark.parametrize(
    "event",
    [
        "UID:x|DTSTART:garbage|SUMMARY:OOO",
        "UID:x|SUMMARY:OOO",
        "SUMMARY:OOO|DTSTART;VALUE=DATE:20260615|DTEND;VALUE=DATE:00010101|DURATION:P99999999999D",
        "UID:x|DTSTART:20260601T000000Z|DURATION:PT1S|SUMMARY:OOO|RRULE:FREQ=SECONDLY|STATUS:CANCELLED",
        "UID:x|DTSTART;VALUE=DATE:20200101|SUMMARY:OOO|RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "UID:x|DTSTART;VALUE=DATE:20200101|SUMMARY:OOO|RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31;COUNT=4",
        "UID:x|DTSTART;VALUE=DATE:20200101|SUMMARY:OOO|RRULE:FREQ=YEARLY;INTERVAL=0",
        "UID:x|DTSTART;VALUE=DATE:00010101|SUMMARY:OOO|RRULE:FREQ=DAILY",
        "UID:x|DTSTART;VALUE=DATE:20200101|SUMMARY:OOO|RRULE:FREQ=DAILY;BYHOUR=0,1,2;BYSECOND=1,2,3",
        "UID:x|DTSTART;TZID=../../etc/passwd:20200615T120000|DTEND:20200615T130000|SUMMARY:OOO",
        "UID:x|:::|SUMMARY:OOO|DTSTART",
        "BEGIN:VALARM|UID:x|SUMMARY:OOO|DTSTART;VALUE=DATE:20260801|END:VALARM",
        "UID:x|DTSTART;VALUE=DATE:20200101|DTSTART;VALUE=DATE:20210101|SUMMARY:OOO|RRULE:FREQ=NONSENSE",
        f"UID:x|DTSTART;VALUE=DATE:20260801|SUMMARY:{'OOO ' * 2_000}",
        "UID:x|SUMMARY:OOO|DTSTART:10000101T000000Z",
    ],
)
def test_one_bad_event_spoils_no_other(event: str) -> None:
    assert spans(event, OK, event) == [("2026-06-15 00:00", "2026-06-20 00:00")]


def test_what_is_made_of_a_hostile_file_is_bounded() -> None:
    many = [f"UID:{n}|DTSTART:{NOW + timedelta(hours=n):%Y%m%dT%H%M%SZ}|DURATION:PT30M|SUMMARY:OOO" for n in range(400)]
    assert len(absences(ics(*many), BERLIN, NOW)) == MOST_ABSENCES
    zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Odd\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nRRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    text = ics(OK).replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT")
    assert len(absences(text, BERLIN, NOW)) == 1, "zones that a file defines are not built"
    assert absences("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\n" * 200_000, BERLIN, NOW) == ()
    for text in ("", "<html>sign in</html>", "\0" * 100):
        with pytest.raises(ValueError, match="no iCalendar"):
            absences(text, BERLIN, NOW)


def test_years_of_the_past_hide_no_absence_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ical, "MOST_READ", 3)
    past = [f"UID:{n}|DTSTART;VALUE=DATE:20{n:02d}0301|SUMMARY:Urlaub" for n in range(10, 26)]
    assert spans(*past, OK, *past) == [("2026-06-15 00:00", "2026-06-20 00:00")]


# --- over HTTP ----------------------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A web server on this machine. pages: path -> (status, headers, body)."""

    url: str
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def has(self, path: str, *events: str, etag: str = "") -> str:
        self.pages[path] = (200, {"ETag": etag} if etag else {}, ics(*events).encode())
        return self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append((self.path, dict(self.headers)))
            status, headers, body = made.pages.get(self.path, (404, {}, b""))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if headers.get("Transfer-Encoding") == "chunked":
                self.end_headers()
                for start in range(0, len(body), 50):
                    part = body[start : start + 50]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The test's output is not for this."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@dataclass
class Desk:
    """One process: its settings, its store, its calendars."""

    store: Store
    hours: WorkingHours
    environ: dict[str, str] = field(default_factory=dict)
    calendars: Calendars = field(default_factory=Calendars)
    users: dict[str, User] = field(default_factory=dict)

    def turn(self, at: datetime = NOW) -> bool:
        return self.calendars.turn(self.store, self.environ, self.hours, self.users, at, wait=30)

    def told(self, house: str = "rita@x.example") -> list[str]:
        return [f"{away.start:%m-%d %H}" for away in absences_from(self.store.get(CALENDARS), self.hours).get(house, ())]


@pytest.fixture
def desk(store: Store) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(environ: dict[str, str] | None = None, **people: Shift) -> Desk:
        hours = WorkingHours(time_zone="Europe/Berlin", people={f"{name}@x.example": said for name, said in people.items()})
        made.append(Desk(store, hours, environ or {}))
        return made[-1]

    yield make
    for one in made:
        one.calendars.close()


def test_r3_an_absence_from_a_calendar_counts_with_the_others(site: Site, desk: Callable[..., Desk]) -> None:
    one = desk({"CRMSYNC_CALENDARS__RITA": site.has("/rita.ics", OK)}, rita=Shift(calendar="RITA"), bob=Shift(time_zone="Asia/Tokyo"))
    assert one.turn()
    assert one.told() == ["06-14 22"]
    user = User(side="a", id="1", email="rita@x.example", name="Rita")
    person = same_person([user], "rita@x.example", one.hours, "a", absences_from(one.store.get(CALENDARS), one.hours)["rita@x.example"])
    found = presence_of(person, one.hours, QUEUE)
    assert not found.here(datetime(2026, 6, 16, 10, tzinfo=UTC))
    assert found.back(datetime(2026, 6, 16, 10, tzinfo=UTC)) == datetime(2026, 6, 19, 22, tzinfo=UTC)


def test_a_calendar_is_read_every_quarter_of_an_hour_and_only_what_changed(site: Site, desk: Callable[..., Desk]) -> None:
    address = site.has("/rita.ics", OK, etag='"1"')
    one = desk(rita=Shift(calendar=address))
    assert one.turn()
    assert "If-None-Match" not in site.asked[0][1]
    for minutes in (1, 5, 14):
        assert not one.turn(NOW + timedelta(minutes=minutes))
    assert len(site.asked) == 1
    assert not one.turn(NOW + timedelta(minutes=15))
    assert site.asked[1][1]["If-None-Match"] == '"1"'
    assert one.told() == ["06-14 22"]
    site.has("/rita.ics", f"{NOON}|SUMMARY:OOO", etag='"2"')
    assert one.turn(NOW + timedelta(minutes=30))
    assert one.told() == ["06-15 10"]
    later = desk(rita=Shift(calendar=address))  # another process
    assert not later.turn(NOW + timedelta(minutes=31))
    assert len(site.asked) == 3
    assert not later.turn(NOW + timedelta(days=2))
    assert "If-None-Match" not in site.asked[3][1], "once a day in any case: what repeats goes on"
    assert not later.turn(NOW - timedelta(days=1)), "a clock set back"
    assert len(site.asked) == 5


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ((404, {}, b""), "answered 404"),
        ((500, {}, b"boom"), "answered 500"),
        ((302, {"Location": "/other"}, b""), "leads to another one"),
        ((200, {}, b"<html>sign in</html>"), "no iCalendar"),
        ((200, {"Content-Encoding": "gzip"}, b"x"), "compressed"),
        ((200, {"Transfer-Encoding": "chunked"}, b"BEGIN:VCALENDAR\r\n" + b"x" * 3000), "larger than"),
    ],
)
def test_a_calendar_that_cannot_be_read_is_told_and_what_was_known_stays(
    site: Site, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, dict[str, str], bytes], note: str
) -> None:
    address = site.has("/secret-of-rita.ics", OK)
    one = desk(rita=Shift(calendar=address))
    one.turn()
    monkeypatch.setattr(reading, "LARGEST", 2_000)
    site.pages["/secret-of-rita.ics"] = answer
    assert not one.turn(NOW + timedelta(minutes=15))
    assert one.told() == ["06-14 22"]
    (told,) = calendar_notes(one.store).values()
    assert note in told
    assert "secret" not in told + str(one.store.get("calendars:state"))
    site.has("/secret-of-rita.ics")
    monkeypatch.undo()
    assert one.turn(NOW + timedelta(minutes=30))
    assert (one.told(), calendar_notes(one.store)) == ([], {})


def test_chunks_a_slow_end_and_silence(site: Site) -> None:
    address = site.has("/c.ics", OK)
    status, _, body = site.pages["/c.ics"]
    site.pages["/c.ics"] = (status, {"Transfer-Encoding": "chunked", "ETag": "x" * 500}, body)
    found = read_calendar(address)
    assert (found.text, found.etag) == (body.decode(), "")
    ticks = iter(range(0, 10_000, 20))
    with pytest.raises(CalendarError, match="within 30 seconds"):
        read_calendar(address, monotonic=lambda: float(next(ticks)))
    with pytest.raises(CalendarError, match="gave no answer") as caught:
        read_calendar("http://127.0.0.1:1/secret")
    assert "secret" not in str(caught.value)


def test_who_has_no_calendar_any_more_or_another_one(site: Site, desk: Callable[..., Desk]) -> None:
    first, second = site.has("/a.ics", OK, etag='"1"'), site.has("/b.ics", f"{NOON}|SUMMARY:OOO", etag='"1"')
    assert desk(rita=Shift(calendar=first), bob=Shift(calendar=first)).turn()
    other = desk(rita=Shift(calendar=second))
    assert other.turn(NOW + timedelta(minutes=1)), "at once, and not by the other one's tag"
    assert other.told() == ["06-15 10"]
    assert set(other.store.get(CALENDARS)) == {"rita@x.example"}
    assert desk(rita=Shift()).turn(NOW + timedelta(minutes=2))
    assert other.store.get(CALENDARS) == {}


def test_a_calendar_follows_the_zone_of_its_person(site: Site, desk: Callable[..., Desk]) -> None:
    one = desk(rita=Shift(calendar=site.has("/a.ics", OK, etag='"1"')))
    one.turn()
    one.users["rita@x.example"] = User(side="a", id="1", email="rita@x.example", name="R", time_zone="America/New_York")
    assert one.turn(NOW + timedelta(minutes=2))
    assert one.told() == ["06-15 04"]


def test_settings_that_are_missing_or_wrong_are_told_and_stop_nobody_else(site: Site, desk: Callable[..., Desk], tmp_path: Path) -> None:
    secret = tmp_path / "address"
    secret.write_text(site.has("/f.ics", OK) + "\n")
    environ = {
        "CRMSYNC_CALENDARS__ANN_FILE": str(secret),
        "CRMSYNC_CALENDARS__BOB": "http://calendar.example/secret",
        "CRMSYNC_CALENDARS__CLEO": "webcal://calendar.example/secret",
        "CRMSYNC_CALENDARS__GONE_FILE": str(tmp_path / "no such file"),
        "CRMSYNC_CALENDARS__NOBODY": "https://calendar.example/secret",
    }
    said = {name: Shift(calendar=name) for name in ("ann", "bob", "dan")}
    one = desk(environ, **said, gone=Shift(calendar="GONE"), eve=Shift(calendar="ftp://x/secret"))
    assert one.turn()
    assert one.told("ann@x.example") == ["06-14 22"]
    notes = calendar_notes(one.store)
    assert {house.partition("@")[0] for house in notes} == {"bob", "dan", "gone", "eve"}
    assert "CRMSYNC_CALENDARS__DAN is not set" in notes["dan@x.example"]
    assert "plain http" in notes["bob@x.example"]
    assert "cannot be read" in notes["gone@x.example"]
    assert "secret" not in str(notes)
    found = {(one.level, one.subject) for one in check_calendars({**environ, "CRMSYNC_CALENDARS__GONE_FILE": ""}, one.hours)}
    assert ("error", "dan@x.example") in found
    assert ("warning", "calendars") in found
    assert ("error", "ann@x.example") not in found
    cleo = WorkingHours(people={"cleo": Shift(calendar="CLEO")})
    assert not [
        one for one in check_calendars({"CRMSYNC_CALENDARS__CLEO": environ["CRMSYNC_CALENDARS__CLEO"]}, cleo) if one.level != "info"
    ]


def test_simulated_crms_read_no_calendar_outside_of_this_machine(desk: Callable[..., Desk]) -> None:
    environ = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1"}
    one = desk(environ, rita=Shift(calendar="https://calendar.example/rita.ics"))

    def outside(address: str, etag: str) -> reading.Reading:
        raise AssertionError(address)

    one.calendars = Calendars(outside)
    assert not one.turn()
    assert calendar_notes(one.store) == {}
