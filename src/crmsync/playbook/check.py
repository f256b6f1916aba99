"""The mapping held against what the CRMs really have: fields, types, options, lengths and permissions of their live schemas (F42, F45, F47)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crmsync.connect.protocol import Finding
from crmsync.model.fields import KEY, own_fields
from crmsync.model.record import FieldSchema, ObjectSchema
from crmsync.model.rules import FieldMap, FieldType, PersonMap, Place, Playbook, TwinMap
from crmsync.playbook.check_rules import check_rules
from crmsync.playbook.problems import close
from crmsync.playbook.spots import spot

__all__ = ["Finding", "Schemas", "check"]

Schemas = Mapping[str, Mapping[str, ObjectSchema]]
"""side -> native object -> schema."""

PERSON, SIGNALS = "mappings/person.yaml", "mappings/signals.yaml"
ACTIVITIES, COMPANIES = "mappings/activities.yaml", "mappings/companies.yaml"

_TEXTS = frozenset({"text", "email", "phone", "url", "picklist", "multi", "reference", "other"})
_FITS: Mapping[FieldType, frozenset[str]] = {
    FieldType.TEXT: _TEXTS,
    FieldType.LONG_TEXT: _TEXTS,
    FieldType.RICH_TEXT: _TEXTS,
    FieldType.DAY: frozenset({"date", "datetime"}),
    FieldType.EMAIL: frozenset({"email", "text"}),
    FieldType.PHONE: frozenset({"phone", "text"}),
    FieldType.URL: frozenset({"url", "text"}),
    FieldType.NUMBER: frozenset({"number"}),
    FieldType.BOOL: frozenset({"bool"}),
    FieldType.DATE: frozenset({"date", "datetime"}),
    FieldType.DATETIME: frozenset({"datetime", "date"}),
    FieldType.PICKLIST: frozenset({"picklist", "text", "multi"}),
    FieldType.MULTI: frozenset({"multi", "picklist", "text"}),
    FieldType.OWNER: frozenset({"reference", "picklist", "text", "other"}),
}
VAST = 32_000
"""Characters from which a length limit is a mere technicality."""
_LISTED = 8
"""Options that a message names before it only counts."""


def check(playbook: Playbook, schemas: Schemas, own: Mapping[str, Callable[[str], str]] | None = None) -> list[Finding]:
    """What would go wrong with this playbook against these live schemas; empty when nothing would.

    schemas: of every connected side, all its person objects, and those of activities, companies and deals that may be seen; sides that are
    absent are not checked. own: side -> the connector's
    `own_field`, to look for crmsync's own fields there (left out: they are not looked for). Errors stop something from working, warnings
    may, infos are good to know. `subject` is `file:line` where the admin wrote what it is about, then the native field.
    """
    found: list[Finding] = []
    person = playbook.person
    for side, objects in person.objects.items():
        for object in objects if side in schemas else ():
            if object not in schemas[side]:
                known = schemas[side]
                found.append(
                    _error(
                        spot(playbook, PERSON, "objects", side),
                        f"{side} shows no object {object}{_guess(object, known)}",
                        "correct objects, or give the integration user access to it",
                    )
                )
    for field in person.fields.values():
        found.extend(_field(field, person, schemas))
    found.extend(_also_read(playbook, schemas))
    found.extend(_statuses(playbook, schemas))
    found.extend(_required(playbook, schemas))
    for side, name_of in (own or {}).items():
        found.extend(_own(side, name_of, playbook, schemas))
    for twin in playbook.twins.values():
        found.extend(_twin(twin, schemas, spot(playbook, ACTIVITIES if twin.activity else COMPANIES, twin.kind)))
    found.extend(Finding(level=d.level, subject=d.subject, message=d.message, fix=d.fix) for d in check_rules(playbook, schemas, own))
    places = dict.fromkeys(
        (s, o) for twin in playbook.twins.values() if twin.activity and twin.to for s, objects in twin.objects.items() for o in objects
    )
    for side, object in places:
        schema = schemas.get(side, {}).get(object)
        if own is not None and side in own and schema is not None and own[side](KEY) not in schema.fields:
            message = f"crmsync's own field {own[side](KEY)} is missing or hidden: an interrupted create could be repeated"
            found.append(_error(f"{side} {object}", message, "run `crmsync provision`"))
    return found


def _twin(twin: TwinMap, schemas: Schemas, where: str) -> Iterator[Finding]:
    """An activity, company or deal: an object out of sight costs that kind, not the sync. where: `file:line` of the kind."""
    file = ACTIVITIES if twin.activity else COMPANIES
    for side, objects in twin.objects.items():
        for object in objects if side in schemas else ():
            if object not in schemas[side]:
                yield _warning(f"{where} {object}", f"{side} shows no object {object}{_guess(object, schemas[side])}; no {twin.kind} is kept in step",
                               f"give the integration user access to it, correct objects, or write on: false under {twin.kind}")  # fmt: skip
                continue
            named = [*twin.when.get(side, {}), *(twin.fixed.get(side, {}) if twin.create_as.get(side) == object else ())]
            for native in dict.fromkeys(named):
                if _seen(schemas, side, object, native) and _of(schemas, side, object, native) is None:
                    guess = _guess(native, schemas[side][object].fields)
                    yield _error(f"{where} {object}.{native}", f"{twin.kind}: {side} has no field {native} on {object}, or hides it from the integration user{guess}",
                                 f"correct or remove it under {twin.kind} in {file}")  # fmt: skip
    for field in twin.fields.values():
        yield from _field(field, twin, schemas)
    for side, object in twin.create_as.items():
        yield from _unfilled(twin, side, object, schemas, where)


def _unfilled(twin: TwinMap, side: str, object: str, schemas: Schemas, where: str) -> Iterator[Finding]:
    schema = schemas.get(side, {}).get(object)
    filled = {p.field for f in twin.fields.values() if (p := f.places.get((side, object))) is not None and _written(f, side, p)}
    filled |= set(twin.fixed.get(side, {}))
    for native in schema.fields.values() if schema is not None else ():
        if native.required and native.createable and native.name not in filled:
            yield _error(f"{where} {object}.{native.name}", f"{object}.{native.name} is required for new records in {side} and nothing fills it",
                         f"map a field to it or name it under fixed of {twin.kind}, or give it a default value in {side}")  # fmt: skip


def _error(subject: str, message: str, fix: str) -> Finding:
    return Finding(level="error", subject=subject, message=message, fix=fix)


def _warning(subject: str, message: str, fix: str) -> Finding:
    return Finding(level="warning", subject=subject, message=message, fix=fix)


def _info(subject: str, message: str, fix: str) -> Finding:
    return Finding(level="info", subject=subject, message=message, fix=fix)


def _guess(word: str, known: Mapping[str, object]) -> str:
    near = close(word, known)
    return f" (did you mean {near}?)" if near else ""


def _some(words: list[str]) -> str:
    return ", ".join(words[:_LISTED]) + (f" and {len(words) - _LISTED} more" if len(words) > _LISTED else "")


def _of(schemas: Schemas, side: str, object: str, field: str) -> FieldSchema | None:
    schema = schemas.get(side, {}).get(object)
    return None if schema is None else schema.fields.get(field)


def _seen(schemas: Schemas, side: str, object: str, field: str) -> bool:
    """Whether the schema can say something of the field: parent paths belong to another object's schema, unless that was joined to this one."""
    schema = schemas.get(side, {}).get(object)
    first, dot, _ = field.partition(".")
    return schema is not None and (not dot or any(known.startswith(f"{first}.") for known in schema.fields))


def _written(field: FieldMap, side: str, place: Place) -> bool:
    return side in field.to and not place.read_only


def _field(field: FieldMap, person: PersonMap, schemas: Schemas) -> Iterator[Finding]:
    for (side, object), place in field.places.items():
        if not _seen(schemas, side, object, place.field):
            continue
        subject, native = f"{field.where} {object}.{place.field}", _of(schemas, side, object, place.field)
        if native is None:
            guess = _guess(place.field, schemas[side][object].fields)
            yield _error(subject, f"{field.name}: {side} has no field {place.field} on {object}, or hides it from the integration user{guess}",
                         f"correct it in {field.where}, remove it there, or grant access to the field")  # fmt: skip
            continue
        # HubSpot keeps some moments of activities as milliseconds in a text.
        moment_as_text = field.type is FieldType.DATETIME and native.type == "text" and isinstance(person, TwinMap)
        if native.type not in _FITS[field.type] and not moment_as_text:
            yield _error(subject, f"{field.name} is of type {field.type}, but {object}.{place.field} is {native.type} in {side}",
                         "map another field, or change type")  # fmt: skip
        elif {field.type, native.type} == {"date", "datetime"} and (field.to or not isinstance(person, TwinMap)):
            yield _warning(subject, f"{field.name} is of type {field.type}, but {object}.{place.field} is {native.type}: the time of day is lost or made up",
                           f"change type to {native.type} if both CRMs have it")  # fmt: skip
        if native.computed:
            yield _warning(subject, f"{field.name}: {object}.{place.field} is computed in {side}; a change is only seen when the record itself changes",
                           "map the field it is computed from, if that will not do")  # fmt: skip
        if _written(field, side, place):
            yield from _writable(field, side, object, place, native, person)
            yield from _fits(field, side, object, place, native, schemas)


def _writable(field: FieldMap, side: str, object: str, place: Place, native: FieldSchema, person: PersonMap) -> Iterator[Finding]:
    subject = f"{field.where} {object}.{place.field}"
    others = sorted({other for other, _ in field.places if other != side})
    fix = (
        f"write {{field: {place.field}, read_only: true}}" + (f" or direction: to_{others[0]}" if others else "") + ", or grant edit access"
    )
    if not native.updateable and not place.at_creation:
        yield _error(subject, f"{field.name} is written to {side}, but {object}.{place.field} cannot be updated there", fix)
    elif not native.createable and person.create_as.get(side) == object:
        yield _warning(
            subject,
            f"{field.name}: {object}.{place.field} cannot be set when a record is created in {side}; it follows with the next change",
            fix,
        )


def _fits(field: FieldMap, side: str, object: str, place: Place, native: FieldSchema, schemas: Schemas) -> Iterator[Finding]:
    """Options and lengths of the other sides' places against those of the place that is written."""
    subject = f"{field.where} {object}.{place.field}"
    inverse: dict[str, str] = {}
    for theirs, house in field.values.get(side, {}).items():
        inverse.setdefault(house, theirs)
    if native.restricted and native.options:
        strange = [n for n in inverse.values() if n not in native.options]
        if strange:
            yield _error(subject, f"{field.name}: values for {side} name {_some(strange)}, which {object}.{place.field} does not have",
                         f"use its options: {_some(list(native.options))}")  # fmt: skip
    missing: dict[str, None] = {}
    longest: tuple[int, str] | None = None
    for (other, their_object), their_place in field.places.items():
        source = _of(schemas, other, their_object, their_place.field)
        if other == side or source is None:
            continue
        for option in source.options:
            house = field.values.get(other, {}).get(option, option)
            if inverse.get(house, house) not in native.options:
                missing[option] = None
        if source.length is not None and (longest is None or source.length > longest[0]):
            longest = (source.length, f"{their_object}.{their_place.field}")
    if missing and native.restricted and native.options and field.type is not FieldType.OWNER:
        words = list(missing)
        yield _error(subject, f"{field.name}: {object}.{place.field} in {side} does not accept {_some(words)}; such values would be parked",
                     f"add under {field.name}: values: {{{side}: {{{words[0]}: <one of {_some(list(native.options))}>}}}}, or add the options in {side}")  # fmt: skip
    if (
        longest is not None
        and native.length is not None
        and longest[0] > native.length
        and not native.options
        and field.on_too_long == "park"
    ):
        # A limit that no real value comes near (HubSpot gives one to every text) says nothing about the values in it.
        tell = _warning if longest[0] < VAST else _info
        yield tell(subject, f"{field.name}: {longest[1]} holds {longest[0]:,} characters, {object}.{place.field} only {native.length:,}; longer texts are parked",
                       "write on_too_long: cut to have them shortened")  # fmt: skip


def _also_read(playbook: Playbook, schemas: Schemas) -> Iterator[Finding]:
    wanted: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    for (side, object), native in playbook.person.extra_emails.items():
        wanted.setdefault((side, object, native), (PERSON, spot(playbook, PERSON, "extra_emails", side, object), "extra_emails"))
    for side, object, native in (place for by_place in playbook.person.statuses.values() for place in by_place):
        wanted.setdefault((side, object, native), (PERSON, spot(playbook, PERSON, "statuses"), "statuses"))
    for signal in playbook.signals:
        for name in (signal.field, signal.time_field):
            if name is not None:
                wanted.setdefault((signal.side, signal.object, name), (SIGNALS, signal.where or SIGNALS, f"signal {signal.type}"))
    for (side, object, native), (file, where, what) in wanted.items():
        if _seen(schemas, side, object, native) and _of(schemas, side, object, native) is None:
            guess = _guess(native, schemas[side][object].fields)
            yield _error(f"{where} {object}.{native}", f"{what}: {side} has no field {native} on {object}, or hides it from the integration user{guess}",
                         f"correct or remove it in {file}")  # fmt: skip
    for signal in playbook.signals:
        moment = signal.time_field or signal.field
        native_field = _of(schemas, signal.side, signal.object, moment)
        if not signal.when_true and native_field is not None and native_field.type not in ("datetime", "date"):
            yield _error(f"{signal.where or SIGNALS} {signal.object}.{moment}", f"signal {signal.type}: {moment} is {native_field.type}, not a moment",
                         "name the field with the moment under at, or write when_true: true")  # fmt: skip


def _statuses(playbook: Playbook, schemas: Schemas) -> Iterator[Finding]:
    person, where = playbook.person, spot(playbook, PERSON, "statuses")
    for stage, by_place in person.statuses.items():
        for (side, object, native), value in by_place.items():
            schema = _of(schemas, side, object, native)
            if schema is None:
                continue
            if schema.options and value not in schema.options:
                guess = close(value, schema.options)
                message = f"statuses: {object}.{native} in {side} has no value {value} for the stage {stage}" + (
                    f" (did you mean {guess}?)" if guess else ""
                )
                tell = _error if schema.restricted else _warning
                yield tell(f"{where} {object}.{native}", message, f"use one of {_some(list(schema.options))}, or leave the stage out")
    for side, object, native in dict.fromkeys(place for by_place in person.statuses.values() for place in by_place):
        schema = _of(schemas, side, object, native)
        if schema is not None and not schema.updateable:
            yield _error(
                f"{where} {object}.{native}",
                f"statuses: {object}.{native} cannot be updated in {side}",
                "remove it there, or grant edit access",
            )


def _required(playbook: Playbook, schemas: Schemas) -> Iterator[Finding]:
    person = playbook.person
    for side, object in person.create_as.items():
        schema = schemas.get(side, {}).get(object)
        if schema is None:
            continue
        filled = {p.field for f in person.fields.values() if (p := f.places.get((side, object))) is not None and _written(f, side, p)}
        filled |= {native for by_place in person.statuses.values() for s, o, native in by_place if (s, o) == (side, object)}
        for native in schema.fields.values():
            if not native.required or not native.createable or native.name in filled:
                continue
            subject, what = (
                f"{spot(playbook, PERSON, 'create_as', side)} {object}.{native.name}",
                f"{object}.{native.name} is required for new records in {side} and nothing fills it",
            )
            if native.type in ("text", "other") and not native.options:
                yield _warning(subject, f"{what}; the placeholder {person.placeholder} is written", "map a field to it")
            else:
                yield _error(subject, what, f"map a field to it, give it a default value in {side}, or take {side} out of create_as")


def _own(side: str, name_of: Callable[[str], str], playbook: Playbook, schemas: Schemas) -> Iterator[Finding]:
    fields = [f for f in own_fields(playbook.frameworks) if "person" in f.on]
    for object in playbook.person.objects.get(side, ()):
        schema = schemas.get(side, {}).get(object)
        if schema is None:
            continue
        names = {f.name: name_of(f.name) for f in fields}
        missing = [native for native in names.values() if native not in schema.fields]
        if missing:
            yield _error(
                f"{side} {object}",
                f"{len(missing)} of crmsync's own fields are missing or hidden: {_some(missing)}",
                "run `crmsync provision`",
            )
        locked = [
            names[f.name]
            for f in fields
            if f.role in ("output", "key") and (s := schema.fields.get(names.get(f.name, ""))) is not None and not s.updateable
        ]
        if locked:
            yield _error(
                f"{side} {object}", f"crmsync may not write its own fields {_some(locked)}", "run `crmsync provision`, which grants access"
            )
        key = schema.fields.get(names[KEY])
        if key is not None and not key.unique:
            yield _warning(
                f"{side} {object}",
                f"{key.name} is not unique: an interrupted create could be repeated",
                "delete the field and run `crmsync provision`",
            )
