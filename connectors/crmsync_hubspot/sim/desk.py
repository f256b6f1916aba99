"""A rep's desk in neutral words: the open tasks, completing one, filling in a property, and everything that was ever completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import actions
from .clock import from_ms
from .portal import Portal
from .store import Record
from .values import parse_datetime

PRIORITIES = {"LOW": "low", "HIGH": "high"}
CHANNELS = {"CALL": "call", "EMAIL": "email"}


class Desk:
    """Acts as users of the portal. Safe from any thread."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def open_tasks(self) -> list[dict[str, Any]]:
        """Every task that is not completed: id, key (crmsync_key, "" without one), subject, owner (e-mail address), due (ISO 8601), priority (low | normal | high),
        person (e-mail address), channel (call | email | other), score (crmsync_score of that person, None without one), created_at."""
        with self._portal.lock:
            self._portal.settle()
            table = self._portal.tables["tasks"]
            return [self._task(record) for record in table.all_live() if record.doc.props.get("hs_task_status") != "COMPLETED"]

    def complete(self, id: str, *, by: str) -> bool:
        """Completes a task as that user (an e-mail address); False when it is gone or completed already."""
        with self._portal.lock:
            table = self._portal.tables["tasks"]
            record = table.live(int(id)) if id.isdigit() else None
            if record is None or record.doc.props.get("hs_task_status") == "COMPLETED":
                return False
            actions.edit(self._portal, "tasks", id, {"hs_task_status": "COMPLETED"}, by)
            return True

    def fill(self, person: str, values: Mapping[str, Any], *, by: str) -> bool:
        """Fills in properties of the contact with that e-mail address; False when there is no such contact."""
        with self._portal.lock:
            found = self._portal.tables["contacts"].emails.get(person.lower())
            if found is None:
                return False
            actions.edit(self._portal, "contacts", str(found), values, by)
            return True

    def shown(self, person: str, field: str) -> Any:
        """A property of the contact with that e-mail address; None when it is empty or there is no such contact."""
        with self._portal.lock:
            table = self._portal.tables["contacts"]
            found = table.emails.get(person.lower())
            return None if found is None else table.records[found].doc.props.get(field)

    def owners(self) -> dict[str, str]:
        """E-mail address of each contact -> that of who owns them ("": nobody)."""
        with self._portal.lock:
            records = self._portal.tables["contacts"].all_live()
            return {record.doc.props["email"]: self._owner(record) for record in records if "email" in record.doc.props}

    def held(self, person: str, *, by: str) -> bool:
        """Notes that meetings with the person that are over took place; False when there is none."""
        with self._portal.lock:
            now = self._portal.settle()
            found = self._portal.tables["contacts"].emails.get(person.lower())
            linked = () if found is None else self._portal.associations.of("contacts", found, "meetings")
            over = [
                record
                for record in map(self._portal.tables["meetings"].live, list(linked))
                if record is not None
                and record.doc.props.get("hs_meeting_outcome") == "SCHEDULED"
                and (parse_datetime(record.doc.props.get("hs_meeting_end_time", "")) or now + 1) <= now
            ]
            for record in over:
                actions.edit(self._portal, "meetings", str(record.doc.id), {"hs_meeting_outcome": "COMPLETED"}, by)
            return bool(over)

    def finished(self) -> list[dict[str, Any]]:
        """Every completed activity: kind (task | call | email | meeting), id, key, owner (e-mail address), person, at (aware UTC), outcome: of a
        meeting that is over what was said of it ("scheduled" is nothing yet), of an e-mail that came in "incoming"."""
        with self._portal.lock:
            now = self._portal.settle()
            made: list[tuple[str, Record, int]] = []
            for record in self._portal.tables["tasks"].all_live():
                if record.doc.props.get("hs_task_status") == "COMPLETED":
                    at = parse_datetime(record.doc.props.get("hs_task_completion_date", "")) or record.doc.modified
                    made.append(("task", record, at))
            for record in self._portal.tables["calls"].all_live():
                made.append(("call", record, _when(record)))
            for record in self._portal.tables["emails"].all_live():
                made.append(("email", record, _when(record)))
            for record in self._portal.tables["meetings"].all_live():
                made.append(("meeting", record, parse_datetime(record.doc.props.get("hs_meeting_end_time", "")) or _when(record)))
            return [
                {
                    "kind": kind, "id": str(record.doc.id), "key": record.doc.props.get("crmsync_key", ""), "owner": self._owner(record),
                    "person": self._person(record, {"task": "tasks", "call": "calls", "email": "emails", "meeting": "meetings"}[kind]).get("email", ""),
                    "at": from_ms(at), "outcome": _outcome(record),
                }
                for kind, record, at in made
                if at <= now
            ]  # fmt: skip

    def leave(self, user: str) -> None:
        """Deactivates the user with that e-mail address, as an administrator does when somebody leaves. ValueError when there is none."""
        with self._portal.lock:
            owner = self._portal.owners.find(user)
            if owner is None:
                raise ValueError(f"there is no user {user}")
            owner.archived, owner.updated = True, self._portal.settle()

    # -- helpers --------------------------------------------------------------------------------------------------
    def _task(self, record: Record) -> dict[str, Any]:
        props, person = record.doc.props, self._person(record, "tasks")
        score = person.get("crmsync_score")
        return {
            "id": str(record.doc.id), "key": props.get("crmsync_key", ""), "subject": props.get("hs_task_subject", ""), "owner": self._owner(record),
            "due": props.get("hs_timestamp", ""), "priority": PRIORITIES.get(props.get("hs_task_priority", ""), "normal"),
            "person": person.get("email", ""), "channel": CHANNELS.get(props.get("hs_task_type", ""), "other"), "score": float(score) if score else None, "created_at": from_ms(record.doc.created),
        }  # fmt: skip

    def _person(self, record: Record, plural: str) -> Mapping[str, str]:
        for id in self._portal.associations.of(plural, record.doc.id, "contacts"):
            found = self._portal.tables["contacts"].live(id)
            if found is not None:
                return found.doc.props
        return {}

    def _owner(self, record: Record) -> str:
        owner = self._portal.owner_of(record)
        return owner.email if owner is not None else ""


def _when(record: Record) -> int:
    return parse_datetime(record.doc.props.get("hs_timestamp", "")) or record.doc.created


def _outcome(record: Record) -> str:
    if record.doc.props.get("hs_email_direction") == "INCOMING_EMAIL":
        return "incoming"
    return record.doc.props.get("hs_meeting_outcome", "").lower()
