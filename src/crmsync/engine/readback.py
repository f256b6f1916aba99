"""F44: a CRM accepts a write, and its own answer still shows the old value. Said once; the difference then stands until somebody moves."""

from __future__ import annotations

from collections.abc import Mapping

from crmsync.decide.canonical import clean, same
from crmsync.decide.plan import data_hash
from crmsync.decide.reconcile import Reconciled
from crmsync.model.attention import Problem
from crmsync.model.record import Ref, Value
from crmsync.model.rules import FieldMap, FieldType

SILENT = "silent_no_op"
"""Cause of these problems."""


def silent_no_op(ref: Ref, about: str | None, name: str, value: Value) -> Problem:
    """The problem of one house field: `value` was accepted and is not shown. about: the person or twin."""
    return Problem(
        cause=SILENT,
        message=f"{ref.side} accepted {name} but still shows the old value. Look at the field's rules in {ref.side}.",
        side=ref.side,
        object=ref.object,
        record_id=ref.id,
        person_id=about,
        field=name,
        data_hash=data_hash(value),
    )


def kept(type: FieldType, told: Value, known: Value, sent: Value) -> bool:
    """Whether a native field shows what it showed before, though something else was sent."""
    native = {FieldType.DAY: FieldType.DATETIME, FieldType.RICH_TEXT: FieldType.LONG_TEXT}.get(type, type)
    told, known, sent = (clean(native, value) for value in (told, known, sent))
    return same(native, told, known) and not same(native, sent, known)


def alike(reconciled: Reconciled, fields: Mapping[str, FieldMap]) -> list[str]:
    """House fields that both sides show alike: whatever did not stick once, there is nothing to tell any more."""
    settled = [(name, list(agreed.values.values())) for name, agreed in reconciled.base.items()]
    return [name for name, values in settled if len(values) == 2 and name in fields and same(fields[name].type, values[0], values[1])]
