"""Fault rules: what goes wrong with which calls, how often, and how."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS = frozenset({"status", "drop_before", "drop_after", "delay", "status_after", "truncate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. `path` is a regular expression searched in the raw path with its query; `times` None means for ever."""

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

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> FaultRule:
        """A rule from its JSON form. Raises ValueError."""
        known = {entry.name for entry in fields(cls)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"unknown key in fault rule: {', '.join(sorted(unknown))}")
        try:
            given = {key: value for key, value in data.items() if value is not None or key in ("method", "path", "times", "body")}
            return cls(**given)
        except (TypeError, re.error) as error:
            raise ValueError(str(error)) from None

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule speaks of such calls."""
        if self.method is not None and self.method.upper() != method:
            return False
        return self.path is None or re.search(self.path, path) is not None

    def shown(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


class Faults:
    """The live rules with their counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[FaultRule, list[int]]] = []

    def add(self, rule: FaultRule | Mapping[str, Any]) -> FaultRule:
        """Put a rule into force; the first one that bites wins. Raises ValueError."""
        made = rule if isinstance(rule, FaultRule) else FaultRule.of(rule)
        with self._lock:
            self._rules.append((made, [0, 0]))
        return made

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._rules.clear()

    def all(self) -> list[FaultRule]:
        """The rules in force."""
        with self._lock:
            return [rule for rule, _ in self._rules]

    def strike(self, method: str, path: str) -> FaultRule | None:
        """The rule that hits this call, if any; counts it."""
        with self._lock:
            for rule, counts in self._rules:
                if not rule.matches(method, path):
                    continue
                counts[0] += 1
                if counts[0] <= rule.after or (rule.times is not None and counts[1] >= rule.times):
                    continue
                counts[1] += 1
                return rule
        return None
