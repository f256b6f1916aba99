"""Copies of frozen values with some fields changed, several times as fast as the standard library's: a person's state has dozens of fields, and is
changed a handful of times in each decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:
    T = TypeVar("T")

    def replace(of: T, /, **changes: Any) -> T:
        """As `dataclasses.replace`, for slotted dataclasses of several fields, all of them given at creation, without `__post_init__`. Raises: TypeError
        for a field that there is not."""
        cls = type(of)
        read, write = _slots(cls)
        new = cls.__new__(cls)
        for put, value in zip(write.values(), read(of), strict=True):
            put(new, value)
        for name, value in changes.items():
            if name not in write:
                raise TypeError(f"{cls.__name__} has no field {name!r}")
            write[name](new, value)
        return new


@lru_cache(maxsize=256)
def _slots(cls: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, Callable[[Any, Any], None]]]:
    names = [one.name for one in fields(cls)]
    if hasattr(cls, "__post_init__") or len(names) < 2 or any(not one.init for one in fields(cls)):
        raise TypeError(f"{cls.__name__} is made by more than setting its fields")
    # A frozen dataclass refuses to be written by name; its slots do not.
    return attrgetter(*names), {name: getattr(cls, name).__set__ for name in names}
