"""What Enhanced Email keeps beside the Task of an e-mail: its EmailMessage, asked for together for all e-mails of a page.

Source: Object Reference, EmailMessage (ActivityId names the Task; the object exists where Enhanced Email is on).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crmsync.model.record import FieldSchema, ObjectSchema
from crmsync_salesforce import soql
from crmsync_salesforce.client import Client, HiddenError, RefusedError

TASK, EMAIL = "Task", "Email"
MESSAGE = "EmailMessage"
INCOMING_TEXT, LONGEST = "IncomingText", 4_000
"""A field that the connector makes: the beginning, so many characters, of what stands in a message that came in, and nothing of one that was sent, so that
replies can be understood where nobody wants the bodies of e-mails to be read or carried."""
_OWN = ("Id", "ActivityId", "MessageDate")
_CAME_IN, _BODY = "Incoming", "TextBody"


def as_read(schema: ObjectSchema) -> ObjectSchema:
    """EmailMessage's fields as they are read with a Task: yes and no come as texts, and there is INCOMING_TEXT where it can be made."""
    texts = {n: replace(f, type="picklist", options=("true", "false")) for n, f in schema.fields.items() if f.type == "bool"}
    if schema.fields.keys() >= {_CAME_IN, _BODY}:
        label = "Beginning of an e-mail that came in"
        texts[INCOMING_TEXT] = FieldSchema(name=INCOMING_TEXT, label=label, type="text", length=LONGEST, createable=False, updateable=False)
    return replace(schema, fields={**schema.fields, **texts})


def own(fields: Sequence[str]) -> tuple[str, ...]:
    """The fields that are the record's own or its parents'."""
    return tuple(name for name in fields if not name.startswith(f"{MESSAGE}."))


class Mails:
    """E-mails of one org."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._absent = False

    def add(self, object: str, fields: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        """Puts what `fields` names of the EmailMessage ("EmailMessage.Incoming") into the rows of Tasks that are e-mails: one query per about 700 of
        them, none where no such field is mapped or no row is an e-mail. Of several messages of a Task the first counts. Where the org has none, or
        hides them from us, the values are empty. Raises: CredentialsError when one of these fields is not there or hidden (F45)."""
        names = _names(fields)
        if not names or object != TASK:
            return
        mails = {row["Id"][:15]: row for row in rows if row.get("TaskSubtype") == EMAIL and not row.get("IsDeleted")}
        for id, message in self._read(names, [row["Id"] for row in mails.values()]).items():
            if id in mails:
                mails[id][MESSAGE] = {name: _told(name, message) for name in names}

    def add_columns(self, object: str, fields: Sequence[str], columns: dict[str, Sequence[Any]]) -> None:
        """As `add`, for the columns of a bulk job: each of these fields becomes one."""
        names = _names(fields)
        if not names or object != TASK:
            return
        ids = columns["Id"]
        none = (None,) * len(ids)
        told = zip(ids, columns.get("TaskSubtype", none), columns.get("IsDeleted", none), strict=True)
        found = self._read(names, [id for id, kind, deleted in told if kind == EMAIL and not deleted])
        messages = [found.get(id[:15]) for id in ids]
        for name in names:
            columns[f"{MESSAGE}.{name}"] = [None if message is None else _told(name, message) for message in messages]

    def _read(self, names: Sequence[str], ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        if self._absent or not ids:
            return found
        made = (_CAME_IN, _BODY) if INCOMING_TEXT in names else ()
        columns = (*_OWN, *(name for name in names if name != INCOMING_TEXT), *made)
        try:
            for text in soql.in_lists(columns, MESSAGE, "ActivityId", ids):
                for page in self._client.query(soql.path(f"{text} ORDER BY MessageDate, Id")):
                    for row in page["records"]:
                        found.setdefault(row["ActivityId"][:15], row)
        except HiddenError as error:
            # a mapped field is named to the admin; without what ties messages to their tasks there are none for us
            if error.codes == {"INVALID_FIELD"} and not any(f"'{name}'" in str(error) for name in _OWN):
                raise
            self._absent = True
        except RefusedError as error:
            if "NOT_FOUND" not in error.codes:
                raise
            self._absent = True
        return found


def _names(fields: Sequence[str]) -> list[str]:
    return [name.partition(".")[2] for name in dict.fromkeys(fields) if name.startswith(f"{MESSAGE}.")]


def _told(name: str, message: Mapping[str, Any]) -> Any:
    if name == INCOMING_TEXT:
        return (message.get(_BODY) or "")[:LONGEST] or None if message.get(_CAME_IN) is True else None
    return _text(message.get(name))


def _text(value: Any) -> Any:
    """Yes and no as the texts that picklist maps name."""
    return str(value).lower() if isinstance(value, bool) else value
