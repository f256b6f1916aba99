"""One activity, company or deal: what it says in house terms, which of its fields move where, whether it is created or deleted on the other side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crmsync.decide.belong import Belonging
from crmsync.decide.canonical import moment
from crmsync.decide.plan import Parked, PlannedWrite, data_hash
from crmsync.decide.reconcile import Reconciled, reconcile
from crmsync.decide.twin_draft import DUE, TwinDraft
from crmsync.decide.twin_look import Ground, finished, shown, took_place, when_of
from crmsync.model.attention import Problem
from crmsync.model.change import Action
from crmsync.model.fields import KEY
from crmsync.model.link import BELONGING, UNDONE, Snapshot, Twin
from crmsync.model.record import Fields, RecordState, Ref, Value
from crmsync.model.rules import TwinMap

PERSON, FILTER, LATER = "person", "filter", "problem"
"""Why a twin has no record on the other side yet."""
FOLLOWS = "the task follows the person's owner"
DELETED = "deleted by us"
"""In PersonState.written: we deleted the record of that side, so its absence is nobody's wish."""
WENT = "went with whom it belonged to"
"""In PersonState.written: the record of that side. Should the person come back without it, or be read before it, nobody has wished it away either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinPlan:
    """What one twin needs now. twin: to store. finished: it tells of something that has happened, at `at` (UTC). facts: house values as both
    sides will show them. shown: side -> ids of the parties it belongs to there."""

    twin: Twin
    reconciled: Reconciled
    writes: tuple[PlannedWrite, ...] = ()
    problems: tuple[Problem, ...] = ()
    finished: bool = False
    at: datetime
    facts: Fields = field(default_factory=dict)
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """Who does an open task from now on, on both sides, and on which day it is due (ISO date); None: as before."""

    owner: str | None = None
    due_on: str | None = None


NOBODY_NEW = Heir()


def plan_twin(
    twin: Twin,
    records: Sequence[Snapshot],
    belonging: Belonging,
    ground: Ground,
    parked: Parked,
    *,
    heir: Heir | None = None,
    due_at: datetime | None = None,
) -> TwinPlan:
    """The writes one twin needs now; at most one per side. heir: to whom and when it goes while it is open (None: nothing new). due_at: when one of our own tasks
    is due (UTC), which a CRM with mere days does not tell.

    records: its records in native terms, in every state (Snapshot.extra). Deletes go over to the other side, unless it was finished there
    meanwhile, or the record went with the person it belonged to."""
    map, terms = ground.map, ground.terms
    primaries = _primaries(twin, records, ground)
    reconciled = reconcile(twin.state, primaries, terms.lenses, tie=map.tie)
    facts = dict(reconciled.facts)
    to = NOBODY_NEW if heir is None or finished(facts, map, ground.at) else heir
    plan = _Planning(twin, primaries, belonging, ground, parked, reconciled, to, due_at)
    if len(primaries) > 1:
        plan.in_step()
    elif primaries:
        plan.alone(records)
    state = replace(
        twin.state,
        base={**twin.state.base, **reconciled.base},
        anchors={**twin.state.anchors, **reconciled.anchors},
        sent=reconciled.sent,
        written={**twin.state.written, **plan.written},
    )
    return TwinPlan(
        twin=replace(twin, state=state, links={**twin.links, **plan.links}, waiting=plan.waiting),
        writes=tuple(plan.writes),
        problems=(*reconciled.problems, *plan.problems),
        finished=bool(primaries) and finished(facts, map, ground.at),
        at=took_place(primaries.values(), ground),
        facts=facts,
        shown=belonging.shown,
        reconciled=reconciled,
    )


def _primaries(twin: Twin, records: Sequence[Snapshot], ground: Ground) -> dict[str, Snapshot]:
    """The live record of each side: the settled one, else the oldest."""
    found: dict[str, Snapshot] = {}
    for side in ground.terms.sides:
        live = [r for r in records if r.ref.side == side and r.state is RecordState.LIVE and (side, r.ref.object) in ground.terms.lenses]
        if live:
            anchor = twin.state.anchors.get(side)
            best = min(live, key=lambda r: (f"{r.ref.object}/{r.ref.id}" != anchor, r.created_at or r.modified_at, r.ref.id))
            found[side] = shown(best, ground.terms.lenses[side, best.ref.object], ground, twin.state)
    return found


class _Planning:
    """Collects what one call of plan_twin finds."""

    def __init__(
        self,
        twin: Twin,
        primaries: Mapping[str, Snapshot],
        belonging: Belonging,
        ground: Ground,
        parked: Parked,
        reconciled: Reconciled,
        heir: Heir,
        due_at: datetime | None,
    ) -> None:
        self.due_at = due_at
        self.twin, self.primaries, self.belonging, self.heir = twin, primaries, belonging, heir
        self.ground, self.parked, self.reconciled = ground, parked, reconciled
        self.writes: list[PlannedWrite] = []
        self.problems: list[Problem] = []
        self.links: dict[str, tuple[str, ...]] = {}
        self.written: dict[str, Mapping[str, Value]] = {}
        self.waiting = ""

    def in_step(self) -> None:
        """Both sides have it: fields and belongings move."""
        sides = tuple(self.primaries)
        for side in sides:
            before = self.twin.state.written.get(side, {})
            if before.keys() & {UNDONE, DELETED, WENT}:  # a record that we knew to be away is back
                self.written[side] = {name: value for name, value in before.items() if name not in (UNDONE, DELETED, WENT)}
        odd = self._odd_times(self.reconciled.facts)
        then: dict[str, tuple[str, ...]] = {}
        pending = False
        for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
            snapshot = self.primaries[side]
            draft = TwinDraft(self.twin.state, snapshot.ref, snapshot, self.ground, self.parked, self.reconciled)
            draft.due_at = self.due_at if self.heir.due_on is not None else None
            reconciled = self.reconciled
            # On its way to another day, the day that a CRM still shows is nobody's choice, and must not come back from there.
            held = (*(("start", "end") if odd else ()), *((DUE,) if self.heir.due_on is not None else ()))
            if held:
                moves = [m for m in reconciled.moves.get(side, ()) if m.field not in held]
                reconciled = replace(reconciled, moves={**reconciled.moves, side: moves})
            draft.take_moves(reconciled, self.heir.owner, FOLLOWS)
            draft.take_day(self.heir.due_on, FOLLOWS)
            draft.keep_days()
            draft.follow()
            if self.ground.map.to:  # what is only read is not marked either
                draft.take_outputs({KEY: self.twin.twin_id})
            if side in self.ground.map.to and self.ground.map.belongs:
                draft.about, draft.unlink, then[side] = self.belonging.change(side, other, self._links(side))
                pending |= bool(draft.about or draft.unlink)
            elif self.ground.map.to and self.ground.map.belongs:
                then[side] = self.belonging.shown.get(side, ())  # nothing is carried there: what it shows stands
            self._keep(side, draft)
        if not pending:  # as long as one side has to be written, nothing is agreed: the write may be lost
            self.links.update(then)

    def _links(self, side: str) -> dict[str, tuple[str, ...]]:
        """Whom it belongs to as settled; whom `undo` took away on that side is not missed there."""
        undone = str(self.twin.state.written.get(side, {}).get(UNDONE + BELONGING) or "")
        return {**self.twin.links, side: (*self.twin.links.get(side, ()), *filter(None, undone.split(";")))}

    def alone(self, records: Sequence[Snapshot]) -> None:
        """One side has it. On the other it was deleted, or is created, or waits."""
        side, snapshot = next(iter(self.primaries.items()))
        self.links[side] = self.belonging.shown.get(side, ())
        own = TwinDraft(self.twin.state, snapshot.ref, snapshot, self.ground, self.parked, self.reconciled)
        own.due_at = self.due_at if self.heir.due_on is not None else None
        own.take_moves(self.reconciled, self.heir.owner, FOLLOWS)
        own.take_day(self.heir.due_on, FOLLOWS)
        own.keep_days()
        for other in self.ground.terms.sides:
            if other == side:
                continue
            before = [r for r in records if r.ref.side == other]
            if before:
                self._deleted_there(side, snapshot, other, before)
            elif self._create(other, snapshot):
                own.take_outputs({KEY: self.twin.twin_id})
        self._keep(side, own)

    def _deleted_there(self, side: str, snapshot: Snapshot, other: str, before: Sequence[Snapshot]) -> None:
        if UNDONE in self.twin.state.written.get(other, {}):
            return  # its creation there was undone by hand
        map, agreed = self.ground.map, self.twin.state.base.get("status")
        done = finished(snapshot.fields, map, self.ground.at)
        was_done = map.logged or (agreed is not None and agreed.values.get(side) == "completed")
        settled = self.twin.links.get(other, ())
        noted, ref = self.twin.state.written.get(other, {}), str(before[0].ref)
        gone = other in self.belonging.left or (bool(settled) and not self.belonging.alive(other, settled))
        with_person = map.activity and (gone or noted.get(WENT) == ref)
        if with_person:
            self.written[other] = {**noted, WENT: ref}
        carried = side in map.create_as and map.activity
        why = (
            f"it went from {other} with whom it belonged to; it was kept in {side}"
            if with_person
            else f"deleted in {other} while it was finished in {side}; the finished one was kept"
            if done and not was_done
            else f"deleted in {other}; {map.kind} records are not deleted in {side}"
            if not carried
            else f"deleted again in {other} by us; restore it there by hand if it is wanted"
            if DELETED in noted
            else f"deleted in {other}, and restored by hand in {side}, where we had deleted it too; it was kept there"
            if DELETED in self.twin.state.written.get(side, {})
            else ""
        )
        if why:
            self._problem("deleted_elsewhere", why, snapshot.ref, None, str(before[0].ref))
            return
        lens = self.ground.terms.lenses[side, snapshot.ref.object]
        old = {column.place.field: snapshot.extra.get(column.place.field) for column in lens.by_name.values()}
        self.writes.append(
            PlannedWrite(
                side=side, object=snapshot.ref.object, action=Action.DELETE, id=snapshot.ref.id, fields={},
                old={name: value for name, value in old.items() if value is not None}, names={},
                rules={"": f"{before[0].ref} was deleted"}, base={}, own={}, merged={},
            )
        )  # fmt: skip

    def _create(self, other: str, snapshot: Snapshot) -> bool:
        """Plans the record of the other side; says in `waiting` why there is none."""
        map, ground = self.ground.map, self.ground
        if other not in map.create_as:
            return False
        about = self.belonging.targets(other, self.belonging.shown.get(snapshot.ref.side, ()))
        if map.activity and not about:
            self.waiting = PERSON
            return False
        if not passes(snapshot, map, ground):
            self.waiting = FILTER
            return False
        if self._odd_times(self.reconciled.facts):
            self.waiting = LATER
            return False
        ref = Ref(side=other, object=map.create_as[other], id="")
        draft = TwinDraft(self.twin.state, ref, None, ground, self.parked, self.reconciled)
        draft.due_at = self.due_at
        draft.take_creation(self.reconciled, self.heir.owner)
        draft.keep_days()
        draft.complete(snapshot)
        draft.take_outputs({KEY: self.twin.twin_id})
        draft.about = about
        self._keep(other, draft)
        return True

    def _keep(self, side: str, draft: TwinDraft) -> None:
        self.problems += draft.problems
        if draft.noted:
            self.written[side] = {**self.written.get(side, self.twin.state.written.get(side, {})), **draft.noted}
        write = draft.finish()
        if write is not None:
            self.writes.append(write)
        elif draft.snapshot is None:
            self.waiting = LATER  # what was refused is not tried again until it changes

    def _odd_times(self, facts: Fields) -> bool:
        start, end = moment(facts.get("start")), moment(facts.get("end"))
        if start is None or end is None or end >= start:
            return False
        snapshot = next(iter(self.primaries.values()))
        message = "the meeting ends before it starts; its times were not carried over. Correct them where it was entered."
        self._problem("ends_before_start", message, snapshot.ref, "end", data_hash({"start": facts["start"], "end": facts["end"]}))
        return True

    def _problem(self, cause: str, message: str, ref: Ref, name: str | None, data: str) -> None:
        self.problems.append(
            Problem(
                cause=cause, message=message, side=ref.side, object=ref.object, record_id=ref.id,
                person_id=self.twin.twin_id, field=name, data_hash=data,
            )
        )  # fmt: skip


def passes(snapshot: Snapshot, map: TwinMap, ground: Ground) -> bool:
    """Whether the admin's filter lets it go over (an activity that is there already is not asked)."""
    rule, house = map.filter, snapshot.fields
    owner = str(house.get("owner") or "")
    if (rule.owners and owner not in rule.owners) or owner in rule.not_owners:
        return False
    if rule.skip_subject and re.search(rule.skip_subject, str(house.get("subject") or "")[:1000], re.IGNORECASE):
        return False
    if rule.history_days is None or not finished(house, map, ground.at):
        return True
    return when_of(snapshot, ground.terms.lenses[snapshot.ref.side, snapshot.ref.object]) >= ground.start - timedelta(
        days=rule.history_days
    )
