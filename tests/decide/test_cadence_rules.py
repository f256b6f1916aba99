"""Each rule of cadences by its letter (process.md C1-C8, A3, L6), and the scenarios F77-F80."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.decide.cadence import first_key
from crmsync.decide.cadence_end import HANDED_ANEW, HARD_BOUNCE, LEFT, MET, NO_ANSWER, OPTED_OUT, REPLIED
from crmsync.model.absence import Away
from crmsync.model.condition import Test
from crmsync.model.followup import CALL, EMAIL, SOCIAL, Cadence, Estimate, SlaRules, Step
from crmsync.model.record import Value
from crmsync.model.rules import WorkingHours
from crmsync.model.work import TASK_DELETED, TASK_OPEN
from decide.rep_desk import DAY, HANDED, HOUR, MAX, MINUTE, PLAN, RITA, SAM, SHORT, STANDARD, RepDesk, entry, user

LIGHT = Cadence(
    name="light",
    when=Test(field="expected_amount", op="lt", value=10_000),
    steps=tuple(Step(day=day, channel=channel) for day, channel in ((1, EMAIL), (2, SOCIAL), (4, EMAIL), (6, SOCIAL), (8, EMAIL), (10, EMAIL), (12, SOCIAL), (14, EMAIL))),
)  # fmt: skip


def ended(desk: RepDesk) -> str:
    assert desk.state.cadence is not None
    return desk.state.cadence.ended


def paused(desk: RepDesk) -> str:
    assert desk.state.cadence is not None
    return desk.state.cadence.paused


# --- which one ------------------------------------------------------------------------------------------------------------------


def test_c1_twelve_touches_in_14_days_on_the_days_of_the_plan() -> None:
    desk = RepDesk()
    desk.hours = WorkingHours(days=tuple(range(7)))
    desk.work(11)
    days = [1, *((due.date() - HANDED.date()).days + 1 for _, _, due in desk.made)]
    assert days == [day for day, _ in PLAN]
    assert [STANDARD.steps[index].channel for index, _, _ in desk.made] == [channel for _, channel in PLAN[1:]]


BY_SIZE = (
    Estimate(amount=5_000, when=Test(field="employees", op="lt", value=25)),
    Estimate(amount=20_000, when=Test(field="company_size", op="filled")),
)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"expected_amount": 9_999}, "light"),
        ({"expected_amount": 10_000}, "standard"),
        ({"expected_amount": 10_000, "employees": 3}, "standard"),
        ({"employees": 3}, "light"),
        ({"employees": 300}, "standard"),
        ({"company_size": "1-5"}, "standard"),
        ({"deal.amount": 900, "deal.open": True}, "light"),
        ({"deal.amount": 90_000, "deal.open": True, "employees": 3}, "standard"),
        ({"deal.amount": 900, "deal.open": False}, "standard"),
        ({}, "standard"),
    ],
)
def test_c2_a_small_deal_gets_the_light_cadence_without_phone(facts: dict[str, Value], name: str) -> None:
    """A figure of the CRMs goes first, then an open deal, then what somebody's company lets expect; of whom nothing is known gets all touches."""
    assert (len(LIGHT.steps), {step.channel for step in LIGHT.steps}) == (8, {EMAIL, SOCIAL})
    desk = RepDesk(LIGHT, STANDARD)
    desk.estimates = BY_SIZE
    desk.facts |= facts
    desk.tick()
    assert desk.state.cadence is not None
    assert desk.state.cadence.name == name


def test_c1_browsers_have_no_cadence() -> None:
    nobody = RepDesk(STANDARD, mql_type="browser")
    nobody.tick()
    assert nobody.state.cadence is None


# --- when -----------------------------------------------------------------------------------------------------------------------


def test_c3_a_task_is_made_a_horizon_ahead_and_due_in_the_owners_working_hours() -> None:
    desk = RepDesk(SHORT)
    desk.tick()
    desk.finish()
    wait = desk.tick(MINUTE)
    assert (wait.step, wait.next_touch_at, wait.next_due_at) == (None, HANDED + 2 * DAY, HANDED + DAY)
    assert desk.tick(DAY - MINUTE - MINUTE).step is None
    desk.now = HANDED + DAY
    made = desk.tick()
    assert (made.index, made.owner, made.due_at) == (1, RITA, HANDED + 2 * DAY)
    assert made.next_due_at is None, "nothing more by time alone: the next one waits for this one"
    for _ in range(5):
        assert desk.tick(DAY).step is None


def test_c3_what_should_have_been_made_long_ago_is_due_from_now_on() -> None:
    desk = RepDesk(SHORT)
    desk.tick()
    desk.finish()
    desk.now = datetime(2026, 3, 14, 12, tzinfo=UTC)  # a Saturday
    assert desk.tick().due_at == datetime(2026, 3, 16, 9, tzinfo=UTC)


def test_c8_calls_remind_and_high_intent_has_high_priority() -> None:
    desk = RepDesk()
    desk.work(2)
    (_, _, due) = desk.made[-1]
    assert STANDARD.steps[2].priority == "high"
    late = RepDesk()
    late.work(1)
    late.finish()
    made = late.tick(MINUTE)
    assert made.step is STANDARD.steps[2]
    assert made.due_at is not None
    assert made.remind_at == made.due_at - 15 * MINUTE
    assert due == made.due_at
    late.finish()
    late.now = made.due_at + 5 * DAY
    found = late.tick()
    assert found.remind_at is None, "an e-mail has no reminder"


def test_c8_a_reminder_is_never_in_the_past() -> None:
    desk = RepDesk(Cadence(name="c", steps=(Step(day=1, channel=EMAIL), Step(day=1, channel=CALL, remind_minutes=60))))
    desk.tick()
    desk.finish()
    made = desk.tick(MINUTE)
    assert made.remind_at == made.due_at == desk.now


# --- stops and pauses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", ["email_reply", "reply_1"])
def test_c5_f77_a_reply_stops_it_and_leaves_the_rep_their_task(signal: str) -> None:
    desk = RepDesk()
    desk.work(2)
    kept = list(desk.open)
    desk.hears(signal)
    found = desk.tick(MINUTE)
    assert (ended(desk), found.withdraw, desk.open) == (REPLIED, (), kept)
    desk.finish()
    assert desk.tick(30 * DAY).step is None, "later touches are not made"
    assert desk.finished == 0


@pytest.mark.parametrize("signal", ["meeting_booked", "demo_booked", "meeting_held"])
def test_c5_a_meeting_stops_it(signal: str) -> None:
    desk = RepDesk()
    desk.work(2)
    desk.hears(signal)
    assert desk.tick(MINUTE).withdraw == ()
    assert ended(desk) == MET


def test_c5_what_was_before_the_handoff_stops_nothing() -> None:
    desk = RepDesk()
    desk.hears("email_reply", at=HANDED)
    desk.hears("demo_booked", at=HANDED - DAY)
    desk.tick(MINUTE)
    assert ended(desk) == ""


@pytest.mark.parametrize("stage", ["sql", "nurture", "disqualified", "opportunity", "customer", "mql"])
def test_c5_a_stage_that_ends_it_takes_back_the_open_task(stage: str) -> None:
    desk = RepDesk()
    desk.work(2)
    (key,) = desk.open
    desk.moved(stage)
    assert desk.tick().withdraw == (key,)
    assert (ended(desk), desk.open) == (LEFT, [])
    assert desk.tick(DAY).withdraw == ()


def test_c5_whoever_is_accepted_before_anybody_got_in_touch_keeps_the_first_task() -> None:
    desk = RepDesk()
    desk.tick()
    first = list(desk.open)
    desk.tick(timedelta(minutes=5))
    desk.moved("sql")
    assert desk.tick().withdraw == ()
    assert (ended(desk), desk.open) == (LEFT, first)


@pytest.mark.parametrize("how", ["fact", "signal"])
def test_c5_f77_an_opt_out_stops_it_and_takes_back_an_open_e_mail_but_no_call(how: str) -> None:
    for touch, goes in ((3, True), (2, False), (0, False)):
        desk = RepDesk()
        desk.work(touch)
        desk.now += MINUTE
        (key,) = desk.open
        if how == "fact":
            desk.facts["email_opt_out"] = True
        else:
            desk.hears("unsubscribe")
        assert desk.tick(MINUTE).withdraw == ((key,) if goes else ())
        assert ended(desk) == OPTED_OUT
        if not goes:
            desk.finish()
        assert desk.tick(30 * DAY).step is None


def test_c5_who_answers_with_stop_loses_the_open_e_mail_too() -> None:
    desk = RepDesk()
    desk.work(3)
    (key,) = desk.open
    desk.hears("email_reply")
    desk.tick(MINUTE)
    assert (ended(desk), desk.open) == (REPLIED, [key])
    desk.facts["email_opt_out"] = True
    assert desk.tick(MINUTE).withdraw == (key,)
    assert ended(desk) == OPTED_OUT


def test_c5_a_hard_bounce_stops_it_unless_something_arrived_later_or_it_tells_of_the_moment() -> None:
    for detail, later, why in (("UNKNOWN_USER", "", HARD_BOUNCE), ("MAILBOX_FULL", "", ""), ("UNKNOWN_USER", "email_open", "")):
        desk = RepDesk()
        desk.work(3)
        desk.hears("email_bounce", detail)
        if later:
            desk.hears(later, at=desk.now + MINUTE)
        desk.tick(HOUR)
        assert ended(desk) == why
        assert (desk.open == []) is bool(why)


def test_g1_who_had_opted_out_before_is_called_and_never_e_mailed() -> None:
    desk = RepDesk()
    desk.facts["email_opt_out"] = True
    desk.work(10)
    channels = {STANDARD.steps[index].channel for index, _, _ in desk.made}
    assert channels == {CALL, SOCIAL}
    assert desk.state.cadence is not None
    assert desk.state.cadence.skipped == (1, 3, 6, 8)
    nameless = RepDesk()
    nameless.facts["email"] = None
    nameless.work(2)
    assert [index for index, _, _ in nameless.made] == [2], "no address, no e-mail"


def test_c5_f77_out_of_office_pauses_for_three_days_or_until_the_day_that_is_told() -> None:
    desk = RepDesk(SHORT)
    desk.tick()
    desk.hears("out_of_office", at=HANDED + MINUTE)
    desk.finish()
    found = desk.tick(DAY)
    back = HANDED + MINUTE + 3 * DAY
    assert (found.step, found.next_due_at, paused(desk)) == (None, back, "out of office")
    assert desk.tick(DAY).step is None, "it would be made now"
    desk.now = back
    assert desk.tick().due_at == back
    assert paused(desk) == ""

    told = RepDesk(SHORT)
    told.tick()
    told.hears("out_of_office", "back 2026-03-12", at=HANDED + MINUTE)
    told.finish()
    assert told.tick(5 * DAY).step is None
    assert told.look().next_touch_at == datetime(2026, 3, 12, 9, tzinfo=UTC)
    told.now = datetime(2026, 3, 12, tzinfo=UTC)
    assert told.tick().due_at == datetime(2026, 3, 12, 9, tzinfo=UTC)


def test_f78_touches_move_to_the_return_of_a_rep_without_cover() -> None:
    back = datetime(2026, 3, 7, tzinfo=UTC)  # a Saturday
    desk = RepDesk()
    desk.work(2)
    (key,) = desk.open
    desk.users[RITA] = user(RITA, Away(start=desk.now, end=back))
    found = desk.tick()
    (move,) = found.moves
    assert (move.key, move.owner, move.due_at) == (key, RITA, datetime(2026, 3, 9, 9, tzinfo=UTC))
    assert paused(desk) == "the rep is away"
    assert desk.tick().moves == ()
    desk.finish()
    assert desk.tick(HOUR).next_touch_at == datetime(2026, 3, 9, 9, tzinfo=UTC), "what comes next, too"
    assert desk.tick().step is None


def test_f78_touches_are_handed_to_the_cover_and_come_back() -> None:
    away = Away(start=HANDED + DAY, end=HANDED + 4 * DAY, cover=MAX)
    desk = RepDesk()
    desk.users[RITA] = user(RITA, away)
    desk.work(2)
    assert desk.made[-1][1] == MAX, "due in the absence"
    found = desk.tick(4 * DAY)
    assert [(move.key, move.owner) for move in found.moves] == [(desk.open[0], RITA)], "she is back, and it was not done"
    desk.users[RITA] = user(RITA, Away(start=desk.now, end=desk.now + DAY, cover=MAX))
    desk.users[MAX] = user(MAX, Away(start=desk.now, end=desk.now + DAY, cover=SAM))
    (move,) = desk.tick().moves
    assert move.due_at is not None
    assert (move.owner, move.due_at >= desk.now + DAY) == (RITA, True), "a cover who is away does not count"


def test_f78_an_absence_that_is_known_wakes_the_person_when_it_begins() -> None:
    desk = RepDesk()
    desk.work(2)
    begins = desk.now + 2 * DAY
    desk.users[RITA] = user(RITA, Away(start=begins, end=begins + DAY, cover=MAX))
    assert desk.tick().next_due_at == begins
    desk.now = begins
    assert [move.owner for move in desk.tick().moves] == [MAX], "overdue, and she is away now"


def test_c5_f57_the_cadence_moves_with_the_owner() -> None:
    desk = RepDesk()
    desk.work(2)
    desk.state = replace(desk.state, owner=MAX)
    (move,) = desk.tick().moves
    assert (move.key, move.owner) == (desk.open[0], MAX)
    desk.now += DAY
    desk.finish()
    desk.now += 2 * DAY
    assert desk.tick().owner == MAX
    assert desk.tasks[desk.first].owner == RITA, "what is done stays"


# --- one at a time ----------------------------------------------------------------------------------------------------------------


def test_c6_f80_a_person_is_in_one_cadence_and_a_new_handoff_ends_the_old_one() -> None:
    desk = RepDesk(STANDARD, SHORT)
    desk.work(2)
    (old,) = desk.open
    at = desk.now + DAY
    desk.now = at
    stages = (*desk.state.stages, entry("nurture", "sal", at - HOUR), entry("mql", "nurture", at), entry("sal", "mql", at))
    desk.state = replace(desk.state, stages=stages, handed_at=at, mql_type="content_download")
    first = first_key(desk.state)
    desk.tasks[first] = replace(desk.tasks[old], key=first, kind="first_touch")
    found = desk.tick()
    assert found.run is not None
    assert (found.run.name, found.run.started_at) == ("short", at)
    assert (found.withdraw, desk.open) == ((old,), [first])
    alone = RepDesk()
    alone.work(2)
    at = alone.now + DAY
    alone.now = at
    alone.state = replace(
        alone.state, stages=(*alone.state.stages, entry("mql", "sal", at), entry("sal", "mql", at)), handed_at=at, mql_type="browser"
    )
    alone.tick()
    assert (ended(alone), alone.open) == (HANDED_ANEW, [])


def test_c6_f80_another_tools_cadence_holds_ours_back() -> None:
    desk = RepDesk()
    desk.work(1)
    desk.finish()
    desk.facts["in_sequence"] = True
    assert (desk.tick(5 * DAY).step, paused(desk)) == (None, "in another tool's cadence")
    desk.facts["in_sequence"] = False
    assert desk.tick().index == 2


def test_c6_another_tools_cadence_is_no_silence() -> None:
    desk = RepDesk()
    desk.work(11)
    desk.finish()
    desk.facts["in_sequence"] = True
    desk.tick(30 * DAY)
    assert desk.finished == 0
    desk.facts["in_sequence"] = None
    desk.tick()
    assert desk.finished == 1


# --- once per touch ---------------------------------------------------------------------------------------------------------------


def test_c7_f79_a_task_done_in_either_crm_advances_once() -> None:
    desk = RepDesk()
    desk.work(2)
    key = desk.finish()
    desk.tick(MINUTE)
    assert desk.index == 3
    for _ in range(3):
        desk.tick(HOUR)
    assert desk.index == 3
    desk.tasks[key] = replace(desk.tasks[key], state=TASK_OPEN)  # the rep opens it once more
    desk.tick(DAY)
    assert (desk.index, [index for index, _, _ in desk.made]) == (3, [1, 2, 3])
    assert key not in desk.gone, "what somebody opened again is theirs"


def test_c7_f79_a_deleted_task_is_left_out_and_never_made_again() -> None:
    desk = RepDesk()
    desk.work(2)
    key = desk.drop()
    desk.tick(MINUTE)
    assert desk.index == 3
    desk.tick(DAY)
    assert desk.tasks[key].state == TASK_DELETED
    assert [index for index, _, _ in desk.made] == [1, 2, 3]


def test_c7_a_logged_call_makes_the_open_call_and_its_task_goes_with_the_next_touch() -> None:
    desk = RepDesk()
    desk.work(5)  # the call of day 6
    (key,) = desk.open
    desk.now += HOUR
    desk.log(EMAIL)
    desk.tick()
    assert desk.index == 5, "another channel"
    desk.now += HOUR
    desk.log(CALL)
    found = desk.tick()
    assert (desk.index, found.step is not None) == (6, True)
    assert (found.withdraw, len(desk.open)) == ((key,), 1)


def test_c7_the_task_of_a_last_touch_that_was_logged_otherwise_goes_at_once() -> None:
    desk = RepDesk()
    desk.work(11)
    (key,) = desk.open
    desk.now += HOUR
    desk.log(EMAIL)
    assert desk.tick().withdraw == (key,)
    assert (desk.open, desk.tick(MINUTE).withdraw) == ([], ())
    desk.tick(3 * DAY)
    assert desk.finished == 1


def test_c7_a_call_logged_before_the_touch_was_open_does_not_make_it() -> None:
    desk = RepDesk()
    desk.work(4)
    desk.log(CALL)
    desk.now += HOUR
    desk.finish()
    desk.now += 4 * DAY
    desk.tick()
    assert (desk.index, desk.made[-1][0]) == (5, 5)
    desk.tick(HOUR)
    assert desk.index == 5


def test_c7_a_task_and_the_same_call_logged_within_a_quarter_of_an_hour_are_one_touch() -> None:
    steps = (Step(day=1, channel=CALL), Step(day=1, channel=CALL), Step(day=1, channel=CALL))
    for minutes, index in ((15, 1), (16, 2)):
        desk = RepDesk(Cadence(name="calls", steps=steps))
        desk.tick(HOUR)
        desk.finish()
        desk.tick()
        assert desk.made[-1][0] == 1
        desk.now += minutes * MINUTE
        desk.log(CALL)
        desk.tick()
        assert desk.index == index


def test_c7_two_tasks_completed_for_one_touch_are_one() -> None:
    steps = tuple(Step(day=1, channel=CALL) for _ in range(4))
    desk = RepDesk(Cadence(name="calls", steps=steps))
    desk.tick(HOUR)
    desk.finish()
    desk.log(CALL, desk.now - 5 * MINUTE)  # her own task for the same call
    desk.log(CALL, desk.now + 2 * MINUTE)
    desk.tick(3 * MINUTE)
    desk.tick(MINUTE)
    assert (desk.index, [index for index, _, _ in desk.made]) == (1, [1])


def test_c7_a_call_that_is_dated_anew_counts_once() -> None:
    desk = RepDesk(Cadence(name="calls", steps=tuple(Step(day=1, channel=CALL) for _ in range(4))))
    desk.tick(HOUR)
    logged = desk.log(CALL)
    desk.tick()
    assert (desk.index, desk.made[-1][0]) == (1, 1)
    desk.touches[desk.touches.index(logged)] = replace(logged, at=logged.at + HOUR)  # somebody corrected it
    desk.tick(2 * HOUR)
    assert desk.index == 1


def test_c7_several_completions_at_once_leave_no_touch_out() -> None:
    desk = RepDesk()
    desk.work(2)
    desk.finish()
    for n in range(4):
        desk.log((CALL, EMAIL)[n % 2], desk.now - n * HOUR)
    desk.tick(10 * DAY)
    assert desk.index == 3
    assert desk.made[-1][0] == 3


def test_c7_an_activity_dated_in_the_future_has_not_happened() -> None:
    desk = RepDesk()
    desk.work(2)
    desk.log(CALL, desk.now + DAY)
    desk.tick(HOUR)
    assert desk.index == 2
    desk.tick(DAY)
    assert desk.index == 3


def test_no_connect_leaves_out_the_e_mail_after_a_call_that_connected() -> None:
    desk = RepDesk()
    desk.tick()
    desk.finish(outcome="connected")
    desk.tick(MINUTE)
    assert desk.state.cadence is not None
    assert (desk.index, desk.state.cadence.skipped) == (2, (1,))
    other = RepDesk()
    other.tick()
    other.finish(outcome="no_answer")
    assert other.tick(MINUTE).index == 1


# --- the end ------------------------------------------------------------------------------------------------------------------------


def test_a3_l6_after_the_last_touch_and_the_days_for_an_answer_it_is_finished() -> None:
    desk = RepDesk(sla=SlaRules(min_touches=8))
    desk.work(11)
    desk.now += HOUR
    last = desk.now
    desk.finish()
    wait = desk.tick(MINUTE)
    assert (wait.finished, wait.next_due_at) == (False, last + 3 * DAY)
    desk.now = last + 3 * DAY - MINUTE
    assert not desk.tick().finished
    desk.now = last + 3 * DAY
    assert desk.tick().finished
    assert ended(desk) == NO_ANSWER


def test_a3_with_too_few_touches_nobody_is_given_up() -> None:
    desk = RepDesk(SHORT, sla=SlaRules(min_touches=8))
    for _ in range(20):
        run = desk.tick().run
        assert run is not None
        if run.step >= len(SHORT.steps):
            break
        if run.task_key:
            desk.drop() if run.step else desk.finish()
        else:
            desk.wait()
    desk.tick(30 * DAY)
    assert desk.finished == 0
    assert "too few touches" in desk.problems[-1]
    for _ in range(3):
        desk.log(CALL)
        desk.tick(DAY)
    desk.tick(30 * DAY)
    assert desk.finished == 0, "four touches of a plan of four are not eight"
    for _ in range(4):
        desk.log(CALL)
        desk.tick(DAY)
    assert desk.finished == 0, "the answer to the last one is waited for"
    desk.tick(3 * DAY)
    assert desk.finished == 1


def test_a3_e_mails_that_fall_away_are_made_up_for_by_other_touches() -> None:
    desk = RepDesk(LIGHT, sla=SlaRules(min_touches=8))
    desk.facts |= {"expected_amount": 1, "email_opt_out": True}
    for _ in range(20):
        run = desk.tick().run
        assert run is not None
        if run.step >= len(LIGHT.steps):
            break
        desk.finish() if run.task_key else desk.wait()
    assert (len(desk.touches), run.skipped) == (4, (2, 4, 5, 7))
    found = desk.tick(30 * DAY)
    assert (desk.finished, found.lacks) == (0, (4, 8)), "the handoff and three messages are no eight touches"
    for _ in range(4):
        desk.log(CALL)
        desk.tick(DAY)
    desk.tick(3 * DAY)
    assert desk.finished == 1


def test_l6_whoever_answers_in_the_last_days_is_not_given_up() -> None:
    desk = RepDesk()
    desk.work(11)
    desk.finish()
    desk.tick(MINUTE)
    desk.hears("email_reply")
    desk.tick(10 * DAY)
    assert (desk.finished, ended(desk)) == (0, REPLIED)
