"""Stored history played again under a playbook (process.md F9): who would have become mql, and when. Pure, over columns.

A person is looked at whenever a signal that the playbook names arrives, once with it and once right before it; between two such moments a score only
fades, so nothing else can be missed (rules that fade against somebody, and conditions that look at the clock, are looked at right before the next
signal). What only sales or a CRM decided then is not played again: facts count as they are known now, what colleagues add and recyclings are left out.

Somebody becomes mql by the threshold, or at once by an express signal, a reply or a named form. It can happen again once the score has fallen below
the threshold less the hysteresis (S4), and no sooner than the cool-off after the last time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crmsync.decide.condition import Lists, parts_of
from crmsync.decide.frame import DAY, LONG_AGO, NEVER, Bools, Floats, Frame, Longs
from crmsync.decide.score import conditions_of, rules_of, score_base, score_frame
from crmsync.decide.score_fit import named
from crmsync.model.condition import Happened
from crmsync.model.process import ScoreRules
from crmsync.model.rules import Playbook

ROWS = 2_000_000
"""Signals that are scored in one go, each counted as often as its person is looked at after it: bounds memory."""
MANY = 400
"""Of persons with more moments than that only the last one of each day is looked at, beside signals that make an mql at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Persons as columns. frame: sorted by person and time, each event once, with the fields that `conditions_of` look at. created: when a CRM first had
    them (microseconds, LONG_AGO: unknown); until: from then on nothing of them counts (they became customers; now). forms: of each signal, whether
    it is a form that the playbook names."""

    frame: Frame
    created: Longs
    until: Longs
    forms: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Who would have become mql, and when (microseconds); by person, then time."""

    person: Longs
    at: Longs

    def first(self, size: int) -> Longs:
        """Each person's first time, NEVER for never."""
        found = np.full(size, NEVER, np.int64)
        np.minimum.at(found, self.person, self.at)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moments:
    """When persons are looked at, by person and time. rows, rows_before: how many of the person's signals have happened by then, and before then;
    instant: one that makes an mql at once happens then."""

    person: Longs
    at: Longs
    rows: Longs
    rows_before: Longs
    instant: Bools

    def take(self, kept: Bools) -> _Moments:
        """Some of them."""
        return _Moments(
            person=self.person[kept], at=self.at[kept], rows=self.rows[kept], rows_before=self.rows_before[kept], instant=self.instant[kept]
        )  # fmt: skip

    def before(self) -> _Moments:
        """Right before each of them."""
        return replace(self, at=self.at - 1, rows=self.rows_before)


def qualified(history: History, playbook: Playbook, lists: Lists, cuts: dict[str, float] | None = None) -> Entries:
    """Plays the history under a playbook. cuts: as `score_all` takes them."""
    history = _named_only(history, playbook)
    frame, size = history.frame, history.frame.size
    models = [rules_of(playbook, name, cuts) for name in (*(s.name for s in playbook.segments), "")]
    ends = np.minimum(history.until, NEVER - 1)
    standing = score_base(replace(frame, person=frame.person[:0], type=frame.type[:0], at=frame.at[:0], starts=np.zeros(size + 1, np.int64)),
                          playbook, lists, ends, cuts=cuts, ahead=False)  # fmt: skip
    moments = _moments(history, playbook, models, standing.segment)
    steady = not _looks_at_clock(playbook)
    scorer = _Scorer(frame, playbook, lists, models, cuts, standing.fit if steady else None, standing.segment)
    mql_at = np.array([rules.mql_at for rules in models])[standing.segment]
    release = mql_at - np.array([rules.hysteresis for rules in models])[standing.segment]
    if steady:  # who cannot reach the threshold is not looked at any further
        able = scorer.most(ends) >= mql_at
        able[moments.person[moments.instant]] = True
        moments = moments.take(able[moments.person])
    totals = scorer.totals(moments)
    if steady and not _rises(models):
        reached = np.zeros(size, np.bool_)
        reached[moments.person[moments.instant | (totals >= mql_at[moments.person])]] = True
        kept = reached[moments.person]
        moments, totals = moments.take(kept), totals[kept]
    before = scorer.totals(moments.before())
    return _entries(size, moments, before, totals, mql_at, release, round(playbook.stages.cool_off_days * DAY))


def _entries(size: int, moments: _Moments, before: Floats, after: Floats, mql_at: Floats, release: Floats, cool: int) -> Entries:
    """Threshold, hysteresis, express lane and cool-off along the time of all persons at once."""
    held, free = np.zeros(size, np.bool_), np.full(size, LONG_AGO, np.int64)
    who: list[Longs] = []
    when: list[Longs] = []
    for rows in _ranks(moments.person):
        person, at, low, high = moments.person[rows], moments.at[rows], before[rows], after[rows]
        held[person] &= low >= release[person]
        enters = (moments.instant[rows] | (np.maximum(low, high) >= mql_at[person])) & ~held[person] & (at >= free[person])
        entered = person[enters]
        who.append(entered)
        when.append(at[enters])
        free[entered] = at[enters] + cool
        held[entered] = True
        held[person] &= high >= release[person]
    people, moment = (np.concatenate(parts) if parts else np.zeros(0, np.int64) for parts in (who, when))
    order = np.lexsort((moment, people))
    return Entries(person=people[order], at=moment[order])


def _ranks(person: Longs) -> Iterator[Longs]:
    """First everybody's first row, then everybody's second, and so on. person: sorted."""
    starts = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), person[1:] != person[:-1]))) if len(person) else np.zeros(0, np.int64)
    ends = np.concatenate((starts[1:], np.array([len(person)]))) if len(person) else starts
    at = starts
    while len(at):
        yield at
        at = at + 1
        more = at < ends
        at, ends = at[more], ends[more]


class _Scorer:
    """Scores persons of one frame at moments of their past. fit: where it is the same at all times, else None."""

    def __init__(
        self, frame: Frame, playbook: Playbook, lists: Lists, models: Sequence[ScoreRules], cuts: dict[str, float] | None, fit: Floats | None,
        segment: Longs,
    ) -> None:  # fmt: skip
        self._frame, self._playbook, self._lists, self._models, self._cuts = frame, playbook, lists, models, cuts
        self._fit, self._segment = fit, segment

    def most(self, ends: Longs) -> Floats:
        """More than anybody's total was ever, where the fit is the same at all times: nothing fades and nothing counts against them."""
        assert self._fit is not None
        found = self._fit.copy()
        for place in np.unique(self._segment).tolist():
            who = np.flatnonzero(self._segment == place)
            rules = self._models[place]
            lasting = replace(
                rules, fit=(), account=None, inactivity_loss=0.0, inactive_points=0.0,
                behavior=tuple(replace(rule, half_life_days=None) for rule in rules.behavior if rule.points > 0),
            )  # fmt: skip
            found[who] += score_frame(_bare(self._frame.take(who)), lasting, self._lists, ends[who], ahead=False).behavior
        return found

    def totals(self, moments: _Moments) -> Floats:
        """The total at each moment, of the signals that had happened by then."""
        found = np.zeros(len(moments.person))
        edges = np.cumsum(moments.rows + 1)
        first = 0
        while first < len(found):
            done = edges[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(edges, done + ROWS, side="right")))
            found[first:last] = self._some(moments.person[first:last], moments.at[first:last], moments.rows[first:last])
            first = last
        return found

    def _some(self, person: Longs, at: Longs, rows: Longs) -> Floats:
        frame = self._frame
        assert frame.starts is not None
        starts: Longs = np.concatenate((np.zeros(1, np.int64), np.cumsum(rows)))
        taken = np.arange(starts[-1]) + np.repeat(frame.starts[person] - starts[:-1], rows)
        whose = np.repeat(np.arange(len(person), dtype=np.int32), rows)
        facts = {} if self._fit is not None else {n: replace(c, codes=c.codes[person]) for n, c in frame.facts.items()}
        then = replace(
            frame, size=len(person), facts=facts, person=whose, type=frame.type[taken], at=frame.at[taken], starts=starts, colleagues=None,
            recycled=None,
        )  # fmt: skip
        if self._fit is None:
            return score_base(then, self._playbook, self._lists, at, cuts=self._cuts, ahead=False).total
        found: Floats = self._fit[person]
        places = self._segment[person]
        for place in np.unique(places).tolist():
            who = np.flatnonzero(places == place)
            rules = replace(self._models[place], fit=(), account=None)
            some = then if len(who) == len(person) else then.take(who)
            found[who] += score_frame(some, rules, self._lists, at[who], ahead=False).behavior
        return found


def _bare(frame: Frame) -> Frame:
    return replace(frame, facts={}, colleagues=None, recycled=None)


def _named_only(history: History, playbook: Playbook) -> History:
    """Without signals that the playbook does not name, and without those after the end."""
    frame = history.frame
    models = (playbook.score, *(s.score for s in playbook.segments))
    wanted = {name for model in models for rule in model.behavior for name in rule.signals} | _instant(playbook)
    wanted |= {n for c in conditions_of(playbook) for part in parts_of(c) if isinstance(part, Happened) for n in part.signals}
    keep = np.zeros(len(frame.at), np.bool_)
    keep[named(frame, wanted)] = True
    keep |= history.forms
    keep &= frame.at <= history.until[frame.person]
    person = frame.person[keep]
    starts: Longs = np.zeros(frame.size + 1, np.int64)
    np.cumsum(np.bincount(person, minlength=frame.size), out=starts[1:])
    return replace(
        history,
        frame=replace(frame, person=person, type=frame.type[keep], at=frame.at[keep], starts=starts, colleagues=None, recycled=None),
        forms=history.forms[keep],
    )


def _instant(playbook: Playbook) -> set[str]:
    """Signals that make an mql at once in any model."""
    models = (playbook.score, *(s.score for s in playbook.segments))
    return {name for model in models for name in model.express} | set(playbook.stages.signals)


def _moments(history: History, playbook: Playbook, models: Sequence[ScoreRules], segment: Longs) -> _Moments:
    """Every signal's moment (not before the person was there), each once, and the moment the person was first there."""
    frame = history.frame
    assert frame.starts is not None
    instant = history.forms.copy()
    instant[named(frame, playbook.stages.signals)] = True
    for place, rules in enumerate(models):
        rows = named(frame, rules.express)
        theirs = segment[frame.person[rows]] % len(models) == place
        instant[rows[theirs]] = True
    everybody = np.flatnonzero(history.created > LONG_AGO)
    person = np.concatenate((frame.person.astype(np.int64), everybody))
    at = np.maximum(np.concatenate((frame.at, history.created[everybody])), history.created[person])
    instant = np.concatenate((instant, np.zeros(len(everybody), np.bool_)))
    order = np.lexsort((at, person))
    person, at, instant = person[order], at[order], instant[order]
    last = np.ones(len(person), np.bool_)
    last[:-1] = (person[1:] != person[:-1]) | (at[1:] != at[:-1])
    group: Longs = np.cumsum(last) - last
    hot = np.bincount(group[instant], minlength=int(last.sum())) > 0
    happened = np.cumsum(order < len(frame.at))[last]
    person, at = person[last], at[last]
    rows = happened - frame.starts[person]
    rows_before = np.zeros(len(rows), np.int64)
    rows_before[1:] = np.where(person[1:] == person[:-1], rows[:-1], 0)
    moments = _Moments(person=person, at=at, rows=rows, rows_before=rows_before, instant=hot)
    return moments.take((at <= history.until[person]) & _thinned(person, at, hot))


def _thinned(person: Longs, at: Longs, hot: Bools) -> Bools:
    kept = np.ones(len(person), np.bool_)
    if len(person):
        crowded = np.bincount(person)[person] > MANY
        kept[:-1] = ~crowded[:-1] | hot[:-1] | (person[1:] != person[:-1]) | (at[1:] // DAY != at[:-1] // DAY)
    return kept


def _looks_at_clock(playbook: Playbook) -> bool:
    """Whether fit or segment may change with time alone."""
    parts = [part for condition in conditions_of(playbook) for part in parts_of(condition)]
    return any(isinstance(part, Happened) or part.op in ("within", "older_than") for part in parts)


def _rises(models: Sequence[ScoreRules]) -> bool:
    """Whether a score may rise without a signal."""
    return any(rule.points < 0 and rule.half_life_days is not None for rules in models for rule in rules.behavior)


# --- two playbooks beside each other -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Persons by who would have been mql under the playbook in force and under the other one. won: likewise those of them who became customers
    afterwards; winners: all who did."""

    both: int = 0
    only_old: int = 0
    only_new: int = 0
    won_both: int = 0
    won_only_old: int = 0
    won_only_new: int = 0
    winners: int = 0

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


def overlap(old: Longs, new: Longs, won: Bools) -> Overlap:
    """old, new: each person's first time as mql, NEVER for never. won: who became a customer within the history."""
    was, would = old < NEVER, new < NEVER
    sets = {"both": was & would, "only_old": was & ~would, "only_new": would & ~was}
    counts = {name: int(who.sum()) for name, who in sets.items()}
    return Overlap(**counts, **{f"won_{name}": int((who & won).sum()) for name, who in sets.items()}, winners=int(won.sum()))


def months(at: Longs) -> dict[str, int]:
    """ "2026-03" -> how many of these moments (microseconds)."""
    names, counts = np.unique(at.view("datetime64[us]").astype("datetime64[M]"), return_counts=True)
    return dict(zip(np.datetime_as_string(names).tolist(), counts.tolist(), strict=True))
