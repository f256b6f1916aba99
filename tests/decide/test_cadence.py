"""A cadence from the handoff to its end, and what no order of events may do to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.cadence import effort, first_key, touch_key
from crmsync.decide.cadence_end import LEFT, NO_ANSWER, NO_RULE, REPLIED
from crmsync.model.followup import CALL, EMAIL, Cadence, SlaRules, Step
from crmsync.model.link import PersonState
from crmsync.model.rules import WorkingHours
from crmsync.model.work import TASK_DONE, TASK_OPEN, TaskSeen, Touch
from decide.rep_desk import DAY, HANDED, HOUR, MINUTE, RITA, SHORT, STANDARD, RepDesk, user


def test_it_runs_from_the_handoff_to_the_last_touch_one_after_the_other() -> None:
    desk = RepDesk()
    desk.tick()
    assert (desk.made, desk.open) == ([], [desk.first]), "the first touch is the handoff's own task"
    for _ in range(100):
        run = desk.state.cadence
        assert run is not None
        if not run.active:
            break
        if run.task_key:
            desk.now = max(desk.now, desk.tasks[run.task_key].due_at or desk.now) + MINUTE
            desk.finish(run.task_key)
        else:
            desk.wait()
        desk.tick()
        assert len(desk.open) <= 1
    assert [index for index, _, _ in desk.made] == list(range(1, 12))
    days = [(due.date() - HANDED.date()).days + 1 for _, _, due in desk.made]
    # Days 6, 7 and 13, 14 are week-ends: they move to the next working day.
    assert days == [1, 2, 3, 4, 8, 8, 9, 10, 11, 15, 15]
    assert (desk.finished, desk.state.cadence.ended if desk.state.cadence else "") == (1, NO_ANSWER)
    assert desk.now >= desk.touches[-1].at + 3 * DAY
    desk.tick(DAY)
    assert desk.finished == 1, "it is said once"


def test_nothing_happens_without_a_handoff_and_to_those_from_before_the_start() -> None:
    desk = RepDesk()
    desk.state = replace(desk.state, handed_at=None)
    assert desk.look().run is None
    desk.state = replace(desk.state, handed_at=HANDED, historic=True)
    assert desk.look().run is None
    desk.state = replace(desk.state, historic=False)
    desk.before = desk.state
    assert desk.look().run is None, "a playbook that gets cadences later starts none for old handoffs"


def test_the_task_is_due_at_the_time_of_the_handoff_in_the_reps_own_zone_over_the_change_of_clocks() -> None:
    start = datetime(2026, 3, 27, 8, 30, tzinfo=UTC)  # a Friday, 09:30 in Berlin; clocks go forward on Sunday
    desk = RepDesk(Cadence(name="c", steps=(Step(day=1, channel=CALL), Step(day=4, channel=EMAIL))), at=start)
    desk.users = {RITA: user(RITA, zone="Europe/Berlin")}
    desk.tick()
    desk.finish()
    assert desk.tick(MINUTE).next_touch_at == datetime(2026, 3, 30, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(("hour", "due"), [(22, 9), (5, 9), (16, 16)])
def test_what_was_handed_over_outside_of_the_hours_is_due_at_the_start_of_the_working_day(hour: int, due: int) -> None:
    desk = RepDesk(SHORT, at=HANDED.replace(hour=hour))
    desk.tick()
    desk.finish()
    found = desk.tick(MINUTE).next_touch_at
    assert found == datetime(2026, 3, 4, due, tzinfo=UTC)


def test_working_days_leave_out_what_is_free() -> None:
    rule = replace(SHORT, working_days=True)
    desk = RepDesk(rule, at=datetime(2026, 3, 5, 10, tzinfo=UTC))  # a Thursday
    desk.hours = WorkingHours(holidays=("2026-03-09",))
    desk.tick()
    desk.finish()
    assert desk.tick(MINUTE).next_touch_at == datetime(2026, 3, 10, 10, tzinfo=UTC), "day 3: Thursday, Friday, Tuesday"


def test_without_any_working_time_days_are_days() -> None:
    desk = RepDesk(replace(SHORT, working_days=True))
    desk.hours = WorkingHours(days=())
    desk.tick()
    desk.finish()
    assert desk.tick(MINUTE).next_touch_at == HANDED + 2 * DAY


def test_a_touch_that_is_late_moves_the_next_one_behind_it_and_no_day_has_two_calls() -> None:
    desk = RepDesk()
    desk.work(2)  # a call for day 2
    desk.now = HANDED + 5 * DAY - HOUR  # Saturday
    desk.finish()
    monday = datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert desk.tick(MINUTE).next_touch_at == monday, "the next working moment"
    desk.now = monday - HOUR
    found = desk.tick()
    assert (found.step is not None and found.step.channel, found.due_at) == (EMAIL, monday)
    desk.now = monday + 30 * MINUTE
    desk.finish()
    assert desk.tick(MINUTE).due_at == desk.now, "another channel on the same day"
    desk.now += HOUR
    desk.finish()
    assert desk.tick(MINUTE).due_at == desk.now, "the call of day 6"
    desk.now += HOUR
    desk.finish()
    assert desk.tick(MINUTE).due_at == datetime(2026, 3, 10, 10, tzinfo=UTC), "no second e-mail on one day"


def test_a_cadence_that_was_taken_out_of_the_playbook_ends_and_leaves_its_task() -> None:
    desk = RepDesk(SHORT)
    desk.tick()
    desk.cadences = (STANDARD,)
    assert desk.tick().withdraw == ()
    assert desk.state.cadence is not None
    assert desk.state.cadence.ended == NO_RULE
    assert desk.open == [desk.first]


def test_a_cadence_cut_short_in_the_playbook_is_at_its_end() -> None:
    desk = RepDesk(SHORT, sla=SlaRules(min_touches=2))
    desk.work(2)
    desk.cadences = (replace(SHORT, steps=SHORT.steps[:1]),)
    desk.tick(10 * DAY)
    assert desk.finished == 1


def test_a_clock_set_back_repeats_nothing() -> None:
    desk = RepDesk()
    desk.work(3)
    made, run = list(desk.made), desk.state.cadence
    for back in (1, 3, 30):
        desk.now = HANDED - timedelta(days=back)
        desk.tick()
        assert desk.made == made
        assert desk.state.cadence == run


def test_a_rep_who_is_deactivated_stops_nothing_but_gets_nothing() -> None:
    desk = RepDesk()
    desk.work(2)
    desk.finish()
    desk.users[RITA] = user(RITA, active=False)
    assert (desk.tick(3 * DAY).step, desk.state.cadence.paused if desk.state.cadence else "") == (None, "nobody has them")
    desk.state = replace(desk.state, owner="max@corp.example")
    assert desk.tick().owner == "max@corp.example"


def test_a_person_who_is_assigned_and_closed_within_a_second_leaves_nothing_open() -> None:
    desk = RepDesk()
    desk.moved("disqualified")
    assert desk.tick(timedelta(seconds=1)).run is None, "it never began"
    desk = RepDesk()
    desk.tick()
    desk.moved("disqualified")
    assert desk.tick(timedelta(seconds=1)).withdraw == (desk.first,)


def test_a_task_that_was_forgotten_is_not_made_again() -> None:
    desk = RepDesk()
    desk.work(2)
    del desk.tasks[touch_key("p", HANDED, 2)]
    found = desk.tick(DAY)
    assert (desk.index, found.step is not None and found.step.channel) == (3, EMAIL)


def test_the_first_key_is_that_of_the_handoffs_task() -> None:
    assert first_key(PersonState(person_id="p")) == ""
    assert first_key(RepDesk().state) == f"p-{int(HANDED.timestamp())}"
    assert touch_key("p", HANDED, 3) == f"p-touch-{int(HANDED.timestamp())}-3"


def test_effort_counts_a_task_and_its_log_once_and_two_calls_twice() -> None:
    def touch(id: str, minutes: int, channel: str = CALL, key: str = "") -> Touch:
        return Touch(twin_id=id, at=HANDED + minutes * MINUTE, channel=channel, task_key=key)

    assert effort([touch("a", 0, key="a"), touch("b", 15)], HANDED) == 1
    assert effort([touch("a", 0, key="a"), touch("b", 16)], HANDED) == 2
    assert effort([touch("a", 0), touch("b", 5)], HANDED) == 2, "two calls, no task"
    assert effort([touch("a", 0, key="a"), touch("b", 5, EMAIL)], HANDED) == 2
    assert effort([touch("a", 0, key="a"), touch("b", 1, key="b"), touch("c", 2)], HANDED) == 2
    assert effort([touch("a", -1, key="a")], HANDED) == 0, "before the handoff"


moves = st.lists(
    st.tuples(st.sampled_from(["tick", "finish", "finish old", "drop", "log", "reply", "away", "connect", "owner"]), st.integers(0, 4_000)),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(moves=moves)
def test_no_order_of_events_makes_two_open_touches_recreates_one_or_goes_back(moves: list[tuple[str, int]]) -> None:
    desk = RepDesk()
    desk.tick()
    for what, minutes in moves:
        desk.now += timedelta(minutes=minutes)
        before, makes, count = desk.index, len(desk.made), len(desk.open)
        if what in ("finish", "drop") and desk.open:
            desk.finish(desk.open[0]) if what == "finish" else desk.drop(desk.open[0])
        elif what == "finish old" and desk.gone:  # both at once: it was taken back while the rep was completing it
            desk.finish(desk.gone[-1])
        elif what in ("log", "connect"):
            desk.log((CALL, EMAIL)[minutes % 2], outcome="connected" if what == "connect" else "")
        elif what == "reply" and minutes > 3_800:
            desk.hears("email_reply")
        elif what == "away":
            desk.hears("out_of_office")
        elif what == "owner":
            desk.state = replace(desk.state, owner=(RITA, "max@corp.example")[minutes % 2])
        desk.tick()
        assert len(desk.open) <= max(1, count)
        assert desk.index >= before
        made = [index for index, _, _ in desk.made]
        assert made == sorted(set(made))
        assert len(made) <= len(STANDARD.steps) - 1
        assert len(desk.made) - makes <= 1
        again = desk.look()
        assert (again.step, again.withdraw, again.moves, again.finished) == (None, (), (), False), "deciding twice asks for nothing twice"
    assert sum(1 for task in desk.tasks.values() if task.state == TASK_OPEN) <= 1


def test_the_reasons_for_which_it_ends_are_told() -> None:
    for signal, stage, why in (("email_reply", "", REPLIED), ("", "nurture", LEFT)):
        desk = RepDesk()
        desk.tick()
        if signal:
            desk.hears(signal, at=desk.now + MINUTE)
        else:
            desk.moved(stage)
        desk.tick(MINUTE)
        assert desk.state.cadence is not None
        assert desk.state.cadence.ended == why


def test_c6_of_two_persons_who_are_one_the_touches_of_the_other_run_are_taken_back() -> None:
    desk = RepDesk()
    desk.tick()
    handed = int(HANDED.timestamp())
    others = ("q-touch-1-3", f"q-{handed}", "p-touch-1-2", "p-1")
    for key in others:
        kind = "touch" if "touch" in key else "first_touch"
        desk.tasks[key] = TaskSeen(key=key, kind=kind, owner=RITA, due_at=HANDED)
    asked = TaskSeen(key="q-keep_trying-1", kind="keep_trying", owner=RITA, due_at=HANDED)
    desk.tasks[asked.key] = asked
    assert set(desk.look().withdraw) == set(others), "neither this run's open touch nor what a rep is asked for"
    for key in others:
        desk.tasks[key] = replace(desk.tasks[key], state=TASK_DONE)
    assert desk.look().withdraw == ()
