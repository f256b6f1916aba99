"""Rows of one object with the indexes that queries need; nothing here knows a rule of the CRM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sortedcontainers import SortedList

Row = dict[str, Any]


def fold(value: Any) -> Any:
    """The form in which values are compared: text is case-blind in SOQL."""
    return value.casefold() if isinstance(value, str) else value


class Table:
    """Rows by id, an order by (SystemModstamp, Id), and equality indexes. Rows are replaced, never changed in place."""

    def __init__(self, indexed: Iterable[str] = ()) -> None:
        self.rows: dict[str, Row] = {}
        self.by_stamp: SortedList = SortedList()
        self.indexes: dict[str, dict[Any, list[str]]] = {name: {} for name in indexed}

    def add_index(self, name: str) -> None:
        """Index one more field."""
        index: dict[Any, list[str]] = {}
        for record_id, row in self.rows.items():
            if row.get(name) is not None:
                index.setdefault(fold(row[name]), []).append(record_id)
        self.indexes[name] = index

    def drop_index(self, name: str) -> None:
        """Forget an index."""
        self.indexes.pop(name, None)

    def put(self, row: Row) -> Row | None:
        """Insert or replace a row; returns the row that was there before."""
        record_id = row["Id"]
        old = self.rows.get(record_id)
        self.rows[record_id] = row
        if old is None or old["SystemModstamp"] != row["SystemModstamp"]:
            if old is not None:
                self.by_stamp.remove((old["SystemModstamp"], record_id))
            self.by_stamp.add((row["SystemModstamp"], record_id))
        self._reindex(record_id, old or {}, row)
        return old

    def put_many(self, rows: list[Row]) -> None:
        """Insert rows that are all new; the order is built once."""
        for row in rows:
            self.rows[row["Id"]] = row
        self.by_stamp.update((row["SystemModstamp"], row["Id"]) for row in rows)
        for name, index in self.indexes.items():
            for row in rows:
                value = row.get(name)
                if value is not None:
                    index.setdefault(fold(value), []).append(row["Id"])

    def remove(self, record_id: str) -> None:
        """Take a row out for good."""
        old = self.rows.pop(record_id)
        self.by_stamp.remove((old["SystemModstamp"], record_id))
        self._reindex(record_id, old, {})

    def _reindex(self, record_id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for name, index in self.indexes.items():
            was, value = old.get(name), new.get(name)
            if was is value or was == value:
                continue
            before, after = fold(was), fold(value)
            if before == after:
                continue
            if before is not None:
                ids = index[before]
                ids.remove(record_id)
                if not ids:
                    del index[before]
            if after is not None:
                index.setdefault(after, []).append(record_id)

    def find(self, name: str, value: Any) -> list[str]:
        """Ids of the rows whose field equals the value (text case-blind), deleted rows included."""
        if name in self.indexes:
            return list(self.indexes[name].get(fold(value), ()))
        wanted = fold(value)
        return [record_id for record_id, row in self.rows.items() if fold(row.get(name)) == wanted]

    def live(self) -> Iterator[Row]:
        """Rows that are not deleted."""
        return (row for row in self.rows.values() if not row.get("IsDeleted"))
