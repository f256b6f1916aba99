"""The sides at the same time."""

from __future__ import annotations

import threading

import pytest

from crmsync.engine.together import together


def test_all_at_the_same_time_and_in_their_order() -> None:
    gate = threading.Barrier(3)

    def call(name: str) -> tuple[str, bool]:
        gate.wait(30)  # breaks unless all three are under way
        return name, threading.current_thread() is threading.main_thread()

    assert together(call, ["a", "b", "c"], "test") == [("a", False), ("b", False), ("c", True)]
    assert together(call, [], "test") == []


@pytest.mark.parametrize("failing", [("a",), ("b",), ("a", "b")])
def test_an_error_is_raised_when_all_are_through(failing: tuple[str, ...]) -> None:
    done: list[str] = []

    def call(name: str) -> None:
        done.append(name)
        if name in failing:
            raise SystemExit(name)

    with pytest.raises(SystemExit, match=failing[0]):
        together(call, ["a", "b"], "test")
    assert sorted(done) == ["a", "b"]
