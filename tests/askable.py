"""Whom the product asks about contact data, real and on this machine: a name server on UDP, and a verification provider on HTTP."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Mapping[str, str] | str]
"""domain -> record type -> text of the record, or the answer's code ("SERVFAIL", "NXDOMAIN"), or "silent"."""
MX = {"MX": "10 mx.mail.example."}


class NameServer(socketserver.ThreadingUDPServer):
    """Answers for `zone`; a name that is not in it does not exist. asked: (name, record type) in the order of the questions."""

    daemon_threads = True
    max_packet_size = 4096

    def __init__(self, zone: Zone) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.zone: dict[str, Mapping[str, str] | str] = dict(zone)
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def reply(self, packet: bytes) -> bytes | None:
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name, kind = question.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        found = self.zone.get(name, "NXDOMAIN")
        if found == "silent":
            return None
        if isinstance(found, str):
            answer.set_rcode(dns.rcode.from_text(found))
        elif kind in found:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, found[kind]))
        return answer.to_wire()


class _Question(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        packet, socket = self.request
        server: Any = self.server
        answer = server.reply(packet)
        if answer is not None:
            socket.sendto(answer, self.client_address)


@contextmanager
def name_server(zone: Zone) -> Iterator[NameServer]:
    with NameServer(zone) as server:
        yield _running(server)
        server.shutdown()


class ProviderServer(ThreadingHTTPServer):
    """Answers GET /check/<address> and POST / {"email": address}. answers: address -> JSON, or (status, headers). seen: (method, path, headers, body)."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Check)
        self.answers: dict[str, Any] = dict(answers)
        self.otherwise: Any = {"result": "never heard"}
        self.seen: list[tuple[str, str, Mapping[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked(self) -> list[str]:
        """Addresses, in the order of the questions."""
        return [json.loads(body)["email"] if body else unquote(path.rpartition("/")[2]) for _, path, _, body in self.seen]


class _Check(BaseHTTPRequestHandler):
    server: ProviderServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        email = json.loads(body)["email"] if body else unquote(self.path.rpartition("/")[2])
        found = self.server.answers.get(email, self.server.otherwise)
        status, headers = found if isinstance(found, tuple) else (200, {})
        text = b"" if isinstance(found, tuple) else found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def provider_server(answers: Mapping[str, Any]) -> Iterator[ProviderServer]:
    with ProviderServer(answers) as server:
        yield _running(server)
        server.shutdown()


def _running(server: Any) -> Any:
    serve: Callable[..., None] = server.serve_forever
    threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server
