"""Our own tasks: with whom they stay, and what is taken back counts as deleted before any CRM has said so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.decide.touch import ESCALATION, GIVE_REASON, TOUCH, FirstTouch
from crmsync.engine.heirs import heir_of
from crmsync.engine.taken_back import WAITING, withdraw
from crmsync.engine.tasks import WITHDRAWN, _row
from crmsync.model.work import TASK_DELETED, TASK_OPEN
from crmsync.store import TaskRow
from tiny import Tiny, memory_around, playbook_around

AMY, BOB = "amy@example.com", "bob@example.com"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    tiny = Tiny(tmp_path, rules=playbook_around(), a=memory_around("a"), b=memory_around("b"))
    yield tiny
    tiny.close()


@pytest.mark.parametrize("kind", [TOUCH, ESCALATION])
def test_c5_f78_a_covers_touch_and_a_managers_word_stay_with_them(tiny: Tiny, kind: str) -> None:
    touch = FirstTouch(owner=BOB, subject="s", body="b", due_at=tiny.now, due_on=tiny.now.date(), mql_at=tiny.now, kind=kind)
    row = _row(tiny.world, "p", touch, AMY, tiny.now)
    assert (row.owner, heir_of(row, AMY)) == (BOB, None)
    # what an owner is asked for goes to the next owner
    mine = _row(tiny.world, "p", FirstTouch(owner=AMY, subject="s", body="b", due_at=tiny.now, due_on=tiny.now.date(), mql_at=tiny.now, kind=GIVE_REASON), AMY, tiny.now)  # fmt: skip
    heir = heir_of(mine, BOB)
    assert heir is not None
    assert heir.owner == BOB


def test_c5_what_is_taken_back_is_deleted_at_once_made_or_not(tiny: Tiny) -> None:
    made, waiting = (
        TaskRow(key=key, person_id="p", side="a", kind=TOUCH, created_at=tiny.now, record_id=id) for key, id in (("k1", "t1"), ("k2", None))
    )
    tiny.store.tasks.save([made, waiting])
    assert {task.state for task in tiny.store.touches.tasks_of(["p"])["p"]} == {TASK_OPEN}
    later = tiny.now + timedelta(hours=1)
    withdraw(tiny.world, "p", ["k1", "k2"], later)
    assert tiny.store.get(WAITING) == ["k1"], "the CRM is told of the one that it has"
    assert {(t.key, t.state, t.state_at) for t in tiny.store.touches.tasks_of(["p"])["p"]} == {
        ("k1", TASK_DELETED, later),
        ("k2", TASK_DELETED, later),
    }
    assert tiny.store.tasks.by_key(["k2"])["k2"].record_id == WITHDRAWN
    withdraw(tiny.world, "p", ["k1", "k2"], later)
    assert tiny.store.get(WAITING) == ["k1"], "said once"


def test_c6_tasks_of_two_persons_who_are_one_are_the_survivors(tiny: Tiny) -> None:
    tiny.store.tasks.save(
        [TaskRow(key=f"k{n}", person_id=person, side="a", kind=TOUCH, created_at=tiny.now) for n, person in enumerate("pq")]
    )
    tiny.store.touches.move("q", "p")
    assert {person: [t.key for t in found] for person, found in tiny.store.touches.tasks_of(["p", "q"]).items()} == {"p": ["k0", "k1"]}
