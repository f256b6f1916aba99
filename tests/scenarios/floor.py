"""A sales floor for the scenarios: reps in both CRMs, people who ask for them, and what both CRMs show of who got whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from scenarios.world import START, Both, Edits

HAND_RAISED, HOT = "Talk to Sales", "Request a demo"
"""Forms that make an mql: without hurry, and by the express lane."""
STATES = ("mql", "sal", "sql")
SIZES = "  # Who they are."


def rep(name: str) -> str:
    """House owner id of a rep, by first name."""
    return f"{name}@corp.example"


def reps(*names: str, **more: Any) -> tuple[Mapping[str, Any], ...]:
    """Users of both CRMs; `more` are further neutral keys of all of them."""
    zone = {"time_zone": "America/New_York"}
    return tuple({**zone, **more, "email": rep(name), "first_name": name.title(), "last_name": "Rep"} for name in names)


def routing(
    text: str = "", *, members: str = "[]", fallback: str = "", hours: str = "", people: str = "{}", **files: Mapping[str, str]
) -> Edits:
    """Changes of the shipped YAML: `text` are further lines of `routing`, as written in the file; `hours` of `working_hours`; `people` its people;
    `files` further edits, by the name of a file of mappings/."""
    playbook = {
        "  pool: default\n": f"  pool: default\n{text}",
        "  members: []  ": f"  members: {members}  ",
        "  fallback:   ": f"  fallback: {fallback}  ",
        "  people: {}  ": f"  people: {people}  ",
        "  from_crm: true ": f"{hours}  from_crm: true ",
    }
    given = {f"mappings/{name}.yaml": edits for name, edits in files.items()}
    return {**given, "mappings/playbook.yaml": {**playbook, **given.get("mappings/playbook.yaml", {})}}


def address(name: str) -> str:
    """Of a person of that name; each at a domain of their own unless a domain is given."""
    return name if "@" in name else f"{name}@{name}.example"


def ask(both: Both, *names: str, form: str = HAND_RAISED, **fields: Any) -> None:
    """People whom nobody knew until now send a form; `fields` are native ones of their HubSpot contacts. Nothing is synced yet."""
    for name in names:
        email = address(name)
        given = {"email": email, "firstname": "Pat", "lastname": name.partition("@")[0].title(), "phone": "+14085550100", **fields}
        both.hs.create("contacts", given)
        assert both.hs.happen({"email": email, "type": "form_submitted", "name": form, "at": both.time()})


def owners(both: Both, name: str) -> tuple[str, str]:
    """Who owns a person: e-mails of the user (or the id of a queue, "" for nobody) in HubSpot and in Salesforce."""
    known = {(user.side, user.id): user.email or user.id for user in both.store.users()}
    contact, lead = both.contact(address(name)), both.lead(address(name))
    shown = str(contact.get("hubspot_owner_id") or "")
    return known.get(("hubspot", shown), shown), known.get(("salesforce", str(lead["OwnerId"])), str(lead["OwnerId"]))


def owner(both: Both, name: str) -> str:
    """Who owns a person. Fails where the CRMs do not agree."""
    ours, theirs = owners(both, name)
    assert ours == theirs, f"{name} is {ours}'s in HubSpot, {theirs}'s in Salesforce"
    return ours


def reason(both: Both, name: str) -> str:
    """What the field says of why they got whom they got. Fails where the CRMs do not agree, or hold more than a text field does."""
    told = both.contact(address(name)).get("crmsync_routing_reason"), both.lead(address(name)).get("crmsync_routing_reason__c")
    assert told[0] == told[1]
    assert len(str(told[0] or "")) <= 255
    return str(told[0] or "")


def spread(both: Both, names: Iterable[str]) -> Counter[str]:
    """Owner -> how many of these people both CRMs show as theirs. Counted in the CRMs alone."""
    users = {(user.side, user.id): user.email or user.id for user in both.store.users()}
    wanted = {address(name).lower() for name in names}
    contacts = {str(row["email"]).lower(): str(row.get("hubspot_owner_id") or "") for row in both.hs.all("contacts")}
    leads = {
        str(row["Email"]).lower(): str(row["OwnerId"]) for row in both.sf.all("Lead") if row.get("Email") and not row.get("IsConverted")
    }
    found: Counter[str] = Counter()
    for email in wanted:
        ours, theirs = users.get(("hubspot", contacts[email])), users.get(("salesforce", leads[email]))
        assert ours == theirs, f"{email} is {ours}'s in HubSpot, {theirs}'s in Salesforce"
        found[str(ours)] += 1
    return found


def stage(both: Both, name: str) -> str:
    """The stage that both CRMs show. Fails where they do not agree."""
    told = both.contact(address(name)).get("crmsync_stage"), both.lead(address(name)).get("crmsync_stage__c")
    assert told[0] == told[1], (name, told)
    return str(told[0])


def person(both: Both, name: str) -> str:
    """The id of the person."""
    found = both.person_of("hubspot", "contacts", str(both.contact(address(name))["id"]))
    assert found is not None
    return found


def open_tasks(both: Both, name: str) -> list[tuple[str, str]]:
    """(subject, e-mail of the owner) of our own open tasks in Salesforce about somebody."""
    return [(str(t["Subject"]), o) for t, o in _tasks(both, name) if t["Status"] != "Completed"]


def done_tasks(both: Both, name: str) -> list[tuple[str, str]]:
    """The same of completed ones."""
    return [(str(t["Subject"]), o) for t, o in _tasks(both, name) if t["Status"] == "Completed"]


def _tasks(both: Both, name: str) -> list[tuple[dict[str, Any], str]]:
    known = {user.id: user.email or user.id for user in both.store.users() if user.side == "salesforce"}
    mark = f"{person(both, name)}-"
    mine = [row for row in both.sf.all("Task") if str(row.get("crmsync_key__c") or "").startswith(mark)]
    return [(row, known.get(str(row["OwnerId"]), str(row["OwnerId"]))) for row in sorted(mine, key=lambda row: str(row["Id"]))]


def until(both: Both, *, days: float = 0.0, hours: float = 0.0) -> None:
    """Moves on to so long after START, and settles."""
    both.time.advance((START - both.time()).total_seconds(), days=days, hours=hours)
    both.settle(after=0)
