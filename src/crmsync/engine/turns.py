"""Whose turn it is to be looked at: what an idle poll may cost is divided among the objects of a CRM, so that none is forgotten. Pure.

Every object's poll is a call. Beside it a connector may owe a look that costs another one, mostly a listing of what was deleted
(`Connector.owes`); those that wait longest come first, and one that has waited LONGEST_WAIT is made whatever it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CALLS_AT_MOST = 4
"""API calls that an idle poll may cost per side. A whole look is allowed one more for each object that stands for no persons."""
LONGEST_WAIT = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """One side's native objects. task: the native task object, "" when tasks are not in step. owed: object -> when the look that it owes now
    was last made. task_matters: a deadline has come, and a task done in time must not be missed."""

    persons: Sequence[str]
    task: str
    others: Sequence[str]
    owed: Mapping[str, datetime] = field(default_factory=dict)
    task_matters: bool = False

    @property
    def first(self) -> list[str]:
        """What is looked at before all else."""
        return [*self.persons, *([self.task] if self.task else [])]

    def waiting(self, now: datetime) -> tuple[list[str], set[str]]:
        """Objects that owe a look, those that wait longest first; and those that have waited too long."""
        known = [object for object in (*self.first, *self.others) if object in self.owed]
        late = {object for object in known if now - self.owed[object] >= LONGEST_WAIT}
        return sorted(known, key=lambda object: self.owed[object]), late


def whole(objects: Objects, now: datetime) -> dict[str, int]:
    """A look at everything -> how many of the looks it owes each object makes.

    Persons and tasks make theirs each time as far as CALLS_AT_MOST leaves room, the others in turn: at least one goes each time."""
    waiting, late = objects.waiting(now)
    room = max(1, CALLS_AT_MOST - len(objects.persons))
    eldest, rest = waiting[:1], waiting[1:]
    chosen = [*eldest, *(o for o in rest if o in objects.first), *(o for o in rest if o not in objects.first)][:room]
    return {object: int(object in chosen or object in late) for object in (*objects.first, *objects.others)}


def part(objects: Objects, begin: int, now: datetime) -> tuple[dict[str, int], int]:
    """A poll of at most CALLS_AT_MOST calls -> how many of the looks they owe the objects make that are looked at now, and where the next turn
    of the others begins (`begin` for this one). At least one of the others is looked at when no look is owed.

    One owed look goes each time: instead of one or two of the others or, where there is no room at all, of the tasks."""
    waiting, late = objects.waiting(now)
    looks = dict.fromkeys(objects.first, 0)
    room = max(CALLS_AT_MOST - len(looks), 0 if waiting else 1)
    if waiting:
        eldest = waiting[0]
        room -= 1 if eldest in looks else 2
        looks[eldest] = 1
        if room < 0 and objects.task and eldest != objects.task and not objects.task_matters:
            del looks[objects.task]
            room += 1
    for place in range(min(max(room, 0), len(objects.others))):
        looks.setdefault(objects.others[(begin + place) % len(objects.others)], 0)
    turned = (begin + max(room, 0)) % len(objects.others) if objects.others else 0
    return looks | dict.fromkeys(late, 1), turned
