"""One polite HTTP client for HubSpot over hubspot-api-client's transport: native JSON in and out, one connection pool, own retries.

The SDK's models are not used: they drop unknown fields, answer None when the status is not the one expected, and cost 13 s of CPU per
100,000 contacts; its `api_request` opens a connection per call without a timeout; its `rest` module logs bodies. Its pool is what we keep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlencode

import orjson
import urllib3
from hubspot import HubSpot
from urllib3.exceptions import HTTPError

from crmsync.connect.http import CallMeter, RetryPolicy, never_sent, redact
from crmsync.connect.protocol import Budget
from crmsync.errors import CredentialsError, QuotaError, UnreachableError
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE, FixedToken, RefreshedToken, Tokens
from crmsync_hubspot.pace import Pacer
from crmsync_hubspot.paths import path
from crmsync_hubspot.settings import Settings

IN_FLIGHT = 4
_RETRIES = RetryPolicy(attempts=6, first=0.4, ceiling=60.0)
_WINDOW_TRIES = 4  # 10, 20 and 30 seconds: another app is eating the window
_GATEWAY_TRIES = 3  # a server in trouble is not hammered; the next cycle comes anyway


class LostAnswerError(UnreachableError):
    """The request may have been carried out, but its answer was lost; it must not be repeated blindly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and parsed JSON (None for an empty body)."""

    status: int
    json: Any


class _TryAgain(Exception):
    """Not carried out, or safe to repeat. wait: seconds asked for. final: the error when patience ends."""

    def __init__(self, final: Exception, *, wait: float | None = None, tries: int = _RETRIES.attempts) -> None:
        super().__init__(str(final))
        self.final = final
        self.wait = wait
        self.tries = tries


@dataclass(slots=True)
class _Attempts:
    """How often one call was sent, and whether its token was renewed."""

    sent: int = 0
    renewed: bool = False
    token: str = field(default="", repr=False)


class Client:
    """All HTTP of one connected HubSpot account. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._meter = CallMeter()
        self._pacer = Pacer(searches=settings.search_per_second, sleep=sleep, monotonic=monotonic)
        self._timeout = urllib3.Timeout(connect=min(10.0, settings.timeout), read=settings.timeout)
        sdk = HubSpot(
            host=settings.base_url, base_url=settings.base_url, retry=urllib3.Retry(0, redirect=0), connection_pool_maxsize=2 * IN_FLIGHT
        )
        # kept for good: each property access of the SDK makes a new pool. Every API makes the same one; owners is the smallest to load.
        self._pool = cast(urllib3.PoolManager, sdk.crm.owners.owners_api.api_client.rest_client.pool_manager)
        self._tokens = self._make_tokens(clock)
        self._daily: tuple[int | None, int | None] = (None, None)
        self.server_time: datetime | None = None

    def _make_tokens(self, clock: Callable[[], datetime]) -> Tokens:
        s = self._settings
        if s.access_token is not None:
            return FixedToken(s.access_token.get_secret_value())
        if s.client_secret is None or s.refresh_token is None:
            raise ValueError("settings without a way to authenticate were not refused")
        return RefreshedToken(
            client_id=s.client_id or "",
            client_secret=s.client_secret.get_secret_value(),
            refresh_token=s.refresh_token.get_secret_value(),
            post=self._post_form,
            clock=clock,
        )

    # --- calls ---------------------------------------------------------------------------------------------------------------

    def get(self, api: str, rest: str = "", query: Mapping[str, Any] | None = None) -> Answer:
        """A read by GET. query: lists are repeated, booleans are lower case."""
        return self.call("GET", api, rest, query=query)

    def read(self, api: str, rest: str, body: Any, *, query: Mapping[str, Any] | None = None, search: bool = False) -> Answer:
        """A read by POST (search, batch/read): as safe to repeat as a GET."""
        return self.call("POST", api, rest, body=body, query=query, search=search)

    def call(
        self,
        method: str,
        api: str,
        rest: str = "",
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        search: bool = False,
        repeatable: bool = True,
        tries: int = _GATEWAY_TRIES,
    ) -> Answer:
        """One answered call: any status HubSpot uses for results or for complaints about the request itself (2xx, 400, 404, 409, 414 …).

        repeatable: carrying it out twice is the same as once. tries: how often, when the server fails on a repeatable call.
        Raises: CredentialsError (401, 403), QuotaError (429), UnreachableError; LostAnswerError when it may have been carried out.
        """
        url = self._settings.base_url + path(self._settings.api_version, api, rest)
        if query:
            flat = {k: ("true" if v else "false") if isinstance(v, bool) else v for k, v in query.items() if v is not None}
            url = f"{url}?{urlencode(flat, doseq=True)}"
        payload = orjson.dumps(body) if body is not None else None
        state = _Attempts()

        def attempt() -> Answer:
            return self._attempt(method, url, payload, search=search, repeatable=repeatable, tries=tries, state=state)

        try:
            return _RETRIES.run(
                attempt,
                retry_if=lambda e: isinstance(e, _TryAgain) and state.sent < e.tries,
                sleep=self._sleep,
                hint=lambda e: e.wait if isinstance(e, _TryAgain) else None,
            )
        except _TryAgain as error:
            raise error.final from None

    def _attempt(
        self, method: str, url: str, payload: bytes | None, *, search: bool, repeatable: bool, tries: int, state: _Attempts
    ) -> Answer:
        self._pacer.before(search=search)
        state.token = self._tokens.current()
        headers = {"Authorization": f"Bearer {state.token}", "Accept": "application/json"}
        if payload is not None:
            headers["Content-Type"] = "application/json"
        state.sent += 1
        self._meter.add()
        try:
            response = self._pool.request(method, url, body=payload, headers=headers, timeout=self._timeout)
        except (HTTPError, OSError) as error:
            raise self._broken(error, repeatable=repeatable, tries=tries) from None
        seen = {name.lower(): value for name, value in response.headers.items()}
        self._learn(seen)
        status = int(response.status)
        parsed = _parse(response.data)
        if status < 300 and parsed is _BROKEN:
            raise self._lost("HubSpot's answer was cut off", repeatable=repeatable, tries=tries)
        if status < 300 or (400 <= status < 500 and status not in {401, 403, 408, 423, 429, 477}):
            return Answer(status=status, json=None if parsed is _BROKEN else parsed)
        return self._refused(status, seen, parsed, repeatable=repeatable, tries=tries, state=state)

    def _broken(self, error: Exception, *, repeatable: bool, tries: int) -> Exception:
        what = redact(type(error).__name__, self._settings.secrets)
        if never_sent(error):
            final = UnreachableError(f"HubSpot cannot be reached ({what}); nothing was sent, it is tried again later", side=SIDE)
            return _TryAgain(final, tries=tries)
        return self._lost(f"the connection to HubSpot broke ({what})", repeatable=repeatable, tries=tries)

    def _lost(self, what: str, *, repeatable: bool, tries: int) -> Exception:
        if not repeatable:
            return LostAnswerError(f"{what}; the request may have been carried out", side=SIDE)
        return _TryAgain(LostAnswerError(f"{what}, several times; it is tried again later", side=SIDE), tries=tries)

    def _refused(self, status: int, headers: Mapping[str, str], body: Any, *, repeatable: bool, tries: int, state: _Attempts) -> Answer:
        trouble = wire.trouble(status, None if body is _BROKEN else body)
        asked = _seconds(headers.get("retry-after"))
        if status == 401:
            if not state.renewed and self._tokens.renewed(state.token) is not None:
                state.renewed = True
                raise _TryAgain(self._no_entry(trouble), wait=0.0)
            raise self._no_entry(trouble)
        if status == 403:
            raise self._no_entry(trouble)
        if status == 429:
            if trouble.daily:
                raise QuotaError("HubSpot's daily limit of calls is used up; work waits, nothing is lost", side=SIDE, retry_after=asked)
            wait = asked if asked is not None else (1.0 if trouble.secondly else 10.0) * state.sent
            if not trouble.secondly:
                self._pacer.block(wait)
            final = QuotaError("HubSpot's limit of calls per seconds is used up by others; work waits", side=SIDE, retry_after=wait)
            raise _TryAgain(final, wait=wait, tries=_RETRIES.attempts if trouble.secondly else _WINDOW_TRIES)
        if status in {423, 477}:
            wait = asked if asked is not None else 2.0
            final_lock = UnreachableError(f"HubSpot has locked this record or account ({status}); tried again later", side=SIDE)
            raise _TryAgain(final_lock, wait=wait)
        raise self._lost(f"HubSpot answered {status}", repeatable=repeatable, tries=tries)

    def _no_entry(self, trouble: wire.Trouble) -> CredentialsError:
        if trouble.scopes:
            text = f"HubSpot's token lacks a permission: add the scope {', '.join(trouble.scopes)}, then run `crmsync check --live`"
        else:
            name = "REFRESH_TOKEN" if self._settings.refreshes else "ACCESS_TOKEN"
            said = redact(trouble.category or str(trouble.status), self._settings.secrets)
            text = f"HubSpot refused the credentials ({said}); set CRMSYNC_HUBSPOT__{name}, then run `crmsync check --live`"
        return CredentialsError(text, side=SIDE)

    def _post_form(self, form: Mapping[str, str]) -> tuple[int, Any]:
        """The token endpoint; not counted as an API call (contracts: OAuth is outside the limits)."""
        url = self._settings.base_url + path(self._settings.api_version, "oauth", "token")
        try:
            response = self._pool.request(
                "POST",
                url,
                body=urlencode(form).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                timeout=self._timeout,
            )
        except (HTTPError, OSError) as error:
            what = type(error).__name__
            raise UnreachableError(f"HubSpot's token service cannot be reached ({what}); it is tried again later", side=SIDE) from None
        parsed = _parse(response.data)
        return int(response.status), None if parsed is _BROKEN else parsed

    # --- what the answers' headers tell ----------------------------------------------------------------------------------------

    def _learn(self, headers: Mapping[str, str]) -> None:
        self._pacer.after(headers)
        limit, left = headers.get("x-hubspot-ratelimit-daily", ""), headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if limit.isdigit() and left.isdigit():
            self._daily = (int(limit) - int(left), int(limit))
        if date := headers.get("date"):
            try:
                self.server_time = parsedate_to_datetime(date)
            except ValueError:
                self.server_time = None

    def scopes(self) -> frozenset[str] | None:
        """What the token may, as HubSpot tells it: with each OAuth token, of a private app's by one call (whose body is the token itself). None
        when it does not tell. Raises: UnreachableError, QuotaError."""
        if self._settings.refreshes:
            self._tokens.current()
            return self._tokens.granted
        try:
            answer = self.read("token-info", "", {"tokenKey": self._tokens.current()})
        except CredentialsError:
            return None
        told = answer.json.get("scopes") if answer.status == 200 and isinstance(answer.json, dict) else None
        return frozenset(map(str, told)) if isinstance(told, list) and told else None

    def calls(self) -> int:
        """Requests sent, without token refreshes."""
        return self._meter.count

    def budget(self) -> Budget:
        """The day's calls by the last answer's headers; OAuth apps are not told."""
        used, limit = self._daily
        return Budget(used=used, limit=limit)

    def close(self) -> None:
        """Closes the pooled connections."""
        self._pool.clear()


_BROKEN: Any = object()


def _parse(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _BROKEN


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The items in slices of at most `size`."""
    return [items[i : i + size] for i in range(0, len(items), size)]
