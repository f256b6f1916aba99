"""The tests must notice known bugs: each mutant lives in a copy of the project and has to be killed there (`make mutants`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.looking import ROOT
from house.mutants import MUTANTS as OF_SYNC
from house.mutants import Mutant
from house.mutants_work import MUTANTS as OF_WORK

MUTANTS = (*OF_SYNC, *OF_WORK)
PARTS = ("src", "connectors", "mappings")
TESTS = ("conftest.py", "conftest_postgres.py", "tiny.py", "merge_table.py", "decide", "engine", "fronts", "house", "insight", "scenarios")
FAILED = 1
"""pytest's exit code for failed tests; anything else (no tests, an import error) kills nobody."""


def copy(to: Path) -> Path:
    """What the named tests need, apart from the real tree. Compiled once: a file that a mutant changes no longer fits its own hash, and only that
    one is compiled again."""
    for part in PARTS:
        shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in TESTS:
        source, target = ROOT / "tests" / name, to / "tests" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copy(ROOT / "pyproject.toml", to)
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *PARTS[:2]]
    subprocess.run(compiling, cwd=to, check=True, timeout=300)
    return to


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy per test process. Whoever plants something in it takes it out again."""
    return copy(tmp_path_factory.mktemp("mutants"))


@pytest.fixture
def infected(sound: Path, mutant: Mutant) -> Iterator[Path]:
    """The copy with one mutant in it, for one test."""
    before = (sound / mutant.file).read_bytes()
    plant(sound, mutant)
    yield sound
    (sound / mutant.file).write_bytes(before)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """These tests alone, until the first that fails, in the copy, with the copy's code before the installed one."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = {**keep, "PYTHONPATH": os.pathsep.join((str(folder / "src"), str(folder / "connectors"))), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def plant(folder: Path, mutant: Mutant) -> None:
    file = folder / mutant.file
    text = file.read_text("utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has these words {text.count(mutant.old)} times; mend the mutant"
    file.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    compile(file.read_text("utf-8"), str(file), "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_every_mutant_still_fits_the_code(mutant: Mutant, tmp_path: Path) -> None:
    """Runs with the ordinary suite: a mutant whose words are gone would prove nothing."""
    target = tmp_path / mutant.file
    target.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, target)
    plant(tmp_path, mutant)
    assert target.read_text("utf-8") != (ROOT / mutant.file).read_text("utf-8")


@pytest.mark.mutants
def test_without_a_mutant_the_copy_is_sound(sound: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import crmsync; print(crmsync.__file__)"],
        env={"PYTHONPATH": str(sound / "src"), "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(sound), "the copy's own code would not run"
    done = run(sound, *sorted({mutant.killer for mutant in MUTANTS}))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.mutants
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_the_mutant_dies(mutant: Mutant, infected: Path) -> None:
    done = run(infected, mutant.killer)
    assert done.returncode == FAILED, f"{mutant.name} survived (pytest ended with {done.returncode})\n{done.stdout[-2000:]}"
    assert " failed" in done.stdout
    broken = [word for word in ("NameError", "ImportError", "AttributeError", "SyntaxError") if word in done.stdout]
    assert not broken, f"{mutant.name} died of its own {broken}, not of a test\n{done.stdout[-2000:]}"
