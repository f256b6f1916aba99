"""The composition root: the one place that knows the command line, the daemon and its web pages together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from crmsync.cli.main import main as command_line
from crmsync.daemon.loop import SHORTEST_PAUSE, Daemon
from crmsync.daemon.signals import stopping
from crmsync.service.lease import RUN_WAITS
from crmsync.service.lease import utc_now as real_now
from crmsync.service.settings import Settings
from crmsync.service.status import Status
from crmsync.service.status import status as read_status
from crmsync.service.workspace import open_workspace
from crmsync.testing.clock import Clock
from crmsync.web.app import create_app
from crmsync.web.server import Server


def serve(
    settings: Settings,
    *,
    clock: Clock | None = None,
    links: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda url: None,
    shortest_pause: float = SHORTEST_PAUSE,
) -> None:
    """Runs the daemon in this (main) thread until SIGINT or SIGTERM. clock: simulated time (None: real). announce: told the address of the page.

    Raises: BusyError when another process holds the database; ConfigError when it cannot work at all.
    """
    time = clock or Clock()
    with open_workspace(settings, clock=real_now if clock is None else clock, sleep=time.sleep) as workspace:
        stopped: list[bool] = []
        daemon: list[Daemon] = []

        def stop() -> None:
            stopped.append(True)
            for one in daemon:
                one.stop()

        with stopping(stop), workspace.lease(wait=RUN_WAITS, stopping=lambda: bool(stopped)) as lease:
            daemon.append(Daemon(workspace, lease, to_real=time.real, shortest_pause=shortest_pause))

            def status() -> Status:
                return read_status(workspace.store, now=workspace.clock(), real_now=real_now())

            app = create_app(
                web=settings.web, status=status, totals=lambda: daemon[0].totals, reasons=lambda: daemon[0].reasons, links=links
            )
            with Server(app, host=settings.web.host, port=settings.web.port) as server:
                announce(server.url)
                if stopped:
                    daemon[0].stop()
                daemon[0].run()


def main() -> None:
    """The `crmsync` command."""
    # What is loaded now stays for ever, and a page of records is garbage at once: looking through all of it each time costs a fifth of a poll.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    command_line(serve=serve)


if __name__ == "__main__":
    main()
