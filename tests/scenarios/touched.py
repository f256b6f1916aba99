"""A town whose persons asked for a demo and are worked by the shipped cadences, for the scenarios of section 7 of the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.model.link import PersonState
from crmsync.model.work import CadenceRun
from scenarios.world import Both

NEW_YORK = ZoneInfo("America/New_York")
KINDS = ("task", "call", "email", "meeting")
DONE = {"salesforce": ("Task", {"Status": "Completed"}), "hubspot": ("tasks", {"hs_task_status": "COMPLETED"})}


@dataclass(frozen=True, slots=True)
class Person:
    """One of them, by their HubSpot contact."""

    both: Both
    id: str
    email: str

    # --- what the CRMs show -----------------------------------------------------------------------------------------------------

    def contact(self) -> dict[str, Any]:
        return dict(self.both.hs.get("contacts", self.id))

    def lead(self) -> dict[str, Any]:
        return self.both.lead(self.email)

    def tasks(self, side: str = "salesforce") -> list[dict[str, Any]]:
        """The person's own cadence tasks that stand in that CRM, oldest first."""
        name, rows = (("crmsync_key__c", self.both.sf.all("Task")), ("crmsync_key", self.both.hs.all("tasks")))[side == "hubspot"]
        mark, other = f"{self.who}-", f"{self.who}-accepted"
        return sorted(
            (r for r in rows if str(r.get(name) or "").startswith(mark) and not str(r[name]).startswith(other)),
            key=lambda r: str(r.get("CreatedDate") or r.get("hs_createdate")),
        )

    def open(self, side: str = "salesforce") -> list[dict[str, Any]]:
        return [row for row in self.tasks(side) if not done(row)]

    def subjects(self, side: str = "salesforce") -> list[str]:
        """What the person's tasks are about, oldest first."""
        return [str(row.get("Subject") or row.get("hs_task_subject")).split(":")[0] for row in self.tasks(side)]

    # --- what crmsync knows -----------------------------------------------------------------------------------------------------

    @property
    def who(self) -> str:
        person = self.both.person_of("hubspot", "contacts", self.id)
        assert person is not None, f"{self.email} is linked to nobody"
        return person

    def state(self) -> PersonState:
        return self.both.store.persons([self.who])[self.who]

    def run(self) -> CadenceRun:
        """The cadence they are in, or were in last."""
        found = self.state().cadence
        assert found is not None, f"{self.email} never was in a cadence"
        return found

    def path(self) -> list[str]:
        return [entry.stage for entry in self.state().stages]

    # --- what people do ---------------------------------------------------------------------------------------------------------

    def does(self, side: str = "salesforce") -> None:
        """The rep completes the one open touch in that CRM."""
        (task,) = self.open(side)
        object, change = DONE[side]
        crm: Any = self.both.hs if side == "hubspot" else self.both.sf
        crm.edit(object, str(task.get("Id") or task["id"]), change)

    def happens(self, type: str, **more: Any) -> None:
        """Something that the person does now."""
        assert self.both.hs.happen({"email": self.email, "type": type, "at": self.both.time(), **more})

    def says(self, text: str, subject: str = "Re: Shall I close the file?") -> None:
        """They write an e-mail, which HubSpot logs."""
        self.happens("email_received", name=subject, text=text)

    def edits(self, **fields: Any) -> None:
        """Somebody edits the contact in HubSpot."""
        self.both.hs.edit("contacts", self.id, fields)


def done(task: dict[str, Any]) -> bool:
    return bool(task.get("IsClosed")) or task.get("hs_task_status") == "COMPLETED"


def asks(both: Both, name: str, owner: str = "rita@corp.example", form: str = "Book a demo", **fields: Any) -> Person:
    """A new contact of that rep who asks for a demo at once; the next settle hands them over."""
    email = f"{name}@{name}.example"
    said = {"firstname": name.title(), "lastname": "Lee", "company": f"{name.title()} Works", "phone": "+14085550100"}
    id = str(both.hs.create("contacts", {"email": email, **said, "hubspot_owner_id": both.owner("hubspot", owner), **fields}))
    person = Person(both, id, email)
    person.happens("form_submitted", name=form)
    return person


class Watched:
    """What holds for everybody's touches at every moment: at most one is open, it was made at most a horizon before it is due, and is due in working hours."""

    def __init__(self, both: Both, horizon: timedelta = timedelta(days=1)) -> None:
        self._both, self._horizon = both, horizon
        self._seen: set[str] = set()
        self.wrong: list[str] = []

    def __call__(self) -> None:
        found: dict[str, list[str]] = {}
        rows = [row for row in self._both.sf.all("Task") if "-touch-" in str(row.get("crmsync_key__c") or "")]
        for row in rows:
            if not done(row):
                found.setdefault(str(row["crmsync_key__c"]).split("-touch-")[0], []).append(str(row["Subject"]))
        self.wrong += [f"{self._both.time()}: two touches are open: {open}" for open in found.values() if len(open) > 1]
        fresh = {str(row["crmsync_key__c"]) for row in rows} - self._seen
        self._seen |= fresh
        for key, task in self._both.store.tasks.by_key(sorted(fresh)).items():
            assert task.due_at is not None
            if not task.created_at <= task.due_at <= task.created_at + self._horizon:
                self.wrong.append(f"{key}: made {task.created_at}, due {task.due_at}")
            if not in_hours(task.due_at):
                self.wrong.append(f"{key}: due {task.due_at}, outside of working hours")

    def check(self) -> None:
        assert self._seen, "no touch was ever made"
        assert self.wrong == []


def in_hours(moment: datetime) -> bool:
    """Whether that is in the working hours of a rep in New York."""
    local = moment.astimezone(NEW_YORK)
    return local.weekday() < 5 and (9, 0) <= (local.hour, local.minute) <= (17, 0)


def local_day(moment: datetime | None) -> str:
    """The calendar day of that moment for a rep in New York."""
    assert moment is not None
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%d}"


def days_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """When tasks of Salesforce are due."""
    return [str(row["ActivityDate"]) for row in rows]
