"""`crmsync drift`: reads every live record of both CRMs afresh and explains each difference. Writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crmsync.engine.pull import belongings, store_row
from crmsync.engine.twins import parties_of
from crmsync.engine.world import World
from crmsync.errors import ConfigError
from crmsync.insight.drift import Drift, Terms, compare, waiting_of
from crmsync.insight.drift_twins import Fresh, TwinTerms, compare_twins
from crmsync.insight.reasons import Judge
from crmsync.model.link import Snapshot
from crmsync.model.record import RecordState
from crmsync.service.workspace import Workspace


def drift(workspace: Workspace) -> Drift:
    """Raises: CredentialsError, UnreachableError; ConfigError when nothing was ever synced."""
    world = workspace.world
    if not world.recall():
        raise ConfigError("nothing was ever synced with these CRMs, so there is nothing to compare. Run `crmsync sync` first.")

    def read_only(side: str, object: str, native: str) -> bool:
        known = world.schemas.get(side, {}).get(object)
        field = known.fields.get(native) if known is not None else None
        return field is not None and not field.updateable

    terms = Terms(
        store=workspace.store,
        person=workspace.playbook.person,
        lenses=world.lenses,
        owners=world.owners,
        sides=world.sides,
        machines=frozenset(house for side, id in world.integration if (house := world.owners.house(side, id)) is not None),
        read_only=read_only,
    )
    drift = compare(terms, {side: _fresh(world, side, workspace) for side in world.sides})
    if world.kinds.maps:
        dirty, waiting = waiting_of(workspace.store)
        around = TwinTerms(
            store=workspace.store,
            maps=world.kinds.maps,
            grounds={kind: world.ground(kind, workspace.clock()) for kind in world.kinds.maps},
            sides=world.sides,
            people={side: world.connectors[side].traits.people_per_activity for side in world.sides},
            parties=lambda ids: parties_of(world, ids),
            judge=Judge(sides=world.sides, owners=world.owners, machines=terms.machines, read_only=read_only),
            dirty=dirty,
            waiting=waiting,
        )
        compare_twins(around, _fresh_twins(world, workspace), drift)
    return drift


def _fresh_twins(world: World, workspace: Workspace) -> Iterator[Sequence[Fresh]]:
    objects = [(side, object) for side in world.sides for object in world.twin_objects(side)]
    for side, object in objects:
        lens, read = world.lenses[side, object], 0
        for page in world.connectors[side].pull(object, world.fields_to_read(side, object), None, workspace.clock()):
            live = [record for record in page.records if record.state is RecordState.LIVE]
            whose = belongings(world, side, object, live)
            read += len(live)
            world.report(f"comparing {side} {object}", read, page.total)
            yield [Fresh(snapshot=store_row(world, lens, r, "").snapshot, links=whose.get(r.ref, ())) for r in live]


def _fresh(world: World, side: str, workspace: Workspace) -> Iterator[Sequence[Snapshot]]:
    read = 0
    for object in world.objects(side):
        lens = world.lenses[side, object]
        pages = world.connectors[side].pull(object, world.fields_to_read(side, object), None, workspace.clock())
        for page in pages:
            read += len(page.records)
            world.report(f"comparing {side} {object}", read, page.total)
            yield [store_row(world, lens, record, "").snapshot for record in page.records if record.state is RecordState.LIVE]
