"""Schemas as they are remembered between processes: JSON-able and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crmsync.model.record import FieldSchema, ObjectSchema


def dump(schema: ObjectSchema) -> dict[str, object]:
    """JSON-able, read back by `load`."""
    return {
        "label": schema.label,
        "fields": {
            name: [
                f.label,
                f.type,
                f.length,
                list(f.options),
                f.restricted,
                f.required,
                f.createable,
                f.updateable,
                f.unique,
                f.computed,
                f.nillable,
            ]
            for name, f in schema.fields.items()
        },
    }


def joined(schema: ObjectSchema, other: ObjectSchema) -> ObjectSchema:
    """The schema with the fields of what is mapped beside it, as "Object.field". Nobody writes those through it."""
    added = {f"{other.object}.{name}": f for name, f in other.fields.items()}
    read_only = {n: replace(f, name=n, required=False, createable=False, updateable=False, unique=False) for n, f in added.items()}
    return replace(schema, fields={**schema.fields, **read_only})


def tells(schema: ObjectSchema, name: str) -> bool:
    """Whether the schema can say if there is a field of this name: of parent paths only those into an object that was joined."""
    first, dot, _ = name.partition(".")
    return not dot or any(known.startswith(f"{first}.") for known in schema.fields)


def load(object: str, raw: object) -> ObjectSchema:
    """What `dump` wrote."""
    assert isinstance(raw, dict)
    fields = {
        name: FieldSchema(
            name=name,
            label=row[0],
            type=row[1],
            length=row[2],
            options=tuple(row[3]),
            restricted=row[4],
            required=row[5],
            createable=row[6],
            updateable=row[7],
            unique=row[8],
            computed=row[9],
            nillable=row[10] if len(row) > 10 else True,
        )
        for name, row in raw["fields"].items()
    }
    return ObjectSchema(object=object, label=raw["label"], fields=fields)


class Told:
    """What was dumped and loaded last, by side and object: told every few minutes, a schema is nearly always the one that was told before."""

    def __init__(self) -> None:
        self._dumped: dict[tuple[str, str], tuple[ObjectSchema, dict[str, object]]] = {}
        self._loaded: dict[tuple[str, str], tuple[object, ObjectSchema]] = {}

    def dump(self, side: str, told: Mapping[str, ObjectSchema]) -> dict[str, dict[str, object]]:
        """`dump` of one side's, by object."""
        for name, schema in told.items():
            if (made := self._dumped.get((side, name))) is None or made[0] is not schema:
                self._dumped[side, name] = (schema, dump(schema))
        return {name: self._dumped[side, name][1] for name in told}

    def load(self, side: str, told: Mapping[str, object]) -> dict[str, ObjectSchema]:
        """`load` of one side's, by object."""
        for name, raw in told.items():
            if (made := self._loaded.get((side, name))) is None or made[0] != raw:
                self._loaded[side, name] = (raw, load(name, raw))
        return {name: self._loaded[side, name][1] for name in told}
