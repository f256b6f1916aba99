"""Somebody who answered that they want no more e-mail (C4): the opt-out goes into both CRMs at once (G1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crmsync.decide.reconcile import Move, Reconciled
from crmsync.decide.track import OPT_OUT
from crmsync.decide.translate import Lens
from crmsync.model.link import PersonState, Snapshot

REPLIED = "replied:" + OPT_OUT
"""In PersonState.written: that it was written there. It is written once: whoever allows e-mail again afterwards means it."""


def opted_out(
    reconciled: Reconciled, state: PersonState, primaries: Mapping[str, Snapshot], lenses: Mapping[tuple[str, str], Lens]
) -> Reconciled:
    """`reconciled` with the opt-out on its way to every side that can take it; nothing where it stands already, or was written before."""
    moving = {move.field for given in reconciled.moves.values() for move in given}
    if OPT_OUT in moving or any(REPLIED in own for own in state.written.values()):
        return reconciled
    if any(shown.fields.get(OPT_OUT) is True for shown in primaries.values()):
        return reconciled
    moves, found = dict(reconciled.moves), False
    for side, shown in sorted(primaries.items()):
        column = lenses[side, shown.ref.object].by_name.get(OPT_OUT)
        if column is None or column.place.read_only or side not in column.map.to or OPT_OUT not in shown.fields:
            continue
        because = "reply: they want no more e-mail"
        move = Move(field=OPT_OUT, value=True, old=shown.fields[OPT_OUT], because=because, base={}, mark=REPLIED)
        moves[side], found = [*moves.get(side, ()), move], True
    return replace(reconciled, moves=moves, facts={**reconciled.facts, OPT_OUT: True}) if found else reconciled
