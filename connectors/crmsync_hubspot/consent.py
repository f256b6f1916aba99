"""hs_email_optout is read-only as a property: an opt-out goes through communication preferences, one call per person.

Source: mapping-defaults (email_opt_out) and HubSpot's reference of communication preferences v4 and 2026-03:
`POST /statuses/{email}/unsubscribe-all?channel=EMAIL`. Taking an opt-out of everything back is not offered there: it is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import OutcomeKind
from crmsync.model.record import Value
from crmsync_hubspot import wire
from crmsync_hubspot.client import IN_FLIGHT, Client
from crmsync_hubspot.search import batch_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What became of one wish. opted_out: what the CRM shows now, None when unknown. kind: DONE, REJECTED or RETRY."""

    kind: OutcomeKind
    opted_out: Value = None
    cause: str = ""
    message: str = ""


def carry(client: Client, wishes: Mapping[str, Value]) -> dict[str, Consent]:
    """Carries out opt-out wishes by contact id. Reads each contact first (one call per 100): what is so already costs nothing more.

    Never raises for one person; raises what the client raises when nothing could be read.
    """
    rows = batch_read(client, wire.CONTACTS, list(wishes), ["email", wire.OPT_OUT])
    shown = {str(r["id"]): r["properties"] for r in rows}
    done: dict[str, Consent] = {}
    unsubscribe: list[tuple[str, str]] = []
    for id, wish in wishes.items():
        properties = shown.get(id)
        if properties is None:
            done[id] = Consent(kind=OutcomeKind.DONE)  # gone or merged: the write of the record itself says so
            continue
        now = properties.get(wire.OPT_OUT) == "true"
        email = properties.get("email")
        if bool(wish) == now:
            done[id] = Consent(kind=OutcomeKind.DONE, opted_out=now)
        elif not wish:
            done[id] = Consent(
                kind=OutcomeKind.REJECTED,
                opted_out=True,
                cause="RESUBSCRIBE_NOT_ALLOWED",
                message="HubSpot lets only the person take back an opt-out of all e-mail",
            )
        elif not email:
            done[id] = Consent(kind=OutcomeKind.REJECTED, opted_out=now, cause="NO_EMAIL", message="an opt-out needs an e-mail address")
        else:
            unsubscribe.append((id, str(email)))
    done.update(_unsubscribe_all(client, unsubscribe))
    return done


def _unsubscribe_all(client: Client, people: Sequence[tuple[str, str]]) -> dict[str, Consent]:
    def one(person: tuple[str, str]) -> Consent:
        try:
            answer = client.call(
                "POST", "communication-preferences", f"statuses/{quote(person[1], safe='')}/unsubscribe-all", query={"channel": "EMAIL"}
            )
        except (CredentialsError, UnreachableError) as error:
            return Consent(kind=OutcomeKind.RETRY, cause=type(error).__name__, message=str(error))
        if answer.status in {200, 201, 204}:
            return Consent(kind=OutcomeKind.DONE, opted_out=True)
        said = wire.trouble(answer.status, answer.json)
        return Consent(kind=OutcomeKind.REJECTED, cause=said.code, message=said.message)

    if not people:
        return {}
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        return {id: consent for (id, _), consent in zip(people, pool.map(one, people), strict=True)}
