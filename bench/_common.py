"""What the benchmarks share: the commands as a user runs them, medians, and where the reference data lies."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any CRMSYNC_ setting, plus `extra`."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("CRMSYNC_")}, **extra}


def crmsync(*words: str, env: Mapping[str, str], check: Sequence[int] = (0,)) -> tuple[subprocess.CompletedProcess[str], float]:
    """One `crmsync` command as a user types it; its result and wall seconds. Raises when the exit code is not expected."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "crmsync", *words], env=clean_environment(env), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode not in check:
        raise SystemExit(f"crmsync {' '.join(words)} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done, seconds


@contextmanager
def sandbox(*words: str, home: Path) -> Iterator[dict[str, str]]:
    """`crmsync sandbox` in its own process, as a user runs it; yields the settings it wrote."""
    env_file = home / "sandbox.env"
    process = subprocess.Popen(
        [sys.executable, "-m", "crmsync", "sandbox", "--env-file", str(env_file), *words],
        env=clean_environment({"CRMSYNC_HOME": str(home)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not env_file.exists() or not env_file.read_text().endswith("\n"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the sandbox did not start: {process.stderr.read() if process.stderr else ''}")
            time.sleep(0.05)
        # Its progress lines must not fill the pipe and stop it.
        threading.Thread(target=lambda: process.stderr.read() if process.stderr else None, daemon=True).start()
        yield dict(line.split("=", 1) for line in env_file.read_text().splitlines() if "=" in line)
    finally:
        process.terminate()
        process.wait(20)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)
