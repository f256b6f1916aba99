"""The fast copy says what the standard library's does, and refuses what it cannot copy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from crmsync.model.copies import replace
from crmsync.model.link import PersonState, StageEntry

NOW = datetime(2026, 3, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Made:
    one: int
    two: int = 2
    both: int = field(init=False, default=0)


def test_a_copy_is_what_the_standard_library_makes_and_leaves_the_original_alone() -> None:
    entry = StageEntry(stage="mql", previous="lead", at=NOW, cause="threshold", who="engine")
    state = PersonState(person_id="p", stages=(entry,), owner="ann@x.example", written={"a": {"crmsync_stage": "mql"}})
    for one in fields(PersonState):
        change: dict[str, Any] = {one.name: "another"}
        assert replace(state, **change) == dataclasses.replace(state, **change)
        assert getattr(replace(state, **change), one.name) == "another"
    assert replace(state) == state
    assert replace(state) is not state
    assert state.owner == "ann@x.example"
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(state).owner = None  # type: ignore[misc]


def test_what_is_more_than_its_fields_or_has_no_such_field_is_refused() -> None:
    unknown: dict[str, Any] = {"shoe_size": 43}
    with pytest.raises(TypeError, match="no field 'shoe_size'"):
        replace(PersonState(person_id="p"), **unknown)
    with pytest.raises(TypeError, match="Made is made by more"):
        replace(Made(1), two=3)
