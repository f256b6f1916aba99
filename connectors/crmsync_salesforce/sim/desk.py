"""A rep's desk in neutral words: the open tasks, completing one, filling in a field, and everything that was ever completed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crmsync_salesforce.sim import saving
from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.people import People
from crmsync_salesforce.sim.store import Row

CUSTOM = "__c"
KINDS = {"Call": "call", "Email": "email"}


class Desk:
    """Acts as users of the org. Safe from any thread. Custom fields are named without their suffix."""

    def __init__(self, org: Org, people: People, *, admin: str) -> None:
        self._org, self._people, self._admin = org, people, admin

    def open_tasks(self) -> list[dict[str, Any]]:
        """Every task that is not completed: id, key (crmsync_key, "" without one), subject, owner (e-mail address), due (a day), priority (low | normal | high),
        person (e-mail address), channel (call | email | other), score (crmsync_score of that person, None without one), created_at."""
        with self._org.lock:
            self._org.settle()
            return [self._task(row) for row in self._org.tables["Task"].live() if not row.get("IsClosed")]

    def complete(self, id: str, *, by: str) -> bool:
        """Completes a task as that user (an e-mail address); False when it is gone or completed already."""
        with self._org.lock:
            row = self._org.live_row("Task", id)
            if row is None or row.get("IsClosed"):
                return False
            saving.update(self._org, "Task", id, {"Status": "Completed"}, self._saver(by))
            return True

    def fill(self, person: str, values: Mapping[str, Any], *, by: str) -> bool:
        """Fills in custom fields of the person with that e-mail address; False when there is no such person."""
        with self._org.lock:
            found = self._people.find(person)
            if found is None:
                return False
            name, row = found
            saving.update(self._org, name, row["Id"], {f"{key}{CUSTOM}": value for key, value in values.items()}, self._saver(by))
            return True

    def shown(self, person: str, field: str) -> Any:
        """A custom field of the person with that e-mail address; None when it is empty or there is no such person."""
        with self._org.lock:
            found = self._people.find(person)
            return None if found is None else found[1].get(f"{field}{CUSTOM}")

    def owners(self) -> dict[str, str]:
        """E-mail address of each person -> that of who owns them."""
        with self._org.lock:
            return {
                row["Email"].lower(): self._email(row["OwnerId"])
                for name in ("Lead", "Contact")
                for row in self._org.tables[name].live()
                if row.get("Email") and not row.get("IsConverted")
            }

    def held(self, person: str, *, by: str) -> bool:
        """Notes that meetings with the person that are over took place; False: an event has no such field here."""
        return False

    def finished(self) -> list[dict[str, Any]]:
        """Every completed activity: kind (task | call | email | meeting), id, key, owner (e-mail address), person, at (aware UTC), outcome."""
        with self._org.lock:
            now = self._org.clock.now()
            done = [
                (KINDS.get(row.get("TaskSubtype") or "", "task"), row, _at(row))
                for row in self._org.tables["Task"].live()
                if row.get("IsClosed")
            ]
            over = [("meeting", row, parse_moment(row["EndDateTime"])) for row in self._org.tables["Event"].live()]
            return [
                {
                    "kind": kind, "id": row["Id"], "key": row.get(f"crmsync_key{CUSTOM}") or "", "owner": self._email(row["OwnerId"]), "person": self._whose(row),
                    "at": at, "outcome": (row.get("CallDisposition") or "").lower().replace(" ", "_"),
                }
                for kind, row, at in (*done, *over)
                if at <= now
            ]  # fmt: skip

    def leave(self, user: str) -> None:
        """Deactivates the user with that e-mail address, as an administrator does when somebody leaves."""
        with self._org.lock:
            self._org.settle()
            saving.update(self._org, "User", self._id(user), {"IsActive": False}, Saver(user=self._admin, channel="ui"))

    # ---- helpers ----------------------------------------------------------------------------------------------
    def _task(self, row: Row) -> dict[str, Any]:
        who = self._who(row)
        return {
            "id": row["Id"], "key": row.get(f"crmsync_key{CUSTOM}") or "", "subject": row.get("Subject") or "", "owner": self._email(row["OwnerId"]),
            "due": row.get("ActivityDate") or "", "priority": (row.get("Priority") or "normal").lower(), "person": (who or {}).get("Email") or "",
            "channel": KINDS.get(row.get("TaskSubtype") or "", "other"), "score": (who or {}).get(f"crmsync_score{CUSTOM}"), "created_at": parse_moment(row["CreatedDate"]),
        }  # fmt: skip

    def _who(self, row: Row) -> Row | None:
        id = row.get("WhoId")
        kind = self._org.kind_of_id(id) if id else None
        return self._org.live_row(kind.name, id) if kind is not None else None

    def _whose(self, row: Row) -> str:
        return str((self._who(row) or {}).get("Email") or "")

    def _email(self, user: str) -> str:
        found = self._org.tables["User"].rows.get(user)
        return str(found.get("Email") or "").lower() if found is not None else ""

    def _id(self, email: str) -> str:
        found = self._org.tables["User"].find("Email", email)
        if not found:
            raise ValueError(f"no such user: {email}")
        return found[0]

    def _saver(self, email: str) -> Saver:
        return Saver(user=self._id(email), channel="ui")


def _at(row: Row) -> datetime:
    return parse_moment(row.get("CompletedDateTime") or row["CreatedDate"])
