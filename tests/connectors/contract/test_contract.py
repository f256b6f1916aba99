"""The connector contract, held against the memory CRM, its hostile form and both real connectors on their simulators."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from connectors.contract.rigs import HubSpotRig, MemoryRig, SalesforceRig
from crmsync.testing.contract import ConnectorContract, Rig

RIGS: dict[str, Callable[[], Any]] = {
    "memory": MemoryRig,
    "hostile": lambda: MemoryRig(rude=True),
    "salesforce contact": lambda: SalesforceRig("Contact"),
    "salesforce lead": lambda: SalesforceRig("Lead"),
    "hubspot": HubSpotRig,
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


class TestContract(ConnectorContract):
    @pytest.fixture(params=RIGS)
    def rig(self, request: pytest.FixtureRequest) -> Iterator[Rig]:
        made = RIGS[request.param]()
        if hasattr(made, "provisioned") and "provision" not in request.node.name:
            made.provisioned()
        yield made
        made.close()
