"""Fixtures of the scenarios: a world that is closed afterwards, and quiet logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from conftest_postgres import postgres_server, postgres_url
from scenarios.world import Both

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture
def both() -> Iterator[Both]:
    """Both CRMs, empty but for two users, provisioned, nothing synced yet."""
    with Both() as world:
        yield world
