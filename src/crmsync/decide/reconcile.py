"""One person's mapped fields on two sides: which values move where, and what the person looks like once they have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.decide.canonical import same, shortened
from crmsync.decide.merge import Base, Merged, Policy, Put, Rule, merge
from crmsync.decide.translate import Column, Lens
from crmsync.model.attention import Problem
from crmsync.model.link import Agreed, PersonState, Snapshot
from crmsync.model.record import Value
from crmsync.model.rules import ASK, FILL, LATEST, OPT_OUT, FieldMap, FieldType

Moments = Mapping[str, Mapping[str, datetime]]
"""side -> house field -> when it was last set there, where a CRM's history tells; else the record's own modification counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One house field to be written on one side. base: what to store as agreed once the write is accepted. mark: under which name it counts as
    delivered then; nothing is agreed by it, so that the other side gets it as news ("": an ordinary move)."""

    field: str
    value: Value
    old: Value
    because: str
    base: Mapping[str, Value]
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """facts: house field -> value as both sides will show it. moves: side -> what to write there. base: fields settled as they stand.

    contested: fields both sides changed under `latest`, for which the moments decide. conflicts: field -> side -> value, waiting for a
    person.
    sent: what is still unconfirmed per side.
    """

    facts: Mapping[str, Value]
    moves: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    base: Mapping[str, Agreed] = field(default_factory=dict)
    contested: Sequence[str] = ()
    conflicts: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    sent: Mapping[str, Mapping[str, tuple[Value, Value]]] = field(default_factory=dict)
    anchors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    replaced: Mapping[str, int] = field(default_factory=dict)


def anchor(snapshot: Snapshot) -> str:
    """What a base is tied to: one record of one object."""
    return f"{snapshot.ref.object}/{snapshot.ref.id}"


def reconcile(
    state: PersonState,
    primaries: Mapping[str, Snapshot],
    lenses: Mapping[tuple[str, str], Lens],
    *,
    tie: str = "",
    moments: Moments | None = None,
    resolved: Mapping[str, str] | None = None,
) -> Reconciled:
    """Merges every field that both primaries map. With one primary alone its values are the facts. `resolved`: field -> side a person
    chose."""
    sides = sorted(primaries)
    anchors = {side: anchor(primaries[side]) for side in sides}
    if len(sides) < 2:
        facts = dict(primaries[sides[0]].fields) if sides else {}
        return Reconciled(facts=facts, sent=dict(state.sent), base=dict(state.base), anchors=anchors)
    left, right = primaries[sides[0]], primaries[sides[1]]
    left_lens, right_lens = lenses[left.ref.side, left.ref.object], lenses[right.ref.side, right.ref.object]
    settled_before = all(state.anchors.get(side) == anchors[side] for side in sides)
    paired_before = all(side in state.anchors for side in sides)
    bases, sent, problems = _confirm(state, {sides[0]: (left, left_lens), sides[1]: (right, right_lens)})

    facts = {**right.fields, **left.fields}
    moves: dict[str, list[Move]] = {side: [] for side in sides}
    base: dict[str, Agreed] = {}
    contested: list[str] = []
    conflicts: dict[str, Mapping[str, Value]] = {}
    replaced = dict.fromkeys(sides, 0)
    for name, left_column in left_lens.by_name.items():
        right_column = right_lens.by_name.get(name)
        # A key that one side did not deliver is unknown, not empty (F30): nothing is decided about it.
        if right_column is None or name not in left.fields or name not in right.fields:
            if right_column is not None and settled_before and name in bases:
                base[name] = bases[name]  # what was agreed still holds when the field is shown again
            continue
        rule, lv, rv = left_column.map, left.fields[name], right.fields[name]
        chosen = (resolved or {}).get(name)
        creation = left_column.place.at_creation or right_column.place.at_creation
        if (lv == rv or same(rule.type, lv, rv)) and chosen is None and not creation:
            # Nearly every field of nearly every person: whatever was agreed and whatever the policy, `merge` finds nothing to move.
            facts[name] = _agreed(rule, lv, rv)
            held, values = bases.get(name), {sides[0]: lv, sides[1]: rv}
            stands = held is not None and held.mapping == rule.fingerprint and held.values == values
            base[name] = held if held is not None and stands else Agreed(values=values, mapping=rule.fingerprint)
            continue
        agreed = bases.get(name) if settled_before or (paired_before and _carried(rule, bases.get(name), state, primaries, name)) else None
        known = agreed is not None and agreed.mapping == rule.fingerprint
        pair = Base(left=agreed.values.get(sides[0]), right=agreed.values.get(sides[1])) if known and agreed is not None else None
        if pair is not None and agreed is not None and creation:
            base[name] = agreed
            facts[name] = _once(lv, rv, left_column)
            continue
        policy = _policy(rule, left_column, right_column, sides, tie, first=pair is None, chosen=chosen)
        when = moments or {}
        merged = merge(
            pair,
            lv,
            rv,
            policy,
            left_at=when.get(sides[0], {}).get(name, left.modified_at),
            right_at=when.get(sides[1], {}).get(name, right.modified_at),
        )
        if _answered_already(rule, merged.to_left, left, left_lens) or _answered_already(rule, merged.to_right, right, right_lens):
            merged = Merged(base=Base(left=lv, right=rv), because="the address is one of the record's further ones")
        if policy.rule is Rule.LATEST and _both_moved(pair, lv, rv, policy):
            contested.append(name)
        facts[name] = _once(lv, rv, left_column) if creation else _fact(merged, lv, rv, policy)
        if merged.conflict:
            conflicts[name] = {sides[0]: lv, sides[1]: rv}
            if agreed is not None:
                base[name] = agreed
            continue
        values = {sides[0]: merged.base.left, sides[1]: merged.base.right} if merged.base else {}
        if merged.to_left is None and merged.to_right is None:
            base[name] = Agreed(values=values, mapping=rule.fingerprint)
            continue
        if agreed is not None:
            base[name] = agreed
        because = f"{rule.conflict}: " + _named(merged.because, sides)
        for side, put, old in ((sides[0], merged.to_left, lv), (sides[1], merged.to_right, rv)):
            if put is not None:
                moves[side].append(Move(field=name, value=put.value, old=old, because=because, base=values))
                if pair is not None and old is not None:
                    replaced[side] = 1
    return Reconciled(
        facts=facts,
        moves=moves,
        base=base,
        contested=tuple(contested),
        conflicts=conflicts,
        sent=sent,
        anchors=anchors,
        problems=problems,
        replaced=replaced,
    )


def _carried(rule: FieldMap, agreed: Agreed | None, state: PersonState, primaries: Mapping[str, Snapshot], name: str) -> bool:
    """Whether what was agreed about a field holds for a new record in the place of an old one (converted, merged): it shows the agreed value, so its
    side did not move, and an edit of the other side since then must not lose against the new record's later date (F33, F35)."""
    return agreed is not None and all(
        state.anchors.get(side) == anchor(shown) or same(rule.type, shown.fields[name], agreed.values.get(side))
        for side, shown in primaries.items()
    )


def _answered_already(rule: FieldMap, put: Put | None, shown: Snapshot, lens: Lens) -> bool:
    """Whether an e-mail to be written is one the record answers to anyway: writing it would swap a person's primary address (F20)."""
    return put is not None and rule.type is FieldType.EMAIL and str(put.value) in lens.emails(shown.fields, shown.extra)


def _policy(rule: FieldMap, left: Column, right: Column, sides: Sequence[str], tie: str, *, first: bool, chosen: str | None) -> Policy:
    kind = Rule.LATEST
    if chosen is not None:
        kind = Rule.LEFT if chosen == sides[0] else Rule.RIGHT
    elif rule.type is FieldType.OWNER and first:
        # Section 9a: a first connection changes nobody's owner; it only fills records that have none.
        kind = Rule.FILL
    elif rule.conflict in (LATEST, FILL, ASK, OPT_OUT):
        kind = Rule(rule.conflict)
    elif rule.conflict in sides:
        kind = Rule.LEFT if rule.conflict == sides[0] else Rule.RIGHT
    return Policy(
        rule=kind,
        type=rule.type,
        to_left=sides[0] in rule.to and not left.place.read_only,
        to_right=sides[1] in rule.to and not right.place.read_only,
        clears=rule.empty == "clear" and not rule.required,
        tie="left" if tie == sides[0] else "right",
    )


def _both_moved(pair: Base | None, left: Value, right: Value, policy: Policy) -> bool:
    if same(policy.type, left, right):
        return False
    if pair is None:
        return left is not None and right is not None
    return not same(policy.type, left, pair.left) and not same(policy.type, right, pair.right)


def _fact(merged: Merged, left: Value, right: Value, policy: Policy) -> Value:
    if isinstance(merged.to_left, Put):
        return merged.to_left.value
    if isinstance(merged.to_right, Put):
        return merged.to_right.value
    if policy.type is FieldType.BOOL:
        return bool(left) or bool(right) if policy.rule is Rule.TRUE_WINS else left
    return right if left is None else left


def _once(left: Value, right: Value, left_column: Column) -> Value:
    """The fact of a field that is carried once: what the side has it was carried to, else what it comes from."""
    here, there = (right, left) if left_column.place.at_creation else (left, right)
    return there if here is None else here


def _agreed(rule: FieldMap, left: Value, right: Value) -> Value:
    """The fact where both sides show the same; for a bool, empty is the same as false."""
    if rule.type is FieldType.BOOL:
        return bool(left) or bool(right) if rule.conflict == OPT_OUT else left
    return right if left is None else left


def _named(because: str, sides: Sequence[str]) -> str:
    return because.replace("left", sides[0]).replace("right", sides[1])


def _confirm(
    state: PersonState, shown: Mapping[str, tuple[Snapshot, Lens]]
) -> tuple[dict[str, Agreed], dict[str, Mapping[str, tuple[Value, Value]]], list[Problem]]:
    """Holds what a CRM shows against what it accepted (law 2): its own form of our value moves the base; a value that never arrived is
    raised (F44)."""
    bases = dict(state.base)
    waiting: dict[str, Mapping[str, tuple[Value, Value]]] = {}
    problems: list[Problem] = []
    for side, fields in state.sent.items():
        if side not in shown:
            waiting[side] = fields
            continue
        snapshot, lens = shown[side]
        if state.anchors.get(side, anchor(snapshot)) != anchor(snapshot):
            continue  # it was sent to another record, which is gone
        if snapshot.by_us is None:
            waiting[side] = fields  # still our own note of the write, not yet the CRM's showing
            continue
        for name, (value, before) in fields.items():
            column = lens.by_name.get(name)
            if column is None or name not in snapshot.fields:
                continue
            now_shown = snapshot.fields[name]
            kind = column.map.type
            if same(kind, now_shown, value) or name not in bases:
                continue
            if not (snapshot.by_us or shortened(value, now_shown)):
                continue  # somebody edited it after us: an ordinary change
            agreed = bases[name]
            bases[name] = Agreed(values={**agreed.values, side: now_shown}, mapping=agreed.mapping)
            if same(kind, now_shown, before):
                problems.append(
                    Problem(
                        cause="silent_no_op",
                        message=f"{side} accepted {name} but still shows the old value; the two sides differ now. "
                        f"Look at the field's automation or permissions in {side}.",
                        side=side,
                        object=snapshot.ref.object,
                        record_id=snapshot.ref.id,
                        person_id=state.person_id,
                        field=name,
                    )
                )
    return bases, waiting, problems
