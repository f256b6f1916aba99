"""One handed-over person, their rep and the cadence between them, with time in the test's hand: what the engine would remember is remembered here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crmsync.decide.cadence import CadenceVerdict, cadence, first_key, touch_key
from crmsync.decide.condition import Lists
from crmsync.model.absence import Away
from crmsync.model.followup import ALWAYS, CALL, EMAIL, NO_CONNECT, SOCIAL, Cadence, Estimate, SlaRules, Step
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.record import User, Value
from crmsync.model.rules import WorkingHours
from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, TaskSeen, Touch

HANDED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""A Monday."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RITA, MAX, SAM = "rita@corp.example", "max@corp.example", "sam@corp.example"
PLAN = (
    (1, CALL), (1, EMAIL), (2, CALL), (3, EMAIL), (4, SOCIAL), (6, CALL), (7, EMAIL), (8, CALL), (10, EMAIL), (11, SOCIAL), (13, CALL), (14, EMAIL),
)  # fmt: skip
"""C1: twelve touches in 14 days."""
STANDARD = Cadence(
    name="standard",
    types=("direct_request", "pre_qualified"),
    steps=tuple(
        Step(
            day=day,
            channel=channel,
            only=NO_CONNECT if n == 1 else ALWAYS,
            remind_minutes=15 if channel == CALL else None,
            priority="high" if n < 3 else "normal",
        )
        for n, (day, channel) in enumerate(PLAN)
    ),
)
SHORT = Cadence(
    name="short",
    steps=(Step(day=1, channel=CALL), Step(day=3, channel=EMAIL), Step(day=5, channel=CALL), Step(day=5, channel=EMAIL)),
)


def user(house: str, *away: Away, zone: str = "UTC", active: bool = True) -> User:
    return User(side="a", id=house, email=house, name=house, time_zone=zone, away=away, active=active)


def entry(stage: str, previous: str | None, at: datetime) -> StageEntry:
    return StageEntry(stage=stage, previous=previous, at=at, cause="test", who="engine")


class RepDesk:
    """`tick` decides; `finish`, `drop`, `log`, `hears` are what reps and prospects do."""

    def __init__(self, *cadences: Cadence, mql_type: str = "direct_request", at: datetime = HANDED, sla: SlaRules | None = None) -> None:
        self.now = at
        self.cadences: Sequence[Cadence] = cadences or (STANDARD,)
        self.estimates: Sequence[Estimate] = ()
        self.facts: dict[str, Value] = {"email": "ann@acme.example"}
        self.signals: list[Signal] = []
        self.touches: list[Touch] = []
        self.tasks: dict[str, TaskSeen] = {}
        self.users = {house: user(house) for house in (RITA, MAX, SAM)}
        self.hours = WorkingHours()
        self.sla = sla or SlaRules(min_touches=3)
        self.made: list[tuple[int, str, datetime]] = []
        self.gone: list[str] = []
        self.problems: list[str] = []
        self.finished = 0
        stages = (entry("mql", "lead", at), entry("sal", "mql", at))
        self.state = PersonState(person_id="p", owner=RITA, mql_type=mql_type, handed_at=at, stages=stages)
        self.before = replace(self.state, handed_at=None)
        self.first = first_key(self.state)
        self.tasks[self.first] = TaskSeen(key=self.first, kind="first_touch", owner=RITA, due_at=at + 10 * MINUTE)

    def look(self) -> CadenceVerdict:
        return cadence(
            before=self.before, state=self.state, cadences=self.cadences, facts=self.facts, lists=Lists(), signals=self.signals,
            touches=self.touches, tasks=list(self.tasks.values()), users=self.users, hours=self.hours, outside_hours="queue", now=self.now,
            sla=self.sla, estimates=self.estimates,
        )  # fmt: skip

    def tick(self, after: timedelta = timedelta()) -> CadenceVerdict:
        """One decision, and what the engine does with it."""
        self.now += after
        verdict = self.look()
        self.state = self.before = replace(self.state, cadence=verdict.run)
        for key in verdict.withdraw:
            self.gone.append(key)
            self.tasks[key] = replace(self.tasks[key], state=TASK_DELETED, state_at=self.now)
        for move in verdict.moves:
            self.tasks[move.key] = replace(self.tasks[move.key], owner=move.owner, due_at=move.due_at)
        if verdict.step is not None:
            assert verdict.run is not None
            assert verdict.due_at is not None
            assert verdict.owner is not None
            key = touch_key("p", verdict.run.started_at, verdict.index)
            assert key == verdict.run.task_key
            assert key not in self.tasks, "nothing is made twice"
            self.tasks[key] = TaskSeen(key=key, kind="touch", owner=verdict.owner, due_at=verdict.due_at)
            self.made.append((verdict.index, verdict.owner, verdict.due_at))
        self.problems += verdict.problems
        self.finished += verdict.finished
        return verdict

    @property
    def open(self) -> list[str]:
        return [key for key, task in self.tasks.items() if task.state == TASK_OPEN]

    @property
    def index(self) -> int:
        assert self.state.cadence is not None
        return self.state.cadence.step

    def finish(self, key: str | None = None, *, channel: str | None = None, outcome: str = "") -> str:
        """The rep completes an open task."""
        (key,) = (key,) if key is not None else self.open
        self.tasks[key] = replace(self.tasks[key], state=TASK_DONE, state_at=self.now)
        assert self.state.cadence is not None
        steps = next(c.steps for c in self.cadences if c.name == self.state.cadence.name)
        number = 0 if key == self.first else int(key.rsplit("-", 1)[1])
        self.touches.append(
            Touch(twin_id=key, at=self.now, channel=channel or steps[number].channel, owner=RITA, outcome=outcome, task_key=key)
        )
        return key

    def drop(self, key: str | None = None) -> str:
        """The rep deletes an open task."""
        (key,) = (key,) if key is not None else self.open
        self.tasks[key] = replace(self.tasks[key], state=TASK_DELETED, state_at=self.now)
        return key

    def log(self, channel: str, at: datetime | None = None, *, outcome: str = "") -> Touch:
        """The rep logs something that is no task of ours."""
        touch = Touch(twin_id=f"logged-{len(self.touches)}", at=at or self.now, channel=channel, owner=RITA, outcome=outcome)
        self.touches.append(touch)
        return touch

    def hears(self, type: str, detail: str = "", at: datetime | None = None) -> None:
        """The prospect does something."""
        self.signals.append(Signal(event_id=f"s{len(self.signals)}", type=type, at=at or self.now, detail=detail))

    def moved(self, stage: str) -> None:
        stages = (*self.state.stages, entry(stage, self.state.stages[-1].stage, self.now))
        self.state = replace(self.state, stages=stages)

    def work(self, until: int) -> None:
        """The rep does everything as it is due, up to that touch's task, which stays open."""
        for _ in range(200):
            self.tick()
            run = self.state.cadence
            assert run is not None
            assert run.active
            if run.task_key and run.step >= until:
                return
            if run.task_key:
                due = self.tasks[run.task_key].due_at
                self.now = max(self.now, due or self.now) + MINUTE
                self.finish(run.task_key)
            else:
                self.wait()
        raise AssertionError("never got there")

    def wait(self) -> None:
        """Time passes until something would be decided by time alone."""
        at = self.look().next_due_at
        assert at is not None
        assert at > self.now
        self.now = at
