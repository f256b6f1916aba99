"""What tests of the fronts work in: two simulated CRMs and a command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.service.provision import provision
from crmsync.service.settings import read_settings
from crmsync.service.workspace import open_workspace
from scenarios.world import provision_portal_quickly, provision_quickly

USERS = [
    {"email": "rita@example.com", "first_name": "Rita", "last_name": "Reed", "time_zone": "Europe/London"},
    {"email": "sam@example.com", "first_name": "Sam", "last_name": "Stone", "time_zone": "Europe/London"},
]
LONG_AGO = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Town:
    """sims: by name. home: the admin's folder. run: a command in this process."""

    sims: dict[str, Any]
    home: Path
    environ: dict[str, str]
    run: Callable[..., Answer]
    extra: dict[str, str] = field(default_factory=dict)

    def calls(self) -> int:
        return sum(len(sim.calls) for sim in self.sims.values())

    def writes(self) -> int:
        return sum(len(sim.writes) for sim in self.sims.values())

    def seed(self, count: int, **more: Any) -> list[str]:
        """That many persons in both CRMs; returns their e-mail addresses."""
        people = [person(number, **more) for number in range(count)]
        for sim in self.sims.values():
            sim.seed(users=USERS, people=people)
        return [str(one["email"]) for one in people]

    def provision(self) -> None:
        """As `crmsync provision`, but the shipped fields come from another simulated org and portal."""
        provision_quickly(self.sims["salesforce"])
        provision_portal_quickly(self.sims["hubspot"])
        with open_workspace(read_settings(self.environ)) as workspace:
            provision(workspace, dry_run=False)

    def hubspot_ids(self) -> list[str]:
        return [str(row.get("hs_object_id") or row["id"]) for row in self.sims["hubspot"].all("contacts")]


def person(number: int, **more: Any) -> dict[str, Any]:
    return {
        "email": f"person{number}@acme{number}.example",
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "company": f"Acme {number}",
        "phone": f"+44207946{number:04d}",
        "owner_email": "rita@example.com",
        "created_at": LONG_AGO + timedelta(minutes=number),
        **more,
    }


def scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("CRMSYNC_"):
            monkeypatch.delenv(name)
