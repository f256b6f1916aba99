"""Touches and the states of our own tasks, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, TaskSeen, Touch
from crmsync.store import Store, TaskRow

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
DAY = timedelta(days=1)


def touch(id: str, days: float = 0, **more: str) -> Touch:
    return Touch(twin_id=id, at=NOW + timedelta(days=days), channel="call", owner="rita@corp.example", **more)


def task(key: str, person: str, **more: object) -> TaskRow:
    return TaskRow(key=key, person_id=person, side="a", kind="touch", created_at=NOW, draft={"channel": "call"}, **more)  # type: ignore[arg-type]


def test_touches_of_persons_oldest_first_and_each_activity_once(store: Store) -> None:
    late, early = touch("t1", 1, outcome="connected"), touch("t2", task_key="t2")
    store.touches.save([("p", late), ("p", early), ("q", late)])
    assert store.touches.of(["p", "q", "r"]) == {"p": [early, late], "q": [late]}
    assert store.touches.by_twin(["t1", "t2", "t3"]) == {"t1": {"p": late, "q": late}, "t2": {"p": early}}
    store.touches.save([("p", replace(late, channel="email", owner=None))])
    assert store.touches.of(["p"])["p"] == [early, replace(late, channel="email", owner=None)]
    store.touches.drop([("p", "t1"), ("p", "t9")])
    assert store.touches.of(["p", "q"]) == {"p": [early], "q": [late]}


def test_touches_of_a_time_for_reports(store: Store) -> None:
    store.touches.save([("p", touch("t1", 1)), ("q", touch("t2")), ("p", touch("t3", 2))])
    assert store.touches.between(NOW, NOW + 2 * DAY) == [("q", touch("t2")), ("p", touch("t1", 1))]
    assert store.touches.between(NOW + 3 * DAY, NOW + 4 * DAY) == []


def test_how_far_our_own_tasks_are(store: Store) -> None:
    store.tasks.save([task("k1", "p", owner="rita@corp.example", due_at=NOW), task("k2", "p"), task("k3", "q")])
    seen = TaskSeen(key="k1", kind="touch", owner="rita@corp.example", due_at=NOW)
    assert store.touches.tasks_of(["p"])["p"] == [seen, TaskSeen(key="k2", kind="touch", owner=None, due_at=None)]
    store.touches.set_states([("k1", TASK_DONE, NOW), ("k2", TASK_DELETED, NOW + DAY), ("k9", TASK_DONE, NOW)])
    done = replace(seen, state=TASK_DONE, state_at=NOW)
    assert store.touches.tasks_of(["p", "q", "r"]) == {
        "p": [done, TaskSeen(key="k2", kind="touch", owner=None, due_at=None, state=TASK_DELETED, state_at=NOW + DAY)],
        "q": [TaskSeen(key="k3", kind="touch", owner=None, due_at=None)],
    }
    store.tasks.save([task("k1", "p", owner="max@corp.example")])
    (again, _) = store.touches.tasks_of(["p"])["p"]
    assert (again.owner, again.state) == ("max@corp.example", TASK_DONE), "what a decision says of a task leaves its state"
    store.touches.set_states([("k1", TASK_OPEN, NOW + DAY)])
    own = store.touches.own(["k1", "k3", "other"])
    assert {key: (one.person_id, one.channel, one.seen.state) for key, one in own.items()} == {
        "k1": ("p", "call", TASK_OPEN),
        "k3": ("q", "call", TASK_OPEN),
    }


def test_nothing_to_do_is_no_statement_and_nobody_has_nothing(store: Store) -> None:
    with store.reading():  # a write in here would raise
        store.touches.save([])
        store.touches.drop([])
        store.touches.set_states([])
    assert (store.touches.of([]), store.touches.by_twin([]), store.touches.own([]), store.touches.tasks_of([])) == ({}, {}, {}, {})


def test_erased_persons_leave_no_touches(store: Store) -> None:
    store.touches.save([("p", touch("t1")), ("p", touch("t2")), ("q", touch("t1"))])
    assert store.touches.erase(["p", "r"]) == 2
    assert store.touches.of(["p", "q"]) == {"q": [touch("t1")]}


def test_of_merged_persons_what_both_had_counts_once(store: Store) -> None:
    store.touches.save(
        [("lost", touch("t1")), ("lost", touch("t2", 1)), ("kept", touch("t1")), ("kept", touch("t3", 2)), ("other", touch("t2"))]
    )
    store.touches.move("lost", "kept")
    assert store.touches.of(["lost", "kept"]) == {"kept": [touch("t1"), touch("t2", 1), touch("t3", 2)]}
    assert store.touches.of(["other"]) == {"other": [touch("t2")]}
    store.touches.move("nobody", "kept")


def test_old_touches_are_forgotten_in_bounded_steps(store: Store) -> None:
    store.touches.save([("p", touch(f"t{n}", n)) for n in range(5)])
    assert store.touches.forget_before(NOW + 3 * DAY, limit=2) == 2
    assert store.touches.forget_before(NOW + 3 * DAY, limit=2) == 1
    assert store.touches.forget_before(NOW + 3 * DAY) == 0
    assert [t.twin_id for t in store.touches.of(["p"])["p"]] == ["t3", "t4"]


def test_many_touches_at_once(store: Store, chunked: int) -> None:
    rows = [(f"p{n}", touch(f"t{n}", n / chunked)) for n in range(chunked)]
    store.touches.save(rows)
    found = store.touches.of([person for person, _ in rows])
    assert len(found) == chunked
    assert found["p7"] == [rows[7][1]]
    assert len(store.touches.by_twin([t.twin_id for _, t in rows])) == chunked
    assert store.touches.erase([person for person, _ in rows]) == chunked


def test_an_odd_text_of_a_crm_is_kept_as_far_as_a_database_can(store: Store) -> None:
    odd = replace(touch("t1"), channel="call", outcome="a\0b\ud800", owner="x\0@corp.example")
    store.touches.save([("p", odd)])
    assert store.touches.of(["p"])["p"] == [replace(odd, outcome="a\ufffdb\ufffd", owner="x\ufffd@corp.example")]
