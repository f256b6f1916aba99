"""The command line: parses, calls one use case, shows its answer, exits with the documented code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from crmsync import __version__
from crmsync.cli import attend, look, play, setup, work
from crmsync.cli import run as daemon
from crmsync.cli.console import fail
from crmsync.cli.run import Hooks, Serve
from crmsync.errors import CrmsyncError
from crmsync.service.logs import keep_crash, set_up_logs
from crmsync.service.settings import read_settings

INTERRUPTED = 130

app = typer.Typer(
    name="crmsync",
    help="Keeps Salesforce and HubSpot in step and enforces your marketing-to-sales process inside them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crmsync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log progress to standard error on a terminal, too.")] = False,
) -> None:
    set_up_logs(verbose=verbose)


setup.register(app)
work.register(app)
daemon.register(app)
look.register(app)
attend.register(app)
play.register(app)


def main(args: list[str] | None = None, *, serve: Serve | None = None) -> None:
    """Runs one command and ends the process with its exit code (see the reference: 0, 1, 2, 3, 4)."""
    sys.exit(run(args, serve=serve))


def run(args: list[str] | None = None, *, serve: Serve | None = None) -> int:
    """Runs one command; returns its exit code."""
    try:
        app(args=args, prog_name="crmsync", obj=Hooks(serve=serve))
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
    try:
        folder = read_settings().home
    except CrmsyncError:
        folder = Path.cwd()
    return str(keep_crash(error, folder))
