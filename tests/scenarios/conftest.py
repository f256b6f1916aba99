"""Fixtures of the scenarios: a world that is closed afterwards, and quiet logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from conftest_postgres import postgres_server, postgres_url
from scenarios.world import Both

__all__ = ["postgres_server", "postgres_url"]

ABOUT_PERSONS = re.compile(r"test_f\d\d_|test_bad_input")
"""Modules whose scenarios are about persons alone. Polling and pairing nothing of all other objects would cost each of them twice its time."""


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """Both CRMs, empty but for two users, provisioned, nothing synced yet; activities, companies and deals are on except in modules about
    persons (there: `whole`, or a `Both` of the test's own)."""
    with Both(persons_only=ABOUT_PERSONS.match(request.path.stem) is not None) as world:
        yield world


@pytest.fixture
def whole() -> Iterator[Both]:
    """As `both` with activities, companies and deals, whatever the module is about."""
    with Both() as world:
        yield world
