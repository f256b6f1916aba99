"""Creates crmsync's own fields (Tooling API), the permission set `crmsync`, its field permissions and its assignment to our user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from crmsync.connect.protocol import Finding
from crmsync.errors import CredentialsError
from crmsync.model.fields import OwnField
from crmsync_salesforce import soql, wire
from crmsync_salesforce.client import KEYED_WRITE, ONCE, Client, RefusedError
from crmsync_salesforce.people import People
from crmsync_salesforce.schema import Describes

PERMISSION_SET = "crmsync"
TABLES: Mapping[str, tuple[str, ...]] = {
    "person": ("Lead", "Contact"),
    "activity": ("Activity",),
    "company": ("Account",),
    "deal": ("Opportunity",),
}
"""Custom fields of Task and Event are defined once, on Activity [fields.md]."""
SEEN_ON: Mapping[str, tuple[str, ...]] = {
    "Lead": ("Lead",),
    "Contact": ("Contact",),
    "Activity": ("Task", "Event"),
    "Account": ("Account",),
    "Opportunity": ("Opportunity",),
}
SPARE: Mapping[str, str] = {"Account": "companies", "Opportunity": "deals"}
"""Objects that not every integration user may see: people and activities sync without them."""
NATIVE_TYPES: Mapping[str, frozenset[str]] = {
    "text": frozenset({"string"}),
    "long_text": frozenset({"textarea"}),
    "number": frozenset({"double", "int", "long"}),
    "datetime": frozenset({"datetime"}),
    "picklist": frozenset({"picklist"}),
}


def metadata(field: OwnField) -> dict[str, Any]:
    """The definition of one field as the Tooling API's CustomField takes it."""
    common: dict[str, Any] = {"label": field.label}
    if field.description:
        common["description"] = field.description
        common["inlineHelpText"] = field.description
    if field.type == "text":
        unique = {"unique": True, "externalId": True, "caseSensitive": True} if field.unique else {}
        return {**common, "type": "Text", "length": 255, **unique}
    if field.type == "long_text":
        return {**common, "type": "LongTextArea", "length": 32_000, "visibleLines": 8}
    if field.type == "number":
        return {**common, "type": "Number", "precision": 18, "scale": 0}
    if field.type == "datetime":
        return {**common, "type": "DateTime"}
    values = [{"fullName": o, "label": o.replace("_", " ").capitalize(), "default": False} for o in field.options]
    # not restricted: an admin who adds a stage to the playbook must not have every write of it refused until somebody edits the picklist
    return {**common, "type": "Picklist", "valueSet": {"restricted": False, "valueSetDefinition": {"sorted": False, "value": values}}}


def native_name(field: OwnField) -> str:
    """API name of the custom field."""
    return f"{field.name}__c"


class Provisioner:
    """Creates what is missing, changes nothing that exists. Running it twice does nothing the second time."""

    def __init__(self, client: Client, describes: Describes, people: People) -> None:
        self._client = client
        self._describes = describes
        self._people = people
        self._found: list[Finding] = []

    def run(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        """One finding per thing done (or that would be done), and an error for everything that stands in the way."""
        self._found = []
        self._describes.forget()
        wanted = [(table, f) for f in fields for on in f.on for table in TABLES[on]]
        try:
            defined = self._defined()
            ready = [(table, f) for table, f in wanted if self._field(table, f, defined, dry_run=dry_run)]
            self._grant(ready, dry_run=dry_run)
        except (CredentialsError, RefusedError) as error:
            self._say("error", "provision", str(error), "Grant the user Customize Application and Manage Profiles and Permission Sets")
            return self._found
        if not dry_run:
            self._verify(ready)
        return self._found

    def _say(self, level: str, subject: str, message: str, fix: str = "") -> None:
        self._found.append(Finding(level=level, subject=subject, message=message, fix=fix))

    # --- fields ----------------------------------------------------------------------------------------------------------

    def _defined(self) -> set[tuple[str, str]]:
        """(table, developer name) of custom fields that exist, whether we can see them or not."""
        where = f"TableEnumOrId IN ({','.join(soql.literal(t) for t in SEEN_ON)}) AND NamespacePrefix = null"
        text = soql.select(("Id", "DeveloperName", "TableEnumOrId"), "CustomField", where=where)
        return {(row["TableEnumOrId"], row["DeveloperName"]) for row in self._client.rows(soql.path(text, tooling=True))}

    def _shown(self, table: str, field: OwnField) -> Mapping[str, Any] | None:
        for object in SEEN_ON[table]:
            for native in (self._describes.native(object) or {}).get("fields", ()):
                if native["name"] == native_name(field):
                    return native  # type: ignore[no-any-return]
        return None

    def _field(self, table: str, field: OwnField, defined: set[tuple[str, str]], *, dry_run: bool) -> bool:
        """True when the field is there or will be."""
        full = f"{table}.{native_name(field)}"
        if table in SPARE and self._describes.native(table) is None:
            self._say(
                "warning", full, f"{table} is not visible to our user; it is only needed to sync {SPARE[table]}", f"Grant read on {table}"
            )
            return False
        shown = self._shown(table, field)
        if shown is not None:
            return self._same(full, field, shown)
        if (table, field.name) in defined:
            return True  # there, but hidden from us until the permission set is granted
        if dry_run:
            self._say("would", full, f"would create the {field.type} field {field.label!r}")
            return True
        body = orjson.dumps({"FullName": full, "Metadata": metadata(field)})
        try:
            # a second try after a lost answer meets the field of the first and is told so
            self._client.request("POST", "tooling/sobjects/CustomField/", body=body, safety=KEYED_WRITE)
        except RefusedError as error:
            if not error.codes & {"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"}:
                self._say("error", full, str(error), "Create the field by hand, or grant Customize Application")
                return False
        self._say("done", full, f"created the {field.type} field {field.label!r}")
        return True

    def _same(self, full: str, field: OwnField, shown: Mapping[str, Any]) -> bool:
        kind = str(shown.get("type"))
        if kind not in NATIVE_TYPES[field.type]:
            message = f"exists as {kind}, but crmsync needs {field.type}; it was left as it is"
            self._say("error", full, message, f"Rename or delete the existing field {full}, then run crmsync provision")
            return False
        if field.unique and not (shown.get("externalId") and shown.get("unique")):
            message = "exists but is not a unique external id; it was left as it is"
            self._say("error", full, message, f"Mark {full} as External ID and Unique")
            return False
        return True

    # --- permissions -----------------------------------------------------------------------------------------------------

    def _grant(self, ready: Sequence[tuple[str, OwnField]], *, dry_run: bool) -> None:
        rows = self._client.rows(soql.path(soql.select(("Id",), "PermissionSet", where=f"Name = {soql.literal(PERMISSION_SET)}")))
        set_id: str | None = rows[0]["Id"] if rows else None
        if set_id is None:
            if dry_run:
                self._say("would", "permission set", f"would create the permission set {PERMISSION_SET}")
            else:
                body = {"Name": PERMISSION_SET, "Label": "crmsync", "Description": "Access to the fields that crmsync owns"}
                set_id = self._create("PermissionSet", body)
                self._say("done", "permission set", f"created the permission set {PERMISSION_SET}")
        self._permissions(set_id, [(o, native_name(f)) for table, f in ready for o in SEEN_ON[table]], dry_run=dry_run)
        self._assign(set_id, dry_run=dry_run)

    def _create(self, object: str, body: Mapping[str, Any]) -> str:
        answer = self._client.parsed(lambda: self._client.request("POST", f"sobjects/{object}/", body=orjson.dumps(body), safety=ONCE))
        return str(answer["id"])

    def _permissions(self, set_id: str | None, fields: Sequence[tuple[str, str]], *, dry_run: bool) -> None:
        granted: dict[str, bool] = {}
        if set_id is not None:
            text = soql.select(("Field", "PermissionsEdit"), "FieldPermissions", where=f"ParentId = {soql.literal(set_id)}")
            granted = {row["Field"]: bool(row.get("PermissionsEdit")) for row in self._client.rows(soql.path(text))}
        for full, edit in granted.items():
            if not edit and tuple(full.split(".", 1)) in set(fields):
                self._say(
                    "error", full, f"the permission set {PERMISSION_SET} only lets read it", f"Grant edit on {full} in {PERMISSION_SET}"
                )
        missing = [(object, name) for object, name in fields if f"{object}.{name}" not in granted]
        if not missing:
            return
        if dry_run:
            self._say("would", "field permissions", f"would grant read and edit on {len(missing)} fields to {PERMISSION_SET}")
            return
        made = 0
        for start in range(0, len(missing), 200):
            part = missing[start : start + 200]
            records = [
                {
                    "attributes": {"type": "FieldPermissions"},
                    "ParentId": set_id,
                    "SobjectType": object,
                    "Field": f"{object}.{name}",
                    "PermissionsRead": True,
                    "PermissionsEdit": True,
                }
                for object, name in part
            ]
            body = orjson.dumps({"allOrNone": False, "records": records})
            answer = self._client.parsed(lambda b=body: self._client.request("POST", "composite/sobjects", body=b, safety=ONCE))  # type: ignore[misc]
            for (object, name), result in zip(part, wire.results(answer, len(part)) or (), strict=False):
                if not result.errors or result.errors[0].code == "DUPLICATE_VALUE":
                    made += 1
                else:
                    self._say("error", f"{object}.{name}", f"field permission refused: {result.errors[0].message}", "Grant it by hand")
        self._say("done", "field permissions", f"granted read and edit on {made} fields to {PERMISSION_SET}")

    def _assign(self, set_id: str | None, *, dry_run: bool) -> None:
        me = self._people.me()
        if set_id is not None:
            where = f"AssigneeId = {soql.literal(me)} AND PermissionSetId = {soql.literal(set_id)}"
            if self._client.rows(soql.path(soql.select(("Id",), "PermissionSetAssignment", where=where))):
                return
        if dry_run or set_id is None:
            self._say("would", "assignment", f"would assign {PERMISSION_SET} to our own user")
            return
        try:
            self._create("PermissionSetAssignment", {"AssigneeId": me, "PermissionSetId": set_id})
        except RefusedError as error:
            if "DUPLICATE_VALUE" not in error.codes:
                raise
            return
        self._say("done", "assignment", f"assigned {PERMISSION_SET} to our own user")

    def _verify(self, ready: Sequence[tuple[str, OwnField]]) -> None:
        """Looks whether the fields are now visible to us: a new field stays invisible until permission and assignment are in place."""
        self._describes.forget()
        for table, field in ready:
            for object in SEEN_ON[table]:
                schema = self._describes.schema(object)
                if schema is None or native_name(field) not in schema.fields:
                    self._say(
                        "error",
                        f"{object}.{native_name(field)}",
                        "exists but is still not visible to our user",
                        f"Grant field access through the permission set {PERMISSION_SET} and assign it",
                    )
