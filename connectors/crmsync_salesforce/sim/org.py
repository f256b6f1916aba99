"""The simulated org's state: objects, rows, permissions, and the one place where a row changes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from crmsync_salesforce.sim.clock import Clock, stamp
from crmsync_salesforce.sim.errors import SalesforceError, not_found
from crmsync_salesforce.sim.fields import Field
from crmsync_salesforce.sim.guards import Assignment, Automation, DuplicateRule, ValidationRule
from crmsync_salesforce.sim.ids import make_id
from crmsync_salesforce.sim.options import Options
from crmsync_salesforce.sim.schema import NEEDS, ObjectType, standard_objects
from crmsync_salesforce.sim.store import Row, Table

ACCESS_OBJECTS = frozenset({"PermissionSet", "PermissionSetAssignment", "FieldPermissions", "User", "Profile"})
SYSTEM_FIELDS = frozenset({"Id", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "IsDeleted"})
Visible = Mapping[str, Field]


class Write(NamedTuple):
    """One change of one record, as the page and `Simulator.writes` show it."""

    at: datetime
    user: str
    object: str
    id: str
    action: str
    changes: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saver:
    """Who saves, through which door, and with which headers."""

    user: str
    channel: str = "rest"
    assign: bool = True
    allow_duplicates: bool = False

    @property
    def api(self) -> bool:
        """Whether field permissions bind this saver."""
        return self.channel in ("rest", "bulk")


class Org:
    """All state behind one lock. Methods here know storage and access; the rules of saving live in saving.py."""

    def __init__(self, clock: Clock, options: Options) -> None:
        self.clock = clock
        self.options = options
        self.lock = threading.RLock()
        self.objects: dict[str, ObjectType] = standard_objects()
        self.tables: dict[str, Table] = {
            kind.name: Table(f.name for f in kind.fields.values() if f.indexed) for kind in self.objects.values()
        }
        self.writes: deque[Write] = deque(maxlen=5000)
        self.deleted: dict[str, dict[str, str]] = {}
        self.cascaded: dict[str, list[tuple[str, str]]] = {}
        self.duplicate_rules: list[DuplicateRule] = []
        self.validation_rules: list[ValidationRule] = []
        self.automations: dict[str, list[Automation]] = {}
        self.assignment: Assignment | None = None
        self.relations_kept = False
        self.hidden: set[tuple[str, str]] = set()
        self.pending: list[tuple[datetime, str, Row, frozenset[str]]] = []
        self.closed_statuses = {"Completed"}
        self._numbers: dict[str, int] = {}
        self._access_version = 0
        self._views: dict[tuple[str, str, bool], tuple[int, dict[str, Field]]] = {}
        self._journal: list[tuple[str, str, Row | None, Write | None]] | None = None
        self._depth = 0

    # ---- looking up -------------------------------------------------------------------------------------------
    def known(self, name: str) -> ObjectType | None:
        """The object of that name, case-blind; None when the org has none, or not with its present switches."""
        found = self.objects.get(name.lower())
        return None if found is None or (found.name in NEEDS and not getattr(self.options, NEEDS[found.name])) else found

    def present(self) -> list[ObjectType]:
        """The objects that the org has with its present switches."""
        return [kind for kind in self.objects.values() if self.known(kind.name) is not None]

    def kind(self, name: str) -> ObjectType:
        """The object of that name, case-blind. Raises 404 NOT_FOUND."""
        found = self.known(name)
        if found is None:
            raise not_found()
        return found

    def kind_of_id(self, record_id: str) -> ObjectType | None:
        """The object whose key prefix the id has."""
        return next((kind for kind in self.objects.values() if kind.prefix == record_id[:3]), None)

    def table(self, name: str) -> Table:
        """The rows of an object."""
        return self.tables[self.kind(name).name]

    def row(self, name: str, record_id: str | None) -> Row | None:
        """A row, deleted ones too; None when there is none."""
        return None if record_id is None else self.tables[name].rows.get(record_id)

    def live_row(self, name: str, record_id: str | None) -> Row | None:
        """A row that is not deleted."""
        found = self.row(name, record_id)
        return None if found is None or found.get("IsDeleted") else found

    def whole(self, kind: ObjectType, row: Row, fields: Visible | None = None) -> dict[str, Any]:
        """Every field of a row by name, with nulls, false check boxes, compound addresses and formulas."""
        names = kind.fields if fields is None else fields
        return {field.name: self.value(kind, row, field) for field in names.values()}

    def value(self, kind: ObjectType, row: Row, field: Field) -> Any:
        """What reading a field gives."""
        if field.formula is not None:
            return field.formula(row)
        if field.type == "boolean":
            return row.get(field.name, False)
        if field.type == "address":
            return self.address(field.name.removesuffix("Address"), row)
        return row.get(field.name)

    @staticmethod
    def address(prefix: str, row: Row) -> dict[str, Any] | None:
        """A compound address, null when all parts are. [R:amp-labs read-list-leads; R:grouparoo]"""
        parts = {part.lower(): row.get(prefix + part) for part in ("City", "Country", "State", "Street")}
        postal = row.get(prefix + "PostalCode")
        if postal is None and not any(parts.values()):
            return None
        return {
            "city": parts["city"],
            "country": parts["country"],
            "geocodeAccuracy": None,
            "latitude": None,
            "longitude": None,
            "postalCode": postal,
            "state": parts["state"],
            "street": parts["street"],
        }

    # ---- access -----------------------------------------------------------------------------------------------
    def touch_access(self) -> None:
        """Forget cached views after a change of schema or permissions."""
        self._access_version += 1

    def view(self, kind: ObjectType, user: str) -> dict[str, Field]:
        """The fields that this API user may see, by lower-case name; not editable ones lose create and update."""
        key = (kind.name, user, self.options.mirror_activity_permissions)
        cached = self._views.get(key)
        if cached is not None and cached[0] == self._access_version:
            return cached[1]
        grants = self._grants(user)
        view: dict[str, Field] = {}
        for name, field in kind.fields.items():
            if (kind.name, field.name) in self.hidden:
                continue
            if field.custom and field.nillable and not kind.tooling:
                editable = grants.get(f"{kind.name}.{field.name}".lower())
                if editable is None:
                    continue
                if not editable:
                    field = replace(field, createable=False, updateable=False)
            view[name] = field
        self._views[key] = (self._access_version, view)
        return view

    def _grants(self, user: str) -> dict[str, bool]:
        profile = (self.row("User", user) or {}).get("ProfileId")
        sets = {row["Id"] for row in self.tables["PermissionSet"].live() if profile and row.get("ProfileId") == profile}
        for row in self.tables["PermissionSetAssignment"].live():
            if row["AssigneeId"] == user:
                sets.add(row["PermissionSetId"])
        grants: dict[str, bool] = {}
        for row in self.tables["FieldPermissions"].live():
            if row["ParentId"] not in sets or not row.get("PermissionsRead"):
                continue
            names = [row["Field"].lower()]
            if self.options.mirror_activity_permissions and names[0].startswith(("task.", "event.")):
                names.append(f"{'event' if names[0].startswith('task.') else 'task'}.{names[0].partition('.')[2]}")
            for name in names:
                grants[name] = grants.get(name, False) or bool(row.get("PermissionsEdit"))
        return grants

    # ---- changing ---------------------------------------------------------------------------------------------
    def now_stamp(self) -> str:
        """Now, as stamps are kept."""
        return stamp(self.clock.now())

    def new_id(self, kind: ObjectType) -> str:
        """The next id of an object."""
        number = self._numbers.get(kind.name, 0) + 1
        self._numbers[kind.name] = number
        return make_id(kind.prefix, number)

    def next_number(self, name: str) -> int:
        """The number that the next record of an object gets."""
        return self._numbers.get(name, 0) + 1

    def take_numbers(self, name: str, count: int) -> None:
        """Use up numbers for records made in bulk."""
        self._numbers[name] = self._numbers.get(name, 0) + count

    def give_back_number(self, name: str) -> None:
        """Unuse the last number."""
        self._numbers[name] -= 1

    def commit(self, kind: ObjectType, row: Row, *, action: str, user: str) -> None:
        """Store a finished row and log what changed."""
        old = self.tables[kind.name].put(row)
        before = old or {}
        changes = {name: (was, value) for name, value in row.items() if (was := before.get(name)) != value and name not in SYSTEM_FIELDS}
        for name in before.keys() - row.keys() - SYSTEM_FIELDS:
            changes[name] = (before[name], None)
        entry = Write(self.clock.now(), user, kind.name, row["Id"], action, changes)
        self.writes.appendleft(entry)
        if self._journal is not None:
            self._journal.append((kind.name, row["Id"], old, entry))
        if kind.name in ACCESS_OBJECTS:
            self.touch_access()

    def erase(self, kind: ObjectType, record_id: str, *, user: str) -> None:
        """Take a row out for good (objects without a recycle bin, and the bin's emptying)."""
        old = self.tables[kind.name].rows[record_id]
        self.tables[kind.name].remove(record_id)
        self.writes.appendleft(Write(self.clock.now(), user, kind.name, record_id, "erase", {}))
        if self._journal is not None:
            self._journal.append((kind.name, record_id, old, None))
        if kind.name in ACCESS_OBJECTS:
            self.touch_access()

    def begin(self) -> int:
        """Open a transaction (they nest); returns the mark to roll back to."""
        if self._journal is None:
            self._journal = []
        self._depth += 1
        return self.mark()

    def mark(self) -> int:
        """The present place in the open transaction."""
        return len(self._journal or ())

    def rollback(self, mark: int) -> None:
        """Undo everything since the mark."""
        journal = self._journal or []
        while len(journal) > mark:
            name, record_id, old, entry = journal.pop()
            if old is None:
                self.tables[name].remove(record_id)
            else:
                self.tables[name].put(old)
            if old is None or not old.get("IsDeleted"):
                self.deleted.get(name, {}).pop(record_id, None)
            if entry is not None and entry in self.writes:
                self.writes.remove(entry)
            if name in ACCESS_OBJECTS:
                self.touch_access()

    def end(self) -> None:
        """Close a transaction; the outermost one forgets the journal."""
        self._depth -= 1
        if self._depth == 0:
            self._journal = None

    def settle(self, *, everything: bool = False) -> None:
        """Make late commits visible whose time has come (or all)."""
        if not self.pending:
            return
        now = self.clock.now()
        due = [entry for entry in self.pending if everything or entry[0] <= now]
        self.pending = [entry for entry in self.pending if entry not in due]
        for _, name, row, touched in due:
            current = self.row(name, row["Id"])
            merged = dict(row) if current is None else {**current, **{key: row.get(key) for key in touched}}
            if current is not None:
                merged["SystemModstamp"] = max(current["SystemModstamp"], row["SystemModstamp"])
            self.commit(self.kind(name), merged, action="create" if current is None else "update", user=row["LastModifiedById"])

    def add_field(self, object_name: str, field: Field) -> None:
        """Add a field at run time; on `Activity` it appears on Task and Event both."""
        for name in ("Task", "Event") if object_name == "Activity" else (object_name,):
            kind = self.kind(name)
            kind.add(field)
            if field.indexed:
                self.tables[kind.name].add_index(field.name)
        self.touch_access()

    def remove_field(self, object_name: str, name: str) -> None:
        """Remove a field and its values."""
        for target in ("Task", "Event") if object_name == "Activity" else (object_name,):
            kind = self.kind(target)
            if not kind.has(name):
                raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on sobject of type {target}")
            actual = kind.fields[name.lower()].name
            kind.drop(name)
            table = self.tables[kind.name]
            table.drop_index(actual)
            for record_id, row in table.rows.items():
                if actual in row:
                    table.rows[record_id] = {key: value for key, value in row.items() if key != actual}
        self.touch_access()

    def add_object(self, kind: ObjectType) -> None:
        """Add a custom object at run time."""
        self.objects[kind.name.lower()] = kind
        self.tables[kind.name] = Table(f.name for f in kind.fields.values() if f.indexed)
        self.touch_access()
