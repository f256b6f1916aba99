"""A CRM in memory that speaks the connector protocol: for connector authors' tests, and for tests that need thousands of cycles in seconds.

It keeps the traps that matter to an engine: a modification stamp of its own, deletes as tombstones, unique e-mails and keys, merges into a survivor,
optional rewriting of values ("hostile"), calls that fail before or after they were carried out. Beside persons it holds activities that belong to
them, where it is told of any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from crmsync.connect.protocol import NOT_TOLD, Budget, Cursor, Finding, Identity, Page, Traits
from crmsync.errors import UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, TaskDraft, Write
from crmsync.model.fields import KEY, OwnField
from crmsync.model.record import FieldVersion, ObjectSchema, Record, RecordState, Ref, User, Value
from crmsync.testing.memory_row import Died, Row, described, when
from crmsync.testing.memory_users import told


@dataclass(slots=True, kw_only=True)
class MemoryCrm:
    """One side. names: native fields of the person object. rewrite: what the CRM does to values on save. fault: called with (call name, phase) before
    and after each call is carried out; raises what that call should end with. reads_back: whether writes answer with the stored values.
    refuses: names the field of a write that the CRM's validation will not have.

    activities: native object -> its native fields, of activities; "task" among them takes the first-touch tasks, too. types: native field -> its type
    in the schema (default: text). tells_links: a record read says whom it belongs to (else `links` does). defaults: what the CRM puts into empty
    fields of activities that we create. takes_along: deleting a person deletes the activities that belong to nobody else. said: the native fields of
    a first-touch task. teams, user_fields: see memory_users.told."""

    name: str
    names: Sequence[str]
    object: str = "person"
    users_list: Sequence[User] = ()
    rewrite: Callable[[str, Value], Value] = lambda name, value: value
    fault: Callable[[str, str], None] = lambda call, phase: None
    reads_back: bool = False
    unique_email: str | None = None
    required: frozenset[str] = frozenset()
    refuses: Callable[[Mapping[str, Value]], str | None] = lambda fields: None
    page: int = 50
    activities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    people_per_activity: int | None = None
    tells_links: bool = False
    defaults: Mapping[str, Value] = field(default_factory=dict)
    takes_along: bool = False
    said: Callable[[TaskDraft], Mapping[str, Value]] = lambda draft: {
        "subject": draft.subject, "owner": draft.owner_id, "due": draft.due_at.isoformat(),
    }  # fmt: skip
    teams: dict[str, set[str]] = field(default_factory=dict)
    user_fields: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    tasks: dict[str, dict[str, Value]] = field(default_factory=dict)
    belongs: dict[str, list[Ref]] = field(default_factory=dict)
    tick: int = 0
    ids: int = 0
    call_count: int = 0
    index: dict[str, Row] | None = None
    log: list[tuple[str, str, dict[str, Value]]] = field(default_factory=list)

    # --- the people who work in this CRM --------------------------------------------------------------------------------------

    def add(self, **fields: Value) -> str:
        """A person types in a new record."""
        return self._new(self.object, fields, by_us=False)

    def enter(self, object: str, *people: str, **fields: Value) -> str:
        """A person enters an activity that belongs to these records of persons."""
        id = self._new(object, fields, by_us=False)
        self.belongs[id] = [self._ref(one) for one in people][: self.people_per_activity]
        return id

    def relink(self, id: str, *people: str) -> None:
        """A person says anew whom an activity belongs to."""
        self.belongs[id] = [self._ref(one) for one in people][: self.people_per_activity]
        self._set(self.rows[id], {}, by_us=False)

    def copy(self, id: str) -> str:
        """A person copies a record: every field of it, the key included, and whom it belongs to."""
        made = self._new(self.rows[id].object, self.rows[id].fields, by_us=False)
        self.belongs[made] = list(self.belongs.get(id, ()))
        return made

    def _new(self, object: str, fields: Mapping[str, Value], *, by_us: bool) -> str:
        self.ids += 1
        id = f"{self.name}{self.ids:04d}"
        self.tick += 1
        names = self.activities.get(object, self.names)
        self.rows[id] = Row(fields=dict.fromkeys(names), modified=self.tick, created=self.tick, object=object)
        self._set(self.rows[id], fields, by_us=by_us)
        return id

    def _ref(self, id: str) -> Ref:
        return Ref(side=self.name, object=self.rows[id].object, id=id)

    def edit(self, id: str, **fields: Value) -> None:
        self._set(self.rows[id], fields, by_us=False)

    def delete(self, id: str) -> None:
        theirs = [one for one in self.belonging(id) if [to.id for to in self.shown_links(one)] == [id]] if self.takes_along else []
        self._mark(id, RecordState.DELETED)
        for one in theirs:
            self._mark(one, RecordState.DELETED)
            self.rows[one].went_with = id

    def undelete(self, id: str) -> None:
        self._mark(id, RecordState.LIVE)
        self.rows[id].went_with = None
        for one, row in self.rows.items():
            if row.went_with == id:
                self.undelete(one)

    def merge(self, winner: str, loser: str) -> None:
        self.tick += 1
        self.rows[winner].former += (loser, *self.rows[loser].former)
        self.rows[winner].modified = self.tick
        self._mark(loser, RecordState.MERGED)
        self.rows[loser].survivor = self._ref(winner)
        for one in self.belonging(loser):
            self.belongs[one] = list(dict.fromkeys(self._ref(winner) if to.id == loser else to for to in self.belongs[one]))
            if self.tells_links:
                self._set(self.rows[one], {}, by_us=False)  # children are written anew where they name their parent themselves

    def lag(self) -> None:
        """The search index stops here: `pull` shows this moment until `catch_up`, while writes and `fetch` see the truth (F01)."""
        if self.index is None:
            self.index = {id: replace(row, fields=dict(row.fields)) for id, row in self.rows.items()}

    def catch_up(self) -> None:
        self.index = None

    def live(self, object: str | None = None) -> dict[str, dict[str, Value]]:
        """id -> fields of every live record of an object (None: persons)."""
        wanted = object or self.object
        return {id: row.fields for id, row in self.rows.items() if row.state is RecordState.LIVE and row.object == wanted}

    def belonging(self, id: str) -> list[str]:
        """Live activities that belong to this record."""
        return [
            one for one, targets in self.belongs.items() if self.rows[one].state is RecordState.LIVE and id in [to.id for to in targets]
        ]

    def shown_links(self, id: str) -> tuple[Ref, ...]:
        """Whom an activity belongs to, live records only; a deleted one that comes back has it again."""
        return tuple(to for to in self.belongs.get(id, ()) if self.rows[to.id].state is RecordState.LIVE)

    def _mark(self, id: str, state: RecordState) -> None:
        self.tick += 1
        self.rows[id].state, self.rows[id].modified, self.rows[id].by_us = state, self.tick, False

    def _set(self, row: Row, fields: Mapping[str, Value], *, by_us: bool) -> None:
        self.tick += 1
        for name, value in fields.items():
            row.fields[name] = self.rewrite(name, None if value == "" else value)
            row.history.append((name, row.fields[name], self.tick))
        row.modified, row.by_us = self.tick, by_us

    # --- the connector --------------------------------------------------------------------------------------------------------

    @property
    def traits(self) -> Traits:
        return Traits(person_objects=(self.object,), task_object="task", write_batch=3, reads_back=self.reads_back,
                      people_per_activity=self.people_per_activity)  # fmt: skip

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.call_count += 1
        self.fault(name, "before")
        answer = work()
        self.fault(name, "after")
        return answer

    def identity(self) -> Identity:
        return Identity(account=f"memory-{self.name}", user_id=f"{self.name}-robot")

    def check(self) -> list[Finding]:
        return []

    def schema(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        found = {}
        for object in objects:
            names, required = self.activities.get(object, self.names), frozenset[str]() if object in self.activities else self.required
            types = tuple((name, self.types.get(name, "text")) for name in (*names, self.own_field(KEY)))
            found[object] = described(object, types, required)
        return found

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        return None

    def users(self, *, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
        return told(self.users_list, teams, away, self.teams, self.user_fields)

    def own_field(self, name: str) -> str:
        return name

    def _record(self, id: str, row: Row, fields: Sequence[str]) -> Record:
        return Record(
            ref=self._ref(id),
            fields={name: row.fields.get(name) for name in fields},
            modified_at=when(row.modified),
            created_at=when(row.created),
            state=row.state,
            survivor=row.survivor,
            former_ids=row.former,
            by_us=None if self.reads_back else row.by_us,
            links=self.shown_links(id) if self.tells_links and row.object in self.activities else None,
        )

    def owes(self, object: str, cursor: Cursor, now: datetime) -> datetime | None:
        return None  # a pull tells deleted records as well

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        since = int(cursor["tick"]) if cursor else 0
        rows = self.rows if self.index is None else self.index
        changed = sorted(
            (row.modified, id)
            for id, row in rows.items()
            # The overlap of a real connector: what was modified at the cursor itself comes again.
            if row.object == object and row.modified >= since and (cursor is not None or row.state is RecordState.LIVE)
        )
        pages = [changed[i : i + self.page] for i in range(0, len(changed), self.page)] or [[]]
        for index, part in enumerate(pages):
            records = self._call("pull", lambda part=part: tuple(self._record(id, rows[id], fields) for _, id in part))  # type: ignore[misc]
            assert isinstance(records, tuple)
            reached = part[-1][0] if part else since
            yield Page(records=records, cursor={"tick": reached}, last=index == len(pages) - 1)

    def live_ids(self, object: str) -> Iterator[str]:
        self._call("live_ids", lambda: None)
        yield from sorted(self.live(object))

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        found = self._call(
            "fetch", lambda: [self._record(id, self.rows[id], fields) for id in ids if id in self.rows and self.rows[id].object == object]
        )
        assert isinstance(found, list)
        return found

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = {value.lower() for value in values}
        if object == "task" and object not in self.activities:
            tasks = [
                Record(ref=Ref(side=self.name, object="task", id=id), fields=dict(t), modified_at=when(0))
                for id, t in self.tasks.items()
                if str(t.get(field)) in values
            ]
            self._call("find", lambda: None)
            return tasks
        found = self._call(
            "find",
            lambda: [
                self._record(id, row, fields)
                for id, row in self.rows.items()
                if row.object == object and row.state is RecordState.LIVE and str(row.fields.get(field) or "").lower() in wanted
            ],
        )
        assert isinstance(found, list)
        return found

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        """Whom each of these activities belongs to."""
        found = self._call("links", lambda: {id: self.shown_links(id) for id in ids})
        assert isinstance(found, dict)
        return found

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        def work() -> list[FieldVersion]:
            return [
                FieldVersion(id=id, field=name, value=value, at=when(tick))
                for id in ids
                for name, value, tick in reversed(self.rows[id].history)
                if name in fields
            ]

        found = self._call("history", work)
        assert isinstance(found, list)
        return found

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Batches of `write_batch`, each one call that may fail by itself: then its writes are UNKNOWN."""
        outcomes: list[Outcome] = []
        size = self.traits.write_batch
        for start in range(0, len(writes), size):
            batch = writes[start : start + size]
            try:
                outcomes += self._call("write", lambda batch=batch: [self._one(w) for w in batch])  # type: ignore[misc]
            except ConnectionError:
                outcomes += [Outcome(write_id=w.write_id, kind=OutcomeKind.UNKNOWN, message="answer lost") for w in batch]
            except UnreachableError:
                if start == 0:
                    raise
                outcomes += [Outcome(write_id=w.write_id, kind=OutcomeKind.RETRY, cause="unreachable") for w in batch]
        return outcomes

    def _one(self, write: Write) -> Outcome:
        self.log.append((write.action.value, write.id or write.key or "", dict(write.fields)))
        if write.object == "task" and write.object not in self.activities:
            return self._task(write)
        lost = [to for to in write.about if self.rows[to.id].state is not RecordState.LIVE]
        if lost:
            return Outcome(
                write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="INVALID_REFERENCE", message=f"{lost[0].id} is no more"
            )
        if write.action is Action.CREATE:
            return self._create(write)
        row = self.rows.get(write.id or "")
        if row is None or row.state is not RecordState.LIVE:
            survivor = row.survivor.id if row is not None and row.survivor is not None else None
            return Outcome(write_id=write.write_id, kind=OutcomeKind.GONE, existing_id=survivor, cause="gone")
        if write.action is Action.DELETE:
            self.delete(str(write.id))
            row.by_us = True
            return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=write.id)
        refused = self._refused(write, write.id)
        if refused is not None:
            return refused
        self._set(row, write.fields, by_us=True)
        self._relate(write, str(write.id))
        return self._done(write, str(write.id), row)

    def _relate(self, write: Write, id: str) -> None:
        kept = [to for to in self.belongs.get(id, ()) if to not in write.unlink]
        if write.about or write.unlink:
            self.belongs[id] = list(dict.fromkeys([*write.about, *kept]))[: self.people_per_activity]

    def _create(self, write: Write) -> Outcome:
        for id, row in self.rows.items():
            same = write.key is not None and row.fields.get(KEY) == write.key and row.object == write.object
            if same and row.state is RecordState.LIVE:
                self._set(row, write.fields, by_us=True)  # an upsert by key: the second create finds the first
                self._relate(write, id)
                return self._done(write, id, row)
        refused = self._refused(write, None)
        if refused is not None:
            return refused
        activity = write.object in self.activities
        missing = [] if activity else [name for name in self.required if write.fields.get(name) is None]
        if missing:
            return Outcome(write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="required", fields=tuple(missing))
        given = {name: value for name, value in self.defaults.items() if activity and write.fields.get(name) is None}
        id = self._new(write.object, {**write.fields, **given, KEY: write.key}, by_us=True)
        self._relate(write, id)
        return self._done(write, id, self.rows[id])

    def _refused(self, write: Write, own: str | None) -> Outcome | None:
        culprit = self.refuses(write.fields)
        if culprit is not None:
            return Outcome(write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="VALIDATION", message="not allowed", fields=(culprit,))
        email = write.fields.get(self.unique_email) if self.unique_email and write.object == self.object else None
        for id, row in self.rows.items():
            taken = self.unique_email and email and row.object == self.object and row.state is RecordState.LIVE and id != own
            if taken and str(row.fields.get(str(self.unique_email)) or "").lower() == str(email).lower():
                if own is None:
                    return Outcome(write_id=write.write_id, kind=OutcomeKind.EXISTS, existing_id=id, cause="CONFLICT")
                return Outcome(write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="CONFLICT", fields=(str(self.unique_email),))
        return None

    def _done(self, write: Write, id: str, row: Row) -> Outcome:
        shown = {name: row.fields.get(name) for name in write.fields} if self.reads_back else None
        modified = when(row.modified) if self.reads_back else None
        return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=id, shown=shown, modified_at=modified)

    def _task(self, write: Write) -> Outcome:
        for id, task in self.tasks.items():
            if task.get(KEY) == write.key:
                return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=id)
        id = f"{self.name}-task{len(self.tasks) + 1}"
        self.tasks[id] = {**write.fields, KEY: write.key}
        return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=id)

    def task(self, draft: TaskDraft, write_id: str) -> Write:
        return Write(
            write_id=write_id, action=Action.CREATE, object="task", fields=dict(self.said(draft)), key=draft.key, about=(draft.person,)
        )

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        return []

    def calls(self) -> int:
        return self.call_count

    def budget(self) -> Budget:
        return Budget()

    def close(self) -> None:
        return None

    def clone(self) -> MemoryCrm:
        """An independent copy, for trying what would happen."""
        rows = {id: replace(row, fields=dict(row.fields), history=list(row.history)) for id, row in self.rows.items()}
        belongs = {id: list(targets) for id, targets in self.belongs.items()}
        return replace(self, rows=rows, tasks={id: dict(t) for id, t in self.tasks.items()}, belongs=belongs, log=list(self.log))


__all__ = ["Died", "MemoryCrm"]
