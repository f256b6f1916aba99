"""Where a person stands (process.md section 3): one transition at a time, with its cause.

By the engine: nothing -> lead (first seen), subscriber/lead/nurture -> mql (S4, S6), mql -> sal (L3). Everything else is set by hand (L2)
or by other rules; the score never moves anyone backwards.

Hysteresis (S4): `PersonState.peak_since_reset` is the latch. It is set when a person becomes mql or a hand sets a stage, and released when
the total falls below mql_at - hysteresis. While set, the total makes no mql; an express signal later than the last mql entry and
the last hand-made stage does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crmsync.decide.text import minute, one_line
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import ScoreRules, TypeRule
from crmsync.model.verdict import ScoreVerdict, StageVerdict

BEFORE_MQL = ("subscriber", "lead", "nurture")
FIRST = ("subscriber", "lead")
"""Stages a CRM may show for a person never staged before without that being a command: where everybody begins."""
HAND, ENGINE = "hand", "engine"


def stage_of(state: PersonState) -> str | None:
    """The present stage, None for a person never staged."""
    return state.stages[-1].stage if state.stages else None


def entered(state: PersonState, stage: str) -> datetime | None:
    """When the person last entered `stage` (UTC); None: never."""
    return next((e.at for e in reversed(state.stages) if e.stage == stage), None)


def stage(
    *,
    state: PersonState,
    score: ScoreVerdict,
    signals: Sequence[Signal],
    rules: ScoreRules,
    hand_stage: str | None = None,
    owner: str | None = None,
    complete: bool = False,
) -> StageVerdict:
    """The stage the person should be in now: the present one, or one step on.

    hand_stage: a stage someone set in a CRM (L2); it is taken as it is. owner / complete: whom we assigned or found, and whether
    the handoff package is complete: both make an mql a sal (L3), unless they qualified before the start (`state.historic`, section 9a).
    A historic mql becomes mql anew, `changed` with the same stage, by what would make an mql of a lead.
    """
    current = stage_of(state)
    begins = current is None and hand_stage in FIRST
    if hand_stage is not None and hand_stage != current and not begins:
        return StageVerdict(stage=hand_stage, changed=True, cause="set by hand in a CRM", who=HAND, trigger="set by hand")
    standing = current or (hand_stage if begins and hand_stage else "lead")
    if standing in BEFORE_MQL or (standing == "mql" and state.historic):
        express = express_signal(state=state, signals=signals, rules=rules)
        if express is not None:
            trigger = signal_text(express)
            return StageVerdict(stage="mql", changed=True, cause=f"express lane: {trigger}", trigger=trigger)
        if score.total >= rules.mql_at and not state.peak_since_reset:
            trigger = f"score {number(score.total)} ≥ {number(rules.mql_at)}"
            return StageVerdict(stage="mql", changed=True, cause=f"threshold: {trigger}", trigger=trigger)
    if standing == "mql" and not state.historic and owner is not None and complete:
        return StageVerdict(stage="sal", changed=True, cause=f"handed off to {one_line(owner, 120)}", trigger=state.trigger)
    return StageVerdict(stage=standing, changed=current is None, cause="first seen" if current is None else "", trigger=state.trigger)


def express_signal(*, state: PersonState, signals: Sequence[Signal], rules: ScoreRules) -> Signal | None:
    """The newest express signal (S6) later than the last mql entry and the last stage set by hand; None when there is none."""
    if not rules.express:
        return None
    since = max((e.at for e in state.stages if e.stage == "mql" or e.who == HAND), default=None)
    able = (s for s in signals if s.type in rules.express and (since is None or s.at > since))
    return max(able, key=lambda s: (s.at, s.event_id), default=None)


def latch(*, state: PersonState, verdict: StageVerdict, score: ScoreVerdict, rules: ScoreRules) -> bool:
    """`peak_since_reset` after this verdict."""
    if score.total < rules.mql_at - rules.hysteresis:
        return False
    return state.peak_since_reset or (verdict.changed and (verdict.stage == "mql" or verdict.who == HAND))


def is_historic(
    *, state: PersonState, express: Signal | None, signals: Sequence[Signal], score: ScoreVerdict, rules: ScoreRules, start_from: datetime
) -> bool:
    """Whether what makes them mql now happened before `start_from` (section 9a).

    Not historic: an express signal since then; or a total at the threshold together with any signal since then, a record created since
    then (`state.created_at`: when a CRM first had them; None: before), or a fit above the one last written.
    """
    if express is not None and express.at >= start_from:
        return False
    if score.total < rules.mql_at:
        return True
    if any(s.at >= start_from for s in signals) or (state.created_at is not None and state.created_at >= start_from):
        return False
    written = state.outputs.get("crmsync_fit_score")
    return isinstance(written, bool) or not isinstance(written, int | float) or score.fit < written + 1


def mql_type(*, signals: Sequence[Signal], score: ScoreVerdict, types: Sequence[TypeRule]) -> TypeRule:
    """The first type rule that fits (section 4): one of its signals is among `signals`, where it names any, and the fit is at least
    `min_fit`, where it names one. When none fits: "browser", the type of low intent, with TypeRule's own response time."""
    present = {s.type for s in signals}
    for rule in types:
        if (not rule.signals or not present.isdisjoint(rule.signals)) and (rule.min_fit is None or score.fit >= rule.min_fit):
            return rule
    return TypeRule(type="browser", channel="email")


def signal_text(signal: Signal) -> str:
    """A signal for readers: "demo_request: Demo form at 2026-01-31 09:05 UTC"."""
    detail = one_line(signal.detail, 120)
    return f"{one_line(signal.type, 60)}{': ' if detail else ''}{detail} at {minute(signal.at)}"


def number(value: float) -> str:
    """A total for readers: no decimals, rounded down, so that it never seems to have reached a threshold it has not."""
    return str(int(value // 1))
