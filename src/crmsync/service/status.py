"""`crmsync status`: health, lag, budgets and counts, from what is stored; no CRM is contacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.model.event import CLOSED_STREAMS, DECIDED_UNDER
from crmsync.model.work import QUEUE
from crmsync.service.calendars_known import calendar_notes
from crmsync.service.lease import surely_dead
from crmsync.store import NOTES, Store
from crmsync.store.alerts import AlertCounts
from crmsync.store.obligations import OpenClocks

EVENTS = 20

LAST_CYCLE = "last_cycle"
LAST_GOOD = "last_good_cycle"
POLLED = "polled"
NAMED_SIGNALS = "named_signals"
"""Where the store keeps what the newest cycle did, the newest one without an error, when each object was last read to its end, and the types of
signals that the playbook in force names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """last_cycle, last_good: as `sync` remembers them, or None. lag_seconds: since the newest cycle without errors (None: never).

    records: crm -> object -> state -> number. activities: kind -> "known" and "waiting_for_person", "_filter", "_problem" -> number (companies
    and deals, too). polled: crm -> object -> when it was last read to its end. holder: the process that runs cycles now, None when none does. waiting: records to decide.
    without_email: crm -> live records for whom nobody is created elsewhere (empty unless asked for). open_writes: sent without an answer yet. events: (at, kind, text), newest first.
    erased: persons ever erased, the last one at erased_at. closed: crm -> list of events -> why it cannot be read. anew: (persons decided, all of
    them) of a pass over everybody after the rules changed, None while there is none. unknown_signals: type -> signals of it that no rule and
    no map names (None: not asked for, or no cycle has run). unverified: "domain" or "address" -> persons about whose it is still to be asked;
    verify_notes: the same -> why nobody is asked just now. alerts: those not sent yet, or never. clocks: kind of SLA clock -> how the open ones stand; those of kind "queue"
    are persons who wait for an owner. calendars: house owner id -> why their calendar could not be read.
    """

    at: datetime
    halted: str | None
    halted_at: datetime | None
    holder: str | None
    lag_seconds: float | None
    last_cycle: Mapping[str, Any] | None
    last_good: Mapping[str, Any] | None
    budgets: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Mapping[str, int]]]
    activities: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    polled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    persons: int
    without_email: Mapping[str, int]
    stages: Mapping[str, int]
    waiting: int
    open_writes: int
    problems: int
    conflicts: int
    next_due_at: datetime | None
    events: tuple[tuple[datetime, str, str], ...]
    erased: int = 0
    erased_at: datetime | None = None
    closed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    anew: tuple[int, int] | None = None
    unknown_signals: Mapping[str, int] | None = None
    unverified: Mapping[str, int] = field(default_factory=dict)
    verify_notes: Mapping[str, str] = field(default_factory=dict)
    alerts: AlertCounts = field(default_factory=AlertCounts)
    clocks: Mapping[str, OpenClocks] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)

    @property
    def queued(self) -> OpenClocks | None:
        """Persons who wait for an owner, by their clocks; None when nobody does, or `queue_within` is empty."""
        return self.clocks.get(QUEUE)

    @property
    def object_lags(self) -> dict[str, dict[str, float]]:
        """crm -> object -> seconds since it was last read to its end."""
        return {
            side: {object: max(0.0, (self.at - datetime.fromisoformat(at)).total_seconds()) for object, at in sorted(objects.items())}
            for side, objects in self.polled.items()
        }

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why all is not well; empty when it is."""
        found = []
        if self.halted is not None:
            found.append(f"halted for safety: {self.halted}")
        if self.last_cycle is None:
            found.append("no cycle has run yet")
        else:
            found += [f"{side}: {text}" for side, text in self.last_cycle.get("errors", {}).items() if text != self.halted]
            refused = self.last_cycle.get("playbook_refused")
            found += [refused] if refused else []
        return tuple(found)

    def json(self) -> dict[str, Any]:
        """The documented shape."""
        return {
            "at": self.at.isoformat(),
            "healthy": not self.reasons,
            "reasons": list(self.reasons),
            "halted": self.halted,
            "running": self.holder,
            "lag_seconds": self.lag_seconds,
            "last_cycle": self.last_cycle,
            "budgets": self.budgets,
            "records": self.records,
            "activities": self.activities,
            "object_lag_seconds": self.object_lags,
            "persons": self.persons,
            "without_email": self.without_email,
            "stages": self.stages,
            "waiting": self.waiting,
            "open_writes": self.open_writes,
            "problems": self.problems,
            "conflicts": self.conflicts,
            "next_due_at": None if self.next_due_at is None else self.next_due_at.isoformat(),
            "erased": {"persons": self.erased, "last_at": None if self.erased_at is None else self.erased_at.isoformat()},
            "contact_data": {"waiting": dict(self.unverified), "notes": dict(self.verify_notes)},
            "clocks": {
                kind: {
                    "running": c.running,
                    "at_risk": c.at_risk,
                    "paused": c.paused,
                    "breached": c.breached,
                    "oldest": c.oldest.isoformat(),
                }
                for kind, c in self.clocks.items()
            },
            "alerts": {
                "waiting": self.alerts.waiting,
                "failing": self.alerts.failing,
                "given_up": self.alerts.given_up,
                "oldest": None if self.alerts.oldest is None else self.alerts.oldest.isoformat(),
            },
            "calendars_not_read": dict(self.calendars),
            "deciding_anew": None if self.anew is None else {"decided": self.anew[0], "persons": self.anew[1]},
            "unknown_signals": None if self.unknown_signals is None else dict(self.unknown_signals),
            "lists_not_read": {side: dict(found) for side, found in self.closed.items()},
            "events": [{"at": at.isoformat(), "kind": kind, "text": text} for at, kind, text in self.events],
        }


def status(store: Store, *, now: datetime, real_now: datetime, thorough: bool = False) -> Status:
    """thorough: also what takes a look at every record or signal. now: on the clock that cycles run on. real_now: for the lease, which is about
    processes."""
    records: dict[str, dict[str, dict[str, int]]] = {}
    for (side, object, state), count in store.count_snapshots().items():
        records.setdefault(side, {}).setdefault(object, {})[state] = count
    activities: dict[str, dict[str, int]] = {}
    for (kind, why), count in sorted(store.twins.counts().items()):
        of = activities.setdefault(kind, {"known": 0})
        of["known"] += count
        if why:
            of[f"waiting_for_{why}"] = of.get(f"waiting_for_{why}", 0) + count
    halt, good = store.halt(), store.get(LAST_GOOD)
    erased, erased_at = store.forgotten.proofs()
    return Status(
        at=now,
        halted=None if halt is None else halt.message,
        halted_at=None if halt is None else halt.at,
        holder=_holder(store, real_now),
        lag_seconds=None if good is None else max(0.0, (now - datetime.fromisoformat(good["at"])).total_seconds()),
        last_cycle=store.get(LAST_CYCLE),
        last_good=good,
        budgets=store.get("budgets") or {},
        records=records,
        activities=activities,
        polled=store.get(POLLED) or {},
        persons=store.count_persons(),
        without_email=store.count_without_email() if thorough else {},
        stages=store.stage_counts(),
        waiting=store.dirty_count(),
        open_writes=store.journal.count_open(),
        problems=store.problems.count(),
        conflicts=store.conflicts.count(),
        next_due_at=store.next_due_at(),
        events=tuple(store.events(EVENTS)),
        erased=erased,
        erased_at=erased_at,
        closed=_closed_streams(store),
        anew=_anew(store),
        unknown_signals=_unknown(store) if thorough else None,
        unverified={kind: count for kind, count in store.answers.waiting(now).items() if count},
        verify_notes={kind: f"{found['note']}; asked again after {found['until']}" for kind, found in (store.get(NOTES) or {}).items()},
        alerts=store.alerts.counts(now),
        clocks=store.obligations.open_counts(now),
        calendars=calendar_notes(store),
    )


def _anew(store: Store) -> tuple[int, int] | None:
    found = store.get(DECIDED_UNDER)
    return None if found is None or found["after"] is None else (found["decided"], max(found["total"], found["decided"]))


def _unknown(store: Store) -> dict[str, int] | None:
    """The most frequent first."""
    named: list[str] | None = store.get(NAMED_SIGNALS)
    if named is None:
        return None
    found = [(type, count) for type, count in store.signals.types().items() if type not in set(named)]
    return dict(sorted(found, key=lambda row: (-row[1], row[0])))


def _closed_streams(store: Store) -> dict[str, dict[str, str]]:
    """side -> list of events -> why our credentials may not read it."""
    return {side: {name: row["why"] for name, row in found.items()} for side, found in (store.get(CLOSED_STREAMS) or {}).items() if found}


def _holder(store: Store, real_now: datetime) -> str | None:
    found = store.lease_holder()
    if found is None or found[1] <= real_now or surely_dead(found[0]):
        return None
    host, _, rest = found[0].partition(":")
    return f"{host.partition('/')[0]}, process {rest.partition(':')[0]}"
