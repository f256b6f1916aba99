"""Settings: what is refused, and by which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.errors import ConfigError
from crmsync_salesforce import connect
from crmsync_salesforce.settings import read_settings

from .conftest import NOW, options


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, "CRMSYNC_SALESFORCE__CLIENT_ID"),
        ({"client_id": "key"}, "CRMSYNC_SALESFORCE__CLIENT_SECRET"),
        ({"client_id": "key", "client_secret": "  "}, "CRMSYNC_SALESFORCE__CLIENT_SECRET"),
        ({"client_id": "key", "username": "u"}, "CRMSYNC_SALESFORCE__PRIVATE_KEY_FILE"),
        ({"client_id": "key", "client_secret": "s"}, "CRMSYNC_SALESFORCE__LOGIN_URL"),
        (options(login_url="http://acme.my.salesforce.com"), "CRMSYNC_SALESFORCE__LOGIN_URL"),
        (options(login_url="ftp://127.0.0.1"), "CRMSYNC_SALESFORCE__LOGIN_URL"),
        (options(login_url="https://user:pw@acme.my.salesforce.com"), "CRMSYNC_SALESFORCE__LOGIN_URL"),
        (options(login_url="http://127.0.0.1.evil.example"), "CRMSYNC_SALESFORCE__LOGIN_URL"),
        (options(api_version="v62.0"), "CRMSYNC_SALESFORCE__API_VERSION"),
        (options(timeout="soon"), "CRMSYNC_SALESFORCE__TIMEOUT"),
        (options(sandbox="yes"), "CRMSYNC_SALESFORCE__SANDBOX"),
        (options(username="u", private_key_file="/does/not/exist.pem"), "CRMSYNC_SALESFORCE__PRIVATE_KEY_FILE"),
    ],
)
def test_wrong_settings_are_named_and_their_values_are_not(given: dict[str, str], names: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(given)
    assert names in str(caught.value)
    assert "s3cret-value" not in str(caught.value)
    assert "user:pw" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/", "http://localhost:1", "http://[::1]:9", "https://acme.my.salesforce.com"])
def test_loopback_and_https_are_taken(address: str) -> None:
    assert read_settings(options(login_url=address)).login_url == address.rstrip("/")


def test_flows_follow_from_what_is_given(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN")
    assert read_settings(options()).flow == "client_credentials"
    assert read_settings(options(username="u", private_key_file=str(key))).flow == "jwt"
    assert read_settings({"client_id": "k", "username": "u", "private_key": "-----BEGIN"}).flow == "jwt"
    assert read_settings({"client_id": "k", "refresh_token": "r"}).flow == "refresh"


def test_secrets_are_not_in_the_repr() -> None:
    assert "s3cret-value" not in repr(read_settings(options()))


def test_connect_contacts_nothing() -> None:
    connector = connect(options(login_url="https://127.0.0.1:1"), sleep=lambda _: None, clock=lambda: NOW)
    assert connector.calls() == 0
    assert connector.traits.person_objects == ("Contact", "Lead")
    assert connector.traits.forward == {"Lead": "Contact"}
    assert connector.own_field("crmsync_score") == "crmsync_score__c"
