"""One suite, both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest_postgres import postgres_server, postgres_url
from crmsync.store import Store, bulk

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url)
    yield opened
    opened.close()


@pytest.fixture
def chunked(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are many: two chunks and a bit, and enough for COPY. A chunk has 900 instead of 10,000 values."""
    monkeypatch.setattr(bulk.chunks, "__defaults__", (900,))
    monkeypatch.setattr("crmsync.store.store.CHUNK", 900)
    monkeypatch.setattr("crmsync.store.twins.CHUNK", 900)
    return max(2_000, bulk.COPY_FROM + 1)


@pytest.fixture
def again(url: str, store: Store) -> Iterator[Store]:
    """The same database opened a second time, as another process would."""
    opened = Store.open(url)
    yield opened
    opened.close()
