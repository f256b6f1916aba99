"""A simulated Salesforce org: a real HTTP server that shares no code with the connector."""

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.faults import FaultRule
from crmsync_salesforce.sim.simulator import Simulator

__all__ = ["FaultRule", "SalesforceError", "Simulator"]
