"""Bad circumstances: CRMs down, answers lost, batches half written, disk full, clocks that jump, kill -9. Everything heals, nothing is there twice."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections import deque
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from crmsync.engine.cycle import cycle
from crmsync.errors import UnreachableError
from crmsync.playbook import write_defaults
from scenarios.persons import assert_in_step, crowd, differences
from scenarios.world import Both

DOWN = {"do": "drop_before"}


def edit_all(both: Both, pairs: list[tuple[str, str]], word: str) -> None:
    for contact, lead in pairs:
        both.hs.edit("contacts", contact, {"jobtitle": word})
        both.sf.edit("Lead", lead, {"City": word})


def new_everywhere(both: Both, count: int, name: str = "new") -> None:
    """`count` new persons on each side."""
    rita = both.owner("salesforce", "rita@corp.example")
    for n in range(count):
        both.hs.create("contacts", {"email": f"{name}-h{n}@example.com", "lastname": f"H{n}", "company": "Example Works"})
        both.sf.create("Lead", {"Email": f"{name}-s{n}@example.com", "LastName": f"S{n}", "Company": "Example Works", "OwnerId": rita})


def assert_whole(both: Both, persons: int) -> None:
    """Everybody is there once, on both sides, alike (owners of the ownerless apart), and nothing is left to do."""
    assert both.counts() == {"contacts": persons, "Lead": persons, "Contact": 0}
    assert [d for d in differences(both) if " owner: " not in d] == []
    assert both.problems() == []
    both.assert_settled()


def test_both_crms_down(both: Both) -> None:
    # given two persons in step, edited on both sides
    pairs = crowd(both, 2)
    edit_all(both, pairs, "Baker")
    # when both CRMs are down for an hour
    both.hs.faults.add(DOWN)
    both.sf.faults.add(DOWN)
    for _ in range(3):
        with pytest.raises(UnreachableError):
            both.cycle(after=1200)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # then everything arrives afterwards, once
    both.hs.faults.clear()
    both.sf.faults.clear()
    both.settle()
    assert both.writes() == {"hubspot": 2, "salesforce": 2}
    assert_in_step(both)


@pytest.mark.parametrize("down", ["hubspot", "salesforce"])
def test_one_crm_down_for_long(both: Both, down: str) -> None:
    # given three persons in step, two edited on both sides, and new ones
    pairs = crowd(both, 3)
    edit_all(both, pairs[:2], "Baker")
    new_everywhere(both, 2)
    # when one CRM goes down after our poll, with writes under way, and stays down for longer than schemas are believed
    simulator, alive = (both.hs, "salesforce") if down == "hubspot" else (both.sf, "hubspot")
    simulator.faults.add({**DOWN, "method": "PATCH" if down == "salesforce" else "POST", "path": "composite|batch/(update|create)"})
    report = both.cycle(after=15)
    simulator.faults.add(DOWN)
    reports = [both.cycle(after=200) for _ in range(2)]
    alone = ("contacts", pairs[2][0], {"phone": "+14085557777"}) if alive == "hubspot" else ("Lead", pairs[2][1], {"Phone": "+14085557777"})
    (both.hs if alive == "hubspot" else both.sf).edit(*alone)
    reports += [both.cycle(after=200) for _ in range(2)]
    # then the other one goes on: its writes went out, it is still read, and the trouble is named each time
    assert all(set(r.errors) == {down} for r in reports), [r.errors for r in reports]
    assert report.pulled[alive].error is None
    assert all(r.pulled[alive].error is None for r in reports)
    assert both.writes()[alive] >= 4
    assert both.writes()[down] == 0
    # and nothing is lost, not what came while it was down either
    simulator.faults.clear()
    both.settle()
    assert both.hs.get("contacts", pairs[2][0])["phone"] == both.sf.get("Lead", pairs[2][1])["Phone"] == "+14085557777"
    assert_whole(both, 7)


def test_timeout_after_commit(both: Both) -> None:
    # given two persons in step, edited on both sides, and new ones, again and again
    pairs = crowd(both, 2)
    for number, do in enumerate(("drop_after", "truncate", "status_after"), 1):
        edit_all(both, pairs, do)
        new_everywhere(both, 2, do)
        # when both CRMs carry out our creates and updates, but their answers are lost or cut off or say 500
        both.hs.faults.add({"do": do, "method": "POST", "path": "batch/(create|update)", "times": 4})
        both.sf.faults.add({"do": do, "method": "PATCH", "path": "composite", "times": 4})
        both.settle()
        both.settle()
        # then each person is there once, on both sides
        both.hs.faults.clear()
        both.sf.faults.clear()
        both.settle()
        assert_whole(both, 2 + 4 * number)


def test_a_write_whose_answer_was_lost_is_not_taken_for_an_edit(both: Both) -> None:
    # given a value from HubSpot that Salesforce took, while the answer was lost
    contact, lead = crowd(both, 2)[0]
    both.hs.edit("contacts", contact, {"jobtitle": "First word"})
    both.sf.faults.add({"do": "drop_after", "method": "PATCH", "path": "composite", "times": 2})
    both.cycle(after=15)
    assert both.sf.get("Lead", lead)["Title"] == "First word"
    assert len(both.store.journal.open_intents()) == 1
    # when HubSpot says something newer, and later still somebody edits another field in Salesforce
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"jobtitle": "Second word"})
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"City": "Lyon"})
    both.settle()
    # then our own old value does not win as if Salesforce had edited the title
    assert both.sf.get("Lead", lead)["Title"] == both.hs.get("contacts", contact)["jobtitle"] == "Second word"
    assert both.hs.get("contacts", contact)["city"] == "Lyon"
    assert both.problems() == []
    assert_in_step(both)


def test_half_written_batches(both: Both) -> None:
    # given 130 new persons in Salesforce: two batches for HubSpot
    rita = both.owner("salesforce", "rita@corp.example") if both.store.users() else None
    row = {"LastName": "Many", "Company": "Example Works", **({"OwnerId": rita} if rita else {})}
    both.sf.create_many("Lead", [{**row, "Email": f"many{n}@example.com"} for n in range(130)])
    # when the second batch's connection breaks, and the first one's answer is cut off
    both.hs.faults.add({"do": "truncate", "path": "batch/create", "times": 1})
    both.hs.faults.add({"do": "drop_before", "path": "batch/create", "times": 1})
    both.settle()
    both.settle()
    # then nobody is missing and nobody is there twice
    emails = [str(c["email"]) for c in both.hs.all("contacts")]
    assert sorted(emails) == sorted(f"many{n}@example.com" for n in range(130))
    assert_whole(both, 130)


@pytest.mark.parametrize("room", [8_192, 200_000, None], ids=["at once", "while reading", "while the CRMs carry out our writes"])
def test_disk_full(both: Both, room: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    # given ten persons in step, edited on both sides, and new ones
    pairs = crowd(both, 10)
    edit_all(both, pairs, "Baker")
    new_everywhere(both, 20)
    # when the disk has no more room than so many bytes per file, or has none as soon as a CRM has answered
    both.store.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    both.restart()
    wal = Path(both.database.removeprefix("sqlite:///") + "-wal")

    def no_more_than(room: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((wal.stat().st_size if wal.exists() else 0) + room, hard))

    for connector in both.connectors.values():
        monkeypatch.setattr(connector, "write", lambda writes, write=connector.write: (write(writes), no_more_than(0))[0])
    try:
        if room is not None:
            no_more_than(room)
        with pytest.raises(UnreachableError, match=r"space|disk"):
            both.settle()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    # then with room again everything arrives, and what was sent unseen is not sent twice
    sent = sum(both.writes().values())
    both.restart()
    assert (len(both.store.journal.open_intents()) == sent > 20) if room is None else sent == 0
    both.settle()
    assert_whole(both, 50)


@pytest.mark.parametrize("jump", [2 * 86_400, -86_400, -400, 20 * 86_400])
def test_a_clock_that_jumps(both: Both, jump: int) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    # when our own clock jumps for one cycle, in which people edit, and is then put right
    edit_all(both, pairs, "Baker")
    both.time.advance(15)
    cycle(both.world, both.time() + timedelta(seconds=jump))
    edit_all(both, pairs, "Smith")
    new_everywhere(both, 1)
    both.settle()
    both.settle()
    # then no edit is skipped and nobody is there twice
    assert {both.sf.get("Lead", lead)["Title"] for _, lead in pairs} == {"Smith"}
    assert {both.hs.get("contacts", contact)["city"] for contact, _ in pairs} == {"Smith"}
    assert_whole(both, 4)
    # and deletes are still noticed, on either side
    both.sf.delete("Lead", pairs[0][1])
    both.hs.delete("contacts", pairs[1][0])
    both.settle(after=1000)
    assert sorted((p.cause, p.side) for p in both.problems()) == [("deleted_elsewhere", "hubspot"), ("deleted_elsewhere", "salesforce")]


CHILD = """
import json, os, sys
from datetime import datetime
from pathlib import Path
from crmsync.connect.discovery import connect_all
from crmsync.engine.cycle import cycle
from crmsync.engine.world import World
from crmsync.playbook import load
from crmsync.store import Store
told = json.loads(sys.stdin.readline())
playbook = load(Path(told["home"]))
now = None
connectors = connect_all(told["environ"], sleep=lambda s: None, clock=lambda: now)  # loads them; nothing is contacted yet
for line in sys.stdin:
    now = datetime.fromisoformat(line.strip())
    pid = os.fork()  # a process that is ready to begin: reading the modules takes two seconds
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdin.readline()
        store = Store.open(told["database"])
        world = World(store=store, connectors=connectors, playbook=playbook)
        while cycle(world, now).more:
            pass
        os._exit(0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Fatal:
    """Counts what the CRMs carry out for a process, and ends that process, before it can be answered, at the `at`-th of them."""

    pid = at = 0

    def count(self) -> None:
        if not self.pid:
            return
        self.at -= 1
        if self.at == 0:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0


class Log(deque[Any]):
    """A simulator's log of writes that tells them to `Fatal`."""

    def __init__(self, fatal: Fatal) -> None:
        super().__init__(maxlen=5000)
        self._fatal = fatal

    def appendleft(self, write: Any) -> None:
        super().appendleft(write)
        self._fatal.count()


def test_kill_9_while_a_crm_carries_out_a_write(whole: Both, tmp_path: Path) -> None:
    both = whole  # the killed process keeps everything in step
    # given ten persons in step
    write_defaults(tmp_path)
    pairs = crowd(both, 10)
    dice = random.Random(20260303)
    told = json.dumps({"home": str(tmp_path), "environ": both.environ, "database": both.database})
    both.store.close()
    fatal = Fatal()
    both.hs.portal.writes, both.sf.org.writes = Log(fatal), Log(fatal)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{told}\n")
        guard = Timer(120, child.kill)
        guard.start()
        for round in range(3):
            # when everybody is edited, new people come, and the process syncing them is killed while a CRM carries out one of its writes
            edit_all(both, pairs, f"Round{round}")
            new_everywhere(both, 5, f"r{round}")
            both.time.advance(15)
            child.stdin.write(f"{both.time().isoformat()}\n")
            fatal.at, fatal.pid = dice.randint(1, 40), int(child.stdout.readline())
            child.stdin.write("go\n")
            assert int(child.stdout.readline()) == -signal.SIGKILL
        guard.cancel()
        child.stdin.close()
    # then a last run that is left alone brings everybody in step, once
    both.restart()
    assert len(both.store.journal.open_intents()) > 1
    both.settle()
    assert {both.sf.get("Lead", lead)["Title"] for _, lead in pairs} == {"Round2"}
    assert {both.hs.get("contacts", contact)["city"] for contact, _ in pairs} == {"Round2"}
    assert_whole(both, 40)
