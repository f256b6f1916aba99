"""The object types the simulator knows: names, type ids, defaults and system property names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One CRM object type. `plural` is its name in addresses, `type_id` HubSpot's objectTypeId."""

    plural: str
    singular: str
    type_id: str
    created_property: str
    modified_property: str
    default_properties: tuple[str, ...]
    first_id: int
    engagement: bool = False

    @property
    def qualified(self) -> str:
        """HubSpot's upper-case name, as in its error messages."""
        return self.singular.upper()


def _engagement(plural: str, singular: str, type_id: str, first_id: int) -> ObjectType:
    return ObjectType(
        plural=plural,
        singular=singular,
        type_id=type_id,
        created_property="hs_createdate",
        modified_property="hs_lastmodifieddate",
        first_id=first_id,
        engagement=True,
        default_properties=("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
    )


OBJECT_TYPES: dict[str, ObjectType] = {
    kind.plural: kind
    for kind in (
        ObjectType(
            plural="contacts",
            singular="contact",
            type_id="0-1",
            created_property="createdate",
            modified_property="lastmodifieddate",
            first_id=171_591_000_001,
            default_properties=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
        ),
        ObjectType(
            plural="companies",
            singular="company",
            type_id="0-2",
            created_property="createdate",
            modified_property="hs_lastmodifieddate",
            first_id=29_013_756_001,
            default_properties=("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
        ),
        ObjectType(
            plural="deals",
            singular="deal",
            type_id="0-3",
            created_property="createdate",
            modified_property="hs_lastmodifieddate",
            first_id=48_120_330_001,
            default_properties=(
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ),
        ),
        _engagement("tasks", "task", "0-27", 88_301_000_001),
        _engagement("notes", "note", "0-46", 88_402_000_001),
        _engagement("meetings", "meeting", "0-47", 88_503_000_001),
        _engagement("calls", "call", "0-48", 88_604_000_001),
        _engagement("emails", "email", "0-49", 88_705_000_001),
    )
}

_ALIASES: dict[str, str] = {}
for _kind in OBJECT_TYPES.values():
    for _alias in (_kind.plural, _kind.singular, _kind.type_id):
        _ALIASES[_alias] = _kind.plural


def find_type(name: str) -> ObjectType | None:
    """The type meant by a plural, singular (any case) or objectTypeId; None when unknown."""
    plural = _ALIASES.get(name.lower())
    return OBJECT_TYPES[plural] if plural else None
