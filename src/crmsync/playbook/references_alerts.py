"""What the shape of alerts.yaml cannot tell: times that are none, managers who are nobody."""

from __future__ import annotations

from crmsync.model.alert import MANAGER, OWNER
from crmsync.playbook.problems import Path
from crmsync.playbook.references_names import Add, Known, Names
from crmsync.playbook.schema_alerts import AlertsFile
from crmsync.playbook.shapes import minutes_of

ALERTS = "mappings/alerts.yaml"
OWNERLESS = frozenset({"no_owner", "queue_late"})
"""Kinds of alerts about persons whom nobody owns."""


class AlertsReferences(Names):
    """Checks alerts.yaml."""

    def __init__(self, alerts: AlertsFile, names: Known, add: Add) -> None:
        super().__init__(ALERTS, names, add)
        self.alerts = alerts

    def run(self) -> None:
        alerts = self.alerts
        self.zone(("time_zone",), alerts.time_zone)
        self.email(("manager",), alerts.manager)
        managed = alerts.manager is not None or bool(alerts.managers)
        for rep, manager in alerts.managers.items():
            at: Path = ("managers", rep)
            self.email(at, rep, key=True)
            self.email(at, manager)
            if rep.strip().lower() == manager.strip().lower():
                self.tell(at, "nobody is their own manager; name somebody else or remove the line")
        for kind, receivers in alerts.to.items():
            for i, receiver in enumerate(receivers):
                if receiver == OWNER and kind in OWNERLESS:
                    self.tell(("to", kind, i), f"{kind} is about persons whom nobody owns; write manager or a channel")
                if receiver == MANAGER and not managed:
                    self.tell(("to", kind, i), "nobody is named as a manager; add manager or managers to this file")
        if alerts.weekly is not None:
            self.time(("weekly", "at"), alerts.weekly.at)
            for i, receiver in enumerate(alerts.weekly.to):
                if receiver == OWNER:
                    self.tell(("weekly", "to", i), "the report is about everybody and has no owner; write manager or a channel")
                if receiver == MANAGER and alerts.manager is None:
                    self.tell(("weekly", "to", i), "no manager of everybody is named; add manager to this file")
        self.quiet()

    def quiet(self) -> None:
        quiet = self.alerts.quiet
        if quiet is None:
            return
        if (quiet.from_ is None) is not (quiet.to is None):
            self.tell(("quiet",), "from and to go together; add the other one", key=True)
        elif quiet.from_ is None and not quiet.days:
            self.tell(("quiet",), "nothing is quiet; add from and to, or days", key=True)
        elif quiet.from_ is not None and quiet.to is not None:
            self.time(("quiet", "from"), quiet.from_)
            if minutes_of(quiet.from_) == minutes_of(quiet.to):
                self.tell(("quiet", "to"), f"{quiet.to} is when it begins; correct one of them, or write days for whole days")
            if minutes_of(quiet.to) > 24 * 60:
                self.tell(("quiet", "to"), f"{quiet.to} is after midnight; write 24:00 at most")
        if len(set(quiet.days)) == 7:
            self.tell(("quiet", "days"), "every day is quiet, so nothing would ever be sent; leave one out")

    def time(self, path: Path, clock: str) -> None:
        if minutes_of(clock) >= 24 * 60:
            self.tell(path, f"{clock} is no time of a day; write 23:59 at most")
