"""The minimum effort before somebody is closed as no_response, by whatever way (process.md A3, L2, L7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crmsync.decide.disposition import Said
from crmsync.decide.effort import PATIENCE
from crmsync.decide.person import Decision
from crmsync.decide.touch import GIVE_REASON, KEEP_TRYING
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.work import Touch
from decide.test_rules_stages import DAY, HOUR, NOW, REP, at, go, path, says

MQL = NOW - 5 * DAY


def handed(stage: str = "sal", **more: Any) -> PersonState:
    """Somebody whom a rep has had for five days."""
    stages = (
        StageEntry(stage="mql", previous="lead", at=MQL, cause="", who="engine"),
        StageEntry(stage=stage, previous="mql", at=MQL, cause="", who="engine"),
    )
    return replace(at(stage), stages=stages, handed_at=MQL, assigned_at=MQL, **more)


def calls(number: int) -> list[Touch]:
    return [Touch(twin_id=f"t{n}", at=MQL + (n + 1) * HOUR, channel="call", owner=REP) for n in range(number)]


def by_hand(
    person: PersonState, stage: str, said: Mapping[str, Said], touches: int = 2, after: timedelta = timedelta(), **more: Any
) -> Decision:
    """The rep sets the stage."""
    shown = {**person.outputs, "crmsync_stage": stage}
    return go(person, shown=shown, said=said, touches=calls(touches), now=NOW + after, **more)


def told(decision: Decision) -> list[str]:
    return [text.split(":")[0] for text in decision.problems]


def given(reason: str) -> dict[str, Said]:
    """A reason code that stands there without a disposition, set an hour ago."""
    return {"salesforce": Said(reason=reason, at=NOW - HOUR)}


@pytest.mark.parametrize("stage", ["disqualified", "nurture"])
def test_a3_l2_a_stage_set_by_hand_stands_and_its_reason_no_response_does_not(stage: str) -> None:
    found = by_hand(handed(), stage, given("no_response"))
    assert path(found)[-2:] == ["sal", stage]
    assert told(found) == ["too few touches"]
    assert f"the stage {stage} stands" in found.problems[0]
    assert found.state.next_due_at == NOW + PATIENCE, "touches entered together with it are read first"
    later = go(found.state, said=given("no_response"), touches=calls(2), now=NOW + PATIENCE)
    assert path(later)[-1] == stage
    (ask,) = later.asks
    assert (ask.kind, ask.owner, ask.subject, ask.mql_at) == (KEEP_TRYING, REP, "Keep trying (2 of 8 touches): Ada Byron (Acme)", MQL)
    assert f"The stage {stage} stands" in ask.body
    # with the eighth, or another reason, it is over
    assert go(later.state, said=given("no_response"), touches=calls(8), now=NOW + DAY).problems == ()
    assert go(later.state, said=given("wrong_icp"), touches=calls(2), now=NOW + DAY).problems == ()


def test_a3_l7_a_reason_given_afterwards_is_held_to_the_minimum_too() -> None:
    closed = by_hand(handed(), "disqualified", {})
    assert told(closed) == ["reason missing"]
    assert [ask.kind for ask in closed.asks] == [GIVE_REASON]
    late = {"hubspot": Said(reason="no_response", at=NOW + DAY)}
    found = go(closed.state, said=late, touches=calls(3), now=NOW + DAY + PATIENCE)
    assert told(found) == ["too few touches"]
    assert [ask.kind for ask in found.asks] == [KEEP_TRYING]


@pytest.mark.parametrize("stage", ["lead", "disqualified"])
def test_a3_a_disposition_beside_a_stage_set_by_hand_waits_as_it_does_without(stage: str) -> None:
    said = says("rejected", "no_response")
    found = by_hand(handed(), stage, said, after=PATIENCE)
    for _ in range(2):
        assert path(found)[-2:] == ["sal", stage]
        assert told(found) == ["too few touches"]
        assert f"The stage {stage} stands" in found.asks[0].body
        found = go(found.state, said=said, touches=calls(2), now=NOW + DAY)
    assert path(go(found.state, said=said, touches=calls(8), now=NOW + 2 * DAY))[-1] == "nurture", "where the reason leads"


def test_a3_enough_touches_another_reason_or_nobodys_mql_is_nothing_to_tell() -> None:
    assert by_hand(handed(), "nurture", given("no_response"), touches=8).problems == ()
    assert by_hand(handed(), "nurture", given("bad_timing")).problems == ()
    assert by_hand(handed(historic=True), "nurture", given("no_response")).problems == ()
    assert by_hand(at("lead"), "nurture", given("no_response")).problems == (), "never in work"
    back = by_hand(handed(), "nurture", given("no_response")).state
    assert go(back, shown={**back.outputs, "crmsync_stage": "sal"}, said=given("no_response"), touches=calls(2)).problems == ()


def test_a3_who_was_closed_before_anybody_looked_is_not_asked_about() -> None:
    """Section 9a: a rule that is new, or a state of an earlier version, asks nothing about what is long past."""
    closed = by_hand(handed(), "disqualified", {}).state
    said = given("no_response")
    assert told(go(closed, said=said, touches=calls(2), now=NOW + DAY)) == ["too few touches"]
    assert go(replace(closed, asked={}), said=said, touches=calls(2), now=NOW + DAY).problems == ()


def test_a3_an_mql_nobody_has_been_handed_is_not_closed_as_no_response() -> None:
    waits = replace(at("mql", since=MQL), queued_at=MQL, owner=None, owner_by=None)
    found = go(waits, owner=None, said=says("rejected", "no_response"), now=NOW)
    assert "nurture" not in path(found)
    assert "too few touches" in told(found)


def test_a3_touches_of_the_mql_before_count_for_nothing() -> None:
    """Somebody comes back and is mql anew: eight are owed anew."""
    old = (StageEntry(stage="mql", previous="lead", at=MQL - 30 * DAY, cause="", who="engine"),)
    again = handed()
    again = replace(again, stages=(*old, *again.stages), handed_at=MQL - 30 * DAY)
    earlier = [replace(touch, at=touch.at - 20 * DAY) for touch in calls(12)]
    assert told(go(again, said=says("rejected", "no_response"), touches=earlier)) == ["too few touches"]


def test_l2_a_reason_beside_an_old_accepted_is_no_new_decision() -> None:
    """Accepted long ago, then put aside by hand with a reason: nobody is sent back to sql for that."""
    sql = handed("sql", judgements={"salesforce": "accepted/"}, judged="accepted/")
    found = by_hand(sql, "disqualified", says("accepted", "no_budget"))
    assert path(found)[-1] == "disqualified"
    short = by_hand(sql, "disqualified", says("accepted", "no_response"))
    assert (path(short)[-1], told(short)) == ("disqualified", ["too few touches"])
