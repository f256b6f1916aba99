"""`crmsync demo`: two simulated CRMs full of lifelike persons, and visitors who come, look around and ask for a demo on a fast clock."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from crmsync.connect.discovery import Simulator
from crmsync.errors import CrmsyncError
from crmsync.model.work import RESPONSE, TASK_OPEN
from crmsync.service import sandbox
from crmsync.service.init import init
from crmsync.service.provision import provision, refused
from crmsync.service.settings import Settings, read_settings
from crmsync.service.sync import SyncResult, sync
from crmsync.service.workspace import Report, open_workspace
from crmsync.store import Store
from crmsync.testing.clock import Clock
from crmsync.testing.people import Person, newcomer

AT_ONCE = 6
"""Visitors under way at the same time."""
WORKS = 0.3
"""How often what happens next is that a rep does an open task."""
JOURNEYS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("page_view", "https://www.example.com/product/overview"), ("page_view", "https://www.example.com/pricing"), ("form_submitted", "Demo request")),
    (("page_view", "https://www.example.com/pricing"), ("form_submitted", "Pricing inquiry")),
    (("page_view", "https://www.example.com/blog/five-tries"), ("form_submitted", "E-book download: The 12-touch cadence"), ("email_click", ""),
     ("page_view", "https://www.example.com/case-studies/harbor"), ("page_view", "https://www.example.com/pricing")),
    (("page_view", "https://www.example.com/blog/why-leads-go-cold"), ("email_open", "")),
    (("form_submitted", "Webinar: First response in five minutes"), ("page_view", "https://www.example.com/pricing"), ("email_reply", "")),
    (("page_view", "https://www.example.com/careers"), ("unsubscribe", "")),
)  # fmt: skip
WORDS = {
    "new_person": "arrives", "page_view": "looks at", "form_submitted": "submits", "email_open": "opens an e-mail",
    "email_click": "clicks in an e-mail", "email_reply": "answers an e-mail", "unsubscribe": "unsubscribes",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A demo ready to run. links: what to open, name -> address."""

    settings: Settings
    clock: Clock
    simulators: Mapping[str, Simulator]
    first: SyncResult

    @property
    def links(self) -> dict[str, str]:
        """The simulators' own pages: what a rep would see."""
        return {f"simulated {name}": one.url for name, one in self.simulators.items()}


@contextmanager
def stage(*, people: int, speed: float, web_port: int, report: Report) -> Iterator[Stage]:
    """Simulators, persons, playbook, fields and a first sync, in a temporary folder that is gone afterwards. speed: simulated seconds per
    real second. The user's own settings and playbook are not touched."""
    clock = Clock(speed)
    with TemporaryDirectory(prefix="crmsync-demo-") as folder, sandbox.simulators(clock=clock) as running:
        home = Path(folder)
        sandbox.seed(running, people, now=clock())
        init(home)
        environ = {"CRMSYNC_HOME": str(home), "CRMSYNC_WEB__PORT": str(web_port), **sandbox.environment(running)}
        settings = read_settings(environ)
        with open_workspace(settings, clock=clock, sleep=clock.sleep, report=report) as workspace:
            found = provision(workspace, dry_run=False)
            if refused(found):
                raise CrmsyncError("the simulated CRMs refused some of crmsync's fields; please report this. Nothing was synced.")
            first = sync(workspace)
        yield Stage(settings=settings, clock=clock, simulators=running, first=first)


@dataclass(slots=True)
class _Visitor:
    person: Person
    steps: list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class _Seen:
    stages: int = 0
    tasks: frozenset[str] = frozenset()
    open: bool = False
    answered: bool = False


class Life:
    """Visitors' lives, one event per `step`; `news` tells what crmsync made of them. One thread at a time."""

    def __init__(self, simulators: Mapping[str, Simulator], clock: Clock, *, seed: int = 11) -> None:
        self._simulators, self._clock = simulators, clock
        self._rng = random.Random(seed)
        self._taken: set[str] = set()
        self._visitors: list[_Visitor] = []
        self._known: dict[str, _Seen] = {}
        self._names: dict[str, str] = {}
        self._journeys = 0

    def step(self) -> str:
        """Makes one thing happen in the simulated CRMs and says what."""
        waiting = sorted(email for email, seen in self._known.items() if seen.open)
        if waiting and self._rng.random() < WORKS:
            return self._work(self._rng.choice(waiting))
        if not self._visitors or (len(self._visitors) < AT_ONCE and self._rng.random() < 0.35):
            return self._arrive()
        visitor = self._visitors[0] if self._journeys <= 1 else self._rng.choice(self._visitors)
        kind, what = visitor.steps.pop(0)
        if not visitor.steps:
            self._visitors.remove(visitor)
        self._happen({"email": visitor.person["email"], "type": kind, **({"name": what} if what else {})})
        return f"{self._name(visitor.person)} {WORDS[kind]}{' ' + what if what else ''}"

    def news(self, store: Store) -> list[str]:
        """What changed for the visitors since the last call: stages, owners, tasks."""
        lines: list[str] = []
        for email, seen in self._known.items():
            for person_id in store.find_person_by_email(email)[:1]:
                state = store.persons([person_id]).get(person_id)
                if state is None:
                    continue
                for entry in state.stages[seen.stages :]:
                    kind = f", {state.mql_type}" if entry.stage == "mql" and state.mql_type else ""
                    owner = f", owner {state.owner}" if entry.stage in ("sal", "sql") and state.owner else ""
                    lines.append(f"{self._names[email]} becomes {entry.stage}{kind}{owner}: {entry.cause}")
                seen.stages = len(state.stages)
                tasks = [task for task in store.tasks.of([person_id]).get(person_id, []) if task.record_id is not None]
                for task in tasks:
                    if task.key not in seen.tasks:
                        due = "" if task.due_at is None else f", due {task.due_at:%a %H:%M} UTC"
                        lines.append(f"task in {task.side} for {task.owner}: {task.draft.get('subject')}{due}")
                seen.tasks = frozenset(task.key for task in tasks)
                mine = store.touches.tasks_of([person_id]).get(person_id, [])
                seen.open = any(task.state == TASK_OPEN and task.key in seen.tasks for task in mine)
                met = next((clock.met_at for clock in state.clocks if clock.kind == RESPONSE and clock.met_at is not None), None)
                if met is not None and not seen.answered:
                    upcoming = state.cadence.name if state.cadence is not None and state.cadence.active else ""
                    lines.append(
                        f"first response to {self._names[email]} at {met:%a %H:%M} UTC{f', cadence {upcoming} goes on' if upcoming else ''}"
                    )
                    seen.answered = True
        return lines

    def _arrive(self) -> str:
        person = newcomer(self._rng, self._taken, self._clock())
        journey = JOURNEYS[0] if self._journeys == 0 else self._rng.choice(JOURNEYS)
        self._journeys += 1
        email = str(person["email"])
        details = {key: value for key, value in person.items() if key not in ("email", "created_at")}
        self._happen({"email": email, "type": "new_person", "person": details}, everywhere=False)
        self._known[email] = _Seen()
        self._names[email] = self._name(person)
        self._visitors.append(_Visitor(person=person, steps=list(journey)))
        return f"{self._name(person)}, {person.get('title', 'visitor')}, arrives on the website"

    def _work(self, email: str) -> str:
        """A rep does the open task of this person, in the CRM where they work."""
        self._known[email].open = False
        self._happen({"email": email, "type": "task_completed"}, everywhere=False)
        return f"a rep completes the task about {self._names[email]}"

    def _happen(self, event: Mapping[str, object], *, everywhere: bool = True) -> None:
        """Web events are seen by the CRM that marketing uses: the first that takes them."""
        for one in self._simulators.values():
            if one.happen(event) and not everywhere:
                return

    @staticmethod
    def _name(person: Person) -> str:
        return f"{person.get('first_name', '')} {person.get('last_name', '')}".strip() + (
            f" ({person['company']})" if "company" in person else ""
        )


@dataclass(slots=True, kw_only=True)
class LifeThread:
    """Runs a Life until stopped. tell: gets ("event" | "result" | "trouble", line)."""

    stage: Stage
    tell: Callable[[str, str], None]
    pace: float
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> LifeThread:
        self._thread = threading.Thread(target=self._run, name="life", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        life = Life(self.stage.simulators, self.stage.clock)
        try:
            store = Store.open(self.stage.settings.database_url)
        except CrmsyncError as error:
            self.tell("trouble", str(error))
            return
        try:
            while not self._stopping.wait(self.pace):
                try:
                    self.tell("event", life.step())
                    for line in life.news(store):
                        self.tell("result", line)
                except (CrmsyncError, ValueError, RuntimeError) as error:
                    self.tell("trouble", f"{type(error).__name__}: {error}")
        finally:
            store.close()
