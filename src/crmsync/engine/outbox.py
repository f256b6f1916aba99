"""Turns planned writes into journal entries and gathers them until whole API batches can be sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.decide.plan import PlannedWrite
from crmsync.engine.members import MEMBER, list_of
from crmsync.model.change import Write
from crmsync.model.journal import JournalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A journalled write and what to remember once it is accepted. belongs: ids of the parties that the other side shows an activity to belong
    to (None: nothing about that was decided)."""

    entry: JournalEntry
    planned: PlannedWrite | None = None
    belongs: tuple[str, ...] | None = None


@dataclass(slots=True)
class Outbox:
    """Writes waiting per side. `full` hands out whole batches only, `rest` what is left at the end of a cycle. batches, members: side -> records,
    memberships of one list, per API call."""

    batches: dict[str, int]
    members: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, list[Outgoing]] = field(default_factory=dict)

    def add(self, items: Iterable[Outgoing]) -> None:
        for item in items:
            self.waiting.setdefault(item.entry.side, []).append(item)

    def full(self, at_least: int) -> dict[str, list[Outgoing]]:
        """Per side, as many whole API batches as there are, once at least `at_least` writes wait there. Creates and updates count apart."""
        ready: dict[str, list[Outgoing]] = {}
        for side, items in self.waiting.items():
            if len(items) < at_least:
                continue
            groups: dict[tuple[str, str, str], list[Outgoing]] = {}
            for item in items:
                write = item.entry.write
                of = list_of(item.entry) if item.entry.kind == MEMBER else ""
                groups.setdefault(("", "", of) if of else (write.action.value, write.object, ""), []).append(item)
            taken: list[Outgoing] = []
            kept: list[Outgoing] = []
            for (_, _, of), group in groups.items():
                size = self.members.get(side, 1) if of else self.batches[side]
                whole = len(group) - len(group) % size
                taken += group[:whole]
                kept += group[whole:]
            if taken:
                ready[side] = taken
                self.waiting[side] = kept
        return ready

    def rest(self) -> dict[str, list[Outgoing]]:
        left = {side: items for side, items in self.waiting.items() if items}
        self.waiting = {}
        return left


def outgoing(planned: PlannedWrite, *, person_id: str, write_id: str, now: datetime) -> Outgoing:
    """A planned write as a journal entry (an intent: outcome None)."""
    write = Write(
        write_id=write_id,
        action=planned.action,
        object=planned.object,
        id=planned.id,
        fields=planned.fields,
        key=planned.key,
        about=planned.about,
        unlink=planned.unlink,
    )
    entry = JournalEntry(
        side=planned.side,
        write=write,
        person_id=person_id,
        old=planned.old,
        names=planned.names,
        rules=planned.rules,
        at=now,
        record_id=planned.id,
    )
    return Outgoing(entry=entry, planned=planned)
