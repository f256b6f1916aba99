"""Alerts about who works a person, in words (process.md H2, R4, R5, R7). What clocks have to say is said in crmsync.decide.sla."""

from __future__ import annotations

from datetime import datetime

from crmsync.decide.text import one_line
from crmsync.model.alert import HOT_LEAD, NO_OWNER, POOL_USED_UP, REASSIGNED, Alert
from crmsync.model.record import Fields

WHO = 80


def who(facts: Fields) -> str:
    """The person for readers: name and company, else e-mail address or phone number, on one line."""
    name = one_line(" ".join(str(v) for v in (facts.get("first_name"), facts.get("last_name")) if v is not None), WHO)
    name = name or one_line(facts.get("email"), WHO) or one_line(facts.get("phone"), WHO) or "somebody without a name"
    company = one_line(facts.get("company"), WHO)
    return f"{name} ({company})" if company else name


def hot_alert(facts: Fields, at: datetime, owner: str, trigger: str, package: str) -> Alert:
    """H2: somebody showed high intent and is handed over now. package: the handoff package (H1)."""
    title = f"Hot lead: {who(facts)}"
    return Alert(kind=HOT_LEAD, at=at, owner=owner, title=title, body=f"{one_line(trigger, 255)}\n\nThe task is in your CRM.\n\n{package}")


def no_owner_alert(facts: Fields, at: datetime, problem: str) -> Alert:
    """R5: there is nobody who could ever get this person as things stand."""
    body = f"{one_line(problem, 400)}. The person waits without an owner. Name a fallback owner or fill the pool in mappings/playbook.yaml under routing."
    return Alert(kind=NO_OWNER, at=at, title=f"No owner for {who(facts)}", body=body)


def fallback_alert(facts: Fields, at: datetime, owner: str, reason: str) -> Alert:
    """R5: the fallback owner got the person, because no rule and no pool had anybody."""
    return Alert(kind=NO_OWNER, at=at, owner=owner, title=f"Fallback owner for {who(facts)}", body=f"{one_line(owner, 120)} got this person: {one_line(reason, 400)}.")


def reassigned_alert(facts: Fields, at: datetime, former: str | None, owner: str, why: str) -> Alert:
    """R7: the person goes to the next rep."""
    body = f"{one_line(former or 'nobody', 120)} had this person; {one_line(owner, 120)} has them now: {one_line(why, 300)}. Open tasks, clocks and the cadence move along."
    return Alert(kind=REASSIGNED, at=at, owner=owner, title=f"Reassigned: {who(facts)}", body=body)


def used_up_alert(facts: Fields, at: datetime, owner: str | None, pool: str) -> Alert:
    """R7: everybody of the pool has had the person, and nobody worked them."""
    body = f"Every rep of the pool {one_line(pool, 80)} has had this person, and nobody followed up. {one_line(owner or 'nobody', 120)} has them now."
    return Alert(kind=POOL_USED_UP, at=at, owner=owner, title=f"Nobody follows up: {who(facts)}", body=body)
