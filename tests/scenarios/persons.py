"""People for the scenarios: pairs that are in step already, and the check that both CRMs show the same of everybody, once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crmsync.model.change import OutcomeKind
from crmsync.model.journal import JournalEntry
from scenarios.world import SIDES, Both

PAIRS = {
    "firstname": ("FirstName", "FirstName"),
    "lastname": ("LastName", "LastName"),
    "phone": ("Phone", "Phone"),
    "mobilephone": ("MobilePhone", "MobilePhone"),
    "jobtitle": ("Title", "Title"),
    "company": ("Company", None),
    "city": ("City", "MailingCity"),
}
"""HubSpot property -> Salesforce field of Lead and of Contact, text that must be equal where both objects have it."""


def email(n: int) -> str:
    """The address of the n-th person of a crowd."""
    return f"person{n}@example.com"


def crowd(both: Both, count: int, **fields: Any) -> list[tuple[str, str]]:
    """`count` persons as HubSpot contacts and, after a settle, Salesforce leads; (contact id, lead id) each. Forgets writes and calls."""
    owner = both.hs.portal.owners.find("rita@corp.example")
    assert owner is not None
    for n in range(count):
        row = {
            "email": email(n),
            "firstname": "Pat",
            "lastname": f"Person{n}",
            "company": "Example Works",
            "jobtitle": "Engineer",
            "phone": f"+1408555{n:04d}",
            "hubspot_owner_id": str(owner.id),
        }
        both.hs.create("contacts", {**row, **fields})
    both.settle()
    both.settle()
    pairs = [(str(both.contact(email(n))["id"]), str(both.lead(email(n))["Id"])) for n in range(count)]
    both.mark()
    return pairs


def differences(both: Both) -> list[str]:
    """What the two CRMs do not show alike: persons missing on one side or there twice, and fields with different values."""
    contacts = {str(c["email"]).lower(): c for c in both.hs.all("contacts") if c.get("email")}
    people: dict[str, tuple[str, dict[str, Any]]] = {}
    counted: Counter[str] = Counter(str(c["email"]).lower() for c in both.hs.all("contacts") if c.get("email"))
    found = [f"{address} is there {n} times in HubSpot" for address, n in counted.items() if n > 1]
    counted.clear()
    for object in ("Lead", "Contact"):
        for row in both.sf.all(object):
            if row.get("Email") and not row.get("IsConverted"):
                counted[str(row["Email"]).lower()] += 1
                people[str(row["Email"]).lower()] = (object, row)
    found += [f"{address} is there {n} times in Salesforce" for address, n in counted.items() if n > 1]
    found += [f"{address} is in one CRM only" for address in sorted(contacts.keys() ^ people.keys())]
    owners = {(u.side, u.id): u.email for u in both.store.users()}
    for address in sorted(contacts.keys() & people.keys()):
        contact, (object, row) = contacts[address], people[address]
        for prop, (lead_field, contact_field) in PAIRS.items():
            field = lead_field if object == "Lead" else contact_field
            if field is not None and (contact.get(prop) or None) != (row.get(field) or None):
                found.append(f"{address} {prop}: {contact.get(prop)!r} / {row.get(field)!r}")
        ours, theirs = owners.get(("hubspot", str(contact.get("hubspot_owner_id") or ""))), owners.get(("salesforce", str(row["OwnerId"])))
        if ours != theirs:
            found.append(f"{address} owner: {ours} / {theirs}")
    return found


def assert_in_step(both: Both) -> None:
    """Both CRMs show the same persons once, with the same values, and a further settle does nothing."""
    assert differences(both) == []
    both.assert_settled()


OLD = "+14085550000"


class Crowd(Both):
    """A world with persons in step who have OLD as a phone; each case takes its own."""

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(**options)
        self._pairs = crowd(self, size, phone=OLD)

    def pair(self) -> dict[str, str]:
        """One of them: side -> id of the contact or lead."""
        return dict(zip(SIDES, self._pairs.pop(), strict=True))


def known(both: Both, side: str, object: str, id: str) -> str:
    """The person or twin that a record belongs to."""
    found = both.person_of(side, object, id)
    assert found is not None, f"{side} {object} {id} is linked to nobody"
    return found


def newest(both: Both, id: str, side: str, field: str | None = None) -> JournalEntry:
    """The newest accepted write about a person or twin on one side (of one field)."""
    found = [e for e in both.store.journal.of(id, 500) if e.side == side and e.outcome == OutcomeKind.DONE.value]
    return next(e for e in found if field is None or field in e.names.values())


def creation(both: Both, id: str) -> JournalEntry:
    """The write that created the record of a person or twin."""
    return next(e for e in both.store.journal.of(id) if e.write.action == "create")


def quiet(both: Both, *about: str) -> None:
    """Whatever is looked at again, nothing is written."""
    both.mark()
    both.store.mark_dirty_persons(list(about))
    both.settle()
    both.settle(after=400)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}, [*both.written("hubspot"), *both.written("salesforce")]
    both.assert_settled()
