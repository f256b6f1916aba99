"""The rules A1 to A8 of process.md section 6, and F74 to F76, each by its letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.decide.sla import replaced
from crmsync.model.absence import Away
from crmsync.model.followup import SlaRules, Window
from crmsync.model.process import TypeRule
from crmsync.model.rules import WorkingHours
from crmsync.model.work import Clock
from decide.sla_world import DAY, DIRECT, HOUR, MINUTE, MON, RITA, SAM, SHORT, USERS, Case, counted, signal, touch, user


def test_a1_the_handoff_is_due_within_a_day_of_qualification_around_the_clock() -> None:
    case = Case().enter(MON, "mql")
    first = case.look(MON)
    assert (first.status, first.due_at, first.next_due_at) == ("on_track", MON + DAY, MON + 12 * HOUR)
    case.look(MON + 30 * HOUR)
    assert case.last.status == "breached"
    assert case.clock("handoff").breached_at == MON + DAY
    assert case.told()[-1] == ("breach", MON + DAY)
    assert case.alerts[-1].owner is None
    assert "Nobody owns this person yet" in case.alerts[-1].body


def test_a1_the_handoff_stops_its_clock_and_an_instant_one_is_on_record_as_kept() -> None:
    case = Case().hand(MON)
    case.look(MON)
    clock = case.clock("handoff")
    assert (clock.met_at, clock.ended, clock.used, clock.breached_at) == (MON, "met", 0.0, None)


def test_a1_l10_who_waits_at_the_data_gate_is_under_a_clock_and_leaving_ends_it() -> None:
    case = Case().enter(MON, "mql")
    case.look(MON)
    case.enter(MON + 5 * HOUR, "disqualified").look(MON + 40 * HOUR)
    clock = case.clock("handoff")
    assert (clock.ended_at, clock.ended, clock.met_at, clock.breached_at) == (MON + 5 * HOUR, "disqualified", None, None)
    assert (case.last.status, case.told(), case.last.next_due_at) == ("none", [], None)


@pytest.mark.parametrize(
    ("rule", "minutes", "working"),
    [
        (DIRECT, 240, True),
        (replace(DIRECT, breach_working_time=False), 240, False),
        (TypeRule(type="browser", respond_minutes=1440, working_time=False), 1440, False),
        (None, 480, True),
    ],
)
def test_a2_the_window_is_the_types_breach_then_its_response_then_one_working_day(
    rule: TypeRule | None, minutes: int, working: bool
) -> None:
    case = Case(rule=rule).hand(MON)
    case.look(MON)
    assert (case.clock().minutes, case.clock().working) == (minutes, working)


def test_a2_the_first_completed_touch_meets_the_response() -> None:
    case = Case().hand(MON)
    case.look(MON)
    case.touches = [touch(MON + 2 * HOUR), touch(MON + HOUR, "t0"), touch(MON - HOUR, "before")]
    seen = case.look(MON + 3 * HOUR)
    assert (seen.status, seen.first_response_at, seen.touches, seen.due_at) == ("met", MON + HOUR, 2, None)
    assert (case.clock().met_at, case.clock().used) == (MON + HOUR, 60.0)


def test_a2_sql_has_a_clock_where_one_is_configured_until_the_next_touch_or_a_stage_beyond() -> None:
    sla = replace(SHORT, sql=Window(minutes=60))
    case = Case(sla=sla, touches=[touch(MON + 5 * MINUTE)]).hand(MON)
    case.look(MON + 10 * MINUTE)
    case.enter(MON + HOUR, "sql")
    assert (case.look(MON + HOUR).due_at, case.last.status) == (MON + 2 * HOUR, "on_track")
    beyond = replace_case(case).enter(MON + 90 * MINUTE, "opportunity")
    beyond.look(MON + 5 * HOUR)
    assert (beyond.clock("sql").met_at, beyond.clock("sql").used) == (MON + 90 * MINUTE, 30.0)
    case.touches.append(touch(MON + 100 * MINUTE, "t2"))
    assert case.look(MON + 5 * HOUR).status == "met"
    assert case.clock("sql").met_at == MON + 100 * MINUTE


def test_a2_a_clock_for_sql_that_is_switched_on_later_starts_for_nobody_who_is_there_already() -> None:
    case = Case().hand(MON)
    case.enter(MON + HOUR, "sql").look(MON + HOUR)
    case.sla = replace(SHORT, sql=Window(minutes=60))
    case.look(MON + 9 * DAY)
    assert [clock.kind for clock in case.state.clocks] == ["handoff", "response"]


def test_a1_a_clock_for_handoffs_that_is_switched_on_later_starts_for_nobody_who_waits_already() -> None:
    case = Case(sla=replace(SHORT, handoff=None)).enter(MON, "mql")
    case.look(MON)
    case.sla = SHORT
    assert case.look(MON + 9 * DAY).alerts == ()
    assert case.state.clocks == ()


def test_a7_a_pause_that_begins_at_the_deadline_is_none() -> None:
    case = Case(signals=[signal("email_reply", MON + 4 * HOUR)]).hand(MON)
    case.look(MON)
    case.look(MON + 5 * HOUR)
    assert (case.clock().breached_at, case.last.status) == (MON + 4 * HOUR, "breached")


def test_a3_touches_since_the_handoff_are_counted_for_the_minimum_effort() -> None:
    case = Case(touches=[touch(MON + n * HOUR, f"t{n}") for n in range(-3, 5)]).hand(MON)
    assert case.look(MON + 6 * HOUR).touches == 5


def test_a4_at_risk_is_told_at_half_and_at_four_fifths_each_once_at_its_own_moment() -> None:
    case = Case().hand(MON)
    waits = [case.look(MON).next_due_at]
    for at in (MON + 2 * HOUR, MON + 2 * HOUR, MON + 192 * MINUTE, MON + 200 * MINUTE):
        waits.append(case.look(at).next_due_at)
    assert case.told() == [("at_risk", MON + 2 * HOUR), ("at_risk", MON + 192 * MINUTE)]
    assert waits == [MON + 2 * HOUR, MON + 192 * MINUTE, MON + 192 * MINUTE, MON + 4 * HOUR, MON + 4 * HOUR]
    assert (case.last.status, case.alerts[0].owner, case.alerts[0].late) == ("at_risk", RITA, False)
    assert case.alerts[0].title == "At risk: the first response for Ann Lee (Acme) is due Mon 2 Mar 2026, 13:00 (UTC)"
    assert "50% of the time" in case.alerts[0].body
    assert "Do the first touch" in case.alerts[0].body


def test_a4_the_shares_are_configurable() -> None:
    case = Case(sla=replace(SHORT, at_risk=(0.25,))).hand(MON)
    assert case.look(MON).next_due_at == MON + HOUR
    assert [kind for kind, _ in (case.look(MON + 3 * HOUR), case.told())[1]] == ["at_risk"]


def test_a5_a_breach_is_told_once_and_asks_for_a_reassignment() -> None:
    case = Case(more={"moves_on": True}).hand(MON)
    case.look(MON)
    first = case.look(MON + 4 * HOUR)
    again = case.look(MON + 4 * HOUR)
    assert (first.status, first.breached_now, again.breached_now, again.alerts) == ("breached", True, False, ())
    assert again.clocks is first.clocks
    assert case.told()[-1] == ("breach", MON + 4 * HOUR)
    assert case.alerts[-1].title == "Breached: the first response for Ann Lee (Acme) was due Mon 2 Mar 2026, 13:00 (UTC)"
    assert "goes to the next rep" in case.alerts[-1].body


def test_a5_r7_the_router_reassigning_begins_a_new_clock_and_ends_the_old_one() -> None:
    case = Case().hand(MON)
    case.look(MON + 5 * HOUR)
    case.owned(MON + 5 * HOUR, SAM, by="router", tried=(RITA,))
    seen = case.look(MON + 5 * HOUR)
    assert [(c.ended_at, c.ended, c.breached_at, c.used) for c in seen.over] == [(MON + 5 * HOUR, "reassigned", MON + 4 * HOUR, 300.0)]
    clock = case.clock()
    assert (clock.owner, clock.started_at, clock.due_at, clock.told) == (SAM, MON + 5 * HOUR, MON + DAY + HOUR, ())
    assert (case.look(MON + 5 * HOUR).over, [k for k, _ in case.told()].count("breach")) == ((), 1)


def test_a5_r7_who_is_given_to_the_next_rep_at_the_deadline_was_breached() -> None:
    case = Case(more={"moves_on": True}).hand(MON)
    before = case.look(MON).clocks[-1]
    case.owned(MON + 4 * HOUR, SAM, by="router", tried=(RITA,))
    seen = case.look(MON + 4 * HOUR)
    assert [(c.ended, c.breached_at, c.late) for c in seen.over] == [("reassigned", MON + 4 * HOUR, False)]
    assert case.told()[-1] == ("breach", MON + 4 * HOUR)
    stored = replaced(before, MON + 4 * HOUR, users={}, hours=WorkingHours(), now=MON + 4 * HOUR, late_minutes=15)
    assert (stored.ended, stored.breached_at, stored.late) == ("reassigned", MON + 4 * HOUR, False)
    sooner = replaced(before, MON + 3 * HOUR, users={}, hours=WorkingHours(), now=MON + 4 * HOUR, late_minutes=15)
    assert sooner.breached_at is None


def test_a6_the_clock_runs_in_the_owners_working_time_and_around_the_clock_where_wanted() -> None:
    friday = MON + 4 * DAY + 6 * HOUR  # 15:00
    case = Case(users={RITA: user(RITA, "UTC")}).hand(friday)
    case.look(friday)
    assert case.clock().due_at == friday + 3 * DAY - 4 * HOUR  # Monday 11:00
    west = Case(users={RITA: user(RITA, "America/New_York")}).hand(friday)
    west.look(friday)
    assert west.clock().due_at == friday + 4 * HOUR  # 10:00 to 14:00 there
    always = Case(rule=replace(DIRECT, breach_working_time=False)).hand(friday + 5 * HOUR)
    always.look(friday + 5 * HOUR)
    assert always.clock().due_at == friday + 9 * HOUR


def test_a6_an_owner_set_by_hand_takes_over_what_is_left_in_their_own_hours() -> None:
    users = {RITA: user(RITA), SAM: user(SAM, "America/New_York")}
    case = Case(users=users).hand(MON)
    case.look(MON)
    case.owned(MON + HOUR, SAM).look(MON + HOUR)
    clock = case.clock()
    # An hour ran; New York opens at 14:00 UTC and owes the other three.
    assert (clock.owner, clock.used, clock.due_at) == (SAM, 60.0, MON + 8 * HOUR)
    assert (clock.started_at, clock.earlier) == (MON, ((MON + HOUR, RITA),))
    case.owned(MON + 6 * HOUR, RITA).look(MON + 7 * HOUR)
    assert (case.clock().used, case.clock().due_at) == (120.0, MON + 8 * HOUR)


@pytest.mark.parametrize("type", ["email_reply", "meeting_booked", "demo_booked"])
def test_a7_a_conversation_pauses_the_response_and_its_end_resumes_it(type: str) -> None:
    case = Case(signals=[signal(type, MON - HOUR), signal(type, MON + HOUR)]).hand(MON)
    case.look(MON)
    paused = case.look(MON + 90 * MINUTE)
    assert (paused.status, paused.due_at, paused.next_due_at) == ("paused", None, MON + HOUR + 5 * DAY)
    assert (case.clock().paused, case.clock().used, case.clock().running_since) == ("conversation", 60.0, None)
    resumed = case.look(MON + HOUR + 5 * DAY)
    # Five days on it is Saturday: the other three hours are Monday's.
    assert (resumed.status, resumed.due_at, case.told()) == ("on_track", MON + 7 * DAY + 3 * HOUR, [])


def test_a7_a_booked_meeting_pauses_until_it_is_over() -> None:
    case = Case(signals=[signal("meeting_booked", MON + HOUR)], more={"meetings": [MON - DAY, MON + 9 * DAY, MON + 20 * DAY]}).hand(MON)
    assert case.look(MON + 2 * HOUR).next_due_at == MON + 9 * DAY
    short = Case(signals=[signal("meeting_booked", MON + HOUR)], more={"meetings": [MON + DAY]}).hand(MON)
    assert short.look(MON + 2 * HOUR).next_due_at == MON + HOUR + 5 * DAY


def test_a7_an_absence_pauses_with_a_cover_alone() -> None:
    def looked(cover: str, *covers_away: Away) -> Case:
        away = Away(start=MON + HOUR, end=MON + 2 * DAY, cover=cover)
        case = Case(users={RITA: user(RITA, away=[away]), SAM: user(SAM, away=covers_away)}).hand(MON)
        case.look(MON + 2 * HOUR)
        return case

    paused = looked(SAM)
    assert (paused.last.status, paused.clock().paused, paused.last.next_due_at) == ("paused", "cover", MON + 2 * DAY)
    assert paused.look(MON + 2 * DAY).due_at == MON + 2 * DAY + 3 * HOUR
    for running in (looked(""), looked("nobody@acme.example"), looked(RITA), looked(SAM, Away(start=MON, end=MON + 9 * DAY))):
        assert (running.last.status, running.last.due_at) == ("at_risk", MON + 4 * HOUR)
    half = looked(SAM, Away(start=MON + 3 * HOUR, end=MON + 9 * DAY))
    assert half.last.next_due_at == MON + 3 * HOUR, "the cover leaves, too: the clock runs again"


def test_a7_a_touch_logged_in_the_other_crm_and_read_late_takes_the_breach_back_but_no_alert() -> None:
    case = Case().hand(MON)
    case.look(MON)
    case.look(MON + 5 * HOUR)
    assert case.last.status == "breached"
    case.touches = [touch(MON + 4 * HOUR)]
    seen = case.look(MON + 6 * HOUR)
    assert (seen.status, case.clock().met_at, case.clock().breached_at, case.clock().used) == ("met", MON + 4 * HOUR, None, 240.0)
    assert [kind for kind, _ in case.told()].count("breach") == 1
    case.touches = []
    assert case.look(MON + 9 * HOUR).clocks is seen.clocks, "what is met stays met"


def test_a7_an_earlier_touch_that_comes_after_a_late_one_takes_the_breach_back_too() -> None:
    case = Case(touches=[touch(MON + 6 * HOUR)]).hand(MON)
    case.look(MON + 7 * HOUR)
    assert (case.clock().met_at, case.clock().breached_at, case.last.status) == (MON + 6 * HOUR, MON + 4 * HOUR, "met")
    case.touches.append(touch(MON + HOUR, "t0"))
    case.look(MON + 8 * HOUR)
    assert (case.clock().met_at, case.clock().breached_at, case.clock().late, case.clock().used) == (MON + HOUR, None, False, 60.0)


def test_a8_f75_two_hours_of_downtime_each_breach_fires_once_and_is_marked_late() -> None:
    case = Case().hand(MON)
    case.look(MON + 3 * HOUR)
    before = len(case.alerts)
    for at in (MON + 6 * HOUR, MON + 6 * HOUR, MON + 7 * HOUR):
        case.look(at)
    assert [(a.kind, a.at, a.late) for a in case.alerts[before:]] == [
        ("at_risk", MON + 192 * MINUTE, True), ("breach", MON + 4 * HOUR, True),
    ]  # fmt: skip
    assert case.clock().late
    assert case.clock().breached_at == MON + 4 * HOUR
    late = case.alerts[-1]
    assert late.title.startswith("Breached, told late: ")
    assert "2 hours before crmsync could look" in late.body
    prompt = Case().hand(MON)
    prompt.look(MON)
    prompt.look(MON + 4 * HOUR + 14 * MINUTE)
    assert not prompt.clock().late
    assert not prompt.alerts[-1].late


def test_a8_a_clock_that_was_breached_and_met_while_the_agent_was_down_is_told_once() -> None:
    case = Case().hand(MON)
    case.look(MON)
    case.touches = [touch(MON + 5 * HOUR)]
    seen = case.look(MON + 7 * HOUR)
    assert [(a.kind, a.late) for a in case.alerts] == [("breach", True)]
    assert "It was done at Mon 2 Mar 2026, 14:00 (UTC)" in case.alerts[0].body
    assert (seen.breached_now, seen.status) == (False, "met")


@pytest.mark.parametrize(
    ("zone", "friday", "due"),
    [
        # Clocks go forward on Sunday 8 March in New York, 29 March in Berlin; back on 25 October in Berlin, 1 November in New York.
        ("America/New_York", datetime(2026, 3, 6, 20, 0, tzinfo=UTC), datetime(2026, 3, 9, 15, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 27, 14, 0, tzinfo=UTC), datetime(2026, 3, 30, 9, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 23, 13, 0, tzinfo=UTC), datetime(2026, 10, 26, 10, 0, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 10, 30, 19, 0, tzinfo=UTC), datetime(2026, 11, 2, 16, 0, tzinfo=UTC)),
    ],
)
def test_f74_a_weekend_with_a_clock_change_in_the_reps_zone(zone: str, friday: datetime, due: datetime) -> None:
    case = Case(users={RITA: user(RITA, zone)}).hand(friday)
    case.look(friday)
    assert case.clock().due_at == due
    assert counted(friday, due, zone) == 240
    assert counted(friday, due - MINUTE, zone) == 239


def test_f74_a_holiday_is_left_out() -> None:
    case = Case(hours=WorkingHours(holidays=("2026-03-03",))).hand(MON + 6 * HOUR)
    case.look(MON + 6 * HOUR)
    assert case.clock().due_at == MON + 2 * DAY + 2 * HOUR


def test_f76_what_was_done_before_the_clock_started_meets_it_at_once() -> None:
    case = Case(touches=[touch(MON)]).hand(MON + timedelta(milliseconds=400))
    seen = case.look(MON + timedelta(milliseconds=400))
    assert (seen.status, seen.alerts, seen.next_due_at) == ("met", (), None)
    assert (case.clock().met_at, case.clock().used) == (MON + timedelta(milliseconds=400), 0.0)
    assert case.look(MON + 9 * DAY).alerts == ()


def test_r5_the_queue_has_a_clock_of_its_own_until_somebody_gets_the_person() -> None:
    case = Case(more={"queue": Window(minutes=240)}, sla=replace(SHORT, handoff=None)).enter(MON, "mql").set(queued_at=MON)
    assert (case.look(MON).due_at, case.last.status) == (MON + 4 * HOUR, "on_track")
    case.look(MON + 5 * HOUR)
    assert case.told() == [("queue_late", MON + 4 * HOUR)], "and nobody hears that it is at risk: nobody owns the person"
    case.enter(MON + 6 * HOUR, "sal").owned(MON + 6 * HOUR, RITA, by="router", handed_at=MON + 6 * HOUR, queued_at=None)
    case.look(MON + 6 * HOUR)
    assert (case.clock("queue").met_at, case.clock("queue").used, case.last.status) == (MON + 6 * HOUR, 360.0, "on_track")


def test_r5_an_owner_at_the_very_end_of_the_queues_window_comes_too_late() -> None:
    case = Case(more={"queue": Window(minutes=240)}, sla=replace(SHORT, handoff=None)).enter(MON, "mql").set(queued_at=MON)
    case.look(MON)
    at = MON + 4 * HOUR
    case.enter(at, "sal").owned(at, RITA, by="router", handed_at=at, queued_at=None).look(at)
    assert case.told() == [("queue_late", at)]
    assert (case.clock("queue").breached_at, case.clock("queue").met_at) == (at, at)


def test_r7_once_the_pool_is_used_up_the_next_owner_has_a_clock_of_their_own_all_the_same() -> None:
    case = Case().hand(MON)
    case.look(MON + 5 * HOUR)
    case.owned(MON + 5 * HOUR, SAM, by="router", tried=(SAM,)).look(MON + 5 * HOUR)
    assert (case.clock().owner, case.clock().started_at, case.last.status) == (SAM, MON + 5 * HOUR, "on_track")


def test_r6_an_owner_by_hand_is_not_told_that_the_person_moves_on() -> None:
    case = Case(more={"moves_on": True}).hand(MON)
    case.look(MON)
    case.owned(MON + HOUR, SAM).look(MON + 5 * HOUR)
    assert "goes to the next rep" not in case.alerts[-1].body
    assert case.alerts[-1].owner == SAM


def test_r5_who_leaves_the_queue_otherwise_ends_its_clock() -> None:
    case = Case(more={"queue": Window(minutes=240)}).enter(MON, "mql").set(queued_at=MON)
    case.look(MON)
    case.enter(MON + HOUR, "nurture").set(queued_at=None).look(MON + HOUR)
    assert [(c.kind, c.ended, c.met_at) for c in case.state.clocks] == [("handoff", "nurture", None), ("queue", "left", None)]
    assert (case.last.next_due_at, case.last.status) == (None, "none")


def test_9a_who_was_qualified_before_the_connection_has_no_clocks() -> None:
    historic = Case().hand(MON).set(historic=True)
    early = Case(start_from=MON + DAY).hand(MON)
    for case in (historic, early):
        assert case.look(MON + 9 * DAY).clocks == ()
        assert case.last.alerts == ()


def test_5_bad_input_a_lead_assigned_and_closed_within_a_second() -> None:
    case = Case().hand(MON).enter(MON, "disqualified")
    seen = case.look(MON)
    assert (seen.status, seen.next_due_at, seen.alerts) == ("none", None, ())
    assert (case.clock().ended, case.clock().met_at) == ("disqualified", None)


def test_5_bad_input_the_clock_set_back_undoes_and_repeats_nothing() -> None:
    case = Case().hand(MON)
    case.look(MON)
    seen = case.look(MON + 5 * HOUR)
    told = list(case.alerts)
    for back in (MON + HOUR, MON - 3 * DAY, MON + 5 * HOUR, MON + 6 * HOUR):
        again = case.look(back)
        assert (again.status, case.clock().breached_at, again.breached_now) == ("breached", MON + 4 * HOUR, False)
    assert case.alerts == told
    assert seen.status == "breached"


def replace_case(case: Case) -> Case:
    return replace(case, touches=list(case.touches), alerts=[], changes={})


def test_the_newest_handoff_has_a_clock_of_its_own() -> None:
    case = Case().hand(MON)
    case.look(MON)
    case.enter(MON + HOUR, "nurture").look(MON + HOUR)
    old: Clock = case.clock()
    assert (old.ended, old.used) == ("nurture", 60.0)
    later = MON + 7 * DAY
    case.hand(later, SAM).look(later)
    assert (case.clock().started_at, case.clock().owner, case.clock().told) == (later, SAM, ())
    assert len(case.state.clocks) == 2


def test_sla_rules_are_those_of_process_md() -> None:
    rules = SlaRules()
    assert rules.handoff == Window(minutes=24 * 60, working=False)
    assert rules.response == Window(minutes=8 * 60)
    assert (rules.at_risk, rules.min_touches, rules.sql) == ((0.5, 0.8), 8, None)
    assert USERS[RITA].away == ()
