"""Who hears of what and when: receivers from the rules, quiet hours by the receiver's own clock, once per cause, given up with a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.alerts import (
    BODY,
    TITLE,
    WEEKLY,
    digest,
    fell_back,
    hot_lead,
    message,
    no_owner,
    not_before,
    pool_used_up,
    reassigned,
    weekly_due,
)
from crmsync.decide.owners import owners_of
from crmsync.engine.alerts import MOST_TRIES, UNDELIVERED, remember_alerts, remember_weekly, settle_failed, settle_sent
from crmsync.engine.world import World
from crmsync.model.alert import ALERT_KINDS, AT_RISK, BREACH, HOT_LEAD, NO_OWNER, QUEUE_LATE, Alert, AlertRules, Quiet
from crmsync.model.record import User
from crmsync.store.alerts import NEVER
from tiny import Tiny, playbook

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
RITA, MAX, SAM = "rita@acme.example", "max@acme.example", "sam@acme.example"
RULES = AlertRules(
    to={
        HOT_LEAD: ("owner", "sales"),
        AT_RISK: ("owner",),
        BREACH: ("owner", "manager", "sales"),
        NO_OWNER: ("sales",),
        QUEUE_LATE: ("manager", "owner"),
    },
    channels=frozenset({"sales"}),
    managers={RITA: MAX, MAX: MAX},
    manager=SAM,
    time_zone="Europe/Berlin",
)
USERS = (
    User(side="a", id="1", email="Rita@Acme.example", name="Rita", time_zone="America/New_York"),
    User(side="a", id="2", email=MAX, name="Max", time_zone="Asia/Tokyo"),
    User(side="a", id="3", email=None, name="Nobody's address"),
    User(side="a", id="4", email="x@acme.example?attach=/etc/passwd", name="Odd"),
)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    found = Tiny(tmp_path, rules=playbook(alerts=RULES))
    known(found.world)
    yield found
    found.close()


def known(world: World) -> None:
    world.owners = owners_of(USERS, {}, world.playbook.hours)


def with_rules(tiny: Tiny, **more: object) -> World:
    tiny.remap(lambda rules: replace(rules, alerts=replace(RULES, **more)))  # type: ignore[arg-type]
    known(tiny.world)
    return tiny.world


def alert(kind: str = BREACH, owner: str | None = RITA, at: datetime = NOW) -> Alert:
    return Alert(kind=kind, at=at, title="Breach: Ann", body="She waits.", owner=owner)


def told(world: World, now: datetime = NEVER) -> list[tuple[str, str]]:
    return [(row.person_id, row.address) for row in world.store.alerts.due(now - MINUTE, 1_000)]


# --- whom -------------------------------------------------------------------------------------------------------------------


def test_a5_a_breach_goes_to_the_owner_their_manager_and_the_channel(tiny: Tiny) -> None:
    assert remember_alerts(tiny.world, [("ann", alert())], NOW) == 3
    assert told(tiny.world) == [("ann", f"owner:{RITA}"), ("ann", f"manager:{MAX}"), ("ann", "channel:sales")]
    (first, *_) = tiny.world.store.alerts.due(NOW, 10)
    assert (first.title, first.body, first.owner, first.at) == ("Breach: Ann", "She waits.", RITA, NOW)


def test_a4_at_risk_goes_to_the_owner_alone_and_each_share_once(tiny: Tiny) -> None:
    half, most = alert(AT_RISK), alert(AT_RISK, at=NOW + MINUTE)
    assert remember_alerts(tiny.world, [("ann", half), ("ann", half)], NOW) == 1
    assert remember_alerts(tiny.world, [("ann", half), ("ann", most), ("bob", half)], NOW + MINUTE) == 2
    assert remember_alerts(tiny.world, [("ann", half), ("ann", most)], NOW + 2 * MINUTE) == 0, "whenever it is looked at again"
    assert told(tiny.world) == [("ann", f"owner:{RITA}"), ("ann", f"owner:{RITA}"), ("bob", f"owner:{RITA}")]


@pytest.mark.parametrize(
    ("kind", "owner", "whom"),
    [
        (BREACH, None, [f"manager:{SAM}", "channel:sales"]),
        (BREACH, MAX, [f"owner:{MAX}", "channel:sales"]),
        (BREACH, "gone@acme.example", ["owner:gone@acme.example", f"manager:{SAM}", "channel:sales"]),
        (AT_RISK, "a:3", []),
        (AT_RISK, USERS[3].email, []),
        (NO_OWNER, RITA, ["channel:sales"]),
        (QUEUE_LATE, None, [f"manager:{SAM}"]),
        ("reassigned", RITA, []),
    ],
)
def test_h2_who_has_no_address_is_left_out(tiny: Tiny, kind: str, owner: str | None, whom: list[str]) -> None:
    remember_alerts(tiny.world, [("ann", alert(kind, owner))], NOW)
    assert [address for _, address in told(tiny.world)] == whom


def test_the_names_of_receivers_hold_no_secret(tiny: Tiny) -> None:
    remember_alerts(tiny.world, [("ann", alert())], NOW)
    assert all("://" not in address for _, address in told(tiny.world))
    assert remember_alerts(tiny.world, [], NOW) == 0


def test_an_alert_is_undone_with_the_decision(tiny: Tiny) -> None:
    def decide() -> None:
        with tiny.store.begin():
            remember_alerts(tiny.world, [("ann", alert())], NOW)
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        decide()
    assert told(tiny.world) == []


# --- when -------------------------------------------------------------------------------------------------------------------

NIGHT = Quiet(start=20 * 60, end=7 * 60, days=frozenset({5, 6}))


def test_h2_quiet_hours_are_the_receivers_own_and_hot_leads_do_not_wait(tiny: Tiny) -> None:
    world = with_rules(tiny, quiet=NIGHT)
    evening = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)  # Monday 20:30 in New York, Tuesday 10:30 in Tokyo, 02:30 in Berlin
    remember_alerts(world, [("ann", alert(BREACH, at=evening)), ("ann", alert(HOT_LEAD, at=evening))], evening)
    found = {(row.kind, row.address): row.not_before for row in world.store.alerts.of(["ann"])["ann"]}
    assert found == {
        (BREACH, f"owner:{RITA}"): datetime(2026, 3, 3, 12, 0, tzinfo=UTC),
        (BREACH, f"manager:{MAX}"): evening,
        (BREACH, "channel:sales"): datetime(2026, 3, 3, 6, 0, tzinfo=UTC),
        (HOT_LEAD, f"owner:{RITA}"): evening,
        (HOT_LEAD, "channel:sales"): evening,
    }
    assert len(told(world)) == 5, "none is lost"


@pytest.mark.parametrize(
    ("zone", "at", "loud"),
    [
        ("Europe/Berlin", datetime(2026, 3, 2, 18, 59, tzinfo=UTC), None),
        ("Europe/Berlin", datetime(2026, 3, 2, 19, 0, tzinfo=UTC), datetime(2026, 3, 3, 6, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 3, 5, 59, 59, tzinfo=UTC), datetime(2026, 3, 3, 6, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 3, 6, 0, tzinfo=UTC), None),
        ("Europe/Berlin", datetime(2026, 3, 6, 20, 0, tzinfo=UTC), datetime(2026, 3, 9, 6, 0, tzinfo=UTC)),
        # The clock goes forward on Sunday 29 March and back on Sunday 25 October 2026: seven in the morning is another moment.
        ("Europe/Berlin", datetime(2026, 3, 27, 20, 0, tzinfo=UTC), datetime(2026, 3, 30, 5, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 23, 20, 0, tzinfo=UTC), datetime(2026, 10, 26, 6, 0, tzinfo=UTC)),
        ("No/Such_Zone", datetime(2026, 3, 2, 19, 0, tzinfo=UTC), datetime(2026, 3, 3, 6, 0, tzinfo=UTC)),
    ],
)
def test_h2_quiet_over_midnight_weekends_and_clock_changes(zone: str, at: datetime, loud: datetime | None) -> None:
    assert not_before(NIGHT, BREACH, zone, at, "Europe/Berlin") == (loud or at)
    assert not_before(NIGHT, HOT_LEAD, zone, at, "Europe/Berlin") == not_before(None, BREACH, zone, at) == at


@pytest.mark.parametrize(
    ("start", "end", "at", "loud"),
    [
        # Berlin's clock shows no 02:01 on 29 March: after 01:59 comes 03:00, loud for a minute.
        (181, 121, datetime(2026, 3, 28, 2, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # On 25 October it shows 02:00 a second time before the night that began at 02:30 is over.
        (150, 420, datetime(2026, 10, 25, 0, 45, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
        (1_200, 150, datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_h2_quiet_hours_whose_end_the_clock_leaves_out_or_shows_twice(start: int, end: int, at: datetime, loud: datetime) -> None:
    assert not_before(Quiet(start=start, end=end), BREACH, "Europe/Berlin", at) == loud


def _is_quiet(quiet: Quiet, shown: datetime) -> bool:
    days = quiet.days if len(quiet.days) < 7 else frozenset()
    minute = shown.hour * 60 + shown.minute
    inside = quiet.start <= minute < quiet.end
    return shown.weekday() in days or (inside if quiet.start <= quiet.end else minute >= quiet.start or minute < quiet.end)


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia")


@given(
    zone=st.sampled_from(ZONES),
    at=st.integers(0, 254 * 86_400).map(lambda seconds: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    start=st.integers(0, 1_439),
    end=st.integers(0, 1_439),
    days=st.frozensets(st.integers(0, 6)),
)
def test_h2_the_first_loud_moment_is_that_of_the_clock_on_the_wall(
    zone: str, at: datetime, start: int, end: int, days: frozenset[int]
) -> None:
    _check_against_the_wall(Quiet(start=start, end=end, days=days), zone, at)


@given(
    zone=st.sampled_from(ZONES), day=st.integers(0, 254), minute=st.integers(0, 2_879), start=st.integers(0, 240), end=st.integers(0, 240)
)
def test_h2_quiet_hours_that_end_while_the_clock_is_changed(zone: str, day: int, minute: int, start: int, end: int) -> None:
    changes = [d for d in range(254) if _offset(zone, d) != _offset(zone, d + 1)] or [0]
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=changes[day % len(changes)] - 1, minutes=minute)
    _check_against_the_wall(Quiet(start=start, end=end), zone, at)


def _offset(zone: str, day: int) -> timedelta | None:
    return (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)).astimezone(ZoneInfo(zone)).utcoffset()


def _check_against_the_wall(quiet: Quiet, zone: str, at: datetime) -> None:
    """Minute by minute."""
    moment = at
    while _is_quiet(quiet, moment.astimezone(ZoneInfo(zone))):
        moment = moment.replace(second=0, microsecond=0) + MINUTE
    assert not_before(quiet, BREACH, zone, at) == moment


def test_all_seven_days_quiet_lose_nothing() -> None:
    whole_week = Quiet(start=1_200, end=420, days=frozenset(range(7)))
    assert not_before(whole_week, BREACH, "UTC", NOW) == NOW
    assert not_before(whole_week, BREACH, "UTC", NOW + timedelta(hours=13)) == datetime(2026, 3, 3, 7, 0, tzinfo=UTC)


# --- in vain ----------------------------------------------------------------------------------------------------------------


def test_h2_waits_grow_and_what_is_given_up_is_told_until_one_arrives(tiny: Tiny) -> None:
    store, now = tiny.store, NOW
    remember_alerts(tiny.world, [("ann", alert(NO_OWNER))], now)
    waits = []
    for _ in range(MOST_TRIES):
        (mine,) = store.alerts.claim(store.alerts.due(now, 10), now + 10 * MINUTE)
        given_up = settle_failed(tiny.world, [mine], "HTTP 500", now)
        if not given_up:
            (row,) = store.alerts.of(["ann"])["ann"]
            waits.append((row.not_before - now) // MINUTE)
            now = row.not_before
    assert waits == [1, 2, 4, 8, 16, 32, *[60] * (MOST_TRIES - 7)]
    assert (store.alerts.counts(now).given_up, store.alerts.due(now + DAY, 10)) == (1, [])
    (problem,) = store.problems.rows()
    assert (problem.problem.cause, problem.problem.record_id) == (UNDELIVERED, "channel:sales")
    assert "HTTP 500" in problem.problem.message
    assert "1 × nobody to hand over to" in problem.problem.message
    remember_alerts(tiny.world, [("bob", alert(NO_OWNER))], now)
    (mine,) = store.alerts.claim(store.alerts.due(now, 10), now + 10 * MINUTE)
    settle_sent(tiny.world, [mine], now)
    assert store.problems.rows() == [], "it works again"


def test_h2_a_retry_does_not_fall_into_the_night(tiny: Tiny) -> None:
    world = with_rules(tiny, quiet=NIGHT)
    at = datetime(2026, 3, 2, 18, 59, 30, tzinfo=UTC)
    remember_alerts(world, [("ann", alert(NO_OWNER))], at)
    (mine,) = world.store.alerts.claim(world.store.alerts.due(at, 10), at + MINUTE)
    settle_failed(world, [mine], "no answer", at)
    assert world.store.alerts.of(["ann"])["ann"][0].not_before == datetime(2026, 3, 3, 6, 0, tzinfo=UTC)


# --- texts ------------------------------------------------------------------------------------------------------------------

HOSTILE = "Ann\n\nBREACHED\x00 @everyone @Here <!channel> <a href=x>[click](https://evil.example) \u202egnp.exe"


def test_h2_hostile_text_stays_on_its_line_and_calls_nobody() -> None:
    package = f"CONTACT\n- Name: {HOSTILE.splitlines()[0]}\n- Company: <script>"
    lead = hot_lead(who=HOSTILE, mql_type="demo", trigger=HOSTILE, package=package, at=NOW, owner=None)
    texts = [
        message(title=lead.title, body=lead.body),
        message(title=HOSTILE, body=HOSTILE, late=True),
        digest([(BREACH, HOSTILE, True), ("odd_kind\n" + HOSTILE, HOSTILE, False)]),
    ]
    for text in texts:
        assert "\n" not in text.title
        for bad in ("@everyone", "@Here", "<", ">", "](", "\x00", "\u202e"):
            assert bad not in text.title + text.body, bad
    assert "- Name: Ann" in texts[0].body
    assert "Owner: nobody yet" in texts[0].body
    assert texts[1].title.startswith("Late: Ann BREACHED")
    assert all(line.startswith("- ") or line == line.upper() for line in texts[2].body.splitlines() if line)


def test_h1_the_package_stands_in_the_alert_line_by_line() -> None:
    package = "CONTACT\n- Name: Ann\n- E-mail: ann@acme.example (verified)\n\nSCORE\n- 80"
    lead = hot_lead(who="Ann", mql_type="demo_request", trigger="asked for a demo", package=package, at=NOW, owner=RITA)
    text = message(title=lead.title, body=lead.body)
    assert text.title == "Hot lead: Ann (demo_request)"
    assert text.body == f"asked for a demo\nOwner: {RITA}\n\n{package}"
    long = message(title="x" * 999, body="\n".join("word " * 30 for _ in range(999)))
    assert (len(long.title) <= TITLE, len(long.body) <= BODY + 2, long.body.endswith("word\n…")) == (True, True, True)


def test_h2_a_digest_names_the_urgent_ones_and_counts_the_rest() -> None:
    alerts = [(AT_RISK, f"At risk: {n}", False) for n in range(50)] + [(BREACH, f"Breach: {n}", n > 8) for n in range(10)]
    text = digest([*alerts, (HOT_LEAD, "Hot lead: Ann", False)], most=20)
    lines = text.body.splitlines()
    assert text.title == "61 alerts: hot leads 1, sla breached 10, sla at risk 50"
    assert lines[:4] == ["HOT LEADS (1)", "- Hot lead: Ann", "", "SLA BREACHED (10)"]
    assert "- Late: Breach: 9" in lines
    assert lines[-1] == "- and 41 more"
    assert sum(line.startswith("- ") for line in lines) == 21
    assert digest([(BREACH, "Breach: Ann", False)] * 2, most=0).body == "SLA BREACHED (2)\n- 2 more"


def test_every_kind_has_words() -> None:
    made = [
        no_owner(who="Ann", problem="Nobody is in pool east.", at=NOW),
        fell_back(who="Ann", owner=MAX, reason="nobody is in pool east", at=NOW),
        reassigned(who="Ann", previous=MAX, owner=RITA, reason="unworked for 48 hours", at=NOW),
        pool_used_up(who="Ann", pool="east", owner=RITA, at=NOW),
    ]
    assert {one.kind for one in made} | {HOT_LEAD, AT_RISK, BREACH, QUEUE_LATE} == set(ALERT_KINDS)
    assert made[2].body == f"From {MAX} to {RITA}: unworked for 48 hours"
    assert all("Ann" in one.title and one.body for one in made)
    assert "_" not in digest([(kind, "x", False) for kind in ALERT_KINDS]).body


# --- the weekly message -----------------------------------------------------------------------------------------------------

WEEK = AlertRules(weekly_day=0, weekly_minute=480, weekly_to=("sales",), time_zone="Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, MONDAY, None),
        (MONDAY - DAY, MONDAY - MINUTE, None),
        (MONDAY - DAY, MONDAY, MONDAY),
        (MONDAY - DAY, MONDAY + 3 * DAY, MONDAY),
        (MONDAY, MONDAY + 3 * DAY, None),
        (MONDAY - 40 * DAY, MONDAY + 6 * DAY, MONDAY),
        (MONDAY, MONDAY + 28 * DAY - timedelta(hours=1), MONDAY + 28 * DAY - timedelta(hours=1)),
    ],
)
def test_a9_the_weekly_message_is_due_once_a_week_by_the_wall_clock(last: datetime | None, now: datetime, due: datetime | None) -> None:
    assert weekly_due(WEEK, last, now) == due
    assert weekly_due(replace(WEEK, weekly_day=None), last, now) is weekly_due(replace(WEEK, weekly_to=()), last, now) is None


def test_a9_the_report_goes_to_its_channels_once(tiny: Tiny) -> None:
    world = with_rules(tiny, weekly_to=("sales", "board", "manager"), quiet=Quiet(start=0, end=1_439))
    assert remember_weekly(world, MONDAY, "Weekly", "98 % within SLA", NOW) == 3
    assert remember_weekly(world, MONDAY, "Weekly", "other", NOW + MINUTE) == 0
    rows = world.store.alerts.due(NOW, 10)
    assert [(r.kind, r.address, r.not_before) for r in rows] == [
        (WEEKLY, "channel:sales", NOW),
        (WEEKLY, "channel:board", NOW),
        (WEEKLY, f"manager:{SAM}", NOW),
    ]
