"""One process at a time: waiting, refusing, taking over from the dead, never from the living."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmsync.errors import BusyError
from crmsync.service.lease import TTL_SECONDS, Lease, holder_id, machine, surely_dead
from crmsync.store import Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept = 0.0

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/state.db")
    yield store
    store.close()


def lease(store: Store, time: Time, wait: float) -> Lease:
    return Lease(store, wait=wait, sleep=time.sleep, clock=time)


def test_the_second_waits_then_refuses(store: Store) -> None:
    time = Time()
    with lease(store, time, 0), pytest.raises(BusyError, match="This one did nothing") as caught, lease(store, time, 10):
        pytest.fail("two held it")
    assert time.slept == 10
    assert caught.value.exit_code == 4


def test_the_second_gets_it_when_the_first_ends(store: Store) -> None:
    time = Time()
    first = lease(store, time, 0)
    first.__enter__()
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        first.__exit__(None, None, None)

    with Lease(store, wait=10, sleep=sleep, clock=time) as second:
        second.check()
    assert len(waited) == 1
    assert store.lease_holder() is None


def test_a_lease_of_another_machine_runs_out(store: Store) -> None:
    time = Time()
    assert store.lease("elsewhere/1/2:1:abc", NOON, TTL_SECONDS)
    with lease(store, time, TTL_SECONDS + 1):
        assert TTL_SECONDS <= time.slept <= TTL_SECONDS + 1


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


def test_a_dead_process_of_this_machine_is_taken_over_at_once(store: Store) -> None:
    time = Time()
    assert store.lease(holder_id(_dead_pid()), NOON, TTL_SECONDS)
    with lease(store, time, 0):
        assert time.slept == 0


def test_who_is_surely_dead() -> None:
    assert surely_dead(holder_id(_dead_pid()))
    assert not surely_dead(holder_id())  # this process
    assert not surely_dead(holder_id(1))  # alive, and perhaps somebody else's
    assert not surely_dead(f"elsewhere:{_dead_pid()}:abc")  # a process id says nothing about another machine
    assert not surely_dead("nonsense")
    assert not surely_dead(f"{machine()}:many:abc")


def test_a_takeover_race_has_one_winner(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw the dead holder; the slower one must not throw the faster one out."""
    time = Time()
    dead = holder_id(_dead_pid())
    assert store.lease(dead, NOON, TTL_SECONDS)
    release = store.release

    def slow(holder: str) -> None:
        release(holder)
        assert store.lease("faster:1:x", NOON, TTL_SECONDS)  # the other one was here first
        monkeypatch.setattr(store, "release", release)

    monkeypatch.setattr(store, "release", slow)
    with pytest.raises(BusyError), lease(store, time, 0):
        pytest.fail("threw the winner out")
    assert store.lease_holder() == ("faster:1:x", NOON + timedelta(seconds=TTL_SECONDS))


def test_a_lost_lease_stops_its_holder(store: Store) -> None:
    time = Time()
    with lease(store, time, 0) as held:
        held.check()
        time.now += timedelta(seconds=TTL_SECONDS + 1)  # stalled
        assert store.lease("other:1:x", time.now, TTL_SECONDS)
        for _ in range(2):
            with pytest.raises(BusyError, match="took over"):
                held.check()
    assert store.lease_holder() is not None  # leaving did not take it from the other


def test_check_renews(store: Store) -> None:
    time = Time()
    with lease(store, time, 0) as held:
        for _ in range(5):
            time.now += timedelta(seconds=TTL_SECONDS - 1)
            held.check()
        with pytest.raises(BusyError), lease(store, time, 0):
            pytest.fail("two held it")


def test_waiting_ends_when_asked_to_stop(store: Store) -> None:
    time = Time()
    with lease(store, time, 0), pytest.raises(BusyError):
        Lease(store, wait=1000, sleep=time.sleep, clock=time, stopping=lambda: True).__enter__()
    assert time.slept == 0
