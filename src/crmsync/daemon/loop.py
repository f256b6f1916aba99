"""The daemon's loop: a cycle, then sleep until something is due; trouble pauses it, a halt is waited out, neither ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from crmsync.errors import BusyError, ConfigError, CredentialsError, CrmsyncError, HaltError, QuotaError
from crmsync.model.rules import Playbook
from crmsync.service.aside import Aside
from crmsync.service.lease import Lease
from crmsync.service.logs import keep_crash
from crmsync.service.reload import PlaybookWatch
from crmsync.service.sync import decide_waiting, one_cycle
from crmsync.service.workspace import Workspace

SHORTEST_PAUSE = 1.0
AT_ONCE = 25
FIRST_BACKOFF, LONGEST_BACKOFF, LONGEST_QUOTA = 5.0, 300.0, 3600.0
CRASHES_IN_A_ROW = 10
TOGETHER = 0.2
"""Real seconds in which news that come one after the other are decided about together."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Since the daemon started. read, written: crm -> records. api_calls: crm -> calls."""

    cycles: int = 0
    failures: int = 0
    read: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    api_calls: dict[str, int] = field(default_factory=dict)


class Daemon:
    """Runs cycles in the calling thread until `stop`. `reasons` and `totals` may be read from any thread.

    to_real: turns seconds of the workspace's clock into real seconds. shortest_pause: real seconds between cycles, whatever is due.
    on_cycle: called after every cycle that did not fail. watch: notices an edited playbook (None: the one it began with stays).
    """

    def __init__(
        self,
        workspace: Workspace,
        lease: Lease,
        *,
        to_real: Callable[[float], float] = lambda seconds: seconds,
        shortest_pause: float = SHORTEST_PAUSE,
        on_cycle: Callable[[], None] = lambda: None,
        wait: Callable[[threading.Event, float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        watch: PlaybookWatch | None = None,
    ) -> None:
        self._watch = watch
        self._workspace, self._lease, self._to_real, self._on_cycle = workspace, lease, to_real, on_cycle
        self._shortest = shortest_pause
        self._wait = wait or (lambda event, seconds: event.wait(seconds))
        self._monotonic = monotonic
        self._wake = threading.Event()
        self._heard = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._reasons: tuple[str, ...] = ("no cycle has run yet",)
        self._totals = Totals()
        self._failures = self._crashes = self._bursts = 0
        self._ran_well = self._anew = False
        self._aside = Aside()

    # --- from other threads ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends `run` after the cycle under way. Safe from signal handlers and threads."""
        self._stopping.set()
        self._wake.set()

    def wake(self) -> None:
        """Has the next cycle run at once, because something happened."""
        self._wake.set()

    def hear(self) -> None:
        """Has what is stored and waits decided within a second: news came from outside the CRMs. They are not asked what changed for that; a
        daemon that is paused by trouble stays paused."""
        self._heard.set()
        self._wake.set()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the daemon is not ready; empty when it is."""
        refused = self._workspace.refused
        with self._lock:
            return self._reasons if refused is None else (*self._reasons, refused)

    @property
    def playbook(self) -> Playbook:
        """The one in force."""
        return self._workspace.playbook

    @property
    def totals(self) -> Totals:
        """What it has done since it started."""
        with self._lock:
            return self._totals

    # --- the loop ----------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Returns when stopped. Raises: BusyError when another process took over; ConfigError when the very first cycle cannot work."""
        try:
            while not self._stopping.is_set():
                pause = max(self.step(), 0.0)
                end = self._monotonic() + pause
                while self._passed(pause) and (pause := end - self._monotonic()) > 0.0:
                    continue
                self._wake.clear()
        finally:
            self._aside.close()

    def _passed(self, pause: float) -> bool:
        """A part of the pause between two cycles: whoever is to be decided anew is decided in it, batch by batch, as long as nothing happens. False
        when the pause is over."""
        if self._anew and pause > 0.0 and not self._wake.is_set():
            return self._decided()
        return self._wait(self._wake, pause) and self._news()

    def _news(self) -> bool:
        """Decides about what was heard. False when the pause is over: something else woke us, or there is more to do than that."""
        self._wake.clear()
        if self._stopping.is_set() or not self._heard.is_set():
            return False
        self._wait(self._stopping, TOGETHER)
        self._heard.clear()
        with self._lock:
            trouble = bool(self._reasons)
        return not self._ran_well or trouble or self._decided()

    def _decided(self) -> bool:
        try:
            self._lease.check()
            report = decide_waiting(self._workspace)
            self._aside.tell(self._workspace)
        except BusyError:
            raise
        except CrmsyncError:
            return False  # the cycle that follows at once meets it again, and says so
        except Exception as error:
            path = keep_crash(error, self._workspace.settings.home)
            log.error("deciding failed unexpectedly", error=type(error).__name__, details=str(path))
            return False
        with self._lock:
            self._totals = replace(
                self._totals, written=_plus(self._totals.written, report.sent.done), api_calls=self._workspace.api_calls()
            )
        self._anew = report.anew and not report.errors
        self._on_cycle()
        # What was told while this look went on is looked at next; only what stood in the way of a write needs the CRMs to be asked.
        return not report.errors and (not report.urgent or (report.touched is not None and self._heard.is_set()))

    def step(self) -> float:
        """One cycle. Returns the real seconds to wait before the next."""
        try:
            self._lease.check()
            if self._watch is not None:
                self._workspace = self._watch.current(self._workspace)
            self._aside.prepare(self._workspace)
            report = one_cycle(self._workspace, everything=False)
            self._aside.tell(self._workspace)
            if not report.errors and self._aside.step(self._workspace):
                self.hear()
        except BusyError:
            raise
        except HaltError as error:
            self._tell_anyway()
            return self._paused(f"halted for safety: {error}", self._poll())
        except CrmsyncError as error:
            if isinstance(error, ConfigError) and not isinstance(error, CredentialsError) and not self._ran_well:
                raise
            self._tell_anyway()
            return self._paused(_reason(error), self._backoff(error))
        except Exception as error:
            self._crashes += 1
            path = keep_crash(error, self._workspace.settings.home)
            log.error("a cycle failed unexpectedly", error=type(error).__name__, details=str(path))
            if self._crashes >= CRASHES_IN_A_ROW:
                raise
            return self._paused(f"a cycle failed unexpectedly ({type(error).__name__}); details in {path}", self._backoff(error))
        self._failures = self._crashes = 0
        self._ran_well, self._anew = True, report.anew and not report.errors
        with self._lock:
            self._reasons = tuple(f"{side}: {error}" for side, error in sorted(report.errors.items()))
            self._totals = Totals(
                cycles=self._totals.cycles + 1,
                failures=self._totals.failures,
                read=_plus(self._totals.read, {side: pulled.read for side, pulled in report.pulled.items()}),
                written=_plus(self._totals.written, report.sent.done),
                api_calls=self._workspace.api_calls(),
            )
        self._on_cycle()
        # Something is due at once, but a cycle that always says so must not become a storm.
        self._bursts = self._bursts + 1 if report.urgent else 0
        if report.urgent and self._bursts < AT_ONCE:
            if report.touched is not None:  # it came while the CRMs were asked: deciding is enough
                self.hear()
                return self._until_due()
            return min(self._shortest, SHORTEST_PAUSE) / 5
        return self._until_due()

    def _tell_anyway(self) -> None:
        """Sends alerts that are due though no cycle can run: they are about what happened before."""
        with suppress(CrmsyncError):
            self._aside.tell(self._workspace)

    def _until_due(self) -> float:
        due, now = self._next_due(), self._workspace.clock()
        poll = self._workspace.playbook.poll_seconds
        # A clock that jumped back makes `due` far away: never wait longer than a poll. The wait itself runs on the monotonic clock.
        seconds = poll if due is None else min(poll, max((due - now).total_seconds(), 0.0))
        return max(self._to_real(seconds), self._shortest)

    def _next_due(self) -> datetime | None:
        try:
            dues = (self._workspace.store.next_due_at(), self._workspace.store.twins.next_retry_at())
            return min((due for due in dues if due is not None), default=None)
        except CrmsyncError:
            return None

    def _poll(self) -> float:
        return max(self._to_real(self._workspace.playbook.poll_seconds), self._shortest)

    def _paused(self, reason: str, seconds: float) -> float:
        self._anew = False
        with self._lock:
            news = self._reasons != (reason,)
            self._reasons = (reason,)
            done = self._totals
            self._totals = Totals(
                cycles=done.cycles, failures=done.failures + 1, read=done.read, written=done.written, api_calls=self._workspace.api_calls()
            )
        if news:
            log.warning("paused", reason=reason, seconds=round(seconds, 1))
        return seconds

    def _backoff(self, error: Exception) -> float:
        self._failures += 1
        if isinstance(error, QuotaError) and error.retry_after is not None:
            return max(self._to_real(min(error.retry_after, LONGEST_QUOTA)), self._shortest)
        return max(self._to_real(min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(self._failures - 1, 10))), self._shortest)


def _reason(error: CrmsyncError) -> str:
    side = getattr(error, "side", None)
    return f"{side}: {error}" if side else str(error)


def _plus(before: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {side: before.get(side, 0) + more.get(side, 0) for side in {*before, *more}}
