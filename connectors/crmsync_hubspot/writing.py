"""Many writes: grouped into batches, four at a time, in order per record; then what batches alone cannot do (stages, opt-outs, merges)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.record import Value
from crmsync_hubspot import consent, wire
from crmsync_hubspot.associate import ARCHIVE_SIZE, Associating
from crmsync_hubspot.batch import SIZE, Batch, Outcomes
from crmsync_hubspot.client import IN_FLIGHT, Client, chunks
from crmsync_hubspot.lookup import Lookup
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.search import batch_read

STAGE = "lifecyclestage"
_Job = Callable[[], Outcomes]


class Writing:
    """Writes of one connected account."""

    def __init__(self, client: Client, schemas: Schemas, lookup: Lookup) -> None:
        self._client = client
        self._batch = Batch(client, schemas)
        self._associating = Associating(client)
        self._lookup = lookup

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """See the protocol. Raises only when nothing at all was carried out."""
        out: Outcomes = {}
        for round_ in _rounds(writes):
            self._run_round(round_, out)
        return [out[w.write_id] for w in writes]

    def _run_round(self, writes: Sequence[Write], out: Outcomes) -> None:
        """Writes of different records: at most one per record."""
        jobs: list[tuple[Sequence[Write], _Job]] = []
        groups: dict[tuple[Action, str, bool], list[Write]] = {}
        for write in writes:
            groups.setdefault((write.action, write.object, _links_alone(write)), []).append(write)
        for (action, object, alone), members in groups.items():
            for part in chunks(members, ARCHIVE_SIZE if alone else SIZE):
                jobs.append((part, self._job(action, object, part)))
        failed: list[tuple[Sequence[Write], Exception]] = []

        def run(job: tuple[Sequence[Write], _Job]) -> Outcomes | Exception:
            try:
                return job[1]()
            except (CredentialsError, UnreachableError) as error:
                return error

        if len(jobs) == 1:
            results: list[Outcomes | Exception] = [run(jobs[0])]
        else:
            with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
                results = list(pool.map(run, jobs))
        for (part, _), result in zip(jobs, results, strict=True):
            if isinstance(result, Exception):
                failed.append((part, result))
            else:
                out.update(result)
        if failed and not out:
            raise failed[0][1]
        for part, error in failed:
            for write in part:
                out[write.write_id] = Outcome(
                    write_id=write.write_id, kind=OutcomeKind.RETRY, id=write.id, cause=type(error).__name__, message=str(error)
                )

    def _job(self, action: Action, object: str, part: Sequence[Write]) -> _Job:
        if action is Action.CREATE:
            return lambda: self._create(object, part)
        if action is Action.UPDATE:
            return lambda: self._update(object, part)
        return lambda: self._batch.archive(object, part)

    # --- create --------------------------------------------------------------------------------------------------------------------

    def _create(self, object: str, writes: Sequence[Write]) -> Outcomes:
        if object != wire.CONTACTS:
            return self._batch.create(object, writes)
        out = self._batch.create(object, [_without(w, wire.OPT_OUT) for w in writes])
        created = {o.id: w for w in writes if w.fields.get(wire.OPT_OUT) and (o := out[w.write_id]).kind is OutcomeKind.DONE and o.id}
        if created:
            self._opt_out_new(created, out)
        return out

    def _opt_out_new(self, created: Mapping[str, Write], out: Outcomes) -> None:
        """The person exists: an opt-out that fails now is told by what is shown, never by repeating the create."""
        try:
            done = consent.carry(self._client, dict.fromkeys(created, True))
        except (CredentialsError, UnreachableError) as error:
            done = {id: consent.Consent(kind=OutcomeKind.RETRY, opted_out=False, message=str(error)) for id in created}
        for id, write in created.items():
            old = out[write.write_id]
            shown = {**(old.shown or {}), wire.OPT_OUT: done[id].opted_out or False}
            out[write.write_id] = replace(old, shown=shown, message=done[id].message)

    # --- update --------------------------------------------------------------------------------------------------------------------

    def _update(self, object: str, writes: Sequence[Write]) -> Outcomes:
        out: Outcomes = {}
        carried: dict[str, consent.Consent] = {}
        if object == wire.CONTACTS:
            wishes = {str(w.id): w.fields[wire.OPT_OUT] for w in writes if wire.OPT_OUT in w.fields}
            # before the record itself: a refused wish leaves the whole write undone, so that it can be sent again without that field
            carried = consent.carry(self._client, wishes) if wishes else {}
        going: list[Write] = []
        for write in writes:
            if _links_alone(write):
                out[write.write_id] = Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=write.id, shown={})
                continue
            told = carried.get(str(write.id))
            if told is not None and told.kind is not OutcomeKind.DONE:
                out[write.write_id] = Outcome(
                    write_id=write.write_id, kind=told.kind, id=write.id, cause=told.cause, message=told.message, fields=(wire.OPT_OUT,)
                )
            elif told is not None and told.opted_out is not None and set(write.fields) == {wire.OPT_OUT}:
                out[write.write_id] = Outcome(
                    write_id=write.write_id, kind=OutcomeKind.DONE, id=write.id, shown={wire.OPT_OUT: told.opted_out}
                )
            else:
                going.append(_without(write, wire.OPT_OUT) if told is not None else write)
        if going:
            try:
                out.update(self._batch.update(object, going))
            except (CredentialsError, UnreachableError) as error:
                if not carried:
                    raise
                out.update({w.write_id: Outcome(write_id=w.write_id, kind=OutcomeKind.RETRY, id=w.id, cause=type(error).__name__,
                                                message=str(error)) for w in going})  # fmt: skip
        for write in going:
            told = carried.get(str(write.id))
            done = out[write.write_id]
            if told is not None and told.opted_out is not None and done.kind is OutcomeKind.DONE:
                out[write.write_id] = replace(done, shown={**(done.shown or {}), wire.OPT_OUT: told.opted_out})
        if object == wire.CONTACTS:
            self._without_stage(going, out)
            self._stages(going, out)
        self._associating.carry(object, writes, out)
        if object in wire.MERGEABLE:
            self._survivors(object, writes, out)
        return out

    def _without_stage(self, writes: Sequence[Write], out: Outcomes) -> None:
        """Where HubSpot refused a whole write for its stage alone, though that is one of its options (a move backwards that it does not ignore but
        refuse): writes the other fields; the stage follows in `_stages`."""
        refused = [
            w
            for w in writes
            if w.fields.get(STAGE)
            and out[w.write_id].kind is OutcomeKind.REJECTED
            and out[w.write_id].fields == (STAGE,)
            and out[w.write_id].cause != "INVALID_OPTION"
        ]
        if not refused:
            return
        others = [_without(w, STAGE) for w in refused if len(w.fields) > 1]
        out.update(
            {w.write_id: Outcome(write_id=w.write_id, kind=OutcomeKind.DONE, id=w.id, shown={}) for w in refused if len(w.fields) == 1}
        )
        try:
            out.update(self._batch.update(wire.CONTACTS, others) if others else {})
        except (CredentialsError, UnreachableError) as error:
            out.update({w.write_id: Outcome(write_id=w.write_id, kind=OutcomeKind.RETRY, id=w.id, cause=type(error).__name__,
                                            message=str(error)) for w in others})  # fmt: skip

    def _stages(self, writes: Sequence[Write], out: Outcomes) -> None:
        """lifecyclestage moves only forward unless it is cleared first, and a backward move is ignored in silence (contracts 5.9, F71).

        Clear, then set, in two further batches; what is shown afterwards is told, whatever it is. A stage that HubSpot then refuses is put back
        as it was.
        """
        wanted = {
            str(w.id): w
            for w in writes
            if w.fields.get(STAGE)
            and w.id
            and out[w.write_id].kind is OutcomeKind.DONE
            and not self._shows(out[w.write_id], w.fields[STAGE])
        }
        if not wanted:
            return
        shown: dict[str, Value] = {}
        cleared: list[str] = []
        try:
            shown = before = self._read_stages(wanted)
            stuck = [w for id, w in wanted.items() if id in shown and shown[id] != w.fields[STAGE]]
            if stuck:
                shown = {id: stage for id, stage in shown.items() if id not in {w.id for w in stuck}}
                emptied = self._batch.update(wire.CONTACTS, [replace(w, fields={STAGE: None}) for w in stuck])
                cleared = [str(w.id) for w in stuck if emptied[w.write_id].kind is OutcomeKind.DONE]
                placed = self._batch.update(wire.CONTACTS, [replace(w, fields={STAGE: w.fields[STAGE]}) for w in stuck])
                lost = [
                    w for w in stuck if placed[w.write_id].kind is OutcomeKind.REJECTED and str(w.id) in cleared and before.get(str(w.id))
                ]
                if lost:
                    self._batch.update(wire.CONTACTS, [replace(w, fields={STAGE: before[str(w.id)]}) for w in lost])
                shown |= self._read_stages({str(w.id): w for w in stuck})
        except (CredentialsError, UnreachableError):
            # the rest of the write stands; a stage that was cleared and not set again is told as empty, another one not at all
            shown |= {id: None for id in cleared if id not in shown}
        for id, write in wanted.items():
            done = out[write.write_id]
            told = {n: v for n, v in (done.shown or {}).items() if n != STAGE}
            if id in shown:
                told[STAGE] = shown[id]
            out[write.write_id] = replace(done, shown=told)

    @staticmethod
    def _shows(outcome: Outcome, stage: Value) -> bool:
        return (outcome.shown or {}).get(STAGE) == stage

    def _read_stages(self, wanted: Mapping[str, Write]) -> dict[str, Value]:
        rows = batch_read(self._client, wire.CONTACTS, list(wanted), [STAGE])
        return {str(r["id"]): r["properties"].get(STAGE) or None for r in rows}

    def _survivors(self, object: str, writes: Sequence[Write], out: Outcomes) -> None:
        """batch/update does not know ids that were merged away; a single read does (contracts 5.6)."""
        lost = {str(w.id): w for w in writes if out[w.write_id].kind is OutcomeKind.GONE and w.id and w.id.isdigit()}
        if not lost:
            return
        try:
            survivors = self._lookup.survivors(object, list(lost))
        except (CredentialsError, UnreachableError):
            return  # gone it is, whereto the next pull tells
        for id, survivor in survivors.items():
            old = out[lost[id].write_id]
            out[old.write_id] = replace(old, existing_id=survivor.ref.id, cause="MERGED")


def _without(write: Write, name: str) -> Write:
    if name not in write.fields:
        return write
    return replace(write, fields={n: v for n, v in write.fields.items() if n != name})


def _links_alone(write: Write) -> bool:
    """An update of associations without any property."""
    return write.action is Action.UPDATE and not write.fields


def _rounds(writes: Sequence[Write]) -> list[list[Write]]:
    """Rounds in which no record occurs twice, in the given order per record."""
    rounds: list[list[Write]] = []
    times: dict[tuple[str, str], int] = {}
    for write in writes:
        turn = 0
        if write.id is not None:
            place = (write.object, write.id)
            turn = times.get(place, 0)
            times[place] = turn + 1
        while len(rounds) <= turn:
            rounds.append([])
        rounds[turn].append(write)
    return rounds
