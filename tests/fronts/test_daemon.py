"""The daemon's loop: how long it waits, what pauses it, what ends it; no real time passes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crmsync.daemon.loop import AT_ONCE, CRASHES_IN_A_ROW, FIRST_BACKOFF, LONGEST_BACKOFF, SHORTEST_PAUSE, Daemon
from crmsync.daemon.signals import stopping
from crmsync.errors import BusyError, ConfigError, CredentialsError, CrmsyncError, HaltError, QuotaError, UnreachableError
from crmsync.model.process import GateRules

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POLL = 15.0


class Bench:
    """A daemon whose cycles are scripted. answers: what each cycle raises, or whether it says that more is due."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.now, self.due = NOON, None
        self.retry: datetime | None = None
        self.answers: list[Exception | bool | dict[str, CrmsyncError]] = []
        self.cycles = 0
        self.touched: object = None
        self.waits: list[float] = []
        self.anew: list[bool] = []
        workspace: Any = SimpleNamespace(
            clock=lambda: self.now,
            playbook=SimpleNamespace(poll_seconds=POLL, gate=GateRules()),
            store=SimpleNamespace(next_due_at=lambda: self.due, twins=SimpleNamespace(next_retry_at=lambda: self.retry)),
            settings=SimpleNamespace(home=tmp_path, environ={}),
            world=None,
            api_calls=lambda: {"left": self.cycles},
            refused=None,
        )
        lease: Any = SimpleNamespace(check=lambda: None)
        self.lease = lease
        self.woken = 0
        self.absences = False
        self.told = 0
        verifier = SimpleNamespace(step=lambda world, now, **how: self.woken, close=lambda: None)
        monkeypatch.setattr("crmsync.service.verify.verifier", lambda environ, rules: verifier)
        self.workspace = workspace
        calendars = SimpleNamespace(step=lambda workspace, **how: self.absences, close=lambda: None)
        notifier = SimpleNamespace(prepare=lambda workspace: None, step=self._tell, close=lambda: None)
        monkeypatch.setattr("crmsync.service.aside.Calendars", lambda: calendars)
        monkeypatch.setattr("crmsync.service.aside.Notifier", lambda **how: notifier)
        self.daemon = Daemon(workspace, lease, wait=self._wait, monotonic=lambda: 0.0)
        monkeypatch.setattr("crmsync.daemon.loop.one_cycle", self._cycle)
        self.due: datetime | None

    def _cycle(self, _workspace: object, *, everything: bool) -> Any:
        assert not everything, "the daemon polls the rarer objects in turn"
        self.cycles += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        errors = answer if isinstance(answer, dict) else {}
        return SimpleNamespace(
            errors=errors,
            urgent=answer is True,
            touched=self.touched,
            anew=self.anew.pop(0) if self.anew else False,
            pulled={"left": SimpleNamespace(read=3)},
            sent=SimpleNamespace(done={"left": 2}),
        )

    def _tell(self, _workspace: object, *, wait: float) -> None:
        assert wait == 0.0, "nothing holds the cycles up"
        self.told += 1

    def _wait(self, _event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


def test_it_polls_and_is_ready(bench: Bench) -> None:
    assert bench.daemon.reasons == ("no cycle has run yet",)
    assert bench.daemon.step() == POLL
    assert bench.daemon.reasons == ()
    bench.daemon.step()
    totals = bench.daemon.totals
    assert (totals.cycles, totals.read, totals.written, totals.api_calls) == (2, {"left": 6}, {"left": 4}, {"left": 2})


def test_whom_an_answer_about_contact_data_concerns_is_decided_without_a_poll(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bool] = []
    monkeypatch.setattr(bench.daemon, "hear", lambda: heard.append(True))
    bench.daemon.step()
    assert heard == []
    bench.woken = 3
    assert bench.daemon.step() == POLL
    assert heard == [True]


def test_nobody_is_asked_about_contact_data_while_a_crm_is_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bool] = []
    monkeypatch.setattr(bench.daemon, "hear", lambda: heard.append(True))
    bench.woken = 3
    bench.answers = [{"left": UnreachableError("down", side="left")}]
    bench.daemon.step()
    assert heard == []


def test_absences_from_calendars_are_met_and_decided_without_a_poll(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    bench.workspace.world = SimpleNamespace(recall=lambda: done.append("recall"))
    monkeypatch.setattr("crmsync.service.aside.meet_owners", lambda world: done.append("meet"))
    monkeypatch.setattr(bench.daemon, "hear", lambda: done.append("hear"))
    bench.daemon.step()
    assert done == []
    bench.absences = True
    assert bench.daemon.step() == POLL
    assert done == ["recall", "meet", "hear"]


def test_alerts_are_sent_after_every_cycle_also_while_a_crm_is_down(bench: Bench) -> None:
    bench.answers = [False, {"left": UnreachableError("down", side="left")}, UnreachableError("database busy")]
    bench.daemon.step()
    assert bench.told == 1
    bench.daemon.step()
    assert bench.told == 2
    bench.daemon.step()
    assert bench.told == 3, "what was decided before waits for nobody"


@pytest.mark.parametrize(
    ("due_in", "pause"),
    [(5.0, 5.0), (0.2, SHORTEST_PAUSE), (-3600.0, SHORTEST_PAUSE), (3600.0, POLL), (None, POLL)],
)
def test_it_sleeps_until_due_but_never_storms(bench: Bench, due_in: float | None, pause: float) -> None:
    at = None if due_in is None else NOON + timedelta(seconds=due_in)
    bench.due = at
    assert bench.daemon.step() == pause
    bench.due, bench.retry = NOON + timedelta(hours=2), at
    assert bench.daemon.step() == pause, "what is to be tried again is due as well"


def test_a_clock_that_jumps_back_does_not_stall_it(bench: Bench) -> None:
    bench.due = NOON + timedelta(seconds=5)
    bench.now = NOON - timedelta(days=400)
    assert bench.daemon.step() == POLL


def test_a_clock_that_jumps_ahead_does_not_storm(bench: Bench) -> None:
    bench.due = NOON
    bench.now = NOON + timedelta(days=400)
    assert {bench.daemon.step() for _ in range(50)} == {SHORTEST_PAUSE}


def test_more_runs_at_once_but_not_for_ever(bench: Bench) -> None:
    bench.answers = [True] * (AT_ONCE + 1)
    pauses = [bench.daemon.step() for _ in range(AT_ONCE + 1)]
    assert max(pauses[: AT_ONCE - 1]) < SHORTEST_PAUSE
    assert pauses[AT_ONCE - 1 :] == [POLL, POLL]


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("down", side="left"),
        CredentialsError("token revoked", side="left"),
        UnreachableError("database busy"),
    ],
)
def test_trouble_pauses_longer_each_time_then_it_goes_on_by_itself(bench: Bench, error: CrmsyncError) -> None:
    bench.answers = [error] * 9
    pauses = [bench.daemon.step() for _ in range(9)]
    assert pauses[:3] == [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF * 4]
    assert pauses[-1] == LONGEST_BACKOFF
    assert str(error) in bench.daemon.reasons[0]
    assert bench.daemon.totals.failures == 9
    assert bench.daemon.step() == POLL
    assert bench.daemon.reasons == ()
    bench.answers = [error]
    assert bench.daemon.step() == FIRST_BACKOFF  # the row of failures was broken


def test_a_quota_is_waited_out_as_the_crm_says(bench: Bench) -> None:
    bench.answers = [QuotaError("daily limit", side="left", retry_after=1800.0), QuotaError("limit", side="left", retry_after=1e9)]
    assert bench.daemon.step() == 1800.0
    assert bench.daemon.step() == 3600.0


def test_one_side_down_is_said_and_the_other_goes_on(bench: Bench) -> None:
    bench.answers = [{"left": UnreachableError("down", side="left")}]
    assert bench.daemon.step() == POLL
    assert bench.daemon.reasons == ("left: down",)
    assert bench.daemon.totals.cycles == 1


def test_a_halt_is_waited_out_alive(bench: Bench) -> None:
    bench.answers = [HaltError("15 of 20 records disappeared")] * 3
    assert [bench.daemon.step() for _ in range(3)] == [POLL] * 3
    assert bench.daemon.reasons == ("halted for safety: 15 of 20 records disappeared",)
    bench.daemon.step()
    assert bench.daemon.reasons == ()


def test_a_configuration_that_never_worked_ends_it(bench: Bench) -> None:
    bench.answers = [ConfigError("not provisioned")]
    with pytest.raises(ConfigError):
        bench.daemon.step()


def test_a_configuration_that_worked_before_pauses_it(bench: Bench) -> None:
    bench.answers = [False, ConfigError("the key field is gone")]
    bench.daemon.step()
    assert bench.daemon.step() == FIRST_BACKOFF
    assert bench.daemon.reasons == ("the key field is gone",)


def test_a_lost_lease_ends_it(bench: Bench) -> None:
    def lost() -> None:
        raise BusyError("taken over")

    bench.lease.check = lost
    with pytest.raises(BusyError):
        bench.daemon.run()
    assert bench.cycles == 0


def test_an_unexpected_failure_is_kept_and_repeated_ones_end_it(bench: Bench, tmp_path: Path) -> None:
    bench.answers = [RuntimeError("odd")] * CRASHES_IN_A_ROW
    for _ in range(CRASHES_IN_A_ROW - 1):
        bench.daemon.step()
    assert "RuntimeError" in bench.daemon.reasons[0]
    assert (tmp_path / "crmsync-error.log").read_text().count("RuntimeError: odd") == CRASHES_IN_A_ROW - 1
    with pytest.raises(RuntimeError):
        bench.daemon.step()


def test_run_stops_after_the_cycle_under_way(bench: Bench) -> None:
    def stop(*_: object, **__: object) -> Any:
        bench.cycles += 1
        bench.daemon.stop()
        return SimpleNamespace(errors={}, urgent=False, anew=False, pulled={}, sent=SimpleNamespace(done={}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crmsync.daemon.loop.one_cycle", stop)
        bench.daemon.run()
    assert bench.cycles == 1


def test_wake_cuts_a_real_wait_short(bench: Bench) -> None:
    events: list[bool] = []

    def wait(event: threading.Event, _seconds: float) -> bool:
        events.append(event.is_set())
        bench.daemon.stop()
        return event.is_set()

    bench.daemon._wait = wait
    bench.daemon.wake()
    bench.daemon.run()
    assert events == [True]


def test_the_second_signal_ends_at_once() -> None:
    asked: list[Callable[..., object] | None] = []
    before = signal.getsignal(signal.SIGTERM)
    with stopping(lambda: asked.append(None)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert len(asked) == 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def heard(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    *,
    urgent: bool = False,
    times: int = 2,
    touched: object = None,
    meanwhile: Callable[[int], None] = lambda looks: None,
) -> list[str]:
    """What a daemon does that hears news in its first `times` pauses and is stopped in the one after them. meanwhile: called during each look."""
    done: list[str] = []
    left = [times]

    def decide(_workspace: object) -> Any:
        done.append("decide")
        meanwhile(len(done))
        return SimpleNamespace(
            errors={}, urgent=urgent, touched=touched, anew=bool(bench.anew and bench.anew.pop(0)), sent=SimpleNamespace(done={"left": 1})
        )

    def wait(event: threading.Event, _seconds: float) -> bool:
        if event is bench.daemon._stopping:
            return False
        if left[0] == 0:
            bench.daemon.stop()
            return True
        left[0] -= 1
        bench.daemon.hear()
        return True

    monkeypatch.setattr("crmsync.daemon.loop.decide_waiting", decide)
    bench.daemon._wait = wait
    bench.daemon.run()
    return done


def test_news_are_decided_without_a_poll(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(bench, monkeypatch) == ["decide", "decide"]
    assert bench.cycles == 1, "the CRMs were asked once"
    assert bench.daemon.totals.written == {"left": 4}
    assert bench.told == 3, "alerts of what was decided do not wait for the next poll"


def test_news_that_leave_something_urgent_are_followed_by_a_cycle(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(bench, monkeypatch, urgent=True, times=1) == ["decide"]
    assert bench.cycles == 2


def test_news_that_come_during_a_look_are_looked_at_without_a_poll(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(looks: int) -> None:
        if looks < 3:
            bench.daemon.hear()

    assert heard(bench, monkeypatch, urgent=True, times=1, touched={}, meanwhile=meanwhile)[:1] == ["decide"]
    assert bench.cycles == 1, "leads do not wait for both CRMs to be asked"


def test_what_came_during_a_poll_is_decided_without_another_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.answers, bench.touched = [True], {}
    looks: list[int] = []

    def decide(_workspace: object) -> Any:
        looks.append(bench.cycles)
        bench.daemon.stop()
        return SimpleNamespace(errors={}, urgent=False, touched={}, anew=False, sent=SimpleNamespace(done={}))

    monkeypatch.setattr("crmsync.daemon.loop.decide_waiting", decide)

    def wait(event: threading.Event, _seconds: float) -> bool:
        if bench.cycles > 3:
            bench.daemon.stop()
        return event.is_set()

    bench.daemon._wait = wait
    bench.daemon.run()
    assert (looks, bench.cycles) == ([1], 1)


def test_what_stood_in_the_way_of_a_write_is_asked_for_whatever_was_heard(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(bench, monkeypatch, urgent=True, times=1, meanwhile=lambda looks: bench.daemon.hear()) == ["decide"]
    assert bench.cycles == 2


def test_news_without_end_do_not_keep_the_crms_from_being_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    bench.daemon._monotonic = lambda: passed[0]

    def meanwhile(looks: int) -> None:
        passed[0] += POLL / 2
        bench.daemon.hear()

    looks = heard(bench, monkeypatch, times=6, touched={}, meanwhile=meanwhile)
    assert bench.cycles >= len(looks) // 2 > 1


def test_news_do_not_wake_a_daemon_in_trouble(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.answers = [UnreachableError("down", side="left")]
    assert heard(bench, monkeypatch) == []
    assert bench.cycles == 1


def test_who_is_to_be_decided_anew_is_decided_in_the_pauses(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.anew = [True, True, True, False]
    assert heard(bench, monkeypatch, times=0) == ["decide"] * 3
    assert bench.cycles == 1, "the CRMs were asked once"


def test_nobody_is_decided_anew_in_a_pause_while_a_side_is_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.anew, bench.answers = [True], [{"left": UnreachableError("down", side="left")}]
    assert heard(bench, monkeypatch, times=0) == []
