"""The HTML page: what a rep would see, and who changed what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from crmsync_salesforce.sim import agenda, campaigns, forms
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.http import Call, Reply, segment
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org, Write
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.shown import cell, column_label, link_of, moment, name_of, text_of, title_of
from crmsync_salesforce.sim.store import Row

if TYPE_CHECKING:
    from jinja2 import Environment

TABS = ("Lead", "Contact", "Account", "Opportunity", "Task", "Event", "Campaign", "User")
PROCESS = ("crmsync_stage__c", "crmsync_score__c")
COLUMNS = {
    "Lead": ("Name", "Company", "Email", "OwnerId", *PROCESS),
    "Contact": ("Name", "AccountId", "Email", "OwnerId", *PROCESS),
    "Account": ("Name", "Industry", "Website", "OwnerId"),
    "Opportunity": ("Name", "AccountId", "StageName", "Amount", "CloseDate", "OwnerId"),
    "Task": ("Subject", "WhoId", "OwnerId", "ActivityDate", "Priority", "Status"),
    "Event": ("Subject", "WhoId", "OwnerId", "StartDateTime", "EndDateTime"),
    "Campaign": ("Name", "Type", "Status", "OwnerId"),
    "User": ("Name", "Email", "IsActive"),
}
FACTS = {
    "Lead": (
        "Title",
        "Company",
        "Email",
        "Phone",
        "MobilePhone",
        "Status",
        "LeadSource",
        "City",
        "Country",
        "HasOptedOutOfEmail",
        *PROCESS,
    ),
    "Contact": (
        "Title",
        "AccountId",
        "Email",
        "Phone",
        "MobilePhone",
        "LeadSource",
        "MailingCity",
        "MailingCountry",
        "HasOptedOutOfEmail",
        *PROCESS,
    ),
    "Account": ("Industry", "Website", "NumberOfEmployees", "Phone", "BillingCountry"),
    "Opportunity": ("AccountId", "StageName", "Amount", "CloseDate", "Probability"),
}
HEADINGS = {"Name": "Name", "WhoId": "Person", "ActivityDate": "Due"}  # shorter than the labels
SYSTEM = frozenset(
    {"Id", "IsDeleted", "MasterRecordId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}
)
PAST = {"create": "created", "update": "changed", "delete": "deleted", "undelete": "restored", "merge": "merged", "erase": "erased"}
PER_PAGE = 20
TASKS_PER_OWNER = 10
CHANGES = 12
LONG = 160
HTML = "text/html; charset=utf-8"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
PARTIES = frozenset({"Lead", "Contact", "Account", "Opportunity"})
PERSONS = frozenset({"Lead", "Contact"})
MEMBERS = 100


class Page:
    """GET / (tabs, search, tasks, writes), /record/X/ID, /tasks and /tasks/USER; POST /act/VERB."""

    def __init__(self, org: Org, *, integration_user: str, admin_user: str) -> None:
        self._org = org
        self._forms = forms.Forms(org, admin=admin_user)
        self._integration = integration_user
        self._made: Environment | None = None

    def answer(self, call: Call) -> Reply:
        """The page for an address, or what became of a form."""
        if call.method == "POST" and call.path.startswith("/act/"):
            return self._act(call)
        if call.method not in ("GET", "HEAD"):
            return Reply(status=405, body="method not allowed", content_type="text/plain")
        parts = [segment(part) for part in call.path.strip("/").split("/") if part]
        with self._org.lock:
            self._org.settle()
            if not parts:
                return self._index(call)
            return self._inner(parts)

    def _inner(self, parts: list[str], error: str = "") -> Reply:
        if len(parts) == 3 and parts[0] == "record":
            return self._record(parts[1], parts[2], error)
        if parts[0] == "tasks" and len(parts) <= 2:
            return self._tasks(parts[1] if len(parts) == 2 else None, error)
        return Reply(status=404, body="no such page", content_type="text/plain")

    def _act(self, call: Call) -> Reply:
        why = forms.refused(call.headers)
        if why is not None:
            return Reply(status=403, body=why, content_type="text/plain")
        back = "/"
        with self._org.lock:
            self._org.settle()
            mark = self._org.begin()
            try:
                fields = forms.fields_of(call.body)
                back = forms.back_of(fields)
                to = self._forms.run(segment(call.path).removeprefix("/act/"), fields)
                return Reply(status=303, headers={"Location": to})
            except (SalesforceError, ValueError) as error:
                self._org.rollback(mark)
                said = str(error)
            finally:
                self._org.end()
            parts = [part for part in back.strip("/").split("/") if part]
            page = self._inner(parts, said) if parts and not parts[0].startswith("?") else None
            if page is None or page.status != 200:
                return Reply(status=422, body=said, content_type="text/plain; charset=utf-8", headers=HEADERS)
            return Reply(status=422, body=page.body, content_type=HTML, headers=HEADERS)

    # ---- a rep's tasks ----------------------------------------------------------------------------------------
    def _tasks(self, user: str | None, error: str) -> Reply:
        reps = agenda.reps(self._org)
        chosen = normalise_id(user) if user is not None else next((rep for rep, *_ in reps), None)
        owner = None if chosen is None else self._org.row("User", chosen) or self._org.row("Group", chosen)
        if user is not None and owner is None:
            return Reply(status=404, body="no such user", content_type="text/plain")
        waiting, done = ([], []) if owner is None else agenda.of_rep(self._org, owner["Id"])
        return self._render(
            "agenda.html",
            reps=reps,
            chosen=None if owner is None else owner["Id"],
            name="Nobody" if owner is None else title_of(owner),
            zone=None if owner is None else owner.get("TimeZoneSidKey"),
            waiting=waiting,
            late=sum(item.overdue for item in waiting),
            done=done,
            error=error,
            here="/tasks" if owner is None else f"/tasks/{owner['Id']}",
        )

    # ---- the list ---------------------------------------------------------------------------------------------
    def _index(self, call: Call) -> Reply:
        tab = call.query.get("object", "Lead")
        kind = self._org.known(tab)
        if kind is None:
            return Reply(status=404, body="no such object", content_type="text/plain")
        search = call.query.get("q", "").strip()
        number = call.query.get("page", "1")
        page = max(1, int(number)) if number.isdecimal() else 1
        rows, more = self._found(kind, search, page)
        columns = [kind.fields[name.lower()] for name in COLUMNS.get(kind.name, ("Name",)) if kind.has(name)]
        shown = [
            {
                "id": row["Id"],
                "cells": [cell(self._org, kind, row, field) for field in columns],
                "changed": moment(row["SystemModstamp"]),
                "integration": row.get("LastModifiedById") == self._integration,
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
            plural=kind.plural,
            tabs=[
                (name, self._org.kind(name).plural, sum(1 for _ in self._org.tables[name].live())) for name in TABS if self._org.known(name)
            ],
            columns=[{"label": HEADINGS.get(field.name) or column_label(field), "name": field.name} for field in columns],
            rows=shown,
            search=search,
            links=links,
            page=page,
            tasks=self._open_tasks(),
            writes=[self._write(entry) for entry in list(self._org.writes)[:40]],
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
            if needle and needle not in "\n".join(value for value in row.values() if type(value) is str).casefold():
                continue
            if skip:
                skip -= 1
                continue
            if len(found) == PER_PAGE:
                return found, True
            found.append(row)
        return found, False

    def _open_tasks(self) -> list[dict[str, Any]]:
        by_owner: dict[str, list[Row]] = {}
        for row in self._org.tables["Task"].live():
            if not row.get("IsClosed") and not row.get("IsArchived"):
                by_owner.setdefault(row["OwnerId"], []).append(row)
        groups = []
        for owner, rows in by_owner.items():
            rows.sort(key=lambda row: (row.get("ActivityDate") or "9999", row.get("Priority") != "High", row["Id"]))
            tasks = [self._task(row) for row in rows[:TASKS_PER_OWNER]]
            groups.append({"owner": name_of(self._org, owner), "count": len(rows), "tasks": tasks})
        return sorted(groups, key=lambda group: str(group["owner"]))

    def _task(self, row: Row) -> dict[str, Any]:
        due = row.get("ActivityDate")
        related = row.get("WhoId") or row.get("WhatId")
        field = self._org.kind("Task").fields["whoid"]
        return {
            "id": row["Id"],
            "subject": title_of(row),
            "due": due,
            "overdue": due is not None and not row.get("IsClosed") and due < self._org.now_stamp()[:10],
            "priority": row.get("Priority"),
            "status": row.get("Status"),
            "related": name_of(self._org, related),
            "link": link_of(self._org, field, related),
        }

    # ---- one record -------------------------------------------------------------------------------------------
    def _record(self, name: str, record_id: str, error: str = "") -> Reply:
        kind = self._org.known(name)
        row = None if kind is None else self._org.row(kind.name, normalise_id(record_id))
        if kind is None or row is None:
            return Reply(status=404, body="no such record", content_type="text/plain")
        sections: dict[str, list[dict[str, Any]]] = {"Custom fields": [], "Details": [], "System": []}
        empty: list[str] = []
        for field in kind.fields.values():
            entry = {"label": column_label(field), "name": field.name, **cell(self._org, kind, row, field)}
            if not entry["text"]:
                empty.append(field.name)
                continue
            section = "System" if field.name in SYSTEM else "Custom fields" if field.custom else "Details"
            sections[section].append(entry)
        ahead, past = agenda.of_person(self._org, row["Id"]) if kind.name in PARTIES else ([], [])
        writes = [entry for entry in self._org.writes if entry.id == row["Id"]][:50]
        return self._render(
            "record.html",
            object=kind.name,
            plural=kind.plural,
            label=kind.label,
            title=title_of(row),
            deleted=bool(row.get("IsDeleted")),
            owner=name_of(self._org, row.get("OwnerId")),
            sections=[(heading, entries) for heading, entries in sections.items() if entries],
            empty=empty,
            id=row["Id"],
            here=f"/record/{kind.name}/{row['Id']}",
            party=kind.name in PARTIES,
            activity=agenda.item_of(self._org, kind.name, row) if kind.name in ("Task", "Event") else None,
            facts=self._facts(kind, row),
            campaigns=[(title_of(one), one["Id"]) for one in campaigns.of_person(self._org, row["Id"])] if kind.name in PERSONS else [],
            members=self._members(row["Id"]) if kind.name == "Campaign" else None,
            ahead=ahead,
            past=past,
            writes=[self._write(entry) for entry in writes],
            works=kind.business and kind.writable and not row.get("IsDeleted") and not row.get("IsConverted"),
            actor=name_of(self._org, self._forms.who(row)),
            owner_id=row.get("OwnerId"),
            users=sorted((title_of(user), user["Id"]) for user in self._org.tables["User"].live() if user.get("IsActive")),
            editable=sorted(
                (field for field in kind.fields.values() if field.updateable and field.name != "OwnerId"),
                key=lambda field: (field.name not in FACTS.get(kind.name, ()) or field.type == "reference", field.label),
            ),
            opt_out=kind.has("HasOptedOutOfEmail") and not row.get("HasOptedOutOfEmail"),
            today=self._org.now_stamp()[:10],
            error=error,
        )

    def _facts(self, kind: ObjectType, row: Row) -> list[dict[str, Any]]:
        found = [kind.fields[name.lower()] for name in FACTS.get(kind.name, ()) if kind.has(name)]
        return [{"label": column_label(field), **cell(self._org, kind, row, field)} for field in found]

    def _members(self, campaign: str) -> list[dict[str, Any]]:
        """Who is a member of a campaign, the newest first."""
        found = sorted(campaigns.of(self._org, campaign), key=lambda row: (row["CreatedDate"], row["Id"]), reverse=True)
        members = []
        for row in found[:MEMBERS]:
            name = "Contact" if row.get("ContactId") else "Lead"
            person = row.get("ContactId") or row.get("LeadId")
            members.append(
                {
                    "name": name_of(self._org, person), "link": f"/record/{name}/{person}", "status": row.get("Status"),
                    "since": moment(row["CreatedDate"]), "by": name_of(self._org, row["CreatedById"]),
                }
            )  # fmt: skip
        return members

    # ---- writes -----------------------------------------------------------------------------------------------
    def _write(self, entry: Write) -> dict[str, Any]:
        kind = self._org.kind(entry.object)
        row = self._org.row(kind.name, entry.id)
        creating = entry.action == "create"
        changes = []
        for name, (old, new) in entry.changes.items():
            field = kind.fields.get(name.lower())
            if creating and (new is None or new is False):
                continue
            changes.append({"name": name, "old": _short(text_of(self._org, field, old)), "new": _short(text_of(self._org, field, new))})
        return {
            "at": entry.at.strftime("%Y-%m-%d %H:%M:%S"),
            "user": name_of(self._org, entry.user),
            "integration": entry.user == self._integration,
            "object": entry.object,
            "label": kind.label,
            "id": entry.id,
            "title": entry.id if row is None else title_of(row),
            "here": row is not None,
            "creating": creating,
            "action": PAST.get(entry.action, entry.action),
            "changes": changes[:CHANGES],
            "more": max(0, len(changes) - CHANGES),
        }

    def _render(self, template: str, **values: Any) -> Reply:
        if self._made is None:
            from jinja2 import Environment, FileSystemLoader  # imported when the first page is asked for: it slows the start

            loader = FileSystemLoader(Path(__file__).parent / "templates")
            self._made = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        body = self._made.get_template(template).render(now=moment(self._org.now_stamp()), **values)
        return Reply(body=body, content_type=HTML, headers=HEADERS)


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"
