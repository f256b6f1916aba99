"""What a lead waits for: both CRMs are asked at the same time, and a rep's task comes before those who are due beside it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from crmsync.engine import cycle as engine
from crmsync.engine.beliefs import SCHEMA_SECONDS
from crmsync.engine.events import take_signals
from crmsync.model.link import Signal, SignalSource
from crmsync.model.process import ScoreRules
from crmsync.model.record import User
from crmsync.testing.memory import MemoryCrm
from tiny import Tiny, playbook

REP = "amy@corp.example"
TOGETHER_SECONDS = 20.0


def met(monkeypatch: pytest.MonkeyPatch, method: str) -> list[str]:
    """Has each side's `method` wait until the other side's was called, too: one after the other, it would be broken. The sides that met, filled later."""
    barrier = threading.Barrier(2)
    found: list[str] = []
    plain = getattr(MemoryCrm, method)

    def called(crm: MemoryCrm, *given: Any, **more: Any) -> Any:
        barrier.wait(TOGETHER_SECONDS)
        found.append(crm.name)
        return plain(crm, *given, **more)

    monkeypatch.setattr(MemoryCrm, method, called)
    return found


def test_both_crms_tell_users_and_schemas_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Tiny(tmp_path)
    tiny.settle()
    found = met(monkeypatch, "identity")
    assert not tiny.world.refresh(tiny.now)
    assert found == []
    later = tiny.now.fromtimestamp(tiny.now.timestamp() + SCHEMA_SECONDS + 1, tiny.now.tzinfo)
    assert not tiny.world.refresh(later)
    assert sorted(found) == ["a", "b"]
    tiny.close()


def test_both_crms_are_held_against_what_is_about_to_be_written_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = with_rep(tmp_path)
    found = met(monkeypatch, "fetch")
    ask(tiny)
    assert sorted(found) == ["a", "b"]
    assert tiny.store.persons(people(tiny))[people(tiny)[0]].owner == REP
    tiny.close()


def test_a_task_is_made_before_those_who_are_due_are_decided_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = with_rep(tmp_path)
    plain = engine._decide_due
    seen: list[list[bool]] = []

    def noted(*given: Any) -> None:
        seen.append([row.record_id is not None for row in tiny.store.tasks.of(people(tiny))[people(tiny)[0]]])
        plain(*given)

    monkeypatch.setattr(engine, "_decide_due", noted)
    ask(tiny)
    assert seen == [[True]]
    made = tiny.store.tasks.of(people(tiny))[people(tiny)[0]]
    assert len(made) == len({row.record_id for row in made}) == 1
    tiny.close()


def with_rep(folder: Path) -> Tiny:
    tiny = Tiny(folder, rules=playbook(score=ScoreRules(express=("demo_request",))))
    for crm, side in ((tiny.a, "a"), (tiny.b, "b")):
        crm.users_list = [User(side=side, id=f"{side}-amy", email=REP, name="Amy")]
    tiny.a.add(email="lead@example.com")
    tiny.settle()
    return tiny


def ask(tiny: Tiny) -> None:
    told = Signal(event_id="demo", type="demo_request", at=tiny.now, detail="", source=SignalSource.API)
    take_signals(tiny.store, [("lead@example.com", told)])
    tiny.cycle(only={})


def people(tiny: Tiny) -> list[str]:
    return [row.person_id for row in tiny.store.pasts.page("", 10)]
