"""Whether conditions can hold at all, and whether one takes everybody that another takes: what makes a rule unreachable.

A condition is written as alternatives of literals (a test or a count, or its negation), and each alternative is looked through field by field. What
cannot be told without a person (two patterns, two domains) is taken as possible: `never` and `covers` are right when they say yes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from crmsync.model.condition import All, Condition, Happened, Not, Test, code_range
from crmsync.model.record import Value

MOST = 512
"""Alternatives beyond which nothing is said of a condition."""
_BLANK = frozenset({"empty", "ne", "not_in"})
"""Tests that an empty field fulfils."""
_ANY_OF = frozenset({"matches", "contains", "domain_in", "title_is"})
_BOUNDS = frozenset({"lt", "le", "gt", "ge"})


@dataclass(frozen=True, slots=True)
class Literal:
    of: Test | Happened
    holds: bool


def never(*conditions: Condition) -> bool:
    """Whether these conditions never hold together."""
    found = _alternatives(All(of=conditions), True)
    return found is not None and all(_impossible(literals) for literals in found)


def covers(wide: Condition, narrow: Condition) -> bool:
    """Whether whoever fulfils `narrow` fulfils `wide`."""
    return never(narrow, Not(of=wide))


def _alternatives(condition: Condition, holds: bool) -> list[tuple[Literal, ...]] | None:
    """The condition (holds False: its negation) as alternatives of literals; None when there are too many."""
    if isinstance(condition, Test):
        values = _values(condition.value)
        if condition.op == "between" and len(values) == 2 and _codes(condition) is None:
            low, high = (Test(field=condition.field, op=op, value=value) for op, value in zip(("ge", "le"), values, strict=True))
            return _alternatives(All(of=(low, high)), holds)
        return [(Literal(condition, holds),)]
    if isinstance(condition, Happened):
        return _counts(condition, holds)
    if isinstance(condition, Not):
        return _alternatives(condition.of, not holds)
    parts = [_alternatives(part, holds) for part in condition.of]
    found: list[tuple[Literal, ...]] = []
    if isinstance(condition, All) is holds:
        size = 1
        for part in parts:
            size *= MOST + 1 if part is None else len(part)
            if size > MOST:
                return None
        for chosen in product(*(part or [] for part in parts)):
            found.append(tuple(literal for literals in chosen for literal in literals))
        return found
    for part in parts:
        if part is None or len(found) + len(part) > MOST:
            return None
        found += part
    return found


def _counts(count: Happened, holds: bool) -> list[tuple[Literal, ...]]:
    """A count as literals that have one bound each; a bound that always holds is none."""
    low = Happened(signals=count.signals, at_least=count.at_least, within_days=count.within_days)
    high = None if count.at_most is None else Happened(signals=count.signals, at_least=count.at_most + 1, within_days=count.within_days)
    if holds:
        return [(*((Literal(low, True),) if low.at_least > 0 else ()), *((Literal(high, False),) if high is not None else ()))]
    return [*([(Literal(low, False),)] if low.at_least > 0 else []), *([(Literal(high, True),)] if high is not None else [])]


def _impossible(literals: Sequence[Literal]) -> bool:
    """Whether these literals contradict each other."""
    fields: dict[str, list[tuple[Test, bool]]] = {}
    counts: list[tuple[Happened, bool]] = []
    for literal in literals:
        if isinstance(literal.of, Test):
            fields.setdefault(literal.of.field, []).append((literal.of, literal.holds))
        else:
            counts.append((literal.of, literal.holds))
    return any(_no_value(tests) for tests in fields.values()) or _no_count(counts)


def _no_count(counts: Sequence[tuple[Happened, bool]]) -> bool:
    """A count that is reached while one of more signals in a longer time is not."""
    reached = [count for count, holds in counts if holds]
    missed = [count for count, holds in counts if not holds]
    return any(
        set(few.signals) <= set(many.signals) and _days(few) <= _days(many) and few.at_least >= many.at_least
        for few in reached
        for many in missed
    )


def _days(count: Happened) -> float:
    return math.inf if count.within_days is None else count.within_days


def _no_value(tests: Sequence[tuple[Test, bool]]) -> bool:
    """Whether neither an empty field nor any value passes all of these tests of one field."""
    if all((test.op in _BLANK) is holds for test, holds in tests):
        return False
    if any(test.op == ("empty" if holds else "filled") for test, holds in tests):
        return True
    for test, holds in tests:
        against = [other for other, held in tests if held is not holds and other.op == test.op]
        if holds and test.op in _ANY_OF and any(set(_words(test.value)) <= set(_words(other.value)) for other in against):
            return True
        if holds and any(_same(test.value, other.value) for other in against):
            return True
    if _no_age(tests) or _no_code(tests):
        return True
    named = [_values(test.value) for test, holds in tests if (test.op in ("eq", "in")) is holds and test.op in ("eq", "in", "ne", "not_in")]
    if named:
        return not any(all(_may(value, test, holds) for test, holds in tests) for value in named[0])
    return _no_number(tests)


def _no_age(tests: Sequence[tuple[Test, bool]]) -> bool:
    young = min((_number(t.value) for t, holds in tests if t.op == "within" and holds), default=math.inf)
    old = max((_number(t.value) for t, holds in tests if t.op == "older_than" and holds), default=-math.inf)
    return young <= old


def _no_code(tests: Sequence[tuple[Test, bool]]) -> bool:
    """Ranges of codes that leave nothing between them, or one within another that must not hold."""
    ranges = [(codes, holds) for test, holds in tests if (codes := _codes(test)) is not None]
    inside = [codes for codes, holds in ranges if holds]
    outside = [codes for codes, holds in ranges if not holds]
    for first, last, digits in inside:
        if first > last or any(last < low or high < first or (digits and more and digits != more) for low, high, more in inside):
            return True
        if any(more in (0, digits) and low <= first and last <= high for low, high, more in outside):
            return True
    return False


def _codes(test: Test) -> tuple[int, int, int] | None:
    """The range of codes that a test wants, as `code_range` has it."""
    values = _values(test.value)
    if test.op != "between" or len(values) != 2:
        return None
    low, high = values
    return code_range(low, high) if isinstance(low, str) and isinstance(high, str) else None


def _no_number(tests: Sequence[tuple[Test, bool]]) -> bool:
    """Bounds that leave nothing between them; texts (dates) are compared like numbers, never with them."""
    bounds = [(test, holds) for test, holds in tests if test.op in _BOUNDS]
    kinds = {isinstance(part, str) for test, _ in bounds for part in _values(test.value)}
    if len(kinds) > 1:
        return all(holds for _, holds in bounds)
    low: list[tuple[Value, bool]] = []
    high: list[tuple[Value, bool]] = []
    for test, holds in bounds:
        value = _values(test.value)[0]
        if test.op in ("lt", "le"):
            (high if holds else low).append((value, (test.op == "le") is holds))
        else:
            (low if holds else high).append((value, (test.op == "ge") is holds))
    return any(_less(top, bottom) or (_same(top, bottom) and not (closed and shut)) for bottom, closed in low for top, shut in high)


def _may(value: Value, test: Test, holds: bool) -> bool:
    """Whether a value may pass a test (fail it, for holds False)."""
    wanted = _values(test.value)
    if test.op in ("eq", "in", "ne", "not_in"):
        return (any(_same(value, w) for w in wanted) is (test.op in ("eq", "in"))) is holds
    if test.op in _BOUNDS:
        if isinstance(value, bool) or any(isinstance(w, str) is not isinstance(value, str) for w in wanted):
            return not holds
        inside = {
            "lt": lambda: _less(value, wanted[0]),
            "le": lambda: not _less(wanted[0], value),
            "gt": lambda: _less(wanted[0], value),
            "ge": lambda: not _less(value, wanted[0]),
        }[test.op]()
        return inside is holds
    if not isinstance(value, str):
        return test.op not in _ANY_OF or not holds
    codes, code = _codes(test), code_range(value, value)
    if codes is not None and code is not None:
        return (codes[0] <= code[0] <= codes[1] and codes[2] in (0, code[2])) is holds
    if test.op == "contains":
        return any(word.casefold() in value.casefold() for word in _words(test.value)) is holds
    if test.op == "matches":
        return any(re.search(word, value, re.IGNORECASE) is not None for word in _words(test.value)) is holds
    return True


def _values(value: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def _words(value: Value | tuple[Value, ...]) -> Iterable[str]:
    return [word.casefold() if isinstance(word, str) else str(word) for word in _values(value)]


def _same(left: Value | tuple[Value, ...], right: Value | tuple[Value, ...]) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.strip().casefold() == right.strip().casefold()
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _less(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.strip().casefold() < right.strip().casefold()
    return isinstance(left, int | float) and isinstance(right, int | float) and left < right


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
