"""A search index and an archived listing in a few lines: rows by (stamp, id), visible only after a lag."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from connectors.hubspot.replies import reply


class Index:
    """rows: id -> (stamp ms, visible from ms). before: called before each search with its number (1-based), to change things meanwhile."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.rows: dict[int, tuple[int, int]] = {}
        self.archived: dict[int, int] = {}
        self.merged: dict[int, int] = {}
        self.before: Callable[[int], object] = lambda number: number
        self.searches: list[dict[str, Any]] = []
        self.listings = 0
        self.window = 10_000

    def put(self, id: int, stamp: int, lag: int = 0) -> None:
        self.rows[id] = (stamp, stamp + lag)

    def answer(self, request: Any) -> Any:
        if "/properties/" in request.path:
            return reply(json={"results": [{"name": "email", "label": "Email", "type": "string", "fieldType": "text"}]})
        if request.path.endswith("/search"):
            self.searches.append(request.body)
            self.before(len(self.searches))
            return self._search(request.body)
        if request.path.endswith("/batch/read"):
            return reply(json={"results": [self._row(int(i["id"])) for i in reversed(request.body["inputs"]) if int(i["id"]) in self.rows]})
        if request.query.get("archived") == ["true"]:
            return self._list(request.query)
        return self._one(int(request.path.rsplit("/", 1)[1]))

    def _one(self, id: int) -> Any:
        id = self.merged.get(id, id)
        return reply(json=self._row(id)) if id in self.rows else reply(404, {"category": "OBJECT_NOT_FOUND"})

    def _row(self, id: int, stamp: int | None = None) -> dict[str, Any]:
        at = str(self.rows[id][0] if stamp is None else stamp)
        merged = ";".join(str(loser) for loser, winner in self.merged.items() if winner == id) or None
        properties = {"email": f"p{id}@x.example", "lastmodifieddate": at, "hs_merged_object_ids": merged}
        return {"id": str(id), "properties": properties, "createdAt": "2026-01-01T00:00:00Z", "archived": False}

    def _search(self, body: dict[str, Any]) -> Any:
        after, limit = int(body.get("after", 0)), body["limit"]
        if after + limit > self.window or limit > 200 or len(str(body)) > 3300:
            return reply(400, {"status": "error", "category": "VALIDATION_ERROR", "message": "too far"})
        key: dict[str, Callable[[int], int]] = {"lastmodifieddate": lambda i: self.rows[i][0], "hs_object_id": lambda i: i}
        tests = {"GTE": operator.ge, "GT": operator.gt, "EQ": operator.eq}
        now = self.now()
        found = [i for i, (_, visible) in self.rows.items() if visible <= now]
        for f in body["filterGroups"][0]["filters"]:
            test, read, value = tests[f["operator"]], key[f["propertyName"]], int(f["value"])
            found = [i for i in found if test(read(i), value)]
        found.sort(key=key[body["sorts"][0]["propertyName"]])
        page = found[after : after + limit]
        answer: dict[str, Any] = {"total": len(found), "results": [self._row(i) for i in page]}
        if after + limit < len(found):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return reply(json=answer)

    def _list(self, query: dict[str, list[str]]) -> Any:
        self.listings += 1
        start = int(query.get("after", ["0"])[0])
        ids = sorted(i for i in self.archived if i >= start)
        page, rest = ids[:100], ids[100:]
        rows = [
            {"id": str(i), "properties": {}, "createdAt": "2026-01-01T00:00:00Z", "archived": True, "archivedAt": str(self.archived[i])}
            for i in page
        ]
        return reply(json={"results": rows, **({"paging": {"next": {"after": str(rest[0])}}} if rest else {})})
