"""Serves an application from a thread, so that the main thread keeps running cycles."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

from crmsync.errors import ConfigError

START_SECONDS = 10.0


class Server:
    """Context manager around uvicorn. `url` is known once entered (port 0: any free one)."""

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
            )
        )
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Server:
        """Raises: ConfigError when the address cannot be listened on."""
        self._socket = self._listen()
        port = int(self._socket.getsockname()[1])
        self.url = f"http://[{self._host}]:{port}" if ":" in self._host else f"http://{self._host}:{port}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"nothing can listen on {self._host}:{self._port} ({error.strerror or error}). No cycle was run. "
                "Set CRMSYNC_WEB__HOST and CRMSYNC_WEB__PORT to a free address."
            ) from error
        return listener
