"""Many persons as columns: what the scorer reads, the same for one person and for ten million.

Facts are dictionary-encoded: each distinct value once, and per person its number, so that a test is judged once per distinct value. Signals are three
arrays: whose, which type, when. Moments are microseconds since 1970 UTC (int64), so that a window ends where it does for datetimes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from crmsync.decide.condition import parts_of
from crmsync.decide.signals import unique
from crmsync.model.condition import Condition, Test
from crmsync.model.link import Signal, SignalSource
from crmsync.model.record import Fields, Value

Ints = npt.NDArray[np.integer[Any]]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400 * SECOND
"""Microseconds."""
NEVER = int(np.iinfo(np.int64).max)
LONG_AGO = int(np.iinfo(np.int64).min // 4)
"""Stands for "not at all" where a latest moment is sought; a difference to it does not overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person to be scored. facts: house fields and inputs; signals: in any order, doubled ones count once (S12); now: UTC.

    colleagues: the sum of the behaviour points of the others of their account (S7). recycled_at: when they last went back to nurture (L6)."""

    facts: Fields
    signals: Sequence[Signal]
    now: datetime
    colleagues: float = 0.0
    recycled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field of many persons. codes[i] is the place of person i's value in `values`."""

    values: Sequence[Value]
    codes: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`size` persons, numbered from 0. A field that is not among `facts` is empty for all.

    types: names of signal types; type: numbers into them. person, type, at: one row per signal, each event once. starts: where each person's rows
    begin, and the end, when the rows are sorted by person and time; None: they are not. timely: they are in the order of time. colleagues, recycled: as Subject has them, recycled
    in microseconds, LONG_AGO for never; None: nobody has any.
    """

    size: int
    facts: Mapping[str, Column] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    person: Ints
    type: Ints
    at: Longs
    starts: Longs | None = None
    timely: bool = False
    colleagues: Floats | None = None
    recycled: Longs | None = None

    def part(self, first: int, last: int, rows: Longs | None = None) -> Frame:
        """Persons first <= i < last, numbered anew from 0, their signals sorted. rows: which signals are theirs; needed when they are in any
        order."""
        if self.starts is not None:
            low, high = self.starts[first], self.starts[last]
            person, kind, at = self.person[low:high], self.type[low:high], self.at[low:high]
            if first:
                person = person - np.int32(first)
            starts = self.starts[first : last + 1] - low
        else:
            person, kind, at, starts = self._sorted(first, last, rows)
        return replace(
            self,
            size=last - first,
            facts={name: Column(values=c.values, codes=c.codes[first:last]) for name, c in self.facts.items()},
            person=person,
            type=kind,
            at=at,
            starts=starts,
            colleagues=None if self.colleagues is None else self.colleagues[first:last],
            recycled=None if self.recycled is None else self.recycled[first:last],
        )

    def _sorted(self, first: int, last: int, rows: Longs | None) -> tuple[Ints, Ints, Longs, Longs]:
        """(person, type, at, starts) of these persons, by person, then time."""
        if not self.timely:
            by_time = np.argsort(self.at if rows is None else self.at[rows])
            rows = by_time if rows is None else rows[by_time]
        person = (self.person if rows is None else self.person[rows]) - np.int32(first)
        # Stable, so the order of time stays. Numbers of 16 bits are sorted by counting them, in a fraction of the time of comparing.
        order = np.argsort(person.astype(np.uint16) if last - first <= 1 << 16 else person, kind="stable")
        rows = order if rows is None else rows[order]
        starts = _starts(last - first, person)
        return np.repeat(np.arange(last - first, dtype=np.int32), np.diff(starts)), self.type[rows], self.at[rows], starts

    def parts(self, persons: int) -> Iterator[tuple[int, int, Longs | None]]:
        """Arguments for `part` that cut the frame into pieces of so many persons."""
        edges = range(0, self.size, persons)
        if self.starts is not None or len(edges) == 1:
            yield from ((a, min(a + persons, self.size), None) for a in edges)
            return
        order = np.argsort((self.person // persons).astype(np.uint16 if len(edges) <= 1 << 16 else np.uint32), kind="stable")
        ends = np.cumsum(np.bincount(self.person // persons, minlength=len(edges)))
        for n, a in enumerate(edges):
            yield a, min(a + persons, self.size), order[ends[n - 1] if n else 0 : ends[n]]

    def arranged(self) -> Frame:
        """The same with the signals sorted by person and time."""
        return self if self.starts is not None else self.part(0, self.size)

    def take(self, persons: Ints) -> Frame:
        """A frame of these persons in this order; one may be named several times (to be scored at several moments). Memory: as many signals as
        they have together."""
        whole = self.arranged()
        assert whole.starts is not None
        low, counts = whole.starts[persons], whole.starts[np.asarray(persons) + 1] - whole.starts[persons]
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        rows = np.arange(starts[-1]) + np.repeat(low - starts[:-1], counts)
        return replace(
            whole,
            size=len(persons),
            facts={name: Column(values=c.values, codes=c.codes[persons]) for name, c in whole.facts.items()},
            person=np.repeat(np.arange(len(persons), dtype=np.int32), counts),
            type=whole.type[rows],
            at=whole.at[rows],
            starts=starts,
            colleagues=None if whole.colleagues is None else whole.colleagues[persons],
            recycled=None if whole.recycled is None else whole.recycled[persons],
        )


def frame_of(subjects: Sequence[Subject], conditions: Iterable[Condition]) -> Frame:
    """The frame of these persons, to judge these conditions; signals that are told twice are left out (S12)."""
    numbers: dict[str, int] = {}
    person: list[int] = []
    kinds: list[int] = []
    moments: list[int] = []
    for n, subject in enumerate(subjects):
        signals, at = subject.signals, [micros(s.at) for s in subject.signals]
        if _may_repeat(signals, at):
            signals = unique(signals)
            at = [micros(s.at) for s in signals]
        person += [n] * len(signals)
        kinds += [numbers.setdefault(s.type, len(numbers)) for s in signals]
        moments += at
    return frame_from(
        size=len(subjects),
        facts={name: encoded([s.facts.get(name) for s in subjects], ops) for name, ops in looks(conditions).items()},
        types=tuple(numbers),
        person=np.array(person, np.int32),
        type=np.array(kinds, np.int32),
        at=np.array(moments, np.int64),
        colleagues=np.array([s.colleagues for s in subjects], np.float64),
        recycled=np.array([LONG_AGO if s.recycled_at is None else micros(s.recycled_at) for s in subjects], np.int64),
    )


def _may_repeat(signals: Sequence[Signal], at: Sequence[int]) -> bool:
    """Whether `unique` may leave one out. What it takes for one event has one id, or one moment, or is an activity."""
    count = len(signals)
    return len(set(at)) < count or len({s.event_id for s in signals}) < count or SignalSource.ACTIVITY in {s.source for s in signals}


def frame_from(
    *,
    size: int,
    facts: Mapping[str, Column],
    types: Sequence[str],
    person: Ints,
    type: Ints,
    at: Longs,
    colleagues: Floats | None = None,
    recycled: Longs | None = None,
) -> Frame:
    """A frame of arrays as they come, each event once. Signals in any order; whether they are sorted already is found out."""
    person = person.astype(np.int32, copy=False)
    starts: Longs | None = None
    timely = bool(np.all(at[1:] >= at[:-1]))
    if bool(np.all((person[1:] > person[:-1]) | ((person[1:] == person[:-1]) & (at[1:] >= at[:-1])))):
        starts = _starts(size, person)
    return Frame(
        size=size,
        facts=facts,
        types=tuple(types),
        person=person,
        type=type.astype(np.int16 if len(types) < 1 << 15 else np.int32, copy=False),
        at=at,
        starts=starts,
        timely=timely,
        colleagues=colleagues,
        recycled=recycled if recycled is not None and bool(np.any(recycled > LONG_AGO)) else None,
    )


def looks(conditions: Iterable[Condition]) -> dict[str, frozenset[str]]:
    """House fields that these conditions look at -> the operators they do it with."""
    found: dict[str, frozenset[str]] = {}
    for part in (part for condition in conditions for part in parts_of(condition)):
        if isinstance(part, Test):
            found[part.field] = found.get(part.field, frozenset()) | {part.op}
    return found


def encoded(values: Sequence[Value], ops: Collection[str] = ()) -> Column:
    """Values of one field, person by person, as a column; True and 1 stay apart. ops: the operators that will look at it, when they are known: where only
    the domain of an address is looked at, nothing else of it is kept, so that the distinct values are few."""
    if ops and set(ops) == {"domain_in"}:
        values = [v[v.rindex("@") :] if isinstance(v, str) and "@" in v else v for v in values]
    kinds = set(map(type, values))
    keys: Sequence[object] = values
    if bool in kinds and len(kinds) > 1:
        keys = [(v,) if isinstance(v, bool) else v for v in values]
    numbers: defaultdict[Any, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # the next number for what is new
    codes = np.fromiter(map(numbers.__getitem__, keys), np.int32, len(values))
    return Column(values=[key[0] if isinstance(key, tuple) else key for key in numbers], codes=codes)


def micros(at: datetime) -> int:
    """A moment as microseconds since 1970 UTC, exactly."""
    apart = at - EPOCH
    return (apart.days * 86_400 + apart.seconds) * SECOND + apart.microseconds


def moment_of(at: int) -> datetime | None:
    """The UTC datetime of microseconds since 1970; None for NEVER and for what no datetime can say."""
    try:
        return None if at == NEVER else EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return None


def _starts(size: int, person: Ints) -> Longs:
    starts: Longs = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(person, minlength=size), out=starts[1:])
    return starts
