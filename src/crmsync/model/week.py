"""The hours of a week in which somebody works, by the clock on their wall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

DAY_MINUTES = 24 * 60
Span = tuple[int, int, int]
"""(weekday: 0 Monday - 6 Sunday, start, end): minutes after local midnight, the end not included; 1440 is the next midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """spans: in order, apart from each other, never empty (`week_of` makes them so). shared: the hours of the whole organisation, not of one
    person."""

    spans: tuple[Span, ...]
    shared: bool = False

    @property
    def always(self) -> bool:
        """Around the clock on all seven days."""
        return self.spans == tuple((day, 0, DAY_MINUTES) for day in range(7))


def week_of(spans: Iterable[tuple[object, object, object]], *, shared: bool = False) -> Week | None:
    """The week of what a CRM told, as `Span` has it. What is no stretch of a day (reversed, empty, outside of 0 to 1440, no whole minutes) is left
    out, and stretches that touch or overlap become one. None when nothing is left: nobody told when that person works."""
    told: list[list[int]] = []
    for day, start, end in sorted({span for span in spans if _is_span(span)}):
        if told and told[-1][0] == day and start <= told[-1][2]:
            told[-1][2] = max(told[-1][2], end)
        else:
            told.append([day, start, end])
    return Week(spans=tuple((day, start, end) for day, start, end in told), shared=shared) if told else None


def _is_span(span: tuple[object, object, object]) -> TypeGuard[Span]:
    day, start, end = span
    if not (isinstance(day, int) and isinstance(start, int) and isinstance(end, int)) or bool in map(type, span):
        return False
    return 0 <= day <= 6 and 0 <= start < end <= DAY_MINUTES
