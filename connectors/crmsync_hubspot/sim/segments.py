"""The lists (segments) of a portal and who is on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import Json
from .values import iso

OPEN = ("MANUAL", "SNAPSHOT")
CONTACTS = "0-1"


@dataclass(slots=True)
class Segment:
    """One list. members: record id -> (first added, last added), epoch ms."""

    id: int
    name: str
    processing: str
    object_type: str
    created: int
    members: dict[int, tuple[int, int]] = field(default_factory=dict)

    def join(self, record_id: int, at: int) -> bool:
        """Whether that was news."""
        if record_id in self.members:
            return False
        self.members[record_id] = (at, at)
        return True

    def json(self) -> Json:
        """As `GET /crm/v3/lists/{id}` shows it."""
        return {
            "listId": str(self.id), "listVersion": 1, "name": self.name, "objectTypeId": self.object_type, "processingStatus": "COMPLETE",
            "processingType": self.processing, "createdAt": iso(self.created), "updatedAt": iso(self.created),
            "filtersUpdatedAt": iso(self.created), "createdById": "1", "updatedById": "1",
            "additionalProperties": {"hs_list_size": str(len(self.members)), "hs_list_reference_count": "0"},
        }  # fmt: skip


class Lists:
    """All lists of a portal."""

    def __init__(self) -> None:
        self.by_id: dict[int, Segment] = {}
        self._next = 1

    def add(self, name: str, processing: str, object_type: str, at: int) -> Segment:
        """A new list; ValueError for a processing type that there is not."""
        if processing not in (*OPEN, "DYNAMIC"):
            raise ValueError(f"a list is MANUAL, SNAPSHOT or DYNAMIC, not {processing}")
        made = Segment(self._next, name, processing, object_type, at)
        self.by_id[made.id] = made
        self._next += 1
        return made

    def find(self, list_id: str) -> Segment | None:
        """The list of an id as text."""
        return self.by_id.get(int(list_id)) if list_id.isdigit() else None

    def of(self, record_id: int) -> list[Segment]:
        """The contact lists that a record is on."""
        return [one for one in self.by_id.values() if one.object_type == CONTACTS and record_id in one.members]

    def move(self, old: int, new: int) -> None:
        """A merge: the survivor is on every list that one of the merged contacts was on."""
        for one in self.of(old):
            first, last = one.members.pop(old)
            mine = one.members.get(new, (first, last))
            one.members[new] = (min(first, mine[0]), max(last, mine[1]))

    def drop(self, record_id: int) -> None:
        """A contact that is gone for good is on no list."""
        for one in self.of(record_id):
            del one.members[record_id]
