"""Commands that move data, or say what would move: plan, sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from crmsync.cli.console import fail, progress, say, show, show_json, table, tell
from crmsync.cli.options import Json, Now, clock_of, loaded

if TYPE_CHECKING:
    from crmsync.service.plan import Plan
    from crmsync.service.plan_work import WorkPlan
    from crmsync.service.sync import SyncResult


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Show what sync would write, field by field, why, and the API calls it costs. Writes to no CRM.")(plan)
    app.command(help="Bring both CRMs in step: cycles until nothing is due, then exits.")(sync)


SHOWN_WRITES = 50
WAITS = {"person": "waits for its person", "filter": "is kept back by the filter", "problem": "waits for a problem to be solved"}
LONGEST = 60


def plan(context: typer.Context, json: Json = False, now: Now = None) -> None:
    """Reads, decides, undoes the deciding, and shows it."""
    from crmsync.service.plan import plan as do_plan
    from crmsync.service.settings import read_settings
    from crmsync.service.workspace import open_workspace

    settings = read_settings()
    with progress() as report, open_workspace(settings, clock=clock_of(now, settings), report=report) as workspace:
        loaded(context)
        result = do_plan(workspace, keep=None if json else SHOWN_WRITES)
    if json:
        show_json(result.json())
    else:
        _show_plan(result)
    for side, error in result.errors.items():
        fail(f"{side}: {error}")
    if result.halted is not None:
        fail(f"sync would halt for safety: {result.halted}")
    raise typer.Exit(result.exit_code)


def _show_plan(result: Plan) -> None:
    for write in result.writes:
        say(f"{write.crm} {write.action} {write.object} {write.id or '(new)'}  {write.what} {write.person_id}", style="bold")
        rows = [(f.name or f.native, _short(f.old), "→", _short(f.new), f.rule) for f in write.fields]
        if rows:
            show(table(None, ("  field", "now", "", "would be", "because"), [(f"  {name}", *rest) for name, *rest in rows]))
        for refs, word in ((write.belongs_to, "would belong to"), (write.no_longer_to, "would no longer belong to")):
            if refs:
                say(f"  {word} {', '.join(refs)}")
    total = sum(result.counts.values())
    if total > len(result.writes):
        say(f"… and {total - len(result.writes)} more writes; `crmsync plan --json` has them all.")
    rows_ = [(crm, object, action, count) for (crm, object, action), count in sorted(result.counts.items())]
    if rows_:
        show(table("Writes", ("CRM", "object", "action", "records"), rows_, right=(3,)))
    _show_memberships(result, "Lists and campaigns")
    if rows_ or result.memberships:
        say("API calls it costs at least: " + ", ".join(f"{crm} {calls}" for crm, calls in sorted(result.calls.items())))
    else:
        say("Nothing to write.")
    _show_work(result.work)
    if result.playbook_change is not None:
        _show_change(result.playbook_change)
    for (kind, why), count in sorted(result.waiting.items()):
        say(f"{count} × {kind} {WAITS[why]}")
    if result.problems or result.conflicts:
        say(f"{len(result.problems)} values could not be written, {result.conflicts} fields would wait for a person.")


def _show_work(work: WorkPlan) -> None:
    """Who would get whom, what happens to tasks that are there, and who would hear of what."""
    if work.assigned:
        rows = [(owner, cause, count) for (owner, cause), count in sorted(work.assigned.items())]
        show(table("Assignments", ("owner", "why", "persons"), rows, right=(2,)))
        for row in work.assignments:
            former = f", before {row.previous}" if row.previous else ""
            say(f"  {row.person_id} → {row.owner} ({row.cause}{former}): {row.reason}")
    for task in work.withdrawals:
        say(f"  task {task.record_id or '(not created yet)'} of {task.owner} would be taken back: {task.draft.get('subject')}")
    for moved in work.handed_on:
        due = "" if moved.due_at is None else f", due {moved.due_at:%Y-%m-%d %H:%M} UTC"
        say(
            f"  task {moved.task.record_id or '(not created yet)'} of {moved.task.owner} would go to {moved.owner}{due}: {moved.task.draft.get('subject')}"
        )
    for all_of_them, shown, what in ((work.withdrawn, work.withdrawals, "taken back"), (work.moved, work.handed_on, "handed on")):
        if all_of_them > len(shown):
            say(f"  … and {all_of_them - len(shown)} more tasks would be {what}.")
    if work.told:
        rows = [(kind, to, count) for (kind, to), count in sorted(work.told.items())]
        show(table("Alerts that would be sent", ("kind", "to", "alerts"), rows, right=(2,)))


def _show_memberships(result: Plan, title: str) -> None:
    rows = [(crm, list_id, how, rule, count) for (crm, list_id, how, rule), count in sorted(result.memberships.items())]
    if rows:
        show(table(title, ("CRM", "list", "action", "because", "persons"), rows, right=(4,)))


def _show_change(change: Plan) -> None:
    say(f"The playbook changed: {change.persons} persons would be decided anew.", style="bold")
    rows = [(crm, object, action, count) for (crm, object, action), count in sorted(change.counts.items())]
    if rows:
        show(table("Writes for that alone", ("CRM", "object", "action", "records"), rows, right=(3,)))
    _show_memberships(change, "Lists and campaigns for that alone")
    if rows or change.memberships:
        say("API calls for that alone at least: " + ", ".join(f"{crm} {calls}" for crm, calls in sorted(change.calls.items())))
    else:
        say("It causes no writes.")
    for (before, after), (count, ids) in sorted(change.moves.items()):
        say(f"  {count} × {before or '(new)'} → {after}: {', '.join(ids)}{' …' if count > len(ids) else ''}")


def _short(value: object) -> str:
    text = "(empty)" if value is None else str(value).replace("\n", " ")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def sync(context: typer.Context, json: Json = False, now: Now = None) -> None:
    """Runs cycles until nothing is due."""
    from crmsync.service.settings import read_settings
    from crmsync.service.sync import sync as do_sync
    from crmsync.service.workspace import open_workspace

    settings = read_settings()
    with progress() as report, open_workspace(settings, clock=clock_of(now, settings), report=report) as workspace:
        loaded(context)
        result = do_sync(workspace)
    if json:
        show_json(result.json())
    else:
        _show(result)
    if result.halted is not None:
        fail(f"halted for safety: {result.halted}")
    for side, error in result.errors.items():
        fail(f"{side}: {error}" if side else str(error))
    raise typer.Exit(result.exit_code)


def _show(result: SyncResult) -> None:
    rows = [(side, result.read[side], result.written[side], result.api_calls.get(side, 0)) for side in result.read]
    show(table(None, ("CRM", "read", "written", "API calls"), rows, right=(1, 2, 3)))
    say(
        f"{result.cycles} cycle{'s' if result.cycles != 1 else ''}, {result.decided} decisions, {result.problems} problems, {result.conflicts} conflicts"
    )
    if result.problems:
        tell("`crmsync problems list` groups the problems by cause.")
    if result.conflicts:
        tell("`crmsync conflicts list` shows the fields that wait for a person.")
    if result.more:
        tell("Something was still due when the bound of cycles was reached; run `crmsync sync` again.")
