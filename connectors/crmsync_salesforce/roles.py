"""Contact roles that came, changed or went: they are rows of their own and leave their opportunity's SystemModstamp alone (F08).

Source: Object Reference, OpportunityContactRole (replicateable, not undeletable). Seen: roles made, changed, and deleted ones that queryAll still
shows. A role that was deleted for good is seen with the next change of its opportunity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crmsync.connect.protocol import Page
from crmsync.model.record import Record, RecordState
from crmsync_salesforce import soql, wire
from crmsync_salesforce.client import Client
from crmsync_salesforce.cursor import Position, seconds

OF = "Opportunity"
ROLE = "OpportunityContactRole"
EVERY = 300.0
"""Seconds between two looks: one API call each, beside the poll of the opportunities."""
OVERLAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Opportunities whose roles changed: id -> the roles' newest stamp. reached: the moment up to which roles were looked at."""

    stamps: dict[str, str]
    reached: str


class Roles:
    """Looks at the roles of one org's opportunities."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @staticmethod
    def due(position: Position, now: datetime) -> bool:
        """Whether it is time for a look."""
        gone = seconds(position.roles, now)
        return position.polled is not None and (gone is None or not 0 <= gone < EVERY)

    def touched(self, position: Position, now: datetime) -> Touched | None:
        """What changed since the last look; None when nothing was polled before. position: as it stood before this poll."""
        since = position.roles or position.polled
        if since is None:
            return None
        server = self._client.server_time or now
        start = wire.stamp(wire.moment(since) - OVERLAP)
        text = soql.select(("OpportunityId", "SystemModstamp"), ROLE, where=f"SystemModstamp >= {start}", order="SystemModstamp")
        stamps = {row["OpportunityId"]: row["SystemModstamp"] for row in self._client.rows(soql.path(text, deleted=True))}
        return Touched(stamps=stamps, reached=wire.stamp(min(now, server)))


def with_touched(pages: Iterable[Page], touched: Touched, records: Sequence[Record]) -> Iterator[Page]:
    """The pages, and behind them the opportunities whose roles changed, as changed ones. The cursor moves on with the last page only."""
    for page in pages:
        if not page.last:
            yield page
            continue
        cursor = {**page.cursor, "roles": touched.reached}
        if not records:
            yield replace(page, cursor=cursor)
            return
        yield replace(page, last=False)
        marked = tuple(replace(r, digest=f"{r.digest}/{touched.stamps.get(r.ref.id, '')}") for r in records)
        digests = tuple((r.ref.id, r.digest if r.state is RecordState.LIVE else "") for r in marked)
        yield Page(records=marked, digests=digests, cursor=cursor, last=True, total=page.total)
