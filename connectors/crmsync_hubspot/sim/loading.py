"""Reading a contact export: labels or internal names as headers, unknown columns kept, dirt counted."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

from .activity import defaults
from .clock import to_ms
from .portal import Portal
from .schema import Property
from .seeding_activities import IMPORTED
from .store import Doc, Record
from .validation import check
from .values import parse_datetime

_SYSTEM = {"hs_object_id", "createdate", "lastmodifieddate", "hubspot_owner_id"}
_ALSO = {
    "record id": "hs_object_id",
    "contact id": "hs_object_id",
    "street address": "address",
    "company": "company",
    "owner": "hubspot_owner_id",
    "associated company": "company",
    "last activity date": "notes_last_updated",
}
_DATE_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%m/%d/%Y %H:%M", "%m/%d/%Y")


def load(portal: Portal, path: Path) -> dict[str, int]:
    """Contacts of a CSV export. Returns counts: contacts, columns, new_properties, duplicates, skipped, bad_values.

    Rows with a known e-mail are counted as duplicates and left out; values that do not fit their property are dropped
    and counted. ValueError with file and row for what cannot be read at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"{path}, row {reader.line_num}: {error}") from error
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise ValueError(f"{path}, row 1: no header row")
    counts = {"contacts": 0, "columns": 0, "new_properties": 0, "duplicates": 0, "skipped": 0, "bad_values": 0}
    columns = _columns(portal, rows[0], rows[1:], counts)
    now = portal.settle()
    table = portal.tables["contacts"]
    base = defaults(table.kind, portal.options)
    records: list[Record] = []
    fresh: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(rows[0]) and any(cell.strip() for cell in row[len(rows[0]) :]):
            raise ValueError(f"{path}, row {number}: {len(row)} cells, the header has {len(rows[0])}")
        raw = {name: row[at].strip() for at, name in columns.items() if at < len(row) and row[at].strip()}
        props, created, modified = _properties(portal, raw, counts, now)
        if not ({"email", "firstname", "lastname"} & props.keys() or len(props) > 0):
            counts["skipped"] += 1
            continue
        email = props.get("email", "")
        if email in table.emails or email in fresh:
            counts["duplicates"] += 1
            continue
        fresh.update(filter(None, [email]))
        records.append(Record(Doc(table.new_id(), created, max(created, modified), {**base, **props}, IMPORTED)))
    for record in records:
        table.enter(record.doc.props, record.doc.id)
    table.index.fill(table.add_many(records))
    counts["contacts"] = len(records)
    return counts


def _columns(portal: Portal, header: list[str], rows: list[list[str]], counts: dict[str, int]) -> dict[int, str]:
    """Column number -> property; columns unknown to the portal become custom text properties, empty trailing ones nothing."""
    schema = portal.schema.of("contacts")
    by_label = {p.label.casefold(): p.name for p in schema.values() if not p.archived}
    columns: dict[int, str] = {}
    for at, cell in enumerate(header):
        label = cell.strip()
        if not label:
            continue
        counts["columns"] += 1
        key = label.casefold()
        name = label if label in schema else by_label.get(key) or _ALSO.get(key)
        if name is None:
            name = re.sub(r"[^a-z0-9]+", "_", key).strip("_")[:90] or f"column_{at + 1}"
            name = name if name[0].isalpha() else f"c_{name}"
            if name not in schema:
                portal.schema.groups["contacts"].setdefault("imported", "Imported")
                schema[name] = Property(
                    name=name,
                    label=label,
                    type="string",
                    field_type="text",
                    group="imported",
                    hubspot_defined=False,
                )
                counts["new_properties"] += 1
        if name not in columns.values():
            columns[at] = name
    return columns


def _properties(portal: Portal, raw: dict[str, str], counts: dict[str, int], now: int) -> tuple[dict[str, str], int, int]:
    schema = portal.schema.of("contacts")
    created = _time(raw.pop("createdate", "")) or now
    modified = _time(raw.pop("lastmodifieddate", "")) or created
    raw.pop("hs_object_id", None)
    owner = raw.pop("hubspot_owner_id", "")
    props: dict[str, str] = {}
    for name, text in raw.items():
        prop = schema[name]
        value = _internal(prop, text)
        changes, issues = check(portal.rules("contacts", "allow"), {name: value}, {})
        if issues:
            counts["bad_values"] += 1
        else:
            props.update({k: v for k, v in changes.items() if v})
    if owner:
        found = portal.owners.find(owner) or next((o for o in portal.owners.by_id.values() if o.name.casefold() == owner.casefold()), None)
        if found is not None:
            props["hubspot_owner_id"] = str(found.id)
        else:
            counts["bad_values"] += 1
    return props, created, modified


def _internal(prop: Property, text: str) -> str:
    """The internal value of an exported cell: enumeration labels and booleans back to values, dates to ISO."""
    if prop.options and text not in prop.options:
        labels = {label.casefold(): value for value, label in prop.options.items()}
        parts = [labels.get(part.strip().casefold(), part.strip()) for part in text.split(";")]
        return ";".join(parts)
    if prop.type == "bool":
        return {"yes": "true", "no": "false"}.get(text.casefold(), text.casefold())
    if prop.type == "datetime":
        ms = _time(text)
        return str(ms) if ms is not None else text
    return text


def _time(text: str) -> int | None:
    if not text:
        return None
    for form in _DATE_FORMS:
        try:
            return to_ms(datetime.strptime(text, form).replace(tzinfo=UTC))
        except ValueError:
            continue
    return parse_datetime(text)
