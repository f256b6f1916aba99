"""Cadences that cannot work as they are meant: tasks that a CRM cannot carry or nobody reads, and expected amounts that nothing tells."""

from __future__ import annotations

from collections.abc import Iterator

from crmsync.decide.condition import fields_of
from crmsync.decide.expected import AMOUNT
from crmsync.model.followup import CALL, EMAIL, EXPECTED, MEETING
from crmsync.model.rules import Playbook
from crmsync.playbook.lint_order import EVERYBODY, Entry, Said, out_of_reach
from crmsync.playbook.spots import spot

FILE, ACTIVITIES = "mappings/followup.yaml", "mappings/activities.yaml"
TASK, CHANNEL = "task", "channel"
NATIVE = (CALL, EMAIL, "other")
"""Kinds of tasks that CRMs have; what else a step names is a task of the last one."""
LOGGED = {CALL: "calls", EMAIL: "e-mails", MEETING: "meetings"}
"""Channel -> what reps log of it; a kind of activity has the channel's name."""


def lint_followup(playbook: Playbook) -> Iterator[Said]:
    """What cadences and types ask for and nothing carries, and what they look at and nothing tells."""
    for part in (_carried, _seen, _expected):
        for where, message, fix in part(playbook):
            yield where or FILE, message, fix


def _channels(playbook: Playbook) -> dict[str, str]:
    """Channel of a task that is made -> who asks for it first."""
    found: dict[str, str] = {}
    for rule in playbook.types:
        found.setdefault(rule.channel, f"types: {rule.type}")
    for one in playbook.cadences:
        for step in one.steps:
            found.setdefault(step.channel, f"cadences: {one.name}")
    return found


def _carried(playbook: Playbook) -> Iterator[Said]:
    """A task of ours is carried to the other CRMs as a task of its channel, where the mapping has a word for that."""
    tasks = playbook.twins.get(TASK)
    field = tasks.fields.get(CHANNEL) if tasks is not None else None
    if tasks is None or field is None:
        return
    for side in sorted(field.to & tasks.to):
        known = field.values.get(side)
        if known is None or side == playbook.tasks_in:
            continue
        for channel, who in _channels(playbook).items():
            kind = channel if channel in NATIVE else NATIVE[-1]
            if kind not in known.values():
                yield (
                    field.where or ACTIVITIES,
                    f"{who} makes tasks of the channel {channel}, for which {side} has no kind of task in the mapping: they cannot be carried there",
                    f"add {kind} to task.fields.{CHANNEL}.values.{side} in {ACTIVITIES}",
                )


def _seen(playbook: Playbook) -> Iterator[Said]:
    """Only what is read can be a touch."""
    if not playbook.cadences:
        return
    if TASK not in playbook.twins:
        yield (
            spot(playbook, FILE, "cadences"),
            "cadences: tasks are not read, so none is ever seen completed and no cadence goes on",
            f"write on: true under task in {ACTIVITIES}",
        )
        return
    asked = _channels(playbook)
    for channel, what in LOGGED.items():
        if channel in asked and channel not in playbook.twins:
            yield (
                spot(playbook, ACTIVITIES, channel),
                f"{asked[channel]} asks for {what}, and {what} that reps log are not read: only their tasks count",
                f"write on: true under {channel} in {ACTIVITIES}",
            )


def _expected(playbook: Playbook) -> Iterator[Said]:
    looks = {one.name: fields_of(one.when) for one in playbook.cadences if one.when is not None}
    told = EXPECTED in playbook.person.fields or bool(playbook.estimates)
    for one in playbook.cadences:
        if EXPECTED in looks.get(one.name, ()) and not told:
            yield (
                one.where,
                f"cadences: {one.name} looks at {EXPECTED}, which nothing tells",
                f"add {EXPECTED} to {FILE}, or map a field of that name",
            )
        if AMOUNT in looks.get(one.name, ()) and playbook.stages.deals:
            yield (
                one.where,
                f"cadences: {one.name} looks at {AMOUNT}, which nobody has at a handoff: an open deal makes an opportunity",
                f"test {EXPECTED}",
            )
    if playbook.estimates and not any(EXPECTED in names for names in looks.values()):
        yield playbook.estimates[0].where, f"{EXPECTED} is estimated, and no cadence looks at it", "test it in a condition, or remove it"
    estimates = enumerate(playbook.estimates, 1)
    entries = (Entry(name=f"estimate {n}", when=one.when or EVERYBODY, where=one.where) for n, one in estimates)
    yield from out_of_reach(EXPECTED, entries)
