"""`crmsync undo WRITE_ID`: takes back one write of the journal, in the CRM it went to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from crmsync.engine.resume import settle_open
from crmsync.engine.undo import undo as take_back
from crmsync.service.lease import SYNC_WAITS
from crmsync.service.workspace import Workspace


def undo(workspace: Workspace, write_id: str, *, fields: Collection[str] = (), partly: bool = False, yes: bool = False) -> dict[str, Any]:
    """The documented shape. fields, partly, yes: see `crmsync.engine.undo.undo`.

    Raises: BusyError; ConfigError; CredentialsError or UnreachableError when the CRM that the write went to does not answer (nothing was
    changed there)."""
    world, now = workspace.world, workspace.clock()
    with workspace.lease(wait=SYNC_WAITS):
        troubles = world.refresh(now)
        world.require_provisioned()
        settle_open(world, now, troubles)
        entry = workspace.store.journal.entry(write_id)
        if entry is not None and entry.side in troubles:
            raise troubles[entry.side]
        found = take_back(world, write_id, now, fields=fields, partly=partly, yes=yes)
    known = found.entry
    return {
        "write_id": write_id,
        "undo_id": found.undo_id,
        "refused": found.refused or None,
        "needs_yes": found.needs_yes,
        "crm": None if known is None else known.side,
        "object": None if known is None else known.write.object,
        "record_id": None if known is None else known.record_id or known.write.id,
        "action": None if known is None else known.write.action.value,
        "person_id": None if known is None else known.person_id,
        "restored": [{"field": f.native, "name": f.name, "was": f.was, "now": f.now} for f in found.restored],
        "kept": [{"name": f.name, "reason": f.reason} for f in found.kept],
    }
