"""The merge law, enumerated: every shape of one field x every rule x every direction is held against a written table."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.merge import Base, Policy, Put, Rule, merge
from crmsync.model.rules import FieldType
from merge_table import KEEP, RULES, SHAPES, TABLE, expected

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def run(shape: str, rule: Rule, **policy: bool) -> tuple[object, object, bool]:
    base, left, right = SHAPES[shape]
    merged = merge(
        None if base is None else Base(left=base[0], right=base[1]),
        left,
        right,
        Policy(rule=rule, type=FieldType.TEXT, **policy),  # type: ignore[arg-type]
        left_at=LATE,
        right_at=EARLY,
    )
    to_left = merged.to_left.value if isinstance(merged.to_left, Put) else KEEP
    to_right = merged.to_right.value if isinstance(merged.to_right, Put) else KEEP
    return to_left, to_right, merged.conflict


@pytest.mark.parametrize(("shape", "rule"), list(product(SHAPES, RULES)))
def test_every_shape_under_every_rule(shape: str, rule: Rule) -> None:
    assert run(shape, rule) == expected(shape, rule)


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(SHAPES)
    assert all(set(row) == set(RULES) for row in TABLE.values())
    # All combinations of {no base, base X} x {empty, X, Y, Z} on both sides are among the shapes, up to renaming of values.
    assert len(SHAPES) == len({repr(shape) for shape in SHAPES.values()})


@pytest.mark.parametrize(("shape", "rule"), list(product(SHAPES, RULES)))
def test_a_forbidden_direction_is_never_written(shape: str, rule: Rule) -> None:
    assert run(shape, rule, to_left=False)[0] is KEEP
    assert run(shape, rule, to_right=False)[1] is KEEP


values = st.sampled_from([None, "x", "y", "z"])
bases = st.none() | st.builds(lambda left, right: Base(left=left, right=right), values, values)
policies = st.builds(
    lambda rule, to_left, to_right, clears, tie: Policy(
        rule=rule, type=FieldType.TEXT, to_left=to_left, to_right=to_right, clears=clears, tie=tie
    ),
    st.sampled_from([r for r in Rule if r is not Rule.TRUE_WINS]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["left", "right"]),
)


@given(bases, values, values, policies)
def test_once_settled_nothing_moves_any_more(base: Base | None, left: str | None, right: str | None, policy: Policy) -> None:
    merged = merge(base, left, right, policy, left_at=LATE, right_at=EARLY)
    after_left = merged.to_left.value if merged.to_left else left
    after_right = merged.to_right.value if merged.to_right else right
    if merged.conflict:
        assert (merged.to_left, merged.to_right, merged.base) == (None, None, None)
        return
    assert merged.base == Base(left=after_left, right=after_right)  # type: ignore[arg-type]
    again = merge(merged.base, after_left, after_right, policy, left_at=LATE, right_at=EARLY)
    assert (again.to_left, again.to_right, again.conflict) == (None, None, False)


@given(bases, values, values, policies)
def test_a_value_is_never_invented_and_first_contact_deletes_nothing(
    base: Base | None, left: str | None, right: str | None, policy: Policy
) -> None:
    merged = merge(base, left, right, policy, left_at=LATE, right_at=EARLY)
    for put in (merged.to_left, merged.to_right):
        assert put is None or put.value in (left, right)
        if base is None:
            assert put is None or put.value is not None


@given(bases, values, values, st.sampled_from(list(Rule)), st.booleans())
def test_sides_are_symmetric(base: Base | None, left: str | None, right: str | None, rule: Rule, clears: bool) -> None:
    mirror = {Rule.LEFT: Rule.RIGHT, Rule.RIGHT: Rule.LEFT}.get(rule, rule)
    kind = FieldType.TEXT
    one = merge(base, left, right, Policy(rule=rule, type=kind, clears=clears, tie="left"), left_at=LATE, right_at=EARLY)
    other = merge(
        None if base is None else Base(left=base.right, right=base.left),
        right,
        left,
        Policy(rule=mirror, type=kind, clears=clears, tie="right"),
        left_at=EARLY,
        right_at=LATE,
    )
    assert (one.to_left, one.to_right, one.conflict) == (other.to_right, other.to_left, other.conflict)


@pytest.mark.parametrize(
    ("base", "left", "right"),
    [(b, lv, rv) for b in (None, (False, False), (True, True)) for lv in (None, False, True) for rv in (None, False, True)],
)
def test_an_opt_out_always_wins(base: tuple[bool, bool] | None, left: bool | None, right: bool | None) -> None:
    merged = merge(
        None if base is None else Base(left=base[0], right=base[1]),
        left,
        right,
        Policy(rule=Rule.TRUE_WINS, type=FieldType.BOOL),
    )
    after = (merged.to_left.value if merged.to_left else left, merged.to_right.value if merged.to_right else right)
    assert (bool(after[0]), bool(after[1])) == (bool(left) or bool(right),) * 2


def test_equal_times_fall_to_the_tie_side() -> None:
    for tie, kept in (("left", "l"), ("right", "r")):
        merged = merge(None, "l", "r", Policy(rule=Rule.LATEST, type=FieldType.TEXT, tie=tie), left_at=EARLY, right_at=EARLY)
        assert (merged.to_right or merged.to_left) == Put(kept)
