"""The list of calls the server answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple


class CallEntry(NamedTuple):
    """One answered call. `status` 0: the connection was dropped; `billed`: counts against the vendor's limits."""

    method: str
    path: str
    status: int
    at: datetime
    billed: bool

    def json(self) -> dict[str, Any]:
        """As the control address shows it."""
        return {**self._asdict(), "at": self.at.isoformat()}
