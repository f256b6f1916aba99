"""`crmsync simulate`: what a playbook would do to a team, with modelled reps and prospects in the simulated CRMs, weeks of simulated time in minutes.

The engine is the one that runs for real: it polls the simulated CRMs through their HTTP APIs, and knows nothing of the model. The model acts as users of these CRMs.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from crmsync.connect.discovery import Simulator, connect_all
from crmsync.decide.lifecycle import IN_WORK
from crmsync.decide.worktime import calendar_of
from crmsync.engine.cycle import cycle
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.insight.compliance import Compliance
from crmsync.insight.drift import Drift
from crmsync.insight.sim_assume import Assumptions
from crmsync.insight.sim_checks import Check, checks_of
from crmsync.insight.sim_demand import Demand, demand_of
from crmsync.insight.sim_figures import Figures, Sample, figures_of
from crmsync.insight.sim_people import Prospect, Rep, arrivals, reps_of
from crmsync.model.alert import ALERT_KINDS, BREACH, OWNER
from crmsync.model.routing import RoutingRules
from crmsync.model.rules import Playbook, Shift
from crmsync.playbook import load, write_defaults
from crmsync.service import sandbox
from crmsync.service.drift import drift
from crmsync.service.provision import provision, refused
from crmsync.service.report import sla_report
from crmsync.service.settings import Settings, read_settings
from crmsync.service.simulate_life import TASK_DONE, Life
from crmsync.service.sync import one_cycle
from crmsync.service.workspace import Report, Workspace, quiet
from crmsync.store import Store
from crmsync.testing.still import StillClock

TICK = timedelta(minutes=15)
"""What reps do is seen by the next cycle on this grid; a daemon would have looked sixty times by then."""
SETTLES = 25
SEEN = timedelta(minutes=1)
"""Within so long after the grid what was done before it has been read."""
LAG = 3.0
"""Seconds between two cycles that follow each other at once: a change shows in a CRM's search by then."""
SAMPLE = timedelta(hours=4)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own is made in it
"""Where a database that is gone in minutes need not wait for a disk."""
_CLEAN_UP = timedelta(minutes=2)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is simulated. home: the folder of the playbook (None: the one that ships). leads: visitors per week. start: a Monday at midnight (UTC; None: the next one)."""

    weeks: int = 4
    reps: int = 12
    leads: int = 150
    seed: int = 1
    home: Path | None = None
    assumed: Assumptions = field(default_factory=Assumptions)
    start: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Cost:
    """What the run itself took. seconds: of real time. api_calls: side -> as the simulated CRM counted them."""

    seconds: float = 0.0
    cycles: int = 0
    api_calls: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A run that is over. compliance: as `crmsync report sla` tells it. problems: cause -> how many stand in the end."""

    wanted: Wanted
    start: datetime
    end: datetime
    reps: tuple[Rep, ...]
    arrived: int
    compliance: Compliance
    figures: Figures
    demand: Demand
    checks: tuple[Check, ...]
    drift: Drift
    problems: dict[str, int]
    cost: Cost

    @property
    def sound(self) -> bool:
        """Whether everything held that must hold."""
        return all(check.held for check in self.checks)


def simulate(wanted: Wanted, *, report: Report = quiet) -> Simulation:
    """Runs it from beginning to end; everything is gone afterwards but what is returned. Raises: ConfigError for the playbook, HaltError when a safety brake stopped it."""
    begun = time.monotonic()
    start = wanted.start or next_monday(datetime.now(UTC))
    end = start + timedelta(weeks=wanted.weeks)
    rng = random.Random(wanted.seed)
    with TemporaryDirectory(prefix="crmsync-simulate-", dir=MEMORY) as folder:
        playbook = load(wanted.home) if wanted.home is not None else _shipped(Path(folder) / "shipped")
        reps = reps_of(rng, wanted.reps, start, wanted.weeks, named_reps(playbook), wanted.assumed)
        crowd = arrivals(rng, start, wanted.weeks, wanted.leads, wanted.assumed.prospects)
        with _opened(Path(folder), for_simulation(playbook, reps), start, reps, report) as (workspace, simulators, clock):
            return _Run(wanted, workspace, simulators, clock, reps, crowd, rng, end, report).whole(begun)


def next_monday(now: datetime) -> datetime:
    """Midnight (UTC) of the Monday after `now`."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=7 - day.weekday())


def named_reps(playbook: Playbook) -> list[str]:
    """E-mail addresses that the playbook names as reps: the modelled ones take their places."""
    routing = playbook.routing
    named = [member.rep for pool in (routing.default, *routing.pools.values()) for member in pool.members]
    named += (
        [rule.owner for rule in routing.rules if rule.owner]
        + ([routing.fallback] if routing.fallback else [])
        + list(playbook.hours.people)
    )
    outside = {one for pool in (routing.default, *routing.pools.values()) for one in pool.exclude}
    return [one for one in dict.fromkeys(named) if "@" in one and one not in outside]


def for_simulation(playbook: Playbook, reps: list[Rep]) -> Playbook:
    """The rules as they are, but: they begin now, no name server is asked, absences are those of the model, no calendar is fetched, and alerts that nobody gets, and those of breaches, go to the owner (nothing is sent)."""
    people = {house: replace(shift, away=(), calendar="") for house, shift in playbook.hours.people.items()}
    for rep in reps:
        if rep.away is not None:
            people[rep.email] = replace(people.get(rep.email, Shift()), away=(rep.away,))
    to = {**dict.fromkeys(ALERT_KINDS, (OWNER,)), **{kind: names for kind, names in playbook.alerts.to.items() if names}}
    alerts = replace(playbook.alerts, to={**to, BREACH: tuple(dict.fromkeys((*to[BREACH], OWNER)))})
    return replace(
        playbook, start_from=None, gate=replace(playbook.gate, mx=False), hours=replace(playbook.hours, people=people), alerts=replace(alerts, weekly_to=())
    )  # fmt: skip


def _shipped(folder: Path) -> Playbook:
    folder.mkdir()
    write_defaults(folder)
    return load(folder)


@contextmanager
def _opened(
    folder: Path, playbook: Playbook, start: datetime, reps: list[Rep], report: Report
) -> Iterator[tuple[Workspace, dict[str, Simulator], StillClock]]:
    """Simulated CRMs with the team, crmsync's fields, an empty database and a first sync."""
    clock = StillClock(start - timedelta(hours=1))
    with ExitStack() as stack:
        running = stack.enter_context(sandbox.simulators(clock=clock))
        managers = [one for one in {playbook.alerts.manager, *playbook.alerts.managers.values()} if one]
        more = [
            {"email": one, "first_name": "Head of", "last_name": "Sales"}
            for one in sorted(managers)
            if one not in {rep.email for rep in reps}
        ]
        for one in running.values():
            one.seed(users=[*(rep.row() for rep in reps), *more], people=[])
        excluded = frozenset(str(row["email"]) for row in more)
        playbook = replace(playbook, routing=_without(playbook, excluded))
        environ = {"CRMSYNC_HOME": str(folder), **sandbox.environment(running)}
        settings: Settings = read_settings(environ)
        connectors = connect_all(environ, sleep=clock.advance, clock=clock)
        for connector in connectors.values():
            stack.callback(connector.close)
        store = Store.open(settings.database_url)
        stack.callback(store.close)
        ids = random.Random(f"ids of {start}")
        world = World(store=store, connectors=connectors, playbook=playbook, report=quiet, new_id=lambda: f"{ids.getrandbits(128):032x}")
        workspace = Workspace(
            settings=settings, playbook=playbook, connectors=world.connectors, store=store, world=world, clock=clock, sleep=clock.advance,
            began={side: connector.calls() for side, connector in connectors.items()},
        )  # fmt: skip
        report("starting the simulated CRMs", 0, None)
        if refused(provision(workspace, dry_run=False)):
            raise CrmsyncError("the simulated CRMs refused some of crmsync's fields; please report this. Nothing was simulated.")
        yield workspace, running, clock


def _without(playbook: Playbook, managers: frozenset[str]) -> RoutingRules:
    routing = playbook.routing
    return replace(
        routing,
        pools={
            name: replace(pool, exclude=pool.exclude | managers) for name, pool in {routing.pool: routing.default, **routing.pools}.items()
        },
    )


class _Run:
    """One simulation under way."""

    def __init__(
        self, wanted: Wanted, workspace: Workspace, simulators: dict[str, Simulator], clock: StillClock, reps: list[Rep], crowd: list[Prospect],
        rng: random.Random, end: datetime, report: Report,
    ) -> None:  # fmt: skip
        self._wanted, self._workspace, self._simulators, self._clock = wanted, workspace, simulators, clock
        self._reps, self._end, self._report = reps, end, report
        self._start = clock() + timedelta(hours=1)
        self._cost = Cost()
        self._samples: list[Sample] = []
        self._more = False
        self._due: datetime | None = None
        self._cycle(everything=True, thorough=True)
        clock.to(self._start)
        for rep in reps:
            user = workspace.world.owners.users.get(rep.email)
            rep.calendar = calendar_of(user, workspace.playbook.hours)
        self._life = Life(
            simulators, reps, crowd, wanted.assumed, home=workspace.world.tasks_in, rng=random.Random(rng.random()), clock=clock
        )  # fmt: skip

    def whole(self, begun: float) -> Simulation:
        """Until the end, then everything that is told of it."""
        poll = timedelta(seconds=self._workspace.playbook.poll_seconds)
        soon: datetime | None = None
        tick: datetime | None = None
        sampled = self._start
        while True:
            due = _grid(max(self._due, self._clock())) if self._due is not None else None
            at = min((moment for moment in (soon, tick, due) if moment is not None), default=None)
            event = self._life.next_at
            nearest = min((moment for moment in (at, event) if moment is not None), default=self._end)
            if nearest >= self._end:
                break
            while sampled <= nearest:
                self._sample(sampled)
                sampled += SAMPLE
            self._clock.to(nearest)
            if at is None or (event is not None and event < at):
                if self._life.step():
                    soon = soon or self._clock() + poll
                elif self._life.stirred:
                    tick = tick or _grid(self._clock())
                continue
            # Whoever is decided because of the time alone is decided by what reps did until then: by a look at everything.
            hot = soon is not None and tick is None and (due is None or due > soon)
            self._life.stirred = False
            self._cycle(everything=not hot)
            self._life.look()
            soon = None
            tick = _grid(self._clock()) if self._more else None
        self._clock.to(self._end)
        for _ in range(2):  # once for what was done, once for the echoes of it
            self._cycle(everything=True, thorough=True)
            self._clock.advance(_CLEAN_UP.total_seconds())
        self._sample(self._end)
        self._cost.seconds = time.monotonic() - begun
        return self._told()

    def _cycle(self, *, everything: bool, thorough: bool = False) -> None:
        """A cycle and those that follow it at once, as the daemon makes them. thorough: as `sync` does, until nothing more is to do or to see."""
        only = None
        for number in range(SETTLES):
            if everything or number:
                report = one_cycle(self._workspace, only=only)
            else:
                report = cycle(self._workspace.world, self._clock(), everything=False, sparing=True)
            self._cost.cycles += 1
            for error in report.errors.values():
                raise error
            if not (report.urgent or (thorough and report.more)):
                break
            only = report.touched
            self._clock.advance(LAG)
        self._more = report.more
        store = self._workspace.store
        self._due = min((at for at in (store.next_due_at(), store.twins.next_retry_at()) if at is not None), default=None)
        done = self._clock() - self._start
        self._report("simulated hours", max(0, round(done / timedelta(hours=1))), self._wanted.weeks * 168)

    def _sample(self, at: datetime) -> None:
        loads = self._workspace.store.assignments.loads([rep.email for rep in self._reps], IN_WORK)
        tasks = self._life.open_tasks()
        self._samples.append(
            Sample(
                at=at,
                leads={rep.email: loads.get(rep.email, 0) for rep in self._reps},
                tasks={rep.email: tasks.get(rep.email, 0) for rep in self._reps},
            )
        )

    def _told(self) -> Simulation:
        workspace, store = self._workspace, self._workspace.store
        calls = {name: one.api_calls() for name, one in self._simulators.items()}
        self._cost.api_calls = calls
        now = self._clock()
        compliance = sla_report(store, workspace.playbook, self._start, self._end, now)
        differences = drift(workspace)
        finished = {name: one.desk.finished() for name, one in self._simulators.items()}
        owners = self._simulators[workspace.world.tasks_in].desk.owners()
        tasks = {name: one.desk.open_tasks() for name, one in self._simulators.items()}
        figures = figures_of(store, compliance, reps=self._reps, start=self._start, end=self._end, samples=self._samples)
        done = [(deed.at, deed.key) for deed in self._life.deeds if deed.what == TASK_DONE and deed.key]
        demand = demand_of(
            store, workspace.playbook, reps=self._reps, users=workspace.world.owners.users, done=done, spent=self._life.spent,
            other=self._wanted.assumed.work.other_work, start=self._start, weeks=self._wanted.weeks,
        )  # fmt: skip
        checks = checks_of(
            store, playbook=workspace.playbook, reps=self._reps, finished=finished, open_tasks=tasks, owners=owners, samples=self._samples,
            completed={key for _, key in done}, start=self._start, unseen=TICK + SEEN,
            drift=differences,
        )  # fmt: skip
        problems = dict(Counter(row.problem.cause for row in store.problems.rows(limit=100_000)).most_common())
        return Simulation(
            wanted=self._wanted, start=self._start, end=self._end, reps=tuple(self._reps), arrived=self._life.arrived, compliance=compliance,
            figures=figures, demand=demand, checks=tuple(checks), drift=differences, problems=problems, cost=self._cost,
        )  # fmt: skip


def _grid(at: datetime) -> datetime:
    """The first moment of the grid after `at`."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + TICK * ((at - midnight) // TICK + 1)
