"""Safety predicates (law 6): pure, separate, named. Each returns the halt it wants, or None. The engine stores it; `crmsync resume`
leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crmsync.model.attention import Halt
from crmsync.model.rules import Brakes

MAX_CREATES = "max_creates"
"""The cause of the halt that creations ask for, before any other that counting finds: once there are too many, it is certain."""


def mass_delete(*, deleted: int, known: int, side: str, brakes: Brakes, now: datetime) -> Halt | None:
    """Too many known records of one side vanished in one cycle (F39, an emptied CRM). deleted and known count linked records of that
    side."""
    if deleted < brakes.min_deletes or deleted <= brakes.max_deletes_share * known:
        return None
    cause = "emptied" if deleted == known else "mass_delete"
    return Halt(
        cause=cause,
        side=side,
        at=now,
        message=f"{deleted} of {known} linked records disappeared from {side} (limit {brakes.max_deletes_share:.0%}). Nothing was written. "
        f"Look at {side}; if the deletes are meant, run `crmsync resume`.",
    )


def mass_change(*, changed: int, known: int, side: str, brakes: Brakes, now: datetime, what: str = "persons") -> Halt | None:
    """Too many persons (or records of one kind of activity) would have values replaced on one side in one cycle by changes from the other.
    Counts only settled links, not first contact."""
    if changed < brakes.min_changes or changed <= brakes.max_changes_share * known:
        return None
    return Halt(
        cause="mass_change",
        side=side,
        at=now,
        message=f"{changed} of {known} {what} would have values replaced in {side} (limit {brakes.max_changes_share:.0%}). "
        "Nothing was written. "
        "Look at `crmsync plan`; if the changes are meant, run `crmsync resume`.",
    )


def too_many_creates(*, creates: int, brakes: Brakes, now: datetime, what: str = "records", more: bool = False) -> Halt | None:
    """One run would create more records than `max_creates` (section 9a, F25). more: not all of them were counted."""
    if creates <= brakes.max_creates:
        return None
    return Halt(
        cause="max_creates",
        at=now,
        message=f"{'more than ' if more else ''}{creates} {what} would be created (limit max_creates = {brakes.max_creates}). Nothing was written. "
        "Look at `crmsync plan`; if they are meant, run `crmsync resume`.",
    )


def schema_loss(*, missing: Sequence[str], mapped: int, side: str, object: str, now: datetime) -> Halt | None:
    """More than half of an object's mapped fields, and at least three, are suddenly hidden from us: a lost permission set, not a tidy-up."""
    if len(missing) < 3 or 2 * len(missing) <= mapped:
        return None
    return Halt(
        cause="schema_loss",
        side=side,
        at=now,
        message=f"{len(missing)} of {mapped} mapped fields of {side} {object} can no longer be seen ({', '.join(missing[:5])}, …). "
        f"Nothing was read or written. Give the permissions back; if the fields are gone for good, run `crmsync resume`.",
    )


def account_changed(*, was: str | None, now_is: str, side: str, now: datetime) -> Halt | None:
    """The credentials now lead to another account than the one the state belongs to: every link would be wrong."""
    if was is None or was == now_is:
        return None
    return Halt(
        cause="account_changed",
        side=side,
        at=now,
        message=f"the {side} credentials belong to account {now_is}, but the state was built with account {was}. "
        "Nothing was read or written. "
        "Correct the credentials and run `crmsync resume`; it halts again while they lead elsewhere. "
        "For the other account use another database.",
    )
