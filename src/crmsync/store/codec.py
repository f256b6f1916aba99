"""Values to columns and back: UTC datetimes as integer microseconds, everything else that has a shape as one orjson blob."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OPTIONS = orjson.OPT_NAIVE_UTC
_INT64 = 2**63
_NEW = object.__new__
_Part = tuple[str, Callable[[Any, Any], None], Callable[[Any], Any], Callable[[], Any]]
"""Of a slotted dataclass: a field's name, its slot, what reads its JSON, its default."""


def micros(moment: datetime) -> int:
    """The aware datetime as microseconds since 1970 UTC, exact. A naive datetime raises TypeError."""
    return (moment - _EPOCH) // _MICROSECOND


def maybe_micros(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment(value: int) -> datetime:
    """The reverse of `micros`, aware UTC."""
    return _EPOCH + timedelta(microseconds=value)


def maybe_moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def tidy(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD: a CRM may send them, PostgreSQL and UTF-8 refuse them."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def tidied(texts: Iterable[str]) -> list[str]:
    """Texts to look for, as they would be stored."""
    return [text if text.isascii() and "\0" not in text else tidy(text) for text in texts]


def dump(value: object) -> bytes:
    """JSON bytes of anything JSON-able, frozen dataclasses and mappings included. Datetimes become ISO text.

    Lone surrogates become U+FFFD and integers beyond 64 bits floats, instead of failing the whole batch.
    """
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except TypeError:
        return orjson.dumps(_scrub(value), _plain, _OPTIONS)


def dump_sorted(value: object) -> bytes:
    """As `dump`, with keys in order: equal values give equal bytes."""
    return dump(orjson.loads(orjson.dumps(orjson.loads(dump(value)), option=orjson.OPT_SORT_KEYS)))


def parse(blob: bytes) -> Any:
    return orjson.loads(blob)


def load(cls: type[T], blob: bytes) -> T:
    """The dataclass that `dump` wrote. Keys it does not know are ignored, missing ones take the default."""
    return build(cls, orjson.loads(blob))


def build(cls: type[T], data: Mapping[str, Any], **known: Any) -> T:
    """A dataclass from parsed JSON, the `known` fields given ready-made."""
    made = _NEW(cls)
    shape: Any = cls
    for name, put, read, otherwise in _shape(shape):
        if name in known:
            put(made, known[name])
        elif name in data:
            put(made, data[name] if read is _same else read(data[name]))
        else:
            put(made, otherwise())
    return made


def without(value: Any, left_out: frozenset[str]) -> dict[str, Any]:
    """The dataclass as a dict, less the fields that have their own columns."""
    shape: Any = type(value)
    return {name: getattr(value, name) for name, _ in _fields(shape) if name not in left_out}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _scrub(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_INT64 <= value < _INT64 else float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _scrub(getattr(value, name)) for name, _ in _fields(type(value))}
    if isinstance(value, Mapping):
        return {tidy(str(key)): _scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(_scrub, value), key=str)
    return value


def _same(value: Any) -> Any:
    return value


def _read_moment(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


@cache
def _fields(cls: Hashable) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    shape: Any = cls
    hints = get_type_hints(shape)
    return tuple((item.name, _reader(hints[item.name])) for item in dataclasses.fields(shape))


@cache
def _shape(cls: Hashable) -> tuple[_Part, ...]:
    """What `build` fills one by one: a frozen dataclass's own __init__ takes twice as long, and thousands are read for each batch."""
    shape: Any = cls
    readers = dict(_fields(cls))
    parts: list[_Part] = []
    for item in dataclasses.fields(shape):
        otherwise: Callable[[], Any] = partial(_missing, shape, item.name)
        if item.default_factory is not dataclasses.MISSING:
            otherwise = item.default_factory
        elif item.default is not dataclasses.MISSING:
            otherwise = partial(_same, item.default)
        parts.append((item.name, getattr(shape, item.name).__set__, readers[item.name], otherwise))
    return tuple(parts)


def _missing(cls: type[Any], name: str) -> Any:
    raise TypeError(f"{cls.__name__} was stored without {name}")


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """A function from parsed JSON to the hinted type; identity for anything JSON gives back unchanged."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = [_reader(one) for one in arguments if one is not NoneType]
        read = next((one for one in inner if one is not _same), _same)
        return read if read is _same else lambda value: None if value is None else read(value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            item = _reader(arguments[0])
            return tuple if item is _same else lambda value: tuple(map(item, value))
        readers = [_reader(one) for one in arguments]
        return lambda value: tuple(one(part) for one, part in zip(readers, value, strict=True))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        item = _reader(arguments[1])
        return _same if item is _same else lambda value: {key: item(one) for key, one in value.items()}
    if origin is frozenset:
        return frozenset
    if isinstance(hint, type):
        if issubclass(hint, datetime):
            return _read_moment
        if issubclass(hint, Enum):
            return hint
        if dataclasses.is_dataclass(hint):
            return lambda value: build(hint, value)
    return _same
