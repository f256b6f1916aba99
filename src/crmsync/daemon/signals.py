"""Ctrl-C and a polite kill end the daemon after the cycle under way; a second one ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

WANTED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Inside, SIGINT and SIGTERM call `stop`; the second one raises KeyboardInterrupt. Main thread only."""
    asked = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()

    before = {number: signal.signal(number, handle) for number in WANTED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
