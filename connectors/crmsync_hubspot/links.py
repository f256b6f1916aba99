"""Whom an activity or a deal belongs to: associations read by the cheapest way, and changed in batches.

Sources: contracts 5.7; the recorded v4 answers (ids are integers, an input without any is an "error" of its own).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.record import Ref
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import IN_FLIGHT, Client, chunks

READ_SIZE = 1_000
COMPANIES, DEALS = "companies", "deals"
ACTIVITIES = ("tasks", "calls", "emails", "meetings", "notes")
TARGETS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(ACTIVITIES, (wire.CONTACTS, COMPANIES, DEALS)),
    DEALS: (wire.CONTACTS, COMPANIES),
    wire.CONTACTS: (COMPANIES,),
}
"""What a record of an object can belong to, persons first."""

_PRIMARY_TYPES = frozenset({1, 5})
"""contact -> primary company, deal -> primary company (contracts 5.7)."""

_NONE = "NO_ASSOCIATIONS_FOUND"


class Links:
    """Reads associations of one connected account."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._closed: set[str] = set()

    @property
    def untold(self) -> frozenset[str]:
        """Objects whose associations our token may not see."""
        return frozenset(self._closed)

    def hope(self) -> None:
        """Scopes may have been granted: asks for everything again."""
        self._closed.clear()

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        """See the protocol. One call per 1,000 records and target object, or one per record where that is fewer.

        Companies and deals that the token has no scope for are left out. Raises: CredentialsError when it may not see contacts."""
        asked = list(dict.fromkeys(str(i) for i in ids))
        known = [i for i in asked if i.isdigit()]
        targets = [t for t in TARGETS.get(object, ()) if t not in self._closed]
        found: dict[str, dict[str, list[str]]] = {i: {} for i in asked}
        if known and targets:
            if len(known) < len(targets) * len(chunks(known, READ_SIZE)):
                self._singly(object, known, targets, found)
            else:
                self._by_target(object, known, targets, found)
        order = TARGETS.get(object, ())
        return {i: tuple(Ref(side=SIDE, object=t, id=to) for t in order for to in found[i].get(t, ())) for i in asked}

    # --- one call per target --------------------------------------------------------------------------------------------------

    def _by_target(self, object: str, ids: Sequence[str], targets: Sequence[str], found: dict[str, dict[str, list[str]]]) -> None:
        jobs = [(target, part) for target in targets for part in chunks(ids, READ_SIZE)]

        def run(job: tuple[str, Sequence[str]]) -> dict[str, list[str]] | CredentialsError:
            try:
                return self._read(object, *job)
            except CredentialsError as error:
                return error

        with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
            answers = list(pool.map(run, jobs))
        visible = any(not isinstance(a, CredentialsError) for a in answers)
        for (target, _), answer in zip(jobs, answers, strict=True):
            if isinstance(answer, CredentialsError):
                if target == wire.CONTACTS or not visible:
                    raise answer
                self._closed.add(target)
                continue
            for id, others in answer.items():
                found[id][target] = others

    def _read(self, object: str, target: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Associated ids per record, the primary one first. Records with very many are read on until they are complete."""
        rows: dict[str, list[tuple[str, bool]]] = {}
        inputs: list[dict[str, str]] = [{"id": i} for i in ids]
        while inputs:
            answer = self._client.read("associations", f"{object}/{target}/batch/read", {"inputs": inputs})
            if answer.status not in {200, 207} or not isinstance(answer.json, dict):
                said = wire.trouble(answer.status, answer.json)
                raise UnreachableError(f"HubSpot refused to tell the {target} of {object} ({said.code}); tried again later", side=SIDE)
            _complain(answer.json.get("errors") or (), object)
            before = {i["id"]: i.get("after") for i in inputs}
            inputs = []
            for row in answer.json.get("results") or ():
                id = str(row["from"]["id"])
                rows.setdefault(id, []).extend(map(target_of, row.get("to") or ()))
                following = ((row.get("paging") or {}).get("next") or {}).get("after")
                if following is not None and str(following) != before.get(id):
                    inputs.append({"id": id, "after": str(following)})
        asked = set(ids)
        return {id: _ordered(others) for id, others in rows.items() if id in asked}

    # --- one call per record --------------------------------------------------------------------------------------------------

    def _singly(self, object: str, ids: Sequence[str], targets: Sequence[str], found: dict[str, dict[str, list[str]]]) -> None:
        for id in ids:
            query = {"properties": "hs_object_id", "associations": ",".join(targets)}
            try:
                answer = self._client.get("objects", f"{object}/{id}", query)
            except CredentialsError:
                # which object we may not see is only told one by one
                self._by_target(object, ids, targets, found)
                return
            if answer.status == 404:
                continue
            if answer.status != 200 or not isinstance(answer.json, dict):
                said = wire.trouble(answer.status, answer.json)
                raise UnreachableError(f"HubSpot refused to tell whom {object} {id} belongs to ({said.code})", side=SIDE)
            told = answer.json.get("associations") or {}
            for target in targets:
                part = told.get(target) or {}
                if (part.get("paging") or {}).get("next"):
                    found[id][target] = self._read(object, target, [id]).get(id, [])
                else:
                    found[id][target] = embedded(part.get("results") or ())


def target_of(row: Mapping[str, Any]) -> tuple[str, bool]:
    """One entry of a v4 answer: the other record's id, and whether it is the primary one. Live answers have integers as ids."""
    types = row.get("associationTypes") or ()
    return str(row["toObjectId"]), any(t.get("label") == "Primary" or t.get("typeId") in _PRIMARY_TYPES for t in types)


def embedded(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ids in the `associations` of an object's own answer. A primary company is listed twice there, labelled and `_unlabeled`."""
    types: dict[str, set[str]] = {}
    for row in rows:
        types.setdefault(str(row["id"]), set()).add(str(row.get("type") or ""))
    return _ordered([(id, len(t) > 1 and any(x.endswith("_unlabeled") for x in t)) for id, t in types.items()])


def _ordered(rows: Iterable[tuple[str, bool]]) -> list[str]:
    merged: dict[str, bool] = {}
    for id, primary in rows:
        merged[id] = merged.get(id, False) or primary
    return sorted(merged, key=lambda id: not merged[id])


def _complain(errors: Iterable[Mapping[str, Any]], object: str) -> None:
    """Raises for an error that does not say "this record has none": what was not told must never look like an association that ended."""
    for error in errors:
        text = str(error.get("subCategory") or "")
        if _NONE not in text and error.get("category") != "OBJECT_NOT_FOUND":
            said = wire.trouble(207, error)
            raise UnreachableError(f"HubSpot did not tell all associations of {object} ({said.code}); tried again later", side=SIDE)
