"""Answers about contact data: kept under keyed hashes, asked about again when they are no longer believed, gone with the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.link import Snapshot
from crmsync.model.record import Ref
from crmsync.store import ADDRESS, DOMAIN, Answer, Erasure, Lookup, Store, StoredSnapshot, told

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def answer(word: str | None, days: float = 30, **data: str) -> Answer:
    return Answer(word=word, asked_at=NOW, until=NOW + timedelta(days=days), tries=0 if word else 1, data=data)


def waits(person: str, domain: str = "acme.example", address: str = "", **more: str) -> Lookup:
    at = NOW if address else None
    return Lookup(person_id=person, domain=domain, address=address, domain_at=NOW if domain else None, address_at=at, **more)


def test_an_answer_is_found_by_what_was_asked_and_nothing_else(store: Store) -> None:
    assert store.answers.known([(DOMAIN, "acme.example")]) == {}
    store.answers.save(DOMAIN, {"acme.example": answer("yes")})
    assert store.answers.known([(DOMAIN, "acme.example")]) == {}, "nobody has it"
    store.answers.note([waits("ann", "acme.example", "acme.example"), waits("bob", "dead.example")])
    store.answers.save(DOMAIN, {"acme.example": answer("yes"), "dead.example": answer(None)})
    store.answers.save(ADDRESS, {"acme.example": answer("risky", title="CEO")})
    asked = [(DOMAIN, "acme.example"), (DOMAIN, "dead.example"), (ADDRESS, "acme.example"), (DOMAIN, "other.example"), (DOMAIN, "")]
    found = store.answers.known(asked)
    assert {one: a.word for one, a in found.items()} == {asked[0]: "yes", asked[1]: None, asked[2]: "risky"}
    assert found[asked[2]] == answer("risky", title="CEO")
    store.answers.save(DOMAIN, {"acme.example": answer("no")})
    assert store.answers.known(asked[:1])[asked[0]].word == "no"


def test_who_waits_is_due_until_answered_and_again_when_it_expires(store: Store) -> None:
    store.answers.note([waits("ann"), waits("bob"), waits("cleo", "other.example"), waits("dan", "")])
    assert sorted(store.answers.due(DOMAIN, NOW, 10)) == ["ann", "bob", "cleo"]
    assert (store.answers.due(DOMAIN, NOW - DAY, 10), store.answers.due(ADDRESS, NOW, 10)) == ([], [])
    assert store.answers.waiting(NOW) == {DOMAIN: 3, ADDRESS: 0}
    store.answers.save(DOMAIN, {"acme.example": answer("yes")})
    assert store.answers.due(DOMAIN, NOW, 10) == ["cleo"], "one answer serves all who have the domain"
    assert sorted(store.answers.due(DOMAIN, NOW + 31 * DAY, 10)) == ["ann", "bob", "cleo"]
    store.answers.postpone(DOMAIN, ["cleo"], NOW + DAY)
    assert store.answers.due(DOMAIN, NOW, 10) == []
    store.answers.note([waits("cleo", "other.example")])
    assert store.answers.due(DOMAIN, NOW, 10) == [], "what stands already keeps its moment"
    store.answers.note([waits("cleo", "third.example")])
    assert store.answers.due(DOMAIN, NOW, 10) == ["cleo"]


def test_who_was_decided_with_another_answer_is_stale_once(store: Store) -> None:
    yes = answer("yes")
    store.answers.note([waits("ann"), waits("bob", domain_told=told(yes)), waits("cleo", "other.example", address="cleo@other.example")])
    store.answers.save(DOMAIN, {"acme.example": yes})
    assert store.answers.stale(10) == ["ann"]
    store.answers.settled(["ann"])
    assert store.answers.stale(10) == []
    store.answers.note([waits("ann", domain_told=told(yes))])
    store.answers.save(DOMAIN, {"acme.example": answer("yes", days=60)})
    assert store.answers.stale(10) == [], "the same again is no news"
    store.answers.save(DOMAIN, {"acme.example": answer("no")})
    assert store.answers.stale(1) == ["ann"]
    assert store.answers.stale(10) == ["ann", "bob"]
    store.answers.save(ADDRESS, {"cleo@other.example": answer("verified", title="CEO")})
    assert store.answers.stale(10) == ["ann", "bob", "cleo"]
    store.answers.note([waits("ann", domain_told="no")])
    store.answers.drop(["bob"])
    assert store.answers.stale(10) == ["cleo"], "deciding anew settles it"


def test_g2_erasing_takes_the_answers_along(store: Store) -> None:
    mine, shared, former = (DOMAIN, "annabelle.example"), (DOMAIN, "acme.example"), (ADDRESS, "ann@former.example")
    address = (ADDRESS, "ann@annabelle.example")
    ref = Ref(side="a", object="contacts", id="1")
    shot = Snapshot(ref=ref, fields={}, extra={}, modified_at=NOW, person_id="ann")
    store.save_snapshots([StoredSnapshot(snapshot=shot, hash="h", emails=(address[1],), key=None)], dirty=False)
    store.answers.note([waits("ann", mine[1], former[1])])
    store.answers.save(ADDRESS, {former[1]: answer("yes", title="Annabelle's")})
    store.answers.note([waits("ann", mine[1], address[1]), waits("bob", shared[1])])
    for kind, text in (mine, shared, address):
        store.answers.save(kind, {text: answer("yes", title="Annabelle's")})
    assert len(store.answers.known([mine, shared, former, address])) == 4
    with store.forgotten.erasing():
        counts = store.forgotten.erase(Erasure(person_id="ann", records=frozenset({ref}), emails=frozenset({address[1]})), NOW)
    assert counts["answers"] == 3, "the person's own, and one that nobody has any more"
    assert set(store.answers.known([mine, shared, former, address])) == {shared}
    assert store.answers.due(DOMAIN, NOW + 99 * DAY, 10) == ["bob"]
    store.answers.save(ADDRESS, {address[1]: answer("yes", title="Annabelle's")})
    assert store.answers.known([address]) == {}, "an answer that comes after the erasure is not kept"


def test_answers_about_what_nobody_has_are_forgotten_in_time(store: Store) -> None:
    store.answers.note([waits("ann", "former.example")])
    store.answers.save(DOMAIN, {"former.example": answer("yes")})
    store.answers.note([waits("ann")])
    store.answers.save(DOMAIN, {"acme.example": answer("yes")})
    assert store.answers.forget(NOW, 10) == 0
    assert store.answers.forget(NOW + DAY, 10) == 1
    assert set(store.answers.known([(DOMAIN, "acme.example"), (DOMAIN, "former.example")])) == {(DOMAIN, "acme.example")}


def test_neither_addresses_nor_domains_stand_in_the_database(store: Store, url: str) -> None:
    from store.test_forgotten import dump

    store.answers.note([waits("ann", "annabelle.example", "ann@annabelle.example")])
    store.answers.save(DOMAIN, {"annabelle.example": answer("yes")})
    store.answers.save(ADDRESS, {"ann@annabelle.example": answer("verified")})
    assert b"annabelle" not in dump(url)
    assert b"verified" in dump(url)
