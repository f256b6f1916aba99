"""The whole cycle as a state machine: people edit, delete, merge and add on both sides while calls fail and the process dies; it must always heal.

A small alphabet (two e-mails, three fields, four values) so that collisions are common, and a vacuity gate: each kind of event must have happened often.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from crmsync.errors import UnreachableError
from crmsync.model.record import RecordState, Ref
from crmsync.store import Store
from crmsync.testing.memory import Died, MemoryCrm
from tiny import Tiny, quietly

SEEN: Counter[str] = Counter()
EMAILS = ("ann@example.com", "bob@example.com")
FIELDS = ("phone", "title", "city")
sides = st.sampled_from(["a", "b"])
emails = st.sampled_from(EMAILS)
fields = st.sampled_from(FIELDS)
values = st.sampled_from([None, "x", "y", "z"])
spots = st.tuples(sides, st.integers(1, 3), st.sampled_from(["after", "before"]))

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    atexit.register(shutil.rmtree, folder)
    Store.open(f"sqlite:///{folder / 'state.db'}").close()
    return folder / "state.db"


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        shutil.copy(_template(), self.folder / "state.db")  # migrating a new database would be most of the time
        self.tiny = Tiny(self.folder)

    def teardown(self) -> None:
        try:
            self.check_healed()
        finally:
            self.tiny.close()
            shutil.rmtree(self.folder)

    def crm(self, side: str) -> MemoryCrm:
        return self.tiny.a if side == "a" else self.tiny.b

    def one(self, side: str, email: str) -> str | None:
        return next((id for id, f in self.crm(side).live().items() if f["email"] == email), None)

    # --- what people do -------------------------------------------------------------------------------------------------------

    @initialize(left=st.lists(emails, unique=True), right=st.lists(emails, unique=True))
    def somebody_is_there(self, left: list[str], right: list[str]) -> None:
        for crm, there in ((self.tiny.a, left), (self.tiny.b, right)):
            for email in there:
                crm.add(email=email, phone="x", title="x")
                SEEN["add"] += 1

    @rule(side=sides, email=emails, phone=values, title=values)
    def add(self, side: str, email: str, phone: str | None, title: str | None) -> None:
        if self.one(side, email) is None:
            self.crm(side).add(email=email, phone=phone, title=title)
            SEEN["add"] += 1

    @rule(side=sides, email=emails, name=fields, value=values)
    def edit(self, side: str, email: str, name: str, value: str | None) -> None:
        id = self.one(side, email)
        if id is not None:
            self.crm(side).edit(id, **{name: value})
            SEEN["clear" if value is None else "edit"] += 1

    @rule(email=emails, name=fields)
    def edit_both(self, email: str, name: str) -> None:
        ids = self.one("a", email), self.one("b", email)
        if ids[0] and ids[1]:
            self.tiny.a.edit(ids[0], **{name: "y"})
            self.tiny.b.edit(ids[1], **{name: "z"})
            SEEN["edit both"] += 1

    @rule(side=sides, email=emails)
    def delete(self, side: str, email: str) -> None:
        id = self.one(side, email)
        if id is not None:
            self.crm(side).delete(id)
            SEEN["delete"] += 1

    @rule(side=sides)
    def undelete(self, side: str) -> None:
        crm = self.crm(side)
        for id, row in crm.rows.items():
            if row.state is RecordState.DELETED and self.one(side, str(row.fields["email"])) is None:
                crm.undelete(id)
                SEEN["undelete"] += 1
                return

    @rule(side=sides)
    def merge(self, side: str) -> None:
        ids = [self.one(side, email) for email in EMAILS]
        if ids[0] and ids[1]:
            self.crm(side).merge(ids[0], ids[1])
            SEEN["merge"] += 1

    # --- what we do -----------------------------------------------------------------------------------------------------------

    # Four rules of the same kind: Hypothesis leaves rules out at random, and cycles must not be what it leaves out.
    @rule()
    def cycle(self) -> None:
        report = self.tiny.cycle()
        SEEN["cycle"] += 1
        SEEN["writes"] += sum(report.sent.done.values())

    @rule(spot=spots)
    def a_call_is_lost(self, spot: tuple[str, int, str]) -> None:
        self.troubled(*spot, "lost")

    @rule(spot=spots)
    def a_side_is_down(self, spot: tuple[str, int, str]) -> None:
        self.troubled(*spot, "unreachable")

    @rule(spot=spots)
    def the_process_dies(self, spot: tuple[str, int, str]) -> None:
        self.troubled(*spot, "died")

    def troubled(self, side: str, at: int, phase: str, end: str) -> None:
        """The at-th call of one side fails, before or after it was carried out; or the process dies there."""
        count = 0

        def fault(call: str, now: str) -> None:
            nonlocal count
            count += now == "before"
            if count == at and now == phase:
                SEEN[end] += 1
                if end == "died":
                    raise Died
                if end == "lost" and call == "write":
                    raise ConnectionError
                raise UnreachableError(f"{side} did not answer", side=side)

        self.crm(side).fault = fault
        try:
            quietly(self.tiny)
        except Died:
            self.tiny.restart()
        finally:
            self.crm(side).fault = lambda call, phase: None

    @rule()
    def search_lags(self) -> None:
        self.tiny.b.lag()
        SEEN["lag"] += 1

    @rule()
    def restart(self) -> None:
        self.tiny.restart()

    @precondition(lambda self: self.tiny.store.conflicts())
    @rule(side=sides)
    def resolve(self, side: str) -> None:
        self.tiny.store.resolve_conflict(self.tiny.store.conflicts()[0].conflict_id, side)
        SEEN["resolve"] += 1

    @rule(side=sides, email=emails, value=st.sampled_from(["x", "y", "z"]))
    def a_lone_edit_arrives(self, side: str, email: str, value: str) -> None:
        """The promise itself: with both sides settled, one edit on one side stands on both after the next quiet moment."""
        self.check_healed()
        ids = {name: self.one(name, email) for name in ("a", "b")}
        other = "b" if side == "a" else "a"
        # A pair: one person with one live record on each side. A spare record of a person with two is reported, not written.
        if not (ids["a"] and ids["b"]) or self.linked(str(ids["a"]), "a") != self.linked(str(ids["b"]), "b"):
            return
        person = self.linked(str(ids["a"]), "a")
        if any(sum(self.linked(id, name) == person for id in self.crm(name).live()) != 1 for name in ("a", "b")):
            return
        self.crm(side).edit(str(ids[side]), phone=value)
        self.crm(other).log.clear()
        self.crm(side).log.clear()
        self.tiny.settle()
        assert self.crm(other).rows[str(ids[other])].fields["phone"] == value
        assert len(self.crm(other).log) <= 1, "one edit, at most one write"
        assert self.crm(side).log == [], "no echo"
        SEEN["lone edit"] += 1

    def linked(self, id: str, side: str) -> str | None:
        ref = Ref(side=side, object="person", id=id)
        found = self.tiny.store.snapshots([ref])
        return found[ref].person_id if ref in found else None

    # --- what must hold -------------------------------------------------------------------------------------------------------

    @invariant()
    def nobody_is_doubled(self) -> None:
        for side in ("a", "b"):
            shown = [fields["email"] for fields in self.crm(side).live().values()]
            assert len(shown) == len(set(shown)), f"duplicates in {side}"

    def check_healed(self) -> None:
        """Some clean cycles later everything agrees, nothing is open, and a further cycle writes nothing."""
        tiny = self.tiny
        tiny.b.catch_up()
        tiny.settle()
        tiny.a.log.clear()
        tiny.b.log.clear()
        tiny.settle()
        assert tiny.a.log == []
        assert tiny.b.log == []
        assert tiny.store.open_intents() == []
        assert tiny.store.dirty_count() == 0
        open_fields = {(c.person_id, c.field) for c in tiny.store.conflicts()}
        SEEN["conflict"] += len(open_fields)
        by_person: dict[str, dict[str, list[str]]] = {}
        for side in ("a", "b"):
            for id in self.crm(side).live():
                person = self.linked(id, side)
                assert person is not None, "a live record belongs to nobody"
                by_person.setdefault(person, {}).setdefault(side, []).append(id)
        for person, ids in by_person.items():
            if len(ids.get("a", ())) != 1 or len(ids.get("b", ())) != 1:
                continue
            left, right = self.tiny.a.rows[ids["a"][0]].fields, self.tiny.b.rows[ids["b"][0]].fields
            SEEN["pair"] += 1
            for name in FIELDS:
                if (person, name) not in open_fields:
                    assert left[name] == right[name], f"{name} differs: {left[name]} / {right[name]}"


@pytest.mark.parametrize("examples", [60])
def test_the_machine_heals_and_has_seen_everything(examples: int) -> None:
    SEEN.clear()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
            phases=(Phase.generate,),  # shrinking takes minutes: set it aside until there is something to shrink
        ),
    )
    wanted = {
        "add": 50, "edit": 10, "clear": 3, "edit both": 5, "delete": 5, "undelete": 1, "merge": 5, "conflict": 1, "lone edit": 10,
        "lag": 10, "writes": 10, "pair": 50, "died": 5, "unreachable": 5, "lost": 5,
    }  # fmt: skip
    rare = {kind: SEEN[kind] for kind, least in wanted.items() if SEEN[kind] < least}
    assert not rare, f"the machine hardly ever did this: {rare} of {dict(SEEN)}"
