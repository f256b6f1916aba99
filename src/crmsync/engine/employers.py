"""Carries a person's company between the CRMs where companies are two-way: HubSpot's primary company and Salesforce's account (F08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crmsync.decide.employer import Company, plan_employer
from crmsync.decide.plan import Parked, PersonPlan, PlannedWrite, data_hash
from crmsync.engine.world import World
from crmsync.model.change import Action
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import RecordState, Ref

FIELD = "company record"
"""As a problem's field: the CRM refused whom a person shall belong to."""
BECAUSE = "follows the person's company"


class Employers:
    """The companies of a batch of persons, on every side. Made once per batch; asks nothing when companies are only read."""

    def __init__(self, world: World, snapshots: Mapping[str, Sequence[Snapshot]]) -> None:
        self._world = world
        self._to = world.employer_sides
        self._links: Mapping[Ref, tuple[Ref, ...]] = {}
        self._twin: dict[Ref, str] = {}
        self._records: dict[str, dict[str, Ref]] = {}
        if not self._to:
            return
        store, able = world.store, world.employable
        live = [s.ref for found in snapshots.values() for s in found if s.state is RecordState.LIVE and (s.ref.side, s.ref.object) in able]
        self._links = store.links.of(live)
        held = store.snapshots(sorted({to for targets in self._links.values() for to in targets}))
        ids = sorted({s.person_id for s in held.values() if s.person_id is not None})
        self._take(ids)
        self._twin = {ref: s.person_id for ref, s in held.items() if s.person_id is not None}

    def _take(self, ids: Sequence[str]) -> None:
        """Every live record of these companies, also those that persons have left."""
        for id, found in self._world.store.snapshots_of(ids).items():
            for s in found:
                if s.state is RecordState.LIVE:
                    self._records.setdefault(id, {}).setdefault(s.ref.side, s.ref)

    def carry(
        self, state: PersonState, primaries: Mapping[str, Snapshot], plan: PersonPlan, parked: Parked
    ) -> tuple[PersonState, PersonPlan]:
        """The state and plan with what follows for the person's company."""
        able = self._world.employable
        shown: dict[str, Company] = {}
        for side, snapshot in primaries.items() if self._to else ():
            if (side, snapshot.ref.object) in able:
                target = next(iter(self._links.get(snapshot.ref, ())), None)
                if target is not None and target not in self._twin:
                    return state, plan  # a company that was not read yet: decided again once it is
                shown[side] = None if target is None else self._twin[target]
        if not shown:
            return state, plan
        missing = [id for id in state.employers.values() if id is not None and id not in self._records]
        self._take(missing)
        tie = self._world.playbook.person.tie
        found = plan_employer(shown, state.employers, self._records, self._to, tie)
        writes = list(plan.writes)
        for side, (company, old) in found.moves.items():
            self._move(writes, primaries[side].ref, company, old, parked)
        if len(shown) == 1:
            self._create(writes, next(iter(shown.values())))
        after = state if dict(state.employers) == dict(found.base) else replace(state, employers=found.base)
        return after, plan if writes == list(plan.writes) else replace(plan, writes=tuple(writes))

    def _move(self, writes: list[PlannedWrite], ref: Ref, company: Company, old: Company, parked: Parked) -> None:
        about = tuple(self._there(company, ref.side))
        unlink = tuple(self._there(old, ref.side))
        if (not about and not unlink) or parked.get((ref.side, ref.object, FIELD)) == data_hash([str(to) for to in (*about, *unlink)]):
            return
        for place, write in enumerate(writes):
            if (write.side, write.object, write.id) == (ref.side, ref.object, ref.id) and write.action is Action.UPDATE:
                writes[place] = replace(write, about=about, unlink=unlink)
                return
        writes.append(
            PlannedWrite(
                side=ref.side, object=ref.object, action=Action.UPDATE, id=ref.id, fields={}, old={}, names={}, rules={"": BECAUSE}, base={},
                own={}, merged={}, about=about, unlink=unlink,
            )
        )  # fmt: skip

    def _create(self, writes: list[PlannedWrite], company: Company) -> None:
        """A new record of the person belongs to the company from the start, where the company is there already."""
        for place, write in enumerate(writes):
            fits = write.action is Action.CREATE and write.side in self._to and (write.side, write.object) in self._world.employable
            about = tuple(self._there(company, write.side)) if fits else ()
            if about:
                writes[place] = replace(write, about=about)

    def _there(self, company: Company, side: str) -> list[Ref]:
        found = self._records.get(company, {}).get(side) if company is not None else None
        return [found] if found is not None else []
