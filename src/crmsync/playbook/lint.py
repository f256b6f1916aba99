"""Playbooks that are valid and still not what anybody wants: thresholds out of reach, rules that cannot count, types that never come."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crmsync.model.process import ScoreRules
from crmsync.model.rules import Playbook
from crmsync.playbook.check import ACTIVITIES, COMPANIES, Finding

FILE = "mappings/playbook.yaml"
MANY_RULES = 20
"""More rules than this on one side explain nothing any more (process.md S9)."""


def lint(playbook: Playbook) -> list[Finding]:
    """Warnings on a playbook that loads, and what is off in it; needs no CRM. Empty for the one that ships."""
    said = [
        Finding(level="warning", subject=subject, message=message, fix=fix)
        for part in (_score(playbook.score), _types(playbook), _process(playbook), _fields(playbook))
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


def most(rules: ScoreRules) -> float:
    """The highest score that anybody can reach: inf when a gaining rule has no cap."""
    singles = [r.points for r in rules.fit if r.group is None and r.points > 0]
    groups: dict[str, float] = {}
    for rule in rules.fit:
        if rule.group is not None:
            groups[rule.group] = max(groups.get(rule.group, 0.0), rule.points)
    gains = [
        min(math.inf if r.max_times is None else r.points * r.max_times, math.inf if r.max_points is None else r.max_points)
        for r in rules.behavior
        if r.points > 0
    ]
    return math.fsum([*singles, *groups.values()]) + sum(gains)


def _score(rules: ScoreRules) -> Iterator[tuple[str, str, str]]:
    top = most(rules)
    if top < rules.mql_at:
        yield (
            FILE,
            f"score: nobody can reach mql_at {rules.mql_at:g}; the rules give {top:g} points at most",
            "lower mql_at, or raise points or caps",
        )
    elif top < rules.sql_at:
        yield (
            FILE,
            f"score: nobody can reach sql_at {rules.sql_at:g}; the rules give {top:g} points at most",
            "lower sql_at, or raise points or caps",
        )
    if rules.sql_at < rules.mql_at:
        yield FILE, f"score: sql_at {rules.sql_at:g} lies below mql_at {rules.mql_at:g}", "raise sql_at"
    for side, count in (("fit", len(rules.fit)), ("behavior", len(rules.behavior))):
        if count > MANY_RULES:
            yield FILE, f"score: {count} {side} rules; more than {MANY_RULES} explain nothing any more", "keep the five to seven strongest"
    for name, points in [(r.name, r.points) for r in rules.fit] + [(r.name, r.points) for r in rules.behavior]:
        if points == 0:
            yield FILE, f'score: the rule "{name}" is worth 0 points', "give it points or remove it"
    for rule in rules.behavior:
        if rule.max_points is not None and rule.max_points < abs(rule.points):
            yield FILE, f'score: max_points of the rule "{rule.name}" is less than one hit is worth', "raise max_points or lower points"


def _types(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    named = {s for rule in playbook.types for s in rule.signals}
    open_at = next((i for i, rule in enumerate(playbook.types) if not rule.signals and rule.min_fit is None), None)
    if open_at is None:
        yield (
            FILE,
            "types: no type takes everybody; who fits none is handled as browser with a default response time",
            "end the list with a type without signals and min_fit",
        )
    elif open_at < len(playbook.types) - 1:
        yield FILE, f"types: {playbook.types[open_at].type} takes everybody, so the types after it never come", "move it to the end"
    for signal in playbook.score.express:
        if signal not in named:
            yield (
                FILE,
                f"types: the express signal {signal} is in no type's signals, so it gets the answer of the last type",
                "add it to the signals of a type",
            )


def _process(playbook: Playbook) -> Iterator[tuple[str, str, str]]:
    if playbook.tasks_in is None and len(playbook.person.objects) > 1:
        yield (
            "crmsync.yaml",
            "tasks_in is empty with several CRMs mapped; tasks go to the first one connected",
            "name the CRM in which reps work",
        )
    routing = playbook.routing
    out = {e.strip().lower() for e in routing.exclude}
    if routing.members and all(e.strip().lower() in out for e in routing.members):
        yield FILE, "routing: every member is excluded; the pool is empty", "remove somebody from exclude"


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
