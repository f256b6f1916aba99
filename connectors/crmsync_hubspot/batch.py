"""One batch call of up to 100 creates or updates, and what became of each row: one bad row never costs the other 99 (F43)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import Outcome, OutcomeKind, Write
from crmsync.model.fields import KEY
from crmsync.model.record import ObjectSchema, Value
from crmsync_hubspot import associate, wire
from crmsync_hubspot.client import Client, LostAnswerError
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.search import Row, batch_read

SIZE = 100
_UPDATE_TRIES = 2  # an update by id is the same once or twice
_NAME_BOUND = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""Codes that depend on the property alone: every row that carries it is refused, the others are not."""

Outcomes = dict[str, Outcome]
Send = Callable[[Sequence[Write]], tuple[int, Any]]


def create_input(write: Write) -> dict[str, Any]:
    """One input of batch/create; the trace id makes a 207 name the row."""
    properties = {name: wire.sent(name, value) for name, value in write.fields.items() if value is not None}
    if write.key:
        properties[KEY] = write.key
    return {"properties": properties, "objectWriteTraceId": write.write_id, "associations": associate.inline(write)}


def update_input(write: Write) -> dict[str, Any]:
    """One input of batch/update; None clears."""
    return {
        "id": write.id,
        "properties": {name: wire.sent(name, value) for name, value in write.fields.items()},
        "objectWriteTraceId": write.write_id,
    }


class Batch:
    """Carries out creates and updates of one object type, one call per batch unless a row is bad."""

    def __init__(self, client: Client, schemas: Schemas) -> None:
        self._client = client
        self._schemas = schemas

    # --- calls ---------------------------------------------------------------------------------------------------------------

    def create(self, object: str, writes: Sequence[Write]) -> Outcomes:
        """Outcomes by write id. Never raises after something may have been carried out."""

        def send(part: Sequence[Write]) -> tuple[int, Any]:
            body = {"inputs": [create_input(w) for w in part]}
            answer = self._client.call("POST", "objects", f"{object}/batch/create", body=body, repeatable=False)
            return answer.status, answer.json

        out = self._carry(object, writes, send, self._match_created)
        try:
            return self._name_existing(object, writes, out)
        except (CredentialsError, UnreachableError):
            return out  # which record it is can be found by key later; what was created stands

    def update(self, object: str, writes: Sequence[Write]) -> Outcomes:
        """Outcomes by write id; the ids must differ (HubSpot refuses a batch with one id twice)."""

        def send(part: Sequence[Write]) -> tuple[int, Any]:
            body = {"inputs": [update_input(w) for w in part]}
            answer = self._client.call("POST", "objects", f"{object}/batch/update", body=body, tries=_UPDATE_TRIES)
            return answer.status, answer.json

        return self._carry(object, writes, send, _match_by_id)

    def archive(self, object: str, writes: Sequence[Write]) -> Outcomes:
        """Outcomes by write id; archiving what is archived already, or never was, also succeeds (contracts 5.2)."""

        def send(part: Sequence[Write]) -> tuple[int, Any]:
            body = {"inputs": [{"id": i} for i in dict.fromkeys(w.id for w in part)]}
            answer = self._client.call("POST", "objects", f"{object}/batch/archive", body=body, tries=_UPDATE_TRIES)
            return answer.status, answer.json

        def all_done(part: Sequence[Write], rows: Sequence[Row]) -> dict[str, Row]:
            return {w.write_id: {"id": w.id, "properties": {}} for w in part}

        return self._carry(object, writes, send, all_done)

    # --- dividing the blame -----------------------------------------------------------------------------------------------------

    def _carry(
        self,
        object: str,
        writes: Sequence[Write],
        send: Send,
        match: Callable[[Sequence[Write], Sequence[Row]], dict[str, Row]],
        *,
        sent_before: bool = False,
    ) -> Outcomes:
        schema = self._schemas.known(object)  # before anything is sent: afterwards nothing may fail any more
        try:
            status, body = send(writes)
        except LostAnswerError as error:
            return {w.write_id: _outcome(w, OutcomeKind.UNKNOWN, cause="LOST_ANSWER", message=str(error)) for w in writes}
        except (CredentialsError, UnreachableError) as error:
            if not sent_before:
                raise
            # part of this batch was carried out already: the rest keeps its place in the journal
            return {w.write_id: _outcome(w, OutcomeKind.RETRY, cause=type(error).__name__, message=str(error)) for w in writes}
        if status < 300:
            return _answered(schema, writes, body if isinstance(body, dict) else {}, match)
        said = wire.trouble(status, body)
        if "PROPERTY" in said.code or said.code in {"INVALID_OPTION", "READ_ONLY_VALUE"}:
            self._schemas.forget(object)
        if len(writes) == 1:
            return {writes[0].write_id: _refusal(writes[0], said)}
        guilty, rest = _suspects(writes, said)
        out: Outcomes = {}
        if said.code in _NAME_BOUND and guilty:
            for write in guilty:
                out[write.write_id] = _refusal(write, said)
            guilty = []
        elif not guilty or not rest:
            middle = len(writes) // 2
            guilty, rest = list(writes[:middle]), list(writes[middle:])
        for part in (rest, guilty):
            if part:
                out.update(self._carry(object, part, send, match, sent_before=sent_before or bool(out)))
        return out

    def _match_created(self, writes: Sequence[Write], rows: Sequence[Row]) -> dict[str, Row]:
        """Which row answers which create: by trace id, key, e-mail, or by everything that was sent. Answers are not in order."""
        found: dict[str, Row] = {}
        left = list(rows)
        marks: tuple[Callable[[Write], str | None], ...] = (
            lambda w: w.write_id,
            lambda w: w.key,
            lambda w: str(w.fields["email"]).lower() if w.fields.get("email") else None,
        )
        shows: tuple[Callable[[Row], str | None], ...] = (
            lambda r: r.get("objectWriteTraceId"),
            lambda r: (r.get("properties") or {}).get(KEY),
            lambda r: ((r.get("properties") or {}).get("email") or "").lower() or None,
        )
        for mark, show in zip(marks, shows, strict=True):
            by_mark = {m: r for r in left if (m := show(r))}
            for write in writes:
                wanted = mark(write)
                if write.write_id not in found and wanted and wanted in by_mark:
                    row = by_mark.pop(wanted)
                    found[write.write_id] = row
                    left = [r for r in left if r is not row]
        for write in writes:
            if write.write_id in found:
                continue
            sent = create_input(write)["properties"]
            same = [r for r in left if all((r.get("properties") or {}).get(n) == v for n, v in sent.items())]
            if same or (len(left) == 1 and len(found) == len(writes) - 1):
                row = same[0] if same else left[0]
                found[write.write_id] = row
                left = [r for r in left if r is not row]
        return found

    def _name_existing(self, object: str, writes: Sequence[Write], out: Outcomes) -> Outcomes:
        """Fills in the id of records that exist already where HubSpot did not say it: by key, then by e-mail."""
        by_id = {w.write_id: w for w in writes}
        nameless = [by_id[o.write_id] for o in out.values() if o.kind is OutcomeKind.EXISTS and o.existing_id is None]
        for name, wanted in (
            (KEY, {w.key: w for w in nameless if w.key}),
            ("email", {str(w.fields["email"]).lower(): w for w in nameless if object == wire.CONTACTS and w.fields.get("email")}),
        ):
            asked = {value: w for value, w in wanted.items() if out[w.write_id].existing_id is None}
            if not asked:
                continue
            for row in batch_read(self._client, object, list(asked), [name], by=name):
                write = asked.get((row.get("properties") or {}).get(name) or "")
                if write is not None:
                    old = out[write.write_id]
                    out[write.write_id] = _outcome(
                        write, OutcomeKind.EXISTS, existing_id=str(row["id"]), cause=old.cause, message=old.message
                    )
        return out


def _answered(
    schema: ObjectSchema,
    writes: Sequence[Write],
    body: Mapping[str, Any],
    match: Callable[[Sequence[Write], Sequence[Row]], dict[str, Row]],
) -> Outcomes:
    out: Outcomes = {}
    by_id = {w.id: w for w in writes if w.id}
    by_trace = {w.write_id: w for w in writes}
    for error in body.get("errors") or ():
        said = wire.trouble(207, error)
        named = [by_trace[t] for t in said.traces if t in by_trace] or [by_id[i] for i in said.ids if i in by_id]
        for write in named:
            out[write.write_id] = _refusal(write, said)
    open_writes = [w for w in writes if w.write_id not in out]
    rows = match(open_writes, body.get("results") or ())
    for write in open_writes:
        row = rows.get(write.write_id)
        if row is not None:
            out[write.write_id] = _done(schema, write, row)
        else:
            message = "HubSpot's answer does not mention this row"
            out[write.write_id] = _outcome(write, OutcomeKind.UNKNOWN, cause="NOT_MENTIONED", message=message)
    return out


def _done(schema: ObjectSchema, write: Write, row: Row) -> Outcome:
    properties: Mapping[str, str | None] = row.get("properties") or {}
    names = [*write.fields, KEY] if write.key else list(write.fields)
    shown = wire.Decoder(schema.object, names, schema).fields(properties)
    # an answer names what the record has now: what was cleared may be missing from it
    cleared: dict[str, Value] = {n: None for n, value in write.fields.items() if value is None and n not in shown}
    modified = row.get("updatedAt") or properties.get(wire.stamp_property(schema.object))
    return Outcome(
        write_id=write.write_id,
        kind=OutcomeKind.DONE,
        id=str(row["id"]) if row.get("id") else write.id,
        shown={**shown, **cleared},
        modified_at=wire.moment(modified) if modified else None,
    )


def _match_by_id(writes: Sequence[Write], rows: Sequence[Row]) -> dict[str, Row]:
    by_id = {str(r["id"]): r for r in rows}
    return {w.write_id: by_id[w.id] for w in writes if w.id in by_id}


def _suspects(writes: Sequence[Write], said: wire.Trouble) -> tuple[list[Write], list[Write]]:
    """The rows that a whole batch's refusal may mean, and the others: named by id, by trace, or carrying a property it names.

    When every row carries that property, those whose value the message quotes.
    """
    named = [w for w in writes if w.write_id in said.traces or (w.id is not None and w.id in said.ids)]
    if not named and said.fields:
        named = [w for w in writes if any(n in w.fields for n in said.fields)]
        if said.code not in _NAME_BOUND and len(named) > 1:
            quoted = [w for w in named if any(_quoted(w.fields.get(n), said.message) for n in said.fields)]
            named = quoted or named
    chosen = {w.write_id for w in named}
    return named, [w for w in writes if w.write_id not in chosen]


def _quoted(value: Value, message: str) -> bool:
    text = wire.encode(value)
    return bool(text) and text in message


def _refusal(write: Write, said: wire.Trouble) -> Outcome:
    """What a refusal of one row means."""
    fields = tuple(n for n in said.fields if n in write.fields or n == KEY)
    if said.category == "CONFLICT" or said.status == 409:
        if write.id is None:
            return _outcome(write, OutcomeKind.EXISTS, existing_id=said.existing_id, cause="CONFLICT", message=said.message)
        culprit = fields or (("email",) if "email" in write.fields else ())
        return _outcome(write, OutcomeKind.REJECTED, existing_id=said.existing_id, cause="CONFLICT", message=said.message, fields=culprit)
    if said.category == "OBJECT_NOT_FOUND" or (said.status == 404 and write.id is not None):
        return _outcome(write, OutcomeKind.GONE, cause="OBJECT_NOT_FOUND", message=said.message)
    taken = write.id is None and (fields == (KEY,) or (not fields and KEY in said.message)) and "already" in said.message.lower()
    if taken:
        return _outcome(write, OutcomeKind.EXISTS, existing_id=said.existing_id, cause=said.code, message=said.message)
    return _outcome(write, OutcomeKind.REJECTED, cause=said.code, message=said.message, fields=fields)


def _outcome(
    write: Write,
    kind: OutcomeKind,
    *,
    existing_id: str | None = None,
    cause: str = "",
    message: str = "",
    fields: tuple[str, ...] = (),
) -> Outcome:
    return Outcome(write_id=write.write_id, kind=kind, id=write.id, existing_id=existing_id, cause=cause, message=message, fields=fields)
