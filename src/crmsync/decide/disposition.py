"""What a rep decided about a person (process.md L4, L7): the disposition and its reason code, acted on once each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crmsync.decide.text import one_line
from crmsync.model.copies import replace
from crmsync.model.fields import DISPOSITIONS
from crmsync.model.link import PersonState
from crmsync.model.process import StageRules
from crmsync.model.record import Fields, Value

DISPOSITION, REASON = "crmsync_disposition", "crmsync_reason_code"
ACCEPTED, REJECTED, RECYCLE = DISPOSITIONS
NURTURE, DISQUALIFIED = "nurture", "disqualified"
_WITHOUT_RULE = {REJECTED: DISQUALIFIED, RECYCLE: NURTURE}
"""Where a reason code leads that the playbook does not map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the record of one CRM shows. at: when that record was changed last (UTC)."""

    disposition: str = ""
    reason: str = ""
    at: datetime | None = None

    @property
    def mark(self) -> str:
        """What PersonState.judged remembers: "rejected/wrong_icp"; "" where nothing was decided. Who accepts gives no reason: one that stands beside it is
        about something else, and makes no new decision of it."""
        return _plain(f"{self.disposition}/{self.reason}") if self.disposition else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A decision that was not acted on yet. side: the CRM where it stands."""

    said: Said
    side: str

    @property
    def lacks_reason(self) -> bool:
        """Whether it cannot be accepted yet (L7)."""
        return self.said.disposition in _WITHOUT_RULE and not self.said.reason

    def stage(self, rules: StageRules) -> str | None:
        """The stage it leads to: accepted to sql, the others where their reason code leads; None: to none."""
        if self.said.disposition == ACCEPTED:
            return "sql"
        if self.said.disposition not in _WITHOUT_RULE or not self.said.reason:
            return None
        return rules.reasons.get(self.said.reason, _WITHOUT_RULE[self.said.disposition])

    @property
    def cause(self) -> str:
        """In words, with the CRM that showed it."""
        why = f" ({self.said.reason})" if self.said.reason and self.said.disposition != ACCEPTED else ""
        return f"disposition {self.said.disposition}{why}{f' in {self.side}' if self.side else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be made of the dispositions now. state: the person's, with what was taken back meanwhile left out. fresh: the decision to act
    on, if any. lacks: one that waits for its reason code, acted on or not. unknown: a disposition that is none of ours."""

    state: PersonState
    said: Mapping[str, Said]
    fresh: Judgement | None
    lacks: Judgement | None
    unknown: str = ""

    @property
    def marks(self) -> dict[str, str]:
        """side -> what it shows now."""
        return {side: said.mark for side, said in self.said.items() if said.mark}


def said_by(values: Fields, at: datetime | None = None) -> Said:
    """What a record says; words are compared without regard to case and blanks."""
    return Said(disposition=_word(values.get(DISPOSITION)), reason=_word(values.get(REASON)), at=at)


def completed(said: Mapping[str, Said]) -> dict[str, Said]:
    """The same, a decision without a reason code taking the one that a CRM without any decision shows."""
    spare = next((s.reason for _, s in sorted(said.items()) if s.reason and not s.disposition), "")
    return {side: replace(s, reason=s.reason or spare) if s.disposition else s for side, s in said.items()}


def latest(said: Mapping[str, Said], seen: Mapping[str, str]) -> Said:
    """The one that counts of what several CRMs show: what differs from what was seen there before, of several that the record changed last."""
    found = [(s.mark != seen.get(side, ""), s.at is not None, s.at, side) for side, s in said.items() if s.mark]
    return said[max(found)[3]] if found else Said()


def look(said: Mapping[str, Said], person: PersonState) -> Judged:
    """Holds what the CRMs show against what was acted on before.

    A side where our taking back has arrived (it stands in `written`), or where somebody was faster, is seen as empty from then on: whatever is
    chosen there afterwards, the same included, is a new decision.
    """
    said = completed(said)
    seen = {side: _plain(mark) for side, mark in person.judgements.items() if side not in said or said[side].mark}
    written = dict(person.written)
    taken = []
    for side in person.retracting:
        if DISPOSITION in written.get(side, {}):
            written[side] = {n: v for n, v in written[side].items() if n not in (DISPOSITION, REASON)}
            seen.pop(side, None)
        elif side in said and said[side].mark == seen.get(side):
            taken.append(side)
    state = person
    if tuple(taken) != person.retracting or seen != dict(person.judgements):
        state = replace(person, retracting=tuple(taken), judgements=seen, written=written)
    news = {side: s for side, s in said.items() if s.mark and s.mark != seen.get(side)}
    fresh, unknown = None, ""
    if news:
        chosen = latest(news, {})
        side = next(side for side, s in sorted(news.items()) if s is chosen)
        fresh = Judgement(said=chosen, side=side)
        if chosen.disposition not in DISPOSITIONS:
            fresh, unknown = None, chosen.disposition
    waiting = (Judgement(said=s, side=side) for side, s in sorted(said.items()) if side not in taken)
    lacks = fresh if fresh is not None and fresh.lacks_reason else next((j for j in waiting if j.lacks_reason), None)
    return Judged(state=state, said=said, fresh=fresh, lacks=lacks, unknown=unknown)


def _plain(mark: str) -> str:
    return f"{ACCEPTED}/" if mark.startswith(f"{ACCEPTED}/") else mark


def _word(value: Value) -> str:
    return one_line(value, 60).casefold() if isinstance(value, str) else ""
