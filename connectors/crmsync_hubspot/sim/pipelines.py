"""Deal and lifecycle pipelines; stage metadata values are strings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(slots=True, kw_only=True)
class Stage:
    """One stage; probability 1.0 with `closed` is won, 0.0 lost."""

    id: str
    label: str
    probability: float | None = None
    closed: bool = False

    def json(self, order: int) -> Json:
        """As the pipelines API shows it."""
        meta = {"isClosed": "true" if self.closed else "false"}
        if self.probability is None:
            meta["state"] = "CLOSED" if self.closed else "OPEN"
        else:
            meta["probability"] = str(self.probability)
        return {
            "label": self.label,
            "displayOrder": order,
            "metadata": meta,
            "id": self.id,
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
        }


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """One pipeline with its stages in order."""

    id: str
    label: str
    stages: list[Stage] = field(default_factory=list)

    def json(self, order: int) -> Json:
        """As the pipelines API shows it."""
        return {
            "label": self.label,
            "displayOrder": order,
            "id": self.id,
            "stages": [stage.json(at) for at, stage in enumerate(self.stages)],
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "archived": False,
        }


def sales_pipeline() -> Pipeline:
    """The deal pipeline of a default portal (recorded)."""
    rows = (
        ("appointmentscheduled", "Appointment Scheduled", 0.2, False),
        ("qualifiedtobuy", "Qualified To Buy", 0.4, False),
        ("presentationscheduled", "Presentation Scheduled", 0.6, False),
        ("decisionmakerboughtin", "Decision Maker Bought-In", 0.8, False),
        ("contractsent", "Contract Sent", 0.9, False),
        ("closedwon", "Closed Won", 1.0, True),
        ("closedlost", "Closed Lost", 0.0, True),
    )
    return Pipeline(
        id="default",
        label="Sales Pipeline",
        stages=[Stage(id=i, label=label, probability=p, closed=closed) for i, label, p, closed in rows],
    )


def lifecycle_pipeline(plural: str, options: dict[str, str]) -> Pipeline:
    """The lifecycle stages of contacts or companies as a pipeline (recorded id and label)."""
    return Pipeline(
        id=f"{plural}-lifecycle-pipeline",
        label="Lifecycle Stage Pipeline",
        stages=[Stage(id=value, label=label) for value, label in options.items()],
    )
