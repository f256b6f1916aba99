"""After the rules changed everybody is decided anew: in batches, behind what is due, once, whatever stops it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crmsync.engine import cycle as engine
from crmsync.engine import revise
from crmsync.engine.cycle import cycle
from crmsync.engine.revise import standing, to_come
from crmsync.errors import HaltError, UnreachableError
from crmsync.model.condition import Test
from crmsync.model.process import FitRule, ScoreRules
from crmsync.model.record import User
from crmsync.model.rules import Brakes, Playbook
from crmsync.service.resume import resume
from tiny import Tiny, memory, playbook

NAMES = "abcdef"


def scored(points: float, at: float = 50.0) -> ScoreRules:
    """Everybody with an address has that many points."""
    return ScoreRules(fit=(FitRule(name="has an address", points=points, when=Test(field="email", op="filled")),), mql_at=at)


def rules(points: float) -> Playbook:
    base: Playbook = playbook(brakes=Brakes(min_deletes=1000, min_changes=1000))
    return replace(base, score=scored(points))


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    """Six persons with 20 points each, who are decided two at a time."""
    monkeypatch.setattr(revise, "PERSONS_AT_ONCE", 2)
    monkeypatch.setattr(engine, "PERSONS_AT_ONCE", 2)
    monkeypatch.setattr(engine, "ANEW_AT_ONCE", 4)
    one = Tiny(tmp_path, rules=rules(20))
    for name in NAMES:
        one.a.add(email=f"{name}@example.com")
    one.settle()
    yield one
    one.close()


def scores(tiny: Tiny) -> list[str]:
    return sorted(str(row.get("crmsync_score")) for row in tiny.b.live().values())


def test_everybody_is_decided_anew_in_batches_over_cycles_and_once(tiny: Tiny) -> None:
    assert scores(tiny) == ["20"] * 6
    first = standing(tiny.store)
    assert first is not None
    assert (first.after, first.total) == (None, 0), "nobody was there before the first cycle"
    tiny.remap(lambda old: replace(old, score=scored(40)))
    report = tiny.cycle()
    assert (report.anew, report.more, scores(tiny)) == (True, True, ["20"] * 2 + ["40"] * 4)
    tiny.restart()  # the place it has reached survives
    calls = tiny.a.calls()
    report = cycle(tiny.world, tiny.now, only={})
    assert (report.anew, scores(tiny), report.decided) == (False, ["40"] * 6, 2)
    assert tiny.a.calls() - calls <= 2, "nobody is asked what changed for that"
    decided = [tiny.cycle().decided for _ in range(3)]
    assert decided[-1] == 0, "and then it is over"
    now = standing(tiny.store)
    assert now is not None
    assert (now.after, now.decided, now.total) == (None, 6, 6)
    assert [text for _, kind, text in tiny.store.events() if kind == "playbook"] == ["the rules changed: 6 persons are decided anew"]


def test_the_same_rules_and_another_mapping_decide_nobody_anew(tiny: Tiny) -> None:
    tiny.remap(lambda old: replace(old, poll_seconds=3.0, person=replace(old.person, placeholder="?")))
    tiny.cycle()
    found = standing(tiny.store)
    assert found is not None
    assert (found.after, found.decided) == (None, 0)
    assert list(to_come(tiny.world)) == []


def test_other_rules_in_the_middle_begin_at_the_front(tiny: Tiny) -> None:
    tiny.remap(lambda old: replace(old, score=scored(40)))
    tiny.cycle()
    tiny.remap(lambda old: replace(old, score=scored(60, at=100)))
    assert len([id for people in to_come(tiny.world) for id in people]) == 6
    tiny.settle()
    assert scores(tiny) == ["60"] * 6


def test_what_changed_in_a_crm_comes_before_those_who_are_decided_anew(tiny: Tiny) -> None:
    tiny.remap(lambda old: replace(old, score=scored(40)))
    last = tiny.store.person_ids_after("", 10)[-1]
    (snapshot,) = [s for s in tiny.store.snapshots_of([last])[last] if s.ref.side == "a"]
    tiny.a.edit(snapshot.ref.id, phone="+1 555 0100")
    tiny.now = tiny.now.replace(second=30)
    report = cycle(tiny.world, tiny.now, everything=False)
    assert report.anew
    (decided,) = [row for row in tiny.b.live().values() if row.get("phone")]
    assert decided["crmsync_score"] == 40, "though they are the last in the row"


def test_a_brake_stops_it_before_the_batch_that_goes_too_far_until_a_person_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it creates are first touches: everybody would be an mql at once."""
    monkeypatch.setattr(revise, "PERSONS_AT_ONCE", 2)
    crms = {side: memory(side, users_list=[User(side=side, id=f"{side}-amy", email="amy@corp.example", name="Amy")]) for side in "ab"}
    tiny = Tiny(tmp_path, rules=rules(20), a=crms["a"], b=crms["b"])
    for name in NAMES:
        tiny.a.add(email=f"{name}@example.com")
    tiny.settle()
    tiny.remap(lambda old: replace(old, score=scored(60), brakes=replace(old.brakes, max_creates=3)))
    with pytest.raises(HaltError, match=r"^more than 4 records would be created \(limit max_creates = 3\)"):
        tiny.cycle()
    assert scores(tiny) == ["20"] * 4 + ["60"] * 2
    with pytest.raises(HaltError):
        tiny.cycle()
    resume(tiny.store, now=tiny.now)
    tiny.settle()
    assert scores(tiny) == ["60"] * 6
    assert len(tiny.a.tasks) == 6
    tiny.close()


def test_nobody_is_decided_anew_while_a_side_is_down(tiny: Tiny) -> None:
    tiny.remap(lambda old: replace(old, score=scored(40)))
    down = True

    def fault(call: str, phase: str) -> None:
        if down and phase == "before":
            raise UnreachableError("down", side="b")

    tiny.b.fault = fault
    report = tiny.cycle()
    assert (report.anew, report.more, report.decided) == (True, False, 0)
    assert tiny.store.dirty_count() == 0
    down = False
    tiny.settle()
    assert scores(tiny) == ["40"] * 6
