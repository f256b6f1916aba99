"""What the CRMs show of one person beside the mapped fields: crmsync's own inputs, what a rep decided, a stage set by hand."""

from __future__ import annotations

from collections.abc import Mapping

from crmsync.decide.disposition import DISPOSITION, REASON, Said, completed, latest, said_by
from crmsync.decide.lifecycle import HAND, stage_of
from crmsync.engine.world import World
from crmsync.model.copies import replace
from crmsync.model.fields import EVERY_INPUT, STAGES
from crmsync.model.link import UNDONE, PersonState, Snapshot
from crmsync.model.record import Value


def facts_of(world: World, state: PersonState, merged: Mapping[str, Value], primaries: Mapping[str, Snapshot]) -> dict[str, Value]:
    """House fields plus our input fields (disposition, budget, …). Where both sides show different ones, the record that was changed last counts; of
    dispositions, with their reason code, the one that was not acted on yet."""
    facts = dict(merged)
    for side, snapshot in sorted(primaries.items(), key=lambda item: (item[1].modified_at, item[0])):
        own = world.terms.sides[side].own
        for name in EVERY_INPUT:
            value = snapshot.extra.get(own[name]) if name in own else None
            if value is not None:
                facts[name] = value
    if facts.get(DISPOSITION) is not None:
        chosen = latest(completed(said_of(world, primaries)), state.judgements)
        facts[DISPOSITION], facts[REASON] = chosen.disposition or None, chosen.reason or None
    return facts


def filled(facts: dict[str, Value], known: Mapping[str, Value]) -> dict[str, Value]:
    """The facts, with what else is known where they are empty."""
    empty = {name: value for name, value in known.items() if facts.get(name) is None}
    return {**facts, **empty} if empty else facts


def said_of(world: World, primaries: Mapping[str, Snapshot]) -> dict[str, Said]:
    """side -> what its record shows of a rep's decision."""
    found: dict[str, Said] = {}
    for side, snapshot in primaries.items():
        own = world.terms.sides[side].own
        found[side] = said_by({name: snapshot.extra.get(own[name]) for name in (DISPOSITION, REASON)}, snapshot.modified_at)
    return found


def shown_of(world: World, state: PersonState, primaries: Mapping[str, Snapshot]) -> dict[str, Value]:
    """The stage where a person set it in a CRM: a value that is not the one we delivered there (L2). For somebody never staged: where our own field,
    else the CRM's own status, says they stand; of several the furthest."""
    stages: list[str] = []
    for side, snapshot in primaries.items():
        value, written = snapshot.extra.get(world.terms.sides[side].own["crmsync_stage"]), state.written.get(side, {})
        # One that was put back by `undo` is nobody's command.
        if value is not None and value not in (written.get("crmsync_stage"), written.get(UNDONE + "crmsync_stage")):
            stages.append(str(value))
    if not stages and not state.stages:
        for (side, object, native), words in world.playbook.person.stage_from.items():
            found = primaries.get(side)
            if found is not None and found.ref.object == object:
                stage = words.get(str(found.extra.get(native)))
                if stage is not None:
                    stages.append(stage)
    known = [stage for stage in stages if stage in STAGES] or stages
    return {"crmsync_stage": max(known, key=lambda s: STAGES.index(s) if s in STAGES else -1)} if known else {}


def overtaken(world: World, before: PersonState, after: PersonState, primaries: Mapping[str, Snapshot]) -> PersonState:
    """The state after a decision. Where a stage set by hand led to another one at once (mql, and there is an owner: sal), the CRM in which it was set still shows the
    command: it counts as what stands there by us, so that it is no command any more, however long the stage that followed takes to be written there."""
    commands = {entry.stage for entry in after.stages if entry.who == HAND and entry not in before.stages} - {stage_of(after)}
    if not commands:
        return after
    written = dict(after.written)
    for side, snapshot in primaries.items():
        shown = snapshot.extra.get(world.terms.sides[side].own["crmsync_stage"])
        if shown in commands:
            written[side] = {**written.get(side, {}), "crmsync_stage": shown}
    return replace(after, written=written)
