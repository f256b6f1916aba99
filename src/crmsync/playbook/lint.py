"""Playbooks that are valid and still not what anybody wants: see lint_score and lint_rules, and the mapping and routing here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crmsync.model.rules import Playbook
from crmsync.playbook.check import ACTIVITIES, COMPANIES, Finding
from crmsync.playbook.lint_followup import lint_followup
from crmsync.playbook.lint_rules import lint_rules
from crmsync.playbook.lint_score import lint_score
from crmsync.playbook.lint_templates import lint_templates
from crmsync.playbook.lint_work import lint_work
from crmsync.playbook.load import shipped_templates
from crmsync.playbook.spots import spot

FOLLOWUP = "mappings/followup.yaml"


def lint(playbook: Playbook) -> list[Finding]:
    """Warnings on a playbook that loads, and what is off in it; needs no CRM. Empty for the one that ships."""
    said = [
        Finding(level="warning", subject=subject, message=message, fix=fix)
        for part in (
            lint_score(playbook),
            lint_rules(playbook),
            lint_work(playbook),
            lint_followup(playbook),
            _process(playbook),
            _fields(playbook),
            _texts(playbook),
        )
        for subject, message, fix in part
    ]
    return [*said, *(Finding(level="info", subject=file, message=message, fix=fix) for file, message, fix in _off(playbook))]


def _off(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    """Homes of earlier versions have no file for activities and none for companies."""
    fix = "`crmsync init` writes the file if it is missing; set on: true for what you want"
    if not any(twin.activity for twin in playbook.twins.values()):
        yield ACTIVITIES, "no kind of activity is kept in step", fix
    if all(twin.activity for twin in playbook.twins.values()):
        yield COMPANIES, "neither companies nor deals are read", fix
    if not playbook.cadences:
        yield (
            FOLLOWUP,
            "there is no cadence: nothing follows the first touch",
            "`crmsync init` writes the file if it is missing; add cadences",
        )


def _process(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    if playbook.tasks_in is None and len(playbook.person.objects) > 1:
        yield (
            spot(playbook, "crmsync.yaml", "tasks_in"),
            "tasks_in is empty with several CRMs mapped; tasks go to the first one connected",
            "name the CRM in which reps work",
        )


def _texts(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    yield from lint_templates(playbook, {Path(name).name.split(".")[0] for name in shipped_templates()})


def _fields(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    person = playbook.person
    for field in person.fields.values():
        sides = {side for side, _ in field.places}
        if field.conflict in person.objects and field.conflict not in sides:
            yield (
                field.where,
                f"{field.name}: conflict names {field.conflict}, where the field does not live",
                "use another rule, or map the field there",
            )
        if len(sides) > 1 and field.to and not any(side in field.to and not p.read_only for (side, _), p in field.places.items()):
            yield field.where, f"{field.name}: read-only wherever it could be written", "remove read_only, or write direction: none"
