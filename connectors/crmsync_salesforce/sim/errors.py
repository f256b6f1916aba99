"""One exception for everything the simulated org refuses, in the two envelopes the API has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class SalesforceError(Exception):
    """A refusal of the API.

    `code` is the vendor's errorCode, `status` the HTTP status of the single-record APIs. `fields` is None where the
    vendor's answer has no `fields` key at all (query and 404 errors), else the list it carries.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Sequence[str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else list(fields)
        self.extra = dict(extra or {})

    def body(self) -> list[dict[str, Any]]:
        """The list that the single-record APIs answer with."""
        entry: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = self.fields
        return [entry]

    def result(self, record_id: str | None = None) -> dict[str, Any]:
        """The in-band failure of collections: `statusCode`, never `errorCode`; `id` only where the vendor echoes it."""
        entry = {"statusCode": self.code, "message": self.message, "fields": self.fields or [], **self.extra}
        answer: dict[str, Any] = {"success": False, "errors": [entry]}
        return answer if record_id is None else {"id": record_id, **answer}

    def cell(self) -> str:
        """The sf__Error cell of a Bulk 2.0 failedResults file: `CODE:message:Field --`."""
        return f"{self.code}:{self.message}:{','.join(self.fields or [])} --"


def not_found() -> SalesforceError:
    """404 for an unknown path, object or record."""
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)


def entity_is_deleted() -> SalesforceError:
    """404 for a write to a record in the recycle bin."""
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=[])


def no_such_column(field: str, object_name: str) -> SalesforceError:
    """400 for a write that names an unknown or invisible field."""
    message = f"No such column '{field}' on sobject of type {object_name}"
    return SalesforceError("INVALID_FIELD", message, fields=[])


def malformed_id(value: str) -> SalesforceError:
    """400 for text that is no record id."""
    return SalesforceError("MALFORMED_ID", f"malformed id {value}", fields=[])
