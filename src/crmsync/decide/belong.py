"""Whom an activity belongs to on each side, and what must be added or taken away so that both sides agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crmsync.model.record import Ref

PERSON, COMPANY, DEAL = "person", "company", "deal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person, company or deal that activities belong to. records: side -> its live record there."""

    id: str
    family: str = PERSON
    records: Mapping[str, Ref] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """shown: side -> ids of the parties its record belongs to, the main one first. parties: id -> Party, for all of these and for those of
    the base. people: side -> how many persons an activity can belong to there (None: any number); of companies and deals always one is
    carried. lost: side -> those of `shown` whose record, to which it belonged there, was deleted; should they have another one now, it belongs
    to that. left: sides where everybody it belonged to was deleted. through: side -> id -> the records of it to which it belongs there (without:
    its record there)."""

    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parties: Mapping[str, Party] = field(default_factory=dict)
    people: Mapping[str, int | None] = field(default_factory=dict)
    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    through: Mapping[str, Mapping[str, tuple[Ref, ...]]] = field(default_factory=dict)

    def targets(self, side: str, ids: Sequence[str]) -> tuple[Ref, ...]:
        """The parties' records on that side, as many as fit, persons first."""
        return tuple(self.parties[id].records[side] for id in self._fitting(side, ids))

    def _fitting(self, side: str, ids: Sequence[str]) -> tuple[str, ...]:
        there = [id for id in dict.fromkeys(ids) if id in self.parties and side in self.parties[id].records]
        kept: list[str] = []
        for family in (PERSON, COMPANY, DEAL):
            most = self.people.get(side) if family == PERSON else 1
            kept += [id for id in there if self.parties[id].family == family][:most]
        return tuple(kept)

    def wanted(self, side: str, other: str, base: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Whom the record on `side` shall belong to: what it shows, with what was added and without what was taken away on `other` since the
        base. A party that lost its own record there was not taken away by anybody."""
        before, now = base.get(other, ()), self.shown.get(other, ())
        added = [id for id in now if id not in before]
        taken = {id for id in before if id not in now and other in self._records(id)}
        kept = [id for id in self.shown.get(side, ()) if id not in taken]
        # What fits already stays: a CRM that holds one person keeps the one it has.
        fitting = self._fitting(side, [*kept, *added])
        if self.people.get(side) is not None and any(self.parties[id].family == PERSON for id in fitting):
            return fitting
        # There is room for persons who found none before, or had no record there.
        late = [id for id in now if id not in base.get(side, ()) and id in self.parties and self.parties[id].family == PERSON]
        return self._fitting(side, [*fitting, *late])

    def change(self, side: str, other: str, base: Mapping[str, Sequence[str]]) -> tuple[tuple[Ref, ...], tuple[Ref, ...], tuple[str, ...]]:
        """(records to add, records to take away, ids the side then shows)."""
        shown, wanted = self.shown.get(side, ()), self.wanted(side, other, base)
        gone = [id for id in shown if id not in wanted and side in self._records(id)]
        fresh = [id for id in wanted if id not in shown or id in self.lost.get(side, ())]
        then = tuple(id for id in dict.fromkeys((*shown, *fresh)) if id not in gone)
        through = self.through.get(side, {})
        return self.targets(side, fresh), tuple(ref for id in gone for ref in through.get(id) or (self.parties[id].records[side],)), then

    def alive(self, side: str, ids: Sequence[str]) -> bool:
        """Whether any of these parties has a live record there."""
        return any(side in self._records(id) for id in ids)

    def _records(self, id: str) -> Mapping[str, Ref]:
        return self.parties[id].records if id in self.parties else {}
