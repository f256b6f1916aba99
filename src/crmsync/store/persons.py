"""What crmsync itself remembers of persons: the whole state as one blob, beside the columns it is asked by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select

from crmsync.model.link import PersonState
from crmsync.store.bulk import Upsert, among, chunks, excluded
from crmsync.store.codec import dump, load, maybe_micros, maybe_moment, micros
from crmsync.store.prepared import Prepared
from crmsync.store.tables import persons as table

_SAVE = Upsert(
    table="persons",
    columns=("person_id", "next_due_at", "owner", "stage", "data", "account", "engagement", "segment", "score"),
    key=("person_id",),
    update=excluded("next_due_at", "owner", "stage", "data", "account", "engagement", "segment", "score"),
)

_GET = Prepared(lambda among: select(table.c.person_id, table.c.data).where(among(table.c.person_id, "listed")))
_DUE = Prepared(
    lambda _: (
        select(table.c.person_id)
        .where(table.c.next_due_at.is_not(None), table.c.next_due_at <= bindparam("now"))
        .order_by(table.c.next_due_at, table.c.person_id)
        .limit(bindparam("most"))
    )
)
_NEXT = Prepared(lambda _: select(func.min(table.c.next_due_at)).where(table.c.next_due_at.is_not(None)))
_COLLEAGUES = Prepared(
    lambda among: (
        select(table.c.account, func.sum(table.c.engagement).label("engagement"))
        .where(among(table.c.account, "listed"), table.c.account.is_not(None), table.c.engagement > 0)
        .group_by(table.c.account)
    )
)
_MEMBERS = Prepared(
    lambda _: (
        select(table.c.person_id)
        .where(table.c.account == bindparam("account"), table.c.account.is_not(None))
        .order_by(table.c.engagement.desc(), table.c.person_id)
        .limit(bindparam("most"))
    )
)
_COUNT = Prepared(lambda _: select(func.count()).select_from(table))


def get(connection: Connection, ids: Sequence[str]) -> dict[str, PersonState]:
    found: dict[str, PersonState] = {}
    for part in chunks(ids):
        found.update((row[0], load(PersonState, row[1])) for row in _GET.rows(connection, listed=part))
    return found


def save(connection: Connection, states: Sequence[PersonState]) -> None:
    _SAVE.run(
        connection,
        [
            (
                state.person_id, maybe_micros(state.next_due_at), state.owner, state.stages[-1].stage if state.stages else None, dump(state),
                state.account, state.engagement, state.segment, _score(state),
            )
            for state in states
        ],
    )  # fmt: skip


def _score(state: PersonState) -> float | None:
    """The total as it was last wanted in the CRMs."""
    score = state.outputs.get("crmsync_score")
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None


def drop(connection: Connection, ids: Sequence[str]) -> None:
    for part in chunks(ids):
        connection.execute(delete(table).where(among(connection, table.c.person_id, part)))


def colleagues(connection: Connection, accounts: Sequence[str]) -> dict[str, float]:
    """account -> the sum of its persons' engagement, none of them counted below 0."""
    return {row.account: float(row.engagement) for part in chunks(accounts) for row in _COLLEAGUES.rows(connection, listed=part)}


def members(connection: Connection, account: str, limit: int) -> list[str]:
    return [row.person_id for row in _MEMBERS.rows(connection, account=account, most=limit)]


def cut(connection: Connection, segment: str, percent: float) -> float | None:
    """The lowest score that at most that share of the segment's persons reaches; None when no score tells them apart, or the share of so few is nobody."""
    mine = (table.c.segment == segment, table.c.score.is_not(None))
    known = connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one()
    most = int(known * percent / 100)
    if most < 1:
        return None
    query = select(table.c.score).where(*mine).order_by(table.c.score.desc()).offset(most - 1).limit(1)
    last = connection.execute(query).scalar_one()
    # Of many with the same score all would be in: then the next higher one is the cut.
    reached = connection.execute(select(func.count()).select_from(table).where(*mine, table.c.score >= last)).scalar_one()
    if reached > most:
        last = connection.execute(select(func.min(table.c.score)).where(*mine, table.c.score > last)).scalar_one()
    return None if last is None else float(last)


def between(connection: Connection, segment: str, low: float, high: float, after: str, limit: int) -> list[str]:
    """Persons of a segment with a score from low up to high, in id order, those after the id `after`."""
    query = select(table.c.person_id).where(
        table.c.segment == segment, table.c.score >= low, table.c.score <= high, table.c.person_id > after
    )
    return list(connection.execute(query.order_by(table.c.person_id).limit(limit)).scalars())


def due(connection: Connection, now: datetime, limit: int) -> list[str]:
    return [row.person_id for row in _DUE.rows(connection, now=micros(now), most=limit)]


def next_due_at(connection: Connection) -> datetime | None:
    return maybe_moment(_NEXT.value(connection))


def count(connection: Connection) -> int:
    return int(_COUNT.value(connection))


def stage_counts(connection: Connection) -> dict[str, int]:
    query = select(table.c.stage, func.count()).where(table.c.stage.is_not(None)).group_by(table.c.stage)
    return {row[0]: row[1] for row in connection.execute(query)}


def ids_after(connection: Connection, after: str, limit: int) -> list[str]:
    query = select(table.c.person_id).where(table.c.person_id > after).order_by(table.c.person_id).limit(limit)
    return list(connection.execute(query).scalars())
