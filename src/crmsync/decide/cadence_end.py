"""Why a cadence is over before its last touch (process.md C5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crmsync.decide.condition import Lists
from crmsync.decide.gate import BOUNCED, INVALID, address_of, check
from crmsync.decide.lifecycle import stage_of
from crmsync.decide.replies import REPLIES
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import GateRules
from crmsync.model.record import Fields
from crmsync.model.work import CadenceRun

WORKED = ("sal", "sql")
"""Stages in which a rep works a person."""
MEETINGS = frozenset({"meeting_booked", "demo_booked", "meeting_held"})
UNSUBSCRIBED, OPT_OUT_FACT = "unsubscribe", "email_opt_out"
REPLIED, MET, LEFT, OPTED_OUT, HARD_BOUNCE = "answered", "meeting", "stage left", "opted out", "address bounced"
NO_ANSWER, HANDED_ANEW, NO_RULE = "no answer", "handed over anew", "no such cadence any more"
"""Why a cadence is over."""
ANSWERED = frozenset({REPLIED, MET})
TAKES_BACK = frozenset({LEFT, OPTED_OUT, HARD_BOUNCE})
"""Ends after which an open touch makes no sense. Who answered or booked waits for the rep: there it stays."""
UNMAILABLE = frozenset({OPTED_OUT, HARD_BOUNCE})
"""Of these the ones that only speak against e-mail."""
_FORM = GateRules(mx=False, disposable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a person did, and what became of them, at `at` (UTC). signals: all of theirs, ever."""

    state: PersonState
    facts: Fields
    lists: Lists
    signals: Sequence[Signal]
    at: datetime

    def why(self, run: CadenceRun) -> str:
        """Why that run is over, "" while it is not. What was so when it began has been taken into account then."""
        since = self.state.handed_at
        types = {s.type for s in self.signals if s.at <= self.at and (since is None or s.at > since)}
        if not run.unmailed and self._opted_out(types):
            return OPTED_OUT
        if not run.unmailed and BOUNCED in types and self._undeliverable():
            return HARD_BOUNCE
        if stage_of(self.state) not in WORKED or self._moved(run):
            return LEFT
        if types & MEETINGS:
            return MET
        return REPLIED if types & REPLIES else ""

    def unmailed(self) -> bool:
        """Whether they take no e-mail now: they opted out, or their address bounced for good."""
        types = {s.type for s in self.signals if s.at <= self.at}
        return self._opted_out(types) or (BOUNCED in types and self._undeliverable())

    def _moved(self, run: CadenceRun) -> bool:
        """Whether the stage changed since it began: accepted is a change, too; what follows then is a task of its own (H3)."""
        return any(entry.at > run.started_at and entry.previous in WORKED for entry in self.state.stages)

    def _opted_out(self, types: set[str]) -> bool:
        known = self.facts.get(OPT_OUT_FACT)
        return known is True or (known is None and UNSUBSCRIBED in types)

    def _undeliverable(self) -> bool:
        """Whether the address has bounced for good, and nothing that arrived later says otherwise."""
        if address_of(self.facts.get("email")) is None:
            return False
        found = check(self.facts, self.signals, _FORM, self.lists, now=self.at, since=self.state.email_since)
        return found.quality == INVALID
