"""Running a parsed query over the org: access, candidates by index, order, pages of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmsync_salesforce.sim import relations
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.fields import TEXT_TYPES, Field
from crmsync_salesforce.sim.filters import compile_where, conjuncts, key_bounds, value_of
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import CHILDREN, NAME_FIELDS, ObjectType
from crmsync_salesforce.sim.soql import Condition, Order, Path, Query, fault, parse
from crmsync_salesforce.sim.store import Row, fold

Getter = Callable[[Row], Any]
NO_RELATIONSHIP = (
    "If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
ARCHIVED = ("Task", "Event")
NAME_ENTITY = frozenset(name.lower() for name in NAME_FIELDS)


@dataclass(slots=True, kw_only=True)
class Scope:
    """A query with its object, for one user."""

    org: Org
    query: Query
    user: str | None
    kind: ObjectType
    include_deleted: bool
    version: str
    tooling: bool = False
    _views: dict[str, Mapping[str, Field]] = field(default_factory=dict)

    def view(self, kind: ObjectType) -> Mapping[str, Field]:
        """The visible fields of an object; all of them for a person at the screen (user None)."""
        if kind.name not in self._views:
            self._views[kind.name] = kind.fields if self.user is None else self.org.view(kind, self.user)
        return self._views[kind.name]

    def no_column(self, path: Path, name: str, entity: str) -> SalesforceError:
        """INVALID_FIELD as the query endpoint words it."""
        message = (
            f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append "
            "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        )
        return fault(self.query.text, path.at, "INVALID_FIELD", message)

    def resolve(self, path: Path) -> tuple[Getter, Field]:
        """A reader of the path and the field at its end. Raises INVALID_FIELD."""
        parts = path.parts[1:] if len(path.parts) > 1 and path.parts[0].lower() == self.kind.name.lower() else path.parts
        return self._walk(self.kind, parts, path)

    def _walk(self, kind: ObjectType, parts: tuple[str, ...], path: Path) -> tuple[Getter, Field]:
        name = parts[0]
        if len(parts) == 1:
            found = self.view(kind).get(name.lower())
            if found is None:
                raise self.no_column(path, name, kind.name)
            return self.reader(kind, found), found
        link = kind.parents.get(name.lower())
        if link is None or link.name.lower() not in self.view(kind):
            message = f"Didn't understand relationship '{name}' in field path. {NO_RELATIONSHIP}"
            raise fault(self.query.text, path.at, "INVALID_FIELD", message)
        if len(link.references) == 1:
            target = self.org.kind(link.references[0])
            inner, end = self._walk(target, parts[1:], path)
            rows = self.org.tables[target.name].rows
            return self._step(link.name, lambda _name: rows, inner), end
        return self._polymorphic(link, parts[1:], path)

    def _polymorphic(self, link: Field, parts: tuple[str, ...], path: Path) -> tuple[Getter, Field]:
        last = parts[0].lower()
        if len(parts) > 1 or last not in NAME_ENTITY:
            raise self.no_column(path, parts[0], "Name")
        shape = next((kind.fields[last] for name in link.references if last in (kind := self.org.kind(name)).fields), None)
        text = shape or Field(name=parts[0], label=parts[0], type="string", length=80)

        def read(row: Row) -> Any:
            target = row.get(link.name)
            kind = None if target is None else self.org.kind_of_id(target)
            parent = None if kind is None else self.org.tables[kind.name].rows.get(target or "")
            if kind is None or parent is None:
                return None
            if last == "type":
                return kind.name if kind.name != "Group" else "Queue"
            found = kind.fields.get(last)
            return None if found is None else self.org.value(kind, parent, found)

        return read, text

    @staticmethod
    def _step(reference: str, rows_of: Callable[[str], Mapping[str, Row]], inner: Getter) -> Getter:
        rows = rows_of(reference)

        def read(row: Row) -> Any:
            parent = rows.get(row.get(reference) or "")
            return None if parent is None else inner(parent)

        return read

    def reader(self, kind: ObjectType, found: Field) -> Getter:
        """A reader of one field of a row."""
        name = found.name
        if found.type in ("boolean", "address") or found.formula is not None:
            return lambda row: self.org.value(kind, row, found)
        return lambda row: row.get(name)

    def subvalues(self, query: Query) -> set[Any]:
        """The values of a semi-join's inner query."""
        inner = open_scope(self.org, query, user=self.user, include_deleted=self.include_deleted, version=self.version)
        first = query.select[0]
        if len(query.select) != 1 or not isinstance(first, Path):
            raise fault(query.text, query.source_at, "MALFORMED_QUERY", "a semi join selects exactly one field")
        getter, _ = inner.resolve(first)
        return {value for row in inner.rows() if (value := getter(row)) is not None}

    # ---- which rows -------------------------------------------------------------------------------------------
    def rows(self) -> list[Row]:
        """All rows of the answer, filtered, in order, cut by LIMIT and OFFSET."""
        query = self.query
        table = self.org.tables[self.kind.name]
        keep = self._visible()
        predicate = None if query.where is None else compile_where(self, query.where)
        orders = [(self.sort_key(order), order) for order in query.order]
        candidates, ordered = self._candidates()
        rows = table.rows
        wanted = None if query.limit is None else query.limit + query.offset
        out: list[Row] = []
        for record_id in candidates:
            row = rows[record_id]
            if not keep(row) or (predicate is not None and not predicate(row)):
                continue
            out.append(row)
            if wanted is not None and len(out) >= wanted and (ordered or not orders):
                break
        if not ordered:
            for key, order in reversed(orders):
                out = _sorted(out, key, order)
        return out[query.offset : wanted]

    def _visible(self) -> Callable[[Row], bool]:
        if self.include_deleted:
            return lambda _row: True
        if self.kind.name in ARCHIVED:
            return lambda row: not row.get("IsDeleted") and not row.get("IsArchived")
        return lambda row: not row.get("IsDeleted")

    def sort_key(self, order: Order) -> Getter:
        """A reader of the value to sort by: text case-blind, ids as they are, so that `Id >` continues where ORDER BY Id stopped."""
        getter, found = self.resolve(order.path)
        if not found.sortable:
            message = f"field '{'.'.join(order.path.parts)}' can not be sorted in a query call"
            raise fault(self.query.text, order.path.at, "MALFORMED_QUERY", message)
        return (lambda row: fold(getter(row))) if found.type in TEXT_TYPES else getter

    def _candidates(self) -> tuple[Iterable[str], bool]:
        """Ids to look at, and whether they already come in the asked order."""
        table = self.org.tables[self.kind.name]
        for part in conjuncts(self.query.where):
            ids = self._by_index(part) if isinstance(part, Condition) else None
            if ids is not None:
                return ids, not self.query.order
        bounds = key_bounds(self, self.query.where)
        by_stamp = self._stamp_order()
        if bounds is None and by_stamp is None:
            return table.rows.keys(), not self.query.order
        low, high = (None, None) if bounds is None else (bounds.low, bounds.high)
        pairs = table.by_stamp.irange(low, high, reverse=by_stamp == "desc")
        return (record_id for _, record_id in pairs), by_stamp is not None or not self.query.order

    def _stamp_order(self) -> str | None:
        names = [(".".join(order.path.parts).lower(), order.descending) for order in self.query.order]
        if not names or names[0][0] != "systemmodstamp" or len({descending for _, descending in names}) > 1:
            return None
        if len(names) > 2 or (len(names) == 2 and names[1][0] != "id"):
            return None
        return "desc" if names[0][1] else "asc"

    def _by_index(self, part: Condition) -> list[str] | None:
        if part.operator not in ("=", "IN") or len(part.path.parts) != 1 or part.query is not None:
            return None
        _, found = self.resolve(part.path)
        table = self.org.tables[self.kind.name]
        if found.name != "Id" and found.name not in table.indexes:
            return None
        values = [value_of(self, found, literal) for literal in part.values]
        if any(value is None or isinstance(value, tuple) for value in values):
            return None
        if found.name == "Id":
            return sorted({value for value in values if value in table.rows})
        index = table.indexes[found.name]
        return sorted({record_id for value in values for record_id in index.get(fold(value), ())})

    # ---- what they look like ----------------------------------------------------------------------------------
    def shaper(self) -> Callable[[Row], dict[str, Any]]:
        """A function from a row to its record in the answer."""
        steps: list[Callable[[Row, dict[str, Any]], None]] = []
        names: list[str] = []  # of all columns, so that the record has them in the order of SELECT; steps fill in what is not plain
        flags: list[str] = []
        parents: dict[str, list[Path]] = {}
        for item in self.query.select:
            if isinstance(item, Query):
                steps.append(self._child_step(item))
                names.append(self.child_of(item)[0])
            elif isinstance(item, Path):
                parts = item.parts[1:] if len(item.parts) > 1 and item.parts[0].lower() == self.kind.name.lower() else item.parts
                if len(parts) > 1:
                    parents.setdefault(parts[0].lower(), []).append(Path(parts=parts, at=item.at))
                    self._walk(self.kind, parts, item)
                    names.append(self.kind.parents[parts[0].lower()].relationship or parts[0])
                    continue
                getter, found = self.resolve(item)
                names.append(found.name)
                if found.type == "address" or found.formula is not None:
                    steps.append(_set(found.name, getter))
                elif found.type == "boolean":
                    flags.append(found.name)
        for paths in parents.values():
            steps.append(self._parent_step(self.kind, paths))
        prefix = f"/services/data/{self.version}/{'tooling/' if self.tooling else ''}sobjects/{self.kind.name}/"
        name = self.kind.name
        names = list(dict.fromkeys(names))

        def shape(row: Row) -> dict[str, Any]:
            record: dict[str, Any] = {"attributes": {"type": name, "url": prefix + row["Id"]}}
            record.update(zip(names, map(row.get, names), strict=True))
            for flag in flags:
                if record[flag] is None:
                    record[flag] = False
            for step in steps:
                step(row, record)
            return record

        return shape

    def columns(self) -> list[tuple[str, ...]]:
        """The fields of SELECT in its order under their exact names, parents' fields as (Account, Owner, Name)."""
        return [self._exact(item) for item in self.query.select if isinstance(item, Path)]

    def _exact(self, path: Path) -> tuple[str, ...]:
        own = len(path.parts) > 1 and path.parts[0].lower() == self.kind.name.lower()
        parts, kind, exact = path.parts[1:] if own else path.parts, self.kind, []
        while len(parts) > 1:
            link = kind.parents[parts[0].lower()]
            exact.append(link.relationship or parts[0])
            parts = parts[1:]
            if len(link.references) > 1:
                return (*exact, next(name for name in NAME_FIELDS if name.lower() == parts[0].lower()))
            kind = self.org.kind(link.references[0])
        return (*exact, kind.fields[parts[0].lower()].name)

    def _parent_step(self, kind: ObjectType, paths: list[Path]) -> Callable[[Row, dict[str, Any]], None]:
        first = paths[0]
        for path in paths:
            self._walk(kind, path.parts, path)
        link = kind.parents[first.parts[0].lower()]
        relationship = link.relationship or first.parts[0]
        names = list(dict.fromkeys(path.parts[1].lower() for path in paths if len(path.parts) == 2))
        deeper: dict[str, list[Path]] = {}
        for path in paths:
            if len(path.parts) > 2:
                deeper.setdefault(path.parts[1].lower(), []).append(Path(parts=path.parts[1:], at=path.at))
        steps = [self._parent_step(self.org.kind(link.references[0]), entry) for entry in deeper.values()]

        def set_parent(row: Row, record: dict[str, Any]) -> None:
            target = row.get(link.name)
            parent_kind = None if target is None else self.org.kind_of_id(target)
            parent = None if parent_kind is None else self.org.tables[parent_kind.name].rows.get(target or "")
            if parent is None or parent_kind is None:
                record[relationship] = None
                return
            shown = "Name" if len(link.references) > 1 else parent_kind.name
            url = f"/services/data/{self.version}/sobjects/{parent_kind.name}/{target}"
            nested: dict[str, Any] = {"attributes": {"type": shown, "url": url}}
            for name in names:
                if name == "type" and len(link.references) > 1:
                    nested["Type"] = "Queue" if parent_kind.name == "Group" else parent_kind.name
                    continue
                found = parent_kind.fields.get(name)
                label = found.name if found is not None else next(full for full in NAME_FIELDS if full.lower() == name)
                nested[label] = None if found is None else self.org.value(parent_kind, parent, found)
            for step in steps:
                step(parent, nested)
            record[relationship] = nested

        return set_parent

    def child_of(self, inner: Query) -> tuple[str, tuple[str, str]]:
        """The exact name of a child relationship, and the child object with its reference field. Raises INVALID_TYPE."""
        for (parent, relationship), pair in CHILDREN.items():
            if parent == self.kind.name and relationship.lower() == inner.source.lower():
                return relationship, pair
        message = f"Didn't understand relationship '{inner.source}' in FROM part of query call. {NO_RELATIONSHIP}"
        raise fault(self.query.text, inner.source_at, "INVALID_TYPE", message)

    def _child_step(self, inner: Query) -> Callable[[Row, dict[str, Any]], None]:
        relationship, pair = self.child_of(inner)
        child = self.org.kind(pair[0])
        scope = Scope(org=self.org, query=inner, user=self.user, kind=child, include_deleted=self.include_deleted, version=self.version)
        shape = scope.shaper()
        predicate = None if inner.where is None else compile_where(scope, inner.where)
        orders = [(scope.sort_key(order), order) for order in inner.order]
        keep = scope._visible()
        table = self.org.tables[child.name]

        def set_children(row: Row, record: dict[str, Any]) -> None:
            rows = [table.rows[record_id] for record_id in table.find(pair[1], row["Id"])]
            rows = [entry for entry in rows if keep(entry) and (predicate is None or predicate(entry))]
            for key, order in reversed(orders):
                rows = _sorted(rows, key, order)
            rows = rows[inner.offset : None if inner.limit is None else inner.offset + inner.limit]
            found = [shape(entry) for entry in rows]
            record[relationship] = {"totalSize": len(found), "done": True, "records": found} if found else None

        return set_children


def _set(name: str, getter: Getter) -> Callable[[Row, dict[str, Any]], None]:
    def step(row: Row, record: dict[str, Any]) -> None:
        record[name] = getter(row)

    return step


def _sorted(rows: list[Row], key: Getter, order: Order) -> list[Row]:
    nulls = [row for row in rows if key(row) is None]
    known = [row for row in rows if key(row) is not None]
    known.sort(key=key, reverse=order.descending)
    return known + nulls if order.nulls_last else nulls + known


def open_scope(
    org: Org,
    query: Query | str,
    *,
    user: str | None = None,
    include_deleted: bool = False,
    version: str = "v62.0",
    tooling: bool = False,
) -> Scope:
    """A query ready to run. Raises MALFORMED_QUERY and INVALID_TYPE."""
    parsed = parse(query) if isinstance(query, str) else query
    kind = org.known(parsed.source)
    if kind is None or kind.tooling != tooling:
        message = (
            f"sObject type '{parsed.source}' is not supported. If you are attempting to use a custom object, be sure to append "
            "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
        )
        raise fault(parsed.text, parsed.source_at, "INVALID_TYPE", message)
    if kind.name in relations.ACTIVITY_OF:
        relations.on(org)
    return Scope(org=org, query=parsed, user=user, kind=kind, include_deleted=include_deleted, version=version, tooling=tooling)
