"""Routing of the vendor's API: address to handler, session check, limits, error envelopes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from crmsync_salesforce.sim.auth import Auth
from crmsync_salesforce.sim.bulk import Bulk
from crmsync_salesforce.sim.catalog import Catalog
from crmsync_salesforce.sim.composite import Composite
from crmsync_salesforce.sim.errors import SalesforceError, not_found
from crmsync_salesforce.sim.http import Call, Reply, failed
from crmsync_salesforce.sim.many import Many
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.queries import Queries
from crmsync_salesforce.sim.rows import Rows
from crmsync_salesforce.sim.tooling import Tooling

VERSION = re.compile(r"/services/data/(v\d+\.\d)(/.*)?")
Handler = Callable[..., Reply]
DAY = timedelta(days=1)


class CallEntry(NamedTuple):
    """One call as it came in."""

    method: str
    path: str
    status: int
    at: datetime
    billed: bool


class Api:
    """The vendor's side: `answer` takes any call outside /_sim and the page."""

    def __init__(self, org: Org, auth: Auth, tooling: Tooling) -> None:
        self.org = org
        self.auth = auth
        self.calls: list[CallEntry] = []
        self.billed: deque[datetime] = deque()
        self.billed_total = 0
        catalog, rows, many, queries = Catalog(org), Rows(org), Many(org), Queries(org)
        composite, bulk = Composite(org, self.inner, self.bill), Bulk(org)
        self._catalog = catalog
        x, key, value, ident = r"(\w+)", r"(\w+)", r"([^/]+)", r"(\w{15}|\w{18})"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "", catalog.resources),
            ("GET", "/sobjects", catalog.overview),
            ("GET", f"/sobjects/{x}/describe", catalog.describe),
            ("GET", f"/sobjects/{x}/updated", queries.updated),
            ("GET", f"/sobjects/{x}/deleted", queries.deleted),
            ("GET", f"/sobjects/{x}", catalog.basics),
            ("POST", f"/sobjects/{x}", rows.insert),
            ("GET", f"/sobjects/{x}/{ident}", rows.read),
            ("PATCH", f"/sobjects/{x}/{ident}", rows.change),
            ("DELETE", f"/sobjects/{x}/{ident}", rows.remove),
            ("GET", f"/sobjects/{x}/{key}/{value}", rows.read_by_key),
            ("PATCH", f"/sobjects/{x}/{key}/{value}", rows.upsert),
            ("DELETE", f"/sobjects/{x}/{key}/{value}", rows.remove_by_key),
            ("GET", "/query", queries.query),
            ("GET", "/queryAll", lambda call: queries.query(call, include_deleted=True)),
            ("GET", f"/query(?:All)?/{value}", queries.more),
            ("POST", "/composite/sobjects", many.insert),
            ("PATCH", "/composite/sobjects", many.update),
            ("DELETE", "/composite/sobjects", many.remove),
            ("PATCH", f"/composite/sobjects/{x}/{key}", many.upsert),
            ("GET", f"/composite/sobjects/{x}", many.retrieve),
            ("POST", f"/composite/sobjects/{x}", many.retrieve),
            ("POST", "/composite", composite.run),
            ("POST", "/composite/batch", composite.batch),
            ("POST", "/tooling/sobjects/CustomField", tooling.create),
            ("GET", f"/tooling/sobjects/CustomField/{value}", tooling.read),
            ("PATCH", f"/tooling/sobjects/CustomField/{value}", tooling.change),
            ("DELETE", f"/tooling/sobjects/CustomField/{value}", tooling.remove),
            ("GET", "/tooling/query", lambda call: queries.query(call, tooling=True)),
            ("GET", f"/tooling/query/{value}", queries.more),
            ("GET", "/limits", self._limits),
            ("GET", "/limits/recordCount", self._record_count),
            *bulk.routes(),
        ]
        self._routes = [(method, re.compile(pattern), handler) for method, pattern, handler in table]

    # ---- the outer call ---------------------------------------------------------------------------------------
    def answer(self, call: Call) -> Reply:
        """Carry out a call and log it."""
        with self.org.lock:
            self.org.settle()
            try:
                reply, billed = self._outer(call)
            except SalesforceError as error:
                reply, billed = failed(error), call.path.startswith("/services/data/v")
            self.calls.append(CallEntry(call.method, call.path, reply.status, self.org.clock.now(), billed))
            return reply

    def log(self, call: Call, status: int) -> None:
        """Note a call that a fault answered."""
        billed = call.path.startswith("/services/data/v")
        with self.org.lock:
            if billed:
                self.bill(1)
            self.calls.append(CallEntry(call.method, call.path, status, self.org.clock.now(), billed))

    def _outer(self, call: Call) -> tuple[Reply, bool]:
        path = call.path.rstrip("/")
        if path.startswith("/services/Soap/") and call.method == "POST":
            return self.auth.soap(call), False
        simple: dict[tuple[str, str], Handler] = {
            ("POST", "/services/oauth2/token"): self.auth.token,
            ("POST", "/services/oauth2/revoke"): self.auth.revoke,
            ("POST", "/services/oauth2/introspect"): self.auth.introspect,
            ("GET", "/services/oauth2/userinfo"): self.auth.userinfo,
            ("GET", "/services/data"): self._catalog.versions,
        }
        handler = simple.get((call.method, path))
        if handler is not None:
            return handler(call), False
        matched = VERSION.fullmatch(path)
        if matched is None:
            return failed(not_found()), False
        user = self.auth.user_of(call)
        self.bill(1)
        used = self.used()
        options = self.org.options
        if options.enforce_limits and used > options.daily_limit:
            raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        reply = self._route(call.with_user(user, matched[1]), matched[2] or "")
        if options.limit_header and reply.status != 204:
            headers = {**reply.headers, "Sforce-Limit-Info": f"api-usage={used}/{options.daily_limit}"}
            reply = Reply(status=reply.status, body=reply.body, headers=headers, content_type=reply.content_type)
        return reply, True

    def inner(self, call: Call) -> Reply:
        """A composite subrequest: same handlers, no session check, no bill."""
        matched = VERSION.fullmatch(call.path.rstrip("/"))
        if matched is None:
            return failed(not_found())
        try:
            return self._route(call.with_user(call.user, matched[1]), matched[2] or "")
        except SalesforceError as error:
            return failed(error)

    def _route(self, call: Call, path: str) -> Reply:
        allowed = False
        for method, pattern, handler in self._routes:
            matched = pattern.fullmatch(path)
            if matched is None:
                continue
            if method == call.method:
                mark = self.org.begin()
                try:
                    return handler(call, *matched.groups())
                except SalesforceError:
                    self.org.rollback(mark)
                    raise
                finally:
                    self.org.end()
            allowed = True
        if allowed:
            message = f"HTTP Method '{call.method}' not allowed. Allowed are HEAD,GET,POST,PATCH,DELETE"
            raise SalesforceError("METHOD_NOT_ALLOWED", message, status=405)
        raise not_found()

    # ---- limits -----------------------------------------------------------------------------------------------
    def bill(self, count: int) -> None:
        """Count API calls."""
        self.billed.extend([self.org.clock.now()] * count)
        self.billed_total += count

    def reset(self) -> None:
        """Forget calls and counts."""
        self.calls.clear()
        self.billed.clear()
        self.billed_total = 0

    def used(self) -> int:
        """API calls of the last 24 hours."""
        horizon = self.org.clock.now() - DAY
        while self.billed and self.billed[0] <= horizon:
            self.billed.popleft()
        return len(self.billed)

    def _limits(self, call: Call) -> Reply:
        daily = self.org.options.daily_limit
        limits: dict[str, Any] = {
            "DailyApiRequests": {"Max": daily, "Remaining": max(0, daily - self.used())},
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
            "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000},
            "DailyAsyncApexExecutions": {"Max": 250_000, "Remaining": 250_000},
            "DataStorageMB": {"Max": 1024, "Remaining": 1000},
            "FileStorageMB": {"Max": 1024, "Remaining": 1000},
            "SingleEmail": {"Max": 5000, "Remaining": 5000},
        }
        return Reply(body=limits)

    def _record_count(self, call: Call) -> Reply:
        asked = [name for name in call.query.get("sObjects", "").split(",") if name]
        kinds = [kind for kind in self.org.present() if not kind.tooling]
        if asked:
            kinds = [self.org.kind(name) for name in asked]
        counts = [{"count": sum(1 for _ in self.org.tables[kind.name].live()), "name": kind.name} for kind in kinds]
        return Reply(body={"sObjects": counts})
