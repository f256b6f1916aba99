"""One API call as the handlers see it: canonical address, query, JSON body; and the answer they give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from .errors import ApiError, unknown_object_type, validation
from .objecttypes import ObjectType, find_type
from .portal import Actor, Portal

Json = dict[str, Any]
_NUMBERED = re.compile(r"v\d+")
_DATED = re.compile(r"\d{4}-\d{2}(-beta)?")


@dataclass(slots=True, kw_only=True)
class Reply:
    """A successful answer; `body` None sends no content."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request: `api` ("crm.objects", "oauth" ...), `version` ("v3", "2026-03"), the rest of the path in `parts`."""

    portal: Portal
    method: str
    api: str
    version: str
    parts: list[str]
    query: dict[str, list[str]]
    raw: bytes
    headers: Mapping[str, str]
    now: int
    base: str

    @property
    def actor(self) -> Actor:
        """Who the call is made as: the integration."""
        return self.portal.integration

    def json(self) -> Json:
        """The body as a JSON object; raises ApiError 400."""
        try:
            body = orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:
            raise validation(f"Invalid input JSON on line 1, column 1: {error.msg}") from error
        if not isinstance(body, dict):
            raise validation("Invalid input JSON: an object was expected")
        return body

    def one(self, name: str) -> str | None:
        """The last value of a query parameter, None without it; names in any case."""
        values = self.query.get(name.lower())
        return values[-1] if values else None

    def many(self, name: str) -> list[str]:
        """Every value of a query parameter, repeated or comma-separated."""
        return [part for value in self.query.get(name.lower(), []) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """A boolean query parameter in any case ("False", "true")."""
        return (self.one(name) or "").lower() == "true"

    def number(self, name: str, default: int, most: int) -> int:
        """An integer query parameter from 1 to `most`; raises ApiError 400."""
        text = self.one(name)
        if text is None:
            return default
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise validation(f"{name} must be a number between 1 and {most}")
        return int(text)


def canonical(path: str) -> tuple[str, str, list[str]] | None:
    """(api, version, rest) of an address, numbered or dated; None when it is no API address. Trailing slashes are dropped."""
    parts = [unquote(p) for p in path.strip("/").split("/")]
    if parts[0] == "crm" and len(parts) >= 3:
        if _NUMBERED.fullmatch(parts[1]):
            return f"crm.{parts[2]}", parts[1], parts[3:]
        if _DATED.fullmatch(parts[2]):
            return f"crm.{parts[1]}", parts[2], parts[3:]
        return None
    if parts[:3] == ["email", "public", "v1"]:
        return "email", "v1", parts[3:]
    if parts[:2] == ["marketing", "forms"] and len(parts) >= 3 and _DATED.fullmatch(parts[2]):
        return "marketing", parts[2], ["forms", *parts[3:]]
    if len(parts) >= 2 and (_NUMBERED.fullmatch(parts[1]) or _DATED.fullmatch(parts[1])):
        return parts[0], parts[1], parts[2:]
    return None


def parse_query(text: str) -> dict[str, list[str]]:
    """Query parameters by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name.lower(), []).append(value)
    return found


def object_type(name: str) -> ObjectType:
    """The type of an address part; raises ApiError 400 "Unable to infer object type"."""
    kind = find_type(name)
    if kind is None:
        raise unknown_object_type(name)
    return kind


def inputs_of(body: Json, most: int) -> list[Json]:
    """The `inputs` of a batch call; raises ApiError 400 when missing or too many."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or any(not isinstance(i, dict) for i in inputs):
        raise validation("Invalid input JSON: inputs must be a list of objects")
    if len(inputs) > most:
        raise validation(f"Maximum number of inputs exceeded: {len(inputs)} of at most {most}")
    return inputs


def wrong_method() -> ApiError:
    """405 for an address that exists with another method."""
    return ApiError(405, {"status": "error", "message": "Method Not Allowed"})
