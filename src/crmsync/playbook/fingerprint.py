"""Short hashes of meaning. A field whose fingerprint changed has no merge base any more (law 4); comments and order of keys change none."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from crmsync.model.rules import FieldMap, Playbook

LENGTH = 16
_LISTS = (
    "free_domains",
    "disposable_domains",
    "competitor_domains",
    "target_domains",
    "business_domains",
    "titles",
    "titles_except",
    "departments",
)


def of_field(field: FieldMap) -> FieldMap:
    """The field with its fingerprint: of its type, places and value maps. Who may write and who wins changes no stored value's meaning."""
    meaning = {"type": field.type, "places": _plain(field.places), "values": _plain(field.values)}
    return replace(field, fingerprint=_hash(meaning))


def of_playbook(playbook: Playbook) -> Playbook:
    """The playbook with its fingerprint: of everything an admin decided, not of where it stands in a file."""
    return replace(playbook, fingerprint=_hash(_plain(replace(playbook, fingerprint=""))))


def of_decisions(playbook: Playbook) -> str:
    """Changes when something changes that scores, stages, types, the data gate, questions, tracks, owners, SLA clocks or cadences of persons follow from:
    whoever was decided under another one has to be decided anew. Deadlines of open clocks follow new windows and hours that way, and who waits for an owner a new
    pool; for whom nothing is open a decision writes nothing. Alerts and texts are looked up when they are made. The mapping's part is kept by each
    field's own fingerprint."""
    names = (
        "score",
        "segments",
        "types",
        "stages",
        "gate",
        "profile",
        "tracks",
        "routing",
        "sla",
        "cadences",
        "estimates",
        "replies",
        *_LISTS,
    )
    # When one person works concerns those whom they own, and these alone are looked at again (engine.acquaint).
    everybodys = replace(playbook.hours, people={})
    return _hash({"hours": _plain(everybodys), **{name: _plain(getattr(playbook, name)) for name in names}})


def _hash(meaning: Any) -> str:
    return sha256(json.dumps(meaning, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()[:LENGTH]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        # The type's name tells "all of" from "any of"; `where` moves when a comment is added above.
        return [type(value).__name__, {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name != "where"}]
    if isinstance(value, dict):
        return {"/".join(key) if isinstance(key, tuple) else str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value
