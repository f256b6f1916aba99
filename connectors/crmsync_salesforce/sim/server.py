"""The HTTP server: uvicorn in a thread, fault rules, and connections that break on demand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crmsync_salesforce.sim.faults import FaultRule, Faults
from crmsync_salesforce.sim.http import Call, Reply

Handler = Callable[[Call], Reply]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


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

        class Protocol(HttpToolsProtocol):
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
                await self.quit.wait()  # its ticks would only keep a Date header that is not sent

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
            self._app,
            interface="asgi3",
            proxy_headers=False,
            http=Protocol,
            ws="none",
            loop="asyncio",
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

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        raw_path = scope["raw_path"].decode("ascii", "replace")
        query_text = scope["query_string"].decode("ascii", "replace")
        call = Call(
            method=scope["method"],
            path=raw_path,
            query=dict(parse_qsl(query_text, keep_blank_values=True)),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=b"".join(chunks),
        )
        if not raw_path.startswith("/services/"):
            await _send(send, self._aside(call), {})
            return
        rule = self._faults.strike(call.method, f"{raw_path}?{query_text}" if query_text else raw_path)
        wait = self._latency() + (rule.seconds if rule is not None and rule.do == "delay" else 0.0)
        if wait > 0:
            await asyncio.sleep(wait)
        if rule is None or rule.do == "delay":
            await _send(send, self._api(call), self._date())
            return
        await self._faulty(scope, receive, send, call, rule)

    def _date(self) -> dict[str, str]:
        """The Date header tells the org's own time."""
        return {"Date": format_datetime(self._now(), usegmt=True)}

    async def _faulty(self, scope: Scope, receive: Receive, send: Send, call: Call, rule: FaultRule) -> None:
        if rule.do == "status":
            self._log(call, rule.status)
            await _send(send, _ruled(rule), self._date())
            return
        reply = None if rule.do == "drop_before" else self._api(call)
        if rule.do == "status_after":
            await _send(send, _ruled(rule), self._date())
            return
        await self._cut(scope, receive, send, reply if rule.do == "truncate" else None)

    async def _cut(self, scope: Scope, receive: Receive, send: Send, reply: Reply | None) -> None:
        """Half of an answer, then the end of the connection; without a reply not even that."""
        transport = self._transports.get(tuple(scope["client"])) if scope["client"] else None
        if reply is not None:
            await _send(send, reply, {}, half=True)
        if transport is not None:
            transport.close() if reply is not None else transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


async def _send(send: Send, reply: Reply, more: Mapping[str, str], *, half: bool = False) -> None:
    empty = reply.status in (204, 304)
    payload = b"" if empty else reply.encoded()
    headers = {name.lower(): value for name, value in {**reply.headers, **more}.items()}
    if not empty:
        headers = {"content-type": reply.content_type, **headers, "content-length": str(len(payload))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": payload[: len(payload) // 2] if half else payload, "more_body": half})


def _ruled(rule: FaultRule) -> Reply:
    return Reply(status=rule.status, body=rule.body, headers=rule.headers)
