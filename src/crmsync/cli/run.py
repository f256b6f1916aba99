"""`crmsync run`: the daemon, whoever composes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import typer

from crmsync.cli.console import tell
from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from crmsync.service.settings import Settings
    from crmsync.testing.clock import Clock


class Serve(Protocol):
    """Runs the daemon and its pages until it is told to stop."""

    def __call__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = ...,
        links: Mapping[str, str] | None = ...,
        announce: Callable[[str], None] = ...,
        shortest_pause: float = ...,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the composition root lends to commands. loaded: told when all code of a long command is loaded and its work begins."""

    serve: Serve | None = None
    loaded: Callable[[], None]


def serve_of(context: typer.Context) -> Serve:
    """Raises: ConfigError when this process was started without a daemon."""
    hooks = context.find_object(Hooks)
    if hooks is None or hooks.serve is None:
        raise ConfigError(
            "this program was started without its daemon. Nothing was started. Use the `crmsync` command, or `python -m crmsync`."
        )
    return hooks.serve


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command(help="The daemon: polls both CRMs, acts when something is due, serves health, metrics and a status page.")(run)


def run(context: typer.Context) -> None:
    """Runs until SIGINT or SIGTERM; the cycle under way is finished first."""
    from crmsync.service.settings import read_settings

    settings = read_settings()
    serve_of(context)(
        settings, announce=lambda url: tell(f"running; status, health and metrics at {url}; Ctrl-C ends it after the cycle under way")
    )
