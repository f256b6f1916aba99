"""The portal's own screens, as far as a person needs them here: records, people with their timelines, open tasks, newest writes."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader

from . import forms
from .clock import from_ms
from .objecttypes import OBJECT_TYPES, ObjectType, find_type
from .portal import Portal
from .store import Doc, Record
from .timeline import SHOWN, entry_of, plain, timeline
from .values import parse_datetime

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
_FACTS = {
    "contacts": (
        "email", "phone", "mobilephone", "jobtitle", "company", "city", "country", "lifecyclestage", "hs_lead_status", "crmsync_stage",
        "crmsync_score", "hs_email_optout", "notes_last_contacted",
    ),
    "companies": ("domain", "industry", "numberofemployees", "phone", "city", "country", "lifecyclestage"),
    "deals": ("dealstage", "pipeline", "amount", "closedate"),
}  # fmt: skip
_NAMES = {"contacts": ("firstname", "lastname"), "companies": ("name",), "deals": ("dealname",)}
TEXT = {"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


class Pages:
    """Server-rendered pages over a portal; everything from records is escaped."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._forms = forms.Forms(portal)

    def answer(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        """(status, content, headers) of a page or of a form; the caller holds the portal's lock."""
        sent = {**TEXT, "Content-Security-Policy": POLICY}
        if method != "POST":
            status, page = self.render(method, path, query)
            return status, page.encode(), sent
        why = forms.refused(headers)
        if why is not None:
            return 403, self._page("error.html", message=why).encode(), sent
        back = "/"
        try:
            fields = forms.fields_of(body)
            back = forms.back_of(fields)
            return 303, b"", {"Location": self._forms.run(path.removeprefix("/act/"), fields)}
        except ValueError as error:
            parts = back.strip("/").split("/")
            if parts[0] == "records":
                _, page = self._record(parts[1], parts[2], error=str(error))
            else:
                page = self._page("error.html", message=str(error))
            return 422, page.encode(), sent

    def render(self, method: str, path: str, query: str) -> tuple[int, str]:
        """(status, HTML) of `/`, `/records/{object}/{id}`; the caller holds the portal's lock."""
        if method not in ("GET", "HEAD"):
            return 405, self._page("error.html", message="These pages are read with GET and changed with POST.")
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
            lists=[(one, len(one.members)) for one in self.portal.lists.by_id.values()],
            writes=list(itertools.islice(self.portal.writes, WRITES_SHOWN)),
        )

    def _cell(self, plural: str, doc: Doc, name: str) -> str:
        value = self.portal.value(plural, doc, name) or ""
        if name == "hubspot_owner_id" and value.isdigit():
            owner = self.portal.owners.by_id.get(int(value))
            return owner.name if owner else value
        prop = self.portal.schema.of(plural)[name]
        if prop.field_type == "html":
            return plain(value)
        moment = parse_datetime(value) if value and prop.type == "datetime" else None
        if moment is not None:
            return from_ms(moment).strftime("%Y-%m-%d %H:%M")
        return self.portal.schema.of(plural)[name].options.get(value, value)

    def _tasks(self) -> list[tuple[str, list[dict[str, object]]]]:
        by_owner: dict[str, list[Record]] = {}
        for record in self.portal.tables["tasks"].all_live():
            if record.doc.props.get("hs_task_status") != "COMPLETED":
                owner = self.portal.owner_of(record)
                by_owner.setdefault(owner.name if owner else "Nobody", []).append(record)
        found = []
        for name, records in sorted(by_owner.items()):
            entries = sorted((entry_of(self.portal, "tasks", r) for r in records), key=lambda e: (e.at, e.id))[:PER_PAGE]
            rows: list[dict[str, object]] = [{"task": e, "people": self._linked("tasks", int(e.id), "contacts")} for e in entries]
            found.append((name, rows))
        return found

    def _linked(self, plural: str, record_id: int, other: str) -> list[tuple[str, str]]:
        """(id, name) of the live records of a type that a record is associated with."""
        table = self.portal.tables[other]
        ids = itertools.islice(self.portal.associations.of(plural, record_id, other), SHOWN)
        return [(str(i), self._name(table.kind, r.doc)) for i in ids if (r := table.live(i)) is not None]

    @staticmethod
    def _name(kind: ObjectType, doc: Doc) -> str:
        words = " ".join(doc.props[name] for name in _NAMES.get(kind.plural, ()) if name in doc.props)
        return words or doc.props.get("email") or f"{kind.singular} {doc.id}"

    def _record(self, name: str, text: str, error: str = "") -> tuple[int, str]:
        kind = find_type(name)
        table = self.portal.tables[kind.plural] if kind else None
        record = table.records.get(table.survivor(int(text))) if table is not None and text.isdigit() else None
        if kind is None or record is None:
            return 404, self._page("error.html", message="There is no such record.")
        doc, schema = record.doc, self.portal.schema.of(kind.plural)
        fields = [
            {"name": n, "label": schema[n].label if n in schema else n, "value": self._cell(kind.plural, doc, n) if n in schema else v}
            for n, v in self.portal.everything(kind.plural, doc).items()
        ]
        ahead, past = ([], []) if kind.engagement else timeline(self.portal, kind.plural, doc.id)
        owner = self.portal.owner_of(record)
        entry = entry_of(self.portal, kind.plural, record) if kind.engagement else None
        return 200, self._page(
            "record.html",
            kind=kind.plural,
            singular=kind.singular,
            id=doc.id,
            here=f"/records/{kind.plural}/{doc.id}",
            name=self._name(kind, doc) if entry is None else (entry.title or kind.singular.capitalize()),
            entry=entry,
            owner=owner,
            owners=list(self.portal.owners.listed(archived=False, email=None)),
            facts=[(schema[n].label, self._cell(kind.plural, doc, n)) for n in _FACTS.get(kind.plural, ()) if n in schema],
            editable=sorted(
                (p for p in schema.values() if self._editable(p.name, kind.plural)),
                key=lambda p: (p.name not in _FACTS.get(kind.plural, ()), p.label.lower()),
            ),
            fields=fields,
            people=self._linked(kind.plural, doc.id, "contacts"),
            companies=self._linked(kind.plural, doc.id, "companies"),
            deals=self._linked(kind.plural, doc.id, "deals"),
            lists=self.portal.lists.of(doc.id) if kind.plural == "contacts" else [],
            ahead=ahead,
            past=past,
            dispositions=self.portal.schema.of("calls")["hs_call_disposition"].options,
            today=forms.today(self.portal),
            opted_out=doc.props.get("hs_email_optout") == "true",
            writes=[w for w in self.portal.writes if w.object == kind.plural and w.id == str(doc.id)][:WRITES_SHOWN],
            archived=record.archived_at is not None,
            error=error,
        )

    def _editable(self, name: str, plural: str) -> bool:
        prop = self.portal.schema.of(plural)[name]
        return not (prop.read_only or prop.hidden or prop.archived or name == "hubspot_owner_id")
