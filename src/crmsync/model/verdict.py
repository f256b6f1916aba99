"""What a decision says: a value, the reasons, and the moment at which it would answer differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.model.floor import Floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One contributing rule with its points and what triggered it (S8)."""

    rule: str
    points: float
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreVerdict:
    """total = fit + behavior (floats, unrounded). own: behavior without what colleagues add (S7). segment: the model that counted (S5), "" for the
    playbook's own. next_due_at: the next moment a threshold or band would be crossed by decay (UTC; None: never)."""

    total: float
    fit: float
    behavior: float
    reasons: tuple[Reason, ...] = ()
    next_due_at: datetime | None = None
    own: float = 0.0
    segment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageVerdict:
    """The stage the person should be in now. changed: whether it is a transition. cause: rule and trigger in words. who: "engine" or a
    hand. happened: when what caused it happened, as far as that is known (UTC)."""

    stage: str
    changed: bool
    cause: str = ""
    who: str = "engine"
    trigger: str = ""
    happened: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMatch:
    """The company a person belongs to, as far as somebody there owns it (R1). owner: house owner id. company: its name, for readers. by: "linked" (their
    record belongs to it) | "domain" | "name"; similar: how alike the names are, in per cent."""

    owner: str
    company: str
    by: str
    similar: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteVerdict:
    """owner: house owner id, None when nobody gets them now. reason: at most 255 characters (R8). rule, pool: by which they were chosen ("": by none).
    counter: the turns that the pool has had after this decision (law 11). floor: as it stands after it (None: none was given). waits_until: when somebody may be
    available (UTC; None: not known, or nobody is waited for). problem: why no member ever can, or who was passed over for good ("": nothing). fell_back: the
    fallback owner got them (R5). used_up: every member had had them, and all count as new (R7)."""

    owner: str | None
    reason: str
    counter: int = 0
    problem: str = ""
    rule: str = ""
    pool: str = ""
    floor: Floor | None = None
    waits_until: datetime | None = None
    fell_back: bool = False
    used_up: bool = False

    @property
    def waits(self) -> bool:
        """Whether they go to the queue: somebody will be there for them (R5)."""
        return self.owner is None and not self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What is known of somebody's contact data (V1). quality: verified | risky | invalid | unknown, of the e-mail address. issues: sentences for readers,
    worst first. reachable: whether sales can be handed this person (L10): an e-mail address that is not invalid, or a phone number. phones: house
    field -> valid | unknown | invalid, for each phone number there is (unknown: its country is)."""

    quality: str
    issues: tuple[str, ...] = ()
    reachable: bool = True
    phones: Mapping[str, str] = field(default_factory=dict)

    @property
    def dialable(self) -> bool:
        """Whether there is a phone number that may be right."""
        return any(state != "invalid" for state in self.phones.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackVerdict:
    """The nurture track a person should be in now (N1), None for none. changed: whether they enter or leave one. cause: in words. next_due_at: when
    it would be answered differently by time alone (UTC). finished: tracks that are over with this one, not entered again before the stage changes."""

    track: str | None
    changed: bool = False
    cause: str = ""
    next_due_at: datetime | None = None
    finished: tuple[str, ...] = ()
