"""Matching over the store: no batch border may split a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.engine import cycle as cycle_module
from crmsync.engine.people import joined
from crmsync.model.link import PersonState, StageEntry
from tiny import Tiny


def test_records_of_one_person_in_different_batches_are_matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Side a's records fill whole batches before side b's are reached: each must still find its twin instead of creating one."""
    monkeypatch.setattr(cycle_module, "PERSONS_AT_ONCE", 3)
    tiny = Tiny(tmp_path)
    for index in range(10):
        tiny.a.add(email=f"p{index}@example.com", phone=str(index))
        tiny.b.add(email=f"P{index}@example.com", title="T")
    tiny.settle()
    assert len(tiny.a.rows) == len(tiny.b.rows) == 10
    assert tiny.store.count_persons() == 10
    assert tiny.store.problems.rows() == []
    assert tiny.shown("a")["p7@example.com"] == {"phone": "7", "title": "T", "city": None}
    tiny.close()


def test_f69_a_joined_person_stands_where_the_further_one_did() -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)

    def who(*stages: str, start: int = 0, **more: Any) -> PersonState:
        entries = tuple(
            StageEntry(stage=s, previous=stages[n - 1] if n else None, at=at + timedelta(days=start + n), cause=s, who="engine")
            for n, s in enumerate(stages)
        )
        return PersonState(person_id="p", stages=entries, **more)

    def path(one: PersonState) -> list[tuple[str | None, str]]:
        return [(e.previous, e.stage) for e in one.stages]

    sal, fresh = who("lead", "mql", "sal", mql_type="browser", recycles=1, recycled_at=at), who("lead", start=9)
    for pair in ((sal, fresh), (fresh, sal)):
        one = joined(*pair)
        assert path(one) == [(None, "lead"), ("lead", "mql"), ("mql", "sal")]
        assert (one.mql_type, one.recycles, one.recycled_at) == ("browser", 1, at)
    sql, mql = who("lead", "mql", "sal", "sql"), who("lead", "mql", start=20)
    assert [stage for _, stage in path(joined(mql, sql))] == ["lead", "mql", "sal", "mql", "sql"]
    recycled = who("sql", "nurture", start=40)
    assert joined(sql, recycled).stages[-1].stage == "nurture"  # what happened last, where one has left the way
    assert joined(who("customer"), recycled).stages[-1].stage == "customer"  # who bought is one
    assert joined(who(), sql).stages == sql.stages


def test_l7_l10_whoever_is_asked_about_is_not_asked_about_twice_after_a_join() -> None:
    at, later = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    kept = PersonState(person_id="p", asked={"fix_contact": at, "give_reason": later})
    lost = PersonState(person_id="q", asked={"fix_contact": later, "give_reason": at, "other": at})
    assert joined(kept, lost).asked == {"fix_contact": later, "give_reason": later, "other": at}


def test_r7_f69_a_joined_person_keeps_one_assignment_whole() -> None:
    """Whose they are, since when, by which pool and rule and who had them before are told of one handoff: R7 counts from when this owner got them."""
    march = datetime(2026, 3, 3, tzinfo=UTC)

    def given(owner: str, at: datetime, pool: str, tried: tuple[str, ...], **more: Any) -> PersonState:
        return PersonState(
            person_id=owner, owner=owner, owner_by="router", owner_reason=f"rule {pool}", assigned_at=at, handed_at=at, pool=pool, rule=pool,
            tried=tried, **more,
        )  # fmt: skip

    def assignment(one: PersonState) -> tuple[object, ...]:
        return one.owner, one.owner_by, one.owner_reason, one.assigned_at, one.pool, one.rule, one.tried, one.owner_was

    old, new = given("amy", march, "east", ("zoe", "amy")), given("ben", march + timedelta(days=3), "west", ("ben",), owner_was="cleo")
    found = PersonState(person_id="f", owner="dan", owner_by="crm")
    queued = PersonState(person_id="q", queued_at=march, owner_reason="waits in the queue")
    nobodys = replace(new, owner=None, owner_by="hand", tried=(), owner_was=None)
    for one, other, whose in (
        (old, new, new),
        (found, new, new),
        (found, queued, found),
        (nobodys, found, found),
        (nobodys, queued, nobodys),
    ):
        for pair in ((one, other), (other, one)):
            assert assignment(joined(*pair)) == assignment(whose)
    assert assignment(joined(found, replace(found, owner="eve"))) == assignment(found), "the one that is kept, where nobody was handed over"
