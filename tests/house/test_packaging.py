"""What surrounds the code: pins, container files, make targets, the CI script. No Docker engine here: the files are parsed, not built."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from house.looking import ROOT

PIN = re.compile(r"^[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+$")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {plain(line.split("==")[0]): line.split("==")[1] for line in lines}


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert len(lines) > 60
    assert [line for line in lines if not PIN.match(line)] == []
    assert not PIN.match("x @ https://example.org/x.whl")
    assert lines == sorted(lines, key=lambda line: line.split("==")[0].lower())
    assert len(pins()) == len(lines)


def needed(names: list[str]) -> set[str]:
    """Names and everything they need here, transitively, by the metadata of what is installed."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    open_ = [Requirement(name) for name in names]
    while open_:
        requirement = open_.pop()
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": e}) for e in (*requirement.extras, "")):
            continue
        name = plain(requirement.name)
        if name in found and not requirement.extras:
            continue
        found.add(name)
        for line in importlib.metadata.requires(requirement.name) or []:
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in (*requirement.extras, "")):
                inner.marker = None
                open_.append(inner)
    return found


def test_everything_that_is_installed_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted = needed(names)
    assert {"sqlalchemy", "pydantic-core", "psycopg-binary"} <= wanted
    assert wanted - set(pins()) - {"pip", "setuptools"} == set()


def test_what_is_installed_here_is_what_is_pinned() -> None:
    wrong = {}
    for name, version in pins().items():
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if here != version:
            wrong[name] = (here, version)
    assert wrong == {}


# --- containers -----------------------------------------------------------------------------------------------------------------


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in lines]


def flaws(text: str) -> list[str]:
    """What a careful reader would not accept in our Dockerfile."""
    found: list[str] = []
    steps = instructions(text)
    starts = [i for i, (word, _) in enumerate(steps) if word == "FROM"]
    if len(starts) < 2:
        return ["one stage only"]
    if {args.split()[0] for word, args in steps if word == "FROM"} != {"python:3.11-slim"}:
        found.append("another base image")
    last = steps[starts[-1] :]
    users = [args for word, args in last if word == "USER"]
    if not users or users[-1] in ("root", "0"):
        found.append("runs as root")
    checks = [args for word, args in last if word == "HEALTHCHECK"]
    if not checks or "/healthz" not in checks[0] or "python" not in checks[0]:
        found.append("no health check by python")
    if not any(word == "COPY" and "--from=build" in args for word, args in last):
        found.append("takes nothing from the build stage")
    if any(word in ("RUN",) and "pip" in args for word, args in last):
        found.append("installs in the last stage")
    return found


def test_the_image_has_two_stages_no_root_and_a_health_check() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert flaws(text) == []
    assert flaws(text.replace("USER crmsync", "USER root")) == ["runs as root"]
    assert flaws("FROM x") == ["one stage only"]
    for word, args in instructions(text):
        if word in ("HEALTHCHECK", "CMD", "ENTRYPOINT") and "[" in args:
            assert all(isinstance(part, str) for part in json.loads(args[args.index("[") :]))


def test_what_the_image_copies_is_there_and_sent() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    copied = {part for word, args in instructions(text) if word == "COPY" and "--from" not in args for part in args.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignore[0] == "*"
    assert {"src", "connectors", "mappings", "pyproject.toml"} <= copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore, f"{name} is not sent to the builder"


def test_the_image_holds_what_the_wheel_needs() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = {path.split("/")[0] for path in (*wheel["packages"], *wheel["force-include"])}
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert all(f"COPY {folder} {folder}" in text for folder in folders)


def compose() -> dict[str, Any]:
    loaded = YAML(typ="safe").load((ROOT / "compose.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_compose_has_both_services_healthy_and_secrets_by_file() -> None:
    file = compose()
    assert set(file["services"]) == {"crmsync", "postgres"}
    for name, service in file["services"].items():
        assert "test" in service["healthcheck"], name
        assert set(service["secrets"]) <= set(file["secrets"])
        for key, value in service["environment"].items():
            if re.search("SECRET|TOKEN|PASSWORD|DATABASE_URL", key):
                assert key.endswith("_FILE") or value == "", f"{key} is not given by a file"
            if key.endswith("_FILE"):
                assert Path(value).name in service["secrets"], f"{key} names a secret that {name} does not get"
    assert all(set(secret) == {"file"} for secret in file["secrets"].values())
    crmsync = file["services"]["crmsync"]
    assert crmsync["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert all(port.startswith("127.0.0.1:") for port in crmsync["ports"])


def test_compose_settings_are_settings() -> None:
    from house.test_docs import settings

    given = {key.removesuffix("_FILE") for key in compose()["services"]["crmsync"]["environment"]}
    assert given - settings() == set()


def test_compose_settings_are_taken_as_meant(tmp_path: Path) -> None:
    """The image names a SQLite file; compose empties that and names a file with the PostgreSQL address."""
    from crmsync.service.settings import read_settings

    secret = tmp_path / "database_url"
    secret.write_text("postgresql://crmsync:pw@postgres/crmsync\n", "utf-8")
    read = read_settings({"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_DATABASE_URL": "", "CRMSYNC_DATABASE_URL_FILE": str(secret)})
    assert read.database_url == "postgresql://crmsync:pw@postgres/crmsync"


# --- make and CI -----------------------------------------------------------------------------------------------------------------


def make(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *args], cwd=ROOT, env={**inherited, **env}, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_shows_every_target() -> None:
    shown = make().stdout
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert len(targets) >= 10
    assert [name for name in targets if f"make {name} " not in shown] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_an_old_python_is_told_plainly(tmp_path: Path) -> None:
    """Only an old python3 on the PATH: a clear message, nothing made."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "make", "grep", "sed", "expand"):
        (programs / name).symlink_to(str(shutil.which(name)))
    fake = programs / "python3"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n', "utf-8")
    fake.chmod(0o755)
    done = subprocess.run(
        [str(programs / "make"), "setup", f"SHELL={programs / 'bash'}"],
        cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_the_readmes_test_command_then_lint() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text("utf-8")
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in text
    assert "make test" in (ROOT / "README.md").read_text("utf-8")
    steps = [line.strip() for line in text.splitlines() if re.match(r"\s*make ", line)]
    assert steps == ["make test", "make lint"]
    assert subprocess.run(["bash", "-n", str(script)], timeout=10).returncode == 0
