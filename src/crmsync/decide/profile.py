"""Progressive profiling (P1): which answers are still missing, as the next questions to ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from crmsync.decide.condition import Lists, holds
from crmsync.decide.text import one_line
from crmsync.model.link import Signal
from crmsync.model.process import ProfileRules, Question, QuestionSet
from crmsync.model.record import Fields

TEXT_LIMIT = 255
"""What the CRMs' text field holds."""


def set_for(facts: Fields, rules: ProfileRules, lists: Lists, now: datetime, signals: Sequence[Signal]) -> QuestionSet | None:
    """The first set whose condition holds for them (a set without one is for everybody); None when there is none for them."""
    return next((s for s in rules.sets if s.when is None or holds(s.when, facts, lists, now, signals)), None)


def missing(facts: Fields, questions: Sequence[Question]) -> list[Question]:
    """Questions whose field is empty, in their order, one per field. No and 0 are answers."""
    asked: dict[str, Question] = {}
    for question in questions:
        value = facts.get(question.field)
        if value is None or (isinstance(value, str) and not value.strip()):
            asked.setdefault(question.field, question)
    return list(asked.values())


def next_questions(facts: Fields, rules: ProfileRules, lists: Lists, now: datetime, signals: Sequence[Signal] = ()) -> str | None:
    """The next `rules.show` questions of the set for this person, numbered on one line: "1. Which budget is planned? 2. Who decides?".

    facts: house fields with crmsync's own inputs; what is known there is never asked. At most 255 characters: a question that does not fit any more
    is left for later, a first one that is longer is cut. None: nothing is missing, or no set is for them."""
    found = set_for(facts, rules, lists, now, signals)
    if found is None:
        return None
    return _numbered(tuple(question.ask for question in missing(facts, found.questions)[: max(rules.show, 0)])) or None


@lru_cache(maxsize=4_096)
def _numbered(asks: tuple[str, ...]) -> str:
    """Most persons lack the same answers."""
    text = ""
    for number, ask in enumerate(asks, 1):
        line = f"{number}. {one_line(ask, TEXT_LIMIT)}"
        longer = f"{text} {line}" if text else one_line(line, TEXT_LIMIT)
        if len(longer) > TEXT_LIMIT:
            break
        text = longer
    return text
