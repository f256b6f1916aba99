"""Pulls: complete under lag, movement and ties, and cheap when nothing happens (F01-F04, F34, F36)."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.hubspot.index import Index
from crmsync.model.record import Record, RecordState
from crmsync_hubspot import wire
from crmsync_hubspot.client import Client
from crmsync_hubspot.poll import Poll, Position
from crmsync_hubspot.schema import Schemas

MINUTE = 60_000
FIELDS = ("email",)


class World:
    """A poll over an index, whose server clock (Date header) runs with the engine's."""

    def __init__(self, script: Any, client: Client, clock: Any) -> None:
        self.clock, self.client, self.script = clock, client, script
        self.index = Index(lambda: wire.millis(clock()))
        script.answer = self.index.answer
        self.poll = Poll(client, Schemas(client))
        self.cursor: Any = None
        self.now = wire.millis(clock())

    def pull(self, fields: tuple[str, ...] = FIELDS) -> list[Record]:
        records: list[Record] = []
        pages = list(self.poll.pull("contacts", fields, self.cursor, self.clock()))
        assert [p.last for p in pages] == [False] * (len(pages) - 1) + [True]
        for page in pages:
            records += page.records
            self.cursor = page.cursor
        return records

    def ids(self) -> list[int]:
        return [int(r.ref.id) for r in self.pull()]

    def calls(self) -> int:
        return self.client.calls()


@pytest.fixture
def world(script: Any, client: Client, clock: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(script, client, clock)
    monkeypatch.setattr(type(client), "server_time", property(lambda _: clock(), lambda *_: None), raising=False)
    return made


def test_first_pull_reads_everything_once_in_few_calls(world: World) -> None:
    for i in range(1, 2001):
        world.index.put(i, world.now - 10_000_000 + i * 1000)
    found = world.ids()
    assert sorted(found) == list(range(1, 2001))
    assert len(found) == 2000
    assert len(world.index.searches) <= 11
    assert world.index.listings == 0


@pytest.fixture
def narrow(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same with a window of 1,000 rows instead of 10,000."""
    monkeypatch.setattr("crmsync_hubspot.search.WINDOW", 1000)
    world.index.window = 1000
    return world


def test_more_rows_with_one_stamp_than_the_window_holds(narrow: World) -> None:
    for i in range(1, 2501):
        narrow.index.put(i, narrow.now - 10_000_000)
    found = narrow.ids()
    assert sorted(found) == list(range(1, 2501))
    assert len(found) == 2500
    assert len(narrow.index.searches) < 17
    before = narrow.calls()
    narrow.clock.advance(minutes=1)
    assert narrow.ids() == []
    assert narrow.calls() == before + 1


def test_rows_of_one_stamp_are_read_once(world: World) -> None:
    """An import gives thousands of rows one stamp; found out only at the window's end, all of them would be read twice."""
    for i in range(1, 9001):
        world.index.put(i, world.now - 10_000_000 + (0 if i <= 4500 else 1))
    found = world.ids()
    assert sorted(found) == list(range(1, 9001))
    assert len(world.index.searches) <= 9000 / 200 + 8


def test_a_wide_tie_between_other_stamps(narrow: World) -> None:
    for i in range(1, 4001):
        narrow.index.put(i, narrow.now - 10_000_000 + (0 if i <= 300 else 5 if i <= 3200 else i))
    found = narrow.ids()
    assert sorted(set(found)) == list(range(1, 4001))
    assert len(found) == 4000


def test_more_rows_of_many_stamps_than_the_window_holds(narrow: World) -> None:
    for i in range(1, 3456):
        narrow.index.put(i, narrow.now - 10_000_000 + (i // 150) * 10)
    found = narrow.ids()
    assert sorted(found) == list(range(1, 3456))
    assert len(narrow.index.searches) < 25


@pytest.mark.parametrize("size", [199, 200, 201, 399, 400, 401])
def test_equal_stamps_at_a_page_edge(world: World, size: int) -> None:
    for i in range(1, size + 1):
        world.index.put(i, world.now - 5_000_000 + (1 if i > 150 else 0))
    assert sorted(world.ids()) == list(range(1, size + 1))


def test_rows_that_move_while_pages_are_read_hide_no_others(world: World) -> None:
    for i in range(1, 1001):
        world.index.put(i, world.now - 10_000_000 + i)

    def edit(number: int) -> None:
        if number == 3:
            for i in (5, 50, 150):
                world.index.put(i, world.now - 1)

    world.index.before = edit
    found = world.ids()
    assert set(found) == set(range(1, 1001))
    assert found.count(5) == 2
    assert found[-3:] == [5, 50, 150]


@pytest.mark.parametrize("lag_minutes", [0.5, 1, 2, 4, 4.9])
def test_index_lag_never_hides_a_change(world: World, lag_minutes: float) -> None:
    """A late row has an older stamp than rows that were seen long before it."""
    world.index.put(1, world.now - MINUTE)
    world.ids()
    world.index.put(2, world.now + 1000, lag=int(lag_minutes * MINUTE))
    seen: set[int] = set()
    for minute in range(1, 10):
        world.clock.advance(minutes=1)
        world.index.put(100 + minute, wire.millis(world.clock()) - 1)
        seen |= set(world.ids())
    assert 2 in seen
    assert {100 + m for m in range(1, 10)} <= seen


def test_lag_on_the_first_pull(world: World) -> None:
    world.index.put(1, world.now - 10 * MINUTE)
    world.index.put(2, world.now - MINUTE, lag=3 * MINUTE)
    world.index.put(3, world.now - 1)
    assert set(world.ids()) == {1, 3}
    seen: set[int] = set()
    for _ in range(4):
        world.clock.advance(minutes=1)
        seen |= set(world.ids())
    assert 2 in seen


def test_idle_polls_cost_one_call_and_go_quiet(world: World) -> None:
    for i in range(1, 150):
        world.index.put(i, world.now - 1000)
    world.pull()
    before, last = world.calls(), []
    for _ in range(14):
        world.clock.advance(minutes=1)
        last = world.pull()
    assert world.calls() == before + 14
    assert last == []


def test_an_engine_clock_far_ahead_skips_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--now` in the future against a real-time server: stamps decide, not our clock."""
    real = world.clock()
    monkeypatch.setattr(type(world.client), "server_time", property(lambda _: real, lambda *_: None), raising=False)
    world.index.now = lambda: world.now
    world.index.put(1, world.now - 1000)
    world.clock.advance(days=300)
    assert world.ids() == [1]
    world.index.put(2, world.now - 500)
    world.clock.advance(days=1)
    assert 2 in world.ids()


def test_a_cursor_of_any_page_is_enough_to_go_on(world: World) -> None:
    for i in range(1, 1001):
        world.index.put(i, world.now - 10_000_000 + (i // 7) * 500)
    for stop in range(1, 6):
        seen: set[str] = set()
        cursor: Any = None
        for number, page in enumerate(world.poll.pull("contacts", FIELDS, None, world.clock()), start=1):
            seen |= {r.ref.id for r in page.records}
            cursor = page.cursor
            if number == stop:
                break
        for page in world.poll.pull("contacts", FIELDS, cursor, world.clock()):
            seen |= {r.ref.id for r in page.records}
        assert len(seen) == 1000


def test_archived_ones_are_found_by_the_sweep_once_due(world: World) -> None:
    world.index.put(1, world.now - 1000)
    world.index.archived = {50: world.now - 90_000_000}
    world.pull()
    world.index.archived[1] = world.now + MINUTE
    del world.index.rows[1]
    world.clock.advance(minutes=5)
    assert world.pull() == []
    world.clock.advance(minutes=11)
    gone = world.pull()
    assert [(r.ref.id, r.state) for r in gone] == [("1", RecordState.DELETED)]
    world.clock.advance(minutes=16)
    assert world.pull() == []


def test_a_long_archived_listing_is_read_less_often(world: World) -> None:
    world.pull()
    world.index.archived = dict.fromkeys(range(1, 2501), world.now - 90_000_000)
    world.clock.advance(minutes=16)
    world.pull()
    assert world.index.listings == 25
    world.clock.advance(minutes=16)
    world.pull()
    assert world.index.listings == 25
    world.clock.advance(minutes=25)
    world.pull()
    assert world.index.listings == 50


def test_a_merged_loser_in_the_archived_listing_is_merged_not_deleted(world: World) -> None:
    world.index.put(1, world.now - 1000)
    world.index.put(2, world.now - 1000)
    world.pull()
    at = world.now + MINUTE
    world.index.archived[2] = at
    world.index.merged[2] = 1
    del world.index.rows[2]
    world.clock.advance(minutes=16)
    found = world.pull()
    merged = next(r for r in found if r.ref.id == "2")
    assert merged.state is RecordState.MERGED
    assert merged.survivor is not None
    assert merged.survivor.id == "1"


def test_former_ids_come_with_the_survivor(world: World) -> None:
    world.index.put(1, world.now - 1000)
    world.index.merged = {7: 1, 8: 1}
    assert world.pull()[0].former_ids == ("7", "8")


def test_many_properties_are_read_in_a_second_step(world: World) -> None:
    for i in range(1, 251):
        world.index.put(i, world.now - 10_000_000 + i)
    many = tuple(f"a_property_with_a_rather_long_name_{n}" for n in range(100))
    records = world.pull(("email", *many))
    assert len(records) == 250
    assert {r.fields["email"] for r in records} == {f"p{i}@x.example" for i in range(1, 251)}
    assert all(len(body["properties"]) == 1 for body in world.index.searches)


def test_positions_survive_json() -> None:
    at = Position(mark=5, safe=3, deep=7, swept=9, archived=9, pages=2)
    assert Position.read(at.cursor()) == at
    assert Position.read(None) == Position()
