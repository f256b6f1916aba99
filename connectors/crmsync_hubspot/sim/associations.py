"""Associations between records: both directions are kept, each with its type ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# (from, to) -> (unlabelled type id, primary type id or None); the vendor's published type ids
_PAIRS: Final[dict[tuple[str, str], tuple[int, int | None]]] = {
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("deals", "contacts"): (3, None),
    ("contacts", "deals"): (4, None),
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("contacts", "contacts"): (449, None),
    ("companies", "companies"): (450, None),
}
_ENGAGEMENT_BASE: Final[dict[str, dict[str, int]]] = {
    "tasks": {"contacts": 204, "companies": 192, "deals": 216},
    "notes": {"contacts": 202, "companies": 190, "deals": 214},
    "calls": {"contacts": 194, "companies": 182, "deals": 206},
    "emails": {"contacts": 198, "companies": 186, "deals": 210},
    "meetings": {"contacts": 200, "companies": 188, "deals": 212},
}


def _all_pairs() -> dict[tuple[str, str], tuple[int, int | None]]:
    pairs = dict(_PAIRS)
    for engagement, targets in _ENGAGEMENT_BASE.items():
        for target, type_id in targets.items():
            pairs[engagement, target] = (type_id, None)
            pairs[target, engagement] = (type_id - 1, None)
    return pairs


PAIRS: Final = _all_pairs()
_REVERSE: Final[dict[int, int]] = {
    own: back for (a, b), ids in PAIRS.items() for own, back in zip(ids, PAIRS[b, a], strict=True) if own is not None and back is not None
}
_PRIMARY: Final = frozenset(ids[1] for ids in PAIRS.values() if ids[1] is not None)
Types = frozenset[int]


def types_of(from_type: str, to_type: str) -> frozenset[int]:
    """Type ids allowed between two types; empty when they cannot be associated."""
    return frozenset(i for i in PAIRS.get((from_type, to_type), ()) if i is not None)


def label_of(type_id: int) -> str | None:
    """ "Primary" for the primary-company types, None otherwise."""
    return "Primary" if type_id in _PRIMARY else None


class Associations:
    """Who is associated with whom, by pair of object types."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], dict[int, dict[int, Types]]] = {pair: {} for pair in PAIRS}

    def of(self, from_type: str, from_id: int, to_type: str) -> dict[int, Types]:
        """Associated ids with their type ids, in the order of association."""
        return self._links.get((from_type, to_type), {}).get(from_id, {})

    def primary(self, from_type: str, from_id: int, to_type: str) -> int | None:
        """The id associated as primary, None without one."""
        return next((i for i, types in self.of(from_type, from_id, to_type).items() if types & _PRIMARY), None)

    def link(self, from_type: str, from_id: int, to_type: str, to_id: int, types: Types) -> bool:
        """Associates two records with type ids of `from_type`'s side; True when anything is new.

        The unlabelled type is always added; the first company of a record becomes its primary one, and a new primary
        takes the label away from the old one.
        """
        default, primary = PAIRS[from_type, to_type]
        wanted = types | {default}
        # only the record's own side of the pair has a primary: contact -> company, deal -> company
        owner_first = (from_type, to_type) in {("contacts", "companies"), ("deals", "companies")}
        reverse_first = (to_type, from_type) in {("contacts", "companies"), ("deals", "companies")}
        if primary is not None:
            holder = (from_type, from_id, to_type) if owner_first else (to_type, to_id, from_type)
            if (owner_first or reverse_first) and self.primary(*holder) is None:
                wanted |= {primary}
            if primary in wanted:
                old = self.primary(*holder)
                mine = to_id if owner_first else from_id
                if old is not None and old != mine:
                    self._drop_primary(*holder, old)
        before = self.of(from_type, from_id, to_type).get(to_id, frozenset())
        after = before | wanted
        self._put(from_type, from_id, to_type, to_id, after)
        return after != before

    def unlink(self, from_type: str, from_id: int, to_type: str, to_id: int) -> bool:
        """Removes every association between two records; True when there was one."""
        found = self._links[from_type, to_type].get(from_id, {}).pop(to_id, None)
        self._links[to_type, from_type].get(to_id, {}).pop(from_id, None)
        return found is not None

    def unlabel(self, from_type: str, from_id: int, to_type: str, to_id: int, types: Types) -> bool:
        """Removes some types of an association, and the association with the last of them; True when there were any."""
        before = self.of(from_type, from_id, to_type).get(to_id, frozenset())
        if not before & types:
            return False
        if before <= types:
            return self.unlink(from_type, from_id, to_type, to_id)
        self._put(from_type, from_id, to_type, to_id, before - types)
        return True

    def neighbours(self, from_type: str, from_id: int) -> Iterator[tuple[str, int, Types]]:
        """Everything a record is associated with: (type, id, type ids)."""
        for (own, other), links in self._links.items():
            if own == from_type:
                for to_id, types in links.get(from_id, {}).items():
                    yield other, to_id, types

    def move(self, object_type: str, old_id: int, new_id: int) -> None:
        """Hands a record's associations to another record of its type (merge)."""
        for other, to_id, types in list(self.neighbours(object_type, old_id)):
            self.unlink(object_type, old_id, other, to_id)
            if (other, to_id) != (object_type, new_id):
                self.link(object_type, new_id, other, to_id, types - _PRIMARY)

    def link_new(self, from_type: str, to_type: str, pairs: list[tuple[int, int]]) -> None:
        """Bulk: first associations of new records, each primary where the pair has one (seeding)."""
        forward, back = self._links[from_type, to_type], self._links[to_type, from_type]
        own, other = types_of(from_type, to_type), types_of(to_type, from_type)
        for from_id, to_id in pairs:
            forward.setdefault(from_id, {})[to_id] = own
            back.setdefault(to_id, {})[from_id] = other

    def _put(self, from_type: str, from_id: int, to_type: str, to_id: int, types: Types) -> None:
        self._links[from_type, to_type].setdefault(from_id, {})[to_id] = types
        self._links[to_type, from_type].setdefault(to_id, {})[from_id] = frozenset(_REVERSE[i] for i in types)

    def _drop_primary(self, from_type: str, from_id: int, to_type: str, to_id: int) -> None:
        types = self.of(from_type, from_id, to_type)[to_id]
        self._put(from_type, from_id, to_type, to_id, types - _PRIMARY)
