"""What lint finds in playbooks that load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crmsync.model.process import BehaviorRule, ScoreRules
from crmsync.model.rules import Playbook, RoutingRules
from crmsync.playbook.lint import lint, most
from crmsync.playbook.load import load_files, shipped_paths


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def _said(playbook: Playbook) -> str:
    found = lint(playbook)
    assert all(f.level == "warning" and f.fix and f.subject for f in found)
    return "\n".join(f.message for f in found)


def test_a_threshold_nobody_can_reach(playbook: Playbook) -> None:
    top = most(playbook.score)
    assert top == 30 + 15 + 15 + 60 + 30 + 90 + 20 + 50
    assert "nobody can reach mql_at 311" in _said(replace(playbook, score=replace(playbook.score, mql_at=311, sql_at=400)))
    assert _said(replace(playbook, score=replace(playbook.score, mql_at=310, sql_at=310))) == ""


def test_a_rule_without_cap_reaches_everything() -> None:
    assert most(ScoreRules(behavior=(BehaviorRule(name="x", points=1, signals=("y",)),))) == float("inf")


def test_sizes_and_worthless_rules(playbook: Playbook) -> None:
    many = tuple(BehaviorRule(name=str(i), points=float(i), signals=("x",)) for i in range(21))
    said = _said(replace(playbook, score=replace(playbook.score, behavior=many, sql_at=40)))
    assert "21 behavior rules" in said
    assert 'the rule "0" is worth 0 points' in said
    assert "sql_at 40 lies below mql_at 50" in said


def test_types_that_never_come(playbook: Playbook) -> None:
    assert "browser takes everybody" in _said(replace(playbook, types=playbook.types[::-1]))
    said = _said(replace(playbook, types=playbook.types[1:-1]))
    assert "no type takes everybody" in said
    assert "the express signal demo_request" in said


def test_tasks_and_pools(playbook: Playbook) -> None:
    said = _said(replace(playbook, tasks_in=None, routing=RoutingRules(members=("A@x.example",), exclude=("a@x.example",))))
    assert "tasks_in is empty" in said
    assert "every member is excluded" in said
