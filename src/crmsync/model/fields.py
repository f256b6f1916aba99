"""The fields crmsync owns in a CRM (fields.md): one name in both CRMs; connectors add their own suffix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

STAGES = ("subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "nurture", "disqualified")
MQL_TYPES = ("direct_request", "pre_qualified", "content_download", "browser")
DISPOSITIONS = ("accepted", "rejected", "recycle")
REASON_CODES = (
    "wrong_icp", "bad_timing", "no_budget", "competitor", "already_customer", "no_response", "bad_data",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnField:
    """type: text | long_text | number | datetime | picklist. role: key | output | input. on: person | activity | company | deal."""

    name: str
    label: str
    type: str
    role: str = "output"
    options: tuple[str, ...] = ()
    on: tuple[str, ...] = ("person",)
    unique: bool = False
    description: str = ""


def _f(name: str, label: str, type: str, **more: object) -> OwnField:
    return OwnField(name=name, label=label, type=type, **more)  # type: ignore[arg-type]


TRACK = "crmsync_track"
_ALWAYS: tuple[OwnField, ...] = (
    _f("crmsync_key", "crmsync key", "text", role="key", unique=True, on=("person", "activity", "company", "deal"),
       description="crmsync's own id of this record; makes creates idempotent"),
    _f("crmsync_score", "Lead score", "number", description="fit + behaviour"),
    _f("crmsync_fit_score", "Fit score", "number"),
    _f("crmsync_behavior_score", "Behavior score", "number"),
    _f("crmsync_score_reasons", "Score reasons", "long_text", description="one line per contributing rule"),
    _f("crmsync_stage", "Lead stage", "picklist", options=STAGES),
    _f("crmsync_stage_since", "Lead stage since", "datetime"),
    _f("crmsync_mql_type", "MQL type", "picklist", options=MQL_TYPES),
    _f("crmsync_mql_at", "Became MQL at", "datetime"),
    _f("crmsync_sal_at", "Became SAL at", "datetime"),
    _f("crmsync_sql_at", "Became SQL at", "datetime"),
    _f("crmsync_trigger", "Qualifying event", "text"),
    _f("crmsync_handoff", "Handoff package", "long_text"),
    _f("crmsync_assigned_at", "Assigned at", "datetime"),
    _f("crmsync_routing_reason", "Routing reason", "text"),
    _f("crmsync_sla_due", "Response due", "datetime"),
    _f("crmsync_sla_status", "Response status", "picklist",
       options=("none", "on_track", "at_risk", "breached", "met", "paused")),
    _f("crmsync_first_response_at", "First response at", "datetime"),
    _f("crmsync_touches", "Touches since handoff", "number"),
    _f("crmsync_cadence", "Active cadence", "text"),
    _f("crmsync_next_touch_at", "Next touch at", "datetime"),
    _f("crmsync_track", "Nurture track", "picklist", options=("none", "mql_education", "sql_enablement")),
    _f("crmsync_recycles", "Times recycled", "number"),
    _f("crmsync_data_quality", "Data quality", "picklist", options=("verified", "risky", "invalid", "unknown")),
    _f("crmsync_data_issues", "Data issues", "text"),
    _f("crmsync_next_questions", "Next questions", "text"),
    _f("crmsync_disposition", "Disposition", "picklist", role="input", options=DISPOSITIONS),
    _f("crmsync_reason_code", "Reason code", "picklist", role="input", options=REASON_CODES),
    _f("crmsync_feedback", "Lead feedback", "picklist", role="input", options=("not_ready", "should_have_been_mql")),
)  # fmt: skip

FRAMEWORK_FIELDS: Mapping[str, tuple[OwnField, ...]] = {
    "bant": (
        _f("crmsync_budget", "Budget", "text", role="input"),
        _f("crmsync_authority", "Authority", "text", role="input"),
        _f("crmsync_need", "Need", "text", role="input"),
        _f("crmsync_timeline", "Timeline", "text", role="input"),
    ),
    "meddic": (
        _f("crmsync_metrics", "Metrics", "text", role="input", description="what success is measured by"),
        _f("crmsync_economic_buyer", "Economic buyer", "text", role="input", description="who can spend the money"),
        _f("crmsync_decision_criteria", "Decision criteria", "text", role="input"),
        _f("crmsync_decision_process", "Decision process", "text", role="input"),
        _f("crmsync_pain", "Identified pain", "text", role="input"),
        _f("crmsync_champion", "Champion", "text", role="input", description="who sells for us inside"),
    ),
}
"""Answers of the qualification frameworks that a playbook can switch on (process.md S10)."""


def own_fields(frameworks: Collection[str] = ("bant",), tracks: Collection[str] = ()) -> tuple[OwnField, ...]:
    """The fields that a playbook with these qualification frameworks and nurture tracks needs: those of a framework that is off are neither created
    nor read, and crmsync_track has an option per track."""
    answers = [f for name, fields in FRAMEWORK_FIELDS.items() if name in frameworks for f in fields]
    known = [replace(f, options=tuple(dict.fromkeys((*f.options, *tracks)))) if f.name == TRACK else f for f in _ALWAYS]
    return (*known, *answers)


OWN_FIELDS: tuple[OwnField, ...] = own_fields()
"""Those of the shipped playbook."""
OUTPUTS: tuple[str, ...] = tuple(f.name for f in OWN_FIELDS if f.role == "output")
INPUTS: tuple[str, ...] = tuple(f.name for f in OWN_FIELDS if f.role == "input")
EVERY_INPUT: frozenset[str] = frozenset(f.name for f in own_fields(FRAMEWORK_FIELDS) if f.role == "input")
"""Every field that reps can fill; those of a framework that is off are in no CRM."""
KEY = "crmsync_key"
