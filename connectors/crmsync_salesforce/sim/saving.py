"""Saving one record: names, types, defaults, references, rules, uniqueness, duplicates, owner, stamps - in that order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crmsync_salesforce.sim import admin_rules, campaigns, relations
from crmsync_salesforce.sim.derive import derive, required
from crmsync_salesforce.sim.errors import SalesforceError, entity_is_deleted, no_such_column, not_found
from crmsync_salesforce.sim.fields import Field
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import SYSTEM_FIELDS, Org, Saver
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row
from crmsync_salesforce.sim.values import coerce

OWNED_BY_QUEUE = frozenset({"Lead", "Task"})
AUDIT = frozenset({"CreatedDate", "LastModifiedDate", "CreatedById", "LastModifiedById"})
USER_DEFAULTS = {
    "IsActive": True,
    "TimeZoneSidKey": "America/Los_Angeles",
    "LocaleSidKey": "en_US",
    "LanguageLocaleKey": "en_US",
    "EmailEncodingKey": "UTF-8",
    "UserType": "Standard",
}


def create(org: Org, name: str, fields: Mapping[str, Any], saver: Saver, *, columns: Mapping[str, int] | None = None) -> str:
    """Insert a record and return its 18-character id. `columns` maps field names to CSV columns. Raises SalesforceError."""
    kind = org.kind(name)
    values = read_fields(org, kind, fields, saver, creating=True, columns=columns)
    row = blank_row(org, kind, values, saver)
    _finish(org, kind, row, None, set(values), saver)
    return str(row["Id"])


def update(
    org: Org,
    name: str,
    record_id: str,
    fields: Mapping[str, Any],
    saver: Saver,
    *,
    columns: Mapping[str, int] | None = None,
) -> None:
    """Change fields of a live record. Raises SalesforceError: NOT_FOUND, ENTITY_IS_DELETED, and every rule of saving."""
    kind = org.kind(name)
    old = find(org, kind, record_id)
    values = read_fields(org, kind, fields, saver, creating=False, columns=columns)
    if kind.name == "Lead" and old.get("IsConverted") and saver.channel != "system":
        raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])
    row = {**old, **values}
    if not org.options.noop_bumps and all(old.get(key) == value for key, value in values.items()):
        return
    now = org.now_stamp()
    row["SystemModstamp"] = now
    if "LastModifiedDate" not in values:
        row["LastModifiedDate"] = now
    if "LastModifiedById" not in values:
        row["LastModifiedById"] = saver.user
    _finish(org, kind, row, old, set(values), saver)


def find(org: Org, kind: ObjectType, record_id: str) -> Row:
    """The live row of an id in either length. Raises NOT_FOUND or ENTITY_IS_DELETED."""
    full = normalise_id(record_id)
    row = None if full is None else org.row(kind.name, full)
    if row is None:
        raise not_found()
    if row.get("IsDeleted"):
        raise entity_is_deleted()
    return row


def blank_row(org: Org, kind: ObjectType, values: Mapping[str, Any], saver: Saver) -> Row:
    """A new row: system fields, defaults, then the given values."""
    now = org.now_stamp()
    row: Row = {
        "Id": org.new_id(kind),
        "CreatedDate": now,
        "CreatedById": saver.user,
        "LastModifiedDate": now,
        "LastModifiedById": saver.user,
        "SystemModstamp": now,
    }
    row.update(kind.save_facts.defaults)
    if kind.has("OwnerId"):
        row["OwnerId"] = saver.user
    if kind.name == "User":
        row.update(USER_DEFAULTS)
        row["Alias"] = str(values.get("LastName") or "user")[:8].lower()
        row["CommunityNickname"] = str(values.get("Username") or values.get("Email") or "")[:40]
    if kind.name == "Task":
        row["TaskSubtype"] = "Task"
    if kind.name == "Event":
        row["EventSubtype"] = "Event"
    defaulted = {key: value for key, value in values.items() if value is not None or key not in row}
    row.update(defaulted)
    if "CreatedDate" in values and "LastModifiedDate" not in values:
        row["LastModifiedDate"] = row["SystemModstamp"]
    return row


def read_fields(
    org: Org,
    kind: ObjectType,
    fields: Mapping[str, Any],
    saver: Saver,
    *,
    creating: bool,
    columns: Mapping[str, int] | None = None,
) -> Row:
    """The incoming fields under their exact names, in stored form. Raises SalesforceError."""
    view: Mapping[str, Field] = org.view(kind, saver.user) if saver.api else kind.fields
    values: Row = {}
    refused: list[str] = []
    free = not saver.api  # field permissions bind the API only
    trim = org.options.trim_text
    for key, value in fields.items():
        lower = key.lower()
        if lower == "attributes" or (lower == "id" and (value is None or not creating)):
            continue
        if lower in kind.parents and isinstance(value, Mapping) and kind.parents[lower].name.lower() in view:
            reference = kind.parents[lower]
            values[reference.name] = _by_external_id(org, reference, value)
            continue
        field = view.get(lower)
        if field is None:
            raise no_such_column(key, kind.name)
        if lower == "id":
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", fields=["Id"])
        if not (free or (_createable(org, field) if creating else field.updateable)):
            refused.append(field.name)
            continue
        column = None if columns is None else columns.get(key, 0)
        values[field.name] = coerce(field, value, column=column, trim=trim)
    if refused:
        message = (
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set."
        )
        raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=refused)
    return values


def _createable(org: Org, field: Field) -> bool:
    return field.createable or (org.options.audit_fields and field.name in AUDIT)


def _by_external_id(org: Org, reference: Field, value: Mapping[str, Any]) -> str:
    keys = {key: entry for key, entry in value.items() if key != "attributes"}
    if len(keys) == 1:
        key, wanted = next(iter(keys.items()))
        for target in reference.references:
            kind = org.kind(target)
            field = kind.fields.get(key.lower())
            if field is None or not (field.external_id or field.id_lookup):
                continue
            live = [record for record in org.tables[kind.name].find(field.name, wanted) if org.live_row(kind.name, record)]
            if len(live) == 1:
                return live[0]
    message = f"Foreign key external ID: {next(iter(keys.values()), '')} not found for field {next(iter(keys), '')} in entity"
    raise SalesforceError("INVALID_FIELD", message, fields=[])


def _finish(org: Org, kind: ObjectType, row: Row, old: Row | None, touched: set[str], saver: Saver) -> None:
    """Rules, then commit. The row is a fresh dict."""
    if org.options.lock_all and saver.api:
        message = f"unable to obtain exclusive access to this record or 1 records: {row['Id']}"
        raise SalesforceError("UNABLE_TO_LOCK_ROW", message, fields=[])
    if kind.name == "Lead" and org.assignment is not None and saver.assign and saver.channel in ("rest", "bulk"):
        owner = org.assignment(row)
        if owner is not None:
            row["OwnerId"] = owner
            touched.add("OwnerId")
    for automation in org.automations.get(kind.name, ()):
        changes = automation(row)
        if changes:
            row.update(changes)
            touched.update(changes)
    shared = kind.name in relations.RELATION_OF and relations.on(org)
    if shared and old is not None:
        relations.promote(org, kind.name, row)
    derive(org, kind.name, row, touched, now=row["SystemModstamp"], old=old)
    _require(kind, row, touched, creating=old is None)
    _references(org, kind, row, touched, creating=old is None)
    if kind.name in admin_rules.CHECKED:
        admin_rules.check(org, kind.name, row, old)
    if kind.name in relations.ACTIVITY_OF and old is None:
        relations.check(org, kind.name, row)
    if kind.name == "CampaignMember" and old is None:
        campaigns.check(org, row)
    for rule in org.validation_rules:
        if rule.object == kind.name:
            rule.check(org.whole(kind, row))
    _unique(org, kind, row, touched)
    _duplicates(org, kind, row, old, touched, saver)
    delay = org.options.late_commit_seconds
    if delay > 0 and saver.channel == "ui":
        visible_at = org.clock.now() + timedelta(seconds=delay)
        org.pending.append((visible_at, kind.name, row, frozenset(touched | SYSTEM_FIELDS - {"Id", "CreatedDate", "CreatedById"})))
        return
    org.commit(kind, row, action="create" if old is None else "update", user=saver.user)
    if kind.name in admin_rules.CHECKED:
        admin_rules.after(org, kind, row)
    if shared:
        relations.follow(org, kind.name, row, saver.user)
    elif kind.name in relations.ACTIVITY_OF:
        relations.settle(org, kind.name, row, saver)
    elif kind.name == "Campaign" and old is None:
        campaigns.begin(org, row, saver.user)


def _require(kind: ObjectType, row: Row, touched: set[str], *, creating: bool) -> None:
    missing = [name for name in kind.save_facts.required if row.get(name) is None and (creating or name in touched)]
    if missing:
        raise required(*missing)


def _references(org: Org, kind: ObjectType, row: Row, touched: set[str], *, creating: bool) -> None:
    for field in kind.save_facts.references:
        if field.name not in touched or field.name in AUDIT:
            continue
        target = row.get(field.name)
        if target is None or not field.references:
            continue
        pointed = org.kind_of_id(target)
        if pointed is None or pointed.name not in field.references:
            message = f"{field.label}: id value of incorrect type: {target}"
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=[field.name])
        found = org.row(pointed.name, target)
        if found is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
        if found.get("IsDeleted"):
            raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", fields=[])
        if pointed.name == "Lead" and found.get("IsConverted") and field.name == "WhoId":
            raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])
        if field.name == "OwnerId":
            _owner(org, kind, pointed, found)
    if kind.name in ("Task", "Event") and org.options.lead_with_what_refused and row.get("WhatId"):
        who = row.get("WhoId")
        if who and who.startswith("00Q"):
            message = "Related To ID: a lead cannot be combined with another related record"
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=["WhatId"])


def _owner(org: Org, kind: ObjectType, pointed: ObjectType, owner: Row) -> None:
    if pointed.name == "Group":
        if owner.get("Type") != "Queue" or kind.name not in OWNED_BY_QUEUE:
            message = f"Owner ID: id value of incorrect type: {owner['Id']}"
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=["OwnerId"])
        return
    if not owner.get("IsActive") and org.options.refuse_inactive_owner:
        message = f"operation performed with inactive user [{owner['Id'][:15]}] as owner of {kind.label.lower()}"
        raise SalesforceError(org.options.inactive_owner_code, message, fields=[])


def _unique(org: Org, kind: ObjectType, row: Row, touched: set[str]) -> None:
    for field in kind.save_facts.unique:
        value = row.get(field.name)
        if value is None or field.name not in touched:
            continue
        for other in org.tables[kind.name].find(field.name, value):
            if other == row["Id"] or org.live_row(kind.name, other) is None:
                continue
            if field.case_sensitive and org.tables[kind.name].rows[other].get(field.name) != value:
                continue
            message = f"duplicate value found: {field.name} duplicates value on record with id: {other}"
            raise SalesforceError("DUPLICATE_VALUE", message, fields=[])


def _duplicates(org: Org, kind: ObjectType, row: Row, old: Row | None, touched: set[str], saver: Saver) -> None:
    for rule in org.duplicate_rules:
        value = row.get(rule.field)
        if rule.object != kind.name or value is None or rule.field not in touched:
            continue
        if old is not None and old.get(rule.field) == value:
            continue
        if saver.channel == "system" or (saver.channel == "ui" and rule.action == "alert"):
            continue
        if saver.channel == "bulk" and not org.options.duplicate_in_bulk:
            continue
        matches = [
            (name, other)
            for name in (rule.against or (rule.object,))
            for other in org.tables[name].find(rule.field, value)
            if other != row["Id"] and org.live_row(name, other) is not None
        ]
        if matches and not (rule.action == "alert" and saver.allow_duplicates and saver.channel == "rest"):
            raise rule.refusal(matches, key=org.options.duplicate_key)
