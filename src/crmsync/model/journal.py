"""The journal: every write as an intent before it is sent, settled after by what the CRM answered (law 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.model.change import Write
from crmsync.model.record import Value

UNDO = "undo of "
"""How the rule of a write begins that takes back another one; that one's id follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One write with what it replaced and why. old / names / rules are keyed by native field name: value before, house name, rule that
    decided.

    kind: "person" | "task" | "member" (a membership of a list or campaign) | "twin:" and a kind of activity, companies or deals. outcome: None while open, else an OutcomeKind value. record_id: target, or the id the create returned.
    """

    side: str
    write: Write
    person_id: str | None
    kind: str = "person"
    old: Mapping[str, Value] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    at: datetime
    record_id: str | None = None
    outcome: str | None = None
    cause: str = ""
    message: str = ""
    settled_at: datetime | None = None

    @property
    def undoes(self) -> str | None:
        """The id of the write that this one takes back; None for any other write."""
        return next((rule.removeprefix(UNDO) for rule in self.rules.values() if rule.startswith(UNDO)), None)
