"""Alerts on their way: once per cause and receiver, claimed by one sender, settled, tried again, moved and forgotten with their person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.store import Store
from crmsync.store.alerts import FOR_NOBODY, NEVER, AlertRow

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SALES, RITA = "channel:sales", "owner:rita@acme.example"


def row(person: str = "ann", kind: str = "breach", at: datetime = NOW, address: str = SALES, **more: object) -> AlertRow:
    given = {"title": "SLA breached", "body": "Ann waits.", "owner": "rita@acme.example", "late": True, "not_before": NOW, **more}
    return AlertRow(person_id=person, kind=kind, at=at, address=address, **given)  # type: ignore[arg-type]


def test_h2_once_per_cause_and_receiver_for_ever(store: Store) -> None:
    assert store.alerts.add([row(), row(address=RITA), row(), row(kind="at_risk"), row(at=NOW + MINUTE), row("bob")], NOW) == 5
    assert store.alerts.add([row(title="other words")], NOW + MINUTE) == 0
    found = store.alerts.due(NOW, 10)
    assert [(r.person_id, r.kind, r.address, r.title) for r in found[:2]] == [
        ("ann", "breach", SALES, "SLA breached"),
        ("ann", "breach", RITA, "SLA breached"),
    ]
    assert (found[0].body, found[0].owner, found[0].late, found[0].at, found[0].created_at) == (
        "Ann waits.",
        "rita@acme.example",
        True,
        NOW,
        NOW,
    )
    store.alerts.sent([r.alert_id for r in found], NOW)
    assert store.alerts.add([row(), row(address=RITA)], NOW + MINUTE) == 0, "sent ones are remembered, too"
    assert store.alerts.due(NOW + MINUTE, 10) == []


def test_what_is_due_comes_by_its_moment_and_not_for_the_busy(store: Store) -> None:
    store.alerts.add([row("late", not_before=NOW), row("early", not_before=NOW - MINUTE), row("night", not_before=NOW + 600 * MINUTE)], NOW)
    store.alerts.add([row("other", address=RITA)], NOW)
    assert [r.person_id for r in store.alerts.due(NOW, 10)] == ["early", "late", "other"]
    assert [r.person_id for r in store.alerts.due(NOW, 1)] == ["early"]
    assert [r.person_id for r in store.alerts.due(NOW, 10, busy={SALES, "channel:x"})] == ["other"]
    assert store.alerts.due(NOW, 10, busy={SALES, RITA}) == []
    assert "night" in [r.person_id for r in store.alerts.due(NOW + 600 * MINUTE, 10)], "nothing is lost"


def test_h2_one_process_claims_and_a_crash_gives_it_back_after_a_while(store: Store, again: Store) -> None:
    store.alerts.add([row(), row("bob")], NOW)
    seen, also = store.alerts.due(NOW, 10), again.alerts.due(NOW, 10)
    mine = store.alerts.claim(seen[:1], NOW + 5 * MINUTE)
    assert [(r.person_id, r.tries, r.not_before) for r in mine] == [("ann", 1, NOW + 5 * MINUTE)]
    assert [r.person_id for r in again.alerts.claim(also, NOW + 5 * MINUTE)] == ["bob"]
    assert again.alerts.due(NOW + 4 * MINUTE, 10) == []
    taken = again.alerts.due(NOW + 5 * MINUTE, 10)
    assert [(r.person_id, r.tries) for r in taken] == [("ann", 1), ("bob", 1)]
    store.alerts.sent([mine[0].alert_id], NOW + 5 * MINUTE)
    assert [r.person_id for r in again.alerts.claim(taken, NOW + 9 * MINUTE)] == ["bob"], "what was settled meanwhile is not sent again"


def test_a_failure_is_kept_and_tried_again_and_what_is_given_up_is_counted(store: Store) -> None:
    assert (store.alerts.counts(NOW).waiting, store.alerts.counts(NOW).oldest) == (0, None)
    store.alerts.add([row(), row("bob"), row("cleo", not_before=NOW + MINUTE)], NOW)
    ann, bob = store.alerts.claim(store.alerts.due(NOW, 10), NOW + 5 * MINUTE)
    store.alerts.failed([(ann.alert_id, "HTTP 500\0", NOW + 2 * MINUTE), (bob.alert_id, "HTTP 404", NEVER)])
    counts = store.alerts.counts(NOW + 2 * MINUTE)
    assert (counts.waiting, counts.failing, counts.given_up, counts.oldest) == (2, 1, 1, NOW + MINUTE)
    found = store.alerts.due(NOW + 2 * MINUTE, 10)
    assert [(r.person_id, r.tries, r.error) for r in found] == [("cleo", 0, ""), ("ann", 1, "HTTP 500\ufffd")]
    store.alerts.sent([bob.alert_id], NOW)
    assert store.alerts.counts(NOW).given_up == 0, "it arrived after all"


def test_what_was_claimed_and_not_tried_is_due_at_once(store: Store) -> None:
    store.alerts.add([row()], NOW)
    (mine,) = store.alerts.claim(store.alerts.due(NOW, 10), NOW + 5 * MINUTE)
    store.alerts.put_back([mine.alert_id], NOW)
    assert [(r.tries, r.not_before) for r in store.alerts.due(NOW, 10)] == [(0, NOW)]


def test_g2_what_a_message_said_goes_with_its_sending_and_with_the_person(store: Store) -> None:
    store.alerts.add([row(), row("bob", address=RITA)], NOW)
    store.alerts.sent([r.alert_id for r in store.alerts.due(NOW, 1)], NOW)
    (sent,) = store.alerts.of(["ann"])["ann"]
    assert (sent.title, sent.body, sent.sent_at, sent.kind) == ("", "", NOW, "breach")
    assert store.alerts.erase(["ann", "bob", "nobody"]) == 2
    assert store.alerts.of(["ann", "bob"]) == {}
    assert store.alerts.due(NOW, 10) == []


def test_law_9_what_is_for_nobody_is_over_and_not_told_again_later(store: Store) -> None:
    store.alerts.add([row(), row("bob")], NOW)
    ann, bob = store.alerts.due(NOW, 10)
    assert store.alerts.standing([ann.alert_id, bob.alert_id, 99]) == {ann.alert_id, bob.alert_id}
    store.alerts.drop([ann.alert_id], NOW)
    assert store.alerts.add([row()], NOW + MINUTE) == 0, "once per cause and receiver, for ever"
    assert [r.person_id for r in store.alerts.due(NOW + MINUTE, 10)] == ["bob"]
    (over,) = store.alerts.of(["ann"])["ann"]
    assert (over.title, over.body, over.error) == ("", "", FOR_NOBODY)
    counts = store.alerts.counts(NOW)
    assert (counts.waiting, counts.given_up) == (1, 0)
    store.alerts.erase(["bob"])
    assert store.alerts.standing([ann.alert_id, bob.alert_id]) == set()


def test_two_persons_who_are_one_are_told_of_once(store: Store) -> None:
    store.alerts.add([row("lost"), row("kept"), row("lost", "at_risk"), row("lost", address=RITA), row("other")], NOW)
    store.alerts.move("lost", "kept")
    assert sorted((r.kind, r.address) for r in store.alerts.of(["kept"])["kept"]) == [
        ("at_risk", SALES),
        ("breach", SALES),
        ("breach", RITA),
    ]
    assert set(store.alerts.of(["lost", "kept", "other"])) == {"kept", "other"}


def test_what_is_old_and_done_is_forgotten_and_what_waits_is_not(store: Store) -> None:
    day = timedelta(days=1)
    store.alerts.add([row("sent"), row("given up"), row("waiting"), row("of later", at=NOW + 9 * day)], NOW)
    by = {r.person_id: r.alert_id for r in store.alerts.due(NOW, 10)}
    store.alerts.sent([by["sent"], by["of later"]], NOW)
    store.alerts.failed([(by["given up"], "HTTP 404", NEVER)])
    assert store.alerts.forget_before(NOW, 10) == 0
    assert store.alerts.forget_before(NOW + day, 1) == 1
    assert store.alerts.forget_before(NOW + day, 10) == 1
    assert set(store.alerts.of(list(by))) == {"waiting", "of later"}


def test_many_at_once_and_a_rollback(store: Store, chunked: int) -> None:
    rows = [row(f"p{number:05d}") for number in range(chunked)]
    with pytest.raises(RuntimeError, match="no"):
        _undone(store, rows)
    assert store.alerts.counts(NOW).waiting == 0
    assert store.alerts.add(rows, NOW) == chunked
    assert store.alerts.add([*rows, replace(rows[0], person_id="new")], NOW) == 1
    found = store.alerts.due(NOW, 2 * chunked)
    assert len(store.alerts.claim(found, NOW + MINUTE)) == chunked + 1
    assert store.alerts.erase([r.person_id for r in found]) == chunked + 1


def _undone(store: Store, rows: list[AlertRow]) -> None:
    with store.begin():
        store.alerts.add(rows, NOW)
        raise RuntimeError("no")
