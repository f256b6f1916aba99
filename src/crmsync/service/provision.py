"""`crmsync provision`: creates the crmsync-owned fields in every connected CRM."""

from __future__ import annotations

from crmsync.connect import Finding
from crmsync.model.fields import own_fields
from crmsync.service.workspace import Workspace


def provision(workspace: Workspace, *, dry_run: bool) -> dict[str, list[Finding]]:
    """side -> what was done, would be done (dry_run) or could not be done. Changes nothing that exists already.

    Raises: CredentialsError, UnreachableError.
    """
    found: dict[str, list[Finding]] = {}
    playbook = workspace.playbook
    fields = own_fields(playbook.frameworks, [track.name for track in playbook.tracks])
    for done, (side, connector) in enumerate(workspace.connectors.items()):
        workspace.world.report("provisioning", done, len(workspace.connectors))
        found[side] = connector.provision(fields, dry_run=dry_run)
    workspace.world.report("provisioning", len(found), len(found))
    if not dry_run:
        workspace.store.put("world_read_at", None)  # the schemas that cycles remember are old now
    return found


def refused(found: dict[str, list[Finding]]) -> bool:
    """Whether anything could not be done."""
    return any(finding.level == "error" for findings in found.values() for finding in findings)
