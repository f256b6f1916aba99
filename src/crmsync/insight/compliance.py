"""How well the SLA is kept (process.md A9): leads and their turns with reps, measured and grouped. Pure.

What is counted. By week, MQL type, source and reason for closing: **leads**. By rep, team and pool: **turns** (crmsync.insight.leads), so that each response clock counts for
the rep in whose hands it was: a lead that breached with one rep and was answered in time by the next is a breach of the first, kept by the second, and as a lead a breach.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from operator import attrgetter
from typing import NamedTuple

from crmsync.insight.leads import Lead
from crmsync.insight.share import Judged
from crmsync.model.work import BREACHED, ENDED, HANDOFF, MET, QUEUE, RESPONSE, SQL
from crmsync.store.codec import micros, moment
from crmsync.store.obligations import OPEN, Obligation, Tally

WEEK, REP, TEAM, POOL, TYPE, SOURCE, REASON = BY = ("week", "rep", "team", "pool", "type", "source", "reason")
"""By what is grouped."""
BY_TURNS = frozenset({REP, TEAM, POOL})
"""Groups that count turns; the others count leads."""
KINDS = (HANDOFF, RESPONSE, SQL, QUEUE)
EDGES = (10.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1440.0)
"""Upper bounds, in minutes, of the bars of the distribution of first touches; the last bar has none."""
_MINUTE = 60_000_000
_QUARTER = 15 * _MINUTE


class Unit(NamedTuple):
    """A lead or a turn as it is counted. week: its Monday. kept: whether it was answered within the SLA (None: still open, or over before anything was due). open: the first touch is still owed.
    clock, wall: minutes from the handoff (the start of the turn) to the first touch, as the SLA counts them and around the clock; None without one. late: breaches
    noticed late. passed_on: how often the router gave it to the next rep. reason: why it was closed ("" while in work); unanswered: given up because nobody
    answered, and whether the minimum effort was made (None: not given up so). A named tuple: there are hundreds of thousands of them."""

    week: str
    rep: str = ""
    teams: tuple[str, ...] = ()
    pool: str = ""
    type: str = ""
    source: str = ""
    kept: bool | None = None
    open: bool = False
    clock: float | None = None
    wall: float | None = None
    touches: int = 0
    late: int = 0
    passed_on: int = 0
    closed: bool = False
    reason: str = ""
    unanswered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Judged):
    """What is told of a group. count = kept + breached + open + undue. open: owed and not yet breached; undue: over (closed, passed on) before anything was due. owing: breached and still
    not answered, counted among breached. touched: with a first touch, which the four times are of: median and 90th percentile in minutes as the SLA counts
    them, and around the clock (None of nothing). enough: of the unanswered ones, those with the minimum effort."""

    count: int = 0
    open: int = 0
    undue: int = 0
    owing: int = 0
    late: int = 0
    touched: int = 0
    median: float | None = None
    p90: float | None = None
    wall_median: float | None = None
    wall_p90: float | None = None
    touches: int = 0
    passed_on: int = 0
    closed: int = 0
    unanswered: int = 0
    enough: int = 0

    @property
    def touches_each(self) -> float | None:
        return self.touches / self.count if self.count else None

    @property
    def passed_on_each(self) -> float | None:
        return self.passed_on / self.count if self.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """by: one of BY. key: of the group ("" where it is not known). name: what people call it."""

    by: str
    key: str
    name: str
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise(Judged):
    """Clocks of one kind that began in the period: handoff (A1), response and sql (A2), queue (R5). minutes, working: their window; None where they differ."""

    kind: str
    minutes: float | None
    working: bool | None
    count: int = 0
    open: int = 0
    undue: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """First touches that a rep owes now, whenever the lead was handed over: open = on time + at risk + breached + paused."""

    rep: str
    name: str
    on_time: int = 0
    at_risk: int = 0
    breached: int = 0
    paused: int = 0

    @property
    def open(self) -> int:
        return self.on_time + self.at_risk + self.breached + self.paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """First touches of leads that took at most `upto` minutes as the SLA counts them, and longer than the bar before (None: any longer)."""

    upto: float | None
    kept: int = 0
    breached: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """start, end: of the period (UTC, the end not included); leads handed over in it are followed until `now`. zone: by whose calendar weeks are cut. leads: all of them; turns: all of their
    turns. min_touches: the minimum effort (A3)."""

    start: datetime
    end: datetime
    now: datetime
    zone: str
    min_touches: int
    leads: Measure
    turns: Measure
    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    promises: tuple[Promise, ...] = ()
    standing: tuple[Standing, ...] = ()
    bars: tuple[Bar, ...] = ()


# --- what is counted --------------------------------------------------------------------------------------------------------


def units_of(
    leads: Iterable[Lead], *, teams: Mapping[str, Sequence[str]], zone: tzinfo, now: datetime, min_touches: int
) -> tuple[list[Unit], list[Unit]]:
    """(leads, their turns). teams: house owner id -> teams."""
    whole: list[Unit] = []
    parts: list[Unit] = []
    weeks = Weeks(zone)
    groups = {rep: tuple(names) for rep, names in teams.items()}
    at = micros(now)
    for lead in leads:
        last = len(lead.turns) - 1
        week = weeks.of(lead.handed_at)
        enough = lead.touches >= min_touches if lead.closing is not None and lead.closing.unanswered else None
        mine: list[Unit] = []
        for place, turn in enumerate(lead.turns):
            _, started_at, owner, pool, mql_type, source, due_at, breached_at, late, met, ended_at, used = turn.clock
            rep = owner or ""
            ends = lead.closing is not None and place == last
            mine.append(
                Unit(
                    week, rep, groups.get(rep, ()), pool, mql_type, source, _kept(due_at, breached_at, met, ended_at, at), ended_at is None and met is None,
                    None if met is None else used, None if met is None else (met - started_at) / _MINUTE, turn.touches, late,
                    int(turn.passed_on), ends, _ending(lead) if ends else "", enough if ends else None,
                )
            )  # fmt: skip
        parts += mine
        whole.append(mine[0] if len(mine) == 1 else _together(lead, mine))
    return whole, parts


def _kept(due_at: int | None, breached_at: int | None, met_at: int | None, ended_at: int | None, now: int) -> bool | None:
    """Whether it was answered in time; None while that is open, or when it was over before anything was due. A deadline that passed while nobody looked counts, too."""
    if breached_at is not None:
        return False
    if met_at is not None:
        return True
    return False if ended_at is None and due_at is not None and due_at < now else None


def _together(lead: Lead, turns: Sequence[Unit]) -> Unit:
    """A lead of several turns: kept when no clock of it was breached and the last one was met."""
    first, last = turns[0], turns[-1]
    met = lead.turns[-1].clock.met_at
    return Unit(
        week=first.week, rep=last.rep, teams=last.teams, pool=last.pool, type=first.type, source=first.source,
        kept=False if any(turn.kept is False for turn in turns) else last.kept, open=last.open,
        clock=None if last.clock is None else last.clock + sum(turn.clock.used or 0.0 for turn in lead.turns[:-1]),
        wall=None if met is None else (met - lead.handed_at) / _MINUTE,
        touches=lead.touches, late=sum(turn.late for turn in turns), passed_on=sum(turn.passed_on for turn in turns),
        closed=last.closed, reason=last.reason, unanswered=last.unanswered,
    )  # fmt: skip


class Weeks:
    """Mondays, as ISO dates, by the calendar of one zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._known: dict[int, str] = {}

    def of(self, at: int) -> str:
        """The Monday of the week of that moment (microseconds). Zones differ by whole quarters of an hour: no week begins within one."""
        quarter = at // _QUARTER
        found = self._known.get(quarter)
        if found is None:
            day = moment(quarter * _QUARTER).astimezone(self._zone).date()
            found = self._known[quarter] = (day - timedelta(days=day.weekday())).isoformat()
        return found


def _ending(lead: Lead) -> str:
    assert lead.closing is not None
    return f"{lead.closing.stage}: {lead.closing.reason}" if lead.closing.reason else lead.closing.stage


# --- measuring --------------------------------------------------------------------------------------------------------------


def measure(units: Sequence[Unit]) -> Measure:
    """What there is to say of them."""
    if not units:
        return Measure()
    columns = dict(zip(Unit._fields, zip(*units, strict=True), strict=True))  # by columns: a report counts each unit in seven groups
    judged: Counter[tuple[bool | None, bool]] = Counter(zip(columns["kept"], columns["open"], strict=True))
    kept, breached = (judged[word, True] + judged[word, False] for word in (True, False))
    given_up = columns["unanswered"]
    clock = sorted(minutes for minutes in columns["clock"] if minutes is not None)
    wall = sorted(minutes for minutes in columns["wall"] if minutes is not None)
    return Measure(
        count=len(units), kept=kept, breached=breached, open=judged[None, True], undue=judged[None, False], owing=judged[False, True],
        late=sum(columns["late"]), touched=len(wall), median=percentile(clock, 0.5), p90=percentile(clock, 0.9),
        wall_median=percentile(wall, 0.5), wall_p90=percentile(wall, 0.9), touches=sum(columns["touches"]), passed_on=sum(columns["passed_on"]),
        closed=sum(columns["closed"]), unanswered=len(units) - given_up.count(None), enough=given_up.count(True),
    )  # fmt: skip


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which that share lies, between two values by proportion; None of nothing."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def grouped(by: str, units: Iterable[Unit], names: Mapping[str, str]) -> tuple[Group, ...]:
    """Every group that has any, weeks in order of time, the others the largest first. names: house owner id -> name. A rep in several teams counts in each of them."""
    found: dict[str, list[Unit]] = defaultdict(list)
    if by == TEAM:
        for unit in units:
            for key in unit.teams or ("",):
                found[key].append(unit)
    else:
        key_of: Callable[[Unit], str] = attrgetter(by)
        for unit in units:
            found[key_of(unit)].append(unit)
    order = sorted(found, key=(lambda key: key) if by == WEEK else (lambda key: (-len(found[key]), key)))
    return tuple(Group(by=by, key=key, name=_name(by, key, names), measure=measure(found[key])) for key in order)


_UNNAMED = {REP: "nobody", TEAM: "no team", POOL: "no pool", TYPE: "no type", SOURCE: "unknown", REASON: "still in work"}


def _name(by: str, key: str, names: Mapping[str, str]) -> str:
    return (names.get(key) or key if by == REP else key) or _UNNAMED.get(by, "")


def promises(tallies: Iterable[Tally]) -> tuple[Promise, ...]:
    """How clocks of each kind were kept, marketing's handoff first."""
    found: dict[str, list[Tally]] = defaultdict(list)
    for row in tallies:
        found[row.kind].append(row)
    return tuple(_promise(kind, found[kind]) for kind in (*KINDS, *sorted(set(found) - set(KINDS))) if found.get(kind))


def _promise(kind: str, rows: Sequence[Tally]) -> Promise:
    said: Counter[str] = Counter()
    for row in rows:
        said[row.stands] += row.count
    windows = {(row.minutes, row.working) for row in rows}
    minutes, working = windows.pop() if len(windows) == 1 else (None, None)
    return Promise(
        kind=kind, minutes=minutes, working=working, count=said.total(), kept=said[MET], breached=said[BREACHED], open=said[OPEN],
        undue=said[ENDED], late=sum(row.late for row in rows),
    )  # fmt: skip


def standing(
    rows: Iterable[Obligation], at_risk: frozenset[tuple[str, datetime]], names: Mapping[str, str], now: datetime
) -> tuple[Standing, ...]:
    """What each rep owes now, who has most overdue first. rows: response clocks that are open. at_risk: (person, start) of those whose owner has heard that time runs out."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.breached_at is not None or (row.due_at is not None and row.due_at < now):
            word = "breached"
        elif row.due_at is None:
            word = "paused"
        else:
            word = "at_risk" if (row.person_id, row.started_at) in at_risk else "on_time"
        found[row.owner or ""][word] += 1
    made = [Standing(rep=rep, name=_name(REP, rep, names), **counts) for rep, counts in found.items()]
    return tuple(sorted(made, key=lambda one: (-one.breached, -one.at_risk, -one.open, one.rep)))


def bars(units: Iterable[Unit]) -> tuple[Bar, ...]:
    """How long first touches took, as the SLA counts time."""
    edges = (*EDGES, None)
    counts: Counter[tuple[int, bool]] = Counter()
    for unit in units:
        if unit.clock is not None:
            counts[bisect_left(EDGES, unit.clock), unit.kept is True] += 1
    return tuple(Bar(upto=edge, kept=counts[index, True], breached=counts[index, False]) for index, edge in enumerate(edges))


def compliance(
    *,
    leads: Sequence[Lead],
    tallies: Iterable[Tally],
    still_open: Iterable[Obligation],
    at_risk: frozenset[tuple[str, datetime]],
    names: Mapping[str, str],
    teams: Mapping[str, Sequence[str]],
    start: datetime,
    end: datetime,
    now: datetime,
    zone: tzinfo,
    min_touches: int,
    by: Sequence[str] = BY,
) -> Compliance:
    """The whole report. leads: of the period; tallies: clocks of all kinds that began in it; still_open: response clocks owed now, whenever they began."""
    whole, parts = units_of(leads, teams=teams, zone=zone, now=now, min_touches=min_touches)
    return Compliance(
        start=start, end=end, now=now, zone=str(zone), min_touches=min_touches, leads=measure(whole), turns=measure(parts),
        groups={one: grouped(one, parts if one in BY_TURNS else whole, names) for one in by},
        promises=promises(tallies), standing=standing(still_open, at_risk, names, now), bars=bars(whole),
    )  # fmt: skip
