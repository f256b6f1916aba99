"""Changes since a cursor. HubSpot's search lags behind its records by up to five minutes, and never shows archived ones.

The cursor, all in epoch milliseconds: `mark`, the newest stamp seen; `safe`, the stamp up to which nothing can be missing any more;
`deep`, when everything after `safe` was last read again; `swept` and `archived`, the last look at the archived listing by our clock and by
the more careful of both clocks; `pages`, how long that listing was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crmsync.connect.protocol import Cursor, Page
from crmsync.errors import UnreachableError
from crmsync.model.record import Record
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.search import Row, Search

LAG = 360_000  # index lag of five minutes, and one for clocks that differ
OVERLAP = 30_000
DEEP_EVERY = 150_000
SWEEP_EVERY = 900_000
SWEEP_PAGE_COST = 90_000  # a long archived listing is read less often: at most one call per 90 s on average
_SWEEP_OVERLAP = 600_000
_CHECKED_GONE = 25  # archived rows of one sweep that are looked at singly, in case they were merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The cursor as values; see the module."""

    mark: int = -1
    safe: int = -1
    deep: int | None = None
    swept: int | None = None
    archived: int = 0
    pages: int = 0

    @classmethod
    def read(cls, cursor: Cursor | None) -> Position:
        """The position in a stored cursor; None: the beginning."""
        return cls(**{k: cursor[k] for k in cls.__slots__ if k in cursor}) if cursor else cls()

    def cursor(self) -> dict[str, Any]:
        """JSON-able."""
        return {name: getattr(self, name) for name in self.__slots__}

    def start(self, deep: bool, clock: int | None) -> int:
        """Where the next search begins. clock: the earlier of both clocks, None when HubSpot's is not known yet."""
        if deep:
            return self.safe + 1
        overlap = max(self.mark, clock if clock is not None else self.mark) - OVERLAP
        return max(self.safe + 1, min(self.mark + 1, overlap))

    def reached(self, stamp: int | None, *, deep: bool, more: bool) -> Position:
        """After a page whose last row has `stamp`. While more follows, the rest of that stamp is not known yet."""
        if stamp is None:
            return self
        moved = replace(self, mark=max(self.mark, stamp - 1 if more else stamp))
        return replace(moved, safe=max(self.safe, stamp - LAG)) if deep and more else moved

    def finished(self, now: int, clock: int | None) -> Position:
        """After everything since `safe` was read."""
        horizon = max(self.mark, clock if clock is not None else self.mark) - LAG
        return replace(self, deep=now, safe=max(self.safe, min(self.mark, horizon)))


class Poll:
    """Pulls of one connected account."""

    def __init__(self, client: Client, schemas: Schemas) -> None:
        self._client = client
        self._schemas = schemas

    def _clock(self, now: int) -> int | None:
        server = self._client.server_time
        return min(now, wire.millis(server)) if server is not None else None

    def owes(self, cursor: Cursor, now: datetime) -> datetime | None:
        """See crmsync.connect.protocol.Connector.owes."""
        at = Position.read(cursor)
        due = at.swept is not None and self._sweep_due(at, wire.millis(now))
        return wire.moment(str(at.swept)) if due else None

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        """See crmsync.connect.protocol.Connector.pull.

        The first pull reads everything by search (200 per call; the list endpoint gives 100). Idle polls cost one call.
        """
        decoder = wire.Decoder(object, fields, self._schemas.known(object))
        search = Search(self._client, object, decoder.requested())
        at = Position.read(cursor)
        now_ms = wire.millis(now)
        deep = at.deep is None or not 0 <= now_ms - at.deep < DEEP_EVERY
        survivors: dict[str, Record] = {}
        sweep = owed != 0 and self._sweep_due(at, now_ms)
        for found in search.since(at.start(deep, self._clock(now_ms))):
            records, digests = decoder.page(found.rows)
            for place, (_, digest) in enumerate(digests):
                if not digest:
                    record = records[place]
                    survivors.update(dict.fromkeys(record.former_ids, record))
            at = at.reached(found.stamp, deep=deep, more=found.more)
            if found.more:
                yield Page(records=records, digests=digests, cursor=at.cursor(), total=found.total)
                continue
            if deep:
                at = at.finished(now_ms, self._clock(now_ms))
            if at.swept is None:
                # nothing archived before the first pull concerns anybody: the sweeps begin here, without a call
                at = replace(at, swept=now_ms, archived=self._clock(now_ms) or now_ms)
            yield Page(records=records, digests=digests, cursor=at.cursor(), last=not sweep, total=found.total)
        if sweep:
            gone, pages = self._archived(object, fields, at.archived - _SWEEP_OVERLAP, survivors)
            at = replace(at, swept=now_ms, archived=self._clock(now_ms) or now_ms, pages=pages)
            yield Page(records=gone, cursor=at.cursor(), last=True)

    @staticmethod
    def _sweep_due(at: Position, now: int) -> bool:
        if at.swept is None:
            return False
        return not 0 <= now - at.swept < max(SWEEP_EVERY, at.pages * SWEEP_PAGE_COST)

    def _archived(self, object: str, fields: Sequence[str], since: int, survivors: Mapping[str, Record]) -> tuple[tuple[Record, ...], int]:
        """Records archived after `since`, and the length of the whole listing in pages: it is ordered by id, so it must be read whole."""
        rows, pages = [], 0
        for page in list_pages(self._client, object, archived=True):
            pages += 1
            rows += [r for r in page if wire.millis(wire.moment(r.get("archivedAt") or r["updatedAt"])) > since]
        found: list[Record] = []
        decoder = wire.Decoder(object, fields, self._schemas.known(object))
        for row in rows:
            id = str(row["id"])
            survivor = survivors.get(id)
            if survivor is None and len(rows) <= _CHECKED_GONE and object in wire.MERGEABLE:
                survivor = survivor_of(self._client, object, id, decoder)
            found.append(wire.moved(survivor, id) if survivor else wire.gone(object, row))
        return tuple(found), pages


def list_pages(client: Client, object: str, *, archived: bool = False) -> Iterator[list[Row]]:
    """The list endpoint page by page (100 rows, in the order of ids), strongly consistent."""
    after: str | None = None
    while True:
        query = {"limit": 100, "after": after, "archived": archived, "properties": "hs_object_id"}
        answer = client.get("objects", object, query)
        if answer.status != 200 or not isinstance(answer.json, dict):
            said = wire.trouble(answer.status, answer.json)
            raise UnreachableError(f"HubSpot refused to list {object} ({said.code}); tried again later", side=SIDE)
        yield list(answer.json.get("results") or ())
        following = ((answer.json.get("paging") or {}).get("next") or {}).get("after")
        if following is None or str(following) == after:
            return
        after = str(following)


def survivor_of(client: Client, object: str, id: str, decoder: wire.Decoder) -> Record | None:
    """The record that `id` was merged into: a read by an old id answers with another id (contracts 5.6). None: not merged."""
    answer = client.get("objects", f"{object}/{id}", {"properties": ",".join(decoder.requested())})
    if answer.status != 200 or not isinstance(answer.json, dict) or str(answer.json.get("id")) == id:
        return None
    return decoder.record(answer.json)
