"""What the modelled people of a simulation do, one thing at a time, as users of the simulated CRMs; nothing here touches crmsync's own database."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from crmsync.connect.discovery import Simulator
from crmsync.decide.worktime import zone_of
from crmsync.insight.sim_assume import Assumptions
from crmsync.insight.sim_people import NO_FIT, Prospect, Rep, Visit, chance_to_connect, out_of_office_text

DISPOSITION, REASON = "crmsync_disposition", "crmsync_reason_code"
ACCEPTED, NO_FIT_MARK, GAVE_UP, OPTED_OUT, ANSWERED_DIGIT = "accepted", "rejected", "given up", "opted out", "answered with a digit"
FORM, TASK_DONE = "form_submitted", "task"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_EARLIEST, _LATEST = 7, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that a rep did. what: TASK_DONE, "call" (logged), "meeting" (booked), "accepted", "rejected"."""

    at: datetime
    rep: str
    what: str
    person: str
    crm: str
    key: str = ""


class Life:
    """Everything that happens at its moment, in order. `step` makes the next thing happen; `look` tells the reps what their CRMs show. stirred: whether a CRM was changed since
    it was last set to False. spent: when reps began some work on a lead, and the minutes that it took."""

    def __init__(
        self,
        simulators: Mapping[str, Simulator],
        reps: Sequence[Rep],
        prospects: Sequence[Prospect],
        assumed: Assumptions,
        *,
        home: str,
        rng: random.Random,
        clock: Callable[[], datetime],
    ) -> None:
        """home: the CRM where reps work. clock: the simulated now."""
        self.simulators, self.assumed, self.home = simulators, assumed, home
        self.reps = {rep.email: rep for rep in reps}
        self.prospects = {prospect.email.lower(): prospect for prospect in prospects}
        self.deeds: list[Deed] = []
        self.spent: list[tuple[datetime, float]] = []
        self.arrived = 0
        self.stirred = False
        self._rng, self._clock = rng, clock
        self._other = next((name for name in simulators if name != home), home)
        self._order = itertools.count()
        self._heap: list[tuple[datetime, int, Callable[[datetime], bool]]] = []
        self._tasks: dict[str, list[Mapping[str, Any]]] = {}
        self._mirrored: dict[str, str] = {}
        self._seen: set[str] = set()
        for prospect in prospects:
            self._plan(prospect.visits[0].at, partial(self._arrive, prospect))
        for rep in reps:
            self._return(rep, clock(), late=True)
            if rep.leaves_at is not None:
                self._plan(rep.leaves_at, partial(self._leave, rep))

    # --- time ---------------------------------------------------------------------------------------------------------------

    @property
    def next_at(self) -> datetime | None:
        """When the next thing happens; None: nothing ever does."""
        return self._heap[0][0] if self._heap else None

    def step(self) -> bool:
        """Makes it happen. Whether it is something that reps hear of within seconds, as of a form; the rest is seen at the next tick."""
        at, _, act = heapq.heappop(self._heap)
        return act(max(at, self._clock()))

    def _plan(self, at: datetime, act: Callable[[datetime], bool]) -> None:
        heapq.heappush(self._heap, (at, next(self._order), act))

    # --- prospects ----------------------------------------------------------------------------------------------------------

    def _arrive(self, prospect: Prospect, at: datetime) -> bool:
        details = {key: value for key, value in prospect.person.items() if key not in ("email", "created_at")}
        self._happen({"email": prospect.email, "type": "new_person", "person": details}, everywhere=False)
        self.arrived += 1
        for visit in prospect.visits:
            self._plan(max(visit.at, at), partial(self._visit, prospect, visit))
        return False

    def _visit(self, prospect: Prospect, visit: Visit, at: datetime) -> bool:
        self._happen({"email": prospect.email, "type": visit.kind, "name": visit.what})
        return visit.kind == FORM

    def _mail(self, prospect: Prospect, rep: Rep, subject: str, at: datetime) -> None:
        """What an e-mail to somebody leads to."""
        expected, rng = self.assumed.prospects, self._rng
        prospect.mails += 1
        if prospect.bounces:
            if prospect.mails == 1:
                self._plan(
                    at + _MINUTE, lambda now: self._happen({"email": prospect.email, "type": "email_bounce", "name": "UNKNOWN_USER"})
                )
            return
        if prospect.done:
            return
        if "break-up" in subject.lower() and rng.random() < expected.break_up_digit:
            self._answer(prospect, rep, rng.choice(("1", "2", "3")), at, ANSWERED_DIGIT)
        elif rng.random() < expected.replies:
            wants = rng.random() < expected.reply_interested
            text = (
                "Yes, let us talk. When does it suit you?"
                if wants
                else "Thank you. We are looking at several suppliers and will come back to you."
            )
            self._answer(prospect, rep, text, at, "" if not wants else "wants")
        elif rng.random() < expected.out_of_office:
            gone = {
                "email": prospect.email,
                "type": "email_received",
                "name": f"Automatic reply: {subject}",
                "by": rep.email,
                "text": out_of_office_text(rng, at),
            }
            self._plan(at + _MINUTE, lambda now: self._happen(gone))
        elif rng.random() < expected.opts_out:
            prospect.done = OPTED_OUT
            self._plan(at + rng.expovariate(1 / 3) * _HOUR, lambda now: self._happen({"email": prospect.email, "type": "unsubscribe"}))

    def _answer(self, prospect: Prospect, rep: Rep, text: str, at: datetime, meaning: str) -> None:
        when = at + max(0.05, self._rng.expovariate(1 / 5)) * _HOUR
        if not _EARLIEST <= when.hour < _LATEST:
            when = (when + timedelta(days=when.hour >= _LATEST)).replace(hour=_EARLIEST, minute=self._rng.randrange(60))
        row = {"email": prospect.email, "type": "email_received", "name": "Re: your message", "text": text, "by": rep.email}

        def arrives(now: datetime) -> bool:
            if meaning == ANSWERED_DIGIT:
                prospect.done = prospect.done or meaning
            elif meaning == "wants" and not prospect.done:
                owner = self.reps.get(self.simulators[self.home].desk.owners().get(prospect.email.lower(), ""), rep)
                owner.inbox.append(prospect.email.lower())
            return self._happen(row)

        self._plan(when, arrives)

    def _happen(self, event: Mapping[str, Any], *, everywhere: bool = False) -> bool:
        """Seen by the first CRM that takes it: the one that marketing uses."""
        self.stirred = True
        for one in self.simulators.values():
            if one.happen(event) and not everywhere:
                break
        return False

    # --- reps ---------------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """What the CRMs show now: each rep's open tasks. A new one of high priority is noticed within minutes."""
        mine: dict[str, list[Mapping[str, Any]]] = {}
        for task in self.simulators[self.home].desk.open_tasks():
            mine.setdefault(task["owner"], []).append(task)
            if task["priority"] == "high" and task["id"] not in self._seen:
                rep = self.reps.get(task["owner"])
                if rep is not None:
                    notices = rep.rng.uniform(0.3, 1.7) * rep.persona.reacts_in
                    self._plan(self._clock() + notices * _MINUTE, partial(self._turn, rep))
            self._seen.add(task["id"])
        self._tasks = mine
        if self._other != self.home:
            self._mirrored = {task["key"]: task["id"] for task in self.simulators[self._other].desk.open_tasks() if task["key"]}

    def open_tasks(self) -> dict[str, int]:
        """E-mail address of each rep -> open tasks, as last looked at."""
        return {email: len(self._tasks.get(email, ())) for email in self.reps}

    def _return(self, rep: Rep, at: datetime, *, late: bool = False) -> None:
        """The next look at the task list, within working time."""
        found = rep.next_work(at)
        if found is None:
            return
        if late or found - at > _HOUR:
            found += rep.rng.uniform(0, self.assumed.work.late_start) * _MINUTE
        rep.turn += 1
        turn = rep.turn
        self._plan(found, lambda now: rep.turn == turn and self._turn(rep, now))

    def _turn(self, rep: Rep, at: datetime) -> bool:
        """A look at the task list: takes up the next task, or looks again later."""
        if rep.busy_until is not None and at < rep.busy_until:
            return False
        begins = rep.next_work(at)
        if begins != at:
            self._return(rep, at)
            return False
        minutes, local = self.assumed.work.minutes, at.astimezone(zone_of(rep.zone))
        slow = rep.slowness(local.hour) * rep.rng.uniform(0.6, 1.5)
        if rep.inbox:
            person = rep.inbox.pop(0)
            self._occupy(rep, at, minutes.answer * slow, lambda now: self._accept(rep, person, now))
            return False
        task = rep.choose(self._tasks.get(rep.email, ()), at, local.date())
        if task is None:
            self._return(rep, at + rep.persona.looks_every * rep.rng.uniform(0.5, 1.5) * _MINUTE)
            return False
        takes = {"call": minutes.call, "email": minutes.email}.get(task["channel"], minutes.other) * slow
        self._occupy(rep, at, takes, lambda now: self._work(rep, task, now))
        return False

    def _occupy(self, rep: Rep, at: datetime, minutes: float, act: Callable[[datetime], None]) -> None:
        rep.busy_until = at + minutes * _MINUTE
        self.spent.append((at, minutes))
        other = self.assumed.work.other_work
        rest = minutes * other / (1 - other) * rep.rng.expovariate(1.0)

        def finish(now: datetime) -> bool:
            rep.busy_until = None
            if rep.leaves_at is None or now < rep.leaves_at:
                act(now)
                self._return(rep, now + rest * _MINUTE)
            return False

        self._plan(rep.busy_until, finish)

    def _work(self, rep: Rep, task: Mapping[str, Any], at: datetime) -> None:
        """Does what a task asks for, and notes it in a CRM."""
        self.stirred = True
        rep.handled.add(task["id"])
        person = str(task["person"]).lower()
        prospect, rng = self.prospects.get(person), rep.rng
        subject = str(task["subject"])
        if not self._complete(rep, task, at):
            return  # taken back, or a colleague was faster
        if prospect is None:
            return
        if "reason" in subject.split(":")[0].lower():
            self._fill(rep, person, {REASON: rng.choice(NO_FIT)}, at)
            return
        if prospect.done or not task["key"]:
            return
        made = prospect.touches[rep.email] = prospect.touches.get(rep.email, 0) + 1
        if task["channel"] == "call":
            self._call(rep, prospect, at)
        elif task["channel"] == "email":
            self._mail(prospect, rep, subject, at)
        after = rep.persona.gives_up_after
        if after and made >= after and not prospect.reached and not prospect.done:
            prospect.touches[rep.email] = -after  # not asked again before as many more
            self._fill(rep, person, {DISPOSITION: "rejected", REASON: "no_response"}, at)
            self._note(rep, "rejected", person, at)

    def _complete(self, rep: Rep, task: Mapping[str, Any], at: datetime) -> bool:
        crm, id = self.home, task["id"]
        mirrored = self._mirrored.get(task["key"]) if task["key"] else None
        if mirrored is not None and rep.rng.random() < rep.persona.other_crm:
            crm, id = self._other, mirrored
        done = self.simulators[crm].desk.complete(id, by=rep.email)
        if done:
            self._note(rep, TASK_DONE, str(task["person"]).lower(), at, crm=crm, key=task["key"])
        return done

    def _call(self, rep: Rep, prospect: Prospect, at: datetime) -> None:
        rng, expected = rep.rng, self.assumed.prospects
        first = sum(abs(count) for count in prospect.touches.values()) <= 1
        through = rng.random() < chance_to_connect(prospect, first, at, expected)
        if through or rng.random() < rep.persona.logs_calls:
            self._log(rep, prospect, "connected" if through else rng.choice(("no_answer", "left_voicemail")), at)
        if not through:
            return
        prospect.reached = True
        lot = rng.random()
        if lot < expected.interested:
            self._accept(rep, prospect.email.lower(), at)
        elif lot < expected.interested + expected.bad_fit:
            prospect.done = NO_FIT_MARK
            reason = {} if rng.random() < rep.persona.without_reason else {REASON: rng.choice(NO_FIT)}
            self._fill(rep, prospect.email, {DISPOSITION: "rejected", **reason}, at)
            self._note(rep, "rejected", prospect.email.lower(), at)

    def _log(self, rep: Rep, prospect: Prospect, outcome: str, at: datetime) -> None:
        event = {"email": prospect.email, "type": "call_logged", "by": rep.email, "name": "Call", "outcome": outcome}
        if self.simulators[self.home].happen(event):
            self._note(rep, "call", prospect.email.lower(), at)

    def _accept(self, rep: Rep, person: str, at: datetime) -> None:
        """Somebody wants to talk: they are accepted, and a meeting is booked."""
        prospect = self.prospects[person]
        if prospect.done:
            return
        prospect.done, prospect.reached, self.stirred = ACCEPTED, True, True
        self._fill(rep, person, {DISPOSITION: "accepted"}, at)
        self._note(rep, "accepted", person, at)
        begins = rep.next_work(at + rep.rng.uniform(20, 90) * _HOUR)
        if begins is None:
            return
        row = {"email": prospect.email, "type": "meeting_booked", "by": rep.email, "name": "First meeting", "start": begins}
        if self.simulators[self.home].happen(row):
            self._note(rep, "meeting", person, at)
            self._plan(begins + 40 * _MINUTE, lambda now: self._held(rep, person))

    def _held(self, rep: Rep, person: str) -> bool:
        if rep.leaves_at is None or self._clock() < rep.leaves_at:
            for one in self.simulators.values():
                self.stirred = one.desk.held(person, by=rep.email) or self.stirred
        return False

    def _fill(self, rep: Rep, person: str, values: Mapping[str, Any], at: datetime) -> None:
        self.stirred = True
        self.simulators[self.home].desk.fill(person, values, by=rep.email)

    def _leave(self, rep: Rep, at: datetime) -> bool:
        self.stirred = True
        for one in self.simulators.values():
            one.desk.leave(rep.email)
        return False

    def _note(self, rep: Rep, what: str, person: str, at: datetime, *, crm: str = "", key: str = "") -> None:
        self.deeds.append(Deed(at=at, rep=rep.email, what=what, person=person, crm=crm or self.home, key=key))
