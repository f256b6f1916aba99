"""Logs: nothing secret and nothing personal gets out, whatever shape it comes in."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from crmsync.service.logs import keep_crash, scrub, set_up_logs

Said = Callable[[], str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """What was logged since the last look."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    set_up_logs()
    yield lambda: capsys.readouterr().err
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("cannot write jane.o'neil+x@acme.co.uk now", "jane"),
        ("Bearer 00Dxx0000001gPL!AQ4AQFzm5yQ", "AQFzm5yQ"),
        ('{"access_token": "abc123def456"}', "abc123def456"),
        ("call +44 20 7946 0958 back", "7946"),
        ("refresh_token=s3cr3t&x=1", "s3cr3t"),
    ],
)
def test_scrub(text: str, gone: str) -> None:
    assert gone not in scrub(text)


@pytest.mark.parametrize("text", ["read 12345 records", "at 2026-03-01T10:00:00.123Z", "record 003ak0000000014AAA", "id 171591000286 ok"])
def test_scrub_leaves_work_alone(text: str) -> None:
    assert scrub(text).split()[0] == text.split()[0]
    assert "[e-mail]" not in scrub(text)


def test_json_where_there_is_no_terminal(log: Said) -> None:
    structlog.get_logger("x").info("synced", count=3, side="hubspot")
    line = json.loads(log())
    assert (line["event"], line["count"], line["side"], line["level"]) == ("synced", 3, "hubspot", "info")


def test_keys_and_values_are_masked(log: Said) -> None:
    structlog.get_logger().warning(
        "for jane@acme.example", email="jane@acme.example", nested={"client_secret": "hush", "rows": ["bob@acme.example"]}, phone="+4420"
    )
    text = log()
    for secret in ("jane", "hush", "bob@", "+4420"):
        assert secret not in text
    assert json.loads(text)["nested"]["rows"] == ["[e-mail]"]


def test_other_libraries_go_the_same_way(log: Said) -> None:
    logging.getLogger("urllib3.util.retry").warning("retrying for jane@acme.example")
    text = log()
    assert json.loads(text)["level"] == "warning"
    assert "jane" not in text


def test_exceptions_are_scrubbed(log: Said) -> None:
    try:
        raise ValueError("jane@acme.example is wrong")
    except ValueError:
        structlog.get_logger().exception("failed")
    text = log()
    assert "ValueError" in text
    assert "jane" not in text


def test_a_crash_is_kept_elsewhere_when_home_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    path = keep_crash(RuntimeError("Bearer abcdefghijk"), tmp_path / "missing")
    assert path.parent == tmp_path
    assert "abcdefghijk" not in path.read_text()


def test_whole_addresses_of_calls_are_not_told(log: Said) -> None:
    """The library that makes the calls warns of odd headers with the whole address: a person's, encoded, and a key may stand in it."""
    pool = logging.getLogger("urllib3.connectionpool")
    pool.warning("Failed to parse headers (url=%s): %s", "https://verify.example/?key=hush&email=jane%40acme.example", "odd")
    assert log() == ""
    pool.error("gone")
    assert "gone" in log()
