"""What playing history again reads: pages of persons, and signals of a range of them in order, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.model.link import Agreed, PersonState, Signal, StageEntry
from crmsync.store import Store

AT = datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC)
MICROS = 1_772_366_400_000_007


def signal(id: str, days: float, type: str = "page_view", **more: object) -> Signal:
    return Signal(event_id=id, type=type, at=AT + timedelta(days=days), detail=f"about {id}", **more)  # type: ignore[arg-type]


def test_persons_page_by_page_with_what_was_agreed_and_their_stages(store: Store) -> None:
    stages = (
        StageEntry(stage="lead", previous=None, at=AT, cause="first seen", who="engine"),
        StageEntry(stage="mql", previous="lead", at=AT + timedelta(hours=1), cause="threshold", who="engine"),
    )
    base = {"email": Agreed(values={"left": "ann@example.com", "right": None}, mapping="m")}
    store.save_persons([PersonState(person_id=id, base=base, stages=stages, created_at=AT) for id in ("b", "a")])
    store.save_persons([PersonState(person_id="c")])
    (first,) = store.pasts.page("", 1)
    assert (first.person_id, first.created_at, dict(first.values)) == ("a", AT, {"email": {"left": "ann@example.com", "right": None}})
    assert [(stage, before, datetime.fromisoformat(at)) for stage, before, at in first.stages] == [
        ("lead", None, AT),
        ("mql", "lead", AT + timedelta(hours=1)),
    ]
    rest = store.pasts.page("a", 10)
    assert [one.person_id for one in rest] == ["b", "c"]
    assert (rest[1].created_at, list(rest[1].stages), dict(rest[1].values)) == (None, [], {})
    assert store.person_ids_after("", 2) == ["a", "b"]
    assert store.person_ids_after("b", 2) == ["c"]


def test_signals_of_a_range_in_order_with_the_details_that_were_asked_for(store: Store) -> None:
    store.signals.add(
        [("b", signal("b2", 2)), ("b", signal("b1", 1, "form", answers=("size: 5",))), ("a", signal("a1", 0)), ("d", signal("d1", 0))]
    )
    found = store.pasts.signals("a", "c", ["form"])
    assert list(found.counts) == [("a", 1), ("b", 2)]
    day = 86_400_000_000
    assert list(found.rows) == [
        (MICROS, "page_view", None),
        (MICROS + day, "form", "about b1\nsize: 5"),
        (MICROS + 2 * day, "page_view", None),
    ]
    assert [row[2] for row in store.pasts.signals("a", "c", []).rows] == [None] * 3
    assert store.signals.types() == {"page_view": 3, "form": 1}
