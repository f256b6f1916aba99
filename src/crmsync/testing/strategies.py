"""Hypothesis strategies for what people and CRMs put into fields. Needs the package `hypothesis`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from crmsync.model.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Somebody types a value into a field, in the left CRM or the right one."""

    left: bool
    field: str
    value: Value


def texts(longest: int = 300) -> st.SearchStrategy[str]:
    """Texts that have broken somebody: emoji, lone surrogates, combining marks, right-to-left, quotes, markup, formulas, blanks at the ends, too long."""
    odd = st.sampled_from(
        [
            "x", "y", "Zoë", "zoe\u0308", "O'Brien", '"quoted"', "a;b", "<b>bold</b>", "=1+1", "NULL", "null", "None", "0", "false", "😀", "👩‍👩‍👧",
            "\ud83d", "half \udc00 pair", "\u202eright to left", "zero\u200bwidth", "tab\tand\nline", "\\", "%", "100 %", "a\u00a0b", "ﬁ",
        ]
    )  # fmt: skip
    padded = st.builds(lambda text, left, right: " " * left + text + " " * right, odd, st.integers(0, 2), st.integers(0, 2))
    long = st.builds(lambda letter, count: letter * count, st.sampled_from("xé😀"), st.integers(250, longest))
    return st.one_of(odd, padded, long)


def phones() -> st.SearchStrategy[str]:
    """One number in the forms in which people write it, others, and no numbers at all."""
    return st.sampled_from(
        ["+14085550100", "(408) 555-0100", "408-555-0100", "1 408 555 0100", "+44 20 7946 0958", "+14085550100 ext. 5", "call me", "0", "+"]
    )


def numbers() -> st.SearchStrategy[Value]:
    """Amounts with more places than a CRM keeps, whole numbers, nothing."""
    return st.sampled_from([0, 1, 2.5, 0.1 + 0.2, 1.005, 1234567.891, -3, 1e-9, None])


def values(field: str) -> st.SearchStrategy[Value]:
    """What people type into a field of that house name; empty now and then."""
    kinds: dict[str, st.SearchStrategy[Value]] = {"phone": phones(), "number": numbers()}
    return st.one_of(kinds.get(field, texts()), st.none())


@st.composite
def edits(draw: st.DrawFn, fields: Sequence[str]) -> Edit:
    """One edit of one of these fields."""
    field = draw(st.sampled_from(list(fields)))
    return Edit(left=draw(st.booleans()), field=field, value=draw(values(field)))
