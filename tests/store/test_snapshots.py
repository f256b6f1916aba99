from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import RecordState, Ref, Value
from crmsync.store import Store, StoredSnapshot
from crmsync.store.snapshots import EMAIL_LENGTH

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def lead(id: str, *, emails: tuple[str, ...] = (), key: str | None = None, hash: str = "h", **more: object) -> StoredSnapshot:
    values: dict[str, Value] = {"first_name": "Åse", "score": 1.5, "opt_out": False, "phone": None}
    shot = Snapshot(ref=Ref(side="left", object="Lead", id=id), fields=values, extra={"Rating__c": "Hot"}, modified_at=NOW)
    return StoredSnapshot(snapshot=replace(shot, **more), hash=hash, emails=emails, key=key)  # type: ignore[arg-type]


def ref(id: str) -> Ref:
    return Ref(side="left", object="Lead", id=id)


def test_every_field_of_a_snapshot_comes_back(store: Store) -> None:
    row = lead(
        "1", created_at=NOW - timedelta(days=1), state=RecordState.MERGED, survivor=ref("2"), person_id="p1", by_us=True, former_ids=("7", "8")
    )  # fmt: skip
    store.save_snapshots([row], dirty=False)
    assert store.snapshots([ref("1"), ref("404")]) == {ref("1"): row.snapshot}
    assert store.snapshots([ref("1")])[ref("1")].state is RecordState.MERGED


def test_moments_come_back_as_utc_whatever_zone_they_had(store: Store) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    store.save_snapshots([lead("1", modified_at=NOW.astimezone(there), created_at=NOW.astimezone(there))], dirty=False)
    found = store.snapshots([ref("1")])[ref("1")]
    assert found.modified_at == NOW
    assert found.created_at == NOW
    assert found.modified_at.utcoffset() == timedelta(0)
    assert found.created_at is not None
    assert found.created_at.utcoffset() == timedelta(0)


def test_a_naive_moment_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        store.save_snapshots([lead("1", modified_at=NOW.replace(tzinfo=None))], dirty=False)
    assert store.count_snapshots() == {}


def test_hashes_are_those_of_the_asked_object_only(store: Store) -> None:
    other = lead("1", hash="other", ref=Ref(side="left", object="Contact", id="1"))
    store.save_snapshots([lead("1", hash="a"), lead("2", hash="b"), other], dirty=False)
    assert store.hashes("left", "Lead", ["1", "2", "3"]) == {"1": "a", "2": "b"}
    assert store.hashes("right", "Lead", ["1"]) == {}
    assert store.hashes("left", "Lead", []) == {}


def test_a_snapshot_without_person_keeps_the_stored_link(store: Store) -> None:
    store.save_snapshots([lead("1", person_id="p1")], dirty=False)
    store.save_snapshots([lead("1", hash="new")], dirty=False)
    assert store.snapshots([ref("1")])[ref("1")].person_id == "p1"
    assert store.hashes("left", "Lead", ["1"]) == {"1": "new"}
    store.save_snapshots([lead("1", person_id="p2")], dirty=False)
    assert store.snapshots([ref("1")])[ref("1")].person_id == "p2"


def test_linking_and_unlinking(store: Store) -> None:
    store.save_snapshots([lead("1"), lead("2", state=RecordState.DELETED), lead("3")], dirty=False)
    store.link({ref("1"): "p", ref("2"): "p", ref("404"): "p"})
    found = store.snapshots_of(["p", "nobody"])
    assert {person: [shot.ref.id for shot in shots] for person, shots in found.items()} == {"p": ["1", "2"]}
    store.link({ref("1"): None})
    assert [shot.ref.id for shot in store.snapshots_of(["p"])["p"]] == ["2"]


def test_by_email_finds_primary_and_extra_of_live_records(store: Store) -> None:
    store.save_snapshots(
        [
            lead("1", emails=("a@x.org", "b@x.org")),
            lead("2", emails=("b@x.org",)),
            lead("3", emails=("a@x.org",), state=RecordState.DELETED),
        ],
        dirty=False,
    )
    found = store.by_email(["a@x.org", "b@x.org", "c@x.org"])
    assert {email: [shot.ref.id for shot in shots] for email, shots in found.items()} == {"a@x.org": ["1"], "b@x.org": ["1", "2"]}


def test_saving_replaces_the_email_index(store: Store) -> None:
    store.save_snapshots([lead("1", emails=("old@x.org", "kept@x.org"))], dirty=False)
    store.save_snapshots([lead("1", emails=("kept@x.org", "new@x.org"))], dirty=False)
    assert sorted(store.by_email(["old@x.org", "kept@x.org", "new@x.org"])) == ["kept@x.org", "new@x.org"]
    store.save_snapshots([lead("1")], dirty=False)
    assert store.by_email(["kept@x.org", "new@x.org"]) == {}


def test_of_two_rows_for_one_record_the_later_counts(store: Store) -> None:
    store.save_snapshots([lead("1", hash="a", emails=("a@x.org",)), lead("1", hash="b", emails=("b@x.org",))], dirty=True)
    assert store.hashes("left", "Lead", ["1"]) == {"1": "b"}
    assert sorted(store.by_email(["a@x.org", "b@x.org"])) == ["b@x.org"]


def test_by_key_finds_every_state(store: Store) -> None:
    store.save_snapshots([lead("1", key="k1"), lead("2", key="k1", state=RecordState.CONVERTED), lead("3")], dirty=False)
    assert [shot.ref.id for shot in store.by_key(["k1", "k2"])["k1"]] == ["1", "2"]


def test_find_person_by_email(store: Store) -> None:
    rows = [lead("1", emails=("a@x.org",), person_id="p2"), lead("2", emails=("a@x.org",), person_id="p1"), lead("3", emails=("a@x.org",))]
    store.save_snapshots(rows, dirty=False)
    assert store.find_person_by_email("a@x.org") == ["p1", "p2"]
    assert store.find_person_by_email("b@x.org") == []


def test_counts_and_refs(store: Store) -> None:
    store.save_snapshots([lead("b"), lead("B"), lead("a"), lead("é", state=RecordState.DELETED)], dirty=False)
    assert store.count_snapshots() == {("left", "Lead", "live"): 3, ("left", "Lead", "deleted"): 1}
    assert list(store.iter_refs("left", "Lead")) == [("B", "live"), ("a", "live"), ("b", "live"), ("é", "deleted")]
    assert list(store.iter_refs("right", "Lead")) == []


def test_without_email_counts_records_of_persons_only(store: Store) -> None:
    """A company or a call has no e-mail either."""
    company = lead("4", emails=(), ref=Ref(side="left", object="Account", id="4"), person_id="t1")
    store.save_snapshots([lead("1", person_id="p1", emails=("a@x.org",)), lead("2", person_id="p2", emails=()), company], dirty=False)
    store.save_snapshots([lead("3", person_id="p2", emails=(), state=RecordState.DELETED)], dirty=False)
    store.save_persons([PersonState(person_id="p1"), PersonState(person_id="p2")])
    assert store.count_without_email() == {"left": 1}


def test_hostile_text_is_stored_not_refused(store: Store) -> None:
    long = "x" * EMAIL_LENGTH + "@x.org"
    store.save_snapshots(
        [lead("1", emails=("nul\0@x.org", long, ""), fields={"name": "lone \ud83d, nul \0, 'quote'; DROP TABLE", "number": 2**70})],
        dirty=True,
    )
    found = store.snapshots([ref("1")])[ref("1")]
    assert found.fields["name"] == "lone \ufffd, nul \ufffd, 'quote'; DROP TABLE"
    assert found.fields["number"] == float(2**70)
    assert store.by_email([long]) == {}
    assert sorted(store.by_email(["nul\ufffd@x.org"])) == ["nul\ufffd@x.org"]
    assert sorted(store.by_email(["nul\0@x.org", "lone \ud83d"])) == ["nul\0@x.org"], "it is found by what was asked for"
    store.save_snapshots([lead("2", key="nul \0, lone \ud83d")], dirty=True)
    assert len(store.by_key(["nul \0, lone \ud83d"])) == 1
    assert store.hashes("left", "Lead", ["1", "\0"]).keys() == {"1"}
    assert [store.persons(["\0"]), store.twins.get(["\0"]), store.tasks.by_key(["\0"]), store.signals.of(["\0"])] == [{}] * 4


def test_many_rows_there_and_back(store: Store, chunked: int) -> None:
    rows = [
        lead(f"{n:05}", emails=(f"{n}@x.org", f"extra{n}@x.org"), key=f"k{n}", hash=str(n), person_id=f"p{n % 100}") for n in range(chunked)
    ]
    store.save_snapshots(rows, dirty=True)
    refs = [row.snapshot.ref for row in rows]
    assert store.snapshots(refs) == {row.snapshot.ref: row.snapshot for row in rows}
    assert store.hashes("left", "Lead", [one.id for one in refs]) == {row.snapshot.ref.id: row.hash for row in rows}
    assert len(store.by_email([f"extra{n}@x.org" for n in range(chunked)])) == chunked
    assert len(store.by_key([f"k{n}" for n in range(chunked)])) == chunked
    assert [id for id, _ in store.iter_refs("left", "Lead")] == [one.id for one in refs]
    changed = [lead(f"{n:05}", emails=(f"{n}@y.org",), hash=f"new{n}") for n in range(chunked)]
    store.save_snapshots(changed, dirty=True)
    assert len(store.by_email([f"extra{n}@x.org" for n in range(chunked)])) == 0
    assert len(store.by_email([f"{n}@y.org" for n in range(chunked)])) == chunked
    assert sum(map(len, store.snapshots_of([f"p{n}" for n in range(100)]).values())) == chunked
    assert store.dirty_count() == chunked
    taken = store.take_dirty(2 * chunked)
    assert {version for _, version in taken} == {2}
    store.clean([(shot.ref, version) for shot, version in taken])
    assert store.dirty_count() == 0


def test_records_that_hold_a_value_are_found_and_rewritten(store: Store) -> None:
    rows = [lead(f"{n:05}", hash=f"h{n}", person_id="p", fields={"owner": "left:u9" if n % 3 == 0 else "left:u99"}) for n in range(5_000)]
    store.save_snapshots([*rows, lead("zz", fields={"owner": 'left:"u9"'})], dirty=False)
    pages = list(store.iter_holding("left", ["left:u9", "left:none"]))
    assert [shot.ref.id for page in pages for shot in page] == [f"{n:05}" for n in range(0, 5_000, 3)]
    assert list(store.iter_holding("right", ["left:u9"])) == []
    assert list(store.iter_holding("left", [])) == []
    assert [s.ref.id for page in store.iter_holding("left", ['left:"u9"']) for s in page] == ["zz"]
    # rewritten ones wait for a decision and keep what they are found by
    shot = pages[0][0]
    store.rewrite_snapshots([replace(shot, fields={"owner": "rita@x.org"})])
    assert [(taken.ref, taken.fields, version) for taken, version in store.take_dirty(10)] == [(shot.ref, {"owner": "rita@x.org"}, 2)]
    assert store.hashes("left", "Lead", [shot.ref.id]) == {shot.ref.id: "h0"}
    assert store.snapshots([shot.ref])[shot.ref].person_id == "p"
