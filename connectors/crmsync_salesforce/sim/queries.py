"""The query endpoints, their cursors, and the replication calls getUpdated and getDeleted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crmsync_salesforce.sim.aggregates import aggregate
from crmsync_salesforce.sim.clock import parse_moment, stamp
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.http import Call, Reply, segment
from crmsync_salesforce.sim.ids import make_id
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.query import Scope, open_scope
from crmsync_salesforce.sim.soql import Aggregate
from crmsync_salesforce.sim.store import Row

CURSORS = 100
UPDATED_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """An open query: the ids of its rows and how to print them."""

    ids: list[str]
    scope: Scope
    shape: Callable[[Row], dict[str, Any]]
    page: int


class Queries:
    """Handlers of query, queryAll, query/LOCATOR, X/updated and X/deleted."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._opened = 0

    def query(self, call: Call, *, include_deleted: bool = False, tooling: bool = False) -> Reply:
        """GET query?q=, queryAll?q= and tooling/query?q=."""
        text = call.query.get("q")
        if not text:
            raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
        scope = open_scope(self._org, text, user=call.user, include_deleted=include_deleted, version=call.version, tooling=tooling)
        aggregates = [item for item in scope.query.select if isinstance(item, Aggregate)]
        if scope.query.group_by or aggregates:
            if not scope.query.group_by and len(scope.query.select) == 1 and aggregates[0].path is None:
                return Reply(body={"totalSize": len(scope.rows()), "done": True, "records": []})
            records = aggregate(scope)
            return Reply(body={"totalSize": len(records), "done": True, "records": records})
        shape = scope.shaper()
        rows = scope.rows()
        page = self._page_size(call)
        if len(rows) <= page:
            return Reply(body={"totalSize": len(rows), "done": True, "records": [shape(row) for row in rows]})
        self._opened += 1
        locator = make_id("0r8", self._opened)[:18]
        self._cursors[locator] = Cursor(ids=[row["Id"] for row in rows], scope=scope, shape=shape, page=page)
        while len(self._cursors) > CURSORS:
            self._cursors.popitem(last=False)
        return self._page(call, locator, 0)

    def _page_size(self, call: Call) -> int:
        """batchSize of 200..2000 is a hint; the option caps it."""
        hint = call.header_option("sforce-query-options", "batchSize")
        asked = int(hint) if hint and hint.isdigit() else self._org.options.page_size
        return min(max(asked, 200), 2000, max(self._org.options.page_size, 1))

    def more(self, call: Call, locator: str) -> Reply:
        """GET query/LOCATOR-OFFSET, the nextRecordsUrl."""
        name, _, offset = segment(locator).rpartition("-")
        if name not in self._cursors or not offset.isdigit():
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, name, int(offset))

    def _page(self, call: Call, locator: str, offset: int) -> Reply:
        cursor = self._cursors[locator]
        rows = self._org.tables[cursor.scope.kind.name].rows
        end = offset + cursor.page
        found = [row for record_id in cursor.ids[offset:end] if (row := rows.get(record_id)) is not None]
        if not cursor.scope.include_deleted:
            found = [row for row in found if not row.get("IsDeleted")]
        done = end >= len(cursor.ids)
        body: dict[str, Any] = {"totalSize": len(cursor.ids), "done": done}
        if not done:
            base = f"/services/data/{call.version}/{'tooling/' if cursor.scope.tooling else ''}query"
            body["nextRecordsUrl"] = f"{base}/{locator}-{end}"
        body["records"] = [cursor.shape(row) for row in found]
        return Reply(body=body)

    # ---- replication ------------------------------------------------------------------------------------------
    def updated(self, call: Call, name: str) -> Reply:
        """GET X/updated/?start&end: ids of live rows by SystemModstamp, seconds cut off. [D][R:restforce]"""
        kind = self._org.kind(name)
        start, end = self._span(call, UPDATED_DAYS)
        low, high = (stamp(start), ""), (stamp(end), "")
        table = self._org.tables[kind.name]
        ids = [record_id for _, record_id in table.by_stamp.irange(low, high) if not table.rows[record_id].get("IsDeleted")]
        if len(ids) > 600_000:
            raise SalesforceError("EXCEEDED_ID_LIMIT", "too many ids: narrow the time range")
        return Reply(body={"ids": ids, "latestDateCovered": stamp(end)})

    def deleted(self, call: Call, name: str) -> Reply:
        """GET X/deleted/?start&end: the delete log, merged-away records included. [D][R:restforce]"""
        kind = self._org.kind(name)
        days = self._org.options.delete_log_days
        start, end = self._span(call, days)
        low, high = stamp(start), stamp(end)
        log = self._org.deleted.get(kind.name, {})
        found = sorted((at, record_id) for record_id, at in log.items() if low <= at < high)
        earliest = stamp(_minute(self._org.clock.now() - timedelta(days=days)))
        return Reply(
            body={
                "deletedRecords": [{"id": record_id, "deletedDate": at} for at, record_id in found],
                "earliestDateAvailable": earliest,
                "latestDateCovered": high,
            }
        )

    def _span(self, call: Call, days: float) -> tuple[datetime, datetime]:
        try:
            start, end = (_minute(parse_moment(call.query.get(name, ""))) for name in ("start", "end"))
        except ValueError:
            raise SalesforceError("INVALID_REPLICATION_DATE", "start and end must be ISO 8601 date-times with an offset") from None
        now = self._org.clock.now()
        end = min(end, _minute(now))
        if start < _minute(now) - timedelta(days=days):
            raise SalesforceError("INVALID_REPLICATION_DATE", "startDate is beyond the replication window")
        if end < start + timedelta(minutes=1):
            raise SalesforceError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
        return start, end


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
