"""The composition root: the one place that knows the command line, the daemon and its web pages together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from crmsync.cli.main import main as command_line

if TYPE_CHECKING:
    from crmsync.service.settings import Settings
    from crmsync.service.status import Status
    from crmsync.testing.clock import Clock


def serve(
    settings: Settings,
    *,
    clock: Clock | None = None,
    links: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda url: None,
    shortest_pause: float | None = None,
) -> None:
    """Runs the daemon in this (main) thread until SIGINT or SIGTERM. clock: simulated time (None: real). announce: told the address of the page.
    shortest_pause: real seconds between cycles (None: the daemon's own).

    Raises: BusyError when another process holds the database; ConfigError when it cannot work at all.
    """
    from crmsync.daemon.loop import SHORTEST_PAUSE, Daemon
    from crmsync.daemon.signals import stopping
    from crmsync.service.lease import RUN_WAITS
    from crmsync.service.lease import utc_now as real_now
    from crmsync.service.reload import PlaybookWatch
    from crmsync.service.report_web import SlaPage
    from crmsync.service.signals import take as take_signals
    from crmsync.service.signals import used_signals
    from crmsync.service.status import status as read_status
    from crmsync.service.workspace import open_workspace
    from crmsync.testing.clock import Clock
    from crmsync.web.app import create_app
    from crmsync.web.server import Server

    time = clock or Clock()
    watch = PlaybookWatch(settings.home)
    with open_workspace(settings, clock=real_now if clock is None else clock, sleep=time.sleep) as workspace:
        stopped: list[bool] = []
        daemon: list[Daemon] = []

        def stop() -> None:
            stopped.append(True)
            for one in daemon:
                one.stop()

        with stopping(stop), workspace.lease(wait=RUN_WAITS, stopping=lambda: bool(stopped)) as lease:
            pause = SHORTEST_PAUSE if shortest_pause is None else shortest_pause
            daemon.append(Daemon(workspace, lease, to_real=time.real, shortest_pause=pause, watch=watch))

            def status() -> Status:
                return read_status(workspace.store, now=workspace.clock(), real_now=real_now())

            def take(body: bytes) -> dict[str, Any]:
                answer = take_signals(workspace.store, body, workspace.clock(), used_signals(daemon[0].playbook))
                if answer["new"]:
                    daemon[0].hear()
                return answer

            sla = SlaPage(workspace.store, lambda: daemon[0].playbook, workspace.clock)
            app = create_app(
                web=settings.web, status=status, totals=lambda: daemon[0].totals, reasons=lambda: daemon[0].reasons, take=take, links=links, sla=sla
            )  # fmt: skip
            with Server(app, host=settings.web.host, port=settings.web.port) as server:
                gc.freeze()
                announce(server.url)
                if stopped:
                    daemon[0].stop()
                daemon[0].run()


def main() -> None:
    """The `crmsync` command."""
    # Code that is loaded stays for ever, and a page of records is garbage at once: looking through all of it each time costs a fifth of a poll.
    gc.set_threshold(50_000, 20, 50)
    command_line(serve=serve, loaded=gc.freeze)


if __name__ == "__main__":
    main()
