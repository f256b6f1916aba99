"""WHERE clauses as predicates over rows, with the type checks of the vendor, and what of them an index can answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.fields import DECIMAL_TYPES, TEXT_TYPES, Field
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.soql import Condition, Group, Literal, fault
from crmsync_salesforce.sim.store import Row, fold

if TYPE_CHECKING:
    from crmsync_salesforce.sim.query import Scope

Predicate = Callable[[Row], bool]
Where = Condition | Group
LAST = "~"  # sorts behind every id


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A closed range of (SystemModstamp, Id) pairs, a superset of what matches; None is open."""

    low: tuple[str, str] | None = None
    high: tuple[str, str] | None = None


def day_range(text: str, today: date) -> tuple[date, date] | None:
    """The half-open day range of a date literal such as LAST_N_DAYS:3, in UTC; None when there is no such literal."""
    name, _, count = text.partition(":")
    days = int(count or 0)
    one = timedelta(days=1)
    week = today - timedelta(days=(today.weekday() + 1) % 7)
    month = today.replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    fixed = {
        "TODAY": (today, today + one),
        "YESTERDAY": (today - one, today),
        "TOMORROW": (today + one, today + 2 * one),
        "THIS_WEEK": (week, week + 7 * one),
        "LAST_WEEK": (week - 7 * one, week),
        "THIS_MONTH": (month, next_month),
        "LAST_MONTH": ((month - one).replace(day=1), month),
    }
    if not count:
        return fixed.get(name)
    counted = {
        "LAST_N_DAYS": (today - days * one, today + one),
        "NEXT_N_DAYS": (today + one, today + (days + 1) * one),
        "N_DAYS_AGO": (today - days * one, today - (days - 1) * one),
    }
    return counted.get(name)


def moment_text(moment: datetime) -> str:
    """A date-time literal in the stored form, milliseconds kept so that 12:00:00.5 sorts after 12:00:00."""
    utc = moment.astimezone(UTC)
    return f"{utc.strftime('%Y-%m-%dT%H:%M:%S')}.{utc.microsecond // 1000:03d}+0000"


def wrong_type(scope: Scope, field: Field, literal: Literal) -> Exception:
    """INVALID_FIELD for a value of the wrong kind."""
    soap = {"datetime": "dateTime", "boolean": "boolean", "date": "date", "time": "time", "int": "int"}
    kind = soap.get(field.type, "double" if field.type in DECIMAL_TYPES else "string")
    quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
    message = f"value of filter criterion for field '{field.name}' must be of type {kind} and {quotes}"
    return fault(scope.query.text, literal.at, "INVALID_FIELD", message)


def value_of(scope: Scope, field: Field, literal: Literal) -> Any:
    """The literal in the stored, comparable form; a (start, end) pair for a date literal."""
    kind = literal.kind
    if kind == "null":
        return None
    if kind == "range" and field.type in ("date", "datetime"):
        days = day_range(literal.text, scope.org.clock.now().date())
        if days is None:
            raise fault(scope.query.text, literal.at, "MALFORMED_QUERY", f"unexpected token: '{literal.text}'")
        if field.type == "date":
            return tuple(day.isoformat() for day in days)
        return tuple(moment_text(datetime.combine(day, time(), UTC)) for day in days)
    if field.type in ("id", "reference") and kind == "string":
        found = normalise_id(literal.text)
        if found is None:
            raise fault(scope.query.text, literal.at, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.text}")
        return found
    if field.type in TEXT_TYPES and kind == "string":
        return fold(literal.text)
    if field.type == "boolean" and kind == "boolean":
        return literal.text == "TRUE"
    if (field.type in DECIMAL_TYPES or field.type == "int") and kind == "number":
        return float(literal.text)
    if field.type == "datetime" and kind == "datetime":
        return moment_text(parse_moment(literal.text))
    if field.type == "date" and kind == "date":
        return literal.text
    raise wrong_type(scope, field, literal)


def compile_where(scope: Scope, where: Where) -> Predicate:
    """The clause as a function of a row. Raises SalesforceError for fields and values that do not fit."""
    if isinstance(where, Group):
        parts = [compile_where(scope, part) for part in where.parts]
        if where.operator == "NOT":
            inner = parts[0]
            return lambda row: not inner(row)
        if len(parts) == 2:  # the common case without the cost of a generator
            first, second = parts
            if where.operator == "AND":
                return lambda row: first(row) and second(row)
            return lambda row: first(row) or second(row)
        if where.operator == "AND":
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)
    getter, field = scope.resolve(where.path)
    if not field.filterable:
        message = f"field '{'.'.join(where.path.parts)}' can not be filtered in a query call"
        raise fault(scope.query.text, where.path.at, "INVALID_FIELD", message)
    textual = field.type in TEXT_TYPES
    read: Callable[[Row], Any] = (lambda row: fold(getter(row))) if textual else getter
    if where.operator in ("IN", "NOT IN"):
        wanted = _members(scope, field, where)
        if where.operator == "IN":
            return lambda row: read(row) in wanted
        return lambda row: read(row) not in wanted
    literal = where.values[0]
    if where.operator == "LIKE":
        if not textual or literal.kind != "string":
            raise fault(scope.query.text, where.path.at, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on field: LIKE")
        pattern = _like(literal.text)
        return lambda row: isinstance(value := getter(row), str) and pattern.fullmatch(value) is not None
    return _comparison(read, where.operator, value_of(scope, field, literal))


def _members(scope: Scope, field: Field, where: Condition) -> set[Any]:
    if where.query is not None:
        return {fold(value) if field.type in TEXT_TYPES else value for value in scope.subvalues(where.query)}
    return {value_of(scope, field, literal) for literal in where.values}


def _like(text: str) -> re.Pattern[str]:
    pieces = re.findall(r"\\[%_]|.", text, flags=re.DOTALL)
    table = {"%": ".*", "_": "."}
    body = "".join(re.escape(piece[1]) if len(piece) == 2 else table.get(piece, re.escape(piece)) for piece in pieces)
    return re.compile(body, re.IGNORECASE | re.DOTALL)


def _comparison(read: Callable[[Row], Any], operator: str, wanted: Any) -> Predicate:
    low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    ranged = isinstance(wanted, tuple)
    if operator == "=":
        if ranged:
            return lambda row: (value := read(row)) is not None and low <= value < high
        return lambda row: read(row) == wanted
    if operator == "!=":
        if ranged:
            return lambda row: (value := read(row)) is None or not low <= value < high
        return lambda row: read(row) != wanted
    if wanted is None:
        return lambda _row: False
    if operator == ">=":
        return lambda row: (value := read(row)) is not None and value >= low
    if operator == "<":
        return lambda row: (value := read(row)) is not None and value < low
    if operator == ">":
        if ranged:
            return lambda row: (value := read(row)) is not None and value >= high
        return lambda row: (value := read(row)) is not None and value > low
    if ranged:
        return lambda row: (value := read(row)) is not None and value < high
    return lambda row: (value := read(row)) is not None and value <= high


def conjuncts(where: Where | None) -> Iterable[Where]:
    """The parts that must all hold."""
    if isinstance(where, Group) and where.operator == "AND":
        for part in where.parts:
            yield from conjuncts(part)
    elif where is not None:
        yield where


def key_bounds(scope: Scope, where: Where | None) -> Bounds | None:
    """The range of (SystemModstamp, Id) that the clause allows, also through OR (keyset paging); None when it says nothing."""
    if where is None:
        return None
    if isinstance(where, Group):
        if where.operator == "NOT":
            return None
        found = [key_bounds(scope, part) for part in where.parts]
        known = [entry for entry in found if entry is not None]
        lows = [entry.low for entry in known if entry.low is not None]
        highs = [entry.high for entry in known if entry.high is not None]
        if where.operator == "AND":
            return _after_id(scope, where, Bounds(low=max(lows, default=None), high=min(highs, default=None))) if known else None
        return Bounds(
            low=min(lows) if len(lows) == len(found) else None,
            high=max(highs) if len(highs) == len(found) else None,
        )
    if _single(where) != "systemmodstamp" or not where.values:
        return None
    _, field = scope.resolve(where.path)
    value = value_of(scope, field, where.values[0])
    if value is None:
        return None
    low, high = value if isinstance(value, tuple) else (value, value)
    if where.operator == "=":
        return Bounds(low=(low, ""), high=(high, LAST))
    if where.operator == ">=":
        return Bounds(low=(low, ""))
    if where.operator == ">":
        return Bounds(low=(high, LAST if low == high else ""))
    return Bounds(high=(high, LAST)) if where.operator in ("<", "<=") else None


def _single(where: Condition) -> str:
    return where.path.parts[0].lower() if len(where.path.parts) == 1 else ""


def _after_id(scope: Scope, where: Group, bounds: Bounds) -> Bounds:
    """`SystemModstamp = s AND Id > x` starts at (s, x)."""
    if bounds.low is None or bounds.high is None or bounds.low[0] != bounds.high[0]:
        return bounds
    low, high = bounds.low, bounds.high
    for part in conjuncts(where):
        if not isinstance(part, Condition) or _single(part) != "id" or part.operator not in (">", ">=", "<", "<="):
            continue
        _, field = scope.resolve(part.path)
        value = value_of(scope, field, part.values[0])
        if value is None:
            continue
        if part.operator in (">", ">="):
            low = max(low, (low[0], value))
        else:
            high = min(high, (high[0], value))
    return Bounds(low=low, high=high)
