"""Playing a year of stored history again under another playbook, as the command does it: time and peak memory.

Persons and signals are put into a new SQLite file as the store keeps them (one of ten persons is a customer by now); then `crmsync replay` reads them all and
plays them under the shipped playbook and under one with another threshold and other points. The goal is 100,000 persons with 20 signals
each in under 30 seconds. Run: `python bench/replay.py [persons] [signals per person] [runs]`.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from _common import clean_environment, median, table

from crmsync.model.link import Agreed, PersonState, Signal, SignalSource, StageEntry
from crmsync.playbook import write_defaults
from crmsync.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
TYPES = (
    "blog_read", "email_click", "product_page_view", "pricing_page_view", "case_study_view", "content_download", "webinar_attended", "newsletter_signup",
    "demo_request", "careers_page_view", "unsubscribe", "app_opened",
)  # fmt: skip
WEIGHTS = (22, 20, 20, 10, 6, 6, 3, 2, 0.5, 2, 1, 7.5)
TITLES = ("CEO", "Director of IT", "Head of Procurement", "Sales Manager", "Software Engineer", "Consultant", "Vice President Sales", None)
# What the command's own process used, told on its last line: resource.RUSAGE_CHILDREN would tell the largest child of all runs.
CHILD = """
import resource, sys
from crmsync.__main__ import command_line
try:
    command_line(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("used", used.ru_maxrss // 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def people(count: int, rng: random.Random) -> Iterator[PersonState]:
    for n in range(count):
        host = rng.choice(("gmail.com", "outlook.com")) if rng.random() < 0.25 else f"company{n // 6}.example"
        facts = {
            "email": f"person{n}@{host}", "first_name": f"First{n}", "last_name": f"Last{n}", "title": rng.choice(TITLES), "company": f"Company {n // 6}",
            "employees": rng.choice((12, 80, 240, 650, 4200, None)), "phone": f"+1 212 555 {n:06}", "country": "United States",
        }  # fmt: skip
        base = {name: Agreed(values={"hubspot": value, "salesforce": value}, mapping="0123456789abcdef") for name, value in facts.items()}
        created = NOW - timedelta(days=365 * rng.random())
        stages = [StageEntry(stage="lead", previous=None, at=created, cause="first seen", who="engine")]
        if rng.random() < 0.1:
            won = created + (NOW - created) * rng.random()
            stages.append(StageEntry(stage="customer", previous="opportunity", at=won, cause="deal won", who="engine"))
        yield PersonState(person_id=f"{n:032x}", base=base, stages=tuple(stages), created_at=created)


def fill(store: Store, persons: int, each: int, rng: random.Random) -> None:
    """Persons, and their signals over the last year."""
    batch: list[PersonState] = []
    for state in people(persons, rng):
        batch.append(state)
        if len(batch) == 5_000 or int(state.person_id, 16) == persons - 1:
            rows = []
            for one in batch:
                for n, kind in enumerate(rng.choices(TYPES, WEIGHTS, k=each)):
                    at = NOW - timedelta(seconds=rng.randrange(365 * 86_400))
                    event = f"{one.person_id[-8:]}{n:04}"
                    rows.append((one.person_id, Signal(event_id=event, type=kind, at=at, detail="/page", source=SignalSource.API)))
            with store.begin():
                store.save_persons(batch)
                store.signals.add(rows)
            batch = []


def main(persons: int = 100_000, each: int = 20, runs: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, other = Path(folder) / "home", Path(folder) / "other"
        write_defaults(home)
        other.mkdir()
        text = (home / "mappings" / "playbook.yaml").read_text("utf-8")
        (other / "playbook.yaml").write_text(re.sub(r"mql_at: \d+", "mql_at: 40", text, count=1), "utf-8")
        store = Store.open(f"sqlite:///{home / 'state.db'}")
        begun = time.perf_counter()
        fill(store, persons, each, random.Random(4))
        store.close()
        filled = time.perf_counter() - begun
        environ = {"CRMSYNC_HOME": str(home), "CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1"}
        seconds: list[float] = []
        cpu: list[float] = []
        peak = 0
        told: dict[str, object] = {}
        for _ in range(runs):
            begun = time.perf_counter()
            command = [sys.executable, "-c", CHILD, "replay", "--playbook", str(other), "--json"]
            done = subprocess.run(command, env=clean_environment(environ), capture_output=True, text=True, check=True)
            seconds.append(time.perf_counter() - begun)
            memory, used = done.stderr.rsplit("used", 1)[1].split()
            peak = max(peak, int(memory))
            cpu.append(float(used))
            told = json.loads(done.stdout)
        rows = [
            ("persons, signals", f"{told['persons']:,}, {told['signals']:,}"),
            ("wall, median of " + str(runs), f"{median(seconds):.1f} s ({', '.join(f'{one:.1f}' for one in seconds)})"),
            ("CPU, median", f"{median(cpu):.1f} s"),
            ("peak memory", f"{peak:,} MB"),
            ("mqls in force, replayed", f"{told['in_force']['mqls']:,}, {told['replayed']['mqls']:,}"),  # type: ignore[index]
            ("filling the store first", f"{filled:.0f} s"),
        ]
        table(f"crmsync replay, {persons:,} persons x {each} signals", ("", ""), rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
