"""Property definitions of a portal: lookup, options, groups and the JSON of the properties API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from . import table_contacts, table_others
from .objecttypes import OBJECT_TYPES

Json = dict[str, Any]
PROPERTY_TYPES = frozenset({"string", "number", "date", "datetime", "enumeration", "bool", "phone_number"})
FIELD_TYPES = frozenset(
    {
        "text",
        "textarea",
        "html",
        "number",
        "date",
        "select",
        "radio",
        "checkbox",
        "booleancheckbox",
        "phonenumber",
        "file",
        "calculation_equation",
        "calculation_read_time",
        "calculation_rollup",
        "calculation_score",
    }
)
UNIQUE_LIMIT = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_SETS = {**table_contacts.CONTACT_OPTIONS, **table_others.OTHER_OPTIONS, "bool": "true=True;false=False", "yesno": "true=Yes;false=No"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property definition; `options` maps internal value to label, in display order. Never changed, only replaced: portals share them."""

    name: str
    label: str
    type: str
    field_type: str
    group: str = ""
    description: str = ""
    options: dict[str, str] = field(default_factory=dict)
    read_only: bool = False
    read_only_definition: bool = False
    calculated: bool = False
    hidden: bool = False
    external_options: bool = False
    form_field: bool = False
    unique: bool = False
    hubspot_defined: bool = True
    archived: bool = False
    _printed: list[bytes] = field(init=False, default_factory=list, compare=False, repr=False)

    @property
    def restricted(self) -> bool:
        """Whether values must be one of the options."""
        return self.type == "enumeration" and bool(self.options)

    def printed(self) -> bytes:
        """`json` as bytes, made once."""
        if not self._printed:
            self._printed.append(orjson.dumps(self.json()))
        return self._printed[0]

    def json(self) -> Json:
        """The definition as the properties API shows it."""
        body: Json = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": label, "value": value, "displayOrder": at, "hidden": False}
                for at, (value, label) in enumerate(self.options.items())
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "archived": self.archived,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "modificationMetadata": {
                "archivable": not self.read_only_definition or self.hubspot_defined,
                "readOnlyDefinition": self.read_only_definition,
                "readOnlyValue": self.read_only,
            },
            "formField": self.form_field,
            "dataSensitivity": "non_sensitive",
        }
        if self.hubspot_defined:
            body["hubspotDefined"] = True
        if self.name == "hubspot_owner_id":
            body["referencedObjectType"] = "OWNER"
        return body


def parse_options(text: str) -> dict[str, str]:
    """`a=A;b=B` or `@set` as value -> label, in order."""
    if text.startswith("@"):
        text = _SETS[text[1:]]
    return {value: label for value, _, label in (part.partition("=") for part in text.split(";") if part)}


@cache
def parse_table(text: str) -> tuple[Property, ...]:
    """Property definitions of one table text."""
    found = []
    for line in text.strip().splitlines():
        name, label, kind, field_type, group, flags, options = line.split("|")
        found.append(
            Property(
                name=name,
                label=label,
                type=kind,
                field_type=field_type,
                group=group,
                options=parse_options(options),
                read_only="r" in flags,
                read_only_definition="d" in flags,
                calculated="c" in flags,
                hidden="h" in flags,
                external_options="x" in flags,
                form_field="f" in flags,
                unique="u" in flags,
            )
        )
    return tuple(found)


def from_json(body: Mapping[str, Any]) -> Property:
    """A definition from the JSON of a real portal's GET /crm/v3/properties answer."""
    meta = body.get("modificationMetadata") or {}
    return Property(
        name=str(body["name"]),
        label=str(body.get("label", body["name"])),
        type=str(body["type"]),
        field_type=str(body["fieldType"]),
        group=str(body.get("groupName", "")),
        description=str(body.get("description", "")),
        options={str(o["value"]): str(o["label"]) for o in body.get("options") or []},
        read_only=bool(meta.get("readOnlyValue")),
        read_only_definition=bool(meta.get("readOnlyDefinition")),
        calculated=bool(body.get("calculated")),
        hidden=bool(body.get("hidden")),
        external_options=bool(body.get("externalOptions")),
        form_field=bool(body.get("formField")),
        unique=bool(body.get("hasUniqueValue")),
        hubspot_defined=bool(body.get("hubspotDefined")),
    )


class Schema:
    """The properties and property groups of every object type in one portal."""

    def __init__(self) -> None:
        tables = {
            "contacts": table_contacts.CONTACTS,
            "companies": table_others.COMPANIES,
            "deals": table_others.DEALS,
            "tasks": table_others.TASKS + table_others.ENGAGEMENT,
            "calls": table_others.CALLS + table_others.ENGAGEMENT,
            "emails": table_others.EMAILS + table_others.ENGAGEMENT,
            "meetings": table_others.MEETINGS + table_others.ENGAGEMENT,
            "notes": table_others.NOTES + table_others.ENGAGEMENT,
        }
        self.properties: dict[str, dict[str, Property]] = {}
        self.groups: dict[str, dict[str, str]] = {}
        for plural in OBJECT_TYPES:
            found = parse_table(tables[plural].replace("\n\n", "\n"))
            self.properties[plural] = {p.name: p for p in found}
            self.groups[plural] = {p.group: p.group.replace("_", " ").capitalize() for p in found}

    def of(self, plural: str) -> dict[str, Property]:
        """Live and archived definitions of one type, by name."""
        return self.properties[plural]

    def live(self, plural: str, name: str) -> Property | None:
        """The definition of a property that is not archived."""
        found = self.properties[plural].get(name)
        return None if found is None or found.archived else found

    def load(self, plural: str, path: Path) -> int:
        """Replaces a type's definitions by a recorded properties answer; own ones it lacks stay. Returns how many were read."""
        try:
            body = orjson.loads(path.read_bytes())
            rows = body["results"] if isinstance(body, dict) else body
            found = [from_json(row) for row in rows]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: no properties answer ({error})") from error
        for prop in found:
            self.properties[plural][prop.name] = prop
            self.groups[plural].setdefault(prop.group, prop.group)
        return len(found)

    def set_options(self, plural: str, name: str, options: Iterable[tuple[str, str]] | Mapping[str, str]) -> None:
        """Replaces an enumeration's options (value -> label), as an admin would; KeyError when there is no such property."""
        self.change(plural, name, options=dict(options))

    def change(self, plural: str, name: str, **changes: Any) -> Property:
        """Replaces a definition by one that differs in these attributes; KeyError when there is no such property."""
        made = self.properties[plural][name] = replace(self.properties[plural][name], **changes)
        return made

    def problem(self, plural: str, body: Mapping[str, Any]) -> str | None:
        """Why a definition would be refused, None when it is fine."""
        for key in ("name", "label", "type", "fieldType", "groupName"):
            if not isinstance(body.get(key), str) or not body[key]:
                return f"Some required fields were not set: [{key}]"
        if not _NAME.fullmatch(body["name"]):
            return f"Property names must be lower-case letters, digits and underscores: {body['name']}"
        if body["type"] not in PROPERTY_TYPES:
            return f"Invalid property type: {body['type']}"
        if body["fieldType"] not in FIELD_TYPES:
            return f"Invalid field type: {body['fieldType']}"
        if body["groupName"] not in self.groups[plural]:
            return f"Property group {body['groupName']} does not exist"
        if body["type"] == "enumeration" and not body.get("options") and not body.get("externalOptions"):
            return "Enumeration properties need at least one option"
        if body.get("hasUniqueValue") and sum(p.unique for p in self.properties[plural].values()) >= UNIQUE_LIMIT:
            return f"There can be at most {UNIQUE_LIMIT} unique properties per object type"
        return None

    def define(self, plural: str, body: Mapping[str, Any]) -> Property:
        """Adds a custom definition that `problem` found nothing wrong with."""
        ordered = sorted(body.get("options") or [], key=lambda o: o.get("displayOrder", 0))
        options = {str(o["value"]): str(o["label"]) for o in ordered}
        if body["type"] == "bool" and not options:
            options = {"true": "True", "false": "False"}
        prop = Property(
            name=body["name"],
            label=body["label"],
            type=body["type"],
            field_type=body["fieldType"],
            group=body["groupName"],
            description=str(body.get("description", "")),
            options=options,
            hidden=bool(body.get("hidden")),
            form_field=bool(body.get("formField")),
            unique=bool(body.get("hasUniqueValue")),
            hubspot_defined=False,
        )
        self.properties[plural][prop.name] = prop
        return prop
