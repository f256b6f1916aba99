"""Field-level three-way merge: what one person's one field should become on each side (law 1).

A total function: base, left and right in; writes for left and right and the next base out. Nothing here knows which CRM is which. The law
as a
table, generated from the test that enumerates it: docs/reference/merge-table.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crmsync.decide.canonical import same
from crmsync.model.record import Value
from crmsync.model.rules import FieldType


class Rule(StrEnum):
    """Conflict rules seen from a pair of sides: LEFT and RIGHT are "this side has authority"."""

    LATEST = "latest"
    LEFT = "left"
    RIGHT = "right"
    FILL = "fill"
    ASK = "ask"
    TRUE_WINS = "true_wins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """rule: who wins. to_left / to_right: whether that side may be written. clears: whether an emptied value empties the other side.

    tie: the side that wins `latest` when the times are equal or unknown ("left" | "right")."""

    rule: Rule
    type: FieldType
    to_left: bool = True
    to_right: bool = True
    clears: bool = True
    tie: str = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What each side showed when the two were last settled."""

    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Put:
    """Write this value (None: clear)."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """base: the base once all writes are accepted; None: leave the base as it is. because: the shape that decided, for `explain`."""

    to_left: Put | None = None
    to_right: Put | None = None
    base: Base | None = None
    conflict: bool = False
    because: str = ""


def merge(
    base: Base | None,
    left: Value,
    right: Value,
    policy: Policy,
    *,
    left_at: datetime | None = None,
    right_at: datetime | None = None,
) -> Merged:
    """Decides one field. left_at/right_at: when each side's value was last changed (UTC; None: unknown). Never raises."""
    kind = policy.type
    if same(kind, left, right):
        return Merged(base=Base(left=left, right=right), because="agree")
    if policy.rule is Rule.TRUE_WINS:
        return _settle(True, left, right, policy, "an opt-out always wins")
    if base is None:
        return _first_contact(left, right, policy, left_at, right_at)
    left_moved, right_moved = not same(kind, left, base.left), not same(kind, right, base.right)
    if not left_moved and not right_moved:
        # Settled as different before (an accepted divergence or a CRM's own form of the value): nobody moved, so nothing moves.
        return Merged(base=Base(left=left, right=right), because="unchanged")
    if policy.rule is Rule.FILL:
        return _fill(left, right, policy, clear=_cleared(base, left, right))
    if policy.rule is Rule.LEFT or policy.rule is Rule.RIGHT:
        return _authority(left, right, policy, left_moved=left_moved, right_moved=right_moved)
    if left_moved and right_moved:
        if policy.rule is Rule.ASK:
            return Merged(conflict=True, because="both changed, waiting for a person")
        winner = _later(policy, left_at, right_at)
        if not policy.clears and (left if winner == "left" else right) is None:
            winner = "right" if winner == "left" else "left"
        return _settle(left if winner == "left" else right, left, right, policy, f"both changed, {winner} later")
    value = left if left_moved else right
    if value is None and not policy.clears:
        return Merged(base=Base(left=left, right=right), because="emptied, and this field does not carry clears")
    return _settle(value, left, right, policy, "left changed" if left_moved else "right changed")


def _first_contact(left: Value, right: Value, policy: Policy, left_at: datetime | None, right_at: datetime | None) -> Merged:
    if left is None or right is None:
        return _settle(right if left is None else left, left, right, policy, "first contact, the empty side is filled")
    if policy.rule is Rule.FILL:
        return Merged(base=Base(left=left, right=right), because="first contact, both filled: fill leaves them")
    if policy.rule is Rule.ASK:
        return Merged(conflict=True, because="first contact, both filled and different")
    if policy.rule is Rule.LATEST:
        winner = _later(policy, left_at, right_at)
        return _settle(left if winner == "left" else right, left, right, policy, f"first contact, {winner} later")
    value = left if policy.rule is Rule.LEFT else right
    return _settle(value, left, right, policy, f"first contact, {policy.rule} has authority")


def _fill(left: Value, right: Value, policy: Policy, *, clear: bool) -> Merged:
    if clear or (left is not None and right is not None):
        return Merged(base=Base(left=left, right=right), because="fill writes only into an empty field nobody emptied")
    return _settle(right if left is None else left, left, right, policy, "filled an empty field")


def _cleared(base: Base, left: Value, right: Value) -> bool:
    """One side was emptied by hand while the other stands as it stood: refilling would fight the person who emptied it."""
    return (left is None and base.left is not None and right == base.right) or (
        right is None and base.right is not None and left == base.left
    )


def _authority(left: Value, right: Value, policy: Policy, *, left_moved: bool, right_moved: bool) -> Merged:
    """One side's filled value stands at all times, not only in a conflict (F28); its empty value yields unless it was emptied just now."""
    own, other, own_moved = (left, right, left_moved) if policy.rule is Rule.LEFT else (right, left, right_moved)
    if own is None and not (own_moved and policy.clears):
        return _settle(other, left, right, policy, f"{policy.rule} has authority but is empty")
    return _settle(own, left, right, policy, f"{policy.rule} has authority")


def _later(policy: Policy, left_at: datetime | None, right_at: datetime | None) -> str:
    if left_at is None or right_at is None or left_at == right_at:
        return policy.tie
    return "left" if left_at > right_at else "right"


def _settle(value: Value, left: Value, right: Value, policy: Policy, because: str) -> Merged:
    """Puts `value` where it is not yet and may be written; where it may not, the difference is accepted until someone moves."""
    to_left = Put(value) if policy.to_left and not same(policy.type, left, value) else None
    to_right = Put(value) if policy.to_right and not same(policy.type, right, value) else None
    return Merged(
        to_left=to_left,
        to_right=to_right,
        base=Base(left=value if to_left else left, right=value if to_right else right),
        because=because,
    )
