"""What a verification provider knows of a person goes into fields that are empty everywhere (V2); the mapping carries it on like any other value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crmsync.decide.canonical import clean
from crmsync.decide.reconcile import Move, Reconciled
from crmsync.decide.translate import Lens
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Value
from crmsync.model.rules import FieldType

OFFERED = "provider:"
"""In PersonState.written, before a field's house name: what the provider's value was when it was written there. It is written once: whoever empties the
field again wants it empty."""
NEVER = (FieldType.EMAIL, FieldType.OWNER, FieldType.BOOL)
"""Who somebody is, whose they are and what they allow is not a provider's to say."""


def enriched(
    reconciled: Reconciled,
    found: Mapping[str, Value],
    state: PersonState,
    primaries: Mapping[str, Snapshot],
    lenses: Mapping[tuple[str, str], Lens],
    *,
    first: str,
) -> Reconciled:
    """`reconciled` with moves for what the provider found. found: house field -> value. first: the side that is written when it has the field; one side
    is, and what it then shows reaches the other as any change does."""
    moves = {side: list(given) for side, given in reconciled.moves.items()}
    moving = {move.field for given in moves.values() for move in given}
    sides = sorted(primaries, key=lambda side: (side != first, side))
    added = False
    for name, value in found.items():
        taken = any(shown.fields.get(name) is not None for shown in primaries.values())
        if taken or name in moving or name in reconciled.conflicts or any(OFFERED + name in own for own in state.written.values()):
            continue
        for side in sides:
            shown = primaries[side]
            column = lenses[side, shown.ref.object].by_name.get(name)
            # A key that the record did not deliver is unknown, not empty (F30).
            if (
                column is None
                or name not in shown.fields
                or column.place.read_only
                or column.place.at_creation
                or side not in column.map.to
            ):
                continue
            cleaned = clean(column.map.type, value)
            if cleaned is not None and column.map.type not in NEVER:
                because = "provider: the field was empty"
                moves.setdefault(side, []).append(Move(field=name, value=cleaned, old=None, because=because, base={}, mark=OFFERED + name))
                added = True
            break
    return replace(reconciled, moves=moves) if added else reconciled
