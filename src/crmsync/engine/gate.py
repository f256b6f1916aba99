"""The data gate for a batch of persons: what was answered about their contact data, in one statement, and who is to be asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crmsync.decide.enrich import enriched
from crmsync.decide.gate import Address, address_of, check
from crmsync.decide.lifecycle import stage_of
from crmsync.decide.reconcile import Reconciled
from crmsync.model.copies import replace
from crmsync.model.link import PersonState, Signal, Snapshot
from crmsync.model.record import Fields, Value
from crmsync.model.verdict import GateVerdict
from crmsync.store import ADDRESS, DOMAIN, Answer, Lookup, told

if TYPE_CHECKING:
    from crmsync.engine.world import World

YES, NO = "yes", "no"
"""What DNS said: the domain takes mail, or does not."""
MATTERS = frozenset({"mql", "sal", "sql"})
"""Stages of persons about whom the provider is asked: an answer costs money, and nobody calls the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose answers count in this installation. domains: DNS; addresses: the verification provider."""

    domains: bool = False
    addresses: bool = False

    def __bool__(self) -> bool:
        return self.domains or self.addresses


class Gates:
    """Made for one batch. facts: person -> their facts. Reads the store once; nobody is asked."""

    def __init__(self, world: World, facts: Mapping[str, Fields], now: datetime) -> None:
        self._world, self._now = world, now
        self._addresses: dict[str, Address] = {}
        self._known: Mapping[tuple[str, str], Answer] = {}
        if not world.asked_about:
            return
        for person, known in facts.items():
            address = address_of(known.get("email"))
            if address is not None and not address.problem:
                self._addresses[person] = address
        wanted: set[tuple[str, str]] = set()
        for address in self._addresses.values():
            wanted |= {(DOMAIN, address.domain), (ADDRESS, address.text)}
        self._known = world.store.answers.known(sorted(wanted))

    def dated(self, state: PersonState, facts: Fields) -> PersonState:
        """The state with the address they have now, and since when if they had another: what is recorded of that one is not held against this one."""
        email = facts.get("email")
        if not isinstance(email, str) or email == state.email:
            return state
        return replace(state, email=email, email_since=state.email_since if state.email is None else self._now)

    def verdict(self, state: PersonState, facts: Fields, signals: Sequence[Signal]) -> GateVerdict:
        """What is known of this person's contact data now. state: as `dated` gave it."""
        domain, address = self._answers(state.person_id)
        return check(
            facts,
            signals,
            self._world.playbook.gate,
            self._world.lists,
            mx=None if domain is None or domain.word is None else domain.word == YES,
            provider=None if address is None else address.word,
            now=self._now,
            since=state.email_since,
        )

    def found(self, person: str) -> Mapping[str, Value]:
        """House field -> what the provider knows of this person."""
        _, address = self._answers(person)
        return {} if address is None else address.data

    def enriched(self, state: PersonState, primaries: Mapping[str, Snapshot], reconciled: Reconciled) -> Reconciled:
        """With what the provider knows on its way into fields that are empty everywhere."""
        found = self.found(state.person_id)
        if not found or not primaries:
            return reconciled
        return enriched(reconciled, found, state, primaries, self._world.lenses, first=self._world.tasks_in)

    def note(self, verdicts: Mapping[str, tuple[PersonState, GateVerdict]]) -> None:
        """Remembers whose contact data has to be asked about. verdicts: person -> (state as decided, what the gate said)."""
        if not self._world.asked_about:
            return
        rows = [self._lookup(state, verdict) for person, (state, verdict) in verdicts.items() if person in self._addresses]
        gone = [person for person in verdicts if person not in self._addresses]
        self._world.store.answers.note(rows)
        self._world.store.answers.drop(gone)

    def drop(self, gone: Sequence[str]) -> None:
        """Has nobody asked about persons whose records are all gone."""
        if gone and self._world.asked_about:
            self._world.store.answers.drop(gone)

    def _answers(self, person: str) -> tuple[Answer | None, Answer | None]:
        address = self._addresses.get(person)
        if address is None:
            return None, None
        asked = self._world.asked_about
        return (
            self._known.get((DOMAIN, address.domain)) if asked.domains else None,
            self._known.get((ADDRESS, address.text)) if asked.addresses else None,
        )

    def _lookup(self, state: PersonState, verdict: GateVerdict) -> Lookup:
        asked, given = self._world.asked_about, self._addresses[state.person_id]
        domain, address = self._answers(state.person_id)
        # Where the verdict is bad without the provider, its word would change nothing; DNS costs nothing and is asked first.
        open_ = address is not None or (verdict.quality in ("verified", "unknown") and (domain is not None or not asked.domains))
        wanted = asked.addresses and open_ and stage_of(state) in MATTERS
        return Lookup(
            person_id=state.person_id,
            domain=given.domain if asked.domains else "",
            address=given.text if asked.addresses else "",
            domain_at=(self._now if domain is None else domain.until) if asked.domains else None,
            address_at=(self._now if address is None else address.until) if wanted else None,
            domain_told=told(domain),
            address_told=told(address),
        )
