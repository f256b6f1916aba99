"""Every stage rule by its letter (process.md L1-L11), on decisions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.decide.condition import lists_of
from crmsync.decide.deals import Dealings, dealings
from crmsync.decide.disposition import DISPOSITION, REASON, Said
from crmsync.decide.owning import Ways
from crmsync.decide.person import Decision, decide
from crmsync.decide.score import score
from crmsync.decide.touch import ACCEPTED_SQL, ESCALATION, FIX_CONTACT, GIVE_REASON, KEEP_TRYING
from crmsync.model.condition import Test
from crmsync.model.floor import Floor, PoolNow, RepNow
from crmsync.model.link import PersonState, Signal, SignalSource, StageEntry
from crmsync.model.process import BehaviorRule, EngagedRule, ScoreRules, StageRules, TypeRule
from crmsync.model.record import User, Value
from crmsync.model.routing import one_pool
from crmsync.model.rules import PersonMap, Playbook, WorkingHours
from crmsync.model.verdict import GateVerdict
from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, TaskSeen

NOW = datetime(2026, 6, 3, 14, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = NOW - 400 * DAY
REP = "ann@x.example"
USERS = {REP: User(side="hubspot", id="1", email=REP, name="Ann", time_zone="UTC", active=True, kind="person")}
STAGES = StageRules(
    signals=("email_reply",),
    forms=("contact sales",),
    form_types=frozenset({"form_submitted"}),
    engaged=EngagedRule(days=30),
    reasons={"bad_timing": "nurture", "no_response": "nurture", "wrong_icp": "disqualified"},
)
PLAYBOOK = Playbook(
    person=PersonMap(objects={}, create_as={}, fields={}),
    score=ScoreRules(
        behavior=(
            BehaviorRule(name="demo", points=45, signals=("demo_request",)),
            BehaviorRule(name="page", points=20, signals=("page_view",)),
            BehaviorRule(name="left", points=-25, signals=("unsubscribe",)),
        ),
        express=("demo_request",),
        inactivity_loss=0,
        inactive_points=0,
    ),
    types=(
        TypeRule(type="pre_qualified", when=Test(field="country", op="eq", value="NL")),
        TypeRule(type="direct_request", signals=("demo_request",)),
    ),
    stages=STAGES,
    hours=WorkingHours(time_zone="UTC"),
)
FLOOR = Floor(pools={"default": PoolNow(name="default", reps=(RepNow(rep=REP),))}, first="default")
WAYS = Ways(floor=lambda: FLOOR)
FACTS: dict[str, Value] = {"email": "ada@acme.example", "first_name": "Ada", "last_name": "Byron", "company": "Acme"}


def event(type: str, at: datetime = NOW, detail: str = "", source: str = SignalSource.PROPERTY) -> Signal:
    return Signal(event_id=f"{type}{at}", type=type, at=at, detail=detail, source=source)


def pages(number: int, at: datetime = NOW) -> list[Signal]:
    return [event("page_view", at - n * HOUR) for n in range(number)]


def at(stage: str, *, since: datetime = NOW - HOUR, who: str = "engine", before: str | None = "lead", **more: Any) -> PersonState:
    """Somebody who stands there, with crmsync's own field showing it."""
    entries = (
        StageEntry(stage=before, previous=None, at=since - DAY, cause="first seen", who="engine") if before else None,
        StageEntry(stage=stage, previous=before, at=since, cause="", who=who),
    )
    known: dict[str, Any] = {"owner": REP, "owner_by": "crm", "created_at": since - 2 * DAY}
    stages = tuple(entry for entry in entries if entry is not None)
    return PersonState(person_id="p", stages=stages, outputs={"crmsync_stage": stage}, **{**known, **more})


def go(
    person: PersonState | None = None,
    *,
    signals: Sequence[Signal] = (),
    now: datetime = NOW,
    playbook: Playbook = PLAYBOOK,
    facts: Mapping[str, Value] = FACTS,
    shown: Mapping[str, Value] | None = None,
    owner: str | None = REP,
    start: datetime = START,
    **more: Any,
) -> Decision:
    person = person if person is not None else PersonState(person_id="p", created_at=now)
    verdict = score(
        facts=facts, signals=signals, rules=playbook.score, lists=lists_of(playbook), now=now, recycled_at=person.recycled_at,
    )  # fmt: skip
    return decide(
        person=person, facts=facts, signals=signals, score=verdict, rules=playbook.score, playbook=playbook, lists=lists_of(playbook),
        ways=WAYS, users=USERS, now=now, start_from=start, shown=person.outputs if shown is None else shown, shown_owner=owner, **more,
    )  # fmt: skip


def rules(**changes: Any) -> Playbook:
    return replace(PLAYBOOK, stages=replace(STAGES, **changes))


def path(decision: Decision) -> list[str]:
    return [entry.stage for entry in decision.state.stages]


def says(disposition: str, reason: str = "", side: str = "salesforce", when: datetime = NOW) -> dict[str, Said]:
    return {side: Said(disposition=disposition, reason=reason, at=when)}


def deal(closed: bool, won: bool = False, *, id: str = "d1", day: str = "2026-06-01") -> tuple[str, dict[str, Value]]:
    return id, {"closed": closed, "won": won, "name": f"Deal {id}", "close_date": day}


# --- L1 ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signals", "cause"),
    [
        (pages(3), "threshold: score 60 ≥ 50"),
        ([event("demo_request")], "express lane: demo_request"),
        ([event("email_reply")], "reply: email_reply"),
        ([event("form_submitted", detail="Contact Sales (EN)")], "named form: form_submitted: Contact Sales (EN)"),
    ],
)
def test_l1_what_makes_an_mql(signals: list[Signal], cause: str) -> None:
    d = go(at("lead", before=None), signals=signals)
    assert path(d) == ["lead", "mql", "sal"]
    assert d.state.stages[1].cause.startswith(cause)


def test_l1_other_forms_and_types_do_not() -> None:
    assert path(go(at("lead", before=None), signals=[event("form_submitted", detail="Newsletter")])) == ["lead"]
    assert path(go(at("lead", before=None), signals=[event("page_view", detail="contact sales")])) == ["lead"]
    assert path(go(at("lead", before=None), signals=[event("email_reply")], playbook=rules(signals=()))) == ["lead"]


@pytest.mark.parametrize(
    ("sent", "opened", "clicked", "days", "stage"),
    [(4, 4, 4, 30, "mql"), (4, 6, 4, 31, "mql"), (4, 4, 3, 40, "subscriber"), (4, 3, 4, 40, "subscriber"), (0, 0, 0, 40, "subscriber"), (4, 4, 4, 29, "subscriber")],
)  # fmt: skip
def test_l1_engaged_subscriber(sent: int, opened: int, clicked: int, days: int, stage: str) -> None:
    subscriber = at("subscriber", since=NOW - days * DAY)
    d = go(subscriber, facts={**FACTS, "emails_delivered": sent, "emails_opened": opened, "emails_clicked": clicked})
    assert path(d)[2:3] == ([stage] if stage == "mql" else [])
    if days == 29:
        assert d.next_due_at == NOW + DAY  # nothing has to happen for it
        later = go(d.state, now=NOW + DAY, facts={**FACTS, "emails_delivered": 4, "emails_opened": 4, "emails_clicked": 4})
        assert path(later)[2] == "mql"
        assert later.state.stages[2].cause == "engaged subscriber: subscribed for 30 days, opened and clicked every e-mail"


def test_l1_types_may_have_a_condition() -> None:
    there = go(at("lead", before=None), signals=[event("demo_request")], facts={**FACTS, "country": "NL"})
    assert (there.state.mql_type, go(at("lead", before=None), signals=[event("demo_request")]).state.mql_type) == (
        "pre_qualified",
        "direct_request",
    )


# --- L2 ----------------------------------------------------------------------------------------------------------------------


def test_l2_a_stage_set_by_hand_stands() -> None:
    d = go(at("sal"), signals=pages(6, NOW - 2 * HOUR), shown={"crmsync_stage": "lead"})
    assert path(d)[-1] == "lead"
    assert (d.state.stages[-1].who, d.state.stages[-1].cause) == ("hand", "set by hand in a CRM")
    # neither the score nor automatic acceptance undoes it
    automatic = rules(acceptance="automatic")
    assert path(go(d.state, signals=pages(6, NOW - 2 * HOUR), now=NOW + DAY, playbook=automatic))[-1] == "lead"
    back = go(at("sql"), signals=pages(6, NOW - 2 * HOUR), shown={"crmsync_stage": "sal"}, playbook=automatic)
    assert path(back)[-1] == "sal"
    assert path(go(back.state, signals=pages(6, NOW - 2 * HOUR), now=NOW + DAY, playbook=automatic))[-1] == "sal"
    # something new does
    assert path(go(d.state, signals=[event("demo_request", NOW + HOUR)], now=NOW + DAY))[-2:] == ["mql", "sal"]


# --- L3, L4 ------------------------------------------------------------------------------------------------------------------


def test_l3_sal_needs_an_owner_and_a_package() -> None:
    lead = at("lead", before=None)
    assert path(go(lead, signals=[event("demo_request")])) == ["lead", "mql", "sal"]
    nobody = replace(lead, owner=None, owner_by=None)
    verdict = go(nobody, signals=[event("demo_request")], owner=None)
    assert (path(verdict)[-1], verdict.owner) == ("sal", REP)
    assert verdict.outputs["crmsync_handoff"]
    unreachable = GateVerdict(quality="invalid", reachable=False)
    assert path(go(lead, signals=[event("demo_request")], gate=unreachable))[-1] == "mql"


@pytest.mark.parametrize(
    ("acceptance", "points", "stage", "cause"),
    [
        ("explicit", 6, "sal", "handed off to ann@x.example"),
        ("on_assignment", 3, "sql", "accepted on assignment"),
        ("automatic", 6, "sql", "accepted automatically: score 120 ≥ 100"),
        ("automatic", 3, "sal", "handed off to ann@x.example"),
    ],
)
def test_l4_acceptance(acceptance: str, points: int, stage: str, cause: str) -> None:
    d = go(at("lead", before=None), signals=pages(points), playbook=rules(acceptance=acceptance))
    assert (path(d)[-1], d.state.stages[-1].cause) == (stage, cause)
    assert d.task is not None
    assert d.asks == ()


def test_l4_explicit_is_the_rep_s_word() -> None:
    sal = go(at("lead", before=None), signals=[event("demo_request")]).state
    d = go(sal, signals=[event("demo_request")], now=NOW + HOUR, said=says("Accepted".lower()))
    assert (path(d)[-1], d.state.stages[-1].who) == ("sql", "hand")
    assert d.state.stages[-1].cause == "disposition accepted in salesforce"
    assert d.outputs["crmsync_sql_at"] == "2026-06-03T15:00:00.000Z"
    assert (d.task, d.problems) == (None, ())
    (next_step,) = d.asks  # H3
    assert (next_step.kind, next_step.owner, next_step.mql_at) == (ACCEPTED_SQL, REP, NOW + HOUR)
    again = go(d.state, signals=[event("demo_request")], now=NOW + 2 * HOUR, said=says("accepted"))
    assert (again.task, again.asks) == (None, ())
    assert path(again) == path(d)


@pytest.mark.parametrize("to", ["nurture", "disqualified", "opportunity", "sal"])
def test_h3_the_task_of_an_accepted_person_goes_when_they_are_no_sql_any_more(to: str) -> None:
    sql = replace(at("sql", before="sal"), handed_at=NOW - DAY, assigned_at=NOW - DAY)
    kinds = {"next": (ACCEPTED_SQL, TASK_OPEN), "done": (ACCEPTED_SQL, TASK_DONE), "told": (ESCALATION, TASK_OPEN)}
    tasks = [TaskSeen(key=key, kind=kind, owner=REP, due_at=NOW, state=state) for key, (kind, state) in kinds.items()]
    assert go(sql, tasks=tasks).withdraw == ()
    gone = go(sql, tasks=tasks, shown={**sql.outputs, "crmsync_stage": to})
    assert (path(gone)[-1], gone.withdraw) == (to, ("next",))
    seen = [replace(task, state=TASK_DELETED) if task.key == "next" else task for task in tasks]
    assert go(gone.state, tasks=seen).withdraw == ()


def test_l7_l10_a3_what_was_asked_for_goes_once_it_is_there() -> None:
    sal = replace(at("sal", before="mql"), handed_at=NOW - DAY, assigned_at=NOW - DAY)
    asked = [TaskSeen(key=kind, kind=kind, owner=REP, due_at=NOW) for kind in (GIVE_REASON, FIX_CONTACT, KEEP_TRYING)]
    # nothing is left to ask, but for touches, of which there are too few
    assert go(sal, tasks=asked).withdraw == (GIVE_REASON, FIX_CONTACT)
    assert go(sal, tasks=[replace(task, state=TASK_DONE) for task in asked]).withdraw == ()
    # a decision without a reason is asked about until it has one
    first = go(sal, said=says("rejected"), now=NOW)
    open_still = go(first.state, said=says("rejected"), tasks=asked, now=NOW + HOUR)
    assert GIVE_REASON not in open_still.withdraw
    given = go(open_still.state, said=says("rejected", "wrong_icp"), tasks=asked, now=NOW + 2 * HOUR)
    assert (path(given)[-1], given.withdraw) == ("disqualified", (GIVE_REASON, FIX_CONTACT, KEEP_TRYING))
    # touches are asked for as long as the reason waits for them, also of somebody put aside by hand
    waits = go(sal, said=says("rejected", "no_response"), tasks=asked, now=NOW + HOUR)
    assert KEEP_TRYING not in waits.withdraw
    aside = go(
        sal, said=says("rejected", "no_response"), tasks=asked, shown={**sal.outputs, "crmsync_stage": "disqualified"}, now=NOW + HOUR
    )
    assert KEEP_TRYING not in aside.withdraw


def test_l4_straight_to_sql() -> None:
    straight = rules(straight_to_sql=("demo_request",))
    d = go(at("lead", before=None), signals=[event("demo_request")], playbook=straight)
    assert path(d) == ["lead", "mql", "sal", "sql"]
    assert d.task is not None
    assert path(go(at("lead", before=None), signals=[event("email_reply")], playbook=straight))[-1] == "sal"
    sal = at("sal", since=NOW - HOUR)
    assert path(go(sal, signals=[event("demo_request", NOW - HOUR / 2)], playbook=straight))[-1] == "sql"


# --- L5 ----------------------------------------------------------------------------------------------------------------------


def deals(*rows: tuple[str, dict[str, Value]]) -> Dealings:
    return dealings(rows)


def test_l5_deals_move_and_a_lost_one_is_not_for_ever() -> None:
    sql = at("sql")
    opened = go(sql, deals=deals(deal(False)))
    assert (path(opened)[-1], opened.state.stages[-1].cause) == ("opportunity", "deal open: Deal d1")
    won = go(opened.state, now=NOW + HOUR, deals=deals(deal(True, True)))
    assert (path(won)[-1], won.state.stages[-1].cause) == ("customer", "deal won: Deal d1")
    lost = go(opened.state, now=NOW + HOUR, deals=deals(deal(True)))
    assert path(lost)[-1] == "nurture"
    assert (lost.state.recycles, lost.outputs["crmsync_recycles"]) == (1, 1)
    assert path(go(opened.state, now=NOW + HOUR, deals=deals(deal(True)), playbook=rules(lost_to="lead")))[-1] == "lead"
    # F73: a later deal moves them on again, and so does a later qualification
    again = go(lost.state, now=NOW + DAY, deals=deals(deal(True), deal(False, id="d2", day="2026-08-01")))
    assert path(again)[-1] == "opportunity"
    assert path(go(lost.state, now=NOW + DAY, deals=deals(deal(True)), signals=[event("demo_request", NOW + DAY)]))[-2:] == ["mql", "sal"]


def test_l5_any_open_deal_counts_else_the_newest_closed() -> None:
    opportunity = go(at("sql"), deals=deals(deal(False), deal(False, id="d2"))).state
    one_lost = go(opportunity, now=NOW + HOUR, deals=deals(deal(True), deal(False, id="d2")))
    assert path(one_lost)[-1] == "opportunity"
    assert path(go(one_lost.state, now=NOW + DAY, deals=deals(deal(True), deal(True, id="d2", day="2026-07-01"))))[-1] == "nurture"
    both = deals(deal(True, True), deal(True, id="d2", day="2026-07-01"))
    assert path(go(opportunity, now=NOW + HOUR, deals=both))[-1] == "customer"  # who bought before stays a customer
    customer = at("customer")
    assert path(go(customer, deals=deals(deal(False, id="d3"))))[-1] == "customer"


def test_l5_only_news_moves_and_a_hand_stands() -> None:
    opportunity = go(at("sql"), deals=deals(deal(False))).state
    by_hand = go(opportunity, now=NOW + HOUR, deals=deals(deal(False)), shown={"crmsync_stage": "lead"})
    assert path(by_hand)[-1] == "lead"
    assert path(go(by_hand.state, now=NOW + DAY, deals=deals(deal(False))))[-1] == "lead"
    gone = go(opportunity, now=NOW + HOUR, deals=deals())
    assert (path(gone)[-1], gone.state.stages[-1].cause) == ("nurture", "their deal is no longer there")
    assert path(go(opportunity, now=NOW + HOUR, deals=None))[-1] == "opportunity"  # not to be seen is not gone
    assert path(go(at("sql"), deals=deals(("d1", {"name": "No word of its state"}))))[-1] == "sql"


def test_l5_first_sight_is_one_entry() -> None:
    old = PersonState(person_id="p", created_at=START - DAY)
    assert path(go(old, deals=deals(deal(True, True)), shown={"crmsync_stage": "lead"})) == ["customer"]
    assert path(go(old, deals=deals(deal(True)), shown={"crmsync_stage": "opportunity"})) == ["nurture"]
    assert path(go(old, deals=deals(deal(False)), shown={"crmsync_stage": "disqualified"})) == ["disqualified"]
    assert path(go(old, deals=deals(deal(False)), shown={"crmsync_stage": "customer"})) == ["customer"]


# --- L6 ----------------------------------------------------------------------------------------------------------------------


def test_l6_a_stale_sql_goes_to_nurture() -> None:
    sql = at("sql", since=NOW - 10 * DAY)
    seen = [event("page_view", NOW - 5 * DAY), event("unsubscribe", NOW - DAY)]
    d = go(sql, signals=seen)
    assert (path(d)[-1], d.next_due_at) == ("sql", NOW + 25 * DAY)  # counted from the last sign of engagement, not from leaving
    met = [*seen, event("meeting_held", NOW - 2 * DAY, source=SignalSource.ACTIVITY)]
    assert go(sql, signals=met).next_due_at == NOW + 28 * DAY  # a conversation is one, whether it gives points or not
    stale = go(d.state, signals=seen, now=NOW + 25 * DAY)
    assert (path(stale)[-1], stale.state.stages[-1].cause) == ("nurture", "no engagement for 30 days")
    assert (stale.state.recycles, stale.state.recycled_at) == (1, NOW + 25 * DAY)
    assert path(go(sql, now=NOW + 99 * DAY, playbook=rules(stale_sql_days=0)))[-1] == "sql"


@pytest.mark.parametrize("word", ["rejected", "recycle"])
def test_l6_rejected_with_a_reason_that_recycles(word: str) -> None:
    d = go(at("sal"), signals=pages(4, NOW - 2 * HOUR), said=says(word, "bad_timing"))
    assert (path(d)[-1], d.state.stages[-1].cause) == ("nurture", f"disposition {word} (bad_timing) in salesforce")
    assert (d.state.recycles, d.state.judged, d.asks) == (1, f"{word}/bad_timing", ())
    assert path(go(d.state, said=says(word, "bad_timing"), now=NOW + HOUR)) == path(d)


def test_l6_cool_off_and_the_way_back() -> None:
    signals = pages(4, NOW - HOUR)
    gone = go(at("sal"), signals=signals, said=says("rejected", "no_response")).state
    # within the cool-off the score makes no mql, whatever it is; afterwards only with a new sign of engagement
    more = [*signals, *pages(4, NOW + 10 * DAY)]
    inside = go(gone, signals=more, now=NOW + 10 * DAY, said=says("rejected", "no_response"))
    assert (path(inside)[-1], inside.next_due_at) == ("nurture", NOW + 30 * DAY)
    over = go(inside.state, signals=more, now=NOW + 30 * DAY, said=says("rejected", "no_response"))
    assert path(over)[-3:] == ["nurture", "mql", "sal"]
    assert path(go(gone, signals=signals, now=NOW + 31 * DAY))[-1] == "nurture"
    # an express signal, a form and a reply do at once
    for kind, detail in (("demo_request", ""), ("email_reply", ""), ("form_submitted", "contact sales")):
        back = go(gone, signals=[*signals, event(kind, NOW + DAY, detail)], now=NOW + DAY)
        assert path(back)[-2:] == ["mql", "sal"], kind
    # history is kept, and what was done before is worth half
    assert [e.stage for e in over.state.stages][:3] == ["lead", "sal", "nurture"]
    assert over.score.behavior == pytest.approx(4 * 20 * 0.5 + 4 * 20)


# --- L7 ----------------------------------------------------------------------------------------------------------------------


def test_l7_a_reason_that_ends() -> None:
    d = go(at("sal"), said=says("rejected", "wrong_icp"))
    assert (path(d)[-1], d.state.recycles) == ("disqualified", 0)
    # codes that the playbook does not map: rejected ends, recycle recycles
    assert path(go(at("sal"), said=says("rejected", "their_own")))[-1] == "disqualified"
    assert path(go(at("sal"), said=says("recycle", "their_own")))[-1] == "nurture"


def test_l7_without_a_reason_it_is_sent_back_once() -> None:
    d = go(at("sal"), said=says("rejected"))
    assert path(d)[-1] == "sal"
    (ask,) = d.asks
    assert (ask.kind, ask.owner, ask.subject) == ("reason_code", REP, "Give a reason code: Ada Byron (Acme)")
    assert "wrong_icp" in ask.body
    assert [p.partition(":")[0] for p in d.problems] == ["reason missing"]
    again = go(d.state, now=NOW + HOUR, said=says("rejected"))
    assert (again.asks, len(again.problems), path(again)[-1]) == ((), 1, "sal")
    given = go(again.state, now=NOW + DAY, said=says("rejected", "wrong_icp"))
    assert (path(given)[-1], given.problems, given.asks) == ("disqualified", (), ())
    # taken away and chosen again it is asked for again
    emptied = go(d.state, now=NOW + HOUR, said=says(""))
    assert emptied.problems == ()
    assert len(go(emptied.state, now=NOW + DAY, said=says("rejected")).asks) == 1


def test_l7_nobody_to_ask_keeps_it_open_and_history_asks_nobody() -> None:
    alone = replace(at("sal"), owner=None, owner_by=None)
    waiting = go(alone, owner=None, said=says("rejected"))
    assert (waiting.asks, len(waiting.problems)) == ((), 1)
    assert len(go(waiting.state, owner=REP, said=says("rejected"), now=NOW + HOUR).asks) == 1
    fallback = replace(PLAYBOOK, routing=one_pool(fallback="Boss@x.example"))
    assert go(alone, owner=None, said=says("rejected"), playbook=fallback).asks[0].owner == "boss@x.example"
    first = go(PersonState(person_id="p", created_at=START - DAY), said=says("rejected"), shown={"crmsync_stage": "sal"})
    assert first.asks == ()
    assert go(first.state, said=says("rejected"), now=NOW + HOUR).asks == ()


def test_l7_disqualified_by_hand_wants_a_reason_too() -> None:
    d = go(at("sal"), shown={"crmsync_stage": "disqualified"}, said=says(""))
    assert (path(d)[-1], [a.kind for a in d.asks], len(d.problems)) == ("disqualified", ["reason_code"], 1)
    again = go(d.state, now=NOW + HOUR, said=says(""))
    assert (again.asks, len(again.problems)) == ((), 1)
    assert go(d.state, now=NOW + HOUR, said={"hubspot": Said(reason="wrong_icp")}).problems == ()


def test_l7_which_crm_counts() -> None:
    seen = replace(at("sal"), judgements={"hubspot": "accepted/"})
    both = {**says("accepted", side="hubspot", when=NOW), **says("rejected", "wrong_icp", when=NOW - DAY)}
    assert path(go(seen, said=both))[-1] == "disqualified"  # what was not acted on yet
    fresh = at("sal")
    assert path(go(fresh, said=both))[-1] == "sql"  # of two, the record changed last
    # a reason code in the one CRM completes the decision in the other
    split = {**says("rejected"), "hubspot": Said(reason="bad_timing", at=NOW)}
    assert path(go(fresh, said=split))[-1] == "nurture"
    odd = go(fresh, said=says("maybe"))
    assert (path(odd)[-1], [p.partition(":")[0] for p in odd.problems]) == ("sal", ["unknown disposition"])


def test_l7_a_new_mql_is_judged_anew() -> None:
    gone = go(at("sal"), said=says("rejected", "bad_timing")).state
    back = go(gone, signals=[event("demo_request", NOW + DAY)], now=NOW + DAY, said=says("rejected", "bad_timing"))
    assert (path(back)[-1], back.state.retracting) == ("sal", ("salesforce",))
    # while our write is on its way the old decision is not taken for a new one
    waiting = go(back.state, signals=[event("demo_request", NOW + DAY)], now=NOW + DAY + HOUR, said=says("rejected", "bad_timing"))
    assert (path(waiting), waiting.state.retracting) == (path(back), ("salesforce",))
    # once it has arrived, the very same decision is a new one
    arrived = replace(back.state, written={"salesforce": {DISPOSITION: None, REASON: None}})
    rejected = go(arrived, signals=[event("demo_request", NOW + DAY)], now=NOW + 2 * DAY, said=says("rejected", "bad_timing"))
    assert (path(rejected)[-1], rejected.state.recycles, rejected.state.retracting) == ("nurture", 2, ())
    # and a rep who was faster than our write is heard
    faster = go(back.state, signals=[event("demo_request", NOW + DAY)], now=NOW + 2 * DAY, said=says("accepted"))
    assert (path(faster)[-1], faster.state.retracting) == ("sql", ())


def test_l7_an_open_deal_comes_first() -> None:
    opportunity = go(at("sql"), deals=deals(deal(False))).state
    waits = go(opportunity, now=NOW + HOUR, deals=deals(deal(False)), said=says("rejected", "wrong_icp"))
    assert path(waits)[-1] == "opportunity"
    assert path(go(waits.state, now=NOW + DAY, deals=deals(deal(True)), said=says("rejected", "wrong_icp")))[-2:] == [
        "nurture",
        "disqualified",
    ]


# --- L8 - L10 ----------------------------------------------------------------------------------------------------------------


def test_l8_nobody_is_deleted() -> None:
    """A decision has no way to say so: whatever happens, the person stays with all of their history."""
    state = at("sal")
    for said in (says("rejected", "bad_data"), says("rejected", "wrong_icp"), says("recycle", "no_response")):
        d = go(state, said=said)
        assert d.state.stages[: len(state.stages)] == state.stages
        assert d.state.person_id == state.person_id


def test_l9_history_and_times() -> None:
    d = go(at("lead", before=None, since=NOW - DAY), signals=[event("demo_request")])
    told = [(e.previous, e.stage, e.at, e.who, bool(e.cause)) for e in d.state.stages[1:]]
    assert told == [("lead", "mql", NOW, "engine", True), ("mql", "sal", NOW, "engine", True)]
    stamp = "2026-06-03T14:00:00.000Z"
    assert [d.outputs[f"crmsync_{name}"] for name in ("mql_at", "sal_at", "stage_since")] == [stamp] * 3
    assert "crmsync_sql_at" not in d.outputs


def test_l10_nobody_to_reach_is_not_handed_off() -> None:
    bad = GateVerdict(quality="invalid", issues=("The e-mail address is not valid.",), reachable=False)
    lead = replace(at("lead", before=None), owner=None, owner_by=None)
    d = go(lead, signals=[event("demo_request")], owner=None, gate=bad)
    assert (path(d)[-1], d.task, d.owner, d.floor) == ("mql", None, None, None)
    (ask,) = d.asks
    assert (ask.kind, ask.owner, ask.mql_at, ask.subject) == ("contact_data", REP, NOW, "Fix contact data: Ada Byron (Acme)")
    assert "The e-mail address is not valid." in ask.body
    assert (d.outputs["crmsync_data_quality"], d.outputs["crmsync_data_issues"]) == ("invalid", "The e-mail address is not valid.")
    again = go(d.state, signals=[event("demo_request")], now=NOW + HOUR, owner=None, gate=bad)
    assert (again.asks, len(again.problems)) == ((), 1)
    fixed = go(again.state, signals=[event("demo_request")], now=NOW + DAY, owner=None, gate=GateVerdict(quality="verified"))
    assert (path(fixed)[-1], fixed.asks, fixed.task is not None) == ("sal", (), True)
    assert fixed.outputs["crmsync_data_issues"] is None


def test_9a_history_starts_no_task() -> None:
    """A mql from before the first sync with bad contact data, a rejection without a reason from before: nobody is asked for anything."""
    old = PersonState(person_id="p", created_at=NOW - 9 * DAY)
    bad = GateVerdict(quality="invalid", reachable=False)
    d = go(old, signals=[event("demo_request", NOW - DAY)], start=NOW, gate=bad, said=says("rejected"))
    assert (path(d), d.state.historic, d.task, d.asks) == (["mql"], True, None, ())


def test_f72_flapping_around_the_threshold_makes_one_mql() -> None:
    state, mqls = at("lead", before=None), 0
    three = rules()
    for n in range(8):
        signals = pages(3) if n % 2 else pages(2)
        state = go(state, signals=signals, now=NOW + n * HOUR, playbook=three).state
        mqls = sum(e.stage == "mql" for e in state.stages)
    assert mqls == 1


# --- wrong clocks ------------------------------------------------------------------------------------------------------------

FAR = datetime.max.replace(tzinfo=UTC)


def test_signals_from_the_future_undo_nobody_s_decision_and_stop_nothing() -> None:
    late = event("demo_request", NOW + 30 * DAY)
    first = go(at("lead", before=None), signals=[late])
    assert path(first)[-2:] == ["mql", "sal"], "who never was one becomes mql by it"
    back = go(first.state, now=NOW + HOUR, signals=[late], shown={"crmsync_stage": "lead"})
    assert path(back)[-1] == "lead", "L2: a hand stands"
    assert back.next_due_at is not None
    assert back.next_due_at <= late.at, "when its time comes it is looked at again"
    assert path(go(at("sal", who="hand"), signals=[late], playbook=rules(straight_to_sql=("demo_request",))))[-1] == "sal"
    minutes_ahead = event("demo_request", NOW + HOUR / 12)
    assert path(go(at("nurture", before="sql", recycled_at=NOW - HOUR), signals=[minutes_ahead]))[-1] == "sal", "clocks differ a little"


@pytest.mark.parametrize("signals", [[event("demo_request", FAR)], [event("note", FAR, source=SignalSource.ACTIVITY)]])
def test_l6_an_sql_goes_stale_whatever_is_dated_in_the_far_future(signals: list[Signal]) -> None:
    fresh = go(at("sql"), signals=signals)
    assert path(fresh)[-1] == "sql"
    assert fresh.next_due_at == NOW - HOUR + 30 * DAY
    assert path(go(at("sql", since=NOW - 31 * DAY), signals=signals))[-1] == "nurture"


def test_l1_numbers_and_days_beyond_reason_make_no_engaged_subscriber() -> None:
    subscriber = at("subscriber", before=None, since=NOW - DAY, created_at=FAR)
    counts: dict[str, Value] = {**FACTS, "emails_delivered": 10**400, "emails_opened": 10**400, "emails_clicked": 10**400}
    assert path(go(replace(subscriber, stages=(replace(subscriber.stages[0], at=FAR),)), facts=counts)) == ["subscriber"]


def test_9a_a_rejection_from_before_asks_nobody_later_either() -> None:
    """Somebody with an open deal, whom a rep rejected without a reason before the first sync: it does not wait for the deal to be closed."""
    first = go(PersonState(person_id="p", created_at=START - DAY), deals=deals(deal(False)), said=says("rejected"), shown={})
    later = go(first.state, now=NOW + DAY, deals=deals(deal(False)), said=says("rejected"), shown=first.outputs)
    assert (path(later), first.asks, later.asks) == (["opportunity"], (), ())
