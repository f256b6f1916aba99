"""Large updates in Salesforce: collections of 200 beside one Bulk API 2.0 job, through the connector, at 80 ms per call.

The simulated job is done after a few polls; a real one waits in a queue first, so the seconds of the jobs are a lower bound. Run: `python bench/bulk.py
[records …]`.
"""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime

from _common import median, table

from crmsync.connect.discovery import connect_all
from crmsync.model.change import Action, OutcomeKind, Write
from crmsync_salesforce.sim import Simulator

LATENCY = 0.08
RUNS = 3


def measured(simulator: Simulator, ids: list[str], word: str, *, bulk: bool) -> tuple[float, int]:
    """Seconds and API calls of updating every record once."""
    env = {**simulator.environment(), "CRMSYNC_SALESFORCE__BULK_WRITE_FROM": "1" if bulk else "100000000"}
    (connector,) = connect_all(env, sleep=time.sleep, clock=lambda: datetime.now(UTC)).values()
    connector.identity()
    writes = [Write(write_id=f"{word}{n}", action=Action.UPDATE, object="Lead", id=id, fields={"City": word}) for n, id in enumerate(ids)]
    before, started = connector.calls(), time.perf_counter()
    outcomes = connector.write(writes)
    seconds, calls = time.perf_counter() - started, connector.calls() - before
    connector.close()
    if [outcome.kind for outcome in outcomes] != [OutcomeKind.DONE] * len(writes):
        raise SystemExit(f"not every update was accepted: {[o for o in outcomes if o.kind is not OutcomeKind.DONE][:3]}")
    return seconds, calls


def main(sizes: list[int]) -> None:
    rows = []
    for size in sizes:
        with Simulator(latency=LATENCY) as simulator:
            ids = simulator.create_many("Lead", ({"LastName": f"P{n}", "Company": "Acme"} for n in range(size)))
            for bulk in (False, True):
                runs = [measured(simulator, ids, f"r{run}{bulk}", bulk=bulk) for run in range(RUNS)]
                calls = median(calls for _, calls in runs)
                rows.append((f"{size:,}", "one job" if bulk else "collections", f"{calls:g}", f"{calls / math.ceil(size / 200):.2f}",
                             f"{median(seconds for seconds, _ in runs):.1f}"))  # fmt: skip
    table(
        f"Updates of Salesforce records, {LATENCY * 1000:.0f} ms per call, median of {RUNS}",
        ("records", "by", "calls", "of ⌈n/200⌉", "seconds"),
        rows,
    )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_600, 10_000, 50_000])
