"""Reading changes through HubSpot's search: sorted by stamp, never past row 10,000, never skipping when rows move meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from crmsync.errors import UnreachableError
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client, chunks

PAGE = 200
WINDOW = 10_000  # contracts 5.3: a 400 beyond
TIED_PAGES = 2  # so many pages of one stamp are read again by id, rather than all of them page by page
BODY_LIMIT = 3_000  # characters of a search request
_ID = "hs_object_id"

Row = dict[str, Any]
Filter = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of rows; stamp: of the last row so far (epoch ms; None for no rows at all); more: whether the search goes on; total of the first search."""

    rows: list[Row]
    stamp: int | None
    more: bool
    total: int


@lru_cache(maxsize=8)  # neighbours often share a stamp
def _millis(text: str) -> int:
    return wire.millis(wire.moment(text))


class Search:
    """Searches one object with one list of properties.

    When the properties do not fit into a search request, the search asks for ids and stamps only and batch/read gives the rest: three
    calls per 200 rows instead of one.
    """

    def __init__(self, client: Client, object: str, properties: Sequence[str]) -> None:
        self._client = client
        self._object = object
        self._stamp = wire.stamp_property(object)
        self._properties = list(properties)
        probe = self._body([_filter(self._stamp, "EQ", 2**53), _filter(_ID, "GT", 2**63)], self._stamp, WINDOW, self._properties)
        self._wide = len(orjson.dumps(probe)) > BODY_LIMIT

    @staticmethod
    def _body(filters: list[Filter], sort: str, after: int, properties: list[str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": properties,
            "limit": PAGE,
        }
        if after:
            body["after"] = str(after)
        return body

    def _ask(self, filters: list[Filter], sort: str, after: int = 0) -> tuple[list[Row], bool, int]:
        properties = [self._stamp] if self._wide else self._properties
        answer = self._client.read("objects", f"{self._object}/search", self._body(filters, sort, after, properties), search=True)
        if answer.status != 200 or not isinstance(answer.json, dict):
            said = wire.trouble(answer.status, answer.json)
            raise UnreachableError(f"HubSpot refused to search {self._object} ({said.code}); nothing was skipped", side=SIDE)
        rows: list[Row] = answer.json.get("results") or []
        more = bool((answer.json.get("paging") or {}).get("next"))
        return rows, more, int(answer.json.get("total") or 0)

    def _at(self, row: Row) -> int:
        return _millis(row["properties"].get(self._stamp) or row["updatedAt"])

    def _complete(self, rows: list[Row]) -> list[Row]:
        if not self._wide or not rows:
            return rows
        return batch_read(self._client, self._object, [str(r["id"]) for r in rows], self._properties)

    def since(self, start: int) -> Iterator[Found]:
        """Pages of everything modified at `start` (epoch ms) or later, oldest first; a row that is modified meanwhile comes again.

        Pages overlap by one row: when the seam does not match, rows have moved and the search starts again at the last stamp.
        """
        base, offset, total = start, 0, -1
        edge, seam = start, ""
        seen: set[str] = set()  # delivered with the stamp `edge`
        newest: int | None = None
        while True:
            rows, more, count = self._ask([_filter(self._stamp, "GTE", base)], self._stamp, offset)
            total = count if total < 0 else total
            if offset and (not rows or str(rows[0]["id"]) != seam):
                base, offset = edge, 0
                continue
            fresh: list[Row] = []
            first_stamp = self._at(rows[0]) if rows else edge
            for row in rows:
                at, id = self._at(row), str(row["id"])
                if at != edge:
                    edge = at
                    seen.clear()
                if id not in seen:
                    seen.add(id)
                    fresh.append(row)
            newest = edge if rows else newest
            one_stamp = bool(rows) and first_stamp == edge
            yield Found(rows=self._complete(fresh), stamp=newest, more=more, total=total)
            if not more:
                return
            offset, seam = offset + len(rows) - 1, str(rows[-1]["id"])
            full = offset + PAGE > WINDOW
            # What shares one stamp for pages on end (an import) is read by id: found out at the window's end, it would be read twice.
            if one_stamp and (count > WINDOW or len(seen) > TIED_PAGES * PAGE):
                yield from self._tie(edge, seen, total)
                base, offset, edge = edge + 1, 0, edge + 1
                seen.clear()
            elif full:
                base, offset = edge, 0

    def _tie(self, stamp: int, seen: set[str], total: int) -> Iterator[Found]:
        """All rows of one stamp but those seen, by id: the stamp alone cannot page through more than 10,000 of them."""
        last = "0"
        while True:
            filters = [_filter(self._stamp, "EQ", stamp), _filter(_ID, "GT", last)]
            rows, more, _ = self._ask(filters, _ID)
            fresh = [r for r in rows if str(r["id"]) not in seen]
            if fresh:
                yield Found(rows=self._complete(fresh), stamp=stamp, more=True, total=total)
            if not more or not rows:
                return
            last = str(rows[-1]["id"])

    def where(self, filters: list[Filter]) -> list[Row]:
        """All rows (up to 10,000) that pass the filters, by id."""
        found: list[Row] = []
        last = "0"
        while True:
            rows, more, _ = self._ask([*filters, _filter(_ID, "GT", last)], _ID)
            found += self._complete(rows)
            if not more or not rows or len(found) >= WINDOW:
                return found
            last = str(rows[-1]["id"])


def _filter(name: str, operator: str, value: int | str) -> Filter:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def batch_read(
    client: Client,
    object: str,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    by: str | None = None,
    archived: bool = False,
    history: bool = False,
) -> list[Row]:
    """Rows for ids (or values of the unique property `by`), 100 per call (50 with history), four calls at a time; missing ones are absent.

    A value that HubSpot refuses in a batch is looked for one by one, so that it hides no other.
    """
    parts = chunks(list(dict.fromkeys(ids)), 50 if history else 100)

    def one(part: Sequence[str]) -> list[Row]:
        body: dict[str, Any] = {"properties": list(properties), "propertiesWithHistory": [], "inputs": [{"id": v} for v in part]}
        if history:
            body["properties"], body["propertiesWithHistory"] = [], list(properties)
        if by:
            body["idProperty"] = by
        answer = client.read("objects", f"{object}/batch/read", body, query={"archived": True} if archived else None)
        if answer.status in {200, 207} and isinstance(answer.json, dict):
            return list(answer.json.get("results") or ())
        said = wire.trouble(answer.status, answer.json)
        if "PROPERTY" in said.code or answer.status == 404:
            return []  # a property or object that is not there has no values
        if answer.status == 400 and len(part) > 1:
            middle = len(part) // 2
            return one(part[:middle]) + one(part[middle:])
        if answer.status == 400:
            return []
        raise UnreachableError(f"HubSpot refused to read {object} ({said.code}); tried again later", side=SIDE)

    if len(parts) <= 1:
        return one(parts[0]) if parts else []
    with ThreadPoolExecutor(max_workers=min(4, len(parts))) as pool:
        return [row for rows in pool.map(one, parts) for row in rows]
