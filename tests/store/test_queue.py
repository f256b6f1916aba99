from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from crmsync.model.link import Snapshot
from crmsync.model.record import RecordState, Ref
from crmsync.store import Store, StoredSnapshot

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def row(side: str, object: str, id: str, hash: str = "h") -> StoredSnapshot:
    return StoredSnapshot(snapshot=Snapshot(ref=Ref(side=side, object=object, id=id), fields={}, extra={}, modified_at=NOW), hash=hash)


def waiting(store: Store) -> list[str]:
    return [str(shot.ref) for shot, _ in store.take_dirty(100)]


def test_changed_records_wait_in_a_stable_order(store: Store) -> None:
    store.save_snapshots([row("b", "X", "1"), row("a", "Y", "2"), row("a", "X", "9"), row("a", "X", "10")], dirty=True)
    store.save_snapshots([row("c", "X", "1")], dirty=False)
    assert waiting(store) == ["a:X/10", "a:X/9", "a:Y/2", "b:X/1"]
    assert store.dirty_count() == 4
    first = store.take_dirty(2)
    assert [str(shot.ref) for shot, _ in first] == ["a:X/10", "a:X/9"]
    last = first[-1][0].ref
    rest = store.take_dirty(100, after=(last.side, last.object, last.id))
    assert [str(shot.ref) for shot, _ in rest] == ["a:Y/2", "b:X/1"]
    assert store.take_dirty(100, after=("b", "X", "1")) == []


def test_taking_does_not_clear(store: Store) -> None:
    store.save_snapshots([row("a", "X", "1")], dirty=True)
    assert store.take_dirty(1) == store.take_dirty(1)
    assert store.dirty_count() == 1


def test_clean_clears_what_was_taken(store: Store) -> None:
    store.save_snapshots([row("a", "X", "1"), row("a", "X", "2")], dirty=True)
    taken = store.take_dirty(1)
    store.clean([(shot.ref, version) for shot, version in taken])
    assert waiting(store) == ["a:X/2"]


def test_clean_does_not_clear_a_newer_change(store: Store, again: Store) -> None:
    store.save_snapshots([row("a", "X", "1"), row("a", "X", "2")], dirty=True)
    taken = store.take_dirty(10)
    again.save_snapshots([row("a", "X", "1", hash="newer")], dirty=True)
    store.clean([(shot.ref, version) for shot, version in taken])
    assert waiting(store) == ["a:X/1"]
    store.clean([(shot.ref, version) for shot, version in store.take_dirty(10)])
    assert store.dirty_count() == 0


def test_our_own_write_coming_back_neither_asks_nor_clears(store: Store) -> None:
    store.save_snapshots([row("a", "X", "1")], dirty=True)
    ((shot, version),) = store.take_dirty(1)
    store.save_snapshots([row("a", "X", "1", hash="ours")], dirty=False)
    assert waiting(store) == ["a:X/1"]
    store.clean([(shot.ref, version)])
    assert store.dirty_count() == 0
    store.save_snapshots([row("a", "X", "1", hash="ours again")], dirty=False)
    assert store.dirty_count() == 0


def test_marking_is_a_newer_reason(store: Store) -> None:
    store.save_snapshots([row("a", "X", "1")], dirty=True)
    taken = [(shot.ref, version) for shot, version in store.take_dirty(1)]
    store.mark_dirty([taken[0][0], Ref(side="a", object="X", id="404")])
    store.clean(taken)
    assert waiting(store) == ["a:X/1"]
    store.clean([(shot.ref, version) for shot, version in store.take_dirty(1)])
    store.mark_dirty([taken[0][0]])
    assert waiting(store) == ["a:X/1"]


def test_all_records_of_a_person(store: Store) -> None:
    store.save_snapshots([row("a", "X", "1"), row("b", "X", "2"), row("b", "X", "3")], dirty=True)
    store.link({Ref(side="a", object="X", id="1"): "p", Ref(side="b", object="X", id="2"): "p"})
    store.clean_persons(["p", "nobody"])
    assert waiting(store) == ["b:X/3"]
    store.mark_dirty_persons(["p", "p"])
    assert waiting(store) == ["a:X/1", "b:X/2", "b:X/3"]
    assert [version for _, version in store.take_dirty(9)] == [2, 2, 1]


def test_waiting_deletions_of_linked_records(store: Store) -> None:
    def gone(id: str, person_id: str | None) -> StoredSnapshot:
        shot = row("a", "X", id).snapshot
        return StoredSnapshot(snapshot=replace(shot, state=RecordState.DELETED, person_id=person_id), hash="h")

    store.save_snapshots([gone("1", "p"), gone("2", "q"), gone("3", None), row("b", "X", "4")], dirty=True)
    assert store.dirty_deleted() == {("a", "X"): 2}
    store.clean_persons(["q"])
    assert store.dirty_deleted() == {("a", "X"): 1}
