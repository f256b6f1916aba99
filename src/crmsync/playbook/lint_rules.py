"""Rules of the process that load and never apply: segments, types, sets of questions and tracks behind others, reasons that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from crmsync.model.fields import REASON_CODES
from crmsync.model.process import Track, TypeRule
from crmsync.model.rules import Playbook
from crmsync.playbook.lint_order import EVERYBODY, Entry, Said, out_of_reach
from crmsync.playbook.logic import covers, never
from crmsync.playbook.spots import spot

FILE = "mappings/playbook.yaml"


def lint_rules(playbook: Playbook) -> Iterator[Said]:
    """What never applies in segments, types, stages, questions and tracks."""
    for part in (_segments, _types, _stages, _profile, _tracks):
        for where, message, fix in part(playbook):
            yield where or FILE, message, fix


def _segments(playbook: Playbook) -> Iterator[Said]:
    return out_of_reach("segments", (Entry(name=s.name, when=s.when, where=s.where) for s in playbook.segments))


def _types(playbook: Playbook) -> Iterator[Said]:
    types = playbook.types
    open_at = next((i for i, rule in enumerate(types) if _takes(rule, TypeRule(type=rule.type))), None)
    if open_at is None:
        yield (
            spot(playbook, FILE, "types"),
            "types: no type takes everybody; who fits none is handled as browser with a default response time",
            "end the list with a type without signals, min_fit and when",
        )
    elif open_at < len(types) - 1:
        yield types[open_at].where, f"types: {types[open_at].type} takes everybody, so the types after it never come", "move it to the end"
    for i, rule in enumerate(types[: None if open_at is None else open_at + 1]):
        if rule.when is not None and never(rule.when):
            yield (
                rule.where,
                f"types: the condition of {rule.type} contradicts itself: nobody is of this type",
                "correct it or remove the type",
            )
            continue
        earlier = next((other for other in types[:i] if _takes(other, rule)), None)
        if earlier is not None:
            yield (
                rule.where,
                f"types: this {rule.type} never comes: {earlier.type} before it takes everybody that it would",
                "move it up, or narrow it",
            )
    named = {s for rule in types for s in rule.signals}
    express = [s for rules in (playbook.score, *(segment.score for segment in playbook.segments)) for s in rules.express]
    for signal in dict.fromkeys(express):
        if signal not in named:
            yield (
                spot(playbook, FILE, "types"),
                f"types: the express signal {signal} is in no type's signals, so it gets the answer of the last type",
                "add it to the signals of a type",
            )


def _takes(wide: TypeRule, narrow: TypeRule) -> bool:
    """Whether everybody of `narrow` fits `wide`."""
    signals = not wide.signals or (bool(narrow.signals) and set(narrow.signals) <= set(wide.signals))
    fit = wide.min_fit is None or (narrow.min_fit is not None and narrow.min_fit >= wide.min_fit)
    return signals and fit and (wide.when is None or covers(wide.when, narrow.when or EVERYBODY))


def _stages(playbook: Playbook) -> Iterator[Said]:
    stages = playbook.stages
    missing = [code for code in REASON_CODES if code not in stages.reasons]
    reasons, promote = spot(playbook, FILE, "stages", "reasons"), spot(playbook, FILE, "stages", "signals")
    if missing:
        yield (
            reasons,
            f"stages: the reason code {', '.join(missing)} leads nowhere: such a rejection ends in disqualified",
            "name it under reasons",
        )
    if stages.reasons and "nurture" not in stages.reasons.values():
        yield (
            reasons,
            "stages: no reason code leads to nurture: nobody who was rejected comes back",
            "let bad_timing or no_budget lead to nurture",
        )
    express = {s for rules in (playbook.score, *(segment.score for segment in playbook.segments)) for s in rules.express}
    for signal in stages.signals:
        if signal in express:
            yield promote, f"stages: {signal} is an express signal, too, which says more", "leave it in one of them"
    losing = {s: r.name for r in playbook.score.behavior if r.points < 0 for s in r.signals}
    for signal in stages.signals:
        if signal in losing:
            yield promote, f'stages: {signal} makes a person mql, and "{losing[signal]}" takes points for it', "leave it in one of them"


def _profile(playbook: Playbook) -> Iterator[Said]:
    sets = playbook.profile.sets
    yield from out_of_reach("profile", (Entry(name=one.name, when=one.when or EVERYBODY, where=one.where) for one in sets))
    for one in sets:
        for question in one.questions:
            field = playbook.person.fields.get(question.field)
            if field is not None and all(place.read_only for place in field.places.values()):
                yield one.where, f"profile: nobody can fill {question.field}: it is read only wherever it lives", "ask for another field"


def _tracks(playbook: Playbook) -> Iterator[Said]:
    follows = {t.graduate_to for t in playbook.tracks}
    by_name = {t.name: t for t in playbook.tracks}
    for i, one in enumerate(playbook.tracks):
        if never(one.when or EVERYBODY) or (one.graduate is not None and covers(one.graduate, one.when or EVERYBODY)):
            why = "its condition contradicts itself" if never(one.when or EVERYBODY) else "whoever could enter has graduated already"
            yield one.where, f"tracks: nobody can enter {one.name}: {why}", "correct when or graduate"
        elif one.name not in follows and (first := next((t for t in playbook.tracks[:i] if _before(t, one)), None)) is not None:
            yield (
                one.where,
                f"tracks: nobody can enter {one.name}: {first.name} before it takes everybody at its stages",
                "move it up, narrow the earlier one, or let the earlier one graduate_to it",
            )
        after = by_name.get(one.graduate_to or "")
        if after is not None and not set(after.stages) & set(one.stages):
            yield (
                one.where,
                f"tracks: {after.name} never follows {one.name}: it is for none of its stages ({', '.join(one.stages)})",
                "give them a stage in common, or remove graduate_to",
            )


def _before(wide: Track, narrow: Track) -> bool:
    """Whether everybody whom `narrow` would take is taken by `wide`; who has graduated there enters nothing else at that stage."""
    same = set(narrow.stages) <= set(wide.stages) and wide.graduate is None
    return same and (wide.when is None or covers(wide.when, narrow.when or EVERYBODY))
