"""A neutral task draft as a Salesforce Task."""

from __future__ import annotations

from datetime import UTC
from types import MappingProxyType

from crmsync.model.change import Action, TaskDraft, Write
from crmsync.model.record import Value
from crmsync_salesforce.writer import KEY_FIELD

OBJECT = "Task"
SUBJECT_LENGTH = 255
DESCRIPTION_LENGTH = 32_000
_PRIORITY = MappingProxyType({"high": "High", "normal": "Normal", "low": "Low"})
_SUBTYPE = MappingProxyType({"call": "Call", "email": "Email", "other": "Task"})


def task_write(draft: TaskDraft, write_id: str) -> Write:
    """The create of a Task. ActivityDate has no time zone, so it is the draft's due_on, the day in the owner's zone (F46).

    Texts are cut to what the fields take. The subtype can only be set on create."""
    fields: dict[str, Value] = {
        "Subject": draft.subject[:SUBJECT_LENGTH],
        "Description": draft.body[:DESCRIPTION_LENGTH] or None,
        "ActivityDate": draft.due_on.isoformat(),
        "Status": "Not Started",
        "Priority": _PRIORITY[draft.priority],
        "TaskSubtype": _SUBTYPE[draft.channel],
        "OwnerId": draft.owner_id,
        "WhoId": draft.person.id,
        KEY_FIELD: draft.key,
    }
    if draft.remind_at is not None:
        fields["IsReminderSet"] = True
        fields["ReminderDateTime"] = draft.remind_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Write(write_id=write_id, action=Action.CREATE, object=OBJECT, fields=fields, key=draft.key, about=(draft.person,))
