"""Tooling API: custom fields are made, changed, read and removed here. They stay invisible until permissions are granted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crmsync_salesforce.sim.errors import SalesforceError, not_found
from crmsync_salesforce.sim.fields import Field, PicklistValue
from crmsync_salesforce.sim.http import Call, Reply, segment
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row

TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Checkbox": "boolean",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Lookup": "reference",
}
FIXED_LENGTH = {"TextArea": 255, "Picklist": 255, "MultiselectPicklist": 4099, "Email": 80, "Phone": 40, "Url": 255}
UNIQUE_TYPES = frozenset({"Text", "Number", "Email"})
NAME = re.compile(r"[A-Za-z](?:\w*[A-Za-z0-9])?__c")
EXTENDABLE = frozenset({"Lead", "Contact", "Account", "Opportunity", "Campaign", "CampaignMember", "User", "Activity"})


def broken(message: str, field: str = "Metadata", code: str = "FIELD_INTEGRITY_EXCEPTION") -> SalesforceError:
    """A refusal of the metadata."""
    return SalesforceError(code, message, fields=[field])


class Tooling:
    """Handlers of tooling/sobjects/CustomField and the making of fields for the Python face."""

    def __init__(self, org: Org, user: str) -> None:
        self._org = org
        self._user = user

    def create(self, call: Call) -> Reply:
        """POST tooling/sobjects/CustomField {FullName, Metadata}."""
        body = call.object()
        record_id = self.make(str(body.get("FullName", "")), body.get("Metadata"), user=call.user)
        answer = {"id": record_id, "success": True, "errors": [], "warnings": [], "infos": []}
        return Reply(status=201, body=answer)

    def read(self, call: Call, record_id: str) -> Reply:
        """GET tooling/sobjects/CustomField/{id}."""
        kind, row = self._row(record_id)
        url = f"/services/data/{call.version}/tooling/sobjects/CustomField/{row['Id']}"
        return Reply(body={"attributes": {"type": "CustomField", "url": url}, **self._org.whole(kind, row)})

    def change(self, call: Call, record_id: str) -> Reply:
        """PATCH tooling/sobjects/CustomField/{id} {Metadata}: 204."""
        kind, row = self._row(record_id)
        metadata = call.object().get("Metadata")
        if not isinstance(metadata, dict):
            raise broken("Metadata is required")
        merged = {**row["Metadata"], **metadata}
        full_name = row["FullName"]
        owner, _, name = full_name.partition(".")
        definition = field_of(name, merged)
        if definition.type != self._field(owner, name).type:
            raise broken("Cannot change field type in a simulated org")
        self._org.add_field(owner, definition)
        now = self._org.now_stamp()
        changed = {**row, **_columns(merged), "Metadata": merged, "SystemModstamp": now, "LastModifiedDate": now}
        self._org.commit(kind, changed, action="update", user=call.user)
        return Reply(status=204)

    def remove(self, call: Call, record_id: str) -> Reply:
        """DELETE tooling/sobjects/CustomField/{id}: 204."""
        _, row = self._row(record_id)
        owner, _, name = row["FullName"].partition(".")
        self.drop(owner, name)
        return Reply(status=204)

    # ---- for the Python face too ------------------------------------------------------------------------------
    def make(self, full_name: str, metadata: Any, *, user: str | None = None) -> str:
        """Create a custom field from `Object.Name__c` and Metadata; returns the CustomField id. Raises SalesforceError."""
        owner, _, name = full_name.partition(".")
        if not isinstance(metadata, Mapping):
            raise broken("Metadata is required")
        if owner in ("Task", "Event"):
            raise broken(f"Custom fields of {owner} are defined on Activity", "FullName", "INVALID_FIELD")
        target = "Task" if owner == "Activity" else owner
        kind = self._org.objects.get(target.lower())
        if kind is None or kind.tooling or not (owner in EXTENDABLE or kind.custom):
            raise broken(f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}", "TableEnumOrId")
        if NAME.fullmatch(name) is None or "__" in name.removesuffix("__c"):
            message = f"The Field API Name '{name}' can only contain underscores and alphanumeric characters and must end with __c."
            raise broken(message, "DeveloperName")
        if kind.has(name):
            message = f"There is already a field named {name.removesuffix('__c')} on {kind.label}."
            raise broken(message, "DeveloperName", "DUPLICATE_DEVELOPER_NAME")
        definition = field_of(name, metadata)
        self._org.add_field(owner, definition)
        table = self._org.kind("CustomField")
        now = self._org.now_stamp()
        author = user or self._user
        row: Row = {
            "Id": self._org.new_id(table),
            "DeveloperName": name.removesuffix("__c"),
            "TableEnumOrId": owner,
            "FullName": f"{owner}.{name}",
            "ManageableState": "unmanaged",
            "Metadata": dict(metadata),
            **_columns(metadata),
            "CreatedDate": now,
            "CreatedById": author,
            "LastModifiedDate": now,
            "LastModifiedById": author,
            "SystemModstamp": now,
        }
        self._org.commit(table, row, action="create", user=author)
        return str(row["Id"])

    def drop(self, owner: str, name: str) -> None:
        """Remove a field with its permissions and its CustomField row."""
        self._org.remove_field(owner, name)
        objects = ("Task", "Event") if owner == "Activity" else (owner,)
        gone = {f"{entry}.{name}".lower() for entry in objects}
        permissions = self._org.tables["FieldPermissions"]
        for row in [row for row in permissions.rows.values() if row["Field"].lower() in gone]:
            permissions.remove(row["Id"])
        fields = self._org.tables["CustomField"]
        for row in [row for row in fields.rows.values() if row["FullName"].lower() == f"{owner}.{name}".lower()]:
            fields.remove(row["Id"])
        self._org.touch_access()

    def _row(self, record_id: str) -> tuple[ObjectType, Row]:
        kind = self._org.kind("CustomField")
        row = self._org.row(kind.name, normalise_id(segment(record_id)))
        if row is None:
            raise not_found()
        return kind, row

    def _field(self, owner: str, name: str) -> Field:
        return self._org.kind("Task" if owner == "Activity" else owner).fields[name.lower()]


def _columns(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Length": metadata.get("length"),
        "Precision": metadata.get("precision"),
        "Scale": metadata.get("scale"),
        "InlineHelpText": metadata.get("inlineHelpText"),
    }


def field_of(name: str, metadata: Mapping[str, Any]) -> Field:
    """The field that the metadata defines. Raises SalesforceError for metadata that the vendor refuses."""
    kind, label = metadata.get("type"), metadata.get("label")
    if kind not in TYPES:
        raise broken(f"Field Type: bad value for restricted picklist field: {kind}", "Type")
    if not label or len(str(label)) > 40:
        raise broken("Label is required and holds at most 40 characters", "Label")
    required = bool(metadata.get("required"))
    unique, external = bool(metadata.get("unique")), bool(metadata.get("externalId"))
    if (unique or external) and kind not in UNIQUE_TYPES:
        raise broken(f"A {kind} field can be neither unique nor an external id", "Unique")
    definition = Field(
        name=name,
        label=str(label),
        type=TYPES[kind],
        nillable=not required,
        unique=unique,
        external_id=external,
        case_sensitive=bool(metadata.get("caseSensitive")),
        custom=True,
        help_text=metadata.get("inlineHelpText"),
        html=kind == "Html",
    )
    if kind in ("Text", "LongTextArea", "Html"):
        return replace(definition, length=_length(kind, metadata))
    if kind in ("Number", "Currency", "Percent"):
        precision, scale = _decimals(metadata)
        return replace(definition, precision=precision, scale=scale)
    if kind == "Checkbox":
        if "defaultValue" not in metadata:
            raise broken("Must specify 'defaultValue' for a CustomField of type Checkbox", "DefaultValue")
        default = str(metadata["defaultValue"]).lower() == "true"
        return replace(definition, nillable=True, default=True if default else None)
    if kind in ("Picklist", "MultiselectPicklist"):
        values, restricted = _values(metadata)
        return replace(definition, length=FIXED_LENGTH[kind], picklist=values, restricted=restricted)
    if kind == "Lookup":
        target = metadata.get("referenceTo")
        if not target:
            raise broken("Must specify 'referenceTo' for a CustomField of type Lookup", "ReferenceTo")
        relationship = f"{metadata.get('relationshipName') or name.removesuffix('__c')}__r"
        return replace(definition, references=(str(target),), relationship=relationship)
    return replace(definition, length=FIXED_LENGTH.get(kind, 0))


def _length(kind: str, metadata: Mapping[str, Any]) -> int:
    low, high = (1, 255) if kind == "Text" else (256, 131_072)
    length = metadata.get("length")
    if not isinstance(length, int) or isinstance(length, bool) or not low <= length <= high:
        raise broken(f"Must specify a length between {low} and {high} for a CustomField of type {kind}", "Length")
    if kind != "Text" and not isinstance(metadata.get("visibleLines"), int):
        raise broken(f"Must specify 'visibleLines' for a CustomField of type {kind}", "VisibleLines")
    return length


def _decimals(metadata: Mapping[str, Any]) -> tuple[int, int]:
    precision, scale = metadata.get("precision"), metadata.get("scale")
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision <= 18 or precision < 1:
        raise broken("Must specify 'precision' (1 to 18) and 'scale' (0 to precision)", "Precision")
    return precision, scale


def _values(metadata: Mapping[str, Any]) -> tuple[tuple[PicklistValue, ...], bool]:
    value_set = metadata.get("valueSet") or {}
    entries = (value_set.get("valueSetDefinition") or {}).get("value") or []
    values = tuple(
        PicklistValue(
            value=str(entry.get("fullName") or entry.get("valueName") or entry.get("label")),
            label=str(entry.get("label") or entry.get("fullName") or entry.get("valueName")),
            default=bool(entry.get("default")),
        )
        for entry in entries
    )
    if not values:
        raise broken("Must specify 'valueSet' with at least one value for a picklist", "ValueSet")
    if len({entry.value for entry in values}) != len(values):
        raise broken("duplicate value in the value set", "ValueSet", "DUPLICATE_VALUE")
    return values, bool(value_set.get("restricted"))
