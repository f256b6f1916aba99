"""Native tasks that follow from a decision about one person: the first touch of a handoff, and what a rep is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from crmsync.decide.disposition import Judgement
from crmsync.decide.locale import locale_of
from crmsync.decide.template import merge_fields, render
from crmsync.decide.text import minute, one_line
from crmsync.decide.who import who
from crmsync.decide.worktime import around_the_clock, calendar_of, due_on
from crmsync.model.alert import Alert
from crmsync.model.fields import REASON_CODES
from crmsync.model.followup import Cadence, Step
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields, User
from crmsync.model.rules import Playbook

SUBJECT_LIMIT = 255
FIRST_TOUCH, GIVE_REASON, FIX_CONTACT = "first_touch", "reason_code", "contact_data"
TOUCH, KEEP_TRYING, ACCEPTED_SQL, ESCALATION = "touch", "keep_trying", "accepted_sql", "escalation"
"""Kinds of tasks; with the person and the occasion each names one for ever (law 9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTouch:
    """One native task. mql_at: the occasion it answers, of a first touch the mql entry; kind, person, mql_at and part name it for ever (law 9). part: of a cadence's
    touch its place.

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
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What making tasks needs and what is the same for all of a person's: the rules, the users by house owner id, the facts, the moment."""

    playbook: Playbook
    users: Mapping[str, User]
    facts: Fields
    at: datetime
    signals: Sequence[Signal] = ()

    def first_touch(self, owner: str, rule: TypeRule, package: str, mql_at: datetime, template: str = "", trigger: str = "") -> FirstTouch:
        """The task of a handoff: due after the type's response time, in the owner's working hours where the type says so. template: name of the text that
        goes with it (""; none)."""
        due = self.first_due(owner, rule)
        remind = self._after(owner, rule.respond_minutes / 2, rule.working_time) if rule.priority == "high" else None
        first = f", {one_line(rule.channel)} first" if rule.channel != "other" else ""
        head = f"{one_line(rule.action)} by {minute(due)}{first}."
        return FirstTouch(
            owner=owner, subject=self._subject(one_line(rule.action, 80)), body="\n\n".join(t for t in (head, self._said(template, owner, trigger, rule.type), package) if t),
            due_at=due, due_on=self._day(owner, due), mql_at=mql_at, priority=rule.priority, channel=rule.channel, remind_at=remind,
        )  # fmt: skip

    def first_due(self, owner: str, rule: TypeRule) -> datetime:
        """When the task of a handoff made now is due (UTC)."""
        return self._after(owner, rule.respond_minutes, rule.working_time)

    def touch(self, state: PersonState, run: Cadence, index: int, owner: str, due: datetime, remind: datetime | None) -> FirstTouch:
        """One touch of a cadence (C3): what to do on which channel by when, the text that goes with it, and why this person."""
        step = run.steps[index]
        action = one_line(step.action, 80) or _ACTIONS.get(step.channel, "Follow up")
        head = f"{action} by {minute(due)}. Touch {index + 1} of {len(run.steps)} of the cadence {one_line(run.name, 60)}."
        why = f"Why this person: {one_line(state.trigger, 255) or 'qualified'}."
        assert state.cadence is not None
        return FirstTouch(
            owner=owner, subject=self._subject(action), body="\n\n".join(t for t in (head, self._said(step.template, owner, state.trigger, state.mql_type), why) if t), due_at=due,
            due_on=self._day(owner, due), mql_at=state.cadence.started_at, priority=step.priority, channel=_native(step), remind_at=remind,
            kind=TOUCH, part=str(index),
        )  # fmt: skip

    def accepted(self, owner: str, minutes: int, working: bool, package: str, sql_at: datetime) -> FirstTouch:
        """What a rep does next with somebody they accepted (H3): action, context, deadline."""
        due = self._after(owner, minutes, working)
        head = (
            f"Agree on the next step by {minute(due)}: book a meeting, and note what they need, who decides, by when and with which budget."
        )
        return FirstTouch(
            owner=owner, subject=self._subject("Agree on the next step"), body=f"{head}\n\n{package}", due_at=due, due_on=self._day(owner, due),
            mql_at=sql_at, channel="call", kind=ACCEPTED_SQL,
        )  # fmt: skip

    def keep_trying(self, owner: str, made: int, wanted: int, mql_at: datetime, stands: str = "") -> FirstTouch:
        """Asks for the touches that are missing before somebody may be closed as no_response (A3). stands: the stage that a hand has closed them with ("": none)."""
        then = "Until then it is not accepted, and the person stays where they are."
        if stands:
            then = f"The stage {stands} stands; until then the reason is not accepted. Where another reason is the true one, choose it in the field Reason code."
        body = f"The reason no_response needs {wanted} completed touches; {made} were made since the handoff. {then} It is accepted by itself with the last of them."
        return self._ask(owner, f"Keep trying ({made} of {wanted} touches)", body, mql_at, KEEP_TRYING)

    def escalation(self, manager: str, alert: Alert) -> FirstTouch:
        """Tells a manager of a breach in their own CRM (A5), whatever became of the message."""
        due = self._after(manager, self.playbook.stages.ask_minutes, True)
        return FirstTouch(
            owner=manager, subject=self._subject("Response time breached"), body=alert.body, due_at=due, due_on=self._day(manager, due),
            mql_at=alert.at, priority="high", channel="other", kind=ESCALATION,
        )  # fmt: skip

    def _said(self, template: str, owner: str, trigger: str, mql_type: str | None) -> str:
        """The text of that template for this person; one that would have a hole is not printed, and says what is missing."""
        found = self.playbook.templates.get(template)
        if found is None:
            return ""
        told = render(
            found, locale_of(self.facts),
            merge_fields(self.facts, owner=self.users.get(owner), trigger=trigger, mql_type=mql_type, signals=self.signals),
        )  # fmt: skip
        if told.blocked:
            lacks = f"these are not known: {', '.join(told.blocked_by)}" if told.blocked_by else one_line(told.problem, 200)
            return f"The text {one_line(template, 60)} was left out, for {lacks}. Please write your own."
        return f"Subject: {told.subject}\n\n{told.body}" if told.subject else told.body

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
        calendar = calendar_of(self.users.get(owner), self.playbook.hours) if working_time else around_the_clock()
        return calendar.due(self.at, minutes)

    def _day(self, owner: str, due: datetime) -> date:
        user = self.users.get(owner)
        return due_on(due, user.time_zone if user is not None else None, self.playbook.hours.time_zone)

    def _subject(self, action: str) -> str:
        return one_line(f"{action}: {who(self.facts)}", SUBJECT_LIMIT)


_ACTIONS = {"call": "Call", "email": "Send an e-mail", "social": "Reach out on social media", "meeting": "Meet"}


def _native(step: Step) -> str:
    """The channel as native tasks know it."""
    return step.channel if step.channel in ("call", "email") else "other"
