"""Settings: the environment over `.env`, secrets from files, and what is said when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.connect.discovery import all_loopback, connect_all, connector_names, options_for, simulator
from crmsync.errors import ConfigError
from crmsync.service.settings import read_settings
from crmsync.service.workspace import fixed_clock, utc_now


def test_defaults(tmp_path: Path) -> None:
    settings = read_settings({"CRMSYNC_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.database_url == f"sqlite:///{tmp_path}/state.db"
    assert (settings.web.host, settings.web.port, settings.web.public_url) == ("127.0.0.1", 8787, None)


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CRMSYNC_WEB__PORT=9000\nCRMSYNC_WEB__HOST=::1\nCRMSYNC_HUBSPOT__ACCESS_TOKEN='a$b'\n")
    settings = read_settings({"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_WEB__PORT": "9001"})
    assert (settings.web.host, settings.web.port) == ("::1", 9001)
    assert options_for("hubspot", settings.environ) == {"access_token": "a$b"}


def test_a_database_address_from_a_file_and_given_twice(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://user:hunter2@db/crm\n")
    given = {"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_DATABASE_URL_FILE": str(secret)}
    settings = read_settings(given)
    assert settings.database_url == "postgresql://user:hunter2@db/crm"
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigError, match="keep one"):
        read_settings({**given, "CRMSYNC_DATABASE_URL": "sqlite:///x.db"})


@pytest.mark.parametrize("port", ["eighty", "70000", "-1"])
def test_a_wrong_value_names_the_setting(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="CRMSYNC_WEB__PORT"):
        read_settings({"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_WEB__PORT": port})


def test_options_from_files(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret-token\r\n")
    environ = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN_FILE": str(token), "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1", "CRMSYNC_OTHER__X": "1"}
    assert options_for("hubspot", environ) == {"access_token": "secret-token", "base_url": "http://127.0.0.1:1"}
    with pytest.raises(ConfigError, match="CRMSYNC_HUBSPOT__ACCESS_TOKEN_FILE are both set"):
        options_for("hubspot", {**environ, "CRMSYNC_HUBSPOT__ACCESS_TOKEN": "again"})
    with pytest.raises(ConfigError, match="CRMSYNC_HUBSPOT__ACCESS_TOKEN_FILE names the file") as caught:
        options_for("hubspot", {"CRMSYNC_HUBSPOT__ACCESS_TOKEN_FILE": str(tmp_path / "missing")})
    assert "secret-token" not in str(caught.value)


def test_empty_settings_do_not_connect() -> None:
    environ = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "", "CRMSYNC_SALESFORCE__CLIENT_ID": "  "}
    assert connect_all(environ, sleep=lambda _: None, clock=utc_now) == {}


def test_connectors_are_found_and_made_without_contact() -> None:
    assert set(connector_names()) >= {"hubspot", "salesforce"}
    made = connect_all(
        {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:9"}, sleep=lambda _: None, clock=utc_now
    )
    assert list(made) == ["hubspot"]
    assert made["hubspot"].calls() == 0
    made["hubspot"].close()


def test_plain_http_off_loopback_is_refused() -> None:
    with pytest.raises(ConfigError, match="loopback"):
        connect_all(
            {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://crm.example.com"},
            sleep=lambda _: None,
            clock=utc_now,
        )


def test_an_unknown_simulator() -> None:
    with pytest.raises(ConfigError, match="hubspot"):
        simulator("pipedrive")


@pytest.mark.parametrize(
    ("hubspot", "salesforce", "local"),
    [
        ("http://127.0.0.1:1", "http://localhost:2", True),
        ("http://[::1]:1", None, True),
        ("http://127.0.0.1:1", "https://acme.my.salesforce.com", False),
        ("http://127.0.0.1.evil.example", None, False),
        ("https://api.hubapi.com", None, False),
        (None, None, False),
    ],
)
def test_loopback_is_judged_over_all_connected_crms(hubspot: str | None, salesforce: str | None, local: bool) -> None:
    environ = {"CRMSYNC_HUBSPOT__BASE_URL": hubspot or "", "CRMSYNC_SALESFORCE__LOGIN_URL": salesforce or ""}
    assert all_loopback(environ) is local


def test_a_crm_without_an_address_is_public() -> None:
    assert all_loopback({"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x"}) is False


def test_the_simulation_clock_reads_zones(tmp_path: Path) -> None:
    settings = read_settings({"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1"})
    assert fixed_clock("2026-03-01T10:00:00+02:00", settings)().isoformat() == "2026-03-01T08:00:00+00:00"
    assert fixed_clock("2026-03-01T10:00:00", settings)().isoformat() == "2026-03-01T10:00:00+00:00"


def test_the_token_for_signals(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("correct horse battery\n")
    given = {"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_WEB__SIGNALS_TOKEN_FILE": str(secret)}
    web = read_settings(given).web
    assert web.signals_token is not None
    assert web.signals_token.get_secret_value() == "correct horse battery"
    assert "battery" not in repr(web)
    assert read_settings({"CRMSYNC_HOME": str(tmp_path)}).web.signals_token is None
    with pytest.raises(ConfigError, match="keep one"):
        read_settings({**given, "CRMSYNC_WEB__SIGNALS_TOKEN": "correct horse battery"})
    for wrong in ({"CRMSYNC_WEB__SIGNALS_TOKEN": "short"}, given):
        secret.write_text("short")
        with pytest.raises(ConfigError, match="CRMSYNC_WEB__SIGNALS_TOKEN") as refused:
            read_settings({"CRMSYNC_HOME": str(tmp_path), **wrong})
        assert "short" not in str(refused.value)
