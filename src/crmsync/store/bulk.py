"""Many rows at once through the driver: executemany, and above a thousand rows on PostgreSQL COPY and one merge.

Measured in bench/store.py; going through Core for each row costs about two thirds of the speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Text, TextClause, any_, bindparam, text

from crmsync.store.codec import dump, tidied

Row = tuple[Any, ...]
T = TypeVar("T")
COPY_FROM = 1_000
"""Rows from which COPY beats executemany on PostgreSQL."""
CHUNK = 10_000
"""Most values in one IN, most rows in one COPY."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    iterator = iter(values)
    while part := list(islice(iterator, size)):
        yield part


def among(connection: Connection, column: Column[Any], values: Sequence[str]) -> ColumnElement[bool] | TextClause:
    """column IN values as ONE bound value, so that the statement text never varies: a text array, or a JSON list on SQLite."""
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, tidied(values), type_=ARRAY(Text())))
    # As text: composed of Core's parts, this condition takes longer to build than most of these queries to run.
    condition = f"{column.table.name}.{column.name} IN (SELECT value FROM json_each(:listed))"  # noqa: S608 - own names
    return text(condition).bindparams(listed=dump(tidied(values)).decode())


def rows_among(connection: Connection, statement: str, fixed: Row, values: Sequence[str]) -> list[Row]:
    """All rows of a SELECT with ? placeholders, straight from the driver. The last one stands in `IN (?)` and takes all the values."""
    last: object = tidied(values)
    if connection.dialect.name == "postgresql":
        statement = statement.replace("IN (?)", "= ANY(?)").replace("?", "%s")
    else:
        statement, last = statement.replace("IN (?)", "IN (SELECT value FROM json_each(?))"), dump(last).decode()
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, (*fixed, last))
        return list(cursor.fetchall())
    finally:
        cursor.close()


def many(connection: Connection, statement: str, rows: Iterable[Row]) -> int:
    """Runs a statement with ? placeholders once per row; returns how many rows it touched."""
    rows = rows if isinstance(rows, list) else list(rows)
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(statement, rows)
        return int(cursor.rowcount)
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """INSERT … ON CONFLICT for one table. update: column -> SQL expression over `excluded` and the table; empty: the first row wins.
    where: condition under which a conflicting row is updated."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    update: Mapping[str, str] = field(default_factory=dict)
    where: str = ""

    def run(self, connection: Connection, rows: Iterable[Row]) -> int:
        """Returns how many rows were inserted or updated. Of two rows with one key the later counts (the earlier when nothing updates)."""
        given = rows if isinstance(rows, list) else list(rows)
        if self.update and len(given) > 1:
            of_key = itemgetter(*(self.columns.index(name) for name in self.key))
            unique = {of_key(row): row for row in given}
            given = given if len(unique) == len(given) else list(unique.values())
        if connection.dialect.name == "postgresql" and len(given) >= COPY_FROM:
            return sum(self._copy(connection, part) for part in chunks(given))
        marks = ", ".join("?" * len(self.columns))
        return many(connection, f"INSERT INTO {self.table} ({self._names}) VALUES ({marks}) {self._conflict}", given)  # noqa: S608 - own names

    @property
    def _names(self) -> str:
        return ", ".join(self.columns)

    @property
    def _conflict(self) -> str:
        target = f"ON CONFLICT ({', '.join(self.key)})"
        if not self.update:
            return f"{target} DO NOTHING"
        changes = ", ".join(f"{column} = {expression}" for column, expression in self.update.items())
        return f"{target} DO UPDATE SET {changes}" + (f" WHERE {self.where}" if self.where else "")

    def _copy(self, connection: Connection, rows: list[Row]) -> int:
        stage = f"stage_{self.table}"
        shape = f"SELECT {self._names} FROM {self.table} WITH NO DATA"  # noqa: S608 - own names
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS {shape}")
            cursor.execute(f"DELETE FROM {stage}")  # noqa: S608 - own names
            with cursor.copy(f"COPY {stage} ({self._names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(f"INSERT INTO {self.table} ({self._names}) SELECT {self._names} FROM {stage} {self._conflict}")  # noqa: S608 - own names
            return int(cursor.rowcount)


def excluded(*columns: str) -> dict[str, str]:
    """The plain update: each column takes the new row's value."""
    return {column: f"excluded.{column}" for column in columns}
