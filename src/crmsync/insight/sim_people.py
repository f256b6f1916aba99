"""The modelled people of a simulation: who comes and what they answer, how a rep chooses among open tasks. Pure: chance comes from the generators that are handed in."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from crmsync.decide.worktime import Calendar
from crmsync.insight.sim_assume import Assumptions, Persona, Prospects, Work
from crmsync.model.absence import Away
from crmsync.testing.people import REPS, Person, newcomer

DEMO, PRICING, DOWNLOAD, WEBINAR, BROWSER = "demo_request", "pricing_inquiry", "content_download", "webinar", "browser"
_SITE = "https://www.example.com/"
_FORMS = {
    DEMO: "Demo request", PRICING: "Pricing inquiry", DOWNLOAD: "E-book download: The 12-touch cadence", WEBINAR: "Webinar: First response in five minutes",
}  # fmt: skip
_PAGES = {
    DEMO: ("product/overview", "pricing"), PRICING: ("pricing",), DOWNLOAD: ("blog/five-tries", "case-studies/harbor"), WEBINAR: ("product/overview",),
    BROWSER: ("blog/why-leads-go-cold", "product/overview"),
}  # fmt: skip
_MORE = (
    "Alvarez",
    "Baker",
    "Costa",
    "Dietrich",
    "Ekström",
    "Fischer",
    "Grant",
    "Hansen",
    "Iwata",
    "Jensen",
    "Keller",
    "Lange",
    "Moretti",
    "Novak",
    "Orsini",
)
NO_FIT = ("wrong_icp", "no_budget", "bad_timing", "competitor", "bad_data")
DEMO_SOON, NOON = timedelta(minutes=5), 13
_HOUR, _WEEK = timedelta(hours=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One thing a prospect does on the website, in the simulators' neutral words."""

    at: datetime
    kind: str
    what: str


@dataclass(slots=True, kw_only=True)
class Prospect:
    """Somebody who comes. kind: DEMO ... asked_at: when they filled in their form, or came. bounces: whether their address does not exist. done: what ended it, in the
    model's own words ("": nothing has)."""

    person: Person
    kind: str
    visits: tuple[Visit, ...]
    bounces: bool = False
    reached: bool = False
    mails: int = 0
    touches: dict[str, int] = field(default_factory=dict)
    done: str = ""

    @property
    def email(self) -> str:
        return str(self.person["email"])

    @property
    def asked_at(self) -> datetime:
        return self.visits[-1].at


def arrivals(rng: random.Random, start: datetime, weeks: int, per_week: int, assumed: Prospects) -> list[Prospect]:
    """Everybody who comes in these weeks, in order. start: a Monday at midnight (UTC)."""
    taken: set[str] = set()
    made: list[Prospect] = []
    names, weights = zip(*assumed.mix.model_dump().items(), strict=True)
    for week in range(weeks):
        monday, last = start + week * _WEEK, None
        for _ in range(per_week):
            kind = rng.choices(names, weights)[0]
            at = _moment(rng, monday, kind, last, assumed)
            last = at
            person = newcomer(rng, taken, at)
            made.append(Prospect(person=person, kind=kind, visits=tuple(_visits(rng, kind, at)), bounces=rng.random() < assumed.bounces))
    return sorted(made, key=lambda one: (one.visits[0].at, one.email))


def _moment(rng: random.Random, monday: datetime, kind: str, last: datetime | None, assumed: Prospects) -> datetime:
    if kind == WEBINAR:  # Thursday at three: the forms come in when it ends
        return monday + timedelta(days=3, hours=15, minutes=rng.uniform(30, 75))
    if last is not None and rng.random() < assumed.bursts and last.hour < assumed.day_ends:
        return last + timedelta(minutes=rng.uniform(0.2, 6))
    day = rng.randrange(5, 7) if rng.random() < assumed.weekend else rng.randrange(5)
    return monday + timedelta(days=day, hours=rng.triangular(assumed.day_starts, assumed.day_ends))


def _visits(rng: random.Random, kind: str, at: datetime) -> Iterable[Visit]:
    for page in _PAGES[kind]:
        yield Visit(at=at, kind="page_view", what=_SITE + page)
        at += timedelta(seconds=rng.uniform(20, 150))
    if rng.random() < 0.5:
        yield Visit(at=at, kind="page_view", what=_SITE + "pricing")
        at += timedelta(seconds=rng.uniform(20, 90))
    if kind in _FORMS:
        yield Visit(at=at, kind="form_submitted", what=_FORMS[kind])


def chance_to_connect(prospect: Prospect, first: bool, at: datetime, assumed: Prospects) -> float:
    """That a call at that moment reaches somebody. first: nobody has called them yet."""
    waited = at - prospect.asked_at
    if first and prospect.kind in (DEMO, PRICING):
        if waited <= DEMO_SOON:
            return assumed.connect_5_minutes
        if waited <= _HOUR:
            return assumed.connect_1_hour
    return assumed.connect_later


# --- reps -------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Rep:
    """A modelled rep. away: when, as the playbook is told; leaves_at: when they are deactivated (None: they stay). calendar: their working time. busy_until: when the
    work in hand is done. forgotten: task -> until when nobody thinks of it. inbox: prospects who answered. handled: tasks that were done otherwise than by completing them."""

    email: str
    first_name: str
    last_name: str
    zone: str
    persona_name: str
    persona: Persona
    rng: random.Random
    away: Away | None = None
    leaves_at: datetime | None = None
    calendar: Calendar | None = None
    busy_until: datetime | None = None
    turn: int = 0
    forgotten: dict[str, datetime] = field(default_factory=dict)
    handled: set[str] = field(default_factory=set)
    inbox: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def row(self) -> dict[str, Any]:
        """As simulators are seeded with users."""
        return {"email": self.email, "first_name": self.first_name, "last_name": self.last_name, "time_zone": self.zone}

    def next_work(self, at: datetime) -> datetime | None:
        """`at` when they work then, else the next moment at which they do; None: never again."""
        found: datetime | None = at
        if self.calendar is not None:
            found = self.calendar.opens(at)
        if found is not None and self.away is not None and self.away.start <= found < self.away.end:
            found = self.calendar.opens(self.away.end) if self.calendar is not None else self.away.end
        return None if found is None or (self.leaves_at is not None and found >= self.leaves_at) else found

    def slowness(self, local_hour: int) -> float:
        """How much longer than usual things take now."""
        return self.persona.afternoon if local_hour >= NOON else 1.0

    def choose(self, tasks: Sequence[Mapping[str, Any]], at: datetime, today: date) -> Mapping[str, Any] | None:
        """The open task that they take up now: none that is due later than they look ahead, forgotten, or not worth their while. today: where they are."""
        last = (today + timedelta(days=self.persona.ahead_days)).isoformat()
        awake = [task for task in tasks if task["id"] not in self.handled and self.forgotten.get(task["id"], at) <= at]
        found = [task for task in awake if task["due"][:10] <= last and not self.ignores(task, at)]
        for task in sorted(found, key=self._order):
            if self.rng.random() <= self.persona.does:
                return task
            self.forgotten[task["id"]] = at + self.persona.forgets_hours * _HOUR
        return None

    def ignores(self, task: Mapping[str, Any], at: datetime) -> bool:
        """Whether they never take that task up, as long as it is what it is."""
        persona = self.persona
        old = bool(persona.picks_days) and at - task["created_at"] > timedelta(days=persona.picks_days)
        return old or (task["score"] or 0.0) < persona.picks_score

    def _order(self, task: Mapping[str, Any]) -> tuple[object, ...]:
        urgent = task["priority"] != "high"
        if self.persona.picks_score:
            return urgent, -(task["score"] or 0.0), task["created_at"], task["id"]
        return task["due"][:10], urgent, task["due"], task["created_at"], task["id"]


def reps_of(rng: random.Random, count: int, start: datetime, weeks: int, named: Sequence[str], assumed: Assumptions) -> list[Rep]:
    """The team. named: e-mail addresses that the playbook names as reps, who take part first. Personas are dealt out in turn by their shares."""
    made: list[Rep] = []
    dealt = _dealt(count, assumed)
    for place in range(count):
        first, last = (REPS[place][0], REPS[place][1]) if place < len(REPS) else (REPS[place % len(REPS)][0], _MORE[place % len(_MORE)])
        email = named[place] if place < len(named) else f"rep{place + 1}@sales.example"
        name = dealt[place]
        made.append(
            Rep(
                email=email.lower(), first_name=first, last_name=last if place < len(REPS) + len(_MORE) else f"{last} {place}",
                zone=assumed.work.time_zones[place % len(assumed.work.time_zones)], persona_name=name, persona=assumed.personas()[name],
                rng=random.Random(f"{rng.random()}-{place}"),
            )
        )  # fmt: skip
    _leaves(rng, made, start, weeks, assumed.work)
    return made


def _dealt(count: int, assumed: Assumptions) -> list[str]:
    """A persona for each place, so that every prefix has about the shares (the one that lags most comes next)."""
    shares = {name: persona.share for name, persona in assumed.personas().items()}
    whole = sum(shares.values()) or 1.0
    given: dict[str, int] = dict.fromkeys(shares, 0)
    dealt = []
    for place in range(count):
        name = max(shares, key=lambda one: (shares[one] / whole * (place + 1) - given[one], shares[one]))
        given[name] += 1
        dealt.append(name)
    return dealt


def _leaves(rng: random.Random, reps: Sequence[Rep], start: datetime, weeks: int, work: Work) -> None:
    """Absences in the later weeks, and who leaves half way. At least two stay."""
    free = list(reps)
    rng.shuffle(free)
    for _ in range(min(work.leavers, max(0, len(free) - 2))):
        free.pop().leaves_at = start + _WEEK * weeks / 2 + timedelta(hours=12)
    for place in range(min(work.vacations, max(0, len(free) - 1)) if weeks > 1 else 0):
        week = 1 + place % (weeks - 1)
        begins = datetime.combine((start + week * _WEEK).date(), time(), UTC)
        cover = free[-1].email if place % 2 == 0 and free[place] is not free[-1] else ""
        free[place].away = Away(start=begins, end=begins + timedelta(days=work.vacation_days), cover=cover, source="playbook")


def out_of_office_text(rng: random.Random, at: datetime) -> str:
    """What a mail program answers while its owner is away."""
    back = (at + timedelta(days=rng.randint(2, 6))).date()
    return f"Thank you for your message. I am out of the office until {back.isoformat()} and will answer when I am back."
