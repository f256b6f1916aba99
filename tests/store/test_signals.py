from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crmsync.model.link import Signal, SignalSource
from crmsync.store import Store, early_place

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def event(id: str, minutes: float = 0) -> Signal:
    return Signal(event_id=id, type="page_view", at=NOW + timedelta(minutes=minutes), detail="/pricing", source=SignalSource.HISTORY)


def test_oldest_first_by_person(store: Store) -> None:
    assert store.signals.add([("p", event("2", 2)), ("p", event("1", 1)), ("q", event("3"))]) == 3
    assert store.signals.of(["p", "q", "nobody"]) == {"p": [event("1", 1), event("2", 2)], "q": [event("3")]}


def test_an_event_counts_once(store: Store) -> None:
    assert store.signals.add([("p", event("1")), ("p", event("1", 5))]) == 1
    assert store.signals.add([("q", event("1", 9)), ("p", event("2", 9))]) == 1
    assert store.signals.of(["p", "q"]) == {"p": [event("1"), event("2", 9)]}
    assert store.signals.add([]) == 0


def test_moving_to_a_surviving_person(store: Store) -> None:
    store.signals.add([("p", event("1")), ("q", event("2", 1))])
    store.signals.move("p", "q")
    assert store.signals.of(["p", "q"]) == {"q": [event("1"), event("2", 1)]}
    assert store.signals.add([("p", event("1"))]) == 0


def test_many_at_once_with_repeats(store: Store) -> None:
    rows = [(f"p{n % 7}", event(str(n), n)) for n in range(5_000)]
    assert store.signals.add(rows[:3_000]) == 3_000
    assert store.signals.add([*rows, *rows]) == 2_000
    found = store.signals.of([f"p{n}" for n in range(7)])
    assert sum(map(len, found.values())) == 5_000
    assert [one.at for one in found["p3"]] == sorted(one.at for one in found["p3"])


def test_hostile_detail(store: Store) -> None:
    store.signals.add([("p", Signal(event_id="e\0", type="t", at=NOW, detail="nul \0 lone \udfff"))])
    assert [one.detail for one in store.signals.of(["p"])["p"]] == ["nul \ufffd lone \ufffd"]
    assert store.signals.add([("p", Signal(event_id="e\0", type="t", at=NOW))]) == 0


def test_what_comes_before_anybody_has_the_address_waits(store: Store) -> None:
    assert not store.signals.any_waiting()
    assert store.signals.waiting(["ann@example.com"]) == {}
    early = early_place("ann@example.com")
    assert (
        store.signals.add([(early, event("1")), (early, event("2", 1)), (early_place("emailer"), event("3")), ("emailed", event("4"))]) == 4
    )
    assert store.signals.any_waiting()
    assert store.signals.waiting(["ann@example.com", "bob@example.com"]) == {"ann@example.com": [event("1"), event("2", 1)]}
    # somebody has it: what stands there is theirs now, and what it was joined with goes
    store.signals.save([("p", replace(event("1"), type="pricing_page_view"))], ["2"])
    assert store.signals.of(["p"]) == {"p": [replace(event("1"), type="pricing_page_view")]}
    assert store.signals.waiting(["ann@example.com"]) == {}
    assert store.signals.forget_waiting(NOW, 10) == 0
    assert store.signals.forget_waiting(NOW + timedelta(seconds=1), 10) == 1
    assert not store.signals.any_waiting()
    assert store.signals.of(["emailed"]) == {"emailed": [event("4")]}


def test_answers_stand_on_lines_of_their_own(store: Store) -> None:
    told = Signal(event_id="e", type="t", at=NOW, detail="Contact\nus", source="api", answers=("seats: 50", "why:\nbecause"))
    store.signals.add([("p", told)])
    (kept,) = store.signals.of(["p"])["p"]
    assert (kept.detail, kept.answers) == ("Contact us", ("seats: 50", "why: because"))
