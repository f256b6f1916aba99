"""What the compliance report reads, alike on both databases (process.md A9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.link import PersonState, StageEntry
from crmsync.model.work import BREACHED, ENDED, HANDED, HANDOFF, MET, REASSIGNED, RESPONSE, Assignment, Clock, Touch
from crmsync.store import Store
from crmsync.store.codec import micros
from crmsync.store.obligations import OPEN, Obligation

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def owed(person: str, kind: str = RESPONSE, at: datetime = NOW, **more: datetime | bool) -> Obligation:
    return Obligation(person_id=person, kind=kind, started_at=at, minutes=240.0, **more)  # type: ignore[arg-type]


def test_a9_clocks_are_counted_by_how_they_stand(store: Store) -> None:
    end = NOW + HOUR
    rows = [
        owed("a", met_at=NOW, ended_at=NOW), owed("b", breached_at=NOW, met_at=NOW, ended_at=NOW, late=True), owed("c", ended_at=NOW),
        owed("d", due_at=NOW - HOUR), owed("e", due_at=end), owed("f"), owed("g", HANDOFF), owed("h", at=end),
    ]  # fmt: skip
    store.obligations.save(rows)
    found = {(one.kind, one.stands): (one.count, one.late) for one in store.obligations.tallies(NOW, end, NOW)}
    assert found == {
        (RESPONSE, MET): (1, 0), (RESPONSE, BREACHED): (2, 1), (RESPONSE, ENDED): (1, 0), (RESPONSE, OPEN): (2, 0), (HANDOFF, OPEN): (1, 0),
    }  # fmt: skip
    assert [one.person_id for one in store.obligations.promised(RESPONSE, NOW, end)] == list("abcdef")
    assert store.obligations.promised(RESPONSE, NOW, end)[0].met_at == micros(NOW)
    assert [one.person_id for one in store.obligations.still_open(RESPONSE)] == ["d", "e", "f", "h"]


def test_a9_touches_reassignments_and_ways_out_are_read_plainly(store: Store) -> None:
    store.touches.save(
        [("p", Touch(twin_id="t", at=NOW, channel="call", task_key="k")), ("p", Touch(twin_id="u", at=NOW + HOUR, channel="email"))]
    )
    assert store.touches.marks(NOW, NOW + HOUR) == [("p", micros(NOW), "call", "k")]
    store.assignments.add(
        [Assignment(person_id="p", at=NOW, owner="x", cause=HANDED), Assignment(person_id="p", at=NOW, owner="y", cause=REASSIGNED)]
    )
    assert store.assignments.caused(REASSIGNED, NOW, NOW + HOUR) == {("p", micros(NOW))}
    stages = [
        StageEntry(stage=stage, previous=before, at=NOW, cause="c", who="hand")
        for before, stage in ((None, "mql"), ("mql", "sal"), ("sal", "nurture"))
    ]
    clocks = [Clock(kind=RESPONSE, started_at=NOW, minutes=9, told=(0.5,)), Clock(kind=HANDOFF, started_at=NOW, minutes=9, told=(0.5,))]
    store.save_persons([PersonState(person_id="p", stages=tuple(stages), clocks=tuple(clocks)), PersonState(person_id="q")])
    assert store.courses.out_of(("mql", "sal"), ["p", "q", "r"]) == {"p": [stages[-1]]}
    assert store.courses.told(RESPONSE, ["p", "q"]) == {("p", NOW)}
