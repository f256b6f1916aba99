"""Reports: `crmsync report sla`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmsync.cli.console import say
from crmsync.cli.options import Json
from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from crmsync.insight.compliance import Compliance

TEXT, JSON = "text", "json"
ENDINGS = {".txt": TEXT, ".html": "html", ".htm": "html", ".json": JSON, ".csv": "csv"}
"""How files end -> the format of which that speaks."""

report_app = typer.Typer(help="What the work on leads came to.", no_args_is_help=True)


class Format(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


class By(StrEnum):
    """What a report is grouped by."""

    WEEK = "week"
    REP = "rep"
    TEAM = "team"
    POOL = "pool"
    TYPE = "type"
    SOURCE = "source"
    REASON = "reason"


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    report_app.command("sla", help="How well the SLA is kept: per cent in time, first touch, touches, reassignments. Contacts no CRM.")(sla)
    app.add_typer(report_app, name="report")


def sla(
    format: Annotated[
        Format | None, typer.Option("--format", metavar="FORMAT", help="text, html, json or csv. Left out: as FILE ends, else text.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day of handoffs, 2026-03-01. Left out: Monday four weeks before.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day of handoffs. Left out: today.")] = None,
    by: Annotated[
        list[By] | None,
        typer.Option("--by", metavar="GROUP", help="week, rep, team, pool, type, source or reason; several times. Left out: all."),
    ] = None,
    json: Json = False,
) -> None:
    """Shows or writes the report."""
    from crmsync.insight.compliance import BY
    from crmsync.service import report as reports
    from crmsync.service.playbook import load_playbook
    from crmsync.service.settings import read_settings
    from crmsync.service.workspace import open_store, utc_now

    kind = Format(written_as(format, out, json, known=tuple(Format), undone="Nothing was contacted."))
    if out is not None and not out.parent.is_dir():
        raise ConfigError(f"There is no folder {out.parent} to write {out.name} to. Nothing was contacted.")
    settings = read_settings()
    playbook = load_playbook(settings)
    now = utc_now()
    start, end = reports.period(playbook, now, first, last)
    wanted = [one for one in BY if by is None or one in by]
    with open_store(settings) as store:
        found = reports.sla_report(store, playbook, start, end, now, by=wanted)
    text = _written(found, kind)
    if out is not None:
        save(out, text)
    elif kind is Format.TEXT:
        for line in text.splitlines():
            say(line)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def written_as(format: str | None, out: Path | None, json: bool, known: Collection[str], undone: str) -> str:
    """As what something is written: as `--format` or `--json` says, else as the file's name ends, else as text. known: names of formats. undone: last sentence of a
    refusal.

    Raises: ConfigError where these contradict each other, and for an ending that tells no known format while nothing else does."""
    if json and format not in (None, JSON):
        raise ConfigError(f"--json and --format {format} contradict each other. {undone}")
    wanted = JSON if json else format
    ending = out.suffix.lower() if out is not None else ""
    told = ENDINGS.get(ending)
    if wanted is None:
        if told not in known and ending:
            named = ", ".join(sorted(end for end, name in ENDINGS.items() if name in known))
            raise ConfigError(f"--out: {ending} is none of {named}; choose another ending, or name --format. {undone}")
        return told or TEXT
    if told not in (None, wanted):
        raise ConfigError(f"{'--json' if json else f'--format {wanted}'} and a file that ends in {ending} contradict each other. {undone}")
    return wanted


def _written(found: Compliance, kind: Format) -> str:
    import orjson

    from crmsync.service import report as reports

    if kind is Format.JSON:
        return orjson.dumps(reports.as_json(found), option=orjson.OPT_INDENT_2).decode() + "\n"
    if kind is Format.CSV:
        return reports.as_csv(found)
    return reports.as_html(found) if kind is Format.HTML else reports.as_text(found)


def save(path: Path, text: str) -> None:
    """The whole file or none: whoever has the old one open keeps reading it."""
    written = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            written = Path(file.name)
            file.write(text.encode())
        if path.exists():
            written.chmod(path.stat().st_mode & 0o777)
        else:
            written.chmod(0o666 & ~_umask())
        written.replace(path)
    except OSError as error:
        if written is not None:
            written.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}. Nothing was changed.") from None


def _umask() -> int:
    """What new files of this process are not allowed."""
    current = os.umask(0)
    os.umask(current)
    return current
