"""A person in a few words, for subjects and titles."""

from __future__ import annotations

from crmsync.decide.text import one_line
from crmsync.model.record import Fields

WHO = 80


def who(facts: Fields) -> str:
    """Name and company, else e-mail address or phone number, on one line; "somebody without a name" when there is nothing."""
    name = one_line(" ".join(str(v) for v in (facts.get("first_name"), facts.get("last_name")) if v is not None), WHO)
    name = name or one_line(facts.get("email"), WHO) or one_line(facts.get("phone"), WHO) or "somebody without a name"
    company = one_line(facts.get("company"), WHO)
    return f"{name} ({company})" if company else name
