"""What planning needs and what is the same for everybody: for persons, and for each kind of activity, company and deal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from crmsync.decide.plan import SideFacts, Terms
from crmsync.model.fields import KEY

if TYPE_CHECKING:
    from crmsync.decide.twin_look import Ground
    from crmsync.engine.world import World


def terms_of(world: World) -> Terms:
    """For planning persons, by the schemas as they were last read."""
    return Terms(
        person=world.playbook.person,
        lenses=world.lenses,
        sides={
            side: SideFacts(
                side=side,
                own=world.own(side),
                schema={name: object.fields for name, object in world.schemas[side].items()},
            )
            for side in world.sides
        },
        owners=world.owners,
        deletes=world.playbook.deletes,
    )


def ground_of(world: World, kind: str, now: datetime) -> Ground:
    """For planning the twins of a kind at `now` (UTC), on the sides that let us see any of its objects."""
    from crmsync.decide.twin_look import Ground

    map = world.kinds.maps[kind]
    sides = [side for side in world.sides if any(object in world.twin_objects(side) for object in map.objects.get(side, ()))]
    terms = Terms(
        person=map,
        lenses={key: lens for key, lens in world.kinds.lenses[kind].items() if key[0] in sides},
        sides={
            side: SideFacts(
                side=side,
                own={KEY: world.connectors[side].own_field(KEY)},
                schema={name: object.fields for name, object in world.schemas[side].items()},
            )
            for side in sides
        },
        owners=world.owners,
    )
    hours = world.playbook.hours
    return Ground(map=map, terms=terms, zone=hours.time_zone, due_time=world.playbook.due_time, start=world.start(now), at=now)
