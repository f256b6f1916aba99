"""Associations as part of writes: inline in creates, in batches after updates. Sources: contracts 5.7 (type ids, batch sizes, answers)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.change import Outcome, OutcomeKind, Write
from crmsync.model.record import Ref
from crmsync_hubspot import wire
from crmsync_hubspot.client import Client, LostAnswerError, chunks
from crmsync_hubspot.links import COMPANIES, DEALS

_NUMBER = re.compile(r"\d+")
CREATE_SIZE, ARCHIVE_SIZE = 2_000, 1_000
_TRIES = 2  # an association made or ended twice is the same as once
TYPES: Mapping[tuple[str, str], int] = {
    ("tasks", wire.CONTACTS): 204, ("tasks", COMPANIES): 192, ("tasks", DEALS): 216,
    ("notes", wire.CONTACTS): 202, ("notes", COMPANIES): 190, ("notes", DEALS): 214,
    ("calls", wire.CONTACTS): 194, ("calls", COMPANIES): 182, ("calls", DEALS): 206,
    ("emails", wire.CONTACTS): 198, ("emails", COMPANIES): 186, ("emails", DEALS): 210,
    ("meetings", wire.CONTACTS): 200, ("meetings", COMPANIES): 188, ("meetings", DEALS): 212,
    (DEALS, wire.CONTACTS): 3, (DEALS, COMPANIES): 341,
    (wire.CONTACTS, COMPANIES): 279, (wire.CONTACTS, DEALS): 4,
    (COMPANIES, wire.CONTACTS): 280, (COMPANIES, DEALS): 342,
}  # fmt: skip
"""Association type ids that HubSpot defines, from -> to."""
PRIMARY: Mapping[tuple[str, str], int] = {(DEALS, COMPANIES): 5, (wire.CONTACTS, COMPANIES): 1}


def _types(object: str, target: str, *, first: bool) -> list[dict[str, Any]]:
    pair = (object, target)
    ids = [TYPES[pair], *((PRIMARY[pair],) if first and pair in PRIMARY else ())]
    return [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": i} for i in ids]


def _known(object: str, refs: Sequence[Ref]) -> list[Ref]:
    return [r for r in dict.fromkeys(refs) if r.side == wire.SIDE and (object, r.object) in TYPES and r.id.isdigit()]


def inline(write: Write) -> list[dict[str, Any]]:
    """The `associations` of a create: every record it is about, the first company as the primary one."""
    seen: set[str] = set()
    found = []
    for ref in _known(write.object, write.about):
        found.append({"to": {"id": ref.id}, "types": _types(write.object, ref.object, first=ref.object not in seen)})
        seen.add(ref.object)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    write: Write
    to: str

    @property
    def ends(self) -> tuple[str, str]:
        return str(self.write.id), self.to


class Associating:
    """Makes and ends associations of records that exist."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def carry(self, object: str, writes: Sequence[Write], out: dict[str, Outcome]) -> None:
        """For updates that are DONE in `out`: what they are about and no longer about; changes their outcomes where that fails.

        New ones first, so that a record never stands alone meanwhile. Raises nothing."""
        for making in (True, False):
            pairs: dict[str, list[_Pair]] = {}
            for write in writes:
                if out[write.write_id].kind is OutcomeKind.DONE:
                    for ref in _known(object, write.about if making else write.unlink):
                        pairs.setdefault(ref.object, []).append(_Pair(write=write, to=ref.id))
            for target, found in pairs.items():
                for part in chunks(found, CREATE_SIZE if making else ARCHIVE_SIZE):
                    self._send(object, target, part, out, making=making)

    def _send(self, object: str, target: str, pairs: Sequence[_Pair], out: dict[str, Outcome], *, making: bool) -> None:
        if making:
            types = _types(object, target, first=True)  # a company that comes later is the primary one, too: its side has one only
            inputs: list[dict[str, Any]] = [{"from": {"id": p.write.id}, "to": {"id": p.to}, "types": types} for p in pairs]
        else:
            by_from: dict[str, list[dict[str, str]]] = {}
            for pair in pairs:
                by_from.setdefault(str(pair.write.id), []).append({"id": pair.to})
            inputs = [{"from": {"id": id}, "to": others} for id, others in by_from.items()]
        path = f"{object}/{target}/batch/{'create' if making else 'archive'}"
        try:
            answer = self._client.call("POST", "associations", path, body={"inputs": inputs}, tries=_TRIES)
        except (CredentialsError, UnreachableError) as error:
            lost = isinstance(error, LostAnswerError)
            kind = OutcomeKind.UNKNOWN if lost else OutcomeKind.RETRY
            for pair in pairs:
                _fail(out, pair.write, kind, "LOST_ANSWER" if lost else type(error).__name__, str(error))
            return
        body = answer.json if isinstance(answer.json, dict) else {}
        if answer.status >= 300:
            said = wire.trouble(answer.status, answer.json)
            if len(pairs) > 1:
                middle = len(pairs) // 2
                for part in (pairs[:middle], pairs[middle:]):
                    self._send(object, target, part, out, making=making)
                return
            _refused(out, pairs[0], said)
            return
        errors = [(wire.trouble(207, e), _named(e)) for e in body.get("errors") or ()]
        if not errors:
            return
        done = {ends for row in body.get("results") or () for ends in _both(row)}
        for pair in pairs:
            if pair.ends in done:
                continue
            mine = [said for said, ids in errors if ids & set(pair.ends)]
            if mine or making:
                _refused(out, pair, mine[0] if mine else errors[0][0])


def _both(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The ends of a result, in both orders; live answers have integers as ids."""
    a = str(row.get("fromObjectId") or (row.get("from") or {}).get("id") or "")
    b = str(row.get("toObjectId") or (row.get("to") or {}).get("id") or "")
    return [(a, b), (b, a)]


def _named(error: Mapping[str, Any]) -> set[str]:
    """Every id that an error mentions: in its context, or where it has none, in its message [recorded]."""
    values = (error.get("context") or {}).values()
    return {str(v) for value in values for v in (value if isinstance(value, list) else [value])} or set(
        _NUMBER.findall(str(error.get("message") or ""))
    )


def _refused(out: dict[str, Outcome], pair: _Pair, said: wire.Trouble) -> None:
    gone = said.category == "OBJECT_NOT_FOUND" and pair.write.id in said.ids
    _fail(out, pair.write, OutcomeKind.GONE if gone else OutcomeKind.REJECTED, said.code, f"association with {pair.to}: {said.message}")


def _fail(out: dict[str, Outcome], write: Write, kind: OutcomeKind, cause: str, message: str) -> None:
    out[write.write_id] = replace(out[write.write_id], kind=kind, cause=cause, message=message)
