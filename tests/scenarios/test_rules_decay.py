"""F68: people fall silent and their scores decay day by day. By S11 a score is written when it crosses a threshold or a band, and never because a night has passed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from crmsync.decide.condition import lists_of
from crmsync.decide.frame import frame_of, micros
from crmsync.decide.outputs import score_fields, settle_score, shown_total
from crmsync.decide.score import Subject, conditions_of, rules_of, score_all, score_base, thresholds
from crmsync.engine.cycle import cycle
from crmsync.model.link import Signal, SignalSource
from crmsync.model.process import AccountRule
from crmsync.model.rules import Playbook
from crmsync.service.signals import take, used_signals
from scenarios.world import START, Both, shipped_playbook

NIGHTS = 60
DAY = timedelta(days=1)
TITLE = "Director of Sales"
ACCOUNT = AccountRule(share=0.1, max_points=20.0)


def band(total: float, playbook: Playbook, segment: str = "") -> int:
    """Between which thresholds and bands a total lies."""
    return sum(total >= level for level in thresholds(rules_of(playbook, segment)))


def signals(told: Sequence[tuple[float, str]]) -> list[Signal]:
    """told: days before START, type."""
    return [Signal(event_id=str(n), type=kind, at=START - DAY * days, source=SignalSource.API) for n, (days, kind) in enumerate(told)]


def test_f68_s11_decay_alone_writes_only_crossings() -> None:
    """Sixty persons, sixty nights: who is due is looked at as the engine does it. Every score that is written has crossed, every crossing is written."""
    playbook = shipped_playbook()
    lists = lists_of(playbook)
    kinds = sorted({name for rule in playbook.score.behavior for name in rule.signals})
    dice = random.Random(68)
    people = [
        Subject(
            facts={"title": dice.choice((None, "CEO", "Head of Sales", "Clerk"))},
            signals=signals([(dice.uniform(0, 90), dice.choice(kinds)) for _ in range(dice.randint(1, 12))]),
            now=START,
        )
        for _ in range(60)
    ]
    everybody = frame_of(people, conditions_of(playbook))
    verdicts = score_all(people, playbook, lists)
    shown = [score_fields(verdict, rules_of(playbook, verdict.segment)) for verdict in verdicts]
    due = [verdict.next_due_at for verdict in verdicts]
    bands = [band(verdict.total, playbook, verdict.segment) for verdict in verdicts]
    written: Counter[int] = Counter()
    crossed: Counter[int] = Counter()
    stale = 0
    for night in range(1, NIGHTS + 1):
        now = START + DAY * night
        looked = [n for n, at in enumerate(due) if at is not None and at <= now]
        for n, verdict in zip(looked, score_all([replace(people[n], now=now) for n in looked], playbook, lists), strict=True):
            rules = rules_of(playbook, verdict.segment)
            wanted = settle_score(shown[n], score_fields(verdict, rules), rules)
            written[n] += wanted != shown[n]
            shown[n], due[n] = wanted, verdict.next_due_at
        truth = score_base(everybody, playbook, lists, micros(now))
        for n, total in enumerate(truth.total.tolist()):
            segment = playbook.segments[truth.segment[n]].name if truth.segment[n] >= 0 else ""
            where = band(total, playbook, segment)
            crossed[n] += where != bands[n]
            bands[n] = where
            stale += abs(total - float(shown[n]["crmsync_score"] or 0)) >= 1
    assert written == crossed
    assert written.total() > 40
    assert stale > 10 * written.total(), "decay moved far more scores than it wrote"


PEOPLE: Mapping[str, Sequence[tuple[float, str]]] = {
    "ann@acme.example": [(1, "demo_request"), (2, "webinar_attended"), (1, "pricing_page_view"), (2, "pricing_page_view")],
    "bob@globex.example": [(0.5, "webinar_attended"), (3, "case_study_view")],
    "cat@initech.example": [(1, "demo_request"), (25, "trial_start"), (4, "pricing_page_view"), (5, "content_download")],
    "dan@umbrella.example": [(20, "blog_read")],
    "eve@hooli.example": [],
}
COLLEAGUES: Mapping[str, Sequence[tuple[float, str]]] = {
    "fay@big.example": [(1, "demo_request"), (3, "case_study_view")],
    "gus@big.example": [(9, "webinar_attended"), (2, "pricing_page_view"), (1, "pricing_page_view")],
    "hal@big.example": [(16, "trial_start"), (12, "content_download")],
}
"""What one of them does counts for the others (S7), and so would its decay."""


def test_f68_s11_sixty_silent_days_through_both_crms(monkeypatch: pytest.MonkeyPatch) -> None:
    """S2 and S11 with the whole engine and both CRMs: a day on which nobody crosses costs no call, another one a look and an update in each CRM."""
    monkeypatch.setattr("crmsync.engine.cycle.BELIEVED_SECONDS", 1e9)  # schemas and users are not what is counted, nor are sweeps
    with Both(kinds=()) as both:
        # Tracks have clocks of their own.
        both.restart(playbook=lambda shipped: replace(shipped, score=replace(shipped.score, account=ACCOUNT), tracks=(), sweep_hours=0.0))
        everybody = {**PEOPLE, **COLLEAGUES}
        ids = {
            email: str(both.hs.create("contacts", {"email": email, "lastname": email[:3], "company": email[4:], "jobtitle": TITLE}))
            for email in everybody
        }
        both.settle()
        told = [
            {"email": email, "type": kind, "at": (START - DAY * days).isoformat(), "id": f"{email}{n}"}
            for email, did in everybody.items()
            for n, (days, kind) in enumerate(did)
        ]
        assert take(both.store, orjson.dumps(told), both.time(), used_signals(both.playbook))["new"] == len(told)
        both.settle()
        both.settle()

        def scores() -> dict[str, float]:
            return {email: float(both.hs.get("contacts", id)["crmsync_score"]) for email, id in ids.items()}

        lists = lists_of(both.playbook)
        people = [Subject(facts={"title": TITLE}, signals=signals(did), now=both.time()) for did in PEOPLE.values()]
        assert any("colleagues" in both.contact(email)["crmsync_score_reasons"] for email in COLLEAGUES)
        before = {email: band(v.total, both.playbook) for email, v in zip(PEOPLE, score_all(people, both.playbook, lists), strict=True)}
        shown, busy = scores(), 0
        for _ in range(NIGHTS):
            both.mark()
            was = shown
            now = both.time.advance(days=1)
            cycle(both.world, now, everything=False, sparing=True, only={})
            verdicts = dict(zip(PEOPLE, score_all([replace(one, now=now) for one in people], both.playbook, lists), strict=True))
            bands = {email: band(v.total, both.playbook) for email, v in verdicts.items()}
            crossed = {email for email in PEOPLE if bands[email] != before[email]}
            before = bands
            written = {str(both.hs.get("contacts", w.id)["email"]) for w in both.written("hubspot")}
            assert {str(both.sf.get("Lead", w.id)["Email"]) for w in both.written("salesforce")} == written
            assert written & PEOPLE.keys() == crossed
            shown = scores()
            assert written == {e for e in everybody if band(was[e], both.playbook) != band(shown[e], both.playbook)}
            assert both.calls() == ({"hubspot": 2, "salesforce": 2} if written else {"hubspot": 0, "salesforce": 0})
            for email in crossed:
                assert shown[email] == both.lead(email)["crmsync_score__c"] == shown_total(verdicts[email].total, both.playbook.score)
            busy += bool(written)
        assert 8 <= busy <= NIGHTS / 3
        assert shown["eve@hooli.example"] == 25, "who did nothing does not decay"
        # Our own writes come back with the next poll, and nothing follows from them.
        both.settle()
        both.assert_settled()
