"""What stands in the CRMs after a decision: the stage in each CRM's own words (L11), and nobody raised from the dead (G2), on decisions alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crmsync.decide.owners import Owners
from crmsync.decide.plan import PersonPlan, SideFacts, Terms, plan_person
from crmsync.decide.reconcile import reconcile
from crmsync.decide.translate import lenses_of
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import FieldSchema, RecordState, Ref, Value
from tiny import memory, playbook

AT = datetime(2026, 6, 3, tzinfo=UTC)
PERSON = playbook().person
STATUS = {"a": "Status", "b": "lifecycle"}
OWN = {f.name: f.name for f in OWN_FIELDS}
NURTURE = {("a", "person", "Status"): "Kept warm", ("b", "person", "lifecycle"): "3"}
"""The stage map of portals with renamed and numeric options."""


def shown(side: str, word: str | None, state: RecordState = RecordState.LIVE) -> Snapshot:
    fields: dict[str, Value] = {"email": "ann@example.com", "phone": None, "title": None, "city": None}
    extra: dict[str, Value] = {STATUS[side]: word, "crmsync_key": "p"}
    return Snapshot(
        ref=Ref(side=side, object="person", id=side), fields=fields, extra=extra, modified_at=AT, created_at=AT, person_id="p", state=state
    )


def planned(records: list[Snapshot], *, options: Mapping[str, tuple[str, ...]] | None = None, **more: object) -> PersonPlan:
    """What is written once the stage is nurture. options: side -> what its restricted status field takes."""
    live = {s.ref.side: s for s in records if s.state is RecordState.LIVE}
    lenses = lenses_of(PERSON, {"a": memory("a"), "b": memory("b")}, ())
    schema = {
        side: {"person": {STATUS[side]: FieldSchema(name=STATUS[side], label="Status", type="picklist", options=found, restricted=True)}}
        for side, found in (options or {}).items()
    }
    state = replace(PersonState(person_id="p"), **more)  # type: ignore[arg-type]
    return plan_person(
        state, records, live, reconcile(state, live, lenses, tie="a"), outputs={}, owner=None, owner_because="", statuses=NURTURE, parked={},
        terms=Terms(
            person=PERSON, lenses=lenses, owners=Owners(),
            sides={side: SideFacts(side=side, own=OWN, schema=schema.get(side, {})) for side in "ab"},
        ),
    )  # fmt: skip


def words(plan: PersonPlan) -> dict[str, tuple[Value, Value]]:
    return {w.side: (w.old[STATUS[w.side]], w.fields[STATUS[w.side]]) for w in plan.writes if STATUS[w.side] in w.fields}


def test_l11_both_crms_agree_each_in_its_own_words_also_backwards() -> None:
    assert words(planned([shown("a", "Working"), shown("b", "7")])) == {"a": ("Working", "Kept warm"), "b": ("7", "3")}


def test_l11_what_stands_there_or_was_delivered_is_not_written_again() -> None:
    there = planned([shown("a", "Kept warm"), shown("b", "7")])
    assert words(there) == {"b": ("7", "3")}
    assert there.written["a"]["status:Status"] == "Kept warm"
    # somebody changed the CRM's own status afterwards: that stands
    assert words(planned([shown("a", "Working"), shown("b", "7")], written={"a": {"status:Status": "Kept warm"}})) == {"b": ("7", "3")}


def test_l11_f42_a_word_that_a_portal_does_not_have_is_told_and_holds_up_nothing() -> None:
    plan = planned([shown("a", "Working"), shown("b", "7")], options={"a": ("Open", "Working"), "b": ("3", "7")})
    assert words(plan) == {"b": ("7", "3")}
    assert [(p.cause, p.side, p.field) for p in plan.problems] == [("not_an_option", "a", "status:Status")]


@pytest.mark.parametrize("gone", [RecordState.PURGED, RecordState.DELETED])
def test_g2_whoever_was_erased_or_deleted_in_one_crm_is_not_made_there_again(gone: RecordState) -> None:
    plan = planned([shown("a", "Working"), shown("b", "7", gone)])
    assert [(w.side, w.action.value) for w in plan.writes] == [("a", "update")]
    assert [w.action.value for w in planned([shown("a", "Working")]).writes if w.side == "b"] == ["create"], "who never was there is"
