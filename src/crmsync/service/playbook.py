"""The admin's playbook, for commands that need neither CRMs nor a database."""

from __future__ import annotations

from crmsync.errors import ConfigError
from crmsync.model.rules import Playbook
from crmsync.playbook import load
from crmsync.service.settings import Settings


def load_playbook(settings: Settings) -> Playbook:
    """The admin's playbook in CRMSYNC_HOME. Raises: ConfigError with file, line and column of everything that is wrong."""
    if not settings.home.is_dir():
        raise ConfigError(
            f"CRMSYNC_HOME is {settings.home}, which is no folder. Nothing was contacted. Create it with `crmsync init {settings.home}`."
        )
    return load(settings.home)
