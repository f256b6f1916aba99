"""Access tokens: a private app's own, or short-lived ones from the OAuth refresh flow (contracts 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from crmsync.errors import CredentialsError, UnreachableError

SIDE = "hubspot"
_EARLY = timedelta(seconds=60)


class Tokens(Protocol):
    def current(self) -> str:
        """A token that should work now."""
        ...

    def renewed(self, refused: str) -> str | None:
        """Another token after `refused` was refused as expired; None when there is no way to get one."""
        ...

    @property
    def granted(self) -> frozenset[str] | None:
        """The scopes that came with the token; None when they did not."""
        ...


class FixedToken:
    """A private app's token: it does not expire; when it is refused a person must replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def renewed(self, refused: str) -> str | None:
        return None

    @property
    def granted(self) -> frozenset[str] | None:
        return None


Post = Callable[[Mapping[str, str]], tuple[int, Any]]
"""Posts a form to the token endpoint; returns status and parsed JSON."""


class RefreshedToken:
    """Tokens by refresh_token, renewed a minute before `expires_in` ends. One thread renews, the others wait for it."""

    def __init__(self, *, client_id: str, client_secret: str, refresh_token: str, post: Post, clock: Callable[[], datetime]) -> None:
        self._form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        self._post = post
        self._clock = clock
        self._lock = Lock()
        self._token: str | None = None
        self._scopes: frozenset[str] | None = None
        self._until: datetime | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything secret that this holds at present."""
        return tuple(s for s in (self._token, self._form["client_secret"], self._form["refresh_token"]) if s)

    @property
    def granted(self) -> frozenset[str] | None:
        return self._scopes

    def current(self) -> str:
        with self._lock:
            if self._token is None or (self._until is not None and self._clock() >= self._until):
                return self._renew()
            return self._token

    def renewed(self, refused: str) -> str | None:
        with self._lock:
            if self._token is not None and self._token != refused:
                return self._token
            return self._renew()

    def _renew(self) -> str:
        status, answer = self._post(self._form)
        if status >= 500 or status == 429:
            raise UnreachableError(f"HubSpot's token service answered {status}; nothing was sent, it is tried again later", side=SIDE)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(token, str) or not token:
            reason = answer.get("status") or answer.get("error") if isinstance(answer, dict) else None
            raise CredentialsError(
                f"HubSpot refused the refresh token ({reason or status}); set a new CRMSYNC_HUBSPOT__REFRESH_TOKEN, "
                "then run `crmsync check --live`",
                side=SIDE,
            )
        self._token = token
        told = answer.get("scopes")
        self._scopes = frozenset(map(str, told)) if isinstance(told, list) and told else None
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated:
            self._form["refresh_token"] = rotated
        lifetime = answer.get("expires_in")
        self._until = self._clock() + timedelta(seconds=float(lifetime)) - _EARLY if isinstance(lifetime, int | float) else None
        return token
