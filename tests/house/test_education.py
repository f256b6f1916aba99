"""The playbook of bench/education: few rules, loaded as any other, and it ranks leads that it was not tuned on; the figure is reckoned rightly."""

from __future__ import annotations

import csv
import random
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crmsync.playbook.load import load
from house.looking import ROOT

BENCH = ROOT / "bench"


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    sys.path.insert(0, str(BENCH))
    try:
        return runpy.run_path(str(BENCH / "education.py"), run_name="looking")
    finally:
        sys.path.remove(str(BENCH))


def test_it_has_at_most_twelve_rules() -> None:
    rules = load(BENCH / "education").score
    assert 2 <= len(rules.fit) + len(rules.behavior) <= 12
    assert rules.fit
    assert rules.behavior


def test_the_area_counts_pairs_and_halves_ties(bench: dict[str, Any]) -> None:
    dice = random.Random(4)
    points = [float(dice.randint(0, 9)) for _ in range(120)]
    won = [dice.random() < 0.4 for _ in points]
    pairs = [(p, q) for p, a in zip(points, won, strict=True) if a for q, b in zip(points, won, strict=True) if not b]
    wanted = sum((p > q) + (p == q) / 2 for p, q in pairs) / len(pairs)
    found = bench["ranking"](points, won)
    assert found.auc == pytest.approx(wanted)
    assert found.low < wanted < found.high
    # As wide as resampling says, roughly: a bootstrap of the same leads.
    drawn = sorted(bench["ranking"](*zip(*dice.choices(list(zip(points, won, strict=True)), k=120), strict=True)).auc for _ in range(200))
    assert found.high - found.low == pytest.approx(drawn[194] - drawn[5], rel=0.35)
    assert bench["ranking"]([1, 2, 3, 4], [False, False, True, True]).auc == 1.0
    assert bench["ranking"]([1, 1, 1, 1], [False, False, True, True]).auc == 0.5
    with pytest.raises(ValueError, match="two leads"):
        bench["ranking"]([1, 2], [True, True])


def test_it_ranks_leads_that_it_was_not_tuned_on(bench: dict[str, Any]) -> None:
    if not bench["LEADS"].exists():
        pytest.skip("../shared/data/x_education_leads is absent")
    leads = bench["read_leads"]()
    assert len(leads) == 9_240
    tuning, judging = bench["halves"](leads)
    assert {lead.number for lead in tuning} & {lead.number for lead in judging} == set()
    assert len(tuning) == len(judging)
    some = judging[::6]
    found = bench["ranked"](some, load(BENCH / "education"))
    assert found.auc >= 0.80
    blind = bench["ranked"](bench["without"](some, ["lead_origin", "jobtitle", *bench["ACCUMULATED"]]), load(BENCH / "education"))
    assert blind.auc < 0.65


def test_no_rule_sees_what_is_known_only_afterwards(bench: dict[str, Any], tmp_path: Path) -> None:
    """The columns are gone before a row is read: whatever they say, the lead is the same."""
    if not bench["LEADS"].exists():
        pytest.skip("../shared/data/x_education_leads is absent")
    leaking = set(bench["LEFT_OUT"])
    assert {"Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity"} <= leaking
    with bench["LEADS"].open(encoding="utf-8", newline="") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(50), strict=False)]
    assert leaking <= set(rows[0])
    assert {name for name in rows[0] if name.startswith("Asymmetrique")} <= leaking
    told = []
    for word in (None, "something else"):
        path = tmp_path / f"{word}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                changed = {name: "1" if name.endswith("Score") else word for name in leaking} if word else {}
                writer.writerow({**row, **changed})
        told.append([replace(lead, rival=None) for lead in bench["read_leads"](path)])
    assert told[0] == told[1]
    assert len({lead.properties["seconds_on_website"] for lead in told[0]}) > 10
