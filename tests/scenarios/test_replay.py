"""What another playbook would have done (F9): read from what cycles stored, equal to what they decided, and true about who became a customer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from crmsync.engine.cycle import cycle
from crmsync.errors import ConfigError
from crmsync.model.link import Signal, SignalSource
from crmsync.playbook import write_defaults
from crmsync.service.replay import replay
from crmsync.service.signals import take, used_signals
from scenarios.desk import desk
from scenarios.world import Both

PROPERTY, VISITS = SignalSource.PROPERTY, "pricing_page_view"
PEOPLE = {
    "ann@ann.example": [(VISITS, 5), ("content_download", 3), ("webinar_attended", 2)],
    "bob@bob.example": [(VISITS, 3)],
    "cat@cat.example": [("demo_request", 1)],
    "dan@dan.example": [("blog_read", 1)],
}


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """A month in which things happened one after the other, each decided as it came; then ann and bob bought."""
    with Both(kinds=()) as world:
        for email in (*PEOPLE, "old@old.example"):
            world.hs.create("contacts", {"email": email, "lastname": "Lee", "phone": "+1 408 555 0100", "lifecyclestage": "lead"})
        world.hs.edit("contacts", world.contact("old@old.example")["hs_object_id"], {"lifecyclestage": "customer"})
        world.settle()
        for email, told in PEOPLE.items():
            for n, (type, times) in enumerate(told):
                for again in range(times):
                    world.time.advance(hours=7)
                    row = {"email": email, "type": type, "at": world.time().isoformat(), "id": f"{email}-{n}-{again}"}
                    take(world.store, orjson.dumps(row), world.time(), used_signals(world.playbook))
                    cycle(world.world, world.time(), everything=False, only={})
        world.time.advance(days=3)
        world.hs.edit("contacts", world.contact("dan@dan.example")["hs_object_id"], {"crmsync_budget": "20,000"})
        for email in ("ann@ann.example", "bob@bob.example"):
            world.hs.edit("contacts", world.contact(email)["hs_object_id"], {"crmsync_stage": "customer"})
        world.settle()
        (dan,) = world.store.find_person_by_email("dan@dan.example")
        twice = [Signal(event_id=f"dan-{n}", type="case_study_view", at=world.time(), detail="/case/1", source=PROPERTY) for n in range(2)]
        world.store.signals.add([(dan, one) for one in twice])  # of two records that are one person by now
        world.store.signals.add([("nobody any more", replace(twice[0], event_id="lost"))])
        world.time.advance(days=3)
        yield world


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Only the rules; the rest of the folder is the home's."""
    write_defaults(tmp_path / "home")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "playbook.yaml").write_text((tmp_path / "home" / "mappings" / "playbook.yaml").read_text("utf-8"), "utf-8")
    return tmp_path / "other"


def edit(folder: Path, pattern: str, text: str) -> None:
    path = folder / "playbook.yaml"
    changed, count = re.subn(pattern, text, path.read_text("utf-8"), count=1)
    assert count == 1, f"no {pattern}"
    path.write_text(changed, "utf-8")


def played(both: Both, folder: Path, **more: Any) -> dict[str, Any]:
    workspace = desk(both)
    workspace = replace(workspace, settings=replace(workspace.settings, home=folder.parent / "home"))
    return replay(workspace, folder, **more).json()


def test_f9_the_playbook_in_force_gives_what_cycles_decided(both: Both, other: Path) -> None:
    calls, rows = both.calls(), both.store.count_persons()
    found = played(both, other)
    assert (found["persons"], found["left_out"]) == (4, 1)
    assert found["signals"] == 15 + 1, "what two records tell of one event is played once, what is nobody's is not"
    assert found["in_force"] == found["replayed"]
    assert found["in_force"]["mqls"] == found["recorded"] == 2
    for month in found["months"]:
        assert month["in_force"] == month["replayed"] == month["recorded"]
    assert found["overlap"] == {"both": 2, "only_in_force": 0, "only_replayed": 0, "share": 1.0}
    assert (found["enters"], found["leaves"], found["unknown_fields"]) == ([], [], [])
    assert (both.calls(), both.store.count_persons(), both.store.dirty_count()) == (calls, rows, 0), (
        "it only reads, and nobody is contacted"
    )


def test_f9_who_enters_who_leaves_and_who_bought(both: Both, other: Path) -> None:
    edit(other, r"mql_at: \d+", "mql_at: 28")
    low = played(both, other, emails=True)
    assert [row["email"] for row in low["enters"]] == ["bob@bob.example"]
    assert low["overlap"] == {"both": 2, "only_in_force": 0, "only_replayed": 1, "share": 0.6667}
    assert low["won"] == 2
    precise, wide = low["in_force"], low["replayed"]
    assert (precise["precision"]["won"], precise["precision"]["of"], precise["recall"]["of"]) == (1, 2, 2)
    assert (wide["precision"]["share"], wide["recall"]["share"]) == (0.6667, 1.0)
    assert 0 < wide["precision"]["low"] < wide["precision"]["share"] < wide["precision"]["high"] < 1
    edit(other, r"mql_at: \d+", "mql_at: 60")
    edit(other, r"express: \[.*\]", "express: []")
    high = played(both, other)
    (left,) = high["leaves"]
    assert "email" not in left, "only where it is asked for"
    assert left["person_id"] == both.store.find_person_by_email("cat@cat.example")[0]
    assert played(both, other, examples=0)["leaves"] == []


def test_what_reps_entered_and_what_is_not_known_of_anybody(both: Both, other: Path) -> None:
    budget = "    - {name: Has a budget, points: 60, when: {field: crmsync_budget, filled: true}}\n"
    edit(other, r"  fit:\n", f"  fit:\n{budget}")
    found = played(both, other, emails=True)
    assert ([row["email"] for row in found["enters"]], found["unknown_fields"]) == (["dan@dan.example"], [])


def test_s4_a_share_of_the_best_is_taken_of_all_scores_now(both: Both, other: Path) -> None:
    edit(other, r"mql_at: (\d+).*", r"mql_at: \1\n  mql_top_percent: 25")
    edit(other, r"express: \[.*\]", "express: []")
    best = played(both, other, emails=True)
    assert best["replayed"]["persons"] == 1, "one of the four"
    assert [row["email"] for row in best["leaves"]] == ["cat@cat.example"]
    assert best["enters"] == []


def test_a_playbook_that_cannot_be_read_is_told_with_its_place(both: Both, other: Path, tmp_path: Path) -> None:
    edit(other, r"mql_at: \d+", "mql_at: many")
    with pytest.raises(ConfigError, match=r"mappings/playbook.yaml:\d+:\d+: "):
        played(both, other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no playbook"):
        played(both, tmp_path / "empty")


def test_f9_a_deal_that_was_won_before_the_first_sync_tells_who_became_a_customer(other: Path) -> None:
    """Their signals came earlier still: they were sent by the website beforehand."""
    with Both(kinds={"deal"}) as world:
        begun = world.time()
        signals = [(5, "ann"), (5, "bob"), (1, "bob")]
        rows = [
            {"email": f"{name}@{name}.example", "type": "demo_request", "at": (begun - timedelta(days=days)).isoformat()}
            for days, name in signals
        ]
        take(world.store, orjson.dumps(rows), begun, used_signals(world.playbook))
        for name, closed in (("ann", 3), ("cat", 4)):
            world.hs.seed(people=[{"email": f"{name}@{name}.example", "last_name": "Lee", "created_at": begun - timedelta(days=9)}])
            day = f"{begun - timedelta(days=closed):%Y-%m-%d}"
            contact = world.contact(f"{name}@{name}.example")["hs_object_id"]
            deal = {"dealname": "Big one", "dealstage": "closedwon", "pipeline": "default", "closedate": day}
            world.hs.create("deals", {**deal, "associations": {"contacts": [contact]}})
        world.hs.create("contacts", {"email": "bob@bob.example", "lastname": "Lee"})
        world.settle()
        world.settle(after=400)
        assert world.contact("ann@ann.example")["crmsync_stage"] == "customer"
        found = played(world, other)
        assert (found["persons"], found["left_out"], found["won"]) == (3, 0, 2)
        mine = found["in_force"]
        assert (mine["precision"]["won"], mine["precision"]["of"], mine["recall"]["of"]) == (1, 2, 2), (
            "ann before her deal, bob, and cat never"
        )
