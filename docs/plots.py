"""Draws the plots of docs/explanation/how-decay-works.md from the scorer and the shipped playbook: static SVG, nothing fetched when it is read.

    pip install --constraint constraints.txt . && python docs/plots.py [FOLDER]

The page states numbers, too; `silence` and `story` are where they come from, and a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crmsync.decide.condition import lists_of
from crmsync.decide.outputs import score_fields, settle_score
from crmsync.decide.score import Subject, score_all, thresholds
from crmsync.model.link import Signal
from crmsync.model.record import Fields, Value
from crmsync.model.rules import Playbook
from crmsync.model.verdict import ScoreVerdict
from crmsync.playbook.load import load_files, shipped_paths

FOLDER = Path(__file__).parent / "explanation"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAYS = 210
FACTS: dict[str, Value] = {"title": "Director of Operations", "email": "dana@acme.example"}
STORY = ((0, "blog_read"), (12, "webinar_attended"), (22, "pricing_page_view"), (24, "pricing_page_view"), (30, "demo_request"))
"""Dana's signals: days after START, type."""
ALONE = ("pricing_page_view", "webinar_attended", "demo_request")
BLUE, ORANGE, GREY, PALE, INK = "#1d5fa8", "#c8510a", "#9aa3ad", "#eceff2", "#2b3138"
WORDS = {50.0: " mql", 40.0: " hysteresis", 100.0: " sql"}


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def signals(told: Sequence[tuple[float, str]]) -> list[Signal]:
    return [Signal(event_id=f"{n}", type=kind, at=at(day)) for n, (day, kind) in enumerate(told)]


def seen(told: Sequence[tuple[float, str]], days: Sequence[float], playbook: Playbook, facts: Fields) -> list[ScoreVerdict]:
    """The scores on these days, each of those signals that have happened by then."""
    subjects = [Subject(facts=facts, signals=signals([one for one in told if one[0] <= day]), now=at(day)) for day in days]
    return score_all(subjects, playbook, lists_of(playbook))


def silence(kind: str, days: Sequence[float], playbook: Playbook) -> dict[str, list[float]]:
    """What one signal of day 0 is worth after so many days of silence: its half-life alone, inactivity alone, both. The inactive rule is left out."""
    plain = replace(playbook.score, fit=(), inactive_points=0.0)
    ageless = replace(plain, behavior=tuple(replace(rule, half_life_days=None) for rule in plain.behavior))
    cases = {"half-life": replace(plain, inactivity_loss=0.0), "inactivity": ageless, "both": plain}
    models = {name: replace(playbook, score=rules, segments=()) for name, rules in cases.items()}
    return {name: [verdict.total for verdict in seen([(0, kind)], days, model, {})] for name, model in models.items()}


def story(playbook: Playbook) -> list[tuple[float, str, dict[str, Value]]]:
    """(day, why, score fields) of every write about Dana: she is looked at when she does something and when a look is due, and never between."""
    rules = playbook.score
    looks: list[tuple[float, str]] = list(STORY)
    shown: dict[str, Value] = {}
    found: list[tuple[float, str, dict[str, Value]]] = []
    while looks:
        day, why = looks.pop(0)
        if day > DAYS:
            break
        (verdict,) = seen(STORY, [day], playbook, FACTS)
        wanted = settle_score(shown, score_fields(verdict, rules), rules)
        if wanted != shown:
            found.append((day, why, wanted))
            shown = wanted
        due = verdict.next_due_at
        if due is not None and (not looks or due < at(looks[0][0])):
            looks.insert(0, ((due - START) / timedelta(days=1), "time"))
    return found


def nightly(playbook: Playbook) -> int:
    """How often Dana's fields would be written if every changed score were, night by night."""
    shown: dict[str, Value] = {}
    count = 0
    for verdict in seen(STORY, range(1, DAYS + 1), playbook, FACTS):
        fields = score_fields(verdict, playbook.score)
        count += fields != shown
        shown = fields
    return count


# --- drawing ----------------------------------------------------------------------------------------------------------------


def axis(title: str, **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "titleColor": INK,
        "labelColor": INK,
        "titleFontWeight": "normal",
        "domainColor": GREY,
        "tickColor": GREY,
        **more,
    }


def chart(title: str, subtitle: str, layers: list[dict[str, Any]], *, width: int, height: int) -> dict[str, Any]:
    """A Vega-Lite specification."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "padding": 14,
        "width": width,
        "height": height,
        "title": {
            "text": title,
            "subtitle": subtitle,
            "anchor": "start",
            "fontSize": 15,
            "subtitleFontSize": 12,
            "subtitleColor": INK,
            "color": INK,
            "offset": 12,
        },
        "layer": layers,
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "grid": False},
        },
    }


def one_signal(playbook: Playbook) -> dict[str, Any]:
    """What is left of one pricing page view, by each kind of decay and by both."""
    kinds = {"inactivity": (BLUE, "inactivity: a quarter less", "for each 30 days of silence", 0), "half-life": (ORANGE, "half-life: half", "for each 30 days of age", -20),
             "both": (INK, "both together", "", 8)}  # fmt: skip
    rows = [
        {"day": day, "points": left, "kind": name}
        for name, values in silence(ALONE[0], range(121), playbook).items()
        for day, left in enumerate(values)
    ]
    ends = [row for row in rows if row["day"] == 120]
    color = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(kinds), "range": [kind[0] for kind in kinds.values()]},
        "legend": None,
    }
    days = {"domain": [0, 120], "nice": False}
    x = {
        "field": "day",
        "type": "quantitative",
        "scale": days,
        "axis": axis("days of silence since the page was viewed", values=[0, 30, 60, 90, 120]),
    }
    y = {
        "field": "points",
        "type": "quantitative",
        "scale": {"domain": [0, 10]},
        "axis": axis("points", values=[0, 2, 4, 6, 8, 10], grid=True, gridColor=PALE),
    }
    layers = [{"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, "color": color}}]
    for end in ends:
        colour, first, second, lift = kinds[str(end["kind"])]
        mark = {
            "type": "text",
            "align": "left",
            "baseline": "middle",
            "dx": 8,
            "dy": lift,
            "fontSize": 12,
            "lineHeight": 15,
            "color": colour,
        }
        layers.append(
            {"data": {"values": [end]}, "mark": {**mark, "text": [first, second] if second else first}, "encoding": {"x": x, "y": y}}
        )
    return chart(
        "What one view of the pricing page is still worth",
        "10 points at first, with the shipped half-life of 30 days",
        layers,
        width=470,
        height=250,
    )


def one_person(playbook: Playbook) -> dict[str, Any]:
    """Dana's score by the hour, and what the CRMs show of it."""
    rules = playbook.score
    writes = story(playbook)
    hours = [hour / 24 for hour in range(0, DAYS * 24 + 1, 6)]
    curve = [{"day": day, "score": verdict.total} for day, verdict in zip(hours, seen(STORY, hours, playbook, FACTS), strict=True)]
    shown = [{"day": day, "score": fields["crmsync_score"], "by": "time" if why == "time" else "signal"} for day, why, fields in writes]
    steps = [*shown, {"day": DAYS, "score": shown[-1]["score"]}]
    levels = [{"score": level, "word": f"{level:g}{WORDS.get(level, '')}"} for level in thresholds(rules)]
    x = {
        "field": "day",
        "type": "quantitative",
        "scale": {"domain": [0, DAYS], "nice": False},
        "axis": axis("days", values=list(range(0, DAYS + 1, 30))),
    }
    y = {
        "field": "score",
        "type": "quantitative",
        "scale": {"domain": [0, 120], "nice": False},
        "axis": axis("score", values=[0, 20, 40, 60, 80, 100, 120]),
    }
    by = {"field": "by", "type": "nominal", "scale": {"domain": ["signal", "time"], "range": [ORANGE, "white"]}, "legend": None}
    silent = STORY[-1][0] + rules.inactive_after_days
    step = [f"{rules.inactive_points:g} after {rules.inactive_after_days:g}".replace("-", "−"), "silent days"]
    told = [
        {"day": silent + 42, "score": 34, "text": "the score", "by": BLUE, "align": "right"},
        {"day": silent + 1, "score": 80, "text": "what the CRMs show", "by": ORANGE, "align": "left"},
        {"day": silent - 2, "score": 69, "text": step, "by": INK, "align": "right"},
    ]
    layers = [
        {"data": {"values": levels}, "mark": {"type": "rule", "strokeDash": [3, 4], "color": GREY}, "encoding": {"y": y}},
        {"data": {"values": levels}, "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 6, "fontSize": 11, "color": INK},
         "encoding": {"x": {"datum": DAYS}, "y": y, "text": {"field": "word"}}},
        {"data": {"values": curve}, "mark": {"type": "line", "strokeWidth": 2, "color": BLUE}, "encoding": {"x": x, "y": y}},
        {"data": {"values": steps}, "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "color": ORANGE}, "encoding": {"x": x, "y": y}},
        {"data": {"values": shown}, "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1, "stroke": ORANGE, "strokeWidth": 1.8},
         "encoding": {"x": x, "y": y, "fill": by}},
        *({"data": {"values": [word]}, "mark": {"type": "text", "fontSize": 12, "baseline": "middle", "align": word["align"], "color": word["by"], "text": word["text"]},
           "encoding": {"x": x, "y": y}} for word in told),
    ]  # fmt: skip
    by_signal = sum(row["by"] == "signal" for row in shown)
    subtitle = (
        f"{len(shown)} writes in {DAYS} days: {by_signal} after something Dana did (full), {len(shown) - by_signal} by time alone (hollow)"
    )
    return chart("One person's score, and what the CRMs show of it", subtitle, layers, width=620, height=330)


def main(folder: Path) -> None:
    import vl_convert

    playbook = load_files(shipped_paths())
    for name, plot in (("decay-of-a-signal", one_signal), ("decay-of-a-person", one_person)):
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(plot(playbook)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
