"""`crmsync problems`: what could not be done, grouped by cause; try again or forget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from crmsync.engine.taken_back import again
from crmsync.engine.tasks import REFUSED
from crmsync.errors import ConfigError
from crmsync.model.attention import ParkedProblem
from crmsync.model.record import Ref
from crmsync.store import Store

ALL = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which problems: every given part must fit; `everything` without any part means all."""

    cause: str | None = None
    crm: str | None = None
    ids: tuple[int, ...] = ()
    everything: bool = False

    def fits(self, row: ParkedProblem) -> bool:
        """Whether that problem is chosen."""
        return (
            (self.cause is None or row.problem.cause == self.cause)
            and (self.crm is None or row.problem.side == self.crm)
            and (not self.ids or row.problem_id in self.ids)
        )

    def require_any(self) -> None:
        """Raises: ConfigError when nothing was chosen: a bare command must not touch all."""
        if not (self.cause or self.crm or self.ids or self.everything):
            raise ConfigError("say which problems: numbers, --cause, --crm, or --all. Nothing was changed.")


def grouped(store: Store) -> list[dict[str, Any]]:
    """Groups by cause, CRM, object and field, the largest first."""
    return [
        {"cause": cause, "crm": side, "object": object, "field": field, "count": count, "message": message}
        for cause, side, object, field, count, message in store.problems.groups()
    ]


def listed(store: Store, choice: Choice, *, limit: int = ALL) -> list[dict[str, Any]]:
    """One row per problem, the longest known first."""
    rows = [row for row in store.problems.rows(limit=ALL) if choice.fits(row)][:limit]
    return [
        {
            "id": row.problem_id,
            "cause": row.problem.cause,
            "crm": row.problem.side,
            "object": row.problem.object,
            "record_id": row.problem.record_id,
            "person_id": row.problem.person_id,
            "field": row.problem.field,
            "message": row.problem.message,
            "attempts": row.attempts,
            "first_at": row.first_at.isoformat(),
            "last_at": row.last_at.isoformat(),
            "retry_at": None if row.retry_at is None else row.retry_at.isoformat(),
        }
        for row in rows
    ]


def retry(store: Store, choice: Choice) -> int:
    """Forgets the chosen problems and has their persons decided again by the next cycle. Returns how many. Raises: ConfigError."""
    choice.require_any()
    with store.begin():
        rows = [row for row in store.problems.rows(limit=ALL) if choice.fits(row)]
        persons = sorted({row.problem.person_id for row in rows if row.problem.person_id is not None})
        refused = {row.problem.data_hash for row in rows}
        tasks = [task for found in store.tasks.of(persons).values() for task in found if task.key in refused]
        store.tasks.save([replace(task, record_id=None) for task in tasks if task.record_id == REFUSED])
        again(store, tasks)
        store.mark_dirty_persons(persons)
        store.mark_dirty(
            [
                Ref(side=row.problem.side, object=row.problem.object, id=row.problem.record_id)
                for row in rows
                if row.problem.record_id is not None and row.problem.person_id is None
            ]
        )
        return store.problems.drop([row.problem_id for row in rows])


def drop(store: Store, choice: Choice) -> int:
    """Forgets the chosen problems. Returns how many. What still stands is found again when its data is looked at. Raises: ConfigError."""
    choice.require_any()
    with store.begin():
        return store.problems.drop([row.problem_id for row in store.problems.rows(limit=ALL) if choice.fits(row)])
