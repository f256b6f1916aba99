"""A simulated HubSpot portal: a real HTTP server faithful to the vendor's documented and recorded API."""

from __future__ import annotations

from .calls import CallEntry
from .faults import FaultRule
from .options import Options
from .portal import Write
from .simulator import Simulator

__all__ = ["CallEntry", "FaultRule", "Options", "Simulator", "Write"]
