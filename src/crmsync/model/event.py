"""An event as a CRM lists it beside its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

CLOSED_STREAMS = "events_closed"
"""Key in the store: side -> list of events -> {why our credentials may not read it, since when}."""
DECIDED_UNDER = "decided_under"
"""Key in the store: the rules everybody was last decided under, and how far a pass for others has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that somebody did. id: stable, unique among those of its kind. kind: a key of `Traits.events`. email: whose event it is, as the CRM
    writes it. at: UTC. detail: a form's name, a link. answers: (field, answer) in the order of the form."""

    id: str
    kind: str
    at: datetime
    email: str
    detail: str = ""
    answers: Sequence[tuple[str, str]] = ()
