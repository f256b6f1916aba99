"""Which account a person belongs to (process.md S7), and when colleagues have to be told of somebody's engagement."""

from __future__ import annotations

from collections.abc import Collection

from crmsync.decide.company import company_domain
from crmsync.decide.condition import Lists
from crmsync.model.record import Fields, Value
from crmsync.model.rules import Playbook


def account_of(facts: Fields, company_id: str | None, company_domain_told: Value, lists: Lists) -> str | None:
    """What a person and their colleagues have in common: the domain of their company, else of their e-mail address ("domain:acme.example"), else the
    company itself ("company:<id>"); None where nothing tells. Free and disposable mail is nobody's company."""
    shared = Shared(lists)
    domain = shared.domain(company_domain_told) or ("" if company_id is not None else shared.domain(facts.get("email")))
    if domain:
        return f"domain:{domain}"
    return f"company:{company_id}" if company_id is not None else None


class Shared:
    """Domains that say who somebody works for."""

    def __init__(self, lists: Lists) -> None:
        self._everybodys: tuple[Collection[str], ...] = (lists.free, lists.disposable)

    def domain(self, value: Value) -> str:
        """The domain of an address, "" where it is anybody's."""
        domain = company_domain(value)
        above = domain
        while "." in above:
            if any(above in names for names in self._everybodys):
                return ""
            above = above.partition(".")[2]
        return domain


def engagement_moved(before: float, now: float, min_delta: float) -> bool:
    """Whether colleagues have to hear of it: it moved by at least min_delta, or came from or fell to nothing. Below 0 counts as 0."""
    before, now = max(0.0, before), max(0.0, now)
    return before != now and (abs(now - before) >= min_delta or not before or not now)


def counts_accounts(playbook: Playbook) -> bool:
    """Whether any scoring model counts colleagues."""
    return any(model.account is not None for model in (playbook.score, *(s.score for s in playbook.segments)))


def most_that_counts(playbook: Playbook) -> float:
    """The engagement of colleagues beyond which no model gives more points; 0 where none counts them."""
    rules = [model.account for model in (playbook.score, *(s.score for s in playbook.segments)) if model.account is not None]
    return max((rule.max_points / rule.share for rule in rules if rule.share > 0), default=0.0)
