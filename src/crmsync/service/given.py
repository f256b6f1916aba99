"""Settings from environment variables, read by pydantic-settings: loaded only when one of them is set, for it brings asyncio along."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from crmsync.service.settings import PREFIX, Web


class Given(BaseSettings):
    """What may be set under CRMSYNC_, connectors' settings and CRMSYNC_HOME apart."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = None
    database_url_file: str | None = None
    web: Web = Field(default_factory=Web)


def read_given(given: Mapping[str, str]) -> Given:
    """The settings among `given` (name -> value). Raises: pydantic.ValidationError."""

    class Reader(Given):
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
