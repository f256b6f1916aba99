"""HubSpot for crmsync: found by the entry point `crmsync.connectors`."""

from crmsync_hubspot.connector import connect

__all__ = ["connect"]
