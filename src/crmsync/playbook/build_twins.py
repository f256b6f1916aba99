"""From the checked models of activities, companies and deals to the frozen values that the rest of the house reads."""

from __future__ import annotations

from crmsync.model.rules import ActivityFilter, FieldMap, FieldType, PersonMap, Place, SignalTest, TwinMap
from crmsync.playbook.fingerprint import of_field
from crmsync.playbook.schema_activities import (
    KINDS,
    PARTIES,
    ActivitiesFile,
    ActivityFile,
    CompaniesFile,
    PartyFile,
    TwinField,
    TwinFile,
    TwinPlace,
)
from crmsync.playbook.shapes import words
from crmsync.playbook.yamlfile import YamlFile

LOGGED = frozenset({"call", "email", "note", "campaign_member"})
"""Kinds that tell of something that has happened."""
BODY = "body"


def twin_maps(
    activities: ActivitiesFile, companies: CompaniesFile, person: PersonMap, activities_file: YamlFile, companies_file: YamlFile
) -> dict[str, TwinMap]:
    """Kind -> its map, of the kinds that are on; companies and deals first, because activities belong to them. Who is who, the placeholder
    and the rule for ties are those of persons."""
    made: dict[str, TwinMap] = {}
    for kind in PARTIES:
        party: PartyFile | None = getattr(companies, kind)
        if party is not None and party.on:
            written = frozenset(party.objects if party.two_way else ())
            made[kind] = TwinMap(
                kind=kind,
                objects=_objects(party),
                create_as=dict(party.objects) if party.two_way and party.create else {},
                fields=_fields(kind, party, written, None, companies_file),
                placeholder=person.placeholder,
                tie=person.tie,
                owner_pairs=person.owner_pairs,
                fallback_owner=person.fallback_owner,
                when=_when(party),
                match=tuple(party.match),
                to=written,
            )
    for kind in KINDS:
        activity: ActivityFile | None = getattr(activities, kind)
        if activity is not None and activity.on:
            written = _sides(activity.direction, activity)
            made[kind] = TwinMap(
                kind=kind,
                objects=_objects(activity),
                create_as={side: object for side, object in activity.objects.items() if side in written},
                fields=_fields(kind, activity, written, activity.body, activities_file),
                placeholder=person.placeholder,
                tie=person.tie,
                owner_pairs=person.owner_pairs,
                fallback_owner=person.fallback_owner,
                when=_when(activity),
                fixed={side: dict(values) for side, values in activity.fixed.items()},
                logged=kind in LOGGED,
                to=written,
                filter=ActivityFilter(
                    owners=frozenset(owner.strip().lower() for owner in activity.filter.owners),
                    not_owners=frozenset(owner.strip().lower() for owner in activity.filter.not_owners),
                    skip_subject=activity.filter.skip_subject,
                    history_days=activity.filter.history_days,
                ),
                signals=tuple(
                    SignalTest(
                        type=s.type, when={name: tuple(words(values)) for name, values in s.when.items()}, side=s.seen_in, planned=s.planned
                    )
                    for s in activity.signals
                ),
            )
    return made


def _objects(twin: TwinFile) -> dict[str, tuple[str, ...]]:
    return {side: (object,) for side, object in twin.objects.items()}


def _when(twin: TwinFile) -> dict[str, dict[str, tuple[str, ...]]]:
    return {side: {name: tuple(words(values)) for name, values in tests.items()} for side, tests in twin.when.items()}


def _sides(direction: str, twin: TwinFile) -> frozenset[str]:
    """The sides that a direction lets be written."""
    if direction == "both":
        return frozenset(twin.objects)
    return frozenset({direction.removeprefix("to_")} & set(twin.objects))


def _fields(kind: str, twin: TwinFile, written: frozenset[str], body: str | int | None, file: YamlFile) -> dict[str, FieldMap]:
    """The fields of one kind. body: its policy; None where there is none."""
    made: dict[str, FieldMap] = {}
    for name, field in twin.fields.items():
        if name == BODY and body == "none":
            continue
        limits = [limit for limit in (field.most, body if name == BODY else None) if isinstance(limit, int)]
        made[name] = _field(kind, name, field, twin, written, min(limits, default=None), file)
    return made


def _field(kind: str, name: str, field: TwinField, twin: TwinFile, written: frozenset[str], most: int | None, file: YamlFile) -> FieldMap:
    places = {
        (side, twin.objects[side]): place if isinstance(place, TwinPlace) else TwinPlace(field=place)
        for side, place in (field.__pydantic_extra__ or {}).items()
    }
    writable = {side for (side, _), place in places.items() if not place.read_only}
    return of_field(
        FieldMap(
            name=name,
            type=FieldType(field.type),
            places={
                where: Place(
                    field=place.field, read_only=place.read_only, at_creation=place.at_creation, html=place.html, per=float(place.per)
                )
                for where, place in places.items()
            },
            to=_sides(field.direction, twin) & written & frozenset(writable),
            conflict=field.conflict,
            values={side: {n: house for house, native in values.items() for n in words(native)} for side, values in field.values.items()},
            empty=field.empty,
            on_too_long=field.on_too_long,
            required=field.required,
            listed_only=field.listed_only,
            most=most,
            where=file.where((kind, "fields", name)),
        )
    )
