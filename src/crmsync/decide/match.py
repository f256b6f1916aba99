"""Which records stand for one person, and which record of a side is the one we work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crmsync.model.link import Snapshot
from crmsync.model.record import RecordState, Ref
from crmsync.model.rules import PersonMap

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record to be matched. emails: lower-case, primary first. key: the crmsync_key it shows. former: ids merged into it."""

    snapshot: Snapshot
    emails: tuple[str, ...]
    key: str | None
    former: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """links: record -> person id. joined: persons that turned out to be one: loser person id -> surviving person id. created: new person
    ids."""

    links: Mapping[Ref, str]
    joined: Mapping[str, str]
    created: tuple[str, ...]
    because: Mapping[Ref, str]


def match(
    candidates: Sequence[Candidate],
    *,
    linked: Mapping[Ref, str],
    by_key: Mapping[str, str],
    by_email: Mapping[str, Sequence[str]],
    new_ids: Sequence[str],
) -> Matched:
    """Links records to persons: stored link, then merge or conversion, then crmsync_key, then e-mail (mapping-defaults.md), else a new
    person.

    linked: record -> person already known (including former and surviving records). by_key: key -> person id. by_email: e-mail -> person
    ids
    that have it, oldest person first. new_ids: at least len(candidates) fresh person ids. Deterministic for equal input (F23).
    """
    links: dict[Ref, str] = {}
    joined: dict[str, str] = {}
    created: list[str] = []
    because: dict[Ref, str] = {}
    fresh = iter(new_ids)
    batch_email: dict[str, str] = {}

    def root(person: str) -> str:
        while person in joined:
            person = joined[person]
        return person

    def join(keep: str, lose: str) -> str:
        keep, lose = root(keep), root(lose)
        if keep != lose:
            joined[lose] = keep
        return keep

    # Survivors before losers, so that a merged record finds the person its survivor was given in this very batch.
    ordered = sorted(candidates, key=lambda c: (c.snapshot.state is not RecordState.LIVE, _age(c.snapshot)))
    for candidate in ordered:
        snapshot = candidate.snapshot
        person, why = _known(candidate, linked, links)
        if person is not None:
            person = root(person)
        for ref in candidate.former:
            former = linked.get(ref) or links.get(ref)
            if former is not None:
                if person is not None and root(former) != person:
                    person = join(person, former)
                person, why = root(former) if person is None else person, why or f"{ref.object} {ref.id} was merged into it"
        survivor = snapshot.survivor
        if survivor is not None:
            other = links.get(survivor) or linked.get(survivor)
            if other is not None and person is not None:
                person = join(other, person)
            elif other is not None:
                person, why = root(other), f"it became {survivor.object} {survivor.id}"
        if person is None and snapshot.state is not RecordState.LIVE:
            continue  # gone before we ever knew it: nobody to link
        if person is None and candidate.key and candidate.key in by_key:
            person, why = root(by_key[candidate.key]), "its crmsync_key"
        if person is None:
            for email in candidate.emails:
                owners = by_email.get(email, ())
                if owners or email in batch_email:
                    person, why = root(owners[0] if owners else batch_email[email]), f"e-mail {email}"
                    break
        if person is None:
            person, why = next(fresh), "first seen"
            created.append(person)
        links[snapshot.ref] = person
        because[snapshot.ref] = why
        if snapshot.state is RecordState.LIVE:
            for email in candidate.emails:
                batch_email.setdefault(email, person)
    return Matched(
        links={ref: root(person) for ref, person in links.items()},
        joined={lose: root(lose) for lose in joined},
        created=tuple(dict.fromkeys(root(person) for person in created)),
        because=because,
    )


def _known(candidate: Candidate, linked: Mapping[Ref, str], links: Mapping[Ref, str]) -> tuple[str | None, str]:
    person = candidate.snapshot.person_id or linked.get(candidate.snapshot.ref) or links.get(candidate.snapshot.ref)
    return person, "linked before" if person else ""


def _age(snapshot: Snapshot) -> tuple[datetime, str]:
    return snapshot.created_at or _LONG_AGO, str(snapshot.ref)


def primary(snapshots: Sequence[Snapshot], side: str, person: PersonMap, anchors: Mapping[str, str] | None = None) -> Snapshot | None:
    """The record of a side that is kept in step: live, best object first (contact before lead), then the one that was so far, then oldest, then
    lowest id (F23). anchors: PersonState.anchors; without them a merge of twins would move the link, and overwrite the loser's twin (F33)."""
    order = {object: rank for rank, object in enumerate(person.objects.get(side, ()))}
    live = [s for s in snapshots if s.ref.side == side and s.state is RecordState.LIVE and s.ref.object in order]
    kept = (anchors or {}).get(side)
    return min(
        live,
        key=lambda s: (order[s.ref.object], f"{s.ref.object}/{s.ref.id}" != kept, s.created_at or _LONG_AGO, s.ref.id),
        default=None,
    )


def spares(snapshots: Sequence[Snapshot], chosen: Snapshot) -> list[Snapshot]:
    """Further live records of the same person on the same side: reported as duplicates, never written."""
    return [s for s in snapshots if s.ref.side == chosen.ref.side and s.state is RecordState.LIVE and s.ref != chosen.ref]
