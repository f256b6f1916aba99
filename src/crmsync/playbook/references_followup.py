"""What the shape of followup.yaml cannot tell: fields and reason codes that there are not, steps and shares out of order. Names of texts: see templates."""

from __future__ import annotations

from dataclasses import replace

from crmsync.model.fields import REASON_CODES
from crmsync.model.followup import EXPECTED
from crmsync.model.rules import FieldType
from crmsync.playbook.facts import Fact
from crmsync.playbook.problems import Path
from crmsync.playbook.references_names import Add, Known, Names
from crmsync.playbook.schema_followup import CadenceFile, FollowupFile

FOLLOWUP = "mappings/followup.yaml"


class FollowupReferences(Names):
    """Checks followup.yaml."""

    def __init__(self, followup: FollowupFile, names: Known, add: Add) -> None:
        super().__init__(FOLLOWUP, names, add)
        self.followup = followup
        self.expecting = Names(FOLLOWUP, replace(names, facts=names.facts and {EXPECTED: Fact(type=FieldType.NUMBER), **names.facts}), add)

    def run(self) -> None:
        followup = self.followup
        shares = followup.sla.at_risk
        for i, share in enumerate(shares):
            if i and share <= shares[i - 1]:
                self.tell(("sla", "at_risk", i), f"{share:g} does not come after {shares[i - 1]:g}; let the shares rise")
        self.once(("cadences",), [one.name for one in followup.cadences], "another cadence is already called")
        for i, estimate in enumerate(followup.expected_amount):
            self.condition(("expected_amount", i, "when"), estimate.when)
        for i, one in enumerate(followup.cadences):
            self.cadence(("cadences", i), one)
        for digit, reply in followup.replies.items():
            if reply.reason is not None:
                self.known(("replies", digit, "reason"), reply.reason, REASON_CODES, "unknown reason code")

    def cadence(self, at: Path, one: CadenceFile) -> None:
        self.expecting.condition((*at, "when"), one.when)
        for i, step in enumerate(one.steps):
            path: Path = (*at, "steps", i)
            if i and step.day < one.steps[i - 1].day:
                self.tell(
                    (*path, "day"), f"day {step.day} comes before day {one.steps[i - 1].day} of the step above; put the steps in order"
                )
            if not i and step.day != 1:
                self.tell((*path, "day"), "the first step is the task of the handoff, which is on day 1; write 1")
            if not i and step.if_ is not None:
                self.tell((*path, "if"), "the first step is the task of the handoff and never left out; remove if")
