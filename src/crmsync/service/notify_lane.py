"""One lane per setting: messages to one chat queue behind each other and behind nobody else's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from crmsync.decide.alerts import Message, digest, message
from crmsync.engine.alerts import settle_failed, settle_sent
from crmsync.errors import CrmsyncError
from crmsync.service.notify_where import Target, setting_of
from crmsync.store.alerts import AlertRow

if TYPE_CHECKING:
    from crmsync.engine.world import World

log = structlog.get_logger(__name__)

HOLD = timedelta(minutes=10)
"""How long what is to be sent is this process's own. A message that waited longer in its lane is not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message: the alerts that it tells of."""

    rows: tuple[AlertRow, ...]

    @property
    def message(self) -> Message:
        """Its words."""
        if len(self.rows) == 1:
            return message(title=self.rows[0].title, body=self.rows[0].body, late=self.rows[0].late)
        return digest((row.kind, row.title, row.late) for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Messages for one target, one after the other. url: secret. only_here: nothing leaves this machine; what would is told to nobody."""

    target: Target
    url: str
    letters: tuple[Letter, ...]
    world: World
    clock: Callable[[], datetime]
    only_here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """error: None: it arrived, "": it is for nobody."""

    job: Job
    letter: Letter
    error: str | None
    at: datetime


class Lane:
    """Threads that begin with the first message and end with the process at the latest: they hold up no exit."""

    def __init__(self, name: str, width: int) -> None:
        self._name, self._width = name, width
        self._jobs: deque[Job] = deque()
        self._working: list[Job] = []
        self._unsettled: list[_Outcome] = []
        self._changed = threading.Condition()
        self._threads = 0
        self._stopped = False

    def put(self, job: Job) -> None:
        """Has it sent after what is in the lane already."""
        with self._changed:
            self._jobs.append(job)
            if self._threads < min(self._width, len(self._jobs) + len(self._working)):
                self._threads += 1
                threading.Thread(target=self._run, name=f"alerts-{self._name}-{self._threads}", daemon=True).start()
            self._changed.notify_all()

    def busy(self) -> set[Target]:
        """Whom messages in this lane are for, also those that were sent and could not be settled yet."""
        with self._changed:
            return {job.target for job in (*self._jobs, *self._working, *(outcome.job for outcome in self._unsettled))}

    def rest(self, seconds: float) -> bool:
        """Waits until the lane is empty, at most so many real seconds; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._working, timeout=seconds)

    def settle(self) -> None:
        """Settles what was sent when the database could not be written. Raises what the store raises; then it is tried again."""
        with self._changed:
            waiting, self._unsettled = self._unsettled, []
        while waiting:
            try:
                _settle(waiting[0])
            except BaseException:
                with self._changed:
                    self._unsettled = [*waiting, *self._unsettled]
                raise
            waiting.pop(0)

    def stop(self) -> None:
        """Gives back what was not begun; what is being sent goes on."""
        with self._changed:
            self._stopped = True
            left, self._jobs = list(self._jobs), deque()
            self._changed.notify_all()
        for job in left:
            _put_back(job, job.letters)

    # --- in its threads ---------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopped)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._working.append(job)
            try:
                self._send(job)
            finally:
                with self._changed:
                    self._working.remove(job)
                    self._changed.notify_all()

    def _send(self, job: Job) -> None:
        from crmsync.connect import notify

        for place, written in enumerate(job.letters):
            at = job.clock()
            if at >= written.rows[0].not_before:
                return  # no longer this process's own: it is due again for whoever comes first
            if self._stopped:
                _put_back(job, job.letters[place:])
                return
            try:
                letter = _standing(job, written)
            except CrmsyncError as trouble:
                log.warning("alerts wait until the database answers", error=type(trouble).__name__)
                return
            if letter is None:
                continue
            error: str | None = None
            try:
                if job.only_here and not notify.is_local(job.url):
                    error = ""
                else:
                    words = letter.message
                    notify.send(job.url, words.title, words.body)
            except notify.NotSentError as trouble:
                error = str(trouble)
            except Exception as trouble:  # a thread that dies would keep its alerts for as long as they are held
                error = f"sending failed ({type(trouble).__name__})"
            if error:
                log.warning(
                    "alert not sent", setting=setting_of(self._name), reason=error, alerts=len(letter.rows), tries=letter.rows[0].tries
                )
            self._settle_or_keep(_Outcome(job=job, letter=letter, error=error, at=job.clock()))

    def _settle_or_keep(self, outcome: _Outcome) -> None:
        try:
            _settle(outcome)
        except CrmsyncError as trouble:
            log.warning("what became of an alert is not stored yet", error=type(trouble).__name__)
            with self._changed:
                self._unsettled.append(outcome)


def _settle(outcome: _Outcome) -> None:
    world, rows = outcome.job.world, outcome.letter.rows
    if outcome.error is None:
        settle_sent(world, rows, outcome.at)
    elif outcome.error:
        settle_failed(world, rows, outcome.error, outcome.at)
    else:
        world.store.alerts.drop([row.alert_id for row in rows], outcome.at)


def _standing(job: Job, letter: Letter) -> Letter | None:
    """The letter without what was erased since it was written, perhaps by another process; None when nothing is left. Raises what the store raises."""
    known = job.world.store.alerts.standing([row.alert_id for row in letter.rows])
    rows = tuple(row for row in letter.rows if row.alert_id in known)
    return letter if len(rows) == len(letter.rows) else Letter(rows=rows) if rows else None


def _put_back(job: Job, letters: tuple[Letter, ...]) -> None:
    """They are due again at once; where that cannot be stored, once they are no longer held."""
    try:
        job.world.store.alerts.put_back([row.alert_id for letter in letters for row in letter.rows], job.clock())
    except CrmsyncError as trouble:
        log.warning("alerts are not given back", error=type(trouble).__name__)
