"""The command that shows a template filled in for one person: preview."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from crmsync.cli.console import say, show_json, tell
from crmsync.cli.options import Json


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command(help="A template filled in for one person, as it would stand in a task. Contacts no CRM; exit 1 when it is blocked.")(
        preview
    )


def preview(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Name of a file in mappings/templates, without .txt.")],
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="An e-mail address of the person.")],
    locale: Annotated[str | None, typer.Option("--locale", help="Language to take, like de. Left out: the person's own.")] = None,
    json: Json = False,
) -> None:
    """Shows the text; exit 1 when there is none for this person."""
    from crmsync.service.preview import preview_template
    from crmsync.service.workspace import open_workspace

    with open_workspace() as workspace:
        found = preview_template(workspace, template, email, locale)
    if json:
        show_json(found)
    else:
        _show(found)
    if found["blocked"]:
        raise typer.Exit(1)


def _show(found: dict[str, Any]) -> None:
    if not found["blocked"]:
        say(f"Subject: {found['subject']}", style="bold")
        say()
        say(found["body"])
    for line in _notes(found):
        tell(line)


def _notes(found: dict[str, Any]) -> list[str]:
    """What is worth knowing beside the text."""
    notes = [f"language: {found['locale'] or 'the base text'}" + (f" (wanted: {found['wanted_locale']})" if found["wanted_locale"] else "")]
    notes += [f"{row['field']} is empty; instead: {row['text']}" for row in found["fell_back"]]
    told = {row["field"] for row in found["fell_back"]} | set(found["blocked_by"])
    notes += [f"{field} is empty; the text does without it" for field in found["missing"] if field not in told and not found["blocked"]]
    notes += [f"{field} is empty, and the text cannot do without it" for field in found["blocked_by"]]
    notes += found["wrong"]
    if found["blocked"]:
        why = found["problem"] or f"{', '.join(found['blocked_by'])} missing"
        notes.append(f"blocked: the task would have no text ({why})")
    return notes
