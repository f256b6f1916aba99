"""What the scenarios about SLA clocks and alerts share: people with an owner who ask for something at a moment, and what both CRMs show of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.engine.cycle import cycle
from crmsync.model.link import PersonState
from crmsync.model.work import Clock
from scenarios.world import SETTLES, Both

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_YORK, BERLIN, KOLKATA = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
RITA, SAM, MAX = "rita@corp.example", "sam@corp.example", "max@corp.example"


def email(name: str) -> str:
    return f"{name}@{name}.example"


def go(both: Both, moment: datetime) -> None:
    """Lets time pass until that moment, and everything happen that is due then. Nobody did anything in a CRM meanwhile that would have to be read."""
    both.time.advance((moment - both.time()).total_seconds())
    pass_by(both)


def pass_by(both: Both) -> None:
    """What time alone brings, as between two polls: nobody did anything in a CRM that would have to be read."""
    report = cycle(both.world, both.time(), everything=False, sparing=True, only={})
    for _ in range(SETTLES):
        if not report.urgent:
            return
        report = cycle(both.world, both.time(), everything=False, sparing=True, only={})
    raise AssertionError(f"not at rest: {report}")


def monday(both: Both) -> datetime:
    """10:00 in New York on a Monday to come, when a quarter of nobody's day has passed: it is that time now, and nothing was settled yet."""
    here = both.time().astimezone(NEW_YORK)
    day = here.date() + timedelta(days=7 - here.weekday())
    at = datetime(day.year, day.month, day.day, 10, tzinfo=NEW_YORK)
    both.time.advance((at - both.time()).total_seconds())
    return both.time()


def contact(both: Both, name: str, owner: str | None = RITA, **fields: Any) -> str:
    """A new HubSpot contact who has that owner; not settled. Returns the id."""
    mine = {"hubspot_owner_id": both.owner("hubspot", owner)} if owner is not None else {}
    return str(both.hs.create("contacts", {"email": email(name), "firstname": name.title(), "lastname": "Lee", **mine, **fields}))


def happens(both: Both, who: str, type: str, /, **more: Any) -> None:
    """Something they do now; not settled."""
    assert both.hs.happen({"email": email(who), "type": type, "at": both.time(), **more})


def asks(both: Both, name: str, form: str = "Book a demo") -> None:
    """They send a form now; not settled."""
    happens(both, name, "form_submitted", name=form)


def handed(both: Both, *names: str, owner: str | None = RITA, form: str = "Book a demo") -> datetime:
    """New people who ask for a demo now and are handed over at this very moment."""
    for name in names:
        contact(both, name, owner)
    both.settle(0)
    for name in names:
        asks(both, name, form)
    both.settle(0)
    for name in names:
        assert shown(both, name).stage == "sal", shown(both, name)
    return both.time()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What both CRMs show alike of one person."""

    stage: str | None
    status: str | None
    due: datetime | None
    first: datetime | None
    touches: int


def shown(both: Both, name: str) -> Shown:
    """Reads both CRMs and fails where they differ."""
    return _alike(name, both.contact(email(name)), both.lead(email(name)))


def everybody(both: Both) -> dict[str, Shown]:
    """The same of everybody who is there once in each CRM, by address."""
    leads = {str(row["Email"]): row for row in both.sf.all("Lead")}
    return {str(row["email"]): _alike(str(row["email"]), row, leads[str(row["email"])]) for row in both.hs.all("contacts")}


def _alike(name: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> Shown:
    left = _shown(lambda field: there.get(f"crmsync_{field}"))
    right = _shown(lambda field: here.get(f"crmsync_{field}__c"))
    assert left == right, f"{name}: HubSpot {left}, Salesforce {right}"
    return left


def owes(both: Both, name: str) -> tuple[str | None, datetime | None]:
    """Status of the SLA and when it is due, as both CRMs show them."""
    said = shown(both, name)
    return said.status, said.due


def _shown(read: Callable[[str], Any]) -> Shown:
    def when(field: str) -> datetime | None:
        value = read(field)
        return datetime.fromisoformat(str(value)) if value else None

    return Shown(
        stage=read("stage"), status=read("sla_status"), due=when("sla_due"), first=when("first_response_at"), touches=int(float(read("touches") or 0))
    )  # fmt: skip


def lead_id(both: Both, name: str) -> str:
    return str(both.lead(email(name))["Id"])


def state_of(both: Both, name: str) -> PersonState:
    return both.state_of("hubspot", "contacts", str(both.contact(email(name))["id"]))


def clock(both: Both, name: str, kind: str) -> Clock | None:
    return next((clock for clock in state_of(both, name).clocks if clock.kind == kind), None)


def alerts(both: Both, name: str, *kinds: str) -> list[tuple[str, datetime, str, bool]]:
    """(kind, cause, receiver, late) of what was to be told about one person, oldest cause first."""
    person = state_of(both, name).person_id
    rows = both.store.alerts.of([person]).get(person, [])
    return sorted((row.kind, row.at, row.address, row.late) for row in rows if not kinds or row.kind in kinds)


def tasks(both: Both, name: str, word: str = "") -> list[dict[str, Any]]:
    """Live Salesforce tasks of ours about one person whose subject begins with that word."""
    person = state_of(both, name).person_id
    mine = [row for row in both.sf.all("Task") if str(row.get("crmsync_key__c") or "").startswith(f"{person}-")]
    return [row for row in mine if str(row["Subject"]).startswith(word)]


@dataclass(slots=True)
class Script:
    """What happens when, and what both CRMs have to show from when on: played in the order of time. Each expectation is looked at a second before it holds, at
    that moment, and whenever anybody else is looked at."""

    both: Both
    steps: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    notes: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    lines: dict[str, list[tuple[datetime, str, datetime | None]]] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def at(self, moment: datetime, *do: Callable[[], object]) -> None:
        """What people do at that moment, in this order."""
        self.steps += [(moment.astimezone(UTC), one) for one in do]

    def note(self, moment: datetime, keep: Callable[[], object]) -> None:
        """To be called at that moment when all is done that is due then; it changes nothing in a CRM."""
        self.notes.append((moment.astimezone(UTC), keep))

    def expect(self, name: str, *line: tuple[datetime, str, datetime | None]) -> None:
        """(from when on, status, due), in the order of time."""
        # In UTC: a second earlier by the wall clock may be an hour later on the day it is changed.
        self.lines.setdefault(name, []).extend((since.astimezone(UTC), status, due) for since, status, due in line)

    def play(self) -> None:
        """Looks at everybody at every moment and remembers what was not as expected; `held` tells."""
        turns = {moment for line in self.lines.values() for moment, _, _ in line}
        moments = turns | {moment - SECOND for moment in turns} | {moment for moment, _ in (*self.steps, *self.notes)}
        for moment in sorted(m for m in moments if m >= self.both.time()):
            self.both.time.advance((moment - self.both.time()).total_seconds())
            due = [do for at, do in self.steps if at == moment]
            for do in due:
                do()
            if due:
                self.both.settle(0)
            else:
                pass_by(self.both)
            for _, keep in (note for note in self.notes if note[0] == moment):
                keep()
            said = everybody(self.both)
            for name, line in self.lines.items():
                now = [(status, due) for since, status, due in line if since <= moment]
                if not now:
                    continue
                self.looks[name] += 1
                seen = said[email(name)].status, said[email(name)].due
                if seen != now[-1]:
                    self.wrong.setdefault(name, []).append(f"{moment.isoformat()}: {_said(*seen)}, not {_said(*now[-1])}")

    def check(self, *names: str) -> None:
        """Fails unless both CRMs showed what was expected of these, at every look."""
        for name in names:
            assert self.looks[name] >= 2 * len(self.lines[name]) - 1, f"nobody looked at {name}"
            assert name not in self.wrong, f"{name} at {'; '.join(self.wrong[name][:5])}"


def _said(status: str | None, due: datetime | None) -> str:
    return f"{status} until {due.astimezone(UTC).isoformat() if due is not None else None}"
