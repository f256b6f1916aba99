"""Folds everything decided about one person into writes: at most one per record, only what the side does not show already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crmsync.decide.canonical import same
from crmsync.decide.disposition import DISPOSITION, REASON
from crmsync.decide.fits import misfit
from crmsync.decide.owners import Owners
from crmsync.decide.reconcile import Reconciled
from crmsync.decide.translate import Lens
from crmsync.model.attention import Problem
from crmsync.model.change import Action
from crmsync.model.fields import KEY, OWN_FIELDS
from crmsync.model.link import UNDONE, PersonState, Snapshot
from crmsync.model.record import GONE, FieldSchema, Ref, Value
from crmsync.model.rules import FieldType, PersonMap

_OWN_TYPES = {
    f.name: {"number": FieldType.NUMBER, "datetime": FieldType.DATETIME, "long_text": FieldType.LONG_TEXT}.get(f.type, FieldType.TEXT)
    for f in OWN_FIELDS
}
STATUS = "status:"
"""Before a native field that holds the CRM's own word for the stage, where fields are named."""
RECORD = None
"""As a problem's field: the record as a whole was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFacts:
    """What planning needs to know of one side. own: crmsync-owned house name -> native name. schema: object -> native field -> FieldSchema (empty:
    not read, nothing is checked)."""

    side: str
    own: Mapping[str, str]
    schema: Mapping[str, Mapping[str, FieldSchema]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWrite:
    """One record's write before it has an id. fields/old/names/rules by native field name (JournalEntry has the same). base: house field ->
    side -> value agreed once accepted. own: crmsync-owned house name -> value delivered once accepted. merged: house field -> value sent.
    about / unlink: records an activity shall, and shall no longer, belong to."""

    side: str
    object: str
    action: Action
    id: str | None
    fields: Mapping[str, Value]
    old: Mapping[str, Value]
    names: Mapping[str, str]
    rules: Mapping[str, str]
    base: Mapping[str, Mapping[str, Value]]
    own: Mapping[str, Value]
    merged: Mapping[str, Value]
    key: str | None = None
    about: tuple[Ref, ...] = ()
    unlink: tuple[Ref, ...] = ()

    @property
    def stood_in(self) -> frozenset[str]:
        """The owner, when somebody stands in for them (F48): written, yet agreed with nobody."""
        values = self.base.get("owner", {}) if self.merged.get("owner") is not None else {}
        return frozenset({"owner"} if any(value is None for side, value in values.items() if side != self.side) else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPlan:
    """written: side -> own field -> value found to stand there already (no write needed). accepted: house field -> side -> value: differences
    that are left as they stand and settled as such."""

    person_id: str
    writes: tuple[PlannedWrite, ...] = ()
    problems: tuple[Problem, ...] = ()
    written: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    accepted: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


Parked = Mapping[tuple[str, str, str | None], str]
"""(side, object, house or own field name; None: whole record) -> hash of the data that was refused: not tried again until it changes (F47, F63)."""


def data_hash(value: object) -> str:
    """A short stable hash of a value or a mapping of values, to notice that refused data has changed."""
    text = repr(sorted(value.items(), key=lambda item: str(item[0]))) if isinstance(value, Mapping) else repr(value)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything that is the same for all persons of a cycle."""

    person: PersonMap
    lenses: Mapping[tuple[str, str], Lens]
    sides: Mapping[str, SideFacts]
    owners: Owners
    deletes: str = "unlink"


def plan_person(
    state: PersonState,
    snapshots: Sequence[Snapshot],
    primaries: Mapping[str, Snapshot],
    reconciled: Reconciled,
    *,
    outputs: Mapping[str, Value],
    owner: str | None,
    owner_because: str,
    statuses: Mapping[tuple[str, str, str], str],
    terms: Terms,
    parked: Parked,
) -> PersonPlan:
    """The writes one person needs now. outputs: own field -> value wanted. owner: house owner id the router wants (None: leave the owner alone).
    statuses: (side, object, native field) -> the CRM's own word for the person's stage."""
    writes: list[PlannedWrite] = []
    problems: list[Problem] = list(reconciled.problems)
    written: dict[str, Mapping[str, Value]] = {}
    accepted: dict[str, Mapping[str, Value]] = {}
    wanted = {KEY: state.person_id, **outputs}
    for side in terms.sides:
        snapshot = primaries.get(side)
        if snapshot is not None:
            draft = Draft(state, snapshot.ref, snapshot, terms, parked)
            draft.take_moves(reconciled, owner, owner_because)
            # A person who is judged anew: what was decided before is taken back where it stands (L7).
            draft.take_outputs({**wanted, DISPOSITION: None, REASON: None} if side in state.retracting else wanted)
            draft.take_statuses(statuses)
            if draft.noted:
                written[side] = draft.noted
            for name in draft.left_alone:
                accepted[name] = {other: shown.fields.get(name) for other, shown in primaries.items()}
        elif primaries and _may_create(side, snapshots, reconciled, terms):
            draft = Draft(state, Ref(side=side, object=terms.person.create_as[side], id=""), None, terms, parked)
            draft.take_creation(reconciled, owner)
            draft.take_outputs(wanted)
            draft.take_statuses(statuses)
        else:
            if primaries and terms.deletes == "propagate" and UNDONE not in state.written.get(side, {}):
                writes += _propagated_delete(side, snapshots, primaries)
            continue
        problems += draft.problems
        write = draft.finish()
        if write is not None:
            writes.append(write)
    return PersonPlan(
        person_id=state.person_id,
        writes=tuple(writes),
        problems=tuple(problems),
        written=written,
        accepted=accepted,
    )


def _may_create(side: str, snapshots: Sequence[Snapshot], reconciled: Reconciled, terms: Terms) -> bool:
    """A record is created where the person has none and never had one: a deleted record is not raised from the dead (F36), and without an
    e-mail nothing is created (mapping-defaults.md)."""
    if side not in terms.person.create_as or not reconciled.facts.get("email"):
        return False
    return not any(s.ref.side == side for s in snapshots)


def _propagated_delete(side: str, snapshots: Sequence[Snapshot], primaries: Mapping[str, Snapshot]) -> list[PlannedWrite]:
    gone = [s for s in snapshots if s.ref.side == side and s.state in GONE]
    if not gone:
        return []
    return [
        PlannedWrite(
            side=other,
            object=snapshot.ref.object,
            action=Action.DELETE,
            id=snapshot.ref.id,
            fields={},
            old={name: value for name, value in snapshot.fields.items() if value is not None},
            names={},
            rules={"": f"deletes: propagate ({gone[0].ref} was deleted)"},
            base={},
            own={},
            merged={},
        )
        for other, snapshot in primaries.items()
        if other != side
    ]


class Draft:
    """Collects one record's write. Mutable on purpose: it lives for one call of plan_person (or plan_twin, which extends it)."""

    ownerless_is_settled = True
    """Whether a new record whose owner has no user there is left to whom the CRM gives it, without another look."""

    def __init__(self, state: PersonState, ref: Ref, snapshot: Snapshot | None, terms: Terms, parked: Parked) -> None:
        self.state, self.ref, self.snapshot, self.terms, self.parked = state, ref, snapshot, terms, parked
        self.lens = terms.lenses[ref.side, ref.object]
        self.facts = terms.sides[ref.side]
        self.schema = self.facts.schema.get(ref.object, {})
        self.fields: dict[str, Value] = {}
        self.old: dict[str, Value] = {}
        self.names: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        self.base: dict[str, Mapping[str, Value]] = {}
        self.own: dict[str, Value] = {}
        self.merged: dict[str, Value] = {}
        self.noted: dict[str, Value] = {}
        self.problems: list[Problem] = []
        self.left_alone: list[str] = []

    def take_moves(self, reconciled: Reconciled, owner: str | None, owner_because: str) -> None:
        """Takes the values that move to this record, and an owner whom a rule named."""
        for move in reconciled.moves.get(self.ref.side, ()):
            if move.field == "owner" and owner is not None:
                continue
            if self._put_mapped(move.field, move.value, move.old, move.because):
                if move.mark:
                    self.own[move.mark] = move.value
                    continue
                # Somebody stands in for the owner (F48): nothing was agreed, so the next look finds it again and an owner who has a user by then.
                stands_in = move.field == "owner" and self.merged["owner"] != move.value
                self.base[move.field] = dict.fromkeys(move.base) if stands_in else move.base
        if owner is not None and self.snapshot is not None and "owner" in self.lens.by_name:
            shown = self.snapshot.fields.get("owner")
            if shown != owner and self._put_mapped("owner", owner, shown, owner_because):
                self.base["owner"] = dict.fromkeys(self.terms.sides, owner)

    def take_creation(self, reconciled: Reconciled, owner: str | None) -> None:
        """Fills a new record with what the other side shows."""
        source = next(iter(reconciled.anchors), "")
        for name, column in self.lens.by_name.items():
            value = owner if name == "owner" and owner is not None else reconciled.facts.get(name)
            writable = not column.place.read_only and self.ref.side in column.map.to
            refused = value is not None and writable and not self._put_mapped(name, value, None, f"created from {source}")
            if refused and (name != "owner" or not self.ownerless_is_settled):
                continue  # not settled: the new record lacks it, and the next look must find that again
            agreed = {self.ref.side: self.merged.get(name)}
            if source:
                stands_in = name == "owner" and self.merged.get(name) != value and not self.ownerless_is_settled
                agreed[source] = None if stands_in else value if name == "owner" else reconciled.facts.get(name)
            self.base[name] = agreed
        for native, rule in self.schema.items():
            wanting = rule.required and rule.createable and self.fields.get(native) is None
            if wanting and rule.type in ("text", "other") and not rule.options:
                self.fields[native] = self.terms.person.placeholder
                self.rules[native] = "required, nothing known"

    def take_outputs(self, wanted: Mapping[str, Value]) -> None:
        """Each wanted value is delivered once; what a person then makes of it is not fought (fields.md)."""
        delivered = self.state.written.get(self.ref.side, {}) if self.snapshot is not None else {}
        for name, value in wanted.items():
            native = self.facts.own.get(name)
            if native is None or (self.schema and native not in self.schema):
                continue
            shown = self.snapshot.extra.get(native) if self.snapshot is not None else None
            kind = _OWN_TYPES.get(name, FieldType.TEXT)
            if same(kind, shown, value):
                if delivered.get(name) != value and value is not None:
                    self.noted[name] = value
                continue
            if (name in delivered and delivered[name] == value) or self._blocked(name, value):
                continue
            self.fields[native], self.old[native], self.names[native] = value, shown, name
            self.rules[native] = f"engine: {name}"
            self.own[name] = value

    def take_statuses(self, statuses: Mapping[tuple[str, str, str], str]) -> None:
        """Takes the CRM's own words for the stage, each delivered once."""
        delivered = self.state.written.get(self.ref.side, {}) if self.snapshot is not None else {}
        for (side, object, native), value in statuses.items():
            if (side, object) != (self.ref.side, self.ref.object) or delivered.get(f"{STATUS}{native}") == value:
                continue
            shown = self.snapshot.extra.get(native) if self.snapshot is not None else None
            name = f"{STATUS}{native}"
            if shown == value:
                self.noted[name] = value
            elif not self._blocked(name, value) and self._fits(name, native, value):
                self.fields[native], self.old[native], self.names[native] = value, shown, name
                self.rules[native] = "stage map"
                self.own[name] = value

    def finish(self) -> PlannedWrite | None:
        """The write, None when there is nothing to write or what was refused has not changed."""
        if not self.fields:
            return None
        refused = self.parked.get((self.ref.side, self.ref.object, RECORD))
        if refused is not None and refused == self.mark():
            return None
        create = self.snapshot is None
        return PlannedWrite(
            side=self.ref.side,
            object=self.ref.object,
            action=Action.CREATE if create else Action.UPDATE,
            id=None if create else self.ref.id,
            fields=self.fields,
            old=self.old,
            names=self.names,
            rules=self.rules,
            base=self.base,
            own=self.own,
            merged=self.merged,
            key=self.state.person_id if create else None,
        )

    def mark(self) -> str:
        """What a refusal of the whole record is held against: the same again is not tried."""
        return data_hash(self.fields)

    def _put_mapped(self, name: str, value: Value, old: Value, because: str) -> bool:
        column = self.lens.by_name[name]
        native = column.place.field
        if self._blocked(name, value):
            return False
        sent = self.native(name, value)
        if column.map.type is FieldType.OWNER and value is not None and sent is None:
            value, sent = self.twinless(value)
            if sent is None:
                return False
        limit = self.schema[native].length if native in self.schema and column.map.on_too_long == "cut" else None
        if isinstance(sent, str) and limit and len(sent) > limit:
            value, sent = self.shorten(name, value, sent, limit)
        if not self._fits(name, native, sent):
            return False
        self.fields[native], self.old[native], self.names[native] = sent, self.before(name, old), name
        self.rules[native] = because
        self.merged[name] = value
        return True

    def native(self, name: str, value: Value) -> Value:
        """What is written for a house value; None for an owner who has no user there."""
        return self.lens.to_native(name, value, self.terms.owners)

    def before(self, name: str, old: Value) -> Value:
        """What stands there now, in native terms, so that it can be restored. An owner who may own nothing new any more is still named."""
        found = self.native(name, old)
        if found is None and old is not None and self.lens.by_name[name].map.type is FieldType.OWNER:
            return self.terms.owners.known(self.ref.side, old)
        return found

    def shorten(self, name: str, value: Value, sent: str, limit: int) -> tuple[Value, Value]:
        """A text beyond the native field's length: what the side will then show, in house terms, and what to write."""
        return sent[:limit], sent[:limit]

    def twinless(self, owner: Value) -> tuple[Value, str | None]:
        """An owner who has no active user here (F48): the fallback owner and a finding; never blank, never set twice."""
        fallback = self.terms.person.fallback_owner
        native = self.terms.owners.native(self.ref.side, fallback)
        if self.snapshot is None:
            if native is not None:
                self.tell_once(owner)
            return fallback, native
        if "owner" not in self.state.base or self.terms.owners.machine(owner):
            # A first connection changes nobody's owner (section 9a), and a machine's records are nobody's yet.
            self.left_alone.append("owner")
            return owner, None
        what = "the owner was not changed" if native is None else f"{fallback} was set"
        self.problem("owner_without_twin", "owner", owner, f"owner {owner} has no active user in {self.ref.side}; {what}")
        return fallback, None if self.snapshot.fields.get("owner") == fallback else native

    def tell_once(self, owner: Value) -> None:
        """New records of an owner without a user here: said once for that owner, not once a record."""
        if not self.terms.owners.machine(owner):
            message = f"owner {owner} has no active user in {self.ref.side}; new records of theirs go to {self.terms.person.fallback_owner}"
            self.problems.append(Problem(cause="owner_without_twin", message=message, side=self.ref.side, object="owner", field=str(owner)))

    def _blocked(self, name: str, value: Value) -> bool:
        refused = self.parked.get((self.ref.side, self.ref.object, name)) if self.parked else None
        return refused is not None and refused == data_hash(value)

    def _fits(self, name: str, native: str, value: Value) -> bool:
        """Checks what the live schema already tells; an empty schema was not read."""
        if not self.schema:
            return True
        found = misfit(self.schema.get(native), f"{self.ref.object}.{native}", self.ref.side, value, create=self.snapshot is None)
        if found is not None:
            self.problem(found[0], name, value, found[1])
        return found is None

    def problem(self, cause: str, name: str, value: Value, message: str) -> None:
        """Notes why a value is not written."""
        self.problems.append(
            Problem(
                cause=cause,
                message=message,
                side=self.ref.side,
                object=self.ref.object,
                record_id=self.ref.id or None,
                person_id=self.state.person_id,
                field=name,
                data_hash=data_hash(value),
            )
        )
