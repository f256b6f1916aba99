"""Scores that are valid and still not what anybody wants: thresholds out of reach, rules that cannot count or take each other back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from crmsync.model.condition import All
from crmsync.model.process import AUTOMATIC, BehaviorRule, FitRule, ScoreRules
from crmsync.model.rules import Playbook
from crmsync.playbook.lint_order import Said
from crmsync.playbook.logic import covers, never
from crmsync.playbook.spots import spot

MANY_RULES = 20
"""More rules than this on one side explain nothing any more (process.md S9)."""
FILE = "mappings/playbook.yaml"


def lint_score(playbook: Playbook) -> Iterator[Said]:
    """What is odd in `score` and in each segment's; what a segment has from `score` is told once."""
    automatic = playbook.stages.acceptance == AUTOMATIC
    told: set[Said] = set()
    segments = ((f"segment {s.name}", s.score, s.where) for s in playbook.segments)
    for name, rules, place in (("score", playbook.score, ""), *segments):
        found = [*_reach(rules, automatic), *_sides(rules), *_fit(rules.fit), *_behavior(rules), *_express(rules)]
        for where, message, fix in found:
            if (where, message, fix) not in told:
                told.add((where, message, fix))
                # What a rule says of itself stands in its line; what is told of a key does so under score, or in the segment.
                yield where if ":" in where else place or spot(playbook, FILE, "score", where), f"{name}: {message}", fix


def most(rules: ScoreRules) -> float:
    """The highest score that anybody can reach: inf when a gaining rule has no cap."""
    fit = [r for r in rules.fit if not never(r.when)]
    singles = [r.points for r in fit if r.group is None and r.points > 0]
    groups: dict[str, float] = {}
    for rule in fit:
        if rule.group is not None:
            groups[rule.group] = max(groups.get(rule.group, 0.0), rule.points)
    gains = [
        min(math.inf if r.max_times is None else r.points * r.max_times, math.inf if r.max_points is None else r.max_points)
        for r in rules.behavior
        if r.points > 0
    ]
    colleagues = rules.account.max_points if rules.account is not None else 0.0
    return math.fsum([*singles, *groups.values(), colleagues]) + sum(gains)


def _reach(rules: ScoreRules, automatic: bool) -> Iterator[Said]:
    top, fix = most(rules), "or raise points or caps"
    if top < rules.mql_at and rules.top_percent is None:
        yield "mql_at", f"nobody can reach mql_at {rules.mql_at:g}; the rules give {top:g} points at most", f"lower mql_at, {fix}"
    elif top < rules.sql_at and automatic:
        yield "sql_at", f"nobody can reach sql_at {rules.sql_at:g}; the rules give {top:g} points at most", f"lower sql_at, {fix}"
    if rules.sql_at < rules.mql_at:
        yield "sql_at", f"sql_at {rules.sql_at:g} lies below mql_at {rules.mql_at:g}", "raise sql_at"


def _sides(rules: ScoreRules) -> Iterator[Said]:
    for side, count in (("fit", len(rules.fit)), ("behavior", len(rules.behavior))):
        if count > MANY_RULES:
            yield side, f"{count} {side} rules; more than {MANY_RULES} explain nothing any more", "keep the five to seven strongest"
    scored = [*((r.name, r.points, r.where) for r in rules.fit), *((r.name, r.points, r.where) for r in rules.behavior)]
    for name, points, where in scored:
        if points == 0:
            yield where, f'the rule "{name}" is worth 0 points', "give it points or remove it"


def _fit(rules: Sequence[FitRule]) -> Iterator[Said]:
    able = []
    for rule in rules:
        if never(rule.when):
            yield rule.where, f'the condition of "{rule.name}" contradicts itself and never holds', "correct it or remove the rule"
        elif covers(rule.when, All(of=())):
            yield rule.where, f'the condition of "{rule.name}" holds for everybody', "narrow it, or lower the thresholds instead"
        else:
            able.append(rule)
    for n, rule in enumerate(able):
        for other in able[:n] + able[n + 1 :]:
            first = able.index(other) < n
            if rule.group is not None and rule.group == other.group:
                stronger = other.points > rule.points or (other.points == rule.points and first)
                if stronger and covers(other.when, rule.when):
                    yield (
                        rule.where,
                        f'"{rule.name}" never counts: "{other.name}" of the same group holds whenever it does, and has as many points or more',
                        "narrow the other rule, or remove this one",
                    )
            elif first and covers(other.when, rule.when) and covers(rule.when, other.when):
                against = (rule.points < 0) is not (other.points < 0)
                what = f'takes back what "{other.name}" gives' if against else f'holds whenever "{other.name}" does'
                yield rule.where, f'"{rule.name}" {what}: both conditions say the same', "make one rule of both"


def _behavior(rules: ScoreRules) -> Iterator[Said]:
    fades = rules.inactivity_loss > 0
    for rule in rules.behavior:
        if rule.max_points is not None and rule.max_points < abs(rule.points):
            yield rule.where, f'max_points of the rule "{rule.name}" is less than one hit is worth', "raise max_points or lower points"
        if rule.points > 0 and rule.half_life_days is None and not fades:
            yield (
                rule.where,
                f'points of "{rule.name}" never fade: it has no half_life_days, and inactivity_loss is 0',
                "add half_life_days, or set inactivity_loss",
            )
        if rule.half_life_days is not None and rule.within_days is not None and rule.within_days > 10 * rule.half_life_days:
            yield rule.where, f'"{rule.name}" has faded before its window of {rule.within_days:g} days is full', "shorten within_days"
    plain = [r for r in rules.behavior if r.count == 1]
    for n, rule in enumerate(plain):
        for other in plain[:n]:
            both = [s for s in rule.signals if s in other.signals]
            if both and (rule.points < 0) is not (other.points < 0):
                yield (
                    rule.where,
                    f'"{rule.name}" takes back what "{other.name}" gives for {", ".join(both)}',
                    "leave the signal in one of them",
                )
    for rule in rules.behavior:
        for twice in {a for a, b in pairwise(sorted(rule.signals)) if a == b}:
            yield rule.where, f'"{rule.name}" names {twice} twice', "name it once"


def _express(rules: ScoreRules) -> Iterator[Said]:
    for signal in rules.express:
        losing: BehaviorRule | None = next((r for r in rules.behavior if signal in r.signals and r.points < 0), None)
        if losing is not None:
            yield losing.where, f'"{losing.name}" takes points for {signal}, which is an express signal', "leave it in one of them"
