"""P1: the next questions, in order, by segment, never what is known already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crmsync.decide.condition import Lists
from crmsync.decide.profile import TEXT_LIMIT, next_questions
from crmsync.model.condition import Happened, Test
from crmsync.model.link import Signal
from crmsync.model.process import ProfileRules, Question, QuestionSet
from crmsync.model.record import Value

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BUDGET = Question(field="crmsync_budget", ask="Which budget is planned?")
WHO = Question(field="crmsync_authority", ask="Who decides with you?")
SIZE = Question(field="employees", ask="How many people work there?")
WHEN = Question(field="crmsync_timeline", ask="When shall it run?")
RULES = ProfileRules(
    sets=(
        QuestionSet(name="big", questions=(WHO, BUDGET, WHEN), when=Test(field="employees", op="ge", value=200)),
        QuestionSet(name="all", questions=(SIZE, BUDGET, WHO)),
    ),
    show=2,
)


def ask(facts: dict[str, Value], rules: ProfileRules = RULES, signals: tuple[Signal, ...] = ()) -> str | None:
    return next_questions(facts, rules, Lists(), NOW, signals)


def test_p1_the_next_missing_answers_are_asked_in_order_by_segment() -> None:
    assert ask({}) == "1. How many people work there? 2. Which budget is planned?"
    assert ask({"employees": 500}) == "1. Who decides with you? 2. Which budget is planned?"
    assert ask({"employees": 500, "crmsync_authority": "the CFO"}) == "1. Which budget is planned? 2. When shall it run?"


def test_p1_what_is_known_is_never_asked_again() -> None:
    known: dict[str, Value] = {"employees": 20, "crmsync_budget": "20k"}
    assert ask(known) == "1. Who decides with you?"
    assert ask({**known, "crmsync_authority": "I do"}) is None


@pytest.mark.parametrize(("value", "known"), [(0, True), (False, True), ("no", True), ("", False), ("  ", False), (None, False)])
def test_no_and_nought_are_answers_and_blanks_are_none(value: Value, known: bool) -> None:
    rules = ProfileRules(sets=(QuestionSet(name="one", questions=(SIZE,)),))
    assert (ask({"employees": value}, rules) is None) is known


def test_a_set_may_wait_for_a_signal_and_nobody_is_asked_whom_no_set_fits() -> None:
    rules = ProfileRules(sets=(QuestionSet(name="demo", questions=(WHEN,), when=Happened(signals=("demo_request",))),))
    asked = Signal(event_id="1", type="demo_request", at=NOW - timedelta(days=1))
    assert ask({}, rules) is None
    assert ask({}, rules, (asked,)) == "1. When shall it run?"


def test_the_text_fits_its_field_and_stays_on_one_line() -> None:
    long = tuple(Question(field=f"f{i}", ask=f"Question\n{i} {'x' * 90}") for i in range(4))
    text = ask({}, ProfileRules(sets=(QuestionSet(name="one", questions=long),), show=4))
    assert text is not None
    assert text.count("Question") == 2
    assert len(text) <= TEXT_LIMIT
    assert "\n" not in text
    endless = ProfileRules(sets=(QuestionSet(name="one", questions=(Question(field="f", ask="y" * 400), long[0])),))
    text = ask({}, endless)
    assert text is not None
    assert len(text) == TEXT_LIMIT
    assert text.endswith("…")


def test_one_field_is_asked_once_and_none_at_all_when_none_shall_be_shown() -> None:
    twice = ProfileRules(sets=(QuestionSet(name="one", questions=(BUDGET, Question(field="crmsync_budget", ask="Again?"), WHO)),), show=3)
    assert ask({}, twice) == "1. Which budget is planned? 2. Who decides with you?"
    assert ask({}, ProfileRules(sets=RULES.sets, show=0)) is None
