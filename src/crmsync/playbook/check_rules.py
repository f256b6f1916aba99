"""The playbook's rules held against what the CRMs really have: fields that are gone, options that a picklist lacks, answers that nobody can give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from crmsync.model.condition import All, AnyOf, Condition, Not, Test
from crmsync.model.fields import TRACK
from crmsync.model.record import FieldSchema, ObjectSchema
from crmsync.model.rules import FieldMap, FieldType, Playbook
from crmsync.playbook.facts import WRITTEN, facts_in, misfit
from crmsync.playbook.problems import one_of
from crmsync.playbook.spots import spot

PLAYBOOK = "mappings/playbook.yaml"
REASON = "crmsync_reason_code"
_EQUAL = frozenset({"eq", "ne", "in", "not_in"})
_WORDS = frozenset({FieldType.PICKLIST, FieldType.MULTI, FieldType.TEXT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What `check` makes a finding of. level: error | warning. subject: `file:line` of the rule."""

    level: str
    subject: str
    message: str
    fix: str


Schemas = Mapping[str, Mapping[str, ObjectSchema]]
Own = Mapping[str, Callable[[str], str]]


def check_rules(playbook: Playbook, schemas: Schemas, own: Own | None = None) -> Iterator[Doubt]:
    """Rules that could never hold with these schemas, each with the line of the rule. schemas, own: as `check` takes them; what no schema tells of
    is left out."""
    facts, told = facts_in(playbook), set[tuple[str, str]]()
    for test in (test for condition in conditions_of(playbook) for test in tests_of(condition)):
        fact = facts.get(test.field)
        if fact is None or (test.where, test.field) in told:
            continue
        told.add((test.where, test.field))
        wrong = misfit(test.field, WRITTEN[test.op], test.value, fact)
        if wrong:
            message, _, fix = wrong.partition("; ")
            yield Doubt(level="error", subject=test.where or PLAYBOOK, message=message, fix=fix)
            continue
        places = _shown(test.field, playbook, schemas)
        if places is not None:
            yield from _test(test, places)
    for where, name in _asked(playbook):
        places = _shown(name, playbook, schemas)
        if places == []:
            yield _gone(where, name)
        elif places and not any(native.updateable for native, _, _ in places):
            yield Doubt(
                level="warning",
                subject=where,
                message=f"profile: nobody can fill {name}: {_where(places)} cannot be edited",
                fix="ask for another field",
            )
    engaged = playbook.stages.engaged
    for name in (engaged.delivered, engaged.opened, engaged.clicked) if engaged is not None else ():
        if _shown(name, playbook, schemas) == []:
            yield _gone(spot(playbook, PLAYBOOK, "stages", "engaged_subscriber"), name)
    yield from _options(playbook, schemas, own or {})


def conditions_of(playbook: Playbook) -> Iterator[Condition]:
    """Every condition of a playbook; rules that a segment has from `score` once each."""
    for rules in (playbook.score, *(segment.score for segment in playbook.segments)):
        yield from (rule.when for rule in rules.fit)
    yield from (segment.when for segment in playbook.segments)
    found = [*(rule.when for rule in playbook.types), *(one.when for one in playbook.profile.sets)]
    found += [condition for track in playbook.tracks for condition in (track.when, track.graduate)]
    found += [*(rule.when for rule in playbook.routing.rules), *(cadence.when for cadence in playbook.cadences)]
    found += [estimate.when for estimate in playbook.estimates]
    yield from (condition for condition in found if condition is not None)


def tests_of(condition: Condition) -> Iterator[Test]:
    """Every test of a field in a condition."""
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Not):
        yield from tests_of(condition.of)
    elif isinstance(condition, All | AnyOf):
        for part in condition.of:
            yield from tests_of(part)


Shown = tuple[FieldSchema, str, Mapping[str, str]]
"""A native field, `Object.field (side)`, and native -> house values there."""


def _field(name: str, playbook: Playbook) -> FieldMap | None:
    kind, dot, inner = name.partition(".")
    if dot:
        return playbook.twins[kind].fields.get(inner) if kind in playbook.twins else None
    return playbook.person.fields.get(name)


def _shown(name: str, playbook: Playbook, schemas: Schemas) -> list[Shown] | None:
    """Where a house field lives in the connected CRMs; [] when it lives in none of them, None when that cannot be told."""
    field = _field(name, playbook)
    if field is None:
        return None
    found: list[Shown] = []
    for (side, object), place in field.places.items():
        schema = schemas.get(side, {}).get(object)
        if schema is None:
            return None
        native = schema.fields.get(place.field)
        if native is not None:
            found.append((native, f"{object}.{place.field} ({side})", field.values.get(side, {})))
        elif "." in place.field:
            return None  # a parent's field stands in another object's schema
    return found


def _where(places: list[Shown]) -> str:
    return ", ".join(place for _, place, _ in places)


def _gone(where: str, name: str) -> Doubt:
    return Doubt(
        level="error",
        subject=where or PLAYBOOK,
        message=f"no connected CRM has the field {name}, or shows it to the integration user",
        fix="correct its place in the mapping, grant access to it, or remove the rule",
    )


def _test(test: Test, places: list[Shown]) -> Iterator[Doubt]:
    if not places:
        yield _gone(test.where, test.field)
        return
    if test.op not in _EQUAL or not all(native.options for native, _, _ in places):
        return
    known = {option for native, _, values in places for option in (*(values.get(o, o) for o in native.options), *values.values())}
    folded = {option.strip().casefold() for option in known}
    wanted = test.value if isinstance(test.value, tuple) else (test.value,)
    missing = [value for value in wanted if isinstance(value, str) and value.strip().casefold() not in folded]
    # Where the CRM takes other values as well, records may have them all the same.
    level = "error" if all(native.restricted for native, _, _ in places) else "warning"
    for value in missing:
        yield Doubt(
            level=level,
            subject=test.where or PLAYBOOK,
            message=f"{test.field} never has the value {value}: {_where(places)} has no such option",
            fix=one_of(value, sorted(known), limit=12),
        )


def _asked(playbook: Playbook) -> Iterator[tuple[str, str]]:
    """House fields that questions name, with their line."""
    for one in playbook.profile.sets:
        yield from ((one.where or PLAYBOOK, question.field) for question in one.questions)


def _options(playbook: Playbook, schemas: Schemas, own: Own) -> Iterator[Doubt]:
    """crmsync's own picklists: an option that was removed, or never made, would be refused or could not be chosen."""
    reasons, tracks = spot(playbook, PLAYBOOK, "stages", "reasons"), spot(playbook, PLAYBOOK, "tracks")
    wanted = (
        (REASON, list(playbook.stages.reasons), "reason codes", reasons),
        (TRACK, [t.name for t in playbook.tracks], "tracks", tracks),
    )
    for side, name_of in own.items():
        for object in playbook.person.objects.get(side, ()):
            schema = schemas.get(side, {}).get(object)
            for name, options, what, line in wanted:
                native = schema.fields.get(name_of(name)) if schema is not None else None
                missing = [option for option in options if native is not None and native.options and option not in native.options]
                if missing:
                    yield Doubt(
                        level="error",
                        subject=f"{line} {object}.{name_of(name)}",
                        message=f"{what}: {object}.{name_of(name)} in {side} has no option {', '.join(missing)}",
                        fix=f"add it to the field in {side}, or remove it from the playbook",
                    )
