"""Search filters: parsing with the vendor's limits, and matching a record state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .errors import validation
from .objecttypes import ObjectType, find_type
from .portal import Portal
from .schema import Property
from .store import Doc
from .values import as_text, parse_datetime

GROUPS, PER_GROUP, ALL_FILTERS = 5, 6, 18
OPERATORS = frozenset(
    {
        "EQ",
        "NEQ",
        "LT",
        "LTE",
        "GT",
        "GTE",
        "BETWEEN",
        "IN",
        "NOT_IN",
        "HAS_PROPERTY",
        "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN",
        "NOT_CONTAINS_TOKEN",
    }
)
_SEARCHED = {
    "contacts": ("firstname", "lastname", "email", "phone", "company", "hs_additional_emails"),
    "companies": ("name", "domain", "phone", "website"),
    "deals": ("dealname", "description"),
}
_TOKENS = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One checked filter; `number` and `high` are set for numeric and date properties."""

    name: str
    operator: str
    value: str
    values: tuple[str, ...]
    prop: Property | None
    number: float | None = None
    high: float | None = None

    def key(self) -> list[Any]:
        """What tells two filters apart."""
        return [self.name, self.operator, self.value, list(self.values), self.high]


def parse_filters(portal: Portal, kind: ObjectType, given: Any) -> list[list[Filter]]:
    """Filter groups (OR of ANDs); raises ApiError 400 on too many, unknown properties or operators, bad values."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise validation("Invalid input JSON: filterGroups must be a list")
    if len(given) > GROUPS:
        raise validation(f"There may be at most {GROUPS} filter groups, there are {len(given)}")
    groups = []
    for group in given:
        filters = (group or {}).get("filters") if isinstance(group, dict) else None
        if not isinstance(filters, list):
            raise validation("Invalid input JSON: a filter group needs filters")
        if len(filters) > PER_GROUP:
            raise validation(f"There may be at most {PER_GROUP} filters in a group, there are {len(filters)}")
        groups.append([_parse(portal, kind, f) for f in filters])
    if sum(map(len, groups)) > ALL_FILTERS:
        raise validation(f"There may be at most {ALL_FILTERS} filters, there are {sum(map(len, groups))}")
    return [g for g in groups if g] if any(groups) else []


def _parse(portal: Portal, kind: ObjectType, body: Any) -> Filter:
    if not isinstance(body, dict):
        raise validation("Invalid input JSON: a filter must be an object")
    name, operator = as_text(body.get("propertyName")), as_text(body.get("operator"))
    if operator not in OPERATORS:
        raise validation(f"Unknown filter operator {operator}")
    prop = portal.schema.live(kind.plural, name)
    associated = name.startswith("associations.")
    if prop is None and not associated:
        raise validation(f"There was a problem with the request. Property {name} does not exist")
    value = as_text(body.get("value"))
    values = tuple(as_text(v) for v in body.get("values") or [])
    if operator in ("IN", "NOT_IN"):
        if not values:
            raise validation(f"operator {operator} requires values")
        return Filter(name=name, operator=operator, value="", values=values, prop=prop)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return Filter(name=name, operator=operator, value="", values=(), prop=prop)
    if value == "":
        raise validation(f"operator {operator} requires a value")
    number = _number(prop, value) if prop is not None else None
    if prop is not None and prop.type in ("number", "datetime", "date") and number is None:
        raise validation(f"{value} is not a valid value of {name}")
    high = None
    if operator == "BETWEEN":
        high = _number(prop, as_text(body.get("highValue"))) if prop is not None else None
        if high is None:
            raise validation("operator BETWEEN requires a highValue")
    return Filter(name=name, operator=operator, value=value, values=values, prop=prop, number=number, high=high)


def _number(prop: Property, text: str) -> float | None:
    if prop.type in ("datetime", "date"):
        return parse_datetime(text)
    if prop.type == "number":
        try:
            # whole numbers stay exact: record ids exceed a float's precision late, but they do
            return int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError:
            return None
    return None


def matches(portal: Portal, kind: ObjectType, doc: Doc, groups: list[list[Filter]], query: str) -> bool:
    """Whether a record state satisfies any group, and the free-text query."""
    if query and not _matches_query(kind, doc, query):
        return False
    return not groups or any(all(_matches(portal, kind, doc, f) for f in group) for group in groups)


def _matches_query(kind: ObjectType, doc: Doc, query: str) -> bool:
    searched = _SEARCHED.get(kind.plural) or tuple(doc.props)
    text = " ".join(doc.props.get(name, "") for name in searched).lower()
    return all(word in text for word in query.split())


def _matches(portal: Portal, kind: ObjectType, doc: Doc, wanted: Filter) -> bool:
    if wanted.prop is None:
        return _matches_association(portal, kind, doc, wanted)
    operator = wanted.operator
    if wanted.name == kind.modified_property:
        value: str | None = ""
        number: float | None = doc.modified
    else:
        value = portal.value(kind.plural, doc, wanted.name)
        number = _number(wanted.prop, value) if value is not None and wanted.number is not None else None
    if operator == "HAS_PROPERTY":
        return value is not None
    if operator == "NOT_HAS_PROPERTY":
        return value is None
    if operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN"):
        if value is None:
            return operator != "NEQ"
        positive = {"NEQ": "EQ", "NOT_IN": "IN", "NOT_CONTAINS_TOKEN": "CONTAINS_TOKEN"}[operator]
        return not _holds(wanted, positive, value, number)
    return value is not None and _holds(wanted, operator, value, number)


def _holds(wanted: Filter, operator: str, value: str, number: float | None) -> bool:
    prop = wanted.prop
    assert prop is not None
    if operator == "IN":
        if prop.type == "enumeration":
            return bool({*value.split(";")} & {*wanted.values})
        # string values of IN must be given in lower case, or they never match
        return (value.lower() if prop.type == "string" else value) in wanted.values
    if operator == "CONTAINS_TOKEN":
        return _contains(value, wanted.value)
    if number is not None and wanted.number is not None:
        bound = wanted.number
        match operator:
            case "EQ":
                return number == bound
            case "LT":
                return number < bound
            case "LTE":
                return number <= bound
            case "GT":
                return number > bound
            case "GTE":
                return number >= bound
            case _:
                return wanted.high is not None and bound <= number <= wanted.high
    if prop.type == "enumeration":
        return operator == "EQ" and wanted.value in value.split(";")
    left, right = value.lower(), wanted.value.lower()
    match operator:
        case "EQ":
            return left == right
        case "LT":
            return left < right
        case "LTE":
            return left <= right
        case "GT":
            return left > right
        case _:
            return left >= right


def _contains(value: str, wanted: str) -> bool:
    value, wanted = value.lower(), wanted.lower()
    if "*" in wanted:
        pattern = re.compile("".join(".*" if c == "*" else re.escape(c) for c in wanted))
        return any(pattern.fullmatch(token) for token in [value, *re.split(r"[\s;]+", value)])
    have = {*_TOKENS.split(value), *re.split(r"[\s;]+", value)}
    return all(token in have for token in ([wanted] if wanted in have else filter(None, _TOKENS.split(wanted))))


def _matches_association(portal: Portal, kind: ObjectType, doc: Doc, wanted: Filter) -> bool:
    other = find_type(wanted.name.partition(".")[2])
    if other is None:
        raise validation(f"There was a problem with the request. Property {wanted.name} does not exist")
    linked = {str(i) for i in portal.associations.of(kind.plural, doc.id, other.plural)}
    chosen = set(wanted.values) or {wanted.value}
    match wanted.operator:
        case "EQ" | "IN":
            return bool(linked & chosen)
        case "NEQ" | "NOT_IN":
            return not linked & chosen
        case "HAS_PROPERTY":
            return bool(linked)
        case "NOT_HAS_PROPERTY":
            return not linked
    raise validation(f"operator {wanted.operator} is not supported on {wanted.name}")
