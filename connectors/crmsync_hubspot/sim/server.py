"""The HTTP side: uvicorn in a thread, faults, latency, and the three faces (API, control, pages)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .faults import FaultRule, Faults

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handled = tuple[int, bytes, dict[str, str]]
_STARTING = 10.0


class Server:
    """Serves `respond(method, path, query, body, headers)` on a loopback socket; `is_api` tells which paths suffer faults; `now` is what
    the Date header tells (aware UTC)."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        respond: Callable[[str, str, str, bytes, dict[str, str]], Handled],
        is_api: Callable[[str], bool],
        faults: Faults,
        latency: Callable[[], float],
        dropped: Callable[[str, str, int], None],
        now: Callable[[], datetime],
    ) -> None:
        self._now = now
        self._respond, self._is_api, self._faults, self._latency, self._dropped = respond, is_api, faults, latency, dropped
        self._host, self._wanted_port = host, port
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self.port = 0

    def start(self) -> None:
        """Returns once connections are accepted; OSError when the port is taken."""
        transports = self._transports

        class Protocol(HttpToolsProtocol):
            """Remembers its connection so that a fault can close it."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    transports.pop(self.client, None)
                super().connection_lost(exc)

        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self._host, self._wanted_port))
        except OSError:
            self._socket.close()
            raise
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            proxy_headers=False,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            loop="asyncio",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
            server_header=False,
            date_header=False,
            backlog=512,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name=f"hubspot-sim-{self.port}",
            daemon=True,
        )
        self._thread.start()
        deadline = time.monotonic() + _STARTING
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the simulator's server did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Closes every connection and the socket; waits for the thread."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(timeout=5)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", path.encode()).decode("latin-1").partition("?")[0]
        chunks = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(chunks)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        hit: FaultRule | None = None
        if self._is_api(path):
            if (latency := self._latency()) > 0:
                await asyncio.sleep(latency)
            for rule in self._faults.match(method, f"{path}?{query}" if query else path):
                if rule.do == "delay":
                    await asyncio.sleep(rule.seconds)
                else:
                    hit = rule
        if hit is not None and hit.do == "drop_before":
            self._dropped(method, path, 0)
            await self._close(scope)
            return
        if hit is not None and hit.do == "status":
            self._dropped(method, path, hit.status)
            await _send(send, method, hit.status, _fault_body(hit), self._dated(hit.headers))
            return
        status, payload, extra = self._respond(method, path, query, body, headers)
        if hit is None:
            await _send(send, method, status, payload, self._dated(extra))
        elif hit.do == "drop_after":
            await self._close(scope)
        elif hit.do == "status_after":
            await _send(send, method, hit.status, _fault_body(hit), self._dated(hit.headers))
        else:
            await _send(send, method, status, payload, self._dated(extra), half=True)
            await self._close(scope)

    def _dated(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The Date header tells the portal's own time."""
        return {"Date": format_datetime(self._now(), usegmt=True), **headers}

    async def _close(self, scope: Scope) -> None:
        transport = self._transports.get(tuple(scope["client"])) if scope.get("client") else None
        if transport is not None:
            transport.close()
        # uvicorn must see the closed connection before the app returns, or it would answer 500
        for _ in range(3):
            await asyncio.sleep(0)


async def _send(send: Send, method: str, status: int, payload: bytes, extra: dict[str, str], *, half: bool = False) -> None:
    headers = {"Content-Type": "application/json;charset=utf-8", **extra} if payload else dict(extra)
    if status != 204:
        headers["Content-Length"] = str(len(payload))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    content = b"" if method == "HEAD" or status == 204 else payload
    await send({"type": "http.response.body", "body": content[: len(content) // 2] if half else content, "more_body": half})


def _fault_body(rule: FaultRule) -> bytes:
    if rule.body is None:
        message = {423: "Locked", 477: "Migration in progress", 502: "Bad Gateway", 504: "Gateway Timeout"}.get(
            rule.status, "internal error"
        )
        return orjson.dumps({"status": "error", "message": message, "correlationId": "00000000-0000-4000-8000-000000000000"})
    if isinstance(rule.body, str):
        return rule.body.encode()
    return json.dumps(rule.body).encode()
