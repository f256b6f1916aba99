"""Fixtures of the scenarios: a world that is closed afterwards, and quiet logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping

import pytest
import structlog

from conftest_postgres import postgres_server, postgres_url
from scenarios.world import ACTIVITIES, Both

__all__ = ["postgres_server", "postgres_url"]

ON: Mapping[str, Collection[str]] = {
    r"test_companies": ("company", "deal"),
    r"test_f\d\d_|test_bad_input|test_consent": (),
    r"test_activities|test_plan|test_drift": ACTIVITIES,
}
"""Modules -> the kinds their scenarios are about, beside persons (elsewhere: all). Polling and pairing nothing of all other objects would cost each
of them twice its time."""
OVER_WEEKS = r"test_rules_|test_activities_|test_undo|test_f(01|03|13|18|26|33)_|test_companies|test_consent|test_privacy|test_signal|test_drift|test_plan"
"""Modules whose scenarios go on for days: what both CRMs tell of their users and schemas is read again only when it was changed."""


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module", autouse=True)
def _recalled(request: pytest.FixtureRequest) -> Iterator[None]:
    """Here worlds take the first look of equal ones; elsewhere (where calls are counted to fail the n-th of them) they do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Both, "recalls", True)
        patch.setattr(Both, "believes", re.match(OVER_WEEKS, request.path.stem) is not None)
        yield


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """Both CRMs, empty but for two users, provisioned, nothing synced yet; with the kinds that the test asks for (`only`) or else those that the module
    is about (`whole`: with all)."""
    kinds = next((kinds for about, kinds in ON.items() if re.match(about, request.path.stem)), None)
    with Both(kinds=getattr(request, "param", kinds)) as world:
        yield world


@pytest.fixture
def whole() -> Iterator[Both]:
    """As `both` with activities, companies and deals, whatever the module is about."""
    with Both() as world:
        yield world
