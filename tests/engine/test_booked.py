"""A booked meeting is a signal of its persons, dated when it was booked, that says until when it lasts (process.md A7, C5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.decide.canonical import stamp
from crmsync.decide.reconcile import Reconciled
from crmsync.decide.sla_facts import LONGEST, conversations
from crmsync.decide.twin import TwinPlan
from crmsync.engine.booked import note
from crmsync.model.followup import SlaRules
from crmsync.model.link import PersonState, Signal, Twin
from crmsync.model.record import Value
from crmsync.model.rules import SignalTest
from tiny import Tiny, memory_around, playbook_around

KIND = "task"
"""The tiny world has no meetings; what counts is that its map has a test for what is still to come."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOOKED = SignalTest(type="meeting_booked", planned=True, when={"outcome": ("", "scheduled")})


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    rules = playbook_around()
    twins = {**rules.twins, KIND: replace(rules.twins[KIND], signals=(BOOKED,))}
    tiny = Tiny(tmp_path, rules=replace(rules, twins=twins), a=memory_around("a"), b=memory_around("b"))
    tiny.a.add(email="ann@example.com")
    tiny.settle()
    yield tiny
    tiny.close()


def meeting(tiny: Tiny, ahead: timedelta | None, *, finished: bool = False, planned: timedelta | None = None, **facts: Value) -> None:
    """Notes one meeting of Ann's that ends so far from now (None: deleted). planned: when it was to end as far as was known before."""
    (ann,) = tiny.store.find_person_by_email("ann@example.com")
    told: dict[str, Value] = {"end": stamp(tiny.now + ahead), **facts} if ahead is not None else {}
    retry = tiny.now + planned if planned is not None else None
    plan = TwinPlan(
        twin=Twin(twin_id="m1", kind=KIND, state=PersonState(person_id="m1"), retry_at=retry, links={"a": (ann,)}),
        reconciled=Reconciled(facts={}), finished=finished, at=tiny.now, facts=told, shown={"a": (ann,)},
    )  # fmt: skip
    note(tiny.world, [plan], tiny.now)


def booked(tiny: Tiny) -> list[tuple[str, str]]:
    """(type, until) of what is known of Ann."""
    (ann,) = tiny.store.find_person_by_email("ann@example.com")
    return [(signal.type, signal.detail) for signal in tiny.store.signals.of([ann]).get(ann, [])]


def test_a7_a_meeting_to_come_is_a_signal_once_and_follows_it_when_it_is_put_off(tiny: Tiny) -> None:
    ends = tiny.now + 3 * DAY
    meeting(tiny, 3 * DAY)
    assert booked(tiny) == [("meeting_booked", stamp(ends))]
    waiting = tiny.store.dirty_count(tiny.world.person_objects)
    assert waiting > 0, "the person is decided again"
    tiny.settle()
    meeting(tiny, ends - tiny.now)
    assert tiny.store.dirty_count(tiny.world.person_objects) == 0, "nothing new"
    meeting(tiny, 9 * DAY)
    assert booked(tiny) == [("meeting_booked", stamp(tiny.now + 9 * DAY))]


@pytest.mark.parametrize("how", ["called off", "deleted", "held early", "dated back"])
def test_a7_what_will_not_take_place_any_more_ends_now(tiny: Tiny, how: str) -> None:
    meeting(tiny, 3 * DAY)
    tiny.now += HOUR
    left = 3 * DAY - HOUR
    if how == "called off":
        meeting(tiny, left, outcome="canceled", planned=left)
    elif how == "deleted":
        meeting(tiny, None, planned=left)
    elif how == "held early":
        meeting(tiny, left, finished=True, planned=left)
    else:
        meeting(tiny, -2 * DAY, finished=True, planned=left)
    assert booked(tiny) == [("meeting_booked", stamp(tiny.now))]
    ended = stamp(tiny.now)
    tiny.now += HOUR
    meeting(tiny, None)
    assert booked(tiny) == [("meeting_booked", ended)], "it ended once"


def test_a7_what_was_never_to_come_is_no_booking(tiny: Tiny) -> None:
    meeting(tiny, -DAY, finished=True)
    meeting(tiny, DAY, outcome="canceled")
    meeting(tiny, None)
    assert booked(tiny) == []


def test_a7_a_meeting_in_a_mistyped_year_pauses_no_clock_for_ever(tiny: Tiny) -> None:
    now = tiny.now

    def pause(detail: str) -> timedelta:
        (found,) = conversations([Signal(event_id="b", type="meeting_booked", at=now, detail=detail)], (), now - HOUR, SlaRules(), now)
        return found.end - now

    assert pause(stamp(now + 9 * DAY)) == 9 * DAY
    assert pause("9999-12-31T23:00:00.000Z") == LONGEST
    assert [pause(text) for text in (stamp(now + DAY), "", "Kick-off", "2026-13-77")] == [5 * DAY] * 4
