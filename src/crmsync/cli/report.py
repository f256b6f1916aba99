"""Reports: `crmsync report sla`."""

from __future__ import annotations

import os
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmsync.cli.console import say
from crmsync.cli.options import Json
from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from crmsync.insight.compliance import Compliance

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

    kind = _format(format, out, json)
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


def _format(format: Format | None, out: Path | None, json: bool) -> Format:
    if json:
        if format not in (None, Format.JSON):
            raise ConfigError(f"--json and --format {format} contradict each other. Nothing was contacted.")
        return Format.JSON
    if format is not None:
        return format
    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    return {"html": Format.HTML, "htm": Format.HTML, "json": Format.JSON, "csv": Format.CSV}.get(ending, Format.TEXT)


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
