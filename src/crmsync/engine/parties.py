"""Companies and deals as parties: which records are one company, what is doubtful about it, and what they are to the persons who belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crmsync.decide.account import counts_accounts
from crmsync.decide.belong import COMPANY, DEAL
from crmsync.decide.company import alike, company_domain, company_name
from crmsync.decide.deals import Dealings, dealings
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.link import Snapshot, Twin
from crmsync.model.record import RecordState, Ref, Value

AMBIGUOUS = "ambiguous_company"
DOMAIN = "domain"


def addresses(world: World, snapshot: Snapshot) -> tuple[str, ...]:
    """What a company is found by, best first: "domain:acme.example", "name:acme". Empty for everything else."""
    found: list[str] = []
    for kind, lens in world.kinds.finders(snapshot.ref.side, snapshot.ref.object).items():
        match = world.kinds.maps[kind].match
        house = lens.to_house(snapshot.extra, world.owners)
        for name in match:
            value = house.get(name)
            text = company_domain(value, world.lists.free) if name == DOMAIN else company_name(value)
            if text:
                found.append(f"{name}:{text}")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A live company record, its addresses and its twin ("" for none yet)."""

    snapshot: Snapshot
    addresses: tuple[str, ...]
    twin: str

    @property
    def side(self) -> str:
        return self.snapshot.ref.side


class Namesakes:
    """Live companies that share an address with given ones. twins: record -> twin, as far as known by now."""

    def __init__(self, world: World, records: Iterable[Snapshot], linked: Mapping[Ref, str]) -> None:
        mine = {s.ref: s for s in records if s.state is RecordState.LIVE}
        told = {ref: addresses(world, s) for ref, s in mine.items()}
        wanted = sorted({address for found in told.values() for address in found})
        stored = {s.ref: s for found in world.store.by_email(wanted).values() for s in found} if wanted else {}
        self._by_ref = {s.ref: self._record(world, s, linked, told.get(s.ref)) for s in {**stored, **mine}.values()}
        self._by_address: dict[str, list[_Record]] = {}
        for record in self._by_ref.values():
            for address in record.addresses:
                self._by_address.setdefault(address, []).append(record)
        fresh = {(r.twin, r.side) for r in self._by_ref.values() if r.twin}
        twins = sorted({twin for twin, _ in fresh})
        held = {(id, s.ref.side) for id, found in world.store.snapshots_of(twins).items() for s in found if s.state is RecordState.LIVE}
        self._taken = fresh | held

    @staticmethod
    def _record(world: World, snapshot: Snapshot, linked: Mapping[Ref, str], told: tuple[str, ...] | None) -> _Record:
        twin = linked.get(snapshot.ref) or snapshot.person_id or ""
        return _Record(snapshot=snapshot, addresses=addresses(world, snapshot) if told is None else told, twin=twin)

    def free(self, record: _Record, side: str) -> bool:
        """Whether the record's twin has nothing on that side yet."""
        return not record.twin or (record.twin, side) not in self._taken

    def of(self, ref: Ref) -> _Record | None:
        return self._by_ref.get(ref)

    def sharing(self, record: _Record, name: str) -> list[_Record]:
        """Everybody with the record's address of that name, itself included; who has another domain is somebody else."""
        found = [r for a in record.addresses if a.startswith(f"{name}:") for r in self._by_address[a]]
        return [r for r in found if r is record or alike(r.addresses, record.addresses)]

    def pair(self, record: _Record, names: Sequence[str]) -> _Record | None:
        """The one company of another side that the record is, too, by the first of these names that says so; None: nobody, or not certain."""
        for name in names:
            all = self.sharing(record, name)
            here = [r for r in all if r.side == record.side]
            there = [r for r in all if r.side != record.side]
            if there:
                certain = len(here) == 1 and len(there) == 1
                return there[0] if certain and self.free(there[0], record.side) and self.free(record, there[0].side) else None
        return None

    def rivals(self, record: _Record, names: Sequence[str]) -> list[_Record]:
        """Companies of other sides that the record could be, were it certain."""
        found = {r.snapshot.ref: r for name in names for r in self.sharing(record, name) if r.side != record.side}
        return [found[ref] for ref in sorted(found)]


def pair_companies(world: World, records: Sequence[Snapshot], linked: dict[Ref, str]) -> dict[str, str]:
    """Links companies that are one by domain, then by name, when exactly one record on each side is meant. records: those without a twin, or
    whose twin may want another half. Adds to `linked` what is to be linked; returns twins that are no more: lost -> kept."""
    joined: dict[str, str] = {}
    by_kind: dict[str, list[Snapshot]] = {}
    for snapshot in records:
        for map in world.kinds.of_object(snapshot.ref.side, snapshot.ref.object):
            if map.match and snapshot.state is RecordState.LIVE:
                by_kind.setdefault(map.kind, []).append(snapshot)
    for kind, found in by_kind.items():
        around = Namesakes(world, found, linked)
        for snapshot in found:
            record = around.of(snapshot.ref)
            other = around.pair(record, world.kinds.maps[kind].match) if record is not None else None
            if record is None or other is None or snapshot.ref in linked or other.snapshot.ref in linked:
                continue
            twin = other.twin or record.twin or world.new_id()
            linked[snapshot.ref] = linked[other.snapshot.ref] = twin
            if record.twin and record.twin != twin:
                joined[record.twin] = twin
    return joined


class Doubts:
    """Why a company that stands on one side only was neither linked nor created on the other: several there, or here, could be meant.
    twins: all that this is asked of, with their records; namesakes are looked up once for all of them."""

    def __init__(self, world: World, twins: Mapping[str, Sequence[Snapshot]], kinds: Mapping[str, str]) -> None:
        self._match = {id: map.match for id, kind in kinds.items() if (map := world.kinds.maps.get(kind)) is not None and map.match}
        live = {id: [s for s in twins.get(id, ()) if s.state is RecordState.LIVE] for id in self._match}
        self._alone = {id: found[0] for id, found in live.items() if len({s.ref.side for s in found}) == 1}
        self._around = Namesakes(world, self._alone.values(), {}) if self._alone else None

    def of(self, twin_id: str) -> list[Problem]:
        """The doubt about this twin, if any."""
        shown = self._alone.get(twin_id)
        record = self._around.of(shown.ref) if self._around is not None and shown is not None else None
        rivals = self._around.rivals(record, self._match[twin_id]) if self._around is not None and record is not None else []
        return [_doubt(record.snapshot, rivals)] if record is not None and rivals else []


def _doubt(shown: Snapshot, rivals: Sequence[_Record]) -> Problem:
    ref, names = shown.ref, ", ".join(f"{r.snapshot.ref.object} {r.snapshot.ref.id}" for r in rivals[:5])
    return Problem(
        cause=AMBIGUOUS,
        message=f"{ref.object} {ref.id} in {ref.side} could be {names}{' and others' if len(rivals) > 5 else ''} in {rivals[0].side}, but not "
        "only one company there and here has this domain or name. Nothing was linked. Merge those that are one, or correct a domain.",
        side=ref.side, object=ref.object, record_id=ref.id, person_id=shown.person_id, data_hash=" ".join(str(r.snapshot.ref) for r in rivals),
    )  # fmt: skip


# --- what they are to persons ------------------------------------------------------------------------------------------------


def told_by(kind: str, facts: Mapping[str, Value], *, known: bool) -> dict[str, Value]:
    """What a company or deal tells of its persons, by the names that conditions use after the dot. known: it still exists somewhere."""
    told: dict[str, Value] = {name: value for name, value in facts.items() if value is not None} if known else {}
    if kind == DEAL and isinstance(told.get("closed"), bool):
        told["open"] = not told["closed"]
    return told


class PartyFacts:
    """The companies and deals of a batch of persons. Made once per batch; three or six statements, none when neither a condition nor a rule asks."""

    def __init__(self, world: World, snapshots: Mapping[str, Sequence[Snapshot]]) -> None:
        self._companies: dict[str, list[Twin]] = {}
        self._deals: dict[str, list[Twin]] = {}
        # Deals that we may not see any more are not gone.
        self._deals_known = world.playbook.stages.deals and bool(world.objects_of(DEAL))
        by_account = any(rule.account is not None for rule in world.playbook.routing.rules)
        if world.asks(COMPANY) or (COMPANY in world.kinds.maps and (by_account or counts_accounts(world.playbook))):
            self._companies = _companies(world, snapshots)
        if world.asks(DEAL):
            self._deals = _deals(world, list(snapshots))

    def of(self, person_id: str) -> dict[str, Value]:
        """`company.…` of the person's company and `deal.…` of their leading deal; names that are not known are absent."""
        facts: dict[str, Value] = {}
        company = self._company(person_id)
        deal = max(self._deals.get(person_id, ()), key=_leading, default=None)
        for kind, twin in ((COMPANY, company), (DEAL, deal)):
            if twin is not None:
                facts.update({f"{kind}.{name}": value for name, value in twin.state.outputs.items()})
        return facts

    def company(self, person_id: str) -> tuple[str | None, Value]:
        """The id of the person's company and its domain; None and None without one."""
        company = self._company(person_id)
        return (None, None) if company is None else (company.twin_id, company.state.outputs.get(DOMAIN))

    def companies(self, person_id: str) -> tuple[str, ...]:
        """Ids of the companies that the person's records belong to, the leading one first."""
        first = self._company(person_id)
        found = [first, *self._companies.get(person_id, ())] if first is not None else []
        return tuple(dict.fromkeys(twin.twin_id for twin in found))

    def dealings(self, person_id: str) -> Dealings | None:
        """All deals of the person, as far as stages follow deals (L5); None: they do not, or no deal can be seen."""
        if not self._deals_known:
            return None
        return dealings((twin.twin_id, twin.state.outputs) for twin in self._deals.get(person_id, ()))

    def _company(self, person_id: str) -> Twin | None:
        """Of several, the one that both CRMs know."""
        return max(self._companies.get(person_id, ()), key=lambda twin: len(twin.state.anchors), default=None)


def _leading(twin: Twin) -> tuple[bool, str, str]:
    """Open deals before closed ones, then the one that closes last."""
    facts = twin.state.outputs
    return facts.get("open") is not False, str(facts.get("close_date") or ""), twin.twin_id


def _companies(world: World, snapshots: Mapping[str, Sequence[Snapshot]]) -> dict[str, list[Twin]]:
    records = {s.ref: id for id, found in snapshots.items() for s in found if s.state is RecordState.LIVE}
    links = world.store.links.of(list(records))
    held = world.store.snapshots(sorted({to for targets in links.values() for to in targets}))
    twins = world.store.twins.get(sorted({s.person_id for s in held.values() if s.person_id is not None and s.state is RecordState.LIVE}))
    found: dict[str, list[Twin]] = {}
    for ref, id in records.items():
        for to in links.get(ref, ()):
            twin = twins.get(str(held[to].person_id)) if to in held else None
            if twin is not None and twin.kind == COMPANY:
                found.setdefault(id, []).append(twin)
    return found


def _deals(world: World, person_ids: Sequence[str]) -> dict[str, list[Twin]]:
    rows = world.store.links.belonging_to(person_ids, objects=world.objects_of(DEAL))
    live = {id: [s.person_id for s in found if s.state is RecordState.LIVE and s.person_id] for id, found in rows.items()}
    twins = world.store.twins.get(sorted({twin for found in live.values() for twin in found}))
    return {id: [twins[twin] for twin in dict.fromkeys(found) if twin in twins] for id, found in live.items()}


def wake_persons(world: World, twin_ids: Iterable[str]) -> None:
    """Has the persons of these companies and deals decided again: those whose records belong to them, and those they belong to."""
    ids = sorted(set(twin_ids))
    if not ids:
        return
    store = world.store
    people = {s.person_id for found in store.links.belonging_to(ids, objects=world.person_objects).values() for s in found}
    mine = [s.ref for found in store.snapshots_of(ids).values() for s in found]
    held = store.snapshots(sorted({to for targets in store.links.of(mine).values() for to in targets}))
    people |= {s.person_id for ref, s in held.items() if ref.object in world.person_objects}
    store.mark_dirty_persons(sorted(id for id in people if id is not None))
