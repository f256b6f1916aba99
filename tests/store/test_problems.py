from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.attention import Problem
from crmsync.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def problem(
    person_id: str | None = "p", cause: str = "too_long", field: str | None = "name", data_hash: str = "d1", **more: str
) -> Problem:
    return Problem(cause=cause, message=more.pop("message", "m"), side="left", object="Lead", person_id=person_id, field=field,
                   data_hash=data_hash, **more)  # fmt: skip


def test_a_problem_comes_back_whole(store: Store) -> None:
    given = [problem(record_id="1"), problem(person_id=None, field=None)]
    store.problems.park(given, NOW, retry_at=NOW + timedelta(minutes=1))
    found = store.problems.rows()
    assert [one.problem for one in found] == given
    assert [(one.attempts, one.first_at, one.last_at, one.retry_at) for one in found] == [(1, NOW, NOW, NOW + timedelta(minutes=1))] * 2


def test_attempts_count_while_the_data_stays(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    store.problems.park([problem()], NOW, retry_at=later)
    store.problems.park([problem(message="again")], later)
    (found,) = store.problems.rows()
    assert (found.attempts, found.first_at, found.last_at, found.retry_at, found.problem.message) == (2, NOW, later, None, "again")
    store.problems.park([problem(data_hash="d2")], later)
    (found,) = store.problems.rows()
    assert (found.attempts, found.problem.data_hash) == (1, "d2")


def test_unknown_persons_and_fields_are_one_problem_too(store: Store) -> None:
    for _ in range(3):
        store.problems.park([problem(person_id=None, field=None), problem(person_id=None)], NOW)
    assert [(one.attempts, one.problem.field) for one in store.problems.rows()] == [(3, None), (3, "name")]


def test_one_problem_twice_in_a_batch_is_one_attempt(store: Store) -> None:
    store.problems.park([problem(), problem(message="last")], NOW)
    assert [(one.attempts, one.problem.message) for one in store.problems.rows()] == [(1, "last")]


def test_filter_limit_count_and_drop(store: Store) -> None:
    store.problems.park([problem("p"), problem("q"), problem("p", field="phone"), problem(None)], NOW)
    assert [one.problem.field for one in store.problems.rows(person_ids=["p"])] == ["name", "phone"]
    assert len(store.problems.rows(person_ids=["p", "q"], limit=2)) == 2
    assert store.problems.rows(person_ids=[]) == []
    assert len(store.problems.rows(limit=3)) == 3
    assert store.problems.count() == 4
    ids = [one.problem_id for one in store.problems.rows(person_ids=["p"])]
    assert store.problems.drop([*ids, 9_999]) == 2
    assert store.problems.drop(ids) == 0
    assert store.problems.count() == 2


def test_groups_largest_first(store: Store) -> None:
    store.problems.park([problem("p", "a"), problem("q", "b"), problem("r", "b", message="a message"), problem("p", "c", None)], NOW)
    assert store.problems.groups() == [
        ("b", "left", "Lead", "name", 2, "a message"),
        ("a", "left", "Lead", "name", 1, "m"),
        ("c", "left", "Lead", None, 1, "m"),
    ]


def test_hashes_tell_what_was_refused_and_how_often(store: Store) -> None:
    store.problems.park([problem("p"), problem("q", field=None, data_hash="d9")], NOW)
    store.problems.park([problem("p")], NOW)
    assert [(row.problem.person_id, row.problem.field, row.problem.data_hash, row.attempts) for row in store.problems.rows()] == [
        ("p", "name", "d1", 2), ("q", None, "d9", 1),
    ]  # fmt: skip


def test_hostile_values_are_kept_as_what_was_refused(store: Store) -> None:
    store.problems.park([problem("p", data_hash="nul \0, lone \ud83d")], NOW)
    assert [row.problem.data_hash for row in store.problems.rows()] == ["nul \ufffd, lone \ufffd"]


def test_an_accepted_write_heals_its_fields_and_the_whole_record(store: Store) -> None:
    given = [problem(field=None), problem(field="name"), problem(field="phone"), problem(cause="duplicate", field=None), problem("q")]
    store.problems.park(given, NOW)
    store.problems.heal("right", [("p", "Lead", ["name"])])
    store.problems.heal("left", [("p", "Contact", ["name"])])
    assert store.problems.count() == 5
    store.problems.heal("left", [("p", "Lead", ["name"])])
    assert [(one.problem.person_id, one.problem.cause, one.problem.field) for one in store.problems.rows()] == [
        ("p", "too_long", "phone"), ("p", "duplicate", None), ("q", "too_long", "name"),
    ]  # fmt: skip
