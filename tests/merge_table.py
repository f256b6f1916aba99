"""The merge law as a table: what a one-field merge does in every shape, left changed LATER than right. docs/reference/merge-table.md is made of it.

A cell is (write to left, write to right) with KEEP for "leave it", or ASKED: open a conflict and leave both.
"""

from __future__ import annotations

from crmsync.decide.merge import Rule


class Keep:
    def __repr__(self) -> str:
        return "-"


KEEP = Keep()
ASKED = "conflict"
RULES = (Rule.LATEST, Rule.LEFT, Rule.RIGHT, Rule.FILL, Rule.ASK)

# name: (base (left, right) or None, left now, right now)
SHAPES: dict[str, tuple[tuple[str | None, str | None] | None, str | None, str | None]] = {
    "first contact, both empty": (None, None, None),
    "first contact, equal": (None, "X", "X"),
    "first contact, left only": (None, "X", None),
    "first contact, right only": (None, None, "Y"),
    "first contact, different": (None, "X", "Y"),
    "nobody changed": (("X", "X"), "X", "X"),
    "nobody changed, settled as different": (("X", "Y"), "X", "Y"),
    "left changed": (("X", "X"), "Y", "X"),
    "right changed": (("X", "X"), "X", "Y"),
    "left emptied": (("X", "X"), None, "X"),
    "right emptied": (("X", "X"), "X", None),
    "left filled": ((None, None), "Y", None),
    "right filled": ((None, None), None, "Y"),
    "both changed to the same": (("X", "X"), "Y", "Y"),
    "both changed differently": (("X", "X"), "Y", "Z"),
    "both filled differently": ((None, None), "Y", "Z"),
    "both emptied": (("X", "X"), None, None),
    "left emptied, right changed": (("X", "X"), None, "Z"),
    "left changed, right emptied": (("X", "X"), "Y", None),
}

_N = (KEEP, KEEP)


def _row(latest: object, left: object, right: object, fill: object, ask: object) -> dict[Rule, object]:
    return dict(zip(RULES, (latest, left, right, fill, ask), strict=True))


TABLE: dict[str, dict[Rule, object]] = {
    "first contact, both empty": _row(_N, _N, _N, _N, _N),
    "first contact, equal": _row(_N, _N, _N, _N, _N),
    "first contact, left only": _row((KEEP, "X"), (KEEP, "X"), (KEEP, "X"), (KEEP, "X"), (KEEP, "X")),
    "first contact, right only": _row(("Y", KEEP), ("Y", KEEP), ("Y", KEEP), ("Y", KEEP), ("Y", KEEP)),
    "first contact, different": _row((KEEP, "X"), (KEEP, "X"), ("Y", KEEP), _N, ASKED),
    "nobody changed": _row(_N, _N, _N, _N, _N),
    "nobody changed, settled as different": _row(_N, _N, _N, _N, _N),
    "left changed": _row((KEEP, "Y"), (KEEP, "Y"), ("X", KEEP), _N, (KEEP, "Y")),
    "right changed": _row(("Y", KEEP), (KEEP, "X"), ("Y", KEEP), _N, ("Y", KEEP)),
    "left emptied": _row((KEEP, None), (KEEP, None), ("X", KEEP), _N, (KEEP, None)),
    "right emptied": _row((None, KEEP), (KEEP, "X"), (None, KEEP), _N, (None, KEEP)),
    "left filled": _row((KEEP, "Y"), (KEEP, "Y"), (KEEP, "Y"), (KEEP, "Y"), (KEEP, "Y")),
    "right filled": _row(("Y", KEEP), ("Y", KEEP), ("Y", KEEP), ("Y", KEEP), ("Y", KEEP)),
    "both changed to the same": _row(_N, _N, _N, _N, _N),
    "both changed differently": _row((KEEP, "Y"), (KEEP, "Y"), ("Z", KEEP), _N, ASKED),
    "both filled differently": _row((KEEP, "Y"), (KEEP, "Y"), ("Z", KEEP), _N, ASKED),
    "both emptied": _row(_N, _N, _N, _N, _N),
    "left emptied, right changed": _row((KEEP, None), (KEEP, None), ("Z", KEEP), ("Z", KEEP), ASKED),
    "left changed, right emptied": _row((KEEP, "Y"), (KEEP, "Y"), (None, KEEP), (KEEP, "Y"), ASKED),
}


def expected(shape: str, rule: Rule) -> tuple[object, object, bool]:
    cell = TABLE[shape][rule]
    return (KEEP, KEEP, True) if cell == ASKED else (cell[0], cell[1], False)  # type: ignore[index]
