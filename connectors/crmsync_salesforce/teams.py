"""Who is in a public group or a queue (FACTS.md, Groups and absences)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from crmsync.errors import CredentialsError
from crmsync_salesforce import soql
from crmsync_salesforce.client import Client, RefusedError

log = structlog.get_logger("crmsync.salesforce")

LEVELS = 6
"""Groups within groups that are followed. A circle ends sooner: no group is looked into twice."""
_COLUMNS = ("GroupId", "Group.Name", "Group.DeveloperName", "UserOrGroupId")
_KINDS = "Group.Type IN ('Regular','Queue')"
_USER, _GROUP = "005", "00G"
_ID = 15


def memberships(client: Client, words: Collection[str]) -> Mapping[str, frozenset[str]]:
    """User id (15 characters) -> those of the words (names, developer names or ids of public groups and queues, any case) whose groups they are in,
    also by groups within these. Roles among the members are left out. One call where no group holds another, one more per level; none, with a
    warning, where Salesforce does not let us read memberships."""
    try:
        return _found(client, sorted(words))
    except (RefusedError, CredentialsError) as error:
        log.warning("salesforce.groups", problem=str(error))
        return {}


def _found(client: Client, words: Sequence[str]) -> Mapping[str, frozenset[str]]:
    members: dict[str, set[str]] = {}
    roots: dict[str, set[str]] = {}
    seen: set[str] = set()
    rows = list(_rows(client, _named(words)))
    for row in rows:
        roots.setdefault(row["GroupId"][:_ID], set()).update(_meant(words, row))
    for _ in range(LEVELS):
        for row in rows:
            members.setdefault(row["GroupId"][:_ID], set()).add(row["UserOrGroupId"][:_ID])
        seen |= {row["GroupId"][:_ID] for row in rows}
        inner = sorted({row["UserOrGroupId"] for row in rows if row["UserOrGroupId"].startswith(_GROUP)})
        unread = [group for group in inner if group[:_ID] not in seen]
        if not unread:
            break
        seen |= {group[:_ID] for group in unread}
        rows = list(_rows(client, soql.in_lists(_COLUMNS, "GroupMember", "GroupId", unread, also=_KINDS)))
    found: dict[str, set[str]] = {}
    for group, said in roots.items():
        for user in _people(group, members):
            found.setdefault(user, set()).update(said)
    return {user: frozenset(said) for user, said in found.items()}


def _named(words: Sequence[str]) -> Iterator[str]:
    """Queries for the direct members of the groups that the words mean."""
    for run in soql.chunks(words, room=soql.URL_ROOM // 4):
        ids = [word for word in run if soql.is_id(word)]
        asked = {"Group.Name": run, "Group.DeveloperName": run, "GroupId": ids}
        meant = " OR ".join(f"{field} IN ({','.join(map(soql.literal, values))})" for field, values in asked.items() if values)
        yield soql.select(_COLUMNS, "GroupMember", where=f"({meant}) AND {_KINDS}")


def _rows(client: Client, queries: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in queries:
        for row in client.rows(soql.path(text)):
            if row.get("GroupId") and row.get("UserOrGroupId"):
                yield row


def _meant(words: Sequence[str], row: Mapping[str, Any]) -> set[str]:
    group = row.get("Group") or {}
    names = {str(group.get(name) or "").casefold() for name in ("Name", "DeveloperName")}
    return {word for word in words if word.casefold() in names or (soql.is_id(word) and word[:_ID] == row["GroupId"][:_ID])}


def _people(group: str, members: Mapping[str, Collection[str]]) -> set[str]:
    """Users in a group and in all that it holds."""
    found: set[str] = set()
    seen, ahead = {group}, [group]
    while ahead:
        for member in members.get(ahead.pop(), ()):
            if member.startswith(_USER):
                found.add(member)
            elif member not in seen:
                seen.add(member)
                ahead.append(member)
    return found
