"""All or nothing, one writer at a time, each effect once: on both databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from crmsync.errors import UnreachableError
from crmsync.model.link import PersonState, Signal, Snapshot
from crmsync.model.record import Ref
from crmsync.store import Store, StoredSnapshot

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class BoomError(Exception):
    pass


def row(id: str, hash: str) -> StoredSnapshot:
    return StoredSnapshot(
        snapshot=Snapshot(ref=Ref(side="left", object="Lead", id=id), fields={"hash": hash}, extra={}, modified_at=NOW), hash=hash,
        emails=(f"{hash}@x.org",),
    )  # fmt: skip


def test_everything_inside_is_stored_together(store: Store, again: Store) -> None:
    with store.begin():
        store.save_snapshots([row("1", "a")], dirty=True)
        store.save_cursor("left", "Lead", {"page": 1})
        assert store.cursor("left", "Lead") == {"page": 1}
        assert again.cursor("left", "Lead") is None
        assert again.dirty_count() == 0
    assert again.cursor("left", "Lead") == {"page": 1}
    assert again.dirty_count() == 1


def test_an_exception_undoes_everything(store: Store) -> None:
    store.put("key", "before")
    rows = [row(str(n), "a") for n in range(2_000)]

    def half() -> None:
        with store.begin():
            store.put("key", "after")
            store.save_snapshots(rows, dirty=True)
            store.effects.claim("rule", "p", NOW)
            raise BoomError

    with pytest.raises(BoomError):
        half()
    assert store.get("key") == "before"
    assert store.count_snapshots() == {}
    assert store.effects.claim("rule", "p", NOW) is True
    store.save_snapshots(rows, dirty=True)
    assert store.dirty_count() == 2_000


def test_inner_transactions_join_the_outer_one(store: Store) -> None:
    def half() -> None:
        with store.begin():
            with store.begin():
                store.put("key", 1)
            raise BoomError

    with pytest.raises(BoomError):
        half()
    assert store.get("key") is None
    with store.begin(), store.begin():
        store.put("key", 2)
    assert store.get("key") == 2


def test_a_swallowed_inner_failure_never_stores_half(store: Store) -> None:
    def inner() -> None:
        with store.begin():
            store.put("inner", 1)
            raise BoomError

    def outer() -> None:
        with store.begin():
            store.put("outer", 1)
            with pytest.raises(BoomError):
                inner()

    with pytest.raises(UnreachableError, match="undone"):
        outer()
    assert store.get("outer") is None
    assert store.get("inner") is None
    store.put("outer", 2)
    assert store.get("outer") == 2


def test_bulk_twice_in_one_transaction(store: Store) -> None:
    with store.begin():
        store.save_snapshots([row(str(n), "a") for n in range(1_500)], dirty=True)
        store.save_snapshots([row(str(n), "b") for n in range(1_000, 2_500)], dirty=True)
    found = store.hashes("left", "Lead", [str(n) for n in range(2_500)])
    assert sorted(found.values()) == ["a"] * 1_000 + ["b"] * 1_500


def test_threads_have_their_own_transactions(store: Store) -> None:
    inside, leave = threading.Event(), threading.Event()

    def writer() -> None:
        with store.begin():
            store.put("key", "theirs")
            inside.set()
            assert leave.wait(30)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(writer)
        assert inside.wait(30)
        assert store.get("key") is None
        leave.set()
        future.result(30)
    assert store.get("key") == "theirs"


def test_many_threads_lose_no_update(store: Store, again: Store) -> None:
    def add(number: int) -> None:
        mine = store if number % 2 else again
        for _ in range(10):
            with mine.begin():
                mine.set_counter("n", mine.counter("n") + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert store.counter("n") == 80


def test_an_effect_is_claimed_once_among_many(store: Store, again: Store) -> None:
    gate = threading.Barrier(8)

    def claim(number: int) -> list[bool]:
        gate.wait(30)
        return [(store if number % 2 else again).effects.claim("rule", str(person), NOW) for person in range(10)]

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))
    assert [sum(each) for each in zip(*won, strict=True)] == [1] * 10


def test_a_lease_is_taken_once_among_many(store: Store, again: Store) -> None:
    gate = threading.Barrier(8)

    def take(number: int) -> bool:
        gate.wait(30)
        return (store if number % 2 else again).lease(f"holder {number}", NOW, 60)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(take, range(8)))
    assert won.count(True) == 1
    assert store.lease_holder() is not None
    assert store.lease_holder()[0] == f"holder {won.index(True)}"  # type: ignore[index]


def test_signals_delivered_by_many_count_once(store: Store, again: Store) -> None:
    rows = [("p", Signal(event_id=str(n), type="t", at=NOW)) for n in range(1_200)]
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda number: (store if number % 2 else again).signals.add(rows if number < 2 else rows[::-1]), range(4)))
    assert sum(new) == 1_200
    assert len(store.signals.of(["p"])["p"]) == 1_200


def test_racing_saves_leave_index_and_row_in_agreement(store: Store, again: Store) -> None:
    def save(number: int) -> None:
        (store if number % 2 else again).save_snapshots([row(str(n), f"h{number}") for n in range(1_100)], dirty=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(4)))
    ids = [str(n) for n in range(1_100)]
    kept = set(store.hashes("left", "Lead", ids).values())
    assert len(kept) == 1
    assert {email: len(shots) for email, shots in store.by_email([f"h{n}@x.org" for n in range(4)]).items()} == {
        f"{kept.pop()}@x.org": 1_100
    }
    assert {version for _, version in store.take_dirty(2_000)} == {4}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_in_the_middle(store: Store, url: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from crmsync.model.link import PersonState\n"
        "from crmsync.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "store.save_persons([PersonState(person_id='committed')])\n"
        "with store.begin():\n"
        "    store.save_persons([PersonState(person_id=str(n)) for n in range(5000)])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], env=os.environ, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert list(store.iter_person_ids()) == ["committed"]
    store.save_persons([PersonState(person_id="next")])
    assert store.count_persons() == 2
