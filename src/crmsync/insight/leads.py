"""What became of every lead that was handed over (process.md A9): its turns with reps, its touches, its end. Pure, over stored rows.

A lead begins with a handoff; a person handed over again later is another lead. Its first turn is the first rep's; with each reassignment by the router (R7) the next
one begins, with a response clock of its own. An owner changed by hand or a cover begins no turn: the clock goes on, and counts for whoever had it last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from crmsync.decide.cadence import SAME, effort
from crmsync.decide.effort import NO_RESPONSE
from crmsync.decide.text import one_line
from crmsync.model.link import StageEntry
from crmsync.model.work import Touch
from crmsync.store.codec import micros, moment
from crmsync.store.obligations import Promised

UNANSWERED = "cadence without an answer"
"""Why a lead was closed whose cadence ended so (L6)."""
_CODE = re.compile(r"(?:disposition \S+|replied \S+) \(([^()]+)\)")
_CADENCE = re.compile(r"cadence .* finished with no answer", re.DOTALL)
_DEAL = re.compile(r"deal (?:open|won|lost)\b")
_WORD = 60
"""Characters at most of a reason that is no code."""
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_SAME = round(SAME / timedelta(microseconds=1))
Mark = tuple[str, int, str, str]
"""A touch for counting: person, when (microseconds since 1970 UTC), channel, key of our own task or ""."""


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


class Turn(NamedTuple):
    """A lead in the hands of one rep. clock: its response clock. touches: made in this turn, whoever made them. passed_on: the router gave the lead to the next rep."""

    clock: Promised
    touches: int = 0
    passed_on: bool = False


class Lead(NamedTuple):
    """One handoff and what followed. turns: at least one, in order. closing: None while it is in work."""

    person_id: str
    turns: tuple[Turn, ...]
    closing: Closing | None = None

    @property
    def handed_at(self) -> int:
        """When it was handed over (microseconds since 1970 UTC)."""
        return self.turns[0].clock.started_at

    @property
    def touches(self) -> int:
        """Touches since the handoff, until the lead was closed."""
        return sum(turn.touches for turn in self.turns)


def leads_of(
    *,
    clocks: Iterable[Promised],
    passed_on: Set[tuple[str, int]],
    touches: Iterable[Mark],
    ways_out: Mapping[str, Sequence[StageEntry]],
    end: datetime,
) -> list[Lead]:
    """The leads that were handed over before `end`, in the order of persons and time.

    clocks: response clocks from the start of the period on, also after its end, oldest first. passed_on: (person, when in microseconds) of reassignments by the router, touches: both of the
    same time. ways_out: person -> transitions out of the work on them, oldest first. What went on from a lead of before the period is left out.
    """
    chains: dict[str, list[list[Promised]]] = {}
    for row in clocks:
        mine = chains.get(row.person_id)
        if (row.person_id, row.started_at) not in passed_on:
            if mine is None:
                chains[row.person_id] = [[row]]
            else:
                mine.append([row])
        elif mine is not None:
            mine[-1].append(row)
    limit = micros(end)
    made: dict[str, list[Mark]] = {person: [] for person in chains}
    for mark in touches:
        theirs = made.get(mark[0])
        if theirs is not None:
            theirs.append(mark)
    return [
        lead
        for person, mine in sorted(chains.items())
        for lead in _leads(person, mine, made[person], ways_out.get(person, ()))
        if lead.handed_at < limit
    ]


def _leads(person: str, chains: Sequence[Sequence[Promised]], touches: Sequence[Mark], ways_out: Sequence[StageEntry]) -> Iterator[Lead]:
    for index, chain in enumerate(chains):
        again = chains[index + 1][0].started_at if index + 1 < len(chains) else None
        closing = _closing(ways_out, chain[0].started_at, again) if ways_out else None
        until = again if closing is None else micros(closing.at) + _MINUTE  # CRMs tell whole seconds, and some whole minutes
        until = until if again is None or until is None else min(until, again)
        last = len(chain) - 1
        if last == 0:
            row = chain[0]
            yield Lead(person, (Turn(row, _effort(touches, row.started_at, until) if touches else 0),), closing)
            continue
        turns: list[Turn] = []
        for place, row in enumerate(chain):
            stop = chain[place + 1].started_at if place < last else until
            turns.append(Turn(clock=row, touches=_effort(touches, row.started_at, stop) if touches else 0, passed_on=place < last))
        yield Lead(person_id=person, turns=tuple(turns), closing=closing)


def _effort(touches: Sequence[Mark], start: int, stop: int | None) -> int:
    """Touches from the second of `start` on, before that of `stop`; a task done and the same thing logged are one."""
    first = start // _SECOND * _SECOND
    if stop is None:
        found = [mark for mark in touches if mark[1] >= first]
    else:
        last = stop // _SECOND * _SECOND
        found = [mark for mark in touches if first <= mark[1] < last]
    tasks = [mark for mark in found if mark[3]]
    if len(tasks) in (0, len(found)):
        return len(found)
    logged = [mark for mark in found if not mark[3]]
    if not any(task[2] == log[2] and abs(task[1] - log[1]) <= _SAME for task in tasks for log in logged):
        return len(found)  # nothing is near enough to be one: most are days apart
    return effort([Touch(twin_id="", at=moment(at), channel=channel, task_key=task) for _, at, channel, task in found], moment(first))


def _closing(ways_out: Sequence[StageEntry], since: int, until: int | None) -> Closing | None:
    """The first way out of the work on somebody since the handoff, before they were handed over again."""
    entry = next((entry for entry in ways_out if micros(entry.at) >= since), None)
    if entry is None or (until is not None and micros(entry.at) > until):
        return None
    return Closing(at=entry.at, stage=entry.stage, reason=reason_of(entry))


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
