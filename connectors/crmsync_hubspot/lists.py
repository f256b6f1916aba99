"""Memberships of HubSpot's lists (segments): joined, left and looked up in batches.

Sources: HubSpot's reference "Lists: memberships", v3 and 2026-03 (only lists whose processingType is MANUAL or SNAPSHOT; what is no record comes back
in recordIdsMissing; who is a member already is ignored, so that `added` names only whom this very call added). The live API spells the added
ids `recordsIdsAdded` and leaves empty lists out, the reference of v3 says `recordIdsAdded`: both are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crmsync.connect.protocol import LIST_CLOSED, LIST_FORBIDDEN, LIST_UNKNOWN, MemberList
from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import Outcome, OutcomeKind
from crmsync.model.record import Ref
from crmsync_hubspot import wire
from crmsync_hubspot.client import Client, LostAnswerError, chunks

BATCH = 500
"""Memberships of a call. HubSpot's reference names no limit of its own for ids sent; 500 keeps a call far below any."""
LOOK_SIZE = 100
"""Records of one call of records/memberships/batch/read."""
CONTACT_TYPE = "0-1"
OPEN_TYPES = frozenset({"MANUAL", "SNAPSHOT"})
WRITE_SCOPE = "crm.lists.write"
READ_SCOPE = "crm.lists.read"


class Lists:
    """Lists of one connected account. See crmsync.connect.protocol.KeepsMembers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def member_list(self, list_id: str) -> MemberList:
        """Two calls: the list, and what the token may; without a call for what cannot be a list's id."""
        if not list_id.isdigit():
            return MemberList(list_id=list_id, refused=LIST_UNKNOWN, why="a list's id in HubSpot is a number (its page says `List ID`).")
        try:
            answer = self._client.get("lists", list_id)
        except CredentialsError as error:
            return MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=f"{error} It needs the scope {READ_SCOPE}.")
        body = answer.json if isinstance(answer.json, dict) else {}
        told = body.get("list") if isinstance(body.get("list"), dict) else body
        if answer.status != 200 or not isinstance(told, dict) or told.get("deletedAt"):
            said = wire.trouble(answer.status, answer.json)
            unknown = answer.status in {200, 404}
            why = "there is no such list." if unknown else f"HubSpot does not show it: {said.message}."
            return MemberList(list_id=list_id, refused=LIST_UNKNOWN if unknown else LIST_CLOSED, why=why)
        label, kind = str(told.get("name") or ""), str(told.get("processingType") or "")
        if str(told.get("objectTypeId") or CONTACT_TYPE) != CONTACT_TYPE:
            return MemberList(list_id=list_id, label=label, refused=LIST_CLOSED, why=f"{label!r} is no list of contacts.")
        if kind and kind not in OPEN_TYPES:
            why = f"{label!r} is an active list, whose members follow its filter; take a static list."
            return MemberList(list_id=list_id, label=label, refused=LIST_CLOSED, why=why)
        granted = self._client.scopes()
        if granted is not None and WRITE_SCOPE not in granted:
            why = f"the token may read {label!r} but not change who is on it. It needs the scope {WRITE_SCOPE}."
            return MemberList(list_id=list_id, label=label, refused=LIST_FORBIDDEN, why=why)
        return MemberList(list_id=list_id, label=label)

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        """One call; two more when it was refused, to say why in the list's own terms."""
        refs = (*join, *leave)
        if not refs:
            return []
        if not list_id.isdigit():
            return _all(refs, OutcomeKind.REJECTED, self.member_list(list_id))
        added, removed = [r.id for r in join], [r.id for r in leave]
        body: Any = {"recordIdsToAdd": added, "recordIdsToRemove": removed}
        what = "add-and-remove"
        if not removed:
            what, body = "add", added
        elif not added:
            what, body = "remove", removed
        try:
            # Repeated, its answer would not name whom the first one added.
            answer = self._client.call("PUT", "lists", f"{list_id}/memberships/{what}", body=body, repeatable=False)
        except LostAnswerError as error:
            return [Outcome(write_id=r.id, kind=OutcomeKind.UNKNOWN, id=r.id, cause="LOST_ANSWER", message=str(error)) for r in refs]
        except CredentialsError as error:
            self._still_valid()
            why = f"{error} It needs the scope {WRITE_SCOPE}."
            return _all(refs, OutcomeKind.REJECTED, MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=why))
        if answer.status >= 300:
            return self._refused(list_id, refs, wire.trouble(answer.status, answer.json))
        return [_outcome(ref, joining, answer.json) for joining, part in ((True, join), (False, leave)) for ref in part]

    def _still_valid(self) -> None:
        """Raises CredentialsError where the token as a whole is refused; a missing scope is no reason to stop everything else."""
        self._client.get("account-info", "details")

    def _refused(self, list_id: str, refs: Sequence[Ref], said: wire.Trouble) -> list[Outcome]:
        stands = self.member_list(list_id)
        if stands.refused:
            return _all(refs, OutcomeKind.REJECTED, stands)
        return [Outcome(write_id=r.id, kind=OutcomeKind.REJECTED, id=r.id, cause=said.code, message=said.message) for r in refs]

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        """One call per 100 records."""
        found: dict[Ref, datetime] = {}
        for part in chunks(list(refs), LOOK_SIZE):
            inputs = [{"objectTypeId": CONTACT_TYPE, "recordId": ref.id} for ref in part]
            try:
                answer = self._client.read("lists", "records/memberships/batch/read", {"inputs": inputs})
            except CredentialsError:
                self._still_valid()
                return {}  # without the scope nobody knows who put them there: they are asked for again, and left where they are found
            if answer.status not in {200, 207} or not isinstance(answer.json, dict):
                said = wire.trouble(answer.status, answer.json)
                raise UnreachableError(f"HubSpot does not tell memberships ({said.message}); asked again later", side=wire.SIDE)
            told = {str(row.get("recordId")): row.get("recordListMemberships") or () for row in answer.json.get("results") or ()}
            for ref in part:
                for row in told.get(ref.id, ()):
                    at = _moment(row.get("lastAddedTimestamp") or row.get("firstAddedTimestamp"))
                    if str(row.get("listId")) == list_id and at is not None:
                        found[ref] = at
        return found


def _moment(value: Any) -> datetime | None:
    try:
        return wire.moment(str(value)) if value else None
    except ValueError:
        return None


def _all(refs: Sequence[Ref], kind: OutcomeKind, stands: MemberList) -> list[Outcome]:
    return [Outcome(write_id=r.id, kind=kind, id=r.id, cause=stands.refused, message=stands.why) for r in refs]


def _outcome(ref: Ref, joining: bool, body: Any) -> Outcome:
    told = body if isinstance(body, dict) else {}
    names = ("recordsIdsAdded", "recordIdsAdded") if joining else ("recordIdsRemoved", "recordsIdsRemoved")
    changed = {str(id) for name in names for id in told.get(name) or ()}
    if ref.id in changed:
        kind = OutcomeKind.DONE
    elif ref.id in {str(id) for id in told.get("recordIdsMissing") or ()}:
        kind = OutcomeKind.GONE
    else:
        kind = OutcomeKind.EXISTS
    return Outcome(write_id=ref.id, kind=kind, id=ref.id)
