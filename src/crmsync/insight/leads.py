"""What became of every lead that was handed over (process.md A9): its turns with reps, its touches, its end. Pure, over stored rows.

A lead begins with a handoff; a person handed over again later is another lead. Its first turn is the first rep's; with each reassignment by the router (R7) the next
one begins, with a response clock of its own. An owner changed by hand or a cover begins no turn: the clock goes on, and counts for whoever had it last.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.cadence import effort
from crmsync.decide.effort import NO_RESPONSE
from crmsync.decide.lifecycle import IN_WORK
from crmsync.decide.sla import REASSIGNED
from crmsync.decide.sla_facts import second
from crmsync.decide.text import one_line
from crmsync.model.link import StageEntry
from crmsync.model.work import HANDOFF, RESPONSE, Assignment, Touch
from crmsync.model.work import REASSIGNED as BY_ROUTER
from crmsync.store.obligations import Obligation

UNANSWERED = "cadence without an answer"
"""Why a lead was closed whose cadence ended so (L6)."""
_CODE = re.compile(r"(?:disposition \S+|replied \S+) \(([^()]+)\)")
_CADENCE = re.compile(r"cadence .* finished with no answer", re.DOTALL)
_DEAL = re.compile(r"deal (?:open|won|lost)\b")
_WORD = 60
"""Characters at most of a reason that is no code."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How the work on a lead ended. stage: where it went (nurture, disqualified, opportunity, customer ...). reason: the reason code, else what moved it, in words."""

    at: datetime
    stage: str
    reason: str

    @property
    def unanswered(self) -> bool:
        """Whether it was given up because nobody answered (A3)."""
        return self.reason in (NO_RESPONSE, UNANSWERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A lead in the hands of one rep. clock: its response clock. touches: made in this turn, whoever made them. passed_on: the router gave the lead to the next rep."""

    clock: Obligation
    touches: int = 0
    passed_on: bool = False

    def breached(self, now: datetime) -> bool:
        """Whether it was not answered in time. A deadline that passed while nobody looked counts, too."""
        clock = self.clock
        return clock.breached_at is not None or (self.open and clock.due_at is not None and clock.due_at < now)

    @property
    def open(self) -> bool:
        """Whether the first touch is still owed."""
        return self.clock.ended_at is None and self.clock.met_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One handoff and what followed. turns: at least one, in order. closing: None while it is in work."""

    person_id: str
    turns: tuple[Turn, ...]
    closing: Closing | None = None

    @property
    def handed_at(self) -> datetime:
        """When it was handed over (UTC)."""
        return self.turns[0].clock.started_at

    @property
    def touches(self) -> int:
        """Touches since the handoff, until the lead was closed."""
        return sum(turn.touches for turn in self.turns)


def leads_of(
    *,
    obligations: Iterable[Obligation],
    assignments: Iterable[Assignment],
    touches: Iterable[tuple[str, Touch]],
    courses: Mapping[str, Sequence[StageEntry]],
    end: datetime,
) -> list[Lead]:
    """The leads that were handed over before `end`, in the order of persons and time.

    obligations: all from the start of the period on, also after its end, oldest first. assignments, touches, courses: of the same time. What went on from a lead of before
    the period is left out.
    """
    given = list(obligations)
    handed = {(row.person_id, row.met_at) for row in given if row.kind == HANDOFF and row.met_at is not None}
    passed = {(row.person_id, row.at) for row in assignments if row.cause == BY_ROUTER}
    chains: dict[str, list[list[Obligation]]] = defaultdict(list)
    for row in given:
        if row.kind == RESPONSE:
            mine = chains[row.person_id]
            last = mine[-1][-1] if mine else None
            name = (row.person_id, row.started_at)
            follows = last is not None and last.ended == REASSIGNED and last.ended_at == row.started_at and name not in handed
            if not (follows or name in passed):
                mine.append([row])
            elif mine:
                mine[-1].append(row)
    made: dict[str, list[Touch]] = defaultdict(list)
    for person, touch in touches:
        made[person].append(touch)
    return [
        lead
        for person, mine in sorted(chains.items())
        for lead in _leads(person, mine, made.get(person, ()), courses.get(person, ()))
        if lead.handed_at < end
    ]


def _leads(person: str, chains: Sequence[Sequence[Obligation]], touches: Sequence[Touch], course: Sequence[StageEntry]) -> Iterator[Lead]:
    for index, chain in enumerate(chains):
        again = chains[index + 1][0].started_at if index + 1 < len(chains) else None
        closing = _closing(course, chain[0].started_at, again)
        until = again if closing is None else closing.at + _MINUTE  # CRMs tell whole seconds, and some whole minutes
        until = until if again is None or until is None else min(until, again)
        ends = [*(row.started_at for row in chain[1:]), until]
        turns = tuple(
            Turn(clock=row, touches=_effort(touches, row.started_at, stop), passed_on=place + 1 < len(chain))
            for place, (row, stop) in enumerate(zip(chain, ends, strict=True))
        )
        yield Lead(person_id=person, turns=turns, closing=closing)


def _effort(touches: Sequence[Touch], start: datetime, stop: datetime | None) -> int:
    """Touches from the second of `start` on, before that of `stop`."""
    since = second(start)
    last = None if stop is None else second(stop)
    found = [touch for touch in touches if touch.at >= since and (last is None or touch.at < last)]
    return len(found) if len(found) < 2 else effort(found, since)


def _closing(course: Sequence[StageEntry], since: datetime, until: datetime | None) -> Closing | None:
    """The first way out of the work on somebody since the handoff, before they were handed over again."""
    for entry in course:
        if entry.at < since or entry.previous not in IN_WORK or entry.stage in IN_WORK:
            continue
        return Closing(at=entry.at, stage=entry.stage, reason=reason_of(entry)) if until is None or entry.at <= until else None
    return None


def reason_of(entry: StageEntry) -> str:
    """The reason code that a transition tells; where none was given, its cause in words."""
    found = _CODE.match(entry.cause)
    if found is not None:
        return found[1]
    if _CADENCE.fullmatch(entry.cause):
        return UNANSWERED
    deal = _DEAL.match(entry.cause)
    if deal is not None:
        return deal[0]  # whose deal it was is no reason
    return one_line(entry.cause, _WORD)
