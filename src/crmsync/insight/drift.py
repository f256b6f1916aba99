"""Compares both CRMs record by record: what differs, and whether anything explains it. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import orjson

from crmsync.decide.canonical import same
from crmsync.decide.match import primary, spares
from crmsync.decide.reconcile import anchor
from crmsync.decide.translate import Column, Lens, Owners
from crmsync.model.attention import ParkedProblem
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Fields, RecordState, Ref, Value
from crmsync.model.rules import FILL, FieldType, PersonMap
from crmsync.store import Store

T = TypeVar("T")
EXAMPLES = 5
UNEXPLAINED = "unexplained"
WAITING = "waiting: changed since the last cycle, decided next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One difference. field: None for a record that has no twin. values: crm -> value."""

    person_id: str | None
    field: str | None
    records: tuple[str, ...]
    values: Mapping[str, Value]


@dataclass(slots=True, kw_only=True)
class Drift:
    """records: crm -> live records read. pairs: persons compared on both sides. reasons: why -> differences; examples: a few of each."""

    records: dict[str, int] = field(default_factory=dict)
    pairs: int = 0
    fields: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        """Differences nothing explains."""
        return self.reasons[UNEXPLAINED]

    def add(self, reason: str, example: Example) -> None:
        """Counts one difference."""
        self.reasons[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            shown.append(example)

    def json(self) -> dict[str, Any]:
        """The documented shape."""
        return {
            "records": self.records,
            "pairs": self.pairs,
            "fields": self.fields,
            "differences": sum(self.reasons.values()),
            "unexplained": self.unexplained,
            "reasons": dict(self.reasons.most_common()),
            "examples": {
                reason: [
                    {"person_id": e.person_id, "field": e.field, "records": list(e.records), "values": dict(e.values)} for e in examples
                ]
                for reason, examples in self.examples.items()
            },
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What comparing needs to know. read_only: (crm, object, native field) that the live schema does not let us write.
    machines: house owner ids of integration users."""

    store: Store
    person: PersonMap
    lenses: Mapping[tuple[str, str], Lens]
    owners: Owners
    sides: tuple[str, ...]
    machines: frozenset[str] = frozenset()
    read_only: Callable[[str, str, str], bool] = lambda side, object, native: False


Batches = Iterable[Sequence[Snapshot]]
"""Live records of one side as they are now, in batches of any size."""


class Shelf:
    """Fresh records, packed: values only, in the order of their object's fields."""

    def __init__(self, lenses: Mapping[tuple[str, str], Lens]) -> None:
        self._order = {key: tuple(lens.by_name) for key, lens in lenses.items()}
        self._rows: dict[tuple[str, str], dict[str, bytes]] = {key: {} for key in lenses}

    def add(self, snapshot: Snapshot) -> None:
        """Keeps its fields; one that the CRM did not deliver stays absent."""
        key = (snapshot.ref.side, snapshot.ref.object)
        self._rows[key][snapshot.ref.id] = orjson.dumps([[snapshot.fields[n]] if n in snapshot.fields else [] for n in self._order[key]])

    def get(self, ref: Ref) -> dict[str, Value] | None:
        """Its fields, None when it is not among the fresh ones."""
        key = (ref.side, ref.object)
        packed = self._rows.get(key, {}).get(ref.id)
        if packed is None:
            return None
        return {name: cell[0] for name, cell in zip(self._order[key], orjson.loads(packed), strict=True) if cell}

    def refs(self) -> Iterator[Ref]:
        """Every record on the shelf."""
        for (side, object), rows in self._rows.items():
            for id in rows:
                yield Ref(side=side, object=object, id=id)

    def count(self, side: str) -> int:
        """Records of one side."""
        return sum(len(rows) for (s, _), rows in self._rows.items() if s == side)


def compare(terms: Terms, fresh: Mapping[str, Batches]) -> Drift:
    """Pairs fresh records by the store's links and compares every field that both sides map. Fresh records are packed in memory (a few
    hundred bytes each); what the store knows is read in pages."""
    shelf = Shelf(terms.lenses)
    for batches in fresh.values():
        for batch in batches:
            for snapshot in batch:
                shelf.add(snapshot)
    drift = Drift(records={side: shelf.count(side) for side in terms.sides})
    if len(terms.sides) < 2:
        return drift
    comparison = _Comparison(terms, drift, shelf)
    for persons in _pages(terms.store.iter_person_ids()):
        comparison.persons(persons)
    for refs in _pages(shelf.refs()):
        comparison.unlinked(refs)
    return drift


def _pages(items: Iterator[T], size: int = 1_000) -> Iterator[list[T]]:
    while page := list(islice(items, size)):
        yield page


def _waiting(store: Store) -> tuple[set[Ref], set[str]]:
    """Records and persons that a cycle has still to decide, or whose write has no answer yet."""
    refs: set[Ref] = set()
    persons = {str(entry.person_id) for entry in store.open_intents() if entry.person_id is not None}
    after: tuple[str, str, str] | None = None
    while taken := store.take_dirty(1_000, after):
        last = taken[-1][0].ref
        after = (last.side, last.object, last.id)
        for snapshot, _ in taken:
            refs.add(snapshot.ref)
            if snapshot.person_id is not None:
                persons.add(snapshot.person_id)
    return refs, persons


class _Comparison:
    """Compares persons in pages and counts into one Drift."""

    def __init__(self, terms: Terms, drift: Drift, shelf: Shelf) -> None:
        self.terms, self.drift, self.shelf = terms, drift, shelf
        self.dirty, self.waiting = _waiting(terms.store)

    def unlinked(self, refs: Sequence[Ref]) -> None:
        """Fresh records that stand for nobody yet."""
        stored = self.terms.store.snapshots(refs)
        for ref in refs:
            known = stored.get(ref)
            if known is None or known.person_id is None:
                self._unlinked(ref, known, self.shelf.get(ref) or {})

    def persons(self, ids: Sequence[str]) -> None:
        """All records and all fields of these persons."""
        store = self.terms.store
        snapshots, states = store.snapshots_of(ids), store.persons(ids)
        problems: dict[str, list[ParkedProblem]] = {}
        for row in store.problems(person_ids=ids, limit=1_000_000):
            problems.setdefault(str(row.problem.person_id), []).append(row)
        conflicts = {(c.person_id, c.field) for c in store.conflicts(person_ids=ids)}
        for person in ids:
            records = snapshots.get(person, ())
            state = states.get(person) or PersonState(person_id=person)
            chosen = {s: found for s in self.terms.sides if (found := primary(records, s, self.terms.person, state.anchors)) is not None}
            for side, found in chosen.items():
                for spare in spares(records, found):
                    self.drift.add(
                        "duplicate: another record of the same person is kept in step", _example(person, None, [spare.ref], {side: None})
                    )
            fresh = {side: self.shelf.get(found.ref) for side, found in chosen.items()}
            gone = [chosen[side].ref for side, fields in fresh.items() if fields is None]
            if gone:
                self.drift.add(WAITING, _example(person, None, gone, {}))
                continue
            shown = {side: fields for side, fields in fresh.items() if fields is not None}
            if len(shown) < len(self.terms.sides):
                self._alone(person, records, chosen, shown, problems.get(person, ()))
            else:
                self._pair(person, state, chosen, shown, problems.get(person, ()), conflicts)

    def _unlinked(self, ref: Ref, known: Snapshot | None, fields: Fields) -> None:
        reason = WAITING if known is None or ref in self.dirty else UNEXPLAINED
        self.drift.add(reason, _example(None, None, [ref], {ref.side: fields.get("email")}))

    def _alone(
        self,
        person: str,
        records: Sequence[Snapshot],
        chosen: Mapping[str, Snapshot],
        shown: Mapping[str, Fields],
        problems: Sequence[ParkedProblem],
    ) -> None:
        """A person whom one side lacks."""
        if not shown:
            return
        lacking = next(side for side in self.terms.sides if side not in shown)
        fields = next(iter(shown.values()))
        parked = [row for row in problems if row.problem.side == lacking]
        if any(s.ref.side == lacking and s.state is not RecordState.LIVE for s in records):
            reason = f"deleted in {lacking}: kept here, no longer in step"
        elif not fields.get("email"):
            reason = "without an e-mail nobody is created elsewhere"
        elif person in self.waiting:
            reason = WAITING
        elif parked:
            reason = f"parked: {parked[0].problem.cause}"
        elif lacking not in self.terms.person.create_as:
            reason = f"by mapping: nobody is created in {lacking}"
        else:
            reason = UNEXPLAINED
        self.drift.add(
            reason, _example(person, None, [s.ref for s in chosen.values()], {side: f.get("email") for side, f in shown.items()})
        )

    def _pair(
        self,
        person: str,
        state: PersonState,
        chosen: Mapping[str, Snapshot],
        shown: Mapping[str, Fields],
        problems: Sequence[ParkedProblem],
        conflicts: set[tuple[str, str]],
    ) -> None:
        left, right = self.terms.sides[:2]
        self.drift.pairs += 1
        lenses = {side: self.terms.lenses[side, chosen[side].ref.object] for side in (left, right)}
        for name, column in lenses[left].by_name.items():
            twin = lenses[right].by_name.get(name)
            if twin is None or name not in shown[left] or name not in shown[right]:
                continue
            self.drift.fields += 1
            values = {left: shown[left][name], right: shown[right][name]}
            if same(column.map.type, values[left], values[right]):
                continue
            reason = self._why(name, {left: column, right: twin}, values, person, state, chosen, problems, conflicts)
            self.drift.add(reason, _example(person, name, [s.ref for s in chosen.values()], values))

    def _why(
        self,
        name: str,
        columns: Mapping[str, Column],
        values: Mapping[str, Value],
        person: str,
        state: PersonState,
        chosen: Mapping[str, Snapshot],
        problems: Sequence[ParkedProblem],
        conflicts: set[tuple[str, str]],
    ) -> str:
        rule = columns[self.terms.sides[0]].map
        if (person, name) in conflicts:
            return "conflict: waits for a person"
        if person in self.waiting or any(not same(rule.type, chosen[side].fields.get(name), value) for side, value in values.items()):
            return WAITING
        parked = [
            row for row in problems if row.problem.field in (name, None) and row.problem.cause not in ("duplicate", "deleted_elsewhere")
        ]
        if parked:
            return f"parked: {parked[0].problem.cause}"
        writable = [side for side in values if self._writable(side, chosen[side].ref.object, columns[side])]
        if not writable:
            return "by mapping: written on neither side"
        agreed = state.base.get(name)
        settled = (
            agreed is not None
            and agreed.mapping == rule.fingerprint
            and all(state.anchors.get(side) == anchor(chosen[side]) for side in values)
            and all(same(rule.type, agreed.values.get(side), value) for side, value in values.items())
        )
        once = any(column.place.at_creation for column in columns.values())
        if once and agreed is not None and agreed.mapping == rule.fingerprint:
            return "by mapping: carried at creation only"
        if rule.conflict == FILL and None not in values.values():
            return "accepted: fill writes only into an empty field"
        if rule.conflict == FILL and all(values[side] is None for side in values if side not in writable):
            return "by mapping: written in " + " and ".join(writable) + " only"
        if rule.type is FieldType.OWNER and any(value in self.terms.machines for value in values.values()):
            return "owner: a machine's records are nobody's yet"
        if not settled:
            return UNEXPLAINED
        return self._accepted(rule.type, rule.conflict, rule.empty == "clear" and not rule.required, columns, values, writable)

    def _accepted(
        self,
        kind: FieldType,
        conflict: str,
        clears: bool,
        columns: Mapping[str, Column],
        values: Mapping[str, Value],
        writable: Sequence[str],
    ) -> str:
        """The two sides were settled on exactly these values: by which rule."""
        if kind is FieldType.OWNER:
            without = [s for s in values if any(self.terms.owners.native(s, v) is None for v in values.values() if v is not None)]
            if without:
                return f"owner: without an active user in {without[0]}"
            return "accepted: a first connection changes nobody's owner"
        if len(writable) == 1:
            return f"by mapping: written in {writable[0]} only"
        if conflict == FILL:
            return "accepted: fill writes only into an empty field"
        if not clears and None in values.values():
            return "accepted: this field does not carry clears"
        if None in values.values():
            return UNEXPLAINED  # no rule leaves one side of such a field empty
        return "accepted: a CRM's own form of the value"

    def _writable(self, side: str, object: str, column: Column) -> bool:
        place = column.place
        return side in column.map.to and not place.read_only and not self.terms.read_only(side, object, place.field)


def _example(person: str | None, name: str | None, refs: Iterable[Ref], values: Mapping[str, Value]) -> Example:
    return Example(person_id=person, field=name, records=tuple(str(ref) for ref in refs), values=values)
