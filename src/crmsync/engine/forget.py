"""Erasing persons: everything held of them goes, one proof line stays, and their records are recognised and left out when they come again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from crmsync.decide.belong import COMPANY, DEAL
from crmsync.errors import UnreachableError
from crmsync.model.attention import Problem
from crmsync.model.link import Snapshot
from crmsync.model.record import Record, RecordState, Ref
from crmsync.store import PROOF, Erasure, Store, StoredSnapshot

if TYPE_CHECKING:
    from crmsync.engine.world import World

log = structlog.get_logger(__name__)

ASKED = "forget_asked"
"""Where the store keeps addresses that a person asked to erase while another process runs the cycles."""
BY_HAND = "by hand"
ERASED_AT_ONCE = 100
"""Persons of one transaction."""
ERASED_ELSEWHERE = "erased_elsewhere"
_TELLING = 6
"""Shorter ids than this may stand for anything in a text."""
_REMEMBERED = ("last_cycle", "last_good_cycle")

Places = Collection[tuple[str, str]]
"""(side, object) of the native objects that stand for persons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What became of one person. emails: keyed hashes of the addresses. counts: rows erased, by kind. left: live records that stay in their CRMs
    and are not synced any more."""

    at: datetime
    asked: str
    emails: tuple[str, ...]
    counts: Mapping[str, int]
    left: tuple[Ref, ...] = ()

    @property
    def text(self) -> str:
        """The proof line. Names nobody."""
        numbers = ", ".join(f"{name} {count}" for name, count in self.counts.items()) or "nothing was held"
        return f"asked for {self.asked}; erased: {numbers}; e-mail {' '.join(self.emails) or 'none'}"


def erase_people(
    store: Store, people: Mapping[str | None, Sequence[Snapshot]], persons: Places, now: datetime, asked: str, emails: Collection[str] = ()
) -> list[Erased]:
    """Erases these persons and records in one transaction and says for each what there was. people: person -> records known to be theirs; under
    None: records that stand for nobody yet. persons: what stands for a person. emails: folded addresses to recognise beside the records' own."""
    done: list[Erased] = []
    refs: set[Ref] = set()
    texts: set[str] = set()
    with store.forgotten.erasing():
        settled = store.forgotten.twins_naming([id for id in people if id is not None])
        for person, given in people.items():
            records = {s.ref: s for s in [*given, *(store.snapshots_of([person]).get(person, []) if person is not None else [])]}
            mine = frozenset(emails) | store.forgotten.emails_of(records)
            twins = [id for id, twin in settled.items() if any(person in ids for ids in twin.links.values())]
            what = _gather(store, person, frozenset(records), mine, twins, persons)
            texts |= _texts(records.values(), mine, what.records)
            counts = {**store.forgotten.erase(what, now), **({} if person is None else _work(store, person))}
            refs |= what.records
            left = tuple(sorted(ref for ref, s in records.items() if s.state is RecordState.LIVE))
            done.append(
                Erased(at=now, asked=asked, emails=tuple(store.forgotten.email_hash(e) for e in sorted(mine)), counts=counts, left=left)
            )
        strays = store.forgotten.erase_strays(refs, texts)
        if strays and done:
            done[0] = replace(done[0], counts={**done[0].counts, "journal": done[0].counts.get("journal", 0) + strays})
        _scrub(store, texts)
        for one in done:
            store.log_event(now, PROOF, one.text)
        store.problems.park([_elsewhere(ref) for one in done for ref in one.left], now)
    log.info("persons erased", count=len(done), asked=asked)
    return done


def _work(store: Store, person: str) -> dict[str, int]:
    """Forgets the work on a person; what of it there was."""
    found = {
        "assignments": store.assignments.erase([person]), "obligations": store.obligations.erase([person]),
        "touches": store.touches.erase([person]), "alerts": store.alerts.erase([person]),
    }  # fmt: skip
    return {what: count for what, count in found.items() if count}


def _gather(
    store: Store, person: str | None, records: frozenset[Ref], emails: frozenset[str], settled: Sequence[str], persons: Places
) -> Erasure:
    """What goes with a person: activities that belong to nobody else go too, whatever company or deal they also belong to."""
    held = store.snapshots(store.forgotten.linking(records))
    ids = sorted({s.person_id for s in held.values() if s.person_id is not None} | set(settled))
    twins, theirs = store.twins.get(ids), store.snapshots_of(ids)
    belongs = store.links.of([*held, *(s.ref for found in theirs.values() for s in found)])

    def of_others(refs: Iterable[Ref]) -> bool:
        return any((to.side, to.object) in persons and to not in records for ref in refs for to in belongs.get(ref, ()))

    whole: set[str] = set()
    for id, twin in twins.items():
        others = store.persons([one for found in twin.links.values() for one in found if one != person])
        if twin.kind not in (COMPANY, DEAL) and not others and not of_others(s.ref for s in theirs.get(id, ())):
            whole.add(id)
    loose = {ref for ref, s in held.items() if s.person_id is None and not of_others([ref])}
    return Erasure(
        person_id=person,
        records=records | loose | {s.ref for id in whole for s in theirs.get(id, ())},
        emails=emails,
        twins=frozenset(whole),
        shared=frozenset(twins) - whole,
    )


def _texts(records: Iterable[Snapshot], emails: Iterable[str], refs: Iterable[Ref]) -> set[str]:
    """What a message about this person would hold: addresses, the whole name, ids."""
    names = {" ".join(str(part) for part in (s.fields.get("first_name"), s.fields.get("last_name")) if part) for s in records}
    return {*emails, *(name for name in names if " " in name), *(ref.id for ref in refs if len(ref.id) >= _TELLING)}


def _scrub(store: Store, texts: Collection[str]) -> None:
    """Takes out of what is remembered of the newest cycle any error that names them."""
    needles = [text.lower() for text in texts]
    for key in _REMEMBERED:
        row: dict[str, Any] | None = store.get(key)
        errors = (row or {}).get("errors") or {}
        kept = {side: "named a person who was erased" if any(n in str(e).lower() for n in needles) else e for side, e in errors.items()}
        if row is not None and kept != errors:
            store.put(key, {**row, "errors": kept})


def _elsewhere(ref: Ref) -> Problem:
    return Problem(
        cause=ERASED_ELSEWHERE,
        message=f"This {ref.side} record stands for a person who was erased. It is not synced any more and nothing is created from it. "
        f"Erase it in {ref.side}, too; or `crmsync problems drop --cause {ERASED_ELSEWHERE}` when it may stay.",
        side=ref.side,
        object=ref.object,
        record_id=ref.id,
    )


# --- in a cycle -----------------------------------------------------------------------------------------------------------------


def persons_of(world: World) -> frozenset[tuple[str, str]]:
    """(side, object) of everything that stands for a person."""
    return frozenset((side, object) for side, objects in world.playbook.person.objects.items() for object in objects)


def erase_asked(world: World, now: datetime) -> None:
    """Carries out what `crmsync forget` asked for while this process ran the cycles. Before anything else, a halt included."""
    store = world.store
    asked: list[str] = store.get(ASKED) or []
    for email in asked:
        erase_email(store, email, persons_of(world), now)
    if asked:
        with store.forgotten.erasing():
            store.put(ASKED, [one for one in store.get(ASKED) or [] if one not in asked])
        compact(store)


def erase_email(store: Store, email: str, persons: Places, now: datetime) -> list[Erased]:
    """Erases everybody who has this folded address, and what was told of it before anybody had it, by hand; nobody: nothing."""
    people: dict[str | None, list[Snapshot]] = {}
    for snapshot in store.forgotten.records_of(email):
        people.setdefault(snapshot.person_id, []).append(snapshot)
    if not people and store.signals.waiting([email]):
        people[None] = []
    return erase_people(store, people, persons, now, BY_HAND, [email]) if people else []


def erase_purged(world: World, now: datetime) -> int:
    """Erases the persons whose record a CRM has erased for privacy; returns how many. After the brakes: a CRM that suddenly knows nobody any more
    is an accident until a person says otherwise."""
    total = 0
    while found := world.store.forgotten.purged(ERASED_AT_ONCE):
        for side in sorted({snapshot.ref.side for snapshot in found}):
            people: dict[str | None, list[Snapshot]] = {}
            for snapshot in found:
                if snapshot.ref.side == side:
                    people.setdefault(snapshot.person_id, []).append(snapshot)
            total += len(erase_people(world.store, people, persons_of(world), now, f"in {side}"))
    return total


def compact(store: Store) -> None:
    """Rewrites the database file after an erasure. One that is busy or full is tried again by the next cycle."""
    try:
        if not store.forgotten.compact_if_due():
            log.warning("the database is being read: its file is rewritten by a later cycle")
    except UnreachableError as error:
        log.warning("the database file could not be rewritten; tried again by the next cycle", error=str(error)[:200])


# --- what comes again --------------------------------------------------------------------------------------------------------------


def admit(store: Store, rows: Sequence[StoredSnapshot], held: Collection[str], now: datetime) -> list[StoredSnapshot]:
    """The rows without those of persons who were erased. held: ids that are known already. A record nobody knew that has an erased address and is
    older than the erasure is left out, too, and reported once; a younger one stands for a new person."""
    refs, emails = store.forgotten.known((row.snapshot.ref for row in rows), (email for row in rows for email in row.emails))
    if not refs and not emails:
        return list(rows)
    kept: list[StoredSnapshot] = []
    met: list[Snapshot] = []
    over: list[Ref] = []
    for row in rows:
        shot = row.snapshot
        if shot.ref in refs:
            if shot.state is not RecordState.LIVE:
                over.append(shot.ref)
        elif shot.ref.id not in held and any(_older(shot, emails[email]) for email in row.emails if email in emails):
            met.append(shot)
        else:
            kept.append(row)
    with store.begin():
        if met:
            store.forgotten.add(now, [shot.ref for shot in met])
            store.problems.park([_elsewhere(shot.ref) for shot in met if shot.state is RecordState.LIVE], now)
        if over:
            told = {
                (p.problem.side, p.problem.object, p.problem.record_id): p for p in store.problems.rows(person_ids=[""], limit=1_000_000)
            }
            rows_over = [told[place] for ref in over if (place := (ref.side, ref.object, ref.id)) in told]
            store.problems.drop([row.problem_id for row in rows_over if row.problem.cause == ERASED_ELSEWHERE])
    return kept


def _older(shot: Snapshot, erased_at: datetime) -> bool:
    return shot.created_at is None or shot.created_at < erased_at


def admit_links(store: Store, belongs: Mapping[Ref, tuple[Ref, ...]], persons: Places) -> tuple[dict[Ref, tuple[Ref, ...]], frozenset[Ref]]:
    """What records belong to, without erased ones; and the records that belong to nobody but erased persons."""
    refs, _ = store.forgotten.known({to for targets in belongs.values() for to in targets})
    if not refs:
        return dict(belongs), frozenset()
    left = {ref: tuple(to for to in targets if to not in refs) for ref, targets in belongs.items()}
    orphans = frozenset(
        ref for ref, targets in belongs.items() if targets != left[ref] and not any((to.side, to.object) in persons for to in left[ref])
    )
    return left, orphans


def admit_records(store: Store, records: Sequence[Record]) -> list[Record]:
    """The records without those that stand for persons who were erased."""
    refs, _ = store.forgotten.known(record.ref for record in records)
    return [record for record in records if record.ref not in refs]
