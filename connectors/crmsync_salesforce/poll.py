"""Changes of one object since a cursor: keyset polling on SystemModstamp, with deleted rows, Bulk 2.0 for large answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import structlog

from crmsync.connect.protocol import Page
from crmsync.errors import CursorExpiredError
from crmsync.model.record import Record, RecordState, Ref
from crmsync_salesforce import belong, cells, soql, wire
from crmsync_salesforce.auth import SIDE
from crmsync_salesforce.bulk import Bulk, JobFailedError
from crmsync_salesforce.client import Client, RefusedError
from crmsync_salesforce.cursor import Overlap, Position, after, finished, from_json
from crmsync_salesforce.mails import Mails, own
from crmsync_salesforce.roles import OF, Roles, with_touched
from crmsync_salesforce.schema import Describes

log = structlog.get_logger("crmsync.salesforce")

ORDER = "SystemModstamp, Id"
KEPT = timedelta(days=14)
"""Deleted rows stay in the recycle bin about 15 days; a day is left for safety."""
GAP = timedelta(hours=2)
"""How often the delete log is asked: whether it still reaches back to us (it is trimmed every two hours), and what was purged."""

LOG, ROLES = "log", "roles"
"""Looks beside the query for changes: the delete log of any object, the contact roles of opportunities."""
RESUMES = 5
"""New queries in one pull after the server lost its place."""

Rows = Sequence[dict[str, Any]]
Found = tuple[Sequence[Record], Sequence[tuple[str, str]]]
"""`Page.records` and `Page.digests`."""


class Poller:
    """Pulls of one org. me: tells our own user id. shared: whether an object's records can belong to several people (Shared Activities).
    has_roles: whether contact roles of opportunities can be read."""

    def __init__(
        self,
        client: Client,
        describes: Describes,
        me: Callable[[], str | None],
        shared: Callable[[str], bool] = lambda object: False,
        has_roles: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._describes = describes
        self._bulk = Bulk(client)
        self._me = me
        self._shared = shared
        self._roles = Roles(client)
        self._mails = Mails(client)
        self._has_roles = has_roles
        config = client.settings
        self._overlap = Overlap(narrow=config.overlap, wide=config.wide_overlap, every=config.wide_every)

    def owes(self, object: str, cursor: Mapping[str, Any], now: datetime) -> datetime | None:
        """See Connector.owes."""
        position = from_json(cursor)
        return None if position is None else min(self._due(object, position, now).values(), default=None)

    def _due(self, object: str, position: Position, now: datetime) -> dict[str, datetime]:
        """Looks that cost a call of their own and are due -> when they were last made."""
        due: dict[str, datetime] = {}
        if position.polled is None:
            return due
        asked = wire.moment(position.logged or position.polled)
        if now - min(wire.moment(position.polled), asked) >= GAP:
            due[LOG] = asked
        if object == OF and self._has_roles() and self._roles.due(position, now):
            due[ROLES] = wire.moment(position.roles or position.polled)
        return due

    def pull(
        self, object: str, fields: Sequence[str], cursor: Mapping[str, Any] | None, now: datetime, *, owed: int | None = None
    ) -> Iterator[Page]:
        """See Connector.pull. The first pull reads live rows; later ones read the recycle bin too. owed: those due longest come first."""
        position = from_json(cursor) if cursor is not None else None
        first = position is None or (position.high is None and position.at is None and position.polled is None)
        due = self._due(object, position, now) if position is not None else {}
        looks = sorted(due, key=lambda look: due[look])[:owed]
        since = position
        purged: dict[str, str] = {}
        if position is not None and position.polled is not None:
            position, purged = self._deleted_since(object, position, now, ask=LOG in looks)
            if ROLES in due and ROLES not in looks:
                position = replace(position, roles=position.roles or position.polled)
        position = replace(position or Position(), polled=wire.stamp(now))
        if position.logged is None:
            position = replace(position, logged=wire.stamp(now), covered=wire.stamp(min(now, self._client.server_time or now)))
        pages = _Run(self, object, fields, now, position, deleted=not first, purged=purged).pages()
        touched = self._roles.touched(since, now) if since is not None and not first and ROLES in looks else None
        yield from pages if touched is None else with_touched(pages, touched, self._again(object, fields, list(touched.stamps)))

    def _again(self, object: str, fields: Sequence[str], ids: Sequence[str]) -> tuple[Record, ...]:
        """These rows once more, whatever their stamp says."""
        if not ids:
            return ()
        names = tuple(dict.fromkeys(fields))
        columns = tuple(dict.fromkeys((*wire.system_fields(object), *own(names))))
        decoder = wire.Decoder(object, names, me=self._me(), shared=self._shared(object))
        texts = soql.in_lists(columns, object, "Id", ids)
        return tuple(r for text in texts for page in self._client.query(soql.path(text)) for r in decoder.records(page["records"]))

    def _deleted_since(self, object: str, position: Position, now: datetime, *, ask: bool) -> tuple[Position, dict[str, str]]:
        """Ids and times of deletions from the delete log, asked every two hours and after every silence that long (ask: now); else nothing.

        The log also knows rows that were purged from the recycle bin. It is asked from where its last answer reached, not from when we asked.
        Raises: CursorExpiredError when the CRM no longer knows all deletions since the last poll."""
        assert position.polled is not None
        polled = wire.moment(position.polled)
        if now - polled > KEPT:
            raise _expired(object, f"the last poll is {(now - polled).days} days ago")
        if not ask:
            return replace(position, logged=position.logged or position.polled, covered=position.covered or position.polled), {}
        start = min(polled, wire.moment(position.logged or position.polled), wire.moment(position.covered or position.polled))
        end = max(now, start + timedelta(minutes=2))
        first, last = (quote(t.strftime("%Y-%m-%dT%H:%M:%S+00:00"), safe="") for t in (start, end))
        try:
            log = self._client.get(f"sobjects/{soql.object_name(object)}/deleted/?start={first}&end={last}")
        except RefusedError as error:
            if error.codes & {"INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"}:
                raise _expired(object, str(error)) from None
            if error.status == 404 or error.codes & {"NOT_REPLICATEABLE", "INVALID_TYPE"}:
                return replace(position, logged=wire.stamp(now)), {}  # objects without a delete log still show deleted rows in the query
            raise
        earliest = log.get("earliestDateAvailable")
        if earliest and wire.moment(earliest) > start:
            raise _expired(object, f"the delete log begins at {earliest}")
        covered = log.get("latestDateCovered")
        reached = wire.stamp(wire.moment(covered)) if covered else wire.stamp(start)
        known = {row["id"]: row["deletedDate"] for row in log.get("deletedRecords") or ()}
        return replace(position, logged=wire.stamp(now), covered=reached), known

    def live_ids(self, object: str) -> Iterator[str]:
        """Every live id, in id order while pages are small, by a bulk job when there are many. Converted leads are not live.

        Archived activities are: only queryAll shows them (contracts 4.7)."""
        hidden = object in belong.ACTIVITIES
        where = "IsConverted = false" if object == "Lead" else "IsDeleted = false" if hidden else ""
        everything = soql.select(("Id",), object, where=where)
        page = self._client.get(soql.path(f"{everything} ORDER BY Id", deleted=hidden))
        first = [row["Id"] for row in page["records"]]
        yield from first
        if page["totalSize"] > self._client.settings.bulk_read_from and not page.get("done", True):
            seen = set(first)
            try:
                for sheet in self._bulk.pages(everything, deleted=hidden):
                    fresh = [cells[0] for cells in sheet.rows if cells[0] not in seen]
                    seen.update(fresh)
                    yield from fresh
                return
            except JobFailedError as error:
                log.warning("salesforce.bulk", problem=str(error))
        while not page.get("done", True):
            page = self._client.get(page["nextRecordsUrl"])
            yield from (row["Id"] for row in page["records"])


def _expired(object: str, why: str) -> CursorExpiredError:
    return CursorExpiredError(f"Salesforce can no longer tell which {object} records were deleted ({why})", side=SIDE, object=object)


class _Run:
    """One pull under way."""

    def __init__(
        self,
        poller: Poller,
        object: str,
        fields: Sequence[str],
        now: datetime,
        position: Position,
        *,
        deleted: bool,
        purged: dict[str, str],
    ) -> None:
        self._client = poller._client
        self._describes = poller._describes
        self._bulk = poller._bulk
        self._me = poller._me()
        self._overlap = poller._overlap
        self._object = soql.object_name(object)
        self._fields = tuple(dict.fromkeys(fields))
        self._mails = poller._mails
        self._columns = tuple(dict.fromkeys((*wire.system_fields(object), *own(tuple(fields)))))
        self._shared = poller._shared(object)
        self._decoder = wire.Decoder(object, self._fields, me=self._me, shared=self._shared)
        self._now = now
        self._position = position
        self._deleted = deleted
        self._purged = purged

    def pages(self) -> Iterator[Page]:
        if self._position.job is not None:
            try:
                yield from self._job_pages(self._position)
                return
            except (JobFailedError, RefusedError):
                # the job is gone: read again from where it began
                self._position = self._position.without_job()
        wide = False
        if self._position.at is not None:
            where = after(self._position.at)
        else:
            where, wide = self._overlap.condition(self._position, self._now, self._client.server_time)
        yield from self._rest_pages(where, wide=wide)

    def _soql(self, where: str, *, order: str = ORDER) -> str:
        return soql.select(self._columns, self._object, where=where, order=order)

    def _rest_pages(self, where: str, *, wide: bool) -> Iterator[Page]:
        if wide:
            self._position = replace(self._position, wide=wire.stamp(self._now))
        page = self._client.get(soql.path(self._soql(where), deleted=self._deleted))
        total = int(page["totalSize"])
        bulk, resumed = True, 0
        while True:
            rows: Rows = page["records"]
            if rows:
                self._position = replace(self._position, at=_place(rows[-1]))
            last = page.get("done", True) or not page.get("nextRecordsUrl")
            self._mails.add(self._object, self._fields, rows)
            found = self._decoder.page(rows)
            if last:
                yield self._last_page(found, _high(self._position), total)
                return
            yield self._page(found, total)
            if bulk and total > self._client.settings.bulk_read_from and self._bulk_can():
                try:
                    yield from self._new_job(total)
                    return
                except JobFailedError:
                    self._position = self._position.without_job()
                    page, bulk = self._resumed(), False
                    continue
            try:
                page = self._client.get(page["nextRecordsUrl"])
            except RefusedError as error:
                resumed += 1
                if "INVALID_QUERY_LOCATOR" not in error.codes or resumed > RESUMES:
                    raise
                page = self._resumed()

    def _resumed(self) -> Mapping[str, Any]:
        """The page behind the last row read, by a new query."""
        assert self._position.at is not None
        page: Mapping[str, Any] = self._client.get(soql.path(self._soql(after(self._position.at)), deleted=self._deleted))
        return page

    def _page(self, found: Found, total: int | None) -> Page:
        records, digests = found
        if self._purged:
            for id, _ in digests:
                self._purged.pop(id, None)
        return Page(records=records, digests=digests, cursor=self._position.to_json(), total=total)

    def _last_page(self, found: Found, high: str | None, total: int | None) -> Page:
        """The page that ends the pull, with the deletions that only the log still knew."""
        page = self._page(found, total)
        logged = tuple(
            Record(
                ref=Ref(side=SIDE, object=self._object, id=id),
                fields={},
                modified_at=wire.moment(at),
                state=RecordState.DELETED,
                by_us=None,
            )
            for id, at in self._purged.items()
        )
        position = finished(self._position, high, now=self._now, server=self._client.server_time)
        if logged:
            page = replace(page, records=(*page.records, *logged), digests=(*page.digests, *((record.ref.id, "") for record in logged)))
        return replace(page, cursor=position.to_json(), last=True)

    # --- bulk ------------------------------------------------------------------------------------------------------------

    def _fingerprint(self) -> str:
        return hashlib.sha256(",".join(self._columns).encode()).hexdigest()[:16]

    def _bulk_can(self) -> bool:
        """Bulk jobs cannot select compound fields, and cells need a known type to be read."""
        return all(self._describes.type_of(self._object, f) not in (None, "other") for f in self._columns)

    def _new_job(self, total: int) -> Iterator[Page]:
        assert self._position.at is not None
        job = self._bulk.start_query(self._soql(after(self._position.at), order=""), deleted=self._deleted)
        made = job.get("createdDate")
        position = replace(
            self._position,
            job=str(job["id"]),
            job_at=wire.stamp(wire.moment(made)) if made else None,
            columns=self._fingerprint(),
        )
        yield from self._job_pages(replace(position, top=_high(self._position)), total)

    def _job_pages(self, position: Position, total: int | None = None) -> Iterator[Page]:
        """Pages of the position's job from its locator on. The rows are unordered, so `at` stays where the job began."""
        assert position.job is not None
        if position.columns != self._fingerprint():
            raise JobFailedError("the job was made for other fields")
        kinds: dict[str, str | None] = {}
        while True:
            for sheet in self._bulk.page(position.job, position.locator):
                kinds = kinds or {name: self._describes.type_of(self._object, name) for name in sheet.header}
                columns = cells.columns_of(sheet.header, [kinds[name] for name in sheet.header], sheet.rows)
                self._mails.add_columns(self._object, self._fields, columns)
                found = self._decoder.sheet(columns)
                newest = max(columns["SystemModstamp"], default=None)
                top = max(wire.stamp(wire.moment(newest)) if newest else "", position.top or "")
                # until its last slice is taken, whoever goes on from here begins the sheet again
                position = replace(position, locator=sheet.locator if sheet.last else position.locator, top=top or None)
                self._position = position
                if sheet.last and sheet.locator is None:
                    # what changed while the job ran is stamped after its start, whatever the job showed of it
                    ends = [m for m in (position.top, position.job_at) if m]
                    yield self._last_page(found, min(ends) if ends else None, total)
                    return
                yield self._page(found, total)


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return wire.stamp(wire.moment(row["SystemModstamp"])), row["Id"]


def _high(position: Position) -> str | None:
    """The stamp a finished pull has reached: that of its last row, in order; not the highest, a row may have moved while pages were read."""
    return position.at[0] if position.at is not None else position.high
