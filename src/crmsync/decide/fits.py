"""What the live schema already tells of a value, so that no API call is spent on a certain refusal (F42, F45, F47)."""

from __future__ import annotations

from crmsync.decide.canonical import clean, moment
from crmsync.model.record import FieldSchema, Value
from crmsync.model.rules import FieldType


def misfit(rule: FieldSchema | None, place: str, side: str, value: Value, *, create: bool) -> tuple[str, str] | None:
    """Why that field would refuse the value: (cause, sentence); None when nothing speaks against it. rule: None for a field that is not there.
    place: "object.field" for the sentence."""
    if rule is None:
        return "unknown_field", f"{place} does not exist in {side} or is hidden from us"
    if not (rule.createable if create else rule.updateable):
        return "read_only", f"{place} cannot be written in {side}"
    if not _readable(rule.type, value):
        return "wrong_type", f"{place} is a {rule.type}, and {str(value)[:60]!r} is none"
    if rule.length and isinstance(value, str) and len(value) > rule.length:
        return "too_long", f"{place} holds {rule.length} characters, the value has {len(value)}"
    if rule.restricted and rule.options and value is not None and not set(str(value).split(";")) <= set(rule.options):
        return "not_an_option", f"{place} has no option {str(value)[:60]!r}; map it under `values`"
    if value is None and (rule.required or not (create or rule.nillable)):
        return "required", f"{place} cannot be empty in {side} and was not emptied"
    return None


def _readable(type: str, value: Value) -> bool:
    """Whether a field of that schema type can hold the value. A CRM may refuse a whole batch for one such value, without naming the field."""
    if not isinstance(value, str):
        return True
    if type == "number":
        return isinstance(clean(FieldType.NUMBER, value), int | float)
    if type == "bool":
        return isinstance(clean(FieldType.BOOL, value), bool)
    return type not in ("date", "datetime") or moment(clean(FieldType(type), value)) is not None
