"""What the mapping does to each native object, held against what the credentials may do there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crmsync.model.record import ObjectSchema
from crmsync.model.rules import Playbook
from crmsync.playbook.check import Finding

WORDS = {"update": "edit", "read_links": "seeing whom they belong to", "links": "changing whom they belong to"}


def check_rights(playbook: Playbook, schemas: Mapping[str, Mapping[str, ObjectSchema]], tasks: Mapping[str, str]) -> list[Finding]:
    """Rights that the mapping needs and that the credentials lack, one finding per object and right; empty when nothing does, or nothing is told.

    schemas: as in `crmsync.playbook.check.check`. tasks: the side of first-touch tasks -> its native task object. Errors stop persons, tasks
    or what is written; that companies, deals or activities cannot be read costs those alone."""
    needed: dict[tuple[str, str], dict[str, list[str]]] = {}
    for side, object, right, who in _needs(playbook, tasks):
        whose = needed.setdefault((side, object), {}).setdefault(right, [])
        whose += [who] if who not in whose else []
    found: list[Finding] = []
    for (side, object), rights in needed.items():
        schema = schemas.get(side, {}).get(object)
        lacks = schema.lacks if schema is not None else {}
        for right, whose in rights.items():
            if right in lacks:
                spare = right.startswith("read") and not {"person", "first-touch task"} & set(whose)
                message = f"the credentials for {side} lack {WORDS.get(right, right)}, which the mapping needs for: {', '.join(whose)}"
                found.append(Finding(level="warning" if spare else "error", subject=f"{side} {object}", message=message, fix=lacks[right]))
    return found


def _needs(playbook: Playbook, tasks: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """(side, object, right, for what)."""
    person = playbook.person
    for side, objects in person.objects.items():
        for object in objects:
            rights = ["read", "update", *(["delete"] if playbook.deletes == "propagate" else [])]
            for right in ["create", *rights] if person.create_as.get(side) == object else rights:
                yield side, object, right, "person"
    for side, object in tasks.items():
        for right in ("read", "create", "update"):
            yield side, object, right, "first-touch task"
    for kind, twin in playbook.twins.items():
        for side, objects in twin.objects.items():
            for object in objects:
                yield side, object, "read", kind
                if twin.belongs:
                    yield side, object, "read_links", kind
                if side not in twin.to:
                    continue
                yield side, object, "update", kind
                if twin.create_as.get(side) == object:
                    yield side, object, "create", kind
                if twin.activity:
                    yield side, object, "delete", kind
                if twin.belongs:
                    yield side, object, "links", kind
