"""CPU and memory of a pass over persons that did not change, and of deciding about all of them anew.

A first pull fills the store; then both CRMs are read from the beginning again, so that every record is fetched, compared and found unchanged: merge
and plan are skipped exactly for those whose digest proves that they would say nothing. The named alternative reads the same pages with
simple-salesforce's query_all and hubspot-api-client's get_all, and compares nothing. Run: `python bench/cpu.py [persons ...]`.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from _common import clean_environment, median, sandbox, table
from load import fill

DECIDED_UP_TO = 25_000
"""Persons up to which deciding anew and the official clients are measured: their speed does not depend on how many there are."""


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(home: Path, runs: int) -> None:
    """In a process of its own: prints one JSON object with seconds of CPU per pass and the peak memory."""
    import logging
    import os

    import structlog

    from crmsync.connect.discovery import connect_all
    from crmsync.engine.preview import preview
    from crmsync.engine.pull import pull_side
    from crmsync.engine.world import World
    from crmsync.model.fields import OWN_FIELDS
    from crmsync.playbook import load, write_defaults
    from crmsync.store import Store

    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as the crmsync command does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    write_defaults(home)
    connectors = connect_all(dict(os.environ), sleep=time.sleep, clock=lambda: datetime.now(UTC))
    for connector in connectors.values():
        connector.provision(OWN_FIELDS, dry_run=False)
    store = Store.open(f"sqlite:///{home / 'state.db'}")
    world = World(store=store, connectors=connectors, playbook=load(home))
    now = datetime.now(UTC)
    world.refresh(now)
    world.start(now)
    persons = 0
    for side in world.sides:
        persons = max(persons, pull_side(world, side, now).read)
    passes = []
    for _ in range(runs):
        for side in world.sides:
            for object in world.objects(side):
                store.put(f"read:{side}:{object}", None)  # forget how far we were: everything is read once more
        begun = time.process_time()
        pulled = [pull_side(world, side, now) for side in world.sides]
        passes.append(time.process_time() - begun)
        assert sum(p.changed for p in pulled) == 0, "something changed"
    unchanged_peak = peak_megabytes()
    if persons > DECIDED_UP_TO:
        print(json.dumps({"persons": persons, "passes": passes, "peak": unchanged_peak, "deciding": float("nan"), "decided": 0}))
        return
    begun = time.process_time()
    decided = 0

    def count(verdicts: object) -> None:
        nonlocal decided
        decided += len(verdicts)  # type: ignore[arg-type]

    preview(world, now, count, history=False)
    deciding = time.process_time() - begun
    print(json.dumps({"persons": persons, "passes": passes, "peak": unchanged_peak, "deciding": deciding, "decided": decided}))


def straight(env: dict[str, str]) -> float:
    """CPU seconds of reading all of both with the official clients."""
    import requests
    from hubspot import HubSpot
    from load import Through
    from simple_salesforce import Salesforce

    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Through(env["CRMSYNC_SALESFORCE__LOGIN_URL"]))
    keys = {"consumer_key": env["CRMSYNC_SALESFORCE__CLIENT_ID"], "consumer_secret": env["CRMSYNC_SALESFORCE__CLIENT_SECRET"]}
    salesforce = Salesforce(**keys, domain="acme.my", session=session)
    base = env["CRMSYNC_HUBSPOT__BASE_URL"]
    names = ["email", "firstname", "lastname", "phone", "mobilephone", "jobtitle", "company", "website", "address", "city", "state", "zip"]
    begun = time.process_time()
    for object in ("Lead", "Contact"):
        salesforce.query_all(f"SELECT Id, Email, FirstName, LastName, Phone, MobilePhone, Title, OwnerId, SystemModstamp FROM {object}")
    HubSpot(access_token=env["CRMSYNC_HUBSPOT__ACCESS_TOKEN"], host=base, base_url=base).crm.contacts.get_all(properties=names)
    return time.process_time() - begun


def measure(count: int, runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, sandbox(home=Path(folder)) as settings:
        fill(settings, count)
        env = {**settings, "CRMSYNC_HOME": folder, "CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0"}
        command = [sys.executable, __file__, "--child", folder, str(runs)]
        done = subprocess.run(command, env=clean_environment(env), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        said = json.loads(done.stdout)
        said["straight"] = straight(settings) if count <= DECIDED_UP_TO else float("nan")
        return said


def main(counts: list[int], runs: int = 3) -> None:
    rows, rates, peaks = [], {}, {}
    for count in counts:
        said = measure(count, runs)
        cpu = median(said["passes"])  # type: ignore[arg-type]
        rates[count], peaks[count] = count / cpu, said["peak"]
        rows.append(
            (f"{count:,}", f"{cpu:.2f}", f"{count / cpu:,.0f}", f"{said['peak']:.0f}", f"{said['straight']:.2f}",
             f"{said['straight'] / cpu:.2f}", f"{said['decided'] / said['deciding']:,.0f}")
        )  # fmt: skip
    table(
        f"Unchanged persons, one core, median of {runs}; deciding about all of them anew (one run)",
        ("persons", "CPU s", "persons/s", "peak MB", "official clients, reading only, CPU s", "ratio", "decided anew, persons/s"),
        rows,
    )
    low, high = min(peaks.values()), max(peaks.values())
    failed = [n for n, rate in rates.items() if rate < 10_000]
    if failed or high > 400 or high > 1.1 * low:
        print(f"NOT REACHED: under 10,000 persons/s at {failed}, or memory {low:.0f}-{high:.0f} MB is not flat under 400 MB")
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(word) for word in sys.argv[1:]] or [20_000, 100_000])
