"""Shares of small numbers, told with how sure they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Those of whom it is known whether the SLA was kept: how many kept it, and how many were breached."""

    kept: int = 0
    breached: int = 0

    @property
    def judged(self) -> int:
        """All of them."""
        return self.kept + self.breached

    @property
    def share(self) -> float | None:
        """Kept of judged, 0-1; None of nothing."""
        return self.kept / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share lies with 95 % confidence (Wilson); None of nothing."""
        return interval(self.kept, self.judged)


def interval(hits: int, of: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share; None of nothing."""
    if of == 0:
        return None
    z, p = 1.959964, hits / of
    middle, spread, scale = p + z * z / (2 * of), z * ((p * (1 - p) + z * z / (4 * of)) / of) ** 0.5, 1 + z * z / of
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
