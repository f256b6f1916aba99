"""Who they are, for many persons at once: conditions judged once per distinct value, fit rules and their groups, segments (S1, S5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crmsync.decide.canonical import moment
from crmsync.decide.condition import Lists, parts_of, passes
from crmsync.decide.frame import DAY, LONG_AGO, NEVER, Bools, Column, Floats, Frame, Ints, Longs, micros
from crmsync.model.condition import All, Condition, Happened, Not, Test
from crmsync.model.process import FitRule, Segment
from crmsync.model.record import Value

NOTHING = Column(values=(None,), codes=np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one test says of each distinct value of its field: yes or no, or from when until when (microseconds) for one that looks at the clock."""

    holds: Bools | None = None
    since: Longs | None = None
    until: Longs | None = None


Answers = Mapping[int, Judged]
"""By the identity of the test: True and 1 are equal in Python and different here."""


def answers(frame: Frame, conditions: Iterable[Condition], lists: Lists) -> Answers:
    """The tests of these conditions, judged for every distinct value. Good for any part of the frame, at any moment."""
    found: dict[int, Judged] = {}
    for test in (part for condition in conditions for part in parts_of(condition) if isinstance(part, Test)):
        if id(test) not in found:
            found[id(test)] = _judged(test, frame.facts.get(test.field, NOTHING).values, lists)
    return found


def holding(condition: Condition, frame: Frame, known: Answers, now: Longs) -> Bools:
    """For whom a condition holds; `condition.holds` says the same of one. frame: sorted. now: microseconds, one for each person."""
    if isinstance(condition, Test):
        judged, column = known[id(condition)], frame.facts.get(condition.field)
        if judged.holds is not None:
            return judged.holds[column.codes] if column is not None else np.full(frame.size, judged.holds[0])
        assert judged.since is not None
        assert judged.until is not None
        codes: Ints = column.codes if column is not None else np.zeros(frame.size, np.int32)
        since, until = judged.since[codes], judged.until[codes]
        past = (since > LONG_AGO) & (since <= now)
        return past & (now < until) if condition.op == "within" else past & (now >= until)
    if isinstance(condition, Happened):
        rows = named(frame, condition.signals)
        person, at = frame.person[rows], frame.at[rows]
        counted = at <= now[person]
        if condition.within_days is not None:
            counted &= now[person] < _end(at, condition.within_days)
        count = np.bincount(person[counted], minlength=frame.size)
        enough: Bools = count >= condition.at_least
        return enough if condition.at_most is None else enough & (count <= condition.at_most)
    if isinstance(condition, Not):
        return ~holding(condition.of, frame, known, now)
    every = isinstance(condition, All)
    found = np.full(frame.size, every)
    for part in condition.of:
        one = holding(part, frame, known, now)
        found = found & one if every else found | one
    return found


def turning(conditions: Iterable[Condition], frame: Frame, known: Answers, now: Longs, ahead: bool = True) -> Longs:
    """The earliest moment after `now` at which time alone may change what one of the conditions says, NEVER for never; as `condition.turns_at`.
    ahead=False: signals after `now` are not known yet."""
    found: Longs = np.full(frame.size, NEVER, np.int64)

    def take(at: Longs, person: Ints | None = None) -> None:
        if person is None:
            np.minimum(found, np.where(at > now, at, NEVER), out=found)
        else:
            later = at > now[person]
            np.minimum.at(found, person[later], at[later])

    for part in (part for condition in conditions for part in parts_of(condition)):
        if isinstance(part, Test):
            judged, column = known[id(part)], frame.facts.get(part.field)
            if judged.since is not None and judged.until is not None and column is not None:
                take(judged.since[column.codes])
                take(judged.until[column.codes])
        else:
            rows = named(frame, part.signals)
            person, at = frame.person[rows], frame.at[rows]
            if ahead:
                take(at, person)
            else:
                past = at <= now[person]
                person, at = person[past], at[past]
            if part.within_days is not None:
                take(_end(at, part.within_days), person)
    return found


def fit_of(frame: Frame, rules: Sequence[FitRule], known: Answers, now: Longs) -> tuple[Floats, Bools]:
    """(points per person, which rule counts for whom: rules x persons). Of one group the rule with the most points, the first of equals."""
    counts = np.zeros((len(rules), frame.size), np.bool_)
    groups: dict[str, list[int]] = {}
    for n, rule in enumerate(rules):
        counts[n] = holding(rule.when, frame, known, now)
        if rule.group is not None:
            groups.setdefault(rule.group, []).append(n)
    for members in groups.values():
        # Sorting is stable: the first of equals comes first.
        taken = np.zeros(frame.size, np.bool_)
        for n in sorted(members, key=lambda n: -rules[n].points):
            counts[n] &= ~taken
            taken |= counts[n]
    points: Floats = np.zeros(frame.size)
    for n, rule in enumerate(rules):
        points += rule.points * counts[n]
    return points, counts


def segment_of(frame: Frame, segments: Sequence[Segment], known: Answers, now: Longs) -> Longs:
    """The place of the first segment that fits each person; -1: none does."""
    found: Longs = np.full(frame.size, -1, np.int64)
    for n, segment in enumerate(segments):
        free = found < 0
        found[free & holding(segment.when, frame, known, now)] = n
    return found


def named(frame: Frame, signals: Iterable[str]) -> Longs:
    """Rows of the signals of these types, in order."""
    wanted = set(signals)
    codes = [n for n, name in enumerate(frame.types) if name in wanted]
    if not codes:
        return np.zeros(0, np.int64)
    found = frame.type == codes[0]
    for code in codes[1:]:
        found |= frame.type == code
    return np.flatnonzero(found)


def _judged(test: Test, values: Sequence[Value], lists: Lists) -> Judged:
    if test.op in ("within", "older_than"):
        days = float(test.value) if isinstance(test.value, int | float) and test.value == test.value else 0.0
        moments = [moment(v) for v in values]
        since = np.array([LONG_AGO if at is None else micros(at) for at in moments], np.int64)
        return Judged(since=since, until=np.where(since > LONG_AGO, _end(since, days), LONG_AGO))
    return Judged(holds=np.fromiter((passes(test, v, lists) for v in values), np.bool_, len(values)))


def _end(at: Longs, days: float) -> Longs:
    """The first moment at which `at` is more than `days` ago."""
    span = min(round(days * DAY), NEVER // 4)
    ends: Longs = at + (span + 1)
    return ends
