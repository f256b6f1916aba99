"""Whose turn it is: exact shares at every prefix, caps, absences without floods, and who of equals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.pool import Floor, PoolNow, RepNow, choose
from crmsync.model.routing import BEST_CONVERSION, LEAST_LOAD, ROUND_ROBIN, WEIGHTED

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
WEIGHTS = st.one_of(st.integers(1, 9).map(float), st.floats(0.01, 50.0, allow_nan=False))


def pool_of(*reps: RepNow, **more: object) -> PoolNow:
    return PoolNow(name="default", reps=reps, **more)  # type: ignore[arg-type]


def weighted(weights: Sequence[float], **more: object) -> PoolNow:
    return pool_of(*(RepNow(rep=f"r{n}", weight=weight) for n, weight in enumerate(weights)), **more)


def stored(pool: PoolNow) -> PoolNow:
    """As the next run loads it."""
    kept = json.loads(json.dumps({"lags": pool.lags, "served": pool.served, "turn": pool.turn}))
    return PoolNow(name=pool.name, select=pool.select, reps=pool.reps, **kept)


def only(pool: PoolNow, here: set[int]) -> PoolNow:
    """Where just these are here; everybody will be back."""
    return replace(pool, reps=tuple(replace(rep, here=n in here, back=NOW) for n, rep in enumerate(pool.reps)))


@given(count=st.integers(1, 24), runs=st.lists(st.integers(0, 40), max_size=8), select=st.sampled_from([ROUND_ROBIN, WEIGHTED]))
def test_f50_equal_reps_differ_by_one_at_most_however_runs_are_split(count: int, runs: list[int], select: str) -> None:
    pool = weighted([1.0] * count, select=select)
    served: Counter[str] = Counter({rep.rep: 0 for rep in pool.reps})
    for run in runs:
        for _ in range(run):
            choice = choose(pool)
            assert choice.rep is not None
            served[choice.rep] += 1
            pool = choice.pool
            assert max(served.values()) - min(served.values()) <= 1
        pool = stored(pool)
    assert pool.turn == sum(runs)
    assert {rep: count for rep, count in served.items() if count} == pool.served


@given(weights=st.lists(st.one_of(WEIGHTS, st.just(0.0)), min_size=1, max_size=12), turns=st.integers(1, 150), split=st.integers(1, 20))
def test_f51_shares_are_within_one_of_exact_at_every_prefix(weights: list[float], turns: int, split: int) -> None:
    pool, whole = weighted(weights, select=WEIGHTED), sum(weights)
    served: Counter[str] = Counter()
    for turn in range(1, turns + 1):
        choice = choose(pool)
        if not whole:
            assert (choice.rep, choice.pool, choice.problem) == (None, pool, "pool default has weights of 0 only")
            continue
        assert choice.rep is not None
        served[choice.rep] += 1
        pool = stored(choice.pool) if turn % split == 0 else choice.pool
        for n, weight in enumerate(weights):
            assert abs(served[f"r{n}"] - turn * weight / whole) < 1 + 1e-6


def test_f51_the_most_owed_is_not_always_the_most_urgent() -> None:
    """With these weights, giving each turn to who is owed most leaves somebody more than one behind; the earliest deadline does not."""
    weights = [2.0, 40, 1, 3, 1, 1, 80, 3, 40, 80, 1, 3]
    pool, whole, owed, worst = weighted(weights), sum(weights), [0.0] * 12, 0.0
    for _ in range(510):
        pool = choose(pool).pool
        assert all(abs(lag) < 1 for lag in pool.lags.values())
        owed = [lag + weight / whole for lag, weight in zip(owed, weights, strict=True)]
        owed[owed.index(max(owed))] -= 1
        worst = max(worst, *map(abs, owed))
    assert worst > 1


def test_f51_one_to_two_to_three() -> None:
    pool, served = weighted([1, 2, 3]), Counter[str]()
    for _ in range(6_000):
        choice = choose(pool)
        served[str(choice.rep)] += 1
        pool = choice.pool
    assert served == {"r0": 1_000, "r1": 2_000, "r2": 3_000}


HERE = st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=120)


@given(weights=st.lists(WEIGHTS, min_size=2, max_size=8), calendar=HERE)
def test_r2_nobody_is_ever_two_turns_ahead_and_who_is_away_is_left_as_they_were(weights: list[float], calendar: list[set[int]]) -> None:
    """Nobody is two turns beyond their exact share of the turns they were there for. Hence nobody is flooded on return: of any stretch of turns
    a rep gets their share of it, what they were owed before, and at most two more."""
    pool = weighted(weights)
    for here in calendar:
        before = pool = only(pool, here)
        there = {f"r{n}" for n in here if n < len(weights)}
        choice = choose(pool)
        pool = choice.pool
        assert choice.rep in there if there else choice.rep is None
        assert all(lag > -2 - 1e-6 for lag in pool.lags.values())
        for rep in {rep.rep for rep in pool.reps} - there:
            assert pool.lags.get(rep, 0.0) == before.lags.get(rep, 0.0)


@given(count=st.integers(2, 8), calendar=HERE, present=st.sets(st.integers(0, 7), min_size=2))
def test_r2_those_who_stay_are_served_alike_whoever_else_comes_and_goes(count: int, calendar: list[set[int]], present: set[int]) -> None:
    """Whatever went before, in a stretch with the same competitors each gets their share, give or take what they were owed and one."""
    pool = weighted([1.0] * count)
    for here in calendar:
        pool = choose(only(pool, here)).pool
    there = {f"r{n}" for n in present if n < count}
    pool = only(pool, present)
    start, served = dict(pool.lags), Counter(dict.fromkeys(there, 0))
    for turn in range(1, 40 if there else 1):
        choice = choose(pool)
        served[str(choice.rep)] += 1
        pool = choice.pool
        for rep in there:
            assert served[rep] <= turn / len(there) + start.get(rep, 0.0) - min(start.get(one, 0.0) for one in there) + 1 + 1e-6
    owed = max((start.get(rep, 0.0) for rep in there), default=0.0) - min((start.get(rep, 0.0) for rep in there), default=0.0)
    assert max(served.values(), default=0) - min(served.values(), default=0) <= owed + 1 + 1e-6


def test_r2_what_is_forgiven_is_what_nobody_would_wait_for() -> None:
    """One of three is always away, in long stretches: whoever is there takes all turns, and no debt of theirs outlasts the other's return."""
    pool = weighted([1.0] * 3)
    for stretch in range(30):
        pool = only(pool, {stretch % 3, (stretch + 1) % 3})
        for _ in range(50):
            pool = choose(pool).pool
    assert all(-2 <= lag <= 2 for lag in pool.lags.values())
    ahead = weighted([1.0] * 2, lags={"r0": -1.9, "r1": -1.9})
    assert min(choose(ahead).pool.lags.values()) == pytest.approx(-2.0)


def test_r2_nobody_is_flooded_after_two_weeks_away() -> None:
    pool = weighted([1.0] * 4)
    for _ in range(10):
        pool = choose(pool).pool
    pool = only(pool, {1, 2, 3})
    for _ in range(600):
        pool = choose(pool).pool
    pool, served = only(pool, {0, 1, 2, 3}), Counter[str]()
    for turn in range(1, 41):
        choice = choose(pool)
        served[str(choice.rep)] += 1
        pool = choice.pool
        assert served["r0"] <= turn / 4 + 2
    assert 9 <= served["r0"] <= 11


@given(
    caps=st.lists(st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)), min_size=1, max_size=6),
    calendar=st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=40), select=st.sampled_from([ROUND_ROBIN, WEIGHTED, LEAST_LOAD, BEST_CONVERSION]),
)  # fmt: skip
def test_f51_caps_are_never_exceeded_in_any_pool(caps: list[tuple[int | None, int | None]], calendar: list[set[int]], select: str) -> None:
    reps = tuple(RepNow(rep=f"r{n}", per_day=day, open_leads=leads) for n, (day, leads) in enumerate(caps))
    floor = Floor(pools={name: PoolNow(name=name, select=select, reps=reps) for name in ("one", "two")}, first="one")
    for turn, here in enumerate(calendar):
        pool = only(floor.pools["one" if turn % 3 else "two"], here)
        choice = choose(pool)
        able = [rep for n, rep in enumerate(pool.reps) if n in here and not rep.full and not rep.day_full]
        assert (choice.rep is not None) == bool(able)
        if choice.rep is not None:
            floor = floor.taken(choice.pool, choice.rep)
        for found in floor.pools.values():
            for rep in found.reps:
                assert rep.per_day is None or rep.given_today <= rep.per_day
                assert rep.open_leads is None or rep.load <= rep.open_leads
    one, two = (floor.pools[name].reps for name in ("one", "two"))
    assert [(rep.load, rep.given_today) for rep in one] == [(rep.load, rep.given_today) for rep in two]


@given(
    count=st.integers(2, 8), cap=st.integers(1, 6), days=st.lists(st.integers(0, 30), min_size=1, max_size=6), split=st.integers(1, 9),
    select=st.sampled_from([ROUND_ROBIN, WEIGHTED]),
)  # fmt: skip
def test_f51_equal_reps_under_equal_caps_differ_by_one_at_most_over_any_days(
    count: int, cap: int, days: list[int], split: int, select: str
) -> None:
    """Random arrivals on each day, more than all may take on some; runs are split anywhere."""
    served: Counter[str] = Counter({f"r{n}": 0 for n in range(count)})
    pool = pool_of(*(RepNow(rep=rep, per_day=cap) for rep in served), select=select)
    for arrivals in days:
        pool = replace(pool, reps=tuple(replace(rep, given_today=0) for rep in pool.reps))  # midnight
        for turn in range(arrivals):
            choice = choose(pool)
            assert (choice.rep is None) == (turn >= count * cap)
            if choice.rep is None:
                continue
            served[choice.rep] += 1
            pool = Floor(pools={"default": pool}).taken(choice.pool, choice.rep).pools["default"]
            pool = stored(pool) if turn % split == 0 else pool
            assert max(served.values()) - min(served.values()) <= 1


@given(
    weights=st.lists(st.integers(1, 5), min_size=2, max_size=6), scale=st.integers(1, 4),
    days=st.lists(st.integers(0, 30), min_size=1, max_size=6),
)  # fmt: skip
def test_f51_shares_are_within_one_of_exact_under_caps_in_proportion_over_any_days(weights: list[int], scale: int, days: list[int]) -> None:
    whole, turns = sum(weights), 0
    served: Counter[str] = Counter()
    pool = pool_of(*(RepNow(rep=f"r{n}", weight=float(w), per_day=w * scale) for n, w in enumerate(weights)), select=WEIGHTED)
    for arrivals in days:
        pool = replace(pool, reps=tuple(replace(rep, given_today=0) for rep in pool.reps))
        for _ in range(min(arrivals, whole * scale)):
            choice = choose(pool)
            assert choice.rep is not None
            served[choice.rep] += 1
            turns += 1
            pool = Floor(pools={"default": pool}).taken(choice.pool, choice.rep).pools["default"]
            for n, weight in enumerate(weights):
                assert abs(served[f"r{n}"] - turns * weight / whole) < 1 + 1e-6, (served, turns)


@given(
    caps=st.lists(st.none() | st.integers(0, 5), min_size=2, max_size=6), weights=st.lists(WEIGHTS, min_size=6, max_size=6),
    days=st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 5))), min_size=1, max_size=6),
)  # fmt: skip
def test_r3_who_takes_less_than_their_share_is_owed_two_turns_for_it_at_most(
    caps: list[int | None], weights: list[float], days: list[tuple[int, set[int]]]
) -> None:
    """Caps that differ: who is full for weeks is not flooded on the first quiet day, nor does anybody pay for long for having stood in."""
    pool = pool_of(*(RepNow(rep=f"r{n}", weight=weights[n], per_day=cap) for n, cap in enumerate(caps)))
    for arrivals, here in days:
        pool = only(replace(pool, reps=tuple(replace(rep, given_today=0) for rep in pool.reps)), here)
        for _ in range(arrivals):
            choice = choose(pool)
            if choice.rep is None:
                break
            before, pool = pool, Floor(pools={"default": pool}).taken(choice.pool, choice.rep).pools["default"]
            assert all(lag > -2 - 1e-6 for lag in pool.lags.values())
            for rep in before.reps:
                if not rep.here:
                    assert pool.lags.get(rep.rep, 0.0) == before.lags.get(rep.rep, 0.0)
                elif rep.day_full:
                    assert pool.lags.get(rep.rep, 0.0) < max(2.0, before.lags.get(rep.rep, 0.0) + 1e-9)


def test_a_lead_that_is_theirs_no_more_frees_the_load_but_not_the_day() -> None:
    floor = Floor(pools={"one": pool_of(RepNow(rep="a", load=1, given_today=1)), "two": pool_of(RepNow(rep="b"))})
    (a,) = floor.freed("a").pools["one"].reps
    assert (a.load, a.given_today) == (0, 1)
    (a,) = floor.freed("a").freed("a").pools["one"].reps
    assert a.load == 0


@given(weights=st.lists(WEIGHTS, min_size=2, max_size=6), turns=st.integers(1, 30), data=st.data())
def test_r2_the_order_of_the_list_settles_nothing(weights: list[float], turns: int, data: st.DataObject) -> None:
    pool = weighted(weights)
    other = replace(pool, reps=tuple(data.draw(st.permutations(pool.reps))))
    for _ in range(turns):
        left, right = choose(pool), choose(other)
        assert left.rep == right.rep
        pool, other = left.pool, right.pool


def test_r2_ties_go_to_everybody_alike() -> None:
    """The first turn of 3,000 pools of the same three: nobody is first by name or place."""
    first = Counter(choose(PoolNow(name=f"p{n}", reps=weighted([1, 1, 1]).reps)).rep for n in range(3_000))
    assert all(900 < count < 1_100 for count in first.values())
    # and within one pool each round has an order of its own
    pool, rounds = weighted([1, 1, 1]), []
    for _ in range(20):
        order = []
        for _ in range(3):
            choice = choose(pool)
            order.append(choice.rep)
            pool = choice.pool
        assert len(set(order)) == 3
        rounds.append(tuple(order))
    assert len(set(rounds)) > 3


def test_f50_newcomers_and_leavers_change_no_one_elses_share() -> None:
    pool = weighted([1, 1])
    for _ in range(1_001):
        pool = choose(pool).pool
    joined, served = replace(pool, reps=(*pool.reps, RepNow(rep="new"))), Counter[str]()
    for turn in range(1, 61):
        choice = choose(joined)
        served[str(choice.rep)] += 1
        joined = choice.pool
        assert served["new"] <= turn / 3 + 1, "no catching up with those who were there before"
    assert max(served.values()) - min(served.values()) <= 2


def test_r2_least_load_and_among_equals_the_fair_turn() -> None:
    pool = pool_of(RepNow(rep="a", load=3), RepNow(rep="b", load=1), RepNow(rep="c", load=2), select=LEAST_LOAD)
    floor, order = Floor(pools={"default": pool}), []
    for _ in range(9):
        choice = choose(floor.pools["default"])
        assert choice.rep is not None
        order.append(choice.rep)
        floor = floor.taken(choice.pool, choice.rep)
    assert order[0] == "b"
    assert sorted(order[1:3]) == ["b", "c"]
    assert {rep.load for rep in floor.pools["default"].reps} == {5}
    even = pool_of(*(RepNow(rep=rep, load=4) for rep in "abc"), select=LEAST_LOAD)
    served: Counter[str] = Counter()
    for _ in range(300):  # nobody's load moves: then it is plain turns
        choice = choose(even)
        served[str(choice.rep)] += 1
        even = choice.pool
    assert set(served.values()) == {100}


def rated(**rates: tuple[int, int]) -> PoolNow:
    return pool_of(*(RepNow(rep=rep, rates={"direct_request": rate}) for rep, rate in rates.items()), select=BEST_CONVERSION)


@pytest.mark.parametrize(
    ("pool", "best"),
    [
        (rated(a=(50, 100), b=(20, 100), c=(10, 100)), {"a"}),
        (rated(a=(1, 1), b=(300, 1000)), {"a", "b"}),
        (rated(a=(0, 1), b=(1, 1), c=(0, 0)), {"a", "b", "c"}),
        (rated(a=(480, 1000), b=(500, 1000), c=(10, 1000)), {"a", "b"}),
        (rated(a=(0, 400), b=(0, 0)), {"a", "b"}),  # of a newcomer only the rate of the pool is known
        (rated(a=(0, 0), b=(0, 0)), {"a", "b"}),
    ],
)
def test_r2_best_conversion_where_the_difference_is_more_than_chance(pool: PoolNow, best: set[str]) -> None:
    served: Counter[str] = Counter()
    for _ in range(60):
        choice = choose(pool, mql_type="direct_request")
        served[str(choice.rep)] += 1
        pool = choice.pool
    assert set(served) == best
    assert max(served.values()) - min(served.values()) <= 1, "equals take turns"


def test_r2_rates_are_of_leads_of_the_same_type() -> None:
    reps = (
        RepNow(rep="a", rates={"direct_request": (90, 100), "content_download": (1, 100)}),
        RepNow(rep="b", rates={"direct_request": (1, 100), "content_download": (90, 100)}),
    )
    pool = pool_of(*reps, select=BEST_CONVERSION)
    assert choose(pool, mql_type="direct_request").rep == "a"
    assert choose(pool, mql_type="content_download").rep == "b"
    for _ in range(9):
        pool = choose(pool, mql_type="direct_request").pool
    assert all(abs(lag) < 1 for lag in pool.lags.values()), "who is the best owes nobody turns for it"


def test_r3_f52_nobody_available_says_why_and_until_when() -> None:
    away = RepNow(rep="a", here=False, back=NOW + timedelta(days=3))
    day = RepNow(rep="b", per_day=2, given_today=2, renews=NOW + timedelta(hours=9))
    full = RepNow(rep="c", open_leads=5, load=5)
    choice = choose(pool_of(away, day, full))
    assert (choice.rep, choice.problem, choice.back) == (None, "", NOW + timedelta(hours=9))
    assert choice.how == "nobody available: 1 away, 1 had as many as they take in a day, 1 have as many open leads as they take"
    assert choose(pool_of(full)).back is None, "when a lead is closed, nobody can say"
    assert choose(pool_of(full)).problem == ""
    never = choose(pool_of(RepNow(rep="a", here=False)))
    assert never.problem == "nobody of pool default will be back"
    assert choose(pool_of()).problem == "pool default is empty"


def test_r7_the_next_rep_and_nobody_twice_before_all_had_them() -> None:
    pool, tried = weighted([1.0] * 5), []
    for _ in range(5):
        choice = choose(pool, tried=tried)
        assert not choice.used_up
        assert choice.rep not in tried
        pool = choice.pool
        tried.append(str(choice.rep))
    again = choose(pool, tried=tried)
    assert again.used_up
    assert again.rep != tried[-1]
    assert choose(weighted([1.0]), tried=["r0"]).rep == "r0", "where there is only one"


def test_r7_an_untried_rep_who_is_away_is_waited_for() -> None:
    pool = only(weighted([1, 1, 1]), {0, 1})
    waits = choose(pool, tried=["r0", "r1"])
    assert (waits.rep, waits.used_up, waits.back) == (None, False, NOW)
    # but not one who will never be back
    gone = replace(pool, reps=(*pool.reps[:2], replace(pool.reps[2], back=None)))
    choice = choose(gone, tried=["r0", "r1"])
    assert (choice.rep, choice.used_up) == ("r0", True)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -3.0])
def test_odd_weights_harm_nobody(weight: float) -> None:
    pool = pool_of(RepNow(rep="a", weight=weight), RepNow(rep="b"))
    assert {choose(pool).rep for _ in range(3)} == {"b"}
