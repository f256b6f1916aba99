from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.link import Agreed, PersonState, Snapshot, Twin
from crmsync.model.record import RecordState, Ref
from crmsync.store import Store, StoredSnapshot

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def twin(id: str, kind: str = "call", **more: object) -> Twin:
    return Twin(twin_id=id, kind=kind, state=PersonState(person_id=id), **more)  # type: ignore[arg-type]


def ref(side: str, object: str, id: str) -> Ref:
    return Ref(side=side, object=object, id=id)


def keep(store: Store, *pairs: tuple[Ref, str | None]) -> None:
    rows = [Snapshot(ref=r, fields={}, extra={}, modified_at=NOW, person_id=whose) for r, whose in pairs]
    store.save_snapshots([StoredSnapshot(snapshot=row, hash="h") for row in rows], dirty=False)


def test_a_twin_comes_back_as_it_was(store: Store) -> None:
    state = PersonState(person_id="t", base={"subject": Agreed(values={"a": "x", "b": "y"}, mapping="m")}, anchors={"a": "Task/1"})
    given = Twin(twin_id="t", kind="task", state=state, links={"a": ("p", "q")}, waiting="person", retry_at=NOW)
    store.twins.save([given, twin("u")])
    assert store.twins.get(["t", "nobody"]) == {"t": given}
    assert store.twins.counts() == {("task", "person"): 1, ("call", ""): 1}
    assert list(store.twins.iter_ids()) == ["t", "u"]
    store.twins.drop(["t"])
    assert list(store.twins.iter_ids()) == ["u"]


def test_twins_fall_due_in_order(store: Store) -> None:
    store.twins.save(
        [
            twin("late", retry_at=NOW + timedelta(minutes=5)),
            twin("first", retry_at=NOW - timedelta(1)),
            twin("never"),
            twin("now", retry_at=NOW),
        ]
    )
    assert store.twins.due(NOW, 9) == ["first", "now"]
    assert store.twins.due(NOW, 1) == ["first"]
    assert store.twins.next_retry_at() == NOW - timedelta(1)


def test_links_are_replaced_and_keep_their_order(store: Store) -> None:
    task, other = ref("a", "tasks", "1"), ref("a", "tasks", "2")
    ann, bob = ref("a", "contacts", "7"), ref("a", "contacts", "5")
    store.links.save({task: [ann, bob, ann], other: [bob]})
    assert store.links.of([task, other, ref("a", "tasks", "3")]) == {task: (ann, bob), other: (bob,)}
    store.links.save({task: [bob]})
    assert store.links.of([task]) == {task: (bob,)}
    store.links.save({task: []})
    assert store.links.of([task, other]) == {other: (bob,)}


def test_what_belongs_to_a_person_is_found_and_woken(store: Store) -> None:
    task, gone, strange = ref("a", "tasks", "1"), ref("a", "tasks", "2"), ref("b", "Task", "1")
    ann, lead = ref("a", "contacts", "7"), ref("b", "Lead", "7")
    keep(store, (ann, "p"), (lead, "q"), (task, "t"), (gone, "u"), (strange, None))
    shown = store.snapshots([gone])[gone]
    store.save_snapshots(
        [StoredSnapshot(snapshot=Snapshot(ref=gone, fields={}, extra={}, modified_at=NOW, state=RecordState.DELETED), hash="")], dirty=False
    )
    assert shown.state is RecordState.LIVE
    store.links.save({task: [ann], gone: [ann], strange: [lead]})
    assert {whose: [str(s.ref) for s in found] for whose, found in store.links.belonging_to(["p", "q", "nobody"]).items()} == {
        "p": ["a:tasks/1", "a:tasks/2"],
        "q": ["b:Task/1"],
    }
    assert store.dirty_count() == 0
    store.links.wake(["p"])
    assert [snapshot.ref for snapshot, _ in store.take_dirty(9)] == [task], "what was deleted is not decided again"
    assert store.dirty_count(["contacts"]) == 0
    assert store.take_dirty(9, objects=["Task", "tasks"])[0][0].ref == task
    assert store.take_dirty(9, objects=["Task"]) == []


def test_unpaired_are_the_live_records_without_a_twin_of_whoever_has_some_on_several_sides(store: Store) -> None:
    ann, ann_too, bob = ref("a", "contacts", "7"), ref("b", "Contact", "7"), ref("a", "contacts", "5")
    calls = {side: [ref(side, "calls" if side == "a" else "Task", str(n)) for n in range(4)] for side in ("a", "b")}
    keep(store, (ann, "ann"), (ann_too, "ann"), (bob, "bob"), *((r, None) for rows in calls.values() for r in rows))
    gone = Snapshot(ref=calls["a"][3], fields={}, extra={}, modified_at=NOW, state=RecordState.DELETED)
    store.save_snapshots([StoredSnapshot(snapshot=gone, hash="h")], dirty=False)
    store.link({calls["a"][2]: "its twin"})
    store.links.save({**{r: [ann, bob] for r in calls["a"]}, calls["b"][0]: [ann_too]})
    found = store.links.unpaired(["ann", "bob", "nobody"])
    assert list(found) == ["ann"]
    assert [s.ref for s in found["ann"]] == [calls["a"][0], calls["a"][1], calls["b"][0]]
    store.link({calls["b"][0]: "its twin, too"})
    assert store.links.unpaired(["ann"]) == {}


def test_persons_of_records(store: Store) -> None:
    ann, bob, lone = ref("a", "contacts", "7"), ref("b", "Contact", "5"), ref("a", "contacts", "8")
    keep(store, (ann, "ann"), (bob, "bob"), (lone, None))
    assert store.persons_of([ann, bob, lone, ref("b", "Lead", "5")]) == {ann: "ann", bob: "bob"}
    assert store.persons_of([]) == {}
