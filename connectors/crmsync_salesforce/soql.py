"""SOQL text that hostile values and names cannot break, and the paths that carry it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from simple_salesforce.format import format_soql

from crmsync.errors import ConfigError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79}){0,4}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

URL_ROOM = 15_000
"""Characters of an encoded query; Salesforce takes addresses up to 16 KB."""

_SAFE = "'(),=<>.:*!/"


def object_name(name: str) -> str:
    """`name` when it can be an object or plain field API name; raises ConfigError otherwise."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no Salesforce API name")
    return name


def is_field_name(name: str) -> bool:
    """True for a plain field API name (no parent path): what can be written."""
    return _NAME.fullmatch(name) is not None


def is_id(text: str) -> bool:
    """True for a well-formed record id: 15 characters, or 18 whose last three are the checksum of the case of the others.

    One malformed id makes Salesforce refuse a whole query."""
    if not (text.isascii() and text.isalnum() and len(text) in (15, 18)):
        return False
    sums = (sum(1 << i for i, c in enumerate(text[start : start + 5]) if c.isupper()) for start in (0, 5, 10))
    return text[15:] in ("", "".join(_CHECK[s] for s in sums))


def field_path(name: str) -> str:
    """`name` when it can be a field API name or a parent path ("Account.Name"); raises ConfigError otherwise."""
    if not _PATH.fullmatch(name):
        raise ConfigError(f"{name!r} is no Salesforce field name")
    return name


def literal(value: str) -> str:
    """The value as a quoted SOQL string."""
    # %-free templates only: format_soql quotes and escapes the value
    return str(format_soql("{}", value))


def stamp(text: str) -> str:
    """A datetime literal ("2026-05-01T07:25:37Z"), checked because SOQL wants it unquoted."""
    if not _STAMP.fullmatch(text):
        raise ConfigError("a stored Salesforce cursor is damaged: no datetime where one must be")
    return text


def select(fields: Iterable[str], object: str, *, where: str = "", order: str = "", limit: int | None = None) -> str:
    """A SELECT with each field once, in the given order. where / order: already safe text."""
    columns = ",".join(dict.fromkeys(field_path(f) for f in fields))
    parts = ["SELECT", columns, "FROM", object_name(object)]
    parts += ["WHERE", where] if where else []
    parts += ["ORDER BY", order] if order else []
    parts += ["LIMIT", str(limit)] if limit is not None else []
    return " ".join(parts)


def path(text: str, *, deleted: bool = False, tooling: bool = False) -> str:
    """The path, relative to the data path, that runs a query. deleted: with rows of the recycle bin."""
    resource = f"{'tooling/' if tooling else ''}{'queryAll' if deleted else 'query'}/?q="
    return resource + quote(text, safe=_SAFE).replace("%20", "+")


def chunks(values: Sequence[str], *, room: int) -> Iterator[list[str]]:
    """The values in runs whose encoded IN-list stays within `room` characters; at least one value a run."""
    run: list[str] = []
    used = 0
    for value in values:
        size = len(quote(literal(value), safe=_SAFE)) + 1
        if run and used + size > room:
            yield run
            run, used = [], 0
        run.append(value)
        used += size
    if run:
        yield run


def in_lists(fields: Iterable[str], object: str, field: str, values: Sequence[str], *, also: str = "") -> Iterator[str]:
    """SELECTs that together ask for every value of `field`, each short enough for an address. also: a further safe condition."""
    columns = tuple(fields)
    tail = f" AND {also}" if also else ""
    bare = select(columns, object, where=f"{field_path(field)} IN (){tail}")
    room = URL_ROOM - len(quote(bare, safe=_SAFE))
    if room < 500:
        raise ConfigError(f"too many {object} fields are mapped: the query would be longer than Salesforce takes")
    for run in chunks(list(dict.fromkeys(values)), room=room):
        yield select(columns, object, where=f"{field} IN ({','.join(literal(v) for v in run)}){tail}")
