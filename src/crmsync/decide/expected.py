"""What a deal with somebody is expected to bring, asked before there is one (process.md C2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crmsync.decide.condition import Lists, holds
from crmsync.model.followup import EXPECTED, Estimate
from crmsync.model.link import Signal
from crmsync.model.record import Fields

OPEN, AMOUNT = "deal.open", "deal.amount"


def with_expected(facts: Fields, estimates: Sequence[Estimate], lists: Lists, now: datetime, signals: Sequence[Signal]) -> Fields:
    """The facts with `expected_amount`: what a field of that name tells, else the amount of an open deal, else the first estimate that fits. Nothing is
    added where none does. Money without a currency, as the CRMs tell it. now: UTC."""
    if facts.get(EXPECTED) is not None:
        return facts
    told = facts.get(AMOUNT) if facts.get(OPEN) is True else None
    if told is None:
        told = next((one.amount for one in estimates if one.when is None or holds(one.when, facts, lists, now, signals)), None)
    return facts if told is None else {**facts, EXPECTED: told}
