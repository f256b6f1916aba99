"""The simulation's own watch on alerts: it knows a breach that was taken back from one that was none, and sees what was told twice or never."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.insight.drift import Drift
from crmsync.insight.sim_checks import Check, checks_of
from crmsync.model.alert import AT_RISK, BREACH, OWNER, address_for
from crmsync.model.link import PersonState
from crmsync.model.work import HANDOFF, RESPONSE, SQL, Touch
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.store import Store
from crmsync.store.alerts import AlertRow
from crmsync.store.obligations import Obligation

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NINE = MONDAY + timedelta(hours=9)
ONE = NINE + timedelta(hours=4)
"""When a window of four hours is over that began at nine."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
UNSEEN = timedelta(minutes=16)
REP = "rep1@sales.example"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


def clock(person: str, **more: Any) -> Obligation:
    given: dict[str, Any] = {"kind": RESPONSE, "started_at": NINE, "minutes": 240.0, "owner": REP, "due_at": ONE}
    return Obligation(person_id=person, **{**given, **more})


def breached(person: str, **more: Any) -> Obligation:
    return clock(person, **{"breached_at": ONE, **more})


def met(person: str, at: datetime, **more: Any) -> Obligation:
    return clock(person, met_at=at, ended_at=at, ended="met", used=(at - NINE) / MINUTE, **more)


def tell(
    store: Store, person: str, at: datetime = ONE, now: datetime | None = None, address: str = address_for(OWNER, REP), kind: str = BREACH
) -> None:
    store.alerts.add([AlertRow(person_id=person, kind=kind, at=at, address=address, not_before=at, title="x", body="x")], now or at)


def told_once(store: Store, clocks: Sequence[Obligation], touches: Sequence[tuple[str, datetime]] = (), *, shown: bool = True) -> Check:
    """What the watch says. touches: (person, when), which a CRM shows completed."""
    store.obligations.save(clocks)
    rows = [(person, Touch(twin_id=f"{person} {at}", at=at, channel="call", owner=REP)) for person, at in touches]
    store.touches.save(rows)
    store.save_persons([PersonState(person_id=person) for person in {row.person_id for row in clocks}])
    finished = [
        {"kind": "call", "id": "1", "key": touch.twin_id, "owner": REP, "person": "", "at": touch.at, "outcome": ""} for _, touch in rows
    ]
    found = checks_of(
        store, playbook=load_files(shipped_paths()), reps=[], finished={"crm": finished if shown else []}, open_tasks={"crm": []}, owners={},
        samples=[], completed=[], start=MONDAY, unseen=UNSEEN, drift=Drift(),
    )  # fmt: skip
    return next(one for one in found if one.name == "every breach was told once")


def test_a5_breaches_that_were_told_hold(store: Store) -> None:
    for person in ("p1", "p2"):
        tell(store, person)
    tell(store, "p1", address="channel:sales")
    tell(store, "p1", at=ONE + HOUR)
    tell(store, "p3", at=NINE + HOUR, kind=AT_RISK)
    later = breached("p1", kind=SQL, started_at=NINE + HOUR, due_at=ONE + HOUR, breached_at=ONE + HOUR)
    found = told_once(store, [breached("p1"), later, breached("p2"), clock("p3"), breached("p4", kind=HANDOFF, owner=None)])
    assert (found.held, found.counted, found.broken) == (True, 4, ())


def test_a5_a_breach_that_was_never_told_breaks(store: Store) -> None:
    tell(store, "p1")
    found = told_once(store, [breached("p1"), breached("p2")])
    assert found.broken == ("p2: the breach of 2026-03-02 13:00 was not told",)
    again = told_once(store, [breached("p1", kind=SQL, breached_at=ONE + HOUR)])
    assert "p1: the breach of 2026-03-02 14:00 was not told" in again.broken, "one alert is not for two breaches"


def test_a5_a_breach_that_was_told_twice_breaks(store: Store) -> None:
    tell(store, "p1")
    tell(store, "p1", at=ONE + 3 * MINUTE)
    found = told_once(store, [breached("p1")])
    assert found.broken == ("p1: a breach of 2026-03-02 13:03 was told that was none",)


def test_a5_a_breach_that_was_taken_back_by_a_touch_before_it_holds(store: Store) -> None:
    before = ONE - 5 * MINUTE
    tell(store, "p1", now=ONE)
    found = told_once(store, [met("p1", before)], [("p1", before)])
    assert (found.held, found.counted) == (True, 1)
    tell(store, "p1", at=ONE + MINUTE, now=ONE + MINUTE)
    twice = told_once(store, [met("p1", before)], [("p1", before)])
    assert twice.failures == 1, "one alert for each breach that was taken back"


@pytest.mark.parametrize(
    ("at", "now", "touched", "shown"),
    [
        (ONE - 20 * MINUTE, ONE, True, True),
        (ONE - 5 * MINUTE, ONE + 12 * MINUTE, True, True),
        (ONE - 5 * MINUTE, ONE, False, True),
        (ONE - 5 * MINUTE, ONE, True, False),
        (ONE + 5 * MINUTE, ONE + 6 * MINUTE, True, True),
    ],
    ids=["read long before", "told long after", "no touch", "in no CRM", "touched after the deadline"],
)
def test_a5_what_was_told_though_it_could_be_known_to_be_none_breaks(
    store: Store, at: datetime, now: datetime, touched: bool, shown: bool
) -> None:
    tell(store, "p1", now=now)
    found = told_once(store, [met("p1", at)], [("p1", at)] if touched else (), shown=shown)
    assert found.broken == ("p1: a breach of 2026-03-02 13:00 was told that was none",)


def test_a5_a_breach_of_nothing_breaks(store: Store) -> None:
    tell(store, "p1")
    assert told_once(store, [clock("p1")]).failures == 1
