"""What goes out: writes, their outcomes, and drafts of native tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from crmsync.model.record import Ref, Value


class Action(StrEnum):
    """What is done to a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One record to create, update or delete. `fields` has native names and canonical values; None clears.

    write_id is unique for ever and names the journal entry. key (the crmsync_key) makes a create idempotent: the connector stores it in the
    record so that a repeated create finds the first. about: records that an activity belongs to, the main person first; on an update
    those to be added. unlink: those it shall no longer belong to. An update may consist of links alone.
    """

    write_id: str
    action: Action
    object: str
    id: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    key: str | None = None
    about: tuple[Ref, ...] = ()
    unlink: tuple[Ref, ...] = ()


class OutcomeKind(StrEnum):
    """What became of one write.

    DONE: accepted. EXISTS: create refused because `existing_id` already stands for it. GONE: the target is deleted, merged or converted.
    REJECTED: permanent, the data must change (`fields` names the culprits when known). RETRY: not carried out, may work later.
    UNKNOWN: the answer was lost; it may or may not have been carried out.
    """

    DONE = "done"
    EXISTS = "exists"
    GONE = "gone"
    REJECTED = "rejected"
    RETRY = "retry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The CRM's answer to one write.

    id: the record's id (new for creates; may differ from the id asked when that one was merged). shown: decoded values as the CRM now shows
    them, where its answer tells (None: it does not, the next poll will). cause: the CRM's own error code. fields: native names it
    complains of.
    """

    write_id: str
    kind: OutcomeKind
    id: str | None = None
    existing_id: str | None = None
    shown: Mapping[str, Value] | None = None
    modified_at: datetime | None = None
    cause: str = ""
    message: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """A native task that a rep will see. due_at is UTC; due_on is the same moment's calendar day in the owner's time zone.

    priority: "high" | "normal" | "low". channel: "call" | "email" | "other". owner_id is the CRM's own id of the owner. body is plain text; html:
    the same as HTML, for a CRM whose bodies are that ("": none was made).
    """

    key: str
    subject: str
    body: str
    due_at: datetime
    due_on: date
    owner_id: str
    person: Ref
    priority: str = "normal"
    channel: str = "other"
    remind_at: datetime | None = None
    html: str = ""
