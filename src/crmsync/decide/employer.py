"""A person's company on both sides: an association that moves like a field, three-way, though no field holds it (F08). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Company = str | None
"""A company's twin id; None: the person belongs to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerPlan:
    """moves: side -> (company to belong to, company to leave). base: side -> what is settled as it stands now."""

    moves: Mapping[str, tuple[Company, Company]] = field(default_factory=dict)
    base: Mapping[str, Company] = field(default_factory=dict)


def plan_employer(
    shown: Mapping[str, Company], base: Mapping[str, Company], where: Mapping[str, Collection[str]], to: Collection[str], tie: str
) -> EmployerPlan:
    """What moves between the two sides that show where the person works.

    shown: only sides whose record can belong to a company. base: what each showed when last settled. where: company -> sides on which it has a
    record. to: sides that may be written. tie: the side that counts when both moved. A first meeting fills what is empty and changes nothing
    else. A company that lost its record was left by nobody. What cannot be carried yet (the other side lacks the company) stays open."""
    sides = sorted(shown)
    if len(sides) != 2:
        return EmployerPlan(base=dict(base))
    left, right = sides
    if shown[left] == shown[right]:
        return EmployerPlan(base=dict(shown))
    if left in base and right in base:
        moved = [side for side in sides if shown[side] != base[side]]
        source = moved[0] if len(moved) == 1 else (tie if tie in sides else right) if moved else None
    else:
        known = [side for side in sides if shown[side] is not None]
        source = known[0] if len(known) == 1 else None
    if source is None:
        return EmployerPlan(base=dict(shown))  # a difference that was there before, or that nobody may settle
    target = left if source == right else right
    company, old = shown[source], shown[target]
    left_by_nobody = company is None and source not in where.get(str(base.get(source)), ())
    if target not in to or left_by_nobody:
        return EmployerPlan(base=dict(shown))
    if company is not None and target not in where.get(company, ()):
        return EmployerPlan(base=dict(base))
    return EmployerPlan(moves={target: (company, old)}, base=dict(base))
