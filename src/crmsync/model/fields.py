"""The fields crmsync owns in a CRM (fields.md): one name in both CRMs; connectors add their own suffix."""

from __future__ import annotations

from dataclasses import dataclass

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


OWN_FIELDS: tuple[OwnField, ...] = (
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
    _f("crmsync_budget", "Budget", "text", role="input"),
    _f("crmsync_authority", "Authority", "text", role="input"),
    _f("crmsync_need", "Need", "text", role="input"),
    _f("crmsync_timeline", "Timeline", "text", role="input"),
)  # fmt: skip

OUTPUTS: tuple[str, ...] = tuple(f.name for f in OWN_FIELDS if f.role == "output")
INPUTS: tuple[str, ...] = tuple(f.name for f in OWN_FIELDS if f.role == "input")
KEY = "crmsync_key"
