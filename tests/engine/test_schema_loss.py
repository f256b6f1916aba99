"""A lost permission set halts before anything is taken for empty (law 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.errors import HaltError
from tiny import NAMES, Tiny


def test_hidden_fields_halt_until_a_person_looked(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.a.add(email="ann@example.com", phone="1", title="T", city="Rome")
    tiny.settle()
    tiny.a.names = [name for name in NAMES if name not in ("phone", "title", "city")]
    tiny.world.forget_schema()
    with pytest.raises(HaltError, match=r"3 of 4 mapped fields of a person can no longer be seen \(city, phone, title"):
        tiny.cycle()
    halt = tiny.store.halt()
    assert halt is not None
    assert halt.cause == "schema_loss"
    assert tiny.shown("b")["ann@example.com"] == {"phone": "1", "title": "T", "city": "Rome"}
    tiny.store.put("allow", halt.cause)  # what `crmsync resume` does
    tiny.store.set_halt(None)
    tiny.settle()
    assert tiny.shown("b")["ann@example.com"] == {"phone": "1", "title": "T", "city": "Rome"}
    tiny.close()


def test_one_hidden_field_is_a_problem_not_a_halt(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.a.add(email="ann@example.com", phone="1", title="T")
    tiny.settle()
    tiny.a.names = [name for name in NAMES if name != "phone"]
    tiny.world.forget_schema()
    tiny.settle()
    assert [row.problem.cause for row in tiny.store.problems.rows()] == ["unknown_field"]
    assert tiny.shown("b")["ann@example.com"]["phone"] == "1"
    tiny.close()
