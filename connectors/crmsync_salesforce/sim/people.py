"""Neutral seeds and live events, put the way this CRM would hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from crmsync_salesforce.sim import logged, saving
from crmsync_salesforce.sim.clock import parse_moment, stamp
from crmsync_salesforce.sim.derive import derive
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.ids import make_id
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.seeding_activities import activity_rows, company_rows, domain_of, known
from crmsync_salesforce.sim.store import Row, fold
from crmsync_salesforce.sim.values import coerce

USER_KEYS = frozenset({"email", "first_name", "last_name", "time_zone", "active"})
BOTH = {
    "email": "Email",
    "first_name": "FirstName",
    "last_name": "LastName",
    "phone": "Phone",
    "mobile": "MobilePhone",
    "title": "Title",
    "source": "LeadSource",
}
LEAD = {
    **BOTH,
    "company": "Company",
    "website": "Website",
    "street": "Street",
    "city": "City",
    "state": "State",
    "postal_code": "PostalCode",
    "country": "Country",
    "industry": "Industry",
    "employees": "NumberOfEmployees",
}
CONTACT = {
    **BOTH,
    "street": "MailingStreet",
    "city": "MailingCity",
    "state": "MailingState",
    "postal_code": "MailingPostalCode",
    "country": "MailingCountry",
}
ACCOUNT = {"company": "Name", "website": "Website", "industry": "Industry", "employees": "NumberOfEmployees"}
PERSON_KEYS = frozenset(LEAD) | {"owner_email", "kind", "created_at", "email_opt_out"}
INVISIBLE = frozenset({"form_submitted", "page_view", "email_open", "email_click"})


class People:
    """Seeds users and persons, and carries out neutral events."""

    def __init__(self, org: Org, *, admin: str, profile: str) -> None:
        self._org = org
        self._admin = admin
        self._profile = profile

    # ---- seeding ----------------------------------------------------------------------------------------------
    def seed_users(self, users: Iterable[Mapping[str, Any]]) -> list[str]:
        """Standard users, active unless told otherwise. Raises ValueError for unknown keys."""
        made = []
        for user in users:
            known(user, USER_KEYS, "user")
            fields = {
                "Username": user["email"],
                "Email": user["email"],
                "FirstName": user.get("first_name"),
                "LastName": user.get("last_name") or user["email"].partition("@")[0],
                "TimeZoneSidKey": user.get("time_zone") or "America/Los_Angeles",
                "IsActive": bool(user.get("active", True)),
                "ProfileId": self._profile,
            }
            made.append(saving.create(self._org, "User", fields, Saver(user=self._admin, channel="system")))
        return made

    def seed_companies(self, companies: Iterable[Mapping[str, Any]]) -> int:
        """Accounts by name, those that are not there yet. Returns how many."""
        return len(self.create_many("Account", company_rows(self._org, companies)))

    def seed_activities(self, activities: Iterable[Mapping[str, Any]]) -> int:
        """Tasks and events of persons as history; no rules run. Returns how many. ValueError for unknown keys, words and persons."""
        made = activity_rows(self._org, activities, self.find)
        return sum(len(self.create_many(name, rows)) for name, rows in made.items())

    def seed_people(self, people: Iterable[Mapping[str, Any]]) -> int:
        """Leads, and contacts with accounts found or made by company name; no rules run. Returns how many persons."""
        owners = {fold(row["Email"]): row["Id"] for row in self._org.tables["User"].live()}
        accounts = {fold(row.get("Name")): row["Id"] for row in self._org.tables["Account"].live()}
        domains = {domain: row["Id"] for row in self._org.tables["Account"].live() if (domain := domain_of(row.get("Website")))}
        leads: list[dict[str, Any]] = []
        contacts: list[dict[str, Any]] = []
        new_accounts: list[dict[str, Any]] = []
        next_account = self._org.next_number("Account")
        prefix = self._org.kind("Account").prefix
        for person in people:
            if not PERSON_KEYS.issuperset(person):
                known(person, PERSON_KEYS, "person")
            lead = (person.get("kind") or "lead") == "lead"
            row = {target: person[key] for key, target in (LEAD if lead else CONTACT).items() if person.get(key) is not None}
            row.setdefault("LastName", str(person.get("email") or "Unknown").partition("@")[0])
            owner = owners.get(fold(person.get("owner_email")))
            if owner is not None:
                row["OwnerId"] = owner
            if person.get("email_opt_out"):
                row["HasOptedOutOfEmail"] = True
            if person.get("created_at") is not None:
                row["CreatedDate"] = row["LastModifiedDate"] = row["SystemModstamp"] = person["created_at"]
            if lead:
                row.setdefault("Company", row["LastName"])
                leads.append(row)
                continue
            company = person.get("company")
            if company:
                key, domain = fold(company), domain_of(person.get("website"))
                if key not in accounts and domain in domains:
                    accounts[key] = domains[domain]
                elif key not in accounts:
                    accounts[key] = make_id(prefix, next_account + len(new_accounts))
                    new_accounts.append({target: person[name] for name, target in ACCOUNT.items() if person.get(name) is not None})
                row["AccountId"] = accounts[key]
            contacts.append(row)
        self.create_many("Account", new_accounts)
        self.create_many("Lead", leads)
        self.create_many("Contact", contacts)
        return len(leads) + len(contacts)

    def create_many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Insert many records fast: values are typed and defaults set, but no rule, duplicate check or write log runs."""
        org = self._org
        kind = org.kind(name)
        saver = Saver(user=self._admin, channel="system")
        base = saving.blank_row(org, kind, {}, saver)
        org.give_back_number(kind.name)
        trim = org.options.trim_text
        person = kind.name in ("Lead", "Contact", "User")
        first = org.next_number(kind.name)
        finished: list[Row] = []
        for offset, fields in enumerate(rows):
            row = dict(base)
            row["Id"] = make_id(kind.prefix, first + offset)
            for key, value in fields.items():
                field = kind.fields.get(key.lower())
                if field is None:
                    raise SalesforceError("INVALID_FIELD", f"No such column '{key}' on sobject of type {kind.name}", fields=[])
                stored = stamp(value) if isinstance(value, datetime) else coerce(field, value, trim=trim)
                if stored is None:
                    row.pop(field.name, None)
                else:
                    row[field.name] = stored
            if person:
                row["Name"] = " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)
            finished.append(row)
        if kind.name in ("Task", "Event", "Opportunity", "CampaignMember"):
            for row in finished:
                derive(org, kind.name, row, set(row), now=row["SystemModstamp"], old=None)
        org.take_numbers(kind.name, len(finished))
        org.tables[kind.name].put_many(finished)
        org.touch_access()
        org.relations_kept = False
        return [row["Id"] for row in finished]

    # ---- live events ------------------------------------------------------------------------------------------
    def happen(self, event: Mapping[str, Any]) -> bool:
        """Show what this CRM would show of the event; False for what it never sees (web pages, marketing mail, forms)."""
        kind = event.get("type")
        if kind in INVISIBLE:
            return False
        person = self.find(str(event.get("email", "")))
        saver = Saver(user=self._admin, channel="ui")
        if kind == "new_person":
            if person is not None:
                return False
            self._new_person({"email": event.get("email"), **(event.get("person") or {})}, saver)
            return True
        if person is None:
            return False
        name, row = person
        if kind == "unsubscribe":
            saving.update(self._org, name, row["Id"], {"HasOptedOutOfEmail": True}, saver)
            return True
        if kind in logged.KINDS:
            logged.log(self._org, row, event, self._at(event), self._rep(row, event))
            return True
        if kind == "task_completed":
            return self._complete_task(row, saver)
        raise ValueError(f"unknown event type: {kind}")

    def find(self, email: str) -> tuple[str, Row] | None:
        """The live contact, else the unconverted lead, with that e-mail."""
        for name in ("Contact", "Lead"):
            for record_id in sorted(self._org.tables[name].find("Email", email)):
                row = self._org.live_row(name, record_id)
                if row is not None and not row.get("IsConverted"):
                    return name, row
        return None

    def _rep(self, row: Row, event: Mapping[str, Any]) -> str:
        """The id of whom the event names ("by": an e-mail address), else of the person's owner; the administrator's where that is a queue."""
        named = self._org.tables["User"].find("Email", str(event.get("by") or ""))
        if event.get("by") and not named:
            raise ValueError(f"no such user: {event['by']}")
        owner: str = named[0] if named else row["OwnerId"]
        return owner if owner.startswith("005") else self._admin

    def _at(self, event: Mapping[str, Any]) -> datetime:
        at = event.get("at")
        if at is None:
            return self._org.clock.now()
        return at if isinstance(at, datetime) else parse_moment(str(at))

    def _new_person(self, person: Mapping[str, Any], saver: Saver) -> None:
        known(person, PERSON_KEYS, "person")
        if person.get("kind") == "contact":
            self.seed_people([person])
            return
        fields = {target: person[key] for key, target in LEAD.items() if person.get(key) is not None}
        fields.setdefault("LastName", str(person["email"]).partition("@")[0])
        fields.setdefault("Company", fields["LastName"])
        if person.get("email_opt_out"):
            fields["HasOptedOutOfEmail"] = True
        owners = self._org.tables["User"].find("Email", person.get("owner_email") or "")
        if owners:
            fields["OwnerId"] = owners[0]
        saving.create(self._org, "Lead", fields, saver)

    def _complete_task(self, row: Row, saver: Saver) -> bool:
        table = self._org.tables["Task"]
        open_tasks = [
            task
            for task_id in table.find("WhoId", row["Id"])
            if (task := self._org.live_row("Task", task_id)) is not None and not task.get("IsClosed")
        ]
        if not open_tasks:
            return False
        oldest = min(open_tasks, key=lambda task: (task["CreatedDate"], task["Id"]))
        user = oldest["OwnerId"] if oldest["OwnerId"].startswith("005") else saver.user
        saving.update(self._org, "Task", oldest["Id"], {"Status": "Completed"}, Saver(user=user, channel="ui"))
        return True
