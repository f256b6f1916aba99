"""Commands for what waits for a person: problems, conflicts, resume."""

from __future__ import annotations

from typing import Annotated

import typer

from crmsync.cli.console import fail, say, show, show_json, table, tell
from crmsync.cli.options import Json

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of problems.")]
Cause = Annotated[str | None, typer.Option(help="Only this cause.")]
Crm = Annotated[str | None, typer.Option(help="Only this CRM.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]

problems = typer.Typer(help="Parked records, grouped by cause.", no_args_is_help=True)
conflicts = typer.Typer(help="Fields that wait for a person.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.add_typer(problems, name="problems")
    app.add_typer(conflicts, name="conflicts")
    app.command(help="Take one write of crmsync back: what it replaced is written again, and stands until somebody changes it.")(undo)
    app.command(help="Leave a safety halt after a person looked; lets through once what caused it.")(resume)


@problems.command("list", help="Show problems grouped by cause; --each shows every one.")
def list_problems(
    each: Annotated[bool, typer.Option("--each", help="Every single one.")] = False,
    cause: Cause = None,
    crm: Crm = None,
    json: Json = False,
) -> None:
    """Exit 1 when there are problems."""
    from crmsync.service import problems as parked
    from crmsync.service.workspace import open_store

    choice = parked.Choice(cause=cause, crm=crm, everything=True)
    with open_store() as store:
        groups = [g for g in parked.grouped(store) if cause in (None, g["cause"]) and crm in (None, g["crm"])]
        rows = parked.listed(store, choice) if each else []
    total = sum(group["count"] for group in groups)
    if json:
        show_json({"total": total, "groups": groups, **({"problems": rows} if each else {})})
    elif each:
        cells = [(r["id"], r["cause"], r["crm"], r["object"], r["record_id"], r["field"], r["attempts"], r["message"]) for r in rows]
        show(table(None, ("id", "cause", "CRM", "object", "record", "field", "tries", "what"), cells, right=(0, 6)))
    elif groups:
        lines = [(g["count"], g["cause"], g["crm"], g["object"], g["field"], g["message"]) for g in groups]
        show(table(None, ("", "cause", "CRM", "object", "field", "for example"), lines, right=(0,)))
    else:
        say("no problems")
    raise typer.Exit(1 if total else 0)


@problems.command("retry", help="Try again at the next cycle, whatever was refused before.")
def retry(ids: Ids = None, cause: Cause = None, crm: Crm = None, everything: All = False) -> None:
    """Needs numbers, --cause, --crm or --all."""
    from crmsync.service import problems as parked
    from crmsync.service.workspace import open_store

    with open_store() as store:
        count = parked.retry(store, parked.Choice(cause=cause, crm=crm, ids=tuple(ids or ()), everything=everything))
    say(f"{count} problems will be tried again by the next cycle")


@problems.command("drop", help="Forget problems; what still stands is found again when its data is looked at.")
def drop(ids: Ids = None, cause: Cause = None, crm: Crm = None, everything: All = False) -> None:
    """Needs numbers, --cause, --crm or --all."""
    from crmsync.service import problems as parked
    from crmsync.service.workspace import open_store

    with open_store() as store:
        count = parked.drop(store, parked.Choice(cause=cause, crm=crm, ids=tuple(ids or ()), everything=everything))
    say(f"{count} problems dropped")


@conflicts.command("list", help="Show fields that both CRMs changed and that wait for a choice.")
def list_conflicts(json: Json = False) -> None:
    """Exit 1 when there are conflicts."""
    from crmsync.service import conflicts as open_conflicts
    from crmsync.service.workspace import open_store

    with open_store() as store:
        rows = open_conflicts.listed(store)
    if json:
        show_json({"total": len(rows), "conflicts": rows})
    elif rows:
        cells = [
            (
                r["conflict_id"],
                r["field"],
                "  |  ".join(f"{s}: {v}" for s, v in r["values"].items()),
                r["resolution"],
                ", ".join(r["records"]),
            )
            for r in rows
        ]
        show(table(None, ("id", "field", "values", "chosen", "records"), cells, right=(0,)))
        tell("`crmsync conflicts resolve ID CRM` chooses whose value wins.")
    else:
        say("no conflicts")
    raise typer.Exit(1 if rows else 0)


@conflicts.command("resolve", help="Choose whose value wins; the next cycle writes it to the other CRM.")
def resolve(
    conflict_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the conflict.")],
    side: Annotated[str, typer.Argument(metavar="CRM", help="The CRM whose value wins.")],
) -> None:
    """Notes the choice."""
    from crmsync.service import conflicts as open_conflicts
    from crmsync.service.workspace import open_store

    with open_store() as store:
        open_conflicts.resolve(store, conflict_id, side.lower())
    say(f"{side.lower()}'s value wins; the next cycle writes it")


def undo(
    write_id: Annotated[str, typer.Argument(metavar="WRITE_ID", help="The write, as `crmsync explain` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete what it created even if somebody has worked with it since.")] = False,
    partly: Annotated[bool, typer.Option("--partly", help="Leave fields that have changed since, take back the others.")] = False,
    fields: Annotated[str | None, typer.Option("--fields", metavar="A,B", help="Only these of its fields.")] = None,
    json: Json = False,
) -> None:
    """Exit 1 when it was not taken back; then nothing was changed in any CRM."""
    from crmsync.service.undo import undo as do_undo
    from crmsync.service.workspace import open_workspace

    names = tuple(name.strip() for name in (fields or "").split(",") if name.strip())
    with open_workspace() as workspace:
        found = do_undo(workspace, write_id, fields=names, partly=partly, yes=yes)
    if json:
        show_json(found)
    elif found["refused"]:
        fail(f"{write_id} was not taken back: {found['refused']}.")
    elif found["action"] == "create":
        say(f"{found['crm']} {found['object']} {found['record_id']} was deleted; it is not created again")
    else:
        cells = [(f["name"], f["was"], "→", f["now"]) for f in found["restored"]]
        show(table(f"{found['crm']} {found['object']} {found['record_id']}", ("field", "was", "", "is again"), cells))
        for kept in found["kept"]:
            tell(f"not taken back: {kept['name']}: {kept['reason']}")
        tell(
            f"It stands in {found['crm']} until somebody changes it there or on the other side. Undo this with `crmsync undo {found['undo_id']}`."
        )
    raise typer.Exit(1 if found["refused"] else 0)


def resume() -> None:
    """Lifts the halt."""
    from crmsync.service.resume import resume as do_resume
    from crmsync.service.workspace import open_store, utc_now

    with open_store() as store:
        halt = do_resume(store, now=utc_now())
    if halt is None:
        say("not halted; nothing was changed")
    else:
        say(f"resumed: {halt.message}")
        tell("What caused it is let through once. Run `crmsync sync`, or let the daemon go on.")
