"""A cycle with nothing due touches no person, however many there are (law 8); leads that come together ask for the floor once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from crmsync.decide.pool import Floor
from crmsync.engine import floor as floors
from crmsync.engine.events import take_signals
from crmsync.model.link import Signal, SignalSource
from crmsync.model.record import User
from crmsync.model.routing import LEAST_LOAD, Member, Pool, RoutingRules
from crmsync.model.rules import ScoreRules
from crmsync.store import Store
from tiny import Tiny, playbook

AMY, BEN = "amy@corp.example", "ben@corp.example"
DUE = re.compile(r"FROM persons\s+WHERE persons\.next_due_at IS NOT NULL AND persons\.next_due_at <= ")
"""How those who are due are looked for: by the index on the moment."""


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """Everything that SQLite is given meanwhile, by whichever thread."""
    seen: list[str] = []

    def traced(driver: Any, *_: object) -> None:
        driver.set_trace_callback(seen.append)

    engine = store._db._engine
    event.listen(engine, "checkout", traced)
    try:
        yield seen
    finally:
        event.remove(engine, "checkout", traced)
        event.listen(engine, "checkout", silent := lambda driver, *_: driver.set_trace_callback(None))
        with store._db.reading():
            pass
        event.remove(engine, "checkout", silent)


def world(folder: Path, people: int) -> Tiny:
    routing = RoutingRules(
        pool="all", pools={"all": Pool(name="all", members=(Member(rep=AMY), Member(rep=BEN)), select=LEAST_LOAD, per_day=90)}
    )
    folder.mkdir()
    tiny = Tiny(folder, rules=playbook(routing=routing, score=ScoreRules(express=("demo_request",))))
    for crm, side in ((tiny.a, "a"), (tiny.b, "b")):
        crm.users_list = [User(side=side, id=f"{side}-{email}", email=email, name=email) for email in (AMY, BEN)]
    for number in range(people):
        tiny.a.add(email=f"p{number}@example.com")
    tiny.settle()
    return tiny


def about_persons(seen: list[str]) -> list[str]:
    return [one for one in seen if re.search(r"\bpersons\b", one) and not DUE.search(one)]


def test_a_cycle_with_nothing_due_reads_no_person(tmp_path: Path) -> None:
    counts = []
    for people in (3, 40):
        tiny = world(tmp_path / str(people), people)
        assert tiny.store.next_due_at() is None or tiny.store.next_due_at() > tiny.now
        with statements(tiny.store) as seen:
            tiny.cycle()
        assert any(DUE.search(one) for one in seen), "or it was not looked who is due"
        assert about_persons(seen) == []
        counts.append(len(seen))
        with tiny.store._db.reading() as connection:
            asked = next(one for one in seen if DUE.search(one))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()
        assert [str(row[-1]) for row in plan if "SCAN" in str(row[-1])] == []
        tiny.close()
    assert counts[0] == counts[1]


def test_leads_that_come_together_ask_for_the_floor_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    plain = floors.floor_of

    def counted(*given: Any) -> Floor:
        asked.append(1)
        return plain(*given)

    monkeypatch.setattr(floors, "floor_of", counted)
    seen_by: dict[int, int] = {}
    for people in (2, 30):
        tiny = world(tmp_path / str(people), people)
        told = [(f"p{n}@example.com", demo(n, tiny.now)) for n in range(people)]
        take_signals(tiny.store, told)
        asked.clear()
        with statements(tiny.store) as seen:
            tiny.cycle()
        states = tiny.store.persons([row.person_id for row in tiny.store.pasts.page("", 100)])
        assert {state.owner for state in states.values()} == {AMY, BEN}
        assert len(asked) == 1
        seen_by[people] = sum("assignments" in one and "SELECT" in one for one in seen)
        tiny.close()
    assert seen_by[2] == seen_by[30] > 0


def demo(number: int, at: datetime) -> Signal:
    return Signal(event_id=f"demo{number}", type="demo_request", at=at.astimezone(UTC), detail="", source=SignalSource.API)
