"""The part of `crmsync check --live` about the lists and campaigns that nurture tracks name: are they there, and may we change who is on them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from crmsync.connect.protocol import Connector, Finding, KeepsMembers
from crmsync.model.process import Track

SUBJECT = "mappings/playbook.yaml tracks"


def check_lists(tracks: Iterable[Track], connectors: Mapping[str, Connector]) -> list[Finding]:
    """One or two calls per list, none where no track names any. Reads only.

    Raises: CredentialsError, UnreachableError."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for track in tracks:
        for side, list_id in sorted(track.lists.items()):
            wanted.setdefault((side, list_id), []).append(track.name)
    return [found for (side, list_id), names in wanted.items() if (found := _one(side, list_id, names, connectors.get(side))) is not None]


def _one(side: str, list_id: str, names: list[str], connector: Connector | None) -> Finding | None:
    subject = f"{SUBJECT} {', '.join(names)}"
    if connector is None:
        return Finding(
            level="warning", subject=subject, message=f"{side} is not connected: nobody joins {list_id} there", fix=f"connect {side}"
        )
    word = connector.traits.list_word
    if not connector.traits.member_batch:
        message = f"{side} has no lists whose members crmsync can change; {list_id} stays as it is"
        return Finding(level="warning", subject=subject, message=message, fix=f"take {side} out of lists")
    stands = cast(KeepsMembers, connector).member_list(list_id)
    if stands.refused:
        fix = f"name another {word}, or give the right; then `crmsync problems retry --cause {stands.refused}`"
        return Finding(level="error", subject=subject, message=f"{side} {word} {list_id} takes no members from us: {stands.why}", fix=fix)
    return Finding(level="info", subject=subject, message=f"{side} {word} {stands.label!r} ({list_id}) takes members")
