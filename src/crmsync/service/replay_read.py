"""Reads stored history in chunks, as playing it again wants it: persons, facts, signals, and what became of them. No CRM is contacted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

import numpy as np

from crmsync.decide.belong import DEAL
from crmsync.decide.condition import text_matches
from crmsync.decide.deals import CUSTOMER, OPPORTUNITY, WON, dealings
from crmsync.decide.frame import DAY, LONG_AGO, Bools, Column, Frame, Ints, Longs, encoded, frame_from, looks, micros
from crmsync.decide.score import conditions_of
from crmsync.decide.signals import unique
from crmsync.engine.parties import PartyFacts
from crmsync.engine.world import World
from crmsync.insight.replay import History
from crmsync.model.fields import INPUTS
from crmsync.model.record import RecordState, Value
from crmsync.model.rules import Playbook
from crmsync.store import Past

AT_ONCE = 10_000
"""Persons read and played at a time: memory stays flat however many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some persons and all that is known of their past. until: from when on nothing of them counts, LONG_AGO for those who were customers when they were
    first seen. won: who became a customer. told: number of a signal -> (type, detail), of those whose types are those of forms."""

    people: Sequence[Past]
    frame: Frame
    created: Longs
    until: Longs
    won: Bools
    told: Mapping[int, tuple[str, str]]

    def under(self, playbook: Playbook) -> History:
        """As that playbook sees it."""
        frame, stages = self.frame, playbook.stages
        forms = np.zeros(len(frame.at), np.bool_)
        if stages.forms and stages.form_types:
            judged: dict[str, bool] = {}
            for row, (type, detail) in self.told.items():
                if type in stages.form_types:
                    if detail not in judged:
                        judged[detail] = any(text_matches(pattern, detail) for pattern in stages.forms)
                    forms[row] = judged[detail]
        return History(frame=frame, created=self.created, until=self.until, forms=forms)


class Reader:
    """worlds: one for each playbook that is played; the first is the one in force. now: nothing later counts."""

    def __init__(self, worlds: Sequence[World], now: datetime) -> None:
        self._worlds, self._now = worlds, now
        self._store = worlds[0].store
        self._looks = looks([c for world in worlds for c in conditions_of(world.playbook)])
        self._forms = sorted({name for world in worlds if world.playbook.stages.forms for name in world.playbook.stages.form_types})
        tie = worlds[0].playbook.person.tie
        self._sides = sorted(worlds[0].sides, key=lambda side: side != tie)

    def chunks(self) -> Iterator[Chunk]:
        """Everybody, in id order; the next ones are read while the caller plays these."""
        chunks = self._chunks()
        with ThreadPoolExecutor(1, "replay") as reading:
            coming = reading.submit(next, chunks, None)
            while (chunk := coming.result()) is not None:
                coming = reading.submit(next, chunks, None)
                yield chunk

    def _chunks(self) -> Iterator[Chunk]:
        after = ""
        while people := self._store.pasts.page(after, AT_ONCE):
            after = people[-1].person_id
            yield self._chunk(people)

    def _chunk(self, people: Sequence[Past]) -> Chunk:
        frame, told = self._signals(people)
        ends = self._ends(people)
        return Chunk(
            people=people,
            frame=replace(frame, facts=self._facts(people)),
            created=np.array([LONG_AGO if one.created_at is None else micros(one.created_at) for one in people], np.int64),
            until=np.array([until for until, _ in ends], np.int64),
            won=np.array([won for _, won in ends], np.bool_),
            told=told,
        )

    def _signals(self, people: Sequence[Past]) -> tuple[Frame, dict[int, tuple[str, str]]]:
        """Signals of these persons, each event once (S12), and what those tell that may be forms."""
        numbers = {one.person_id: n for n, one in enumerate(people)}
        found = self._store.pasts.signals(people[0].person_id, people[-1].person_id, self._forms)
        types = {name: n for n, name in enumerate(dict.fromkeys(row[1] for row in found.rows))}
        counts = np.fromiter((count for _, count in found.counts), np.int64, len(found.counts))
        # Signals of somebody who is no person (any more) lie between the others.
        whose = np.repeat(np.fromiter((numbers.get(id, -1) for id, _ in found.counts), np.int32, len(found.counts)), counts)
        at = np.fromiter((row[0] for row in found.rows), np.int64, len(found.rows))
        type = np.fromiter((types[row[1]] for row in found.rows), np.int32, len(found.rows))
        keep = whose >= 0
        again = np.zeros(len(at), np.bool_)
        again[1:] = (whose[1:] == whose[:-1]) & (at[1:] == at[:-1])
        names = list(types)
        for number in np.unique(whose[again & keep]).tolist():
            self._leave_out_doubles(people[number].person_id, np.flatnonzero(whose == number), at, type, names, keep)
        told = {
            place: (row[1], row[2].partition("\n")[0])
            for place, row in enumerate(row for row, kept in zip(found.rows, keep.tolist(), strict=True) if kept)
            if row[2] is not None
        }
        frame = frame_from(size=len(people), facts={}, types=names, person=whose[keep], type=type[keep], at=at[keep])
        assert frame.starts is not None, "the store tells them in order"
        return frame, told

    def _leave_out_doubles(self, person: str, rows: Longs, at: Longs, type: Ints, names: Sequence[str], keep: Bools) -> None:
        """Of signals of one moment and type only as many stay as are different events."""
        events = Counter((micros(one.at), one.type) for one in unique(self._store.signals.of([person]).get(person, [])))
        for row in rows.tolist():
            event = (int(at[row]), names[type[row]])
            keep[row] = events[event] > 0
            events[event] -= 1

    def _facts(self, people: Sequence[Past]) -> dict[str, Column]:
        """What conditions look at: mapped fields as they were last agreed, else what else is known of the persons now."""
        further = self._further(people) if any(_further(name) for name in self._looks) else {}
        found: dict[str, Column] = {}
        for name, ops in self._looks.items():
            if _further(name):
                values = [further.get(one.person_id, {}).get(name) for one in people]
            else:
                values = [self._agreed(one.values.get(name, {})) for one in people]
            found[name] = encoded(values, ops)
        return found

    def _agreed(self, values: Mapping[str, Value]) -> Value:
        for side in self._sides:
            if (value := values.get(side)) is not None:
                return value
        return None

    def _further(self, people: Sequence[Past]) -> dict[str, dict[str, Value]]:
        """Person -> facts of their company and deal, and what reps entered in crmsync's own fields."""
        snapshots = self._store.snapshots_of([one.person_id for one in people])
        around = [PartyFacts(world, snapshots) for world in self._worlds]
        world = self._worlds[0]
        own = {side: world.own(side) for side in world.sides}
        found: dict[str, dict[str, Value]] = {}
        for id, records in snapshots.items():
            facts = {name: value for one in around for name, value in one.of(id).items()}
            for record in sorted(records, key=lambda record: record.modified_at):
                names = own.get(record.ref.side, {})
                told = {name: record.extra.get(names[name]) for name in INPUTS if name in names}
                facts |= {name: value for name, value in told.items() if value is not None and record.state is RecordState.LIVE}
            found[id] = facts
        return found

    def _ends(self, people: Sequence[Past]) -> list[tuple[int, bool]]:
        """Until when each person counts, and whether they became a customer then: what sales already has is no lead any more."""
        closed = self._closed([one.person_id for one in people])
        now = micros(self._now)
        found: list[tuple[int, bool]] = []
        for one in people:
            won = closed.get(one.person_id)
            until, before_all = now, False
            for stage, before, at in one.stages:
                if stage in (OPPORTUNITY, CUSTOMER) and before is not None:
                    moment = micros(datetime.fromisoformat(at))
                    until = min(until, moment)
                    won = moment if stage == CUSTOMER and (won is None or moment < won) else won
                before_all |= stage == CUSTOMER
            if won is None and before_all:
                found.append((LONG_AGO, False))  # a customer when first seen: nobody knows since when
            else:
                found.append((until if won is None else min(until, won), won is not None and won <= now))
        return found

    def _closed(self, ids: Sequence[str]) -> dict[str, int]:
        """Person -> the end of the day on which the first of their deals was won."""
        world = self._worlds[0]
        objects = world.objects_of(DEAL)
        if not objects:
            return {}
        belonging = self._store.links.belonging_to(ids, objects=objects)
        theirs = {id: [r.person_id for r in found if r.person_id and r.state is RecordState.LIVE] for id, found in belonging.items()}
        twins = self._store.twins.get(sorted({twin for found in theirs.values() for twin in found}))
        ended: dict[str, int] = {}
        for id, found in theirs.items():
            deals = dealings((twin, twins[twin].state.outputs) for twin in found if twin in twins).deals
            days = [day for deal in deals if deal.stands == WON and (day := _day(deal.close_date)) is not None]
            if days:
                ended[id] = min(days) + DAY - 1
        return ended


def _further(name: str) -> bool:
    return "." in name or name in INPUTS


def _day(text: str) -> int | None:
    try:
        return micros(datetime.combine(date.fromisoformat(text[:10]), time(), UTC))
    except ValueError:
        return None
