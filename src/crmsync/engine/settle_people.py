"""What became of writes about persons and of first-touch tasks: collected from a batch of outcomes and stored at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crmsync.decide.canonical import same
from crmsync.decide.match import primary
from crmsync.decide.plan import STATUS, data_hash
from crmsync.engine.beliefs import SCHEMA_IS_OLD
from crmsync.engine.employers import FIELD
from crmsync.engine.outbox import Outgoing
from crmsync.engine.readback import silent_no_op
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import Agreed, PersonState, Snapshot, delivered
from crmsync.model.record import RecordState, Ref, Value
from crmsync.model.rules import FieldType
from crmsync.store import StoredSnapshot

UNSTAMPED = datetime(1970, 1, 1, tzinfo=UTC)
MAX_BACKOFF = timedelta(hours=1)
SOON = timedelta(minutes=1)
NOT_TAKEN_BACK = "task_not_taken_back"
"""A task that was to go stands in its CRM, which refused the delete for good."""


class PersonSettlement:
    """Collects what a batch of outcomes changes and stores it at once. Lives for one call of _settle."""

    def __init__(self, world: World, side: str, now: datetime, people: dict[str, PersonState], held: dict[Ref, Snapshot]) -> None:
        self.world, self.side, self.now, self.people, self.held = world, side, now, people, held
        self.entries: list[JournalEntry] = []
        self.rows: list[StoredSnapshot] = []
        self.problems: list[Problem] = []
        self.again: list[str] = []
        self.created: list[str] = []
        self.settled_people: dict[str, PersonState] = {}
        self.task_ids: list[tuple[str, str]] = []
        self.healed: list[tuple[str, str, frozenset[str]]] = []
        self.links: dict[Ref, Sequence[Ref]] = {}
        self._records: dict[str, list[Snapshot]] | None = None
        """Of everybody in the batch, read once when somebody's owner was written: of other sides, which this batch leaves alone."""

    def done(self, item: Outgoing, outcome: Outcome) -> None:
        """Notes what the CRM accepted: the record as it stands now, and what is agreed."""
        write, planned = item.entry.write, item.planned
        assert planned is not None
        person_id = str(item.entry.person_id)
        state = self.settled_people.get(person_id) or self.people.get(person_id) or PersonState(person_id=person_id, created_at=self.now)
        ref = Ref(side=self.side, object=write.object, id=str(outcome.id or write.id))
        before = self.held.get(ref)
        if write.action is Action.DELETE:
            if before is not None:
                self._keep(replace(before, state=RecordState.DELETED, by_us=True))
            return
        lens = self.world.lenses[self.side, write.object]
        shown = lens.to_house(outcome.shown, self.world.owners) if outcome.shown is not None else None
        stands = {name: value if shown is None else shown.get(name, value) for name, value in planned.merged.items()}
        extra = {n: v for n, v in {**write.fields, **(outcome.shown or {})}.items() if n not in lens.natives or n in lens.also_read}
        self._keep(
            Snapshot(
                ref=ref,
                fields={**(before.fields if before else dict.fromkeys(lens.by_name)), **stands},
                extra={**(before.extra if before else {}), **extra},
                # Only the CRM's own clock may stamp a record: ours could run ahead and make its next true showing look outdated.
                modified_at=outcome.modified_at or (before.modified_at if before else UNSTAMPED),
                created_at=before.created_at if before else self.now,
                person_id=person_id,
                by_us=None if shown is None else True,
            )
        )
        base = dict(state.base)
        for name, values in planned.base.items():
            accepted = {**values, self.side: stands.get(name, values.get(self.side))}
            base[name] = Agreed(values=accepted, mapping=self.world.playbook.person.fields[name].fingerprint)
        sent = dict(state.sent)
        if shown is None and planned.merged:
            known = before.fields if before else {}
            sent[self.side] = {**sent.get(self.side, {}), **{n: (v, known.get(n)) for n, v in planned.merged.items()}}
        own = self._statuses(item, ref, planned.own, outcome.shown)
        self.settled_people[person_id] = replace(
            state,
            base=base,
            sent=sent,
            anchors={**state.anchors, self.side: f"{ref.object}/{ref.id}"},
            written={**state.written, self.side: delivered(state.written.get(self.side, {}), own, planned.merged)},
            employers=self._employers(state, ref, write),
            owner_was=state.owner if self._passed_on(state, planned.merged) else state.owner_was,
            next_due_at=state.next_due_at if len(own) == len(planned.own) else min(filter(None, (state.next_due_at, self.now + SOON))),
        )
        lost = {name for name in planned.own if name not in own}
        healed = {*item.entry.names.values(), *([FIELD] if write.about or write.unlink else [])}
        self.healed.append((person_id, write.object, frozenset(healed) - planned.stood_in - lost))
        if write.action is Action.CREATE:
            self.created.append(person_id)  # activities that waited for this record can follow
        self._check_read_back(item, ref, planned.merged, stands, before)

    def _passed_on(self, state: PersonState, merged: Mapping[str, Value]) -> bool:
        """Whether every CRM shows the router's owner now: from here on anybody else, and nobody, is somebody's choice (R6)."""
        if state.owner is None or merged.get("owner") != state.owner:
            return False
        if self._records is None or state.person_id not in self.people:
            self._records = self.world.store.snapshots_of([*self.people, state.person_id])
        records = self._records.get(state.person_id, [])
        others = (primary(records, side, self.world.playbook.person, state.anchors) for side in self.world.sides if side != self.side)
        return all(one is None or one.fields.get("owner", state.owner) == state.owner for one in others)

    def _employers(self, state: PersonState, ref: Ref, write: Write) -> Mapping[str, str | None]:
        """The company that both sides show from now on (see decide.employer)."""
        if not write.about and not write.unlink:
            return state.employers
        self.links[ref] = write.about
        held = self.world.store.snapshots(write.about)
        return dict.fromkeys(self.world.sides, next((s.person_id for s in held.values()), None))

    def _statuses(self, item: Outgoing, ref: Ref, own: Mapping[str, Value], shown: Mapping[str, Value] | None) -> dict[str, Value]:
        """What of crmsync's own fields and of the CRM's words for the stage was delivered. A word that the CRM took and does not show is told (F44); one
        whose field is empty now (cleared for a move backwards that then failed, F71) is not delivered, and is written again soon."""
        arrived = dict(own)
        told = shown or {}
        for name, value in own.items():
            native = name.removeprefix(STATUS)
            if native == name or native not in told or same(FieldType.PICKLIST, told[native], value):
                continue
            if told[native] is None:
                del arrived[name]
            else:
                self.problems.append(silent_no_op(ref, item.entry.person_id, name, value))
        return arrived

    def _check_read_back(
        self, item: Outgoing, ref: Ref, wanted: Mapping[str, Value], stands: Mapping[str, Value], before: Snapshot | None
    ) -> None:
        """F44: accepted, yet the CRM shows the old value. Said once; the difference then stands until somebody moves."""
        for name, value in wanted.items():
            kind = self.world.playbook.person.fields[name].type
            old = before.fields.get(name) if before else None
            if before is not None and same(kind, stands[name], old) and not same(kind, value, old):
                self.problems.append(silent_no_op(ref, item.entry.person_id, name, value))

    def rejected(self, item: Outgoing, outcome: Outcome) -> None:
        """Parks the fields the CRM complained of and tries the rest again; with no field named, parks the record until its data changes (F42, F47, F63)."""
        write, names = item.entry.write, item.entry.names
        by_lower = {native.lower(): native for native in write.fields}
        culprits = [by_lower[f.lower()] for f in outcome.fields if f.lower() in by_lower]
        if (outcome.fields and not culprits and (write.about or write.unlink)) or not write.fields:
            self._not_employed(item, outcome)
            return
        create_needs = write.action is Action.CREATE and any(names.get(native) == "email" for native in culprits)
        # A create without any of its fields makes no sense; an update whose every field was refused is those fields' trouble, not the record's.
        whole = not culprits or create_needs or (write.action is Action.CREATE and len(culprits) == len(write.fields))
        planned = item.planned
        for native in [None] if whole else culprits:
            name = None if native is None else names.get(native, native)
            value = None if native is None or planned is None else planned.merged.get(str(name), planned.own.get(str(name)))
            self.problems.append(
                Problem(
                    cause=outcome.cause or "rejected",
                    message=f"{self.side} refused {'the record' if native is None else native}: {outcome.message[:300]}",
                    side=self.side,
                    object=write.object,
                    record_id=write.id,
                    person_id=item.entry.person_id,
                    field=name,
                    data_hash=data_hash(write.fields) if native is None else data_hash(value),
                )
            )
        if not whole:
            self.again.append(str(item.entry.person_id))
        if outcome.cause in SCHEMA_IS_OLD:
            self.world.forget_schema(self.side)
        self.world.doubt(self.side, self.now)

    def _not_employed(self, item: Outgoing, outcome: Outcome) -> None:
        """Parks whom the person shall belong to, and tries the rest of the write again."""
        write = item.entry.write
        self.problems.append(
            Problem(
                cause=outcome.cause or "rejected",
                message=f"{self.side} refused the person's company: {outcome.message[:300]}",
                side=self.side, object=write.object, record_id=write.id, person_id=item.entry.person_id, field=FIELD,
                data_hash=data_hash([str(to) for to in (*write.about, *write.unlink)]),
            )
        )  # fmt: skip
        if write.fields:
            self.again.append(str(item.entry.person_id))

    def retry(self, item: Outgoing, outcome: Outcome) -> None:
        """Not carried out for a passing reason: due again after a growing while. Where only some fields were hindered (an opt-out that the CRM does
        not take now), the rest follows at once."""
        person_id, write = str(item.entry.person_id), item.entry.write
        tries = sum(1 for e in self.world.store.journal.of(person_id, limit=20) if e.outcome == OutcomeKind.RETRY.value)
        wait = min(timedelta(seconds=5) * 2**tries, MAX_BACKOFF)
        held = [native for native in write.fields if native in outcome.fields and native in item.entry.names]
        merged = item.planned.merged if item.planned is not None else {}
        part: list[str | None] = [*held] if len(held) < len(write.fields) else []
        self.world.store.problems.park(
            [
                Problem(
                    cause=outcome.cause or "retry",
                    message=f"{self.side} could not take {'it' if native is None else native} now: {outcome.message[:300]}",
                    side=self.side,
                    object=write.object,
                    record_id=write.id,
                    person_id=person_id,
                    field=None if native is None else item.entry.names[native],
                    data_hash=data_hash(write.fields if native is None else merged.get(item.entry.names[native])),
                )
                for native in part or [None]
            ],
            self.now,
            retry_at=self.now + wait,
        )
        if part:
            self.again.append(person_id)
        state = self.settled_people.get(person_id) or self.people.get(person_id)
        if state is not None:
            due = min(filter(None, (state.next_due_at, self.now + wait)))
            self.settled_people[person_id] = replace(state, next_due_at=due)

    def task(self, item: Outgoing, outcome: Outcome) -> None:
        """Notes what became of one of our tasks."""
        key = str(item.entry.write.key)
        if item.entry.write.action is Action.DELETE:  # whatever became of it, it is not made again
            if outcome.kind is OutcomeKind.REJECTED:
                self.problems.append(self._not_taken_back(item, outcome, key))
            return
        if outcome.kind is OutcomeKind.DONE or (outcome.kind is OutcomeKind.EXISTS and outcome.existing_id):
            self.task_ids.append((key, str(outcome.id or outcome.existing_id)))
        elif outcome.kind is not OutcomeKind.RETRY:
            self.problems.append(
                Problem(
                    cause=outcome.cause or "task_refused",
                    message=f"{self.side} refused the task: {outcome.message[:300]}",
                    side=self.side,
                    object=item.entry.write.object,
                    person_id=item.entry.person_id,
                    data_hash=key,
                )
            )
            self.task_ids.append((key, "refused"))

    def _not_taken_back(self, item: Outgoing, outcome: Outcome, key: str) -> Problem:
        write = item.entry.write
        return Problem(
            cause=NOT_TAKEN_BACK,
            message=f"{self.side} refused to delete the task {write.id}, which nobody has to do any more: {outcome.cause or 'no code'}: {outcome.message[:300]}. "
            f"It stands open there. Let our user delete tasks and run `crmsync problems retry --cause {NOT_TAKEN_BACK}`, or delete it in {self.side} "
            f"and run `crmsync problems drop --cause {NOT_TAKEN_BACK}`.",
            side=self.side,
            object=write.object,
            record_id=write.id,
            person_id=item.entry.person_id,
            data_hash=key,
        )

    def _keep(self, snapshot: Snapshot) -> None:
        lens = self.world.lenses[snapshot.ref.side, snapshot.ref.object]
        self.rows.append(
            StoredSnapshot(snapshot=snapshot, hash="", emails=lens.emails(snapshot.fields, snapshot.extra), key=snapshot.person_id)
        )

    def store(self) -> None:
        """In the caller's transaction."""
        store = self.world.store
        store.journal.settle(self.entries)
        store.save_snapshots(self.rows, dirty=False)
        store.links.save(self.links)
        store.save_persons(list(self.settled_people.values()))
        # In this order: what was found in this very answer (a value that did not stick) is not healed by it.
        store.problems.heal(self.side, self.healed)
        store.problems.park(self.problems, self.now)
        store.mark_dirty_persons(self.again)
        store.links.wake(self.created)
        for key, record_id in self.task_ids:
            store.tasks.created(key, record_id)
