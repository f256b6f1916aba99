"""For every test: an environment without crmsync's settings, silent logs, Hypothesis without time limits."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

KEPT = {"CRMSYNC_TEST_POSTGRES_URL"}

# At import, not in a fixture: fixtures of any scope and child processes must not see a developer's own settings.
for _name in [name for name in os.environ if name.startswith("CRMSYNC_") and name not in KEPT]:
    del os.environ[_name]

# No deadlines: a slow machine is not a bug. CI repeats the same examples, so that a red build stays red.
_COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("local", **_COMMON)
settings.register_profile("ci", **_COMMON, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def silent_logs() -> Iterator[None]:
    """Nothing on standard output or error that the test did not print; `structlog.testing.capture_logs` still sees all."""
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


HEAVY = (
    "test_fault_sweep",
    "test_machine",
    "test_tutorial",
    "test_processes",
    "test_hostile",
    "test_bad_input_system",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in HEAVY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What importing and collecting make stays: looking for garbage in it is a sixth of their time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported by now stays: looking through it for garbage again and again takes a tenth of the suite's time, and once half a second."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
