"""`crmsync replay`: what another playbook would have done to the stored history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from crmsync.cli.console import progress, say, show, show_json, table
from crmsync.cli.options import Json, loaded


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command(
        help="What another playbook would have done to the stored history. Reads the database only, contacts no CRM, writes nothing."
    )(replay)


def replay(
    context: typer.Context,
    playbook: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with the other playbook.yaml; files it lacks are taken from CRMSYNC_HOME.")
    ],
    json: Json = False,
    emails: Annotated[bool, typer.Option("--emails", help="Name persons by their e-mail address, too.")] = False,
    examples: Annotated[int, typer.Option(min=0, max=100_000, help="How many persons to name who would enter, and who would leave.")] = 20,
) -> None:
    """Plays all that is stored under both playbooks."""
    from crmsync.service.replay import replay as do_replay
    from crmsync.service.workspace import open_workspace

    with progress() as report, open_workspace(report=report) as workspace:
        loaded(context)
        found = do_replay(workspace, playbook, emails=emails, examples=examples).json()
    if json:
        show_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    both = found["overlap"]
    since = f" since {found['first_signal'][:10]}" if found["first_signal"] else ""
    say(f"{found['persons']} persons, {found['signals']} signals{since}; {found['left_out']} customers from before were left out")
    for name in found["unknown_fields"]:
        say(f"Nothing is stored of {name}, which a condition looks at: it was taken for empty.", style="yellow")
    rows = [(word, found[key]["mqls"], found[key]["persons"]) for word, key in (("in force", "in_force"), ("this one", "replayed"))]
    show(table("Would have become mql", ("playbook", "times", "persons"), rows, right=(1, 2)))
    share = "" if both["share"] is None else f" ({both['share']:.0%} of all)"
    say(f"{both['both']} persons under both{share}; {both['only_replayed']} would enter, {both['only_in_force']} would leave")
    for word, key in (("Precision", "precision"), ("Recall", "recall")):
        if found["replayed"][key] is not None:
            say(f"{word}: {_share(found['in_force'][key])} in force, {_share(found['replayed'][key])} with this one")
    if not found["won"]:
        say("Nobody is known to have become a customer within this history: precision and recall cannot be told.")
    if found["months"]:
        lines = [(row["month"], row["in_force"], row["replayed"], row["recorded"]) for row in found["months"]]
        show(table("By month", ("month", "in force", "this one", "recorded"), lines, right=(1, 2, 3)))
    for word, key, total in (("enter", "enters", both["only_replayed"]), ("leave", "leaves", both["only_in_force"])):
        if found[key]:
            named = [(row["at"][:16], row["person_id"], row.get("email", "")) for row in found[key]]
            show(table(f"Would {word} ({len(named)} of {total})", ("first mql at", "person", "e-mail"), named))


def _share(row: dict[str, Any]) -> str:
    if row["share"] is None:
        return "nobody"
    return f"{row['share']:.1%} ({row['won']} of {row['of']}; {row['low']:.1%} to {row['high']:.1%} at 95 %)"
