"""A memory CRM with lists: the optional part of the connector protocol (KeepsMembers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from crmsync.connect.protocol import LIST_CLOSED, LIST_UNKNOWN, MemberList, Traits
from crmsync.model.change import Outcome, OutcomeKind
from crmsync.model.record import RecordState, Ref
from crmsync.testing.memory import MemoryCrm


@dataclass(slots=True, kw_only=True)
class ListingCrm(MemoryCrm):
    """lists: id of a list -> record id -> since when it is a member. closed: lists whose members follow a filter. clock: the CRM's, aware UTC.
    asked: (list, who joins, who leaves) of each call."""

    lists: dict[str, dict[str, datetime]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    member_batch: int = 2
    asked: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)

    @property
    def traits(self) -> Traits:
        # No super() in a class with slots of its own making.
        traits: Traits = MemoryCrm.traits.__get__(self)
        return replace(traits, member_batch=self.member_batch)

    def set_member(self, list_id: str, id: str) -> None:
        """A person puts a record on a list."""
        self.lists[list_id][id] = self.clock()

    def merge(self, winner: str, loser: str) -> None:
        """The survivor is on every list of both."""
        MemoryCrm.merge(self, winner, loser)
        for members in self.lists.values():
            if loser in members:
                members.setdefault(winner, members.pop(loser))

    def member_list(self, list_id: str) -> MemberList:
        found: MemberList = self._call("member_list", lambda: self._stands(list_id))
        return found

    def _stands(self, list_id: str) -> MemberList:
        if list_id not in self.lists:
            return MemberList(list_id=list_id, refused=LIST_UNKNOWN, why="there is no such list.")
        if list_id in self.closed:
            return MemberList(list_id=list_id, label=list_id, refused=LIST_CLOSED, why="its members follow a filter.")
        return MemberList(list_id=list_id, label=list_id)

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        try:
            told: list[Outcome] = self._call("members", lambda: self._change(list_id, join, leave))
        except ConnectionError:  # carried out, and the answer lost
            return [Outcome(write_id=r.id, kind=OutcomeKind.UNKNOWN, id=r.id) for r in (*join, *leave)]
        return told

    def _change(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        self.asked.append((list_id, tuple(r.id for r in join), tuple(r.id for r in leave)))
        stands = self._stands(list_id)
        if stands.refused:
            kind, cause, why = OutcomeKind.REJECTED, stands.refused, stands.why
            return [Outcome(write_id=r.id, kind=kind, id=r.id, cause=cause, message=why) for r in (*join, *leave)]
        members = self.lists[list_id]
        return [
            *(self._outcome(r, r.id not in members, lambda id: members.update({id: self.clock()})) for r in join),
            *(self._outcome(r, r.id in members, members.pop) for r in leave),
        ]

    def _outcome(self, ref: Ref, news: bool, do: Callable[[str], Any]) -> Outcome:
        row = self.rows.get(ref.id)
        kind = OutcomeKind.DONE if news else OutcomeKind.EXISTS
        if row is None or row.state is not RecordState.LIVE:
            kind = OutcomeKind.GONE
        elif news:
            do(ref.id)
        return Outcome(write_id=ref.id, kind=kind, id=ref.id)

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        def work() -> dict[Ref, datetime]:
            members = self.lists.get(list_id, {})
            return {ref: members[ref.id] for ref in refs if ref.id in members}

        found: Mapping[Ref, datetime] = self._call("member_since", work)
        return found
