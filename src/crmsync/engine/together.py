"""The sides at the same time: what waits for one CRM does not wait for the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def together(call: Callable[[T], U], of: Sequence[T], name: str) -> list[U]:
    """`call` of each, in their order, all at the same time: the last in this thread, each other in one of its own (`name` of those threads). When all
    are through, the first error is raised."""
    if not of:
        return []
    *others, last = of
    made: Future[U] = Future()
    with ThreadPoolExecutor(max_workers=max(1, len(others)), thread_name_prefix=name) as pool:
        futures = [pool.submit(call, one) for one in others]
        try:
            made.set_result(call(last))
        except BaseException as error:
            made.set_exception(error)
    return [future.result() for future in (*futures, made)]
