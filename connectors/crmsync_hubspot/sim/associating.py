"""Association endpoints, v4 and v3, and the associations inside object bodies."""

from __future__ import annotations

from typing import Any

import orjson

from .associations import PAIRS, Types, label_of, types_of
from .errors import not_found, validation
from .objecttypes import OBJECT_TYPES, ObjectType, find_type
from .portal import Portal
from .shapes import batch_json
from .store import Record
from .values import as_text
from .wire import Call, Json, Reply, inputs_of, object_type, wrong_method

Link = tuple[str, int, Types]
READ_LIMIT, CREATE_LIMIT = 1000, 2000


def embedded(portal: Portal, kind: ObjectType, record_id: int, wanted: list[str]) -> Json:
    """The `associations` of a record read with ?associations=: v3 spelling, types like contact_to_company."""
    shown: Json = {}
    for name in wanted:
        other = find_type(name)
        if other is None or (kind.plural, other.plural) not in PAIRS:
            raise validation(f"Invalid association type: {name}")
        rows = []
        found = sorted(portal.associations.of(kind.plural, record_id, other.plural).items())
        live = [(to_id, types) for to_id, types in found if portal.tables[other.plural].live(to_id) is not None]
        rest = live[portal.options.association_page :]
        for to_id, types in live[: portal.options.association_page]:
            base = f"{kind.singular}_to_{other.singular}"
            rows.append({"id": str(to_id), "type": base})
            rows += [{"id": str(to_id), "type": f"{base}_unlabeled"}] if any(label_of(t) for t in types) else []
        if rows:
            shown[other.plural] = {"results": rows}
        if rest:
            after = str(rest[0][0])
            link = f"https://api.hubapi.com/crm/v4/objects/{kind.plural}/{record_id}/associations/{other.plural}?after={after}"
            shown[other.plural]["paging"] = {"next": {"after": after, "link": link}}
    return shown


def wanted_links(portal: Portal, kind: ObjectType, given: Any) -> list[Link]:
    """The associations of a create body, checked; raises ApiError 400."""
    links: list[Link] = []
    if given is None:
        return links
    if not isinstance(given, list):
        raise validation("Invalid input JSON: associations must be a list")
    for entry in given:
        to_id = as_text(((entry or {}).get("to") or {}).get("id"))
        types = entry.get("types")
        if not to_id.isdigit() or not isinstance(types, list) or not types:
            raise validation("Invalid input JSON: an association needs to.id and types")
        ids = _type_ids(types)
        target = next((other for (own, other), _ in PAIRS.items() if own == kind.plural and ids <= types_of(own, other)), None)
        if target is None:
            raise validation(f"One or more association types are not valid for {kind.qualified}: {sorted(ids)}")
        if portal.tables[target].live(int(to_id)) is None:
            raise validation(f"{OBJECT_TYPES[target].qualified} with id {to_id} does not exist")
        links.append((target, int(to_id), ids))
    return links


def _type_ids(types: list[Any]) -> Types:
    found = set()
    for entry in types:
        number = as_text(entry.get("associationTypeId") if isinstance(entry, dict) else None)
        if not number.isdigit() or entry.get("associationCategory") != "HUBSPOT_DEFINED":
            raise validation("Invalid association type: only HUBSPOT_DEFINED associationTypeIds exist in this portal")
        found.add(int(number))
    return frozenset(found)


def on_record(call: Call, kind: ObjectType, record_text: str, rest: list[str]) -> Reply:
    """/objects/{from}/{id}/associations/...: PUT labelled or default, GET, DELETE."""
    if rest and rest[0] == "default" and len(rest) == 3 and call.method == "PUT":
        to, to_text, default = object_type(rest[1]), rest[2], True
    elif len(rest) in (1, 2) and rest[0] != "default":
        to, to_text, default = object_type(rest[0]), rest[1] if len(rest) == 2 else "", False
    else:
        raise not_found("resource not found")
    record = _record(call, kind, record_text)
    if (kind.plural, to.plural) not in PAIRS:
        raise validation(f"{kind.qualified} cannot be associated with {to.qualified}")
    if not to_text:
        if call.method != "GET":
            raise wrong_method()
        return _listing(call, kind, record.doc.id, to)
    if call.method == "DELETE":
        other_id = int(to_text) if to_text.isdigit() else 0
        call.portal.dissociate(
            (kind.plural, record.doc.id, to.plural, call.portal.tables[to.plural].survivor(other_id)), call.actor, call.now
        )
        return Reply(status=204)
    if call.method != "PUT":
        raise wrong_method()
    other = _record(call, to, to_text)
    if other is record:
        raise validation(f"Object {record.doc.id} cannot be associated to itself ({record.doc.id})")
    types: Types = frozenset()
    if not default:
        types = _labelled(call, kind, to)
    pair = (kind.plural, record.doc.id, to.plural, other.doc.id)
    call.portal.associate(pair, types, call.actor, call.now)
    if default:
        both = [_pair_json(call, pair), _pair_json(call, (pair[2], pair[3], pair[0], pair[1]))]
        return Reply(body=batch_json(call.portal.clock, call.now, both))
    return Reply(status=201, body=_pair_json(call, pair))


def _labelled(call: Call, kind: ObjectType, to: ObjectType) -> Types:
    try:
        body = orjson.loads(call.raw)
    except orjson.JSONDecodeError as error:
        raise validation(f"Invalid input JSON: {error.msg}") from error
    if not isinstance(body, list):
        raise validation("Invalid input JSON: a list of association types was expected")
    types = _type_ids(body)
    if not types or not types <= types_of(kind.plural, to.plural):
        raise validation(f"Association types {sorted(types)} are not valid from {kind.qualified} to {to.qualified}")
    return types


def _record(call: Call, kind: ObjectType, text: str) -> Record:
    table = call.portal.tables[kind.plural]
    record = table.live(table.survivor(int(text))) if text.isdigit() else None
    if record is None:
        raise not_found(f"{kind.qualified} {text} does not exist")
    return record


def _id(call: Call, record_id: int) -> int | str:
    return record_id if call.portal.options.numeric_association_ids else str(record_id)


def _pair_json(call: Call, pair: tuple[str, int, str, int]) -> Json:
    from_type, from_id, to_type, to_id = pair
    types = call.portal.associations.of(from_type, from_id, to_type).get(to_id, frozenset())
    return {
        "fromObjectTypeId": OBJECT_TYPES[from_type].type_id,
        "fromObjectId": _id(call, from_id),
        "toObjectTypeId": OBJECT_TYPES[to_type].type_id,
        "toObjectId": _id(call, to_id),
        "labels": [label for label in map(label_of, sorted(types)) if label],
    }


def _targets(call: Call, kind: ObjectType, record_id: int, to: ObjectType) -> list[Json]:
    return [
        {
            "toObjectId": _id(call, to_id),
            "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": t, "label": label_of(t)} for t in sorted(types)],
        }
        for to_id, types in sorted(call.portal.associations.of(kind.plural, record_id, to.plural).items())
        if call.portal.tables[to.plural].live(to_id) is not None
    ]


def _listing(call: Call, kind: ObjectType, record_id: int, to: ObjectType) -> Reply:
    limit = call.number("limit", 500, 500)
    after = call.one("after") or "0"
    rows = [r for r in _targets(call, kind, record_id, to) if int(r["toObjectId"]) >= int(after if after.isdigit() else 0)]
    body: Json = {"results": rows[:limit]}
    if len(rows) > limit:
        body["paging"] = {"next": {"after": str(rows[limit]["toObjectId"])}}
    return Reply(body=body)


def batch(call: Call, parts: list[str]) -> Reply:
    """/associations/{from}/{to}/batch/...: v3 create and read, v4 read, create, default, archive."""
    if len(parts) < 4 or parts[2] != "batch" or call.method != "POST":
        raise not_found("resource not found")
    kind, to, verb = object_type(parts[0]), object_type(parts[1]), "/".join(parts[3:])
    if (kind.plural, to.plural) not in PAIRS:
        raise validation(f"{kind.qualified} cannot be associated with {to.qualified}")
    inputs = inputs_of(call.json(), READ_LIMIT if verb == "read" else CREATE_LIMIT)
    old = call.version == "v3"
    if verb == "read":
        return _batch_read(call, kind, to, inputs, old)
    if verb in ("create", "associate/default"):
        return _batch_create(call, kind, to, inputs, "v3" if old else verb)
    if verb in ("archive", "labels/archive"):
        return _batch_archive(call, kind, to, inputs, labels=verb != "archive")
    raise not_found("resource not found")


def _batch_read(call: Call, kind: ObjectType, to: ObjectType, inputs: list[Json], old: bool) -> Reply:
    results: list[Json] = []
    errors: list[Json] = []
    table = call.portal.tables[kind.plural]
    for entry in inputs:
        text = as_text(entry.get("id"))
        record = table.live(table.survivor(int(text))) if text.isdigit() else None
        rows = _targets(call, kind, record.doc.id, to) if record is not None else []
        after = as_text(entry.get("after"))
        rows = [r for r in rows if int(r["toObjectId"]) >= int(after)] if after.isdigit() else rows
        if not rows:
            # one error per input that simply has none: recorded, numErrors 36 in a normal read
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                    "message": f"No {to.singular} is associated with {kind.singular} {text}.",
                    "context": {"fromObjectId": [text], "fromObjectType": [kind.singular], "toObjectType": [to.singular]},
                }
            )
            continue
        most = call.portal.options.association_page
        rest = rows[most:]
        rows = rows[:most]
        if old:
            rows = [{"id": str(r["toObjectId"]), "type": f"{kind.singular}_to_{to.singular}"} for r in rows]
        found: Json = {"from": {"id": text}, "to": rows}
        if rest:
            found["paging"] = {"next": {"after": str(rest[0]["toObjectId"])}}
        results.append(found)
    body = batch_json(call.portal.clock, call.now, results, errors)
    return Reply(status=207 if errors else 200, body=body)


def _batch_create(call: Call, kind: ObjectType, to: ObjectType, inputs: list[Json], flavour: str) -> Reply:
    results: list[Json] = []
    errors: list[Json] = []
    for entry in inputs:
        ends = [as_text((entry.get(side) or {}).get("id")) for side in ("from", "to")]
        bad = [text for text in ends if not text.isdigit()]
        if bad:
            errors.append(
                {
                    "status": "error",
                    "category": "VALIDATION_ERROR",
                    "subCategory": "crm.associations.INVALID_IDENTIFIER",
                    "message": f"{bad[0]} is not a valid ID",
                    "context": {"id": bad},
                }
            )
            continue
        sides = zip((kind, to), ends, strict=True)
        found = [call.portal.tables[k.plural].live(call.portal.tables[k.plural].survivor(int(t))) for k, t in sides]
        if found[0] is None or found[1] is None:
            lost = [text for text, record in zip(ends, found, strict=True) if record is None]
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "message": f"Object {lost[0]} does not exist",
                    "context": {"ids": lost},
                }
            )
            continue
        if found[0] is found[1]:
            message = f"Object {ends[0]} cannot be associated to itself ({ends[0]})"
            errors.append({"status": "error", "category": "VALIDATION_ERROR", "message": message})
            continue
        types = _type_ids(entry.get("types") or []) if flavour == "create" else frozenset[int]()
        if flavour == "create" and not (types and types <= types_of(kind.plural, to.plural)):
            raise validation(f"Association types {sorted(types)} are not valid from {kind.qualified} to {to.qualified}")
        pair = (kind.plural, found[0].doc.id, to.plural, found[1].doc.id)
        back = (pair[2], pair[3], pair[0], pair[1])
        call.portal.associate(pair, types, call.actor, call.now)
        if flavour == "v3":
            # both directions come back: recorded
            results += [
                {
                    "from": {"id": str(p[1])},
                    "to": {"id": str(p[3])},
                    "type": f"{OBJECT_TYPES[p[0]].singular}_to_{OBJECT_TYPES[p[2]].singular}",
                }
                for p in (pair, back)
            ]
        elif flavour == "create":
            results.append(_pair_json(call, pair))
        else:
            results += [_pair_json(call, pair), _pair_json(call, back)]
    body = batch_json(call.portal.clock, call.now, results, errors)
    return Reply(status=207 if errors else (200 if flavour == "associate/default" else 201), body=body)


def _batch_archive(call: Call, kind: ObjectType, to: ObjectType, inputs: list[Json], *, labels: bool) -> Reply:
    """archive removes whole associations, labels/archive only the named types."""
    for entry in inputs:
        types = _type_ids(entry.get("types") or []) if labels else None
        targets = entry.get("to")
        for target in targets if isinstance(targets, list) else [targets or {}]:
            ends = (as_text((entry.get("from") or {}).get("id")), as_text(target.get("id")))
            if ends[0].isdigit() and ends[1].isdigit():
                ids = [call.portal.tables[k.plural].survivor(int(t)) for k, t in zip((kind, to), ends, strict=True)]
                call.portal.dissociate((kind.plural, ids[0], to.plural, ids[1]), call.actor, call.now, types)
    return Reply(status=204)
