"""The engine-owned fields of a person (fields.md): what the CRMs should show, and when a moved score is worth a write (S11)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from crmsync.decide.handoff import cut_lines
from crmsync.decide.lifecycle import entered, stage_of
from crmsync.decide.score import thresholds
from crmsync.decide.text import one_line, points_text, stamp
from crmsync.model.link import PersonState
from crmsync.model.process import ScoreRules
from crmsync.model.record import Fields, Value
from crmsync.model.verdict import GateVerdict, ScoreVerdict

REASONS_LIMIT = 4_000
TEXT_LIMIT = 255
NOTHING: Fields = {}
SCORE_NUMBERS = ("crmsync_score", "crmsync_fit_score", "crmsync_behavior_score")
SCORE_FIELDS = (*SCORE_NUMBERS, "crmsync_score_reasons")


def outputs(
    *,
    state: PersonState,
    score: ScoreVerdict,
    rules: ScoreRules,
    previous: Fields,
    handoff: str | None = None,
    fresh: bool = False,
    gate: GateVerdict | None = None,
    more: Fields = NOTHING,
) -> Fields:
    """House names -> wanted values: `previous` with what `state` (already updated) and `score` say now.

    Fields that nothing has been said about stay out, as do those that other rules own; a field said earlier is cleared (None) when its value
    is gone. handoff: the package, when one was made now (None: the earlier one stays). fresh: write the score whatever it moved. gate: the
    verdict on the contact data (None: nothing is said about it). more: further fields, said as they are. The very `previous` is returned when nothing differs.
    """
    assigned = state.assigned_at
    since = state.stages[-1].at if state.stages else None
    said: dict[str, Value] = {
        **settle_score(previous, score_fields(score, rules), rules, fresh=fresh),
        "crmsync_stage": stage_of(state),
        "crmsync_stage_since": _stamp(since),
        "crmsync_mql_type": state.mql_type,
        "crmsync_mql_at": _stamp(entered(state, "mql")),
        "crmsync_sal_at": _stamp(entered(state, "sal")),
        "crmsync_sql_at": _stamp(entered(state, "sql")),
        "crmsync_trigger": one_line(state.trigger, TEXT_LIMIT) or None,
        "crmsync_assigned_at": _stamp(assigned),
        "crmsync_routing_reason": (one_line(state.owner_reason, TEXT_LIMIT) or None)
        if assigned is not None or state.queued_at is not None
        else None,
    }
    if state.recycles or "crmsync_recycles" in previous:
        said["crmsync_recycles"] = state.recycles
    if gate is not None:
        said["crmsync_data_quality"] = gate.quality
        said["crmsync_data_issues"] = one_line(" ".join(gate.issues), TEXT_LIMIT) or None
    said |= more
    if handoff is not None:
        said["crmsync_handoff"] = handoff or None
    for name, value in said.items():
        if previous.get(name) != value:
            return {**previous, **{n: v for n, v in said.items() if v is not None or n in previous}}
    return previous


def score_fields(score: ScoreVerdict, rules: ScoreRules) -> dict[str, Value]:
    """The four score fields: whole numbers, and one line per reason ("+30 C-level title"), at most 4,000 characters."""
    lines = [f"{points_text(r.points)} {one_line(r.rule, 120)}" for r in score.reasons if abs(r.points) >= 0.05]
    return {
        "crmsync_score": shown_total(score.total, rules),
        "crmsync_fit_score": _rounded(score.fit),
        "crmsync_behavior_score": _rounded(score.behavior),
        "crmsync_score_reasons": cut_lines("\n".join(lines), REASONS_LIMIT) or None,
    }


def shown_total(total: float, rules: ScoreRules) -> int:
    """The total as a whole number: rounded, halves up, but down where rounding up would seem to reach a threshold it has not reached."""
    nearest = _rounded(total)
    return math.floor(total) if nearest > total and any(total < level <= nearest for level in thresholds(rules)) else nearest


def settle_score(previous: Mapping[str, Value], new: Mapping[str, Value], rules: ScoreRules, *, fresh: bool = False) -> dict[str, Value]:
    """The score fields to want: `new` when there is no earlier score, the total lies in another band or on the other side of a threshold,
    or any of the three numbers moved by at least `min_delta`; otherwise those of `previous`, all four (S11)."""
    before = [previous.get(name) for name in SCORE_NUMBERS]
    after = [new.get(name) for name in SCORE_NUMBERS]
    if fresh or (before == after and previous.get("crmsync_score_reasons") == new.get("crmsync_score_reasons")):
        return dict(new)
    for old, value in zip(before, after, strict=True):
        if not _is_number(old) or not _is_number(value) or abs(float(value or 0) - float(old or 0)) >= rules.min_delta:
            return dict(new)
    levels = thresholds(rules)
    if _cell(before[0], levels) != _cell(after[0], levels):
        return dict(new)
    return {name: previous.get(name) for name in SCORE_FIELDS}


def _cell(total: Value, levels: tuple[float, ...]) -> int:
    return sum(1 for level in levels if float(total or 0) >= level)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _stamp(moment: datetime | None) -> str | None:
    # Whole seconds: Salesforce keeps no more, and an echo that differs by milliseconds would look like a change.
    return None if moment is None else stamp(moment.replace(microsecond=0))
