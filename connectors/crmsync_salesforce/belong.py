"""Whom a record belongs to, told by the record itself: references whose ids name their object. Pure.

Sources: contracts 4.7 (Task, Event), Object Reference (a Lead as Who and a What exclude each other), key prefixes of the standard objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crmsync.model.record import Ref

SIDE = "salesforce"
ACTIVITIES = frozenset({"Task", "Event"})
PERSONS = frozenset({"Contact", "Lead"})
OBJECTS: Mapping[str, str] = {"003": "Contact", "00Q": "Lead", "001": "Account", "006": "Opportunity"}
"""Key prefixes of what crmsync knows; an activity's campaign, case or custom object is nobody's twin."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Task": ("WhoId", "WhatId"),
    "Event": ("WhoId", "WhatId"),
    "Contact": ("AccountId",),
    "Opportunity": ("AccountId",),
    "CampaignMember": ("ContactId", "LeadId"),
}
"""References that every read of an object asks for, the person first."""


def ref_of(id: Any) -> Ref | None:
    """What an id stands for, by its prefix; None for objects that concern nobody here."""
    object = OBJECTS.get(id[:3]) if isinstance(id, str) else None
    return Ref(side=SIDE, object=object, id=id) if object and isinstance(id, str) else None


def refs_of(ids: Iterable[Any]) -> tuple[Ref, ...]:
    """The known ones among ids, in order, each once."""
    return tuple(dict.fromkeys(ref for ref in map(ref_of, ids) if ref is not None))


def reader(object: str, *, shared: bool) -> Callable[[Mapping[str, Any]], tuple[Ref, ...]] | None:
    """A function from a native row to `Record.links`; None where the row does not tell.

    shared: the org has Shared Activities, so that an activity's further people are records of their own."""
    columns = COLUMNS.get(object)
    if columns is None or object == "Opportunity" or (shared and object in ACTIVITIES):
        return None  # an opportunity's contacts are rows of their own
    return lambda row: refs_of(map(row.get, columns))
