"""Pacer: waits before the wall, never without need."""

from datetime import UTC, datetime, timedelta

from crmsync.connect.discovery import connect_all
from crmsync.testing.clock import Clock
from crmsync.testing.still import StillClock
from crmsync_hubspot.pace import RESERVE, Pacer
from crmsync_hubspot.sim import Simulator


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pacer(time: Time, searches: float = 5.0) -> Pacer:
    return Pacer(searches=searches, sleep=time.sleep, monotonic=lambda: time.now)


def test_at_most_five_searches_in_any_second() -> None:
    time = Time()
    pace = pacer(time)
    sent = []
    for _ in range(23):
        pace.before(search=True)
        sent.append(time.now)
    assert all(later - earlier > 1.0 for earlier, later in zip(sent, sent[5:], strict=False))
    assert sent[4] == 100.0


def test_search_pace_can_be_left_to_the_server() -> None:
    time = Time()
    pace = pacer(time, searches=0)
    for _ in range(50):
        pace.before(search=True)
    assert time.slept == []


def test_a_server_that_does_not_limit_is_not_slowed_down() -> None:
    time = Time()
    pace = pacer(time)
    for _ in range(1000):
        pace.before(search=False)
        pace.after({"x-hubspot-ratelimit-max": "190", "x-hubspot-ratelimit-remaining": "190"})
    assert time.slept == []


def test_never_past_a_rolling_window_of_the_server() -> None:
    time = Time()
    pace = pacer(time)
    limit, sent = 190, []
    for _ in range(1000):
        pace.before(search=False)
        sent.append(time.now)
        in_window = sum(1 for at in sent if at > time.now - 10.0)
        assert in_window <= limit
        pace.after({"x-hubspot-ratelimit-remaining": str(limit - in_window), "x-hubspot-ratelimit-interval-milliseconds": "10000"})
        time.now += 0.005
    assert 1000 / (sent[-1] - sent[0]) > 0.9 * (limit - RESERVE) / 10.0


def test_others_calls_are_respected() -> None:
    time = Time()
    pace = pacer(time)
    pace.before(search=False)
    pace.after({"x-hubspot-ratelimit-remaining": "2", "x-hubspot-ratelimit-interval-milliseconds": "10000"})
    pace.before(search=False)
    assert time.slept
    assert 9.9 < time.slept[0] < 10.2


def test_a_block_holds_everybody() -> None:
    time = Time()
    pace = pacer(time)
    pace.block(10.0)
    pace.before(search=False)
    assert time.slept == [10.0]
    pace.before(search=True)
    assert time.slept == [10.0]


def test_on_a_clock_of_simulated_time_pauses_take_that_time_and_do_not_pile_up() -> None:
    clock = StillClock(datetime(2026, 3, 2, tzinfo=UTC))
    pace = Pacer(searches=5.0, sleep=clock.advance, monotonic=clock.monotonic)
    begun = clock()
    for _ in range(500):
        pace.before(search=True)
    assert timedelta(seconds=99) < clock() - begun < timedelta(seconds=110)


def test_a_connector_counts_seconds_by_a_clock_that_brings_them() -> None:
    clock = StillClock(datetime(2026, 3, 2, tzinfo=UTC))
    with Simulator(clock=clock) as portal:
        connector = connect_all(portal.environment(), sleep=clock.advance, clock=clock)["hubspot"]
        begun = clock()
        for _ in range(40):
            assert connector.find("contacts", "lastname", ["Nobody"], ["lastname"]) == []
        assert timedelta(seconds=7) < clock() - begun < timedelta(seconds=10)
        connector.close()


def test_a_clock_that_runs_faster_brings_its_own_seconds() -> None:
    time = Time()
    clock = Clock(60.0, monotonic=lambda: time.now, real_sleep=time.sleep)
    pace = Pacer(searches=5.0, sleep=clock.sleep, monotonic=clock.monotonic)
    for _ in range(500):
        pace.before(search=True)
    assert 99 / 60 < sum(time.slept) < 110 / 60
    clock.jump(timedelta(days=1))
    assert clock.monotonic() < 120, "a jump is no time that passed"
