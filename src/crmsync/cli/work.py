"""Commands that move data: sync."""

from __future__ import annotations

from typing import Annotated

import typer

from crmsync.cli.console import fail, progress, say, show, show_json, table, tell
from crmsync.service.settings import read_settings
from crmsync.service.sync import SyncResult
from crmsync.service.sync import sync as do_sync
from crmsync.service.workspace import fixed_clock, open_workspace, utc_now

Json = Annotated[bool, typer.Option("--json", help="Print JSON; its shape is documented and only grows.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="ISO8601", help="Simulation clock; refused unless every connected CRM address is loopback.")
]


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Bring both CRMs in step: cycles until nothing is due, then exits.")(sync)


def sync(json: Json = False, now: Now = None) -> None:
    """Runs cycles until nothing is due."""
    settings = read_settings()
    clock = utc_now if now is None else fixed_clock(now, settings)
    with progress() as report, open_workspace(settings, clock=clock, report=report) as workspace:
        result = do_sync(workspace)
    if json:
        show_json(result.json())
    else:
        _show(result)
    if result.halted is not None:
        fail(f"halted for safety: {result.halted}")
    for side, error in result.errors.items():
        fail(f"{side}: {error}" if side else str(error))
    raise typer.Exit(result.exit_code)


def _show(result: SyncResult) -> None:
    rows = [(side, result.read[side], result.written[side], result.api_calls.get(side, 0)) for side in result.read]
    show(table(None, ("CRM", "read", "written", "API calls"), rows, right=(1, 2, 3)))
    say(
        f"{result.cycles} cycle{'s' if result.cycles != 1 else ''}, {result.decided} decisions, {result.problems} problems, {result.conflicts} conflicts"
    )
    if result.problems:
        tell("`crmsync problems list` groups the problems by cause.")
    if result.conflicts:
        tell("`crmsync conflicts list` shows the fields that wait for a person.")
    if result.more:
        tell("Something was still due when the bound of cycles was reached; run `crmsync sync` again.")
