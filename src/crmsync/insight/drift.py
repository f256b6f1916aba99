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
from crmsync.decide.owners import Owners
from crmsync.decide.translate import Lens
from crmsync.insight.reasons import UNDONE_BY_HAND, UNEXPLAINED, WAITING, Judge
from crmsync.model.attention import ParkedProblem
from crmsync.model.link import UNDONE, PersonState, Snapshot
from crmsync.model.record import Fields, RecordState, Ref, Value
from crmsync.model.rules import PersonMap
from crmsync.store import Store

T = TypeVar("T")
EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One difference. field: None for a record that has no twin. values: crm -> value. what: "person", or the kind of activity; person_id is
    its crmsync_key then."""

    person_id: str | None
    field: str | None
    records: tuple[str, ...]
    values: Mapping[str, Value]
    what: str = "person"


@dataclass(slots=True, kw_only=True)
class Drift:
    """records: crm -> live records of persons read. pairs: persons compared on both sides. around: crm -> live records of activities, companies
    and deals read; twins: kind -> those compared on both sides. reasons: why -> differences; examples: a few of each."""

    records: dict[str, int] = field(default_factory=dict)
    pairs: int = 0
    fields: int = 0
    around: dict[str, int] = field(default_factory=dict)
    twins: Counter[str] = field(default_factory=Counter)
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
            "activity_records": self.around,
            "activities": dict(sorted(self.twins.items())),
            "differences": sum(self.reasons.values()),
            "unexplained": self.unexplained,
            "reasons": dict(self.reasons.most_common()),
            "examples": {
                reason: [
                    {"person_id": e.person_id, "what": e.what, "field": e.field, "records": list(e.records), "values": dict(e.values)}
                    for e in examples
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
    for persons in pages(terms.store.iter_person_ids()):
        comparison.persons(persons)
    for refs in pages(shelf.refs()):
        comparison.unlinked(refs)
    return drift


def pages(items: Iterator[T], size: int = 1_000) -> Iterator[list[T]]:
    while page := list(islice(items, size)):
        yield page


def waiting_of(store: Store) -> tuple[set[Ref], set[str]]:
    """Records and persons that a cycle has still to decide, or whose write has no answer yet."""
    refs: set[Ref] = set()
    persons = {str(entry.person_id) for entry in store.journal.open_intents() if entry.person_id is not None}
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
        self.dirty, self.waiting = waiting_of(terms.store)
        self.judge = Judge(sides=terms.sides, owners=terms.owners, machines=terms.machines, read_only=terms.read_only)

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
        for row in store.problems.rows(person_ids=ids, limit=1_000_000):
            problems.setdefault(str(row.problem.person_id), []).append(row)
        conflicts = {(c.person_id, c.field) for c in store.conflicts.rows(person_ids=ids)}
        for person in ids:
            records = snapshots.get(person, ())
            state = states.get(person) or PersonState(person_id=person)
            chosen = {s: found for s in self.terms.sides if (found := primary(records, s, self.terms.person, state.anchors)) is not None}
            for side, found in chosen.items():
                for spare in spares(records, found):
                    self.drift.add(
                        "duplicate: another record of the same person is kept in step", example(person, None, [spare.ref], {side: None})
                    )
            fresh = {side: self.shelf.get(found.ref) for side, found in chosen.items()}
            gone = [chosen[side].ref for side, fields in fresh.items() if fields is None]
            if gone:
                self.drift.add(WAITING, example(person, None, gone, {}))
                continue
            shown = {side: fields for side, fields in fresh.items() if fields is not None}
            if len(shown) < len(self.terms.sides):
                undone = any(UNDONE in state.written.get(side, {}) for side in self.terms.sides if side not in shown)
                self._alone(person, records, chosen, shown, problems.get(person, ()), undone=undone)
            else:
                self._pair(person, state, chosen, shown, problems.get(person, ()), conflicts)

    def _unlinked(self, ref: Ref, known: Snapshot | None, fields: Fields) -> None:
        reason = WAITING if known is None or ref in self.dirty else UNEXPLAINED
        self.drift.add(reason, example(None, None, [ref], {ref.side: fields.get("email")}))

    def _alone(
        self,
        person: str,
        records: Sequence[Snapshot],
        chosen: Mapping[str, Snapshot],
        shown: Mapping[str, Fields],
        problems: Sequence[ParkedProblem],
        *,
        undone: bool,
    ) -> None:
        """A person whom one side lacks."""
        if not shown:
            return
        lacking = next(side for side in self.terms.sides if side not in shown)
        fields = next(iter(shown.values()))
        parked = [row for row in problems if row.problem.side == lacking]
        if undone:
            reason = UNDONE_BY_HAND
        elif any(s.ref.side == lacking and s.state is not RecordState.LIVE for s in records):
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
        self.drift.add(reason, example(person, None, [s.ref for s in chosen.values()], {side: f.get("email") for side, f in shown.items()}))

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
            reason = self.judge.why(
                name,
                {left: column, right: twin},
                values,
                state,
                chosen,
                problems,
                waits=person in self.waiting,
                asked=(person, name) in conflicts,
            )
            self.drift.add(reason, example(person, name, [s.ref for s in chosen.values()], values))


def example(person: str | None, name: str | None, refs: Iterable[Ref], values: Mapping[str, Value], what: str = "person") -> Example:
    """One difference, with its records as text."""
    return Example(person_id=person, field=name, records=tuple(str(ref) for ref in refs), values=values, what=what)
