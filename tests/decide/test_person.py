"""All decisions about one person together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.condition import lists_of
from crmsync.decide.owning import RETRY, Ways
from crmsync.decide.person import Decision, decide
from crmsync.decide.score import score
from crmsync.model.condition import Test
from crmsync.model.fields import OUTPUTS, STAGES
from crmsync.model.floor import Floor, PoolNow, RepNow
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules, StageRules, TypeRule
from crmsync.model.record import Fields, User, Value
from crmsync.model.routing import one_pool
from crmsync.model.rules import PersonMap, Playbook, WorkingHours
from crmsync.playbook.load import load_files, shipped_paths

NOW = datetime(2026, 6, 5, 14, 0, tzinfo=UTC)  # a Friday, 16:00 in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = NOW - DAY
PLAYBOOK = Playbook(
    person=PersonMap(objects={}, create_as={}, fields={}),
    score=ScoreRules(
        fit=(
            FitRule(name="C-level title", points=30, when=Test(field="title", op="title_is", value="c_level"), group="title"),
            FitRule(name="mid-size company", points=25, when=Test(field="employees", op="between", value=(200, 1000))),
        ),
        behavior=(
            BehaviorRule(name="demo requested", points=45, signals=("demo_request",), half_life_days=60),
            BehaviorRule(name="pricing page", points=10, signals=("pricing_page_view",), half_life_days=30, max_times=3),
        ),
        express=("demo_request",),
    ),
    types=(
        TypeRule(
            type="direct_request", signals=("demo_request",), respond_minutes=240, priority="high", action="Call", goal="Book a meeting"
        ),
        TypeRule(type="pre_qualified", min_fit=50, respond_minutes=2400, channel="email"),
    ),
    hours=WorkingHours(time_zone="UTC"),
    titles={"c_level": ("ceo",)},
)
LISTS = lists_of(PLAYBOOK)
POOL = ("ann@x.example", "bob@x.example", "cyd@x.example")
USERS = {
    e: User(
        side="hubspot",
        id=e,
        email=e,
        name=e,
        time_zone="Europe/Berlin",
        active="left" not in e,
        kind="integration" if "robot" in e else "person",
    )
    for e in (*POOL, "eve@x.example", "left@x.example", "robot@x.example")
}
FACTS: dict[str, Value] = {"email": "ada@acme.example", "first_name": "Ada", "last_name": "Byron", "company": "Acme", "employees": 10}
GOOD: dict[str, Value] = {**FACTS, "title": "CEO", "employees": 300}
NEW = PersonState(person_id="p")


def demo(at: datetime = NOW) -> Signal:
    return Signal(event_id=f"demo{at}", type="demo_request", at=at, detail="Demo form")


def go(
    person: PersonState = NEW,
    *,
    facts: Fields = FACTS,
    signals: Sequence[Signal] = (),
    now: datetime = NOW,
    shown: Fields | None = None,
    shown_owner: str | None = None,
    pool: Sequence[str] = POOL,
    floor: Floor | None = None,
    playbook: Playbook = PLAYBOOK,
    **more: Any,
) -> Decision:
    verdict = score(
        facts=facts, signals=signals, rules=playbook.score, lists=LISTS, now=now, recycled_at=person.recycled_at,
    )  # fmt: skip
    return decide(
        person=person, facts=facts, signals=signals, score=verdict, rules=playbook.score, playbook=playbook, lists=LISTS,
        ways=ways_of(pool, floor), users=USERS, now=now, start_from=START, shown=person.outputs if shown is None else shown, shown_owner=shown_owner, **more,
    )  # fmt: skip


TURNS = 4
"""Of the pool so far: of equals it is Bob's turn then."""


def ways_of(pool: Sequence[str], floor: Floor | None = None) -> Ways:
    default = PoolNow(name="default", turn=TURNS, reps=tuple(RepNow(rep=rep) for rep in pool))
    return Ways(floor=lambda: floor or Floor(pools={"default": default}, first="default"))


def turns(decision: Decision) -> int:
    """How many turns the pool has had after this decision."""
    return decision.floor.pools["default"].turn if decision.floor is not None else TURNS


def stages(decision: Decision) -> list[str]:
    return [e.stage for e in decision.state.stages]


def test_demo_request_is_handed_off_in_one_go() -> None:
    d = go(signals=[demo()])
    assert stages(d) == ["mql", "sal"]
    assert (d.owner, turns(d), d.problems) == ("bob@x.example", TURNS + 1, ())
    assert (d.state.owner, d.state.owner_by, d.state.assigned_at, d.state.historic) == ("bob@x.example", "router", NOW, False)
    task = d.task
    assert task is not None
    assert task.subject == "Call: Ada Byron (Acme)"
    # 4 working hours from Friday 16:00 in Berlin end on Monday 12:00 there; the reminder after two: 10:00.
    assert (task.due_at, task.due_on) == (datetime(2026, 6, 8, 10, 0, tzinfo=UTC), date(2026, 6, 8))
    assert task.remind_at == datetime(2026, 6, 8, 8, 0, tzinfo=UTC)
    assert (task.priority, task.channel, task.owner, task.mql_at) == ("high", "call", "bob@x.example", NOW)
    assert task.body.startswith("Call by 2026-06-08 10:00 UTC, call first.\n\nCONTACT\n- Name: Ada Byron")
    assert str(d.outputs["crmsync_handoff"]) in task.body
    assert {
        n: d.outputs[n] for n in ("crmsync_stage", "crmsync_mql_type", "crmsync_trigger", "crmsync_routing_reason", "crmsync_score")
    } == {
        "crmsync_stage": "sal",
        "crmsync_mql_type": "direct_request",
        "crmsync_trigger": "demo_request: Demo form at 2026-06-05 14:00 UTC",
        "crmsync_routing_reason": "rule default pool, pool default of 3, counter 4: round robin, 3 of 3 available",
        "crmsync_score": 45,
    }


def test_asked_again_it_says_the_same_and_gives_no_second_task() -> None:
    first = go(signals=[demo()])
    again = go(first.state, signals=[demo()], now=NOW + HOUR, shown_owner="bob@x.example", floor=first.floor)
    assert (again.task, again.owner, again.floor, again.outputs) == (None, None, None, first.outputs)
    assert stages(again) == ["mql", "sal"]


def test_a_settled_person_keeps_the_very_state() -> None:
    first = go()
    assert stages(first) == ["lead"]
    again = go(first.state, now=NOW + HOUR)
    assert again.state is first.state
    assert again.next_due_at is None


def test_router_choice_is_wanted_until_the_crm_shows_it() -> None:
    first = go(signals=[demo()])
    assert go(first.state, now=NOW + HOUR, shown_owner=None).owner == "bob@x.example"
    assert go(first.state, now=NOW + HOUR, shown_owner="robot@x.example").owner == "bob@x.example"
    assert go(first.state, now=NOW + HOUR, shown_owner="bob@x.example").owner is None


def test_an_existing_owner_stands() -> None:
    d = go(signals=[demo()], shown_owner="eve@x.example")
    assert (d.owner, turns(d), d.state.owner, d.state.owner_by) == (None, TURNS, "eve@x.example", "crm")
    assert stages(d) == ["mql", "sal"]
    assert d.task is not None
    assert d.task.owner == "eve@x.example"
    assert d.outputs["crmsync_routing_reason"] == "existing owner stands"


@pytest.mark.parametrize("nobody", ["robot@x.example", "left@x.example"])
def test_who_cannot_work_a_lead_is_no_owner(nobody: str) -> None:
    d = go(signals=[demo()], shown_owner=nobody)
    assert (d.owner, turns(d)) == ("bob@x.example", TURNS + 1)


def test_an_owner_changed_by_hand_stands() -> None:
    first = go(signals=[demo()])
    d = go(first.state, signals=[demo()], now=NOW + HOUR, shown_owner="cyd@x.example", floor=first.floor)
    assert (d.owner, d.task, d.floor) == (None, None, None)
    assert (d.state.owner, d.state.owner_by) == ("cyd@x.example", "hand")
    assert d.outputs["crmsync_routing_reason"] == "set by hand in a CRM"
    assert d.outputs["crmsync_assigned_at"] == "2026-06-05T15:00:00.000Z"
    cleared = go(d.state, now=NOW + 2 * HOUR, shown_owner=None)
    assert (cleared.owner, cleared.state.owner) == (None, None)


def test_no_pool_waits_with_a_clock_and_no_turn() -> None:
    d = go(signals=[demo()], pool=())
    assert stages(d) == ["mql"]
    assert (d.owner, d.task, turns(d)) == (None, None, TURNS)
    assert d.problems == ("no owner: pool default is empty, and no fallback owner is named",)
    assert d.next_due_at == NOW + RETRY
    later = go(d.state, signals=[demo()], now=NOW + RETRY)
    assert stages(later) == ["mql", "sal"]
    assert later.task is not None
    assert later.task.mql_at == NOW


def test_fallback_owner() -> None:
    d = go(signals=[demo()], pool=(), playbook=replace(PLAYBOOK, routing=one_pool(fallback="eve@x.example")))
    assert (d.owner, d.state.owner_by, turns(d)) == ("eve@x.example", "router", TURNS)
    assert len(d.problems) == 1
    assert stages(d) == ["mql", "sal"]


def test_unreachable_people_wait_and_take_no_turn() -> None:
    d = go(facts={"email": "nobody", "last_name": "X"}, signals=[demo()])
    assert stages(d) == ["mql"]
    assert (d.owner, d.task, d.floor, len(d.problems)) == (None, None, None, 1)
    fixed = go(d.state, signals=[demo()], now=NOW + HOUR)
    assert stages(fixed) == ["mql", "sal"]


def test_people_qualified_before_the_start_get_no_owner_and_no_task() -> None:
    old = [demo(START - DAY)]
    d = go(signals=old, facts=GOOD)
    assert stages(d) == ["mql"]
    assert (d.owner, d.task, d.floor, d.state.historic, d.problems) == (None, None, None, True, ())
    assert d.outputs["crmsync_mql_type"] == "direct_request"
    again = go(d.state, signals=old, facts=GOOD, now=NOW + DAY)
    assert (stages(again), again.task) == (["mql"], None)
    anew = go(d.state, signals=[*old, demo(NOW + HOUR)], facts=GOOD, now=NOW + 2 * HOUR)
    assert stages(anew) == ["mql", "mql", "sal"]
    assert anew.task is not None
    assert anew.task.mql_at == NOW + 2 * HOUR


def test_a_new_record_with_enough_fit_is_not_historic() -> None:
    assert stages(go(facts=GOOD)) == ["mql"]
    d = go(replace(NEW, created_at=NOW - HOUR), facts=GOOD)
    assert stages(d) == ["mql", "sal"]
    assert d.outputs["crmsync_mql_type"] == "pre_qualified"
    assert d.outputs["crmsync_trigger"] == "score 55 ≥ 50"
    assert d.task is not None
    assert d.task.remind_at is None


def test_risen_fit_hands_off_someone_known_for_long() -> None:
    before = go()
    after = go(before.state, facts=GOOD, now=NOW + HOUR)
    assert stages(after) == ["lead", "mql", "sal"]


def test_stage_by_hand_is_a_command() -> None:
    first = go()
    d = go(first.state, shown={**first.outputs, "crmsync_stage": "mql"}, now=NOW + HOUR)
    assert [(e.stage, e.who) for e in d.state.stages] == [("lead", "engine"), ("mql", "hand"), ("sal", "engine")]
    assert d.outputs["crmsync_trigger"] == "set by hand"
    back = go(
        d.state, shown={**d.outputs, "crmsync_stage": "disqualified"}, now=NOW + 2 * HOUR, signals=[demo()], shown_owner="bob@x.example"
    )
    assert (stages(back)[-1], back.task, back.owner) == ("disqualified", None, None)
    assert back.outputs["crmsync_stage"] == "disqualified"
    kept = go(back.state, now=NOW + 3 * HOUR, signals=[demo()], facts=GOOD, shown_owner="bob@x.example")
    assert stages(kept)[-1] == "disqualified"


def test_stage_by_hand_at_first_sight() -> None:
    assert stages(go(shown={"crmsync_stage": "customer"}, facts=GOOD)) == ["customer"]
    found = go(shown={"crmsync_stage": "mql"})
    assert (stages(found), found.state.historic, found.task) == (["mql"], True, None)
    assert stages(go(replace(NEW, created_at=NOW), shown={"crmsync_stage": "lead"}, facts=GOOD)) == ["mql", "sal"]
    assert stages(go(shown={"crmsync_stage": "subscriber"})) == ["subscriber"]


@pytest.mark.parametrize("odd", ["MQL!", "", None, 5])
def test_odd_stages_are_no_command(odd: Value) -> None:
    first = go()
    d = go(first.state, shown={**first.outputs, "crmsync_stage": odd})
    assert stages(d) == ["lead"]
    assert bool(d.problems) is (odd not in ("", None))


def test_recycled_person_gets_a_second_handoff_and_type() -> None:
    first = go(signals=[demo()])
    nurture = go(
        first.state, shown={**first.outputs, "crmsync_stage": "nurture"}, signals=[demo()], now=NOW + HOUR, shown_owner="bob@x.example"
    )
    again = go(nurture.state, signals=[demo(), demo(NOW + DAY)], now=NOW + DAY + HOUR, shown_owner="bob@x.example", floor=first.floor)
    assert stages(again) == ["mql", "sal", "nurture", "mql", "sal"]
    assert again.task is not None
    assert (again.task.mql_at, again.task.owner, turns(again)) == (NOW + DAY + HOUR, "bob@x.example", TURNS + 1)


def test_type_of_a_second_mql_comes_from_what_is_new() -> None:
    first = go(signals=[demo()])
    pages = [Signal(event_id=str(n), type="pricing_page_view", at=NOW + DAY + n * HOUR) for n in range(3)]
    state = replace(go(first.state, shown={"crmsync_stage": "nurture"}, now=NOW + HOUR).state, peak_since_reset=False)
    eager = replace(PLAYBOOK, stages=StageRules(cool_off_days=1))
    again = go(state, facts=GOOD, signals=[demo(), *pages], now=NOW + 2 * DAY, playbook=eager)
    assert again.outputs["crmsync_mql_type"] == "pre_qualified"


def test_a_decayed_score_is_written_on_the_due_moment_not_before() -> None:
    calm = replace(PLAYBOOK, score=replace(PLAYBOOK.score, min_delta=20))
    first = go(signals=[demo()], playbook=calm)

    def later(before: Decision, now: datetime) -> Decision:
        return go(before.state, signals=[demo()], now=now, shown_owner="bob@x.example", playbook=calm)

    # The rep's clocks ask for looks before; the score's own moment is among the looks all the same.
    at, looks = first, []
    assert at.next_due_at is not None
    while at.outputs["crmsync_score"] == 45:
        assert at.next_due_at is not None
        looks.append(at.next_due_at)
        at = later(at, at.next_due_at)
    assert looks[-1] == first.score.next_due_at
    assert looks == sorted(set(looks))
    assert later(first, looks[-1] - HOUR).outputs["crmsync_score"] == 45
    assert at.outputs["crmsync_score"] == 39
    assert at.next_due_at is not None
    assert at.next_due_at > looks[-1]


def test_of_two_rules_with_one_type_the_one_that_fits_gives_the_task() -> None:
    reply = TypeRule(type="direct_request", signals=("email_reply",), respond_minutes=480, action="Answer", channel="email")
    playbook = replace(
        PLAYBOOK, types=(*PLAYBOOK.types, reply), score=replace(PLAYBOOK.score, express=("email_reply",)), tasks_in="hubspot"
    )
    signal = Signal(event_id="r", type="email_reply", at=NOW)
    d = go(signals=[signal], playbook=playbook)
    assert d.task is not None
    assert (d.task.channel, d.task.subject) == ("email", "Answer: Ada Byron (Acme)")
    waiting = go(signals=[signal], playbook=playbook, pool=())
    late = go(waiting.state, signals=[signal], playbook=playbook, now=NOW + HOUR)
    assert late.task is not None
    assert late.task.channel == "email"
    gone = go(waiting.state, signals=[signal], playbook=replace(playbook, types=()), now=NOW + HOUR)
    assert gone.task is not None
    assert gone.outputs["crmsync_mql_type"] == "direct_request"


def test_the_playbook_that_ships_hands_off_a_demo_request() -> None:
    playbook = load_files(shipped_paths())
    signal = Signal(event_id="d", type="demo_request", at=NOW, detail="Request a demo")
    ceo: dict[str, Value] = {**GOOD, "title": "Chief Executive Officer"}
    verdict = score(facts=ceo, signals=[signal], rules=playbook.score, lists=lists_of(playbook), now=NOW)
    d = decide(
        person=NEW, facts=ceo, signals=[signal], score=verdict, rules=playbook.score, playbook=playbook, lists=lists_of(playbook),
        ways=ways_of(POOL), users=USERS, now=NOW, start_from=START, shown={},
    )  # fmt: skip
    assert stages(d) == ["mql", "sal"]
    assert d.outputs["crmsync_score"] == 90
    assert d.outputs["crmsync_score_reasons"] == "+45 Decision\n+30 C-level title\n+15 Company of 200 to 1,000 employees"
    assert d.task is not None
    assert d.task.due_at == NOW + timedelta(minutes=10)


TEXT = st.none() | st.text(max_size=30) | st.integers() | st.booleans()


@settings(max_examples=300, deadline=None)
@given(
    facts=st.dictionaries(st.sampled_from([*GOOD, "phone", "crmsync_budget"]), TEXT), ages=st.lists(st.integers(-50, 2000), max_size=6),
    hand=TEXT | st.sampled_from(STAGES), owner=st.none() | st.sampled_from(sorted(USERS)) | st.text(min_size=1, max_size=9),
    pool=st.sampled_from([(), POOL]), known=st.booleans(),
)  # fmt: skip
def test_total_and_settled_after_one_step(
    facts: dict[str, Value], ages: list[int], hand: Value, owner: str | None, pool: tuple[str, ...], known: bool
) -> None:
    signals = [demo(NOW - n * HOUR) for n in ages]
    person = go().state if known else NEW
    first = go(person, facts=facts, signals=signals, shown={**person.outputs, "crmsync_stage": hand}, shown_owner=owner, pool=pool)
    assert set(first.outputs) <= set(OUTPUTS)
    assert first.outputs["crmsync_stage"] in STAGES
    assert (first.task is not None) is (stages(first)[-2:] == ["mql", "sal"] and first.state.stages[-1].at == NOW)
    if first.task is not None:
        assert len(first.task.subject) <= 255
        assert first.task.owner == first.state.owner
        assert first.owner in (None, first.task.owner)
    live = [s for s in signals if s.at <= NOW]  # a later cycle may act on what is in the future now
    shown_owner = first.owner or owner
    steady = go(person, facts=facts, signals=live, shown={**person.outputs, "crmsync_stage": hand}, shown_owner=owner, pool=pool)
    second = go(steady.state, facts=facts, signals=live, shown_owner=steady.owner or shown_owner, pool=pool, floor=steady.floor)
    assert (second.task, second.outputs, turns(second)) == (None, steady.outputs, turns(steady))
    assert stages(second) == stages(steady)


def test_h2_a_hot_signal_of_somebody_who_is_worked_is_told_their_rep() -> None:
    first = go(signals=[demo()])
    later = NOW + HOUR
    again = go(first.state, signals=[demo(), demo(later)], now=later, shown_owner=first.owner)
    (alert,) = [one for one in again.alerts if one.kind == "hot_lead"]
    assert (alert.at, alert.owner) == (later, first.owner)
    quiet = go(again.state, signals=[demo(), demo(later)], now=later + 2 * DAY, shown_owner=first.owner)
    assert [one for one in quiet.alerts if one.kind == "hot_lead"] == []
