"""What conditions and questions can name, and whether a test can hold for it at all: a number compared with a picklist never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.model.fields import FRAMEWORK_FIELDS, own_fields
from crmsync.model.rules import FieldMap, FieldType, Playbook
from crmsync.playbook.problems import one_of, quoted
from crmsync.playbook.references_twins import twins_of
from crmsync.playbook.schema_activities import CompaniesFile
from crmsync.playbook.schema_mapping import PersonFile
from crmsync.playbook.schema_when import OPERATORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is known of a person. options: all values it can have (empty: not known)."""

    type: FieldType
    options: tuple[str, ...] = ()


FRAMEWORK_OF: Mapping[str, str] = {f.name: framework for framework, fields in FRAMEWORK_FIELDS.items() for f in fields}
"""Answer that reps can only give when its qualification framework is on (process.md S10) -> that framework."""
_NUMBERS, _BOOLS = frozenset({FieldType.NUMBER}), frozenset({FieldType.BOOL})
_MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME, FieldType.DAY})
_OPTIONS = frozenset({FieldType.PICKLIST, FieldType.MULTI})
_ORDER = frozenset({"less_than", "at_most", "more_than", "at_least", "between"})
_EQUAL = frozenset({"is", "is_not", "in", "not_in"})
_SEARCH = frozenset({"matches", "contains"})
_AGE = frozenset({"within", "older_than"})
_ANY = frozenset({"empty", "filled"})
_DOMAINS = frozenset({FieldType.EMAIL, FieldType.URL, FieldType.TEXT, FieldType.LONG_TEXT})
_TITLES = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})
WRITTEN: Mapping[str, str] = {op: test for test, op in OPERATORS.items()}
"""Operator of a Test -> how it is written."""


def facts_of(person: PersonFile, companies: CompaniesFile | None, frameworks: frozenset[str] | set[str]) -> dict[str, Fact]:
    """Every fact that the files of a home name: house fields, those of a person's company and deal, and the answers that reps give."""
    found = {name: _fact(field.type, field.values, listed=False) for name, field in person.fields.items()}
    for _, kind, twin in twins_of(None, companies):
        if twin.on:
            found |= {f"{kind}.{name}": _fact(field.type, field.values, listed=field.listed_only) for name, field in twin.fields.items()}
            if kind == "deal" and "closed" in twin.fields:
                found["deal.open"] = Fact(type=FieldType.BOOL)
    return found | answers(frameworks)


def facts_in(playbook: Playbook) -> dict[str, Fact]:
    """The same of a playbook that was built."""
    found = {name: _built(field) for name, field in playbook.person.fields.items()}
    for kind, twin in playbook.twins.items():
        if not twin.activity:
            found |= {f"{kind}.{name}": _built(field) for name, field in twin.fields.items()}
    return found | answers(playbook.frameworks)


def answers(frameworks: frozenset[str] | set[str]) -> dict[str, Fact]:
    """crmsync's own fields that reps fill."""
    return {
        f.name: Fact(type=FieldType.PICKLIST if f.type == "picklist" else FieldType.TEXT, options=f.options)
        for f in own_fields(frameworks)
        if f.role == "input"
    }


def misfit(field: str, test: str, wanted: Any, fact: Fact) -> str:
    """Why `test` (as written) with `wanted` can never tell anything of a field like this, and the fix; "" when it can."""
    kind = fact.type
    if test in _ANY:
        return ""
    if not _takes(kind, test):
        return f"{field} is of type {kind}, of which {test} never holds; {_instead(kind)}"
    if test in _AGE or test == "title_is" or test == "domain_in":
        return ""
    for value in wanted if isinstance(wanted, list | tuple) else (wanted,):
        if wrong := _value(field, kind, value):
            return wrong
        if fact.options and test in _EQUAL and str(value).strip().casefold() not in {option.casefold() for option in fact.options}:
            return f"{field} never has the value {quoted(value)}; {one_of(str(value), fact.options)}"
    return ""


def _takes(kind: FieldType, test: str) -> bool:
    if test in _EQUAL:
        return True
    if test in _ORDER:
        return kind not in _BOOLS | _OPTIONS | {FieldType.OWNER}
    if test in _AGE:
        return kind in _MOMENTS
    if test in _SEARCH:
        return kind not in _NUMBERS | _BOOLS | _MOMENTS
    return kind in (_DOMAINS if test == "domain_in" else _TITLES)


def _instead(kind: FieldType) -> str:
    if kind in _NUMBERS:
        return "use is, in, less_than, at_most, more_than, at_least or between with numbers"
    if kind in _BOOLS:
        return "use is: true or is: false"
    if kind in _MOMENTS:
        return "use within or older_than with days, or less_than, more_than, between with dates"
    if kind in _OPTIONS:
        return "use is, in or not_in with its options"
    if kind is FieldType.OWNER:
        return "use is, in or not_in with e-mail addresses of users"
    return "use is, in, matches or contains with texts"


def _value(field: str, kind: FieldType, value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _NUMBERS:
        return "" if number else f"{field} is a number and {_said(value)} is none; {_instead(kind)}"
    if kind in _BOOLS:
        return "" if isinstance(value, bool) else f"{field} is true or false and never {_said(value)}; {_instead(kind)}"
    if isinstance(value, str):
        return (
            "" if kind not in _MOMENTS or _is_moment(value) else f"{field} is a date and {_said(value)} is none; write one like 2026-01-31"
        )
    if kind in _MOMENTS:
        return f'{field} is a date and {_said(value)} is none; write one like "2026-01-31", or within with days'
    what = "a picklist" if kind in _OPTIONS else "a text"
    if number:
        return f'{field} is {what} and never the number {value:g}; write "{value:g}" if that is its text, or {_instead(kind)}'
    return f"{field} is {what} and never {_said(value)}; {_instead(kind)}"


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else quoted(value) if isinstance(value, str) else f"{value:g}"


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _fact(type: str, values: Mapping[str, Mapping[str, object]], *, listed: bool) -> Fact:
    """listed: nothing passes beside what `values` names."""
    names = [house for by_house in values.values() for house in by_house] if listed else []
    return Fact(type=FieldType(type), options=tuple(dict.fromkeys(names)))


def _built(field: FieldMap) -> Fact:
    return Fact(type=field.type)
