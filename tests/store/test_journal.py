from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from crmsync.model.change import Action, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.record import Ref
from crmsync.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def intent(write_id: str, person_id: str | None = "p") -> JournalEntry:
    write = Write(
        write_id=write_id, action=Action.CREATE, object="Lead", fields={"Phone": "+47", "Score__c": 5.0, "Fax": None}, key=f"k-{write_id}",
        about=(Ref(side="left", object="Lead", id="9"),),
    )  # fmt: skip
    return JournalEntry(
        side="left", write=write, person_id=person_id, kind="task", old={"Phone": None}, names={"Phone": "phone"}, rules={"Phone": "latest"},
        at=NOW,
    )  # fmt: skip


def settled(entry: JournalEntry, outcome: str = "done") -> JournalEntry:
    return replace(entry, outcome=outcome, record_id="00Q1", cause="DUPLICATE\0", message="hm", settled_at=NOW + timedelta(seconds=1))


def test_intents_come_back_whole_and_oldest_first(store: Store) -> None:
    store.journal.note([intent("w2"), intent("w1", None)])
    assert store.journal.open_intents() == [intent("w2"), intent("w1", None)]
    assert store.journal.entry("w2") == intent("w2")
    assert store.journal.entry("w9") is None
    found = store.journal.entry("w2")
    assert found is not None
    assert found.write.action is Action.CREATE
    assert found.write.about == (Ref(side="left", object="Lead", id="9"),)


def test_settling_closes(store: Store) -> None:
    store.journal.note([intent("w1"), intent("w2")])
    store.journal.settle([settled(intent("w1"))])
    assert [one.write.write_id for one in store.journal.open_intents()] == ["w2"]
    assert store.journal.entry("w1") == replace(settled(intent("w1")), cause="DUPLICATE\ufffd")
    store.journal.settle([settled(intent("w1"), "rejected")])
    found = store.journal.entry("w1")
    assert found is not None
    assert found.outcome == "rejected"


def test_settling_what_was_never_journalled_is_an_error_and_stores_nothing(store: Store) -> None:
    store.journal.note([intent("w1")])
    with pytest.raises(LookupError, match="1 of 2"):
        store.journal.settle([settled(intent("w1")), settled(intent("w2"))])
    assert store.journal.open_intents() == [intent("w1")]


def test_a_write_id_is_unique_for_ever(store: Store) -> None:
    store.journal.note([intent("w1")])
    store.journal.settle([settled(intent("w1"))])
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match=r"(?i)unique"):
        store.journal.note([intent("w2"), intent("w1")])
    assert store.journal.entry("w2") is None


def test_a_persons_writes_newest_first(store: Store) -> None:
    store.journal.note([intent("w1"), intent("w2"), intent("x", "q")])
    store.journal.note([intent("w3")])
    assert [one.write.write_id for one in store.journal.of("p")] == ["w3", "w2", "w1"]
    assert [one.write.write_id for one in store.journal.of("p", limit=2)] == ["w3", "w2"]
    assert store.journal.of("nobody") == []


def test_open_keys_of_a_page_of_persons(store: Store) -> None:
    about_r = replace(intent("w5", "r"), kind="person")
    keyless = replace(intent("w6", "p"), write=replace(intent("w6").write, key=None))
    store.journal.note([intent("w1"), intent("w2"), intent("w3", "q"), intent("w4", "other"), about_r, keyless, intent("w7", None)])
    store.journal.settle([settled(intent("w2"))])
    assert store.journal.count_open() == 6
    assert store.journal.open_task_keys(["p", "q", "r", "nobody"]) == {"k-w1", "k-w3"}
    assert store.journal.open_task_keys([]) == set()


def test_thousands(store: Store) -> None:
    entries = [intent(f"w{n}") for n in range(2_500)]
    store.journal.note(entries)
    assert store.journal.open_intents() == entries
    store.journal.settle([settled(one) for one in entries])
    assert store.journal.open_intents() == []


def test_an_intent_survives_reopening(url: str) -> None:
    first = Store.open(url)
    first.journal.note([intent("w1")])
    first.close()
    second = Store.open(url)
    assert second.journal.open_intents() == [intent("w1")]
    second.close()
