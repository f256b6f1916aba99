"""The cut of the best share (S4 `top_percent`): taken once a day, and again once everybody has been decided under other rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from crmsync.engine.cuts import CUTS
from crmsync.model.condition import Test
from crmsync.model.process import FitRule, ScoreRules
from crmsync.model.rules import Playbook
from tiny import Tiny, playbook


def _rules(best: float) -> Playbook:
    worth = {"low": 10.0, "mid": 20.0, "best": best}
    fit = tuple(FitRule(name=name, points=points, when=Test(field="city", op="eq", value=name)) for name, points in worth.items())
    return replace(playbook(), score=ScoreRules(fit=fit, mql_at=100.0, top_percent=25.0, hysteresis=5.0))


def _cut(tiny: Tiny) -> object:
    return (tiny.store.get(CUTS) or {}).get("cuts")


def test_s4_the_cut_follows_the_rules_the_scores_are_of(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, rules=_rules(30))
    ids = {name: tiny.a.add(email=f"{name}@example.com", city=name.rstrip("2")) for name in ("low", "low2", "mid", "best")}
    tiny.settle()
    tiny.settle()
    assert _cut(tiny) == {"": 30.0}, "taken as soon as there are scores"
    assert {name: tiny.a.live()[id]["crmsync_stage"] for name, id in ids.items()} == {
        "low": "lead",
        "low2": "lead",
        "mid": "lead",
        "best": "mql",
    }
    tiny.remap(lambda old: _rules(60))
    tiny.settle()
    tiny.settle()
    assert _cut(tiny) == {"": 60.0}, "a day has not passed, but the scores are of other rules"
    taken = tiny.store.get(CUTS)
    tiny.cycle()
    assert tiny.store.get(CUTS) == taken, "not at every cycle"
    tiny.now += timedelta(days=1, minutes=1)
    tiny.cycle()
    assert (tiny.store.get(CUTS) or {})["at"] != (taken or {})["at"], "but once a day"
    tiny.close()


def test_s4_too_few_for_a_cut_write_nothing_at_each_cycle(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, rules=_rules(30))
    tiny.a.add(email="one@example.com", city="best")
    tiny.settle()
    tiny.settle()
    held = tiny.store.get(CUTS)
    assert _cut(tiny) == {}
    tiny.now += timedelta(hours=1)
    tiny.cycle()
    assert tiny.store.get(CUTS) == held
    tiny.close()
