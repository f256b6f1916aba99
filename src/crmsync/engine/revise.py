"""Deciding everybody anew once the rules are others: which rules everybody was last decided under, and who is still to come.

The place that is reached stands in the store and moves on in the transaction that stores a batch's decisions, so that a pass goes on where it
was, in whatever process. It asks the CRMs nothing of its own; what it writes goes through the same brakes as any run (law 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import structlog

from crmsync.decide import guard
from crmsync.decide.canonical import stamp
from crmsync.engine.deliberate import Verdict, deliberate
from crmsync.engine.preview import PERSONS_AT_ONCE
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.attention import Halt
from crmsync.model.change import Action
from crmsync.model.event import DECIDED_UNDER
from crmsync.store import Store

log = structlog.get_logger(__name__)

CHANGED = "playbook"
"""Kind of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One pass over everybody. rules: the fingerprint that everybody is decided under now. after: the person it has reached (None: all are done).
    since: when it began (UTC, ISO 8601). decided, total: persons. creates, changed: what it has written so far, for the brakes. let_pass:
    a brake stopped it once, and it goes on only because a person has looked."""

    rules: str
    after: str | None = None
    since: str = ""
    decided: int = 0
    total: int = 0
    creates: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)
    let_pass: bool = False

    def save(self, store: Store) -> None:
        """Notes it in place of what stood."""
        store.put(DECIDED_UNDER, {one.name: getattr(self, one.name) for one in fields(self)})

    def behind(self, people: Sequence[str], verdicts: Sequence[Verdict]) -> Revision:
        """The pass once these are decided; a batch that is not whole is the last one. A task is a record that is created, too."""
        changed: Counter[str] = Counter(self.changed)
        creates = self.creates
        for verdict in verdicts:
            changed.update(verdict.reconciled.replaced)
            creates += sum(1 for write in verdict.plan.writes if write.action is Action.CREATE)
            creates += len(verdict.decision.tasks) if verdict.decision is not None else 0
        after = people[-1] if len(people) == PERSONS_AT_ONCE else None
        return replace(self, after=after, decided=self.decided + len(people), creates=creates, changed=dict(changed))

    def halt(self, world: World, now: datetime) -> Halt | None:
        """The halt that what the pass has done asks for."""
        brakes = world.playbook.brakes
        halt = guard.too_many_creates(creates=self.creates, brakes=brakes, now=now, more=self.after is not None)
        if self.let_pass or halt is not None or max(self.changed.values(), default=0) < brakes.min_changes:
            return None if self.let_pass else halt
        known = world.store.count_persons()
        halts = (guard.mass_change(changed=n, known=known, side=side, brakes=brakes, now=now) for side, n in sorted(self.changed.items()))
        return next((found for found in halts if found is not None), None)


class _Stop(Exception):
    """Leaves the transaction of a batch that a brake stops."""


def standing(store: Store) -> Revision | None:
    """What everybody is (being) decided under, None when nothing ever was."""
    row: Mapping[str, Any] | None = store.get(DECIDED_UNDER)
    return None if row is None else Revision(**row)


def begun(world: World, now: datetime) -> Revision:
    """The pass as it stands at the beginning of a cycle: a new one when the rules in force are others than those of the last."""
    store, rules = world.store, world.rules
    found = standing(store)
    if found is not None and found.rules == rules:
        return found
    made = Revision(rules=rules, since=stamp(now))
    if store.person_ids_after("", 1):
        made = replace(made, after="", total=store.count_persons())
    with store.begin():
        made.save(store)
        if made.after is not None:
            store.log_event(now, CHANGED, f"the rules changed: {made.total} persons are decided anew")
            log.info("deciding everybody anew", persons=made.total)
    return made


def go_on(
    world: World,
    revision: Revision,
    now: datetime,
    most: int,
    down: dict[str, CrmsyncError],
    keep: Callable[[Sequence[str], Sequence[Verdict]], None],
    deliver: Callable[[], None],
) -> tuple[Revision, Halt | None]:
    """Decides about at most `most` further persons (whole batches) and delivers each batch, while no side is down. keep: stores what was decided, in
    the transaction in which the pass moves on. Returns where the pass is now and the halt that stops it: nothing was stored of the
    batch that asks for it."""
    store, reached = world.store, revision.decided
    while revision.after is not None and revision.decided - reached < most and not down:
        people = store.person_ids_after(revision.after, PERSONS_AT_ONCE)
        halt = None
        try:
            with store.begin():
                verdicts = deliberate(world, people, now, down=down)
                ahead = revision.behind(people, verdicts)
                halt = ahead.halt(world, now)
                if halt is not None:
                    raise _Stop
                keep(people, verdicts)
                ahead.save(store)
        except _Stop:
            stopped = replace(revision, let_pass=True)
            stopped.save(store)
            return stopped, halt
        revision = ahead
        world.report("deciding anew", revision.decided, revision.total)
        deliver()
    return revision, None


def to_come(world: World) -> Iterator[list[str]]:
    """Batches of the persons whom the rules in force have still to be applied to; nothing is noted."""
    found = standing(world.store)
    last = "" if found is None or found.rules != world.rules else found.after
    while last is not None and (people := world.store.person_ids_after(last, PERSONS_AT_ONCE)):
        yield people
        last = people[-1]
