"""Links that are records of their own: people of shared activities, contact roles of opportunities.

Source: Object Reference, TaskRelation (only where Shared Activities is enabled; one lead or up to 50 contacts; create and delete, no update),
EventRelation, OpportunityContactRole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from crmsync.errors import CredentialsError
from crmsync.model.record import ObjectSchema, Ref
from crmsync_salesforce import soql
from crmsync_salesforce.belong import ACTIVITIES, COLUMNS, PERSONS, ref_of, refs_of
from crmsync_salesforce.client import Client
from crmsync_salesforce.schema import Describes

MOST_PEOPLE = 50
"""Contacts of one shared activity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """The object that ties people to an object's records. also: a further condition of its rows. first: the flag of the main person."""

    object: str
    parent: str
    person: str
    also: str = "IsDeleted = false"
    first: str | None = None


JUNCTIONS: Mapping[str, Junction] = {
    "Task": Junction(object="TaskRelation", parent="TaskId", person="RelationId", also="IsWhat = false AND IsDeleted = false"),
    "Event": Junction(object="EventRelation", parent="EventId", person="RelationId", also="IsWhat = false AND IsDeleted = false"),
    "Opportunity": Junction(object="OpportunityContactRole", parent="OpportunityId", person="ContactId", first="IsPrimary"),
}
SHARED = "TaskRelation"
TOLD_BY: Mapping[str, str] = {object: SHARED if object in ACTIVITIES else junction.object for object, junction in JUNCTIONS.items()}
"""Object -> the one whose presence tells whether it has a junction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One junction row: its own id, whose it is, the person."""

    id: str
    parent: str
    person: Ref
    first: bool = False


class Relations:
    """Links of one org. learned: told once it is known whether the org has Shared Activities."""

    def __init__(self, client: Client, describes: Describes, learned: Callable[[bool], None] = lambda shared: None) -> None:
        self._client = client
        self._describes = describes
        self._learned = learned
        self._shared: bool | None = None
        self._kept: dict[str, ObjectSchema | None] = {}

    def shared(self, object: str) -> bool:
        """Whether records of `object` can belong to several people through Shared Activities; one call the first time for activities.

        Only TaskRelation tells: EventRelation exists in every org, for invitees. The setting cannot be switched off again."""
        if object not in ACTIVITIES:
            return False
        if self._shared is None:
            self._shared = self._seen(SHARED) is not None
            self._learned(self._shared)
        return self._shared

    def junction(self, object: str) -> Junction | None:
        """Where the people of an object's records are kept besides the records themselves; None where they are not."""
        found = JUNCTIONS.get(object)
        seen = self.shared(object) if object in ACTIVITIES else found is not None and self._seen(found.object) is not None
        return found if seen else None

    def _seen(self, object: str) -> ObjectSchema | None:
        """That object, None when our user may not see it at all; one call the first time."""
        if object not in self._kept:
            self._kept[object] = self._describes.schema(object)
        return self._kept[object]

    def schemas(self, objects: Iterable[str]) -> dict[str, ObjectSchema]:
        """The objects that tell whether people are tied to these by records of their own; absent where they are not. One call each the first time."""
        found: dict[str, ObjectSchema] = {}
        for name in dict.fromkeys(TOLD_BY[o] for o in objects if o in TOLD_BY):
            with suppress(CredentialsError):  # whoever needs it will say so
                schema = self._seen(name)
                found |= {name: schema} if schema is not None else {}
        return found

    @staticmethod
    def with_rights(found: Mapping[str, ObjectSchema]) -> dict[str, ObjectSchema]:
        """Opportunities with what our user lacks on their contact roles: these follow the rights on contacts and opportunities."""
        deal, role = found.get("Opportunity"), found.get(JUNCTIONS["Opportunity"].object)
        if deal is None:
            return dict(found)
        fix = "Grant read on Contact and {} on Opportunity in a permission set of the integration user: contact roles follow them"
        lacks = {"read_links": fix.format("read")} if role is None or "read" in role.lacks else {}
        if role is None or {"create", "delete"} & role.lacks.keys():
            lacks["links"] = fix.format("edit")
        return {**found, "Opportunity": replace(deal, lacks={**deal.lacks, **lacks})}

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """Takes what `schemas` told of the objects in there."""
        for name in (TOLD_BY[o] for o in schemas if o in TOLD_BY):
            self._kept.setdefault(name, schemas.get(name))

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        """See the protocol: one query per about 700 ids, two where people are records of their own. Archived activities tell theirs, too."""
        wanted = [i for i in dict.fromkeys(ids) if soql.is_id(i)]
        columns = COLUMNS.get(object)
        if columns is None or not wanted:
            return dict.fromkeys(ids, ())
        own = {row["Id"][:15]: [row.get(c) for c in columns] for row in self.rows(("Id", *columns), object, "Id", wanted)}
        people: dict[str, list[Ref]] = {}
        for tie in self.ties(object, wanted):
            people.setdefault(tie.parent[:15], []).append(tie.person)
        found: dict[str, tuple[Ref, ...]] = {}
        for id in ids:
            refs = refs_of(own.get(id[:15], ()))
            persons = dict.fromkeys((*(r for r in refs if r.object in PERSONS), *people.get(id[:15], ())))
            found[id] = (*persons, *(r for r in refs if r.object not in PERSONS))
        return found

    def ties(self, object: str, ids: Sequence[str]) -> list[Tie]:
        """The junction rows of these records, main persons first; none where there is no junction."""
        junction = self.junction(object)
        if junction is None or not ids:
            return []
        columns = ("Id", junction.parent, junction.person, *((junction.first,) if junction.first else ()))
        found = [
            Tie(id=row["Id"], parent=row[junction.parent], person=person, first=bool(junction.first and row.get(junction.first)))
            for row in self.rows(columns, junction.object, junction.parent, ids, also=junction.also)
            # invited users and resources are no persons
            if (person := ref_of(row.get(junction.person))) is not None and person.object in PERSONS
        ]
        return sorted(found, key=lambda tie: not tie.first)

    def rows(self, columns: Sequence[str], object: str, field: str, ids: Sequence[str], *, also: str = "") -> list[dict[str, Any]]:
        """Rows by IN-lists, with what is archived or deleted: `query` hides archived activities."""
        texts = soql.in_lists(columns, object, field, ids, also=also)
        return [row for text in texts for row in self._client.rows(soql.path(text, deleted=True))]
