"""The score of persons (process.md S1-S8, S11, S12): fit from facts, behaviour from signals, decayed in closed form, every point explained.

One path scores one person or ten million: `score_frame` works on columns; `score_all` makes the columns of a batch and says what each point is for;
`score` is a batch of one. What each part gives is said in score_fit (who they are) and score_curve (what they did).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from crmsync.decide.condition import Lists, fields_of
from crmsync.decide.frame import DAY, SECOND, Bools, Floats, Frame, Longs, Subject, frame_of, micros, moment_of
from crmsync.decide.score_curve import Curve, cluster_hits, curve_of
from crmsync.decide.score_due import next_crossing
from crmsync.decide.score_fit import Answers, answers, fit_of, segment_of, turning
from crmsync.decide.text import one_line
from crmsync.model.condition import Condition
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, ScoreRules, Segment
from crmsync.model.record import Fields
from crmsync.model.rules import Playbook
from crmsync.model.verdict import Reason, ScoreVerdict

__all__ = [
    "Scores", "Subject", "cluster_hits", "conditions_of", "rules_of", "score", "score_all", "score_base", "score_frame", "thresholds", "top_cut",
]  # fmt: skip

PORTION = 32_768
"""Persons scored in one go: what they need fits a processor's cache and bounds the memory beside the frame itself."""
Many = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""`map`, or the `map` of a pool of threads: numpy computes outside the interpreter's lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of each person of a frame, unrounded: total = fit + behavior; own: behavior without what colleagues add. due: microseconds, NEVER for
    never; None: not asked for. segment: the place of the model's segment in the playbook, -1 for the playbook's own."""

    total: Floats
    fit: Floats
    behavior: Floats
    own: Floats
    segment: Longs
    due: Longs | None = None


def score(
    *,
    facts: Fields,
    signals: Sequence[Signal],
    rules: ScoreRules,
    lists: Lists,
    now: datetime,
    colleagues: float = 0.0,
    recycled_at: datetime | None = None,
) -> ScoreVerdict:
    """The score of one person at `now` (UTC) by one model; see `score_all`."""
    subject = Subject(facts=facts, signals=signals, now=now, colleagues=colleagues, recycled_at=recycled_at)
    return _explained([subject], rules, lists, "")[0]


def score_all(
    subjects: Sequence[Subject], playbook: Playbook, lists: Lists, *, cuts: Mapping[str, float] | None = None
) -> list[ScoreVerdict]:
    """The scores of these persons in their order, unrounded, each by the model of its segment (S5), each at its own `now`.

    lists: `lists_of(playbook)`. cuts: segment ("": the playbook's own) -> total that takes the place of mql_at where the model has
    top_percent (S4). reasons add up to the total, largest first, then by name; rules worth 0 are left out.

    next_due_at is the earliest later moment at which time alone takes the total across `mql_at`, `mql_at - hysteresis`, `sql_at` or a band, at
    which a condition that looks at the clock may turn, or at which a signal dated in the future comes due; a crossing is told late by less
    than a minute. None when never. Decay that crosses nothing wakes nobody (S11).
    """
    chosen = _chosen(subjects, playbook, lists)
    verdicts: list[ScoreVerdict | None] = [None] * len(subjects)
    for place in sorted(set(chosen)):
        members = [n for n, one in enumerate(chosen) if one == place]
        name = "" if place < 0 else playbook.segments[place].name
        rules = rules_of(playbook, name, cuts)
        conditions = tuple(s.when for s in playbook.segments)
        for n, verdict in zip(members, _explained([subjects[n] for n in members], rules, lists, name, conditions), strict=True):
            verdicts[n] = verdict
    return [v for v in verdicts if v is not None]


def rules_of(playbook: Playbook, segment: str, cuts: Mapping[str, float] | None = None) -> ScoreRules:
    """The model of a segment; "" and names that no segment has: the playbook's own. With top_percent, mql_at is the segment's cut where there is
    one (S4)."""
    rules = next((s.score for s in playbook.segments if s.name == segment), playbook.score)
    if rules.top_percent is not None and cuts is not None and segment in cuts:
        return replace(rules, mql_at=cuts[segment])
    return rules


def thresholds(rules: ScoreRules) -> tuple[float, ...]:
    """Every total at which something changes, ascending: `mql_at`, `mql_at - hysteresis`, `sql_at` and the bands."""
    return tuple(sorted({rules.mql_at, rules.mql_at - rules.hysteresis, rules.sql_at, *rules.bands}))


def top_cut(totals: Floats, percent: float) -> float | None:
    """S4's top N %: the lowest total that at most `percent` % of these persons reach. None when it is nobody's: then the number in mql_at counts.

    Where many share a total, either all of them reach the cut or none: half of a base without any points is not qualified because there is nothing
    better.
    """
    places = int(len(totals) * percent / 100)
    if places < 1:
        return None
    lowest = np.partition(totals, len(totals) - places)[len(totals) - places]
    if int(np.count_nonzero(totals >= lowest)) <= places:
        return float(lowest)
    above = totals[totals > lowest]
    return float(above.min()) if len(above) else None


def conditions_of(playbook: Playbook) -> tuple[Condition, ...]:
    """Every condition that a score by this playbook depends on: of its segments and of all models' fit rules. `looks` tells which fields a frame
    needs for them."""
    models = (playbook.score, *(s.score for s in playbook.segments))
    return (*(s.when for s in playbook.segments), *(rule.when for model in models for rule in model.fit))


def score_frame(
    frame: Frame, rules: ScoreRules, lists: Lists, now: Longs | int, *, due: bool = False, ahead: bool = True, spread: Many = map
) -> Scores:
    """The scores of a whole frame by one model. now: microseconds since 1970 UTC (`micros`), one for all or one for each person.

    due: whether the next moments are sought, too. ahead=False: signals later than `now` are not known yet (history played again). spread: how
    the portions of PORTION persons are mapped; memory beside the frame does not grow with their number.
    """
    return _in_portions(frame, (), (rules,), lists, now, due, ahead, spread)


def score_base(
    frame: Frame,
    playbook: Playbook,
    lists: Lists,
    now: Longs | int,
    *,
    cuts: Mapping[str, float] | None = None,
    due: bool = False,
    ahead: bool = True,
    spread: Many = map,
) -> Scores:
    """As score_frame, each person by the model of their segment, as `score_all` does it. frame: with the fields that `conditions_of` look at."""
    models = [rules_of(playbook, name, cuts) for name in (*(s.name for s in playbook.segments), "")]
    return _in_portions(frame, playbook.segments, models, lists, now, due, ahead, spread)


def _in_portions(
    frame: Frame,
    segments: Sequence[Segment],
    models: Sequence[ScoreRules],
    lists: Lists,
    now: Longs | int,
    due: bool,
    ahead: bool,
    spread: Many,
) -> Scores:
    """models: one for each segment, and the playbook's own at the end, where place -1 finds it."""
    conditions = [s.when for s in segments]
    known = answers(frame, [*conditions, *(rule.when for model in models for rule in model.fit)], lists)
    moments = np.broadcast_to(np.asarray(now, np.int64), (frame.size,))
    size = frame.size
    found = Scores(
        total=np.zeros(size),
        fit=np.zeros(size),
        behavior=np.zeros(size),
        own=np.zeros(size),
        segment=np.full(size, -1),
        due=np.zeros(size, np.int64) if due else None,
    )

    def portion(bounds: tuple[int, int, Longs | None]) -> None:
        first, last, rows = bounds
        part, at = frame.part(first, last, rows), moments[first:last]
        chosen = segment_of(part, segments, known, at) if segments else None
        for place in (-1,) if chosen is None else np.unique(chosen).tolist():
            who: slice | Longs = slice(first, last)
            some, moment = part, at
            if chosen is not None:
                members = np.flatnonzero(chosen == place)
                some, moment = part.take(members), at[members]
                who = members + first
            scored = _scored(some, models[place], known, moment, ahead)
            found.total[who], found.fit[who], found.behavior[who], found.own[who] = scored.total, scored.fit, scored.behavior, scored.own
            found.segment[who] = place
            if found.due is not None:
                found.due[who] = scored.due(conditions)

    for _ in spread(portion, frame.parts(PORTION)):
        pass
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """One portion's scores, and what is needed to say what they are for and when they change."""

    frame: Frame
    rules: ScoreRules
    known: Answers
    moments: Longs
    ahead: bool
    curve: Curve
    counts: Bools
    fit: Floats
    own: Floats
    behavior: Floats
    total: Floats

    def due(self, conditions: Sequence[Condition] = ()) -> Longs:
        crossing = next_crossing(self.curve, self.fit, thresholds(self.rules), self.moments)
        clocks = turning([*conditions, *(rule.when for rule in self.rules.fit)], self.frame, self.known, self.moments, self.ahead)
        return np.minimum(crossing, clocks)


def _scored(frame: Frame, rules: ScoreRules, known: Answers, now: Longs, ahead: bool = True) -> _Scored:
    """The kernel. frame: sorted."""
    fit, counts = fit_of(frame, rules.fit, known, now)
    curve = curve_of(frame, rules, now, ahead)
    gained, lost = curve.sums()
    own = gained + lost + curve.step()
    behavior = own + curve.steady
    return _Scored(
        frame=frame, rules=rules, known=known, moments=now, ahead=ahead, curve=curve, counts=counts, fit=fit, own=own, behavior=behavior,
        total=fit + behavior,
    )  # fmt: skip


def _chosen(subjects: Sequence[Subject], playbook: Playbook, lists: Lists) -> list[int]:
    if not playbook.segments or not subjects:
        return [-1] * len(subjects)
    frame = frame_of(subjects, [s.when for s in playbook.segments])
    known = answers(frame, [s.when for s in playbook.segments], lists)
    chosen: list[int] = segment_of(frame.arranged(), playbook.segments, known, _moments(subjects)).tolist()
    return chosen


def _moments(subjects: Sequence[Subject]) -> Longs:
    return np.array([micros(subject.now) for subject in subjects], np.int64)


def _explained(
    subjects: Sequence[Subject], rules: ScoreRules, lists: Lists, segment: str, conditions: Sequence[Condition] = ()
) -> list[ScoreVerdict]:
    """Verdicts of these persons by one model. conditions: what chose the model, and may turn with time, too."""
    looked_at = [*conditions, *(rule.when for rule in rules.fit)]
    frame = frame_of(subjects, looked_at).arranged()
    scored = _scored(frame, rules, answers(frame, looked_at, lists), _moments(subjects))
    columns = (c.tolist() for c in (scored.total, scored.fit, scored.behavior, scored.own, scored.due(conditions)))
    return [
        ScoreVerdict(total=total, fit=fit, behavior=behavior, own=own, next_due_at=moment_of(due), segment=segment, reasons=reasons)
        for total, fit, behavior, own, due, reasons in zip(*columns, _reasons(subjects, scored), strict=True)
    ]


def _reasons(subjects: Sequence[Subject], scored: _Scored) -> Iterator[tuple[Reason, ...]]:
    """Per person: what each point is for (S8)."""
    rules, curve = scored.rules, scored.curve
    gains = np.array([[rule.points > 0] for rule in rules.behavior], np.bool_).reshape(-1, 1)
    points = np.where(gains, curve.points() * curve.keeps(), curve.points()).T.tolist()
    hits, counts = curve.hits.T.tolist(), scored.counts.T.tolist()
    newest = np.datetime_as_string(np.where(curve.hits > 0, curve.newest, 0).view("datetime64[us]"), unit="D").T.tolist()
    steps, steady = curve.step().tolist(), curve.steady.tolist()
    old = None if curve.old is None else curve.old.T.tolist()
    fields, names_of = [fields_of(rule.when) for rule in rules.fit], [_hit(rule) for rule in rules.behavior]
    for n, subject in enumerate(subjects):
        found: list[Reason] = []
        for rule, names, held in zip(rules.fit, fields, counts[n], strict=True):
            if held and rule.points != 0:
                shown = [f"{name}: {one_line(subject.facts[name], 60)}" for name in names if subject.facts.get(name) is not None]
                found.append(Reason(rule=rule.name, points=rule.points, source=", ".join(shown)))
        for r, (given, told) in enumerate(zip(points[n], rules.behavior, strict=True)):
            if given != 0:
                source = f"{hits[n][r]} × {names_of[r]}, last {newest[n][r]}"
                if old is not None and old[n][r] != 0:
                    source += f", × {rules.recycle_factor:g} up to the recycling"
                found.append(Reason(rule=told.name, points=given, source=source))
        if steps[n] != 0:
            idle = int(curve.idle[n] / (DAY / SECOND))
            found.append(Reason(rule="inactive", points=steps[n], source=f"{idle} days without a signal"))
        if steady[n] != 0 and rules.account is not None:
            source = f"{100 * rules.account.share:g} % of {subject.colleagues:.0f} points of others at the account"
            found.append(Reason(rule="colleagues", points=steady[n], source=source))
        found.sort(key=lambda r: (-abs(r.points), r.rule))
        yield tuple(found)


def _hit(rule: BehaviorRule) -> str:
    """What one hit of a rule is."""
    names = " or ".join(rule.signals)
    if rule.count <= 1:
        return names
    return f"({rule.count} {names}{'' if rule.within_days is None else f' within {rule.within_days:g} days'})"
