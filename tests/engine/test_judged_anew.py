"""A decision of a rep is taken back when the person becomes mql anew (L7); one that a rep makes at that very moment is not overwritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.engine import apply
from crmsync.model.process import ScoreRules, StageRules, TypeRule
from crmsync.model.record import User
from crmsync.model.rules import Playbook, SignalMap
from tiny import Tiny, memory, playbook


def _rules() -> Playbook:
    """The moment of a demo request stands in `city` of a."""
    base = playbook(fields={"email": playbook().person.fields["email"]})
    return replace(
        base,
        person=replace(base.person, reads={("a", "person"): ("city",)}),
        signals=(SignalMap(side="a", object="person", field="city", type="demo_request"),),
        score=ScoreRules(express=("demo_request",)),
        types=(TypeRule(type="direct_request"),),
        stages=StageRules(reasons={"bad_timing": "nurture"}),
    )


@pytest.mark.parametrize("many", [False, True])
def test_f29_l7_a_rep_who_decides_anew_meanwhile_is_heard(many: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:  # as in a batch of more than that
        monkeypatch.setattr(apply, "REREAD_UP_TO", 0)
    amy = [(User(side=side, id=f"{side}-1", email="amy@example.com", name="Amy"),) for side in "ab"]
    tiny = Tiny(tmp_path, rules=_rules(), a=memory("a", users_list=amy[0]), b=memory("b", users_list=amy[1]))
    one = tiny.a.add(email="dee@example.com")
    tiny.settle()
    tiny.a.edit(one, city=f"{tiny.now:%Y-%m-%dT%H:%M:%SZ}")
    tiny.settle()
    assert tiny.a.live()[one]["crmsync_stage"] == "sal"
    tiny.a.edit(one, crmsync_disposition="rejected", crmsync_reason_code="bad_timing")
    tiny.settle()
    assert tiny.a.live()[one]["crmsync_stage"] == "nurture"
    tiny.now += timedelta(days=1)
    tiny.a.edit(one, city=f"{tiny.now:%Y-%m-%dT%H:%M:%SZ}")

    def rep(call: str, phase: str) -> None:
        if (call, phase) == ("pull", "after"):
            tiny.a.fault = lambda call, phase: None
            tiny.a.edit(one, crmsync_disposition="accepted")

    tiny.a.fault = rep
    tiny.settle()
    tiny.settle()
    shown = tiny.a.live()[one]
    assert (shown["crmsync_disposition"], shown["crmsync_stage"]) == ("accepted", "sql")
    tiny.close()
