"""Whether enough was tried before somebody is given up (process.md A3), and what a one-digit reply of theirs means (C4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.cadence import effort
from crmsync.decide.disposition import ACCEPTED, DISQUALIFIED, NURTURE, Judged, Judgement
from crmsync.decide.lifecycle import HAND, IN_WORK, Outcome, entered, stage_of
from crmsync.model.copies import replace
from crmsync.model.followup import ReplyRule, SlaRules
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import StageRules
from crmsync.model.work import Touch

NO_RESPONSE = "no_response"
PATIENCE = timedelta(minutes=2)
ASIDE = ("subscriber", "lead", NURTURE, DISQUALIFIED)
"""Stages in which nobody works them."""
CLOSED = "closed_by_hand"
"""In PersonState.asked: when a hand put them aside, as a decision of ours saw it."""
REPLY = "reply_"
"""Before the digit: the type of signal that a one-digit reply is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Touches made since the handoff, and how many no_response needs. since: the mql entry it is about. ask_at: when the rep is asked for the others: touches
    logged together with the decision are read after it. Both UTC. stands: the stage that a hand set meanwhile ("": none did)."""

    made: int
    wanted: int
    since: datetime
    ask_at: datetime
    stands: str = ""

    @property
    def problem(self) -> str:
        """What is not believed, in words."""
        told = f"the reason no_response needs {self.wanted} completed touches, {self.made} were made"
        return f"too few touches: {told}; " + (
            f"the stage {self.stands} stands, the reason does not" if self.stands else "the disposition waits"
        )


def shortfall(fresh: Judgement | None, person: PersonState, touches: Sequence[Touch], sla: SlaRules) -> Shortfall | None:
    """Why a rep's decision is not believed yet (A3); None: it is, or it gives another reason. A stage set by hand beside it changes nothing about that. Nobody is
    owed touches who never was an mql or qualified before the start (section 9a)."""
    if fresh is None or fresh.said.reason != NO_RESPONSE or fresh.said.disposition == ACCEPTED:
        return None
    if stage_of(person) not in IN_WORK and closed_by_hand(person) is None:
        return None
    return _missing(person, touches, sla, fresh.said.at)


def unproven(short: Shortfall | None, judged: Judged, person: PersonState, touches: Sequence[Touch], sla: SlaRules) -> Shortfall | None:
    """The same once the stage has moved: who was put aside by hand stays so (L2), and a reason no_response beside it is held to the same minimum (A3).
    short: what `shortfall` found."""
    entry = closed_by_hand(person)
    if entry is None:
        return short
    if short is None and judged.fresh is None and person.asked.get(CLOSED) == entry.at:
        given = [said for said in judged.said.values() if said.reason]
        newest = max(given, key=lambda said: said.at or entry.at, default=None)
        if newest is not None and newest.reason == NO_RESPONSE and newest.disposition in ("", ACCEPTED):
            short = _missing(person, touches, sla, max(filter(None, (newest.at, entry.at))))
    return replace(short, stands=stage_of(person) or "") if short is not None else None


def noted(before: PersonState, after: PersonState) -> PersonState:
    """The state after a decision in which a hand put aside somebody in work: remembered, for whoever was so before anybody looked is not asked about (section 9a)."""
    entry = closed_by_hand(after)
    return after if entry is None or entry in before.stages else replace(after, asked={**after.asked, CLOSED: entry.at})


def closed_by_hand(person: PersonState) -> StageEntry | None:
    """The transition by which a hand put aside somebody in work; None: no hand did, or they were moved since by anything but one."""
    for entry in reversed(person.stages):
        if entry.who != HAND or entry.stage not in ASIDE or entry.cause.startswith("disposition "):
            return None
        if entry.previous in IN_WORK:
            return entry
    return None


def _missing(person: PersonState, touches: Sequence[Touch], sla: SlaRules, at: datetime | None) -> Shortfall | None:
    since = entered(person, "mql") or person.handed_at
    if since is None or person.historic:
        return None
    made = effort(touches, max(since, person.handed_at or since))
    return None if made >= sla.min_touches else Shortfall(made=made, wanted=sla.min_touches, since=since, ask_at=(at or since) + PATIENCE)


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
