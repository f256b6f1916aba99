"""The kinds of activities, companies and deals that are kept in step: their lenses, and what is read of their native objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from crmsync.decide.belong import COMPANY, DEAL, PERSON
from crmsync.decide.translate import Lens, lenses_of
from crmsync.model.rules import Playbook, TwinMap

PREFIX = "twin:"
"""Journal entries of kind "twin:call" are about a call; those of kind "person" and "task" are the engine's own."""


class Kinds:
    """All kinds that have an object on a connected side, in the order of the playbook. Several may share one native object."""

    def __init__(self, playbook: Playbook, sides: Collection[str]) -> None:
        self.maps: dict[str, TwinMap] = {kind: map for kind, map in playbook.twins.items() if any(map.objects.get(side) for side in sides)}
        self.lenses: dict[str, dict[tuple[str, str], Lens]] = {kind: lenses_of(map, sides) for kind, map in self.maps.items()}
        self.raw: dict[tuple[str, str], Lens] = {}
        """A lens for pulling: everything stays native until it is decided, because one object holds several kinds."""
        self._reads: dict[tuple[str, str], set[str]] = {}
        for kind, lenses in self.lenses.items():
            for (side, object), lens in lenses.items():
                self.raw[side, object] = Lens(side=side, object=object, by_name={}, natives=frozenset(), placeholder=lens.placeholder)
                wanted = self._reads.setdefault((side, object), set())
                wanted |= lens.natives | set(self.maps[kind].when.get(side, {}))
        self._finders = {
            kind: {
                key: replace(lens, by_name={n: c for n, c in lens.by_name.items() if n in self.maps[kind].match})
                for key, lens in lenses.items()
            }
            for kind, lenses in self.lenses.items()
            if self.maps[kind].match
        }
        self._family = {key: _family(kind) for kind, lenses in self.lenses.items() for key in lenses}

    def objects(self, side: str) -> tuple[str, ...]:
        """Native objects, companies and deals first: activities belong to them."""
        mine = [object for s, object in self.raw if s == side]
        return tuple(sorted(mine, key=lambda object: (self.family(side, object) == PERSON, mine.index(object))))

    def of_object(self, side: str, object: str) -> list[TwinMap]:
        """The kinds whose records live in this object."""
        return [map for kind, map in self.maps.items() if (side, object) in self.lenses[kind]]

    def unmarked(self, side: str, object: str) -> bool:
        """Whether records of this object never carry a key of ours: activities that are only read."""
        return all(map.activity and not map.to for map in self.of_object(side, object))

    def reads(self, side: str, object: str) -> set[str]:
        """Native fields that any kind of this object needs."""
        return set(self._reads.get((side, object), ()))

    def natives(self, side: str, object: str) -> dict[str, Lens]:
        """kind -> its lens on this object."""
        return {kind: lenses[side, object] for kind, lenses in self.lenses.items() if (side, object) in lenses}

    def finders(self, side: str, object: str) -> dict[str, Lens]:
        """kind -> a lens on this object for only what its records are found by."""
        return {kind: lenses[side, object] for kind, lenses in self._finders.items() if (side, object) in lenses}

    def family(self, side: str, object: str) -> str:
        """What a record of that object is to an activity: a company, a deal, or (every other object) a person or another activity."""
        return self._family.get((side, object), PERSON)

    def fingerprints(self, side: str, object: str) -> Mapping[str, str]:
        """kind.field -> fingerprint of its mapping."""
        return {f"{kind}.{n}": c.map.fingerprint for kind, lens in self.natives(side, object).items() for n, c in lens.by_name.items()}


def _family(kind: str) -> str:
    return {"company": COMPANY, "deal": DEAL}.get(kind, PERSON)


def kind_in(entry_kind: str) -> str | None:
    """The kind in a journal entry's kind; None for entries about persons and first-touch tasks."""
    return entry_kind.removeprefix(PREFIX) if entry_kind.startswith(PREFIX) else None
