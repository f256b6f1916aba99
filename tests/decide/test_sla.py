"""SLA clocks under random days: it makes no difference when anybody looks; what ran is what was worked, less the pauses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.sla_run import covered, merged
from crmsync.decide.sla_text import local
from crmsync.decide.worktime import zone_of
from crmsync.model.absence import Away
from crmsync.model.link import PersonState
from crmsync.model.work import Clock
from crmsync.store.codec import dump, load
from decide.sla_world import DAY, HOUR, MINUTE, MON, RITA, SAM, Case, counted, signal, touch, user

ZONES = st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"])
STEP = 15
"""Everything happens at such minutes: zones differ by no less."""
MOMENTS = st.integers(-4, 14 * 1440 // STEP).map(lambda n: MON + n * STEP * MINUTE)
START = MON + 7 * HOUR
"""An hour before the end of a working day in UTC."""


@st.composite
def worlds(draw: st.DrawFn) -> Case:
    """Somebody handed off on a Monday, with what may happen to them in two weeks."""
    spans = st.tuples(MOMENTS, st.integers(1, 5 * 1440 // STEP)).map(lambda s: (s[0], s[0] + s[1] * STEP * MINUTE))
    aways = [Away(start=a, end=b, cover=SAM if draw(st.booleans()) else "") for a, b in draw(st.lists(spans, max_size=3))]
    covers = [Away(start=a, end=b) for a, b in draw(st.lists(spans, max_size=2))]
    users = {RITA: user(RITA, draw(ZONES), aways), SAM: user(SAM, draw(ZONES), covers)}
    said = [signal(draw(st.sampled_from(["email_reply", "meeting_booked", "page_view"])), at) for at in draw(st.lists(MOMENTS, max_size=3))]
    touches = [touch(at, f"t{n}") for n, at in enumerate(draw(st.lists(MOMENTS, max_size=2)))]
    return Case(users=users, signals=said, touches=touches)


def until(case: Case, now: datetime) -> Case:
    """The same person with what had happened by then."""
    return replace(
        case, signals=[s for s in case.signals if s.at <= now], touches=[t for t in case.touches if t.at <= now], alerts=list(case.alerts),
        changes=dict(case.changes),
    )  # fmt: skip


def plain(clock: Clock) -> Clock:
    """Without the late mark, which says when somebody looked."""
    return replace(clock, late=False)


@given(case=worlds(), ticks=st.lists(MOMENTS, max_size=8), end=MOMENTS)
def test_any_ticks_give_the_clock_that_one_look_at_the_end_gives(case: Case, ticks: list[datetime], end: datetime) -> None:
    end = max(end, START)
    often, once = replace(case, alerts=[]), replace(case, alerts=[])
    for one in (often, once):
        one.hand(START).look(START)
        one.alerts.clear()
    for now in [*sorted(at for at in ticks if START <= at <= end), end, end]:
        seen = until(often, now)
        seen.look(now)
        often.state, often.alerts = seen.state, seen.alerts
    last = until(once, end)
    last.look(end)
    assert [plain(clock) for clock in often.state.clocks] == [plain(clock) for clock in last.state.clocks]
    # Shares of what is done by the end are told only to those who looked before.
    assert set(last.told()) <= set(often.told())
    assert len(often.told()) == len(set(often.told()))
    breaches = [told for told in often.told() if told[0] == "breach"]
    assert breaches == [told for told in last.told() if told[0] == "breach"]
    assert len(breaches) <= 1
    if last.clock().open:
        assert set(last.told()) == set(often.told())


@given(case=worlds(), end=MOMENTS)
def test_a6_a7_what_was_used_is_what_was_worked_less_the_pauses(case: Case, end: datetime) -> None:
    end = max(end, START)
    case.hand(START)
    case = until(case, end)
    case.look(end)
    clock = case.clock()
    pauses = [(s.at, s.at + 5 * DAY) for s in case.signals if s.type != "page_view" and s.at > START]
    for away in case.users[RITA].away:
        at = away.start
        while away.cover and at < min(away.end, end):
            if not any(other.start <= at < other.end for other in case.users[SAM].away):
                pauses.append((at, at + STEP * MINUTE))
            at += STEP * MINUTE
    stop = clock.ended_at or end
    off = merged((max(a, START), min(b, stop)) for a, b in pauses)
    zone = str(case.users[RITA].time_zone)
    worked = counted(START, stop, zone, step=STEP) - sum(counted(a, b, zone, step=STEP) for a, b in off)
    used = clock.used
    if clock.running_since is not None:
        used += counted(clock.running_since, stop, zone, step=STEP)
    assert round(used, 6) == worked
    if clock.breached_at is not None:
        assert worked >= clock.minutes
    elif clock.open:
        assert worked < clock.minutes


@given(case=worlds(), ticks=st.lists(MOMENTS, min_size=1, max_size=8))
def test_a5_looking_whenever_asked_to_tells_each_effect_at_its_own_moment_and_once(case: Case, ticks: list[datetime]) -> None:
    case = replace(case, touches=[], signals=[s for s in case.signals if s.at <= START]).hand(START)
    due = case.look(START).next_due_at
    for _ in range(40):
        if due is None:
            break
        told = len(case.alerts)
        due = case.look(due).next_due_at
        assert all(not alert.late for alert in case.alerts[told:])
    assert due is None, "every clock comes to an end"
    assert [kind for kind, _ in case.told()] == ["at_risk", "at_risk", "breach"]
    before = list(case.alerts)
    for at in ticks:  # in any order: some set the clock back
        case.look(at)
    assert case.alerts == before
    assert case.last.status == "breached"


@given(case=worlds(), ticks=st.lists(MOMENTS, max_size=6), moves=st.lists(MOMENTS, max_size=3, unique=True))
def test_a6_owners_by_hand_take_over_what_ran(case: Case, ticks: list[datetime], moves: list[datetime]) -> None:
    plain_users = {house: replace(one, away=()) for house, one in case.users.items()}
    case = replace(case, users=plain_users, signals=[], touches=[])
    case.hand(START).look(START)
    spans, owner, since = [], RITA, START
    end = START + 15 * DAY
    for at in sorted({*(t for t in ticks if t > START), *(m for m in moves if m > START)}):
        if at in moves:
            spans.append((since, at, owner))
            owner, since = (SAM if owner == RITA else RITA), at
            case.owned(at, owner)
        case.look(at)
    case.look(end)
    spans.append((since, end, owner))
    clock, worked = case.clock(), 0
    for start, stop, who in spans:
        zone = str(plain_users[who].time_zone)
        if worked + (more := counted(start, stop, zone, step=STEP)) >= clock.minutes:
            assert clock.breached_at is not None
            assert worked + counted(start, clock.breached_at, zone, step=STEP) == clock.minutes
            break
        worked += more
    assert [kind for kind, _ in case.told()].count("breach") == 1


def test_an_absence_that_nobody_tells_of_any_more_stays_a_pause() -> None:
    away = Away(start=MON + HOUR, end=MON + DAY, cover=SAM)
    case = Case(users={RITA: user(RITA, away=[away]), SAM: user(SAM)}).hand(MON)
    case.look(MON)
    case.look(MON + 2 * HOUR)
    case.users = {RITA: user(RITA), SAM: user(SAM)}
    case.look(MON + 2 * DAY)
    assert (case.clock().covered, case.clock().breached_at) == (((MON + HOUR, MON + DAY),), MON + DAY + 3 * HOUR)
    kept = Case(users={RITA: user(RITA, away=[away]), SAM: user(SAM)}).hand(MON)
    kept.look(MON)
    kept.look(MON + DAY + HOUR)
    kept.users = case.users
    kept.look(MON + DAY + 2 * HOUR)
    assert (kept.clock().covered, kept.clock().due_at) == (((MON + HOUR, MON + DAY),), MON + DAY + 3 * HOUR)


def test_an_absence_that_ends_early_resumes_the_clock_then() -> None:
    away = Away(start=MON + HOUR, end=MON + 9 * DAY, cover=SAM)
    case = Case(users={RITA: user(RITA, away=[away]), SAM: user(SAM)}).hand(MON)
    case.look(MON)
    assert case.look(MON + 2 * HOUR).status == "paused"
    case.users = {RITA: user(RITA, away=[replace(away, end=MON + 3 * HOUR)]), SAM: user(SAM)}
    assert case.look(MON + 3 * HOUR).due_at == MON + 6 * HOUR


def test_an_absence_that_a_crm_begins_anew_with_each_reading_pauses_from_its_first() -> None:
    case = Case(users={RITA: user(RITA), SAM: user(SAM)}).hand(MON)
    case.look(MON)
    for hours in (1, 2, 3):
        at = MON + hours * HOUR
        case.users = {RITA: user(RITA, away=[Away(start=at, end=MON + DAY, cover=SAM)]), SAM: user(SAM)}
        assert case.look(at).status == "paused"
    assert (case.clock().used, case.clock().covered) == (60.0, ((MON + HOUR, MON + DAY),))
    case.users = {RITA: user(RITA), SAM: user(SAM)}
    assert case.look(MON + 4 * HOUR).due_at == MON + 7 * HOUR, "nobody tells of it any more: it ended just now"


def test_owners_who_cover_each_other_in_chains_pause_only_while_somebody_is_there() -> None:
    users = {
        RITA: user(RITA, away=[Away(start=MON, end=MON + 4 * DAY, cover=SAM), Away(start=MON + 2 * DAY, end=MON + 6 * DAY)]),
        SAM: user(SAM, away=[Away(start=MON + DAY, end=MON + 3 * DAY)]),
    }
    assert covered(RITA, users) == ((MON, MON + DAY), (MON + 3 * DAY, MON + 4 * DAY))
    assert covered(None, users) == ()
    assert covered("x@acme.example", users) == ()
    assert covered(RITA, {**users, SAM: replace(users[SAM], active=False)}) == ()


def test_a_clock_survives_the_store() -> None:
    away = Away(start=MON + HOUR, end=MON + DAY, cover=SAM)
    case = Case(users={RITA: user(RITA, away=[away]), SAM: user(SAM)}).hand(MON)
    case.look(MON)
    case.owned(MON + 30 * MINUTE, SAM).look(MON + 30 * MINUTE)
    case.owned(MON + 40 * MINUTE, RITA).look(MON + 2 * HOUR)
    assert len(case.clock().earlier) == 2
    assert case.clock().covered
    assert load(PersonState, dump(case.state)).clocks == case.state.clocks


def test_hostile_names_stay_on_one_line_and_local_moments_name_their_zone() -> None:
    case = Case(more={"who": "Eve\nOwner: \u202eboss" + "x" * 900}, users={RITA: user(RITA, "Asia/Kolkata")}).hand(MON)
    case.look(MON + 9 * DAY)
    for alert in case.alerts:
        assert "\n" not in alert.title
        assert "\u202e" not in alert.title + alert.body
        assert len(alert.title) <= 255
        assert alert.body.count("\nOwner:") == 1
    assert local(MON, zone_of("Asia/Kolkata")) == "Mon 2 Mar 2026, 14:30 (Asia/Kolkata)"
    assert "(Asia/Kolkata)" in case.alerts[-1].title


def test_a_window_of_moments_and_a_zone_nobody_knows_are_no_crash() -> None:
    case = Case(users={RITA: user(RITA, "Mars/Olympus")}, touches=[touch(MON + 90 * DAY)]).hand(MON)
    seen = case.look(MON + HOUR)
    assert seen.first_response_at == MON + HOUR, "completed is completed: a date in the future counts from now"
    assert case.look(MON + timedelta(days=200)).first_response_at == MON + 90 * DAY
    assert case.clock().met_at == MON + HOUR
