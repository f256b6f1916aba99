"""When a score next matters by time alone: the moment at which it crosses a threshold or a band (S4, S11), for many persons at once."""

from __future__ import annotations

import numpy as np

from crmsync.decide.frame import DAY, NEVER, SECOND, Bools, Floats, Longs
from crmsync.decide.score_curve import Curve

HORIZON = 50 * 365 * DAY / SECOND
"""Seconds beyond which a crossing is called never."""
MINUTE = 58.0
"""Seconds of which a crossing may be told late; one more is lost in rounding up to whole seconds."""
MAX_EVALUATIONS = 60
TINY = 1e-300


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
    """(seconds from now, whether all is quiet until `end`): when base + gained + lost, inside [floor, ceiling) at `begin`, is outside."""
    seconds, quiet = end.copy(), np.ones(len(base), np.bool_)
    rising = curve.rising()
    for some, search in ((~rising & (floor > -np.inf), _falls), (rising, _wanders)):
        who = np.flatnonzero(some & (begin < end))
        if len(who):
            seconds[who], quiet[who] = search(curve.pick(who), base[who], floor[who], ceiling[who], begin[who], end[who])
    return seconds, quiet


def _falls(curve: Curve, base: Floats, floor: Floats, _: Floats, begin: Floats, end: Floats) -> tuple[Floats, Bools]:
    """`_leaves` of totals that only fall: the crossing is caught between two moments that draw together until they lie within a minute.

    What is gained fades nearly like one exponential, so a straight line through the logarithms at both ends tells where it falls to what is
    needed; half a minute before and after that are tried in turn, and the middle now and then, which caps may call for.
    """
    after, lost = curve.sums(end)
    quiet = base + after + lost >= floor
    seconds, who = end.copy(), np.flatnonzero(~quiet)
    curve, base, floor, before, after, end = curve.pick(who), base[who], floor[who], begin[who], after[who], end[who]
    gained, lost = curve.sums(before)
    need = np.maximum(floor - base - lost, TINY)
    for turn in range(MAX_EVALUATIONS):
        if not len(who):
            break
        down, left = np.log(np.maximum(gained / need, 1.0)), np.log(np.maximum(need, TINY) / np.maximum(after, TINY))
        share = 0.5 if turn % 4 == 3 else down / np.maximum(down + left, TINY)
        guess = before + (end - before) * share + (MINUTE / 2.1 if turn % 2 == 0 else -MINUTE / 2.1)
        guess = np.minimum(np.maximum(guess, before + MINUTE / 4), end - MINUTE / 4)
        found, lost = curve.sums(guess)
        inside = base + found + lost >= floor
        before, gained = np.where(inside, guess, before), np.where(inside, found, gained)
        end, after = np.where(inside, end, guess), np.where(inside, after, found)
        seconds[who] = end
        go = end - before > MINUTE
        if not go.all():
            curve, who, base, floor, need = curve.pick(go), who[go], base[go], floor[go], need[go]
            before, gained, end, after = before[go], gained[go], end[go], after[go]
    seconds[who] = np.maximum(before, MINUTE)
    return seconds, quiet


def _wanders(curve: Curve, base: Floats, floor: Floats, ceiling: Floats, begin: Floats, end: Floats) -> tuple[Floats, Bools]:
    """`_leaves` of totals with fading losses, which may fall and rise.

    Gains only fall and losses only shrink, so the total on [a, b] lies between gained(b) + lost(a) and gained(a) + lost(b). A stretch inside
    the cell is skipped whole, another one is halved, down to a minute. Should MAX_EVALUATIONS not suffice (a total that grazes a threshold), the
    end of the stretch known to be quiet is given: early, never late.
    """
    seconds, over = end.copy(), np.ones(len(base), np.bool_)
    who, quiet, last = np.arange(len(base)), begin, end
    stretch = last - quiet
    gained, lost = curve.sums(quiet)
    for _ in range(MAX_EVALUATIONS):
        if not len(who):
            break
        reach = np.minimum(quiet + stretch, last)
        later_gained, later_lost = curve.sums(reach)
        inside = (base + later_gained + lost >= floor) & (base + gained + later_lost < ceiling)
        crossed = ~inside & (stretch <= MINUTE)
        seconds[who[crossed]], over[who[crossed]] = reach[crossed], False
        quiet = np.where(inside, reach, quiet)
        gained, lost = np.where(inside, later_gained, gained), np.where(inside, later_lost, lost)
        stretch = np.maximum(np.where(inside, stretch * 2, stretch / 2), MINUTE / 2)
        go = ~crossed & (quiet < last)
        if not go.all():
            curve, who = curve.pick(go), who[go]
            base, floor, ceiling, quiet, last = base[go], floor[go], ceiling[go], quiet[go], last[go]
            stretch, gained, lost = stretch[go], gained[go], lost[go]
    seconds[who], over[who] = np.maximum(quiet, MINUTE), False
    return seconds, over
