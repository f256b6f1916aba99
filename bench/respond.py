"""From a signal to an owner in both CRMs, a task and an alert, with many persons under management and many new leads in the same minute.

    python bench/respond.py [persons] [leads] [seconds]            2000 100 60 unless told; 100000 persons take a quarter of an hour to load

Both CRMs hold the same persons and were synced; each API call takes 80 ms. The daemon runs as `crmsync run` does, in a process of its own; some leads were handed over before and are in
cadences. Then leads come at random moments: four of five are known persons about whom the website tells a demo request (`POST /signals`), each fifth is new to both CRMs and fills in
HubSpot's form. Told is how long after the signal reached crmsync (the request was sent; the page of HubSpot's answer arrived) the owner stood in each CRM, the rep's task stood in
Salesforce, and the owner's alert was received by an HTTP server. Calls are timed where a connector's `write` returns; afterwards both CRMs are asked over their plain APIs
whether all of it is there, once. Then the same number comes within one second.

The named alternative, in the same run and beside the same simulators: a worker that takes one lead after the other with the official clients: read, read, owner, owner, task, alert.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from _common import crmsync, sandbox, table
from _daemon import rows_of, running
from load import LATENCY, latency
from main_job import set_clock

REPS = 40
EARLIER = 200
"""Persons handed over before the minute begins: they have clocks and cadences that go on beside it."""
SETTLED = 20.0
"""Seconds after its start in which the daemon polls once."""
REST = 75.0
"""Seconds between these and the minute: an owner gets no more than five messages a minute (`digest` in alerts.yaml)."""
PATIENCE = 90.0
LOADED_BY = "integration@crmsync.example"
"""Who owns them in Salesforce: the user of an integration, so nobody (R6)."""
TOKEN = "a-token-of-the-benchmark"
STEPS = ("owner in HubSpot", "owner in Salesforce", "task in Salesforce", "alert received", "all of it")
NUMBER = re.compile(r"Number(\d+)\b")


def person(number: int, colleagues: int = 6) -> dict[str, Any]:
    """So many of them work for one company."""
    company = number // colleagues
    return {
        "email": f"person{number}@company{company}.example", "first_name": "Pat", "last_name": f"Number{number}", "title": "Engineer",
        "company": f"Company {company}", "kind": "lead", "owner_email": LOADED_BY,
    }  # fmt: skip


def fill(env: Mapping[str, str], count: int) -> None:
    """The same persons and reps in both CRMs, through the simulators' own door (not counted as API calls)."""
    users = [{"email": f"rep{n}@corp.example", "first_name": "Rep", "last_name": f"No{n}", "time_zone": "UTC"} for n in range(REPS)]
    for address in addresses(env):
        for start in range(0, count, 10_000):
            people = [person(number) for number in range(start, min(start + 10_000, count))]
            body: dict[str, Any] = {"verb": "seed", "users": users if start == 0 else [], "people": people}
            requests.post(f"{address}/_sim/do", json=body, timeout=300).raise_for_status()


def addresses(env: Mapping[str, str]) -> tuple[str, str]:
    return env["CRMSYNC_SALESFORCE__LOGIN_URL"], env["CRMSYNC_HUBSPOT__BASE_URL"]


# --- leads and what becomes of them ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lead:
    """at: when the signal was sent. seen: when it reached crmsync (None: not yet)."""

    number: int
    email: str
    form: bool
    at: float = 0.0
    seen: float | None = None
    done: dict[str, float] = field(default_factory=dict)

    def took(self, step: str) -> float:
        """Seconds; endless when it never came."""
        if self.seen is None or (step != STEPS[-1] and step not in self.done):
            return float("inf")
        return max(self.took(one) for one in STEPS[:-1]) if step == STEPS[-1] else max(self.done[step] - self.seen, 0.0)


class Receiver:
    """An HTTP server that alerts are sent to; `arrived`: number of a lead -> when it was first told of."""

    def __init__(self) -> None:
        arrived: dict[int, float] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                for number in NUMBER.findall(body):
                    arrived.setdefault(int(number), time.time())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.arrived = arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def leads_of(numbers: Sequence[int], forms: int) -> list[Lead]:
    """Each so-manieth lead comes by the form (0: none)."""
    made = [(number, bool(forms) and place % forms == forms - 1) for place, number in enumerate(numbers)]
    return [Lead(number, f"new{number}@fresh{number}.example" if form else str(person(number)["email"]), form) for number, form in made]


def arrive(lead: Lead, url: str, env: Mapping[str, str]) -> None:
    lead.at = time.time()
    if lead.form:
        who = {"first_name": "Pat", "last_name": f"Number{lead.number}", "company": f"Fresh {lead.number}"}
        event: dict[str, Any] = {"type": "form_submitted", "email": lead.email, "name": "Demo request", "person": who}
        requests.post(f"{addresses(env)[1]}/_sim/do", json={"verb": "happen", "event": event}, timeout=60).raise_for_status()
        return
    lead.seen = lead.at
    body = {"email": lead.email, "type": "demo_request", "at": datetime.now(UTC).isoformat(), "id": f"demo {lead.number}"}
    requests.post(f"{url}/signals", json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60).raise_for_status()


def moments_of(count: int, seconds: float) -> list[float]:
    """The same random ones for whoever is measured."""
    rng = random.Random(5)
    return sorted(rng.uniform(0.0, seconds) for _ in range(count))


def come(leads: Sequence[Lead], seconds: float, url: str, env: Mapping[str, str]) -> None:
    """All of them, at random moments of so many seconds; returns when the last has been sent."""
    moments = moments_of(len(leads), seconds)
    begun, threads = time.monotonic(), []
    for lead, at in zip(leads, moments, strict=True):
        time.sleep(max(0.0, begun + at - time.monotonic()))
        threads.append(threading.Thread(target=arrive, args=(lead, url, env)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def credit(leads: Sequence[Lead], log: Path, ids: Mapping[str, Mapping[str, str]], receiver: Receiver) -> None:
    """Adds to leads what the log and the receiver tell. ids: side -> record -> address."""
    by_email = {lead.email: lead for lead in leads}
    for row in rows_of(log):
        if row["what"] == "seen" and (lead := by_email.get(row["email"])) is not None and lead.form and lead.seen is None:
            lead.seen = row["at"]
        if row["what"] not in ("owner", "task") or row["outcome"] != "done":
            continue
        side = row["side"]
        found = by_email.get(ids[side].get(str(row["whom"])[:15] if side == "salesforce" else str(row["whom"]), ""))
        if found is not None and row["at"] >= found.at:
            name = "HubSpot" if side == "hubspot" else "Salesforce"
            found.done.setdefault(f"{row['what']} in {name}", row["at"])
    for lead in leads:
        if lead.number in receiver.arrived:
            lead.done.setdefault("alert received", receiver.arrived[lead.number])


class Plain:
    """Both CRMs over their plain APIs: what we say is not believed."""

    def __init__(self, env: Mapping[str, str]) -> None:
        login, self.hubspot = addresses(env)
        keys = {"grant_type": "client_credentials"} | {n: env[f"CRMSYNC_SALESFORCE__{n.upper()}"] for n in ("client_id", "client_secret")}
        token = requests.post(f"{login}/services/oauth2/token", data=keys, timeout=30).json()["access_token"]
        self.salesforce, self._sf = f"{login}/services/data/v62.0", {"Authorization": f"Bearer {token}"}
        self._hs = {"Authorization": f"Bearer {env['CRMSYNC_HUBSPOT__ACCESS_TOKEN']}"}

    def query(self, soql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.salesforce}/query/", params={"q": soql}, headers=self._sf, timeout=120).json()[
            "records"
        ]
        return found

    def people(self, emails: Sequence[str]) -> dict[str, dict[str, dict[str, str]]]:
        """side -> id (15 characters of Salesforce's) -> {email, owner}."""
        found: dict[str, dict[str, dict[str, str]]] = {"salesforce": {}, "hubspot": {}}
        for start in range(0, len(emails), 100):
            part = emails[start : start + 100]
            listed = ",".join(f"'{email}'" for email in part)
            for row in self.query(f"SELECT Id, Email, OwnerId FROM Lead WHERE Email IN ({listed})"):
                found["salesforce"][row["Id"][:15]] = {"email": row["Email"], "owner": row["OwnerId"]}
            body: dict[str, Any] = {
                "idProperty": "email",
                "properties": ["email", "hubspot_owner_id"],
                "inputs": [{"id": email} for email in part],
            }
            answer = requests.post(f"{self.hubspot}/crm/v3/objects/contacts/batch/read", json=body, headers=self._hs, timeout=120).json()
            for one in answer["results"]:
                props = one["properties"]
                found["hubspot"][one["id"]] = {"email": props["email"], "owner": props.get("hubspot_owner_id") or ""}
        return found

    def tasks(self) -> dict[str, int]:
        """Lead (15 characters) -> how many of our high-priority tasks."""
        counts: dict[str, int] = {}
        for row in self.query("SELECT WhoId FROM Task WHERE Priority = 'High'"):
            counts[str(row["WhoId"])[:15]] = counts.get(str(row["WhoId"])[:15], 0) + 1
        return counts

    def reps(self) -> tuple[dict[str, str], dict[str, str]]:
        """House owner (address) -> user id, of Salesforce and HubSpot."""
        users = {r["Email"]: r["Id"][:15] for r in self.query("SELECT Id, Email FROM User WHERE Email LIKE 'rep%'")}
        answer = requests.get(f"{self.hubspot}/crm/v3/owners", params={"limit": 500}, headers=self._hs, timeout=60).json()
        return users, {one["email"]: one["id"] for one in answer["results"] if one["email"].startswith("rep")}


def look(leads: Sequence[Lead], log: Path, plain: Plain, receiver: Receiver) -> None:
    """Waits until everything has become of all of them, for at most PATIENCE seconds, without asking the CRMs meanwhile; then asks them."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        told = sum(lead.number in receiver.arrived for lead in leads)
        if told == len(leads):
            break
        time.sleep(0.5)
    time.sleep(3.0)
    people = plain.people([lead.email for lead in leads])
    credit(leads, log, {side: {id: row["email"] for id, row in rows.items()} for side, rows in people.items()}, receiver)
    users, owners = plain.reps()
    of_salesforce, of_hubspot = {id: rep for rep, id in users.items()}, {id: rep for rep, id in owners.items()}
    tasks, mine = plain.tasks(), {lead.email for lead in leads}
    held = {row["email"]: (of_salesforce.get(row["owner"][:15]), tasks.get(id, 0)) for id, row in people["salesforce"].items()}
    shown = {row["email"]: of_hubspot.get(row["owner"]) for row in people["hubspot"].values()}
    wrong = [email for email in mine if held.get(email, (None, 0))[0] is None or held[email][0] != shown.get(email) or held[email][1] != 1]
    print(f"asked over the plain APIs: {len(mine) - len(wrong)} of {len(mine)} leads have the same rep in both CRMs and one task")
    if wrong:
        print(f"NOT REACHED: {sorted(wrong)[:5]}")


# --- the straight line -------------------------------------------------------------------------------------------------------


def straight(
    leads: Sequence[Lead], seconds: float, env: Mapping[str, str], reps: tuple[Mapping[str, str], Mapping[str, str]], port: int
) -> None:
    """One lead after the other, as they came, with the official clients."""
    from hubspot import HubSpot
    from hubspot.crm.contacts import SimplePublicObjectInput
    from load import Through
    from simple_salesforce import Salesforce

    session = requests.Session()
    session.trust_env = False
    login, base = addresses(env)
    session.mount("https://", Through(login))
    keys = {"consumer_key": env["CRMSYNC_SALESFORCE__CLIENT_ID"], "consumer_secret": env["CRMSYNC_SALESFORCE__CLIENT_SECRET"]}
    salesforce = Salesforce(**keys, domain="acme.my", session=session)
    contacts = HubSpot(access_token=env["CRMSYNC_HUBSPOT__ACCESS_TOKEN"], host=base, base_url=base).crm.contacts.basic_api
    names = sorted(reps[0])
    moments = moments_of(len(leads), seconds)
    begun = time.time()
    for place, (lead, at) in enumerate(zip(leads, moments, strict=True)):
        lead.at = lead.seen = begun + at
        time.sleep(max(0.0, lead.at - time.time()))
        contact = contacts.get_by_id(lead.email, id_property="email", properties=["email", "hubspot_owner_id"])
        found = salesforce.query(f"SELECT Id, OwnerId FROM Lead WHERE Email = '{lead.email}'")["records"][0]
        rep = names[place % len(names)]
        contacts.update(contact.id, SimplePublicObjectInput(properties={"hubspot_owner_id": reps[1][rep]}))
        lead.done["owner in HubSpot"] = time.time()
        salesforce.Lead.update(found["Id"], {"OwnerId": reps[0][rep]})
        lead.done["owner in Salesforce"] = time.time()
        due = f"{datetime.now(UTC):%Y-%m-%d}"
        salesforce.Task.create(
            {"WhoId": found["Id"], "OwnerId": reps[0][rep], "Subject": "Call now", "Priority": "High", "ActivityDate": due}
        )
        lead.done["task in Salesforce"] = time.time()
        session.post(f"http://127.0.0.1:{port}/{rep}", json={"title": "Hot lead", "message": f"Pat Number{lead.number}"}, timeout=30)
        lead.done["alert received"] = time.time()


# --- all of it ---------------------------------------------------------------------------------------------------------------


def shares(leads: Sequence[Lead], step: str) -> tuple[str, str, str, str]:
    """p50, p90, p99 and the longest, in seconds: the smallest value that so many per cent do not exceed."""
    values = sorted(lead.took(step) for lead in leads)
    cuts = [values[min(len(values) - 1, -(-len(values) * share // 100) - 1)] for share in (50, 90, 99)]
    return tuple(f"{value:.2f}" for value in (*cuts, values[-1]))  # type: ignore[return-value]


def told(title: str, leads: Sequence[Lead]) -> None:
    table(title, ("seconds from the signal to", "p50", "p90", "p99", "longest"), [(step, *shares(leads, step)) for step in STEPS])


def cycles(log: Path, begun: float) -> str:
    rows = [row for row in rows_of(log) if row["what"] == "cycle" and row["at"] >= begun]
    said = []
    for kind, name in (("one_cycle", "polls"), ("decide_waiting", "looks at what was heard")):
        mine = [row for row in rows if row["kind"] == kind]
        said.append(
            f"{len(mine)} {name} ({sum(r['calls'] for r in mine)} API calls, longest {max((r['took'] for r in mine), default=0):.2f} s, "
            f"CPU {sum(r['cpu'] for r in mine):.1f} s)"
        )
    return ", ".join(said)


def prepared(home: Path, env: dict[str, str], persons: int) -> None:
    """Both CRMs and the store as they are some time after a first load: everything written was read once more, nothing waits."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    set_clock(env, start)
    begun = time.monotonic()
    fill(env, persons)
    crmsync("init", str(home), env=env)
    crmsync("provision", env=env)
    alerts = home / "mappings" / "alerts.yaml"
    alerts.write_text(alerts.read_text("utf-8") + "\nto: {hot_lead: [owner]}\n", "utf-8")
    for later in (start + timedelta(minutes=10), start + timedelta(minutes=30), datetime.now(UTC), None):
        words = ("--now", set_clock(env, later)) if later is not None else ()
        crmsync("sync", "--json", *words, env=env, check=(0, 1))
    print(f"{persons:,} persons loaded in {time.monotonic() - begun:.0f} s")


def quiet(env: Mapping[str, str], persons: int) -> None:
    """What a poll of the daemon, and a look at what was heard, cost when nobody is due: statements as the driver is given them, and API calls."""
    import logging

    import structlog
    from sqlalchemy import event

    from crmsync.service.settings import read_settings
    from crmsync.service.sync import decide_waiting, one_cycle
    from crmsync.service.workspace import Workspace, open_workspace

    def poll(workspace: Workspace) -> None:
        one_cycle(workspace, everything=False)

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = []
    with open_workspace(read_settings({**os.environ, **env})) as workspace, workspace.lease(wait=10.0):
        engine, said = workspace.store._db._engine, list[str]()
        event.listen(engine, "checkout", lambda driver, *_: driver.set_trace_callback(said.append))
        poll(workspace)  # a new process asks who it is first
        for name, work in (("a poll of the daemon", poll), ("a look at what was heard", decide_waiting)):
            said.clear()
            calls, begun, cpu = sum(workspace.api_calls().values()), time.perf_counter(), time.process_time()
            work(workspace)
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
            about = [one for one in said if re.search(r"\bpersons\b", one)]
            read = [one for one in about if "next_due_at <=" not in one]
            assert not workspace.store.due_persons(workspace.clock(), 1), "somebody is due"
            spent = sum(workspace.api_calls().values()) - calls
            rows.append((name, len(said), len(about), len(read), spent, f"{took * 1e3:.0f}", f"{cpu * 1e3:.0f}"))
    head = ("", "statements", "about persons (who is due)", "others about persons", "API calls", "ms", "ms CPU")
    table(f"Nobody is due, {persons:,} persons", head, rows)
    if any(row[3] for row in rows):
        print("NOT REACHED: persons were read though nobody is due")


def main(persons: int = 2_000, count: int = 100, seconds: int = 60) -> None:
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as folder, sandbox(home=Path(folder)) as settings:
        home, log = Path(folder), Path(folder) / "respond.log"
        alerts = {"CRMSYNC_ALERTS__PERSON": f"json://127.0.0.1:{receiver.port}/{{email}}"}
        env = {
            **settings, **alerts, "CRMSYNC_HOME": folder, "CRMSYNC_WEB__PORT": "0", "CRMSYNC_WEB__SIGNALS_TOKEN": TOKEN,
            "CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0",
        }  # fmt: skip
        prepared(home, env, persons)
        plain = Plain(env)
        latency(env, LATENCY)
        quiet(env, persons)
        step = max(1, persons // (EARLIER + 3 * count))
        numbers = range(0, persons, step)[: EARLIER + 3 * count]
        earlier, spread, burst, straight_ones = (
            leads_of(numbers[:EARLIER], 0), leads_of(numbers[EARLIER : EARLIER + count], 5),
            leads_of(numbers[EARLIER + count : EARLIER + 2 * count], 0), leads_of(numbers[EARLIER + 2 * count :], 0),
        )  # fmt: skip
        with running(env, log) as url:
            time.sleep(SETTLED)
            come(earlier, 5.0, url, env)
            time.sleep(REST)
            begun = time.time()
            come(spread, seconds, url, env)
            look(spread, log, plain, receiver)
            told(f"{count} leads in {seconds} s, {persons:,} persons, {LATENCY * 1000:.0f} ms per call", spread)
            told("of them by POST /signals", [lead for lead in spread if not lead.form])
            told("of them new, by HubSpot's form", [lead for lead in spread if lead.form])
            waited = [lead.seen - lead.at for lead in spread if lead.form and lead.seen is not None]
            print(
                f"\nthe forms were seen {min(waited):.1f} to {max(waited):.1f} s after they were sent: the next poll, and HubSpot's search index"
            )
            print(cycles(log, begun))
            time.sleep(REST)
            begun = time.time()
            come(burst, 1.0, url, env)
            look(burst, log, plain, receiver)
            told(f"{count} leads within one second", burst)
            print(cycles(log, begun))
        reps = plain.reps()
        straight(straight_ones[:count], seconds, env, reps, receiver.port)
        told(f"instead, one lead at a time in a straight line, {count} leads in {seconds} s", straight_ones[:count])
    worst = float(shares(spread, STEPS[-1])[2])
    if worst >= 2.0:
        print(f"NOT REACHED: p99 is {worst:.2f} s, 2 s were wanted")
        sys.exit(1)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
