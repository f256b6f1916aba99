"""Native tasks that follow from a decision about one person: the first touch of a handoff, and what a rep is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from crmsync.decide.disposition import Judgement
from crmsync.decide.text import minute, one_line
from crmsync.decide.worktime import due_at, due_on
from crmsync.model.fields import REASON_CODES
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields, User
from crmsync.model.rules import Playbook

SUBJECT_LIMIT = 255
FIRST_TOUCH, GIVE_REASON, FIX_CONTACT = "first_touch", "reason_code", "contact_data"
"""Kinds of tasks; with the person and the occasion each names one for ever (law 9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTouch:
    """One native task. mql_at: the occasion it answers, of a first touch the mql entry; kind, person and mql_at name it for ever (law 9).

    due_at, remind_at: UTC; due_on: the calendar day of due_at for the owner. remind_at is half way to the deadline for high priority.
    owner: house owner id. priority, channel: as TaskDraft has them.
    """

    owner: str
    subject: str
    body: str
    due_at: datetime
    due_on: date
    mql_at: datetime
    priority: str = "normal"
    channel: str = "call"
    remind_at: datetime | None = None
    kind: str = FIRST_TOUCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What making tasks needs and what is the same for all of a person's: the rules, the users by house owner id, the facts, the moment."""

    playbook: Playbook
    users: Mapping[str, User]
    facts: Fields
    at: datetime

    def first_touch(self, owner: str, rule: TypeRule, package: str, mql_at: datetime) -> FirstTouch:
        """The task of a handoff: due after the type's response time, in the owner's working hours where the type says so."""
        due = self._after(owner, rule.respond_minutes, rule.working_time)
        remind = self._after(owner, rule.respond_minutes / 2, rule.working_time) if rule.priority == "high" else None
        first = f", {one_line(rule.channel)} first" if rule.channel != "other" else ""
        head = f"{one_line(rule.action)} by {minute(due)}{first}."
        return FirstTouch(
            owner=owner, subject=self._subject(one_line(rule.action, 80)), body=f"{head}\n\n{package}", due_at=due,
            due_on=self._day(owner, due), mql_at=mql_at, priority=rule.priority, channel=rule.channel, remind_at=remind,
        )  # fmt: skip

    def give_reason(self, owner: str, judgement: Judgement | None) -> FirstTouch:
        """Asks for the reason code of a decision that has none (L7). judgement: None where the stage itself was set to disqualified."""
        what = "The stage was set to disqualified"
        then = "The stage stands; without a reason nobody learns from it."
        if judgement is not None:
            what = f"The disposition was set to {one_line(judgement.said.disposition, 30)}"
            then = "Until then it is not accepted, and the person stays where they are."
        body = f"{what} without a reason code. Choose one in the field Reason code: {', '.join(REASON_CODES)}.\n\n{then}"
        return self._ask(owner, "Give a reason code", body, self.at, GIVE_REASON)

    def fix_contact(self, owner: str, issues: tuple[str, ...], mql_at: datetime) -> FirstTouch:
        """Asks for contact data with which somebody qualified can be reached (L10)."""
        told = issues or ("There is neither a valid e-mail address nor a phone number.",)
        lines = "\n".join(f"- {one_line(issue)}" for issue in told)
        body = f"This person is qualified but cannot be reached, and is not handed off before they can:\n{lines}\n\nEnter a valid e-mail address or a phone number."
        return self._ask(owner, "Fix contact data", body, mql_at, FIX_CONTACT)

    def _ask(self, owner: str, action: str, body: str, occasion: datetime, kind: str) -> FirstTouch:
        due = self._after(owner, self.playbook.stages.ask_minutes, True)
        return FirstTouch(
            owner=owner, subject=self._subject(action), body=body, due_at=due, due_on=self._day(owner, due), mql_at=occasion, channel="other",
            kind=kind,
        )  # fmt: skip

    def _after(self, owner: str, minutes: float, working_time: bool) -> datetime:
        user = self.users.get(owner)
        zone, week = (user.time_zone, user.hours) if user is not None else (None, None)
        return due_at(start=self.at, minutes=minutes, hours=self.playbook.hours, zone=zone, week=week, working_time=working_time)

    def _day(self, owner: str, due: datetime) -> date:
        user = self.users.get(owner)
        return due_on(due, user.time_zone if user is not None else None, self.playbook.hours.time_zone)

    def _subject(self, action: str) -> str:
        facts = self.facts
        name = one_line(" ".join(str(v) for v in (facts.get("first_name"), facts.get("last_name")) if v is not None), 80)
        who = name or one_line(facts.get("email"), 80) or one_line(facts.get("phone"), 80)
        company = one_line(facts.get("company"), 80)
        return one_line(f"{action}: {who}{f' ({company})' if company else ''}", SUBJECT_LIMIT)
