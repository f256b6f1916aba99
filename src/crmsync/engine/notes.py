"""Problems that are nobody's own: objects that we may not read, and mapped fields that are not there (F45)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from crmsync.engine.beliefs import NO_ACCESS
from crmsync.engine.world import World
from crmsync.model.attention import ParkedProblem, Problem


def closed_to_us(side: str, object: str, why: str) -> Problem:
    """An object that our credentials do not open: the rest goes on."""
    return Problem(
        cause=NO_ACCESS,
        message=f"{side} does not let us read {object}: {why[:200]}. Nothing of it is synced, all else is. Grant it, or switch it off in mappings/.",
        side=side,
        object=object,
        data_hash=why[:200],
    )


def note_missing(world: World, side: str, object: str, noted: Sequence[ParkedProblem], now: datetime) -> None:
    """One problem per mapped field that the live schema lacks, as long as it lacks it (F45). noted: the problems that are nobody's."""
    store, missing = world.store, world.missing(side, object)
    known = {
        str(row.problem.field): row.problem_id
        for row in noted
        if (row.problem.cause, row.problem.side, row.problem.object) == ("unknown_field", side, object)
    }
    fresh = [_missing(side, object, name) for name in missing if name not in known]
    over = [id for name, id in known.items() if name not in missing]
    if fresh:
        store.problems.park(fresh, now)
    if over:
        store.problems.drop(over)


def _missing(side: str, object: str, name: str) -> Problem:
    return Problem(
        cause="unknown_field",
        message=f"{object}.{name} is mapped but {side} does not show it to us (deleted, renamed or not permitted); it is not synced. "
        "Run `crmsync check --live`.",
        side=side,
        object=object,
        field=name,
        data_hash=name,
    )


def note_all_missing(world: World, sides: Iterable[str], now: datetime) -> None:
    """Names what the schemas of these sides, just read again, no longer show; without a look at any record."""
    noted = world.store.problems.rows(person_ids=[""], limit=10_000)
    for side in sides:
        for object in (*world.objects(side), *world.twin_objects(side)):
            note_missing(world, side, object, noted, now)
