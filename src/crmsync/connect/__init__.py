"""Everything a connector author may import."""

from crmsync.connect.protocol import (
    Budget,
    Connector,
    ConnectorFactory,
    Cursor,
    Finding,
    Identity,
    Page,
    Traits,
)

__all__ = ["Budget", "Connector", "ConnectorFactory", "Cursor", "Finding", "Identity", "Page", "Traits"]
