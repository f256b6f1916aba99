"""The score of a person (process.md S1-S4, S8): fit from facts, behaviour from signals, decayed in closed form, every point explained.

    total(t) = fit + sum over positive rules of capped(t) * (1 - inactivity_loss) ** (idle days / inactivity_days)
                   + sum over negative rules of capped(t) + inactive_points once idle for inactive_after_days

A rule's hits decay with its half-life; `max_times` keeps the newest hits, `max_points` bounds their decayed sum. Inactivity softens gained
points only: what counts against a person is not forgiven for staying away (a half-life on a negative rule does fade it). Idle is the time
since the last signal that a positive rule names, or, without any, since the last signal at all. A signal dated in the future (a wrong
clock) counts as happening now until its time has come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.condition import Lists, fields_of, holds
from crmsync.decide.signals import unique
from crmsync.decide.text import one_line
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules
from crmsync.model.record import Fields
from crmsync.model.verdict import Reason, ScoreVerdict

DAY = 86_400.0
HORIZON = 50 * 365 * DAY
"""Seconds beyond which a crossing is called never."""
MAX_EVALUATIONS = 40


def score(*, facts: Fields, signals: Sequence[Signal], rules: ScoreRules, lists: Lists, now: datetime) -> ScoreVerdict:
    """The score at `now` (UTC), unrounded. reasons add up to the total, largest first, then by name; rules worth 0 are left out.

    next_due_at is the earliest later moment at which time alone takes the total across `mql_at`, `mql_at - hysteresis`, `sql_at` or a band,
    or at which the inactive rule starts, or at which a signal dated in the future comes due; late by less than a minute, None when never.
    """
    reasons: list[Reason] = []
    fit = _fit(facts, rules.fit, lists, reasons)
    if not signals:
        return ScoreVerdict(total=fit, fit=fit, behavior=0.0, reasons=_ranked(reasons))
    curve = _curve(fit, unique(signals), rules, now)
    factor = curve.factor(0.0)
    for term in curve.gains:
        reasons.append(Reason(rule=term.rule.name, points=term.value(0.0) * factor, source=term.source))
    for term in curve.losses:
        reasons.append(Reason(rule=term.rule.name, points=term.value(0.0), source=term.source))
    if curve.step(0.0):
        reasons.append(Reason(rule="inactive", points=rules.inactive_points, source=f"{int(curve.idle / DAY)} days without a signal"))
    behavior = curve.gained(0.0) + curve.lost(0.0) + curve.step(0.0)
    due = _next_due(curve, thresholds(rules), now)
    return ScoreVerdict(total=fit + behavior, fit=fit, behavior=behavior, reasons=_ranked(reasons), next_due_at=due)


def thresholds(rules: ScoreRules) -> tuple[float, ...]:
    """Every total at which something changes, ascending: `mql_at`, `mql_at - hysteresis`, `sql_at` and the bands."""
    return tuple(sorted({rules.mql_at, rules.mql_at - rules.hysteresis, rules.sql_at, *rules.bands}))


def cluster_hits(moments: Sequence[datetime], count: int, within_days: float | None) -> list[datetime]:
    """When each hit of a rule happened. `moments` ascending.

    With count 1 every signal is a hit. Otherwise windows are taken greedily from the oldest signal: `count` signals in a row that fit into
    `within_days` (None: any span) are one hit, dated by the last of them, and are used up; otherwise the oldest is left out and the search
    goes on with the next.
    """
    if count <= 1:
        return list(moments)
    hits: list[datetime] = []
    i = 0
    while i + count <= len(moments):
        last = moments[i + count - 1]
        if within_days is None or last - moments[i] <= timedelta(days=within_days):
            hits.append(last)
            i += count
        else:
            i += 1
    return hits


@dataclass(slots=True, kw_only=True)
class _Term:
    """One behaviour rule's points as a function of seconds from now: `held` (future hits) stays, `fading` halves every half-life."""

    rule: BehaviorRule
    held: float
    fading: float
    half_life: float | None
    source: str

    def value(self, seconds: float) -> float:
        fading = self.fading if self.half_life is None else self.fading * 0.5 ** (seconds / self.half_life)
        points, cap = self.held + fading, self.rule.max_points
        return points if cap is None else max(-cap, min(cap, points))


@dataclass(slots=True, kw_only=True)
class _Curve:
    """The total as a function of seconds from now, valid for `until` seconds."""

    fit: float
    gains: list[_Term]
    losses: list[_Term]
    rules: ScoreRules
    idle: float
    until: float

    def factor(self, seconds: float) -> float:
        if self.rules.inactivity_days <= 0:
            return 1.0
        keep = min(1.0, max(0.0, 1.0 - self.rules.inactivity_loss))
        return float(keep ** (max(0.0, self.idle + seconds) / (self.rules.inactivity_days * DAY)))

    def step(self, seconds: float) -> float:
        return self.rules.inactive_points if self.idle + seconds >= self.rules.inactive_after_days * DAY else 0.0

    def gained(self, seconds: float) -> float:
        return sum(t.value(seconds) for t in self.gains) * self.factor(seconds)

    def lost(self, seconds: float) -> float:
        return sum(t.value(seconds) for t in self.losses)


def _fit(facts: Fields, rules: Sequence[FitRule], lists: Lists, reasons: list[Reason]) -> float:
    """Sum of the fit rules that hold; of one group the one with the most points, the first of equals."""
    best: dict[str, FitRule] = {}
    counted: list[FitRule] = []
    for rule in rules:
        if rule.group is not None and rule.group in best and best[rule.group].points >= rule.points:
            continue
        if holds(rule.when, facts, lists):
            if rule.group is None:
                counted.append(rule)
            else:
                best[rule.group] = rule
    counted.extend(best.values())
    for rule in counted:
        shown = [f"{name}: {one_line(facts[name], 60)}" for name in fields_of(rule.when) if facts.get(name) is not None]
        reasons.append(Reason(rule=rule.name, points=rule.points, source=", ".join(shown)))
    return math.fsum([rule.points for rule in counted])


def _curve(fit: float, signals: list[Signal], rules: ScoreRules, now: datetime) -> _Curve:
    by_type: dict[str, list[datetime]] = {}
    for s in signals:
        by_type.setdefault(s.type, []).append(s.at)
    gains: list[_Term] = []
    losses: list[_Term] = []
    positive: list[datetime] = []
    for rule in rules.behavior:
        moments = sorted(at for name in dict.fromkeys(rule.signals) for at in by_type.get(name, ()))
        if rule.points > 0:
            positive.extend(moments[-1:])
        term = _term(rule, moments, now)
        if term is not None:
            (gains if rule.points > 0 else losses).append(term)
    last = max(positive) if positive else max(s.at for s in signals)
    ahead = [s.at for s in signals if s.at > now]
    until = (min(ahead) - now).total_seconds() if ahead else math.inf
    return _Curve(fit=fit, gains=gains, losses=losses, rules=rules, idle=(now - last).total_seconds(), until=until)


def _term(rule: BehaviorRule, moments: list[datetime], now: datetime) -> _Term | None:
    hits = cluster_hits(moments, rule.count, rule.within_days)
    if rule.max_times is not None:
        hits = hits[-rule.max_times :] if rule.max_times > 0 else []
    if not hits or rule.points == 0:
        return None
    half_life = rule.half_life_days * DAY if rule.half_life_days is not None and rule.half_life_days > 0 else None
    past = [(now - at).total_seconds() for at in hits if at <= now]
    weight = float(len(past)) if half_life is None else math.fsum(0.5 ** (age / half_life) for age in past)
    source = f"{len(hits)} × {' or '.join(rule.signals)}, last {hits[-1]:%Y-%m-%d}"
    held = rule.points * (len(hits) - len(past))
    return _Term(rule=rule, held=held, fading=rule.points * weight, half_life=half_life, source=source)


def _ranked(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted((r for r in reasons if r.points != 0), key=lambda r: (-abs(r.points), r.rule)))


def _next_due(curve: _Curve, levels: tuple[float, ...], now: datetime) -> datetime | None:
    """The first moment at which the total leaves its cell between two thresholds, or at which the curve stops being valid.

    Up to the start of the inactive rule or a future signal, gains only fall and losses only shrink, so the total on [a, b] lies between
    gained(b) + lost(a) and gained(a) + lost(b). A stretch inside the cell is skipped whole, another one is halved, down to a minute. Losses
    that do not fade (the usual case) make the total monotone and this plain bisection. Should MAX_EVALUATIONS not suffice, the end of
    the stretch known to be quiet is returned: early, never late.
    """
    after = curve.rules.inactive_after_days * DAY - curve.idle
    end = min(HORIZON, curve.until, after if after > 0 and curve.rules.inactive_points else HORIZON)
    base = curve.fit + curve.step(0.0)
    gained, lost = curve.gained(0.0), curve.lost(0.0)
    floor = max((x for x in levels if x <= base + gained + lost), default=-math.inf)
    ceiling = min((x for x in levels if x > base + gained + lost), default=math.inf)
    rising = any(t.half_life is not None and t.fading for t in curve.losses)
    quiet, stretch, bracketed = 0.0, end, False
    for _ in range(MAX_EVALUATIONS):
        if floor == -math.inf and not rising:
            quiet = end
        if quiet >= end:
            return None if end == HORIZON else _after(now, end)
        reach = min(quiet + stretch, end)
        later_gained, later_lost = curve.gained(reach), curve.lost(reach)
        inside = base + later_gained + lost >= floor and (not rising or base + gained + later_lost < ceiling)
        if inside:
            quiet, gained, lost = reach, later_gained, later_lost
            stretch = stretch / 2 if bracketed and not rising else stretch * 2
        elif stretch <= 60.0:
            return _after(now, reach)
        else:
            stretch, bracketed = stretch / 2, True
        stretch = max(stretch, 30.0)
    return _after(now, max(quiet, 60.0))


def _after(now: datetime, seconds: float) -> datetime:
    """`seconds` after now, rounded up to a whole second, so that the moment is reached when it is acted on."""
    return now + timedelta(seconds=math.ceil(seconds))
