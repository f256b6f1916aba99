"""Properties API: list, get, create, batch create, update, archive, groups."""

from __future__ import annotations

import orjson

from .errors import not_found, plain, validation
from .objecttypes import ObjectType
from .schema import Schema
from .shapes import batch_json
from .values import as_text
from .wire import Call, Json, Reply, inputs_of, object_type, wrong_method


def handle(call: Call) -> Reply:
    """Everything under /crm/v3/properties/{type}."""
    if not call.parts:
        raise not_found("resource not found")
    kind = object_type(call.parts[0])
    schema = call.portal.schema
    rest = call.parts[1:]
    if rest[:1] == ["groups"]:
        return _groups(call, kind, rest[1:])
    if rest[:1] == ["batch"] and len(rest) == 2 and call.method == "POST":
        return _batch(call, kind, rest[1])
    if not rest:
        if call.method == "GET":
            archived = call.flag("archived")
            shown = [p.printed() for p in schema.of(kind.plural).values() if p.archived == archived]
            return Reply(body={"results": orjson.Fragment(b"[%b]" % b",".join(shown))})
        if call.method == "POST":
            return Reply(status=201, body=_define(call, kind, call.json()))
        raise wrong_method()
    prop = schema.live(kind.plural, rest[0])
    if prop is None or len(rest) > 1:
        raise not_found(f"Property {rest[0]} does not exist", subCategory="PropertiesError.PROPERTY_NOT_FOUND")
    if call.method == "GET":
        return Reply(body=prop.json())
    if call.method == "DELETE":
        if prop.hubspot_defined:
            raise validation(f"{prop.name} is defined by HubSpot and cannot be archived")
        schema.change(kind.plural, prop.name, archived=True)
        return Reply(status=204)
    if call.method != "PATCH":
        raise wrong_method()
    body = call.json()
    if prop.hubspot_defined and prop.read_only_definition and set(body) - {"options", "label"}:
        raise validation(f"The definition of {prop.name} is read only")
    wanted = {"name": prop.name, "label": prop.label, "type": prop.type, "fieldType": prop.field_type, "groupName": prop.group}
    wanted |= {k: v for k, v in body.items() if k in wanted and k != "name"}
    problem = schema.problem(kind.plural, {**wanted, "externalOptions": True})
    if problem:
        raise validation(problem)
    schema.change(
        kind.plural, prop.name, label=wanted["label"], type=wanted["type"], field_type=wanted["fieldType"], group=wanted["groupName"],
        description=as_text(body.get("description", prop.description)),
    )  # fmt: skip
    if isinstance(body.get("options"), list):
        call.portal.set_options(kind.plural, prop.name, {as_text(o.get("value")): as_text(o.get("label")) for o in body["options"]})
    return Reply(body=schema.of(kind.plural)[prop.name].json())


def _define(call: Call, kind: ObjectType, body: Json) -> Json:
    schema: Schema = call.portal.schema
    problem = schema.problem(kind.plural, body)
    if problem:
        raise validation(problem)
    if schema.live(kind.plural, body["name"]) is not None:
        message = f"A property named '{body['name']}' already exists."
        raise plain(409, message, "OBJECT_ALREADY_EXISTS", subCategory="Properties.PROPERTY_EXISTS")
    prop = schema.define(kind.plural, body)
    if prop.unique:
        call.portal.tables[kind.plural].watch_unique(prop.name)
    return prop.json()


def _batch(call: Call, kind: ObjectType, verb: str) -> Reply:
    inputs = inputs_of(call.json(), 100)
    schema = call.portal.schema
    if verb == "read":
        found = [schema.live(kind.plural, as_text(i.get("name"))) for i in inputs]
        return Reply(body=batch_json(call.portal.clock, call.now, [p.json() for p in found if p is not None]))
    if verb == "archive":
        for entry in inputs:
            prop = schema.live(kind.plural, as_text(entry.get("name")))
            if prop is not None and not prop.hubspot_defined:
                schema.change(kind.plural, prop.name, archived=True)
        return Reply(status=204)
    if verb != "create":
        raise not_found("resource not found")
    for entry in inputs:
        problem = schema.problem(kind.plural, entry)
        if problem:
            raise validation(problem)
    results: list[Json] = []
    errors: list[Json] = []
    for entry in inputs:
        if schema.live(kind.plural, entry["name"]) is not None:
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_ALREADY_EXISTS",
                    "subCategory": "Properties.PROPERTY_EXISTS",
                    "message": f"A property named '{entry['name']}' already exists.",
                    "context": {"name": [entry["name"]]},
                }
            )
        else:
            results.append(_define(call, kind, entry))
    return Reply(status=207 if errors else 201, body=batch_json(call.portal.clock, call.now, results, errors))


def _groups(call: Call, kind: ObjectType, rest: list[str]) -> Reply:
    groups = call.portal.schema.groups[kind.plural]

    def shown(name: str) -> Json:
        return {"name": name, "label": groups[name], "displayOrder": list(groups).index(name), "archived": False}

    if not rest:
        if call.method == "GET":
            return Reply(body={"results": [shown(name) for name in groups]})
        body = call.json()
        name = as_text(body.get("name"))
        if not name or not as_text(body.get("label")):
            raise validation("Some required fields were not set: [name, label]")
        if name in groups:
            raise plain(409, f"Property group '{name}' already exists", "OBJECT_ALREADY_EXISTS")
        groups[name] = as_text(body["label"])
        return Reply(status=201, body=shown(name))
    if rest[0] not in groups:
        raise not_found(f"Property group {rest[0]} does not exist")
    if call.method == "PATCH":
        groups[rest[0]] = as_text(call.json().get("label")) or groups[rest[0]]
    return Reply(body=shown(rest[0]))
