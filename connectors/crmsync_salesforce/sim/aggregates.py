"""Aggregate queries: COUNT, MIN, MAX, SUM and AVG, with or without GROUP BY."""

from __future__ import annotations

from typing import Any

from crmsync_salesforce.sim.fields import TEXT_TYPES
from crmsync_salesforce.sim.query import Scope
from crmsync_salesforce.sim.soql import Aggregate, Path, fault
from crmsync_salesforce.sim.store import Row, fold


def aggregate(scope: Scope) -> list[dict[str, Any]]:
    """The rows of an aggregate query, one per group; they have no url. [R:restforce query_aggregate]"""
    keys = [scope.resolve(path) for path in scope.query.group_by]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in scope.rows():
        groups.setdefault(tuple(getter(row) for getter, _ in keys), []).append(row)
    if not keys:
        groups.setdefault((), [])
    out = []
    for key, rows in groups.items():
        record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        unnamed = 0
        for item in scope.query.select:
            if isinstance(item, Path):
                _, found = scope.resolve(item)
                position = next((i for i, (_, entry) in enumerate(keys) if entry.name == found.name), None)
                if position is None:
                    message = f"Field must be grouped or aggregated: {found.name}"
                    raise fault(scope.query.text, item.at, "MALFORMED_QUERY", message)
                record[found.name] = key[position]
            elif isinstance(item, Aggregate):
                name = item.alias or f"expr{unnamed}"
                unnamed += item.alias is None
                record[name] = _aggregate_value(scope, item, rows)
        out.append(record)
    return out


def _aggregate_value(scope: Scope, item: Aggregate, rows: list[Row]) -> Any:
    if item.path is None:
        return len(rows)
    getter, found = scope.resolve(item.path)
    compared = fold if found.type in TEXT_TYPES else (lambda value: value)
    values = [value for row in rows if (value := getter(row)) is not None]
    if item.function == "COUNT":
        return len(values)
    if item.function == "COUNT_DISTINCT":
        return len({compared(value) for value in values})
    if not values:
        return None
    if item.function in ("MIN", "MAX"):
        return (min if item.function == "MIN" else max)(values, key=compared)
    total = sum(float(value) for value in values)
    return total if item.function == "SUM" else total / len(values)
