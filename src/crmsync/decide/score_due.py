"""When a score next matters by time alone: the moment at which it crosses a threshold or a band (S4, S11), for many persons at once."""

from __future__ import annotations

import numpy as np

from crmsync.decide.frame import DAY, NEVER, SECOND, Bools, Floats, Longs
from crmsync.decide.score_curve import Curve

HORIZON = 50 * 365 * DAY / SECOND
"""Seconds beyond which a crossing is called never."""
MINUTE = 60.0
MAX_EVALUATIONS = 60


def next_crossing(curve: Curve, fit: Floats, levels: tuple[float, ...], now: Longs) -> Longs:
    """The first moment (microseconds, whole seconds after `now`) at which the total leaves its cell between two of `levels` (ascending), or at which
    a signal dated in the future comes due; NEVER where neither happens. Late by less than a minute.

    Nothing but decay and the start of the inactive rule moves a total, so between two changes of a person's facts or signals this wakes them
    at their crossings and at nothing else: decay alone never leads to a write in between (S11), however far it moved.
    """
    found: Longs = np.full(len(now), NEVER, np.int64)
    end = np.minimum(HORIZON, curve.until)
    base = fit + curve.steady + curve.step()
    gained, lost = curve.sums()
    cell = np.searchsorted(levels, base + gained + lost, side="right")
    edges = np.array([-np.inf, *levels, np.inf])
    floor, ceiling = edges[cell], edges[cell + 1]
    starts = curve.rules.inactive_after_days * DAY / SECOND - curve.idle
    starts = np.where((starts > 0) & (starts < end) & (curve.rules.inactive_points != 0), starts, end)
    seconds, quiet = _leaves(curve, base, floor, ceiling, np.zeros(len(now)), starts)
    # The others reach the start of the inactive rule or the end of the search.
    stepping = np.flatnonzero(quiet & (starts < end))
    if len(stepping):
        part, after = curve.pick(stepping), starts[stepping]
        base = base[stepping] + curve.rules.inactive_points
        gained, lost = part.sums(after)
        total = base + gained + lost
        inside = (total >= floor[stepping]) & (total < ceiling[stepping])
        seconds[stepping] = after
        quiet[stepping] = inside
        on = np.flatnonzero(inside)
        if len(on):
            who = stepping[on]
            seconds[who], quiet[who] = _leaves(part.pick(on), base[on], floor[who], ceiling[who], after[on], end[who])
    ends = ~quiet | (curve.until < HORIZON)
    found[ends] = now[ends] + np.ceil(seconds[ends]).astype(np.int64) * SECOND
    return found


def _leaves(curve: Curve, base: Floats, floor: Floats, ceiling: Floats, begin: Floats, end: Floats) -> tuple[Floats, Bools]:
    """(seconds from now, whether all is quiet until `end`): when base + gained + lost, inside [floor, ceiling) at `begin`, is outside.

    Gains only fall and losses only shrink, so the total on [a, b] lies between gained(b) + lost(a) and gained(a) + lost(b). A stretch inside
    the cell is skipped whole, another one is halved, down to a minute. Losses that do not fade (the usual case) make the total monotone and this
    plain bisection. Should MAX_EVALUATIONS not suffice (a total that grazes a threshold), the end of the stretch known to be quiet is given:
    early, never late.
    """
    size = len(base)
    seconds, over = end.copy(), np.ones(size, np.bool_)
    losses = np.array([rule.points < 0 for rule in curve.rules.behavior], np.bool_) & (curve.rate[:, 0] != 0)
    rising = np.any(curve.fresh[losses] != 0, axis=0)
    if curve.old is not None:
        rising |= np.any(curve.old[losses] != 0, axis=0)
    who = np.flatnonzero(((floor > -np.inf) | rising) & (begin < end))
    curve, rising, base, floor, ceiling = curve.pick(who), rising[who], base[who], floor[who], ceiling[who]
    quiet, last = begin[who], end[who]
    stretch, bracketed = last - quiet, np.zeros(len(who), np.bool_)
    gained, lost = curve.sums(quiet)
    for _ in range(MAX_EVALUATIONS):
        if not len(who):
            break
        reach = np.minimum(quiet + stretch, last)
        later_gained, later_lost = curve.sums(reach)
        inside = (base + later_gained + lost >= floor) & (~rising | (base + gained + later_lost < ceiling))
        crossed = ~inside & (stretch <= MINUTE)
        seconds[who[crossed]], over[who[crossed]] = reach[crossed], False
        quiet = np.where(inside, reach, quiet)
        gained, lost = np.where(inside, later_gained, gained), np.where(inside, later_lost, lost)
        bracketed |= ~inside
        halve = ~inside | (bracketed & ~rising)
        stretch = np.maximum(np.where(halve, stretch / 2, stretch * 2), MINUTE / 2)
        go = ~crossed & (quiet < last)
        if not bool(np.all(go)):
            curve, who, rising, bracketed = curve.pick(go), who[go], rising[go], bracketed[go]
            base, floor, ceiling, quiet, last = base[go], floor[go], ceiling[go], quiet[go], last[go]
            stretch, gained, lost = stretch[go], gained[go], lost[go]
    seconds[who], over[who] = np.maximum(quiet, MINUTE), False
    return seconds, over
