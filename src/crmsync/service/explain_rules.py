"""The part of `crmsync explain` about what the rules say of a person: points and what is left of them, data gate, track, questions, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from crmsync.decide.person import Decision
from crmsync.decide.score import rules_of, score, thresholds
from crmsync.engine.cuts import cuts_of
from crmsync.engine.deliberate import Verdict
from crmsync.engine.preview import look
from crmsync.engine.world import World
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import BehaviorRule, ScoreRules
from crmsync.model.record import Value
from crmsync.model.verdict import Reason
from crmsync.service.explain_next import work_changes

FIT, BEHAVIOR, COLLEAGUES = "fit", "behavior", "colleagues"
WHAT = (
    ("crmsync_stage", "stage"), ("crmsync_mql_type", "mql type"), ("crmsync_track", "track"), ("crmsync_data_quality", "data quality"),
    ("crmsync_next_questions", "next questions"),
)  # fmt: skip
"""Outputs whose change is worth a word of its own."""


def score_of(world: World, verdict: Verdict | None, state: PersonState, signals: Sequence[Signal], now: datetime) -> dict[str, Any]:
    """The score with every rule that gives points, what it gave before decay and what is left of it at `now`."""
    found = verdict.decision.score if verdict is not None and verdict.decision is not None else None
    told = [{"type": s.type, "at": s.at.isoformat(), "detail": s.detail, "answers": list(s.answers), "source": s.source} for s in signals]
    if found is None:
        return {"total": None, "fit": None, "behavior": None, "reasons": [], "signals": told}
    rules = rules_of(world.playbook, found.segment, cuts_of(world))
    full = _undecayed(signals, rules, world, now)
    added = next((r.points for r in found.reasons if r.rule == COLLEAGUES), 0.0) if rules.account is not None else 0.0
    return {
        "total": round(found.total, 2),
        "fit": round(found.fit, 2),
        "behavior": round(found.behavior, 2),
        "segment": found.segment or None,
        "mql_at": rules.mql_at,
        "sql_at": rules.sql_at,
        "account": None
        if rules.account is None
        else {"account": state.account, "share": rules.account.share, "most": rules.account.max_points, "points": round(added, 2)},
        "reasons": [_reason(reason, rules, full, signals, now) for reason in found.reasons],
        "signals": told,
    }


def _undecayed(signals: Sequence[Signal], rules: ScoreRules, world: World, now: datetime) -> Mapping[str, float]:
    """Behaviour rule -> what it would give if nothing faded."""
    lasting = replace(
        rules,
        fit=(),
        account=None,
        inactivity_loss=0.0,
        inactive_points=0.0,
        behavior=tuple(replace(rule, half_life_days=None) for rule in rules.behavior),
    )
    return {r.rule: r.points for r in score(facts={}, signals=signals, rules=lasting, lists=world.lists, now=now).reasons}


def _reason(reason: Reason, rules: ScoreRules, full: Mapping[str, float], signals: Sequence[Signal], now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": reason.rule, "points": round(reason.points, 2), "source": reason.source}
    behavior = next((rule for rule in rules.behavior if rule.name == reason.rule), None)
    if behavior is None or reason.rule not in full:
        kind = FIT if any(rule.name == reason.rule for rule in rules.fit) else reason.rule
        return {**row, "kind": kind, "full": row["points"], "half_life_days": None, "event": None}
    return {
        **row,
        "kind": BEHAVIOR,
        "full": round(full[reason.rule], 2),
        "half_life_days": behavior.half_life_days,
        "event": _newest(behavior, signals, now),
    }


def _newest(rule: BehaviorRule, signals: Sequence[Signal], now: datetime) -> dict[str, Any] | None:
    """The last signal that the rule counts."""
    past = [s for s in signals if s.type in rule.signals and s.at <= now] or [s for s in signals if s.type in rule.signals]
    if not past:
        return None
    last = max(past, key=lambda s: (s.at, s.event_id))
    return {"type": last.type, "at": last.at.isoformat(), "detail": last.detail}


def gate_of(verdict: Verdict | None) -> dict[str, Any] | None:
    """What is known of the contact data; None when nothing was decided."""
    gate = verdict.decision.gate if verdict is not None and verdict.decision is not None else None
    return None if gate is None else {"quality": gate.quality, "issues": list(gate.issues), "reachable": gate.reachable}


def track_of(state: PersonState) -> dict[str, Any]:
    """The nurture track they are in."""
    return {
        "track": state.track,
        "since": None if state.track_since is None else state.track_since.isoformat(),
        "done": list(state.tracks_done),
        "lists": {side: list(ids) for side, ids in state.member_of.items() if ids},
        "found_on": {side: list(ids) for side, ids in state.found_on.items() if ids},
    }


def next_change(world: World, verdict: Verdict | None, now: datetime) -> dict[str, Any] | None:
    """The next moment at which time alone changes something, and what it changes if nothing happens before; None when only a change can. now: when
    `verdict` was decided. changes: `what`, `from`, `to`, `why`; none of them when somebody is only looked at again."""
    if verdict is None or verdict.decision is None or (at := verdict.state.next_due_at) is None:
        return None
    before, person = verdict.decision, verdict.state.person_id
    found = look(world, [person], at)
    after = found[0].decision if found else None
    if after is None:
        return {"at": at.isoformat(), "changes": []}
    changes: list[dict[str, Any]] = []
    old, new = round(before.score.total, 2), round(after.score.total, 2)
    if old != new:
        changes.append(
            _change(
                "score",
                old,
                new,
                _crossed(before.score.total, after.score.total, rules_of(world.playbook, after.score.segment, cuts_of(world))),
            )
        )
    changes += _shown(before.state, before.outputs, after)
    changes += work_changes(before.state, after, world, now, at, before)
    return {"at": at.isoformat(), "changes": changes}


def overdue(world: World, verdict: Verdict | None, now: datetime) -> dict[str, Any] | None:
    """What the next cycle does because its time has come already, as far as is stored; None when nothing is overdue at `now`. since: when the first of it was due.
    changes: as `next_change` has them."""
    before = verdict.before if verdict is not None else None
    if verdict is None or verdict.decision is None or before is None or (since := before.next_due_at) is None or since > now:
        return None
    after = verdict.decision
    old, new = before.outputs.get("crmsync_score"), after.outputs.get("crmsync_score")
    changes = [_change("score", old, new, "")] if old != new else []
    changes += _shown(before, before.outputs, after)
    changes += work_changes(before, after, world, since, now)
    return {"since": since.isoformat(), "changes": changes}


def _shown(old: PersonState, was: Mapping[str, Value], after: Decision) -> list[dict[str, Any]]:
    """What a decision changes of the outputs that are worth a word of their own."""
    fresh = after.state.stages[len(old.stages) :]
    changed = [(name, what) for name, what in WHAT if was.get(name) != after.outputs.get(name)]
    return [
        _change(what, was.get(name), after.outputs.get(name), fresh[-1].cause if what == "stage" and fresh else "")
        for name, what in changed
    ]


def _change(what: str, was: Value, now: Value, why: str) -> dict[str, Any]:
    return {"what": what, "from": was, "to": now, "why": why}


def _crossed(old: float, new: float, rules: ScoreRules) -> str:
    """Which thresholds lie between the two."""
    low, high = sorted((old, new))
    passed = [level for level in thresholds(rules) if low < level <= high]
    if not passed:
        return ""
    names = {rules.mql_at: "mql", rules.mql_at - rules.hysteresis: "mql again", rules.sql_at: "sql"}
    told = ", ".join(f"{level:g}{f' ({names[level]})' if level in names else ''}" for level in passed)
    return f"{'falls below' if new < old else 'reaches'} {told}"
