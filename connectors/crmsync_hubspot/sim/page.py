"""The portal's own screens, as far as a person needs them here: records, open tasks, newest writes."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader

from .clock import from_ms
from .objecttypes import OBJECT_TYPES, find_type
from .portal import Portal
from .store import Doc

PER_PAGE = 20
WRITES_SHOWN = 60
_COLUMNS = {
    "contacts": ("firstname", "lastname", "email", "company", "lifecyclestage", "hubspot_owner_id", "crmsync_stage", "crmsync_score"),
    "companies": ("name", "domain", "industry", "numberofemployees", "country"),
    "deals": ("dealname", "dealstage", "amount", "closedate", "hubspot_owner_id"),
    "tasks": ("hs_task_subject", "hs_task_status", "hs_timestamp", "hubspot_owner_id"),
    "notes": ("hs_note_body", "hs_timestamp"),
    "calls": ("hs_call_title", "hs_call_direction", "hs_timestamp"),
    "emails": ("hs_email_subject", "hs_email_direction", "hs_timestamp"),
    "meetings": ("hs_meeting_title", "hs_meeting_outcome", "hs_meeting_start_time"),
}


class Pages:
    """Server-rendered pages over a portal; everything from records is escaped."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)

    def render(self, method: str, path: str, query: str) -> tuple[int, str]:
        """(status, HTML) of `/`, `/records/{object}/{id}`; the caller holds the portal's lock."""
        if method not in ("GET", "HEAD"):
            return 405, self._page("error.html", message="These pages only show.")
        parts = path.strip("/").split("/")
        if path == "/":
            given = {k: v[-1] for k, v in parse_qs(query).items()}
            return self._overview(given)
        if parts[0] == "records" and len(parts) == 3:
            return self._record(parts[1], parts[2])
        return 404, self._page("error.html", message="There is no such page.")

    def _page(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(
            portal_id=self.portal.options.portal_id,
            now=self.portal.clock.now().strftime("%Y-%m-%d %H:%M:%S"),
            **values,
        )

    def _overview(self, given: dict[str, str]) -> tuple[int, str]:
        kind = find_type(given.get("object", "contacts"))
        if kind is None:
            return 404, self._page("error.html", message="There is no such object.")
        page = max(1, int(given["page"])) if given.get("page", "").isdigit() else 1
        query = given.get("q", "").strip().lower()
        table = self.portal.tables[kind.plural]
        schema = self.portal.schema.of(kind.plural)
        columns = [c for c in _COLUMNS[kind.plural] if c in schema]
        if query:
            found = [r.doc for r in table.all_live() if any(query in v.lower() for v in r.doc.props.values())]
        else:
            found = [r.doc for r in table.all_live()]
        found.sort(key=lambda d: (-d.modified, -d.id))
        rows = [
            {
                "id": d.id,
                "cells": [self._cell(kind.plural, d, c) for c in columns],
                "changed": from_ms(d.modified).strftime("%Y-%m-%d %H:%M:%S"),
            }
            for d in found[(page - 1) * PER_PAGE : page * PER_PAGE]
        ]
        labels = [schema[c].label for c in columns]
        return 200, self._page(
            "overview.html",
            kind=kind.plural,
            kinds=list(OBJECT_TYPES),
            labels=labels,
            rows=rows,
            query=given.get("q", ""),
            page=page,
            total=len(found),
            pages=max(1, -(-len(found) // PER_PAGE)),
            tasks=self._tasks(),
            writes=list(itertools.islice(self.portal.writes, WRITES_SHOWN)),
        )

    def _cell(self, plural: str, doc: Doc, name: str) -> str:
        value = self.portal.value(plural, doc, name) or ""
        if name == "hubspot_owner_id" and value.isdigit():
            owner = self.portal.owners.by_id.get(int(value))
            return owner.name if owner else value
        return self.portal.schema.of(plural)[name].options.get(value, value)

    def _tasks(self) -> list[tuple[str, list[dict[str, str]]]]:
        table = self.portal.tables["tasks"]
        by_owner: dict[str, list[dict[str, str]]] = {}
        for record in table.all_live():
            props = record.doc.props
            if props.get("hs_task_status") == "COMPLETED":
                continue
            owner = self.portal.owner_of(record)
            linked = self.portal.associations.of("tasks", record.doc.id, "contacts")
            people = [r.doc.props.get("email", str(i)) for i in linked if (r := self.portal.tables["contacts"].live(i)) is not None]
            by_owner.setdefault(owner.name if owner else "Nobody", []).append(
                {
                    "id": str(record.doc.id),
                    "subject": props.get("hs_task_subject", "(no subject)"),
                    "due": props.get("hs_timestamp", ""),
                    "people": ", ".join(people),
                }
            )
        return sorted((name, sorted(rows, key=lambda r: r["due"])[:PER_PAGE]) for name, rows in by_owner.items())

    def _record(self, name: str, text: str) -> tuple[int, str]:
        kind = find_type(name)
        table = self.portal.tables[kind.plural] if kind else None
        record = table.records.get(table.survivor(int(text))) if table is not None and text.isdigit() else None
        if kind is None or record is None:
            return 404, self._page("error.html", message="There is no such record.")
        schema = self.portal.schema.of(kind.plural)
        fields = [
            {"name": n, "label": schema[n].label if n in schema else n, "value": v}
            for n, v in self.portal.everything(kind.plural, record.doc).items()
        ]
        links = [(other, str(i)) for other, i, _ in self.portal.associations.neighbours(kind.plural, record.doc.id)]
        mine = [w for w in self.portal.writes if w.object == kind.plural and w.id == str(record.doc.id)][:WRITES_SHOWN]
        return 200, self._page(
            "record.html",
            kind=kind.plural,
            id=record.doc.id,
            fields=fields,
            links=links,
            writes=mine,
            archived=record.archived_at is not None,
        )
