"""Shared pieces of a polite HTTP client: addresses, call meter, redaction, what a broken connection means, bounded retries."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from crmsync.errors import ConfigError

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/!=-]{6,}")
_PAIR = re.compile(r"(?i)\b(access_token|refresh_token|client_secret|assertion|password)(\"?\s*[=:]\s*\"?)[^\s&\",}]+")
_MASK = "[secret]"


class CallMeter:
    """Counts API calls from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def add(self, calls: int = 1) -> None:
        with self._lock:
            self._count += calls

    @property
    def count(self) -> int:
        """Calls since this meter was made."""
        with self._lock:
            return self._count


def is_loopback(host: str | None) -> bool:
    """True for localhost and addresses that never leave this machine."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_address(url: str, *, setting: str) -> str:
    """The address without a trailing slash.

    Raises: ConfigError naming `setting` when it is no http(s) address, carries credentials, or is plain http off loopback.
    """
    address = url.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{setting} is not a web address") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{setting} must be an https:// address (or http:// on loopback)")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{setting} must not carry a user name or password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"{setting} uses plain http:// for a host that is not loopback; use https://")
    return address


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` fit for logs and messages: the given secrets and everything that looks like a token are masked."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _PAIR.sub(rf"\1\2{_MASK}", _BEARER.sub(rf"\1 {_MASK}", text))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and whatever it wraps: requests and urllib3 nest through arguments, `reason` and `__cause__`.

    Not `__context__`: that may be the error of an earlier attempt."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        current = todo.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [*current.args, getattr(current, "reason", None), current.__cause__]


def never_sent(error: BaseException) -> bool:
    """True when the connection was never made, so the request surely was not carried out.

    A reset or timeout after connecting is ambiguous and answers False, wherever it was raised."""
    # Here and below: whoever only reads an address or masks a secret need not wait for the HTTP libraries.
    from requests import ConnectTimeout
    from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

    for cause in _causes(error):
        if isinstance(cause, NewConnectionError | ConnectTimeoutError | ConnectTimeout | ConnectionRefusedError):
            return True
        if isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError | ConnectTimeoutError):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently to try again. attempts includes the first; waits are seconds, doubled each time up to `ceiling`.

    jitter: up to this share is taken off at random, so that many clients do not come back at once.
    """

    attempts: int = 4
    first: float = 0.5
    ceiling: float = 20.0
    jitter: float = 0.5

    def wait(self, attempt: int, hint: float | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (1-based); a server's longer hint counts, up to `ceiling`."""
        planned = min(self.ceiling, self.first * 2.0 ** (attempt - 1))
        planned -= planned * self.jitter * random.random()
        return planned if hint is None else min(self.ceiling, max(planned, hint))

    def run(
        self,
        call: Callable[[], T],
        *,
        retry_if: Callable[[BaseException], bool],
        sleep: Callable[[float], None],
        hint: Callable[[BaseException], float | None] = lambda _: None,
    ) -> T:
        """What `call` returns; its last error when the attempts are used up or `retry_if` says no."""
        try:
            return call()
        except Exception as error:
            failed: Exception | None = error  # not yet anybody's business: nearly every call needs one attempt and no machinery
        import tenacity

        def attempt() -> T:
            nonlocal failed
            if failed is not None:
                first, failed = failed, None
                raise first
            return call()

        def patience(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return self.wait(state.attempt_number, hint(error) if error else None)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=patience,
            retry=tenacity.retry_if_exception(retry_if),
            sleep=sleep,
            reraise=True,
        )
        return retrying(attempt)
