"""What speaks of another schema or other users than those we know (F45, F48): whoever believes them for long has them read again in the same run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from crmsync.engine.acquaint import owner_fields
from crmsync.engine.beliefs import NO_TWIN, SCHEMA_CAUSES
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.link import Snapshot


def by_problems(world: World, problems: Iterable[Problem], now: datetime) -> None:
    """A value does not fit the schema; or an owner has no twin, who may have come on either side."""
    for problem in problems:
        if problem.cause in SCHEMA_CAUSES:
            for side in world.sides if problem.cause == NO_TWIN or problem.side is None else (problem.side,):
                world.doubt(side, now)


def by_owners(world: World, side: str, rows: Sequence[Snapshot], now: datetime) -> None:
    """What was read is owned by somebody whom we do not know."""
    if any(_strange(world, row) for row in rows):
        world.doubt(side, now)


def _strange(world: World, row: Snapshot) -> bool:
    """Whether it is owned by somebody whom the users we know of do not include."""
    side = row.ref.side
    bare = [str(row.fields.get(name)) for name in owner_fields(world, row)]
    return any(one.startswith(f"{side}:") and (side, one.partition(":")[2]) not in world.owners.house_of for one in bare)
