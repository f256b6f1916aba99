"""What crmsync remembers of the work on a person: clocks, touches, the cadence they are in, who was given them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

HANDOFF, RESPONSE, SQL, QUEUE = "handoff", "response", "sql", "queue"
"""Kinds of SLA clocks (A1, A2, R5)."""
MET, BREACHED, ENDED = "met", "breached", "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One SLA clock. kind and started_at name it for its person. minutes, working: the window. owner: house owner id in whose working time it runs (None:
    the playbook's). used: minutes that had run before `running_since`; running_since: since when it runs (None: it is paused or over). due_at: the deadline as things
    stand (None while paused). told: shares of the window about which the owner has heard. breached_at: the deadline that passed. late: noticed long after (A8).
    met_at: when what was owed was done; ended_at: when it stopped to matter (met, or the person left the stage). earlier: owners before this one, each until
    when, oldest first. covered: stretches, begun by now, in which somebody stood in for the owner (A7). All UTC."""

    kind: str
    started_at: datetime
    minutes: int
    working: bool = True
    owner: str | None = None
    used: float = 0.0
    running_since: datetime | None = None
    due_at: datetime | None = None
    told: tuple[float, ...] = ()
    paused: str = ""
    breached_at: datetime | None = None
    late: bool = False
    met_at: datetime | None = None
    ended_at: datetime | None = None
    ended: str = ""
    earlier: tuple[tuple[datetime, str | None], ...] = ()
    covered: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def open(self) -> bool:
        """Whether what it measures is still owed."""
        return self.ended_at is None and self.met_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One completed follow-up of a rep, proved by an activity in a CRM. twin_id: the activity's. at: when it happened (UTC). channel: call | email | social | meeting
    | other. owner: house owner id of the rep. outcome: of a call, as mapped ("connected"), else "". task_key: when it is one of our own tasks, its key."""

    twin_id: str
    at: datetime
    channel: str
    owner: str | None = None
    outcome: str = ""
    task_key: str = ""


TASK_OPEN, TASK_DONE, TASK_DELETED = "open", "done", "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSeen:
    """One of our own tasks as the CRMs show it. kind: FIRST_TOUCH, "touch" ... state: open | done | deleted; state_at: since when, as far as known (UTC)."""

    key: str
    kind: str
    owner: str | None
    due_at: datetime | None
    state: str = TASK_OPEN
    state_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CadenceRun:
    """The cadence a person is in, or was last in. started_at: the handoff. step: index of the touch that is next or under way. task_key: the open touch's task ("": not made
    yet). due_at: when that touch is due (UTC). last_at, last_channel: of the last touch that was made. skipped: indexes left out by rule. opened_at: since when
    the touch is open: what is logged counts for it from then on. counted: twin ids of activities that advanced it. replaced: a task whose touch was logged otherwise,
    taken back with the next one. unmailed: they had opted out, or their address took no mail, when it began. paused: why ("": it runs). ended_at, ended: when and why
    it is over."""

    name: str
    started_at: datetime
    step: int = 0
    task_key: str = ""
    due_at: datetime | None = None
    last_at: datetime | None = None
    paused: str = ""
    ended_at: datetime | None = None
    ended: str = ""
    skipped: tuple[int, ...] = ()
    opened_at: datetime | None = None
    last_channel: str = ""
    counted: tuple[str, ...] = ()
    replaced: str = ""
    unmailed: bool = False

    @property
    def active(self) -> bool:
        return self.ended_at is None


HANDED, REASSIGNED, BY_HAND, FROM_QUEUE, FELL_BACK, COVERED = "handoff", "reassigned", "hand", "queue", "fallback", "cover"
"""Why a person got an owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One change of owner (R8), kept for reports, caps and reassignment. owner, previous: house owner ids. cause: HANDED ... rule, pool: "" where none decided.
    mql_type, source: of the person then, for the compliance report."""

    person_id: str
    at: datetime
    owner: str
    previous: str | None = None
    cause: str = HANDED
    rule: str = ""
    pool: str = ""
    reason: str = ""
    mql_type: str = ""
    source: str = ""
