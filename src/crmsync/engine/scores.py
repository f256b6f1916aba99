"""The scores of a batch of persons, with what colleagues of the same account add (S7) and the cuts of the day (S4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from crmsync.decide.account import account_of, counts_accounts, engagement_moved, most_that_counts
from crmsync.decide.frame import Subject
from crmsync.decide.score import rules_of, score_all
from crmsync.engine.cuts import cuts_of
from crmsync.engine.parties import PartyFacts
from crmsync.engine.world import World
from crmsync.model.copies import replace
from crmsync.model.link import PersonState
from crmsync.model.process import ScoreRules
from crmsync.model.verdict import ScoreVerdict

WOKEN_AT_MOST = 1_000
"""Colleagues of one account that are looked at again because of one batch; the others of a larger one hear of it when something else moves them."""


class Scores:
    """Made once per batch. subjects: person -> what is known of them, each with the moment; states: the same persons as stored."""

    def __init__(self, world: World, subjects: Mapping[str, Subject], states: Mapping[str, PersonState], around: PartyFacts) -> None:
        self._world, self._cuts = world, cuts_of(world)
        self._subjects = dict(subjects)
        self._verdicts = self._scored(list(subjects))
        self._models: dict[str, ScoreRules] = {}
        self._accounts: dict[str, str | None] = {}
        self._engaged: dict[str, float] = {}
        self._stale: set[str] = set()
        self._full: set[str] = set()
        if counts_accounts(world.playbook):
            self._count_colleagues(states, around)

    def of(self, person_id: str) -> ScoreVerdict:
        """The verdict on one person."""
        return self._verdicts[person_id]

    def rules(self, person_id: str) -> ScoreRules:
        """The model that counts for them."""
        segment = self._verdicts[person_id].segment
        if segment not in self._models:
            self._models[segment] = rules_of(self._world.playbook, segment, self._cuts)
        return self._models[segment]

    def recycled(self, person_id: str, at: datetime) -> ScoreVerdict:
        """The verdict once they were recycled at that moment (L6)."""
        subject = replace(self._subjects[person_id], recycled_at=at)
        return score_all([subject], self._world.playbook, self._world.lists, cuts=self._cuts)[0]

    def remembered(self, state: PersonState) -> PersonState:
        """The state with what colleagues and the cuts of tomorrow need of it; the same object when that is what it has."""
        id = state.person_id
        account, engaged, segment = self._accounts.get(id), self._engaged.get(id, 0.0), self._verdicts[id].segment
        if (state.account, state.engagement, state.segment) == (account, engaged, segment):
            return state
        return replace(state, account=account, engagement=engaged, segment=segment)

    def wake(self) -> None:
        """Has the colleagues decided again who are not in this batch and whose account shows another engagement. What an account adds to a score is no
        engagement, so that this ends."""
        for account in sorted(self._stale - self._full):
            others = self._world.store.account_members(account, WOKEN_AT_MOST)
            self._world.store.mark_dirty_persons([id for id in others if id not in self._subjects])

    def _scored(self, ids: Sequence[str]) -> dict[str, ScoreVerdict]:
        playbook, lists = self._world.playbook, self._world.lists
        found = score_all([self._subjects[id] for id in ids], playbook, lists, cuts=self._cuts)
        return dict(zip(ids, found, strict=True))

    def _count_colleagues(self, states: Mapping[str, PersonState], around: PartyFacts) -> None:
        for id, subject in self._subjects.items():
            company, domain = around.company(id)
            self._accounts[id] = account_of(subject.facts, company, domain, self._world.lists)
            before, own = states[id].engagement, self._verdicts[id].own
            moved = engagement_moved(before, own, self.rules(id).min_delta)
            self._engaged[id] = max(0.0, own) if moved else before
            self._stale |= self._news(states[id], self._accounts[id], self._engaged[id])
        stored = self._world.store.colleagues(sorted({a for a in self._accounts.values() if a is not None} | self._stale))
        totals = dict(stored)
        for state in states.values():  # those of this batch count as they are now
            if state.account in totals:
                totals[state.account] -= max(0.0, state.engagement)
        for id, account in self._accounts.items():
            if account is not None:
                totals[account] = totals.get(account, 0.0) + self._engaged[id]
        # So engaged, before and now, that everybody has the most points that the others can give, whoever is left out: nobody's score moves.
        least = {account: min(stored.get(account, 0.0), totals.get(account, 0.0)) for account in self._stale}
        enough = most_that_counts(self._world.playbook)
        self._full = {account for account, sum in least.items() if sum >= enough and sum - self._most_engaged(account) >= enough}
        with_colleagues = []
        for id, account in self._accounts.items():
            others = totals.get(account, 0.0) - self._engaged[id] if account is not None else 0.0
            if others > 1e-9:
                self._subjects[id] = replace(self._subjects[id], colleagues=others)
                with_colleagues.append(id)
        self._verdicts.update(self._scored(with_colleagues))

    def _most_engaged(self, account: str) -> float:
        """What the most engaged person of the account has, as stored or as this batch finds it."""
        store = self._world.store
        held = [state.engagement for state in store.persons(store.account_members(account, 1)).values()]
        return max((*held, *(self._engaged[id] for id, mine in self._accounts.items() if mine == account)), default=0.0)

    @staticmethod
    def _news(state: PersonState, account: str | None, engaged: float) -> set[str]:
        """Accounts whose other members have to look again because of this person: their engagement rose, or is another account's now.

        A fall is mostly decay, and decay must not wake everybody at the account: one crossing would lead to a write for each of them (S11). They
        take it in when something else has them looked at."""
        moved_over = state.account != account
        left = {state.account} if moved_over and state.engagement > 0 else set()
        joined = {account} if engaged > 0 and (moved_over or engaged > state.engagement) else set()
        return {a for a in left | joined if a is not None}
