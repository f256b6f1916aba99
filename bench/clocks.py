"""A million persons under SLA clocks: what it costs to find and decide those that are due, and that a quiet look touches nobody.

    python bench/clocks.py [persons] [due] [--postgres]       CRMSYNC_TEST_POSTGRES_URL names a server; else one from a wheel is started

Everybody was handed to one of a hundred reps in six time zones and has an open response clock; `due` of them have a share or a deadline that has come. Deciding
is what a cycle does about clocks: read the states, the product's `clocks`, save the states, and a row per changed clock for the report. Beside it the two ways
without an index on the next moment: asking the database to look at every row, and reading and deciding everybody (measured on a part, scaled).
Prints medians, of the CPU where it says so; the statements of a quiet look are counted at SQLite's driver.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from _common import median, table
from sqlalchemy import make_url, text

from crmsync.decide.sla import clocks
from crmsync.model.copies import replace
from crmsync.model.followup import SlaRules
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.process import TypeRule
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.store import Store
from crmsync.store.codec import micros
from crmsync.store.obligations import obligation
from store import postgres

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Australia/Sydney")
RULE = TypeRule(type="content_download", respond_minutes=1440)
SLA, HOURS = SlaRules(), WorkingHours()
USERS = {
    f"rep{n}@acme.example": User(
        side="salesforce", id=str(n), email=f"rep{n}@acme.example", name=f"Rep {n}", time_zone=ZONES[n % len(ZONES)]
    )
    for n in range(100)
}
PAGE, PART, RUNS = 10_000, 50_000, 7


def decided(before: PersonState, state: PersonState, now: datetime) -> PersonState:
    """The state after one look at its clocks."""
    verdict = clocks(
        before=before, state=state, sla=SLA, rule=RULE, touches=(), signals=(), users=USERS, hours=HOURS, now=now,
        start_from=NOW - timedelta(days=90),
    )  # fmt: skip
    if verdict.clocks is state.clocks and verdict.next_due_at == state.next_due_at:
        return state
    return replace(state, clocks=verdict.clocks, next_due_at=verdict.next_due_at)


def handed(number: int, at: datetime) -> PersonState:
    stages = (("mql", "lead"), ("sal", "mql"))
    entries = tuple(StageEntry(stage=to, previous=of, at=at, cause="score 62 of 50", who="engine") for to, of in stages)
    rep = f"rep{number % 100}@acme.example"
    return PersonState(
        person_id=f"p{number:08}",
        owner=rep,
        owner_by="router",
        assigned_at=at,
        handed_at=at,
        stages=entries,
        mql_type=RULE.type,
        pool="default",
    )


def fill(store: Store, persons: int, due: int) -> None:
    """Every rep's persons with handoffs all over the last two days. The moments of those who are not to be due yet lie after NOW."""
    empty, kinds = PersonState(person_id=""), 3_000
    patterns: list[PersonState] = []
    for n in range(kinds):
        at = NOW - timedelta(minutes=n)
        first = decided(empty, handed(n, at), at)
        seen = decided(first, first, NOW)
        patterns.append(
            seen if seen.next_due_at is not None and seen.next_due_at > NOW else replace(seen, next_due_at=NOW + timedelta(hours=1))
        )
    late = [decided(empty, handed(n, NOW - timedelta(days=2)), NOW - timedelta(days=2)) for n in range(due)]
    store.save_persons([*late, *(replace(state, person_id=f"pattern{n}") for n, state in enumerate(patterns))])
    columns = "next_due_at, owner, stage, data, account, engagement, segment, score"
    for page in range(0, persons - due - kinds, kinds):  # whole rows in the database: making a million of them here takes minutes
        with store._db.writing() as connection:
            connection.execute(
                text(
                    f"INSERT INTO persons (person_id, {columns}) "
                    f"SELECT :page || person_id, {columns} FROM persons WHERE person_id >= 'pattern' AND person_id < 'patterns' LIMIT :most"
                ),
                {"page": f"q{page:08}", "most": min(kinds, persons - due - kinds - page)},
            )


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def cpu(work: Callable[[], object]) -> float:
    """Seconds of this process's CPU: what does not wait for others on a busy machine."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def decide(store: Store, ids: Sequence[str]) -> int:
    """What a cycle does about the clocks of these persons, in one transaction; how many clocks changed."""
    with store.begin():
        known = store.persons(ids)
        states = [(state, decided(state, state, NOW)) for state in known.values()]
        store.save_persons([after for _, after in states])
        rows = [
            obligation(after.person_id, clock, pool=after.pool, mql_type=after.mql_type or "")
            for before, after in states
            for clock in after.clocks
            if clock not in before.clocks
        ]
        store.obligations.save(rows)
    return len(rows)


def scan_rows(store: Store) -> int:
    """Those who are due, found by looking at every row: a sum with zero is nothing an index knows."""
    with store._db.reading() as connection:
        found = connection.execute(text("SELECT person_id FROM persons WHERE next_due_at + 0 <= :now"), {"now": micros(NOW)})
        return len(found.all())


def scan_all(store: Store, most: int) -> int:
    """Those who are due among the first so many, found by reading and deciding everybody."""
    after, found, read = "", 0, 0
    while read < most:
        ids = [past.person_id for past in store.pasts.page(after, PAGE)]
        for state in store.persons(ids).values():
            found += decided(state, state, NOW) is not state
        after, read = ids[-1], read + len(ids)
    return found


def quiet(store: Store) -> tuple[str, int]:
    """Statements, as the driver sees them, and rows of looking for the due when nobody is."""
    seen: list[str] = []
    with store._db.reading() as connection:
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite":
            driver.set_trace_callback(seen.append)
        rows = len(store.due_persons(NOW, 1_000))
        if connection.dialect.name == "sqlite":
            driver.set_trace_callback(None)
    return f"{len(seen)} statement" if seen else "statements not counted", rows


def measure(name: str, store: Store, persons: int, due: int) -> list[tuple[str, str, str]]:
    filled = seconds(lambda: fill(store, persons, due))
    ids = store.due_persons(NOW, persons)
    assert len(ids) == due, (len(ids), due)
    found = median(seconds(lambda: store.due_persons(NOW, 1_000)) for _ in range(RUNS))
    rows = median(seconds(lambda: scan_rows(store)) for _ in range(3))
    assert scan_rows(store) == due
    part = min(PART, persons)
    everybody = cpu(lambda: scan_all(store, part)) * persons / part
    known = store.persons(ids)
    pure = median(cpu(lambda: [decided(state, state, NOW) for state in known.values()]) for _ in range(RUNS))
    changed = 0

    def work() -> None:
        nonlocal changed
        changed = decide(store, ids)

    spent = cpu(work)
    assert changed >= due
    assert not store.due_persons(NOW, 1_000)
    statements, touched = quiet(store)
    idle = median(seconds(lambda: store.due_persons(NOW, 1_000)) for _ in range(RUNS))
    assert touched == 0
    return [
        (name, f"{persons:,} persons stored", f"{filled:.1f} s"),
        (name, f"find the first 1,000 of {due:,} due", f"{found * 1e3:.2f} ms"),
        (name, f"decide {due:,} clocks, nothing stored", f"{pure * 1e3:.0f} ms CPU ({pure / due * 1e6:.0f} us each)"),
        (name, f"read, decide and store {due:,}, {changed:,} clocks changed", f"{spent * 1e3:.0f} ms CPU"),
        (name, "a quiet look: nobody is due", f"{idle * 1e3:.3f} ms, {touched} persons, {statements}"),
        (name, "instead: the database looks at every row", f"{rows * 1e3:.0f} ms ({rows / idle:,.0f} times the quiet look)"),
        (name, f"instead: read and decide everybody (scaled from {part:,})", f"{everybody:.0f} s CPU"),
    ]


def main(persons: int, due: int, *, server: bool) -> None:
    head = ("database", "what", "median")
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as folder:
        store = Store.open(f"sqlite:///{folder}/state.db")
        table("SQLite", head, measure("SQLite", store, persons, due))
        store.close()
    if not server:
        return
    with ExitStack() as stack:
        address = stack.enter_context(postgres())
        schema = f"bench_{uuid.uuid4().hex}"
        url = make_url(address).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(f"CREATE SCHEMA {schema}")
            store = Store.open(url)
            table("PostgreSQL", head, measure("PostgreSQL", store, persons, due))
            store.close()
            admin.execute(f"DROP SCHEMA {schema} CASCADE")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*(numbers + [1_000_000, 1_000][len(numbers) :]), server="--postgres" in sys.argv)
