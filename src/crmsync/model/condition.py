"""Conditions of the playbook as frozen values: what an admin writes under `when`. Judged by crmsync.decide.condition."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as _field

from crmsync.model.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One comparison on a house field. op: eq ne lt le gt ge in not_in between matches contains empty filled domain_in title_is within
    older_than.

    between: two texts of digits are a range of codes ("10000" to "19999"), compared as numbers of as many digits.

    domain_in: the e-mail's domain is in a named list ("free", "disposable", "competitor", "target") or listed domains. title_is: a class of job
    titles ("c_level", "director"). within / older_than: the date or datetime lies at most / more than `value` days before now, never after it. where: the file and line in which the admin
    wrote it; tests that say the same are equal wherever they stand.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    field: str
    op: str
    value: Value | tuple[Value, ...] = None
    where: str = _field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """How often one of these signals happened: at_least <= count, and count <= at_most where that is given, within the last `within_days`
    (None: ever). Signals dated in the future do not count yet."""

    signals: tuple[str, ...]
    at_least: int = 1
    at_most: int | None = None
    within_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """True when every part is."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """True when at least one part is."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """True when its part is not."""

    of: Condition


Condition = Test | Happened | All | AnyOf | Not

LONGEST_CODE = 30
"""Digits beyond which a text is no code."""


def code_range(low: str, high: str) -> tuple[int, int, int] | None:
    """(first, last, digits) of two bounds that are nothing but digits, as those of postal codes; digits is 0 where they have not the same number of them. None
    for other texts."""
    first, last = low.strip(), high.strip()
    if not (first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal()) or max(len(first), len(last)) > LONGEST_CODE:
        return None
    return int(first), int(last), len(first) if len(first) == len(last) else 0
