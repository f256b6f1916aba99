"""Moves a person's stage as far as it goes at one moment, and remembers what each transition leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.condition import Lists
from crmsync.decide.deals import Dealings
from crmsync.decide.disposition import DISPOSITION, NURTURE, REASON, Judgement
from crmsync.decide.lifecycle import HAND, QUALIFIED, Outcome, is_historic, latch, mql_type, next_turn, stage, stage_of
from crmsync.model.copies import replace
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import ScoreRules, TypeRule
from crmsync.model.record import Fields
from crmsync.model.rules import Playbook
from crmsync.model.verdict import ScoreVerdict, StageVerdict

NEWS = timedelta(days=1)
STEPS = 8
"""More transitions than rules could make at one moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One person's matter at the moment `at` (UTC): all that stays the same while the stage moves. rules: the scoring model that counts. deals: None: not
    known. judgement: a rep's decision to act on. outcome: where the work on them led by itself."""

    facts: Fields
    signals: Sequence[Signal]
    score: ScoreVerdict
    rules: ScoreRules
    playbook: Playbook
    lists: Lists
    at: datetime
    start_from: datetime
    deals: Dealings | None = None
    judgement: Judgement | None = None
    outcome: Outcome | None = None

    def is_hot(self, state: PersonState) -> bool:
        """Whether an express signal (S6) speaks for the present mql entry: the hot lane (R4, H2)."""
        return any(s.type in self.rules.express for s in _recent(state, self.signals))

    def hot_news(self, state: PersonState) -> Signal | None:
        """An express signal (S6) of somebody who is worked already, of the last day: their rep hears of it (H2)."""
        since = state.handed_at
        found = [s for s in self.signals if s.type in self.rules.express and since is not None and since < s.at <= self.at < s.at + NEWS]
        return max(found, key=lambda s: (s.at, s.event_id), default=None)

    def along(self, state: PersonState, hand_stage: str | None = None) -> tuple[PersonState, StageVerdict]:
        """The state after every transition that is due before an owner is needed, and the last verdict."""
        verdict = self._step(state, hand_stage=hand_stage)
        told = verdict
        for _ in range(STEPS):
            state = self._taken(state, verdict)
            if not verdict.changed:
                break
            told, verdict = verdict, self._step(state)
        return state, told if told.changed else verdict

    def handed(self, state: PersonState, owner: str) -> tuple[PersonState, StageVerdict]:
        """The state once the person is that owner's: sal, and further where no rep's word is needed (L4)."""
        verdict = self._step(state, owner=owner)
        state, later = self.along(self._taken(state, verdict))
        return state, later if later.changed else verdict

    def turns_at(self, state: PersonState) -> datetime | None:
        """When time alone may move the stage next."""
        return next_turn(
            state=state, signals=self.signals, rules=self.rules, stages=self.playbook.stages, facts=self.facts, now=self.at
        )  # fmt: skip

    def type_rule(self, state: PersonState) -> TypeRule:
        """The rule of the type the person has: of several with that type the one that fits now, else the first."""
        same = [t for t in self.playbook.types if t.type == state.mql_type]
        fitting = self._type(state, same)
        if fitting in same:
            return fitting
        return same[0] if same else TypeRule(type=state.mql_type or "browser", channel="email")

    def _type(self, state: PersonState, types: Sequence[TypeRule]) -> TypeRule:
        recent = _recent(state, self.signals)
        return mql_type(signals=recent, score=self.score, types=types, facts=self.facts, lists=self.lists, now=self.at)

    def _step(self, state: PersonState, *, hand_stage: str | None = None, owner: str | None = None) -> StageVerdict:
        return stage(
            state=state, score=self.score, signals=self.signals, rules=self.rules, now=self.at, stages=self.playbook.stages, facts=self.facts,
            hand_stage=hand_stage, deals=self.deals, judgement=self.judgement, outcome=self.outcome, owner=owner, complete=owner is not None,
        )  # fmt: skip

    def _taken(self, state: PersonState, verdict: StageVerdict) -> PersonState:
        """The state after one verdict."""
        peak = latch(state=state, verdict=verdict, score=self.score, rules=self.rules)
        if not verdict.changed:
            return state if peak == state.peak_since_reset else replace(state, peak_since_reset=peak)
        before = stage_of(state)
        entry = StageEntry(stage=verdict.stage, previous=before, at=self.at, cause=verdict.cause, who=verdict.who)
        after = replace(state, stages=(*state.stages, entry), peak_since_reset=peak)
        if before is None and self.deals is not None:  # deals from before the first sight are no news
            after = replace(after, dealt=self.deals.stand)
        if verdict.stage == NURTURE and before in QUALIFIED:
            return replace(after, recycles=state.recycles + 1, recycled_at=self.at)
        if verdict.stage != "mql":
            return after
        if verdict.who == HAND:
            historic = before is None and (state.created_at is None or state.created_at < self.start_from)
        else:
            historic = is_historic(
                state=state, happened=verdict.happened, signals=self.signals, score=self.score, rules=self.rules, start_from=self.start_from
            )
        return _judge_anew(replace(after, historic=historic, mql_type=self._type(after, self.playbook.types).type, trigger=verdict.trigger))


def _judge_anew(state: PersonState) -> PersonState:
    """A new mql is judged anew: what was decided about the last one is taken back where it stands."""
    sides = tuple(sorted(side for side, mark in state.judgements.items() if mark))
    if not sides:
        return state
    written = {s: {n: v for n, v in own.items() if s not in sides or n not in (DISPOSITION, REASON)} for s, own in state.written.items()}
    return replace(state, retracting=sides, judged="", written=written)


def _recent(state: PersonState, signals: Sequence[Signal]) -> Sequence[Signal]:
    """Signals that speak for the present mql entry: those since the mql entry before it, or all where there are none."""
    entries = [e.at for e in state.stages if e.stage == "mql"]
    if len(entries) < 2:
        return signals
    return [s for s in signals if s.at > entries[-2]] or signals
