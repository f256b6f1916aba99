"""Which activities are follow-ups of reps, whom that wakes, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.decide.plan import PlannedWrite
from crmsync.decide.reconcile import Reconciled
from crmsync.decide.twin import TwinPlan
from crmsync.engine.touches import note, tasks_of, touches_of
from crmsync.model.attention import Problem
from crmsync.model.change import Action
from crmsync.model.link import PersonState, Twin
from crmsync.model.record import User, Value
from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, Touch
from crmsync.store import TaskRow
from crmsync.testing.memory_row import when
from tiny import Tiny, memory_around, playbook_around

AMY = "amy@example.com"
HOUR = timedelta(hours=1)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    tiny = Tiny(tmp_path, rules=playbook_around(), a=memory_around("a"), b=memory_around("b"))
    yield tiny
    tiny.close()


@pytest.fixture
def ann(tiny: Tiny) -> str:
    """A person who was handed over, and of whom nothing waits."""
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    (id,) = tiny.store.find_person_by_email("ann@example.com")
    state = tiny.store.persons([id])[id]
    tiny.store.save_persons([replace(state, handed_at=tiny.now, owner=AMY)])
    tiny.now += HOUR
    return id


def plan(tiny: Tiny, kind: str, *people: str, id: str = "t1", finished: bool = True, at: Any = None, **facts: Value) -> TwinPlan:
    return TwinPlan(
        twin=Twin(twin_id=id, kind=kind, state=PersonState(person_id=id)), reconciled=Reconciled(facts={}), finished=finished,
        at=at or tiny.now, facts={"owner": AMY, **facts}, shown={"a": people},
    )  # fmt: skip


def own(tiny: Tiny, person: str, key: str = "t1", kind: str = "touch", **more: Any) -> TaskRow:
    row = TaskRow(key=key, person_id=person, side="a", kind=kind, created_at=tiny.now, owner=AMY, draft={"channel": "email"}, **more)
    tiny.store.tasks.save([row])
    return row


def waiting(tiny: Tiny) -> int:
    return tiny.store.dirty_count(tiny.world.person_objects)


def noted(tiny: Tiny, *plans: TwinPlan) -> int:
    """How many records of persons wait for a decision because of these plans."""
    before = waiting(tiny)
    note(tiny.world, plans, tiny.now)
    return waiting(tiny) - before


def test_c7_a_call_is_a_touch_of_its_person_and_wakes_them_once(tiny: Tiny, ann: str) -> None:
    call = plan(tiny, "call", ann, disposition="connected")
    assert noted(tiny, call) == 2, "both records of one person"
    assert touches_of(tiny.world, [ann]) == {ann: [Touch(twin_id="t1", at=tiny.now, channel="call", owner=AMY, outcome="connected")]}
    tiny.settle()
    assert noted(tiny, call) == 0, "nothing new"


def test_a3_what_counts_and_by_which_channel(tiny: Tiny, ann: str) -> None:
    def channel(kind: str, **facts: Any) -> str | None:
        note(tiny.world, [plan(tiny, kind, ann, **facts)], tiny.now)
        found = touches_of(tiny.world, [ann]).get(ann, [])
        note(tiny.world, [plan(tiny, kind, ann, finished=False)], tiny.now)
        return found[0].channel if found else None

    assert channel("call") == channel("call", direction="inbound") == "call"
    assert channel("email", direction="outbound") == channel("email") == "email"
    assert channel("email", direction="inbound") is None
    assert channel("meeting") == channel("meeting", outcome="completed") == "meeting"
    assert [channel("meeting", outcome=word) for word in ("no_show", "canceled", "scheduled", "rescheduled")] == [None] * 4
    assert channel("note") is None
    assert channel("campaign_member") is None
    assert channel("task", status="completed", subject="Anruf bei Ann") == "call"
    assert channel("task", status="completed", subject="Send an e-mail") == "email"
    assert channel("task", status="completed", subject="LinkedIn request") == "social"
    assert channel("task", status="completed", subject="Recall the callous mailman") == "other"
    assert channel("task", status="waiting", finished=False) is None
    assert channel("call", owner=None) is None, "nobody's"


def test_a3_what_a_machine_or_a_queue_did_is_no_reps_touch(tiny: Tiny, ann: str) -> None:
    users = {**tiny.world.owners.users, "bot": User(side="a", id="1", email=None, name="bot", kind="integration"),
             "queue": User(side="a", id="2", email=None, name="queue", kind="queue")}  # fmt: skip
    tiny.world.owners = replace(tiny.world.owners, users=users)
    note(tiny.world, [plan(tiny, "call", ann, id=f"t-{who}", owner=who) for who in ("bot", "queue", "somebody@unknown.example")], tiny.now)
    assert [t.owner for t in touches_of(tiny.world, [ann])[ann]] == ["somebody@unknown.example"]


def test_what_was_done_before_the_start_is_none(tiny: Tiny, ann: str) -> None:
    old = tiny.world.start(tiny.now) - HOUR
    assert noted(tiny, plan(tiny, "call", ann, at=old)) == 0
    assert touches_of(tiny.world, [ann]) == {}
    note(tiny.world, [plan(tiny, "call", ann, at=tiny.now + 48 * HOUR)], tiny.now)
    assert touches_of(tiny.world, [ann])[ann][0].at == tiny.now, "nothing has happened in the future"


def test_c7_deleted_and_reopened_activities_take_their_touch_back(tiny: Tiny, ann: str) -> None:
    call = plan(tiny, "call", ann)
    write = PlannedWrite(
        side="b", object="call", action=Action.DELETE, id="b1", fields={}, old={}, names={}, rules={"": "a:task/1 was deleted"}, base={}, own={},
        merged={},
    )  # fmt: skip
    gone = replace(call, facts={}, finished=False, shown={})
    for back in (gone, replace(call, writes=(write,)), replace(call, finished=False)):
        note(tiny.world, [call], tiny.now)
        tiny.settle()
        assert noted(tiny, back) == 2
        assert touches_of(tiny.world, [ann]) == {}
        tiny.settle()


def test_a_touch_follows_its_activity_to_another_person(tiny: Tiny, ann: str) -> None:
    tiny.a.add(email="bob@example.com")
    tiny.settle()
    (bob,) = tiny.store.find_person_by_email("bob@example.com")
    note(tiny.world, [plan(tiny, "call", ann, bob)], tiny.now)
    assert set(touches_of(tiny.world, [ann, bob])) == {ann, bob}
    note(tiny.world, [plan(tiny, "call", bob, "company-1")], tiny.now)
    assert set(touches_of(tiny.world, [ann, bob, "company-1"])) == {bob}, "a company has no touches"


def test_only_who_was_handed_over_is_woken(tiny: Tiny, ann: str) -> None:
    tiny.a.add(email="bob@example.com")
    tiny.settle()
    (bob,) = tiny.store.find_person_by_email("bob@example.com")
    assert noted(tiny, plan(tiny, "call", bob)) == 0
    assert bob in touches_of(tiny.world, [bob]), "it is known when they are"


def test_c7_f79_our_own_task_is_done_open_or_deleted_as_the_crms_show_it(tiny: Tiny, ann: str) -> None:
    own(tiny, ann)

    def state() -> tuple[str, Any]:
        (seen,) = tasks_of(tiny.world, [ann])[ann]
        return seen.state, seen.state_at

    opened = plan(tiny, "task", finished=False, status="not_started")
    assert noted(tiny, opened) == 0
    assert state() == (TASK_OPEN, None)
    done = replace(opened, finished=True, facts={**opened.facts, "status": "completed", "subject": "Call"})
    assert noted(tiny, done) == 2
    assert state() == (TASK_DONE, tiny.now)
    (touch,) = touches_of(tiny.world, [ann])[ann]
    assert (touch.channel, touch.task_key, touch.at) == ("email", "t1", tiny.now), "the channel is that of its draft"
    first = tiny.now
    tiny.now += HOUR
    note(tiny.world, [replace(done, at=tiny.now)], tiny.now)
    assert (state(), touches_of(tiny.world, [ann])[ann][0].at) == ((TASK_DONE, first), first), "an edit does not move it"
    tiny.now += HOUR
    note(tiny.world, [opened], tiny.now)
    assert (state(), touches_of(tiny.world, [ann])) == ((TASK_OPEN, tiny.now), {}), "opened again"
    note(tiny.world, [replace(opened, facts={}, shown={})], tiny.now)
    assert state() == (TASK_DELETED, tiny.now)


def test_f79_a_task_deleted_in_one_crm_is_deleted_unless_it_was_finished_or_is_kept(tiny: Tiny, ann: str) -> None:
    own(tiny, ann)
    write = PlannedWrite(
        side="b", object="task", action=Action.DELETE, id="b1", fields={}, old={}, names={}, rules={"": "a:task/1 was deleted"}, base={}, own={},
        merged={},
    )  # fmt: skip
    opened = plan(tiny, "task", ann, finished=False, status="not_started")
    kept = Problem(cause="deleted_elsewhere", message="it was kept", side="b", object="task", data_hash="")

    def state(plan: TwinPlan) -> str:
        note(tiny.world, [plan], tiny.now)
        return tasks_of(tiny.world, [ann])[ann][0].state

    assert state(replace(opened, writes=(write,))) == TASK_DELETED
    assert state(opened) == TASK_OPEN, "somebody restored it"
    assert state(replace(opened, problems=(kept,))) == TASK_OPEN
    maps = tiny.world.kinds.maps
    tiny.world.kinds.maps = {**maps, "task": replace(maps["task"], create_as={})}
    assert state(replace(opened, problems=(kept,))) == TASK_DELETED, "deletes of tasks are not carried, but this one is ours"
    assert state(replace(opened, finished=True, writes=(), facts={**opened.facts, "status": "completed"})) == TASK_DONE


@pytest.mark.parametrize(
    ("kind", "counts"), [("first_touch", True), ("touch", True), ("accepted_sql", True), ("reason_code", False), ("contact_data", False)]
)
def test_a3_to_give_a_reason_is_no_follow_up(tiny: Tiny, ann: str, kind: str, counts: bool) -> None:
    own(tiny, ann, kind=kind)
    note(tiny.world, [plan(tiny, "task", ann, status="completed")], tiny.now)
    assert bool(touches_of(tiny.world, [ann])) is counts
    assert tasks_of(tiny.world, [ann])[ann][0].state == TASK_DONE


def test_of_a_mere_day_the_first_look_counts(tiny: Tiny, ann: str) -> None:
    note(tiny.world, [plan(tiny, "call", ann)], tiny.now)
    was = tiny.now
    tiny.now += 2 * HOUR
    assert noted(tiny, plan(tiny, "call", ann)) == 0
    assert touches_of(tiny.world, [ann])[ann][0].at == was
    note(tiny.world, [plan(tiny, "call", ann, at=was - HOUR)], tiny.now)
    assert touches_of(tiny.world, [ann])[ann][0].at == was - HOUR, "a correction counts"


def test_nothing_is_asked_when_nothing_can_be_a_touch_and_little_when_much_can(
    tiny: Tiny, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    store = tiny.world.store

    def counted(real: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*given: object) -> object:
            asked.append(name)
            return real(*given)

        return call

    for holder, names in (
        (store, ("get", "persons", "mark_dirty_persons", "snapshots_of")),
        (store.touches, ("own", "by_twin", "save", "drop", "set_states")),
    ):
        for name in names:
            real = getattr(holder, name)
            monkeypatch.setattr(holder, name, counted(real, name))
    note(tiny.world, [], tiny.now)
    note(tiny.world, [plan(tiny, "note", ann), plan(tiny, "company"), plan(tiny, "deal", ann)], tiny.now)
    assert asked == []
    old = tiny.world.start(tiny.now) - HOUR
    asked.clear()
    note(tiny.world, [plan(tiny, "call", ann, id=f"o{n}", at=old) for n in range(300)], tiny.now)
    assert asked == ["get"], "when it all began"
    asked.clear()
    note(tiny.world, [plan(tiny, "call", ann, id=f"c{n}") for n in range(300)], tiny.now)
    assert len(asked) <= 10
    assert len(touches_of(tiny.world, [ann])[ann]) == 300


def test_c7_a_task_that_a_rep_completes_in_either_crm_is_one_touch_when_it_was_completed(tiny: Tiny, ann: str) -> None:
    """Through both CRMs: the moment is that of the edit, whatever day the task was due on, and however late it is seen."""
    tiny.remap(lambda book: replace(book, start_from=when(0)))
    (record,) = tiny.a.live()
    id = tiny.a.enter("task", record, subject="Call Ann", due="2026-06-30", status="Open", owner="a-amy", kind="Task")
    tiny.settle()
    assert touches_of(tiny.world, [ann]) == {}
    (there,) = tiny.b.live("task")
    tiny.b.edit(there, status="COMPLETED")
    completed = when(tiny.b.rows[there].modified)
    tiny.now += 5 * HOUR
    tiny.settle()
    (touch,) = touches_of(tiny.world, [ann])[ann]
    assert (touch.at, touch.channel, touch.owner) == (completed, "call", AMY)
    assert tiny.a.live("task")[id]["status"] == "Done"
    tiny.a.edit(id, subject="Call Ann again")
    tiny.now += 5 * HOUR
    tiny.settle()
    assert touches_of(tiny.world, [ann])[ann] == [touch]
    tiny.a.edit(id, status="Open")
    tiny.settle()
    assert touches_of(tiny.world, [ann]) == {}


def test_a_task_that_was_completed_before_the_start_is_no_touch_however_late_it_is_due(tiny: Tiny, ann: str) -> None:
    (record,) = tiny.a.live()
    tiny.a.enter("task", record, subject="Call Ann", due="2026-06-30", status="Done", owner="a-amy", kind="Task")
    assert when(10_000) < tiny.world.start(tiny.now)
    tiny.settle()
    assert touches_of(tiny.world, [ann]) == {}


def test_f79_a_task_of_ours_deleted_by_a_rep_is_deleted_and_a_logged_call_counts(tiny: Tiny, ann: str) -> None:
    (record,) = tiny.a.live()
    tiny.a.enter("task", record, subject="Connected", due=f"{tiny.now:%Y-%m-%d}", status="Done", owner="a-amy", kind="Call")
    key = "touch-of-ann"
    id = tiny.a.enter("task", record, subject="Write to Ann", due="2026-06-30", status="Open", owner="a-amy", kind="Task", crmsync_key=key)
    own(tiny, ann, key=key, record_id=id)
    tiny.settle()
    assert [touch.channel for touch in touches_of(tiny.world, [ann])[ann]] == ["call"]
    (there,) = tiny.b.live("task")
    tiny.b.delete(there)
    tiny.settle()
    assert tasks_of(tiny.world, [ann])[ann][0].state == TASK_DELETED
