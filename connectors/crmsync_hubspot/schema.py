"""Property definitions, fetched once per object and kept until somebody asks for them afresh."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from crmsync.errors import UnreachableError
from crmsync.model.record import ObjectSchema
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client


class Schemas:
    """Schemas by object name. Thread-safe."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, ObjectSchema] = {}

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
            schema = wire.object_schema(object, answer.json.get("results") or ())
        with self._lock:
            self._known[object] = schema
        return schema

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """Takes these as fetched, where nothing was fetched yet."""
        with self._lock:
            self._known = {**schemas, **self._known}

    def forget(self, object: str) -> None:
        """The next use fetches again: HubSpot said that a property is not what we think."""
        with self._lock:
            self._known.pop(object, None)
