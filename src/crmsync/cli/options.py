"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer

from crmsync.service.settings import Settings
from crmsync.service.workspace import fixed_clock, utc_now

Json = Annotated[bool, typer.Option("--json", help="Print JSON; its shape is documented and only grows.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="ISO8601", help="Simulation clock; refused unless every connected CRM address is loopback.")
]


def clock_of(now: str | None, settings: Settings) -> Callable[[], datetime]:
    """Real time, or the simulation clock that stands at `now`. Raises: ConfigError when that is refused."""
    return utc_now if now is None else fixed_clock(now, settings)
