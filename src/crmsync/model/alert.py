"""Alerts (process.md H2, A4, A5, R5): what the admin wrote about them, and one alert as a decision asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

OWNER, MANAGER = "owner", "manager"
"""Whom an alert goes to, beside the names of channels."""
CHANNEL = "channel"
"""What the names of receivers begin with, beside OWNER and MANAGER."""
HOT_LEAD, AT_RISK, BREACH, NO_OWNER, QUEUE_LATE, REASSIGNED, POOL_USED_UP = (
    "hot_lead", "at_risk", "breach", "no_owner", "queue_late", "reassigned", "pool_used_up",
)  # fmt: skip
ALERT_KINDS = (HOT_LEAD, AT_RISK, BREACH, NO_OWNER, QUEUE_LATE, REASSIGNED, POOL_USED_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing somebody should hear of. kind: one of ALERT_KINDS. at: the moment that names its cause: kind, person and `at` give one alert for ever (law 9).
    title: one line. body: plain text. owner: house owner id of the rep it is about, None where nobody owns the person. late: told long after it happened."""

    kind: str
    at: datetime
    title: str
    body: str
    owner: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which nothing is sent but hot leads: minutes after local midnight of the receiver's zone, may cross midnight. days: 0 Monday - 6 Sunday that are
    quiet as a whole."""

    start: int
    end: int
    days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """to: kind of alert -> OWNER, MANAGER or names of channels. A channel's address is the setting CRMSYNC_ALERTS__<NAME>, never in a file; the address for OWNER and MANAGER is
    CRMSYNC_ALERTS__PERSON with {email} in it. channels: the names used. managers: house owner id of a rep -> that of their manager; manager: of everybody else.
    digest_over: more alerts than this for one address within digest_seconds are sent as one. quiet: None: never. escalation_task: a breach also is a native
    task of the manager, where they are a user. weekly: (weekday 0-6, minutes after midnight in time_zone, receivers) of the compliance report as a message."""

    to: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()
    managers: Mapping[str, str] = field(default_factory=dict)
    manager: str | None = None
    digest_over: int = 5
    digest_seconds: float = 60.0
    quiet: Quiet | None = None
    escalation_task: bool = True
    weekly_day: int | None = None
    weekly_minute: int = 480
    weekly_to: tuple[str, ...] = ()
    time_zone: str = "UTC"

    def manager_of(self, rep: str | None) -> str | None:
        """The rep's manager, None where nobody is named; nobody is their own."""
        found = self.managers.get(rep or "", self.manager)
        return found if found != rep else None


def address_for(kind: str, name: str) -> str:
    """The name of a receiver: kind OWNER or MANAGER with an e-mail address, or CHANNEL with its name."""
    return f"{kind}:{name}"


def person_of(address: str) -> str | None:
    """The e-mail address of the person that a receiver's name names; None of a channel."""
    kind, _, name = address.partition(":")
    return name if kind in (OWNER, MANAGER) else None
