"""All decisions about one person in the right order: score, stage, type, owner, handoff, first touch, output fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from crmsync.decide.condition import Lists
from crmsync.decide.handoff import complete, handoff_text
from crmsync.decide.lifecycle import HAND, entered, express_signal, is_historic, latch, mql_type, stage, stage_of
from crmsync.decide.outputs import outputs
from crmsync.decide.route import route
from crmsync.decide.score import score
from crmsync.decide.signals import unique
from crmsync.decide.text import minute, one_line
from crmsync.decide.worktime import due_at, due_on
from crmsync.model.fields import STAGES
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields, User, Value
from crmsync.model.rules import Playbook
from crmsync.model.verdict import ScoreVerdict, StageVerdict

ROUTER, CRM = "router", "crm"
RETRY = timedelta(minutes=15)
"""A person who waits for an owner is looked at again after this: the pool may have members then."""
SUBJECT_LIMIT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTouch:
    """The native task of one handoff. mql_at: the mql entry it answers; person id and mql_at name it for ever (law 9).

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows for one person. state: to remember (the same object when nothing changed). outputs: wanted engine-owned fields.

    owner: house owner id to write, None: leave the owner alone. counter: the pool's counter after this. next_due_at: when to ask again (UTC;
    None: only when something changes). problems: sentences for people, each with its cause before the first colon. score, stage: the verdicts behind it, for `explain`.
    """

    state: PersonState
    outputs: Fields
    owner: str | None
    task: FirstTouch | None
    counter: int
    next_due_at: datetime | None
    problems: tuple[str, ...]
    score: ScoreVerdict
    stage: StageVerdict


def decide(
    *,
    person: PersonState,
    facts: Fields,
    signals: Sequence[Signal],
    playbook: Playbook,
    lists: Lists,
    pool: Sequence[str],
    counter: int,
    users: Mapping[str, User],
    now: datetime,
    start_from: datetime,
    shown: Fields,
    shown_owner: str | None = None,
) -> Decision:
    """Decide about one person at `now` (UTC). Total: bad values become problems or nothing.

    person.created_at is when a CRM first had them (None: before `start_from`). lists: `lists_of(playbook)`, made once. users: house owner
    id -> that user, for activity, kind, time zone and hours. shown: engine-owned fields as the CRMs show them; a `crmsync_stage` there that is
    not the one in person.outputs is a hand-made command (L2), so the caller leaves out what a write of ours still has to change. For
    a person never staged it is where they stand. shown_owner: house owner id in the CRMs' owner field, None where there is none.

    Owner: queues, integration users and inactive users do not count as owners; any other one stands (R6), also when changed later. A router's
    choice that the CRM does not show yet is wanted again. Qualification before `start_from` makes an mql without owner, handoff or task.
    """
    rules = playbook.score
    signals = unique(signals) if signals else ()
    verdict = score(facts=facts, signals=signals, rules=rules, lists=lists, now=now)
    problems: list[str] = []
    staged = stage(state=person, score=verdict, signals=signals, rules=rules, hand_stage=_hand_stage(person, shown, problems))
    state = _with_owner(_with_stage(person, staged, verdict, signals, playbook, now, start_from), users, shown_owner, now)
    usable = _usable(shown_owner, users)
    owner, task, package, due = None, None, None, verdict.next_due_at
    if stage_of(state) == "mql" and not state.historic:
        rule = _type_rule(state, signals, verdict, playbook)
        if not complete(facts=facts, trigger=state.trigger, type_rule=rule):
            problems.append("handoff waits: no valid e-mail address and no phone number")
        else:
            found = route(pool=pool, counter=counter, routing=playbook.routing, shown_owner=shown_owner if usable else None)
            counter = found.counter
            if found.problem:
                problems.append(f"{'no' if found.owner is None else 'fallback'} owner: {found.problem}")
            if found.owner is None:
                due = min(due, now + RETRY) if due is not None else now + RETRY
            else:
                routed = found.owner if found.owner != shown_owner else None
                owner_by = ROUTER if routed is not None else state.owner_by
                state = replace(state, owner=found.owner, owner_by=owner_by, owner_reason=found.reason, assigned_at=now)
                handed = stage(state=state, score=verdict, signals=signals, rules=rules, owner=found.owner, complete=True)
                mql_at = entered(state, "mql") or now
                state = _entered(state, handed, now, state.peak_since_reset)
                package = handoff_text(
                    facts=facts, score=verdict, signals=signals, type_rule=rule, trigger=state.trigger, stage=handed.stage,
                    owner=found.owner, routing_reason=found.reason,
                )  # fmt: skip
                task = _first_touch(found.owner, rule, facts, package, playbook, users, now, mql_at)
                staged = handed
    if state.owner_by == ROUTER and not usable and stage_of(state) in ("sal", "sql") and _usable(state.owner, users):
        owner = state.owner
    wanted = outputs(
        state=state, score=verdict, rules=rules, previous=person.outputs, handoff=package, fresh=len(state.stages) > len(person.stages)
    )
    if wanted is not person.outputs or due != person.next_due_at:
        state = replace(state, outputs=wanted, next_due_at=due)
    return Decision(
        state=state, outputs=wanted, owner=owner, task=task, counter=counter, next_due_at=due, problems=tuple(problems),
        score=verdict, stage=staged,
    )  # fmt: skip


def _hand_stage(person: PersonState, shown: Fields, problems: list[str]) -> str | None:
    """The stage that someone set in a CRM, None when it shows ours or nothing."""
    value: Value = shown.get("crmsync_stage")
    if value is None or value == "" or value == person.outputs.get("crmsync_stage") or value == stage_of(person):
        return None
    if value not in STAGES:
        problems.append(f"unknown stage: {one_line(value, 60)!r} set in a CRM is none of {', '.join(STAGES)}; ignored")
        return None
    return str(value)


def _with_stage(
    person: PersonState,
    staged: StageVerdict,
    verdict: ScoreVerdict,
    signals: Sequence[Signal],
    playbook: Playbook,
    now: datetime,
    start_from: datetime,
) -> PersonState:
    rules = playbook.score
    peak = latch(state=person, verdict=staged, score=verdict, rules=rules)
    if not staged.changed:
        return person if peak == person.peak_since_reset else replace(person, peak_since_reset=peak)
    state = _entered(person, staged, now, peak)
    if staged.stage != "mql":
        return state
    if staged.who == HAND:
        historic = not person.stages and (person.created_at is None or person.created_at < start_from)
    else:
        express = express_signal(state=person, signals=signals, rules=rules)
        historic = is_historic(state=person, express=express, signals=signals, score=verdict, rules=rules, start_from=start_from)
    kind = mql_type(signals=_recent(state, signals), score=verdict, types=playbook.types).type
    return replace(state, historic=historic, mql_type=kind, trigger=staged.trigger)


def _entered(state: PersonState, staged: StageVerdict, now: datetime, peak: bool) -> PersonState:
    entry = StageEntry(stage=staged.stage, previous=stage_of(state), at=now, cause=staged.cause, who=staged.who)
    return replace(state, stages=(*state.stages, entry), peak_since_reset=peak)


def _usable(owner: str | None, users: Mapping[str, User]) -> bool:
    """Whether that owner is someone who can work a lead. An owner we know nothing of is a person until proven otherwise."""
    if owner is None:
        return False
    user = users.get(owner)
    return user is None or (user.active and user.kind == "person")


def _with_owner(state: PersonState, users: Mapping[str, User], shown_owner: str | None, now: datetime) -> PersonState:
    """The state after looking at the owner field: a usable owner other than ours was set by hand and stands."""
    if not _usable(shown_owner, users):
        if shown_owner is None and state.owner is not None and state.owner_by != ROUTER:
            return replace(state, owner=None, owner_by=None)
        return state
    if shown_owner == state.owner:
        return state
    if state.assigned_at is None:
        return replace(state, owner=shown_owner, owner_by=CRM)
    return replace(state, owner=shown_owner, owner_by=HAND, owner_reason="set by hand in a CRM", assigned_at=now)


def _type_rule(state: PersonState, signals: Sequence[Signal], verdict: ScoreVerdict, playbook: Playbook) -> TypeRule:
    """The rule of the type the person has: of several with that type the one that fits now, else the first."""
    same = [t for t in playbook.types if t.type == state.mql_type]
    fitting = mql_type(signals=_recent(state, signals), score=verdict, types=same)
    if fitting in same:
        return fitting
    return same[0] if same else TypeRule(type=state.mql_type or "browser", channel="email")


def _recent(state: PersonState, signals: Sequence[Signal]) -> Sequence[Signal]:
    """Signals that speak for the present mql entry: those since the mql entry before it, or all where there are none."""
    entries = [e.at for e in state.stages if e.stage == "mql"]
    if len(entries) < 2:
        return signals
    return [s for s in signals if s.at > entries[-2]] or signals


def _first_touch(
    owner: str,
    rule: TypeRule,
    facts: Fields,
    package: str,
    playbook: Playbook,
    users: Mapping[str, User],
    now: datetime,
    mql_at: datetime,
) -> FirstTouch:
    """The task of this handoff: due after the type's response time, in the owner's working hours where the type says so."""
    user, hours = users.get(owner), playbook.hours
    zone, week = (user.time_zone, user.hours) if user is not None else (None, None)

    def after(minutes: float) -> datetime:
        return due_at(start=now, minutes=minutes, hours=hours, zone=zone, week=week, working_time=rule.working_time)

    due = after(rule.respond_minutes)
    remind = after(rule.respond_minutes / 2) if rule.priority == "high" else None
    name = one_line(" ".join(str(v) for v in (facts.get("first_name"), facts.get("last_name")) if v is not None), 80)
    who = name or one_line(facts.get("email"), 80) or one_line(facts.get("phone"), 80)
    company = one_line(facts.get("company"), 80)
    subject = f"{one_line(rule.action, 80)}: {who}{f' ({company})' if company else ''}"
    head = f"{one_line(rule.action)} by {minute(due)}, {one_line(rule.channel)} first."
    return FirstTouch(
        owner=owner, subject=one_line(subject, SUBJECT_LIMIT), body=f"{head}\n\n{package}", due_at=due,
        due_on=due_on(due, zone, hours.time_zone), mql_at=mql_at, priority=rule.priority, channel=rule.channel, remind_at=remind,
    )  # fmt: skip
