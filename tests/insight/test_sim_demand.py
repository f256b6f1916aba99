"""What a simulation says a playbook asks of a team, reckoned from stored runs and completed tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from crmsync.decide.worktime import calendar_of
from crmsync.insight.sim_assume import Assumptions
from crmsync.insight.sim_demand import Demand, WeekDemand, asked_of, demand_of, full_days
from crmsync.insight.sim_figures import Sample, workdays
from crmsync.insight.sim_people import Rep, reps_of
from crmsync.model.absence import Away
from crmsync.model.followup import CALL, EMAIL, Cadence, Step
from crmsync.model.link import PersonState
from crmsync.model.record import User
from crmsync.model.rules import Playbook
from crmsync.model.work import CadenceRun
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.service.simulate_page import demand_lines
from crmsync.store import Store, TaskRow

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""London is at UTC in these weeks."""
TEN, DAY, HOUR = MONDAY + timedelta(hours=10), timedelta(days=1), timedelta(hours=1)
FOUR = Cadence(name="four", steps=tuple(Step(day=day, channel=channel) for day, channel in ((1, CALL), (2, EMAIL), (4, CALL), (8, EMAIL))))


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return replace(load_files(shipped_paths()), cadences=(FOUR,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


def team(playbook: Playbook, count: int = 1, weeks: int = 2) -> list[Rep]:
    """Reps in London who are never away."""
    assumed = Assumptions()
    work = assumed.work.model_copy(update={"vacations": 0, "leavers": 0, "time_zones": ["Europe/London"]})
    reps = reps_of(Random(1), count, MONDAY, weeks, [], assumed.model_copy(update={"work": work}))
    for rep in reps:
        rep.calendar = calendar_of(users(reps)[rep.email], playbook.hours)
    return reps


def users(reps: list[Rep]) -> dict[str, User]:
    return {rep.email: User(side="a", id=rep.email, email=rep.email, name=rep.name, time_zone=rep.zone) for rep in reps}


def person(
    rep: Rep, name: str = "p1", at: datetime = TEN, *, step: int = 0, ended_at: datetime | None = None, skipped: tuple[int, ...] = ()
) -> PersonState:
    run = CadenceRun(name="four", started_at=at, step=step, ended_at=ended_at, ended="answered" if ended_at else "", skipped=skipped)
    return PersonState(person_id=name, owner=rep.email, handed_at=at, cadence=run)


def test_touches_are_asked_for_on_their_days_while_the_cadence_runs(playbook: Playbook) -> None:
    (rep,) = reps = team(playbook)
    known, end = users(reps), MONDAY + 14 * DAY

    def days(state: PersonState) -> list[int]:
        return [(at - MONDAY) // DAY for at in asked_of(state, playbook, known, end)]

    assert days(person(rep)) == [0, 1, 3, 7]
    assert days(person(rep, skipped=(1,))) == [0, 3, 7]
    assert days(person(rep, ended_at=TEN + 3 * DAY)) == [0, 1], "what was due later is asked for no more"
    assert days(person(rep, step=3, ended_at=TEN + 2 * DAY)) == [0, 1, 2], "who was early made what was asked for"
    assert days(person(rep, at=TEN + 4 * DAY)) == [4, 7, 7, 11], "Saturday's touch on Monday"
    assert days(person(rep, at=TEN + 12 * DAY)) == [], "the weekend's lead is due on a Monday after the end"
    assert days(replace(person(rep), cadence=CadenceRun(name="gone", started_at=TEN))) == []


def test_a_working_day_is_full_when_a_touch_is_left_in_the_evening(playbook: Playbook) -> None:
    (rep,) = team(playbook)
    rep.away = Away(start=MONDAY + 3 * DAY, end=MONDAY + 4 * DAY, cover="", source="playbook")
    assert workdays(rep, MONDAY, MONDAY + 7 * DAY) == [date(2026, 3, day) for day in (2, 3, 4, 6)]
    left = {MONDAY + 12 * HOUR, MONDAY + DAY + 20 * HOUR, MONDAY + 3 * DAY + 20 * HOUR, MONDAY + 5 * DAY + 20 * HOUR}
    samples = [
        Sample(at=at, leads={}, tasks={}, due={rep.email: int(at in left)}) for at in (MONDAY + place * 4 * HOUR for place in range(43))
    ]
    assert full_days([rep], samples, MONDAY, MONDAY + 7 * DAY) == {(rep.email, date(2026, 3, 3))}, (
        "at noon there is time; nobody works on Thursday and Saturday"
    )


def test_what_a_team_carries_follows_from_its_pace_on_full_days(playbook: Playbook, store: Store) -> None:
    reps = team(playbook, 2)
    first, second = reps
    people = [person(reps[place % 2], f"p{place}", at=TEN + 7 * place // 4 * DAY) for place in range(8)]
    store.save_persons(people)
    tasks = [(f"t{place}", "touch" if place < 12 else "reason") for place in range(16)]
    store.save_tasks([TaskRow(key=key, person_id="p1", side="a", kind=kind, created_at=TEN) for key, kind in tasks])
    done = [(TEN + 8 * DAY + place * 10 * HOUR / 60, first.email, key) for place, (key, _) in enumerate(tasks)]
    done.append((TEN, second.email, "logged by hand"))
    evening = Sample(at=MONDAY + 8 * DAY + 20 * HOUR, leads={}, tasks={}, due={first.email: 3})
    found = demand_of(store, playbook, reps=reps, users=users(reps), done=done, samples=[evening], start=MONDAY, weeks=2)
    one, two = found.weeks
    assert (one.week, one.handed, one.made, one.days) == (1, 4, 0, 10)
    assert (two.week, two.handed, two.made, two.days) == (2, 4, 12, 10)
    whole = [at for state in people for at in asked_of(state, playbook, users(reps), MONDAY + 14 * DAY)]
    assert (one.asked, two.asked) == (sum(at < MONDAY + 7 * DAY for at in whole), sum(at >= MONDAY + 7 * DAY for at in whole))
    assert (found.days, found.full, found.pace, found.longest, found.growing) == (20, 1, 12.0, 8, True)
    assert found.handed_a_week == 4
    assert found.touches_a_lead == pytest.approx(two.asked / 4)
    assert found.carries == pytest.approx(12 * 10 / (two.asked / 4))
    text = " ".join(demand_lines(found))
    assert f"In week 2 the cadences asked for {two.asked / 10:.1f} touches per rep and working day; the reps made 1.2" in text
    assert (
        f"(1 of 20 working days) a rep made 12.0. At that pace the team carries at most {found.carries:.0f} leads a week; 4 a week" in text
    )


def test_nothing_is_said_that_is_not_known() -> None:
    week = WeekDemand(week=3, handed=5, asked=20, made=20, days=10)
    easy = Demand(weeks=(week, week, week), longest=14, days=30)
    assert (easy.carries, easy.growing) == (None, False)
    assert (
        "No working day of a rep ended with a touch left over: the team carries more leads than that; 5 a week were handed to it."
        in demand_lines(easy)
    )
    assert demand_lines(Demand()) == []
    idle = Demand(weeks=(WeekDemand(week=1, handed=0, asked=0, made=0, days=5),), longest=14, days=5)
    assert demand_lines(idle) == []
    assert (idle.touches_a_lead, idle.carries, idle.last is not None) == (None, None, True)
    gone = Demand(weeks=(WeekDemand(week=1, handed=3, asked=3, made=0, days=0),), longest=14)
    assert (gone.last, gone.touches_a_lead, gone.weeks[0].asked_a_day) == (None, None, 0.0)
    steady = Demand(weeks=(week, week, week), longest=14, days=30, full=3, pace=4.0)
    assert steady.carries == 10.0
    assert "carries about 10 leads a week" in demand_lines(steady)[1]
