"""Asks DNS and the verification provider what is not known of contact data, a bounded number of questions at a time, while nobody waits for it.

`step` runs between cycles: it takes in what was answered since, and hands new questions to a few threads. Persons who were decided with another
answer than there is now become due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog

from crmsync.connect.verify import MailDomains, Provider, ProviderBusyError, Word
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.gate import address_of
from crmsync.engine.gate import NO, YES
from crmsync.model.process import GateRules
from crmsync.store import ADDRESS, DOMAIN, NOTES, Answer, Store

if TYPE_CHECKING:
    from crmsync.engine.world import World

log = structlog.get_logger(__name__)

THREADS = {DOMAIN: 8, ADDRESS: 4}
WOKEN_AT_ONCE = 1_000
"""Persons who become due by one step: an answer about a large mail service concerns many, and their writes must not hold up anybody else."""
LOOKED_AT = 1_000
"""Persons looked at for what to ask: many have the same domain."""
NEGATIVE_DAYS = 7.0
"""How long a bad answer is believed at most: domains and mailboxes come back."""
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=15), timedelta(days=1)
FIRST_BACKOFF, LONGEST_BACKOFF = timedelta(minutes=1), timedelta(hours=1)
ODD = timedelta(days=1)
"""When a person whose records no longer show what was noted is looked at again; deciding about them notes it anew."""

Question = tuple[str, str]
"""Kind, and the domain or address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """A question that was not answered, and why. own: it is the domain's own fault, others are answered."""

    note: str
    own: bool = False
    retry_after: float | None = None
    refused: bool = False


class Verifier:
    """Lives as long as the process; `step` and `close` belong to the thread that runs cycles. domains, provider: None for what is not asked."""

    def __init__(self, *, domains: MailDomains | None, provider: Provider | None, rules: GateRules) -> None:
        self._domains, self._provider, self._rules = domains, provider, rules
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[Question, Future[Answer | _Failed]] = {}
        self._control: dict[str, bool] = {}
        self._lock = Lock()

    def step(self, world: World, now: datetime, *, wait: float = 0.0, ask: bool = True) -> int:
        """Takes in answers, asks what is due (unless told not to), and waits for at most that many seconds for it; returns how many persons are due
        because of an answer. Raises what the store raises."""
        self._take(world.store, now)
        if ask:
            self._ask(world, now)
        if wait > 0 and self._running:
            wait_for(self._running.values(), timeout=wait)
            self._take(world.store, now)
        return _wake(world.store, now)

    def close(self) -> None:
        """Drops what was not asked yet; does not wait for what was."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        self._running.clear()

    # --- asking ---------------------------------------------------------------------------------------------------------------

    def _ask(self, world: World, now: datetime) -> None:
        provider = self._rules.provider
        control = _control_of(world)
        with self._lock:
            self._control.clear()
        if self._domains is not None:
            self._submit(world, DOMAIN, self._rules.mx_per_run, now, lambda text: self._look_up(text, control, now))
        if self._provider is not None and provider is not None:
            self._submit(world, ADDRESS, provider.per_run, now, lambda text: self._inquire(text, provider.days, now))

    def _submit(self, world: World, kind: str, most: int, now: datetime, ask: Callable[[str], Answer | _Failed]) -> None:
        store = world.store
        room = most - sum(1 for running, _ in self._running if running == kind)
        if room <= 0 or _resting(store, kind, now):
            return
        people = store.answers.due(kind, now, max(LOOKED_AT, room))
        if not people:
            return
        held = _held(store, people, kind)
        texts = store.answers.asked(kind, held)
        odd = [person for person in people if person not in texts]
        if odd:
            store.answers.postpone(kind, odd, now + ODD)
        wanted = [text for text in dict.fromkeys(texts.values()) if (kind, text) not in self._running]
        known = store.answers.known((kind, text) for text in wanted)
        fresh = {text: answer for text in wanted if (answer := known.get((kind, text))) is not None and answer.until > now}
        if fresh:
            store.answers.save(kind, fresh)
        pool = self._pools.setdefault(kind, ThreadPoolExecutor(THREADS[kind], thread_name_prefix=f"verify-{kind}"))
        for text in [text for text in wanted if text not in fresh][:room]:
            self._running[kind, text] = pool.submit(ask, text)

    def _look_up(self, domain: str, control: str | None, now: datetime) -> Answer | _Failed:
        """In a thread. A "no" counts only while DNS says yes about the control domain: a name server that knows nobody must not condemn everybody."""
        assert self._domains is not None
        found = self._domains.takes_mail(domain)
        if found is None:
            return _Failed(note="no answer from DNS", own=control is not None and self._trusted(control))
        if not found and control is not None and domain != control and not self._trusted(control):
            return _Failed(note=f"DNS is not believed: it says that {control}, where your own users are, takes no mail", refused=True)
        days = self._rules.mx_days if found else min(self._rules.mx_days, NEGATIVE_DAYS)
        return Answer(word=YES if found else NO, asked_at=now, until=now + timedelta(days=days))

    def _trusted(self, control: str) -> bool:
        assert self._domains is not None
        with self._lock:
            if control not in self._control:
                self._control[control] = self._domains.takes_mail(control) is True
            return self._control[control]

    def _inquire(self, address: str, days: float, now: datetime) -> Answer | _Failed:
        """In a thread."""
        assert self._provider is not None
        try:
            word: Word = self._provider.ask(address)
        except ProviderBusyError as error:
            return _Failed(note=f"the verification provider {error}", retry_after=error.retry_after, refused=error.refused)
        believed = days if word.quality in ("verified", "risky") else min(days, NEGATIVE_DAYS)
        return Answer(word=word.quality, asked_at=now, until=now + timedelta(days=believed), data=word.found)

    # --- answers --------------------------------------------------------------------------------------------------------------

    def _take(self, store: Store, now: datetime) -> None:
        done = {question: future for question, future in self._running.items() if future.done()}
        for kind in sorted({kind for kind, _ in done}):
            results = {text: future.result() for (k, text), future in done.items() if k == kind and not future.cancelled()}
            self._store(store, kind, results, now)
        for question in done:
            del self._running[question]

    def _store(self, store: Store, kind: str, results: Mapping[str, Answer | _Failed], now: datetime) -> None:
        answers = {text: result for text, result in results.items() if isinstance(result, Answer)}
        failed = {text: result for text, result in results.items() if isinstance(result, _Failed)}
        with store.begin():
            # Where others are answered, it is the silent domain's own fault; else nobody's word is kept and all is asked again later.
            own = {text: one for text, one in failed.items() if one.own or (kind == DOMAIN and answers and not one.refused)}
            answers |= _tried(store, own, now)
            failed = {text: one for text, one in failed.items() if text not in own}
            store.answers.save(kind, answers)
            _note(store, kind, failed.values(), bool(answers), now)
        if failed:
            for question, future in self._running.items():
                if question[0] == kind:
                    future.cancel()  # it would fail, too; it is still due


def _tried(store: Store, failed: Mapping[str, _Failed], now: datetime) -> dict[str, Answer]:
    """What is remembered of domains about which nothing could be told: the earlier answer, and when to try again."""
    known = store.answers.known((DOMAIN, text) for text in failed)
    found: dict[str, Answer] = {}
    for text in failed:
        before = known.get((DOMAIN, text)) or Answer(word=None, asked_at=now, until=now)
        later = now + min(FIRST_RETRY * 2 ** min(before.tries, 10), LONGEST_RETRY)
        found[text] = replace(before, asked_at=now, until=later, tries=min(before.tries + 1, 100))
    return found


def _note(store: Store, kind: str, failed: Iterable[_Failed], answered: bool, now: datetime) -> None:
    notes: dict[str, Any] = store.get(NOTES) or {}
    worst = max(failed, key=lambda one: (one.refused, one.retry_after or 0.0), default=None)
    if worst is None:
        if answered and kind in notes:
            store.put(NOTES, {name: note for name, note in notes.items() if name != kind})
        return
    failures = int(notes.get(kind, {}).get("failures", 0)) + 1
    pause = LONGEST_BACKOFF if worst.refused else min(FIRST_BACKOFF * 2 ** min(failures - 1, 10), LONGEST_BACKOFF)
    pause = max(pause, timedelta(seconds=worst.retry_after or 0.0))
    store.put(NOTES, {**notes, kind: {"note": worst.note, "until": stamp(now + pause), "failures": failures}})
    log.warning("contact data is not verified", kind=kind, reason=worst.note, seconds=pause.total_seconds())


def _resting(store: Store, kind: str, now: datetime) -> bool:
    until = moment((store.get(NOTES) or {}).get(kind, {}).get("until"))
    return until is not None and until > now


def _held(store: Store, people: list[str], kind: str) -> dict[str, list[str]]:
    """person -> domains or addresses of all their records."""
    found: dict[str, list[str]] = {}
    for person, records in store.snapshots_of(people).items():
        addresses = [address for record in records if (address := address_of(record.fields.get("email"))) is not None]
        found[person] = [one.domain if kind == DOMAIN else one.text for one in addresses if not one.problem]
    return found


def _control_of(world: World) -> str | None:
    """The domain that most of the CRMs' users have: if any takes mail, that one does. None where no user has an address."""
    domains = [address.domain for user in world.people if (address := address_of(user.email)) is not None and not address.problem]
    return max(sorted(set(domains)), key=domains.count, default=None)


def _wake(store: Store, now: datetime) -> int:
    people = store.answers.stale(WOKEN_AT_ONCE)
    if not people:
        return 0
    with store.begin():
        states = store.persons(people)
        store.save_persons([replace(state, next_due_at=now) for state in states.values()])
        store.answers.settled(people)
        store.answers.drop([person for person in people if person not in states])
    return len(states)
