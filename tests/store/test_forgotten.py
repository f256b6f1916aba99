"""What erasing leaves: nothing readable in any table or in the file, one proof, and hashes that recognise."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crmsync.model.attention import Problem
from crmsync.model.change import Action, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import PersonState, Signal, Snapshot, Twin
from crmsync.model.record import RecordState, Ref
from crmsync.store import PROOF, Erasure, Store, StoredSnapshot, TaskRow, settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = "ann.uniquename@example.com"
BOB = "bob.othername@example.com"


def ref(side: str, object: str, id: str) -> Ref:
    return Ref(side=side, object=object, id=id)


CONTACT, LEAD, TASK = ref("a", "contacts", "4711471147"), ref("b", "Lead", "00Q0000000000001"), ref("a", "tasks", "9009009009")
OTHER = ref("a", "contacts", "5555555555")


def held(what: Ref, person: str | None, email: str = "", **more: Any) -> StoredSnapshot:
    fields = {"first_name": "Annabelle", "last_name": "Uniquename", "phone": "+14085550199"} if email == ANN else {}
    shot = Snapshot(ref=what, fields={"email": email or None, **fields}, extra={}, modified_at=NOW, person_id=person, **more)
    return StoredSnapshot(snapshot=shot, hash="h", emails=(email,) if email else (), key=person)


def entry(id: str, person: str, what: Ref, **more: Any) -> JournalEntry:
    write = Write(write_id=id, action=Action.UPDATE, object=what.object, id=what.id, **more)
    return JournalEntry(
        side=what.side, write=write, person_id=person, at=NOW, record_id=what.id, old={"Phone": ANN} if what in (CONTACT, LEAD) else {}
    )


def fill(store: Store) -> None:
    """Ann with everything that can be held of a person, and Bob, who shares one activity with her."""
    store.save_snapshots([held(CONTACT, "ann", ANN), held(LEAD, "ann", ANN), held(OTHER, "bob", BOB), held(TASK, "call")], dirty=True)
    store.save_persons([PersonState(person_id="ann", owner="rita@corp.example"), PersonState(person_id="bob")])
    store.links.save({TASK: [CONTACT, OTHER]})
    store.twins.save([Twin(twin_id="call", kind="call", state=PersonState(person_id="call"), links={"a": ("ann", "bob")})])
    store.signals.add([("ann", Signal(event_id="ev-ann", type="page_view", at=NOW, detail="/annabelle-secret-page"))])
    store.journal.note(
        [entry("w1", "ann", CONTACT, fields={"phone": "+14085550199"}), entry("w2", "joined-away", LEAD, fields={"Email": ANN})]
    )
    store.journal.note([entry("w3", "call", TASK, about=(CONTACT, OTHER)), entry("w4", "bob", OTHER, fields={"phone": "1"})])
    store.journal.note([entry("w5", "bob", LEAD, fields={"Phone": "2"})])  # her lead was taken for his once
    store.journal.settle([entry("w4", "bob", OTHER)])
    store.problems.park([Problem(cause="x", message=f"{ANN} is odd", side="a", object="contacts", person_id="ann")], NOW)
    store.problems.park([Problem(cause="exists", message=f"exists as {LEAD.id}", side="b", object="Lead", person_id="bob")], NOW)
    store.conflicts.open([("ann", "phone", {"a": "+14085550199", "b": None}), ("bob", "phone", {"a": "1", "b": "2"})], NOW)
    store.effects.claim("first_touch", "ann", NOW)
    store.tasks.save(
        [TaskRow(key="t1", person_id="ann", side="b", kind="t", created_at=NOW, draft={"subject": "Call Annabelle Uniquename"})]
    )
    store.log_event(NOW, "odd", f"something about {ANN}")
    store.log_event(NOW, "halt", "10 of 20 linked records disappeared")


def erase(store: Store, now: datetime = NOW) -> dict[str, int]:
    """As the engine does it."""
    refs = frozenset({CONTACT, LEAD})
    with store.forgotten.erasing():
        counts = store.forgotten.erase(
            Erasure(person_id="ann", records=refs, emails=store.forgotten.emails_of(refs), shared=frozenset({"call"})), now
        )
        store.forgotten.erase_strays(refs, {ANN, "Annabelle Uniquename", CONTACT.id, LEAD.id})
        store.log_event(now, PROOF, f"e-mail {store.forgotten.email_hash(ANN)}")
    assert store.forgotten.compact_if_due()
    return counts


NAMING = ("uniquename", "annabelle", "14085550199", "4711471147", "00q0000000000001", "ev-ann")


def dump(url: str) -> bytes:
    """Everything a thief of the database would have, lower-case: the file with its log, or all rows of all tables."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(p.read_bytes() for p in sorted(path.parent.glob(path.name + "*"))).lower()
    found: list[bytes] = []
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        assert len(names) > 15
        for (name,) in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found).lower()


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store)
    return store


def test_nothing_of_an_erased_person_is_left_anywhere(url: str, filled: Store) -> None:
    before = dump(url)
    assert [text for text in NAMING if text.encode() not in before] == [], "the search would find them"
    counts = erase(filled)
    after = dump(url)
    assert [text for text in NAMING if text.encode() in after] == []
    assert b"othername" in after, "Bob is still there"
    assert counts == {
        "persons": 1, "signals": 1, "journal": 1, "conflicts": 1, "problems": 1, "tasks": 1, "effects": 1, "a contacts": 1, "b Lead": 1
    }  # fmt: skip


def test_what_was_deleted_long_before_is_gone_too(url: str, filled: Store) -> None:
    """Free pages keep what was deleted, where the library was built to leave it there: erasing what is there now is not enough."""
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL reuses its pages by itself")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("PRAGMA secure_delete = OFF")
        other.execute("INSERT INTO settings (key, data) VALUES ('old', ?)", (b"formerly-uniquename " * 9_000,))
        other.execute("DELETE FROM settings WHERE key = 'old'")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"formerly-uniquename" in dump(url)
    erase(filled)
    assert b"uniquename" not in dump(url)


def test_what_belongs_to_others_stays_with_them(filled: Store) -> None:
    erase(filled)
    assert filled.twins.get(["call"])["call"].links == {"a": ("bob",)}
    assert filled.links.of([TASK]) == {TASK: (OTHER,)}
    assert [w.write.about for w in filled.journal.of("call")] == [(OTHER,)]
    assert [w.write.write_id for w in filled.journal.of("bob")] == ["w4"]
    assert [c.person_id for c in filled.conflicts.rows()] == ["bob"]
    assert [kind for _, kind, _ in filled.events()] == [PROOF, "halt"]
    assert filled.problems.rows() == [], "a message with her lead's id names her"
    assert filled.journal.of("joined-away") == []
    assert filled.find_person_by_email(BOB) == ["bob"]


def test_an_activity_that_is_nobody_else_s_goes_too(filled: Store) -> None:
    mine = ref("a", "tasks", "8008008008")
    filled.save_snapshots([held(mine, "t1")], dirty=True)
    filled.twins.save([Twin(twin_id="t1", kind="task", state=PersonState(person_id="t1"))])
    filled.journal.note([entry("w9", "t1", mine, fields={"subject": "x"})])
    with filled.forgotten.erasing():
        counts = filled.forgotten.erase(
            Erasure(person_id="ann", records=frozenset({CONTACT, mine}), emails=frozenset(), twins=frozenset({"t1"})), NOW
        )
    assert (counts["twins"], counts["a tasks"], counts["journal"], counts["tasks"]) == (1, 1, 2, 1)
    assert filled.twins.get(["t1"]) == {}
    assert filled.snapshots([mine]) == {}
    assert filled.journal.of("t1") == []
    assert filled.tasks.by_key(["t1"]) == {}


def test_erased_records_and_addresses_are_recognised(filled: Store) -> None:
    assert filled.forgotten.known([CONTACT], [ANN]) == ({}, {})
    assert filled.forgotten.email_hash(ANN) == ""
    assert filled.forgotten.proofs() == (0, None)
    erase(filled)
    assert filled.forgotten.known([CONTACT, OTHER, LEAD, ref("b", "contacts", CONTACT.id)], [ANN, BOB]) == (
        {CONTACT: NOW, LEAD: NOW},
        {ANN: NOW},
    )
    assert filled.forgotten.proofs() == (1, NOW)
    later = NOW + timedelta(days=9)
    filled.forgotten.add(later, [OTHER], [ANN])
    assert filled.forgotten.known([CONTACT, OTHER], [ANN]) == ({CONTACT: NOW, OTHER: later}, {ANN: later})


def test_hashes_differ_between_databases(filled: Store, tmp_path: Path) -> None:
    """With one key for all, anybody could try a list of addresses."""
    erase(filled)
    other = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    other.forgotten.add(NOW, emails=[ANN])
    assert len(filled.forgotten.email_hash(ANN)) == len(other.forgotten.email_hash(ANN)) == 32
    assert filled.forgotten.email_hash(ANN) != other.forgotten.email_hash(ANN)
    other.close()


def test_an_erasure_that_fails_erases_nothing(filled: Store) -> None:
    def half() -> None:
        with filled.forgotten.erasing():
            filled.forgotten.erase(Erasure(person_id="ann", records=frozenset({CONTACT}), emails=frozenset({ANN})), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert filled.persons(["ann"]).keys() == {"ann"}
    assert filled.find_person_by_email(ANN) == ["ann"]
    assert filled.forgotten.known([CONTACT], [ANN]) == ({}, {})


def test_the_proof_outlives_every_other_event(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    erase(filled)
    assert filled.forget_events(NOW + timedelta(days=999), 100) == 1
    assert [kind for _, kind, _ in filled.events()] == [PROOF]
    monkeypatch.setattr(settings, "EVENTS_KEPT", 5)
    for number in range(10):
        filled.log_event(NOW, "odd", str(number))
    assert filled.forgotten.proofs() == (1, NOW)
    assert [text for _, kind, text in filled.events() if kind != PROOF] == ["9", "8", "7", "6", "5"]


def test_the_file_is_rewritten_once_and_later_when_somebody_reads(url: str, filled: Store, again: Store) -> None:
    with filled.forgotten.erasing():
        filled.forgotten.erase(Erasure(person_id="ann", records=frozenset({CONTACT, LEAD}), emails=frozenset({ANN})), NOW)
    if url.startswith("sqlite"):
        with again.reading():
            again.get("anything")
            assert filled.forgotten.compact_if_due() is False
    assert filled.forgotten.compact_if_due()
    size = len(dump(url))
    assert filled.forgotten.compact_if_due()
    assert len(dump(url)) == size


def test_purged_records_and_records_of_an_address_are_found(filled: Store) -> None:
    assert filled.forgotten.purged(9) == []
    filled.save_snapshots([held(CONTACT, "ann", ANN, state=RecordState.PURGED), held(ref("a", "contacts", "7"), None, ANN)], dirty=True)
    assert [s.ref for s in filled.forgotten.purged(9)] == [CONTACT]
    assert [s.ref for s in filled.forgotten.records_of(ANN)] == [CONTACT, ref("a", "contacts", "7"), LEAD]
    assert filled.forgotten.linking([CONTACT, LEAD]) == [TASK]
    assert list(filled.forgotten.twins_naming(["ann"])) == ["call"]
    assert filled.forgotten.twins_naming(["an"]) == {}
