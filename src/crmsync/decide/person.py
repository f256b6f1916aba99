"""All decisions about one person in the right order: stage, type, owner, handoff, tasks, output fields; the score is given."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.condition import Lists
from crmsync.decide.course import Course
from crmsync.decide.deals import Dealings
from crmsync.decide.disposition import ACCEPTED, DISQUALIFIED, Judged, Said, look, said_by
from crmsync.decide.handoff import complete, handoff_text
from crmsync.decide.lifecycle import HAND, entered, may_judge, stage_of
from crmsync.decide.outputs import outputs
from crmsync.decide.profile import next_questions
from crmsync.decide.reach import reached
from crmsync.decide.route import route
from crmsync.decide.signals import unique
from crmsync.decide.text import one_line
from crmsync.decide.touch import FIX_CONTACT, Desk, FirstTouch
from crmsync.decide.track import NO_TRACK, nurtured
from crmsync.model.copies import replace
from crmsync.model.fields import DISPOSITIONS, STAGES
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import ScoreRules
from crmsync.model.record import Fields, User, Value
from crmsync.model.rules import Playbook
from crmsync.model.verdict import GateVerdict, ScoreVerdict, StageVerdict

ROUTER, CRM = "router", "crm"
TRACK_FIELD, QUESTIONS_FIELD = "crmsync_track", "crmsync_next_questions"
RETRY = timedelta(minutes=15)
"""A person who waits for an owner is looked at again after this: the pool may have members then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows for one person. state: to remember (the same object when nothing changed). outputs: wanted engine-owned fields.

    owner: house owner id to write, None: leave the owner alone. task: the first touch of a handoff made now; asks: what a rep is asked for with it.
    counter: the pool's counter after this. next_due_at: when to ask again (UTC; None: only when something changes). problems: sentences for
    people, each with its cause before the first colon. score, stage: the verdicts behind it, for `explain`.
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
    asks: tuple[FirstTouch, ...] = ()
    gate: GateVerdict | None = None

    @property
    def tasks(self) -> tuple[FirstTouch, ...]:
        """All native tasks that follow."""
        return (self.task, *self.asks) if self.task is not None else self.asks

    def then(self, later: Decision) -> Decision:
        """Both as one: `later` was decided right after this, on its state."""
        return replace(
            later, owner=later.owner or self.owner, task=self.task or later.task, asks=(*self.asks, *later.asks),
            problems=tuple(dict.fromkeys((*self.problems, *later.problems))), stage=later.stage if later.stage.changed else self.stage,
        )  # fmt: skip


def decide(
    *,
    person: PersonState,
    facts: Fields,
    signals: Sequence[Signal],
    score: ScoreVerdict,
    rules: ScoreRules,
    playbook: Playbook,
    lists: Lists,
    pool: Sequence[str],
    counter: int,
    users: Mapping[str, User],
    now: datetime,
    start_from: datetime,
    shown: Fields,
    shown_owner: str | None = None,
    said: Mapping[str, Said] | None = None,
    deals: Dealings | None = None,
    gate: GateVerdict | None = None,
) -> Decision:
    """Decide about one person at `now` (UTC). Total: bad values become problems or nothing.

    person.created_at is when a CRM first had them (None: before `start_from`). score, rules: the verdict on them and the scoring model behind it. lists:
    `lists_of(playbook)`, made once. users: house owner id -> that user, for activity, kind, time zone and hours. shown: engine-owned fields
    as the CRMs show them; a `crmsync_stage` there that is not the one in person.outputs is a hand-made command (L2), so the caller leaves
    out what a write of ours still has to change. For a person never staged it is where they stand. shown_owner: house owner id in the CRMs'
    owner field, None where there is none. said: what each CRM shows of a rep's decision (None: what `facts` tell). deals: theirs
    (None: not known, or they move nobody). gate: the verdict on their contact data (None: its form alone counts).

    Owner: queues, integration users and inactive users do not count as owners; any other one stands (R6), also when changed later. A router's
    choice that the CRM does not show yet is wanted again. Qualification before `start_from` makes an mql without owner, handoff or task.
    """
    signals = unique(signals) if signals else ()
    problems: list[str] = []
    judged = look(said if said is not None else {"": said_by(facts)}, person)
    newcomer = bool(person.stages) or (person.created_at is not None and person.created_at >= start_from)
    fresh = judged.fresh if newcomer else None
    course = Course(
        facts=facts, signals=signals, score=score, rules=rules, playbook=playbook, lists=lists, at=now, start_from=start_from, deals=deals,
        judgement=fresh,
    )  # fmt: skip
    desk = Desk(playbook=playbook, users=users, facts=facts, at=now)
    state, staged = course.along(judged.state, _hand_stage(person, shown, problems))
    if deals is not None and state.dealt != deals.stand:
        state = replace(state, dealt=deals.stand)
    state = _with_owner(state, users, shown_owner, now)
    usable = _usable(shown_owner, users)
    rep = shown_owner if usable else state.owner if _usable(state.owner, users) else _fallback(playbook)
    state, asks = _judged(person, state, judged, newcomer, rep, desk, problems, deals)

    owner, task, package, retry = None, None, None, None
    if stage_of(state) == "mql" and not state.historic:
        rule, mql_at = course.type_rule(state), entered(state, "mql") or now
        able = (
            bool(state.trigger.strip()) and gate.reachable
            if gate is not None
            else complete(facts=facts, trigger=state.trigger, type_rule=rule)
        )
        if able:
            found = route(pool=pool, counter=counter, routing=playbook.routing, shown_owner=shown_owner if usable else None)
            counter = found.counter
            if found.problem:
                problems.append(f"{'no' if found.owner is None else 'fallback'} owner: {found.problem}")
            if found.owner is None:
                retry = now + RETRY
            else:
                routed = found.owner if found.owner != shown_owner else None
                owner_by = ROUTER if routed is not None else state.owner_by
                state = replace(state, owner=found.owner, owner_by=owner_by, owner_reason=found.reason, assigned_at=now)
                state, staged = course.handed(state, found.owner)
                package = handoff_text(
                    facts=facts, score=score, signals=signals, type_rule=rule, trigger=state.trigger, stage=stage_of(state) or "sal",
                    owner=found.owner, routing_reason=found.reason, gate=gate,
                )  # fmt: skip
                task = desk.first_touch(found.owner, reached(rule, facts, gate), package, mql_at)
        else:
            problems.append("handoff waits: no valid e-mail address and no phone number")
            clerk = shown_owner if usable and shown_owner is not None else clerk_of(person.person_id, pool) or _fallback(playbook)
            if clerk is not None and state.asked.get(FIX_CONTACT) != mql_at:
                asks = (*asks, desk.fix_contact(clerk, gate.issues if gate is not None else (), mql_at))
                state = replace(state, asked={**state.asked, FIX_CONTACT: mql_at})
    if state.owner_by == ROUTER and not usable and stage_of(state) in ("sal", "sql") and _usable(state.owner, users):
        owner = state.owner
    state, nurture = nurtured(person, state, facts, signals, playbook.tracks, lists, now, start_from=start_from)
    turns = (score.next_due_at, retry, course.turns_at(state), nurture.next_due_at)
    due = min((at for at in turns if at is not None), default=None)
    wanted = outputs(
        state=state, score=score, rules=rules, previous=person.outputs, handoff=package, fresh=len(state.stages) > len(person.stages),
        gate=gate, more=_nurture_fields(state, person.outputs, next_questions(facts, playbook.profile, lists, now, signals)),
    )  # fmt: skip
    if wanted is not person.outputs or due != person.next_due_at:
        state = replace(state, outputs=wanted, next_due_at=due)
    return Decision(
        state=state, outputs=wanted, owner=owner, task=task, counter=counter, next_due_at=due, problems=tuple(problems),
        score=score, stage=staged, asks=asks, gate=gate,
    )  # fmt: skip


def _judged(
    person: PersonState,
    state: PersonState,
    judged: Judged,
    newcomer: bool,
    rep: str | None,
    desk: Desk,
    problems: list[str],
    deals: Dealings | None,
) -> tuple[PersonState, tuple[FirstTouch, ...]]:
    """What remains of a rep's decision once the stage has moved (L7): it is remembered, or its reason code is asked for. A historic one is
    only remembered (section 9a)."""
    fresh = judged.fresh
    asks: tuple[FirstTouch, ...] = ()
    open_deal = not may_judge(stage_of(state) or "", deals)
    waits = newcomer and fresh is not None and fresh.said.disposition != ACCEPTED and open_deal
    if fresh is not None and fresh.lacks_reason and newcomer:
        asks, waits = ((desk.give_reason(rep, fresh),), False) if rep is not None else ((), True)
    if fresh is not None and not waits:
        marks = {**state.judgements, **judged.marks}
        state = replace(state, judged=fresh.said.mark, judgements=marks)
    if judged.lacks is not None:
        said = judged.lacks.said.disposition
        problems.append(
            f"reason missing: the disposition {said}{_where(judged.lacks.side)} has no reason code and moves nobody; choose one there"
        )
    if judged.unknown:
        problems.append(f"unknown disposition: {judged.unknown!r} is none of {', '.join(DISPOSITIONS)}; ignored")
    last = state.stages[-1]
    by_hand = last.stage == DISQUALIFIED and last.who == HAND and last.previous is not None and not last.cause.startswith("disposition ")
    if by_hand and judged.lacks is None and not any(said.reason for said in judged.said.values()):
        problems.append("reason missing: the stage was set to disqualified without a reason code; choose one")
        if len(state.stages) > len(person.stages) and rep is not None:
            asks = (*asks, desk.give_reason(rep, None))
    return state, asks


def clerk_of(person_id: str, pool: Sequence[str]) -> str | None:
    """The member of the pool who is asked to look after somebody nobody owns: always the same one, everybody as often as others, and without a turn
    of the round robin, which shares out leads only."""
    return pool[zlib.crc32(person_id.encode()) % len(pool)] if pool else None


def _fallback(playbook: Playbook) -> str | None:
    named = playbook.routing.fallback
    return named.strip().lower() if named else None


def _nurture_fields(state: PersonState, previous: Fields, questions: str | None) -> Fields:
    """What marketing's fields show (N1, P1): nothing of somebody who was never in a track or never asked anything."""
    said: dict[str, Value] = {}
    if state.track is not None or TRACK_FIELD in previous:
        said[TRACK_FIELD] = state.track or NO_TRACK
    if questions is not None or QUESTIONS_FIELD in previous:
        said[QUESTIONS_FIELD] = questions
    return said


def _where(side: str) -> str:
    return f" in {side}" if side else ""


def _hand_stage(person: PersonState, shown: Fields, problems: list[str]) -> str | None:
    """The stage that someone set in a CRM, None when it shows ours or nothing."""
    value: Value = shown.get("crmsync_stage")
    if value is None or value == "" or value == person.outputs.get("crmsync_stage") or value == stage_of(person):
        return None
    if value not in STAGES:
        problems.append(f"unknown stage: {one_line(value, 60)!r} set in a CRM is none of {', '.join(STAGES)}; ignored")
        return None
    return str(value)


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
