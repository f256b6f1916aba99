"""Daily decay of 500,000 persons: what the rule of S11 writes, beside "write every changed score every night".

    python bench/decay.py [persons] [nights]

Everybody has done something in the last year and does nothing more. Each night those whose `next_due_at` has come are looked at as `sync` does it:
the product's `score_base`, `score_fields` and `settle_score` with the shipped playbook; a changed answer is a write. Beside it everybody is scored every
night, only to count: how many totals lie in another band or on the other side of a threshold than the night before, which the writes may not exceed,
and how many persons show another whole number than the night before. Calls: updates of 100 contacts (HubSpot) and 200 records (Salesforce) each.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import numpy as np
from _common import table

from crmsync.decide.condition import Lists, lists_of
from crmsync.decide.frame import NEVER, Column, Floats, Frame, Longs, frame_from, micros
from crmsync.decide.outputs import score_fields, settle_score
from crmsync.decide.score import rules_of, score_base, thresholds
from crmsync.model.record import Value
from crmsync.model.rules import Playbook
from crmsync.model.verdict import ScoreVerdict
from crmsync.playbook.load import load_files, shipped_paths

START = datetime(2026, 3, 1, 2, tzinfo=UTC)
BATCH = {"HubSpot": 100, "Salesforce": 200}
TITLES = (None, "Clerk", "Engineer", "Director of Sales", "VP Finance", "Head of Operations", "CEO", "Chief Technology Officer")
SIZES = (None, "1-5", "25-50", "100-500", "500-1000")
DOMAINS = ("acme.example", "globex.example", "gmail.com")


@dataclass(slots=True, kw_only=True)
class Night:
    """Counts of one night, of persons."""

    looks: int = 0
    writes: int = 0
    crossings: int = 0
    changed: int = 0


def people(count: int, playbook: Playbook, seed: int = 68) -> Frame:
    """So many persons with one to fifty signals each, eight on average, in the year before START: any that a rule of the playbook names."""
    rng = np.random.default_rng(seed)
    names = sorted({name for rule in playbook.score.behavior for name in rule.signals})
    # Reading is frequent, deciding rare.
    often = np.array(
        [0.2 if name in ("demo_request", "pricing_inquiry", "trial_start", "unsubscribe", "careers_page_view") else 2.0 for name in names]
    )
    each = np.minimum(50, rng.geometric(1 / 8, count))
    person = np.repeat(np.arange(count, dtype=np.int32), each)
    ages = np.minimum(365.0, rng.exponential(90.0, len(person))) * 86_400e6
    at = micros(START) - ages.astype(np.int64)
    order = np.lexsort((at, person))  # person stays as it is
    known = {
        name: Column(values=values, codes=rng.integers(0, len(values), count))
        for name, values in (("title", TITLES), ("company_size", SIZES), ("email", tuple(f"p@{domain}" for domain in DOMAINS)))
    }
    return frame_from(
        size=count,
        facts=known,
        types=names,
        person=person,
        type=rng.choice(len(names), len(person), p=often / often.sum()),
        at=at[order],
    )


def levels_of(playbook: Playbook, segments: Longs, totals: Floats) -> Longs:
    """Between which thresholds each total lies, by the person's own model."""
    cells = np.zeros(len(totals), np.int64)
    for place in np.unique(segments).tolist():
        rules = rules_of(playbook, "" if place < 0 else playbook.segments[place].name)
        who = segments == place
        cells[who] = np.searchsorted(thresholds(rules), totals[who], side="right")
    return cells


def look(
    base: Frame, persons: Longs, playbook: Playbook, lists: Lists, now: datetime, shown: dict[int, dict[str, Value]], due: Longs
) -> int:
    """What `sync` does about those who are due, but for the texts of the reasons, which decide nothing; how many of them are written."""
    scores = score_base(base.take(persons), playbook, lists, micros(now), due=True)
    assert scores.due is not None
    due[persons] = scores.due
    models = {place: rules_of(playbook, "" if place < 0 else playbook.segments[place].name) for place in np.unique(scores.segment).tolist()}
    columns = (column.tolist() for column in (persons, scores.total, scores.fit, scores.behavior, scores.segment))
    writes = 0
    for person, total, fit, behavior, place in zip(*columns, strict=True):
        fields = score_fields(ScoreVerdict(total=total, fit=fit, behavior=behavior), models[place])
        wanted = settle_score(shown[person], fields, models[place]) if person in shown else fields
        writes += shown.get(person) != wanted
        shown[person] = wanted
    return writes


def rounded(*parts: Floats) -> Floats:
    return np.stack([np.floor(part + 0.5) for part in parts])


def simulate(count: int, nights: int) -> list[Night]:
    playbook = load_files(shipped_paths())
    lists = lists_of(playbook)
    base = people(count, playbook)
    due = np.full(count, NEVER)
    shown: dict[int, dict[str, Value]] = {}
    look(base, np.arange(count), playbook, lists, START, shown, due)
    scores = score_base(base, playbook, lists, micros(START))
    cells, numbers = levels_of(playbook, scores.segment, scores.total), rounded(scores.total, scores.fit, scores.behavior)
    told: list[Night] = []
    for n in range(1, nights + 1):
        now = START + timedelta(days=n)
        persons = np.flatnonzero(due <= micros(now))
        writes = look(base, persons, playbook, lists, now, shown, due)
        scores = score_base(base, playbook, lists, micros(now))
        now_cells, now_numbers = levels_of(playbook, scores.segment, scores.total), rounded(scores.total, scores.fit, scores.behavior)
        told.append(
            Night(
                looks=len(persons),
                writes=writes,
                crossings=int(np.sum(now_cells != cells)),
                changed=int(np.sum(np.any(now_numbers != numbers, axis=0))),
            )
        )
        cells, numbers = now_cells, now_numbers
    return told


def calls(counts: list[int]) -> dict[str, int]:
    return {side: sum(-(-count // size) for count in counts) for side, size in BATCH.items()}


def main(count: int = 500_000, nights: int = 35) -> None:
    begun = time.perf_counter()
    told = simulate(count, nights)
    writes, crossings, changed = ([getattr(night, name) for night in told] for name in ("writes", "crossings", "changed"))
    rows = [
        (name, f"{sum(counts):,}", f"{max(counts):,}", f"{sum(counts) / count / nights:.2%}", *(f"{n:,}" for n in calls(counts).values()))
        for name, counts in (("S11: written", writes), ("every changed score, every night", changed))
    ]
    table(f"{count:,} persons, {nights} nights of silence ({time.perf_counter() - begun:.0f} s)",
          ("rule", "updates", "most in a night", "share a night", *(f"{side} calls" for side in BATCH)), rows)  # fmt: skip
    print(
        f"\nthreshold or band changes: {sum(crossings):,}; persons looked at because they were due: {sum(night.looks for night in told):,}"
    )
    # A crossing is told late by less than a minute, and so may be written one night later than it is counted: sums are compared, night by night.
    over = [n for n, (wrote, crossed) in enumerate(zip(accumulate(writes), accumulate(crossings), strict=True), 1) if wrote > crossed]
    if over:
        print(f"NOT REACHED: by the end of nights {over} more was written than had changed its threshold or band")
        sys.exit(1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
