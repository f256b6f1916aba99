"""How long `crmsync report sla` takes over many clocks, beside one statement that counts some of the same in the database.

    python bench/report.py [clocks]

Leads of five weeks in the hands of a hundred reps in five teams: of five leads one is given to the next rep, one is never touched, one was closed. Of the report the CPU of this process
is told in parts (medians of RUNS): reading, reckoning, and each format. The alternative is what a plain GROUP BY can say: clocks kept and breached by rep, type and source. It knows no
leads of several turns, no touches per lead, no percentiles, and no reasons.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from _common import median, table
from sqlalchemy import text

from crmsync.insight.compliance import Compliance
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.work import HANDED, REASSIGNED, RESPONSE, Assignment, Touch
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.service.report import as_csv, as_html, as_json, as_text, sla_report
from crmsync.store import Store
from crmsync.store.codec import micros
from crmsync.store.obligations import Obligation

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
START = NOW - timedelta(weeks=5)
REPS, TEAMS, PAGE, RUNS = 100, 5, 5_000, 5
TYPES, SOURCES = ("direct_request", "content_download", "pre_qualified", "browser"), ("Web", "Webinar", "Trade fair", "Referral", "")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def rep(number: int) -> str:
    return f"rep{number % REPS}@acme.example"


def fill(store: Store, clocks: int) -> int:
    """Stores so many clocks and all that belongs to them; returns how many leads they are."""
    store.save_users(
        "a",
        [
            User(side="a", id=str(n), email=rep(n), name=f"Rep {n}", teams=(f"Team {n % TEAMS}",), time_zone="Europe/Berlin")
            for n in range(REPS)
        ],
    )
    number = made = 0
    while made < clocks:
        owed: list[Obligation] = []
        persons: list[PersonState] = []
        assignments: list[Assignment] = []
        touches: list[tuple[str, Touch]] = []
        while len(persons) < PAGE and made + len(owed) < clocks:
            lead = _Lead(number)
            owed += lead.clocks()
            persons.append(lead.state())
            assignments += lead.assignments()
            touches += lead.touches()
            number += 1
        with store.begin():
            store.save_persons(persons)
            store.obligations.save(owed)
            store.assignments.add(assignments)
            store.touches.save(touches)
        made += len(owed)
    return number


class _Lead:
    """The lead of that number. Those of one kind are spread over all weeks, reps, types and sources."""

    def __init__(self, number: int) -> None:
        self.person, self.number, self.kind = f"p{number:07}", number, number % 5
        self.at = START + (number * 7919 % 46_000) * MINUTE + number % 997 * timedelta(milliseconds=1)
        self.moved = self.at + 2 * DAY if self.kind == 0 else None

    def clocks(self) -> list[Obligation]:
        said: dict[str, Any] = {
            "mql_type": TYPES[self.number % 4],
            "source": SOURCES[self.number // 4 % 5],
            "pool": "default",
            "minutes": 480.0,
        }
        first: dict[str, Any] = {
            "person_id": self.person,
            "kind": RESPONSE,
            "started_at": self.at,
            "owner": rep(self.number),
            "due_at": self.at + DAY,
            **said,
        }
        if self.moved is not None:
            met = self.moved + 30 * MINUTE
            return [
                Obligation(**first, breached_at=self.at + DAY, ended_at=self.moved, ended="reassigned", used=960.0),
                Obligation(**{**first, "started_at": self.moved, "owner": rep(self.number + 1), "due_at": self.moved + DAY},
                    met_at=met, ended_at=met, ended="met", used=30.0),
            ]  # fmt: skip
        if self.kind == 1:
            return [Obligation(**first, breached_at=self.at + DAY)]
        met = self.at + (10 + self.number % 300) * MINUTE
        return [Obligation(**first, met_at=met, ended_at=met, ended="met", used=10.0 + self.number % 300)]

    def state(self) -> PersonState:
        stages = [StageEntry(stage="mql", previous="lead", at=self.at, cause="score 62 of 50", who="engine"), StageEntry(stage="sal", previous="mql", at=self.at, cause="handed off", who="engine")]  # fmt: skip
        if self.kind == 2:
            reason = "wrong_icp" if self.number % 2 else "no_response"
            stages.append(
                StageEntry(stage="nurture", previous="sal", at=self.at + 9 * DAY, cause=f"disposition rejected ({reason}) in a", who="hand")
            )
        return PersonState(
            person_id=self.person, owner=rep(self.number), handed_at=self.at, stages=tuple(stages), mql_type=TYPES[self.number % 4]
        )

    def assignments(self) -> list[Assignment]:
        rows = [Assignment(person_id=self.person, at=self.at, owner=rep(self.number), cause=HANDED)]
        if self.moved is not None:
            rows.append(
                Assignment(person_id=self.person, at=self.moved, owner=rep(self.number + 1), previous=rep(self.number), cause=REASSIGNED)
            )
        return rows

    def touches(self) -> list[tuple[str, Touch]]:
        if self.kind == 1:
            return []
        begins = (self.moved or self.at) + 30 * MINUTE
        return [
            (self.person, Touch(twin_id=f"{self.person}t{n}", at=begins + n * DAY, channel="call", owner=rep(self.number), task_key=f"{self.person}k{n}" if n % 2 else ""))
            for n in range(3)
        ]  # fmt: skip


def cpu(work: Callable[[], object]) -> float:
    """Seconds of this process's CPU."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def grouped(store: Store) -> int:
    """Clocks kept and breached by rep, type and source, counted by the database; how many rows it says that in."""
    found = 0
    with store._db.reading() as connection:
        for column in ("owner", "mql_type", "source"):
            rows = connection.execute(
                text(
                    f"SELECT {column}, count(*), count(met_at), count(breached_at) FROM obligations "
                    "WHERE kind = 'response' AND started_at >= :start GROUP BY 1"
                ),
                {"start": micros(START)},
            )
            found += len(rows.all())
    return found


def main(clocks: int, *, profiled: bool) -> None:
    playbook = load_files(shipped_paths())
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as folder:
        store = Store.open(f"sqlite:///{folder}/state.db")
        leads = fill(store, clocks)

        def report() -> Compliance:
            return sla_report(store, playbook, START, NOW, NOW)

        if profiled:
            watch = cProfile.Profile()
            watch.runcall(report)
            pstats.Stats(watch).sort_stats("tottime").print_stats(30)
        found = report()
        assert found.turns.count == clocks, (found.turns.count, clocks)
        assert found.leads.count == leads
        rows = [(f"report of {clocks:,} clocks, {leads:,} leads", median(cpu(report) for _ in range(RUNS)))]
        formats: dict[str, Callable[[Compliance], object]] = {"text": as_text, "json": as_json, "csv": as_csv, "html, plots drawn": as_html}
        rows += [(f"written as {name}", median(cpu(partial(write, found)) for _ in range(3))) for name, write in formats.items()]
        rows.append(("instead: GROUP BY of three columns", median(cpu(lambda: grouped(store)) for _ in range(RUNS))))
        store.close()
    table("report sla", ("what", "CPU, median"), [(what, f"{seconds * 1e3:,.0f} ms") for what, seconds in rows])


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*(numbers or [100_000]), profiled="--profile" in sys.argv)
