"""What an admin sets for HubSpot: CRMSYNC_HUBSPOT__X, checked before anything is contacted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from crmsync.connect.http import checked_address
from crmsync.errors import ConfigError

PREFIX = "CRMSYNC_HUBSPOT__"
PUBLIC_ADDRESS = "https://api.hubapi.com"
_DATED = re.compile(r"\d{4}-\d{2}")


class Settings(BaseModel):
    """base_url: address of the API. api_version: "v3" or a date such as "2026-03". timeout: seconds per call.

    search_per_second: HubSpot allows 5 searches per second and account; 0 leaves the pace to the answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = PUBLIC_ADDRESS
    access_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    api_version: str = "v3"
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    search_per_second: Annotated[float, Field(ge=0, le=50)] = 5.0

    @field_validator("api_version")
    @classmethod
    def _known_shape(cls, value: str) -> str:
        if value != "v3" and not _DATED.fullmatch(value):
            raise ValueError('must be "v3" or a dated version such as "2026-03"')
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be shown."""
        kept = (self.access_token, self.client_secret, self.refresh_token)
        return tuple(s.get_secret_value() for s in kept if s is not None)

    @property
    def refreshes(self) -> bool:
        """Whether access tokens come from the OAuth refresh flow."""
        return self.access_token is None


def parse(options: Mapping[str, str]) -> Settings:
    """Settings from options named as the environment names them, in lower case and without the prefix.

    Raises: ConfigError naming the environment variable that is missing or wrong, never its value.
    """
    given = {name.lower(): value.strip() for name, value in options.items() if value is not None and value.strip()}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        raise ConfigError(f"{PREFIX}{name.upper()}: {first['msg']}; HubSpot was not contacted") from None
    address = checked_address(settings.base_url, setting=f"{PREFIX}BASE_URL")
    if settings.access_token is None:
        missing = [name for name in ("client_id", "client_secret", "refresh_token") if getattr(settings, name) is None]
        if missing:
            names = ", ".join(PREFIX + name.upper() for name in missing)
            raise ConfigError(f"set {PREFIX}ACCESS_TOKEN (a private app's token), or for OAuth also {names}; HubSpot was not contacted")
    return settings.model_copy(update={"base_url": address})
