"""A simulation as one page that is complete in itself, as JSON, and as a few lines of text."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crmsync import __version__
from crmsync.decide.text import one_line, stamp
from crmsync.insight.sim_assume import PERSONAS
from crmsync.insight.sim_checks import Check
from crmsync.insight.sim_demand import Demand
from crmsync.insight.sim_figures import PersonaFigures, RepFigures
from crmsync.service.report_table import as_json as compliance_json
from crmsync.service.report_table import measure_json
from crmsync.service.report_text import between, days, each, percent, span

if TYPE_CHECKING:
    from crmsync.service.simulate import Simulation

ENDED = {
    "under way": "still running", "no answer": "finished without an answer", "answered": "they answered", "meeting": "a meeting was booked",
    "stage left": "accepted, rejected or moved on", "opted out": "they opted out", "address bounced": "their address does not exist",
}  # fmt: skip
ENOUGH = 0.95
"""Who makes as large a share of what is asked for forgets next to nothing."""
STAGES = {
    "mql": "waiting for an owner", "sal": "in the cadence", "sql": "accepted by a rep", "opportunity": "an opportunity", "customer": "a customer",
    "nurture": "back to nurture", "disqualified": "rejected for good", "lead": "a lead again",
}  # fmt: skip


def as_html(found: Simulation) -> str:
    """The page; it fetches nothing and needs no script."""
    from crmsync.service.report_plots import times_plot, weeks_plot
    from crmsync.service.simulate_plots import demand_plot, load_plot, personas_plot, team_plot

    env = Environment(
        loader=PackageLoader("crmsync.service", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters |= {"percent": percent, "between": between, "span": span, "each": each, "line": one_line}
    figures = found.figures
    there = [one for one in figures.reps if one.whole] or list(figures.reps)
    personas = {one.rep: one.persona for kind in PERSONAS for one in there if one.persona == kind}
    drawn = {
        "personas": personas_plot(figures.personas), "load": load_plot(figures, personas, found.start), "team": team_plot(figures.reps),
        "demand": demand_plot(found.demand), "weeks": weeks_plot(found.compliance.groups.get("week", ())), "times": times_plot(found.compliance.bars),
    }  # fmt: skip
    return env.get_template("simulate.html").render(
        run=found, figures=figures, demand=found.demand, found=found.compliance.leads, version=__version__,
        period=days(found.start.date(), (found.end - timedelta(seconds=1)).date()),
        plots={name: Markup(svg) for name, svg in drawn.items()},  # noqa: S704 - made by us; texts in it are escaped by what draws
        types=found.compliance.groups.get("type", ()), ended=ENDED, stages=STAGES, assumed=found.wanted.assumed.listed(),
        calls=sum(found.cost.api_calls.values()), summary=[*summary(found), *demand_lines(found.demand)], leaves=[rep for rep in found.reps if rep.leaves_at is not None],
        away=[rep for rep in found.reps if rep.away is not None],
    )  # fmt: skip


def summary(found: Simulation) -> list[str]:
    """What there is to say first, in sentences."""
    all = found.compliance.leads
    lines = [
        f"{found.arrived} people came, {found.figures.qualified} of them qualified and were handed to {found.wanted.reps} reps. "
        f"{percent(all.share)} of the {all.judged} that were judged were answered within the SLA; the first touch came after {span(all.median)} "
        f"of SLA time in half of the cases, after {span(all.p90)} in nine of ten."
    ]
    ranked = sorted((one for one in found.figures.personas if one.share is not None), key=lambda one: -(one.share or 0.0))
    if len(ranked) > 1:
        lines.append(
            "By how they work: "
            + ", ".join(f"{one.persona} reps {percent(one.share)} ({one.kept} of {one.judged})" for one in ranked)
            + "."
        )
    loads = [rep for rep in found.figures.reps if rep.average]
    if loads:
        top = max(loads, key=lambda rep: rep.peak)
        busiest = max(loads, key=lambda rep: rep.touches_a_day)
        lines.append(
            f"The most leads in work at one time were {top.peak} ({top.name}); the busiest rep made {busiest.touches_a_day:.1f} touches per working day ({busiest.name}). "
            f"{all.passed_on} {'lead was' if all.passed_on == 1 else 'leads were'} taken from a rep who had not worked them and given to the next."
        )
    return lines


def demand_lines(found: Demand) -> list[str]:
    """What the playbook asks of the team, beside what it made of it."""
    last = found.last
    if last is None or not last.asked:
        return []
    share = last.made / last.asked
    lines = [
        f"In week {last.week} the cadences asked for {last.asked_a_day:.1f} touches per rep and working day; the reps made {last.made_a_day:.1f} ({percent(share)})."
        + (f" The longest cadence takes {found.longest} days: later weeks ask for more than was simulated." if found.growing else "")
    ]
    if found.carries is not None:
        lines.append(
            f"That took them {percent(last.share)} of the time they have for leads. The team has time to make all the touches of {'at most' if found.growing else 'about'} "
            f"{found.carries:.0f} leads a week; {found.handed_a_week:.0f} a week were handed to it."
            + (
                " Touches that were not made were forgotten or passed over: there was time."
                if share < ENOUGH and found.carries > found.handed_a_week
                else ""
            )
        )
    return lines


def as_text(found: Simulation) -> str:
    """A screenful."""
    lines = [*summary(found), *demand_lines(found.demand), ""]
    lines += [f"{'holds' if one.held else 'BROKEN'}: {one.name} ({one.counted} looked at)" for one in found.checks]
    lines += [f"  {text}" for one in found.checks for text in one.broken]
    lines += ["", cost_line(found)]
    return "\n".join(lines) + "\n"


def cost_line(found: Simulation) -> str:
    """What the run took."""
    calls = ", ".join(f"{count} to {name}" for name, count in found.cost.api_calls.items())
    return f"{found.wanted.weeks} week{'s' if found.wanted.weeks != 1 else ''} in {found.cost.seconds:.0f} s: {found.cost.cycles} cycles, API calls: {calls}."


def as_json(found: Simulation) -> dict[str, Any]:
    """The documented shape."""
    figures = found.figures
    return {
        "weeks": found.wanted.weeks,
        "reps": found.wanted.reps,
        "leads_per_week": found.wanted.leads,
        "seed": found.wanted.seed,
        "from": stamp(found.start),
        "to": stamp(found.end),
        "arrived": found.arrived,
        "qualified": figures.qualified,
        "compliance": compliance_json(found.compliance),
        "personas": [_persona(one) for one in figures.personas],
        "team": [_rep(one) for one in figures.reps],
        "spread": figures.spread,
        "cadences": dict(figures.cadences),
        "outcomes": dict(figures.outcomes),
        "demand": _demand(found.demand),
        "load": [{"at": stamp(one.at), "leads": dict(one.leads), "tasks": dict(one.tasks)} for one in figures.samples],
        "checks": [_check(one) for one in found.checks],
        "sound": found.sound,
        "problems": found.problems,
        "drift": found.drift.json(),
        "assumptions": found.wanted.assumed.model_dump(),
        "cost": {"seconds": round(found.cost.seconds, 1), "cycles": found.cost.cycles, "api_calls": found.cost.api_calls},
    }


def _demand(found: Demand) -> dict[str, Any]:
    return {
        "weeks": [
            {
                "week": one.week, "handed": one.handed, "asked": one.asked, "made": one.made, "workdays": one.days,
                "asked_per_day": round(one.asked_a_day, 2), "made_per_day": round(one.made_a_day, 2),
                "busy_minutes": round(one.busy), "available_minutes": round(one.time),
            }
            for one in found.weeks
        ],
        "growing": found.growing, "handed_per_week": round(found.handed_a_week, 1), "touches_per_lead": _rounded(found.touches_a_lead), "carries_per_week": _rounded(found.carries),
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _persona(one: PersonaFigures) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    return {
        "persona": one.persona, "reps": one.reps, "given": one.given, "reassigned_away": one.lost, "touches": one.touches,
        "touches_per_day": round(one.touches_a_day, 2), "kept": one.kept, "judged": one.judged, "share": one.share, "low": low, "high": high,
        "cadences": dict(one.cadences), "outcomes": dict(one.outcomes),
    }  # fmt: skip


def _rep(one: RepFigures) -> dict[str, Any]:
    return {
        "owner": one.rep, "name": one.name, "persona": one.persona, "given": one.given, "taken_over": one.taken_over, "reassigned_away": one.lost,
        "touches": one.touches, "workdays": one.workdays, "touches_per_day": round(one.touches_a_day, 2), "peak_leads": one.peak,
        "average_leads": round(one.average, 2), "turns": measure_json(one.measure) if one.measure is not None else None,
    }  # fmt: skip


def _check(one: Check) -> dict[str, Any]:
    return {"name": one.name, "held": one.held, "counted": one.counted, "failures": one.failures, "broken": list(one.broken)}
