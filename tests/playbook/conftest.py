"""A home folder made by `write_defaults`, and a way to change one of its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from crmsync.errors import ConfigError
from crmsync.playbook import load, write_defaults

Edit = Callable[[str, str, str], list[str]]


@pytest.fixture(scope="session")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `write_defaults` makes; not to be changed."""
    made = tmp_path_factory.mktemp("defaults")
    write_defaults(made)
    return made


@pytest.fixture
def home(defaults: Path, tmp_path: Path) -> Path:
    return copytree(defaults, tmp_path / "home")


@pytest.fixture
def errors_of(home: Path) -> Edit:
    """Replaces `old` by `new` in a file and gives the lines of the ConfigError that loading raises."""

    def edit(file: str, old: str, new: str) -> list[str]:
        path = home / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), "utf-8")
        with pytest.raises(ConfigError) as caught:
            load(home)
        return str(caught.value).split("\n")

    return edit
