"""The Salesforce connector of crmsync."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmsync.connect.protocol import Connector

__all__ = ["connect"]


def connect(options: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> Connector:
    """A connector to one Salesforce org; contacts nothing yet. options: CRMSYNC_SALESFORCE__X as {"x": value}.

    Raises: ConfigError naming the setting that is missing or wrong."""
    # imported late: the simulator lives in this package too and must not pull the client in
    from crmsync_salesforce.connector import SalesforceConnector
    from crmsync_salesforce.settings import read_settings

    return SalesforceConnector(read_settings(options), sleep=sleep, clock=clock)
