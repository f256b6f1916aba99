"""What a use case works in: settings, playbook, connectors and store, opened in the order in which mistakes are cheapest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crmsync.errors import ConfigError
from crmsync.service.settings import Settings, read_settings
from crmsync.store import Store

if TYPE_CHECKING:
    from crmsync.connect import Connector
    from crmsync.engine.world import World
    from crmsync.model.rules import Playbook
    from crmsync.service.lease import Lease

Report = Callable[[str, int, int | None], None]
"""What is being done, how much of it is done, how much there is (None: unknown)."""


def utc_now() -> datetime:
    """Real time, aware UTC."""
    return datetime.now(UTC)


def quiet(what: str, done: int, total: int | None) -> None:
    """Reports nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """clock: the only source of `now` for use cases (aware UTC). sleep: waits in that clock's seconds. refused: why an edited playbook was not taken
    while this one is in force."""

    settings: Settings
    playbook: Playbook
    connectors: Mapping[str, Connector]
    store: Store
    world: World
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    began: Mapping[str, int] = field(default_factory=dict)
    refused: str | None = None

    def api_calls(self) -> dict[str, int]:
        """side -> API calls made in this workspace."""
        return {side: connector.calls() - self.began.get(side, 0) for side, connector in self.connectors.items()}

    def lease(self, *, wait: float, stopping: Callable[[], bool] = lambda: False) -> Lease:
        """The right to run cycles; a context manager. Waits in real seconds."""
        from crmsync.service.lease import Lease

        return Lease(self.store, wait=wait, sleep=time.sleep, stopping=stopping)


@contextmanager
def open_workspace(
    settings: Settings | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    report: Report = quiet,
) -> Iterator[Workspace]:
    """Opens everything and contacts no CRM: playbook first, then the connectors' settings, then the database (created when missing).

    Raises: ConfigError (exit 2: nothing was contacted) for the playbook, the settings or when no CRM is connected; UnreachableError for
    the database.
    """
    # Imported here: `open_store` needs neither the engine nor the playbook's models.
    from crmsync.connect.discovery import connect_all, credentials_of
    from crmsync.engine.world import World
    from crmsync.service.playbook import known_to, load_playbook
    from crmsync.service.verify import asked_about

    settings = settings or read_settings()
    playbook = load_playbook(settings)
    asked = asked_about(settings.environ, playbook.gate)
    connectors = connect_all(settings.environ, sleep=sleep, clock=clock)
    try:
        if not connectors:
            raise ConfigError(no_crm(settings))
        known_to(playbook, connectors)
        store = Store.open(settings.database_url)
        try:
            marks = credentials_of(settings.environ, connectors)
            world = World(
                store=store, connectors=connectors, playbook=playbook, report=report, credentials=marks, asked_about=asked
            )  # fmt: skip
            yield Workspace(
                settings=settings, playbook=playbook, connectors=world.connectors, store=store, world=world, clock=clock, sleep=sleep,
                began={side: connector.calls() for side, connector in connectors.items()},
            )  # fmt: skip
        finally:
            store.close()
    finally:
        for connector in connectors.values():
            connector.close()


@contextmanager
def open_store(settings: Settings | None = None) -> Iterator[Store]:
    """Only the database, for commands that need neither playbook nor CRMs."""
    store = Store.open((settings or read_settings()).database_url)
    try:
        yield store
    finally:
        store.close()


def no_crm(settings: Settings) -> str:
    """Says which settings would connect a CRM."""
    from crmsync.connect.discovery import connector_names, prefix_of

    wanted = " and/or ".join(f"{prefix_of(name)}…" for name in connector_names())
    return (
        f"No CRM is connected: neither the environment nor {settings.home / '.env'} has its settings ({wanted}). Nothing was contacted. "
        "`crmsync sandbox` starts two simulated CRMs and prints settings to try."
    )


def fixed_clock(now: str, settings: Settings) -> Callable[[], datetime]:
    """A simulation clock that stands at `now` (ISO 8601, with a zone or in UTC).

    Raises: ConfigError unless it can be read and every connected CRM address is loopback.
    """
    from crmsync.connect.discovery import all_loopback

    try:
        moment = datetime.fromisoformat(now)
    except ValueError:
        raise ConfigError(f"--now {now!r} is no ISO 8601 moment such as 2026-03-01T09:00:00Z. Nothing was contacted.") from None
    if not all_loopback(settings.environ):
        raise ConfigError("--now is for simulators only: at least one connected CRM address is not loopback. Nothing was contacted.")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return lambda: moment
