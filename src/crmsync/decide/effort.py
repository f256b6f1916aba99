"""Whether enough was tried before somebody is given up (process.md A3), and what a one-digit reply of theirs means (C4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.cadence import effort
from crmsync.decide.disposition import Judgement
from crmsync.decide.lifecycle import IN_WORK, Outcome, entered, stage_of
from crmsync.model.followup import ReplyRule, SlaRules
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import StageRules
from crmsync.model.work import Touch

NO_RESPONSE = "no_response"
PATIENCE = timedelta(minutes=2)
REPLY = "reply_"
"""Before the digit: the type of signal that a one-digit reply is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Touches made since the handoff, and how many no_response needs. since: the mql entry it is about. ask_at: when the rep is asked for the others: touches
    logged together with the decision are read after it. Both UTC."""

    made: int
    wanted: int
    since: datetime
    ask_at: datetime


def shortfall(fresh: Judgement | None, person: PersonState, touches: Sequence[Touch], sla: SlaRules) -> Shortfall | None:
    """Why a rep's decision is not believed yet (A3); None: it is, or it gives another reason. Only somebody who was handed over is owed touches."""
    if fresh is None or fresh.said.reason != NO_RESPONSE or person.handed_at is None or stage_of(person) not in IN_WORK:
        return None
    made = effort(touches, person.handed_at)
    if made >= sla.min_touches:
        return None
    since = entered(person, "mql") or person.handed_at
    return Shortfall(made=made, wanted=sla.min_touches, since=since, ask_at=(fresh.said.at or since) + PATIENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a one-digit reply means. outcome: where it leads (None: nowhere)."""

    outcome: Outcome | None
    opt_out: bool


def answer_of(person: PersonState, signals: Sequence[Signal], replies: Sequence[ReplyRule], stages: StageRules) -> Answer | None:
    """The newest one-digit reply since the last handoff; None: there is none. It leads somewhere once: whoever was out of work since, by it or otherwise, is
    back by a rule or a hand that knew it (L2)."""
    since = person.handed_at
    if since is None or not replies:
        return None
    rules = {f"{REPLY}{rule.digit}": rule for rule in replies}
    begun = since.replace(microsecond=0)  # CRMs tell whole seconds
    found = [s for s in signals if s.type in rules and s.at >= begun]
    if not found:
        return None
    newest = max(found, key=lambda s: (s.at, s.event_id))
    rule = rules[newest.type]
    if any(entry.at >= newest.at and entry.stage not in IN_WORK for entry in person.stages):
        return Answer(outcome=None, opt_out=rule.opt_out)
    goes = stages.reasons.get(rule.reason, "nurture") if rule.reason is not None else "nurture" if rule.opt_out else None
    outcome = (
        Outcome(stage=goes, cause=f"replied {rule.digit}" + (f" ({rule.reason})" if rule.reason else "")) if goes is not None else None
    )
    return Answer(outcome=outcome, opt_out=rule.opt_out)
