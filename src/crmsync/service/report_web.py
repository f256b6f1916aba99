"""The compliance report as a page of the daemon (process.md A9): for whoever may see the status page, read-only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import BoundedSemaphore, Lock

from crmsync.errors import BusyError
from crmsync.model.rules import Playbook
from crmsync.service.report import as_html, period, sla_report
from crmsync.store import Store

FRESH_SECONDS = 60.0
"""A page so old is shown again: reckoning it takes seconds where there are many clocks, and a browser asks as often as somebody likes."""
KEPT = 8
"""Periods that are remembered."""
WAITING = 4
"""Who may wait for a page at a time: each holds a thread of the server, which others need."""


class SlaPage:
    """Makes the page; one at a time, whoever asks. playbook, clock: asked at every page."""

    def __init__(self, store: Store, playbook: Callable[[], Playbook], clock: Callable[[], datetime]) -> None:
        self._store, self._playbook, self._clock = store, playbook, clock
        self._lock, self._places = Lock(), BoundedSemaphore(WAITING)
        self._made: dict[tuple[str | None, str | None], tuple[datetime, Playbook, str]] = {}

    def __call__(self, first: str | None = None, last: str | None = None) -> str:
        """The HTML for days of handoffs as `report sla --from --to` takes them. Raises: ConfigError for what is no period, UnreachableError without a database,
        BusyError when others wait for theirs already."""
        if not self._places.acquire(blocking=False):
            raise BusyError("Others wait for a report at the moment; ask again in a few seconds.")
        try:
            return self._page(first, last)
        finally:
            self._places.release()

    def _page(self, first: str | None, last: str | None) -> str:
        with self._lock:
            now, playbook = self._clock(), self._playbook()
            start, end = period(playbook, now, first, last)
            known = self._made.get((first, last))
            if known is not None and known[1] is playbook and 0.0 <= (now - known[0]).total_seconds() < FRESH_SECONDS:
                return known[2]
            text = as_html(sla_report(self._store, playbook, start, end, now))
            self._made.pop((first, last), None)
            self._made[first, last] = (now, playbook, text)
            while len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
            return text
