"""Whole processes: the daemon under signals, two at once, the sandbox and the demo."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from crmsync.connect.discovery import simulator_names
from crmsync.errors import BusyError
from crmsync.service.settings import read_settings
from crmsync.service.sync import sync
from crmsync.service.workspace import open_workspace
from fronts.town import Town

PATIENCE = 60.0
TOKEN = "correct horse battery"


class Process:
    """A crmsync process whose lines can be waited for."""

    def __init__(self, *args: str, environ: Mapping[str, str]) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CRMSYNC_")}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "crmsync", *args],
            env={**env, **environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def until(self, *words: str) -> str:
        """The first line that has all the words."""
        for line in self.lines:
            if all(word in line for word in words):
                return line
        while True:
            line = self._queue.get(timeout=PATIENCE)
            assert line is not None, f"ended without {words}: {''.join(self.lines[-20:])}"
            self.lines.append(line)
            if all(word in line for word in words):
                return line

    def end(self, how: signal.Signals) -> int:
        self.popen.send_signal(how)
        return self.popen.wait(PATIENCE)


@contextmanager
def process(*args: str, environ: Mapping[str, str]) -> Iterator[Process]:
    one = Process(*args, environ=environ)
    try:
        yield one
    finally:
        if one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait()
        one._reader.join()
        assert one.popen.stdout is not None
        one.popen.stdout.close()


def soon(true: Callable[[], bool]) -> bool:
    """Whether it comes true within a minute."""
    return any(true() or threading.Event().wait(0.1) for _ in range(600))


def unready(url: str) -> str:
    """Why the daemon is not ready after a minute; empty as soon as it is."""
    said = ""
    for _ in range(600):
        answer = requests.get(f"{url}/readyz", timeout=5)
        if answer.status_code == 200:
            return ""
        said = answer.text
        threading.Event().wait(0.1)
    return said


def test_the_daemon_serves_keeps_others_out_and_ends_politely(town: Town) -> None:
    town.seed(5)
    town.provision()
    settings = town.home / "crmsync.yaml"
    settings.write_text(settings.read_text("utf-8").replace("poll_seconds: 15", "poll_seconds: 3600"), "utf-8")
    with process("run", environ={**town.environ, "CRMSYNC_WEB__SIGNALS_TOKEN": TOKEN}) as daemon:
        url = daemon.until("running;").split(" at ")[1].split(";")[0]
        assert requests.get(f"{url}/healthz", timeout=5).json()["alive"] is True
        assert unready(url) == ""
        assert "crmsync_persons 5.0" in requests.get(f"{url}/metrics", timeout=5).text
        with open_workspace(read_settings(town.environ)) as workspace, pytest.raises(BusyError):
            sync(workspace, wait=0)
        assert "process" in town.run("status", "--json").json["running"]
        # what a website tells is decided about though the next poll is an hour away
        contact = town.sims["hubspot"].all("contacts")[0]
        told = {"email": contact["email"], "type": "demo_request", "at": "2026-03-01T09:00:00Z", "id": "web-1"}
        answer = requests.post(f"{url}/signals", json=told, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert (answer.status_code, answer.json()["new"]) == (200, 1)
        assert soon(lambda: town.sims["hubspot"].get("contacts", contact["id"])["crmsync_score"] != contact.get("crmsync_score"))
        assert daemon.end(signal.SIGTERM) == 0
    again = town.run("sync", "--json")
    assert (again.code, again.json["written"]) == (0, {"hubspot": 0, "salesforce": 0})


def test_a_killed_daemon_leaves_nothing_in_the_way(town: Town) -> None:
    town.seed(5)
    town.provision()
    with process("run", environ=town.environ) as daemon:
        daemon.until("running;")
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    said = town.run("sync", "--json")
    assert said.code == 0, said.err
    assert town.run("drift").code == 0
    assert len(town.sims["hubspot"].all("contacts")) == 5


def test_the_daemon_refuses_what_cannot_work(town: Town) -> None:
    with process("run", environ=town.environ) as daemon:
        daemon.until("crmsync provision")
        assert daemon.popen.wait(PATIENCE) == 2


def test_the_sandbox_prints_settings_that_work(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.env"
    with process("sandbox", "--people", "20", "--env-file", str(file), environ={}) as box:
        box.until("Running;")
        given = dict(line.strip().split("=", 1) for line in file.read_text().splitlines())
        assert file.stat().st_mode & 0o077 == 0
        assert all(any(name.startswith(f"CRMSYNC_{sim.upper()}__") for name in given) for sim in simulator_names())
        for name, value in given.items():
            assert f"{name}={value}\n" in box.lines
            if name.endswith("_URL"):
                assert requests.get(value, timeout=5).status_code == 200
        assert box.end(signal.SIGINT) == 0


def test_a_sandbox_export_that_cannot_be_read(tmp_path: Path) -> None:
    with process("sandbox", "--load-hubspot", str(tmp_path / "missing.csv"), environ={}) as box:
        box.until("missing.csv does not exist")
        assert box.popen.wait(PATIENCE) == 2


def test_the_demo_shows_a_lead_qualify_get_an_owner_and_a_task(tmp_path: Path) -> None:
    with process("demo", "--people", "20", "--port", "0", "--pace", "0.2", environ={"TMPDIR": str(tmp_path)}) as demo:
        page = demo.until("status page:").split("status page:")[1].strip()
        assert requests.get(page, timeout=5).status_code == 200
        demo.until("becomes mql", "direct_request")
        demo.until("becomes sal", "owner")
        demo.until("task in", "Call now")
        assert demo.end(signal.SIGINT) == 0
    assert list(tmp_path.iterdir()) == []  # nothing is kept
