"""The whole cycle as a state machine once more, with what stands around persons: tasks, logged calls, reps, and people who change all of it on both sides.

One side keeps days, one object and one person per activity; the other moments, an object per kind and any number of people. As in test_machine.py:
a small alphabet, one weighted deck, and a vacuity gate.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, invariant, rule

from crmsync.decide.bodies import to_text
from crmsync.decide.days import day_of
from crmsync.errors import QuotaError, UnreachableError
from crmsync.model.record import RecordState, Ref, Value
from crmsync.service.drift import drift
from crmsync.service.workspace import Workspace
from crmsync.store import TaskRow
from crmsync.testing.memory import Died, MemoryCrm
from tiny import REPS, STATUS, Shelf, Tiny, memory_around, playbook_around, quietly, rep, silence

SEEN: Counter[str] = Counter()
EMAILS = ("ann@example.com", "bob@example.com")
LEAST = {
    "enter": 60, "enter both": 8, "edit body": 20, "edit subject": 20, "edit both": 15, "complete": 15, "reopen": 10, "reschedule": 20, "reassign": 20,
    "delete": 20, "delete completed": 15, "restore": 5, "belong": 20, "copy": 10, "touch": 10, "rep": 10,
    "person added": 20, "person edited": 20, "person owned": 20, "person deleted": 10, "person undeleted": 5, "person merged": 5,
    "lone edit": 15, "lone parting": 2, "lag": 8, "restart": 10, "writes": 150, "pair": 100, "gone": 10, "kept": 10, "waits": 10, "in step": 20,
    "own task": 10, "died before": 10, "died after": 10, "lost before": 10, "lost after": 10, "unreachable before": 10, "unreachable after": 10, "quota before": 10,
}  # fmt: skip
"""How often each kind must have happened in all examples together, done in a world where it meant something: about two thirds of what was seen, for
the games are not dealt quite alike on every machine."""
WEIGHTS = {
    "enter": 3, "enter both": 2, "edit body": 2, "edit subject": 3, "edit both": 4, "complete": 2, "reopen": 2, "reschedule": 3, "reassign": 3,
    "delete": 4, "delete completed": 5, "restore": 2, "belong": 4, "copy": 3, "touch": 2, "rep": 2,
    "person added": 1, "person edited": 4, "person owned": 3, "person deleted": 3, "person undeleted": 2, "person merged": 2,
    "cycle": 8, "lone edit": 6, "lag": 2, "restart": 2,
    "died before": 2, "died after": 2, "lost before": 2, "lost after": 2, "unreachable before": 3, "unreachable after": 3, "quota before": 2,
}  # fmt: skip
DECK = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
DAYS = ("2026-03-05", "2026-03-06", "2026-03-09")
MOMENTS = (
    "2026-03-05T10:30:00.000Z", "2026-03-05T11:30:00.000Z", "2026-03-06T07:30:00.000Z", "2026-03-06T08:30:00.000Z", "2026-03-08T09:59:00.000Z",
)  # fmt: skip
"""On either side of midnight in both reps' zones, and right before the clocks change."""
CLEAN = 2
"""Cycles after which nothing differs that nothing explains, whatever people did; after a failed one it may take some more."""
EMPTY = "UTC"
"""The time zone of what nobody owns."""

cuts = st.integers(0, 1000)
"""Mixed with everything else that is drawn: Hypothesis draws zero far too often, and must not thereby deal one kind over and over."""
sides = st.sampled_from(["a", "b"])
emails = st.sampled_from(EMAILS)
picks = st.integers(0, 5)


def other_of(value: str) -> str:
    """The other side, or the other person."""
    return {"a": "b", "b": "a", EMAILS[0]: EMAILS[1], EMAILS[1]: EMAILS[0]}[value]


class Machine(RuleBasedStateMachine):
    shelf: Shelf
    game = 0
    """Which of the games this is: each deals in its own order, so that examples that are much alike do not do the same."""

    def __init__(self) -> None:
        super().__init__()
        self.tiny = Tiny(self.shelf, rules=playbook_around(), a=memory_around("a"), b=memory_around("b"))
        self.sound = True
        self.steps = 0
        self.fresh = 0
        self.emptied: set[str] = set()
        self.touches: list[str] = []
        self.restored: set[str] = set()
        self.troubled = False
        """Whether a cycle failed since everything was in step last."""

    def teardown(self) -> None:
        try:
            if self.sound:
                self.check_healed()
        finally:
            self.tiny.close()

    # --- who and what is there ------------------------------------------------------------------------------------------------

    def crm(self, side: str) -> MemoryCrm:
        return self.tiny.a if side == "a" else self.tiny.b

    def one(self, side: str, email: str) -> str | None:
        return next((id for id, f in self.crm(side).live().items() if f["email"] == email), None)

    def there(self, side: str) -> list[str]:
        """Live activities of a side, tasks first."""
        return [*self.crm(side).live("task"), *(self.crm(side).live("call") if side == "b" else ())]

    def kind(self, side: str, id: str) -> str:
        row = self.crm(side).rows[id]
        return row.object if side == "b" else str(row.fields["kind"]).lower()

    def tasks(self, side: str) -> list[str]:
        return [id for id in self.there(side) if self.kind(side, id) == "task"]

    def done(self, side: str, id: str) -> bool:
        return STATUS[side].get(str(self.crm(side).rows[id].fields["status"])) == "completed"

    def linked(self, side: str, id: str) -> str | None:
        ref = Ref(side=side, object=self.crm(side).rows[id].object, id=id)
        found = self.tiny.store.snapshots([ref])
        return found[ref].person_id if ref in found else None

    def twin_of(self, side: str, id: str) -> str | None:
        """The live record of the other side that stands for the same activity."""
        twin, other = self.linked(side, id), other_of(side)
        return next((one for one in self.there(other) if twin is not None and self.linked(other, one) == twin), None)

    def pairs(self, side: str) -> list[tuple[str, str]]:
        """Activities of that side and their records on the other one."""
        return [(id, twin) for id in self.there(side) if (twin := self.twin_of(side, id)) is not None]

    def word(self) -> str:
        """A text that nobody has written yet."""
        self.fresh += 1
        return f"word {self.fresh}"

    # --- the deck -------------------------------------------------------------------------------------------------------------

    @initialize(left=st.lists(emails, unique=True), right=st.lists(emails, unique=True))
    def somebody_is_there(self, left: list[str], right: list[str]) -> None:
        for side, there in (("a", left), ("b", right)):
            for email in there:
                self.person_added(side, email, 0)

    @rule(cut=cuts, side=sides, email=emails, pick=picks)
    def step(self, cut: int, side: str, email: str, pick: int) -> None:
        kind = DECK[crc32(f"{cut} {side} {email} {pick} {self.steps} {self.game}".encode()) % len(DECK)]
        note(f"{kind} {side} {email} {pick}")
        self.steps += 1
        self.sound = False
        what, _, phase = kind.partition(" ")
        if phase in ("before", "after"):
            self.trouble(side, what, phase, pick)
        else:
            getattr(self, kind.replace(" ", "_"))(side, email, pick)
        self.sound = True

    # --- what people do with activities ---------------------------------------------------------------------------------------

    def words(self, side: str, kind: str, subject: str, pick: int) -> dict[str, Value]:
        owner = None if side == "b" and pick == 5 else rep(side, list(REPS)[pick % 2])
        said: dict[str, Value] = {"subject": subject, "owner": owner}
        if side == "a":
            return {
                **said,
                "body": f"of {subject}",
                "due": DAYS[pick % 3],
                "kind": kind.title(),
                "status": "Open" if kind == "task" else "Done",
            }
        return {
            **said,
            "body": f"<p>of {subject}</p>",
            "due_at": MOMENTS[pick % 5],
            "status": "NOT_STARTED" if kind == "task" else "COMPLETED",
        }

    def enter(self, side: str, email: str, pick: int) -> str:
        """A task or a call, of one person, of both, or of nobody."""
        ann, other = self.one(side, email), self.one(side, other_of(email))
        people = [id for id in ((ann,), (ann,), (ann, other), ())[pick % 4] if id is not None]
        kind = "call" if pick in (1, 4) else "task"
        id = self.crm(side).enter("task" if side == "a" else kind, *people, **self.words(side, kind, self.word(), pick))
        SEEN["enter"] += 1
        return id

    def some(self, side: str, email: str, pick: int, *, task: bool = False) -> str:
        """An activity of that side; a new one where there is none."""
        found = self.tasks(side) if task else self.there(side)
        return found[-1 - pick % len(found)] if found else self.enter(side, email, 0)

    def enter_both(self, side: str, email: str, pick: int) -> None:
        """Another tool has entered the same on both sides already."""
        for one in ("a", "b"):
            if self.one(one, email) is None:
                self.person_added(one, email, pick)
        self.calm()
        ids = {one: self.one(one, email) for one in ("a", "b")}
        if not (ids["a"] and ids["b"]) or self.linked("a", str(ids["a"])) != self.linked("b", str(ids["b"])):
            return
        subject, owner = self.word(), list(REPS)[pick % 2]
        left = {**self.words("a", "task", subject, pick), "owner": rep("a", owner), "due": day_of(MOMENTS[pick % 5], REPS[owner])}
        self.tiny.a.enter("task", str(ids["a"]), **left)
        self.tiny.b.enter("task", str(ids["b"]), **{**self.words("b", "task", subject, pick), "owner": rep("b", owner)})
        self.tiny.settle()
        SEEN["enter both"] += 1

    def edit_body(self, side: str, email: str, pick: int) -> None:
        text = self.word()
        self.crm(side).edit(self.some(side, email, pick), body=text if side == "a" else f"<p>{text}</p>")
        SEEN["edit body"] += 1

    def edit_subject(self, side: str, email: str, pick: int) -> None:
        self.crm(side).edit(self.some(side, email, pick), subject=self.word())
        SEEN["edit subject"] += 1

    def edit_both(self, side: str, email: str, pick: int) -> None:
        """Both sides change one activity before either has seen the other."""
        pairs = self.pairs(side)
        if not pairs:
            self.calm()
            pairs = self.pairs(side)
        for id, twin in pairs[-1 - pick % len(pairs) :][:1] if pairs else ():
            self.crm(side).edit(id, subject=self.word())
            if pick % 2:
                self.crm(other_of(side)).edit(twin, subject=self.word())
            else:
                self.crm(other_of(side)).edit(twin, **self.moved(other_of(side), pick))
            SEEN["edit both"] += 1

    def complete(self, side: str, email: str, pick: int) -> None:
        self.crm(side).edit(self.some(side, email, pick, task=True), status="Done" if side == "a" else "COMPLETED")
        SEEN["complete"] += 1

    def reopen(self, side: str, email: str, pick: int) -> None:
        self.crm(side).edit(self.some(side, email, pick, task=True), status="Open" if side == "a" else "NOT_STARTED")
        SEEN["reopen"] += 1

    def moved(self, side: str, pick: int) -> dict[str, Value]:
        return {"due": DAYS[pick % 3]} if side == "a" else {"due_at": MOMENTS[pick % 5]}

    def reschedule(self, side: str, email: str, pick: int) -> None:
        self.crm(side).edit(self.some(side, email, pick), **self.moved(side, pick // 2 + self.steps))
        SEEN["reschedule"] += 1

    def reassign(self, side: str, email: str, pick: int) -> None:
        self.crm(side).edit(self.some(side, email, pick), owner=rep(side, list(REPS)[self.steps % 2]))
        SEEN["reassign"] += 1

    def delete(self, side: str, email: str, pick: int) -> None:
        found = self.there(side)
        if found:
            self.crm(side).delete(found[-1 - pick % len(found)])
            SEEN["delete"] += 1

    def delete_completed(self, side: str, email: str, pick: int) -> None:
        """One side deletes what the other completes: what was finished is kept."""
        other = other_of(side)
        self.calm()
        pairs = [(id, twin) for id in self.tasks(side) if (twin := self.twin_of(side, id)) and not self.done(side, id)]
        for id, twin in pairs[:1]:
            if self.done(other, twin):
                continue
            self.crm(other).edit(twin, status="Done" if other == "a" else "COMPLETED")
            self.crm(side).delete(id)
            self.tiny.settle()
            assert twin in self.there(other), "what was finished on one side was deleted because the other side had deleted it"
            SEEN["delete completed"] += 1

    def restore(self, side: str, email: str, pick: int) -> None:
        """What was deleted on both sides is brought back where somebody had deleted it: there it stays."""
        self.calm()
        for id in [id for id in self.there(side) if self.twin_of(side, id) is not None][:1]:
            self.crm(side).delete(id)
            self.tiny.settle()
            self.restored.add(id)
            self.crm(side).undelete(id)
            self.tiny.settle()
            assert id in self.there(side), "what a person brought back was deleted again"
            SEEN["restore"] += 1

    def belong(self, side: str, email: str, pick: int) -> None:
        """Somebody is added to an activity, or taken from it."""
        who = self.one(side, email)
        if who is None:
            return
        crm, id = self.crm(side), self.some(side, email, pick)
        people = [to.id for to in crm.shown_links(id)]
        crm.relink(id, *([one for one in people if one != who] if who in people else [*people, who] if side == "b" else [who]))
        if not crm.belongs[id]:
            self.emptied.add(id)
        SEEN["belong"] += 1

    def copy(self, side: str, email: str, pick: int) -> None:
        """A record with the key of another one, called something else."""
        made = self.crm(side).copy(self.some(side, email, pick))
        self.crm(side).edit(made, subject=self.word())
        SEEN["copy"] += 1

    # --- what people do with persons and reps ---------------------------------------------------------------------------------

    def person_added(self, side: str, email: str, pick: int) -> None:
        free = [one for one in (email, other_of(email)) if self.one(side, one) is None]
        if free:
            self.crm(side).add(email=free[0], owner=(None, *(rep(side, one) for one in REPS))[pick % 3])
            SEEN["person added"] += 1

    def person_edited(self, side: str, email: str, pick: int) -> None:
        id = self.one(side, email)
        if id is None:
            self.person_added(side, email, pick)
            return
        self.crm(side).edit(id, phone=self.word())
        SEEN["person edited"] += 1

    def person_owned(self, side: str, email: str, pick: int) -> None:
        id = self.one(side, email)
        if id is None:
            self.person_added(side, email, pick)
            return
        self.crm(side).edit(id, owner=rep(side, list(REPS)[pick % 2]))
        SEEN["person owned"] += 1

    def person_deleted(self, side: str, email: str, pick: int) -> None:
        id = self.one(side, email)
        if id is not None:
            self.crm(side).delete(id)
            SEEN["person deleted"] += 1

    def person_undeleted(self, side: str, email: str, pick: int) -> None:
        """The record deleted last comes back, with what went with it, where nobody has its e-mail now. Not one that came and went unseen, nor one
        whose activity was first seen while it was away: nothing tells what had belonged to it."""
        crm = self.crm(side)
        gone = [id for id, row in crm.rows.items() if row.object == "person" and row.state is RecordState.DELETED]
        if not gone and (id := self.one(side, email)) is not None:
            crm.delete(id)
            self.tiny.cycle()
            gone = [id]
        for id in gone[-1:]:
            if self.one(side, str(crm.rows[id].fields["email"])) is None and self.linked(side, id) is not None and self.all_told(side, id):
                crm.undelete(id)
                SEEN["person undeleted"] += 1

    def all_told(self, side: str, person: str) -> bool:
        """Whether of every activity that was pulled and had belonged to this person the store knows so."""
        crm = self.crm(side)
        theirs = [one for one, targets in crm.belongs.items() if person in [to.id for to in targets] and self.linked(side, one) is not None]
        refs = [Ref(side=side, object=crm.rows[one].object, id=one) for one in theirs]
        known = self.tiny.store.links.of(refs)
        return all(person in [to.id for to in known.get(ref, ())] for ref in refs)

    def person_merged(self, side: str, email: str, pick: int) -> None:
        winner, loser = self.one(side, email), self.one(side, other_of(email))
        if winner and loser:
            self.crm(side).merge(winner, loser)
            SEEN["person merged"] += 1

    def rep(self, side: str, email: str, pick: int) -> None:
        """A rep leaves or comes back."""
        crm = self.crm(side)
        crm.users_list = tuple(replace(u, active=not u.active) if u.id == rep(side, list(REPS)[1]) else u for u in crm.users_list)
        SEEN["rep"] += 1

    # --- what we do -----------------------------------------------------------------------------------------------------------

    def touch(self, side: str, email: str, pick: int) -> None:
        """A first-touch task is decided for a person, and made by the next cycle."""
        id = self.one("a", email)
        person = self.linked("a", id) if id is not None else None
        state = self.tiny.store.persons([person]).get(person) if person is not None else None
        if person is None or state is None:
            return
        subject, owner = self.word(), state.owner or list(REPS)[pick % 2]
        draft = {"subject": subject, "body": f"of {subject}", "due_at": MOMENTS[0], "due_on": DAYS[0], "remind_at": None,
                 "priority": "normal", "channel": "call"}  # fmt: skip
        row = TaskRow(
            key=f"touch-{self.fresh}", person_id=person, side="a", kind="first_touch", owner=owner, created_at=self.tiny.now, draft=draft
        )
        self.tiny.store.tasks.save([row])
        self.touches.append(row.key)
        SEEN["touch"] += 1

    def cycle(self, side: str, email: str, pick: int) -> None:
        SEEN["writes"] += sum(self.tiny.cycle().sent.done.values())

    def calm(self) -> None:
        """All that is due is done."""
        self.tiny.b.catch_up()
        self.tiny.settle()

    def restart(self, side: str, email: str, pick: int) -> None:
        self.tiny.restart()
        SEEN["restart"] += 1

    def lag(self, side: str, email: str, pick: int) -> None:
        """Only of the side whose answers tell what was stored and when: of the other one, an old showing cannot be told from a refusal (F44)."""
        self.tiny.b.lag()
        SEEN["lag"] += 1

    def trouble(self, side: str, end: str, phase: str, pick: int) -> None:
        """A cycle in which some call of one side fails or the process dies there; lost: the first write of either side."""
        self.some(side, EMAILS[0], pick)
        self.edit_body(side, EMAILS[0], pick)
        self.troubled = True
        count = 0
        armed, at = ((self.tiny.a, self.tiny.b), 1) if end == "lost" else ((self.crm(side),), 1 + pick % 4)

        def fault(call: str, now: str) -> None:
            nonlocal count
            count += now == "before" and (end != "lost" or call == "write")
            if count == at and now == phase and (end != "lost" or call == "write"):
                SEEN[f"{end} {phase}"] += 1
                if end == "died":
                    raise Died
                if end == "lost":
                    raise ConnectionError
                if end == "quota":
                    raise QuotaError(f"{side} has no calls left", side=side)
                raise UnreachableError(f"{side} did not answer", side=side)

        for crm in armed:
            crm.fault = fault
        try:
            report = quietly(self.tiny)
            SEEN["writes"] += sum(report.sent.done.values()) if report is not None else 0
        except Died:
            self.tiny.restart()
        finally:
            for crm in armed:
                crm.fault = lambda call, phase: None

    # --- what must hold -------------------------------------------------------------------------------------------------------

    def lone_edit(self, side: str, email: str, pick: int) -> None:
        """The promise itself: with both sides settled, one edit on one side stands on the other after one write there and none here."""
        other = other_of(side)
        for one in ("a", "b"):
            if self.one(one, email) is None:
                self.person_added(one, email, pick)
        self.check_healed()
        pairs = self.pairs(side)
        if not pairs:
            return
        id, twin = pairs[-1 - pick % len(pairs)]
        self.crm(other).log.clear()
        self.crm(side).log.clear()
        whose = self.people(side, id)
        if pick in (0, 5) and len(whose) == 1 and self.people(other, twin) == whose and len(self.crm(side).shown_links(id)) == 1:
            self.crm(side).relink(id)
            self.tiny.settle()
            assert self.people(side, id) == self.people(other, twin) == set(), "whom it was taken from came back"
            assert (len(self.crm(other).log), self.crm(side).log) == (1, []), "one change of whom it belongs to, one write"
            SEEN["lone parting"] += 1
            return
        change: dict[str, Value] = {"subject": self.word()}
        if pick in (1, 2):
            change = self.moved(side, self.steps)
        elif pick == 3 and self.kind(side, id) == "task":
            change = {"status": next(native for native in STATUS[side] if native != self.crm(side).rows[id].fields["status"])}
        elif pick == 4:
            change = {"owner": rep(side, next(iter(REPS)))}
        self.crm(side).edit(id, **change)
        self.tiny.settle()
        self.check_pair(str(self.linked(side, id)), {side: id, other: twin})
        assert len(self.crm(other).log) <= 1, f"one edit {change}, at most one write: {self.crm(other).log}"
        assert self.crm(side).log == [], f"echo of {change}: {self.crm(side).log}"
        SEEN["lone edit"] += 1

    @invariant()
    def nothing_is_doubled(self) -> None:
        """Every subject is given once by people; whatever stands twice on a side is our doing."""
        for side in ("a", "b"):
            shown = [str(self.crm(side).rows[id].fields["subject"]) for id in self.there(side)]
            assert len(shown) == len(set(shown)), f"duplicates in {side}: {shown}"

    def check_healed(self) -> None:
        """Some clean cycles later everything agrees, nothing is open, and a further cycle writes nothing."""
        tiny = self.tiny
        tiny.world.forget_schema()  # users and schemas are read again: as some minutes later
        tiny.b.catch_up()
        if not self.troubled:
            for _ in range(CLEAN):
                tiny.cycle()
            self.check_drift()
            SEEN["in step"] += 1
        self.troubled = False
        self.calm()
        for crm in (tiny.a, tiny.b):
            crm.log.clear()
        tiny.settle()
        assert (tiny.a.log, tiny.b.log) == ([], []), "not quiet"
        assert tiny.store.journal.open_intents() == []
        assert tiny.store.dirty_count() == 0
        self.nothing_is_doubled()
        twins: dict[str, dict[str, str]] = defaultdict(dict)
        for side in ("a", "b"):
            for id in self.there(side):
                twin = self.linked(side, id)
                assert twin is not None, f"{side} {id} is a live activity that stands for nothing"
                assert side not in twins[twin], f"{side} has two records of {twin}"
                twins[twin][side] = id
        for twin, ids in twins.items():
            if len(ids) == 2:
                self.check_pair(twin, ids)
            else:
                self.check_alone(twin, *next(iter(ids.items())))
        self.check_deletes()
        for key, row in tiny.store.tasks.by_key(self.touches).items():
            if row.record_id in tiny.a.live("task"):
                assert self.linked("a", str(row.record_id)) == key, "a first-touch task stands for something else than itself"
                SEEN["own task"] += 1
        self.check_drift()

    def check_drift(self) -> None:
        tiny = self.tiny
        found = drift(cast(Workspace, SimpleNamespace(world=tiny.world, store=tiny.store, playbook=tiny.rules, clock=lambda: tiny.now)))
        assert found.unexplained == 0, f"drift that nothing explains: {found.json()}"

    def problems(self, twin: str) -> set[str]:
        return {row.problem.cause for row in self.tiny.store.problems.rows(person_ids=[twin])}

    def check_pair(self, twin: str, ids: dict[str, str]) -> None:
        """Both sides show the same activity."""
        left, right = self.tiny.a.rows[ids["a"]].fields, self.tiny.b.rows[ids["b"]].fields
        house = {
            "subject": (left["subject"], right["subject"]),
            "body": (left["body"], to_text(str(right["body"]))),
            "key": (left["crmsync_key"], right["crmsync_key"]),
        }
        if self.kind("a", ids["a"]) == "task":
            house["status"] = (STATUS["a"][str(left["status"])], STATUS["b"][str(right["status"])])
        owners = (self.house("a", left["owner"]), self.house("b", right["owner"]))
        if "owner_without_twin" not in self.problems(twin):
            house["owner"] = owners
        house["due"] = (left["due"], day_of(str(right["due_at"]), REPS.get(str(owners[1]), EMPTY)))
        differ = {name: values for name, values in house.items() if values[0] != values[1]}
        assert not differ, f"{ids} differ: {differ}"
        assert left["crmsync_key"] == twin
        self.check_belongs(ids)
        SEEN["pair"] += 1

    def house(self, side: str, native: Value) -> str | None:
        user = next((u for u in self.crm(side).users_list if u.id == native), None)
        return user.email if user is not None else None

    def people(self, side: str, id: str) -> set[str]:
        """Whom an activity belongs to, as far as they have a record on the other side."""
        found = {person for to in self.crm(side).shown_links(id) if (person := self.linked(side, to.id)) is not None}
        return {person for person in found if any(self.linked(other_of(side), one) == person for one in self.crm(other_of(side)).live())}

    def check_belongs(self, ids: dict[str, str]) -> None:
        left, right = self.people("a", ids["a"]), self.people("b", ids["b"])
        assert left <= right, f"{ids}: a says {left}, b says {right}"
        # The one place there is may be held by somebody who has no record on the other side any more.
        if not self.crm("a").shown_links(ids["a"]) and not self.emptied & set(ids.values()):
            assert not right, f"{ids}: a says nobody, b says {right}"

    def check_alone(self, twin: str, side: str, id: str) -> None:
        """What stands on one side only was deleted on the other, and that is told; or nobody it belongs to is there."""
        other = other_of(side)
        had = any(s.ref.side == other for s in self.tiny.store.snapshots_of([twin]).get(twin, ()))
        if had:
            assert "deleted_elsewhere" in self.problems(twin), f"{side} {id} was deleted in {other}, which nobody is told"
            SEEN["kept"] += 1
        else:
            assert not self.people(side, id), f"{side} {id} has not reached {other}: {self.problems(twin)}"
            SEEN["waits"] += 1

    def check_deletes(self) -> None:
        """What we deleted, somebody had deleted on the other side."""
        for side in ("a", "b"):
            for id, row in self.crm(side).rows.items():
                if row.object == "person" or row.state is not RecordState.DELETED or not row.by_us:
                    continue
                twin, other = self.linked(side, id), other_of(side)
                by_hand = [
                    one
                    for one, there in self.crm(other).rows.items()
                    if there.object != "person"
                    and self.linked(other, one) == twin
                    and (one in self.restored or (there.state is RecordState.DELETED and not there.by_us))
                ]
                assert by_hand, f"we deleted {side} {id}, and nobody wanted that"
                SEEN["gone"] += 1


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """In memory where the machine has such a place: nothing here is about the disk."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    shelf = Shelf(folder)
    yield shelf
    shelf.store.close()
    shutil.rmtree(folder)


def test_the_machine_heals_and_has_seen_everything(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hypothesis also draws constants of whatever modules happen to be loaded: the games would be others in each selection of tests.
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    SEEN.clear()
    Machine.shelf = shelf
    few = settings(
        max_examples=4,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        phases=(Phase.generate,),  # shrinking takes minutes: add Phase.shrink when there is something to shrink
    )
    play = get_state_machine_test(Machine, settings=few)  # type: ignore[no-untyped-call]  # once: it reads the machine's source, slowly
    with silence():
        for game in range(16):
            Machine.game = game
            play()
    rare = {kind: SEEN[kind] for kind, least in LEAST.items() if SEEN[kind] < least}
    assert not rare, f"the machine hardly ever did this: {rare} of {dict(SEEN)}"
