"""Use cases in a scenario's world: what a command would say about it."""

from __future__ import annotations

from crmsync.service.settings import read_settings
from crmsync.service.workspace import Workspace
from scenarios.world import Both


def desk(both: Both) -> Workspace:
    """The world as a use case gets it. The lease that use cases take is about processes and follows real time."""
    return Workspace(
        settings=read_settings({"CRMSYNC_DATABASE_URL": both.database, **both.environ}),
        playbook=both.world.playbook,
        connectors=both.world.connectors,
        store=both.store,
        world=both.world,
        clock=both.time,
        sleep=both.time.sleep,
        began={side: connector.calls() for side, connector in both.world.connectors.items()},
    )
