"""Who was given whom: told once, counted by each rep's own day, moved and forgotten with their person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.link import PersonState, StageEntry
from crmsync.model.work import BY_HAND, REASSIGNED, Assignment
from crmsync.store import Store

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def given(person: str, owner: str, hours: float = 0, **more: str) -> Assignment:
    return Assignment(person_id=person, at=NOW + hours * HOUR, owner=owner, **more)


def test_r8_an_assignment_is_kept_whole_and_once(store: Store) -> None:
    whole = Assignment(
        person_id="ann", at=NOW, owner="ben", previous="amy", cause=REASSIGNED, rule="DACH", pool="dach", reason="rule DACH \0\ud800",
        mql_type="direct_request", source="Ads",
    )  # fmt: skip
    store.assignments.add([whole, whole])
    store.assignments.add([whole, given("ann", "amy", -1), given("bob", "amy", 0, cause=BY_HAND)])
    store.assignments.add([])
    found = store.assignments.of(["ann", "nobody"])
    assert [(row.owner, row.at) for row in found["ann"]] == [("amy", NOW - HOUR), ("ben", NOW)]
    assert found["ann"][1].reason == "rule DACH \ufffd\ufffd"
    assert found["ann"][1].previous == "amy"
    assert list(found) == ["ann"]
    assert [(row.person_id, row.cause) for row in store.assignments.between(NOW, NOW + HOUR)] == [("ann", REASSIGNED), ("bob", BY_HAND)]
    assert list(store.assignments.between(NOW + HOUR, NOW + 2 * HOUR)) == []


def test_r3_counts_are_since_each_ones_own_midnight(store: Store) -> None:
    store.assignments.add(given(f"p{n}", owner, hours) for owner in ("amy", "ben", "cleo") for n, hours in enumerate((-5, -2, -1, 0)))
    assert store.assignments.counts({"amy": NOW - 2 * HOUR, "ben": NOW - 24 * HOUR, "dan": NOW - 99 * HOUR}) == {"amy": 3, "ben": 4}
    assert store.assignments.counts({"amy": NOW + HOUR}) == {}
    assert store.assignments.counts({}) == {}


def at_stage(store: Store, person: str, owner: str | None, stage: str) -> None:
    entry = StageEntry(stage=stage, previous=None, at=NOW, cause="", who="engine")
    store.save_persons([PersonState(person_id=person, owner=owner, stages=(entry,))])


def test_r2_loads_and_ends_are_of_now_and_of_the_last_owner(store: Store) -> None:
    for person, owner, stage in (
        ("a", "amy", "mql"),
        ("b", "amy", "sal"),
        ("c", "amy", "customer"),
        ("d", "ben", "sql"),
        ("e", None, "mql"),
    ):
        at_stage(store, person, owner, stage)
    open_at = ("mql", "sal", "sql")
    assert store.assignments.loads({"amy", "ben", "cleo", "\ud800"}, open_at) == {"amy": 2, "ben": 1}
    assert store.assignments.loads(["ben"], open_at) == {"ben": 1}
    assert store.assignments.loads([], open_at) == store.assignments.loads(["amy"], []) == {}
    store.assignments.add(
        [given("c", "ben", -3, mql_type="demo"), given("c", "amy", -2, mql_type="demo"), given("d", "ben", -2, mql_type="demo")]
    )
    store.assignments.add([given("b", "amy", -90, mql_type="demo"), given("gone", "amy", -2, mql_type="demo")])
    assert store.assignments.ends(NOW - 24 * HOUR) == {("amy", "demo"): {"customer": 1}, ("ben", "demo"): {"sql": 1}}


def test_what_is_kept_goes_with_the_person_and_with_time(store: Store, chunked: int) -> None:
    store.assignments.add(given(f"p{n}", "amy", -(n % 48)) for n in range(chunked))
    store.assignments.add([given("lost", "amy", -1), given("kept", "ben", -2)])
    store.assignments.move("lost", "kept")
    assert [row.owner for row in store.assignments.of(["kept"])["kept"]] == ["ben", "amy"]
    assert store.assignments.of(["lost"]) == {}
    assert store.assignments.erase(["kept", "p0", "nobody"]) == 3
    assert store.assignments.of(["kept", "p0"]) == {}
    old = store.assignments.forget_before(NOW - 24 * HOUR)
    assert old == sum(1 for n in range(1, chunked) if n % 48 > 24)
    assert len(list(store.assignments.between(NOW - 99 * HOUR, NOW + HOUR))) == chunked - 1 - old
    assert store.assignments.erase([]) == 0


def test_f54_assignments_of_an_undone_transaction_never_were(store: Store) -> None:
    try:
        with store.begin():
            store.assignments.add([given("ann", "amy")])
            raise KeyError
    except KeyError:
        pass
    assert store.assignments.of(["ann"]) == {}


def test_words_of_companies_are_replaced_found_and_dropped(store: Store, chunked: int) -> None:
    words = store.company_words
    assert words.put({"acme": {"acme", "=acme holding", "holding"}, "best": {"best", "holding", "\ud800"}}) == 6
    assert words.put({"acme": {"acme", "=acme"}}) == 3, "two gone and one new"
    assert words.put({"acme": {"acme", "=acme"}}) == 0
    assert words.having(["acme", "holding", "=acme holding", "nothing"], 5) == {"acme": ["acme"], "holding": ["best"]}
    assert words.having(["\ud800"], 5) == {"\ud800": ["best"]}
    assert words.beginning(["acme", "best", "nobody"], "=") == [("acme", "=acme")]
    words.put({f"c{n:05}": {"common"} for n in range(chunked)})
    assert words.having(["common"], 3) == {"common": ["c00000", "c00001", "c00002"]}
    words.drop(["acme", *(f"c{n:05}" for n in range(1, chunked))])
    assert words.having(["acme", "common"], 5) == {"common": ["c00000"]}
    assert words.count() == 4
    words.put({"best": set()})
    assert words.put({}) == 0
    assert words.count() == 1
    words.clear()
    assert words.count() == 0
