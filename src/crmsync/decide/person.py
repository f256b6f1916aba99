"""All decisions about one person in the right order: stage, type, owner, handoff, tasks, output fields; the score is given."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from crmsync.decide.alerts import hot_lead
from crmsync.decide.cadence import Move
from crmsync.decide.condition import Lists
from crmsync.decide.course import Course
from crmsync.decide.deals import Dealings
from crmsync.decide.disposition import ACCEPTED, DISQUALIFIED, NURTURE, Judged, Said, look, said_by
from crmsync.decide.effort import Shortfall, answer_of, noted, shortfall, unproven
from crmsync.decide.handoff import complete, handoff_text
from crmsync.decide.hands import as_shown, on_its_way
from crmsync.decide.lifecycle import HAND, IN_WORK, Outcome, entered, may_judge, signal_text, stage_of
from crmsync.decide.outputs import outputs
from crmsync.decide.owning import ROUTER, WORKED, Router, Ways
from crmsync.decide.profile import next_questions
from crmsync.decide.reach import reached
from crmsync.decide.signals import unique
from crmsync.decide.steps import Made, answered, can_own, earliest, first_text, next_steps, why_next
from crmsync.decide.text import one_line
from crmsync.decide.touch import FIX_CONTACT, Desk, FirstTouch
from crmsync.decide.track import NO_TRACK, nurtured
from crmsync.decide.who import who
from crmsync.decide.working import Work, Worked, work_fields
from crmsync.model.alert import Alert
from crmsync.model.copies import replace
from crmsync.model.fields import DISPOSITIONS, STAGES
from crmsync.model.floor import Floor
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import ScoreRules
from crmsync.model.record import Fields, User, Value
from crmsync.model.rules import Playbook
from crmsync.model.verdict import GateVerdict, ScoreVerdict, StageVerdict
from crmsync.model.work import Assignment, TaskSeen, Touch

TRACK_FIELD, QUESTIONS_FIELD = "crmsync_track", "crmsync_next_questions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows for one person. state: to remember (the same object when nothing changed). outputs: wanted engine-owned fields.

    owner: house owner id to write, None: leave the owner alone. task: the first touch of a handoff made now; asks: further native tasks. floor: the pools
    after this (None: nobody was routed). next_due_at: when to ask again (UTC; None: only when something changes). problems: sentences for
    people, each with its cause before the first colon. score, stage: the verdicts behind it, for `explain`. alerts: what somebody should hear of.
    assignments: changes of owner made or seen now. withdraw: keys of open tasks to take back. moves: open tasks to hand on. opted_out: they want no more e-mail (C4).
    """

    state: PersonState
    outputs: Fields
    owner: str | None
    task: FirstTouch | None
    next_due_at: datetime | None
    problems: tuple[str, ...]
    score: ScoreVerdict
    stage: StageVerdict
    floor: Floor | None = None
    asks: tuple[FirstTouch, ...] = ()
    gate: GateVerdict | None = None
    alerts: tuple[Alert, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    withdraw: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    opted_out: bool = False

    @property
    def tasks(self) -> tuple[FirstTouch, ...]:
        """All native tasks that follow."""
        return (self.task, *self.asks) if self.task is not None else self.asks

    def then(self, later: Decision) -> Decision:
        """Both as one: `later` was decided right after this, on its state."""
        return replace(
            later, owner=later.owner or self.owner, task=self.task or later.task, asks=(*self.asks, *later.asks),
            problems=tuple(dict.fromkeys((*self.problems, *later.problems))), stage=later.stage if later.stage.changed else self.stage,
            floor=later.floor or self.floor, alerts=(*self.alerts, *later.alerts), assignments=(*self.assignments, *later.assignments),
            withdraw=tuple(dict.fromkeys((*self.withdraw, *later.withdraw))), moves=(*self.moves, *later.moves), opted_out=self.opted_out or later.opted_out,
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
    ways: Ways,
    users: Mapping[str, User],
    now: datetime,
    start_from: datetime,
    shown: Fields,
    shown_owner: str | None = None,
    said: Mapping[str, Said] | None = None,
    deals: Dealings | None = None,
    gate: GateVerdict | None = None,
    touches: Sequence[Touch] = (),
    tasks: Sequence[TaskSeen] = (),
) -> Decision:
    """Decide about one person at `now` (UTC). Total: bad values become problems or nothing.

    person.created_at is when a CRM first had them (None: before `start_from`). score, rules: the verdict on them and the scoring model behind it. lists:
    `lists_of(playbook)`, made once. ways: how an owner is found. users: house owner id -> that user, for activity, kind, time zone, hours and absences.
    shown: engine-owned fields as the CRMs show them; a `crmsync_stage` there that is not the one in person.outputs is a hand-made command (L2), so the
    caller leaves out what a write of ours still has to change. For a person never staged it is where they stand. shown_owner: house owner id in the
    CRMs' owner field, None where there is none. said: what each CRM shows of a rep's decision (None: what `facts` tell). deals: theirs
    (None: not known, or they move nobody). gate: the verdict on their contact data (None: its form alone counts). touches: completed follow-ups since the
    handoff, tasks: our own tasks as the CRMs show them.

    Owner: queues, integration users and inactive users do not count as owners; any other one stands (R6), also when changed later, and so
    does a hand that leaves nobody (hands.py). A router's choice that not every CRM has shown yet is wanted again.
    Qualification before `start_from` makes an mql without owner, handoff or task.
    """
    signals = unique(signals) if signals else ()
    made = Made()
    problems = made.problems
    judged = look(said if said is not None else {"": said_by(facts)}, person)
    newcomer = bool(person.stages) or (person.created_at is not None and person.created_at >= start_from)
    fresh = judged.fresh if newcomer else None
    short = shortfall(fresh, person, touches, playbook.sla)
    answer = answer_of(person, signals, playbook.replies, playbook.stages)
    course = Course(
        facts=facts, signals=signals, score=score, rules=rules, playbook=playbook, lists=lists, at=now, start_from=start_from, deals=deals,
        judgement=None if short is not None else fresh, outcome=answer.outcome if answer is not None else None,
    )  # fmt: skip
    desk = Desk(playbook=playbook, users=users, facts=facts, at=now, signals=signals)
    state, staged = course.along(judged.state, _hand_stage(person, shown, problems))
    state = noted(person, state)
    short = unproven(short, judged, state, touches, playbook.sla)
    if deals is not None and state.dealt != deals.stand:
        state = replace(state, dealt=deals.stand)
    usable = can_own(shown_owner, users)
    state = as_shown(state, facts, users, shown_owner, now, made)
    rep = shown_owner if usable else state.owner if can_own(state.owner, users) else _fallback(playbook)
    state, asks = _judged(person, state, judged, newcomer, rep, desk, problems, deals, short)
    made.asks.extend(asks)

    router = Router(playbook=playbook, users=users, facts=facts, lists=lists, signals=signals, at=now, ways=ways, touches=touches)
    over = _hand_over(state, staged, course, desk, router, gate, shown_owner if usable else None, made)
    work = Work(
        before=person, playbook=playbook, users=users, facts=facts, lists=lists, signals=signals, touches=touches, tasks=tasks,
        start_from=start_from, at=now,
    )  # fmt: skip
    worked = _worked_on(over, course, desk, router, work, made) if work.wanted(over.state) else work.nothing(over.state)
    state, staged, task = worked.state, over.staged, None
    if over.package is not None and state.owner is not None:
        rule, mql_at = course.type_rule(state), entered(state, "mql") or now
        task = desk.first_touch(state.owner, reached(rule, facts, gate), over.package, mql_at, first_text(playbook, state), state.trigger)
    if over.package is None and stage_of(state) in WORKED and (news := course.hot_news(state)) is not None:
        told = str(person.outputs.get("crmsync_handoff") or "")
        made.alerts.append(
            hot_lead(who=who(facts), mql_type=state.mql_type or "", trigger=signal_text(news), package=told, at=news.at, owner=state.owner)
        )
    next_steps(person, state, worked, desk, made, task, over.package or str(person.outputs.get("crmsync_handoff") or ""), users, now)
    owner = over.owner
    missing = on_its_way(state, shown_owner) if usable else state.owner_by == ROUTER and state.owner_was != state.owner
    if missing and stage_of(state) in WORKED and can_own(state.owner, users):
        owner = state.owner
    state, nurture = nurtured(person, state, facts, signals, playbook.tracks, lists, now, start_from=start_from)
    asks_at = short.ask_at if short is not None and short.ask_at > now else None
    turns = (asks_at, score.next_due_at, over.retry, course.turns_at(state), nurture.next_due_at, worked.due)
    due = min((at for at in turns if at is not None), default=None)
    more = {
        **_nurture_fields(state, person.outputs, next_questions(facts, playbook.profile, lists, now, signals)),
        **work_fields(worked, person.outputs),
    }
    wanted = outputs(
        state=state, score=score, rules=rules, previous=person.outputs, handoff=over.package, fresh=len(state.stages) > len(person.stages),
        gate=gate, more=more,
    )  # fmt: skip
    if wanted is not person.outputs or due != person.next_due_at:
        state = replace(state, outputs=wanted, next_due_at=due)
    return Decision(
        state=state, outputs=wanted, owner=owner, task=task, floor=over.floor, next_due_at=due, problems=tuple(made.problems), score=score, stage=staged,
        asks=tuple(made.asks), gate=gate, alerts=tuple(dict.fromkeys(made.alerts)), assignments=tuple(made.assignments),
        withdraw=(*worked.cadence.withdraw, *answered(tasks, made.problems, worked, playbook.sla.min_touches)), moves=worked.cadence.moves, opted_out=answer is not None and answer.opt_out,
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Over:
    """How far the handoff came. owner: to write (None: nobody new). package: of a handoff made now. retry: when to look for an owner again (UTC)."""

    state: PersonState
    staged: StageVerdict
    owner: str | None = None
    package: str | None = None
    retry: datetime | None = None
    floor: Floor | None = None


def _hand_over(
    state: PersonState,
    staged: StageVerdict,
    course: Course,
    desk: Desk,
    router: Router,
    gate: GateVerdict | None,
    standing: str | None,
    made: Made,
) -> _Over:
    """Hands an mql over, once there is somebody to hand them to and enough to work with (L3, L10). standing: a usable owner they have already."""
    facts, playbook, now = course.facts, course.playbook, course.at
    if stage_of(state) != "mql" or state.historic:
        return _Over(state=state if state.queued_at is None else replace(state, queued_at=None), staged=staged)
    rule, mql_at = course.type_rule(state), entered(state, "mql") or now
    able = (
        bool(state.trigger.strip()) and gate.reachable if gate is not None else complete(facts=facts, trigger=state.trigger, type_rule=rule)
    )
    if not able:
        made.problems.append("handoff waits: no valid e-mail address and no phone number")
        clerk = standing or clerk_of(state.person_id, router.ways, playbook) or _fallback(playbook)
        if clerk is not None and state.asked.get(FIX_CONTACT) != mql_at:
            made.asks.append(desk.fix_contact(clerk, gate.issues if gate is not None else (), mql_at))
            state = replace(state, asked={**state.asked, FIX_CONTACT: mql_at})
        return _Over(state=state, staged=staged)
    hot = course.is_hot(state)
    found = router.first(state, hot=hot, standing=standing)
    made.take(found)
    over = _Over(state=found.state, staged=staged, retry=found.due, floor=found.floor)
    told = partial(handoff_text, facts=facts, score=course.score, signals=course.signals, type_rule=rule, trigger=state.trigger, gate=gate)
    heard = partial(hot_lead, who=who(facts), mql_type=state.mql_type or "", trigger=state.trigger, at=mql_at)
    if found.owner is None:
        if hot and state.queued_at is None:  # whoever hears of hot leads hears of one that waits for its owner, too
            made.alerts.append(heard(package=told(stage="mql"), owner=None))
        return over
    over.owner = found.owner if found.owner != standing else None
    over.state, over.staged = course.handed(found.state, found.owner)
    over.package = told(stage=stage_of(over.state) or "sal", owner=found.owner, routing_reason=over.state.owner_reason)
    if hot:
        made.alerts.append(heard(package=over.package, owner=found.owner))
    return over


def _worked_on(over: _Over, course: Course, desk: Desk, router: Router, work: Work, made: Made) -> Worked:
    """Clocks and cadence of somebody who is worked, after what time alone brings: the next rep (R7), or the end of a cadence without an answer (L6)."""
    state, playbook, now = over.state, course.playbook, course.at
    rule = course.type_rule(state)
    if over.package is not None and state.owner is not None:
        work = replace(work, first_due_at=desk.first_due(state.owner, rule))
    worked = work.on(state, rule)
    made.alerts.extend(worked.sla.alerts)
    turn = router.turns_at(worked.state, stage_of(state))
    why = why_next(router, state, turn, now)
    if not why and playbook.routing.reassign_at_breach and worked.sla.breached_now and router.unworked(state, stage_of(state)):
        why = "response time breached"
    if why:
        found = router.next(state, why)
        made.take(found)
        over.floor, over.retry = found.floor or over.floor, earliest(over.retry, found.due)
        if found.owner is not None:
            over.owner, state = found.owner, found.state
            worked = replace(work, first_due_at=desk.first_due(found.owner, rule)).on(state, rule)
            made.alerts.extend(worked.sla.alerts)
            turn = router.turns_at(worked.state, stage_of(state))
    if worked.cadence.finished and stage_of(state) in IN_WORK and not (course.deals is not None and course.deals.open):
        assert worked.state.cadence is not None
        outcome = Outcome(stage=NURTURE, cause=f"cadence {worked.state.cadence.name} finished with no answer")
        state, over.staged = replace(course, outcome=outcome).along(worked.state)
        gone, worked = worked.cadence.withdraw, work.on(state, rule)
        worked = replace(worked, cadence=replace(worked.cadence, withdraw=(*gone, *worked.cadence.withdraw)))
        made.alerts.extend(worked.sla.alerts)
    made.problems.extend(worked.cadence.problems)
    # Where it is over and nobody else can be had, `retry` says when somebody can.
    return worked if turn is None or turn <= now else replace(worked, due=earliest(worked.due, turn))


def _judged(
    person: PersonState,
    state: PersonState,
    judged: Judged,
    newcomer: bool,
    rep: str | None,
    desk: Desk,
    problems: list[str],
    deals: Dealings | None,
    short: Shortfall | None = None,
) -> tuple[PersonState, tuple[FirstTouch, ...]]:
    """What remains of a rep's decision once the stage has moved (L7): it is remembered, or its reason code is asked for. A historic one is
    only remembered (section 9a). short: there are too few touches to believe it (A3)."""
    fresh = judged.fresh
    asks: tuple[FirstTouch, ...] = ()
    if short is not None:
        problems.append(short.problem)
        ask = rep is not None and short.ask_at <= desk.at
        return state, (desk.keep_trying(rep, short.made, short.wanted, short.since, short.stands),) if ask and rep is not None else ()
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


def clerk_of(person_id: str, ways: Ways, playbook: Playbook) -> str | None:
    """The member of the default pool who is asked to look after somebody nobody owns: always the same one, everybody as often as others, and without a
    turn of the round robin, which shares out leads only."""
    pool = ways.floor().pools.get(playbook.routing.pool)
    reps = sorted(one.rep for one in pool.reps) if pool is not None else []
    return reps[zlib.crc32(person_id.encode()) % len(reps)] if reps else None


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
