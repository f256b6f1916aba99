"""The command for a person's own request: forget."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from crmsync.cli.console import say, show_json, tell
from crmsync.cli.options import Json
from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from crmsync.service.forget import Forgot, Held


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command(help="Erase everything crmsync holds of a person, for good. Contacts no CRM and changes nothing in any.")(forget)


def forget(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="An e-mail address of the person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Needed where there is no terminal to ask on.")] = False,
    json: Json = False,
) -> None:
    """Exit 1 when nobody with that address is known, or another process has yet to do it."""
    from crmsync.service import forget as privacy
    from crmsync.service.playbook import load_playbook
    from crmsync.service.settings import read_settings
    from crmsync.service.workspace import open_store, utc_now

    settings = read_settings()
    playbook = load_playbook(settings)
    with open_store(settings) as store:
        held = privacy.look_up(store, email)
        if held.records and not yes:
            _ask(held)
        found = privacy.forget(store, playbook, email, clock=utc_now)
    if json:
        show_json(found.json())
    else:
        _show(found, email.strip())
    raise typer.Exit(0 if found.outcome in (privacy.ERASED, privacy.ALREADY) else 1)


def _ask(held: Held) -> None:
    """Raises: ConfigError without a terminal; Exit when the answer is no."""
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask on: say --yes. Nothing was erased.")
    tell(f"{held.persons} person{'s' if held.persons != 1 else ''}:")
    for crm, object, id, state in held.records:
        tell(f"  {crm} {object} {id} {state}")
    tell(
        "Everything crmsync holds of them is erased and cannot be brought back. Their records stay as they are in the CRMs, and are not synced any more."
    )
    if not typer.confirm("Erase?", err=True):
        tell("Nothing was erased.")
        raise typer.Exit(1)


def _show(found: Forgot, email: str) -> None:
    from crmsync.service import forget as privacy

    if found.outcome == privacy.UNKNOWN:
        say(f"nobody with the e-mail {email} is known; nothing was erased")
    elif found.outcome == privacy.ALREADY:
        say(f"already erased at {found.at:%Y-%m-%d %H:%M:%S} UTC; nothing is held")
    elif found.outcome == privacy.ASKED_FOR:
        say("asked for; the process that runs the cycles has not done it yet. `crmsync forget` again tells when it has")
    else:
        say(f"erased at {found.at:%Y-%m-%d %H:%M:%S} UTC; the proof is an event of `crmsync status --json`")
    if found.left:
        tell("Still in the CRMs, no longer synced:")
        for crm, object, id, _ in found.left:
            tell(f"  {crm} {object} {id}")
