"""Initial load of matched persons: API calls held against the minimum, and time beside a straight-line script, at 80 ms per call.

The straight line is what a developer writes in an afternoon: read all of both with the official clients, then update record by record. It is
measured on a sample and its calls are exact; crmsync is measured whole. Run: `python bench/load.py [persons] [sample]`.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from _common import crmsync, median, parsed, sandbox, table
from hubspot import HubSpot
from simple_salesforce import Salesforce

LATENCY = 0.08


def people(count: int) -> list[dict[str, Any]]:
    return [
        {
            "email": f"person{i}@company{i % 500}.example",
            "first_name": "Pat",
            "last_name": f"Number {i}",
            "company": f"Company {i % 500}",
            "kind": "lead" if i % 2 else "contact",
        }
        for i in range(count)
    ]


def fill(env: dict[str, str], count: int) -> None:
    """The same persons in both CRMs, through the simulators' own door (not counted as API calls)."""
    for address in (env["CRMSYNC_SALESFORCE__LOGIN_URL"], env["CRMSYNC_HUBSPOT__BASE_URL"]):
        for start in range(0, count, 10_000):
            body = {"verb": "seed", "users": [], "people": people(count)[start : start + 10_000]}
            requests.post(f"{address}/_sim/do", json=body, timeout=120).raise_for_status()


def latency(env: dict[str, str], seconds: float) -> None:
    for address in (env["CRMSYNC_SALESFORCE__LOGIN_URL"], env["CRMSYNC_HUBSPOT__BASE_URL"]):
        requests.post(f"{address}/_sim/options", json={"latency": seconds}, timeout=30).raise_for_status()


class Through(requests.adapters.HTTPAdapter):
    """simple-salesforce insists on https: sends its requests to the simulator on this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def send(self, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        request.url = self.address + urlunsplit(("", "", parts.path, parts.query, ""))
        options["proxies"] = {}
        return super().send(request, **options)


def straight_line(env: dict[str, str], sample: int) -> float:
    """Seconds per person of one update per CRM, record by record, with the two official clients."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Through(env["CRMSYNC_SALESFORCE__LOGIN_URL"]))
    salesforce = Salesforce(
        consumer_key=env["CRMSYNC_SALESFORCE__CLIENT_ID"],
        consumer_secret=env["CRMSYNC_SALESFORCE__CLIENT_SECRET"],
        domain="acme.my",
        session=session,
    )
    base = env["CRMSYNC_HUBSPOT__BASE_URL"]
    hubspot = HubSpot(access_token=env["CRMSYNC_HUBSPOT__ACCESS_TOKEN"], host=base, base_url=base)
    contacts = hubspot.crm.contacts.basic_api
    rows = salesforce.query(f"SELECT Id FROM Contact LIMIT {sample}")["records"]
    page = contacts.get_page(limit=min(sample, 100)).results
    started = time.perf_counter()
    for index in range(sample):
        salesforce.Contact.update(rows[index % len(rows)]["Id"], {"Title": f"Engineer {index}"})
        contacts.update(page[index % len(page)].id, {"properties": {"jobtitle": f"Engineer {index}"}})
    return (time.perf_counter() - started) / sample


def main(count: int = 4_000, sample: int = 25, runs: int = 3) -> None:
    seconds, calls, lines = [], [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder, sandbox(home=Path(folder)) as settings:
            env = {**settings, "CRMSYNC_HOME": folder, "CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0"}
            fill(env, count)
            crmsync("init", folder, env=env)
            crmsync("provision", env=env)
            latency(env, LATENCY)
            lines.append(straight_line(env, sample) * count)
            before = written_calls(env)
            done, took = crmsync("sync", "--json", env=env, check=(0, 1))
            after = written_calls(env)
            seconds.append(took)
            calls.append({side: after[side] - before[side] for side in after})
            said = parsed(done)
    need = {"hubspot": math.ceil(count / 100), "salesforce": math.ceil(count / 200)}
    table(
        f"Initial load of {count:,} matched persons, {LATENCY * 1000:.0f} ms per call, median of {runs}",
        ("", "write calls", "minimum", "ratio"),
        [(side, median(c[side] for c in calls), need[side], f"{median(c[side] for c in calls) / need[side]:.3f}") for side in need],
    )
    table(
        "Beside a straight-line script (simple-salesforce and hubspot-api-client, record by record)",
        ("", "seconds"),
        [("crmsync sync, whole", f"{median(seconds):.1f}"), (f"straight line, from {sample} records", f"{median(lines):.1f}"),
         ("ratio", f"{median(a / b for a, b in zip(lines, seconds, strict=True)):.1f}")],
    )  # fmt: skip
    print(f"\nsync said: written {said['written']}, all api_calls {said['api_calls']}, read {said['read']}")
    bad = [side for side in need if median(c[side] for c in calls) > 1.05 * need[side]]
    if bad or median(a / b for a, b in zip(lines, seconds, strict=True)) < 20:
        print(f"NOT REACHED: calls over 1.05 x the minimum in {bad or 'none'}, or less than 20 x faster")
        sys.exit(1)


def written_calls(env: dict[str, str]) -> dict[str, int]:
    """Write calls of records so far, as the simulators logged them."""
    counts = {}
    for side, name, pattern in (
        ("hubspot", "CRMSYNC_HUBSPOT__BASE_URL", ("batch/update", "batch/create", "batch/upsert")),
        ("salesforce", "CRMSYNC_SALESFORCE__LOGIN_URL", ("composite/sobjects",)),
    ):
        body = requests.get(f"{env[name]}/_sim/calls", timeout=60).json()
        entries = body["calls"] if isinstance(body, dict) else body
        counts[side] = sum(1 for e in entries if e["method"] in ("POST", "PATCH") and any(p in e["path"] for p in pattern))
    return counts


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
