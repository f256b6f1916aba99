"""A slice of a bulk job's results by columns, as the native values that REST shows of the same records. Pure.

By columns, because most of a page did not change: what a column's type costs is paid once, and no row is made that nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crmsync_salesforce import wire

Columns = dict[str, Sequence[Any]]
"""Column name (parent paths as they are, "Account.Name") -> its native value in each row."""


def _number(cell: str) -> Any:
    if len(cell) <= 18 and cell.lstrip("-").isdigit():
        return int(cell)
    try:
        return wire.whole(float(cell))
    except ValueError:
        return cell


def _datetime(cell: str) -> Any:
    # "2026-05-01T07:25:37.000Z" or with "+0000"; REST writes the latter
    if len(cell) == 24 and cell[10] == "T" and cell[23] == "Z":
        return f"{cell[:23]}+0000"
    if len(cell) == 28 and cell[10] == "T" and cell[23:] == "+0000":
        return cell
    try:
        at = wire.moment(cell)
    except ValueError:
        return cell
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.{at.microsecond // 1000:03d}+0000"


_READERS: Mapping[str, Callable[[str], Any]] = {"bool": lambda cell: cell == "true", "number": _number, "datetime": _datetime}


def _column(cells: Sequence[str], kind: str | None) -> Sequence[Any]:
    read = _READERS.get(kind or "")
    if read is None:
        return [cell or None for cell in cells]
    return [read(cell) if cell else None for cell in cells]


def columns_of(header: Sequence[str], kinds: Sequence[str | None], rows: Sequence[Sequence[str]]) -> Columns:
    """The rows by column. kinds: schema type of each column; those but bool, number and datetime are text as it is. An empty cell is null.

    Raises: ValueError when a row has another number of cells than the header."""
    cells = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {name: _column(column, kind) for name, kind, column in zip(header, kinds, cells, strict=True)}
