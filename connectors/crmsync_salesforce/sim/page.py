"""The HTML page: what a rep would see, and who changed what."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader

from crmsync_salesforce.sim.http import Call, Reply, segment
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row

TABS = ("Lead", "Contact", "Account", "Opportunity", "Task", "Event", "Campaign", "User")
COLUMNS = {
    "Lead": ("Name", "Company", "Email", "Status", "LeadSource"),
    "Contact": ("Name", "Title", "Email", "Phone"),
    "Account": ("Name", "Industry", "Website"),
    "Opportunity": ("Name", "StageName", "Amount", "CloseDate"),
    "Task": ("Subject", "Status", "ActivityDate"),
    "Event": ("Subject", "StartDateTime", "EndDateTime"),
    "Campaign": ("Name", "Type", "Status"),
    "User": ("Name", "Email", "IsActive"),
}
PER_PAGE = 50
HTML = "text/html; charset=utf-8"
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "X-Content-Type-Options": "nosniff"}


class Page:
    """GET / (tabs, search, tasks, writes) and GET /record/X/ID."""

    def __init__(self, org: Org, *, integration_user: str) -> None:
        self._org = org
        self._integration = integration_user
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)

    def answer(self, call: Call) -> Reply:
        """The page for an address."""
        if call.method not in ("GET", "HEAD"):
            return Reply(status=405, body="method not allowed", content_type="text/plain")
        parts = [segment(part) for part in call.path.strip("/").split("/") if part]
        with self._org.lock:
            self._org.settle()
            if not parts:
                return self._index(call)
            if len(parts) == 3 and parts[0] == "record":
                return self._record(parts[1], parts[2])
        return Reply(status=404, body="no such page", content_type="text/plain")

    def _index(self, call: Call) -> Reply:
        tab = call.query.get("object", "Lead")
        kind = self._org.objects.get(tab.lower())
        if kind is None:
            return Reply(status=404, body="no such object", content_type="text/plain")
        search = call.query.get("q", "").strip()
        number = call.query.get("page", "1")
        page = max(1, int(number)) if number.isdigit() else 1
        rows, more = self._found(kind, search, page)
        columns = COLUMNS.get(kind.name, ("Name",))
        custom = [field.name for field in kind.fields.values() if field.custom][:4]
        shown = [
            {
                "id": row["Id"],
                "cells": [self._org.value(kind, row, kind.fields[name.lower()]) for name in (*columns, *custom) if kind.has(name)],
                "owner": self._name(row.get("OwnerId")),
                "changed": row["SystemModstamp"],
            }
            for row in rows
        ]
        links = {
            "previous": f"/?{urlencode({'object': kind.name, 'q': search, 'page': page - 1})}" if page > 1 else None,
            "next": f"/?{urlencode({'object': kind.name, 'q': search, 'page': page + 1})}" if more else None,
        }
        return self._render(
            "index.html",
            tab=kind.name,
            tabs=[(name, len(self._org.tables[name].rows)) for name in TABS],
            columns=[name for name in (*columns, *custom) if kind.has(name)],
            rows=shown,
            search=search,
            links=links,
            tasks=self._open_tasks(),
            writes=self._writes(),
            now=self._org.now_stamp(),
        )

    def _found(self, kind: ObjectType, search: str, page: int) -> tuple[list[Row], bool]:
        table = self._org.tables[kind.name]
        needle = search.casefold()
        skip = (page - 1) * PER_PAGE
        found: list[Row] = []
        for _, record_id in reversed(table.by_stamp):
            row = table.rows[record_id]
            if row.get("IsDeleted"):
                continue
            if needle and not any(needle in value.casefold() for value in row.values() if isinstance(value, str)):
                continue
            if skip:
                skip -= 1
                continue
            if len(found) == PER_PAGE:
                return found, True
            found.append(row)
        return found, False

    def _record(self, name: str, record_id: str) -> Reply:
        kind = self._org.objects.get(name.lower())
        row = None if kind is None else self._org.row(kind.name, normalise_id(record_id))
        if kind is None or row is None:
            return Reply(status=404, body="no such record", content_type="text/plain")
        values = self._org.whole(kind, row)
        fields = [(kind.fields[key.lower()].label, key, value) for key, value in values.items()]
        writes = [entry for entry in self._writes(limit=5000) if entry["id"] == row["Id"]][:50]
        return self._render(
            "record.html", object=kind.name, title=row.get("Name") or row.get("Subject") or row["Id"], fields=fields, writes=writes
        )

    def _open_tasks(self) -> list[tuple[str, list[dict[str, Any]]]]:
        by_owner: dict[str, list[dict[str, Any]]] = {}
        for row in self._org.tables["Task"].live():
            if row.get("IsClosed") or row.get("IsArchived"):
                continue
            entry = {"id": row["Id"], "subject": row.get("Subject"), "due": row.get("ActivityDate"), "who": self._name(row.get("WhoId"))}
            by_owner.setdefault(self._name(row["OwnerId"]) or row["OwnerId"], []).append(entry)
        for tasks in by_owner.values():
            tasks.sort(key=lambda task: str(task["due"] or "9999"))
        return [(owner, tasks[:10]) for owner, tasks in sorted(by_owner.items())]

    def _writes(self, limit: int = 40) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        for entry in self._org.writes:
            if len(shown) == limit:
                break
            by_integration = entry.user == self._integration
            shown.append(
                {
                    "at": entry.at.strftime("%Y-%m-%d %H:%M:%S"),
                    "user": self._name(entry.user),
                    "integration": by_integration,
                    "object": entry.object,
                    "id": entry.id,
                    "action": entry.action,
                    "changes": [(name, old, new) for name, (old, new) in entry.changes.items()],
                }
            )
        return shown

    def _name(self, record_id: str | None) -> str | None:
        kind = None if record_id is None else self._org.kind_of_id(record_id)
        row = None if kind is None else self._org.row(kind.name, record_id)
        return record_id if row is None else str(row.get("Name") or record_id)

    def _render(self, template: str, **values: Any) -> Reply:
        body = self._templates.get_template(template).render(**values)
        return Reply(body=body, content_type=HTML, headers=HEADERS)
