"""How long what we know of schemas and users is believed, and what is due once it turns out to have changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from crmsync.store import Store

SCHEMA_SECONDS = 300.0
"""How long a schema and the users are believed. A refusal that smells of a schema change makes them be read again at once."""
BELIEVED_SECONDS = 3_600.0
"""How long one that asks sparingly (a `sync`, which may be started every minute) believes them, as long as nothing waits for another schema.
What it meets that they do not explain has them read again in the same run."""

SCHEMA_CAUSES = frozenset({"owner_without_twin", "unknown_field", "read_only", "too_long", "not_an_option", "required", "wrong_type"})
"""Problems found by holding a value against schema and users: another schema or another user may have solved them."""
OWNER_IS_GONE = frozenset({"INACTIVE_OWNER_OR_USER", "INVALID_OWNER_ID", "OP_WITH_INVALID_USER_TYPE_EXCEPTION"})
"""Refusals of an owner whom the users as we know them would have refused before: somebody was deactivated since (F48)."""
REFUSED_BY_SCHEMA = OWNER_IS_GONE | frozenset(
    {
        "INVALID_DATE", "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_INTEGER", "INVALID_LONG", "INVALID_OPTION",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "STRING_TOO_LONG",
    }
)  # fmt: skip
"""The same as the CRMs say it, parked until the data changes or the schema does."""
SCHEMA_IS_OLD = OWNER_IS_GONE | frozenset(
    {
        "INVALID_DATE", "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_INTEGER", "INVALID_LONG", "PROPERTY_DOESNT_EXIST",
        "READ_ONLY_VALUE",
    }
)  # fmt: skip
"""Refusals that the schema or the users as we know them would have told before: they have changed since, and are read again at once (F45, F48)."""

NO_TWIN, OWNER = "owner_without_twin", "owner"
"""The problem of an owner without a user on the other side; and what it is about when it was told once for all new records of that owner."""
NO_ACCESS = "no_access"
"""The problem of an object that our credentials do not open."""


def recent(at: datetime | None, now: datetime, seconds: float = SCHEMA_SECONDS) -> bool:
    """Whether what was read then is still believed; a clock that was put back believes nothing."""
    return at is not None and timedelta(0) <= now - at < timedelta(seconds=seconds)


def waiting_for(store: Store, sides: Iterable[str]) -> set[str]:
    """Sides of which something waits for another schema: it shall not wait longer than it would for the daemon. An owner without a user waits as
    long as the rest is believed: many a company always has one."""
    causes = (SCHEMA_CAUSES - {NO_TWIN}) | REFUSED_BY_SCHEMA | {NO_ACCESS}
    found = {side for cause, side, *_ in store.problems.groups() if cause in causes}
    return {side for side in sides if found & {side, None}}


def look_again(store: Store) -> None:
    """Has persons decided again whose values waited for another schema or another user (F42, F45, F47, F48)."""
    rows = [row for row in store.problems.rows(limit=1_000_000) if row.problem.cause in SCHEMA_CAUSES | REFUSED_BY_SCHEMA]
    with store.begin():
        store.problems.drop([row.problem_id for row in rows if row.problem.cause in REFUSED_BY_SCHEMA])
        store.mark_dirty_persons([row.problem.person_id for row in rows if row.problem.person_id is not None])
