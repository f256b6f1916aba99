"""The plots of a simulation: Vega-Lite specifications, drawn as SVG as those of the compliance report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crmsync.decide.text import one_line
from crmsync.insight.sim_demand import Demand
from crmsync.insight.sim_figures import Figures, PersonaFigures, RepFigures, Sample
from crmsync.service.report_plots import DARK, GREY, HEADROOM, INK, LIGHT, PALE, WIDTH, as_svg, axis_of, heading, whole

_STYLES = (("#2f74ad", [1, 0]), (INK, [6, 3]), (DARK, [2, 2]))
"""Colour and dashes of a persona's lines: they read without the colours, too."""
_STEP = 20


def personas_plot(personas: Sequence[PersonaFigures]) -> str:
    """% within the SLA by persona with its 95 % interval; "" when nothing was judged."""
    rows = [
        {"persona": f"{one.persona}, {one.kept} of {one.judged}", "share": one.share, "low": one.interval[0], "high": one.interval[1]}
        for one in personas
        if one.interval is not None
    ]
    if not rows:
        return ""
    y = {"field": "persona", "type": "nominal", "sort": None, "axis": axis_of(None, labelLimit=260, ticks=False, domain=False)}
    x = {
        "field": "share", "type": "quantitative", "scale": {"domain": [0, 1]},
        "axis": axis_of("turns within the SLA", format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=True, gridColor=PALE),
    }  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "bar", "height": {"band": 0.55}, "color": LIGHT}, "encoding": {"y": y, "x": x}},
        {
            "mark": {"type": "rule", "color": INK, "strokeWidth": 2},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
    ]
    return as_svg({"data": {"values": rows}, "width": 430, "height": {"step": 34}, "layer": layers})


def load_plot(figures: Figures, personas: dict[str, str], start: datetime) -> str:
    """Leads in work per rep over time: the mean of each persona, and from the least to the most loaded of them; "" without samples."""
    names = list(dict.fromkeys(personas.values()))
    rows = [row for sample in figures.samples for row in _spread(sample, personas, names, start)]
    if not rows:
        return ""
    x = {
        "field": "day",
        "type": "quantitative",
        "axis": axis_of("days since the start", grid=True, gridColor=PALE, tickMinStep=1, format="d"),
    }
    color = {
        "field": "persona", "type": "nominal", "scale": {"domain": names, "range": [_STYLES[n % 3][0] for n in range(len(names))]},
        "legend": {"title": None, "orient": "top", "direction": "horizontal", "labelFontSize": 12, "labelColor": INK, "symbolType": "stroke",
                   "symbolOpacity": 1, "symbolStrokeWidth": 2, "symbolSize": 400},  # else as pale as the areas
    }  # fmt: skip
    dash = {
        "field": "persona", "type": "nominal", "scale": {"domain": names, "range": [_STYLES[n % 3][1] for n in range(len(names))]}, "legend": None,
    }  # fmt: skip
    y = {"type": "quantitative", "axis": axis_of("leads in work per rep", grid=True, gridColor=PALE, tickMinStep=1)}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "area", "opacity": 0.14},
            "encoding": {"x": x, "y": {**y, "field": "least"}, "y2": {"field": "most"}, "color": color},
        },
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": {**y, "field": "mean"}, "color": color, "strokeDash": dash}},
    ]
    return as_svg({"data": {"values": rows}, "width": WIDTH, "height": 230, "layer": layers})


def _spread(sample: Sample, personas: dict[str, str], names: Sequence[str], start: datetime) -> list[dict[str, Any]]:
    day = (sample.at - start).total_seconds() / 86400
    rows = []
    for name in names:
        loads = [sample.leads[rep] for rep, persona in personas.items() if persona == name]
        if loads:
            rows.append({"day": day, "persona": name, "least": min(loads), "most": max(loads), "mean": sum(loads) / len(loads)})
    return rows


def demand_plot(demand: Demand) -> str:
    """Touches per rep and working day, made and asked for, by week; "" when nothing was asked for."""
    weeks = [week for week in demand.weeks if week.days]
    if not any(week.asked for week in weeks):
        return ""
    made, asked = "made", "asked for by the cadences"
    rows = [
        {"week": str(week.week), "made": week.made_a_day, "asked": week.asked_a_day, "said": f"{week.asked_a_day:.1f}", "kind": made, "line": asked}
        for week in weeks
    ]  # fmt: skip
    x = {"field": "week", "type": "ordinal", "sort": None, "axis": axis_of("week", labelAngle=0, ticks=False)}
    tallest = max(max(week.made_a_day, week.asked_a_day) for week in weeks)
    y = {
        "type": "quantitative", "axis": axis_of("touches per rep and day", grid=True, gridColor=PALE, tickCount=5),
        "scale": {"domain": [0, tallest * HEADROOM]},
    }  # fmt: skip
    color = {
        "type": "nominal", "scale": {"domain": [made, asked], "range": [LIGHT, DARK]},
        "legend": {"title": None, "orient": "top", "direction": "horizontal", "labelFontSize": 12, "labelColor": INK, "symbolType": "square"},
    }  # fmt: skip
    step = {"width": {"band": 0.8}}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "bar", **step}, "encoding": {"x": x, "y": {**y, "field": "made"}, "color": {**color, "field": "kind"}}},
        {
            "mark": {"type": "tick", "thickness": 3, "opacity": 1, **step},
            "encoding": {"x": x, "y": {**y, "field": "asked"}, "color": {**color, "field": "line"}},
        },
        {
            "mark": {"type": "text", "dy": -8, "color": INK, "fontSize": 11},
            "encoding": {"x": x, "y": {**y, "field": "asked"}, "text": {"field": "said"}},
        },
    ]
    return as_svg({"data": {"values": rows}, "width": min(WIDTH, max(260, 90 * len(rows))), "height": 190, "layer": layers})


def team_plot(reps: Sequence[RepFigures]) -> str:
    """Leads given and touches a day by rep; "" without reps."""
    if not reps:
        return ""
    rows: list[dict[str, Any]] = []
    for place, rep in enumerate(reps):
        name = f"{place}|{one_line(rep.name, 24)}, {rep.persona}"
        rows += [
            {"rep": name, "leads": rep.given, "kind": "handed to them", "order": 0},
            {"rep": name, "leads": rep.taken_over, "kind": "taken over", "order": 1},
            {"rep": name, "a_day": rep.touches_a_day, "said": f"{rep.touches_a_day:.1f}"},
        ]
    y = {"field": "rep", "type": "nominal", "sort": None}
    labels = axis_of(None, labelExpr="slice(datum.label, indexof(datum.label, '|') + 1)", labelLimit=260, ticks=False, domain=False)
    color = {
        "field": "kind", "type": "nominal", "scale": {"domain": ["handed to them", "taken over"], "range": [LIGHT, DARK]},
        "legend": {"title": None, "orient": "top", "direction": "horizontal", "labelFontSize": 12, "labelColor": INK, "symbolType": "square"},
    }  # fmt: skip
    given = {
        "width": 300, "height": {"step": _STEP}, "title": heading("Leads"), "transform": [{"filter": "isValid(datum.leads)"}],
        "mark": {"type": "bar", "height": {"band": 0.72}},
        "encoding": {
            "y": {**y, "axis": labels}, "color": color, "order": {"field": "order"},
            "x": {"field": "leads", "type": "quantitative", "stack": True, "axis": axis_of(None, grid=True, gridColor=PALE, **whole(max(rep.given + rep.taken_over for rep in reps)))},
        },
    }  # fmt: skip
    bare = {
        "y": {**y, "axis": None},
        "x": {"field": "a_day", "type": "quantitative", "axis": axis_of(None, grid=True, gridColor=PALE, tickCount=4)},
    }
    touches = {
        "width": 160, "height": {"step": _STEP}, "title": heading("Touches per working day"), "transform": [{"filter": "isValid(datum.a_day)"}],
        "layer": [
            {"mark": {"type": "bar", "height": {"band": 0.72}, "color": GREY}, "encoding": bare},
            {"mark": {"type": "text", "align": "left", "dx": 4, "color": INK, "fontSize": 11}, "encoding": {**bare, "text": {"field": "said"}}},
        ],
    }  # fmt: skip
    return as_svg({"data": {"values": rows}, "hconcat": [given, touches], "spacing": 24})
