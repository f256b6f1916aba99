"""Between a CRM's native fields and house fields, by the admin's mapping. One `Lens` per native object, made once, used for every
record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crmsync.decide.bodies import cut, is_cut, to_html, to_text
from crmsync.decide.canonical import clean
from crmsync.decide.owners import Owners
from crmsync.model.link import Snapshot
from crmsync.model.record import Fields, Record, Value
from crmsync.model.rules import FieldMap, FieldType, PersonMap, Place, SignalMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One mapped field of one native object. inverse: house value -> native value. plain: cleaning and `values` are all that it takes."""

    map: FieldMap
    place: Place
    values: Mapping[str, str]
    inverse: Mapping[str, str]
    plain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """All mapped fields of one (side, object). by_name: house name -> Column. placeholder: read as empty. also_read: mapped native fields that
    the engine wants to see untranslated as well (an opt-out is a value and a signal)."""

    side: str
    object: str
    by_name: Mapping[str, Column]
    natives: frozenset[str]
    placeholder: str
    extra_emails: str | None = None
    also_read: frozenset[str] = frozenset()

    def to_house(self, fields: Fields, owners: Owners) -> dict[str, Value]:
        """House values of a record's native fields. A native field that the record does not carry at all stays absent: absent is not
        empty (F30). So do a value that is not listed where only listed ones count (`unlisted` tells it), and a text that was cut: what is
        left of it says nothing about the rest. A DAY stays as it is, a date or a stamp."""
        house: dict[str, Value] = {}
        for name, column in self.by_name.items():
            native = column.place.field
            if native not in fields:
                continue
            value = fields[native]
            if value is None:
                house[name] = None
                continue
            kind = column.map.type
            if kind is FieldType.OWNER:
                house[name] = owners.house(self.side, value)
                continue
            if not column.plain and (value := _read(column, value)) is None:
                continue
            cleaned = clean(kind, value)
            if column.map.listed_only and column.values and cleaned is not None and cleaned not in column.values:
                continue
            if column.values and isinstance(cleaned, str):
                cleaned = column.values.get(cleaned, cleaned)
            house[name] = None if cleaned == self.placeholder else cleaned
        return house

    def unlisted(self, fields: Fields) -> dict[str, Value]:
        """House name -> native value, of the fields that carry only listed values and show another one."""
        found: dict[str, Value] = {}
        for name, column in self.by_name.items():
            if column.map.listed_only and column.values:
                cleaned = clean(column.map.type, fields.get(column.place.field))
                if cleaned is not None and cleaned not in column.values:
                    found[name] = cleaned
        return found

    def to_native(self, name: str, value: Value, owners: Owners) -> Value:
        """The native value to write for a house value: texts as HTML and cut where the mapping says so. An owner without a twin gives None:
        the caller checks."""
        column = self.by_name[name]
        if value is None:
            return None
        if column.map.type is FieldType.OWNER:
            return owners.native(self.side, value)
        if column.inverse and isinstance(value, str):
            return column.inverse.get(value, value)
        return value if column.plain else _written(column, value)

    def emails(self, house: Fields, fields: Fields) -> tuple[str, ...]:
        """All e-mail addresses the record answers to, lower-case, the primary one first (F20)."""
        primary = house.get("email")
        more = str(fields.get(self.extra_emails) or "").lower().split(";") if self.extra_emails else []
        found = ([str(primary)] if primary else []) + [part.strip() for part in more if part.strip()]
        return tuple(dict.fromkeys(found))


def _read(column: Column, value: Value) -> Value:
    """A native value in house terms before it is cleaned; None when it says nothing."""
    if column.place.html:
        value = to_text(str(value))
    if column.place.per != 1:
        number = clean(FieldType.NUMBER, value)
        return int(number / column.place.per + 0.5) if isinstance(number, int | float) else value
    return None if is_cut(value) else value


def _written(column: Column, value: Value) -> Value:
    """The native form of a house value that needs more than its own word."""
    if column.place.per != 1:
        return clean(FieldType.NUMBER, value * column.place.per) if isinstance(value, int | float) else value
    if not isinstance(value, str):
        return value
    text = value if column.map.most is None else cut(value, column.map.most)
    return to_html(text) if column.place.html else text


def lenses_of(person: PersonMap, sides: Iterable[str], signals: Iterable[SignalMap] = ()) -> dict[tuple[str, str], Lens]:
    """One Lens per connected (side, object)."""
    lenses: dict[tuple[str, str], Lens] = {}
    seen = [(m.side, m.object, name) for m in signals for name in (m.field, m.time_field) if name]
    for side in sides:
        for object in person.objects.get(side, ()):
            columns: dict[str, Column] = {}
            for name, map in person.fields.items():
                place = map.places.get((side, object))
                if place is None:
                    continue
                values = map.values.get(side, {})
                inverse: dict[str, str] = {}
                for native, house in values.items():
                    inverse.setdefault(house, native)
                plain = not place.html and place.per == 1 and map.most is None and map.type is not FieldType.RICH_TEXT
                columns[name] = Column(map=map, place=place, values=values, inverse=inverse, plain=plain)
            lenses[side, object] = Lens(
                side=side,
                object=object,
                by_name=columns,
                natives=frozenset(column.place.field for column in columns.values()),
                placeholder=person.placeholder,
                extra_emails=person.extra_emails.get((side, object)),
                also_read=frozenset(name for s, o, name in seen if (s, o) == (side, object)),
            )
    return lenses


def snapshot_of(record: Record, lens: Lens, owners: Owners) -> Snapshot:
    """A record in house terms. `extra` keeps the native values that are read but not mapped (signals, inputs, our own outputs)."""
    return Snapshot(
        ref=record.ref,
        fields=lens.to_house(record.fields, owners),
        extra={name: value for name, value in record.fields.items() if name not in lens.natives or name in lens.also_read},
        modified_at=record.modified_at,
        created_at=record.created_at,
        state=record.state,
        survivor=record.survivor,
        by_us=record.by_us,
    )
