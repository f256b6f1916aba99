"""The plots of the compliance report: Vega-Lite specifications, drawn as SVG by vl-convert. Light and dark rather than hues carry the meaning, so that they read in print, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from crmsync.decide.text import one_line
from crmsync.insight.compliance import Bar, Compliance, Group
from crmsync.service.report_text import percent, span

DARK, LIGHT, GREY, PALE, INK = "#8f2a0a", "#8dbbe3", "#9aa3ad", "#e4e8ec", "#2b3138"
FONT = "Helvetica, Arial, sans-serif"
MOST_REPS, MOST_WEEKS = 30, 26
"""Reps, and newest weeks, that a plot shows."""
WIDTH, WEEK_WIDTH = 780, 180
HEADROOM = 1.15
"""Room for a number above the tallest bar."""
_ROW = 20


def weeks_plot(groups: Sequence[Group]) -> str:
    """% within SLA by week with its 95 % interval; "" when nothing was judged."""
    rows = []
    for group in groups[-MOST_WEEKS:]:
        low_high = group.measure.interval
        if low_high is not None:
            day = date.fromisoformat(group.key)
            few = len(groups) <= 10
            label = f"{day.day} {day:%b}" + (f"|{group.measure.kept} of {group.measure.judged}" if few else "")
            rows.append(
                {"week": label, "share": group.measure.share, "said": percent(group.measure.share), "low": low_high[0], "high": low_high[1]}
            )
    if not rows:
        return ""
    x = {
        "field": "week",
        "type": "ordinal",
        "sort": None,
        "axis": axis_of("week that begins on", labelAngle=0, labelExpr="split(datum.label, '|')", ticks=False),
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": axis_of(None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=True, gridColor=PALE),
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "color": GREY, "strokeWidth": 5, "opacity": 0.55},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {"mark": {"type": "line", "color": INK, "strokeWidth": 1.5}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "point", "filled": True, "color": INK, "size": 50, "opacity": 1}, "encoding": {"x": x, "y": y}},
        {
            "mark": {"type": "text", "align": "left", "dx": 9, "dy": 9, "color": INK, "fontSize": 12},
            "encoding": {"x": x, "y": y, "text": {"field": "said"}},
        },
    ]
    return as_svg({"data": {"values": rows}, "width": min(WIDTH, WEEK_WIDTH * len(rows)), "height": 200, "layer": layers})


def times_plot(bars: Sequence[Bar]) -> str:
    """How long first touches took; "" when there was none."""
    rows: list[dict[str, Any]] = []
    before = 0.0
    for bar in bars:
        label = f"over {span(before)}" if bar.upto is None else f"to {span(bar.upto)}"
        rows += [
            {"time": label, "count": bar.kept, "kind": "within the SLA", "order": 0},
            {"time": label, "count": bar.breached, "kind": "after a breach", "order": 1},
        ]
        before = bar.upto or before
    if not any(row["count"] for row in rows):
        return ""
    x = {
        "field": "time",
        "type": "ordinal",
        "sort": [row["time"] for row in rows if not row["order"]],
        "axis": axis_of("first touch after, in SLA time", labelAngle=0, ticks=False),
    }
    tallest = max(bar.kept + bar.breached for bar in bars)
    y = {
        "field": "count", "type": "quantitative", "axis": axis_of("leads", grid=True, gridColor=PALE, **whole(tallest)),
        "scale": {"domain": [0, tallest * HEADROOM]},
    }  # fmt: skip
    layers = [
        {
            "mark": {"type": "bar"},
            "encoding": {
                "x": x,
                "y": {**y, "stack": True},
                "color": _kinds(["within the SLA", "after a breach"]),
                "order": {"field": "order"},
            },
        },
        {
            "transform": [
                {"aggregate": [{"op": "sum", "field": "count", "as": "all"}], "groupby": ["time"]},
                {"filter": "datum.all > 0"},
            ],
            "mark": {"type": "text", "dy": -7, "color": INK, "fontSize": 11},
            "encoding": {"x": x, "y": {**y, "field": "all"}, "text": {"field": "all"}},
        },
    ]
    return as_svg({"data": {"values": rows}, "width": WIDTH, "height": 190, "layer": layers})


def reps_plot(groups: Sequence[Group]) -> str:
    """What each rep was given and what became of it, and touches per lead; "" without reps."""
    shown = [group for group in groups if group.measure.count][:MOST_REPS]
    if not shown:
        return ""
    kinds = ["answered in time", "breached", "open or passed on"]
    rows: list[dict[str, Any]] = []
    for place, group in enumerate(shown):
        found = group.measure
        name = f"{place}|{one_line(group.name, 28)}"  # two reps of one name are two
        for order, (kind, count) in enumerate(zip(kinds, (found.kept, found.breached, found.open + found.undue), strict=True)):
            rows.append({"rep": name, "count": count, "kind": kind, "order": order})
        rows.append({"rep": name, "each": found.touches_each, "said": f"{found.touches_each:.1f}"})
    y = {"field": "rep", "type": "nominal", "sort": None}
    labelled = axis_of(None, labelExpr="slice(datum.label, indexof(datum.label, '|') + 1)", labelLimit=190, ticks=False, domain=False)
    load = {
        "width": 390,
        "height": {"step": _ROW},
        "title": heading("Leads given"),
        "transform": [{"filter": "isValid(datum.count)"}],
        "mark": {"type": "bar", "height": {"band": 0.72}},
        "encoding": {
            "y": {**y, "axis": labelled},
            "x": {
                "field": "count",
                "type": "quantitative",
                "stack": True,
                "axis": axis_of(None, grid=True, gridColor=PALE, **whole(max(group.measure.count for group in shown))),
            },
            "color": _kinds(kinds),
            "order": {"field": "order"},
        },
    }
    bare = {
        "y": {**y, "axis": None},
        "x": {"field": "each", "type": "quantitative", "axis": axis_of(None, grid=True, gridColor=PALE, tickCount=4)},
    }
    touches = {
        "width": 170,
        "height": {"step": _ROW},
        "title": heading("Touches per lead"),
        "transform": [{"filter": "isValid(datum.each)"}],
        "layer": [
            {"mark": {"type": "bar", "height": {"band": 0.72}, "color": GREY}, "encoding": bare},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": INK, "fontSize": 11},
                "encoding": {**bare, "text": {"field": "said"}},
            },
        ],
    }
    return as_svg({"data": {"values": rows}, "hconcat": [load, touches], "spacing": 24})


def plots(report: Compliance) -> dict[str, str]:
    """Name -> SVG, as far as the report has what they show."""
    return {
        "weeks": weeks_plot(report.groups.get("week", ())),
        "times": times_plot(report.bars),
        "reps": reps_plot(report.groups.get("rep", ())),
    }


def _kinds(names: list[str]) -> dict[str, Any]:
    colors = [LIGHT, DARK, PALE][: len(names)]
    legend = {
        "title": None,
        "orient": "top",
        "direction": "horizontal",
        "labelColor": INK,
        "labelFontSize": 12,
        "symbolType": "square",
        "offset": 6,
    }
    return {"field": "kind", "type": "nominal", "scale": {"domain": names, "range": colors}, "legend": legend}


def axis_of(title: str | None, **more: Any) -> dict[str, Any]:
    """A Vega-Lite axis in the colours of all plots."""
    return {
        "title": title,
        "titleColor": INK,
        "labelColor": INK,
        "titleFontWeight": "normal",
        "domainColor": GREY,
        "tickColor": GREY,
        **more,
    }


def whole(most: int) -> dict[str, Any]:
    """How an axis of numbers of things is marked: never between two of them."""
    return {"format": "d", **({"values": list(range(most + 1))} if most <= 5 else {"tickMinStep": 1})}


def heading(text: str) -> dict[str, Any]:
    """A plot's own title."""
    return {"text": text, "anchor": "start", "fontSize": 12, "fontWeight": "normal", "color": INK, "offset": 6}


def as_svg(spec: dict[str, Any]) -> str:
    """The SVG; nothing is fetched for it."""
    import vl_convert

    whole = {
        "background": "white",
        "padding": 4,
        "config": {
            "font": FONT,
            "view": {"stroke": None},
            "axis": {"labelFontSize": 11, "titleFontSize": 12, "grid": False},
            "bar": {"stroke": INK, "strokeWidth": 0.4},
        },
        **spec,
    }
    return vl_convert.vegalite_to_svg(whole, allowed_base_urls=[])
