"""What people and CRMs put into fields: values that have broken somebody, for a property test to draw from."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.model.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Somebody types a value into a field, in the left CRM or the right one."""

    left: bool
    field: str
    value: Value


ODD = (
    "x", "y", "Zoë", "zoe\u0308", "O'Brien", '"quoted"', "a;b", "<b>bold</b>", "=1+1", "NULL", "null", "None", "0", "false", "😀", "👩‍👩‍👧",
    "\ud83d", "half \udc00 pair", "\u202eright to left", "zero\u200bwidth", "tab\tand\nline", "\\", "%", "100 %", "a\u00a0b", "ﬁ",
)  # fmt: skip
"""Emoji, lone surrogates, combining marks, right-to-left, quotes, markup, formulas, words that look like nothing."""
TEXTS: tuple[Value, ...] = (
    None,
    *ODD,
    *(f" {text}  " for text in ODD),
    *(letter * count for letter in "xé😀" for count in (250, 255, 256, 300)),
)
"""Odd texts, with blanks at the ends, around the limit of 255 characters, and none."""
PHONES: tuple[Value, ...] = (
    None, "+14085550100", "(408) 555-0100", "408-555-0100", "1 408 555 0100", "+44 20 7946 0958", "+14085550100 ext. 5", "call me", "0", "+",
)  # fmt: skip
"""One number in the forms in which people write it, others, and no numbers at all."""
NUMBERS: tuple[Value, ...] = (None, 0, 1, 2.5, 0.1 + 0.2, 1.005, 1234567.891, -3, 1e-9)
"""Amounts with more places than a CRM keeps."""


def values(field: str) -> tuple[Value, ...]:
    """What people type into a field of that house name."""
    return {"phone": PHONES, "number": NUMBERS}.get(field, TEXTS)
