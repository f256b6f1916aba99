"""Settings of this process: environment variables, or `.env` in CRMSYNC_HOME (the environment wins)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, SecretStr, ValidationError

from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from crmsync.service.given import Given

PREFIX = "CRMSYNC_"
NAMES = (f"{PREFIX}DATABASE_URL", f"{PREFIX}WEB")
"""What the names of all settings begin with that are read here."""
STATE_FILE = "state.db"
TOKEN_LENGTH = 16


class Web(BaseModel):
    """Where health, metrics, signals and the status page listen. signals_token: what senders of signals show; None: no signals are taken."""

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    public_url: str | None = None
    signals_token: SecretStr | None = Field(default=None, min_length=TOKEN_LENGTH)
    signals_token_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """home: absolute folder with the playbook. database_url: SQLAlchemy address. environ: everything set, `.env` included (for connectors)."""

    home: Path
    database_url: str = field(repr=False)
    web: Web
    environ: Mapping[str, str] = field(repr=False)


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (None: this process's environment) over `.env` in CRMSYNC_HOME. Contacts nothing, creates nothing.

    Raises: ConfigError naming the variable that is wrong, never its value.
    """
    process = dict(os.environ if environ is None else environ)
    home = Path(process.get(f"{PREFIX}HOME") or ".").expanduser().absolute()
    given = {**_dotenv(home / ".env"), **process}
    if not any(value and name.upper().startswith(NAMES) for name, value in given.items()):
        return Settings(home=home, database_url=f"sqlite:///{home / STATE_FILE}", web=Web(), environ=given)
    from crmsync.service.given import read_given

    try:
        read = read_given(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigError(f"{name} is wrong: {first['msg']}. Nothing was contacted.") from None
    return Settings(home=home, database_url=_database(read, home), web=_with_token(read.web), environ=given)


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}). Nothing was contacted.") from None


def _with_token(web: Web) -> Web:
    name = f"{PREFIX}WEB__SIGNALS_TOKEN"
    if web.signals_token_file is None:
        return web
    if web.signals_token is not None:
        raise ConfigError(f"{name} and {name}_FILE are both set; keep one. Nothing was contacted.")
    from crmsync.connect.discovery import read_secret

    token = read_secret(web.signals_token_file, setting=f"{name}_FILE")
    if len(token) < TOKEN_LENGTH:
        raise ConfigError(f"{name}_FILE holds fewer than {TOKEN_LENGTH} characters: anybody could guess it. Nothing was contacted.")
    return web.model_copy(update={"signals_token": SecretStr(token), "signals_token_file": None})


def _database(read: Given, home: Path) -> str:
    name = f"{PREFIX}DATABASE_URL"
    if read.database_url is not None and read.database_url_file is not None:
        raise ConfigError(f"{name} and {name}_FILE are both set; keep one. Nothing was contacted.")
    if read.database_url_file is not None:
        from crmsync.connect.discovery import read_secret

        return read_secret(read.database_url_file, setting=f"{name}_FILE")
    if read.database_url is not None:
        return read.database_url.get_secret_value()
    return f"sqlite:///{home / STATE_FILE}"
