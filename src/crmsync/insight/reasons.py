"""Why two sides show different values of one field: the first explanation that holds, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crmsync.decide.canonical import same
from crmsync.decide.owners import Owners
from crmsync.decide.reconcile import anchor
from crmsync.decide.translate import Column
from crmsync.model.attention import ParkedProblem
from crmsync.model.link import UNDONE, PersonState, Snapshot
from crmsync.model.record import Value
from crmsync.model.rules import FILL, FieldType

UNEXPLAINED = "unexplained"
WAITING = "waiting: changed since the last cycle, decided next"
UNDONE_BY_HAND = "undone by hand: stands until somebody changes it"
NOT_ABOUT_VALUES = ("duplicate", "deleted_elsewhere")
"""Problems that explain no difference of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """machines: house owner ids of integration users. read_only: (crm, object, native field) that the live schema does not let us write."""

    sides: tuple[str, ...]
    owners: Owners
    machines: frozenset[str]
    read_only: Callable[[str, str, str], bool]

    def why(
        self,
        name: str,
        columns: Mapping[str, Column],
        values: Mapping[str, Value],
        state: PersonState,
        chosen: Mapping[str, Snapshot],
        problems: Sequence[ParkedProblem],
        *,
        waits: bool,
        asked: bool = False,
    ) -> str:
        """values: side -> what it shows now; chosen: side -> what it showed when it was last decided. waits: about the record is still to be
        decided; asked: a person is."""
        rule = columns[next(iter(values))].map
        if asked:
            return "conflict: waits for a person"
        if waits or any(not same(rule.type, chosen[side].fields.get(name), value) for side, value in values.items()):
            return WAITING
        agreed = state.base.get(name)
        settled = (
            agreed is not None
            and agreed.mapping == rule.fingerprint
            and all(state.anchors.get(side) == anchor(chosen[side]) for side in values)
            and all(same(rule.type, agreed.values.get(side), value) for side, value in values.items())
        )
        if settled and any(self._undone(state, side, name, rule.type, value) for side, value in values.items()):
            return UNDONE_BY_HAND
        parked = [row for row in problems if row.problem.field in (name, None) and row.problem.cause not in NOT_ABOUT_VALUES]
        if parked:
            return f"parked: {parked[0].problem.cause}"
        writable = [side for side in values if self._writable(side, chosen[side].ref.object, columns[side])]
        if not writable:
            return "by mapping: written on neither side"
        once = any(column.place.at_creation for column in columns.values())
        if once and agreed is not None and agreed.mapping == rule.fingerprint:
            return "by mapping: carried at creation only"
        if rule.conflict == FILL and None not in values.values():
            return "accepted: fill writes only into an empty field"
        if rule.conflict == FILL and all(values[side] is None for side in values if side not in writable):
            return "by mapping: written in " + " and ".join(writable) + " only"
        if rule.type is FieldType.OWNER and any(value in self.machines for value in values.values()):
            return "owner: a machine's records are nobody's yet"
        if not settled:
            return UNEXPLAINED
        return self._accepted(rule.type, rule.conflict, rule.empty == "clear" and not rule.required, values, writable)

    def _undone(self, state: PersonState, side: str, name: str, kind: FieldType, value: Value) -> bool:
        marks = state.written.get(side, {})
        return UNDONE + name in marks and same(kind, marks[UNDONE + name], value)

    def _accepted(self, kind: FieldType, conflict: str, clears: bool, values: Mapping[str, Value], writable: Sequence[str]) -> str:
        """The two sides were settled on exactly these values: by which rule."""
        if kind is FieldType.OWNER:
            without = [s for s in values if any(self.owners.native(s, v) is None for v in values.values() if v is not None)]
            if without:
                return f"owner: without an active user in {without[0]}"
            return "accepted: a first connection changes nobody's owner"
        if len(writable) == 1:
            return f"by mapping: written in {writable[0]} only"
        if conflict == FILL:
            return "accepted: fill writes only into an empty field"
        if not clears and None in values.values():
            return "accepted: this field does not carry clears"
        if None in values.values():
            return UNEXPLAINED  # no rule leaves one side of such a field empty
        return "accepted: a CRM's own form of the value"

    def _writable(self, side: str, object: str, column: Column) -> bool:
        place = column.place
        return side in column.map.to and not place.read_only and not self.read_only(side, object, place.field)
