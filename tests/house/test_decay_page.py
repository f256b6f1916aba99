"""The page "how decay works" and its plots say what the scorer says of the shipped playbook."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from typing import Any

import pytest

from crmsync.decide.score import thresholds
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files, shipped_paths
from house.looking import DOCS

PAGE = (DOCS / "explanation" / "how-decay-works.md").read_text("utf-8")


@pytest.fixture(scope="module")
def plots() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "plots.py"), run_name="looking")


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def svg(name: str) -> str:
    return (DOCS / "explanation" / f"{name}.svg").read_text("utf-8")


def rows(heading: str) -> Iterator[list[str]]:
    """Cells of the table whose first heading that is, the heading first."""
    table = PAGE[PAGE.index(f"\n| {heading} |") + 1 :].split("\n\n")[0]
    return ([cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table.splitlines())


def labels(text: str, *names: str) -> list[tuple[str, ...]]:
    """Values of the marks that say exactly these names to a screen reader."""
    pattern = "; ".join(rf"{name}: ([^;\"]*)" for name in names)
    return [found.groups() for found in re.finditer(f'aria-label="{pattern}"', text)]


def test_the_table_of_what_is_left_is_the_scorers(plots: dict[str, Any], playbook: Playbook) -> None:
    head, _, *table = rows("signal")
    days = [0, *(int(cell.removesuffix(" days")) for cell in head[2:])]
    assert [row[0].split("`")[0] for row in table] == list(plots["ALONE"])
    wrong = [
        (row[0], day, told)
        for row in table
        for day, told, left in zip(days, row[1:], plots["silence"](row[0].split("`")[0], days, playbook)["both"], strict=True)
        if told != f"{left:.1f}"
    ]
    assert wrong == []
    half_lives = {name: rule.half_life_days for rule in playbook.score.behavior for name in rule.signals}
    for row in table:
        half = half_lives[row[0].split("`")[0]]
        assert (f"half-life {half:g} days" if half else "no half-life") in row[0]


def test_danas_writes_are_the_scorers_on_the_page_and_in_the_plot(plots: dict[str, Any], playbook: Playbook) -> None:
    writes = plots["story"](playbook)
    assert len(writes) > 8
    told = [(f"{day:g}" if why != "time" else f"{day:.1f}", why, str(fields["crmsync_score"])) for day, why, fields in writes]
    assert [(day, why.split("`")[0].split(":")[0], shown) for day, why, shown in list(rows("day"))[2:]] == told
    below = sorted(thresholds(playbook.score), reverse=True)
    assert [float(row[1].rpartition(" ")[2]) for row in list(rows("day"))[2:] if row[1].startswith("time")] == below
    assert (
        f"These are {len(writes)} writes in {plots['DAYS']} days; writing every changed score every night would be {plots['nightly'](playbook)}."
        in PAGE
    )
    drawn = [(f"{float(day):.3f}", score, by) for day, score, by in labels(svg("decay-of-a-person"), "day", "score", "by")]
    assert drawn == [(f"{day:.3f}", str(fields["crmsync_score"]), "time" if why == "time" else "signal") for day, why, fields in writes]
    assert {float(level) for level, _ in labels(svg("decay-of-a-person"), "score", "word")} == set(below)


def test_the_curves_of_a_signal_are_the_scorers(plots: dict[str, Any], playbook: Playbook) -> None:
    drawn = [
        [tuple(map(float, point.split(","))) for point in re.split("[ML]", path)[1:]]
        for path in re.findall(r'd="(M0,0(?:L[\d.,]+){120})"', svg("decay-of-a-signal"))
    ]
    assert len(drawn) == 3
    spec = plots["one_signal"](playbook)
    wide, high = spec["width"], spec["height"]
    told = plots["silence"]("pricing_page_view", range(121), playbook)
    for day in range(121):
        points = [(x * 120 / wide, 10 * (1 - y / high)) for x, y in (curve[day] for curve in drawn)]
        assert [x for x, _ in points] == pytest.approx([day] * 3, abs=0.01)
        assert sorted(left for _, left in points) == pytest.approx(sorted(values[day] for values in told.values()), abs=0.01)


def test_the_formulas_numbers_are_the_playbooks(playbook: Playbook) -> None:
    rules = playbook.score
    assert f"× {1 - rules.inactivity_loss:g} ^ (silent days / {rules.inactivity_days:g})" in PAGE
    assert f"({rules.inactive_points:g} once silent for {rules.inactive_after_days:g} days)" in PAGE
    assert f"`min_delta` ({rules.min_delta:g})" in PAGE.replace("\n", " ")


def test_the_plots_fetch_nothing() -> None:
    for name in ("decay-of-a-signal", "decay-of-a-person"):
        text = svg(name)
        assert text.startswith("<svg")
        addresses = set(re.findall(r"https?://[^\"]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        assert "<script" not in text
        assert "<image" not in text
        assert f"({name}.svg)" in PAGE
