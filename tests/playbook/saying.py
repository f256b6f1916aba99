"""One file of a home as a text: what it loads to, and where a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.errors import ConfigError
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files, shipped, shipped_paths


def loaded(tmp_path: Path, file: str, text: str) -> Playbook:
    """What ships, with one file replaced by `text`."""
    path = tmp_path / Path(file).name
    path.write_text(text, "utf-8")
    return load_files({**shipped_paths(), file: path}, shipped() / "templates")


def expect_mistake(tmp_path: Path, file: str, marked: str, message: str | None) -> None:
    """Holds when `marked` without its « » is refused with one message that names the place of «, and a fix."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, file, marked.replace("«", "").replace("»", ""))
    before = marked[: marked.index("«")]
    spot = f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    told = str(caught.value).split("\n")
    assert len(told) == 1, told
    assert told[0].startswith(spot), (told[0], spot)
    assert "; " in told[0], "an error tells the fix"
    if message is not None:
        assert told[0] == spot + message
