"""From the checked models of followup.yaml to frozen values (crmsync.model.followup)."""

from __future__ import annotations

from crmsync.model.followup import ALWAYS, Cadence, Estimate, ReplyRule, SlaRules, Step, Window
from crmsync.playbook.build_process import Spot, condition, duration
from crmsync.playbook.schema_followup import CadenceFile, EstimateFile, ReplyFile, SlaFile, StepFile
from crmsync.playbook.schema_hours import HoursFile
from crmsync.playbook.shapes import plain_minutes


def sla_rules(sla: SlaFile, hours: HoursFile) -> SlaRules:
    """hours: what a working day is."""
    return SlaRules(
        handoff=None if sla.handoff_within is None else window(sla.handoff_within, hours),
        response=window(sla.respond_within, hours),
        sql=None if sla.sql_within is None else window(sla.sql_within, hours),
        at_risk=tuple(share / 100 for share in sla.at_risk),
        min_touches=sla.min_touches,
        conversation_days=sla.conversation_days,
        late_minutes=plain_minutes(sla.late_after),
    )


def window(text: str, hours: HoursFile) -> Window:
    minutes, working = duration(text, hours)
    return Window(minutes=minutes, working=working)


def cadence(said: CadenceFile, spot: Spot) -> Cadence:
    return Cadence(
        name=said.name,
        steps=tuple(step(one) for one in said.steps),
        types=tuple(dict.fromkeys(said.types)),
        when=None if said.when is None else condition(said.when, spot.at("when")),
        working_days=said.days == "working",
        horizon_minutes=round(plain_minutes(said.horizon)),
        answer_days=said.answer_days,
        where=spot.where,
    )


def estimate(said: EstimateFile, spot: Spot) -> Estimate:
    return Estimate(amount=said.amount, when=None if said.when is None else condition(said.when, spot.at("when")), where=spot.where)


def step(said: StepFile) -> Step:
    return Step(
        day=said.day,
        channel=said.channel,
        action=said.action.strip(),
        template=said.template or "",
        only=said.if_ or ALWAYS,
        priority=said.priority,
        remind_minutes=None if said.remind is None else round(plain_minutes(said.remind)),
    )


def reply(digit: str, said: ReplyFile) -> ReplyRule:
    return ReplyRule(digit=digit, reason=said.reason, opt_out=said.opt_out)
