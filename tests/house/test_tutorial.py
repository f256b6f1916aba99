"""The tutorial is true: its commands are run as written, on free ports and with fewer persons. The sandbox is a process of its own, as it must be, and
so is the last command; starting a process for each of the others would only show once more what tests of processes and of starts show."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crmsync.__main__ import serve
from crmsync.cli.main import run
from fronts.town import scrubbed
from house.looking import DOCS

PEOPLE = "40"
BY_HAND = {"make", "source", "mkdir", "cd"}
"""What only prepares the reader's terminal."""


def commands(text: str) -> list[list[str]]:
    """Every `$ ` line of console blocks, split as a shell would."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))[0] not in BY_HAND]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def background(words: list[str]) -> Iterator[None]:
    """Runs until the block ends; the block begins when it says that it runs."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("Running"):
                break
        assert process.poll() is None, "".join(told)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0, "Ctrl-C does not end the sandbox cleanly"


def curl(words: list[str]) -> str:
    """Played, so that the test needs none."""
    address = next(word for word in words if word.startswith("http"))
    body = words[words.index("-d") + 1]
    request = urllib.request.Request(address, data=body.encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def well(words: list[str], code: int, out: str, err: str) -> str:
    """What a command said that ended well."""
    assert code == 0, f"{shlex.join(words)} ended with {code}\n{out[-1500:]}\n{err[-1500:]}"
    assert "Traceback" not in err
    return out


def test_the_tutorial_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "tutorial" / "first-sync.md").read_text("utf-8")
    for port in ("8801", "8802"):
        text = text.replace(port, str(free_port()))
    text = text.replace("--people 200", f"--people {PEOPLE}")
    steps = commands(text)
    said: dict[str, list[str]] = {}
    scrubbed(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert steps[0][:2] == ["crmsync", "sandbox"]
    with background(steps[0]):
        for words in steps[1:]:
            if words[0] == "curl":
                # Commands follow each other here faster than hands: HubSpot's search index would not show yet what just happened.
                address = next(word for word in words if word.startswith("http"))
                curl(["curl", address.replace("/_sim/do", "/_sim/options"), "-d", '{"search_lag": 0}'])
                curl(words)
                continue
            assert words[0] == "crmsync"
            capsys.readouterr()
            code = run(words[1:], serve=serve)
            said.setdefault(words[1], []).append(well(words, code, *capsys.readouterr()))
        last = ["crmsync", "sync", "--json"]
        done = subprocess.run(last, capture_output=True, text=True, timeout=120)
        again = json.loads(well(last, done.returncode, done.stdout, done.stderr))
    assert len(steps) > 14
    assert "0 unexplained differences" in said["drift"][0]
    assert sum(again["written"].values()) == 0
    person = json.loads(said["explain"][1])
    assert person["stage"]["current"] == "sal"
    assert [touch["subject"] for touch in person["touches"]] == ["Call now: Grace Hopper (Navy)"]
    assert {link["crm"] for link in person["links"]} == {"hubspot", "salesforce"}
    assert "no problems" in said["problems"][0]
    assert "no conflicts" in said["conflicts"][0]
