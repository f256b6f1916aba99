from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from crmsync.model.link import Agreed, PersonState, StageEntry
from crmsync.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def stage(name: str, previous: str | None = None) -> StageEntry:
    return StageEntry(stage=name, previous=previous, at=NOW, cause="score", who="engine")


def full(person_id: str) -> PersonState:
    return PersonState(
        person_id=person_id,
        base=MappingProxyType({"phone": Agreed(values={"left": "+47", "right": None}, mapping="f1"), "n": Agreed(values={"left": 1.5})}),
        outputs={"score": 55.0, "stage": "mql"},
        owner="ola@x.org",
        owner_by="router",
        owner_reason="round robin",
        assigned_at=NOW,
        stages=(stage("lead"), stage("mql", "lead")),
        mql_type="browser",
        trigger="pricing_page_view",
        peak_since_reset=True,
        historic=True,
        next_due_at=NOW + timedelta(hours=1),
        created_at=NOW - timedelta(days=1),
    )


def test_every_field_of_a_person_comes_back(store: Store) -> None:
    store.save_persons([full("p1"), PersonState(person_id="p2")])
    found = store.persons(["p1", "p2", "p3"])
    assert found == {"p1": full("p1"), "p2": PersonState(person_id="p2")}
    assert isinstance(found["p1"].base["phone"], Agreed)
    assert isinstance(found["p1"].stages, tuple)


def test_saving_replaces_the_whole_state(store: Store) -> None:
    store.save_persons([full("p1")])
    store.save_persons([PersonState(person_id="p1", owner="kari@x.org")])
    assert store.persons(["p1"]) == {"p1": PersonState(person_id="p1", owner="kari@x.org")}
    assert store.next_due_at() is None
    assert store.stage_counts() == {}
    assert store.count_persons() == 1


def test_due_persons_longest_due_first(store: Store) -> None:
    moments = {"a": NOW, "b": NOW - timedelta(hours=1), "c": NOW + timedelta(microseconds=1), "e": NOW}
    states = [PersonState(person_id=name, next_due_at=at) for name, at in moments.items()]
    store.save_persons([*states, PersonState(person_id="d")])
    assert store.due_persons(NOW, 10) == ["b", "a", "e"]
    assert store.due_persons(NOW, 1) == ["b"]
    assert store.next_due_at() == NOW - timedelta(hours=1)
    assert store.due_persons(NOW - timedelta(days=1), 10) == []


def test_counts_by_latest_stage(store: Store) -> None:
    store.save_persons([full("p1"), full("p2"), PersonState(person_id="p3", stages=(stage("lead"),)), PersonState(person_id="p4")])
    assert store.stage_counts() == {"mql": 2, "lead": 1}
    assert store.count_persons() == 4
    assert list(store.iter_person_ids()) == ["p1", "p2", "p3", "p4"]


def test_deleting(store: Store) -> None:
    store.save_persons([full("p1"), full("p2")])
    store.delete_persons(["p1", "p9"])
    assert sorted(store.persons(["p1", "p2"])) == ["p2"]


def test_many_persons_there_and_back(store: Store, chunked: int) -> None:
    states = [full(f"p{n:05}") for n in range(chunked)]
    store.save_persons(states)
    store.save_persons(states)
    ids = [one.person_id for one in states]
    assert list(store.iter_person_ids()) == ids
    assert store.persons(ids) == {one.person_id: one for one in states}
    store.delete_persons(ids)
    assert store.count_persons() == 0


def scored(id: str, score: float | None, *, account: str | None = None, engagement: float = 0.0, segment: str = "") -> PersonState:
    outputs = {} if score is None else {"crmsync_score": score}
    return PersonState(person_id=id, account=account, engagement=engagement, segment=segment, outputs=outputs)


def test_s7_colleagues_are_summed_by_account(store: Store) -> None:
    acme, other = "domain:acme.example", "company:c1"
    store.save_persons(
        [
            scored("a", 0, account=acme, engagement=40.0),
            scored("b", 0, account=acme, engagement=2.5),
            scored("c", 0, account=acme, engagement=-30.0),
            scored("d", 0, account=other),
            scored("e", 0, engagement=99.0),
        ]
    )
    assert store.colleagues([acme, other, "domain:none.example"]) == {acme: 42.5}
    assert store.account_members(acme, 2) == ["a", "b"]
    store.save_persons([scored("b", 0, account=other, engagement=2.5)])
    assert store.colleagues([acme, other]) == {acme: 40.0, other: 2.5}


def test_s4_the_cut_is_what_at_most_that_share_reaches(store: Store) -> None:
    assert store.score_cut("", 20) is None
    store.save_persons([scored(f"p{n}", n) for n in range(10)])
    store.save_persons([scored("x", None), scored("y", 500, segment="enterprise")])
    assert (store.score_cut("", 20), store.score_cut("", 10), store.score_cut("", 9)) == (8.0, 9.0, None)
    store.save_persons([scored(f"p{n}", 8) for n in range(8)])  # many with the same score are not all of the best
    assert store.score_cut("", 20) == 9.0
    store.save_persons([scored(f"p{n}", 8) for n in range(10)])
    assert store.score_cut("", 20) is None
