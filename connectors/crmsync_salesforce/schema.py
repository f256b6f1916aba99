"""Describes: the live schema as ObjectSchema, cached per connector."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from crmsync.model.record import FieldSchema, ObjectSchema
from crmsync_salesforce.client import Client, RefusedError
from crmsync_salesforce.soql import object_name

TYPES: Mapping[str, str] = {
    "string": "text", "textarea": "text", "id": "text", "encryptedstring": "text", "email": "email", "phone": "phone", "url": "url",
    "int": "number", "long": "number", "double": "number", "currency": "number", "percent": "number", "boolean": "bool", "date": "date",
    "datetime": "datetime", "picklist": "picklist", "combobox": "picklist", "multipicklist": "multi", "reference": "reference",
}  # fmt: skip
"""Salesforce's field types by our words; compound and binary types are "other" [recorded describes]."""

RIGHTS = (
    ("queryable", "read", "read"), ("createable", "create", "create"), ("updateable", "update", "edit"), ("deletable", "delete", "delete"),
)  # fmt: skip
"""(flag of a describe, our right, Salesforce's word for it). The flags tell what the user who asks may do."""


def field_schema(native: Mapping[str, Any]) -> FieldSchema:
    """One field of a describe. A combobox suggests values but takes any; inactive picklist values are left out."""
    kind = str(native["type"])
    required = not native.get("nillable", True) and native.get("createable", False) and not native.get("defaultedOnCreate", False)
    return FieldSchema(
        name=native["name"],
        label=native.get("label") or native["name"],
        type=TYPES.get(kind, "other"),
        length=native.get("length") or None,
        options=tuple(o["value"] for o in native.get("picklistValues") or () if o.get("active", True)),
        restricted=bool(native.get("restrictedPicklist", False)),
        required=bool(required),
        createable=bool(native.get("createable", False)),
        updateable=bool(native.get("updateable", False)),
        unique=bool(native.get("unique", False)),
        # roll-ups are calculated without a formula text; both change without touching SystemModstamp
        computed=bool(native.get("calculated", False)),
        nillable=bool(native.get("nillable", True)) or kind == "boolean",  # an empty checkbox is one that is not ticked
    )


class Describes:
    """Describes of one org, fetched once each until `forget`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, Mapping[str, Any] | None] = {}
        self._made: dict[str, tuple[Mapping[str, Any], ObjectSchema]] = {}

    def native(self, object: str) -> Mapping[str, Any] | None:
        """The describe of one object; None when it does not exist or is not visible to us."""
        with self._lock:
            if object not in self._known:
                self._known[object] = self._read(object)
            return self._known[object]

    def _read(self, object: str) -> Mapping[str, Any] | None:
        try:
            found = self._client.get(f"sobjects/{object_name(object)}/describe")
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        return found if isinstance(found, Mapping) else None

    def forget(self) -> None:
        """The next question asks the org again."""
        with self._lock:
            self._known.clear()

    def schema(self, object: str) -> ObjectSchema | None:
        """One object's fields by API name, None when there is no such object for us."""
        native = self.native(object)
        if native is None:
            return None
        made = self._made.get(object)
        if made is not None and made[0] == native:
            return made[1]  # asked every few minutes and nearly always answered alike: comparing is a tenth of the work
        fields = (field_schema(f) for f in native.get("fields", ()))
        fix = f"Grant {{}} on {object} in a permission set of the integration user"
        lacks = {right: fix.format(word) for flag, right, word in RIGHTS if not native.get(flag, True)}
        schema = ObjectSchema(object=object, label=native.get("label") or object, fields={f.name: f for f in fields}, lacks=lacks)
        self._made[object] = (native, schema)
        return schema

    def type_of(self, object: str, path: str) -> str | None:
        """The type of a field or parent path ("Account.Name") in our words; None when it cannot be told."""
        first, _, rest = path.partition(".")
        for found in (self.native(object) or {}).get("fields", ()):
            if not rest and found["name"] == first:
                return TYPES.get(str(found["type"]), "other")
            targets = list(found.get("referenceTo") or [])
            if rest and found.get("relationshipName") == first and len(targets) == 1:
                return self.type_of(str(targets[0]), rest)
        return None
