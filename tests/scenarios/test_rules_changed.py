"""Rules that changed, in both simulated CRMs: the plan tells what they cause and what would stop it, and the pass does that and no more."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from crmsync.engine.cuts import CUTS
from crmsync.engine.cycle import cycle
from crmsync.errors import HaltError
from crmsync.model.rules import Playbook
from crmsync.service.plan import plan
from crmsync.service.resume import resume
from crmsync.service.signals import take, used_signals
from scenarios.desk import desk
from scenarios.world import Both

EMAILS = ("ann@ann.example", "bob@bob.example", "cat@cat.example")


def lower(book: Playbook) -> Playbook:
    return replace(book, score=replace(book.score, mql_at=25), brakes=replace(book.brakes, max_creates=2))


def test_s11_a_pass_over_everybody_writes_what_the_plan_said_and_stops_where_it_said() -> None:
    with Both(kinds=()) as both:
        for email in EMAILS:
            both.hs.create("contacts", {"email": email, "lastname": "Lee", "phone": "+1 408 555 0100"})
        both.settle()
        for email in EMAILS:
            rows = [{"email": email, "type": "pricing_page_view", "at": both.time().isoformat(), "id": f"{email}{n}"} for n in range(3)]
            take(both.store, orjson.dumps(rows), both.time(), used_signals(both.playbook))
        both.settle()
        before = plan(desk(both))
        assert (before.playbook_change, before.counts.total()) == (None, 0)

        both.restart(playbook=lower)
        both.mark()
        told = plan(desk(both))
        change = told.playbook_change
        assert change is not None
        assert {move: count for move, (count, _) in change.moves.items()} == {("lead", "sal"): 3}
        assert change.counts["salesforce", "Task", "create"] == 3
        assert told.halted is not None
        assert told.halted.startswith("3 records would be created (limit max_creates = 2)")
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        with pytest.raises(HaltError, match=r"^3 records would be created"):
            cycle(both.world, both.time())
        assert both.writes() == {"hubspot": 0, "salesforce": 0}, "nothing of the batch that goes too far"

        resume(both.store, now=both.time())
        assert plan(desk(both)).halted is None, "somebody has looked"
        both.mark()
        both.settle(0)
        assert len(both.written("salesforce", "Task")) == 3
        assert len(both.written("hubspot", "contacts")) == change.counts["hubspot", "contacts", "update"]
        assert [both.contact(email)["crmsync_stage"] for email in EMAILS] == ["sal"] * 3
        both.assert_settled()
        assert plan(desk(both)).playbook_change is None


def best_half(book: Playbook) -> Playbook:
    return replace(book, score=replace(book.score, top_percent=50.0))


def test_s4_the_plan_takes_the_cut_of_the_best_that_the_sync_will_take() -> None:
    with Both(kinds=()) as both:
        for n, title in enumerate(("CEO", "Sales Director", "Clerk", "Clerk")):
            both.hs.create("contacts", {"email": f"p{n}@acme{n}.example", "lastname": "Lee", "jobtitle": title})
        both.settle()
        both.restart(playbook=best_half)
        both.time.advance(60)
        told = plan(desk(both)).playbook_change
        assert told is not None
        assert {move: count for move, (count, _) in told.moves.items()} == {("lead", "mql"): 2}
        assert both.store.get(CUTS) is None, "a plan keeps nothing"
        both.mark()
        both.settle(0)
        assert sorted(str(row["crmsync_stage"]) for row in both.hs.all("contacts")) == ["lead", "lead", "mql", "mql"]
        assert len(both.written("hubspot", "contacts")) == told.counts["hubspot", "contacts", "update"] == 2
