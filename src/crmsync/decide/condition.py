"""Conditions on a person's facts: total and type-safe, so that one odd value makes one rule false and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from crmsync.decide.canonical import moment
from crmsync.decide.domains import mail_domains
from crmsync.decide.titles import Titles, phrases, titled
from crmsync.decide.words import fold_words
from crmsync.errors import ConfigError
from crmsync.model.condition import LONGEST_CODE, All, Condition, Happened, Not, Test, code_range
from crmsync.model.link import Signal
from crmsync.model.record import Fields, Value
from crmsync.model.rules import Playbook

__all__ = [
    "OPS",
    "Lists",
    "domain_of",
    "fields_of",
    "fold_words",
    "holds",
    "lists_of",
    "parts_of",
    "passes",
    "signals_of",
    "text_matches",
    "turns_at",
]

OPS: frozenset[str] = frozenset({
    "eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "between", "matches", "contains", "empty", "filled", "domain_in", "title_is",
    "within", "older_than",
})  # fmt: skip
"""Every operator that `holds` knows; a playbook with another one is refused when it is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The word lists that conditions name. Domains are lower case; none is both free and disposable."""

    free: frozenset[str] = frozenset()
    disposable: frozenset[str] = frozenset()
    competitor: frozenset[str] = frozenset()
    target: frozenset[str] = frozenset()
    titles: Titles = field(default_factory=Titles)


def lists_of(playbook: Playbook) -> Lists:
    """The lists of a playbook, folded for comparison, with the libraries' mail services. Make it once per playbook: it walks every domain."""
    free, disposable = mail_domains(playbook)
    return Lists(
        free=free,
        disposable=disposable,
        competitor=frozenset(d.strip().lower() for d in playbook.competitor_domains),
        target=frozenset(d.strip().lower() for d in playbook.target_domains),
        titles=Titles(
            ranks={name: phrases(texts) for name, texts in playbook.titles.items()},
            departments={name: phrases(texts) for name, texts in playbook.departments.items()},
            without={name: phrases(texts) for name, texts in playbook.titles_except.items()},
        ),
    )


def holds(condition: Condition, facts: Fields, lists: Lists, now: datetime | None = None, signals: Sequence[Signal] = ()) -> bool:
    """Whether `condition` holds for `facts` and `signals` (each event once) at `now` (UTC). All of nothing holds, any of nothing does not.

    Texts are compared without regard to case; dates and datetimes as their canonical text; a bool is never a number. Values of different
    kinds are not equal and not ordered: eq and lt ... between are False, ne and not_in (the plain negations of eq and in) True. Between two texts of
    digits lie texts that begin with a number between them, of as many digits where both have the same (postal codes). An empty
    field fulfils only `empty`, `ne` and `not_in`. matches is a case-insensitive search; contains takes a text or several, any of which
    is enough; domain_in takes list names (free, disposable, competitor, target) and domains. within and older_than, and counts in a window, need
    `now`: without it they do not hold. Raises ConfigError for an operator outside OPS.
    """
    if isinstance(condition, Test):
        return passes(condition, facts.get(condition.field), lists, now)
    if isinstance(condition, Happened):
        return _often(condition, sum(1 for _ in _counted(condition, signals, now)))
    if isinstance(condition, Not):
        return not holds(condition.of, facts, lists, now, signals)
    every = isinstance(condition, All)
    for part in condition.of:
        if holds(part, facts, lists, now, signals) is not every:
            return not every
    return every


def parts_of(condition: Condition) -> Iterator[Test | Happened]:
    """Every test and count in a condition, in order."""
    if isinstance(condition, Test | Happened):
        yield condition
        return
    for part in (condition.of,) if isinstance(condition, Not) else condition.of:
        yield from parts_of(part)


def fields_of(condition: Condition) -> tuple[str, ...]:
    """House fields that a condition looks at, in order, each once."""
    return tuple(dict.fromkeys(part.field for part in parts_of(condition) if isinstance(part, Test)))


def signals_of(condition: Condition) -> tuple[str, ...]:
    """Signals that a condition counts, in order, each once."""
    return tuple(dict.fromkeys(name for part in parts_of(condition) if isinstance(part, Happened) for name in part.signals))


def turns_at(conditions: Iterable[Condition], facts: Fields, now: datetime, signals: Sequence[Signal] = ()) -> datetime | None:
    """The earliest moment after `now` (UTC) at which time alone may change what one of these conditions says; None: never. It may be early (an
    `any` that holds by another part), never late."""
    found: list[datetime] = []
    for part in (part for condition in conditions for part in parts_of(condition)):
        if isinstance(part, Test):
            if part.op in ("within", "older_than") and (at := _moment(facts.get(part.field))) is not None:
                found += [at, _end(at, _days(part.value))]
        else:
            told = [s.at for s in signals if s.type in part.signals]
            found += [at for at in told if at > now]
            if part.within_days is not None:
                found += [_end(at, part.within_days) for at in told]
    return min((at for at in found if at > now), default=None)


def _counted(condition: Happened, signals: Sequence[Signal], now: datetime | None) -> Iterator[Signal]:
    if now is None:
        return
    for s in signals:
        if s.type in condition.signals and s.at <= now and (condition.within_days is None or now < _end(s.at, condition.within_days)):
            yield s


def _often(condition: Happened, count: int) -> bool:
    return condition.at_least <= count and (condition.at_most is None or count <= condition.at_most)


def _moment(value: Value) -> datetime | None:
    return moment(value) if isinstance(value, str) else None


def _end(at: datetime, days: float) -> datetime:
    """The first moment at which `at` is more than `days` ago, to the microsecond."""
    try:
        return at + timedelta(days=days, microseconds=1)
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)


def _days(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value == value else 0.0


def text_matches(pattern: str, text: str) -> bool:
    """Whether the regular expression is found in `text`, whatever the case. A broken pattern finds nothing (the loader reports it)."""
    compiled = _compiled(pattern)
    return compiled is not None and compiled.search(text) is not None


@lru_cache(maxsize=4096)
def domain_of(text: str) -> str:
    """The domain of an e-mail address, or the host of a web address without "www."; lower case, "" when there is none."""
    host = text.strip().lower()
    if "@" in host:
        host = host.rpartition("@")[2]
    elif "." not in host:
        return ""
    else:
        host = host.rpartition("://")[2]
        host = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("www.")
    host = host.strip(" .>")
    return host if "." in host and " " not in host else ""


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error:
        return None


def passes(test: Test, value: Value, lists: Lists, now: datetime | None = None) -> bool:
    """Whether one test holds for one value; see `holds`."""
    op, wanted = test.op, test.value
    blank = value is None or (isinstance(value, str) and (not value or value.isspace()))
    if op == "empty":
        return blank
    if op == "filled":
        return not blank
    if op in ("ne", "not_in"):
        return blank or not _any_equal(value, wanted)
    if op not in OPS:
        raise ConfigError(f"unknown operator {op!r} in a condition on {test.field!r}; known: {', '.join(sorted(OPS))}")
    if blank:
        return False
    if op in ("eq", "in"):
        return _any_equal(value, wanted)
    if op == "between":
        if not isinstance(wanted, tuple) or len(wanted) != 2:
            return False
        low, high = wanted
        if isinstance(value, str) and isinstance(low, str) and isinstance(high, str) and (bounds := code_range(low, high)) is not None:
            return _within_codes(value, *bounds)
        return _ordered("ge", value, wanted[0]) and _ordered("le", value, wanted[1])
    if op in ("within", "older_than"):
        at = _moment(value)
        if at is None or now is None or at > now:
            return False
        return (now < _end(at, _days(wanted))) is (op == "within")
    if op in ("lt", "le", "gt", "ge"):
        return not isinstance(wanted, tuple) and _ordered(op, value, wanted)
    if not isinstance(value, str):
        return False
    choices = [c for c in (wanted if isinstance(wanted, tuple) else (wanted,)) if isinstance(c, str) and c.strip()]
    if op == "matches":
        return any(text_matches(c, value) for c in choices)
    if op == "contains":
        return any(c.casefold() in value.casefold() for c in choices)
    if op == "domain_in":
        return _domain_in(domain_of(value), choices, lists)
    return titled(value, choices, lists.titles)


_CODE = re.compile(r"\s*(?:[A-Za-z]{1,3}-)?([0-9][0-9 ]*)")


def _within_codes(value: str, first: int, last: int, digits: int) -> bool:
    """Whether the digits with which a code begins lie between the two: "110 00" is 11000, "94105-1234" is 94105, "D-10115" is 10115. With bounds of five digits a
    code of four is another country's."""
    found = _CODE.match(value)
    code = found[1].replace(" ", "") if found is not None else ""
    if not code or len(code) > LONGEST_CODE or (digits and len(code) != digits):
        return False
    return first <= int(code) <= last


def _domain_in(domain: str, choices: list[str], lists: Lists) -> bool:
    """A domain is in a list when it or a domain above it is: mail.rival.example counts as rival.example."""
    known = [_domains(choice, lists) for choice in choices]
    while "." in domain:
        for names in known:
            if domain in names:
                return True
        domain = domain.partition(".")[2]
    return False


def _domains(choice: str, lists: Lists) -> frozenset[str]:
    if choice == "free":
        return lists.free
    if choice == "disposable":
        return lists.disposable
    if choice == "competitor":
        return lists.competitor
    if choice == "target":
        return lists.target
    return frozenset({choice.strip().lower().lstrip("@*.")})


def _any_equal(value: Value, wanted: Value | tuple[Value, ...]) -> bool:
    if not isinstance(wanted, tuple):
        return _equal(value, wanted)
    return any(_equal(value, w) for w in wanted)


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right or left.strip().casefold() == right.strip().casefold()
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return isinstance(left, int | float) and isinstance(right, int | float) and left == right


def _ordered(op: str, left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        a, b = left.strip().casefold(), right.strip().casefold()
        order = (a > b) - (a < b)
    elif isinstance(left, bool) or isinstance(right, bool):
        return False
    elif isinstance(left, int | float) and isinstance(right, int | float) and left == left and right == right:
        order = (left > right) - (left < right)
    else:
        return False
    return order < 0 if op == "lt" else order <= 0 if op == "le" else order > 0 if op == "gt" else order >= 0
