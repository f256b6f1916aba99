"""What the machine of activities found: belongings, days and deletes when several things happen at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.decide.canonical import stamp
from crmsync.decide.days import day_of
from crmsync.engine.twins import deliberate_twins, remember
from crmsync.errors import QuotaError
from crmsync.model.record import RecordState, Ref
from crmsync.model.rules import SignalTest
from crmsync.store import TaskRow
from crmsync.testing.memory import Died, MemoryCrm
from tiny import REPS, Tiny, memory_around, playbook_around, quietly


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    tiny = Tiny(tmp_path, rules=playbook_around(), a=memory_around("a"), b=memory_around("b"))
    yield tiny
    tiny.close()


def task(tiny: Tiny, *people: str, due: str = "2026-03-06") -> tuple[str, str]:
    """A settled task entered in a for these e-mails, who are made where they are missing; its ids in a and b."""
    for email in people:
        tiny.a.add(email=email)
    tiny.settle()
    mine = [id for id, fields in tiny.a.live().items() if fields["email"] in people]
    a = tiny.a.enter("task", *mine, subject="Call back", body="soon", due=due, status="Open", owner="a-amy", kind="Task")
    tiny.settle()
    (b,) = tiny.b.live("task")
    return a, b


def belongs(crm: MemoryCrm, id: str) -> list[str]:
    return [to.id for to in crm.shown_links(id)]


def only(crm: MemoryCrm) -> str:
    (id,) = crm.live()
    return id


def test_a_person_with_a_new_record_gets_back_what_belonged_to_the_old_one(tiny: Tiny) -> None:
    a, b = task(tiny, "ann@example.com")
    tiny.b.delete(only(tiny.b))
    tiny.b.add(email="ann@example.com")
    tiny.settle()
    assert belongs(tiny.b, b) == [only(tiny.b)]
    assert belongs(tiny.a, a) == [only(tiny.a)], "nobody took it away from her in a"


def test_what_belonged_to_one_of_two_records_of_a_person_goes_to_the_other_one(tiny: Tiny) -> None:
    """Two are merged in a, and so are one person with two records in b; the one that the task belongs to there is deleted."""
    for email in ("ann@example.com", "bob@example.com"):
        tiny.a.add(email=email)
    tiny.settle()
    ids = {side: {str(f["email"])[:3]: id for id, f in crm.live().items()} for side, crm in (("a", tiny.a), ("b", tiny.b))}
    a = tiny.a.enter("task", ids["a"]["bob"], subject="Call back", body="soon", due="2026-03-06", status="Open", owner="a-amy", kind="Task")
    tiny.settle()
    (b,) = tiny.b.live("task")
    tiny.a.merge(ids["a"]["ann"], ids["a"]["bob"])
    tiny.settle()
    assert (belongs(tiny.a, a), belongs(tiny.b, b)) == ([ids["a"]["ann"]], [ids["b"]["bob"]])
    tiny.b.delete(ids["b"]["bob"])
    tiny.settle()
    assert (belongs(tiny.a, a), belongs(tiny.b, b)) == ([ids["a"]["ann"]], [ids["b"]["ann"]])


@pytest.mark.parametrize("new", [False, True])
def test_what_goes_with_a_person_before_it_was_settled_is_kept_on_the_other_side(tiny: Tiny, new: bool) -> None:
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    b = tiny.b.enter("task", only(tiny.b), subject="Call back", due_at="2026-03-05T10:30:00.000Z", status="NOT_STARTED", owner="b-amy")
    ends: Iterator[BaseException] = iter([ConnectionError(), Died()])

    def fault(call: str, phase: str) -> None:
        if (call, phase) in (("write", "after"), ("pull", "before")) and (call == "write" or tiny.a.live("task")):
            raise next(ends)

    tiny.a.fault = fault
    tiny.cycle()
    with pytest.raises(Died):
        tiny.cycle()  # the lost answer is settled, and nothing is decided yet
    tiny.a.fault = lambda call, phase: None
    tiny.restart()
    tiny.a.delete(only(tiny.a))
    if new:
        tiny.a.add(email="ann@example.com")
    tiny.settle()
    assert b in tiny.b.live("task")
    assert tiny.a.live("task") == {}
    twin = str(tiny.b.rows[b].fields["crmsync_key"])
    assert [row.problem.cause for row in tiny.store.problems.rows(person_ids=[twin])] == ["deleted_elsewhere"]


def test_a_person_who_is_read_before_the_tasks_that_came_back_with_her_costs_none_of_them(tiny: Tiny) -> None:
    a, b = task(tiny, "ann@example.com")
    ann = only(tiny.a)
    tiny.a.delete(ann)
    tiny.settle()
    tiny.a.undelete(ann)
    pulls = iter(range(100))

    def fault(call: str, phase: str) -> None:
        if call == "pull" and phase == "before" and next(pulls) == 1:
            raise QuotaError("no calls left", side="a")

    tiny.a.fault = fault
    quietly(tiny)
    tiny.a.fault = lambda call, phase: None
    tiny.settle()
    assert [tiny.a.rows[a].state, tiny.b.rows[b].state] == [RecordState.LIVE, RecordState.LIVE]
    tiny.a.delete(a)
    tiny.settle()
    assert tiny.b.rows[b].state is RecordState.DELETED, "once both are back, a delete is a delete again"


def test_another_owner_does_not_move_the_day(tiny: Tiny) -> None:
    a, b = task(tiny, "ann@example.com", due="2026-03-06")
    tiny.b.log.clear()
    tiny.a.edit(a, owner="a-ben")
    tiny.settle()
    row = tiny.b.rows[b].fields
    assert (row["owner"], day_of(str(row["due_at"]), REPS["ben@example.com"])) == ("b-ben", "2026-03-06")
    assert (tiny.a.rows[a].fields["due"], len(tiny.b.log)) == ("2026-03-06", 1)


def loses_its_answer(tiny: Tiny) -> None:
    """A cycle whose first write to a arrives, and the process dies before it hears so."""

    def fault(call: str, phase: str) -> None:
        if (call, phase) == ("write", "after"):
            raise Died

    tiny.a.fault = fault
    with pytest.raises(Died):
        tiny.cycle()
    tiny.a.fault = lambda call, phase: None
    tiny.restart()


def test_who_is_taken_from_it_while_the_answer_of_its_creation_is_lost_stays_taken(tiny: Tiny) -> None:
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    b = tiny.b.enter("task", only(tiny.b), subject="Call back", due_at="2026-03-05T10:30:00.000Z", status="NOT_STARTED", owner="b-amy")
    loses_its_answer(tiny)
    (a,) = tiny.a.live("task")
    assert belongs(tiny.a, a) == [only(tiny.a)], "it did arrive"
    tiny.b.relink(b)
    tiny.settle()
    assert (belongs(tiny.a, a), belongs(tiny.b, b)) == ([], [])


@pytest.mark.parametrize("first", [False, True])
def test_what_is_changed_back_while_the_answer_is_lost_stays_changed_back(tiny: Tiny, first: bool) -> None:
    """first: she belonged to it before, is taken and put back; else she is put there and taken again."""
    a, b = task(tiny, "ann@example.com")
    mine, hers = only(tiny.a), only(tiny.b)
    if not first:
        tiny.b.relink(b)
        tiny.settle()
    none: list[str] = []
    then, last = (none, [hers]) if first else ([hers], none)
    tiny.b.relink(b, *then)
    loses_its_answer(tiny)
    assert belongs(tiny.a, a) == ([] if first else [mine]), "it did arrive"
    tiny.b.relink(b, *last)
    tiny.settle()
    assert (belongs(tiny.a, a), belongs(tiny.b, b)) == (([mine], [hers]) if first else ([], []))


def test_whom_it_belongs_to_is_noticed_though_nothing_else_changed(tiny: Tiny) -> None:
    a, b = task(tiny, "ann@example.com")
    for _ in range(3):
        tiny.cycle()
    tiny.b.relink(b)
    tiny.settle()
    assert belongs(tiny.a, a) == []


def test_of_two_records_of_one_person_the_one_it_belongs_to_is_unlinked(tiny: Tiny) -> None:
    tiny.a.add(email="ann@example.com")
    tiny.a.add(email="bob@example.com")
    tiny.settle()
    ann, bob = tiny.a.live()
    tiny.a.merge(ann, bob)
    tiny.settle()
    second = next(id for id, fields in tiny.b.live().items() if fields["email"] == "bob@example.com")
    b = tiny.b.enter("task", second, subject="Call back", due_at="2026-03-05T10:30:00.000Z", status="NOT_STARTED", owner="b-amy")
    tiny.settle()
    (a,) = tiny.a.live("task")
    assert (belongs(tiny.a, a), belongs(tiny.b, b)) == ([ann], [second])
    tiny.a.relink(a)
    tiny.settle()
    assert belongs(tiny.b, b) == []


def test_a_first_touch_task_is_created_for_the_owner_whom_the_person_has_got_meanwhile(tiny: Tiny) -> None:
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    (person,) = tiny.store.iter_person_ids()
    draft = {"subject": "Call", "body": "soon", "due_at": "2026-03-05T10:30:00.000Z", "due_on": "2026-03-05", "remind_at": None,
             "priority": "normal", "channel": "call"}  # fmt: skip
    tiny.store.tasks.save(
        [TaskRow(key="touch-1", person_id=person, side="a", kind="first_touch", owner="amy@example.com", created_at=tiny.now, draft=draft)]
    )
    tiny.b.edit(only(tiny.b), owner="b-ben")
    tiny.settle()
    (a,), (b,) = tiny.a.live("task").values(), tiny.b.live("task").values()
    assert (a["owner"], b["owner"]) == ("a-ben", "b-ben")


def test_what_we_deleted_and_somebody_restored_by_hand_is_not_deleted_again(tiny: Tiny) -> None:
    a, b = task(tiny, "ann@example.com")
    # given a task deleted in a, and therefore by us in b
    tiny.a.delete(a)
    tiny.settle()
    assert tiny.b.live("task") == {}
    # when somebody restores the one in b alone
    tiny.b.undelete(b)
    tiny.settle()
    # then it stays, and is told of
    assert list(tiny.b.live("task")) == [b]
    assert [row.problem.cause for row in tiny.store.problems.rows()] == ["deleted_elsewhere"]
    # and once the other is back too, a new deletion is one like any other
    tiny.a.undelete(a)
    tiny.settle()
    assert list(tiny.store.problems.rows()) == []
    tiny.a.delete(a)
    tiny.settle()
    assert tiny.b.live("task") == {}


def test_the_end_of_a_meeting_puts_off_no_retry(tiny: Tiny) -> None:
    a, _ = task(tiny, "ann@example.com")
    (row,) = tiny.store.snapshots([Ref(side="a", object="task", id=a)]).values()
    tiny.remap(
        lambda old: replace(old, twins={**old.twins, "task": replace(old.twins["task"], signals=(SignalTest(type="meeting_held"),))})
    )
    tiny.world.recall()
    (plan,) = deliberate_twins(tiny.world, [str(row.person_id)], tiny.now)
    soon, later = (tiny.now + timedelta(minutes=minutes) for minutes in (5, 90))
    ends = replace(plan, facts={**plan.facts, "end": stamp(later)}, finished=False)
    for before, due in ((None, later), (soon, soon), (tiny.now, later)):
        remember(tiny.world, [replace(ends, twin=replace(ends.twin, retry_at=before))], tiny.now, {})
        assert tiny.store.twins.next_retry_at() == due, "what a CRM could not take is tried again in time"
