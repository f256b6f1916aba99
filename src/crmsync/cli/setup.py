"""Commands that set things up: init, check, provision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Protocol

import typer

from crmsync.cli.console import progress, say, tell
from crmsync.cli.options import logs


class Finding(Protocol):
    """One thing that a check or a provisioning has to say."""

    @property
    def level(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def fix(self) -> str: ...


STYLES = {"error": "red", "warning": "yellow", "done": "green", "would": "cyan"}


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Write crmsync.yaml and mappings/ to start from. Existing files stay as they are.")(init)
    app.command(help="Validate the configuration; with --live also against both CRMs' schemas, permissions and limits.")(check)
    app.command(help="Create the CRM fields that crmsync owns. Changes nothing that exists.")(provision)


def init(directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to write into; made when missing.")] = Path(".")) -> None:
    """Writes the files an admin starts from."""
    from crmsync.service.init import init as do_init

    written = do_init(directory.expanduser().absolute())
    for path in written:
        say(f"wrote {path}")
    if not written:
        say(f"nothing to write: {directory} has all files already")
    tell("Next: set CRMSYNC_HOME and the CRMs' settings, then `crmsync check`.")


def check(context: typer.Context, live: Annotated[bool, typer.Option("--live", help="Also ask the CRMs. Reads only.")] = False) -> None:
    """Validates the playbook, and how it fits the CRMs."""
    from crmsync.service.check import check_live, check_playbook, worst
    from crmsync.service.playbook import load_playbook
    from crmsync.service.settings import read_settings

    if live:
        from crmsync.service.workspace import open_workspace

        logs(context)
        with progress() as report, open_workspace(report=report) as workspace:
            found = check_live(workspace)
    else:
        settings = read_settings()
        found = check_playbook(load_playbook(settings), settings.environ)
    _show(found, all_well="the configuration is sound")
    raise typer.Exit(worst(found))


def provision(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be created.")] = False) -> None:
    """Creates missing fields in every connected CRM."""
    from crmsync.service.provision import provision as do_provision
    from crmsync.service.provision import refused
    from crmsync.service.workspace import open_workspace

    with progress() as report, open_workspace(report=report) as workspace:
        found = do_provision(workspace, dry_run=dry_run)
    _show(found, all_well="everything exists already")
    if refused(found):
        raise typer.Exit(1)


def _show(found: Mapping[str, Sequence[Finding]], *, all_well: str) -> None:
    for part, findings in found.items():
        for finding in findings:
            text = f"{part}: {finding.level}: {finding.subject}: {finding.message}" + (f" Fix: {finding.fix}" if finding.fix else "")
            say(text, style=STYLES.get(finding.level))
        if not findings:
            say(f"{part}: {all_well}")
