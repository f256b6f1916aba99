"""The connector's settings: CRMSYNC_SALESFORCE__X as option `x`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from crmsync.connect.http import checked_address, is_loopback
from crmsync.errors import ConfigError

PREFIX = "CRMSYNC_SALESFORCE__"
SHARED_LOGINS = frozenset({"login.salesforce.com", "test.salesforce.com"})


def setting(name: str) -> str:
    """The environment variable that holds option `name`."""
    return PREFIX + name.upper()


def _version(value: object) -> object:
    text = str(value).strip()
    return f"{text}.0" if text.isdigit() else text


class Settings(BaseModel):
    """Validated options. Durations are seconds; counts are records.

    overlap: seconds re-read on ordinary polls. wide_overlap: seconds re-read every `wide_every` seconds, for transactions that commit late.
    bulk_read_from / bulk_write_from: sizes from which Bulk API 2.0 jobs are used instead of pages and collections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    login_url: str = "https://login.salesforce.com"
    client_id: str
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None
    refresh_token: SecretStr | None = None
    api_version: Annotated[str, BeforeValidator(_version), Field(pattern=r"^[1-9]\d{1,2}\.0$")] = "62.0"
    timeout: Annotated[float, Field(gt=0)] = 120.0
    connect_timeout: Annotated[float, Field(gt=0)] = 10.0
    connections: Annotated[int, Field(ge=1, le=20)] = 4
    overlap: Annotated[float, Field(ge=0)] = 15.0
    wide_overlap: Annotated[float, Field(ge=0)] = 300.0
    wide_every: Annotated[float, Field(gt=0)] = 150.0
    bulk_read_from: Annotated[int, Field(ge=0)] = 20_000
    bulk_write_from: Annotated[int, Field(ge=1)] = 10_000
    bulk_timeout: Annotated[float, Field(gt=0)] = 3_600.0

    @property
    def host(self) -> str:
        """Host name of the login address."""
        return urlsplit(self.login_url).hostname or ""

    @property
    def local(self) -> bool:
        """True when the login address is on this machine: then everything stays on this machine."""
        return is_loopback(self.host)

    @property
    def flow(self) -> str:
        """The OAuth flow: "refresh", "jwt" or "client_credentials"."""
        if self.refresh_token is not None:
            return "refresh"
        if self.username is not None and self.private_key is not None:
            return "jwt"
        return "client_credentials"

    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be printed."""
        return tuple(s.get_secret_value() for s in (self.client_secret, self.private_key, self.refresh_token) if s is not None)


def read_settings(options: Mapping[str, str]) -> Settings:
    """Settings from options (empty ones count as absent), the private key read from its file.

    Raises: ConfigError naming the environment variable that is missing or wrong; never its value.
    """
    given = {name.lower(): value for name, value in options.items() if str(value).strip()}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = setting(str(first["loc"][0])) if first["loc"] else PREFIX.rstrip("_")
        reason = {"missing": "is missing", "extra_forbidden": "is no setting of the Salesforce connector"}.get(first["type"])
        raise ConfigError(f"{name} {reason or 'is wrong: ' + first['msg']}") from None
    settings = settings.model_copy(update={"login_url": checked_address(settings.login_url, setting=setting("login_url"))})
    return _complete(_with_key(settings))


def _with_key(settings: Settings) -> Settings:
    if settings.private_key is not None or settings.private_key_file is None:
        return settings
    try:
        key = settings.private_key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting('private_key_file')} cannot be read: {type(error).__name__}") from None
    return settings.model_copy(update={"private_key": SecretStr(key)})


def _complete(settings: Settings) -> Settings:
    if settings.flow == "client_credentials":
        if settings.username is not None and settings.client_secret is None:
            raise ConfigError(f"{setting('private_key_file')} is missing: the JWT flow needs it beside {setting('username')}")
        if settings.client_secret is None:
            raise ConfigError(
                f"{setting('client_secret')} is missing; give it, or {setting('username')} with {setting('private_key_file')}, "
                f"or {setting('refresh_token')}"
            )
        # Salesforce refuses this flow on the shared login hosts [simple-salesforce login.py]
        if settings.host in SHARED_LOGINS:
            raise ConfigError(f"{setting('login_url')} must be your My Domain address for the client-credentials flow")
    return settings
