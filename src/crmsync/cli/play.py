"""Commands to try crmsync without an account: sandbox, demo."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from crmsync.cli.console import err, progress, say, tell
from crmsync.cli.run import serve_of

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of that simulator; 0: any free one.")]
MEANWHILE = 3600.0
DEMO_PAUSE = 2.0
DEMO_PACE = 1.5
STYLES = {"event": "dim", "result": "bold green", "trouble": "red"}
MARKS = {"event": "  ", "result": "→ ", "trouble": "! "}


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Two simulated CRMs with seeded data, the daemon and its page: no account, no set-up. Ctrl-C ends it.")(demo)
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
    from crmsync.service import sandbox as boxes

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


def demo(
    context: typer.Context,
    people: Annotated[int, typer.Option(min=0, max=100_000, help="Lifelike persons to begin with.")] = 2_000,
    speed: Annotated[float, typer.Option(min=1, max=3_600, help="Simulated seconds per real second.")] = 60.0,
    pace: Annotated[float, typer.Option(min=0.05, max=60, help="Real seconds between two things that visitors do.")] = DEMO_PACE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the status page; 0: any free one.")] = 8787,
) -> None:
    """Shows leads qualify, get an owner and a task within two minutes."""
    from crmsync.service import demo as demos

    serve = serve_of(context)
    console = err()

    def line(kind: str, text: str) -> None:
        console.print(MARKS[kind] + text, style=STYLES[kind], markup=False)

    def announce(url: str) -> None:
        say(f"status page: {url}")
        for name, address in ready.links.items():
            say(f"{name}: {address}")
        tell(
            f"The clock runs {speed:g} times as fast as yours. Watch: visitors come, qualify, get an owner and a task. Ctrl-C ends all of it."
        )

    try:
        tell(f"starting two simulated CRMs with {people} persons, then a first sync …")
        with ExitStack() as stack:
            with progress() as report:
                ready = stack.enter_context(demos.stage(people=people, speed=speed, web_port=port, report=report))
            done = ready.first
            tell(f"first sync: {sum(done.written.values())} writes with {sum(done.api_calls.values())} API calls in {done.cycles} cycles")
            stack.enter_context(demos.LifeThread(stage=ready, tell=line, pace=pace))
            serve(ready.settings, clock=ready.clock, links=ready.links, announce=announce, shortest_pause=DEMO_PAUSE)
    except KeyboardInterrupt:
        tell("stopped")
    tell("demo ended; nothing is kept")


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
