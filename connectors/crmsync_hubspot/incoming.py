"""What stands in e-mails that came in, and only in these: a field that the connector makes, so that replies can be understood where nobody wants the
bodies of e-mails to be read or carried (FACTS.md, Association of activities)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crmsync.model.record import FieldSchema, ObjectSchema

EMAILS, FIELD = "emails", "incoming_text"
_TEXT, _DIRECTION, _CAME_IN = "hs_email_text", "hs_email_direction", "INCOMING_EMAIL"
NEEDS = (_TEXT, _DIRECTION)
LONGEST = 4_000
"""Characters that are kept, from the beginning."""


def shown(schema: ObjectSchema) -> ObjectSchema:
    """The schema of e-mails with that field; any other schema, and one of an account that hides what it is made of, as it is."""
    if schema.object != EMAILS or not schema.fields.keys() >= {*NEEDS}:
        return schema
    made = FieldSchema(
        name=FIELD, label="Beginning of an e-mail that came in", type="text", length=LONGEST, createable=False, updateable=False
    )
    return replace(schema, fields={**schema.fields, FIELD: made})


def read(properties: Mapping[str, str | None]) -> str | None:
    """The beginning of the text of an e-mail that came in; None of one that was sent, or without a text."""
    text = properties.get(_TEXT) if properties.get(_DIRECTION) == _CAME_IN else None
    return (text or "")[:LONGEST] or None
