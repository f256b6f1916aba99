"""A scripted HTTP server: says exactly what a test wants HubSpot to say, over a real connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.hubspot.replies import Reply
from crmsync_hubspot.client import Client
from crmsync_hubspot.settings import parse

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


class Script:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.answer: Callable[[Request], Reply] | None = None
        self.url = ""

    def then(self, *replies: Reply) -> None:
        self.replies += replies

    def next(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.replies:
            return self.replies.pop(0)
        assert self.answer is not None, f"unexpected {request.method} {request.path}"
        return self.answer(request)

    @property
    def paths(self) -> list[str]:
        return [r.path for r in self.requests]


@pytest.fixture
def script() -> Iterator[Script]:
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type", "")
            body: Any = None
            if raw:
                body = {k: v[0] for k, v in parse_qs(raw.decode()).items()} if "form" in kind else json.loads(raw)
            parts = urlsplit(self.path)
            headers = {k.lower(): v for k, v in self.headers.items()}
            reply = told.next(Request(self.command, parts.path, parse_qs(parts.query), headers, body))
            if reply.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            data = b"" if reply.json is None else json.dumps(reply.json).encode()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.cut else data)
            if reply.cut:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


class Waits(list[float]):
    """A sleeper that notes what it was asked for, and whose own time passes with it."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)

    def monotonic(self) -> float:
        return 1000.0 + sum(self)


@pytest.fixture
def waits() -> Waits:
    return Waits()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **more: float) -> None:
        self.now += timedelta(**more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(script: Script, waits: Waits, clock: Clock) -> Iterator[Client]:
    options = {"base_url": script.url, "access_token": "pat-na1-very-secret", "search_per_second": "0", "timeout": "5"}
    made = Client(parse(options), sleep=waits, clock=clock, monotonic=waits.monotonic)
    yield made
    made.close()
