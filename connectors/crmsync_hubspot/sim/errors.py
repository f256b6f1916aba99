"""HubSpot's error bodies, one builder per shape met in recordings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]


class ApiError(Exception):
    """An answer other than success: HTTP status, JSON body and extra headers."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body.get('message', '')}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One refused property value, as HubSpot words it."""

    name: str
    code: str
    message: str


def correlation_id() -> str:
    """A fresh correlation id (every HubSpot error carries one)."""
    return str(uuid.uuid4())


def plain(status: int, message: str, category: str | None = None, **extra: Any) -> ApiError:
    """`{"status":"error","message","correlationId","category"?}` plus `extra` keys."""
    body: Json = {"status": "error", "message": message, "correlationId": correlation_id()}
    body.update(extra)
    if category is not None:
        body["category"] = category
    return ApiError(status, body)


def validation(message: str, **extra: Any) -> ApiError:
    """400 VALIDATION_ERROR."""
    return plain(400, message, "VALIDATION_ERROR", **extra)


def invalid_properties(issues: Sequence[Issue], portal_id: int) -> ApiError:
    """400 for refused property values; the message embeds JSON, errors[] repeat it (recorded)."""
    embedded = [
        {
            "isValid": False,
            "message": issue.message,
            "error": issue.code,
            "name": issue.name,
            "localizedErrorMessage": issue.message,
            "portalId": portal_id,
        }
        for issue in issues
    ]
    return validation(
        "Property values were not valid: " + orjson.dumps(embedded).decode(),
        errors=[{"message": i.message, "code": i.code, "context": {"propertyName": [i.name]}} for i in issues],
    )


def not_found(message: str = "Object not found.  objectId are usually numeric.", **extra: Any) -> ApiError:
    """404 OBJECT_NOT_FOUND."""
    return plain(404, message, "OBJECT_NOT_FOUND", **extra)


def no_resource() -> ApiError:
    """404 for an address that is no endpoint."""
    return plain(404, "resource not found")


def conflict(singular: str, existing: int | None) -> ApiError:
    """409 CONFLICT; the id may be missing in batch answers (recorded)."""
    tail = f". Existing ID: {existing}" if existing is not None else ""
    return plain(409, f"{singular.capitalize()} already exists{tail}", "CONFLICT")


def unknown_object_type(name: str) -> ApiError:
    """400 without a category (recorded)."""
    return plain(400, f"Unable to infer object type from: {name}")


def missing_scopes(scopes: Sequence[str]) -> ApiError:
    """403 MISSING_SCOPES with errors[].context.requiredGranularScopes."""
    message = (
        "This app hasn't been granted all required scopes to make this call. "
        "Read more about required scopes here: https://developers.hubspot.com/scopes."
    )
    context = {"requiredGranularScopes": list(scopes)}
    return plain(
        403,
        message,
        "MISSING_SCOPES",
        errors=[{"message": "One or more of the following scopes are required.", "context": context}],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )


def not_found_part(fully_qualified: str, ids: Sequence[str]) -> Json:
    """The one grouped errors[] entry of a 207 for ids that do not exist (recorded)."""
    message = f"Could not get some {fully_qualified} objects, they may be deleted or not exist. Check that ids are valid."
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": list(ids)}}
