"""The sides at the same time: what waits for one CRM does not wait for the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")
MOST = 16
"""Threads of one name at most; each waits for one CRM."""


@cache
def _pool(name: str) -> ThreadPoolExecutor:
    """Its threads stay: beginning and ending them cost more than most of what they are given."""
    return ThreadPoolExecutor(max_workers=MOST, thread_name_prefix=name)


def together(call: Callable[[T], U], of: Sequence[T], name: str) -> list[U]:
    """`call` of each, in their order, all at the same time: the last in this thread, each other in one of its own (`name` of those threads; `call`
    must not itself have something done under the same name). When all are through, the first error is raised."""
    if not of:
        return []
    *others, last = of
    made: Future[U] = Future()
    futures = [_pool(name).submit(call, one) for one in others]
    try:
        made.set_result(call(last))
    except BaseException as error:
        made.set_exception(error)
    wait(futures)
    return [future.result() for future in (*futures, made)]
