"""A SELECT of Core that is composed and compiled once, and from then on runs straight on the driver.

Composing, keying and running such a query through Core takes several times what SQLite takes to answer it, and a cycle asks dozens of them.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Dialect, Select, Text, any_, bindparam, text

from crmsync.store.codec import dump, tidied

Among = Callable[[Column[Any], str], ColumnElement[bool] | Any]
"""(column, name of the parameter with the list) -> column IN these values, as ONE bound value: the statement's text never varies."""
_Compiled = tuple[str, tuple[str, ...] | None, dict[str, Any], Callable[[Sequence[Any]], Any]]
"""Text; names of the parameters where they go by place; values the statement brings along; what makes a named row."""


def _of_array(column: Column[Any], name: str) -> Any:
    return column == any_(bindparam(name, type_=ARRAY(Text())))


def _of_json(column: Column[Any], name: str) -> Any:
    return text(f"{column.table.name}.{column.name} IN (SELECT value FROM json_each(:{name}))")  # noqa: S608 - own names


class Prepared:
    """compose: makes the statement, given the database's way to say `among`. Parameters are `bindparam`s, given by name; values must be as
    the columns hold them (texts, whole numbers). Rows come named by column."""

    def __init__(self, compose: Callable[[Among], Select[Any]]) -> None:
        self._compose = compose
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **given: Any) -> list[Any]:
        """All rows. A parameter of `among` takes a list of texts, from wherever they come."""
        named = (self._compiled.get(connection.dialect.name) or self._compile(connection.dialect))[3]
        return [named(row) for row in self.plain(connection, **given)]

    def plain(self, connection: Connection, **given: Any) -> list[Any]:
        """The same as plain tuples: naming them takes longer than reading them, which shows where there are hundreds of thousands."""
        dialect = connection.dialect
        statement, places, brought, _ = self._compiled.get(dialect.name) or self._compile(dialect)
        values = {**brought, **{name: tidied(value) if isinstance(value, list) else value for name, value in given.items()}}
        cursor = connection.connection.cursor()
        try:
            cursor.execute(statement, values if places is None else [_plain(values[name]) for name in places])
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def row(self, connection: Connection, **given: Any) -> Any:
        """The first row, None without one."""
        return next(iter(self.rows(connection, **given)), None)

    def value(self, connection: Connection, **given: Any) -> Any:
        """The first column of the first row, None without one."""
        row = self.row(connection, **given)
        return None if row is None else row[0]

    def _compile(self, dialect: Dialect) -> _Compiled:
        sqlite = dialect.name == "sqlite"
        statement = self._compose(_of_json if sqlite else _of_array)
        compiled: Any = statement.compile(dialect=dialect)
        given = {name for name, value in compiled.params.items() if value is None}
        brought = {name: value for name, value in compiled.params.items() if name not in given}
        row = namedtuple("row", statement.selected_columns.keys(), rename=True)  # type: ignore[misc]
        places = tuple(compiled.positiontup) if sqlite else None
        made = self._compiled[dialect.name] = (str(compiled), places, brought, row._make)
        return made


def _plain(value: Any) -> Any:
    """For SQLite, which takes a list as JSON."""
    return dump(value).decode() if isinstance(value, list) else value
