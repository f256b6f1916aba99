from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crmsync.model.attention import Halt
from crmsync.model.record import User
from crmsync.store import Store, settings

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def test_values_survive_reopening(store: Store, url: str) -> None:
    assert store.get("nothing") is None
    assert store.get("nothing", 7) == 7
    for value in ({"a": [1, 2.5, None, True]}, "text", 0, None):
        store.put("key", value)
        other = Store.open(url)
        assert other.get("key", "default") == value
        other.close()


def test_counters_begin_at_zero(store: Store) -> None:
    assert store.counter("default") == 0
    store.set_counter("default", 3)
    store.set_counter("default", 2**40)
    assert store.counter("default") == 2**40
    assert store.counter("other") == 0


def test_cursors_by_side_and_object(store: Store) -> None:
    assert store.cursor("left", "Lead") is None
    store.save_cursor("left", "Lead", {"since": "2026", "page": 2})
    store.save_cursor("left", "Contact", {})
    store.save_cursor("left", "Lead", {"since": "2027"})
    assert store.cursor("left", "Lead") == {"since": "2027"}
    assert store.cursor("left", "Contact") == {}
    assert store.cursor("right", "Lead") is None


def test_users_of_a_side_are_replaced(store: Store) -> None:
    ola = User(side="left", id="1", email="ola@x.org", name="Ola", active=False, kind="queue", time_zone="Europe/Oslo")
    kari = User(side="right", id="1", email=None, name="Kari")
    store.save_users("left", [ola, User(side="left", id="2", email=None, name="Gone")])
    store.save_users("right", [kari])
    store.save_users("left", [ola])
    assert store.users() == [ola, kari]


def test_halt_until_lifted(store: Store, url: str) -> None:
    assert store.halt() is None
    halt = Halt(cause="mass_delete", message="41 of 50 records vanished", at=NOW, side="left")
    store.set_halt(halt)
    other = Store.open(url)
    assert other.halt() == halt
    other.set_halt(None)
    other.close()
    assert store.halt() is None
    store.set_halt(None)
    assert store.halt() is None


def test_events_newest_first_and_bounded(store: Store) -> None:
    for number in range(5):
        store.log_event(NOW + timedelta(seconds=number), "cycle", f"event {number} \0")
    assert store.events(2) == [(NOW + timedelta(seconds=n), "cycle", f"event {n} \ufffd") for n in (4, 3)]
    assert len(store.events()) == 5


def test_old_events_are_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EVENTS_KEPT", 3)
    for number in range(6):
        store.log_event(NOW, "cycle", str(number))
    assert [text for _, _, text in store.events()] == ["5", "4", "3"]


def test_a_lease_has_one_live_holder(store: Store, again: Store) -> None:
    assert store.lease_holder() is None
    assert store.lease("one", NOW, 60) is True
    assert again.lease("two", NOW + timedelta(seconds=59), 60) is False
    assert again.lease_holder() == ("one", NOW + timedelta(seconds=60))
    assert store.lease("one", NOW + timedelta(seconds=59), 60) is True
    assert again.lease("two", NOW + timedelta(seconds=100), 60) is False
    assert again.lease("two", NOW + timedelta(seconds=119), 60) is True
    assert store.lease("one", NOW + timedelta(seconds=119), 60) is False
    again.release("one")
    assert store.lease_holder() == ("two", NOW + timedelta(seconds=179))
    again.release("two")
    assert store.lease_holder() is None
    assert store.lease("one", NOW, 60) is True
