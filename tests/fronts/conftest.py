"""Two simulated CRMs over real HTTP, a home with the shipped playbook, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from crmsync.__main__ import serve
from crmsync.cli.main import run
from crmsync.connect.discovery import simulator, simulator_names
from crmsync.service.init import init
from fronts.town import Answer, Town, scrubbed


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command in this process, with no CRMSYNC_* settings but those given."""
    scrubbed(monkeypatch)

    def call(*args: str, environ: Mapping[str, str] | None = None) -> Answer:
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = run([str(arg) for arg in args], serve=serve)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def town(home: Path, command: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with ExitStack() as stack:
        sims = {name: stack.enter_context(simulator(name)()) for name in simulator_names()}  # type: ignore[attr-defined]
        sims["hubspot"].options.search_lag = 0.0  # what a person does is found at once
        environ = {"CRMSYNC_HOME": str(home), "CRMSYNC_WEB__PORT": "0"}
        for sim in sims.values():
            environ.update(sim.environment())
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield Town(sims=sims, home=home, environ=environ, run=command)
