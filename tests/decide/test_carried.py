"""A record that takes another's place (a converted lead, a merge): what was agreed goes on holding where the new record shows the same value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crmsync.decide.reconcile import reconcile
from crmsync.decide.translate import lenses_of
from crmsync.model.link import Agreed, PersonState, Snapshot
from crmsync.model.record import Ref, Value
from tiny import memory, playbook

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
PLAYBOOK = playbook()
LENSES = lenses_of(PLAYBOOK.person, {"a": memory("a"), "b": memory("b")}, ())


def shown(side: str, id: str, at: datetime, phone: Value) -> Snapshot:
    fields: dict[str, Value] = {"email": "ann@example.com", "phone": phone, "title": None, "city": None}
    return Snapshot(
        ref=Ref(side=side, object="person", id=id), fields=fields, extra={}, modified_at=at, created_at=at, person_id="p", by_us=True
    )


def agreed(value: Value) -> Agreed:
    return Agreed(values={"a": value, "b": value}, mapping="phone-1")


@pytest.mark.parametrize(
    ("a", "b", "to_a", "to_b"),
    [
        ("x", "y", ["y"], []),  # the new record in a shows what was agreed: the edit in b goes there, though a is later
        ("x", None, [None], []),  # so does clearing it
        ("z", "y", [], ["z"]),  # the new record shows something else: first contact, the later one wins
        ("z", None, [], ["z"]),  # and nothing is cleared
    ],
)
def test_an_edit_survives_that_the_other_record_was_replaced(a: Value, b: Value, to_a: list[Value], to_b: list[Value]) -> None:
    state = PersonState(person_id="p", base={"phone": agreed("x")}, anchors={"a": "person/old", "b": "person/b1"})
    found = reconcile(state, {"a": shown("a", "new", LATE, a), "b": shown("b", "b1", EARLY, b)}, LENSES, tie="a")
    moved = {side: [move.value for move in found.moves[side] if move.field == "phone"] for side in ("a", "b")}
    assert moved == {"a": to_a, "b": to_b}


def test_what_was_sent_to_the_old_record_says_nothing_about_the_new_one() -> None:
    state = PersonState(
        person_id="p", base={"phone": agreed("y")}, anchors={"a": "person/old", "b": "person/b1"}, sent={"a": {"phone": ("y", "x")}}
    )
    found = reconcile(state, {"a": shown("a", "new", LATE, "x"), "b": shown("b", "b1", EARLY, "y")}, LENSES, tie="a")
    assert found.problems == []
    assert [move.value for move in found.moves["b"]] == ["x"]
    assert "a" not in found.sent
