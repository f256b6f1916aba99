"""`crmsync sync`: cycles until nothing is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from crmsync.connect import Connector
from crmsync.engine.cycle import Objects, Report, cycle
from crmsync.errors import BusyError, ConfigError, CrmsyncError, HaltError
from crmsync.service.aside import Aside
from crmsync.service.lease import SYNC_WAITS, Lease
from crmsync.service.retention import forget_daily
from crmsync.service.signals import named_signals
from crmsync.service.status import LAST_CYCLE, LAST_GOOD, NAMED_SIGNALS, POLLED
from crmsync.service.workspace import Workspace
from crmsync.store import Store

MAX_CYCLES = 25
TELL_SECONDS = 20.0
"""How long a process that ends waits for alerts on their way."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class SyncResult:
    """Totals of one `sync`. read, written, api_calls: per side. refresh_calls: those of the api_calls that reading the account, users and schemas took:
    once an hour, or as soon as something does not fit what is known of them. problems, conflicts: standing in the store afterwards.

    errors: side ("" for the whole run) -> what stopped it. more: something was still due when the bound of cycles was reached.
    """

    cycles: int = 0
    read: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    api_calls: dict[str, int] = field(default_factory=dict)
    refresh_calls: dict[str, int] = field(default_factory=dict)
    problems: int = 0
    conflicts: int = 0
    halted: str | None = None
    errors: dict[str, CrmsyncError] = field(default_factory=dict)
    more: bool = False
    decided: int = 0

    @property
    def exit_code(self) -> int:
        """0 done, 1 with problems or conflicts, else that of what stopped it: halt, then configuration, then unreachable."""
        if self.halted is not None:
            return HaltError.exit_code
        codes = {error.exit_code for error in self.errors.values()}
        for code in (2, 4):
            if code in codes:
                return code
        return 1 if codes or self.problems or self.conflicts or self.more else 0

    def json(self) -> dict[str, Any]:
        """The documented shape (interface.md) and what came later."""
        return {
            "cycles": self.cycles,
            "read": self.read,
            "written": self.written,
            "api_calls": self.api_calls,
            "refresh_calls": self.refresh_calls,
            "problems": self.problems,
            "conflicts": self.conflicts,
            "halted": self.halted,
            "decided": self.decided,
            "more": self.more,
            "errors": {side or "crmsync": str(error) for side, error in self.errors.items()},
        }


def sync(workspace: Workspace, *, max_cycles: int = MAX_CYCLES, wait: float = SYNC_WAITS) -> SyncResult:
    """Runs cycles while the engine says that more is due. Expected troubles end it and stand in the result.

    Raises: BusyError when another process holds the database; ConfigError before anything was read.
    """
    result = SyncResult(read=dict.fromkeys(workspace.connectors, 0), written=dict.fromkeys(workspace.connectors, 0))
    aside = Aside()
    aside.prepare(workspace)
    with workspace.lease(wait=wait) as lease:
        try:
            _cycles(workspace, lease, result, max_cycles)
            _listen(workspace, lease, result, aside)
        except HaltError as error:
            result.halted = str(error)
        except BusyError:
            raise
        except CrmsyncError as error:
            result.errors[str(getattr(error, "side", None) or "")] = error
        finally:
            result.api_calls = workspace.api_calls()
            _tell(workspace, aside)
            aside.close()
        result.problems, result.conflicts = workspace.store.problems.count(), workspace.store.conflicts.count()
    for failure in result.errors.values():
        if result.cycles == 0 and isinstance(failure, ConfigError) and not hasattr(failure, "side"):
            raise failure
    return result


def _listen(workspace: Workspace, lease: Lease, result: SyncResult, aside: Aside) -> None:
    """Asks what is not known of contact data and reads calendars that are due, waits a little for it, and decides about those whom an answer concerns."""
    if result.errors:
        return
    woken = aside.step(workspace, wait=workspace.playbook.gate.mx_seconds)
    while woken and not result.errors and not result.more:
        _cycles(workspace, lease, result, result.cycles + MAX_CYCLES, only={})
        woken = aside.step(workspace, ask=False)


def _tell(workspace: Workspace, aside: Aside) -> None:
    """Sends the alerts that are due before the process ends; what could not be sent waits for the next one."""
    try:
        aside.tell(workspace, wait=TELL_SECONDS)
    except CrmsyncError as error:
        log.warning("alerts wait for the next run", error=str(error)[:200])


def _cycles(workspace: Workspace, lease: Lease, result: SyncResult, max_cycles: int, *, only: Objects | None = None) -> None:
    result.more, anew = True, False
    while result.more and (result.cycles < max_cycles or anew):
        lease.check()
        report = one_cycle(workspace, only=only)
        result.cycles += 1
        for side, pulled in report.pulled.items():
            result.read[side] += pulled.read
        for side, done in report.sent.done.items():
            result.written[side] += done
        for side, calls in report.refresh_calls.items():
            result.refresh_calls[side] = result.refresh_calls.get(side, 0) + calls
        result.decided += report.decided
        result.errors = dict(report.errors)
        result.more, only, anew = report.more, report.touched, report.anew


def decide_waiting(workspace: Workspace) -> Report:
    """Decides and delivers what waits, without asking any CRM what changed: for news that did not come from one. Raises what the engine raises."""
    return cycle(workspace.world, workspace.clock(), everything=False, only={})


def one_cycle(workspace: Workspace, *, everything: bool = True, only: Objects | None = None) -> Report:
    """One engine cycle at the workspace's `now`; what it did is remembered for `status`. everything: polls all objects, else the rarer ones in
    turn. only: no more than these objects, as the cycle right before asked for. Raises what the engine raises.

    A look at everything is made by processes that start and end, perhaps every minute: it spares calls."""
    now = workspace.clock()
    calls = {side: connector.calls() for side, connector in workspace.connectors.items()}
    try:
        report = cycle(workspace.world, now, everything=everything, sparing=everything, only=only)
    except Exception as error:
        remember(workspace, now, error=error, before=calls)
        raise
    remember(workspace, now, report=report, before=calls)
    forget_daily(workspace.store, workspace.playbook.retention, now)
    return report


def remember(
    workspace: Workspace, now: datetime, *, before: dict[str, int], report: Report | None = None, error: Exception | None = None
) -> None:
    """Stores what the newest cycle did and each CRM's budget, for `status` and the status page. A dead database is left to the caller."""
    errors = {} if report is None else {side: str(e) for side, e in report.errors.items()}
    if error is not None:
        told = str(error) if isinstance(error, CrmsyncError) else f"a cycle failed unexpectedly ({type(error).__name__}); it is tried again"
        errors[str(getattr(error, "side", None) or "crmsync")] = told
    row: dict[str, Any] = {
        "at": now.isoformat(),
        "read": {} if report is None else {side: pulled.read for side, pulled in report.pulled.items()},
        "written": {} if report is None else dict(report.sent.done),
        "decided": 0 if report is None else report.decided,
        "api_calls": {side: c.calls() - before[side] for side, c in workspace.connectors.items()},
        "errors": errors,
        "playbook_refused": workspace.refused,
    }
    budgets = {side: _budget(connector) for side, connector in workspace.connectors.items()}
    polled = {} if report is None else {side: dict.fromkeys(pulled.objects, now.isoformat()) for side, pulled in report.pulled.items()}
    _store(
        workspace.store,
        row,
        {side: b for side, b in budgets.items() if b is not None},
        errors,
        polled,
        sorted(named_signals(workspace.playbook)),
    )


def _store(
    store: Store, row: dict[str, Any], budgets: dict[str, Any], errors: dict[str, str], polled: dict[str, dict[str, str]], named: list[str]
) -> None:
    try:
        with store.begin():
            store.put(LAST_CYCLE, row)
            if not errors:
                store.put(LAST_GOOD, row)
            if store.get(NAMED_SIGNALS) != named:
                store.put(NAMED_SIGNALS, named)
            known = store.get(POLLED) or {}
            store.put(POLLED, {**known, **{side: {**known.get(side, {}), **objects} for side, objects in polled.items()}})
            store.put("budgets", {**(store.get("budgets") or {}), **budgets})
    except CrmsyncError:
        return


def _budget(connector: Connector) -> dict[str, int | None] | None:
    try:
        budget = connector.budget()
    except CrmsyncError:
        return None
    return None if budget.used is None and budget.limit is None else {"used": budget.used, "limit": budget.limit}
