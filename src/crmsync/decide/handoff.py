"""The handoff package (process.md H1) as plain text and as HTML, and whether there is enough of it (L10)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crmsync.decide.bodies import fit
from crmsync.decide.text import ELLIPSIS, minute, one_line, points_text
from crmsync.model.fields import FRAMEWORK_FIELDS
from crmsync.model.link import Signal
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields
from crmsync.model.verdict import GateVerdict, ScoreVerdict

LIMIT = 8_000
"""Characters of the whole package."""
HTML_LIMIT = 60_000
"""Characters of the package as HTML: what no CRM's task body is too short for."""
PAGES, ANSWERS, ANSWER_LINES, EVENTS, REASONS = 10, 10, 30, 15, 20
"""Lines per section at most; of forms: forms, and lines with their answers."""

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@(?:[^\s@.<>()\[\],;:\"]{1,63}\.)+[^\s@.<>()\[\],;:\"]{2,63}")
_CONTACT = (
    ("Name", ("first_name", "last_name")), ("Title", ("title",)), ("Company", ("company",)), ("E-mail", ("email",)),
    ("Phone", ("phone",)), ("Mobile", ("mobile",)), ("Website", ("website",)), ("Industry", ("industry",)),
)  # fmt: skip
_QUALITY = {"verified": "verified", "risky": "risky", "invalid": "not valid", "unknown": "not verified"}
_NUMBER = {"valid": "valid", "invalid": "not valid", "unknown": "not verified"}
_HEADING = re.compile(r"<div>([^<]*)</div><ul>")
_REGION = ("city", "state", "postal_code", "country")
_SOURCE = (("Source", ("lead_source",)), ("Campaign", ("campaign",)))
_QUALIFICATION = tuple((field.label, (field.name,)) for fields in FRAMEWORK_FIELDS.values() for field in fields)


def complete(*, facts: Fields, trigger: str, type_rule: TypeRule | None) -> bool:
    """Whether a rep can act on it: an e-mail that looks valid or a phone number of 7 digits or more, and a known trigger and type."""
    return bool(trigger.strip()) and type_rule is not None and reachable(facts)


def reachable(facts: Fields) -> bool:
    """Whether an e-mail looks valid (one @, a domain with a dot, at most 254 characters) or a phone number has at least 7 digits."""
    email = facts.get("email")
    if isinstance(email, str) and len(email.strip()) <= 254 and _EMAIL.fullmatch(email.strip()):
        return True
    return any(isinstance(n, str) and sum(c.isdigit() for c in n) >= 7 for n in (facts.get("phone"), facts.get("mobile")))


def handoff_text(
    *,
    facts: Fields,
    score: ScoreVerdict,
    signals: Sequence[Signal],
    type_rule: TypeRule,
    trigger: str,
    stage: str,
    owner: str | None = None,
    routing_reason: str = "",
    gate: GateVerdict | None = None,
) -> str:
    """The package as readable plain text of at most 8,000 characters; the same input gives the same text. All times are UTC.

    It holds contact data and how far it is verified (gate; None: nothing is said of it), region, trigger, MQL type and goal, score with reasons,
    source and campaign, pages viewed, form answers and recent events, newest first. Every value stands on one line, so no CRM text can forge
    a heading; it is not HTML: `as_html` makes that of it.
    """
    newest = sorted(signals, key=lambda s: (s.at, s.event_id), reverse=True)
    region = ", ".join(t for t in (one_line(facts.get(n), 60) for n in _REGION) if t)
    parts = f"{points_text(score.total)} (fit {points_text(score.fit)}, behavior {points_text(score.behavior)})"
    why = [f"Trigger: {one_line(trigger, 255)}", f"MQL type: {one_line(type_rule.type)}", f"Stage: {one_line(stage)}"]
    if type_rule.goal:
        why.append(f"Goal: {one_line(type_rule.goal)}")
    if owner:
        why.append(f"Owner: {one_line(owner)}" + (f" ({one_line(routing_reason)})" if routing_reason else ""))
    pages = dict.fromkeys(one_line(s.detail) for s in newest if "page_view" in s.type and s.detail)
    forms = [line for s in [s for s in newest if "page_view" not in s.type and s.detail][:ANSWERS] for line in _form(s)]
    sections: list[tuple[str, Iterable[str]]] = [
        ("Contact", [*_contact(facts, gate), *([f"Region: {region}"] if region else [])]),
        ("Why now", why),
        ("Score", [parts.removeprefix("+"), *(reason_line(r.points, r.rule, r.source) for r in score.reasons[:REASONS])]),
        ("Source", _lines(facts, _SOURCE)),
        ("Pages viewed", list(pages)[:PAGES]),
        ("Forms and answers", [*_lines(facts, _QUALIFICATION), *forms[:ANSWER_LINES]]),
        ("Recent history", [f"{minute(s.at)} {_event(s)}" for s in newest[:EVENTS]]),
    ]
    # What is indented continues the item above it.
    blocks = [
        "\n".join((heading.upper(), *(line if line[:2] == "  " else f"- {line}" for line in lines))) for heading, lines in sections if lines
    ]
    return cut_lines("\n\n".join(blocks), LIMIT)


def handoff_html(
    *,
    facts: Fields,
    score: ScoreVerdict,
    signals: Sequence[Signal],
    type_rule: TypeRule,
    trigger: str,
    stage: str,
    owner: str | None = None,
    routing_reason: str = "",
    gate: GateVerdict | None = None,
) -> str:
    """The same package as HTML of at most 60,000 characters, for bodies that are HTML."""
    return as_html(
        handoff_text(
            facts=facts, score=score, signals=signals, type_rule=type_rule, trigger=trigger, stage=stage, owner=owner,
            routing_reason=routing_reason, gate=gate,
        )
    )  # fmt: skip


def as_html(text: str) -> str:
    """A package, or a task's body with one in it, as HTML: headings bold, lists as lists, https addresses as links; everything else is escaped. Only
    elements that every CRM keeps, no styles. `bodies.to_text` gives the text back."""
    return _HEADING.sub(r"<div><strong>\1</strong></div><ul>", fit(text, HTML_LIMIT))


def _contact(facts: Fields, gate: GateVerdict | None) -> list[str]:
    """Who it is, each address and number with what is known of it."""
    lines = _lines(facts, _CONTACT)
    notes: dict[str, list[str]] = {}
    if gate is not None:
        notes["E-mail"] = [_QUALITY[gate.quality]]
        notes |= {label: [_NUMBER[gate.phones[name]]] for name, label in (("phone", "Phone"), ("mobile", "Mobile")) if name in gate.phones}
    if facts.get("email_opt_out") is True:
        notes.setdefault("E-mail", []).append("opted out: send no e-mail")
    noted = [f"{line} ({', '.join(notes[label])})" if (label := line.partition(":")[0]) in notes else line for line in lines]
    return [*noted, *(f"Note: {one_line(issue)}" for issue in (gate.issues if gate is not None else ()))]


def reason_line(points: float, rule: str, source: str = "") -> str:
    """One reason for readers: "+30 C-level title (title: CEO)"."""
    text = f"{points_text(points)} {one_line(rule, 80)}"
    return f"{text} ({one_line(source, 110)})" if source else text


def cut_lines(text: str, limit: int) -> str:
    """`text` without the last lines that do not fit into `limit` characters; an ellipsis on its own line tells of a cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return f"{head[: head.rfind(chr(10)) + 1]}{ELLIPSIS}"


def _lines(facts: Fields, rows: tuple[tuple[str, tuple[str, ...]], ...]) -> list[str]:
    values = ((label, " ".join(t for t in (one_line(facts.get(n)) for n in names) if t)) for label, names in rows)
    return [f"{label}: {text}" for label, text in values if text]


def _form(signal: Signal) -> list[str]:
    head = ": ".join(t for t in (one_line(signal.type, 60), one_line(signal.detail)) if t)
    return [f"{head} ({minute(signal.at)})", *(f"  {text}" for answer in signal.answers if (text := one_line(answer)))]


def _event(signal: Signal) -> str:
    detail = one_line(signal.detail, 120)
    return one_line(signal.type, 60) + (f": {detail}" if detail else "")
