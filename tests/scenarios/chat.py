"""A chat's webhook on this machine, which hears the alerts of a scenario over real HTTP, and the office that sends them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from crmsync.service.notify import Notifier
from crmsync.service.settings import Settings, Web
from crmsync.service.workspace import Workspace
from scenarios.world import Both

LONG = 60.0
"""Seconds after which a scenario gives up waiting for a message on its way; none takes so long when all is well."""


class Chat(ThreadingHTTPServer):
    """status: what it answers with; heard: (path, title, text) of what it took; refused: how often it did not."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.status = 200
        self.heard: list[tuple[str, str, str]] = []
        self.refused = 0


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        chat: Any = self.server
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if chat.status == 200:
            chat.heard.append((self.path, said["title"], said["message"]))
        else:
            chat.refused += 1
        self.send_response(chat.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def chatting() -> Iterator[Chat]:
    chat = Chat()
    threading.Thread(target=chat.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield chat
    finally:
        chat.shutdown()
        chat.server_close()


@dataclass
class Office:
    """Both CRMs, a chat, and the process that tells it."""

    both: Both
    chat: Chat
    notifier: Notifier = field(default_factory=Notifier)

    def __post_init__(self) -> None:
        place = f"127.0.0.1:{self.chat.server_address[1]}"
        self.environ = {
            **self.both.environ, "CRMSYNC_ALERTS__SALES": f"json://{place}/sales", "CRMSYNC_ALERTS__PERSON": f"json://{place}/people?-to={{email}}",
        }  # fmt: skip

    def tell(self) -> int:
        """What the daemon does after each cycle; returns how many messages were handed over. All have been tried when it returns."""
        both = self.both
        settings = Settings(home=Path(), database_url=both.database, web=Web(), environ=self.environ)
        workspace = Workspace(
            settings=settings, playbook=both.playbook, connectors=both.connectors, store=both.store, world=both.world, clock=both.time,
            sleep=both.time.sleep,
        )  # fmt: skip
        return self.notifier.step(workspace, wait=LONG)

    def heard(self, *words: str) -> list[tuple[str, str]]:
        """(to whom, title) of every message in whose title or text all of these words are."""
        found = [
            (path.rsplit("to=", 1)[-1].replace("%40", "@"), title)
            for path, title, text in self.chat.heard
            if all(word in title + text for word in words)
        ]
        return sorted(found)

    def restart(self) -> None:
        """Another process: nothing of the old one is left but the database."""
        self.notifier.close()
        self.both.restart()
        self.notifier = Notifier()
