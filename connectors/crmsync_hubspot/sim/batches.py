"""Batch endpoints of objects: read, create, update, upsert, archive, with HubSpot's partial-success rules."""

from __future__ import annotations

import random
from collections.abc import Callable

from . import associating
from .errors import ApiError, Issue, conflict, invalid_properties, not_found, not_found_part, validation
from .objects import by_property, properties_of, required_missing
from .shapes import batch_json, created_json, history_json, read_json, written_json
from .store import Record, Table
from .values import as_text
from .wire import Call, Json, Reply, inputs_of

LIMIT = 100


def run(call: Call, table: Table, verb: str) -> Reply:
    """Dispatches /objects/X/batch/{verb}; raises ApiError 404 for an unknown verb."""
    verbs: dict[str, Callable[[Call, Table], Reply]] = {
        "read": read,
        "create": create,
        "update": update,
        "upsert": upsert,
        "archive": archive,
    }
    if verb not in verbs:
        raise not_found("resource not found")
    return verbs[verb](call, table)


def _shuffled(call: Call, results: list[Json]) -> list[Json]:
    if call.portal.options.shuffle_results and len(results) > 1:
        # reproducible, and never the order of the inputs
        mixed = list(results)
        random.Random(len(results)).shuffle(mixed)
        return mixed if mixed != results else mixed[::-1]
    return results


def read(call: Call, table: Table) -> Reply:
    """200, or 207 when some are missing; missing ones are absent from the results."""
    body = call.json()
    inputs = inputs_of(body, LIMIT)
    id_property = body.get("idProperty")
    names = [str(n) for n in body.get("properties") or []]
    with_history = [str(n) for n in body.get("propertiesWithHistory") or []]
    if with_history and len(inputs) > 50:
        raise validation("At most 50 records can be read with history")
    results: list[Json] = []
    missing: list[str] = []
    seen: set[int] = set()
    for entry in inputs:
        text = as_text(entry.get("id"))
        record = _by_id(call, table, text) if id_property in (None, "", "hs_object_id") else by_property(call, table, text, id_property)
        if record is None:
            missing.append(text)
            continue
        if record.doc.id in seen:
            continue
        seen.add(record.doc.id)
        shown = read_json(call.portal, table.kind, record, names)
        if with_history:
            shown["propertiesWithHistory"] = history_json(call.portal, table.kind, record, with_history)
        results.append(shown)
    errors = [not_found_part(table.kind.qualified, missing)] if missing else None
    answer = batch_json(call.portal.clock, call.now, _shuffled(call, results), errors)
    return Reply(status=207 if missing else 200, body=answer)


def _by_id(call: Call, table: Table, text: str) -> Record | None:
    if not text.isdigit():
        return None
    record_id = int(text)
    return table.live(table.survivor(record_id) if call.portal.options.batch_read_resolves_merged else record_id)


def _trace_ids(inputs: list[Json]) -> list[str] | None:
    """The inputs' trace ids when every one has its own: the opt-in for partial success."""
    ids = [as_text(i.get("objectWriteTraceId")) for i in inputs]
    return ids if ids and all(ids) and len(set(ids)) == len(ids) else None


def _part(error: ApiError, trace: str) -> Json:
    body = error.body
    part: Json = {"status": "error", "category": body.get("category", "VALIDATION_ERROR"), "message": body["message"]}
    context: dict[str, list[str]] = {"objectWriteTraceId": [trace]}
    if part["category"] == "CONFLICT" and "Existing ID: " in body["message"]:
        context["existingId"] = [body["message"].rpartition(" ")[2]]
    part["context"] = context
    if "errors" in body:
        part["errors"] = body["errors"]
    return part


def _create_problem(call: Call, table: Table, entry: Json, fresh: set[str]) -> tuple[dict[str, str], list[Issue], ApiError | None]:
    """Canonical values of one creation, its value issues, and a conflict or missing-property error."""
    props = properties_of(entry)
    missing = required_missing(table.kind, props)
    if missing is not None:
        return {}, [], missing
    changes, issues = call.portal.examine(table, props, None, call.actor)
    other, unique_issues = call.portal.taken(table, changes, None)
    issues += unique_issues
    email = changes.get("email", "") if table.kind.plural == "contacts" else ""
    if email and (other is not None or email in fresh):
        return changes, issues, conflict(table.kind.singular, other)
    fresh.add(email)
    return changes, issues, None


def create(call: Call, table: Table) -> Reply:
    """201; one duplicate is 409 for all and one invalid value 400 for all, unless every input has its own trace id (then 207)."""
    inputs = inputs_of(call.json(), LIMIT)
    traces = _trace_ids(inputs)
    fresh: set[str] = set()
    good: list[tuple[dict[str, str], list[associating.Link]]] = []
    parts: list[Json] = []
    all_issues: list[Issue] = []
    first: ApiError | None = None
    for at, entry in enumerate(inputs):
        changes, issues, error = _create_problem(call, table, entry, fresh)
        links: list[associating.Link] = []
        if error is None and not issues:
            try:
                links = associating.wanted_links(call.portal, table.kind, entry.get("associations"))
            except ApiError as refused:
                error = refused
        if error is None and not issues:
            good.append((changes, links))
            continue
        all_issues += issues
        first = first or error
        if traces is not None:
            refused_by = error or invalid_properties(issues, call.portal.options.portal_id)
            parts.append(_part(refused_by, traces[at]))
    if traces is None:
        _refuse_all(call, table, all_issues, first)
    results = []
    for changes, links in good:
        record = call.portal.create(table, changes, call.actor, call.now)
        for to_type, to_id, types in links:
            call.portal.associate((table.kind.plural, record.doc.id, to_type, to_id), types, call.actor, call.now)
        results.append(created_json(call.portal, table.kind, record))
    answer = batch_json(call.portal.clock, call.now, _shuffled(call, results), parts)
    return Reply(status=207 if parts else 201, body=answer)


def _refuse_all(call: Call, table: Table, issues: list[Issue], error: ApiError | None) -> None:
    if issues:
        raise invalid_properties(issues, call.portal.options.portal_id)
    if error is not None:
        if error.status == 409 and not call.portal.options.batch_conflict_names_id:
            raise conflict(table.kind.singular, None)
        raise error


def _unique_inputs(inputs: list[Json]) -> list[str]:
    ids = [as_text(i.get("id")) for i in inputs]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise validation(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", context={"ids": twice})
    return ids


def update(call: Call, table: Table) -> Reply:
    """200, or 207 with all unknown ids in one error; merged-away ids count as unknown here."""
    inputs = inputs_of(call.json(), LIMIT)
    ids = _unique_inputs(inputs)
    traces = _trace_ids(inputs)
    missing: list[str] = []
    planned: list[tuple[Record, dict[str, str], list[str]]] = []
    issues_all: list[Issue] = []
    first: ApiError | None = None
    parts: list[Json] = []
    claimed: dict[str, int] = {}
    for at, (entry, text) in enumerate(zip(inputs, ids, strict=True)):
        id_property = entry.get("idProperty")
        if id_property in (None, "", "hs_object_id"):
            record = table.live(int(text)) if text.isdigit() else None
        else:
            record = by_property(call, table, text, id_property)
        if record is None:
            missing.append(text)
            continue
        props = properties_of(entry)
        changes, issues = call.portal.examine(table, props, record, call.actor)
        other, unique_issues = call.portal.taken(table, changes, record.doc.id)
        issues += unique_issues
        error = None
        email = changes.get("email", "") if table.kind.plural == "contacts" else ""
        if other is not None or (email and claimed.get(email, record.doc.id) != record.doc.id):
            error = conflict(table.kind.singular, other if other is not None else claimed[email])
        if email:
            claimed[email] = record.doc.id
        if error is None and not issues:
            planned.append((record, changes, list(props)))
            continue
        issues_all += issues
        first = first or error
        if traces is not None:
            parts.append(_part(error or invalid_properties(issues, call.portal.options.portal_id), traces[at]))
    if traces is None:
        _refuse_all(call, table, issues_all, first)
    results = []
    for record, changes, names in planned:
        call.portal.write(table, record, changes, call.actor, call.now)
        results.append(written_json(call.portal, table.kind, record, names))
    if missing:
        parts.append(not_found_part(table.kind.qualified, missing))
    answer = batch_json(call.portal.clock, call.now, _shuffled(call, results), parts)
    return Reply(status=207 if parts else 200, body=answer)


def upsert(call: Call, table: Table) -> Reply:
    """200 with `new` per result; by e-mail it is all or nothing, by another unique property trace ids allow 207."""
    inputs = inputs_of(call.json(), LIMIT)
    keys = {as_text(i.get("idProperty")) for i in inputs}
    if len(keys) != 1 or keys <= {""}:
        raise validation("All inputs must have the same idProperty")
    key = keys.pop()
    _unique_inputs(inputs)
    if key == "hs_object_id" or (key == "email") != (key == "email" and table.kind.plural == "contacts"):
        raise validation(f"{key} is not a unique property of {table.kind.plural}")
    traces = _trace_ids(inputs) if key != "email" else None
    planned: list[tuple[Record | None, dict[str, str], list[str]]] = []
    parts: list[Json] = []
    issues_all: list[Issue] = []
    first: ApiError | None = None
    for at, entry in enumerate(inputs):
        text = as_text(entry.get("id")).strip()
        props = {**properties_of(entry), key: properties_of(entry).get(key) or text}
        record = by_property(call, table, text, key)
        changes, issues = call.portal.examine(table, props, record, call.actor)
        other, unique_issues = call.portal.taken(table, changes, record.doc.id if record else None)
        issues += unique_issues
        error = conflict(table.kind.singular, other) if other is not None else None
        if record is None and error is None:
            error = required_missing(table.kind, props)
        if error is None and not issues:
            planned.append((record, changes, list(props)))
            continue
        issues_all += issues
        first = first or error
        if traces is not None:
            parts.append(_part(error or invalid_properties(issues, call.portal.options.portal_id), traces[at]))
    if traces is None:
        _refuse_all(call, table, issues_all, first)
    results = []
    for record, changes, names in planned:
        new = record is None
        if record is None:
            record = call.portal.create(table, changes, call.actor, call.now)
            shown = created_json(call.portal, table.kind, record)
        else:
            call.portal.write(table, record, changes, call.actor, call.now)
            shown = written_json(call.portal, table.kind, record, names)
        results.append({**shown, "new": new})
    answer = batch_json(call.portal.clock, call.now, _shuffled(call, results), parts)
    return Reply(status=207 if parts else 200, body=answer)


def archive(call: Call, table: Table) -> Reply:
    """204, whether the ids exist or not."""
    for entry in inputs_of(call.json(), LIMIT):
        text = as_text(entry.get("id"))
        record = table.live(int(text)) if text.isdigit() else None
        if record is not None:
            call.portal.archive(table, record, call.actor, call.now)
    return Reply(status=204)
