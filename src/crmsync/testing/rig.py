"""What a connector author gives to the contract suite, and how the suite speaks to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from unittest import SkipTest

from crmsync.connect.protocol import Connector, Cursor
from crmsync.errors import CrmsyncError, UnreachableError
from crmsync.model.change import Action, OutcomeKind, TaskDraft, Write
from crmsync.model.fields import KEY
from crmsync.model.record import Record, Ref, Value

Fields = Mapping[str, Value]


class Rig(Protocol):
    """object: the native person object under test; email, text: two of its native fields, the second one free text that may be cleared.

    needs: values every new record must have besides. bad: values that this CRM refuses for good. task_fields: a native text field of tasks.
    can: of "merge", "convert", "unique_email", "tasks", "refuse", "break", "bare", "activities" (then an ActivityRig), "lists" (then a ListRig),
    "teams" (then a TeamRig). idle_calls: API calls that a pull without changes may cost.
    seen_after: seconds until `pull` must show a change; gone_after: ... a deletion. unknown_id: an id of the right form that never existed.
    """

    connector: Connector
    object: str
    email: str
    text: str
    needs: Fields
    bad: Fields
    can: frozenset[str]
    idle_calls: int
    seen_after: float
    gone_after: float
    unknown_id: str

    def now(self) -> datetime:
        """Aware UTC; the CRM's and the connector's clock."""
        ...

    def wait(self, seconds: float) -> None:
        """Moves that clock on."""
        ...

    def add(self, fields: Fields) -> str: ...

    def edit(self, id: str, fields: Fields) -> None: ...

    def delete(self, id: str) -> None: ...

    def merge(self, winner: str, loser: str) -> str:
        """The surviving id."""
        ...

    def convert(self, id: str) -> Ref:
        """What the record turned into."""
        ...

    def shown(self, id: str) -> Fields:
        """The record as the CRM's own screen shows it, native names."""
        ...

    def tasks(self) -> int:
        """How many tasks there are."""
        ...

    def calls(self) -> int | None:
        """API calls as the CRM counted them; None where nobody counts."""
        ...

    def trouble(self, what: str) -> None:
        """From now on calls end so: "down" (not reached), "lost" (the next write is carried out, its answer lost), "quota"; "" ends the trouble."""
        ...

    def bare(self) -> Connector:
        """A connector to a CRM without any crmsync field."""
        ...


def mail(name: str) -> str:
    """An address of the contract's own domain."""
    return f"{name}@contract.example"


def needs(rig: Rig, what: str) -> None:
    """Skips the test where the CRM cannot do this."""
    if what not in rig.can:
        raise SkipTest(f"{rig.connector.name} {rig.object}: no {what}")


def asked(rig: Rig) -> tuple[str, ...]:
    """The native fields that the suite reads."""
    return (rig.email, rig.text, rig.connector.own_field(KEY))


def add(rig: Rig, name: str, **fields: Value) -> str:
    """A person types in a record; its id."""
    return rig.add({**rig.needs, rig.email: mail(name), **fields})


def pull(rig: Rig, cursor: Cursor | None) -> tuple[list[Record], Cursor]:
    """All records, and the last cursor after a trip through JSON."""
    pages = list(rig.connector.pull(rig.object, asked(rig), cursor, rig.now()))
    return [record for page in pages for record in page.records], json.loads(json.dumps(dict(pages[-1].cursor)))


def of(records: Sequence[Record], id: str) -> Record:
    """The last showing of a record. Fails when there is none."""
    found = [record for record in records if record.ref.id == id]
    assert found, f"{id} is not among what was pulled"
    return found[-1]


def create(rig: Rig, key: str, name: str, **fields: Value) -> Write:
    """A keyed create; its write_id is "write <key>"."""
    values: dict[str, Value] = {**rig.needs, rig.email: mail(name), rig.connector.own_field(KEY): key, **fields}
    return Write(write_id=f"write {key}", action=Action.CREATE, object=rig.object, fields=values, key=key)


def update(rig: Rig, id: str, write_id: str, **fields: Value) -> Write:
    """An update of these fields."""
    return Write(write_id=write_id, action=Action.UPDATE, object=rig.object, id=id, fields=fields)


def draft_of(rig: Rig, id: str) -> TaskDraft:
    """A task for a person, due on a Monday in 2030."""
    owner = next((u.id for u in rig.connector.users() if u.active and u.kind == "person"), "")
    due = datetime(2030, 1, 7, 10, 0, tzinfo=UTC)
    person = Ref(side=rig.connector.name, object=rig.object, id=id)
    return TaskDraft(
        key="task-1", subject="Call <now>", body="One\nTwo", due_at=due, due_on=due.date(), owner_id=owner, person=person, channel="call"
    )


def each_method(rig: Rig, id: str, cursor: Cursor) -> list[Callable[[], object]]:
    """A call of each method that asks the CRM; the last one writes."""
    connector = rig.connector
    write = update(rig, id, "w", **{rig.text: "x"})
    return [
        lambda: list(connector.pull(rig.object, asked(rig), cursor, rig.now())),
        lambda: connector.fetch(rig.object, [id], asked(rig)),
        lambda: connector.find(rig.object, rig.email, [mail("p")], asked(rig)),
        lambda: list(connector.live_ids(rig.object)),
        lambda: sent_or_raised(connector, write),
    ]


def sent_or_raised(connector: Connector, write: Write) -> None:
    """A write in trouble may raise, or say by its outcome that it was not carried out or that nobody knows; then it raises here."""
    (outcome,) = connector.write([write])
    if outcome.kind in (OutcomeKind.RETRY, OutcomeKind.UNKNOWN):
        raise UnreachableError(outcome.message, side=connector.name)


def error_of(call: Callable[[], object]) -> CrmsyncError | None:
    """What a call ends with, None when it succeeds."""
    try:
        call()
    except CrmsyncError as error:
        return error
    return None
