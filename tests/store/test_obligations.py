"""Obligations: one row per clock, told again and again, read for a report, moved, erased and forgotten; and how decisions become rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from crmsync.engine.obligations import note_clocks, source_of
from crmsync.engine.world import World
from crmsync.model.followup import SlaRules
from crmsync.model.link import Agreed, PersonState
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import HANDOFF, MET, QUEUE, RESPONSE, Clock
from crmsync.store import Store
from crmsync.store.obligations import Obligation, OpenClocks, obligation

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
RITA, SAM = "rita@acme.example", "sam@acme.example"
OPEN = Clock(kind=RESPONSE, started_at=NOW, minutes=240, owner=RITA, running_since=NOW, due_at=NOW + 4 * HOUR)


def row(person: str = "ann", kind: str = RESPONSE, at: datetime = NOW, **more: Any) -> Obligation:
    return Obligation(person_id=person, kind=kind, started_at=at, minutes=240, **more)


def test_a9_a_row_comes_back_as_it_was_told_and_later_words_replace_it(store: Store) -> None:
    full = row(
        working=False, owner=RITA, pool="default", mql_type="direct_request", source="Web\x00form", due_at=NOW + HOUR, breached_at=NOW + HOUR,
        late=True, met_at=NOW + 2 * HOUR, ended_at=NOW + 2 * HOUR, ended="met", used=120.5,
    )  # fmt: skip
    store.obligations.save([row(), row(), row(kind=HANDOFF)])
    store.obligations.save([full])
    assert store.obligations.of(["ann", "bob"]) == {"ann": [row(kind=HANDOFF), replace(full, source="Web\ufffdform")]}
    store.obligations.save([])


def test_a9_kept_means_met_without_a_breach() -> None:
    assert [one.kept for one in (row(), row(ended_at=NOW), row(met_at=NOW), row(met_at=NOW, breached_at=NOW))] == [None, None, True, False]


def test_a9_a_period_is_read_by_when_clocks_began(store: Store, chunked: int) -> None:
    rows = [row(f"p{n:05}", at=NOW + n * timedelta(minutes=1), owner=SAM) for n in range(chunked)]
    store.obligations.save(rows)
    assert store.obligations.between(NOW, NOW + DAY * 9) == rows
    assert store.obligations.between(NOW + HOUR, NOW + 2 * HOUR) == rows[60:120]
    assert store.obligations.between(NOW - DAY, NOW) == []
    assert len(store.obligations.of(one.person_id for one in rows)) == chunked


def test_open_clocks_are_counted_by_how_they_stand(store: Store) -> None:
    rows = [
        row("runs", due_at=NOW + 2 * HOUR),
        row("late", at=NOW - HOUR, due_at=NOW + HOUR),
        row("told", due_at=NOW + HOUR, breached_at=NOW + HOUR),
        row("talks"),
        row("paused late", breached_at=NOW + HOUR),
        row("over", due_at=NOW + HOUR, breached_at=NOW + HOUR, ended_at=NOW + 2 * HOUR),
        row("waits", kind=QUEUE, due_at=NOW + DAY),
        row("warned", due_at=NOW + DAY, at_risk=True),
        row("warned and late", due_at=NOW + HOUR, at_risk=True),
        row("warned and talks", at_risk=True),
        row("warned and over", due_at=NOW + DAY, at_risk=True, ended_at=NOW + HOUR),
    ]
    store.obligations.save(rows)
    assert store.obligations.open_counts(NOW + HOUR + SECOND) == {
        QUEUE: OpenClocks(running=1, paused=0, breached=0, oldest=NOW),
        RESPONSE: OpenClocks(running=2, paused=2, breached=4, oldest=NOW - HOUR, at_risk=1),
    }
    assert store.obligations.open_counts(NOW + HOUR)[RESPONSE].breached == 2, "a deadline that is now has not passed"
    store.obligations.erase([one.person_id for one in rows])
    assert store.obligations.open_counts(NOW) == {}


def test_open_clocks_are_counted_along_their_index(store: Store) -> None:
    """However many clocks are over: the status page asks for it every few seconds."""
    if not store._db.is_sqlite:
        pytest.skip("PostgreSQL plans by what the table holds")
    with store._db.reading() as connection:
        asked = "EXPLAIN QUERY PLAN SELECT kind, count(*), sum(at_risk) FROM obligations WHERE ended_at IS NULL GROUP BY kind"
        steps = [str(step[3]) for step in connection.execute(text(asked))]
    assert any("USING INDEX obligations_open" in step for step in steps), steps


def test_g2_erasing_forgets_all_of_the_named_persons_and_nothing_else(store: Store) -> None:
    store.obligations.save([row(), row(kind=HANDOFF), row("bob"), row("cal")])
    assert store.obligations.erase(["ann", "cal", "nobody"]) == 3
    assert store.obligations.between(NOW, NOW + DAY) == [row("bob")]


def test_merged_persons_keep_the_clocks_of_both_and_of_equal_ones_the_one_that_is_kept(store: Store) -> None:
    store.obligations.save([row("lost", owner=SAM), row("lost", at=NOW + DAY, owner=SAM), row("kept", owner=RITA), row("bob")])
    store.obligations.move("lost", "kept")
    assert store.obligations.of(["lost", "kept"]) == {"kept": [row("kept", owner=RITA), row("kept", at=NOW + DAY, owner=SAM)]}
    assert store.obligations.of(["bob"]) == {"bob": [row("bob")]}
    store.obligations.move("kept", "bob")
    assert store.obligations.of(["bob"]) == {"bob": [row("bob"), row("bob", at=NOW + DAY, owner=SAM)]}


def test_retention_forgets_what_is_over_and_never_what_is_owed(store: Store) -> None:
    store.obligations.save(
        [row("old", at=NOW - 2 * DAY, ended_at=NOW - DAY), row("edge", at=NOW - DAY, ended_at=NOW), row("owed", at=NOW - 900 * DAY)]
    )
    assert store.obligations.forget_before(NOW) == 1
    assert sorted(store.obligations.of(["old", "edge", "owed"])) == ["edge", "owed"]


def test_rows_vanish_with_the_transaction_they_were_told_in(store: Store) -> None:
    try:
        with store.begin():
            store.obligations.save([row()])
            raise ValueError
    except ValueError:
        pass
    assert store.obligations.of(["ann"]) == {}


# --- decisions ---


def world_of(store: Store) -> World:
    users = {RITA: User(side="s", id="1", email=RITA, name="Rita"), SAM: User(side="s", id="2", email=SAM, name="Sam")}
    playbook = SimpleNamespace(hours=WorkingHours(), sla=SlaRules())
    return cast(World, SimpleNamespace(store=store, owners=SimpleNamespace(users=users), playbook=playbook))


def person(*clocks: Clock, **more: Any) -> PersonState:
    base = {"lead_source": Agreed(values={"hubspot": None, "salesforce": "Web"})}
    return PersonState(person_id="ann", base=base, clocks=clocks, pool="default", mql_type="direct_request", **more)


def test_a9_clocks_that_changed_become_rows_with_what_the_person_was(store: Store) -> None:
    world, before = world_of(store), person()
    assert note_clocks(world, [(before, person(OPEN))], NOW) == 1
    told: dict[str, Any] = {"pool": "default", "mql_type": "direct_request", "source": "Web"}
    assert store.obligations.of(["ann"]) == {"ann": [row(owner=RITA, due_at=NOW + 4 * HOUR, **told)]}
    met = replace(OPEN, used=60.0, running_since=None, met_at=NOW + HOUR, ended_at=NOW + HOUR, ended=MET)
    assert note_clocks(world, [(person(OPEN), person(met))], NOW + HOUR) == 1
    assert store.obligations.of(["ann"])["ann"] == [obligation("ann", met, **told)]
    assert store.obligations.of(["ann"])["ann"][0].used == 60.0


def test_a_decision_that_changed_no_clock_opens_no_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    writing = store._db.writing

    def noted() -> Any:
        opened.append("writing")
        return writing()

    monkeypatch.setattr(store._db, "writing", noted)
    world, same = world_of(store), person(OPEN)
    assert note_clocks(world, [(same, same), (same, replace(same, owner=SAM)), (same, person(replace(OPEN)))], NOW) == 0
    assert opened == []
    note_clocks(world, [(person(), same)], NOW)
    assert opened


def test_r7_a_clock_whose_place_another_took_is_closed_then(store: Store) -> None:
    world, at = world_of(store), NOW + 5 * HOUR
    later = Clock(kind=RESPONSE, started_at=at, minutes=240, owner=SAM, running_since=at)
    assert note_clocks(world, [(person(OPEN), person(later))], at) == 2
    old, new = store.obligations.of(["ann"])["ann"]
    assert (old.owner, old.ended, old.ended_at, old.breached_at, old.late, old.used, old.kept) == (
        RITA, "reassigned", at, NOW + 4 * HOUR, True, 300.0, False,
    )  # fmt: skip
    assert (new.owner, new.ended_at, new.used) == (SAM, None, None)
    over = replace(OPEN, ended_at=NOW, ended="nurture")
    note_clocks(world, [(person(over), person(later))], at)
    assert store.obligations.of(["ann"])["ann"][0] == old, "one that was over is not closed again"


def test_r7_a_paused_clock_that_is_replaced_counts_what_had_run(store: Store) -> None:
    paused = replace(OPEN, used=30.0, running_since=None, due_at=None, paused="cover")
    later = Clock(kind=RESPONSE, started_at=NOW + DAY, minutes=240, owner=SAM)
    note_clocks(world_of(store), [(person(paused), person(later))], NOW + DAY)
    assert [(one.used, one.breached_at) for one in store.obligations.of(["ann"])["ann"]] == [(30.0, None), (None, None)]


def test_a_source_that_no_crm_tells_is_empty() -> None:
    assert source_of(PersonState(person_id="ann")) == ""
    assert source_of(person()) == "Web"
