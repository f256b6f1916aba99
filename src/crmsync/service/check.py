"""`crmsync check`: is the playbook sound, and (live) do both CRMs' schemas, permissions and limits bear it?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from crmsync.connect import Finding
from crmsync.errors import CredentialsError
from crmsync.model.record import ObjectSchema, User
from crmsync.model.rules import Playbook
from crmsync.playbook.check import check as check_schemas
from crmsync.playbook.check_people import check_people
from crmsync.playbook.lint import lint
from crmsync.playbook.lint_templates import text_problems
from crmsync.playbook.problems import Problem
from crmsync.playbook.rights import check_rights
from crmsync.service.calendars_where import check_calendars
from crmsync.service.check_away import check_away
from crmsync.service.check_lists import check_lists
from crmsync.service.notify_where import check_alerts

if TYPE_CHECKING:
    from crmsync.service.workspace import Workspace

PLAYBOOK, ALERTS, CALENDARS = "playbook", "alerts", "calendars"
"""Parts of what a check says."""


def check_playbook(playbook: Playbook, environ: Mapping[str, str]) -> dict[str, list[Finding]]:
    """What is wrong in the texts for tasks, what the linter says of a playbook that could be read, and whether alerts and calendars have addresses. environ: settings.
    Nothing is contacted."""
    found = {PLAYBOOK: [*(as_finding(problem) for problem in text_problems(playbook)), *lint(playbook)]}
    further = {ALERTS: check_alerts(environ, playbook.alerts), CALENDARS: check_calendars(environ, playbook.hours)}
    return found | {part: findings for part, findings in further.items() if findings}


def as_finding(problem: Problem) -> Finding:
    """A mistake in a file, as a check tells it."""
    what, _, fix = str(problem.message).rpartition("; ")
    return Finding(level="error", subject=f"{problem.file}:{problem.line}", message=what or fix, fix=fix if what else "")


def check_live(workspace: Workspace) -> dict[str, list[Finding]]:
    """The linter's findings, each CRM's own, and how the mapping fits the live schemas. Reads only.

    Raises: CredentialsError, UnreachableError.
    """
    from crmsync.engine.acquaint import asked_of_users  # loads the database, which the offline check does without

    found = check_playbook(workspace.playbook, workspace.settings.environ)
    schemas: dict[str, dict[str, ObjectSchema]] = {}
    users: dict[str, list[User]] = {}
    for done, (side, connector) in enumerate(workspace.connectors.items()):
        workspace.world.report("checking", done, len(workspace.connectors))
        identity = connector.identity()
        found[side] = [Finding(level="info", subject="account", message=f"connected to {identity.label or identity.account}")]
        found[side] += connector.check()
        with suppress(CredentialsError):  # said by the CRM's own check
            users[side] = connector.users(**asked_of_users(workspace.playbook, side))
        schemas[side] = workspace.world.read_schemas(side, workspace.world.objects(side))
        for object in workspace.world.kinds.objects(side):
            # An activity, company or deal out of sight costs that kind alone: the check of the mapping says so.
            with suppress(CredentialsError):
                schemas[side].update(workspace.world.read_schemas(side, (object,)))
        if side == workspace.world.tasks_in and connector.traits.task_object not in schemas[side]:
            with suppress(CredentialsError):
                schemas[side].update(connector.schema((connector.traits.task_object,)))
    workspace.world.report("checking", len(schemas), len(schemas))
    from crmsync.service.users import check_users  # decides, which the offline check does without
    from crmsync.service.verify import check_verification

    found["verification"] = check_verification(workspace.settings.environ, workspace.playbook.gate)
    found["users"] = check_users(workspace.playbook, users, workspace.world.tasks_in)
    found["users"] += check_people(workspace.playbook, users)
    found["users"] += check_away(workspace.playbook.hours, workspace.connectors)
    workspace.world.forget_schema()  # somebody asks because something changed: the next cycle shall know as well
    found["mapping"] = list(check_schemas(workspace.playbook, schemas, {side: c.own_field for side, c in workspace.connectors.items()}))
    found["mapping"] += check_lists(workspace.playbook.tracks, workspace.connectors)
    first = workspace.world.tasks_in
    found["mapping"] += check_rights(workspace.playbook, schemas, {first: workspace.connectors[first].traits.task_object})
    return found


def worst(found: dict[str, list[Finding]]) -> int:
    """2 when something is wrong, else 0: warnings do not fail a check."""
    return 2 if any(f.level == "error" for findings in found.values() for f in findings) else 0
