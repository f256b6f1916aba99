"""One HTTP service that verifies addresses, as the playbook configures it (V2)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crmsync.connect.http import checked_address
from crmsync.connect.verify import ProviderBusyError, Word
from crmsync.errors import ConfigError
from crmsync.model.process import ProviderRule
from crmsync.model.record import Value

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

TOKEN = "CRMSYNC_VERIFY__TOKEN"  # noqa: S105  # the setting's name
RULE = "data_gate: provider: url"
LARGEST = 262_144
"""Bytes of an answer that are read."""
LONGEST = 1_000
"""Characters of a value that are kept."""


class HttpProvider:
    """Safe to use from several threads. Follows no redirect: the secret goes to the configured address alone.

    Raises: ConfigError naming what is missing or wrong, never its value."""

    def __init__(self, rule: ProviderRule, token: str | None) -> None:
        checked_address(rule.url.replace("{email}", "x").replace("{token}", "x"), setting=RULE)
        if not token and (place := next((name for name in ("header", "url", "body") if "{token}" in (getattr(rule, name) or "")), None)):
            raise ConfigError(f"data_gate: provider: {place} needs a secret; set {TOKEN} or {TOKEN}_FILE. Nothing was contacted.")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError(f"{TOKEN} holds characters that no header can carry. Nothing was contacted.")
        self._rule, self._token = rule, token or ""
        self._words = {word.strip().casefold(): quality for quality, words in rule.words.items() for word in words}
        self._headers = {"Accept": "application/json"}
        if rule.header is not None:
            name, _, value = rule.header.partition(":")
            self._headers[name.strip()] = value.strip().replace("{token}", self._token)
        if rule.body is not None:
            self._headers["Content-Type"] = "application/json"

    def ask(self, address: str) -> Word:
        """The provider's word; "unknown" for an address it will not judge or a verdict that is not listed. Raises: ProviderBusyError."""
        import requests

        rule = self._rule
        # The secret first: an address may have braces in it, too.
        url = rule.url.replace("{token}", quote(self._token, safe="")).replace("{email}", quote(address, safe=""))
        body = None
        if rule.body is not None:
            body = rule.body.replace("{token}", json.dumps(self._token)[1:-1]).replace("{email}", json.dumps(address)[1:-1]).encode()
        try:
            with requests.request(
                rule.method,
                url,
                data=body,
                headers=self._headers,
                auth=_as_it_is,
                timeout=rule.timeout_seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                self._trouble(response)
                if response.status_code >= 400:
                    return Word(quality="unknown")
                answer = _read(response)
        except (requests.RequestException, OSError, ValueError) as error:
            raise ProviderBusyError(f"gave no answer ({type(error).__name__})") from None
        return self._word(answer)

    def _trouble(self, response: Response) -> None:
        """Raises for what is about us or the service, not about the address."""
        status = response.status_code
        if status == 429 or status >= 500:
            raise ProviderBusyError(f"answered {status}", retry_after=_seconds(response.headers.get("Retry-After")))
        if status in (401, 402, 403, 407):
            raise ProviderBusyError(f"refused us with {status}; look at {TOKEN} and your account there", refused=True)
        if status in (404, 405, 415) or 300 <= status < 400:
            raise ProviderBusyError(f"answered {status}; look at data_gate: provider", refused=True)

    def _word(self, answer: Any) -> Word:
        told = _at(answer, self._rule.answer)
        word = "" if told is None or isinstance(told, list | dict) else str(told).strip().casefold()
        found = {name: value for name, path in self._rule.enrich.items() if (value := _value(_at(answer, path))) is not None}
        return Word(quality=self._words.get(word, "unknown"), found=found)


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """No other credentials than the configured header: without this, requests would look for some in ~/.netrc."""
    return request


def _read(response: Response) -> Any:
    """The JSON of an answer of bounded size. ValueError when it is none."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(16_384):
        size += len(part)
        if size > LARGEST:
            raise ValueError("too large")
        parts.append(part)
    try:
        return json.loads(b"".join(parts))
    except RecursionError:
        raise ValueError("too deep") from None


def _at(answer: Any, path: str) -> Any:
    """What stands at a dotted path; None where there is nothing. Numbers count the elements of a list, from 0."""
    for step in path.split("."):
        if isinstance(answer, Mapping):
            answer = answer.get(step)
        elif isinstance(answer, list) and step.isdecimal() and len(step) < 6 and int(step) < len(answer):
            answer = answer[int(step)]
        else:
            return None
    return answer


def _value(found: Any) -> Value:
    """A plain value that may be carried, None otherwise."""
    if isinstance(found, str):
        return found.strip()[:LONGEST] or None
    return found if isinstance(found, bool | int) or (isinstance(found, float) and math.isfinite(found)) else None


def _seconds(header: str | None) -> float | None:
    text = (header or "").strip()
    return min(float(text), 86_400.0) if text.isdecimal() and len(text) < 10 else None
