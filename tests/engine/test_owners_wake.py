"""Persons are decided again when their owner leaves, comes back, or works at other times than they were told to; and what is asked about users."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crmsync.engine.acquaint import asked_mark, asked_of_users
from crmsync.model.absence import Away
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.routing import Pool, RoutingRules
from crmsync.model.rules import WorkingHours
from tiny import START, Tiny, playbook

RITA, SAM = "rita@corp.example", "sam@corp.example"
AWAY = (Away(start=START, end=START + timedelta(days=3), source="a"),)


def users(side: str, **rita: object) -> list[User]:
    return [
        User(side=side, id=f"{side}-{mail[0]}", email=mail, name=mail, **(rita if mail == RITA else {}))  # type: ignore[arg-type]
        for mail in (RITA, SAM)
    ]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.a.users_list, made.b.users_list = users("a"), users("b")
    return made


def persons(tiny: Tiny) -> None:
    """One of Rita's and one of Sam's at sal, and one of Rita's who is nobody's business yet."""
    given = {"rita-sal": (RITA, "sal"), "sam-sal": (SAM, "sal"), "rita-new": (RITA, "lead")}
    tiny.world.store.save_persons([state(id, owner, stage) for id, (owner, stage) in given.items()])


def state(id: str, owner: str, stage: str) -> PersonState:
    entry = StageEntry(stage=stage, previous=None, at=START, cause="test", who="test")
    return PersonState(person_id=id, created_at=START, owner=owner, owner_by="crm", stages=(entry,))


def woken(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, now: datetime) -> set[str]:
    """Who is marked when the world is read again."""
    marked: set[str] = set()
    with monkeypatch.context() as patch:
        patch.setattr(tiny.world.store, "mark_dirty_persons", marked.update)
        tiny.world.refresh(now)
    return marked


def test_whoever_has_an_owner_who_left_or_is_away_is_decided_again(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.world.refresh(START)
    persons(tiny)
    later = iter(START + timedelta(minutes=6 * n) for n in range(1, 20))
    assert woken(tiny, monkeypatch, next(later)) == set(), "nothing changed"
    for change in ({"away": AWAY}, {}, {"active": False}, {}, {"time_zone": "Asia/Tokyo"}):
        tiny.a.users_list = users("a", **change)
        assert woken(tiny, monkeypatch, next(later)) == {"rita-sal"}, change
        assert woken(tiny, monkeypatch, next(later)) == set(), "once"
    # somebody who is no user there any more has left, too
    tiny.a.users_list, tiny.b.users_list = users("a")[1:], users("b")[1:]
    assert woken(tiny, monkeypatch, next(later)) == {"rita-sal"}
    tiny.a.users_list = [*users("a")[1:], User(side="a", id="a-n", email="new@corp.example", name="New")]
    assert woken(tiny, monkeypatch, next(later)) == set(), "a new user owns nobody"


def test_only_what_the_playbook_names_is_asked_about_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_of_users(playbook(), "a") == {"teams": (), "away": {}}
    assert asked_mark(playbook(), "a") == {}
    pools = {"emea": Pool(name="emea", teams={"a": ("EMEA", "DACH")}), "us": Pool(name="us", teams={"a": ("EMEA",), "b": ("US",)})}
    rules = playbook(routing=RoutingRules(pool="emea", pools=pools), hours=WorkingHours(away_fields={"b": {"until": "out_until"}}))
    assert asked_of_users(rules, "a") == {"teams": ("DACH", "EMEA"), "away": {}}
    assert asked_of_users(rules, "b") == {"teams": ("US",), "away": {"until": "out_until"}}
    # a playbook that names teams has users read at once, and no later refresh forgets them
    tiny = Tiny(tmp_path)
    tiny.a.users_list, tiny.b.users_list = users("a"), users("b")
    tiny.a.teams = {"EMEA": {"a-r"}}
    tiny.world.refresh(START)
    assert {user.teams for user in tiny.world.store.users()} == {()}
    tiny.rules = replace(rules)
    tiny.restart()
    tiny.world.refresh(START + timedelta(seconds=15))
    assert {user.id: user.teams for user in tiny.world.store.users() if user.teams} == {"a-r": ("EMEA",)}
