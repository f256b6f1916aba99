"""A CRM that does not answer holds up only those persons about whom something must be asked of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crmsync.errors import CredentialsError, CrmsyncError, QuotaError, UnreachableError
from crmsync.model.rules import SignalMap
from tiny import Tiny, playbook


class Down:
    """A fault that makes one kind of call end with an error, and counts how often it was tried."""

    def __init__(self, call: str, error: CrmsyncError) -> None:
        self.call, self.error, self.tries = call, error, 0

    def __call__(self, call: str, phase: str) -> None:
        if call == self.call and phase == "before":
            self.tries += 1
            raise self.error


TROUBLES = [UnreachableError("down", side="b"), QuotaError("no calls left", side="b"), CredentialsError("revoked", side="b")]


def two_pairs(tiny: Tiny) -> tuple[str, str, str]:
    """Two persons in step; returns the first one's ids in a and b, and the second one's id in a."""
    ann = tiny.a.add(email="ann@example.com", phone="1")
    bob = tiny.a.add(email="bob@example.com", phone="2")
    tiny.settle()
    (ann_b,) = (id for id, fields in tiny.b.live().items() if fields["email"] == "ann@example.com")
    return ann, ann_b, bob


@pytest.mark.parametrize("error", TROUBLES, ids=lambda e: type(e).__name__)
def test_a_contested_field_waits_alone(tmp_path: Path, error: CrmsyncError) -> None:
    tiny = Tiny(tmp_path)
    ann, ann_b, bob = two_pairs(tiny)
    # given one person's phone changed on both sides, another's on one
    tiny.a.edit(ann, phone="11")
    tiny.b.tick += 100  # the stamps of these CRMs are ticks: b's edit is the later one
    tiny.b.edit(ann_b, phone="111")
    tiny.a.edit(bob, phone="22")
    # when b shows its changes but not their histories
    down = Down("history", error)
    tiny.b.fault = down
    reports = [tiny.cycle(), tiny.cycle()]
    # then the trouble is named, it was asked for once per cycle, and nothing was decided by guessing
    assert [report.errors for report in reports] == [{"b": error}] * 2
    assert down.tries == 2
    assert tiny.a.live()[ann]["phone"] == "11"
    assert tiny.shown("b")["ann@example.com"]["phone"] == "111"
    assert [report.more for report in reports] == [False, False]
    # and when b answers again, the later edit wins, and everybody is in step
    tiny.b.fault = lambda call, phase: None
    tiny.settle()
    assert tiny.shown("a") == tiny.shown("b")
    assert tiny.shown("a")["ann@example.com"]["phone"] == "111"
    assert tiny.shown("a")["bob@example.com"]["phone"] == "22"
    tiny.close()


def test_those_who_need_no_history_go_on(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    ann, ann_b, _ = two_pairs(tiny)
    tiny.a.edit(ann, phone="11")
    tiny.b.edit(ann_b, phone="111")
    (bob_b,) = (id for id, fields in tiny.b.live().items() if fields["email"] == "bob@example.com")
    tiny.b.edit(bob_b, phone="22")
    tiny.b.fault = Down("history", UnreachableError("down", side="b"))
    tiny.cycle()
    assert tiny.shown("a")["bob@example.com"]["phone"] == "22"
    assert tiny.shown("a")["ann@example.com"]["phone"] == "11"
    assert tiny.store.dirty_count() > 0
    tiny.close()


def test_a_person_due_by_the_clock_does_not_spin(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    ann, ann_b, _ = two_pairs(tiny)
    (person,) = tiny.store.find_person_by_email("ann@example.com")
    tiny.a.edit(ann, phone="11")
    tiny.b.edit(ann_b, phone="111")
    tiny.b.fault = Down("history", UnreachableError("down", side="b"))
    tiny.cycle()
    # when the person falls due as well while b is still down
    state = tiny.store.persons([person])[person]
    tiny.store.save_persons([replace(state, next_due_at=tiny.now)])
    tiny.cycle()
    # then the cycle ends, and the person is still due
    due = tiny.store.persons([person])[person].next_due_at
    assert due is not None
    assert due > tiny.now
    tiny.close()


def test_an_event_waits_for_its_history(tmp_path: Path) -> None:
    signal = SignalMap(side="b", object="person", field="title", type="form_submitted", when_true=True)
    tiny = Tiny(tmp_path, rules=playbook(signals=(signal,)))
    _, ann_b, bob = two_pairs(tiny)
    # given an event on b whose history b does not tell
    tiny.b.edit(ann_b, title="Website form")
    tiny.a.edit(bob, phone="22")
    tiny.b.fault = Down("history", QuotaError("no calls left", side="b"))
    report = tiny.cycle()
    (person,) = tiny.store.find_person_by_email("ann@example.com")
    assert list(report.errors) == ["b"]
    assert tiny.store.signals.of([person]) == {}, "half of what happened would be taken for all of it"
    # when b answers again, the event is there once
    tiny.b.fault = lambda call, phase: None
    tiny.settle()
    assert [s.detail for s in tiny.store.signals.of([person])[person]] == ["Website form"]
    assert tiny.shown("b")["bob@example.com"]["phone"] == "22"
    tiny.close()


@pytest.mark.parametrize("error", TROUBLES, ids=lambda e: type(e).__name__)
def test_a_crm_that_fails_right_before_a_write_holds_up_no_other(tmp_path: Path, error: CrmsyncError) -> None:
    tiny = Tiny(tmp_path)
    ann, _, _ = two_pairs(tiny)
    (bob_b,) = (id for id, fields in tiny.b.live().items() if fields["email"] == "bob@example.com")
    tiny.a.edit(ann, phone="11")
    tiny.b.edit(bob_b, phone="22")
    # given b shows its changes but not what a record is like right before it is written
    tiny.b.fault = Down("fetch", error)
    report = tiny.cycle()
    assert report.errors == {"b": error}
    assert tiny.shown("a")["bob@example.com"]["phone"] == "22"
    assert tiny.store.journal.open_intents() == [], "nothing was sent to b, and that is known"
    tiny.b.fault = lambda call, phase: None
    tiny.settle()
    assert tiny.shown("b")["ann@example.com"]["phone"] == "11"
    tiny.close()


def test_a_crm_that_fails_right_after_a_write_holds_up_no_other(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    ann, ann_b, _ = two_pairs(tiny)
    tiny.b.edit(ann_b, phone="11")
    tiny.a.add(email="eve@example.com")
    error = QuotaError("no calls left", side="b")

    # given a record that stands in the way of a create, and b does not tell which it is
    def fault(call: str, phase: str) -> None:
        if (call, phase) == ("write", "before"):
            tiny.b.add(email="eve@example.com")
        if (call, phase) == ("fetch", "before"):
            raise error

    tiny.b.fault = fault
    report = tiny.cycle()
    assert report.errors == {"b": error}
    assert tiny.a.live()[ann]["phone"] == "11"
    assert tiny.store.journal.open_intents() == []
    tiny.b.fault = lambda call, phase: None
    tiny.settle()
    assert sorted(tiny.shown("b")) == sorted(tiny.shown("a"))
    assert len(tiny.b.live()) == 3
    tiny.close()
