"""Which lists and campaigns a person's records shall join or leave because of their nurture track (N1, G1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from crmsync.decide.track import wanted_lists
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.process import Track
from crmsync.model.record import Ref

LIST = "list"
"""Problem.object of what a list or campaign refused; its id is the problem's field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One record that shall join (or leave) one list or campaign. ref.id is "" while the record is still to be created. rule: why, in words."""

    side: str
    list_id: str
    ref: Ref
    join: bool
    rule: str


def memberships(
    state: PersonState,
    primaries: Mapping[str, Snapshot],
    tracks: Sequence[Track],
    *,
    coming: Mapping[str, Ref],
    able: Collection[str],
    held: Collection[tuple[str, str]],
) -> tuple[PersonState, list[Membership]]:
    """What has to change for this person, and the state without what is over anyway.

    Joined is what the track wants and they are not on; left is what we put them on and it no longer wants. Lists on which they were found already stay as
    they are. coming: side -> record that is about to be created there. able: sides whose members can be changed. held: (side, list) that were
    refused lately: not tried again yet."""
    wanted = wanted_lists(state.track, tracks)
    member_of = {side: lists for side, lists in state.member_of.items() if lists}
    found_on = {side: kept for side, lists in state.found_on.items() if (kept := tuple(id for id in lists if wanted.get(side) == id))}
    changes: list[Membership] = []
    for side, lists in sorted(member_of.items()):
        over = [id for id in lists if wanted.get(side) != id]
        snapshot = primaries.get(side)
        if not over or side not in able:
            continue
        if snapshot is None:  # the record is gone, and its memberships with it
            member_of[side] = tuple(id for id in lists if id not in over)
            continue
        rule = f"track: left {list_rule(state)}"
        changes += [Membership(side=side, list_id=id, ref=snapshot.ref, join=False, rule=rule) for id in over if (side, id) not in held]
    for side, id in sorted(wanted.items()):
        if side not in able or (side, id) in held or id in member_of.get(side, ()) or id in found_on.get(side, ()):
            continue
        ref = primaries[side].ref if side in primaries else coming.get(side)
        if ref is not None:
            changes.append(Membership(side=side, list_id=id, ref=ref, join=True, rule=f"track: {state.track}"))
    if member_of != state.member_of or found_on != state.found_on:
        state = replace(state, member_of={s: ids for s, ids in member_of.items() if ids}, found_on=found_on)
    return state, changes


def list_rule(state: PersonState) -> str:
    """Where somebody went who leaves a list."""
    return f"for {state.track}" if state.track is not None else "the track"


def joined(state: PersonState, side: str, list_id: str, *, by_us: bool) -> PersonState:
    """The state of somebody who is on a list now. by_us: we put them there, and take them off again one day."""
    ours, theirs = _without(state, side, list_id)
    (ours if by_us else theirs).setdefault(side, ())
    (ours if by_us else theirs)[side] += (list_id,)
    return replace(state, member_of=ours, found_on=theirs)


def left(state: PersonState, side: str, list_id: str) -> PersonState:
    """The state of somebody who is not on a list any more."""
    ours, theirs = _without(state, side, list_id)
    return replace(state, member_of=ours, found_on=theirs)


def _without(state: PersonState, side: str, list_id: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    def rest(lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        less = {s: tuple(id for id in ids if (s, id) != (side, list_id)) for s, ids in lists.items()}
        return {s: ids for s, ids in less.items() if ids}

    return rest(state.member_of), rest(state.found_on)
