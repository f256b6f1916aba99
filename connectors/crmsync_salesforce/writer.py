"""Writes: waves that keep the order per record, collections of 200 over a few threads, bulk jobs for large updates; outcomes by position."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import orjson
from simple_salesforce.format import format_external_id

from crmsync.connect.http import RetryPolicy
from crmsync.errors import CredentialsError, CrmsyncError, QuotaError, UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync_salesforce import soql, wire
from crmsync_salesforce.belong import ACTIVITIES
from crmsync_salesforce.bulk import Bulk
from crmsync_salesforce.client import KEYED_WRITE, ONCE, WRITE, Client, LostError, RefusedError
from crmsync_salesforce.linking import Linking
from crmsync_salesforce.relations import Relations
from crmsync_salesforce.schema import Describes
from crmsync_salesforce.soql import is_field_name, is_id, object_name

BATCH = 200
KEY_FIELD = "crmsync_key__c"
# without it an assignment rule takes the owner away, on create and on update; bulk.py has its own [scenarios F49]
NO_ASSIGNMENT = {"Sforce-Auto-Assign": "FALSE"}
_LOCK_PATIENCE = RetryPolicy(attempts=4, first=0.5, ceiling=8.0)
_REFERENCES = frozenset({"WhoId", "WhatId", "AccountId"})
_LOOK_UPS = 20
"""Duplicates per call that are asked for by name, one request each, when a collection's answer does not name the match."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Up to 200 writes of one kind. places: their positions in the call's input."""

    action: Action
    object: str
    keyed: bool
    writes: tuple[Write, ...]
    places: tuple[int, ...]


@dataclass(slots=True)
class _Answer:
    """What became of a chunk. error: why nothing of it was carried out."""

    outcomes: list[Outcome] = field(default_factory=list)
    error: CrmsyncError | None = None


def _identity(write: Write) -> tuple[str, str]:
    return write.object, write.id[:15] if write.id else f"key:{write.key}" if write.key else f"new:{write.write_id}"


def waves(writes: Sequence[Write]) -> list[list[int]]:
    """Positions in runs: the n-th write to one record is in the n-th run, so no run holds a record twice."""
    seen: dict[tuple[str, str], int] = {}
    runs: list[list[int]] = []
    for place, write in enumerate(writes):
        identity = _identity(write)
        depth = seen.get(identity, 0)
        seen[identity] = depth + 1
        if depth == len(runs):
            runs.append([])
        runs[depth].append(place)
    return runs


def native(write: Write) -> dict[str, Any]:
    """One record of a collection's body."""
    body: dict[str, Any] = {"attributes": {"type": write.object}, **write.fields}
    if write.action is Action.UPDATE:
        body["id"] = write.id
    elif write.key:
        body[KEY_FIELD] = write.key
    return body


def unfit(write: Write) -> Outcome | None:
    """The refusal of a write that cannot be sent as it is."""
    bad = tuple(name for name in write.fields if not is_field_name(name))
    if bad:
        return _outcome(write, OutcomeKind.REJECTED, "INVALID_FIELD", "only plain fields of the record itself can be written", bad)
    if write.action is not Action.CREATE and not (write.id and is_id(write.id)):
        return _outcome(write, OutcomeKind.REJECTED, "MALFORMED_ID", "the target's id is no Salesforce id")
    if not is_field_name(write.object):
        return _outcome(write, OutcomeKind.REJECTED, "INVALID_TYPE", "no Salesforce object has this name")
    return None


def _outcome(write: Write, kind: OutcomeKind, cause: str, message: str, fields: tuple[str, ...] = ()) -> Outcome:
    return Outcome(write_id=write.write_id, kind=kind, id=write.id, cause=cause, message=message, fields=fields)


def _cause(error: CrmsyncError) -> str:
    if isinstance(error, RefusedError) and error.errors:
        return error.errors[0].code
    if isinstance(error, QuotaError):
        return "REQUEST_LIMIT_EXCEEDED"
    return "INVALID_SESSION_ID" if isinstance(error, CredentialsError) else "UNREACHABLE"


class Writer:
    """Writes of one org. See Connector.write."""

    def __init__(self, client: Client, relations: Relations | None = None) -> None:
        self._client = client
        self._bulk = Bulk(client)
        self._linking = Linking(client, relations or Relations(client, Describes(client)))

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Outcomes in the order of `writes`. Raises only when nothing at all was carried out."""
        outcomes: dict[int, Outcome] = {}
        errors: list[CrmsyncError] = []
        stop = Event()
        writes = self._linking.prepared(writes)
        for place, write in enumerate(writes):
            refusal = unfit(write)
            if refusal is not None:
                outcomes[place] = refusal
            elif write.action is Action.UPDATE and not write.fields:
                outcomes[place] = Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=write.id)
        sent = len(outcomes)
        for run in waves(writes):
            todo = [place for place in run if place not in outcomes]
            for answer, places in self._run(writes, todo, stop):
                if answer.error is not None:
                    errors.append(answer.error)
                    outcomes.update({p: _outcome(writes[p], OutcomeKind.RETRY, _cause(answer.error), str(answer.error)) for p in places})
                else:
                    sent += len(places)
                    outcomes.update(zip(places, answer.outcomes, strict=True))
        if errors and sent == 0:
            raise errors[0]
        self._name_duplicates(writes, outcomes)
        self._look_at_targets(writes, outcomes)
        self._adopt_created(writes, outcomes)
        self._linking.settle(writes, outcomes)
        return [outcomes[place] for place in range(len(writes))]

    def _run(self, writes: Sequence[Write], places: Sequence[int], stop: Event) -> Iterator[tuple[_Answer, tuple[int, ...]]]:
        rest: list[int] = []
        for group in _grouped(writes, places):
            first = writes[group[0]]
            if first.action is Action.UPDATE and len(group) >= self._client.settings.bulk_write_from and not stop.is_set():
                rest += yield from self._jobs(writes, group, stop)
            else:
                rest += group
        chunks = list(_chunked(writes, rest))
        if len(chunks) <= 1:
            for chunk in chunks:
                yield self._answer(chunk, stop), chunk.places
            return
        with ThreadPoolExecutor(max_workers=min(self._client.settings.connections, len(chunks)), thread_name_prefix="salesforce") as pool:
            for chunk, answer in zip(chunks, pool.map(lambda c: self._answer(c, stop), chunks), strict=True):
                yield answer, chunk.places

    # --- bulk ------------------------------------------------------------------------------------------------------------

    def _jobs(
        self, writes: Sequence[Write], places: Sequence[int], stop: Event
    ) -> Generator[tuple[_Answer, tuple[int, ...]], None, list[int]]:
        """Updates by ingest jobs; returns the places left to collections."""
        where = {writes[p].write_id: p for p in places}
        # the text "#N/A" would clear the field in a CSV, and an empty text would leave it alone
        odd = {p for p in places if any(v in (wire.CLEARED, "") for v in writes[p].fields.values())}
        fit = [writes[p] for p in places if p not in odd]
        rest = sorted(odd)
        done = 0
        try:
            for part, results in self._bulk.update(writes[places[0]].object, fit):
                done += len(part)
                spots = tuple(where[w.write_id] for w in part)
                if results is None:
                    rest += spots
                    continue
                yield _Answer([_bulk_outcome(w, results.get((w.id or "")[:15])) for w in part]), spots
        except CrmsyncError as error:
            stop.set()
            yield _Answer(error=error), tuple(where[w.write_id] for w in fit[done:])
        return rest

    # --- collections -----------------------------------------------------------------------------------------------------

    def _answer(self, chunk: _Chunk, stop: Event) -> _Answer:
        """One collection call, with further tries for rows that were locked."""
        if stop.is_set():
            return _Answer(error=UnreachableError("not sent: an earlier request of the same call failed", side=wire.SIDE))
        try:
            outcomes = self._send(chunk)
        except LostError as error:
            return _Answer([_outcome(w, OutcomeKind.UNKNOWN, "ANSWER_LOST", str(error)) for w in chunk.writes])
        except RefusedError as error:
            return self._refused(chunk, error)
        except CrmsyncError as error:
            stop.set()
            return _Answer(error=error)
        for attempt in range(1, _LOCK_PATIENCE.attempts):
            locked = [i for i, o in enumerate(outcomes) if o.kind is OutcomeKind.RETRY and o.cause == wire.LOCKED]
            if not locked:
                break
            self._client.sleep(_LOCK_PATIENCE.wait(attempt))
            again = _Chunk(chunk.action, chunk.object, chunk.keyed, tuple(chunk.writes[i] for i in locked), tuple(locked))
            try:
                for i, found in zip(locked, self._send(again), strict=True):
                    outcomes[i] = found
            except LostError as error:
                for i in locked:
                    outcomes[i] = _outcome(chunk.writes[i], OutcomeKind.UNKNOWN, "ANSWER_LOST", str(error))
            except CrmsyncError:
                break  # the rows stay RETRY: they were locked
        return _Answer(outcomes)

    def _refused(self, chunk: _Chunk, error: RefusedError) -> _Answer:
        """A whole collection refused: alone, each record gets its own verdict; transient refusals are for later."""
        first = error.errors[0] if error.errors else wire.ApiError(code=f"HTTP_{error.status}", message=str(error))
        if wire.outcome_kind(first, chunk.action) is OutcomeKind.RETRY:
            return _Answer(error=error)
        if len(chunk.writes) == 1:
            return _Answer([wire.outcome(chunk.writes[0], id=None, errors=(first,))])
        if (
            first.code in {"NOT_FOUND", "INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"}
            or error.status == 403
        ):
            # the object or key field itself is missing: no record would fare better
            return _Answer([_outcome(w, OutcomeKind.REJECTED, first.code, first.message, first.fields) for w in chunk.writes])
        half = len(chunk.writes) // 2
        never = Event()
        parts = [
            self._answer(_Chunk(chunk.action, chunk.object, chunk.keyed, chunk.writes[cut], chunk.places[cut]), never)
            for cut in (slice(0, half), slice(half, None))
        ]
        outcomes: list[Outcome] = []
        for part, cut in zip(parts, (slice(0, half), slice(half, None)), strict=True):
            if part.error is None:
                outcomes += part.outcomes
            else:
                outcomes += [_outcome(w, OutcomeKind.RETRY, _cause(part.error), str(part.error)) for w in chunk.writes[cut]]
        return _Answer(outcomes)

    def _send(self, chunk: _Chunk) -> list[Outcome]:
        """One request for one chunk."""
        if chunk.action is Action.DELETE:
            ids = ",".join(str(w.id) for w in chunk.writes)
            method, path, body, safety = "DELETE", f"composite/sobjects?ids={ids}&allOrNone=false", None, WRITE
        else:
            body = orjson.dumps({"allOrNone": False, "records": [native(w) for w in chunk.writes]})
            method, path, safety = "PATCH", "composite/sobjects", WRITE
            if chunk.keyed:
                path, safety = f"composite/sobjects/{object_name(chunk.object)}/{KEY_FIELD}", KEYED_WRITE
            elif chunk.action is Action.CREATE:
                method, safety = "POST", ONCE
        headers = {} if chunk.action is Action.DELETE else NO_ASSIGNMENT
        answer = self._client.parsed(lambda: self._client.request(method, path, body=body, headers=headers, safety=safety))
        results = wire.results(answer, len(chunk.writes))
        if results is None:
            raise LostError("Salesforce's answer to a collection does not match what was sent", side=wire.SIDE)
        return [wire.outcome(w, id=r.id, errors=r.errors) for w, r in zip(chunk.writes, results, strict=True)]

    # --- second looks ----------------------------------------------------------------------------------------------------

    def _name_duplicates(self, writes: Sequence[Write], outcomes: dict[int, Outcome]) -> None:
        """Asks for the match of creates that a duplicate rule refused without naming it: the single-record answer carries it."""
        unnamed = [p for p, o in outcomes.items() if o.kind is OutcomeKind.EXISTS and o.existing_id is None]
        for place in unnamed[:_LOOK_UPS]:
            write = writes[place]
            path = f"sobjects/{object_name(write.object)}/"
            method, safety, fields = "POST", ONCE, dict(write.fields)
            if write.key:
                # the key goes into the address, escaped, and not into the body
                path, method, safety = path + format_external_id(KEY_FIELD, write.key), "PATCH", KEYED_WRITE
            body = orjson.dumps(fields)
            try:
                answer = self._client.parsed(
                    lambda m=method, p=path, b=body, s=safety: self._client.request(m, p, body=b, headers=NO_ASSIGNMENT, safety=s)  # type: ignore[misc]
                )
                outcomes[place] = wire.outcome(write, id=(answer or {}).get("id"), errors=())
            except RefusedError as error:
                if error.errors:
                    outcomes[place] = wire.outcome(write, id=None, errors=error.errors)
            except LostError as error:
                outcomes[place] = _outcome(write, OutcomeKind.UNKNOWN, "ANSWER_LOST", str(error))
            except CrmsyncError:
                return

    def _look_at_targets(self, writes: Sequence[Write], outcomes: dict[int, Outcome]) -> None:
        """Tells a target that is gone from a field that refers to something gone: both have one error code."""
        unclear = []
        for p, o in outcomes.items():
            if o.kind is OutcomeKind.GONE and writes[p].action is Action.CREATE:
                # nothing new can be gone: what it refers to is deleted, or a converted lead
                outcomes[p] = replace(o, kind=OutcomeKind.REJECTED, id=None)
            elif writes[p].action is not Action.CREATE and _may_be_reference(writes[p], o):
                unclear.append(p)
        by_object: dict[str, list[int]] = {}
        for place in unclear:
            by_object.setdefault(writes[place].object, []).append(place)
        for object, places in by_object.items():
            try:
                alive = {id[:15] for id in self._present(object, "Id", [str(writes[p].id) for p in places])}
            except CrmsyncError:
                continue  # they stay refused; the next read will tell
            for place in places:
                there = str(writes[place].id)[:15] in alive
                kind = OutcomeKind.REJECTED if there else OutcomeKind.GONE
                outcomes[place] = replace(outcomes[place], kind=kind)

    def _adopt_created(self, writes: Sequence[Write], outcomes: dict[int, Outcome]) -> None:
        """A keyed create sent again meets its own record, and create-only fields then refuse the update: the record is there, so it is done."""
        repeated = [
            p
            for p, o in outcomes.items()
            if o.kind is OutcomeKind.REJECTED
            and o.cause == "INVALID_FIELD_FOR_INSERT_UPDATE"
            and writes[p].action is Action.CREATE
            and writes[p].key
        ]
        by_object: dict[str, list[int]] = {}
        for place in repeated:
            by_object.setdefault(writes[place].object, []).append(place)
        for object, places in by_object.items():
            try:
                found = self._present(object, KEY_FIELD, [str(writes[p].key) for p in places])
            except CrmsyncError:
                continue
            keys = {key: id for id, key in found.items()}
            for place in places:
                id = keys.get(writes[place].key)
                if id is not None:
                    outcomes[place] = Outcome(write_id=writes[place].write_id, kind=OutcomeKind.DONE, id=id)

    def _present(self, object: str, field: str, values: Sequence[str]) -> dict[str, str | None]:
        """Live records by id, with the value of `field`."""
        found: dict[str, str | None] = {}
        hidden = object in ACTIVITIES  # archived ones are there, and `query` does not show them
        for text in soql.in_lists(dict.fromkeys(("Id", field)), object, field, values, also="IsDeleted = false" if hidden else ""):
            found.update({row["Id"]: row.get(field) for row in self._client.rows(soql.path(text, deleted=hidden))})
        return found


def _may_be_reference(write: Write, refused: Outcome) -> bool:
    """Whether a refusal may speak of a record that a field refers to instead of the target."""
    if refused.kind is OutcomeKind.GONE:
        return bool(_REFERENCES & write.fields.keys())
    return refused.kind is OutcomeKind.REJECTED and refused.cause in wire.TARGET_CODES and not refused.fields


def _bulk_outcome(write: Write, result: wire.Result | None) -> Outcome:
    if result is None:
        return _outcome(write, OutcomeKind.UNKNOWN, "ANSWER_LOST", "the bulk job's results do not name this record")
    return wire.outcome(write, id=result.id, errors=result.errors)


def _grouped(writes: Sequence[Write], places: Sequence[int]) -> list[list[int]]:
    groups: dict[tuple[Action, str, bool], list[int]] = {}
    for place in places:
        write = writes[place]
        groups.setdefault((write.action, write.object, write.action is Action.CREATE and bool(write.key)), []).append(place)
    return list(groups.values())


def _chunked(writes: Sequence[Write], places: Sequence[int]) -> Iterator[_Chunk]:
    for group in _grouped(writes, places):
        first = writes[group[0]]
        for start in range(0, len(group), BATCH):
            part = tuple(group[start : start + BATCH])
            keyed = first.action is Action.CREATE and bool(first.key)
            yield _Chunk(first.action, first.object, keyed, tuple(writes[p] for p in part), part)
