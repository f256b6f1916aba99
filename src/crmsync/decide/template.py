"""Texts for tasks (process.md C4): a template, the merge fields of one person, and what comes of both.

What comes is plain text and never has a hole: an empty merge field falls back to what the template gives, or it blocks the whole text. Values
come from CRMs: each is one line of bounded length, so that no value can change how the text is built. Nothing here raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crmsync.decide.locale import locale_of, normal
from crmsync.decide.template_source import LISTS, Hole, Lines, Log, read_source
from crmsync.decide.text import ELLIPSIS, one_line
from crmsync.model.fields import FRAMEWORK_FIELDS
from crmsync.model.followup import Template
from crmsync.model.link import Signal
from crmsync.model.record import Fields, User, Value

__all__ = ["EXTRA", "LISTS", "Rendered", "known_fields", "locale_of", "merge_fields", "render", "variant_of"]

VALUE_LIMIT, ITEMS = 200, 20
"""Characters of one value or item, items of a list."""
SUBJECT_LIMIT, BODY_LIMIT = 255, 8_000
"""Characters of what comes of it."""
EXTRA: Mapping[str, str] = {
    "owner_name": "The owner's name as their CRM has it, else their e-mail address.",
    "owner_first_name": "The first word of the owner's name.",
    "owner_email": "The owner's e-mail address.",
    "trigger": "What made the person qualify, as in the handoff.",
    "mql_type": "Which of your types that made them.",
    "source": "Where the person came from: the house field lead_source.",
    "campaign": "The house field campaign, where your mapping has one.",
    "topic": "What the newest signal with a detail was about: a form's name, a page's address.",
    "answers": 'What they answered in the newest form, a list of "question: answer"; printed as it is, in one line.',
}
"""Merge fields beside house fields -> what they hold."""
_UNSEEN = frozenset("\u3164\u115f\u1160\uffa0\u2800")  # letters and signs that print nothing
_MANY = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A text for one person. blocked: there is none (subject and body are empty), because of `blocked_by` (merge fields) or `problem` (the template itself).
    missing: merge fields of the template that are empty. fell_back: (field, what stood in for it). locale: the variant taken ("": the base)."""

    subject: str
    body: str
    missing: tuple[str, ...] = ()
    blocked: bool = False
    fell_back: tuple[tuple[str, str], ...] = ()
    blocked_by: tuple[str, ...] = ()
    problem: str = ""
    locale: str = ""


def render(template: Template, locale: str | None, fields: Mapping[str, str]) -> Rendered:
    """The template's text in that locale, else in its language, else the base. fields: merge field -> text (a list: a line for each item); what is empty may
    be left out."""
    found = variant_of(template, locale)
    if found is None:
        return Rendered(subject="", body="", blocked=True, problem="the template has no text")
    sources = [read_source(text) for text in template.variants[found]]
    flaw = next((flaw for source in sources for flaw in source.flaws), None)
    names = list(dict.fromkeys(name for source in sources for name in source.fields))
    log = Log()
    values: dict[str, object] = {name: _value(name, fields.get(name)) or Hole(name, log) for name in (*names, *template.needs)}
    missing = tuple(name for name in values if isinstance(values[name], Hole))
    needed = [name for name in missing if name in template.needs]
    if flaw is not None or needed:
        problem = "" if flaw is None else flaw.message
        return Rendered(subject="", body="", missing=missing, blocked=True, blocked_by=tuple(needed), problem=problem, locale=found)
    subject, body = ("".join(_bounded(source.run(values) if source.run is not None else (), BODY_LIMIT)) for source in sources)
    subject, body = one_line(subject, SUBJECT_LIMIT), _tidy(body)
    by = tuple(dict.fromkeys(log.bare))
    problem = "" if by or (subject and body) else f"the {'body' if subject else 'subject'} comes out empty"
    blocked = bool(by or problem)
    return Rendered(
        subject="" if blocked else subject, body="" if blocked else body, missing=missing, blocked=blocked,
        fell_back=tuple(log.fell_back.items()), blocked_by=by, problem=problem, locale=found,
    )  # fmt: skip


def variant_of(template: Template, locale: str | None) -> str | None:
    """The locale among the template's that is nearest: the same, its language, the base, any; None when it has none at all."""
    wanted = normal(locale or "")
    order = (wanted, wanted.split("-")[0], "", *sorted(template.variants))
    return next((one for one in order if one in template.variants), None)


def merge_fields(
    facts: Fields, *, owner: User | None = None, trigger: str = "", mql_type: str | None = None, signals: Sequence[Signal] = ()
) -> dict[str, str]:
    """What is known of a person as merge fields. facts: house fields and reps' answers; names that no template can write (company.…) are left out."""
    told = {name: _text(value) for name, value in facts.items() if name.isidentifier()}
    newest = sorted((s for s in signals if s.detail or s.answers), key=lambda s: (s.at, s.event_id), reverse=True)
    name = (one_line(owner.name) or owner.email or "") if owner is not None else ""
    told |= {
        "owner_name": name,
        "owner_first_name": name.split(" ", 1)[0] if "@" not in name else "",
        "owner_email": (owner.email or "") if owner is not None else "",
        "trigger": trigger,
        "mql_type": mql_type or "",
        "source": _text(facts.get("lead_source")),
        "topic": next((s.detail for s in newest if s.detail), ""),
        "answers": "\n".join(one_line(answer) for answer in next((s.answers for s in newest if s.answers), ())),
    }
    return {name: text for name, text in told.items() if text}


def known_fields(house: Iterable[str], frameworks: Iterable[str] = ("bant",)) -> tuple[str, ...]:
    """Every merge field that a template may name. house: names of house fields; the owner is known by name and address instead."""
    answers = [f.name for framework in frameworks for f in FRAMEWORK_FIELDS.get(framework, ())]
    return tuple(dict.fromkeys((*(name for name in house if name != "owner"), *answers, *EXTRA)))


def _text(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else ("yes" if value else "no")
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _value(name: str, text: str | None) -> str | Lines:
    """The value as a template gets it; empty when nothing of it can be seen."""
    if name in LISTS:
        return Lines(item for line in (text or "")[: ITEMS * VALUE_LIMIT * 2].split("\n")[:ITEMS] if (item := _line(line)))
    return _line(text or "")


def _line(text: str) -> str:
    line = one_line(text[: VALUE_LIMIT * 10], VALUE_LIMIT)
    return line if any(unicodedata.category(c)[0] not in "ZCM" and c not in _UNSEEN for c in line) else ""


def _bounded(parts: Iterable[str], limit: int) -> Iterable[str]:
    """The parts up to that many characters and one part more: what is longer is cut there and not computed."""
    length = 0
    for part in parts:
        yield part
        length += len(part)
        if length > limit:
            return


def _tidy(text: str) -> str:
    """No blanks at the ends of lines, no two empty lines, nothing before and after; at most BODY_LIMIT characters."""
    lines = _MANY.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
    return lines if len(lines) <= BODY_LIMIT else lines[: BODY_LIMIT - 1].rstrip() + ELLIPSIS
