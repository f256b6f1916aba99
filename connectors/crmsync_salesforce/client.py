"""HTTP to one Salesforce org over simple-salesforce's session: tokens, timeouts, bounded retries, call meter, limits; native JSON out.

Calls go through `Salesforce.session` with absolute addresses, not through its convenience methods: those hard-code https, retry a dead
session without end, drop per-call headers when they log in again, and crash on a 401 whose body is no list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

import orjson
import requests
import structlog
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from crmsync.connect.http import CallMeter, RetryPolicy, never_sent, redact
from crmsync.connect.protocol import Budget
from crmsync.errors import CredentialsError, CrmsyncError, QuotaError, UnreachableError
from crmsync_salesforce import wire
from crmsync_salesforce.auth import SIDE, Token, login
from crmsync_salesforce.settings import Settings

requests.models.CONTENT_CHUNK_SIZE = 1 << 20
"""requests gathers a body in pieces of 10 KB: 160 reads for one page of records, a fifth of what reading it costs."""

log = structlog.get_logger("crmsync.salesforce")

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_PERMISSION_CODES = frozenset(
    {
        "API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "FUNCTIONALITY_NOT_ENABLED", "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY", "INVALID_FIELD", "INVALID_TYPE", "INVALID_TYPE_FOR_OPERATION",
    }
)  # fmt: skip
_TRANSIENT_CODES = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"})


class RefusedError(UnreachableError):
    """Salesforce refused one request for a reason that is neither credentials nor quota; the caller knows what it means."""

    def __init__(self, message: str, *, status: int, errors: tuple[wire.ApiError, ...]) -> None:
        super().__init__(message, side=SIDE)
        self.status = status
        self.errors = errors

    @property
    def codes(self) -> frozenset[str]:
        """The error codes in the answer."""
        return frozenset(e.code for e in self.errors)


class HiddenError(CredentialsError):
    """What a read names is missing, or not visible to the integration user. codes: Salesforce's own."""

    def __init__(self, message: str, *, codes: frozenset[str]) -> None:
        super().__init__(message, side=SIDE)
        self.codes = codes


class LostError(UnreachableError):
    """A request was sent and its answer was lost: it may or may not have been carried out."""


class _AgainError(Exception):
    """One attempt failed in a way that may be tried again. final: what to raise when patience ends. lost: it may have been carried out."""

    def __init__(self, final: CrmsyncError, *, lost: bool) -> None:
        super().__init__()
        self.final = final
        self.lost = lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """How a request may be repeated. lost: answers that may get lost in all before giving up (1: never sent again, it may be carried out).

    busy: a bare 503 may be repeated, because carrying the request out twice leaves the same state; else a 503 counts as a lost answer.
    """

    lost: int
    busy: bool = True


READ = Safety(lost=4)
KEYED_WRITE = Safety(lost=2)
WRITE = Safety(lost=1)
ONCE = Safety(lost=1, busy=False)


class _Adapter(HTTPAdapter):
    """Connection pool for our threads, with a timeout on every request whoever sends it (the login included)."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = (settings.connect_timeout, settings.timeout)
        super().__init__(pool_connections=4, pool_maxsize=settings.connections + 1, max_retries=0, pool_block=False)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        return super().send(request, *args, **kwargs)


def _session(settings: Settings) -> requests.Session:
    session = requests.Session()
    session.auth = lambda request: request  # otherwise a .netrc entry would replace the bearer token
    if settings.local:
        session.trust_env = False  # a proxy must not see loopback traffic
    adapter = _Adapter(settings)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _exchange(
    session: requests.Session, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, stream: bool
) -> requests.Response:
    """One request and its answer, redirects not followed. What `session.request` does beside it, for sessions with cookies, files and hooks,
    takes longer than the request itself."""
    request = requests.PreparedRequest()
    request.prepare(method=method, url=url, headers={**session.headers, **headers}, data=body)
    environment = session.merge_environment_settings(url, {}, stream, None, None)
    response: requests.Response = session.get_adapter(url).send(request, **environment)
    if not stream:
        _ = response.content  # read before the connection goes back to the pool
    return response


class Client:
    """One org, one user. Thread-safe. Contacts nothing before the first request.

    All requests raise CredentialsError, QuotaError, RefusedError, LostError or UnreachableError (nothing was sent).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], datetime],
        policy: RetryPolicy | None = None,
    ) -> None:
        self.settings = settings
        self.sleep = sleep
        self.meter = CallMeter()
        self._policy = policy or RetryPolicy(attempts=4, first=0.5, ceiling=10.0)
        self._clock = clock
        self._http = _session(settings)
        self._lock = Lock()
        self._force: Salesforce | None = None
        self._token: Token | None = None
        self._budget = Budget()
        self._server_time: datetime | None = None

    # --- session ---------------------------------------------------------------------------------------------------------

    def token(self, *, after: Token | None = None) -> Token:
        """The current token; a fresh one when there is none or `after` is the one that was refused (one login, however many threads ask)."""
        with self._lock:
            if self._token is None or self._token is after:
                rotated = self._token.refresh if self._token else None
                self._token = login(self.settings, self._http, now=self._clock(), sleep=self.sleep, refresh=rotated)
                if self.settings.flow == "refresh" and self._token.refresh:
                    log.warning("salesforce.rotation", problem="the org rotates refresh tokens: the configured one fails after a restart")
                self._force = Salesforce(
                    session_id=self._token.value,
                    instance_url=self._token.base,
                    version=self.settings.api_version,
                    session=self._http,
                )
                self._force.headers["X-PrettyPrint"] = "0"
                log.debug("salesforce.login", flow=self.settings.flow, again=after is not None)
            return self._token

    @property
    def data_path(self) -> str:
        """Path under which the REST resources of our API version live."""
        return f"/services/data/v{self.settings.api_version}/"

    @property
    def server_time(self) -> datetime | None:
        """The org's clock at its last answer (Date header), UTC."""
        return self._server_time

    def budget(self) -> Budget:
        """API calls of the org in the last 24 hours as the last answer told (Sforce-Limit-Info)."""
        return self._budget

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    # --- requests --------------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        safety: Safety = ONCE,
        stream: bool = False,
    ) -> requests.Response:
        """A successful answer. path: relative to the data path, or absolute on the instance ("/services/…")."""
        if path.startswith("//") or "://" in path.split("?")[0]:
            raise UnreachableError("Salesforce named an address outside its instance; refusing to follow it", side=SIDE)
        lost = 0

        def again(error: BaseException) -> bool:
            nonlocal lost
            if not isinstance(error, _AgainError):
                return False
            lost += error.lost
            return lost < safety.lost or not error.lost

        try:
            return self._policy.run(
                lambda: self._attempt(method, path, body, headers or {}, safety, stream=stream), retry_if=again, sleep=self.sleep
            )
        except _AgainError as error:
            # an earlier attempt whose answer was lost still hangs over a later plain refusal
            if lost and not isinstance(error.final, LostError) and safety is not READ:
                raise LostError(str(error.final), side=SIDE) from None
            raise error.final from None

    def _attempt(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], safety: Safety, *, stream: bool
    ) -> requests.Response:
        token = self.token()
        response = self._send(method, path, body, headers, token, stream=stream)
        if response.status_code == 401:
            # whatever the body looks like; the same request with the same headers, once
            response.close()
            token = self.token(after=token)
            response = self._send(method, path, body, headers, token, stream=stream)
        if response.status_code < 300:
            return response
        raise self._failure(response, method, path, safety)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], token: Token, *, stream: bool
    ) -> requests.Response:
        force = self._force
        assert force is not None
        resource = path if path.startswith("/") else self.data_path + path
        if resource.startswith("/services/data/"):
            self.meter.add()
        sent = {**force.headers, "Authorization": f"Bearer {token.value}", **headers}
        name = f"{method} {resource.split('?')[0]}"
        try:
            response = _exchange(force.session, method, token.base + resource, body, sent, stream=stream)
        except requests.RequestException as error:
            kind = type(error).__name__
            log.debug("salesforce.call", call=name, failed=kind)
            if never_sent(error):
                raise _AgainError(UnreachableError(f"Salesforce cannot be reached ({kind}): {name}", side=SIDE), lost=False) from None
            raise _AgainError(LostError(f"Salesforce's answer was lost ({kind}): {name}", side=SIDE), lost=True) from None
        self._note(response)
        log.debug("salesforce.call", call=name, status=response.status_code)
        return response

    def _note(self, response: requests.Response) -> None:
        usage = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if usage:
            self._budget = Budget(used=int(usage[1]), limit=int(usage[2]))
        try:
            self._server_time = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return

    def _failure(self, response: requests.Response, method: str, path: str, safety: Safety) -> Exception:
        """What a status of 300 or more means."""
        status = response.status_code
        try:
            errors = wire.api_errors(response.content)
        except requests.RequestException:
            errors = ()
        codes = {e.code for e in errors}
        text = "; ".join(f"{e.code}: {e.message}" for e in errors[:3])[:500] or f"HTTP {status}"
        secrets = (*self.settings.secrets(), *((self._token.value,) if self._token else ()))
        what = redact(f"Salesforce refused {method} {path.split('?')[0]}: {text}", secrets)
        if status == 401:
            return CredentialsError(f"{what}. A fresh login did not help; check the connected app and its user", side=SIDE)
        if "REQUEST_LIMIT_EXCEEDED" in codes:
            if any("concurrent" in e.message.lower() for e in errors):
                return _AgainError(QuotaError(what, side=SIDE, retry_after=60.0), lost=False)
            return QuotaError(what, side=SIDE)
        if status == 429:
            return _AgainError(QuotaError(what, side=SIDE, retry_after=60.0), lost=False)
        refused = RefusedError(what, status=status, errors=errors)
        if codes & _TRANSIENT_CODES:
            return _AgainError(refused, lost=False)
        if status == 503 and safety.busy:
            return _AgainError(UnreachableError(what, side=SIDE), lost=False)
        if status >= 500:
            return _AgainError(LostError(what, side=SIDE), lost=True)
        if status == 403 and not errors:
            return CredentialsError(f"{what}. The user lacks a permission", side=SIDE)
        return refused

    # --- reading ---------------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The parsed answer of a read.

        Raises: HiddenError when the user cannot see an object or field that the read names."""
        try:
            return self.parsed(lambda: self.request("GET", path, safety=READ))
        except RefusedError as error:
            if error.codes & _PERMISSION_CODES or error.status == 403:
                raise HiddenError(f"{error}. Missing, or not visible to the integration user", codes=error.codes) from None
            raise

    @staticmethod
    def parsed(call: Callable[[], requests.Response]) -> Any:
        """The JSON of what `call` returns, None for an empty body; a body that is no JSON is an answer lost on the way."""
        response = call()
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise LostError(f"Salesforce's answer was no JSON (HTTP {response.status_code})", side=SIDE) from None

    def query(self, soql_path: str) -> Iterator[dict[str, Any]]:
        """Every page of a query as native JSON. soql_path: from `soql.path`. Follows `done`, never counts rows."""
        page = self.get(soql_path)
        while True:
            yield page
            if page.get("done", True) or not page.get("nextRecordsUrl"):
                return
            page = self.get(page["nextRecordsUrl"])

    def rows(self, soql_path: str) -> list[dict[str, Any]]:
        """All rows of a small query."""
        return [row for page in self.query(soql_path) for row in page["records"]]
