"""Fault sweep over the memory CRMs: every call fails or the process dies there, before and after it was carried out; singly, and in pairs.

The oracle is the same script without a fault: whatever happened on the way, clean cycles must lead to the same two CRMs.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crmsync.errors import CrmsyncError, QuotaError, UnreachableError
from crmsync.model.fields import KEY
from crmsync.model.process import ScoreRules, TypeRule
from crmsync.model.record import User, Value
from crmsync.model.routing import one_pool
from crmsync.model.rules import FieldType, Playbook, SignalMap
from crmsync.testing.memory import Died, MemoryCrm
from tiny import NAMES, START, Shelf, Tiny, field_map, playbook, silence

SIDES = ("a", "b")
REPS = ("rep1@corp.example", "rep2@corp.example")
SEEN = ("email", "phone", "title", "city", "owner", "crmsync_stage")
AT = "2026-03-02T09:00:30.000Z"
MOST = 14


def rules() -> Playbook:
    """The tiny playbook plus owners, an express signal on side b, and first-touch tasks on side a."""
    person = playbook().person
    owner = field_map("owner", FieldType.OWNER)
    person = replace(person, fields={**person.fields, "owner": owner}, reads={("b", "person"): ("form", "form_at")})
    return replace(
        playbook(),
        person=person,
        start_from=START,
        signals=(SignalMap(side="b", object="person", field="form", time_field="form_at", type="demo_request"),),
        score=ScoreRules(express=("demo_request",)),
        types=(TypeRule(type="direct_request", signals=("demo_request",), action="Call now"),),
        routing=one_pool(members=REPS),
    )


def crm(side: str) -> MemoryCrm:
    users = [User(side=side, id=f"{side}-{email}", email=email, name=email) for email in REPS]
    names = (*NAMES, "owner", "form", "form_at")
    return MemoryCrm(name=side, names=names, unique_email="email", reads_back=side == "b", users_list=users)


# --- scripts ------------------------------------------------------------------------------------------------------------------


def one(memory: MemoryCrm, email: str) -> str:
    return next(id for id, fields in memory.live().items() if fields["email"] == email)


def create(tiny: Tiny) -> None:
    """Somebody new in a, somebody new in b, and one whom both got to know at the same time."""
    tiny.a.add(email="left@example.com", phone="y", title="y")
    tiny.b.add(email="right@example.com", phone="y", title="y")
    tiny.a.add(email="both@example.com", phone="y", city="y")
    tiny.b.add(email="Both@example.com", title="z", city="z")


def edit(tiny: Tiny) -> None:
    """One edit on each side, one field edited on both, and two fields cleared."""
    tiny.b.tick = tiny.a.tick + 10  # each memory CRM has a clock of its own: b's edits are the later ones
    tiny.a.edit(one(tiny.a, ANN), phone="y")
    tiny.b.edit(one(tiny.b, BOB), phone="y", email="rob@example.com")
    tiny.a.edit(one(tiny.a, CAT), phone="y", title="y", city="y")
    tiny.b.edit(one(tiny.b, CAT), phone="z", city="z")
    tiny.a.edit(one(tiny.a, DAN), phone=None)
    tiny.b.edit(one(tiny.b, DAN), title=None)


def remove(tiny: Tiny) -> None:
    """One record deleted on each side, two merged in b; the survivor was edited as well."""
    tiny.a.delete(one(tiny.a, ANN))
    tiny.b.delete(one(tiny.b, BOB))
    tiny.b.merge(one(tiny.b, CAT), one(tiny.b, DAN))
    tiny.b.edit(one(tiny.b, CAT), phone="y")


def qualify(tiny: Tiny) -> None:
    """A new person asks for a demo: a record, an owner, a stage and a task are due in a, owner and stage in b. So does a known one."""
    tiny.b.add(email="hot@example.com", phone="y", form="Demo", form_at=AT)
    tiny.b.edit(one(tiny.b, ANN), form="Demo", form_at=AT, phone="y")


def create_one(tiny: Tiny) -> None:
    tiny.b.add(email="right@example.com", phone="y", title="y")


def qualify_one(tiny: Tiny) -> None:
    tiny.b.add(email="hot@example.com", phone="y", form="Demo", form_at=AT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """events: what people do in one moment. known: persons that both sides had before. holds: what both sides show afterwards."""

    events: Callable[[Tiny], None]
    known: tuple[str, ...] = ()
    tasks: int = 0
    holds: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    alone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANN, BOB, CAT, DAN = (f"{name}@example.com" for name in ("ann", "bob", "cat", "dan"))
NEW: dict[str, Value] = {"phone": "y", "title": "y"}
HOT: dict[str, Value] = {"phone": "y", "crmsync_stage": "sal"}
SCRIPTS = {
    "create": Script(
        events=create,
        holds={"left@example.com": NEW, "right@example.com": NEW, "both@example.com": {"phone": "y", "title": "z", "city": "y"}},
    ),
    "edit": Script(
        events=edit,
        known=(ANN, BOB, CAT, DAN),
        holds={
            ANN: {"phone": "y"},
            "rob@example.com": {"phone": "y"},
            CAT: {"phone": "z", "title": "y", "city": "y"},
            DAN: {"phone": None, "title": None, "city": "x"},
        },
    ),
    "remove": Script(events=remove, known=(ANN, BOB, CAT, DAN), alone={"a": (BOB, DAN), "b": (ANN,)}, holds={CAT: {"phone": "y"}}),
    "qualify": Script(events=qualify, known=(ANN,), tasks=2, holds={"hot@example.com": HOT, ANN: HOT}),
}
SMALL = {
    "create": Script(events=create_one, holds={"right@example.com": NEW}),
    "qualify": Script(events=qualify_one, tasks=1, holds={"hot@example.com": HOT}),
}


# --- faults -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """The at-th call of a side ends so. lost: the answer to a write is lost, other calls are unreachable."""

    side: str
    at: int
    phase: str
    end: str

    def __str__(self) -> str:
        return f"{self.side}{self.at} {self.end} {self.phase}"


READS = (("before", "died"), ("before", "unreachable"))
"""A read changes nothing: before and after are one."""
WRITES = (("before", "died"), ("after", "died"), ("before", "lost"), ("after", "lost"), ("before", "unreachable"), ("before", "quota"))
"""The protocol does not let a connector call a write unreachable (or out of quota) that was carried out."""


def arm(memory: MemoryCrm, faults: Sequence[Fault]) -> list[str]:
    """Lets these calls of one side fail; the list holds the names of the calls so far."""
    calls: list[str] = []
    due = {(f.at, f.phase): f.end for f in faults if f.side == memory.name}

    def strike(call: str, phase: str) -> None:
        if phase == "before":
            calls.append(call)
        end = due.pop((len(calls), phase), None)
        if end is None:
            return
        if end == "died":
            raise Died
        if end == "lost" and call == "write":
            raise ConnectionError
        if end == "quota":
            raise QuotaError(f"{memory.name} has no calls left", side=memory.name)
        raise UnreachableError(f"{memory.name} did not answer", side=memory.name)

    memory.fault = strike
    return calls


class Stage:
    """One prepared world per script; every fault starts from a copy of it."""

    def __init__(self, folder: Path, script: Script) -> None:
        self.script, self.rules, self.shelf = script, rules(), Shelf(folder)
        tiny = Tiny(self.shelf, rules=self.rules, a=crm("a"), b=crm("b"))
        for email in script.known:
            tiny.a.add(email=email, phone="x", title="x", city="x")
        tiny.settle()
        script.events(tiny)
        self.shelf.keep()
        self.a, self.b, self.now = tiny.a, tiny.b, tiny.now

    def fresh(self) -> Tiny:
        tiny = Tiny(self.shelf, rules=self.rules, a=self.a.clone(), b=self.b.clone())
        tiny.now = self.now
        # Ids handed out by an earlier process are never handed out again.
        tiny._ids = itertools.count(1_000)
        tiny.world = tiny._world()
        return tiny


def run(stage: Stage, faults: Sequence[Fault]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The picture after the faults and enough clean cycles, and the calls of each side while the faults were armed."""
    tiny = stage.fresh()
    try:
        calls = {side: arm(memory, faults) for side, memory in (("a", tiny.a), ("b", tiny.b))}
        _troubled(tiny)
        tiny.a.fault = tiny.b.fault = lambda call, phase: None
        tiny.settle(MOST)
        tiny.a.log.clear()
        tiny.b.log.clear()
        tiny.settle(MOST)
        assert tiny.a.log == [], "a settled world writes nothing"
        assert tiny.b.log == [], "a settled world writes nothing"
        assert tiny.store.journal.open_intents() == []
        assert tiny.store.dirty_count() == 0
        assert tiny.store.tasks.pending(100) == []
        return picture(tiny), calls
    finally:
        tiny.close()


def _troubled(tiny: Tiny) -> None:
    """Cycles as a daemon would run them, a supervisor starting it again when it dies."""
    for _ in range(4):
        try:
            if not tiny.cycle().more:
                return
        except CrmsyncError:
            continue
        except Died:
            tiny.restart()


def picture(tiny: Tiny) -> dict[str, Any]:
    """What people see: every live record's fields, keys by whom they stand for, and the tasks."""
    shown: dict[str, Any] = {}
    for memory in (tiny.a, tiny.b):
        live = memory.live().values()
        keys = [fields.get(KEY) for fields in live if fields.get(KEY) is not None]
        assert len(keys) == len(set(keys)), f"two records of {memory.name} have one key"
        rows = [{n: _owner(v) if n == "owner" else v for n in SEEN for v in [fields.get(n)]} for fields in live]
        shown[memory.name] = sorted(rows, key=lambda row: str(row["email"]))
        shown[f"tasks of {memory.name}"] = sorted((str(t["subject"]), _owner(t["owner"])) for t in memory.tasks.values())
    shown["conflicts"] = sorted((c.field, sorted(c.values.items())) for c in tiny.store.conflicts.rows())
    shown["problems"] = sorted((cause, side, number) for cause, side, _, _, number, _ in tiny.store.problems.groups())
    return shown


def _owner(value: Value) -> str | None:
    return None if value is None else str(value).split("-", 1)[1]


# --- the sweep ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with silence():
        yield


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """Databases in memory where the machine has such a place."""
    shm = Path("/dev/shm") / f"{tmp_path.name}-{os.getpid()}"  # other runs of the tests have the same names
    folder = shm if shm.parent.is_dir() else tmp_path / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def check_clean(script: Script, clean: dict[str, Any]) -> None:
    """The script does what it says when nothing goes wrong, so that the sweep compares with something."""
    for email, fields in script.holds.items():
        for side in SIDES:
            rows = [row for row in clean[side] if str(row["email"]).lower() == email]
            assert len(rows) == 1, f"{email} in {side}: {clean[side]}"
            assert {name: rows[0][name] for name in fields} == fields
    for side, emails in script.alone.items():
        assert set(emails) <= {row["email"] for row in clean[side]}, "what one side deleted stays on the other"
    assert len(clean["tasks of a"]) == script.tasks
    owners = sorted(row["owner"] for row in clean["a"] if row["crmsync_stage"] == "sal")
    assert owners == sorted(owner for _, owner in clean["tasks of a"])
    assert len(set(owners)) == len(owners), "everybody has another rep: there are as many as reps"


def points(calls: Mapping[str, Sequence[str]]) -> list[Fault]:
    """Every way in which every call can end badly."""
    return [
        Fault(side=side, at=at, phase=phase, end=end)
        for side in SIDES
        for at, call in enumerate(calls[side], 1)
        for phase, end in (WRITES if call == "write" else READS)
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_single_fault_heals(fast: Path, name: str) -> None:
    stage = Stage(fast, SCRIPTS[name])
    clean, calls = run(stage, [])
    check_clean(stage.script, clean)
    swept = points(calls)
    assert len(swept) >= 10
    wrong = [f"{fault}: {trouble}" for fault in swept if (trouble := _differs(stage, [fault], clean, swept)) is not None]
    assert wrong == [], f"{len(wrong)} of {len(swept)}:\n" + "\n".join(wrong[:10])


@pytest.mark.parametrize("name", SMALL)
def test_every_pair_of_faults_heals(fast: Path, name: str) -> None:
    """A write goes wrong, and so does another, that of its healing included."""
    stage = Stage(fast, SMALL[name])
    clean, calls = run(stage, [])
    check_clean(stage.script, clean)
    more = {side: [*names, "write"] for side, names in calls.items()}
    hard = [f for f in points(more) if more[f.side][f.at - 1] == "write" and f.end in ("died", "lost")]
    first, second = [f for f in hard if f.at <= len(calls[f.side])], hard
    # Armed together, two faults have no order: each pair is swept once.
    swept = {frozenset((x, y)): (x, y) for x in first for y in second if (x.side, x.at) != (y.side, y.at)}
    assert len(swept) >= 40
    wrong = [f"{x} + {y}: {t}" for x, y in swept.values() if (t := _differs(stage, [x, y], clean, first)) is not None]
    assert wrong == [], f"{len(wrong)} of {len(swept)}:\n" + "\n".join(wrong[:10])


def _differs(stage: Stage, faults: Sequence[Fault], clean: dict[str, Any], sure: Sequence[Fault]) -> str | None:
    """What came out otherwise than without a fault. sure: faults at calls that are made whatever happens before."""
    try:
        shown, calls = run(stage, faults)
        assert all(len(calls[f.side]) >= f.at for f in faults if f in sure), "the fault never struck"
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None if shown == clean else str({name: (clean[name], shown[name]) for name in clean if clean[name] != shown[name]})
