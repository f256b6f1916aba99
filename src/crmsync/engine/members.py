"""Memberships of lists and campaigns on their way out: journalled before they are sent, settled after, looked up when an answer was lost (N1, law 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from crmsync.connect.protocol import LIST_CLOSED, LIST_FORBIDDEN, LIST_UNKNOWN, KeepsMembers
from crmsync.decide.members import LIST, Membership, joined, left, memberships
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.attention import ParkedProblem, Problem
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Ref

if TYPE_CHECKING:
    from crmsync.decide.plan import Parked, PlannedWrite
    from crmsync.engine.apply import Sent

MEMBER = "member"
"""JournalEntry.kind of a membership. Its write has one field, "list:<id>": True to join, False to leave."""
FIELD = "list:"
CLOCKS_DIFFER = timedelta(minutes=5)
"""A CRM's clock may be so far behind ours: who became a member so shortly before we asked for it did so because of us."""
FIRST_WAIT, LONGEST_WAIT = timedelta(hours=1), timedelta(hours=24)
PASSING_WAIT = timedelta(minutes=5)
LIST_CAUSES = frozenset({LIST_UNKNOWN, LIST_CLOSED, LIST_FORBIDDEN})


def keepers(world: World) -> frozenset[str]:
    """Sides whose lists we can change."""
    return frozenset(side for side, c in world.connectors.items() if c.traits.member_batch)


def decided(
    world: World, state: PersonState, primaries: Mapping[str, Snapshot], writes: Sequence[PlannedWrite], parked: Parked, now: datetime
) -> tuple[PersonState, tuple[Membership, ...]]:
    """What memberships this person needs, and their state. Somebody whose record is only being created is due again as soon as it is there."""
    if not world.playbook.tracks and not state.member_of and not state.found_on:
        return state, ()
    coming = {w.side: Ref(side=w.side, object=w.object, id="") for w in writes if w.action is Action.CREATE}
    going = {w.side for w in writes if w.action is Action.DELETE}
    held = {(side, name) for side, object, name in parked if object == LIST and name is not None}
    there = {side: shown for side, shown in primaries.items() if side not in going}
    state, changes = memberships(state, there, world.playbook.tracks, coming=coming, able=keepers(world), held=held)
    if any(not change.ref.id for change in changes):
        state = replace(state, next_due_at=now)
    return state, tuple(changes)


def over(problem: Problem, state: PersonState, world: World) -> bool:
    """Whether what a list refused is no longer wanted."""
    if problem.object != LIST:
        return False
    track = next((t for t in world.playbook.tracks if t.name == state.track), None)
    joins = track is not None and track.lists.get(problem.side) == problem.field
    leaves = not joins and problem.field in state.member_of.get(problem.side, ())
    return not (joins or leaves)


def journalled(world: World, person_id: str, changes: Iterable[Membership], now: datetime) -> list[JournalEntry]:
    """The intents of these memberships, to be stored before anything is sent. Records that are still to be created have none yet."""
    return [
        JournalEntry(
            side=change.side,
            write=Write(
                write_id=world.new_id(), action=Action.UPDATE, object=change.ref.object, id=change.ref.id,
                fields={f"{FIELD}{change.list_id}": change.join},
            ),
            person_id=person_id,
            kind=MEMBER,
            old={f"{FIELD}{change.list_id}": not change.join},
            rules={f"{FIELD}{change.list_id}": change.rule},
            at=now,
            record_id=change.ref.id,
        )
        for change in changes
        if change.ref.id
    ]  # fmt: skip


def send_members(world: World, entries: Sequence[JournalEntry], now: datetime, sent: Sent) -> None:
    """Sends memberships list by list, whole batches at a time, and settles each batch. Once a list refuses, nothing more is sent to it now."""
    groups: dict[tuple[str, str], list[JournalEntry]] = defaultdict(list)
    for entry in entries:
        groups[entry.side, list_of(entry)].append(entry)
    for (side, list_id), group in sorted(groups.items(), key=lambda item: item[0]):
        connector = world.connectors[side]
        size = connector.traits.member_batch or 1
        refused: Outcome | None = None
        for start in range(0, len(group), size):
            # Who joins first: the outcomes come in that order.
            part = sorted(group[start : start + size], key=lambda e: not joins(e))
            if side in sent.errors:
                _not_sent(world, part, sent.errors[side], now)
                continue
            if refused is not None:
                _settle(world, part, [replace(refused, write_id=str(e.write.id)) for e in part], now, sent)
                continue
            try:
                outcomes = cast(KeepsMembers, connector).members(
                    list_id, [ref_of(e) for e in part if joins(e)], [ref_of(e) for e in part if not joins(e)]
                )
            except CrmsyncError as error:
                sent.errors[side] = error
                _not_sent(world, part, error, now)
                continue
            refused = next((o for o in outcomes if o.kind is OutcomeKind.REJECTED and o.cause in LIST_CAUSES), None)
            _settle(world, part, outcomes, now, sent)


def _not_sent(world: World, entries: Sequence[JournalEntry], error: CrmsyncError, now: datetime) -> None:
    with world.store.begin():
        world.store.journal.settle([replace(e, outcome="not sent", message=str(error)[:500], settled_at=now) for e in entries])
        world.store.mark_dirty_persons(sorted({str(e.person_id) for e in entries}))


def _settle(world: World, entries: Sequence[JournalEntry], outcomes: Sequence[Outcome], now: datetime, sent: Sent) -> None:
    """One transaction. Lost answers stay open: `look_up` finds out what became of them."""
    store, people = world.store, sorted({str(e.person_id) for e in entries})
    with store.begin():
        states, tried = store.persons(people), _tried(store.problems.rows(person_ids=people, limit=100_000))
        settled, healed, refused = [], [], []
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome.kind is OutcomeKind.UNKNOWN:
                continue
            settled.append(replace(entry, outcome=outcome.kind.value, cause=outcome.cause, message=outcome.message[:500], settled_at=now))
            person, list_id = str(entry.person_id), list_of(entry)
            state = states.get(person)
            if outcome.kind is OutcomeKind.DONE:
                sent.count(entry.side)
            elif outcome.kind is not OutcomeKind.EXISTS:
                sent.refused += outcome.kind is not OutcomeKind.GONE
            if state is None:
                continue
            if outcome.kind in (OutcomeKind.REJECTED, OutcomeKind.RETRY) and not _gone_list(entry, outcome):
                wait = _wait(outcome, tried.get((person, entry.side, list_id), 0))
                refused.append((entry, outcome, now + wait))
                states[person] = replace(state, next_due_at=min(filter(None, (state.next_due_at, now + wait))))
                continue
            healed.append((person, LIST, frozenset({list_id})))
            if not joins(entry):
                states[person] = left(state, entry.side, list_id)
            elif outcome.kind in (OutcomeKind.DONE, OutcomeKind.EXISTS):
                states[person] = joined(state, entry.side, list_id, by_us=outcome.kind is OutcomeKind.DONE)
        store.journal.settle(settled)
        store.save_persons(list(states.values()))
        for side in {e.side for e in entries}:
            store.problems.heal(side, healed)
        for entry, outcome, again in refused:
            store.problems.park([_problem(world, entry, outcome)], now, retry_at=again)


def _gone_list(entry: JournalEntry, outcome: Outcome) -> bool:
    """Nobody has to leave a list that is no more."""
    return outcome.cause == LIST_UNKNOWN and not joins(entry)


def _tried(rows: Sequence[ParkedProblem]) -> dict[tuple[str, str, str], int]:
    return {
        (str(row.problem.person_id), row.problem.side, str(row.problem.field)): row.attempts for row in rows if row.problem.object == LIST
    }


def _wait(outcome: Outcome, tried: int) -> timedelta:
    if outcome.kind is OutcomeKind.RETRY:
        return PASSING_WAIT
    waits: timedelta = FIRST_WAIT * (1 << min(tried, 10))
    return min(waits, LONGEST_WAIT)


def _problem(world: World, entry: JournalEntry, outcome: Outcome) -> Problem:
    word, list_id = world.connectors[entry.side].traits.list_word, list_of(entry)
    return Problem(
        cause=outcome.cause or "rejected",
        message=f"{entry.side} {word} {list_id} takes no members from us: {outcome.message[:300]} Everything else goes on. `crmsync check --live` "
        f"looks at it again; then `crmsync problems retry --cause {outcome.cause or 'rejected'}`.",
        side=entry.side,
        object=LIST,
        record_id=entry.write.id,
        person_id=entry.person_id,
        field=list_id,
        data_hash=f"{list_id} {joins(entry)}",
    )


# --- after a crash, or when an answer was lost --------------------------------------------------------------------------------


def look_up(world: World, side: str, entries: Sequence[JournalEntry], now: datetime) -> None:
    """Settles open intents by who is a member now. Somebody who is one since we asked for it was put there by us; somebody who was one before was found
    there. What did not arrive is decided again. Raises what the connector raises: they stay open."""
    groups: dict[str, list[JournalEntry]] = defaultdict(list)
    for entry in entries:
        groups[list_of(entry)].append(entry)
    store = world.store
    able = side in keepers(world)  # a connector may have lost the ability with an update: then nobody can tell
    for list_id, group in sorted(groups.items()):
        since = cast(KeepsMembers, world.connectors[side]).member_since(list_id, [ref_of(e) for e in group]) if able else {}
        people = sorted({str(e.person_id) for e in group})
        with store.begin():
            states = store.persons(people)
            for entry in group:
                state, at = states.get(str(entry.person_id)), since.get(ref_of(entry))
                if state is None:
                    continue
                if joins(entry) and at is not None and list_id not in state.member_of.get(side, ()):
                    states[state.person_id] = joined(state, side, list_id, by_us=at >= entry.at - CLOCKS_DIFFER)
                elif not joins(entry) and at is None:
                    states[state.person_id] = left(state, side, list_id)
            store.save_persons(list(states.values()))
            store.journal.settle([_looked_up(entry, (ref_of(entry) in since) is joins(entry), now) for entry in group])
            store.mark_dirty_persons(people)


def _looked_up(entry: JournalEntry, arrived: bool, now: datetime) -> JournalEntry:
    outcome = "looked_up" if arrived else "not_found"
    return replace(entry, outcome=outcome, message="settled by looking after the answer was lost", settled_at=now)


def list_of(entry: JournalEntry) -> str:
    """The id of the list or campaign that a membership is of."""
    return next(iter(entry.write.fields)).removeprefix(FIELD)


def joins(entry: JournalEntry) -> bool:
    """Whether it is a membership to begin; else one to end."""
    return next(iter(entry.write.fields.values())) is True


def ref_of(entry: JournalEntry) -> Ref:
    """The record it is about."""
    return Ref(side=entry.side, object=entry.write.object, id=str(entry.write.id))
