"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from crmsync.cli.run import Hooks

if TYPE_CHECKING:
    from crmsync.service.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON; its shape is documented and only grows.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="ISO8601", help="Simulation clock; refused unless every connected CRM address is loopback.")
]


def clock_of(now: str | None, settings: Settings) -> Callable[[], datetime]:
    """Real time, or the simulation clock that stands at `now`. Raises: ConfigError when that is refused."""
    from crmsync.service.workspace import fixed_clock, utc_now

    return utc_now if now is None else fixed_clock(now, settings)


def loaded(context: typer.Context) -> None:
    """Tells the composition root that all code of this command is loaded and its work begins."""
    hooks = context.find_object(Hooks)
    if hooks is not None:
        hooks.loaded()


def logs(context: typer.Context) -> None:
    """Sends logs to standard error, as verbose as the command line asked for."""
    from crmsync.service.logs import set_up_logs

    set_up_logs(verbose=bool(context.find_root().params.get("verbose")))
