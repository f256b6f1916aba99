"""POST /objects/X/search over the lagging index: filters, one sort, integer offsets, the 10,000 cap."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import orjson

from .errors import plain, validation
from .filters import Filter, matches, parse_filters
from .portal import Portal
from .shapes import record_json
from .store import Doc, Table
from .values import as_text, parse_datetime
from .wire import Call, Json, Reply

BODY_LIMIT = 3000
PAGE_LIMIT = 200
TOTAL_LIMIT = 10_000
_KEPT = 16
_FOREVER = 1 << 62


class Searches:
    """Search results kept while the index stays the same, so that paging does not filter again."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._kept: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    def run(self, call: Call, table: Table) -> Reply:
        """200 `{total, results, paging?}`; raises ApiError 400 for what the live API refuses."""
        if len(call.raw) > BODY_LIMIT:
            raise validation(f"The request body is {len(call.raw)} characters long; at most {BODY_LIMIT} are allowed")
        body = call.json()
        limit = _whole(body.get("limit", 10), "limit")
        if not 1 <= limit <= PAGE_LIMIT:
            raise validation(f"limit must be between 1 and {PAGE_LIMIT}")
        offset = _whole(body.get("after") or 0, "after")
        if offset + limit > TOTAL_LIMIT and offset > 0:
            raise plain(400, "There was a problem with the request.", "VALIDATION_ERROR")
        groups = parse_filters(self.portal, table.kind, body.get("filterGroups"))
        name, descending = _sort(self.portal, table, body.get("sorts"))
        query = as_text(body.get("query")).strip().lower()
        total, docs = self._page(table, groups, query, name, descending, offset, limit)
        names = [as_text(n) for n in body.get("properties") or []] or list(table.kind.default_properties)
        always = [table.kind.created_property, table.kind.modified_property, "hs_object_id"]
        results = [record_json(self.portal, table.kind, d, self.portal.named(table.kind.plural, d, names + always)) for d in docs]
        answer: Json = {"total": total, "results": results}
        if offset + limit < total:
            answer["paging"] = {"next": {"after": str(offset + limit)}}
        return Reply(body=answer)

    def _page(
        self,
        table: Table,
        groups: list[list[Filter]],
        query: str,
        name: str,
        descending: bool,
        offset: int,
        limit: int,
    ) -> tuple[int, list[Doc]]:
        index = table.index
        kind = table.kind
        window = _window(groups, kind.modified_property) if len(groups) <= 1 and not query else None
        if window is not None:
            low, high, above, exact = window
            single = low == high
            if name == kind.modified_property or (single and name == "hs_object_id"):
                start = index.by_modified.bisect_left((low, above + 1))
                stop = index.by_modified.bisect_right((high, _FOREVER))
                if exact and (single or above < 0):
                    total = max(0, stop - start)
                    rows = (
                        index.by_modified[max(start, stop - offset - limit) : max(start, stop - offset)][::-1]
                        if descending
                        else index.by_modified[start + offset : min(stop, start + offset + limit)]
                    )
                    return total, [index.docs[i] for _, i in rows]
        if name == "hs_object_id" and not query and (bound := _id_bound(groups)) is not None and not descending:
            start = index.by_id.bisect_right(bound)
            rows = list(index.by_id.islice(start + offset, start + offset + limit))
            return len(index.by_id) - start, [index.docs[i] for i in rows]
        ids = self._filtered(table, groups, query, name, descending)
        return len(ids), [index.docs[i] for i in ids[offset : offset + limit]]

    def _filtered(self, table: Table, groups: list[list[Filter]], query: str, name: str, descending: bool) -> list[int]:
        index = table.index
        key = (table.kind.plural, index.version, orjson.dumps([[f.key() for f in g] for g in groups]), query, name, descending)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        candidates: Iterable[Doc] = (index.docs[i] for i in index.by_id)
        window = _window(groups, table.kind.modified_property) if len(groups) <= 1 else None
        if window is not None and (window[0] > 0 or window[1] < _FOREVER):
            rows = index.by_modified.irange((window[0], 0), (window[1], _FOREVER))
            candidates = (index.docs[i] for i in sorted(i for _, i in rows))
        addresses = _addresses(groups) if table.kind.plural == "contacts" else None
        if addresses is not None:
            candidates = (index.docs[i] for i in sorted({i for a in addresses for i in index.by_email.get(a, ())}))
        found = [d for d in candidates if matches(self.portal, table.kind, d, groups, query)]
        if name != "hs_object_id" or descending:
            found.sort(key=lambda d: _sort_key(self.portal, table, d, name), reverse=descending)
        ids = [d.id for d in found]
        self._kept[key] = ids
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return ids


def _whole(value: Any, name: str) -> int:
    text = as_text(value)
    if not text.isdigit():
        raise validation(f"{name} must be a whole number, was {text}")
    return int(text)


def _sort(portal: Portal, table: Table, sorts: Any) -> tuple[str, bool]:
    """(property, descending); the default is oldest created first."""
    if not sorts:
        return table.kind.created_property, False
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise validation("Only one sort is supported")
    entry = sorts[0]
    if isinstance(entry, str):
        name, descending = entry.lstrip("-"), entry.startswith("-")
    elif isinstance(entry, dict):
        name, descending = as_text(entry.get("propertyName")), as_text(entry.get("direction") or "ASCENDING").upper() == "DESCENDING"
    else:
        raise validation("Invalid input JSON: a sort is an object or a text")
    if portal.schema.live(table.kind.plural, name) is None:
        raise validation(f"There was a problem with the request. Property {name} does not exist")
    return name, descending


def _sort_key(portal: Portal, table: Table, doc: Doc, name: str) -> tuple[int, float, str, int]:
    if name == table.kind.modified_property:
        return (0, doc.modified, "", doc.id)
    if name == table.kind.created_property and "createdate" not in doc.props:
        return (0, doc.created, "", doc.id)
    value = portal.value(table.kind.plural, doc, name)
    prop = portal.schema.of(table.kind.plural)[name]
    if value is None:
        return (1, 0.0, "", doc.id)
    if prop.type == "number":
        return (0, float(value), "", doc.id)
    if prop.type in ("datetime", "date"):
        return (0, float(parse_datetime(value) or 0), "", doc.id)
    return (0, 0.0, value.casefold(), doc.id)


def _window(groups: list[list[Filter]], modified: str) -> tuple[int, int, int, bool] | None:
    """(lowest stamp, highest stamp, id above, whether that is all the filters say), None when they cannot be told so."""
    low, high, above, exact = 0, _FOREVER, -1, True
    for wanted in itertools.chain.from_iterable(groups):
        bound = wanted.number
        if wanted.name == modified and bound is not None and wanted.operator in ("GTE", "GT", "LTE", "LT", "EQ"):
            if wanted.operator in ("GTE", "GT", "EQ"):
                low = max(low, int(bound) + (wanted.operator == "GT"))
            if wanted.operator in ("LTE", "LT", "EQ"):
                high = min(high, int(bound) - (wanted.operator == "LT"))
        elif wanted.name == modified and wanted.operator == "BETWEEN" and bound is not None and wanted.high is not None:
            low, high = max(low, int(bound)), min(high, int(wanted.high))
        elif wanted.name == "hs_object_id" and wanted.operator in ("GT", "GTE") and bound is not None:
            above = max(above, int(bound) - (wanted.operator == "GTE"))
        else:
            exact = False
    return low, high, above, exact


def _addresses(groups: list[list[Filter]]) -> set[str] | None:
    """The e-mail addresses to which the filters limit the results, None when they do not."""
    found: set[str] = set()
    for group in groups:
        narrow = next((f for f in group if f.name == "email" and f.operator in ("EQ", "IN")), None)
        if narrow is None:
            return None
        found |= {v.lower() for v in (narrow.values or (narrow.value,))}
    return found if groups else None


def _id_bound(groups: list[list[Filter]]) -> int | None:
    """The id that all results must exceed when that is all the filters say; -1 without filters."""
    wanted = list(itertools.chain.from_iterable(groups))
    if not wanted:
        return -1
    if len(wanted) == 1 and wanted[0].name == "hs_object_id" and wanted[0].number is not None and wanted[0].operator in ("GT", "GTE"):
        return int(wanted[0].number) - (wanted[0].operator == "GTE")
    return None
