"""`crmsync simulate`: what a playbook would do to a team before it is turned on."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crmsync.cli.console import progress, say, tell
from crmsync.cli.options import Json, loaded
from crmsync.cli.report import save, written_as
from crmsync.errors import ConfigError

_RATE = re.compile(r"(\d{1,5})(?:\s*(?:/|per|a)\s*week)?")


class Format(StrEnum):
    """What a simulation is written as."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command(
        help="Play weeks of a playbook with modelled reps and prospects in two simulated CRMs: compliance, touches and load per rep. Touches no real CRM, keeps nothing."
    )(simulate)


def simulate(
    context: typer.Context,
    weeks: Annotated[int, typer.Option(min=1, max=26, help="Simulated weeks.")] = 4,
    reps: Annotated[int, typer.Option(min=1, max=200, help="Reps in the team.")] = 12,
    leads: Annotated[str, typer.Option(metavar="NUMBER/week", help="People who come per week; not all of them qualify.")] = "150/week",
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the report to this file, too.")] = None,
    format: Annotated[
        Format | None, typer.Option("--format", metavar="FORMAT", help="text, html or json. Left out: as FILE ends, else text.")
    ] = None,
    json: Json = False,
    playbook: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with crmsync.yaml and mappings/. Left out: CRMSYNC_HOME, or the playbook that ships where that has none.",
        ),
    ] = None,
    assumptions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML with other assumptions about reps and prospects; the report lists all of them."),
    ] = None,
) -> None:
    """Exit 1 when something did not hold that must hold whatever the playbook."""
    import orjson

    from crmsync.insight.sim_assume import read_assumptions
    from crmsync.service import simulate as simulations
    from crmsync.service import simulate_page as pages
    from crmsync.service.settings import read_settings

    rate = _RATE.fullmatch(leads.strip())
    if rate is None or not int(rate[1]):
        raise ConfigError(f"--leads {leads!r} is no number per week such as 150/week. Nothing was simulated.")
    kind = Format(written_as(format, out, json, known=tuple(Format), undone="Nothing was simulated."))
    if out is not None and not out.parent.is_dir():
        raise ConfigError(f"There is no folder {out.parent} to write {out.name} to. Nothing was simulated.")
    home = playbook
    if home is None and ((here := read_settings().home) / "crmsync.yaml").exists():
        home = here
    wanted = simulations.Wanted(
        weeks=weeks, reps=reps, leads=int(rate[1]), seed=seed, home=home, assumed=read_assumptions(assumptions)
    )  # fmt: skip
    with progress() as report:
        loaded(context)
        found = simulations.simulate(wanted, report=report)
    if kind is Format.JSON:
        text = orjson.dumps(pages.as_json(found), option=orjson.OPT_INDENT_2).decode() + "\n"
    else:
        text = pages.as_html(found) if kind is Format.HTML else pages.as_text(found)
    if out is not None:
        save(out, text)
        tell(f"written to {out}")
    if out is None and kind is not Format.TEXT:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        for line in pages.as_text(found).splitlines():
            say(line)
    raise typer.Exit(0 if found.sound else 1)
