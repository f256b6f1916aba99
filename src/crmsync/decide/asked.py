"""Which facts the rules of a playbook look at: what nobody asks for need not be looked up."""

from __future__ import annotations

from collections.abc import Iterator

from crmsync.decide.condition import fields_of
from crmsync.decide.expected import AMOUNT, OPEN
from crmsync.model.condition import Condition
from crmsync.model.followup import EXPECTED
from crmsync.model.rules import Playbook

DEAL_FACTS = ("deal.closed", "deal.won", "deal.name", "deal.close_date")
"""What stages look at where deals move persons (L5)."""


def asked_of(playbook: Playbook) -> frozenset[str]:
    """House fields, `company.…` and `deal.…` that a condition or a rule of this playbook looks at."""
    names = frozenset(name for condition in conditions_of(playbook) for name in fields_of(condition))
    deals = DEAL_FACTS if playbook.stages.deals and "deal" in playbook.twins else ()
    return names.union(deals, (AMOUNT, OPEN) if EXPECTED in names and "deal" in playbook.twins else ())


def conditions_of(playbook: Playbook) -> Iterator[Condition]:
    """Every condition of a playbook."""
    for model in (playbook.score, *(segment.score for segment in playbook.segments)):
        yield from (rule.when for rule in model.fit)
    yield from (segment.when for segment in playbook.segments)
    yield from (rule.when for rule in playbook.types if rule.when is not None)
    yield from (part.when for part in playbook.profile.sets if part.when is not None)
    for track in playbook.tracks:
        yield from (condition for condition in (track.when, track.graduate) if condition is not None)
    yield from (rule.when for rule in playbook.routing.rules if rule.when is not None)
    yield from (cadence.when for cadence in playbook.cadences if cadence.when is not None)
    yield from (estimate.when for estimate in playbook.estimates if estimate.when is not None)
