"""Matching over the store: no batch border may split a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.engine import cycle as cycle_module
from tiny import Tiny


def test_records_of_one_person_in_different_batches_are_matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Side a's records fill whole batches before side b's are reached: each must still find its twin instead of creating one."""
    monkeypatch.setattr(cycle_module, "PERSONS_AT_ONCE", 3)
    tiny = Tiny(tmp_path)
    for index in range(10):
        tiny.a.add(email=f"p{index}@example.com", phone=str(index))
        tiny.b.add(email=f"P{index}@example.com", title="T")
    tiny.settle()
    assert len(tiny.a.rows) == len(tiny.b.rows) == 10
    assert tiny.store.count_persons() == 10
    assert tiny.store.problems() == []
    assert tiny.shown("a")["p7@example.com"] == {"phone": "7", "title": "T", "city": None}
    tiny.close()
