"""S10: the answers of BANT and MEDDIC exist, are conditions and are asked for, only where the playbook switches the framework on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crmsync.decide.condition import Lists, holds
from crmsync.decide.handoff import handoff_text
from crmsync.decide.profile import next_questions
from crmsync.model.condition import Test
from crmsync.model.fields import EVERY_INPUT, FRAMEWORK_FIELDS, INPUTS, OWN_FIELDS, TRACK, own_fields
from crmsync.model.process import ProfileRules, Question, QuestionSet, TypeRule
from crmsync.model.verdict import ScoreVerdict

BANT = ["crmsync_budget", "crmsync_authority", "crmsync_need", "crmsync_timeline"]
MEDDIC = [
    "crmsync_metrics", "crmsync_economic_buyer", "crmsync_decision_criteria", "crmsync_decision_process", "crmsync_pain", "crmsync_champion",
]  # fmt: skip


@pytest.mark.parametrize(
    ("frameworks", "answers"), [((), []), (("bant",), BANT), (("meddic",), MEDDIC), (("bant", "meddic"), BANT + MEDDIC)]
)
def test_s10_a_framework_that_is_off_has_no_fields(frameworks: tuple[str, ...], answers: list[str]) -> None:
    fields = {f.name: f for f in own_fields(frameworks)}
    assert [name for name in fields if name in {f.name for some in FRAMEWORK_FIELDS.values() for f in some}] == answers
    assert all((fields[name].role, fields[name].type, fields[name].on) == ("input", "text", ("person",)) for name in answers)
    assert set(fields) - set(answers) == {f.name for f in OWN_FIELDS} - set(BANT), "everything else is there whatever the framework"


def test_s10_answers_are_conditions_and_are_asked_while_they_are_missing() -> None:
    known = Test(field="crmsync_champion", op="filled")
    rules = ProfileRules(
        sets=(
            QuestionSet(
                name="all",
                questions=(
                    Question(field="crmsync_champion", ask="Who wants it?"),
                    Question(field="crmsync_pain", ask="What hurts?"),
                ),
            ),
        ),
    )
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert not holds(known, {}, Lists())
    assert holds(known, {"crmsync_champion": "the CTO"}, Lists())
    assert next_questions({"crmsync_champion": "the CTO"}, rules, Lists(), now) == "1. What hurts?"


def test_a_track_of_ones_own_is_an_option_of_its_field() -> None:
    by_name = {f.name: f for f in own_fields(tracks=("sql_enablement", "partner_nurture"))}
    assert by_name[TRACK].options == ("none", "mql_education", "sql_enablement", "partner_nurture")
    assert own_fields() == OWN_FIELDS
    assert set(INPUTS) | set(MEDDIC) == EVERY_INPUT


def test_s10_the_handoff_shows_the_answers_of_either_framework() -> None:
    text = handoff_text(
        facts={"email": "a@b.example", "crmsync_need": "Faster quotes", "crmsync_economic_buyer": "The CFO"}, score=ScoreVerdict(total=60, fit=30, behavior=30),
        signals=(), type_rule=TypeRule(type="browser"), trigger="score 60", stage="sal", owner="rita@corp.example", routing_reason="pool",
    )  # fmt: skip
    assert "- Need: Faster quotes" in text
    assert "- Economic buyer: The CFO" in text
