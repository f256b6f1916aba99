"""`POST /signals`: who may, how much at once, and what is answered."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crmsync.errors import UnreachableError
from crmsync.service.signals import BYTES, SignalsRefusedError

RETRY_SECONDS = 5


class Signals:
    """The address. token: what senders show (None: no signals are taken). take: keeps a body, returns the answer. headers: sent with every answer."""

    def __init__(self, token: SecretStr | None, take: Callable[[bytes], dict[str, Any]], headers: Mapping[str, str]) -> None:
        self._token, self._take, self._headers = token, take, headers

    async def __call__(self, request: Request) -> Response:
        """200 with the counts; 401, 404 (not switched on), 413, 422 (nothing was kept), 503 (try again)."""
        if self._token is None:
            return self._say(404, "no signals are taken: CRMSYNC_WEB__SIGNALS_TOKEN is not set")
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        wanted = self._token.get_secret_value().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode("utf-8", "replace"), wanted):
            return self._say(401, "the bearer token is missing or wrong", {"WWW-Authenticate": "Bearer"})
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BYTES:
                return self._say(413, f"the body has more than {BYTES:,} bytes; send several", {"Connection": "close"})
        try:
            answer = await run_in_threadpool(self._take, bytes(body))
        except SignalsRefusedError as error:
            return self._say(422, str(error), place=error.at)
        except UnreachableError:
            return self._say(503, "the database does not answer; nothing was kept, send it again", {"Retry-After": str(RETRY_SECONDS)})
        return JSONResponse(answer, headers=dict(self._headers))

    def _say(self, status: int, why: str, more: Mapping[str, str] | None = None, place: int | None = None) -> Response:
        told: dict[str, Any] = {"error": why} if place is None else {"error": why, "at": place}
        return JSONResponse(told, status_code=status, headers={**self._headers, **(more or {})})
