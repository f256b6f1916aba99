"""The command line: parses, calls one use case, shows its answer, exits with the documented code.

A command imports its use case when it runs: `--help` and `check` would otherwise wait for the database's and the CRMs' libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from crmsync import __version__
from crmsync.cli import attend, look, play, preview, privacy, report, setup, simulate, work
from crmsync.cli import replay as what_if
from crmsync.cli import run as daemon
from crmsync.cli.console import fail
from crmsync.cli.options import logs
from crmsync.cli.run import Hooks, Serve
from crmsync.errors import CrmsyncError

INTERRUPTED = 130
SILENT = frozenset({"init", "check"})
"""Commands that load nothing that logs, or set up the logs by themselves when they do."""

app = typer.Typer(
    name="crmsync",
    help="Keeps Salesforce and HubSpot in step and enforces your marketing-to-sales process inside them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Panels and colours are for eyes; a script gets plain lines, sooner.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crmsync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log progress to standard error on a terminal, too.")] = False,
) -> None:
    if context.invoked_subcommand not in SILENT:
        logs(context)


setup.register(app)
work.register(app)
daemon.register(app)
look.register(app)
what_if.register(app)
preview.register(app)
report.register(app)
attend.register(app)
privacy.register(app)
play.register(app)
simulate.register(app)


@cache
def _command() -> Callable[..., object]:
    """All commands, read off their functions once per process: that takes longer than a short command."""
    return typer.main.get_command(app)


def _nothing() -> None:
    """What happens when a command is loaded and nobody cares."""


def main(args: list[str] | None = None, *, serve: Serve | None = None, loaded: Callable[[], None] = _nothing) -> None:
    """Runs one command and ends the process with its exit code (see the reference: 0, 1, 2, 3, 4)."""
    sys.exit(run(args, serve=serve, loaded=loaded))


def run(args: list[str] | None = None, *, serve: Serve | None = None, loaded: Callable[[], None] = _nothing) -> int:
    """Runs one command; returns its exit code. loaded: told when all code of a long command is loaded and its work begins."""
    try:
        _command()(args=args, prog_name="crmsync", obj=Hooks(serve=serve, loaded=loaded))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except CrmsyncError as error:
        fail(str(error))
        return error.exit_code
    except Exception as error:
        fail(f"unexpected {type(error).__name__}; what was not finished is repeated by the next run. Details: {_crash(error)}")
        return 1
    return 0


def _crash(error: BaseException) -> str:
    from crmsync.service.logs import keep_crash
    from crmsync.service.settings import read_settings

    try:
        folder = read_settings().home
    except CrmsyncError:
        folder = Path.cwd()
    return str(keep_crash(error, folder))
