"""Members of Salesforce's campaigns: created, deleted and looked up in collections of 200.

Sources: Salesforce's object reference, CampaignMember (either LeadId or ContactId; since API 16 a create of who is a member already is refused and
changes nothing; reading the campaign is enough to create members; without the marketing feature the object is not there), and "Considerations for
Converting Leads" (a conversion moves the memberships to the contact by itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from crmsync.connect.protocol import LIST_FORBIDDEN, LIST_UNKNOWN, MemberList
from crmsync.errors import CrmsyncError
from crmsync.model.change import Outcome, OutcomeKind
from crmsync.model.record import Ref
from crmsync_salesforce import soql, wire
from crmsync_salesforce.auth import SIDE
from crmsync_salesforce.client import KEYED_WRITE, ONCE, Client, HiddenError, LostError, RefusedError
from crmsync_salesforce.schema import Describes

BATCH = 200
CAMPAIGN, MEMBER = "Campaign", "CampaignMember"
PERSON_FIELD: Mapping[str, str] = {"Lead": "LeadId", "Contact": "ContactId"}
_FORBIDDEN = frozenset(
    {
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INSUFFICIENT_ACCESS_OR_READONLY", "INVALID_TYPE", "INVALID_TYPE_FOR_OPERATION", "NOT_FOUND", "OPERATION_NOT_ALLOWED",
    }
)  # fmt: skip
_ABSENT = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"})
_PASSING = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "TXN_SECURITY_METERING_ERROR"})
_GRANT = "Grant the integration user create and delete on campaign members (Marketing User, and read on Campaign)."


class Members:
    """Campaigns of one org. See crmsync.connect.protocol.KeepsMembers."""

    def __init__(self, client: Client, describes: Describes) -> None:
        self._client = client
        self._describes = describes

    def member_list(self, list_id: str) -> MemberList:
        """Two calls at most: the campaign, and what our user may do with members."""
        if not (soql.is_id(list_id) and list_id.startswith("701")):
            return MemberList(list_id=list_id, refused=LIST_UNKNOWN, why="a campaign's id has 15 or 18 characters and starts with 701.")
        text = soql.select(("Id", "Name", "IsActive"), CAMPAIGN, where=f"Id = {soql.literal(list_id)}")
        try:
            rows = self._client.rows(soql.path(text))
        except HiddenError as error:
            return MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=f"{error}. {_GRANT}")
        if not rows:
            return MemberList(list_id=list_id, refused=LIST_UNKNOWN, why="there is no such campaign, or our user may not see it.")
        label = str(rows[0].get("Name") or "")
        native = self._describes.native(MEMBER)
        if native is None or not (native.get("createable", True) and native.get("deletable", True)):
            return MemberList(list_id=list_id, label=label, refused=LIST_FORBIDDEN, why=f"our user may not change its members. {_GRANT}")
        return MemberList(list_id=list_id, label=label)

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        """One call for who joins; for who leaves two, because Salesforce deletes a membership by the membership's own id."""
        refs = (*join, *leave)
        if refs and not (soql.is_id(list_id) and list_id.startswith("701")):
            return _all(refs, self.member_list(list_id))
        found = self._join(list_id, join) if join else []
        if not leave:
            return found
        try:
            return [*found, *self._leave(list_id, leave)]
        except CrmsyncError as error:
            if not join:
                raise
            cause = type(error).__name__
            return [*found, *(Outcome(write_id=r.id, kind=OutcomeKind.RETRY, id=r.id, cause=cause, message=str(error)) for r in leave)]

    def _join(self, list_id: str, refs: Sequence[Ref]) -> list[Outcome]:
        records = [{"attributes": {"type": MEMBER}, "CampaignId": list_id, PERSON_FIELD[ref.object]: ref.id} for ref in refs]
        body = orjson.dumps({"allOrNone": False, "records": records})
        try:
            # Repeated, its answer would say "already a member" of whom the first one added.
            native = self._client.parsed(lambda: self._client.request("POST", "composite/sobjects", body=body, safety=ONCE))
        except LostError as error:
            return _lost(refs, error)
        except RefusedError as error:
            return self._refused(list_id, refs, error.errors)
        results = wire.results(native, len(refs))
        if results is None:
            return _lost(refs, LostError("Salesforce's answer does not fit what was sent", side=SIDE))
        found = [_joined(ref, result) for ref, result in zip(refs, results, strict=True)]
        doubtful = [o for o in found if o.kind is OutcomeKind.GONE or (o.kind is OutcomeKind.REJECTED and o.cause in _FORBIDDEN)]
        if doubtful and len(doubtful) == len(found):  # all of them: it may be the campaign itself
            stands = self.member_list(list_id)
            if stands.refused:
                return _all(refs, stands)
            if all(o.cause in _FORBIDDEN for o in doubtful):
                return _all(refs, MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=f"{doubtful[0].message}. {_GRANT}"))
        return found

    def _leave(self, list_id: str, refs: Sequence[Ref]) -> list[Outcome]:
        try:
            rows = self._rows(list_id, refs)
        except HiddenError as error:
            return _all(refs, MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=f"{error}. {_GRANT}"))
        known = {ref: str(rows[ref]["Id"]) for ref in refs if ref in rows}
        outcomes = {ref: Outcome(write_id=ref.id, kind=OutcomeKind.EXISTS, id=ref.id) for ref in refs if ref not in known}
        places = list(known)
        if places:
            path = f"composite/sobjects?ids={','.join(known[ref] for ref in places)}&allOrNone=false"
            try:
                # A second delete meets a membership that is gone, which is what was wanted.
                native = self._client.parsed(lambda: self._client.request("DELETE", path, safety=KEYED_WRITE))
            except LostError as error:
                outcomes |= zip(places, _lost(places, error), strict=True)
            except RefusedError as error:
                outcomes |= zip(places, self._refused(list_id, places, error.errors), strict=True)
            else:
                results = wire.results(native, len(places))
                lost = LostError("Salesforce's answer does not fit what was sent", side=SIDE)
                told = _lost(places, lost) if results is None else [_left(ref, r) for ref, r in zip(places, results, strict=True)]
                outcomes |= zip(places, told, strict=True)
        return [outcomes[ref] for ref in refs]

    def _refused(self, list_id: str, refs: Sequence[Ref], errors: Sequence[wire.ApiError]) -> list[Outcome]:
        """The whole call was refused."""
        code, message = (errors[0].code, errors[0].message) if errors else ("REFUSED", "refused without a reason")
        if code in _FORBIDDEN:
            return _all(refs, MemberList(list_id=list_id, refused=LIST_FORBIDDEN, why=f"{message}. {_GRANT}"))
        kind = OutcomeKind.RETRY if code in _PASSING else OutcomeKind.REJECTED
        return [Outcome(write_id=r.id, kind=kind, id=r.id, cause=code, message=message) for r in refs]

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        """One call per object and some 700 records."""
        if not soql.is_id(list_id):
            return {}
        try:
            return {ref: wire.moment(str(row["CreatedDate"])) for ref, row in self._rows(list_id, refs).items()}
        except HiddenError:
            return {}  # nobody may tell us who put them there: they are asked for again, and left where they are found

    def _rows(self, list_id: str, refs: Sequence[Ref]) -> dict[Ref, Mapping[str, object]]:
        found: dict[Ref, Mapping[str, object]] = {}
        for object, field in PERSON_FIELD.items():
            mine = {ref.id[:15]: ref for ref in refs if ref.object == object and soql.is_id(ref.id)}
            also = f"CampaignId = {soql.literal(list_id)}"
            ids = [ref.id for ref in mine.values()]
            for text in soql.in_lists(("Id", field, "CreatedDate"), MEMBER, field, ids, also=also) if ids else ():
                found |= {mine[str(row[field])[:15]]: row for row in self._client.rows(soql.path(text)) if str(row[field])[:15] in mine}
        return found


def _all(refs: Sequence[Ref], stands: MemberList) -> list[Outcome]:
    return [Outcome(write_id=r.id, kind=OutcomeKind.REJECTED, id=r.id, cause=stands.refused, message=stands.why) for r in refs]


def _lost(refs: Sequence[Ref], error: LostError) -> list[Outcome]:
    return [Outcome(write_id=r.id, kind=OutcomeKind.UNKNOWN, id=r.id, cause="LOST_ANSWER", message=str(error)) for r in refs]


def _joined(ref: Ref, result: wire.Result) -> Outcome:
    if not result.errors:
        return Outcome(write_id=ref.id, kind=OutcomeKind.DONE, id=ref.id)
    error = result.errors[0]
    kind = OutcomeKind.REJECTED
    if error.code == "DUPLICATE_VALUE":
        kind = OutcomeKind.EXISTS
    elif error.code in _ABSENT:
        kind = OutcomeKind.GONE
    elif error.code in _PASSING:
        kind = OutcomeKind.RETRY
    return Outcome(write_id=ref.id, kind=kind, id=ref.id, cause=error.code, message=error.message)


def _left(ref: Ref, result: wire.Result) -> Outcome:
    if not result.errors:
        return Outcome(write_id=ref.id, kind=OutcomeKind.DONE, id=ref.id)
    error = result.errors[0]
    if error.code in _ABSENT:
        return Outcome(write_id=ref.id, kind=OutcomeKind.EXISTS, id=ref.id, cause=error.code, message=error.message)
    kind = OutcomeKind.RETRY if error.code in _PASSING else OutcomeKind.REJECTED
    return Outcome(write_id=ref.id, kind=kind, id=ref.id, cause=error.code, message=error.message)
