"""One activity, company or deal: what it says in house terms, which of its fields move where, whether it is created or deleted on the other side."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crmsync.decide.belong import Belonging
from crmsync.decide.bodies import MARK, cut, fit, is_cut, to_text
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.days import day_of, moment_of
from crmsync.decide.plan import Draft, Parked, PlannedWrite, Terms, data_hash
from crmsync.decide.reconcile import Reconciled, reconcile
from crmsync.decide.translate import Lens, Owners
from crmsync.model.attention import Problem
from crmsync.model.change import Action
from crmsync.model.fields import KEY
from crmsync.model.link import BELONGING, UNDONE, PersonState, Snapshot, Twin
from crmsync.model.record import Fields, RecordState, Ref, Value
from crmsync.model.rules import FieldType, TwinMap

PERSON, FILTER, LATER = "person", "filter", "problem"
"""Why a twin has no record on the other side yet."""
DEFAULT_MEETING = timedelta(minutes=30)
"""How long a meeting is taken to be in a CRM that wants an end when the other does not say one."""
FIRST_LINE = 80
FOLLOWS = "the task follows the person's owner"
DELETED = "deleted by us"
"""In PersonState.written: we deleted the record of that side, so its absence is nobody's wish."""
WENT = "went with whom it belonged to"
"""In PersonState.written: the record of that side. Should the person come back without it, or be read before it, nobody has wished it away either."""
_SIGN = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is the same for all twins of one kind in a cycle. zone: for owners whose time zone is unknown. start: what was finished before (less
    the filter's history) is not carried. due_time: local time of a due day in a CRM that wants a moment."""

    map: TwinMap
    terms: Terms
    zone: str
    due_time: str
    start: datetime
    now: datetime


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


def kind_of(extra: Fields, side: str, object: str, maps: Collection[TwinMap]) -> str | None:
    """The kind of which a native record is born; None: of none that is mapped. What has still to be done is no logged call or e-mail, whatever
    its subtype: it is of the kind that has a status."""
    here = [map for map in maps if object in map.objects.get(side, ())]
    for map in here:
        tests = map.when.get(side, {})
        if all(str(extra.get(name) or "") in values for name, values in tests.items()):
            planned = [other.kind for other in here if map.logged and not other.logged and _open(other, extra, side, object)]
            return planned[0] if planned else map.kind
    return None


def _open(map: TwinMap, extra: Fields, side: str, object: str) -> bool:
    """Whether the record shows a listed status other than completed."""
    status = map.fields.get("status")
    place = status.places.get((side, object)) if status is not None else None
    if status is None or place is None:
        return False
    return status.values.get(side, {}).get(str(extra.get(place.field)), "completed") != "completed"


def zone_of_owner(owner: Value, owners: Owners, default: str) -> str:
    """The IANA zone of a house owner, else the default."""
    user = owners.users.get(str(owner))
    return (user.time_zone if user is not None else None) or default


def shown(record: Snapshot, lens: Lens, ground: Ground, state: PersonState) -> Snapshot:
    """A twin's record in house terms. Days are those of its owner's time zone. A text that we cut counts as what was agreed about it."""
    house = lens.to_house(record.extra, ground.terms.owners)
    zone = zone_of_owner(house.get("owner"), ground.terms.owners, ground.zone)
    for name, column in lens.by_name.items():
        native = record.extra.get(column.place.field)
        kind = column.map.type
        if kind is FieldType.DAY and isinstance(native, str):
            house[name] = day_of(native, zone)
        if kind is FieldType.RICH_TEXT and isinstance(native, str) and _we_cut(native, html=column.place.html):
            agreed = state.base.get(name)
            if agreed is not None and record.ref.side in agreed.values:
                house[name] = agreed.values[record.ref.side]
            else:
                house.pop(name, None)
    if "owner" not in state.base and _machine(house.get("owner"), ground.terms.owners):
        house["owner"] = None  # a CRM gives what we create for nobody to our own user: that is nobody's choice
    return replace(record, fields=house)


def _machine(owner: Value, owners: Owners) -> bool:
    user = owners.users.get(str(owner)) if owner is not None else None
    return user is not None and user.kind == "integration"


def _we_cut(native: str, *, html: bool) -> bool:
    return is_cut(to_text(native) if html else native)


def finished(house: Fields, map: TwinMap, now: datetime) -> bool:
    """Whether it tells of something that has happened."""
    if map.logged or house.get("status") == "completed":
        return True
    ends = moment(house.get("end"))
    return ends is not None and ends <= now


def when_of(record: Snapshot, lens: Lens) -> datetime:
    """When it took place or is due: its start, its moment or day, else when it was entered."""
    due = lens.by_name.get("due")
    native = record.extra.get(due.place.field) if due is not None else None
    return moment(record.fields.get("start")) or moment(native) or record.created_at or record.modified_at


def happened(record: Snapshot, lens: Lens) -> tuple[bool, datetime]:
    """When an activity took place, and whether the record says so itself: of a mere day it is the moment of the record's entry or last change on
    that day, else the day's end (UTC)."""
    due = lens.by_name.get("due")
    native = record.extra.get(due.place.field) if due is not None else None
    at = when_of(record, lens)
    if record.fields.get("start") is not None or not isinstance(native, str) or len(native) != len("2026-01-31"):
        return True, at
    over = at + timedelta(days=1) - timedelta(seconds=1)
    entered = [m for m in (record.created_at, record.modified_at) if m is not None and at <= m <= over]
    return False, max(entered, default=over)


def plan_twin(
    twin: Twin, records: Sequence[Snapshot], belonging: Belonging, ground: Ground, parked: Parked, *, owner: Value = None
) -> TwinPlan:
    """The writes one twin needs now; at most one per side. owner: the house owner it goes to while it is open, on both sides (None: nobody new).

    records: its records in native terms, in every state (Snapshot.extra). Deletes go over to the other side, unless it was finished there
    meanwhile, or the record went with the person it belonged to."""
    map, terms = ground.map, ground.terms
    primaries = _primaries(twin, records, ground)
    reconciled = reconcile(twin.state, primaries, terms.lenses, tie=map.tie)
    facts = dict(reconciled.facts)
    heir = None if owner is None or finished(facts, map, ground.now) else str(owner)
    plan = _Planning(twin, primaries, belonging, ground, parked, reconciled, heir)
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
        finished=bool(primaries) and finished(facts, map, ground.now),
        at=max((happened(r, terms.lenses[r.ref.side, r.ref.object]) for r in primaries.values()), default=(True, ground.now))[1],
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
        heir: str | None,
    ) -> None:
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
            if UNDONE in before or WENT in before:  # a record that we knew to be away is back
                self.written[side] = {name: value for name, value in before.items() if name not in (UNDONE, DELETED, WENT)}
        odd = self._odd_times(self.reconciled.facts)
        then: dict[str, tuple[str, ...]] = {}
        pending = False
        for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
            snapshot = self.primaries[side]
            draft = TwinDraft(self.twin.state, snapshot.ref, snapshot, self.ground, self.parked, self.reconciled)
            reconciled = self.reconciled
            if odd:
                moves = [m for m in reconciled.moves.get(side, ()) if m.field not in ("start", "end")]
                reconciled = replace(reconciled, moves={**reconciled.moves, side: moves})
            draft.take_moves(reconciled, self.heir, FOLLOWS)
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
        own.take_moves(self.reconciled, self.heir, FOLLOWS)
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
        done = finished(snapshot.fields, map, self.ground.now)
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
            if self.twin.state.written.get(other, {}).get(DELETED)
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
        draft.take_creation(self.reconciled, None)
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
    if rule.history_days is None or not finished(house, map, ground.now):
        return True
    return when_of(snapshot, ground.terms.lenses[snapshot.ref.side, snapshot.ref.object]) >= ground.start - timedelta(
        days=rule.history_days
    )


def refusal_mark(fields: Fields, about: Sequence[Ref], unlink: Sequence[Ref]) -> str:
    """What a refusal of a whole activity is held against: its fields and whom it belongs to. For another person it is tried again."""
    return data_hash({**fields, " about": ";".join(map(str, about)), " unlink": ";".join(map(str, unlink))})


class TwinDraft(Draft):
    """A twin's write: days become moments, bodies are cut with a mark, and what a CRM demands is filled in."""

    ownerless_is_settled = False

    def __init__(
        self, state: PersonState, ref: Ref, snapshot: Snapshot | None, ground: Ground, parked: Parked, reconciled: Reconciled
    ) -> None:
        super().__init__(state, ref, snapshot, ground.terms, parked)
        self.ground, self.reconciled = ground, reconciled
        self.about: tuple[Ref, ...] = ()
        self.unlink: tuple[Ref, ...] = ()

    def native(self, name: str, value: Value) -> Value:
        column = self.lens.by_name[name]
        kept = self.schema.get(column.place.field)
        if column.map.type is FieldType.DAY and isinstance(value, str) and kept is not None and kept.type == "datetime":
            zone = zone_of_owner(self._owner(), self.terms.owners, self.ground.zone)
            like = self.snapshot.extra.get(column.place.field) if self.snapshot is not None else None
            return moment_of(value, zone, like=like if isinstance(like, str) else None, default=self.ground.due_time)
        return super().native(name, value)

    def _owner(self) -> Value:
        """Who owns the record once this is written, in house terms: days are read by that owner's clock."""
        if "owner" in self.merged:
            return self.merged["owner"]
        return self.reconciled.facts.get("owner") if self.snapshot is None else self.snapshot.fields.get("owner")

    def keep_days(self) -> None:
        """Moments of days once it is known who owns the record: another owner's clock may show another day."""
        for name, column in self.lens.by_name.items():
            native, kept = column.place.field, self.schema.get(column.place.field)
            if column.map.type is not FieldType.DAY or kept is None or kept.type != "datetime":
                continue
            day = self.merged.get(name, self.reconciled.facts.get(name))
            if name in self.merged:
                self.fields[native] = self.native(name, day)
                continue
            ours = not column.place.read_only and self.ref.side in column.map.to
            if self.snapshot is None or "owner" not in self.merged or day is None or not ours:
                continue
            if self.native(name, day) != self.snapshot.extra.get(native):
                self._put_mapped(name, day, None, "the same day by the new owner's clock")

    def before(self, name: str, old: Value) -> Value:
        return None if self.snapshot is None else self.snapshot.extra.get(self.lens.by_name[name].place.field)

    def shorten(self, name: str, value: Value, sent: str, limit: int) -> tuple[Value, Value]:
        column = self.lens.by_name[name]
        if column.map.type is not FieldType.RICH_TEXT or not isinstance(value, str):
            return super().shorten(name, value, sent, limit)
        if limit <= len(MARK):
            return value, None  # no room to say that it was cut
        sent = fit(value, limit) if column.place.html else cut(value, limit)
        return value, sent  # what was meant counts as shown: the cut never goes back

    def twinless(self, owner: Value) -> tuple[Value, str | None]:
        """An owner who has no active user here (F48): the fallback owner, else whoever has it; told until that owner has a user."""
        if self.snapshot is not None and "owner" in self.state.base:
            return super().twinless(owner)
        user = self.terms.owners.users.get(str(owner))
        if user is not None and user.kind == "integration":
            return owner, None
        fallback = self.terms.person.fallback_owner
        native = self.terms.owners.native(self.ref.side, fallback)
        what = f"it was left to {self.ref.side}'s own choice" if native is None else f"{fallback} was set"
        self.problem("owner_without_twin", "owner", owner, f"owner {owner} has no active user in {self.ref.side}; {what}")
        return fallback, native

    def mark(self) -> str:
        return refusal_mark(self.fields, self.about, self.unlink)

    def follow(self) -> None:
        """Native fields that stand for another one ("{start}") move with it."""
        for native, template in self.ground.map.fixed.get(self.ref.side, {}).items():
            found = _SIGN.fullmatch(str(template))
            if found and found[1] in self.merged and found[1] in self.lens.by_name:
                self.fields[native] = self.native(found[1], self.merged[found[1]])
                self.rules[native] = f"follows {found[1]}"
                if self.snapshot is not None:
                    self.old[native] = self.snapshot.extra.get(native, self.old[self.lens.by_name[found[1]].place.field])

    def complete(self, source: Snapshot) -> None:
        """What the admin fixed for new records, and moments that the CRM demands though the other side has none."""
        for native, template in self.ground.map.fixed.get(self.ref.side, {}).items():
            value = self._filled(template)
            if value is not None and self.fields.get(native) is None and (not self.schema or native in self.schema):
                self.fields[native], self.rules[native] = value, "fixed for new records"
        start = moment(self.reconciled.facts.get("start"))
        column = self.lens.by_name.get("end")
        if start is not None and column is not None and self.fields.get(column.place.field) is None:
            self._put(column.place.field, stamp(start + DEFAULT_MEETING), "the other side says no end")
        column = self.lens.by_name.get("due")
        rule = self.schema.get(column.place.field) if column is not None else None
        if column is not None and rule is not None and rule.required and self.fields.get(column.place.field) is None:
            self._put(
                column.place.field,
                stamp(when_of(source, self.terms.lenses[source.ref.side, source.ref.object])),
                "required, the other side says no day",
            )

    def _put(self, native: str, value: Value, because: str) -> None:
        self.fields[native], self.rules[native] = value, because

    def _filled(self, template: Value) -> Value:
        if not isinstance(template, str):
            return template
        whole = _SIGN.fullmatch(template)
        if whole and whole[1] in self.lens.by_name:
            return self.native(whole[1], self.reconciled.facts.get(whole[1]))
        facts = self.reconciled.facts
        first = next((line.strip() for line in str(facts.get("body") or "").splitlines() if line.strip()), "")
        said = {**facts, "first_line": first[:FIRST_LINE]}
        return _SIGN.sub(lambda found: str(said.get(found[1]) or ""), template) or None

    def finish(self) -> PlannedWrite | None:
        planned = super().finish()
        if planned is None and self.snapshot is not None and (self.about or self.unlink):
            planned = PlannedWrite(
                side=self.ref.side, object=self.ref.object, action=Action.UPDATE, id=self.ref.id, fields={}, old={}, names={},
                rules={"": "whom it belongs to"}, base={}, own={}, merged={},
            )  # fmt: skip
        return None if planned is None else replace(planned, about=self.about, unlink=self.unlink)
