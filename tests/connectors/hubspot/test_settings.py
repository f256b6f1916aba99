"""Settings and paths: wrong ones are named, secrets are not."""

import pytest

from crmsync.errors import ConfigError
from crmsync_hubspot import connect
from crmsync_hubspot.paths import path
from crmsync_hubspot.settings import PUBLIC_ADDRESS, parse


def test_token_alone_is_enough() -> None:
    settings = parse({"access_token": "pat-na1-secret", "client_secret": "for-webhooks"})
    assert settings.base_url == PUBLIC_ADDRESS
    assert settings.api_version == "v3"
    assert not settings.refreshes
    assert "pat-na1-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "CRMSYNC_HUBSPOT__ACCESS_TOKEN"),
        ({"client_id": "c", "client_secret": "s"}, "CRMSYNC_HUBSPOT__REFRESH_TOKEN"),
        ({"access_token": "t", "base_url": "http://crm.example.com"}, "CRMSYNC_HUBSPOT__BASE_URL"),
        ({"access_token": "t", "base_url": "api.hubapi.com"}, "CRMSYNC_HUBSPOT__BASE_URL"),
        ({"access_token": "t", "api_version": "v4"}, "CRMSYNC_HUBSPOT__API_VERSION"),
        ({"access_token": "t", "timeout": "soon"}, "CRMSYNC_HUBSPOT__TIMEOUT"),
        ({"access_token": "t", "acces_token": "typo-secret"}, "CRMSYNC_HUBSPOT__ACCES_TOKEN"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        parse(options)
    assert "typo-secret" not in str(caught.value)


def test_http_is_for_loopback_only() -> None:
    assert parse({"access_token": "t", "base_url": "http://127.0.0.1:8080/"}).base_url == "http://127.0.0.1:8080"


def test_connect_contacts_nothing() -> None:
    connector = connect({"access_token": "t", "base_url": "http://127.0.0.1:9"}, sleep=lambda _: None, clock=lambda: pytest.fail("clock"))
    assert connector.calls() == 0
    assert connector.name == "hubspot"
    assert connector.own_field("crmsync_score") == "crmsync_score"


@pytest.mark.parametrize(
    ("api", "rest", "numbered", "dated"),
    [
        ("objects", "contacts/search", "/crm/v3/objects/contacts/search", "/crm/objects/2026-03/contacts/search"),
        ("properties", "contacts", "/crm/v3/properties/contacts", "/crm/properties/2026-03/contacts"),
        ("owners", "", "/crm/v3/owners", "/crm/owners/2026-03"),
        ("oauth", "token", "/oauth/v1/token", "/oauth/2026-03/token"),
        ("account-info", "details", "/account-info/v3/details", "/account-info/2026-03/details"),
    ],
)
def test_paths_of_both_kinds(api: str, rest: str, numbered: str, dated: str) -> None:
    assert path("v3", api, rest) == numbered
    assert path("2026-03", api, rest) == dated
