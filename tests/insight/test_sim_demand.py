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
from crmsync.insight.sim_demand import Demand, WeekDemand, asked_of, demand_of, worked
from crmsync.insight.sim_figures import workdays
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


def test_time_at_work_is_without_absences_and_what_comes_after_somebody_left(playbook: Playbook) -> None:
    (rep,) = team(playbook)
    assert worked(rep, MONDAY, MONDAY + 7 * DAY) == 5 * 8 * 60
    rep.away = Away(start=MONDAY + 3 * DAY, end=MONDAY + 4 * DAY, cover="", source="playbook")
    assert workdays(rep, MONDAY, MONDAY + 7 * DAY) == [date(2026, 3, day) for day in (2, 3, 4, 6)]
    assert worked(rep, MONDAY, MONDAY + 7 * DAY) == 4 * 8 * 60
    rep.leaves_at = MONDAY + DAY + 12 * HOUR
    assert worked(rep, MONDAY, MONDAY + 7 * DAY) == 11 * 60
    assert worked(rep, MONDAY + 7 * DAY, MONDAY + 14 * DAY) == 0


def test_for_how_many_leads_a_team_has_time_follows_from_what_its_touches_took(playbook: Playbook, store: Store) -> None:
    reps = team(playbook, 2)
    people = [person(reps[place % 2], f"p{place}", at=TEN + 7 * (place // 4) * DAY) for place in range(8)]
    store.save_persons(people)
    tasks = [(f"t{place}", "touch" if place < 12 else "reason") for place in range(16)]
    store.tasks.save([TaskRow(key=key, person_id="p1", side="a", kind=kind, created_at=TEN) for key, kind in tasks])
    done = [(TEN + 8 * DAY, key) for key, _ in tasks] + [(TEN, "logged by hand")]
    spent = [(TEN, 30.0), *((TEN + 8 * DAY, 10.0) for _ in range(16))]
    found = demand_of(store, playbook, reps=reps, users=users(reps), done=done, spent=spent, other=0.5, start=MONDAY, weeks=2)
    one, two = found.weeks
    assert (one.week, one.handed, one.made, one.days, one.busy) == (1, 4, 0, 10, 30.0)
    assert (two.week, two.handed, two.made, two.days, two.busy, two.time) == (2, 4, 12, 10, 160.0, 2 * 5 * 8 * 60 / 2)
    whole = [at for state in people for at in asked_of(state, playbook, users(reps), MONDAY + 14 * DAY)]
    assert (one.asked, two.asked) == (sum(at < MONDAY + 7 * DAY for at in whole), sum(at >= MONDAY + 7 * DAY for at in whole))
    assert (found.longest, found.growing, found.handed_a_week) == (8, True, 4)
    assert found.touches_a_lead == pytest.approx(two.asked / 4)
    assert found.carries == pytest.approx(2400 / (160 / 12) / (two.asked / 4))
    text = " ".join(demand_lines(found))
    assert f"In week 2 the cadences asked for {two.asked / 10:.1f} touches per rep and working day; the reps made 1.2" in text
    assert (
        f"That took them 7 % of the time they have for leads. The team has time to make all the touches of at most {found.carries:.0f} leads a week; 4 a week"
        in text
    )
    assert text.endswith("there was time.") == (12 / two.asked < 0.95)


def test_nothing_is_said_that_is_not_known() -> None:
    week = WeekDemand(week=3, handed=5, asked=20, made=20, days=10, busy=100.0, time=200.0)
    steady = Demand(weeks=(week, week, week), longest=14)
    assert (steady.growing, steady.touches_a_lead, steady.carries) == (False, 4.0, 10.0)
    assert "time to make all the touches of about 10 leads a week; 5 a week were handed to it." in demand_lines(steady)[1]
    drowned = Demand(weeks=(replace(week, made=5, busy=200.0),), longest=1)
    assert drowned.carries == 1.25
    assert not demand_lines(drowned)[1].endswith("there was time.")
    assert demand_lines(Demand()) == []
    idle = Demand(weeks=(WeekDemand(week=1, handed=0, asked=0, made=0, days=5, time=100.0),), longest=14)
    assert demand_lines(idle) == []
    assert (idle.touches_a_lead, idle.carries, idle.last is not None, idle.weeks[0].share) == (None, None, True, 0.0)
    gone = Demand(weeks=(WeekDemand(week=1, handed=3, asked=3, made=0, days=0),), longest=14)
    assert (gone.last, gone.touches_a_lead, gone.weeks[0].asked_a_day, gone.weeks[0].share) == (None, None, 0.0, None)
    lazy = Demand(weeks=(replace(week, made=0, busy=0.0),), longest=14)
    assert (lazy.carries, len(demand_lines(lazy))) == (None, 1)
