"""Property definitions, fetched once per object and kept until somebody asks for them afresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from crmsync.errors import UnreachableError
from crmsync.model.record import ObjectSchema
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client

_SCOPED = frozenset({wire.CONTACTS, "companies", "deals"})
_ACTIVITIES = frozenset({"tasks", "calls", "emails", "meetings", "notes"})
"""Covered by the scopes of contacts."""
LEGACY = "contacts"
"""The scope of older apps that covers contacts, companies and deals in one."""


class Schemas:
    """Schemas by object name. Thread-safe."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, ObjectSchema] = {}
        self._made: dict[str, tuple[Any, ObjectSchema]] = {}
        self.scopes: frozenset[str] | None = None
        """What the token may; None until `check` asked, and where HubSpot does not tell."""

    def known(self, object: str) -> ObjectSchema:
        """The schema as last fetched; one call the first time."""
        with self._lock:
            kept = self._known.get(object)
        return kept if kept is not None else self.fresh(object)

    def fresh(self, object: str) -> ObjectSchema:
        """The schema as it is now; one call. An object that the account does not have has no fields."""
        answer = self._client.get("properties", object)
        if answer.status in {400, 404}:
            schema = ObjectSchema(object=object, label=object)
        elif answer.status != 200 or not isinstance(answer.json, dict):
            raise UnreachableError(f"HubSpot did not tell the properties of {object} ({answer.status}); tried again later", side=SIDE)
        else:
            schema = self._read(object, answer.json.get("results") or ())
        lacks = self._lacks(object)
        if schema.lacks != lacks:
            schema = replace(schema, lacks=lacks)
        with self._lock:
            self._known[object] = schema
        return schema

    def _read(self, object: str, definitions: Sequence[Mapping[str, Any]]) -> ObjectSchema:
        """Asked every few minutes and nearly always answered alike: comparing is a tenth of the work."""
        made = self._made.get(object)
        if made is None or made[0] != definitions:
            made = self._made[object] = (definitions, wire.object_schema(object, definitions))
        return made[1]

    def _lacks(self, object: str) -> Mapping[str, str]:
        """Scopes that are missing, as `ObjectSchema.lacks`; nothing where scopes or the object are not known."""
        noun = object if object in _SCOPED else wire.CONTACTS if object in _ACTIVITIES else None
        if self.scopes is None or noun is None or LEGACY in self.scopes:
            return {}
        wanted = {"read": "read", "create": "write", "update": "write", "delete": "write"}
        scopes = {right: f"crm.objects.{noun}.{verb}" for right, verb in wanted.items()}
        return {right: f"add the scope {scope} in the app's settings" for right, scope in scopes.items() if scope not in self.scopes}

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """Takes these as fetched, where nothing was fetched yet."""
        with self._lock:
            self._known = {**schemas, **self._known}

    def forget(self, object: str) -> None:
        """The next use fetches again: HubSpot said that a property is not what we think."""
        with self._lock:
            self._known.pop(object, None)
