"""Rules of permission records: what may be granted, once, and to whom."""

from __future__ import annotations

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row

CHECKED = frozenset({"PermissionSet", "PermissionSetAssignment", "FieldPermissions", "ObjectPermissions"})


def check(org: Org, name: str, row: Row, old: Row | None) -> None:
    """Raise SalesforceError when the org would refuse the permission record."""
    if name == "PermissionSet":
        row.setdefault("IsCustom", True)
        for other in org.tables[name].live():
            if other["Id"] != row["Id"] and other.get("Name", "").lower() == str(row.get("Name", "")).lower():
                message = "The developer name you entered is already in use"
                raise SalesforceError("DUPLICATE_DEVELOPER_NAME", message, fields=["Name"])
    elif name == "PermissionSetAssignment":
        row["IsActive"] = True
        if row.get("PermissionSetId") is None:
            raise SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [PermissionSetId]", fields=["PermissionSetId"])
        _once(org, name, row, "AssigneeId", "PermissionSetId")
    elif name == "ObjectPermissions":
        _known_object(org, row)
        _once(org, name, row, "ParentId", "SobjectType")
    elif old is None or row.get("Field") != old.get("Field"):
        _field_permission(org, row)
    if name == "FieldPermissions" and row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        message = "Edit permission on a field requires Read permission"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=["PermissionsRead"])


def after(org: Org, kind: ObjectType, row: Row) -> None:
    """A field permission without Read does not exist. [D: object FieldPermissions]"""
    if kind.name == "FieldPermissions" and not row.get("PermissionsRead"):
        org.tables[kind.name].remove(row["Id"])
        org.touch_access()


def _known_object(org: Org, row: Row) -> ObjectType:
    kind = org.known(str(row.get("SobjectType", "")))
    if kind is None:
        message = f"SObject Type Name: bad value for restricted picklist field: {row.get('SobjectType')}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=["SobjectType"])
    return kind


def _field_permission(org: Org, row: Row) -> None:
    kind = _known_object(org, row)
    prefix, _, name = str(row.get("Field", "")).partition(".")
    field = kind.fields.get(name.lower())
    if field is None or prefix.lower() != kind.name.lower():
        message = f"Field Name: bad value for restricted picklist field: {row.get('Field')}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=["Field"])
    if not field.nillable:
        message = f"You cannot deploy to a required field: {row['Field']}"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=["Field"])
    row["Field"] = f"{kind.name}.{field.name}"
    _once(org, "FieldPermissions", row, "ParentId", "Field")


def _once(org: Org, name: str, row: Row, *keys: str) -> None:
    for other in org.tables[name].find(keys[0], row.get(keys[0])):
        found = org.live_row(name, other)
        if found is None or other == row["Id"] or any(found.get(key) != row.get(key) for key in keys):
            continue
        if name == "PermissionSetAssignment":
            assignee, permission_set = row["AssigneeId"][:15], row["PermissionSetId"][:15]
            message = f"Duplicate PermissionSetAssignment.  Assignee: {assignee}; Permission Set: {permission_set}"
        else:
            message = f"duplicate value found: {keys[1]} duplicates value on record with id: {other}"
        raise SalesforceError("DUPLICATE_VALUE", message, fields=list(keys))
