"""A request and an answer as the simulator's handlers see them; the same for real calls and composite subrequests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from crmsync_salesforce.sim.errors import SalesforceError

JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `path` is raw (still percent-encoded), header names are lower-case, `user` is set once authenticated."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = ""
    version: str = "v62.0"
    inner: bool = False

    def json(self) -> Any:
        """The parsed body. Raises JSON_PARSER_ERROR."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            message = f"Unexpected character at [line:1, column:{error.pos + 1}]"
            raise SalesforceError("JSON_PARSER_ERROR", message) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises JSON_PARSER_ERROR."""
        parsed = self.json()
        if not isinstance(parsed, dict):
            raise SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.")
        return parsed

    def form(self) -> dict[str, str]:
        """The body as a form, query parameters included."""
        pairs = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return {**self.query, **pairs}

    def flag(self, name: str) -> bool:
        """A boolean query parameter."""
        return self.query.get(name, "").lower() == "true"

    def header_option(self, header: str, option: str) -> str | None:
        """One `name=value` of a Sforce-* header, e.g. allowSave of Sforce-Duplicate-Rule-Header."""
        for part in self.headers.get(header, "").replace(",", ";").split(";"):
            name, _, value = part.strip().partition("=")
            if name.strip().lower() == option.lower():
                return value.strip()
        return None

    def with_user(self, user: str, version: str) -> Call:
        """The authenticated form of the call."""
        return replace(self, user=user, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: JSON-able body, raw bytes, or none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def encoded(self) -> bytes:
        """The body as bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return orjson.dumps(self.body, option=orjson.OPT_NON_STR_KEYS)


def failed(error: SalesforceError) -> Reply:
    """The single-record APIs' error answer."""
    return Reply(status=error.status, body=error.body())


def segment(text: str) -> str:
    """A decoded path segment."""
    return unquote(text)
