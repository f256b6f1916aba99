"""`crmsync run` in a process of its own, with a log of what it does: when a page brought somebody new, when a write was accepted, what each cycle took."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _common import clean_environment


def child(log: Path) -> None:
    """`crmsync run`, with a line in `log` for each page's new addresses, each accepted write and each cycle."""
    import gc
    import logging

    import structlog

    from crmsync.__main__ import serve
    from crmsync.daemon import loop
    from crmsync.engine import pull
    from crmsync.service.settings import read_settings
    from crmsync_hubspot.connector import HubSpotConnector
    from crmsync_salesforce.connector import SalesforceConnector

    gc.set_threshold(50_000, 20, 50)  # as the crmsync command does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    lines = log.open("a", buffering=1, encoding="utf-8")
    lock = threading.Lock()

    def note(**row: Any) -> None:
        with lock:
            lines.write(json.dumps({"at": time.time(), **row}) + "\n")

    def timed(side: str, of: type[Any], owner: str, task: str) -> None:
        plain = of.write

        def write(self: Any, writes: Sequence[Any]) -> Any:
            begun = time.time()
            outcomes = plain(self, writes)
            for one, outcome in zip(writes, outcomes, strict=True):
                if one.object == task and one.action.value == "create":
                    note(what="task", side=side, whom=one.fields.get("WhoId"), outcome=outcome.kind.value)
                elif one.fields.get(owner):
                    note(what="owner", side=side, whom=one.id or outcome.id, outcome=outcome.kind.value)
            note(what="call", side=side, writes=len(writes), took=time.time() - begun)
            return outcomes

        of.write = write

    timed("hubspot", HubSpotConnector, "hubspot_owner_id", "tasks")
    timed("salesforce", SalesforceConnector, "OwnerId", "Task")
    plain_page = pull.take_page

    def take_page(world: Any, side: str, object: str, page: Any, *more: Any, **named: Any) -> None:
        if (side, object) == ("hubspot", "contacts"):
            for record in page.records:
                if str(record.fields.get("email", "")).startswith("new"):
                    note(what="seen", email=record.fields["email"])
        plain_page(world, side, object, page, *more, **named)

    pull.take_page = take_page
    for name in ("one_cycle", "decide_waiting"):
        plain_cycle = getattr(loop, name)

        def run(workspace: Any, *more: Any, plain_cycle: Any = plain_cycle, name: str = name, **named: Any) -> Any:
            begun, cpu, calls = time.time(), time.process_time(), workspace.api_calls()
            report = plain_cycle(workspace, *more, **named)
            spent = sum(workspace.api_calls().values()) - sum(calls.values())
            note(what="cycle", kind=name, took=time.time() - begun, cpu=time.process_time() - cpu, decided=report.decided, calls=spent)
            return report

        setattr(loop, name, run)
    serve(read_settings(), announce=lambda url: note(what="ready", url=url))


@contextmanager
def running(env: Mapping[str, str], log: Path) -> Iterator[str]:
    """The daemon; yields its address."""
    process = subprocess.Popen([sys.executable, __file__, str(log)], env=clean_environment(env))
    try:
        deadline = time.monotonic() + 120
        while not (ready := [row for row in rows_of(log) if row["what"] == "ready"]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the daemon did not start")
            time.sleep(0.1)
        yield str(ready[0]["url"])
    finally:
        process.terminate()
        process.wait(60)


def rows_of(log: Path) -> list[dict[str, Any]]:
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]


if __name__ == "__main__":
    child(Path(sys.argv[1]))
