"""What follows a handoff, as the admin wrote it (process.md sections 6 and 7): SLA clocks, cadences, the one-digit reply, templates.

where: the file and line in which the admin wrote it; it takes no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crmsync.model.condition import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time: minutes, of the owner's working time or (working False) around the clock."""

    minutes: int
    working: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaRules:
    """handoff: from qualification to the handoff (A1). response: of a type without one of its own (A2). sql: from sql to the next completed touch
    (A2; None: no such clock). at_risk: shares of the window at which the owner hears of it, rising (A4). min_touches: completed touches before
    anybody is given up (A3; 0: any number). conversation_days: a reply or a booked meeting pauses the response clock for so long (A7; a meeting until it is
    over, when that is later). late_minutes: a breach noticed so long after it happened is marked late (A8)."""

    handoff: Window | None = Window(minutes=1440, working=False)
    response: Window = Window(minutes=480)
    sql: Window | None = None
    at_risk: tuple[float, ...] = (0.5, 0.8)
    min_touches: int = 8
    conversation_days: float = 5.0
    late_minutes: float = 15.0


CALL, EMAIL, SOCIAL, MEETING, OTHER = "call", "email", "social", "meeting", "other"
"""Channels of touches."""
ALWAYS, NO_CONNECT = "always", "no_connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One touch of a cadence. day: 1 is the day of the handoff. only: ALWAYS, or NO_CONNECT: left out when a call has connected since the handoff.
    template: name of the text in the task ("": none). remind_minutes: before the due time, where the CRM has reminders (None: none)."""

    day: int
    channel: str
    action: str = ""
    template: str = ""
    only: str = ALWAYS
    priority: str = "normal"
    remind_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """A schedule of touches (C1, C2); the first cadence whose types and condition fit is the person's. types: MQL types (empty: all). working_days: days
    count the owner's working days, else calendar days (what falls on a day off moves to the next working time). horizon_minutes: a task is made so long before
    it is due (C3). answer_days: after the last touch, before the cadence counts as finished without an answer (L6). The first step is the handoff's own task."""

    name: str
    steps: tuple[Step, ...]
    types: tuple[str, ...] = ()
    when: Condition | None = None
    working_days: bool = False
    horizon_minutes: int = 1440
    answer_days: float = 3.0
    where: str = field(default="", compare=False)


EXPECTED = "expected_amount"
"""The fact that conditions of cadences can name beside those of persons, companies and deals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a deal with somebody like this is expected to bring (C2), in the money of the CRMs' deals. The first whose condition holds counts (None: everybody's)."""

    amount: float
    when: Condition | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRule:
    """What a reply that begins with one digit means (C4, "1 next quarter, 2 went another way, 3 stop"). reason: the reason code it stands for (None: none). opt_out:
    no more e-mail, in every CRM (G1)."""

    digit: str
    reason: str | None = None
    opt_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text for tasks (C4), Jinja2 source as in mappings/templates/NAME.LOCALE.txt. variants: locale ("": the one without) -> (subject source, body source).
    needs: merge fields that block the text when they are empty; any other empty one falls back to what the template gives."""

    name: str
    variants: Mapping[str, tuple[str, str]]
    needs: frozenset[str] = frozenset()
    where: str = field(default="", compare=False)
