"""`crmsync forget EMAIL`: erases everything crmsync holds of a person. No CRM is contacted, and nothing changes in any."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.engine.forget import ASKED, compact, erase_email
from crmsync.errors import BusyError, ConfigError
from crmsync.model.rules import Playbook
from crmsync.service.lease import LOOK_SECONDS, Lease
from crmsync.store import Store

DAEMON_WAITS = 120.0
"""Seconds given to a process that runs the cycles: it erases at the beginning of its next one."""
ERASED, ALREADY, UNKNOWN, ASKED_FOR = "erased", "already_erased", "unknown", "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held under an address. records: (CRM, object, id, state). erased_at: when the address was erased before (UTC)."""

    persons: int = 0
    records: tuple[tuple[str, str, str, str], ...] = ()
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgot:
    """What became of a request. outcome: ERASED | ALREADY | UNKNOWN | ASKED_FOR (another process will do it). counts: rows by kind.
    left: records that stay live in their CRMs, as in Held."""

    outcome: str
    at: datetime | None = None
    email_hash: str = ""
    persons: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    left: tuple[tuple[str, str, str, str], ...] = ()

    def json(self) -> dict[str, Any]:
        """The documented shape."""
        return {
            "outcome": self.outcome,
            "at": None if self.at is None else self.at.isoformat(),
            "email_hash": self.email_hash or None,
            "persons": self.persons,
            "erased": self.counts,
            "left": [{"crm": crm, "object": object, "record_id": id} for crm, object, id, _ in self.left],
        }


def folded(email: str) -> str:
    """The address as it is stored. Raises: ConfigError when it is none."""
    found = email.strip().lower()
    if "@" not in found:
        raise ConfigError(f"{email.strip()!r} is no e-mail address. Nothing was erased.")
    return found


def erased_at(store: Store, email: str) -> datetime | None:
    """When that address was erased (UTC); None: never."""
    return store.forgotten.known(emails=[email.strip().lower()])[1].get(email.strip().lower())


def look_up(store: Store, email: str) -> Held:
    """What there is to erase."""
    found = store.forgotten.records_of(folded(email))
    people = {snapshot.person_id for snapshot in found if snapshot.person_id is not None}
    mine = {snapshot.ref: snapshot for snapshot in found}
    mine.update({s.ref: s for records in store.snapshots_of(sorted(people)).values() for s in records})
    return Held(
        persons=len(people) + any(snapshot.person_id is None for snapshot in found),
        records=tuple((ref.side, ref.object, ref.id, mine[ref].state.value) for ref in sorted(mine)),
        erased_at=erased_at(store, email),
    )


def forget(
    store: Store,
    playbook: Playbook,
    email: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
    waits: float = DAEMON_WAITS,
) -> Forgot:
    """Erases at once, or has the process that runs the cycles do it and waits for that (real seconds).

    Nobody known: what was erased before is told, nothing else happens. Raises: ConfigError for what is no address."""
    address = folded(email)
    held = look_up(store, address)
    if not held.records and not store.signals.waiting([address]):
        return _nothing_held(store, address, held)
    persons = frozenset((side, object) for side, objects in playbook.person.objects.items() for object in objects)
    try:
        with Lease(store, wait=0, sleep=sleep):
            done = erase_email(store, address, persons, clock())
            compact(store)
    except BusyError:
        return _ask(store, address, held, sleep, waits)
    counts: dict[str, int] = {}
    for one in done:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
    return _erased(store, address, held, counts)


def _nothing_held(store: Store, address: str, held: Held) -> Forgot:
    if held.erased_at is None:
        return Forgot(outcome=UNKNOWN)
    return Forgot(outcome=ALREADY, at=held.erased_at, email_hash=store.forgotten.email_hash(address))


def _erased(store: Store, address: str, held: Held, counts: dict[str, int]) -> Forgot:
    return Forgot(
        outcome=ERASED, at=erased_at(store, address), email_hash=store.forgotten.email_hash(address), persons=held.persons, counts=counts,
        left=tuple(row for row in held.records if row[3] == "live"),
    )  # fmt: skip


def _ask(store: Store, address: str, held: Held, sleep: Callable[[float], None], waits: float) -> Forgot:
    with store.begin():
        store.put(ASKED, sorted({*(store.get(ASKED) or []), address}))
    waited = 0.0
    while waited < waits:
        if address not in (store.get(ASKED) or []):
            return _erased(store, address, held, {})
        sleep(LOOK_SECONDS)
        waited += LOOK_SECONDS
    return Forgot(outcome=ASKED_FOR, persons=held.persons, left=tuple(row for row in held.records if row[3] == "live"))
