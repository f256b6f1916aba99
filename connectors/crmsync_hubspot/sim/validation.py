"""Checks and canonical spelling of property values on their way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Issue
from .schema import Property
from .values import STRING_LIMIT, as_text, date_text, is_email, iso, number_text, parse_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a value check needs to know of the portal beyond the property definitions."""

    properties: Mapping[str, Property]
    owner_ids: frozenset[str]
    stages: Mapping[str, frozenset[str]]
    """Valid values of pipeline-bound properties (dealstage, pipeline)."""
    read_only: str
    """reject | ignore | allow (the system's own writes)."""
    unlisted: frozenset[str] = frozenset()
    """Enumerations whose values need not be among their options."""


def check(rules: Rules, wanted: Mapping[str, Any], current: Mapping[str, str]) -> tuple[dict[str, str], list[Issue]]:
    """Canonical changes ("" clears; null is no change) and the issues found."""
    changes: dict[str, str] = {}
    issues: list[Issue] = []
    for name, raw in wanted.items():
        prop = rules.properties.get(name)
        if prop is None or prop.archived:
            issues.append(Issue(name=name, code="PROPERTY_DOESNT_EXIST", message=f'Property "{name}" does not exist'))
            continue
        if raw is None:
            continue
        if prop.read_only and rules.read_only != "allow":
            if rules.read_only == "reject":
                message = f'"{name}" is a read only property; its value cannot be set.'
                issues.append(Issue(name=name, code="READ_ONLY_VALUE", message=message))
            continue
        if isinstance(raw, dict | list):
            issues.append(Issue(name=name, code="INVALID_STRING", message=f"{name} takes one value, not a structure"))
            continue
        text = as_text(raw)
        value, issue = ("", None) if text.strip() == "" else _value(rules, prop, text, current.get(name, ""))
        if issue is not None:
            issues.append(issue)
        else:
            changes[name] = value
    return changes, issues


def _value(rules: Rules, prop: Property, text: str, current: str) -> tuple[str, Issue | None]:
    def refuse(code: str, message: str) -> tuple[str, Issue]:
        return "", Issue(name=prop.name, code=code, message=message)

    if prop.name == "email":
        value = text.strip().lower()
        return (value, None) if is_email(value) else refuse("INVALID_EMAIL", f"Email address {text} is invalid")
    if prop.name == "hubspot_owner_id":
        return (text, None) if text in rules.owner_ids else refuse("INVALID_OWNER_ID", f"Owner id {text} does not exist")
    if prop.name in rules.stages:
        allowed = rules.stages[prop.name]
        return (text, None) if text in allowed else refuse("INVALID_OPTION", _option_message(text, sorted(allowed)))
    match prop.type:
        case "number":
            number = number_text(text)
            return (number, None) if number is not None else refuse("INVALID_INTEGER", f"{text} was not a valid number.")
        case "bool":
            value = text.lower()
            return (value, None) if value in {"true", "false"} else refuse("INVALID_OPTION", _option_message(text, ["true", "false"]))
        case "datetime":
            ms = parse_datetime(text)
            return (iso(ms), None) if ms is not None else refuse("INVALID_LONG", f"{text} was not a valid long.")
        case "date":
            day = date_text(text)
            return (day, None) if day is not None else refuse("INVALID_DATE", _date_message(text))
        case "enumeration" if prop.restricted and prop.name not in rules.unlisted:
            return _options(prop, text, current)
    if len(text) > STRING_LIMIT:
        return refuse("INVALID_STRING_LENGTH", f"{prop.name} was {len(text)} characters, the limit is {STRING_LIMIT}")
    return text, None


def _options(prop: Property, text: str, current: str) -> tuple[str, Issue | None]:
    if prop.field_type != "checkbox":
        chosen = [text]
    else:
        # a leading ; adds to what is there
        base = [v for v in current.split(";") if v] if text.startswith(";") else []
        chosen = base + [v for v in text.split(";") if v and v not in base]
    for value in chosen:
        if value not in prop.options:
            return "", Issue(name=prop.name, code="INVALID_OPTION", message=_option_message(value, list(prop.options)))
    return ";".join(chosen), None


def _option_message(value: str, allowed: list[str]) -> str:
    return f"{value} was not one of the allowed options: [{', '.join(allowed)}]"


def _date_message(text: str) -> str:
    ms = parse_datetime(text)
    if ms is None:
        return f"{text} was not a valid date."
    return f"{text} is at {iso(ms)[11:]} UTC, not midnight!"
