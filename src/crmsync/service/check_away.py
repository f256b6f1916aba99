"""The part of `crmsync check --live` about fields of users that tell absences: do they exist?"""

from __future__ import annotations

from collections.abc import Mapping

from crmsync.connect.protocol import Connector, Finding
from crmsync.errors import CredentialsError
from crmsync.model.rules import WorkingHours

SUBJECT = "mappings/playbook.yaml working_hours: away_fields"


def check_away(hours: WorkingHours, connectors: Mapping[str, Connector]) -> list[Finding]:
    """One finding for each named field that is not there, and one per CRM that does not tell. One call per CRM for which fields are named. Reads only.

    Raises: UnreachableError."""
    found: list[Finding] = []
    for side, fields in sorted(hours.away_fields.items()):
        connector, named = connectors.get(side), sorted({name for name in fields.values() if name})
        if not named:
            continue
        if connector is None:
            found.append(Finding(level="warning", subject=SUBJECT, message=f"{side} is not connected: its users' absences are not known"))
            continue
        there = _fields(connector)
        lost = [name for name in named if name.lower() not in there] if there else []
        found += [_lost(side, connector.traits.user_object, name) for name in lost]
        if not there:
            text = f"{side} does not tell which fields its users have: {', '.join(named)} cannot be looked for"
            found.append(Finding(level="warning", subject=SUBJECT, message=text))
    return found


def _fields(connector: Connector) -> set[str]:
    """Names of the fields of users, lower case; empty where the CRM does not tell."""
    object = connector.traits.user_object
    if not object:
        return set()
    try:
        schema = connector.schema((object,)).get(object)
    except CredentialsError:
        return set()
    return {name.lower() for name in schema.fields} if schema is not None else set()


def _lost(side: str, object: str, name: str) -> Finding:
    text = f"{object}.{name} is not in {side}, or our user may not see it: it tells nobody's absence"
    return Finding(level="error", subject=SUBJECT, message=text, fix="correct the name, create the field, or grant read access to it")
