"""The sales floor of the store and the CRMs: loads, caps by the rep's own day, turns kept over runs, rates once a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmsync.decide.pool import Floor
from crmsync.decide.route import route
from crmsync.engine.floor import KEY, OLD_COUNTER, RATES, Floors
from crmsync.model.absence import Away
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.routing import BEST_CONVERSION, LEAST_LOAD, Member, Pool, RoutingRules
from crmsync.model.verdict import RouteVerdict
from crmsync.model.week import Week
from crmsync.model.work import Assignment
from tiny import Tiny, playbook

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
AMY, BEN, CLEO = "amy@corp.example", "ben@corp.example", "cleo@corp.example"


def pools(*found: Pool, **more: object) -> RoutingRules:
    return RoutingRules(pool=found[0].name, pools={pool.name: pool for pool in found}, **more)  # type: ignore[arg-type]


class Desk:
    """A tiny world with reps on both sides."""

    def __init__(self, tmp_path: Path, routing: RoutingRules, users: Mapping[str, Mapping[str, object]]) -> None:
        self.tiny = Tiny(tmp_path, rules=playbook(routing=routing))
        for crm, side in ((self.tiny.a, "a"), (self.tiny.b, "b")):
            crm.users_list = [User(side=side, id=f"{side}-{email}", email=email, name=email, **more) for email, more in users.items()]  # type: ignore[arg-type]
        self.tiny.cycle()

    def floors(self, now: datetime = NOON) -> Floors:
        return Floors(self.tiny.world, now)

    def give(self, floor: Floor, now: datetime = NOON, **more: object) -> RouteVerdict:
        world = self.tiny.world
        return route(
            floor=floor, routing=world.playbook.routing, facts={}, lists=world.lists, signals=(), now=now, users=world.owners.users, **more,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    routing, users = request.param
    made = Desk(tmp_path, routing, users)
    yield made
    made.tiny.close()


EVERYBODY: Mapping[str, Mapping[str, object]] = {AMY: {}, BEN: {}, CLEO: {}}
ONE_POOL = pools(Pool(name="default"))


@pytest.mark.parametrize("desk", [(ONE_POOL, EVERYBODY)], indirect=True)
def test_f50_turns_go_on_over_any_split_of_runs(desk: Desk) -> None:
    served: Counter[str] = Counter({AMY: 0, BEN: 0, CLEO: 0})
    for run in (1, 4, 2, 2, 7, *[1] * 14):
        floors = desk.floors()
        floor = floors.get()
        for _ in range(run):
            verdict = desk.give(floor)
            assert verdict.owner is not None
            assert verdict.floor is not None
            served[verdict.owner] += 1
            floor = verdict.floor
            assert max(served.values()) - min(served.values()) <= 1
        with desk.tiny.store.begin():
            floors.keep(floor)
    assert desk.floors().get().pools["default"].turn == 30
    assert set(served.values()) == {10}


@pytest.mark.parametrize("desk", [(ONE_POOL, EVERYBODY)], indirect=True)
def test_nothing_is_asked_or_stored_when_nobody_needs_an_owner(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    floors = desk.floors()
    for name in ("loads", "counts", "ends"):
        monkeypatch.setattr(desk.tiny.store.assignments, name, None)
    floors.keep(Floor())
    floor = floors.get()
    assert floors.get() is floor
    floors.keep(floor)
    assert desk.tiny.store.get(KEY + "default") is None


@pytest.mark.parametrize("desk", [(ONE_POOL, EVERYBODY)], indirect=True)
def test_the_count_of_turns_goes_on_from_the_plain_round_robin(desk: Desk) -> None:
    desk.tiny.store.set_counter(OLD_COUNTER + "default", 41)
    verdict = desk.give(desk.floors().get())
    assert "counter 41" in verdict.reason
    assert verdict.counter == 42


CAPPED = pools(Pool(name="default", members=(Member(rep=AMY, per_day=2), Member(rep=BEN)), per_day=1))
AROUND = {AMY: {"time_zone": "Pacific/Auckland"}, BEN: {"time_zone": "America/Los_Angeles"}}


@pytest.mark.parametrize("desk", [(CAPPED, AROUND)], indirect=True)
def test_r3_daily_caps_count_the_day_of_the_rep(desk: Desk) -> None:
    # 12:00 UTC is 01:00 of the next day in Auckland and 04:00 in Los Angeles
    ago = {"before amy's midnight": NOON - timedelta(hours=2), "today for both": NOON - timedelta(minutes=30)}
    desk.tiny.store.assignments.add(
        Assignment(person_id=f"{rep}{n}", at=at, owner=rep) for rep in (AMY, BEN) for n, at in enumerate(ago.values())
    )
    floor = desk.floors().get()
    amy, ben = floor.pools["default"].reps
    assert (amy.given_today, amy.per_day, ben.given_today, ben.per_day) == (1, 2, 2, 1)
    assert amy.renews == datetime(2026, 3, 5, 11, 0, tzinfo=UTC)
    assert ben.renews == datetime(2026, 3, 5, 8, 0, tzinfo=UTC)
    first = desk.give(floor)
    assert first.owner == AMY
    assert first.floor is not None
    then = desk.give(first.floor)
    assert (then.owner, then.waits) == (None, True)
    assert then.waits_until == datetime(2026, 3, 5, 8, 0, tzinfo=UTC)


LOADED = pools(
    Pool(name="default", select=LEAST_LOAD, members=(Member(rep=AMY), Member(rep=BEN, open_leads=2), Member(rep=CLEO))),
    Pool(name="emea", members=(Member(rep=BEN),)),
)


def owned(desk: Desk, rep: str, stage: str, count: int) -> None:
    at = NOON - timedelta(days=3)
    entry = StageEntry(stage=stage, previous=None, at=at, cause="", who="engine")
    desk.tiny.store.save_persons([PersonState(person_id=f"{rep}{stage}{n}", owner=rep, stages=(entry,)) for n in range(count)])


@pytest.mark.parametrize("desk", [(LOADED, EVERYBODY)], indirect=True)
def test_r2_load_is_who_they_own_at_mql_sal_and_sql(desk: Desk) -> None:
    owned(desk, AMY, "sal", 2)
    owned(desk, AMY, "sql", 1)
    owned(desk, BEN, "mql", 1)
    owned(desk, CLEO, "customer", 30)
    owned(desk, CLEO, "nurture", 1)
    owned(desk, CLEO, "sal", 2)
    floor = desk.floors().get()
    assert {rep.rep: rep.load for rep in floor.pools["default"].reps} == {AMY: 3, BEN: 1, CLEO: 2}
    owners = []
    for _ in range(4):
        verdict = desk.give(floor)
        assert verdict.floor is not None
        floor = verdict.floor
        owners.append(verdict.owner)
    assert owners[0] == BEN, "who has the fewest"
    assert owners[1] == CLEO, "ben takes two at most"
    assert set(owners[2:]) == {AMY, CLEO}
    assert {rep.load for rep in floor.pools["emea"].reps} == {2}, "a load counts in every pool"


@pytest.mark.parametrize(
    "desk", [(ONE_POOL, {AMY: {"away": (Away(start=NOON - timedelta(days=1), end=NOON + timedelta(days=2)),)}})], indirect=True
)
def test_f52_nobody_here_waits_until_the_first_is_back(desk: Desk) -> None:
    verdict = desk.give(desk.floors().get())
    assert (verdict.owner, verdict.waits, verdict.waits_until) == (None, True, NOON + timedelta(days=2))
    again = desk.give(desk.floors(NOON + timedelta(days=2)).get(), NOON + timedelta(days=2))
    assert again.owner == AMY


@pytest.mark.parametrize(
    "desk", [(ONE_POOL, {AMY: {"hours": Week(spans=((2, 13 * 60, 17 * 60),))}, BEN: {"hours": Week(spans=((3, 9 * 60, 17 * 60),))}})],
    indirect=True,
)  # fmt: skip
def test_r3_told_hours_count(desk: Desk) -> None:
    assert desk.give(desk.floors().get()).waits_until == NOON + timedelta(hours=1)
    assert desk.give(desk.floors(NOON + timedelta(hours=1)).get()).owner == AMY
    assert desk.give(desk.floors(NOON + timedelta(hours=22)).get()).owner == BEN


RATED = pools(Pool(name="default", select=BEST_CONVERSION))


@pytest.mark.parametrize("desk", [(RATED, EVERYBODY)], indirect=True)
def test_r2_rates_are_of_how_their_leads_ended_and_asked_for_once_a_day(desk: Desk) -> None:
    store = desk.tiny.store
    for rep, stage, count in (
        (AMY, "opportunity", 30),
        (AMY, "nurture", 10),
        (BEN, "disqualified", 38),
        (BEN, "sql", 2),
        (CLEO, "sal", 50),
    ):
        owned(desk, rep, stage, count)
        store.assignments.add(
            Assignment(person_id=f"{rep}{stage}{n}", at=NOON - timedelta(days=3), owner=rep, mql_type="direct_request")
            for n in range(count)
        )
    # somebody who went from ben to amy counts for amy
    store.assignments.add([Assignment(person_id=f"{AMY}opportunity0", at=NOON - timedelta(days=4), owner=BEN, mql_type="direct_request")])
    floors = desk.floors()
    rates = {rep.rep: dict(rep.rates) for rep in floors.get().pools["default"].reps}
    assert rates == {AMY: {"direct_request": (30, 40)}, BEN: {"direct_request": (2, 40)}, CLEO: {}}
    assert desk.give(floors.get(), mql_type="direct_request").owner == AMY
    # within a day they are not asked for again, later they are
    owned(desk, BEN, "customer", 5)
    store.assignments.add(
        Assignment(person_id=f"{BEN}customer{n}", at=NOON - timedelta(days=1), owner=BEN, mql_type="direct_request") for n in range(5)
    )
    for hours, won in ((23, 2), (24, 7)):
        (ben,) = [rep for rep in desk.floors(NOON + timedelta(hours=hours)).get().pools["default"].reps if rep.rep == BEN]
        assert ben.rates["direct_request"][0] == won
    assert store.get(RATES)["at"].startswith("2026-03-05T12:00")


@pytest.mark.parametrize("desk", [(ONE_POOL, EVERYBODY)], indirect=True)
def test_who_left_a_pool_is_forgotten_there_and_newcomers_catch_up_with_nothing(desk: Desk) -> None:
    floors = desk.floors()
    floor = floors.get()
    for _ in range(7):
        floor = desk.give(floor).floor or floor
    with desk.tiny.store.begin():
        floors.keep(floor)
    desk.tiny.remap(lambda rules: replace(rules, routing=pools(Pool(name="default", members=(Member(rep=BEN), Member(rep=CLEO))))))
    desk.tiny.cycle()
    floors = desk.floors()
    verdict = desk.give(floors.get())
    assert verdict.floor is not None
    with desk.tiny.store.begin():
        floors.keep(verdict.floor)
    assert AMY not in desk.tiny.store.get(KEY + "default")["lags"]
    assert desk.tiny.store.get(KEY + "default")["turn"] == 8
