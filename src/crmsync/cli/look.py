"""Commands that only look: status, explain, drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmsync.cli.console import progress, say, show, show_json, table
from crmsync.cli.look_work import changes_of, minute, short, show_work, work_rows
from crmsync.cli.options import Json, Now, clock_of, loaded

if TYPE_CHECKING:
    from crmsync.service.status import Status

NEWEST_WRITES = 30
TYPES = 12
"""Unknown types of signals that are named; `--json` has them all."""


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command(help="Health, lag, budgets and counts. Contacts no CRM.")(status)
    app.command(help="Everything about one person: links, fields, score, stage, owner, clocks, touches, alerts, writes. Contacts no CRM.")(
        explain
    )
    app.command(help="Compare both CRMs record by record; exit 0 only at zero unexplained differences. Writes nothing.")(drift)


def status(json: Json = False) -> None:
    """Shows the state of things; exit 3 when halted."""
    from crmsync.service.status import status as do_status
    from crmsync.service.workspace import open_store, utc_now

    with open_store() as store:
        found = do_status(store, now=utc_now(), real_now=utc_now(), thorough=True)
    if json:
        show_json(found.json())
    else:
        say("all is well" if not found.reasons else "not well:", style="green" if not found.reasons else "red")
        for reason in found.reasons:
            say(f"  {reason}")
        last = found.last_cycle
        rows: list[tuple[str, object]] = [
            ("running now", found.holder or "nothing"),
            ("newest cycle", "never" if last is None else f"{minute(last['at'])}  read {last['read']}  written {last['written']}"),
            ("lag", "unknown" if found.lag_seconds is None else f"{found.lag_seconds:.0f} s since the newest good cycle"),
            ("persons", found.persons),
            ("without e-mail", ", ".join(f"{side} {count}" for side, count in found.without_email.items()) or "none"),
            ("stages", ", ".join(f"{stage} {count}" for stage, count in sorted(found.stages.items())) or "none"),
            ("waiting", f"{found.waiting} records to decide, {found.open_writes} writes without an answer"),
            ("erased", f"{found.erased} persons, the last at {found.erased_at:%Y-%m-%d %H:%M} UTC" if found.erased_at else "nobody"),
            ("problems", found.problems),
            ("conflicts", found.conflicts),
            ("next due", "nothing" if found.next_due_at is None else minute(found.next_due_at.isoformat())),
        ]
        rows += work_rows(found)
        if found.unverified or found.verify_notes:
            rows.append(("contact data", _unverified(found)))
        if found.anew is not None:
            rows.append(("decided anew", f"{found.anew[0]} of {found.anew[1]} persons, for the playbook changed"))
        if found.unknown_signals:
            shown = [f"{type} {count}" for type, count in list(found.unknown_signals.items())[:TYPES]]
            more = len(found.unknown_signals) - len(shown)
            rows.append(("unknown signals", ", ".join(shown) + (f" and {more} more types" if more else "") + ": no rule names them"))
        rows += [(f"{side} budget", f"{b.get('used')} of {b.get('limit')} API calls") for side, b in found.budgets.items()]
        rows += [
            (kind, f"{count['known']} known" + "".join(f", {n} {_words(why)}" for why, n in count.items() if why != "known"))
            for kind, count in found.activities.items()
        ]
        lags = [lag for objects in found.object_lags.values() for lag in objects.values()]
        if lags:
            rows.append(("longest unread", f"an object was last read {max(lags):.0f} s ago"))
        rows += [
            (f"{side} {object}", ", ".join(f"{count} {state}" for state, count in states.items()))
            for side, objects in found.records.items()
            for object, states in objects.items()
        ]
        show(table(None, ("", ""), rows))
    raise typer.Exit(3 if found.halted is not None else 0)


def _unverified(found: Status) -> str:
    counted = ", ".join(f"{count} of an unverified {kind}" for kind, count in found.unverified.items()) or "all asked"
    return "; ".join((counted, *(f"{kind}: {note}" for kind, note in found.verify_notes.items())))


def _words(why: str) -> str:
    return {"waiting_for_person": "wait for their person", "waiting_for_filter": "kept back by the filter"}.get(why, "wait for a problem")


def explain(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="An e-mail address of the person.")], json: Json = False, now: Now = None
) -> None:
    """Shows one person."""
    from crmsync.service.explain import explain as do_explain
    from crmsync.service.settings import read_settings
    from crmsync.service.workspace import open_workspace

    settings = read_settings()
    with open_workspace(settings, clock=clock_of(now, settings)) as workspace:
        found = do_explain(workspace, email, chosen=now is not None)
    if json:
        show_json(found)
    elif "person" in found:
        _show_person(found)
    else:
        say(f"erased at {minute(found['erased'])}; nothing is held")
    if "person" not in found:
        raise typer.Exit(1)


def _show_person(found: dict[str, Any]) -> None:
    person, score, stage = found["person"], found["score"], found["stage"]
    name = " ".join(str(v) for v in (person["first_name"], person["last_name"]) if v)
    say(f"{name} <{person['email']}>  {person['title'] or ''}  {person['company'] or ''}".strip(), style="bold")
    say(f"  as of {minute(found['at'])}")
    for link in found["links"]:
        mark = "" if link["kept_in_step"] else "  (not kept in step)"
        say(f"  {link['crm']} {link['object']} {link['record_id']} {link['state']}{mark}")
    _show_score(score)
    say(f"Stage {stage['current']}" + (f", {person['mql_type']}" if person["mql_type"] else ""), style="bold")
    for entry in stage["history"]:
        say(f"  {minute(entry['at'])}  {entry['from'] or '(new)'} → {entry['to']}  {entry['cause']}  by {entry['who']}")
    _show_rules(found)
    show_work(found)
    sides = sorted({side for row in found["fields"] for side in row["values"]})
    rows = [
        (row["field"], *[short(row["values"].get(side)) for side in sides], row["rule"] or "", minute((row["last_write"] or {}).get("at")))
        for row in found["fields"]
    ]
    show(table("Fields", ("field", *sides, "last written because", "at"), rows))
    if found["activities"]:
        lines = [
            (minute(a["at"]), a["kind"], short(a["subject"]), a["status"], a["owner"],
             ", ".join(f"{r['crm']} {r['record_id']}" for r in a["records"] if r["state"] == "live"),
             f"waits for {a['waiting']}" if a["waiting"] else "undone" if a["undone"] else "")
            for a in found["activities"][:NEWEST_WRITES]
        ]  # fmt: skip
        show(table("Activities", ("at", "kind", "subject", "status", "owner", "records", ""), lines))
    for conflict in found["conflicts"]:
        say(
            f"Conflict {conflict['conflict_id']}: {conflict['field']}: "
            + ", ".join(f"{s} {short(v)}" for s, v in conflict["values"].items())
        )
    for problem in found["problems"]:
        say(f"Problem {problem['id']} ({problem['cause']}): {problem['message']}", style="yellow")
    newest = [
        (minute(w["at"]), w["write_id"], w["crm"], w["what"], w["field"], short(w["old"]), short(w["new"]), w["rule"], w["outcome"])
        for w in found["writes"][:NEWEST_WRITES]
    ]
    show(table("Newest writes", ("at", "write", "CRM", "what", "field", "old", "new", "because", "outcome"), newest))


def _show_score(score: dict[str, Any]) -> None:
    model = f", model {score['segment']}" if score.get("segment") else ""
    limit = f"; mql at {score['mql_at']:g}{model}" if "mql_at" in score else ""
    say(f"Score {score['total']} = fit {score['fit']} + behavior {score['behavior']}{limit}", style="bold")
    for reason in score["reasons"]:
        event, faded = reason["event"], reason["full"] != reason["points"]
        newest = (
            f"  newest: {event['type']}{': ' if event['detail'] else ''}{short(event['detail'])} at {minute(event['at'])}" if event else ""
        )
        say(
            f"  {reason['points']:+g}  {reason['rule']}"
            + (f"  {reason['full']:+g} before decay" if faded else "")
            + (f"  ({reason['source']})" if reason["source"] else "")
            + newest
        )


def _show_rules(found: dict[str, Any]) -> None:
    """Data gate, track, questions, what is overdue, and what time alone would change next."""
    gate, track, overdue, coming = found["gate"], found["track"], found["overdue"], found["next"]
    if gate is not None:
        issues = f": {'; '.join(gate['issues'])}" if gate["issues"] else ""
        say(f"Contact data {gate['quality']}{issues}" + ("" if gate["reachable"] else "  (cannot be handed to sales)"), style="bold")
    if track["track"] is not None:
        say(f"Track {track['track']} since {minute(track['since'])}", style="bold")
    if found["next_questions"]:
        say(f"Next questions {found['next_questions']}", style="bold")
    if overdue is not None:
        say(f"At the next cycle, overdue since {minute(overdue['since'])}", style="bold yellow")
        for line in changes_of(overdue):
            say(f"  {line}")
    if coming is None:
        say("Next: only a change of data or a new signal changes anything", style="bold")
        return
    say(f"Next: {minute(coming['at'])}, if nothing happens before", style="bold")
    for line in changes_of(coming):
        say(f"  {line}")


def drift(context: typer.Context, json: Json = False) -> None:
    """Compares; exit 1 when a difference is unexplained."""
    from crmsync.service.drift import drift as do_drift
    from crmsync.service.workspace import open_workspace

    with progress() as report, open_workspace(report=report) as workspace:
        loaded(context)
        found = do_drift(workspace)
    if json:
        show_json(found.json())
    else:
        counts = ", ".join(f"{side} {count}" for side, count in found.records.items())
        twins = "".join(f", {count} × {kind}" for kind, count in sorted(found.twins.items()))
        say(f"{counts} records of persons; {found.pairs} persons{twins} on both sides, {found.fields} fields compared")
        rows = [(count, reason) for reason, count in found.reasons.most_common()]
        if rows:
            show(table("Differences", ("", "why"), rows, right=(0,)))
        for example in found.examples.get("unexplained", []):
            say(f"unexplained: {', '.join(example.records)}: {example.field or 'the record'}: {example.values}", style="red")
        say(f"{found.unexplained} unexplained differences", style="red" if found.unexplained else "green")
    raise typer.Exit(1 if found.unexplained else 0)
