"""What they did, for many persons at once: each rule's points now, and as functions of the time to come (S1-S3, S7, L6).

    behavior(t) = sum over gains of points(t) * (1 - inactivity_loss) ** (idle days / inactivity_days)
                + sum over losses of points(t) + inactive_points once idle for inactive_after_days + what colleagues add
    points(t)   = within max_points: sum of hits * 0.5 ** (age / half-life) + recycle_factor * the same of hits up to the last recycling

Gains are rules with more than 0 points, losses those with fewer. Inactivity softens gains only: what counts against a person is not forgiven for
staying away (a half-life on a loss does fade it). Idle is the time since the last signal that a gain names, or, without any, since the last that any
rule names; nobody is idle who never did anything. A signal dated in the future (a wrong clock) counts as happening now until its time has come.
Signals that no rule names are as if they were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from crmsync.decide.frame import DAY, LONG_AGO, SECOND, Bools, Floats, Frame, Ints, Longs, micros
from crmsync.decide.score_fit import named
from crmsync.model.process import BehaviorRule, ScoreRules

NONE: Longs = np.zeros((0, 0), np.int64)


@dataclass(slots=True, kw_only=True)
class Curve:
    """Persons' behaviour as functions of seconds from now. Arrays of rules x persons, in the order of the playbook.

    gain: which rules are gains. held: points of hits dated in the future; fresh, old: decayed points of hits after and up to the last recycling (old None: nobody was recycled).
    rate: minus one over the half-life in seconds, 0 for none. cap: most points of a rule, either way. idle: seconds, -inf for nobody who ever did
    anything; below 0 when the last signal is dated in the future. steady: points that do not depend on time (colleagues). until: seconds to
    the next signal dated in the future, inf for none. hits, newest: what the points were given for, newest in microseconds.
    """

    rules: ScoreRules
    gain: Bools
    held: Floats
    fresh: Floats
    old: Floats | None
    rate: Floats
    cap: Floats
    idle: Floats
    steady: Floats
    until: Floats
    hits: Longs
    newest: Longs

    def pick(self, who: Bools | Longs) -> Curve:
        """The curves of these persons, without the rules that give none of them anything; for sums only."""
        held, fresh = self.held[:, who], self.fresh[:, who]
        old = None if self.old is None else self.old[:, who]
        some = held.any(axis=1) | fresh.any(axis=1)
        if old is not None:
            some |= old.any(axis=1)
        return Curve(
            rules=self.rules,
            gain=self.gain[some],
            held=held[some],
            fresh=fresh[some],
            old=None if old is None else old[some],
            rate=self.rate[some],
            cap=self.cap[some],
            idle=self.idle[who],
            steady=self.steady[who],
            until=self.until[who],
            hits=NONE,
            newest=NONE,
        )

    def points(self, seconds: Floats | None = None) -> Floats:
        """Rules x persons: decayed and capped, before inactivity. seconds: from now, one for each person; None: now."""
        fade = 1.0 if seconds is None else np.exp2(self.rate * seconds)
        found: Floats = self.fresh * fade
        found += self.held
        if self.old is not None:
            found += self.rules.recycle_factor * self._within(self.old * fade)
        return self._within(found)

    def _within(self, points: Floats) -> Floats:
        np.minimum(points, self.cap, out=points)
        return np.maximum(points, -self.cap, out=points)

    def keeps(self, seconds: Floats | float = 0.0) -> Floats:
        """The share of gains that inactivity leaves."""
        if self.rules.inactivity_days <= 0:
            return np.ones(len(self.idle))
        keep = min(1.0, max(0.0, 1.0 - self.rules.inactivity_loss))
        share: Floats = keep ** (np.maximum(0.0, self.idle + seconds) / (self.rules.inactivity_days * DAY / SECOND))
        return share

    def step(self) -> Floats:
        """What the inactive rule gives now."""
        idle = self.idle >= self.rules.inactive_after_days * DAY / SECOND
        return np.where(idle, self.rules.inactive_points, 0.0)

    def sums(self, seconds: Floats | None = None) -> tuple[Floats, Floats]:
        """(gained, lost): gains after inactivity, and losses; without the step and what is steady."""
        points = self.points(seconds)
        gained, lost = np.zeros(len(self.idle)), np.zeros(len(self.idle))
        # Row by row, so that one person's sum is to the last bit the same alone and among a million.
        for gain, row in zip(self.gain, points, strict=True):
            if gain:
                gained += row
            else:
                lost += row
        gained *= self.keeps(0.0 if seconds is None else seconds)
        return gained, lost

    def rising(self) -> Bools:
        """Whose losses fade, so that their totals may rise with time."""
        losses = ~self.gain & (self.rate[:, 0] != 0)
        found: Bools = self.fresh[losses].any(axis=0)
        return found if self.old is None else found | self.old[losses].any(axis=0)


def curve_of(frame: Frame, rules: ScoreRules, now: Longs, ahead: bool = True) -> Curve:
    """The curves of a frame's persons at `now` (microseconds, one for each). frame: sorted. ahead=False: signals later than `now` are not known
    yet and do not count at all (history played again), instead of counting as happening now."""
    n, count = frame.size, len(rules.behavior)
    held, fresh = np.zeros((count, n)), np.zeros((count, n))
    recycled = frame.recycled
    old = None if recycled is None else np.zeros((count, n))
    hits, newest = np.zeros((count, n), np.int64), np.full((count, n), LONG_AGO)
    rate = np.array([[_rate(rule)] for rule in rules.behavior]).reshape(count, 1)
    cap = np.array([[np.inf if rule.max_points is None else abs(rule.max_points)] for rule in rules.behavior]).reshape(count, 1)
    last_gain, last, coming = np.full(n, LONG_AGO), np.full(n, LONG_AGO), np.full(n, np.inf)
    alike = bool(np.all(now == now[:1]))
    for r, rule in enumerate(rules.behavior):
        rows = named(frame, rule.signals)
        if not len(rows):
            continue
        at = frame.at[rows]
        apart = now[0] - at if alike and n else now[frame.person[rows]] - at
        if apart.min() < 0:
            later = apart < 0
            if ahead:
                np.minimum.at(coming, frame.person[rows[later]], -apart[later] / SECOND)
            else:
                rows, at, apart = rows[~later], at[~later], apart[~later]
        person = frame.person[rows]
        seen = np.full(n, LONG_AGO)
        seen[person] = at  # in the order of time: the last stays
        np.maximum(last, seen, out=last)
        if rule.points > 0:
            np.maximum(last_gain, seen, out=last_gain)
        kept = _counted(rule, n, person, at)
        if kept is not None:
            person, at, apart = person[kept], at[kept], apart[kept]
            seen[:] = LONG_AGO
            seen[person] = at
        newest[r] = seen
        hits[r] = np.bincount(person, minlength=n)
        if rule.points == 0 or not len(person):
            continue
        if ahead and apart.min() < 0:
            later = apart < 0
            held[r] = rule.points * np.bincount(person[later], minlength=n)
            person, at, apart = person[~later], at[~later], apart[~later]
        weight = np.exp2(apart * (rate[r, 0] / SECOND)) if rate[r, 0] else None
        if old is None or recycled is None:
            fresh[r] = rule.points * _sums(person, weight, n)
        else:
            before = (at <= recycled[person]) & (recycled[person] <= now[person])
            old[r] = rule.points * _sums(person[before], None if weight is None else weight[before], n)
            fresh[r] = rule.points * _sums(person[~before], None if weight is None else weight[~before], n)
    idle = (now - np.where(last_gain > LONG_AGO, last_gain, last)) / SECOND
    idle[last == LONG_AGO] = -np.inf
    return Curve(
        rules=rules, gain=np.array([rule.points > 0 for rule in rules.behavior], np.bool_), held=held, fresh=fresh, old=old, rate=rate, cap=cap,
        idle=idle, steady=_colleagues(frame, rules), until=coming, hits=hits, newest=newest,
    )  # fmt: skip


def cluster_hits(moments: Sequence[datetime], count: int, within_days: float | None) -> list[datetime]:
    """When each hit of a rule happened. `moments` ascending.

    With count 1 every signal is a hit. Otherwise windows are taken greedily from the oldest signal: `count` signals in a row that fit into
    `within_days` (None: any span) are one hit, dated by the last of them, and are used up; otherwise the oldest is left out and the search
    goes on with the next.
    """
    if count <= 1:
        return list(moments)
    at = np.array([micros(m) for m in moments], np.int64)
    return [moments[i] for i in _clusters(np.zeros(len(at), np.int32), at, count, within_days)]


def _rate(rule: BehaviorRule) -> float:
    """Minus one over the half-life in seconds."""
    return -SECOND / (rule.half_life_days * DAY) if rule.half_life_days is not None and rule.half_life_days > 0 else 0.0


def _counted(rule: BehaviorRule, size: int, person: Ints, at: Longs) -> Longs | None:
    """Which signals are hits that count (S3): the last of each cluster, the newest `max_times`. None: all of them."""
    rows: Longs | None = None
    if rule.count > 1:
        rows = _clusters(person, at, rule.count, rule.within_days)
        person = person[rows]
    if rule.max_times is None:
        return rows
    ends = np.cumsum(np.bincount(person, minlength=size))
    newest = np.flatnonzero(ends[person] - np.arange(len(person)) <= rule.max_times)
    return newest if rows is None else rows[newest]


def _clusters(person: Ints, at: Longs, count: int, within_days: float | None) -> Longs:
    """`cluster_hits` of many persons: the places of the hits, ascending. All persons take their n-th window in the same step."""
    m = len(at)
    if m < count:
        return np.zeros(0, np.int64)
    fits = person[count - 1 :] == person[: m - count + 1]
    if within_days is not None:
        fits &= at[count - 1 :] - at[: m - count + 1] <= round(within_days * DAY)
    # following[i]: the first place from i on where a window fits; m where none does.
    following = np.full(m + 1, m)
    starts = np.flatnonzero(fits)
    following[starts] = starts
    following = np.minimum.accumulate(following[::-1])[::-1]
    first = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), person[1:] != person[:-1])))
    found: list[Longs] = []
    at_place, owner = first, person[first]
    while len(at_place):
        at_place = following[at_place]
        good = at_place < m
        at_place, owner = at_place[good], owner[good]
        good = person[at_place] == owner
        at_place, owner = at_place[good], owner[good]
        found.append(at_place + (count - 1))
        at_place = at_place + count
        good = at_place < m
        at_place, owner = at_place[good], owner[good]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _sums(person: Ints, weight: Floats | None, size: int) -> Floats:
    sums: Floats = np.bincount(person, weights=weight, minlength=size).astype(np.float64, copy=False)
    return sums


def _colleagues(frame: Frame, rules: ScoreRules) -> Floats:
    """What colleagues at the account add (S7)."""
    if rules.account is None or frame.colleagues is None:
        return np.zeros(frame.size)
    share = np.maximum(0.0, rules.account.share * frame.colleagues)
    return np.minimum(share, max(0.0, rules.account.max_points))
