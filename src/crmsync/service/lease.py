"""One process at a time: a lease in the database, renewed while work goes on, run out by itself when its holder dies."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import structlog

from crmsync.errors import BusyError, CrmsyncError
from crmsync.store import Store

TTL_SECONDS = 60.0
RENEW_SECONDS = 15.0
LOOK_SECONDS = 1.0
SYNC_WAITS = 10.0
RUN_WAITS = TTL_SECONDS + RENEW_SECONDS
"""A daemon that is started again after a crash outwaits what its dead predecessor left behind."""

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Real time: leases are about processes, whatever clock their work runs on."""
    return datetime.now(UTC)


def machine() -> str:
    """This host, boot and process-id namespace: within it a process id names one process, elsewhere it says nothing."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    except OSError:
        parts.append("-")
    return "/".join(parts).replace(":", "_")


def holder_id(pid: int | None = None) -> str:
    """host:pid:random."""
    return f"{machine()}:{os.getpid() if pid is None else pid}:{secrets.token_hex(4)}"


def surely_dead(holder: str) -> bool:
    """True only when the holder ran in our own process-id namespace since this boot and its process is gone."""
    host, _, rest = holder.partition(":")
    pid_text, _, _ = rest.partition(":")
    # On other systems signal 0 is not a harmless question.
    if os.name != "posix" or host != machine() or not pid_text.isdigit():
        return False
    try:
        os.kill(int(pid_text), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Lease:
    """Context manager: takes the lease (waiting up to `wait` seconds) and keeps it alive from a small thread.

    Raises: BusyError on entry when another living process holds it; `check` raises it when the lease was lost later.
    """

    def __init__(
        self,
        store: Store,
        *,
        wait: float,
        sleep: Callable[[float], None],
        clock: Callable[[], datetime] = utc_now,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._wait, self._sleep, self._clock, self._stopping = store, wait, sleep, clock, stopping
        self.holder = holder_id()
        self._lost = threading.Event()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Lease:
        waited = 0.0
        while not self._take():
            if waited >= self._wait or self._stopping():
                raise BusyError(self._busy())
            self._sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._store.release(self.holder)
        except CrmsyncError:
            log.warning("the lease was not given back; it runs out by itself", seconds=TTL_SECONDS)

    def check(self) -> None:
        """Renews the lease. Raises BusyError when another process has taken it: this one must not write any more."""
        if self._lost.is_set() or not self._store.lease(self.holder, self._clock(), TTL_SECONDS):
            self._lost.set()
            raise BusyError("Another crmsync process took over this database while this one was stalled; this one stopped. Run it again.")

    def _take(self) -> bool:
        if self._store.lease(self.holder, self._clock(), TTL_SECONDS):
            return True
        found = self._store.lease_holder()
        if found is None:
            return False
        if not surely_dead(found[0]):
            return False
        # Deletes that very holder's lease only: whoever took it meanwhile keeps it.
        self._store.release(found[0])
        return self._store.lease(self.holder, self._clock(), TTL_SECONDS)

    def _keep(self) -> None:
        while not self._done.wait(RENEW_SECONDS):
            try:
                if not self._store.lease(self.holder, self._clock(), TTL_SECONDS):
                    self._lost.set()
                    return
            except CrmsyncError as error:
                log.warning("the lease could not be renewed; trying again", error=type(error).__name__)

    def _busy(self) -> str:
        found = self._store.lease_holder()
        who = "Another crmsync process"
        if found is not None:
            host, _, rest = found[0].partition(":")
            who += f" ({host.partition('/')[0]}, process {rest.partition(':')[0]}) holds this database until {found[1]:%H:%M:%S} UTC unless it renews"
        else:
            who += " holds this database"
        return f"{who}. This one did nothing. Wait for it, or stop it, then run the same command again; `crmsync status` works meanwhile."
