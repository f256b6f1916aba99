"""Commands to try crmsync without an account: sandbox."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from crmsync.cli.console import say, tell
from crmsync.service import sandbox as boxes

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of that simulator; 0: any free one.")]
MEANWHILE = 3600.0


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Run only the simulated CRMs, for rehearsals. Prints the settings to use; Ctrl-C ends it.")(sandbox)


def sandbox(
    salesforce_port: Port = 0,
    hubspot_port: Port = 0,
    load_salesforce: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A Salesforce export: the JSON of `sf data export tree`, or one CSV per object.")
    ] = None,
    load_hubspot: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="A HubSpot contact export.")] = None,
    people: Annotated[int, typer.Option(min=0, max=1_000_000, help="Seed that many lifelike persons and eight reps.")] = 0,
    env_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the settings there (KEY=value lines).")] = None,
) -> None:
    """Starts the simulators and waits for Ctrl-C."""
    exports = {name: path for name, path in (("salesforce", load_salesforce), ("hubspot", load_hubspot)) if path is not None}
    ports = {"salesforce": salesforce_port, "hubspot": hubspot_port}
    with until_stopped() as stopped, boxes.simulators(ports=ports) as running:
        if people:
            tell(f"seeded {boxes.seed(running, people)} records")
        for name, counts in boxes.load(running, exports).items():
            tell(f"loaded into {name}: " + ", ".join(f"{count} {object}" for object, count in counts.items()))
        settings = boxes.environment(running)
        for name, one in running.items():
            tell(f"{name}: {one.url} (open it in a browser to see what a rep would see)")
        if env_file is not None:
            boxes.write_env_file(env_file, settings)
            tell(f"settings written to {env_file}")
        for key, value in settings.items():
            say(f"{key}={value}")
        tell("Running; nothing is kept when it ends. Ctrl-C ends it.")
        while not stopped.wait(MEANWHILE):
            continue


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a polite kill set."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda _number, _frame: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
