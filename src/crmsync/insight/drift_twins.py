"""Compares activities, companies and deals of both CRMs record by record, and counts every difference by its reason. Reads only."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from crmsync.decide.belong import PERSON, Belonging, Party
from crmsync.decide.canonical import same
from crmsync.decide.translate import Lens
from crmsync.decide.twin import passes
from crmsync.decide.twin_look import Ground, kind_of, shown
from crmsync.insight.drift import Drift, example, pages
from crmsync.insight.reasons import UNDONE_BY_HAND, UNEXPLAINED, WAITING, Judge
from crmsync.model.attention import ParkedProblem
from crmsync.model.link import BELONGING, UNDONE, Snapshot, Twin
from crmsync.model.record import Fields, RecordState, Ref
from crmsync.model.rules import TwinMap
from crmsync.store import Store

NO_KIND = "by mapping: of no kind that is kept in step"
NOT_LISTED = "unlisted value: `values` of the mapping does not name it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A record as it is now: native values, and the records it belongs to."""

    snapshot: Snapshot
    links: tuple[Ref, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinTerms:
    """What comparing needs to know. grounds: kind -> what decisions about it stand on. people: side -> persons an activity can belong to.
    parties: ids of persons, companies and deals -> their records. dirty, waiting: records and ids still to be decided."""

    store: Store
    maps: Mapping[str, TwinMap]
    grounds: Mapping[str, Ground]
    sides: tuple[str, ...]
    people: Mapping[str, int | None]
    parties: Callable[[Sequence[str]], Mapping[str, Party]]
    judge: Judge
    dirty: Collection[Ref]
    waiting: Collection[str]


class TwinShelf:
    """Fresh records, packed and compressed: texts of activities are long, and half a million of them shall fit."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], dict[str, bytes]] = {}

    def add(self, fresh: Fresh) -> None:
        """Keeps its native values and whom it belongs to."""
        seen = fresh.snapshot
        row = [
            dict(seen.extra),
            seen.modified_at.isoformat(),
            None if seen.created_at is None else seen.created_at.isoformat(),
            [[to.object, to.id] for to in fresh.links],
        ]
        self._rows.setdefault((seen.ref.side, seen.ref.object), {})[seen.ref.id] = zlib.compress(orjson.dumps(row), 1)

    def get(self, ref: Ref) -> Fresh | None:
        """The record, None when it is not among the fresh ones."""
        packed = self._rows.get((ref.side, ref.object), {}).get(ref.id)
        if packed is None:
            return None
        extra, modified, created, links = orjson.loads(zlib.decompress(packed))
        snapshot = Snapshot(
            ref=ref, fields={}, extra=extra, modified_at=datetime.fromisoformat(modified),
            created_at=None if created is None else datetime.fromisoformat(created),
        )  # fmt: skip
        return Fresh(snapshot=snapshot, links=tuple(Ref(side=ref.side, object=object, id=id) for object, id in links))

    def refs(self) -> Iterator[Ref]:
        """Every record on the shelf."""
        for (side, object), rows in self._rows.items():
            for id in rows:
                yield Ref(side=side, object=object, id=id)

    def count(self, side: str) -> int:
        """Records of one side."""
        return sum(len(rows) for (s, _), rows in self._rows.items() if s == side)


def compare_twins(terms: TwinTerms, fresh: Iterable[Sequence[Fresh]], drift: Drift) -> None:
    """Counts into `drift`. fresh: live records of all sides as they are now, in batches of any size; packed in memory."""
    shelf = TwinShelf()
    for batch in fresh:
        for row in batch:
            shelf.add(row)
    drift.around = {side: shelf.count(side) for side in terms.sides}
    if len(terms.sides) < 2:
        return
    comparison = _Comparison(terms, drift, shelf)
    for ids in pages(terms.store.twins.iter_ids()):
        comparison.twins(ids)
    for refs in pages(shelf.refs()):
        comparison.unlinked(refs)


class _Comparison:
    def __init__(self, terms: TwinTerms, drift: Drift, shelf: TwinShelf) -> None:
        self.terms, self.drift, self.shelf = terms, drift, shelf

    def unlinked(self, refs: Sequence[Ref]) -> None:
        """Fresh records that are nothing's twin."""
        stored = self.terms.store.snapshots(refs)
        for ref in refs:
            known, fresh = stored.get(ref), self.shelf.get(ref)
            if fresh is None or (known is not None and known.person_id is not None and known.state is RecordState.LIVE):
                continue
            kind = kind_of(fresh.snapshot.extra, ref.side, ref.object, self.terms.maps.values())
            if known is None or known.state is not RecordState.LIVE or ref in self.terms.dirty:
                reason = WAITING
            else:
                reason = NO_KIND if kind is None else UNEXPLAINED
            self.drift.add(reason, example(None, None, [ref], {}, kind or ref.object))

    def twins(self, ids: Sequence[str]) -> None:
        """All records, all fields, and everybody they belong to."""
        store = self.terms.store
        twins, records = store.twins.get(ids), store.snapshots_of(ids)
        problems: dict[str, list[ParkedProblem]] = {}
        for row in store.problems.rows(person_ids=ids, limit=1_000_000):
            problems.setdefault(str(row.problem.person_id), []).append(row)
        chosen = {id: self._chosen(twin, records.get(id, ())) for id, twin in twins.items() if twin.kind in self.terms.grounds}
        fresh = {id: {side: self.shelf.get(record.ref) for side, record in found.items()} for id, found in chosen.items()}
        belongs = self._belonging(twins, fresh)
        stored_links = store.links.of([record.ref for found in chosen.values() for record in found.values()])
        for id, found in chosen.items():
            twin, now = twins[id], {side: row for side, row in fresh[id].items() if row is not None}
            moved = any(
                row.snapshot.extra != found[side].extra or set(row.links) != set(stored_links.get(found[side].ref, ()))
                for side, row in now.items()
            )
            waits = moved or id in self.terms.waiting
            gone = [found[side].ref for side, row in fresh[id].items() if row is None]
            if gone:
                self.drift.add(WAITING, example(id, None, gone, {}, twin.kind))
            elif len(now) == len(self.terms.sides):
                self._pair(twin, found, now, problems.get(id, ()), waits=waits)
                self._whose(twin, found, belongs[id], waits=waits)
            elif now:
                self._alone(twin, records.get(id, ()), now, belongs[id], problems.get(id, ()), waits=waits)

    def _chosen(self, twin: Twin, records: Sequence[Snapshot]) -> dict[str, Snapshot]:
        """The stored record of each side that is kept in step: the settled one, else the oldest."""
        lenses = self.terms.grounds[twin.kind].terms.lenses
        found: dict[str, Snapshot] = {}
        for side in self.terms.sides:
            live = [r for r in records if r.ref.side == side and r.state is RecordState.LIVE and (side, r.ref.object) in lenses]
            if live:
                anchor = twin.state.anchors.get(side)
                found[side] = min(live, key=lambda r: (f"{r.ref.object}/{r.ref.id}" != anchor, r.created_at or r.modified_at, r.ref.id))
                for spare in live:
                    if spare is not found[side]:
                        self.drift.add("duplicate: another record with the same key is kept in step",
                                       example(twin.twin_id, None, [spare.ref], {}, twin.kind))  # fmt: skip
        return found

    def _belonging(self, twins: Mapping[str, Twin], fresh: Mapping[str, Mapping[str, Fresh | None]]) -> dict[str, Belonging]:
        targets = {to for rows in fresh.values() for row in rows.values() if row is not None for to in row.links}
        held = self.terms.store.snapshots(sorted(targets))
        shows = {
            id: {
                side: tuple(dict.fromkeys(p for to in row.links if to in held and (p := held[to].person_id) is not None))
                for side, row in rows.items()
                if row is not None
            }
            for id, rows in fresh.items()
        }
        everybody = {p for rows in shows.values() for found in rows.values() for p in found}
        everybody |= {p for id in shows for found in twins[id].links.values() for p in found}
        parties = self.terms.parties(sorted(everybody))
        return {id: Belonging(shown=rows, parties=parties, people=self.terms.people) for id, rows in shows.items()}

    def _house(self, twin: Twin, snapshot: Snapshot) -> tuple[Snapshot, Lens]:
        ground = self.terms.grounds[twin.kind]
        lens = ground.terms.lenses[snapshot.ref.side, snapshot.ref.object]
        return shown(snapshot, lens, ground, twin.state), lens

    def _pair(
        self, twin: Twin, chosen: Mapping[str, Snapshot], now: Mapping[str, Fresh], problems: Sequence[ParkedProblem], *, waits: bool
    ) -> None:
        left, right = self.terms.sides[:2]
        self.drift.twins[twin.kind] += 1
        seen = {side: self._house(twin, row.snapshot) for side, row in now.items()}
        before = {side: self._house(twin, record)[0] for side, record in chosen.items()}
        refs = [record.ref for record in chosen.values()]
        for name, column in seen[left][1].by_name.items():
            other = seen[right][1].by_name.get(name)
            if other is None:
                continue
            odd = {side: value for side, row in now.items() if (value := seen[side][1].unlisted(row.snapshot.extra).get(name)) is not None}
            if odd:
                self.drift.add(NOT_LISTED, example(twin.twin_id, name, refs, odd, twin.kind))
                continue
            if name not in seen[left][0].fields or name not in seen[right][0].fields:
                continue
            self.drift.fields += 1
            values = {side: seen[side][0].fields[name] for side in (left, right)}
            if same(column.map.type, values[left], values[right]):
                continue
            held = [p for p in problems if name in ("start", "end") and p.problem.cause == "ends_before_start"]
            columns = {left: column, right: other}
            reason = (
                f"parked: {held[0].problem.cause}"
                if held and not waits
                else self.terms.judge.why(name, columns, values, twin.state, before, problems, waits=waits)
            )
            self.drift.add(reason, example(twin.twin_id, name, refs, values, twin.kind))

    def _whose(self, twin: Twin, chosen: Mapping[str, Snapshot], belonging: Belonging, *, waits: bool) -> None:
        """Everybody whom one side shows it to belong to and the other does not."""
        map = self.terms.maps[twin.kind]
        if not (map.activity and map.create_as):
            return
        left, right = self.terms.sides[:2]
        for side, other in ((left, right), (right, left)):
            there = belonging.shown.get(other, ())
            for id in belonging.shown.get(side, ()):
                if id not in there:
                    reason = WAITING if waits else self._not_theirs(twin, belonging, side, other, id)
                    refs = [record.ref for record in chosen.values()]
                    self.drift.add(reason, example(twin.twin_id, BELONGING, refs, {side: id}, twin.kind))

    def _not_theirs(self, twin: Twin, belonging: Belonging, side: str, other: str, id: str) -> str:
        party = belonging.parties.get(id)
        if party is None or other not in party.records:
            return f"belongs to somebody without a record in {other}"
        marks = (twin.state.written.get(one, {}).get(UNDONE + BELONGING) for one in (side, other))
        if any(mark is not None for mark in marks):
            return UNDONE_BY_HAND
        added, _, _ = belonging.change(other, side, twin.links)
        _, taken, _ = belonging.change(side, other, twin.links)
        if party.records[other] in added or party.records.get(side) in taken:
            return UNEXPLAINED  # it would be carried, and nothing waits
        theirs = [p for p in belonging.shown.get(other, ()) if p in belonging.parties and belonging.parties[p].family == party.family]
        most = belonging.people.get(other) if party.family == PERSON else 1
        if most is not None and len(theirs) >= most:
            return f"by the CRM: in {other} an activity belongs to {most} {party.family} at most"
        if party.family != PERSON and id in twin.links.get(side, ()):
            return f"accepted: {other} did not take the {party.family} beside the person"
        return UNEXPLAINED

    def _alone(
        self, twin: Twin, records: Sequence[Snapshot], now: Mapping[str, Fresh], belonging: Belonging, problems: Sequence[ParkedProblem],
        *, waits: bool,
    ) -> None:  # fmt: skip
        """Something that one side lacks."""
        (side, row), *_ = now.items()
        other = next(one for one in self.terms.sides if one != side)
        reason = self._why_alone(twin, records, side, other, row, belonging, problems, waits=waits)
        house: Fields = self._house(twin, row.snapshot)[0].fields
        self.drift.add(
            reason, example(twin.twin_id, None, [row.snapshot.ref], {side: house.get("subject") or house.get("name")}, twin.kind)
        )

    def _why_alone(
        self, twin: Twin, records: Sequence[Snapshot], side: str, other: str, row: Fresh, belonging: Belonging,
        problems: Sequence[ParkedProblem], *, waits: bool,
    ) -> str:  # fmt: skip
        map, ground = self.terms.maps[twin.kind], self.terms.grounds[twin.kind]
        causes = [p.problem.cause for p in problems]
        house = self._house(twin, row.snapshot)[0]
        if UNDONE in twin.state.written.get(other, {}):
            return UNDONE_BY_HAND
        if waits:
            return WAITING
        if any(record.ref.side == other for record in records):
            return f"deleted in {other}: kept here, no longer in step" if "deleted_elsewhere" in causes else UNEXPLAINED
        if other not in map.create_as:
            return f"by mapping: no {twin.kind} is created in {other}"
        if map.activity and not belonging.targets(other, belonging.shown.get(side, ())):
            return f"waits for its person: nobody it belongs to has a record in {other}"
        if not passes(house, map, ground):
            ageless = replace(map, filter=replace(map.filter, history_days=None))
            return "finished before history_days" if passes(house, ageless, ground) else "kept back by the filter"
        return f"parked: {causes[0]}" if causes else UNEXPLAINED
