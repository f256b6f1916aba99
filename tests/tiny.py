"""A tiny world: two memory CRMs, two ids, three fields, four values. Small on purpose, so that a machine visits every corner of it."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from crmsync.engine import together
from crmsync.engine.cycle import Objects, Report, cycle
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.change import TaskDraft
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import User, Value
from crmsync.model.rules import Brakes, FieldMap, FieldType, PersonMap, Place, Playbook, TwinMap
from crmsync.store import Store
from crmsync.testing.memory import MemoryCrm

OWN = tuple(f.name for f in OWN_FIELDS if "person" in f.on)
NAMES = ("email", "phone", "title", "city", *OWN)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def field_map(name: str, type: FieldType = FieldType.TEXT, **more: object) -> FieldMap:
    return FieldMap(
        name=name,
        type=type,
        places={("a", "person"): Place(field=name), ("b", "person"): Place(field=name)},
        to=frozenset({"a", "b"}),
        fingerprint=f"{name}-1",
        **more,  # type: ignore[arg-type]
    )


def playbook(*, fields: Mapping[str, FieldMap] | None = None, brakes: Brakes | None = None, **more: object) -> Playbook:
    fields = fields or {
        "email": field_map("email", FieldType.EMAIL),
        "phone": field_map("phone"),
        "title": field_map("title", conflict="ask"),
        "city": field_map("city", conflict="a"),
    }
    person = PersonMap(objects={"a": ("person",), "b": ("person",)}, create_as={"a": "person", "b": "person"}, fields=fields, tie="a")
    return Playbook(person=person, tasks_in="a", brakes=brakes or Brakes(min_deletes=1000, min_changes=1000), **more)  # type: ignore[arg-type]


def memory(name: str, **more: object) -> MemoryCrm:
    return MemoryCrm(name=name, names=NAMES, unique_email="email", reads_back=name == "b", **more)  # type: ignore[arg-type]


# --- activities -------------------------------------------------------------------------------------------------------------

REPS = {"amy@example.com": "Pacific/Auckland", "ben@example.com": "America/Los_Angeles"}
"""Their time zones: a day apart for most of the day."""
STATUS = {"a": {"Open": "not_started", "Done": "completed"}, "b": {"NOT_STARTED": "not_started", "COMPLETED": "completed"}}


def rep(side: str, email: str) -> str:
    """The native id of a rep."""
    return f"{side}-{email.partition('@')[0]}"


def _twin_field(name: str, type: FieldType, a: str, b: str, *, objects: tuple[str, str], **more: object) -> FieldMap:
    html = type is FieldType.RICH_TEXT
    places = {("a", objects[0]): Place(field=a), ("b", objects[1]): Place(field=b, html=html)}
    return FieldMap(name=name, type=type, places=places, to=frozenset({"a", "b"}), fingerprint=f"{name}-1", **more)  # type: ignore[arg-type]


def _twin_map(kind: str, native: str, **more: object) -> TwinMap:
    objects = ("task", kind)
    fields = {
        "subject": _twin_field("subject", FieldType.TEXT, "subject", "subject", objects=objects),
        "body": _twin_field("body", FieldType.RICH_TEXT, "body", "body", objects=objects),
        "due": _twin_field("due", FieldType.DAY, "due", "due_at", objects=objects),
        "owner": _twin_field("owner", FieldType.OWNER, "owner", "owner", objects=objects),
    }
    if kind == "task":
        fields["status"] = _twin_field(
            "status", FieldType.PICKLIST, "status", "status", objects=objects, values=STATUS, listed_only=True, required=True
        )
    return TwinMap(
        kind=kind, objects={"a": ("task",), "b": (kind,)}, create_as={"a": "task", "b": kind}, fields=fields, tie="a",
        to=frozenset({"a", "b"}), when={"a": {"kind": (native,)}}, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def playbook_around() -> Playbook:
    """Persons with owners, their tasks and logged calls. a keeps both in one object, and days; b one object per kind, moments and HTML."""
    fields = {"email": field_map("email", FieldType.EMAIL), "phone": field_map("phone"), "owner": field_map("owner", FieldType.OWNER)}
    twins = {
        "task": _twin_map("task", "Task", fixed={"a": {"kind": "Task"}}),
        "call": _twin_map("call", "Call", fixed={"a": {"kind": "Call", "status": "Done"}}, logged=True),
    }
    return playbook(fields=fields, twins=twins)


def _said(draft: TaskDraft) -> dict[str, Value]:
    return {"subject": draft.subject, "body": draft.body, "due": draft.due_on.isoformat(), "status": "Open", "owner": draft.owner_id,
            "kind": "Task"}  # fmt: skip


def memory_around(name: str) -> MemoryCrm:
    """a: an activity belongs to one person and says so itself, goes with a deleted person, and what nobody owns is the integration user's.
    b: it belongs to any number, and only `links` tells to whom."""
    people = [User(side=name, id=rep(name, email), email=email, name=email, time_zone=zone) for email, zone in REPS.items()]
    robot = User(side=name, id=f"{name}-robot", email=None, name="robot", kind="integration")
    common = ("subject", "body", "status", "owner")
    one = name == "a"
    return MemoryCrm(
        name=name,
        names=(*NAMES, "owner"),
        unique_email="email",
        reads_back=not one,
        users_list=(*people, robot),
        activities={"task": (*common, "due", "kind")} if one else {"task": (*common, "due_at"), "call": (*common, "due_at")},
        types={"due": "date", "due_at": "datetime"},
        people_per_activity=1 if one else None,
        tells_links=one,
        takes_along=one,
        defaults={"owner": "a-robot"} if one else {},
        said=_said,
    )


class Shelf:
    """One database for thousands of worlds, one after the other: each begins with what the file held at `keep`.

    What makes a new database dear is not the file but the first use of each statement; the open store remembers how they are compiled."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.db"
        self.store = Store.open(f"sqlite:///{self.file}")
        self.keep()

    def keep(self) -> None:
        """Every later world begins with what the database holds now."""
        self.store.close()
        shutil.copyfile(self.file, self.file.with_suffix(".kept"))

    def fresh(self) -> Store:
        """The store as it was kept; the world before it is over."""
        self.store.close()
        left = [name for name in ("-wal", "-shm") if self.file.with_name(self.file.name + name).exists()]
        assert left == [], "somebody still has a connection to the last world"
        shutil.copyfile(self.file.with_suffix(".kept"), self.file)
        return self.store


class Tiny:
    """Two CRMs, one store, a clock that moves a minute per cycle. where: the folder of a database of its own, or a shelf to take it from."""

    def __init__(
        self, where: Path | Shelf, *, rules: Playbook | None = None, a: MemoryCrm | None = None, b: MemoryCrm | None = None
    ) -> None:
        self.shelf = where if isinstance(where, Shelf) else None
        self.a, self.b = a or memory("a"), b or memory("b")
        self.rules = rules or playbook()
        self.now = START
        self._ids = itertools.count(1)
        self.url = f"sqlite:///{where.file if isinstance(where, Shelf) else where / 'state.db'}"
        self.store = where.fresh() if isinstance(where, Shelf) else Store.open(self.url)
        self.world = self._world()

    def _world(self) -> World:
        return World(
            store=self.store, connectors={"a": self.a, "b": self.b}, playbook=self.rules, new_id=lambda: f"id{next(self._ids):06d}"
        )

    def cycle(self, only: Objects | None = None) -> Report:
        self.now += timedelta(minutes=1)
        return cycle(self.world, self.now, only=only)

    def settle(self, most: int = 12) -> int:
        """Cycles until nothing is due; returns how many it took."""
        only: Objects | None = None
        for count in range(1, most + 1):
            report = self.cycle(only)
            if not report.more:
                return count
            only = report.touched
        raise AssertionError(f"still busy after {most} cycles")

    def restart(self) -> None:
        """As after a crash: a new process opens the same database. Of a shelf's store all connections are new: it remembers nothing else."""
        self.store.close()
        self.store = Store.open(self.url) if self.shelf is None else self.store
        self.world = self._world()

    def remap(self, change: Callable[[Playbook], Playbook]) -> None:
        self.rules = change(self.rules)
        self.world = self._world()

    def close(self) -> None:
        self.store.close()

    def shown(self, side: str) -> dict[str, dict[str, Value]]:
        """e-mail -> the mapped fields that side shows, live records only."""
        crm = self.a if side == "a" else self.b
        return {str(fields["email"]): {name: fields[name] for name in ("phone", "title", "city")} for fields in crm.live().values()}


def quietly(tiny: Tiny) -> Report | None:
    """A cycle whose expected troubles are swallowed: what matters is what the next clean cycles make of it."""
    try:
        return tiny.cycle()
    except CrmsyncError:
        return None


class Here(Executor):
    """Does at once, in this thread, what it is given."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        made: Future[Any] = Future()
        try:
            made.set_result(call(*args, **named))
        except BaseException as error:
            made.set_exception(error)
        return made


@contextmanager
def silence() -> Iterator[None]:
    """For thousands of cycles over CRMs in memory: those that fail on purpose would log more than they work, and handing one side's calls to another
    thread takes longer than the calls. So the sides go one after the other, which gives every run the same order."""
    before, pool = structlog.get_config(), together._pool
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    here = Here()
    together._pool = lambda name: here  # type: ignore[assignment]
    try:
        yield
    finally:
        together._pool = pool
        structlog.configure(**before)


__all__ = [
    "REPS", "START", "STATUS", "Shelf", "Tiny", "field_map", "memory", "memory_around", "playbook", "playbook_around", "quietly", "rep", "replace",
    "silence",
]  # fmt: skip
