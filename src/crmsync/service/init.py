"""`crmsync init`: the files an admin starts from."""

from __future__ import annotations

from pathlib import Path

from crmsync.errors import ConfigError
from crmsync.playbook import write_defaults


def init(folder: Path) -> list[Path]:
    """Writes crmsync.yaml and mappings/ into `folder` (made when missing); files that exist stay as they are. Returns what it wrote.

    Raises: ConfigError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return write_defaults(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror or type(error).__name__}); nothing more was written.") from error
