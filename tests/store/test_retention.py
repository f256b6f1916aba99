"""What is old is forgotten, a bounded number at a time, and nothing that is open or tells where a value came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.model.attention import Problem
from crmsync.model.change import Action, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import RecordState, Ref
from crmsync.model.rules import Retention
from crmsync.service import retention
from crmsync.service.retention import forget_daily
from crmsync.store import Store, StoredSnapshot

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def wrote(id: str, days: int, fields: str, *, outcome: str | None = "done", person: str = "p", record: str = "00Q1") -> JournalEntry:
    """A write of these (one-letter) fields so many days ago."""
    write = Write(write_id=id, action=Action.UPDATE, object="Lead", id=record, fields=dict.fromkeys(fields, id))
    return JournalEntry(side="left", write=write, person_id=person, at=NOW - days * DAY, record_id=record, outcome=outcome)


def left(store: Store, person: str = "p") -> set[str]:
    return {entry.write.write_id for entry in store.journal.of(person)}


def keep(store: Store, *entries: JournalEntry) -> None:
    store.journal.note(entries)


def test_the_newest_write_of_every_field_stays(store: Store) -> None:
    keep(
        store,
        wrote("both", 400, "AB"),  # B was never written again
        wrote("old", 300, "A"),
        wrote("other record", 300, "A", record="00Q2"),
        wrote("other person", 300, "A", person="q", record="00Q9"),
        wrote("refused", 250, "A", outcome="rejected"),
        wrote("unsent", 250, "A", outcome="not sent"),
        wrote("open", 250, "A", outcome=None),
        wrote("unsure", 240, "A", outcome="looked_up"),
        wrote("new", 200, "A"),
        wrote("refused since", 190, "A", outcome="rejected"),
        wrote("young", 100, "C"),
        wrote("youngest", 1, "C"),
        wrote("young refused", 1, "A", outcome="rejected"),
    )
    forgotten = forget_daily(store, Retention(), NOW)
    assert left(store) == {"both", "other record", "open", "new", "young", "youngest", "young refused"}
    assert forgotten["journal"] == 5
    assert left(store, "q") == {"other person"}
    assert [entry.write.write_id for entry in store.journal.open_intents()] == ["open"]


def test_a_write_that_was_only_looked_up_outdates_nothing(store: Store) -> None:
    # whether it arrived is not known for sure: what is known for sure stays beside it
    keep(store, wrote("sure", 300, "A"), wrote("unsure", 200, "A", outcome="looked_up"))
    assert forget_daily(store, Retention(), NOW)["journal"] == 0
    assert left(store) == {"sure", "unsure"}


def test_once_a_day_and_so_many_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(retention, "STEPS", 2)
    keep(store, *(wrote(f"w{n}", 300, "A") for n in range(10)))
    assert forget_daily(store, Retention(), NOW)["journal"] == 6
    assert forget_daily(store, Retention(), NOW + 0.9 * DAY) == {}
    assert len(left(store)) == 4
    assert forget_daily(store, Retention(), NOW + DAY)["journal"] == 3
    assert left(store) == {"w9"}
    # and it begins anew when it has come to the end
    keep(store, wrote("later", 250, "A"))
    assert [forget_daily(store, Retention(), NOW + n * DAY)["journal"] for n in (2, 3)] == [0, 1]
    assert left(store) == {"later"}
    # a clock that was put back does not stop it for good
    assert forget_daily(store, Retention(), NOW - 5 * DAY) != {}


def test_events_problems_and_effects(store: Store) -> None:
    for days in (91, 89):
        store.log_event(NOW - days * DAY, "halt", f"{days} days ago")
    lead = Snapshot(ref=Ref(side="left", object="Lead", id="1"), fields={}, extra={}, modified_at=NOW, person_id="here")
    gone = replace(lead, ref=Ref(side="left", object="Lead", id="2"), person_id="gone", state=RecordState.DELETED)
    store.save_snapshots([StoredSnapshot(snapshot=lead, hash="h"), StoredSnapshot(snapshot=gone, hash="h")], dirty=False)
    store.save_persons([PersonState(person_id="here", created_at=NOW)])
    for person in ("here", "gone", None):
        for days in (91, 89):
            text = f"{person} {days}"
            found = Problem(cause=f"c{days}", message=text, side="left", object="Lead", person_id=person, data_hash="d")
            store.problems.park([found], NOW - days * DAY)
    for person in ("here", "gone"):
        for days in (366, 364):
            assert store.effects.claim("first_touch", person, NOW - days * DAY)
    assert forget_daily(store, Retention(), NOW) == {
        "journal": 0, "events": 1, "problems": 1, "effects": 1, "signals": 0, "answers": 0, "work": 0,
    }  # fmt: skip
    assert [text for _, _, text in store.events()] == ["89 days ago"]
    assert {row.problem.message for row in store.problems.rows()} == {"here 91", "here 89", "gone 89", "None 91", "None 89"}
    # what happened once to somebody we know never happens again
    assert not store.effects.claim("first_touch", "here", NOW - 366 * DAY)
    assert not store.effects.claim("first_touch", "gone", NOW - 364 * DAY)
