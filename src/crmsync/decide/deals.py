"""What deals and opportunities do to a person's stage (process.md L5): news about a deal moves, an old one never again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crmsync.decide.text import one_line
from crmsync.model.process import StageRules
from crmsync.model.record import Fields

OPEN, WON, LOST = "open", "won", "lost"
OPPORTUNITY, CUSTOMER = "opportunity", "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal or opportunity of a person. stands: "open" | "won" | "lost". close_date: ISO date, "" for none."""

    id: str
    stands: str
    name: str = ""
    close_date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealings:
    """All deals of one person, those that are closed by close date."""

    deals: tuple[Deal, ...] = ()

    @property
    def open(self) -> bool:
        """Whether any is open."""
        return any(deal.stands == OPEN for deal in self.deals)

    @property
    def stand(self) -> Mapping[str, str]:
        """deal -> how it stands: what PersonState.dealt remembers."""
        return {deal.id: deal.stands for deal in self.deals}


@dataclass(frozen=True, slots=True, kw_only=True)
class DealMove:
    """Where deals move a person, and why."""

    stage: str
    cause: str


def dealings(rows: Iterable[tuple[str, Fields]]) -> Dealings:
    """rows: (id, what the deal tells: `closed`, `won`, `name`, `close_date`). One that does not tell whether it is closed is left out."""
    found: list[Deal] = []
    for id, told in rows:
        closed = told.get("closed")
        if isinstance(closed, bool):
            stands = OPEN if not closed else WON if told.get("won") is True else LOST
            found.append(Deal(id=id, stands=stands, name=one_line(told.get("name"), 80), close_date=one_line(told.get("close_date"), 30)))
    return Dealings(deals=tuple(sorted(found, key=lambda deal: (deal.close_date, deal.id))))


def moved_by_deals(now: Dealings, dealt: Mapping[str, str], standing: str, rules: StageRules) -> DealMove | None:
    """Where news about deals moves somebody who stands at `standing`; None: nowhere. dealt: how they stood when last acted on.

    An open deal makes an opportunity of everybody but a customer; while one is open, no closed one counts. Otherwise the newest closed one
    does: won makes a customer; lost ends an opportunity (`lost_to`), unless an earlier one was won: that makes a customer. A deal that
    is gone, deleted or given to others, ends it likewise. Nothing moves twice by the same news, so a stage set by hand since then stands.
    """
    if now.open:
        fresh = [deal for deal in now.deals if deal.stands == OPEN and dealt.get(deal.id) != OPEN]
        if fresh and standing not in (OPPORTUNITY, CUSTOMER):
            return DealMove(stage=OPPORTUNITY, cause=f"deal open{_named(fresh[-1])}")
        return None
    closed = now.deals
    if closed and dealt.get(closed[-1].id) != closed[-1].stands:
        newest, won = closed[-1], [deal for deal in closed if deal.stands == WON]
        if newest.stands == WON and standing != CUSTOMER:
            return DealMove(stage=CUSTOMER, cause=f"deal won{_named(newest)}")
        if newest.stands == LOST and standing == OPPORTUNITY:
            if won:
                return DealMove(stage=CUSTOMER, cause=f"deal lost{_named(newest)}, an earlier one won{_named(won[-1])}")
            return _away(rules, f"deal lost{_named(newest)}")
        return None
    if standing == OPPORTUNITY and any(stands == OPEN and id not in now.stand for id, stands in dealt.items()):
        return _away(rules, "their deal is no longer there")
    return None


def _away(rules: StageRules, cause: str) -> DealMove | None:
    return DealMove(stage=rules.lost_to, cause=cause) if rules.lost_to != OPPORTUNITY else None


def _named(deal: Deal) -> str:
    return f": {deal.name}" if deal.name else ""
