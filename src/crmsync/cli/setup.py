"""Commands that set things up: init, check, provision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crmsync.cli.console import progress, say, tell
from crmsync.service.init import init as do_init
from crmsync.service.provision import provision as do_provision
from crmsync.service.provision import refused
from crmsync.service.workspace import open_workspace

STYLES = {"error": "red", "warning": "yellow", "done": "green", "would": "cyan"}


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Write crmsync.yaml and mappings/ to start from. Existing files stay as they are.")(init)
    app.command(help="Create the CRM fields that crmsync owns. Changes nothing that exists.")(provision)


def init(directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to write into; made when missing.")] = Path(".")) -> None:
    """Writes the files an admin starts from."""
    written = do_init(directory.expanduser().absolute())
    for path in written:
        say(f"wrote {path}")
    if not written:
        say(f"nothing to write: {directory} has all files already")
    tell("Next: set CRMSYNC_HOME and the CRMs' settings, then `crmsync check`.")


def provision(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be created.")] = False) -> None:
    """Creates missing fields in every connected CRM."""
    with progress() as report, open_workspace(report=report) as workspace:
        found = do_provision(workspace, dry_run=dry_run)
    for side, findings in found.items():
        for finding in findings:
            say(
                f"{side}: {finding.level}: {finding.subject}: {finding.message}" + (f" Fix: {finding.fix}" if finding.fix else ""),
                style=STYLES.get(finding.level),
            )
        if not findings:
            say(f"{side}: everything exists already")
    if refused(found):
        raise typer.Exit(1)
