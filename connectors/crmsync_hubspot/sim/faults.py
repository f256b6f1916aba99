"""Fault rules: what goes wrong with matching calls, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = frozenset({"status", "drop_before", "drop_after", "delay", "status_after", "truncate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """Lets `after` matching calls through, then hits `times` of them (None: for ever).

    `path` is a regular expression searched in path and query. drop_before closes the connection with nothing done;
    drop_after and status_after carry the request out first; delay waits `seconds` real seconds, then goes on;
    truncate sends half of the body. A list as `body` is sent as JSON, text as it is.
    """

    do: str
    method: str | None = None
    path: str | None = None
    after: int = 0
    times: int | None = None
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.do not in KINDS:
            raise ValueError(f"do must be one of {', '.join(sorted(KINDS))}")
        if self.path is not None:
            re.compile(self.path)
        if self.after < 0 or (self.times is not None and self.times < 1) or not 100 <= self.status <= 599:
            raise ValueError("after must be at least 0, times at least 1, status between 100 and 599")

    def json(self) -> dict[str, Any]:
        """The rule as the control address takes and shows it."""
        return asdict(self)


def rule_from(body: Mapping[str, Any]) -> FaultRule:
    """A rule from its JSON; ValueError with the reason on nonsense."""
    try:
        given = {k: v for k, v in body.items() if v is not None}
        return FaultRule(**given)
    except (TypeError, re.error) as error:
        raise ValueError(f"not a fault rule: {error}") from error


class Faults:
    """The active rules with their counters."""

    def __init__(self) -> None:
        self._active: list[tuple[FaultRule, list[int]]] = []

    @property
    def rules(self) -> list[FaultRule]:
        """Active rules, oldest first."""
        return [rule for rule, _ in self._active]

    def add(self, rule: FaultRule | Mapping[str, Any]) -> FaultRule:
        """Activates a rule (given as such or as its JSON)."""
        made = rule if isinstance(rule, FaultRule) else rule_from(rule)
        self._active.append((made, [0, 0]))
        return made

    def clear(self) -> None:
        """Forgets every rule."""
        self._active.clear()

    def match(self, method: str, target: str) -> list[FaultRule]:
        """The rules that hit this call: delays that apply, then at most one other."""
        hits: list[FaultRule] = []
        for rule, counts in self._active:
            if rule.method is not None and rule.method.upper() != method:
                continue
            if rule.path is not None and not re.search(rule.path, target):
                continue
            if rule.do != "delay" and any(h.do != "delay" for h in hits):
                continue
            counts[0] += 1
            if counts[0] <= rule.after or (rule.times is not None and counts[1] >= rule.times):
                continue
            counts[1] += 1
            hits.append(rule)
        return hits
