"""Creates the properties that crmsync owns, in a property group of their own; changes nothing that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmsync.connect.protocol import Finding
from crmsync.errors import CredentialsError
from crmsync.model.fields import OwnField
from crmsync_hubspot import wire
from crmsync_hubspot.client import Client
from crmsync_hubspot.links import ACTIVITIES, COMPANIES, DEALS
from crmsync_hubspot.schema import Schemas

GROUP = "crmsync"
OBJECTS: Mapping[str, tuple[str, ...]] = {"person": (wire.CONTACTS,), "activity": ACTIVITIES, "company": (COMPANIES,), "deal": (DEALS,)}
"""Where the fields of OwnField.on live."""

_SPARE = frozenset({COMPANIES, DEALS})
"""Objects that many accounts keep to themselves: a token without their scopes still syncs people and activities."""

_TYPES = {
    "text": ("string", "text"),
    "long_text": ("string", "textarea"),
    "number": ("number", "number"),
    "datetime": ("datetime", "date"),
    "picklist": ("enumeration", "select"),
}
_EXPECTED = {"text": "text", "long_text": "text", "number": "number", "datetime": "datetime", "picklist": "picklist"}
_FIX_SCOPE = "give the token the scopes crm.schemas.contacts.write and crm.objects.contacts.write"


def definition(field: OwnField) -> dict[str, Any]:
    """The property definition of one own field, as properties/batch/create takes it (contracts 5.9)."""
    kind, widget = _TYPES[field.type]
    body: dict[str, Any] = {
        "name": field.name,
        "label": field.label,
        "groupName": GROUP,
        "type": kind,
        "fieldType": widget,
        "description": field.description,
        "formField": False,
        "hasUniqueValue": field.unique,
    }
    if field.type == "picklist":
        body["options"] = [
            {"label": value.replace("_", " ").capitalize(), "value": value, "displayOrder": i, "hidden": False}
            for i, value in enumerate(field.options)
        ]
    return body


class Provision:
    """Property creation for one connected account."""

    def __init__(self, client: Client, schemas: Schemas) -> None:
        self._client = client
        self._schemas = schemas

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        """See the protocol. One call per object to look; with something missing, up to three more to create it."""
        wanted: dict[str, list[OwnField]] = {}
        for field in fields:
            for object in (object for on in field.on for object in OBJECTS[on]):
                wanted.setdefault(object, []).append(field)
        return [finding for object, own in wanted.items() for finding in self._allowed(object, own, dry_run=dry_run)]

    def _allowed(self, object: str, own: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        try:
            return self._one(object, own, dry_run=dry_run)
        except CredentialsError as error:
            if object not in _SPARE:
                raise
            fix = f"only needed to sync {object}: give the token the scopes of {object}, then provision again"
            return [Finding(level="warning", subject=object, message=str(error), fix=fix)]

    def _one(self, object: str, own: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        schema = self._schemas.fresh(object)
        findings: list[Finding] = []
        missing: list[OwnField] = []
        for field in own:
            subject = f"{object}.{field.name}"
            existing = schema.fields.get(field.name)
            if existing is None:
                missing.append(field)
            elif existing.type != _EXPECTED[field.type]:
                text = f"exists as {existing.type}, but {_EXPECTED[field.type]} is needed; it was not changed"
                findings.append(Finding(level="error", subject=subject, message=text, fix="rename or delete the property in HubSpot"))
            elif field.unique and not existing.unique:
                text = "exists, but its values are not unique; HubSpot cannot change that afterwards, and nothing was changed"
                findings.append(
                    Finding(level="error", subject=subject, message=text, fix="delete the property in HubSpot and provision again")
                )
            else:
                lacking = [o for o in field.options if o not in existing.options]
                if lacking:
                    text = f"lacks the options {', '.join(lacking)}; it was not changed"
                    findings.append(Finding(level="warning", subject=subject, message=text, fix="add the options in HubSpot"))
        if dry_run:
            return findings + [Finding(level="would", subject=f"{object}.{f.name}", message="would be created") for f in missing]
        return findings + self._create(object, missing)

    def _create(self, object: str, missing: Sequence[OwnField]) -> list[Finding]:
        if not missing:
            return []
        if complaint := self._group(object):
            return [complaint]
        body = {"inputs": [definition(f) for f in missing]}
        answer = self._client.call("POST", "properties", f"{object}/batch/create", body=body)
        if answer.status >= 300:
            return self._one_by_one(object, missing)
        self._schemas.forget(object)
        # a lost first answer makes the repeat say "exists already": what counts is what is there now
        there = self._schemas.fresh(object).fields
        refused = {}
        for error in (answer.json or {}).get("errors") or ():
            said = wire.trouble(answer.status, error)
            refused.update({f.name: said.message for f in missing if f.name in said.message or f.name in said.fields})
        return [
            Finding(level="done", subject=f"{object}.{f.name}", message="created")
            if f.name in there
            else Finding(level="error", subject=f"{object}.{f.name}", message=refused.get(f.name) or "was not created", fix=_FIX_SCOPE)
            for f in missing
        ]

    def _one_by_one(self, object: str, missing: Sequence[OwnField]) -> list[Finding]:
        """One bad definition refuses the whole batch: then each on its own."""
        findings = []
        for field in missing:
            answer = self._client.call("POST", "properties", object, body=definition(field))
            subject = f"{object}.{field.name}"
            if answer.status in {200, 201}:
                findings.append(Finding(level="done", subject=subject, message="created"))
            elif answer.status == 409:
                findings.append(Finding(level="info", subject=subject, message="was there already"))
            else:
                said = wire.trouble(answer.status, answer.json)
                findings.append(Finding(level="error", subject=subject, message=f"was not created: {said.message}", fix=_FIX_SCOPE))
        self._schemas.forget(object)
        return findings

    def _group(self, object: str) -> Finding | None:
        """Makes sure of the property group; a complaint when that fails."""
        answer = self._client.get("properties", f"{object}/groups/{GROUP}")
        if answer.status == 200:
            return None
        made = self._client.call("POST", "properties", f"{object}/groups", body={"name": GROUP, "label": "crmsync"})
        if made.status in {200, 201, 409}:
            return None
        said = wire.trouble(made.status, made.json)
        return Finding(level="error", subject=f"{object}: group {GROUP}", message=f"was not created: {said.message}", fix=_FIX_SCOPE)
