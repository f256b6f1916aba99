"""What the scripted server answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    json: Any
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False


def reply(status: int = 200, json: Any = None, headers: dict[str, str] | None = None, *, drop: bool = False, cut: bool = False) -> Reply:
    """drop: the connection is closed without an answer. cut: half of the body is sent."""
    return Reply(status=status, json=json, headers=headers or {}, drop=drop, cut=cut)
