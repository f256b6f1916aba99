from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crmsync.errors import ConfigError
from crmsync.model.attention import Conflict
from crmsync.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def test_opening_is_idempotent(store: Store) -> None:
    store.conflicts.open([("p", "phone", {"left": "1", "right": None})], NOW)
    (first,) = store.conflicts.rows()
    assert first == Conflict(
        conflict_id=first.conflict_id, person_id="p", field="phone", values={"left": "1", "right": None}, opened_at=NOW
    )  # fmt: skip
    store.conflicts.resolve(first.conflict_id, "left")
    store.conflicts.open([("p", "phone", {"right": None, "left": "1"})], NOW + timedelta(days=1))
    (again,) = store.conflicts.rows()
    assert (again.conflict_id, again.opened_at, again.resolution) == (first.conflict_id, NOW, "left")


def test_other_values_take_back_the_choice(store: Store) -> None:
    store.conflicts.open([("p", "phone", {"left": "1", "right": "2"})], NOW)
    (first,) = store.conflicts.rows()
    store.conflicts.resolve(first.conflict_id, "right")
    store.conflicts.open([("p", "phone", {"left": "1", "right": "3"})], NOW)
    (again,) = store.conflicts.rows()
    assert (again.conflict_id, dict(again.values), again.resolution) == (first.conflict_id, {"left": "1", "right": "3"}, None)


def test_filter_count_and_close(store: Store) -> None:
    values = {"left": "1", "right": "2"}
    store.conflicts.open([("p", "phone", values), ("p", "name", values), ("q", "phone", values)], NOW)
    assert store.conflicts.count() == 3
    assert [one.field for one in store.conflicts.rows(["p"])] == ["phone", "name"]
    assert store.conflicts.rows([]) == []
    store.conflicts.close([("p", "phone"), ("q", "name")])
    assert [(one.person_id, one.field) for one in store.conflicts.rows()] == [("p", "name"), ("q", "phone")]


def test_a_choice_that_cannot_be_is_refused(store: Store) -> None:
    store.conflicts.open([("p", "phone", {"left": "1", "right": "2"})], NOW)
    (one,) = store.conflicts.rows()
    with pytest.raises(ConfigError, match="no open conflict"):
        store.conflicts.resolve(one.conflict_id + 1, "left")
    with pytest.raises(ConfigError, match="left and right"):
        store.conflicts.resolve(one.conflict_id, "middle")
    assert store.conflicts.rows()[0].resolution is None
