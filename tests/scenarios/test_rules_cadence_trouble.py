"""Cadences while something goes wrong: the process dies, stands still or has its clock set back, the rules change, a rep is gone; and what a touch costs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from urllib3.connectionpool import HTTPConnectionPool

from crmsync.engine.cycle import cycle
from crmsync.model.rules import Playbook
from crmsync.testing.memory import Died
from scenarios.touched import KINDS, Person, asks, done, in_hours
from scenarios.world import SIDES, USERS, Both, Edits

REPS = [*USERS, {"email": "zoe@corp.example", "first_name": "Zoe", "last_name": "Gone", "time_zone": "America/New_York"}]


WORKDAYS, WEDNESDAY = (0, 1, 2, 3, 4), (2,)
EDITS: Edits = {
    "mappings/person.yaml": {"fields:\n": "fields:\n  expected_amount: {type: number, hubspot: annualrevenue, direction: none}\n"},
}
LIGHT = ("lon", "bri")
"""Who is in the cadence whose rules change."""
NAMES = ("cid", "cor", "fay", "sue", "ida", "bea", "lon", "bri", "kim", "gus")


@dataclass(frozen=True, slots=True)
class Town:
    both: Both
    people: Mapping[str, Person]

    def noon(self, *, days: int = 0, on: Sequence[int] = WORKDAYS) -> None:
        """Goes to the next noon in New York on one of these weekdays, so many days later at least; settles."""
        at = (self.both.time() + timedelta(days=days)).replace(hour=17, minute=0, second=0)
        while at <= self.both.time() or at.weekday() not in on:
            at += timedelta(days=1)
        self.both.settle((at - self.both.time()).total_seconds())


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """One world for all tests of this file; each has persons of its own, who had two touches three weeks ago. The third is open, and all
    others are overdue by the plan."""
    with Both(kinds=KINDS, edits=EDITS, users=REPS) as both:
        both.settle()
        people = {
            name: asks(
                both, name, "zoe@corp.example" if name == "gus" else "rita@corp.example", annualrevenue="5000" if name in LIGHT else "50000"
            )
            for name in NAMES
        }
        town = Town(both, people)
        for after in (15, 3_600, 3_600):
            both.settle(after)
            for one in people.values():
                if one.run().step < 2:
                    one.does()
        town.noon(days=21)
        for one in people.values():
            assert (one.run().step, len(one.open()), len(one.tasks())) == (2, 1, 3), one.email
        yield town


def keys(person: Person, side: str = "salesforce") -> list[str]:
    """The keys of the person's tasks, each as often as it is there."""
    return sorted(str(row.get("crmsync_key__c") or row.get("crmsync_key")) for row in person.tasks(side))


@pytest.mark.parametrize("sent", [False, True], ids=["before it was sent", "after it was sent"])
def test_c7_a_crash_with_a_touch_in_the_journal_makes_it_once(town: Town, monkeypatch: pytest.MonkeyPatch, sent: bool) -> None:
    both, cid = town.both, town.people["cid" if sent else "cor"]
    town.noon()
    cid.does()
    carried, died = HTTPConnectionPool.urlopen, []

    def dies(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if method == "GET" or not re.search(r"/composite/sobjects/Task/", urlsplit(url).path):
            return carried(pool, method, url, *args, **kwargs)
        if sent:
            carried(pool, method, url, *args, **kwargs).close()
        died.append(url)
        raise Died

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", dies)
    with pytest.raises(Died):
        both.settle()
    assert len(died) == 1
    assert [e.write.key for e in both.store.journal.open_intents()] == [cid.run().task_key], "journalled before it was sent"
    monkeypatch.undo()
    both.restart()
    both.settle()
    assert both.store.journal.open_intents() == []
    for side in SIDES:
        assert (len(keys(cid, side)), len(set(keys(cid, side))), len(cid.open(side))) == (4, 4, 1), side


def test_c3_five_days_of_standstill_make_no_burst(town: Town) -> None:
    """Reps go on working in their CRMs; each person gets the one touch that is next, due from now on in working hours."""
    both, first, second, idle = town.both, *(town.people[name] for name in ("fay", "sue", "ida"))
    town.noon(on=WEDNESDAY)
    first.does("hubspot")  # nobody sees it before the machine is back
    both.time.advance(days=5)
    second.does()
    both.settle()
    came = both.time()
    for _ in range(2):
        assert [len(one.open(side)) for one in (first, second, idle) for side in SIDES] == [1] * 6
        assert [len(one.tasks()) for one in (first, second)] == [4, 4]
        assert (len(idle.tasks()), idle.run().step) == (3, 2), "what is open stays open"
        for one in (first, second):
            row = both.store.tasks.by_key([one.run().task_key])[one.run().task_key]
            assert row.due_at is not None
            assert row.due_at >= came
            assert in_hours(row.due_at)
        both.settle(1_000)
    # the touches that are overdue by the plan follow one by one, not at once
    first.does()
    both.settle()
    assert (len(first.open()), len(first.tasks())) == (1, 5)


def test_c7_a_clock_set_back_makes_and_takes_back_nothing(town: Town) -> None:
    both, bea = town.both, town.people["bea"]
    town.noon()
    bea.does()
    both.settle()
    assert bea.run().step == 3
    before, run, behind = keys(bea), bea.run(), timedelta(hours=5)

    def cycles() -> None:
        """As `settle`, of a machine whose clock is wrong; the CRMs' are right."""
        while cycle(both.world, both.time() - behind).more:
            pass

    both.store.mark_dirty_persons([bea.who])
    cycles()
    assert (keys(bea), bea.run()) == (before, run), "a touch that was made five hours from now is open"
    both.time.advance(1_000)
    bea.does()
    cycles()
    cycles()
    assert bea.run().step == 4
    both.settle(60)
    town.noon()
    assert (bea.run().step, bea.contact()["crmsync_touches"]) == (4, "4")
    assert [(len(keys(bea, side)), len(set(keys(bea, side))), len(bea.open(side))) for side in SIDES] == [(5, 5, 1)] * 2


def test_c6_a_cadence_that_is_renamed_or_shortened_while_persons_are_in_it(town: Town) -> None:
    both, long, brief = town.both, town.people["lon"], town.people["bri"]
    good = both.playbook

    def changed(**what: Any) -> Callable[[Playbook], Playbook]:
        edited = tuple(replace(c, **what) if c.name == "light" else c for c in good.cadences)
        return lambda _: replace(good, cadences=edited, sla=replace(good.sla, min_touches=2))

    steps = next(c.steps for c in good.cadences if c.name == "light")
    try:
        # shortened to what they have had: they go back to marketing, and the touch beyond the end goes, too; who answered waits for the rep
        long.says("That is interesting, tell me more.")
        both.settle()
        assert long.run().ended == "answered"
        both.restart(playbook=changed(steps=steps[:2]))
        brief.edits(city="Berlin")
        ren = asks(both, "ren", annualrevenue="5000")
        both.settle()
        assert (brief.path()[-1], brief.run().ended) == ("nurture", "no answer")
        ren.does()
        town.noon()
        assert (brief.subjects(), brief.subjects("hubspot")) == (["Call now", "Connect"], ["Call now", "Connect"])
        assert (len(long.open()), long.path()[-1]) == (1, "sal")
        # renamed: who was in it is in none, keeps what is open, and is not begun anew with the first touch
        assert (ren.run().step, len(ren.open())) == (1, 1)
        both.restart(playbook=changed(name="sprint"))
        ren.does()
        new = asks(both, "neu", annualrevenue="5000")
        town.noon()
        assert (ren.run().ended, new.run().name) == ("no such cadence any more", "sprint")
        assert (len(ren.tasks()), ren.open(), ren.path()[-1]) == (2, [], "sal")
    finally:
        both.restart(playbook=lambda _: good)


def test_c5_f57_a_rep_who_is_deactivated_in_the_middle(town: Town) -> None:
    both, gus = town.both, town.people["gus"]
    zoe = {side: both.owner(side, "zoe@corp.example") for side in SIDES}
    assert [row["OwnerId"] for row in gus.tasks()] == [zoe["salesforce"]] * 3
    both.sf.edit("User", zoe["salesforce"], {"IsActive": False})
    both.hs.deactivate_user("zoe@corp.example")
    town.noon()
    both.settle()
    new = gus.state().owner
    assert new in ("rita@corp.example", "sam@corp.example")
    there = {side: both.owner(side, new) for side in SIDES}
    (task,), (twin,) = gus.open(), gus.open("hubspot")
    assert (task["OwnerId"], twin["hubspot_owner_id"]) == (there["salesforce"], there["hubspot"])
    assert {row["OwnerId"] for row in gus.tasks() if done(row)} == {zoe["salesforce"]}, "done tasks stay"
    assert (gus.lead()["OwnerId"], gus.contact()["hubspot_owner_id"]) == (there["salesforce"], there["hubspot"])
    gus.does("hubspot")
    both.settle()
    assert [row["OwnerId"] for row in gus.open()] == [there["salesforce"]]
    assert gus.run().step == 3


COSTS = {
    "PATCH /services/data/vN/composite/sobjects/Task/crmsync_key__c": 1,  # the next touch
    "POST /crm/vN/objects/tasks/batch/create": 1,  # and its twin
    "POST /crm/vN/objects/tasks/batch/update": 1,  # the completed one's twin
    "GET /crm/vN/objects/tasks/N": 2,  # whom both tasks belong to, when their change is seen
    "PATCH /services/data/vN/composite/sobjects": 1,  # touches made and when the next is due, on the lead
    "POST /crm/vN/objects/contacts/batch/read": 1,
    "POST /crm/vN/objects/contacts/batch/update": 1,  # and on the contact
}
"""What one touch that is completed in Salesforce costs with the next one made, beside the polls; for two hundred persons at once hardly more."""


def test_c7_what_a_touch_costs(town: Town) -> None:
    both, kim = town.both, town.people["kim"]
    # Two days on, the daily sweep of ids is made at noon: a day after one that ended some seconds past noon it would fall into what is counted.
    town.noon(days=2)
    kim.does()
    # Users and schemas are read now: while an owner has no user, they are every five minutes.
    both.world.forget_schema()
    both.world.refresh(both.time.advance(15))
    both.mark()
    reports = both.settle(0)
    assert len(kim.open()) == len(kim.open("hubspot")) == 1
    calls = Counter(re.sub(r"/v[\d.]+/", "/vN/", re.sub(r"/\d{6,}", "/N", call)) for call in both.extra_calls(reports))
    polled = [call for call in calls if call.startswith("GET /form-integrations/")]
    assert {call: times for call, times in calls.items() if call not in polled} == COSTS
    assert both.writes() == {"hubspot": 3, "salesforce": 2}
