"""What a write says of whom a record belongs to, as Salesforce takes it: one Who and one What in the record, further people as rows of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from crmsync.errors import CrmsyncError
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.record import Ref, Value
from crmsync_salesforce import wire
from crmsync_salesforce.belong import ACTIVITIES, COLUMNS, PERSONS
from crmsync_salesforce.client import ONCE, WRITE, Client, LostError
from crmsync_salesforce.relations import MOST_PEOPLE, Junction, Relations, Tie
from crmsync_salesforce.soql import is_id

EMPLOYED = frozenset({"Opportunity", "Contact"})
"""Objects that belong to one account, by their AccountId."""
LINKED = ACTIVITIES | EMPLOYED
_COLLECTION = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One junction row to create or delete, for the write at `place`."""

    place: int
    body: Mapping[str, Any] | None = None
    id: str = ""


def persons_of(refs: Sequence[Ref]) -> list[Ref]:
    """The people of an activity or deal, as one can have them: one lead, or contacts."""
    people = [r for r in refs if r.object in PERSONS]
    if people and people[0].object == "Lead":
        return people[:1]
    return [r for r in people if r.object == "Contact"][:MOST_PEOPLE]


def completed(write: Write) -> Write:
    """What Salesforce demands or leaves idle besides what was given: an event's end, a reminder's switch."""
    if write.object not in ACTIVITIES or write.action is Action.DELETE:
        return write
    fields = dict(write.fields)
    if "ReminderDateTime" in fields and "IsReminderSet" not in fields:
        fields["IsReminderSet"] = fields["ReminderDateTime"] is not None
    if write.object == "Event" and write.action is Action.CREATE and not fields.get("IsAllDayEvent"):
        start = fields.get("StartDateTime")
        if start is not None and fields.get("EndDateTime") is None and fields.get("DurationInMinutes") is None:
            # one of them is required (contracts 4.7); a meeting without a known end lasts no time rather than an invented hour
            fields["EndDateTime"] = start
    return write if fields == write.fields else replace(write, fields=fields)


def _same(id: object, refs: Sequence[Ref]) -> bool:
    return isinstance(id, str) and any(id[:15] == ref.id[:15] for ref in refs)


def with_references(write: Write, *, shared: bool, now: Mapping[str, Any] | None, ties: Sequence[Tie] = ()) -> Write:
    """The write with WhoId, WhatId or AccountId as `about` and `unlink` want them; what `fields` names itself stands.

    now: the references the record has (None: not looked at, or new). ties: its people that are rows of their own."""
    refs = tuple(r for r in write.about if r.side == wire.SIDE)
    gone = tuple(r for r in write.unlink if r.side == wire.SIDE)
    seen = now or {}
    fields = dict(write.fields)
    if write.object in EMPLOYED:
        account = next((r.id for r in refs if r.object == "Account"), None)
        if account is not None:
            fields.setdefault("AccountId", account)
        elif _same(seen.get("AccountId"), gone):
            fields.setdefault("AccountId", None)
        return replace(write, fields=fields)
    people = persons_of(refs)
    who_now, what_now = seen.get("WhoId"), seen.get("WhatId")
    if people and (not shared or who_now is None or _same(who_now, gone)):
        fields.setdefault("WhoId", people[0].id)
    elif not people and _same(who_now, gone):
        rest = [tie.person.id for tie in ties if not _same(tie.person.id, gone)]
        fields.setdefault("WhoId", rest[0] if rest else None)
    what = next((r.id for r in refs if r.object in {"Account", "Opportunity"}), None)
    who = fields.get("WhoId", who_now)
    if isinstance(who, str) and who.startswith("00Q"):
        # a lead together with a What is refused, so the What is left out, and taken away where there may be one
        if "WhoId" in fields and write.action is Action.UPDATE and (now is None or what_now is not None):
            fields.setdefault("WhatId", None)
    elif what is not None:
        fields.setdefault("WhatId", what)
    elif _same(what_now, gone):
        fields.setdefault("WhatId", None)
    return replace(write, fields=fields)


class Linking:
    """Links of the writes to one org."""

    def __init__(self, client: Client, relations: Relations) -> None:
        self._client = client
        self._relations = relations

    def prepared(self, writes: Sequence[Write]) -> list[Write]:
        """The writes with everything that goes into the records themselves. Reads the present references of updates that need them, in one
        query per object and about 700 records."""
        full = [completed(w) for w in writes]
        present: dict[tuple[str, str], Mapping[str, Any]] = {}
        ties: dict[tuple[str, str], list[Tie]] = {}
        for object in LINKED:
            asked = [w.id for w in full if w.object == object and w.id and is_id(w.id) and self._must_look(w)]
            if not asked:
                continue
            for row in self._relations.rows(("Id", *COLUMNS[object]), object, "Id", asked):
                present[object, row["Id"][:15]] = row
            known = set(asked)
            dropping = [w.id for w in full if w.object == object and w.unlink and w.id and w.id in known]
            for tie in self._relations.ties(object, dropping) if object in ACTIVITIES else ():
                ties.setdefault((object, tie.parent[:15]), []).append(tie)
        done = []
        for write in full:
            if write.object in LINKED and write.action is not Action.DELETE and (write.about or write.unlink):
                place = (write.object, (write.id or "")[:15])
                shared = write.action is Action.UPDATE and self._relations.shared(write.object)
                write = with_references(write, shared=shared, now=present.get(place), ties=ties.get(place, ()))
            done.append(write)
        return done

    def _must_look(self, write: Write) -> bool:
        """Updates whose references depend on the present ones."""
        if write.action is not Action.UPDATE or not (write.about or write.unlink):
            return False
        people = persons_of(write.about)
        if write.object in EMPLOYED and any(r.object == "Account" for r in write.about):
            return False  # it takes the place of whatever stands there
        return bool(write.unlink) or (write.object in ACTIVITIES and (not people or self._relations.shared(write.object)))

    # --- people as rows of their own ------------------------------------------------------------------------------------------

    def settle(self, writes: Sequence[Write], outcomes: dict[int, Outcome]) -> None:
        """Creates and deletes the junction rows of writes that were accepted. A create stands whatever becomes of them; the message tells."""
        by_object: dict[str, list[int]] = {}
        for place, write in enumerate(writes):
            if outcomes[place].kind is OutcomeKind.DONE and outcomes[place].id and self._has_rows(write):
                by_object.setdefault(write.object, []).append(place)
        for object, places in by_object.items():
            junction = self._relations.junction(object)
            if junction is None:
                continue
            try:
                ties = self._relations.ties(object, [str(outcomes[p].id) for p in places])
                jobs = [job for p in places for job in _jobs(junction, writes[p], p, str(outcomes[p].id), ties)]
            except CrmsyncError as error:
                for place in places:
                    outcomes[place] = _troubled(writes[place], outcomes[place], wire.ApiError(code="UNREACHABLE", message=str(error)))
                continue
            self._carry(writes, [j for j in jobs if j.body is not None], outcomes)
            self._carry(writes, [j for j in jobs if j.body is None], outcomes)

    def _has_rows(self, write: Write) -> bool:
        if write.object not in LINKED or write.object == "Contact" or write.action is Action.DELETE:
            return False
        people, gone = persons_of(write.about), [r for r in write.unlink if r.object in PERSONS]
        if write.object == "Opportunity":
            return bool(people or gone)
        # the first person of a new activity is its WhoId
        enough = len(people) > (1 if write.action is Action.CREATE else 0) or bool(gone)
        return enough and self._relations.shared(write.object)

    def _carry(self, writes: Sequence[Write], jobs: Sequence[_Job], outcomes: dict[int, Outcome]) -> None:
        for start in range(0, len(jobs), _COLLECTION):
            part = jobs[start : start + _COLLECTION]
            if part[0].body is not None:
                body = orjson.dumps({"allOrNone": False, "records": [j.body for j in part]})
                method, path, safety = "POST", "composite/sobjects", ONCE
            else:
                body, ids = None, ",".join(j.id for j in part)
                method, path, safety = "DELETE", f"composite/sobjects?ids={ids}&allOrNone=false", WRITE
            try:
                answer = self._client.parsed(
                    lambda m=method, p=path, b=body, s=safety: self._client.request(m, p, body=b, safety=s)  # type: ignore[misc]
                )
                errors = [r.errors for r in wire.results(answer, len(part)) or [wire.Result(id=None, errors=(_UNTOLD,))] * len(part)]
            except CrmsyncError as error:
                code = "ANSWER_LOST" if isinstance(error, LostError) else "UNREACHABLE"
                errors = [(wire.ApiError(code=code, message=str(error)),)] * len(part)
            for job, said in zip(part, errors, strict=True):
                # what is there already, or gone already, is as it was wanted
                if said and said[0].code != ("DUPLICATE_VALUE" if job.body is not None else "ENTITY_IS_DELETED"):
                    outcomes[job.place] = _troubled(writes[job.place], outcomes[job.place], said[0])


_UNTOLD = wire.ApiError(code="ANSWER_LOST", message="Salesforce's answer to a collection does not match what was sent")


def _jobs(junction: Junction, write: Write, place: int, parent: str, ties: Sequence[Tie]) -> list[_Job]:
    own = [t for t in ties if t.parent[:15] == parent[:15]]
    there = {t.person.id[:15] for t in own}
    jobs = []
    main = any(t.first for t in own)
    for person in persons_of(write.about):
        if person.id[:15] in there or (junction.first and person.object != "Contact"):
            continue
        body: dict[str, Value | Mapping[str, str]] = {
            "attributes": {"type": junction.object}, junction.parent: parent, junction.person: person.id,
        }  # fmt: skip
        if junction.first and not main:
            body[junction.first], main = True, True
        jobs.append(_Job(place=place, body=body))
    return jobs + [_Job(place=place, id=t.id) for t in own if _same(t.person.id, write.unlink)]


def _troubled(write: Write, done: Outcome, error: wire.ApiError) -> Outcome:
    """What a failed link makes of an accepted write: an update can be sent again, a create must not be taken back."""
    message = f"a link was not carried out: {error.message}"
    if write.action is Action.CREATE:
        return replace(done, cause=error.code, message=message)
    if error.code == "ANSWER_LOST":
        kind = OutcomeKind.UNKNOWN
    else:
        kind = OutcomeKind.RETRY if error.code == "UNREACHABLE" else wire.outcome_kind(error, Action.UPDATE)
    return replace(done, kind=OutcomeKind.REJECTED if kind is OutcomeKind.GONE else kind, cause=error.code, message=message)
