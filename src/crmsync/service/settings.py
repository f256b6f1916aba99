"""Settings of this process: environment variables, or `.env` in CRMSYNC_HOME (the environment wins)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from crmsync.connect.discovery import read_secret
from crmsync.errors import ConfigError

PREFIX = "CRMSYNC_"
STATE_FILE = "state.db"


class Web(BaseModel):
    """Where health, metrics and the status page listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    public_url: str | None = None


class _Given(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = None
    database_url_file: str | None = None
    web: Web = Field(default_factory=Web)


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
    try:
        read = _read(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigError(f"{name} is wrong: {first['msg']}. Nothing was contacted.") from None
    return Settings(home=home, database_url=_database(read, home), web=read.web, environ=given)


def _read(given: Mapping[str, str]) -> _Given:
    class Reader(_Given):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            assert isinstance(env_settings, EnvSettingsSource)
            env_settings.env_vars = {name.lower(): value for name, value in given.items() if value}
            return (env_settings,)

    return Reader()


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}). Nothing was contacted.") from None


def _database(read: _Given, home: Path) -> str:
    name = f"{PREFIX}DATABASE_URL"
    if read.database_url is not None and read.database_url_file is not None:
        raise ConfigError(f"{name} and {name}_FILE are both set; keep one. Nothing was contacted.")
    if read.database_url_file is not None:
        return read_secret(read.database_url_file, setting=f"{name}_FILE")
    if read.database_url is not None:
        return read.database_url.get_secret_value()
    return f"sqlite:///{home / STATE_FILE}"
