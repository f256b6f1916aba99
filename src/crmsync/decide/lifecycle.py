"""Where a person stands (process.md section 3): one transition at a time, with its cause.

In this order: a stage set by hand (L2), news about deals (L5), what a rep decided (L4, L7), an sql that went stale (L6), what makes an mql (L1),
the handoff (L3), acceptance (L4). The score never moves anyone backwards, and nothing undoes a stage set by hand but what happens after it.

Hysteresis (S4): `PersonState.peak_since_reset` is the latch. It is set when a person becomes mql or a hand sets a stage, and released when
the total falls below mql_at - hysteresis. While set, the total makes no mql; after a recycling (L6) it does all the same once the cool-off is over
and there was a new sign of engagement. An express signal, a named form or a reply later than the last mql entry, the last stage set by hand and
the last recycling makes one at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.condition import Lists, holds, text_matches
from crmsync.decide.deals import CUSTOMER, OPPORTUNITY, Dealings, moved_by_deals
from crmsync.decide.disposition import DISQUALIFIED, NURTURE, Judgement
from crmsync.decide.text import minute, one_line
from crmsync.model.link import PersonState, Signal, SignalSource, StageEntry
from crmsync.model.process import AUTOMATIC, ON_ASSIGNMENT, EngagedRule, ScoreRules, StageRules, TypeRule
from crmsync.model.record import Fields, Value
from crmsync.model.verdict import ScoreVerdict, StageVerdict

BEFORE_MQL = ("subscriber", "lead", NURTURE)
FIRST = ("subscriber", "lead")
"""Stages a CRM may show for a person never staged before without that being a command: where everybody begins."""
QUALIFIED = ("mql", "sal", "sql", OPPORTUNITY)
"""From these a way to nurture is a recycling (L6)."""
IN_WORK = ("mql", "sal", "sql")
"""Stages that the work on somebody can end."""
HAND, ENGINE = "hand", "engine"
SKEW = timedelta(hours=1)
"""A clock may be so far ahead. What is dated later than that has not happened after anything that somebody did by now."""
NOBODY: Fields = {}
PLAIN, NO_LISTS = StageRules(), Lists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where the work on somebody led by itself: a cadence without an answer (L6), or a one-digit reply (C4)."""

    stage: str
    cause: str


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
    now: datetime,
    stages: StageRules = PLAIN,
    facts: Fields = NOBODY,
    hand_stage: str | None = None,
    deals: Dealings | None = None,
    judgement: Judgement | None = None,
    outcome: Outcome | None = None,
    owner: str | None = None,
    complete: bool = False,
) -> StageVerdict:
    """The stage the person should be in at `now` (UTC): the present one, or one step on.

    hand_stage: a stage someone set in a CRM (L2); it is taken as it is. deals: theirs, None: not known. judgement: what a rep decided and nobody
    acted on yet. outcome: where the work on them led by itself. owner / complete: whom we assigned or found, and whether the handoff package is complete: both make an mql a sal
    (L3), unless they qualified before the start (`state.historic`, section 9a). A historic mql becomes mql anew, `changed` with the same stage, by
    what would make an mql of a lead.
    """
    current = stage_of(state)
    if hand_stage is not None and current not in (None, hand_stage):
        return StageVerdict(stage=hand_stage, changed=True, cause="set by hand in a CRM", who=HAND, trigger="set by hand")
    standing = current or hand_stage or "lead"
    # At first sight a person whom sales put aside stays there, whatever became of old deals (section 9a).
    move = moved_by_deals(deals, state.dealt, standing, stages) if deals is not None else None
    if move is not None and not (current is None and standing in (NURTURE, DISQUALIFIED)):
        return StageVerdict(stage=move.stage, changed=True, cause=move.cause, trigger=move.cause)
    if current is None and hand_stage is not None and hand_stage not in FIRST:
        return StageVerdict(stage=hand_stage, changed=True, cause="set by hand in a CRM", who=HAND, trigger="set by hand")
    decided = judgement.stage(stages) if judgement is not None and may_judge(standing, deals) else None
    if judgement is not None and decided not in (None, standing) and not (decided == "sql" and standing == OPPORTUNITY):
        return StageVerdict(stage=str(decided), changed=True, cause=judgement.cause, who=HAND, trigger=judgement.cause)
    if outcome is not None and standing in IN_WORK and may_judge(standing, deals):
        return StageVerdict(stage=outcome.stage, changed=True, cause=outcome.cause, trigger=outcome.cause)
    stale = stale_at(state, signals, rules, stages, now)
    if stale is not None and stale <= now:
        return StageVerdict(stage=NURTURE, changed=True, cause=f"no engagement for {stages.stale_sql_days:g} days", trigger="")
    if standing in BEFORE_MQL or (standing == "mql" and state.historic):
        found = _qualified(state, standing, score, signals, rules, stages, facts, now)
        if found is not None:
            return found
    if standing == "mql" and not state.historic and owner is not None and complete:
        return StageVerdict(stage="sal", changed=True, cause=f"handed off to {one_line(owner, 120)}", trigger=state.trigger)
    accepted = _accepted(state, score, signals, rules, stages, now) if standing == "sal" and current == "sal" else ""
    if accepted:
        return StageVerdict(stage="sql", changed=True, cause=accepted, trigger=state.trigger)
    return StageVerdict(stage=standing, changed=current is None, cause="first seen" if current is None else "", trigger=state.trigger)


def may_judge(standing: str, deals: Dealings | None) -> bool:
    """Whether a disposition can move somebody: not a customer, and nobody with an open deal; it waits until the deal is closed."""
    return standing != CUSTOMER and not (deals is not None and deals.open)


def next_turn(
    *, state: PersonState, signals: Sequence[Signal], rules: ScoreRules, stages: StageRules, facts: Fields, now: datetime
) -> datetime | None:
    """The earliest moment after `now` (UTC) at which time alone may change the stage, beside what the score says of itself: an sql goes stale, a
    cool-off ends, a subscriber has been one for long enough. None: never."""
    moments = [stale_at(state, signals, rules, stages, now)]
    if stage_of(state) in BEFORE_MQL:
        moments += [cool_until(state, stages), engaged_at(state, facts, stages.engaged)]
    if any(s.at > now + SKEW for s in signals):
        named = {*rules.express, *stages.signals, *stages.form_types, *stages.straight_to_sql}
        moments += [s.at for s in signals if s.at > now + SKEW and s.type in named]
    return min((at for at in moments if at is not None and at > now), default=None)


# --- what makes an mql (L1, S4, S6) ------------------------------------------------------------------------------------------


def _qualified(
    state: PersonState,
    standing: str,
    score: ScoreVerdict,
    signals: Sequence[Signal],
    rules: ScoreRules,
    stages: StageRules,
    facts: Fields,
    now: datetime,
) -> StageVerdict | None:
    named = qualifying_signal(state=state, signals=signals, rules=rules, stages=stages, now=now)
    if named is not None:
        signal, why = named
        trigger = signal_text(signal)
        return StageVerdict(stage="mql", changed=True, cause=f"{why}: {trigger}", trigger=trigger, happened=signal.at)
    since = engaged_at(state, facts, stages.engaged) if standing == "subscriber" else None
    if stages.engaged is not None and since is not None and since <= now:
        newest = max((s.at for s in signals if s.at <= now), default=since)
        trigger = f"subscribed for {stages.engaged.days:g} days, opened and clicked every e-mail"
        return StageVerdict(stage="mql", changed=True, cause=f"engaged subscriber: {trigger}", trigger=trigger, happened=max(since, newest))
    cool = cool_until(state, stages)
    if score.total < rules.mql_at or (cool is not None and now < cool):
        return None
    if not state.peak_since_reset or _engaged_anew(state, signals, rules, now):
        trigger = f"score {number(score.total)} ≥ {number(rules.mql_at)}"
        return StageVerdict(stage="mql", changed=True, cause=f"threshold: {trigger}", trigger=trigger)
    return None


def qualifying_signal(
    *,
    state: PersonState,
    signals: Sequence[Signal],
    rules: ScoreRules,
    stages: StageRules = PLAIN,
    now: datetime | None = None,
) -> tuple[Signal, str] | None:
    """The signal that makes an mql whatever the score, and why: the newest express signal (S6), else the newest named form or reply (L1); later than
    the last mql entry, the last stage set by hand and the last recycling. None when there is none. now (UTC): a signal dated in the future (a wrong
    clock) makes somebody an mql who never was one, and undoes nothing that was decided since; None: all moments are believed."""
    since = max((e.at for e in state.stages if e.stage == "mql" or _ends(e)), default=None)
    for able, why in ((rules.express, "express lane"), (stages.signals, "reply"), (stages.form_types, "named form")):
        found = [s for s in signals if s.type in able and _later(s, since, now)] if able else []
        if why == "named form":
            found = [s for s in found if any(text_matches(pattern, s.detail) for pattern in stages.forms)]
        if found:
            newest = max(found, key=lambda s: (s.at, s.event_id))
            return newest, "named signal" if why == "reply" and "reply" not in newest.type else why
    return None


def _later(signal: Signal, since: datetime | None, now: datetime | None) -> bool:
    return since is None or (signal.at > since and (now is None or signal.at <= now + SKEW))


def _ends(entry: StageEntry) -> bool:
    """Whether what came before this entry speaks for nothing any more: somebody decided, or the person was recycled."""
    return entry.who == HAND or (entry.stage == NURTURE and entry.previous is not None)


def engaged_at(state: PersonState, facts: Fields, rule: EngagedRule | None) -> datetime | None:
    """When a subscriber who opened and clicked every e-mail has been one for long enough (UTC); None: no subscriber, or no e-mail was sent, or not all were
    opened and clicked. Who was a subscriber when first seen has been one since their first record was made."""
    if rule is None or stage_of(state) not in (None, "subscriber"):
        return None
    sent, opened, clicked = (_count(facts.get(name)) for name in (rule.delivered, rule.opened, rule.clicked))
    since = state.created_at
    if state.stages and (state.stages[-1].previous is not None or since is None or since > state.stages[-1].at):
        since = state.stages[-1].at
    if sent < 1 or opened < sent or clicked < sent or since is None:
        return None
    return _after(since, rule.days)


def cool_until(state: PersonState, stages: StageRules) -> datetime | None:
    """When the score can make an mql again after a recycling (L6); None: nobody was recycled."""
    return _after(state.recycled_at, stages.cool_off_days) if state.recycled_at is not None else None


def _engaged_anew(state: PersonState, signals: Sequence[Signal], rules: ScoreRules, now: datetime) -> bool:
    """Whether somebody recycled has shown engagement since, and not become mql for it yet."""
    recycled, mql = state.recycled_at, entered(state, "mql")
    if recycled is None or (mql is not None and mql > recycled):
        return False
    last = state.stages[-1]
    after = last.at if last.who == HAND else recycled
    return any(after < at <= now for at in engagements(signals, rules))


def engagements(signals: Sequence[Signal], rules: ScoreRules, stages: StageRules = PLAIN) -> Iterator[datetime]:
    """When the person showed engagement: signals that count for them, and every conversation that a CRM's activities tell of."""
    good = {name for rule in rules.behavior if rule.points > 0 for name in rule.signals} | set(rules.express) | set(stages.signals)
    return (s.at for s in signals if s.type in good or s.source == SignalSource.ACTIVITY)


# --- acceptance and recycling (L4, L6) ---------------------------------------------------------------------------------------


def _accepted(
    state: PersonState, score: ScoreVerdict, signals: Sequence[Signal], rules: ScoreRules, stages: StageRules, now: datetime
) -> str:
    """Why a sal is accepted without a rep's word, "" for not. A sal that was set by hand only by a signal later than that (L2)."""
    entries = [e.at for e in state.stages if e.stage == "mql"]
    since = max([e.at for e in state.stages if _ends(e)] + entries[:-1], default=None)
    straight = [s for s in signals if s.type in stages.straight_to_sql and _later(s, since, now)]
    if straight:
        return f"straight to sql: {signal_text(max(straight, key=lambda s: (s.at, s.event_id)))}"
    if state.stages[-1].who == HAND:
        return ""
    if stages.acceptance == ON_ASSIGNMENT:
        return "accepted on assignment"
    if stages.acceptance == AUTOMATIC and score.total >= rules.sql_at:
        return f"accepted automatically: score {number(score.total)} ≥ {number(rules.sql_at)}"
    return ""


def stale_at(state: PersonState, signals: Sequence[Signal], rules: ScoreRules, stages: StageRules, now: datetime) -> datetime | None:
    """When an sql without further engagement goes to nurture (UTC); None: no sql, or the playbook lets them stay. Becoming sql counts as engagement; what
    is dated in the future (a wrong clock) does not before its time has come."""
    if stage_of(state) != "sql" or stages.stale_sql_days <= 0:
        return None
    last = max([state.stages[-1].at, *(at for at in engagements(signals, rules, stages) if at <= now)])
    return _after(last, stages.stale_sql_days)


# --- latch, history, types ---------------------------------------------------------------------------------------------------


def latch(*, state: PersonState, verdict: StageVerdict, score: ScoreVerdict, rules: ScoreRules) -> bool:
    """`peak_since_reset` after this verdict."""
    if score.total < rules.mql_at - rules.hysteresis:
        return False
    return state.peak_since_reset or (verdict.changed and (verdict.stage == "mql" or verdict.who == HAND))


def is_historic(
    *,
    state: PersonState,
    happened: datetime | None,
    signals: Sequence[Signal],
    score: ScoreVerdict,
    rules: ScoreRules,
    start_from: datetime,
) -> bool:
    """Whether what makes them mql now happened before `start_from` (section 9a). happened: when, where one event did it.

    Not historic: an event since then; or a total at the threshold together with any signal since then, a record created since
    then (`state.created_at`: when a CRM first had them; None: before), or a fit above the one last written.
    """
    if happened is not None and happened >= start_from:
        return False
    if score.total < rules.mql_at:
        return True
    if any(s.at >= start_from for s in signals) or (state.created_at is not None and state.created_at >= start_from):
        return False
    written = state.outputs.get("crmsync_fit_score")
    return isinstance(written, bool) or not isinstance(written, int | float) or score.fit < written + 1


def mql_type(
    *,
    signals: Sequence[Signal],
    score: ScoreVerdict,
    types: Sequence[TypeRule],
    facts: Fields = NOBODY,
    lists: Lists = NO_LISTS,
    now: datetime | None = None,
) -> TypeRule:
    """The first type rule that fits (section 4): one of its signals is among `signals`, where it names any, the fit is at least `min_fit`, where it
    names one, and its condition holds. When none fits: "browser", the type of low intent, with TypeRule's own response time."""
    present = {s.type for s in signals}
    for rule in types:
        if rule.signals and present.isdisjoint(rule.signals):
            continue
        if rule.min_fit is not None and score.fit < rule.min_fit:
            continue
        if rule.when is None or holds(rule.when, facts, lists, now, signals):
            return rule
    return TypeRule(type="browser", channel="email")


def signal_text(signal: Signal) -> str:
    """A signal for readers: "demo_request: Demo form at 2026-01-31 09:05 UTC"."""
    detail = one_line(signal.detail, 120)
    return f"{one_line(signal.type, 60)}{': ' if detail else ''}{detail} at {minute(signal.at)}"


def number(value: float) -> str:
    """A total for readers: no decimals, rounded down, so that it never seems to have reached a threshold it has not."""
    return str(int(value // 1))


def _count(value: Value) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return 0.0
    return float(min(max(value, 0), 1e18))  # a whole number may be too large for a float


def _after(at: datetime, days: float) -> datetime | None:
    """None: so late that no calendar has it."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return None
