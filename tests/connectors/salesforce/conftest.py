"""Builders for the Salesforce connector's tests: settings, a client whose clock and sleeper are injected, a simulator per test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded"
LOGIN = "https://acme.my.salesforce.com"
DATA = f"{LOGIN}/services/data/v62.0/"
TOKEN_BODY = {
    "access_token": "00Dxx!token-one",
    "instance_url": LOGIN,
    "id": "https://login.salesforce.com/id/00D5g00000ABCDEEA4/0055g00000XYZabAAH",
    "token_type": "Bearer",
    "issued_at": "1278448832702",
}
NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def options(**more: str) -> dict[str, str]:
    """Options of the client-credentials flow."""
    return {"login_url": LOGIN, "client_id": "key", "client_secret": "s3cret-value", **more}


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Debug lines of every call would bury a failure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


class Naps:
    """A sleeper that remembers instead of sleeping."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """Reads a recorded payload, or skips where the recordings are not at hand."""

    def read(name: str) -> bytes:
        path = RECORDED / name
        if not path.exists():
            pytest.skip(f"recorded payloads are not at ../shared/recorded ({name})")
        return path.read_bytes()

    return read


@pytest.fixture
def simulator() -> Iterator[Any]:
    """A running simulated org."""
    from crmsync_salesforce.sim import Simulator

    with Simulator() as sim:
        yield sim


@pytest.fixture
def connect(naps: Naps) -> Iterator[Callable[..., Any]]:
    """Makes connectors to a simulated org: connect(simulator, option=value)."""
    from crmsync_salesforce import connect as factory

    made = []
    prefix = "CRMSYNC_SALESFORCE__"

    def make(sim: Any, **more: str) -> Any:
        env = {name.removeprefix(prefix).lower(): value for name, value in sim.environment().items() if name.startswith(prefix)}
        connector = factory({**env, **more}, sleep=naps, clock=lambda: datetime.now(UTC))
        made.append(connector)
        return connector

    yield make
    for connector in made:
        connector.close()
