"""Persons whose records are all gone: they count for no colleague any more, and nobody is asked about their contact data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from crmsync.engine.gate import Asked
from crmsync.model.link import Signal
from crmsync.model.process import AccountRule, BehaviorRule, ScoreRules
from crmsync.store import DOMAIN
from tiny import Tiny, playbook

ACCOUNT = "domain:acme.example"


def test_s7_v1_who_is_gone_counts_for_nobody_and_is_not_looked_up(tmp_path: Path) -> None:
    rules = ScoreRules(
        behavior=(BehaviorRule(name="visit", points=30, signals=("visit",)),), inactivity_loss=0.0, account=AccountRule(share=0.5)
    )
    tiny = Tiny(tmp_path, rules=replace(playbook(), score=rules))
    tiny.world.asked_about = Asked(domains=True)
    gone, stays = tiny.a.add(email="gone@acme.example"), tiny.a.add(email="stays@acme.example")
    tiny.settle()
    ids = {tiny.store.persons([id])[id].email: id for id in tiny.store.iter_person_ids()}
    tiny.store.signals.add([(ids["gone@acme.example"], Signal(event_id="1", type="visit", at=tiny.now))])
    tiny.store.mark_dirty_persons([ids["gone@acme.example"]])
    tiny.settle()
    assert tiny.store.colleagues([ACCOUNT]) == {ACCOUNT: 30.0}
    assert tiny.a.live()[stays]["crmsync_score"] == 15
    assert sorted(tiny.store.answers.due(DOMAIN, tiny.now, 9)) == sorted(ids.values())
    tiny.a.delete(gone)
    for id, fields in tiny.b.live().items():
        if fields["email"] == "gone@acme.example":
            tiny.b.delete(id)
    tiny.settle()
    assert tiny.store.colleagues([ACCOUNT]) == {}
    assert tiny.store.answers.due(DOMAIN, tiny.now + timedelta(days=1), 9) == [ids["stays@acme.example"]]
    tiny.a.undelete(gone)
    tiny.settle()
    assert tiny.store.colleagues([ACCOUNT]) == {ACCOUNT: 30.0}, "whoever is restored counts again"
    tiny.close()


def test_v1_who_was_taken_for_two_is_looked_up_once(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.world.asked_about = Asked(domains=True)
    one, other = tiny.a.add(email="one@acme.example"), tiny.a.add(email="other@acme.example")
    tiny.settle()
    assert len(tiny.store.answers.due(DOMAIN, tiny.now, 9)) == 2
    tiny.a.merge(one, other)
    tiny.settle()
    assert tiny.store.answers.due(DOMAIN, tiny.now + timedelta(days=1), 9) == list(tiny.store.iter_person_ids())
    tiny.close()


def test_s7_who_is_more_engaged_than_counts_still_hears_of_colleagues(tmp_path: Path) -> None:
    """At most 10 points are given for others, so 20 of engagement; one person has 100 alone, which says nothing about the others of the account."""
    rules = ScoreRules(
        behavior=(BehaviorRule(name="visit", points=100, signals=("visit",)), BehaviorRule(name="page", points=10, signals=("page",))),
        inactivity_loss=0.0,
        account=AccountRule(share=0.5, max_points=10.0),
    )
    tiny = Tiny(tmp_path, rules=replace(playbook(), score=rules))
    eager, other = tiny.a.add(email="eager@acme.example"), tiny.a.add(email="other@acme.example")
    tiny.settle()
    ids = {tiny.store.persons([id])[id].email: id for id in tiny.store.iter_person_ids()}
    for n, (who, what) in enumerate((("eager@acme.example", "visit"), ("other@acme.example", "page"))):
        tiny.store.signals.add([(ids[who], Signal(event_id=str(n), type=what, at=tiny.now))])
        tiny.store.mark_dirty_persons([ids[who]])
        tiny.settle()
    assert (tiny.a.live()[eager]["crmsync_score"], tiny.a.live()[other]["crmsync_score"]) == (105, 20)
    tiny.close()
