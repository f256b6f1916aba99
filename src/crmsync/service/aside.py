"""What goes on beside the cycles without holding them up: answers about contact data, people's calendars, alerts on their way."""

from __future__ import annotations

from datetime import datetime

from crmsync.engine.acquaint import meet_owners
from crmsync.service.calendars import Calendars
from crmsync.service.notify import Notifier
from crmsync.service.verify import Verification
from crmsync.service.workspace import Workspace


def weekly_report(workspace: Workspace, now: datetime) -> str:
    """The text of the weekly compliance message (A9), its first line the title. Loaded when somebody gets one."""
    from crmsync.service.report import message

    return message(workspace, now)


class Aside:
    """Follows a workspace from cycle to cycle. Belongs to the thread that runs cycles."""

    def __init__(self) -> None:
        self._verification, self._calendars, self._notifier = Verification(), Calendars(), Notifier(weekly=weekly_report)

    def prepare(self, workspace: Workspace) -> None:
        """Reads the settings of all of them. Contacts nobody. Raises: ConfigError naming the setting that is missing or wrong."""
        self._verification.prepare(workspace)
        self._notifier.prepare(workspace)

    def step(self, workspace: Workspace, *, wait: float = 0.0, ask: bool = True) -> bool:
        """Takes in what came and starts what is due; waits for at most so many seconds for each. Whether persons are due to be decided because of it.
        Raises what the store raises, and ConfigError as `prepare`."""
        woken = self._verification.step(workspace, wait=wait, ask=ask) > 0
        if self._calendars.step(workspace, wait=wait, ask=ask):
            workspace.world.recall()
            meet_owners(workspace.world)
            woken = True
        return woken

    def tell(self, workspace: Workspace, *, wait: float = 0.0) -> None:
        """Has alerts that are due sent. Raises what the store raises."""
        self._notifier.step(workspace, wait=wait)

    def close(self) -> None:
        """Starts nothing any more."""
        self._verification.close()
        self._calendars.close()
        self._notifier.close()
