"""From checked models to the frozen values that the rest of the house reads (crmsync.model.rules)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from crmsync.model.followup import Template
from crmsync.model.rules import (
    Brakes,
    FieldMap,
    FieldType,
    PersonMap,
    Place,
    Playbook,
    Retention,
    SignalMap,
)
from crmsync.playbook.build_alerts import alert_rules
from crmsync.playbook.build_followup import cadence, estimate, reply, sla_rules
from crmsync.playbook.build_hours import working_hours
from crmsync.playbook.build_process import Spot, duration, gate_rules, profile_rules, score_rules, segment, stage_rules, track, type_rule
from crmsync.playbook.build_routing import routing_rules
from crmsync.playbook.fingerprint import of_field
from crmsync.playbook.references import places_of
from crmsync.playbook.schema import CrmsyncFile
from crmsync.playbook.schema_alerts import AlertsFile
from crmsync.playbook.schema_followup import FollowupFile
from crmsync.playbook.schema_mapping import FieldFile, PersonFile, SignalsFile
from crmsync.playbook.schema_process import ListsFile, PlaybookFile
from crmsync.playbook.shapes import words
from crmsync.playbook.spots import spots_of
from crmsync.playbook.yamlfile import YamlFile

__all__ = ["build", "duration", "field_map", "person_map", "working_hours"]


def build(
    crmsync: CrmsyncFile,
    person: PersonFile,
    signals: SignalsFile,
    playbook: PlaybookFile,
    lists: ListsFile,
    followup: FollowupFile,
    alerts: AlertsFile,
    texts: dict[str, Template],
    files: Mapping[str, YamlFile],
) -> Playbook:
    """The playbook of seven checked files, without twins and fingerprint. texts: name -> template. files: name -> where things stand, for `where`."""
    person_file, signals_file = files["mappings/person.yaml"], files["mappings/signals.yaml"]
    spot, after, hours = Spot(files["mappings/playbook.yaml"]), Spot(files["mappings/followup.yaml"]), playbook.working_hours
    score = score_rules(playbook.score, playbook.stages, spot.at("score"))
    segments = tuple(segment(s, score, spot.at("segments", i)) for i, s in enumerate(playbook.segments))
    return Playbook(
        person=person_map(person, signals, person_file),
        signals=tuple(
            SignalMap(
                side=s.side,
                object=s.object,
                field=s.field,
                type=s.type,
                time_field=s.at,
                patterns=tuple((p.match, p.type) for p in s.patterns),
                when_true=s.when_true,
                events=s.events or "",
                where=signals_file.where(("signals", i, "events" if s.events else "type")),
            )
            for i, s in enumerate(signals.signals)
        ),
        score=score,
        segments=segments,
        stages=stage_rules(playbook.stages, signals, hours, score.express),
        gate=gate_rules(playbook.data_gate, lists.role_addresses),
        profile=profile_rules(playbook.profile, segments, spot.at("profile")),
        tracks=tuple(track(t, spot.at("tracks", i)) for i, t in enumerate(playbook.tracks)),
        frameworks=frozenset(playbook.qualification),
        types=tuple(type_rule(t, followup.sla.respond_within, hours, spot.at("types", i)) for i, t in enumerate(playbook.types)),
        routing=routing_rules(playbook.routing, hours, spot.at("routing")),
        sla=sla_rules(followup.sla, hours),
        cadences=tuple(cadence(one, after.at("cadences", i)) for i, one in enumerate(followup.cadences)),
        estimates=tuple(estimate(one, after.at("expected_amount", i)) for i, one in enumerate(followup.expected_amount)),
        replies=tuple(reply(digit, said) for digit, said in sorted(followup.replies.items())),
        templates=texts,
        alerts=alert_rules(alerts),
        hours=working_hours(hours),
        brakes=Brakes(**crmsync.brakes.model_dump()),
        retention=Retention(**crmsync.retention.model_dump()),
        tasks_in=crmsync.tasks_in,
        deletes=crmsync.deletes,
        start_from=_utc(crmsync.start_from),
        free_domains=frozenset(d.lower() for d in lists.free_mail_domains),
        disposable_domains=frozenset(d.lower() for d in lists.disposable_domains),
        competitor_domains=frozenset(d.lower() for d in lists.competitor_domains),
        target_domains=frozenset(d.lower() for d in lists.target_account_domains),
        business_domains=frozenset(d.lower() for d in lists.business_domains),
        titles={name: tuple(phrases) for name, phrases in lists.titles.items()},
        titles_except={name: tuple(phrases) for name, phrases in lists.titles_except.items()},
        departments={name: tuple(phrases) for name, phrases in lists.departments.items()},
        poll_seconds=crmsync.poll_seconds,
        sweep_hours=crmsync.sweep_hours,
        where=spots_of(files.values()),
    )


def person_map(person: PersonFile, signals: SignalsFile, file: YamlFile) -> PersonMap:
    """The mapping of persons. reads: native fields that signals and statuses need beside the mapped ones."""
    reads: dict[tuple[str, str], dict[str, None]] = {}
    for s in signals.signals:
        reads.setdefault((s.side, s.object), {}).update(dict.fromkeys(f for f in (s.field, s.at) if f is not None))
    statuses: dict[str, dict[tuple[str, str, str], str]] = {}
    stage_from: dict[tuple[str, str, str], dict[str, str]] = {}
    for status in person.statuses:
        place = (status.side, status.object, status.field)
        reads.setdefault(place[:2], {})[status.field] = None
        for stage, natives in status.values.items():
            statuses.setdefault(stage, {})[place] = words(natives)[0]
            if status.read:
                for native in words(natives):
                    stage_from.setdefault(place, {}).setdefault(native, stage)
    extra = {(side, object): native for side, by_object in person.extra_emails.items() for object, native in by_object.items()}
    for where, native in extra.items():
        reads.setdefault(where, {})[native] = None
    return PersonMap(
        objects={side: tuple(objects) for side, objects in person.objects.items()},
        create_as=dict(person.create_as),
        fields={name: field_map(name, field, person, file) for name, field in person.fields.items()},
        extra_emails=extra,
        placeholder=person.placeholder,
        owner_pairs={who.lower(): dict(pair) for who, pair in person.owners.pairs.items()},
        fallback_owner=person.owners.fallback.lower() if person.owners.fallback else None,
        statuses=statuses,
        stage_from=stage_from,
        reads={where: tuple(fields) for where, fields in reads.items()},
    )


def field_map(name: str, field: FieldFile, person: PersonFile, file: YamlFile) -> FieldMap:
    """One house field. `to` holds only sides where some object lets it be written. values: the admin's house -> native, inverted; the first
    native word of a house value comes first, so that it is the one written."""
    places = {(side, object): place for side, object, place in places_of(field, person)}
    writable = {side for (side, _), place in places.items() if not place.read_only}
    wanted = {"both": set(person.objects), "none": set[str]()}.get(field.direction, {field.direction.removeprefix("to_")})
    return of_field(
        FieldMap(
            name=name,
            type=FieldType(field.type),
            places={
                where: Place(field=place.field, read_only=place.read_only, at_creation=place.at_creation) for where, place in places.items()
            },
            to=frozenset(wanted & writable),
            conflict=field.conflict,
            values={side: {n: house for house, native in values.items() for n in words(native)} for side, values in field.values.items()},
            empty=field.empty,
            on_too_long=field.on_too_long,
            required=field.required,
            where=file.where(("fields", name)),
        )
    )


def _utc(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
