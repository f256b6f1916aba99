"""The shared HTTP helpers: meter, addresses, redaction, retry values."""

from __future__ import annotations

import threading

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from crmsync.connect.http import CallMeter, RetryPolicy, checked_address, is_loopback, never_sent, redact
from crmsync.errors import ConfigError


def test_the_meter_counts_from_many_threads() -> None:
    meter = CallMeter()

    def count() -> None:
        for _ in range(500):
            meter.add()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.count == 2_000


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        (None, False),
    ],
)
def test_loopback(host: str | None, local: bool) -> None:
    assert is_loopback(host) is local


def test_addresses_lose_their_slash_or_name_their_setting() -> None:
    assert checked_address(" https://a.example/ ", setting="X") == "https://a.example"
    for bad in ("http://a.example", "a.example", "https://", "http://[::1", "https://u:p@a.example", "http://127.0.0.1:notaport"):
        with pytest.raises(ConfigError, match="X"):
            checked_address(bad, setting="X")


def test_redaction_masks_what_is_given_and_what_looks_like_a_token() -> None:
    text = redact('Bearer abcdef123 {"access_token": "zzz", "a": 1} refresh_token=q&x=1 mine-is-mine', ["mine-is-mine", ""])
    assert text == 'Bearer [secret] {"access_token": "[secret]", "a": 1} refresh_token=[secret]&x=1 [secret]'


def test_only_a_connection_never_made_is_never_sent() -> None:
    inner = NewConnectionError(None, "refused")  # type: ignore[arg-type]
    assert never_sent(requests.ConnectionError(MaxRetryError(None, "/", inner)))  # type: ignore[arg-type]
    assert never_sent(requests.ConnectTimeout())
    assert not never_sent(requests.ReadTimeout())
    assert not never_sent(requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())))


def test_an_earlier_refusal_does_not_excuse_a_later_reset() -> None:
    reset = requests.ConnectionError("reset")
    reset.__context__ = ConnectionRefusedError()
    assert not never_sent(reset)


def test_waits_double_up_to_the_ceiling_and_take_a_longer_hint() -> None:
    policy = RetryPolicy(first=1, ceiling=5, jitter=0)
    assert [policy.wait(n) for n in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert policy.wait(1, hint=3) == 3
    assert policy.wait(1, hint=300) == 5
    assert all(0.5 <= RetryPolicy(first=1, jitter=0.5).wait(1) <= 1 for _ in range(50))


def test_runs_until_it_works_or_patience_ends() -> None:
    naps: list[float] = []
    tries = 0

    def call() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(tries)
        return "done"

    policy = RetryPolicy(attempts=3, first=1, jitter=0)
    assert policy.run(call, retry_if=lambda e: isinstance(e, OSError), sleep=naps.append) == "done"
    assert naps == [1, 2]
    tries = -9
    with pytest.raises(OSError, match="-6"):
        policy.run(call, retry_if=lambda e: isinstance(e, OSError), sleep=naps.append)
    tries = 0
    with pytest.raises(OSError, match="1"):
        policy.run(call, retry_if=lambda e: False, sleep=naps.append)
