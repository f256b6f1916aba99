"""Whose turn it is in a pool (process.md R2, R3, R7): fair shares by earliest deadline, among those who can take somebody now.

A turn is one unit of work for one of the members who compete for it. Each competitor i with weight w is owed w / (sum of the competitors' weights) of the
turn; its lag is what it was owed less what it had. It may have the turn once it is owed a part of one (lag above 0 with this turn's share), and of those
the one whose next whole turn falls due first gets it: (1 - lag) / w is the least. This is earliest deadline first over the windows of a Pfair schedule
(Baruah, Cohen, Plaxton and Varvel 1996), for which one machine and constant competitors mean -1 < lag < 1 at every prefix: nobody is a whole turn
away from their exact share, and with equal weights the most and the least served differ by at most 1. Only the lags are remembered, so it is all one
wherever runs are split.

Who is away, of weight 0 or tried already does not compete: their lag stays as it is. They are neither owed turns meanwhile nor do they pay for
those they had, so whoever comes back gets at most two turns more than their share from then on, beyond what they were owed when they left. When all who are there had
turns in advance (somebody else is owed turns), the one who is least ahead gets it. Nobody gets further ahead than MOST_AHEAD turns: what is more is forgiven,
to all who are there alike, so that a long absence of others weighs on nobody later.

Who is at work and full can have no turn, but is owed their part of it until they are owed a whole one: members under the same caps are full on the same day, and a turn
that the last of them takes alone is one that the others had before. Hence equal members under equal caps differ by at most 1 over any days, and who takes less than
their share every day is owed less than two turns for it.

Least load and best conversion narrow the competitors of a turn to the best; these rules then share the turn out among equals, and nobody who is full is owed any of it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crmsync.model.copies import replace
from crmsync.model.floor import Floor, PoolNow, RepNow
from crmsync.model.routing import BEST_CONVERSION, LEAST_LOAD, ROUND_ROBIN, WEIGHTED

__all__ = ["PRIOR_LEADS", "Choice", "Floor", "PoolNow", "RepNow", "choose"]

PRIOR_LEADS = 10.0
"""As many leads at the pool's own rate are added to each rep's before rates are compared: one lucky first lead makes nobody the best."""
MOST_AHEAD = 2.0
"""Turns beyond their share that are held against somebody later."""
_DIGITS = 12
"""Of a lag that are kept: far below any share, far above what adding floats loses."""
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """rep: house owner id, None when nobody can take somebody now. pool: as it stands after the turn. how: how the rep was chosen, in words, or why nobody
    was. back: when the first who cannot take somebody now may (UTC; None: nobody can say). problem: why nobody ever can ("": somebody will). used_up: all members had
    had this person, so that those tried count as new (R7)."""

    rep: str | None
    pool: PoolNow
    how: str
    back: datetime | None = None
    problem: str = ""
    used_up: bool = False


def choose(pool: PoolNow, *, mql_type: str = "", tried: Sequence[str] = ()) -> Choice:
    """The rep of this pool who gets the next person. tried: who had this person already, oldest first; the last one has them now.

    Nobody of `tried` gets them while somebody else of the pool can, now or later. When all had them, all count as new, but for the last one as long as there
    is another."""
    members = [rep for rep in pool.reps if _weight(rep) > 0]
    if not members:
        what = "is empty" if not pool.reps else "has weights of 0 only"
        return Choice(rep=None, pool=pool, how=f"pool {pool.name} {what}", problem=f"pool {pool.name} {what}")
    ever = [rep for rep in members if rep.here or rep.back is not None]
    if not ever:
        text = f"nobody of pool {pool.name} will be back"
        return Choice(rep=None, pool=pool, how=text, problem=text)
    asked = [rep for rep in ever if rep.rep not in tried]
    used_up = not asked
    if used_up:
        asked = [rep for rep in ever if rep.rep != tried[-1]] or ever
    able = [rep for rep in asked if rep.here and not rep.full and not rep.day_full]
    if not able:
        back = min((at for at in map(_free_at, asked) if at is not None), default=None)
        return Choice(rep=None, pool=pool, how=f"nobody available: {_why(asked)}", back=back, used_up=used_up)
    best = _narrowed(pool.select, able, mql_type)
    full = [rep for rep in asked if rep.here and (rep.full or rep.day_full)] if pool.select in (ROUND_ROBIN, WEIGHTED) else []
    rep, after = _turn(pool, best, full)
    how = f"{pool.select.replace('_', ' ')}, {len(able)} of {len(members)} available"
    if pool.select in (LEAST_LOAD, BEST_CONVERSION) and len(best) > 1:
        how += f", {len(best)} alike"
    return Choice(rep=rep, pool=after, how=how, used_up=used_up)


def _weight(rep: RepNow) -> float:
    return rep.weight if math.isfinite(rep.weight) else 0.0


def _free_at(rep: RepNow) -> datetime | None:
    """When somebody who cannot take anybody now may; None where that hangs on their open leads, or is not known."""
    if rep.full:
        return None
    if rep.day_full:
        return rep.renews
    return rep.back


def _why(reps: Collection[RepNow]) -> str:
    counts = {
        "away": sum(not rep.here for rep in reps),
        "had as many as they take in a day": sum(rep.here and rep.day_full for rep in reps),
        "have as many open leads as they take": sum(rep.here and rep.full and not rep.day_full for rep in reps),
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _narrowed(select: str, able: list[RepNow], mql_type: str) -> list[RepNow]:
    """Those between whom only fairness decides."""
    if select == LEAST_LOAD:
        least = min(rep.load for rep in able)
        return [rep for rep in able if rep.load == least]
    if select == BEST_CONVERSION:
        rates = _rates(able, mql_type)
        top, doubt = max(rates.values(), key=lambda rate: rate[0])
        return [rep for rep in able if rates[rep.rep][0] + math.sqrt(rates[rep.rep][1] + doubt) >= top]
    return able


def _rates(reps: Collection[RepNow], mql_type: str) -> Mapping[str, tuple[float, float]]:
    """rep -> mean and variance of what their rate is after what was seen, a beta distribution: the prior is the rate of all of them together, worth
    PRIOR_LEADS leads. Two whose means differ by less than the deviation of that difference count as equals."""
    seen = {rep.rep: rep.rates.get(mql_type, (0, 0)) for rep in reps}
    # One of either outcome is added, so that a pool without a past has the rate of a coin.
    common = (1 + sum(won for won, _ in seen.values())) / (2 + sum(all for _, all in seen.values()))
    found = {}
    for rep, (won, all) in seen.items():
        a, b = PRIOR_LEADS * common + won, PRIOR_LEADS * (1 - common) + max(0, all - won)
        found[rep] = (a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1)))
    return found


def _turn(pool: PoolNow, rivals: Sequence[RepNow], full: Sequence[RepNow]) -> tuple[str, PoolNow]:
    """Who of the rivals gets the turn, and the pool after it. full: who cannot have it, and is owed their part as long as they are owed less than a turn."""
    weights = {rep.rep: _weight(rep) for rep in rivals}
    waiting = {rep.rep: _weight(rep) for rep in full if pool.lags.get(rep.rep, 0.0) < 1}
    whole = math.fsum((*weights.values(), *waiting.values()))
    owed = {rep: pool.lags.get(rep, 0.0) + weight / whole for rep, weight in weights.items()}
    last = {rep: round((1 - lag) / weights[rep] * whole, 6) for rep, lag in owed.items() if lag > _EPSILON}
    if not last:  # all are ahead of somebody who is not there: the one who is least
        forgiven = max(0.0, -MOST_AHEAD + 1 - max(owed.values()))
        owed = {rep: lag + forgiven for rep, lag in owed.items()}
        last = {rep: round(-lag, 6) for rep, lag in owed.items()}
    soonest = min(last.values())
    chosen = min((rep for rep, at in last.items() if at == soonest), key=lambda rep: _draw(pool, rep))
    owed[chosen] -= 1
    owed |= {rep: pool.lags.get(rep, 0.0) + weight / whole for rep, weight in waiting.items()}
    lags = {**pool.lags, **{rep: round(lag, _DIGITS) for rep, lag in owed.items()}}
    served = {**pool.served, chosen: pool.served.get(chosen, 0) + 1}
    return chosen, replace(pool, lags=lags, served=served, turn=pool.turn + 1)


def _draw(pool: PoolNow, rep: str) -> bytes:
    """Settles who of equals comes first: another order in each turn, in no one's favour."""
    return hashlib.blake2b(f"{pool.name}\n{pool.turn}\n{rep}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
