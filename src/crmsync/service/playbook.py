"""The admin's playbook, for commands that need neither CRMs nor a database, and whether the connectors know what it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crmsync.errors import ConfigError
from crmsync.model.rules import Playbook
from crmsync.playbook import load
from crmsync.playbook.references import unknown_kind
from crmsync.service.settings import Settings

if TYPE_CHECKING:
    from crmsync.connect import Connector


def load_playbook(settings: Settings) -> Playbook:
    """The admin's playbook in CRMSYNC_HOME. Raises: ConfigError with file, line and column of everything that is wrong."""
    if not settings.home.is_dir():
        raise ConfigError(
            f"CRMSYNC_HOME is {settings.home}, which is no folder. Nothing was contacted. Create it with `crmsync init {settings.home}`."
        )
    return load(settings.home)


def known_to(playbook: Playbook, connectors: Mapping[str, Connector]) -> None:
    """Whether connected CRMs list what signals want from their lists (a misspelt kind would be read by nobody). Contacts nothing.

    Raises: ConfigError with file and line of each kind of event that its connector does not know."""
    found = [
        f"{signal.where}: events: {wrong}"
        for signal in playbook.signals
        if signal.events and signal.side in connectors
        if (wrong := unknown_kind(signal.events, signal.side, connectors[signal.side].traits.events))
    ]
    if found:
        raise ConfigError("\n".join(found))
