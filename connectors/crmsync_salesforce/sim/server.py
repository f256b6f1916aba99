"""The HTTP server: Starlette under uvicorn in a thread, fault rules, and connections that break on demand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from crmsync_salesforce.sim.faults import FaultRule, Faults
from crmsync_salesforce.sim.http import JSON, Call, Reply

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
Handler = Callable[[Call], Reply]


class Cut(Response):
    """Half of an answer, then the end of the connection; with `half` False not even that."""

    def __init__(self, transport: asyncio.Transport | None, reply: Reply | None) -> None:
        super().__init__()
        self._transport = transport
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to be sent and break the connection."""
        if self._reply is not None:
            payload = self._reply.encoded()
            headers = [(b"content-type", self._reply.content_type.encode()), (b"content-length", str(len(payload)).encode())]
            await send({"type": "http.response.start", "status": self._reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": payload[: len(payload) // 2], "more_body": True})
        if self._transport is not None:
            self._transport.close() if self._reply is not None else self._transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


class Server:
    """Serves one handler for the vendor's API and one for control and page."""

    def __init__(
        self,
        *,
        api: Handler,
        aside: Handler,
        faults: Faults,
        log: Callable[[Call, int], None],
        latency: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._aside = aside
        self._faults = faults
        self._log = log
        self._latency = latency
        self._now = now
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._stop: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; returns the port once connections are taken. Raises OSError when the port is taken."""
        transports = self._transports

        class Protocol(H11Protocol):
            """uvicorn's protocol, its transports known by peer so that a fault can cut one."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                peer = transport.get_extra_info("peername")
                self._peer = (str(peer[0]), int(peer[1]))
                transports[self._peer] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self._peer, None)
                super().connection_lost(exc)

        ready = threading.Event()

        class Quick(uvicorn.Server):
            """A server that tells when it listens and stops at once instead of at the next tick."""

            quit: asyncio.Event
            loop: asyncio.AbstractEventLoop

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets=sockets)
                self.quit, self.loop = asyncio.Event(), asyncio.get_running_loop()
                ready.set()

            async def main_loop(self) -> None:
                ticks = 0
                while not self.quit.is_set():
                    ticks += 1
                    await self.on_tick(ticks)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.quit.wait(), 0.1)

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                for server in self.servers:
                    server.close()
                for transport in list(transports.values()):
                    transport.abort()
                await asyncio.sleep(0)

        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only then
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        config = uvicorn.Config(
            Starlette(routes=[Route("/{path:path}", self._endpoint, methods=METHODS)]),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        made = Quick(config)
        self._stop = lambda: made.loop.call_soon_threadsafe(made.quit.set)
        self._thread = threading.Thread(target=made.run, kwargs={"sockets": [self._socket]}, daemon=True, name="salesforce-sim")
        self._thread.start()
        if not ready.wait(10):
            raise OSError("the simulator did not start")
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        """Close all connections and end the thread."""
        if self._stop is not None and self._thread is not None:
            self._stop()
            self._thread.join(10)
        if self._socket is not None:
            self._socket.close()
        self._stop = self._thread = self._socket = None

    async def _endpoint(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        raw_path = request.scope["raw_path"].decode("ascii", "replace")
        query_text = request.scope["query_string"].decode("ascii", "replace")
        headers: dict[str, str] = {}
        for name, value in request.scope["headers"]:
            headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        call = Call(
            method=request.method,
            path=raw_path,
            query=dict(parse_qsl(query_text, keep_blank_values=True)),
            headers=headers,
            body=body,
        )
        if not raw_path.startswith("/services/"):
            return _response(self._aside(call))
        rule = self._faults.strike(request.method, f"{raw_path}?{query_text}" if query_text else raw_path)
        wait = self._latency() + (rule.seconds if rule is not None and rule.do == "delay" else 0.0)
        if wait > 0:
            await asyncio.sleep(wait)
        if rule is None or rule.do == "delay":
            return self._dated(_response(self._api(call)))
        return self._faulty(request, call, rule)

    def _dated(self, response: Response) -> Response:
        """The Date header tells the org's own time."""
        response.headers["Date"] = format_datetime(self._now(), usegmt=True)
        return response

    def _faulty(self, request: Request, call: Call, rule: FaultRule) -> Response:
        client = request.client
        transport = None if client is None else self._transports.get((client.host, client.port))
        if rule.do == "drop_before":
            return Cut(transport, None)
        if rule.do == "status":
            self._log(call, rule.status)
            return self._dated(_ruled(rule))
        reply = self._api(call)
        if rule.do == "status_after":
            return self._dated(_ruled(rule))
        return Cut(transport, reply if rule.do == "truncate" else None)


def _ruled(rule: FaultRule) -> Response:
    payload = b"" if rule.body is None else rule.body.encode() if isinstance(rule.body, str) else orjson.dumps(rule.body)
    headers = {"content-type": JSON, **rule.headers}
    return Response(payload, status_code=rule.status, headers=headers)


def _response(reply: Reply) -> Response:
    headers: dict[str, Any] = dict(reply.headers)
    if reply.status not in (204, 304):
        headers["Content-Type"] = reply.content_type
    return Response(reply.encoded() if reply.status not in (204, 304) else b"", status_code=reply.status, headers=headers)
