"""Values, names and titles as a person reads them on the page."""

from __future__ import annotations

from typing import Any

from crmsync_salesforce.sim.fields import DECIMAL_TYPES, Field
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row

ADDRESS_ORDER = ("street", "postalCode", "city", "state", "country")


def title_of(row: Row) -> str:
    """What a record is called: its name, subject or, of a permission, its field."""
    return str(row.get("Name") or row.get("Subject") or row.get("Field") or row["Id"])


def name_of(org: Org, record_id: str | None) -> str | None:
    """The title of the record with that id; the id itself when there is no such record."""
    kind = None if record_id is None else org.kind_of_id(record_id)
    row = None if kind is None else org.row(kind.name, record_id)
    return record_id if row is None else title_of(row)


def column_label(field: Field) -> str:
    """The label of a field without the ID of references, which are shown by what they lead to."""
    return field.label.removesuffix(" ID") if field.type == "reference" else field.label


def moment(text: str) -> str:
    """A stamp without its offset, which is always UTC: 2026-05-04 09:00:00."""
    return text[:19].replace("T", " ")


def text_of(org: Org, field: Field | None, value: Any) -> str:
    """A stored value as text; empty for null."""
    if value is None:
        return ""
    if field is None:
        return str(value)
    if field.type == "datetime" and isinstance(value, str):
        return moment(value)
    if field.type == "boolean":
        return "yes" if value else "no"
    if field.type in DECIMAL_TYPES and isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,}"
    if field.type == "address" and isinstance(value, dict):
        return "\n".join(str(value[part]) for part in ADDRESS_ORDER if value.get(part))
    if field.type == "reference":
        return name_of(org, value) or ""
    return str(value)


def link_of(org: Org, field: Field | None, value: Any) -> str | None:
    """The page of the record that a reference leads to."""
    if field is None or field.type != "reference" or not isinstance(value, str):
        return None
    kind = org.kind_of_id(value)
    return None if kind is None or org.row(kind.name, value) is None else f"/record/{kind.name}/{value}"


def cell(org: Org, kind: ObjectType, row: Row, field: Field) -> dict[str, Any]:
    """One field of a row: its text, and a link when it refers to another record."""
    value = org.value(kind, row, field)
    number = field.type == "int" or field.type in DECIMAL_TYPES
    return {"text": text_of(org, field, value), "link": link_of(org, field, value), "number": number}
