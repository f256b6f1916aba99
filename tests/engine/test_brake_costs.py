"""The brakes decide everything once more before anything is written: only where it could stop the cycle, and no longer than it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crmsync.engine import cycle as engine
from crmsync.engine import preview as counting
from crmsync.engine.deliberate import deliberate
from crmsync.engine.preview import preview
from crmsync.errors import HaltError
from crmsync.model.rules import Brakes
from tiny import Tiny, memory_around, playbook, playbook_around, replace


def test_once_too_many_creations_are_certain_and_allowed_nothing_more_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Tiny(tmp_path, rules=playbook(brakes=Brakes(max_creates=2, min_deletes=1000, min_changes=1000)))
    for name in "abcdef":
        tiny.a.add(email=f"{name}@example.com")
    counted: list[int] = []

    def noted(world: Any, people: Sequence[str], *given: Any, **more: Any) -> Any:
        counted.append(len(people))
        return deliberate(world, people, *given, **more)

    monkeypatch.setattr(counting, "deliberate", noted)
    monkeypatch.setattr(counting, "PERSONS_AT_ONCE", 1)
    with pytest.raises(HaltError, match=r"^6 records would be created"):
        tiny.cycle()
    assert counted == [1] * 6, "a person who has to look is told how many there are"
    counted.clear()
    tiny.store.put("allow", "max_creates")  # what `crmsync resume` does
    tiny.store.set_halt(None)
    tiny.cycle()
    assert counted == [1] * 3
    assert [text.partition(".")[0] for _, kind, text in tiny.store.events() if kind == "resumed"] == [
        "more than 3 records would be created (limit max_creates = 2)"
    ]
    assert len(tiny.shown("b")) == 6
    tiny.close()


def test_nobody_is_counted_while_too_few_wait_to_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Tiny(tmp_path, rules=playbook(brakes=Brakes(min_deletes=1000, min_changes=3)))
    tiny.a.add(email="ann@example.com")
    counted: list[int] = []
    count = tiny.store.count_persons
    monkeypatch.setattr(tiny.store, "count_persons", lambda: counted.append(count()) or counted[-1])
    records: list[object] = []
    count_records = tiny.store.count_snapshots
    monkeypatch.setattr(tiny.store, "count_snapshots", lambda: records.append(1) or count_records())
    tiny.settle()
    assert (counted, records) == ([], []), "it costs what the database holds"
    for name in "bcd":
        tiny.a.add(email=f"{name}@example.com")
    tiny.cycle()
    assert (counted[:1], records) == ([1], [])
    tiny.a.delete(next(iter(tiny.a.live())))
    tiny.cycle()
    assert records != []
    tiny.close()


def test_another_halt_that_was_allowed_does_not_let_creations_pass(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, rules=playbook(brakes=Brakes(max_creates=2, min_deletes=1000, min_changes=1000)))
    for name in "abc":
        tiny.a.add(email=f"{name}@example.com")
    tiny.store.put("allow", "mass_change")
    with pytest.raises(HaltError, match=r"^3 records would be created"):
        tiny.cycle()
    tiny.close()


def test_a_first_load_of_one_kind_is_not_held_against_what_is_known_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = replace(playbook_around(), brakes=Brakes(min_changes=2, min_deletes=1000))
    tiny = Tiny(tmp_path, rules=rules, a=memory_around("a"), b=memory_around("b"))
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    tiny.b.enter("task", *tiny.b.live(), subject="Call", due_at="2026-03-05T10:30:00.000Z", status="NOT_STARTED", owner="b-amy")
    tiny.b.enter("task", *tiny.b.live(), subject="Write", due_at="2026-03-05T10:30:00.000Z", status="NOT_STARTED", owner="b-amy")
    tiny.settle()
    looks: list[object] = []

    def noted(*given: Any, **more: Any) -> Any:
        looks.append(given)
        return preview(*given, **more)

    monkeypatch.setattr(engine, "preview", noted)
    for number in range(5):
        tiny.b.enter("call", *tiny.b.live(), subject=f"Talk {number}", due_at="2026-03-05T10:30:00.000Z", owner="b-amy")
    tiny.cycle()
    assert len(tiny.a.live("task")) == 7
    assert looks == [], "five calls change none of two tasks"
    tiny.settle()
    looks.clear()
    for id in tiny.b.live("task"):
        tiny.b.edit(id, subject="Changed")
    with pytest.raises(HaltError, match=r"^2 of 2 task records would have values replaced in a"):
        tiny.cycle()
    assert len(looks) == 1
    tiny.close()
