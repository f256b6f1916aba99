"""The Acme Rolodex connector: everything it needs of crmsync is in crmsync.connect, crmsync.model and crmsync.errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crmsync.connect import Budget, Connector, Cursor, Finding, Identity, Page, Traits
from crmsync.errors import ConfigError, UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, TaskDraft, Write
from crmsync.model.fields import KEY, OwnField
from crmsync.model.record import FieldSchema, FieldVersion, ObjectSchema, Record, RecordState, Ref, User
from crmsync_acme.book import WORKERS, Book

SIDE, HUMAN, CHORE = "acme", "Human", "Chore"
TABLES = {HUMAN: "humans", CHORE: "chores"}
NO_FIELDS: Mapping[str, str] = {}
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


class AcmeConnector:
    """One Rolodex. Acme lets nobody be merged or converted, keeps no history, and checks nothing but that a human has a mail address."""

    def __init__(self, path: Path) -> None:
        self.name = SIDE
        self.traits = Traits(person_objects=(HUMAN,), task_object=CHORE, write_batch=10, reads_back=True)
        self._book = Book(path)
        self._calls = 0

    def _read(self) -> dict[str, Any]:
        self._calls += 1
        try:
            return self._book.read()
        except (OSError, ValueError) as error:
            raise UnreachableError(f"the Rolodex cannot be read ({type(error).__name__}); it is tried again later", side=SIDE) from None

    def identity(self) -> Identity:
        return Identity(account="rolodex", user_id="crmsync", label="Acme Rolodex")

    def check(self) -> list[Finding]:
        return [Finding(level="info", subject="Rolodex", message="one file, everybody may do everything")]

    def schema(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        columns = self._read()["columns"]
        names = {HUMAN: columns, CHORE: [self.own_field(KEY)]}
        return {
            object: ObjectSchema(
                object=object,
                label=object,
                fields={n: FieldSchema(name=n, label=n, type="text", unique=n == "x_crmsync_key") for n in names[object]},
            )
            for object in objects
        }

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        return None  # the file is read whole each time

    def users(self, *, teams: Collection[str] = (), away: Mapping[str, str] = NO_FIELDS) -> list[User]:
        return [User(side=SIDE, id=id, email=mail, name=mail) for id, mail in WORKERS.items()]

    def own_field(self, name: str) -> str:
        return f"x_{name}"

    def owes(self, object: str, cursor: Cursor, now: datetime) -> datetime | None:
        return None  # those who are gone stand in the same file

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        data = self._read()
        since = int(cursor["tick"]) if cursor else -1
        rows = {id: r for id, r in data[TABLES[object]].items() if r["tick"] > since and (cursor is not None or not r["gone"])}
        yield Page(records=tuple(_record(object, id, r, fields) for id, r in rows.items()), cursor={"tick": data["tick"]}, last=True)

    def live_ids(self, object: str) -> Iterator[str]:
        yield from [id for id, row in self._read()[TABLES[object]].items() if not row["gone"]]

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        rows = self._read()[TABLES[object]]
        return [_record(object, id, rows[id], fields) for id in ids if id in rows]

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = {value.lower() for value in values}
        rows = self._read()[TABLES[object]]
        return [
            _record(object, id, r, fields) for id, r in rows.items() if not r["gone"] and str(r["fields"].get(field, "")).lower() in wanted
        ]

    def links(self, object: str, ids: Sequence[str]) -> dict[str, tuple[Ref, ...]]:
        return dict.fromkeys(ids, ())  # nothing in this CRM belongs to anything

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        return []

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._one(write) for write in writes]

    def _one(self, write: Write) -> Outcome:
        rows = self._read()[TABLES[write.object]]
        if write.action is Action.CREATE:
            return self._create(write, rows)
        row = rows.get(write.id)
        if row is None or row["gone"]:
            return Outcome(write_id=write.write_id, kind=OutcomeKind.GONE, cause="NO_SUCH_HUMAN")
        if write.action is Action.DELETE:
            self._book.remove(str(write.id), by_us=True)
            return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=write.id)
        if "Mail" in write.fields and not write.fields["Mail"]:
            return Outcome(
                write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="NO_MAIL", message="a human has a mail address", fields=("Mail",)
            )
        self._book.edit(str(write.id), write.fields, by_us=True)
        return self._done(write, str(write.id))

    def _create(self, write: Write, rows: Mapping[str, Any]) -> Outcome:
        key = self.own_field(KEY)
        for id, row in rows.items():
            if write.key is not None and row["fields"].get(key) == write.key and not row["gone"]:
                return self._done(write, id)
        if write.object == HUMAN and not write.fields.get("Mail"):
            return Outcome(
                write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="NO_MAIL", message="a human has a mail address", fields=("Mail",)
            )
        return self._done(write, self._book.add(TABLES[write.object], {**write.fields, key: write.key}, by_us=True))

    def _done(self, write: Write, id: str) -> Outcome:
        row = self._book.read()[TABLES[write.object]][id]
        shown = {name: row["fields"].get(name) for name in write.fields}
        return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=id, shown=shown, modified_at=_when(row["tick"]))

    def task(self, draft: TaskDraft, write_id: str) -> Write:
        fields = {"What": draft.subject, "Who": draft.owner_id, "Until": draft.due_on.isoformat(), "About": draft.person.id}
        return Write(write_id=write_id, action=Action.CREATE, object=CHORE, fields=fields, key=draft.key, about=(draft.person,))

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        data = self._read()
        missing = [self.own_field(f.name) for f in fields if "person" in f.on and self.own_field(f.name) not in data["columns"]]
        if missing and not dry_run:
            self._book.save({**data, "columns": [*data["columns"], *missing]})
        level = "would" if dry_run else "done"
        return [Finding(level=level, subject=name, message="column of humans") for name in missing]

    def calls(self) -> int:
        return self._calls

    def budget(self) -> Budget:
        return Budget()

    def close(self) -> None:
        return None


def _when(tick: int) -> datetime:
    return DAWN + timedelta(seconds=tick)


def _record(object: str, id: str, row: Mapping[str, Any], fields: Sequence[str]) -> Record:
    return Record(
        ref=Ref(side=SIDE, object=object, id=id),
        fields={name: row["fields"].get(name) for name in fields},
        modified_at=_when(row["tick"]),
        created_at=_when(row["made"]),
        state=RecordState.DELETED if row["gone"] else RecordState.LIVE,
        by_us=row["by_us"],
    )


def connect(options: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> Connector:
    """A connector for the setting CRMSYNC_ACME__BOOK, the path of the Rolodex file. Contacts nothing."""
    if set(options) != {"book"}:
        raise ConfigError("CRMSYNC_ACME__BOOK is missing, or there is another CRMSYNC_ACME__ setting; the Rolodex was not opened")
    return AcmeConnector(Path(options["book"]))
