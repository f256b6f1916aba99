"""S1-S8, S10 and S12 end to end: what happened to people in HubSpot, and what both CRMs show of it. S11: test_rules_decay; S9 is the linter's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from crmsync.model.condition import Test
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules, Segment
from crmsync.model.rules import Playbook
from crmsync.service.signals import take, used_signals
from scenarios.world import Both

PARTNERS = Segment(
    name="partners",
    when=Test(field="title", op="contains", value="partner"),
    score=ScoreRules(behavior=(BehaviorRule(name="Partner talk", points=7, signals=("webinar_attended",)),)),
)
BUDGET = FitRule(name="Has a budget", points=20, when=Test(field="crmsync_budget", op="filled"))
Told = Sequence[tuple[float, str]]


def changed(shipped: Playbook) -> Playbook:
    """With a segment, and a rule on an answer."""
    return replace(shipped, segments=(PARTNERS,), score=replace(shipped.score, fit=(*shipped.score.fit, BUDGET)), tracks=())


def enter(both: Both, people: Mapping[str, Mapping[str, Any]]) -> None:
    for email, more in people.items():
        both.hs.create("contacts", {"email": email, "lastname": email[:3], **more})
    both.settle()


def tell(both: Both, told: Mapping[str, Told], name: str = "") -> int:
    """Days ago and type of what each did; how many of these were news."""
    now = both.time()
    rows = [
        {"email": email, "type": kind, "at": (now - timedelta(days=days)).isoformat(), "id": f"{name}{email}{n}"}
        for email, did in told.items()
        for n, (days, kind) in enumerate(did)
    ]
    news = take(both.store, orjson.dumps(rows), now, used_signals(both.playbook))["new"]
    both.settle()
    return int(news)


def scores(both: Both, email: str) -> tuple[int, int, int]:
    """Total, fit and behaviour as both CRMs show them."""
    contact, lead = both.contact(email), both.lead(email)
    names = ("crmsync_score", "crmsync_fit_score", "crmsync_behavior_score")
    shown = tuple(int(float(contact[name])) for name in names)
    assert shown == tuple(int(lead[f"{name}__c"]) for name in names), email
    assert (contact.get("crmsync_score_reasons") or "") == (lead.get("crmsync_score_reasons__c") or ""), email
    return shown[0], shown[1], shown[2]


def test_s1_s2_s3_s5_s7_s8_s10_what_people_are_and_did_is_scored_in_both_crms() -> None:
    with Both(kinds=()) as both:
        both.restart(playbook=changed)
        people: dict[str, dict[str, str]] = {f"{name}@{name}.example": {} for name in ("bob", "cid")}
        people |= {"ann@gmail.com": {"jobtitle": "CEO"}, "dan@dan.example": {"jobtitle": "Partner manager"}}
        people |= {"eve@big.example": {}, "fay@big.example": {}, "gus@gus.example": {"crmsync_budget": "approved"}}
        enter(both, people)
        told: dict[str, Told] = {
            "bob@bob.example": [(90, "webinar_attended")],
            "cid@cid.example": [*((0, "blog_read") for _ in range(5)), *((days, "product_page_view") for days in (6, 4, 2, 0))],
            "dan@dan.example": [(0, "webinar_attended"), (0, "trial_start")],
            "eve@big.example": [(0, "webinar_attended")],
            "fay@big.example": [(0, "webinar_attended"), (0, "case_study_view")],
        }
        assert tell(both, told) == sum(map(len, told.values()))
        # S1: of the seniority group one rule, and a free address costs.
        assert scores(both, "ann@gmail.com") == (15, 15, 0)
        # S2: 20 points with a half-life of 60 days, 90 days idle, and 10 less for that: 20 * 0.5 ** 1.5 * 0.75 ** 3 - 10.
        assert scores(both, "bob@bob.example") == (-7, 0, -7)
        # S3: three reads count of five; of four product pages three within a week are one hit, two days old: 15 + 15 * 0.5 ** (2 / 30).
        assert scores(both, "cid@cid.example") == (29, 0, 29)
        # S5: partners have a model of their own.
        assert scores(both, "dan@dan.example") == (7, 0, 7)
        # S7: a tenth of what the other gained.
        assert scores(both, "eve@big.example") == (24, 0, 24)
        assert scores(both, "fay@big.example") == (42, 0, 42)
        # S10: an answer of a framework is a fact for rules.
        assert scores(both, "gus@gus.example") == (20, 20, 0)
        # S8: every point is explained.
        reasons = {email: str(both.contact(email).get("crmsync_score_reasons")).split("\n") for email in people}
        assert reasons["ann@gmail.com"] == ["+30 C-level title", "-15 Personal e-mail address"]
        assert reasons["bob@bob.example"] == ["-10 inactive", "+3 Consideration"]
        assert reasons["dan@dan.example"] == ["+7 Partner talk"]
        assert reasons["eve@big.example"] == ["+20 Consideration", "+4 colleagues"]
        both.assert_settled()


def test_s4_s6_s12_f70_people_qualify_once_and_events_count_once() -> None:
    with Both(kinds=()) as both:
        both.restart(playbook=changed)
        enter(both, {email: {} for email in ("hal@hal.example", "ian@gmail.com", "jon@jon.example", "joe@joe.example")})
        told: dict[str, Told] = {
            "hal@hal.example": [(0, "trial_start"), (0, "webinar_attended")],
            "ian@gmail.com": [(0, "demo_request")],
            "jon@jon.example": [(0, "webinar_attended"), (1, "webinar_attended")],
            "joe@joe.example": [(2, "case_study_view"), (3, "case_study_view")],
        }
        assert tell(both, told) == 7
        before = {email: scores(both, email) for email in told}
        # S12: the same events delivered again are no news and count no more.
        both.mark()
        assert tell(both, told) == 0
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        # S4: 65 points reach the threshold. S6: 30 do not, but who asks for a demo is qualified at once.
        assert before["hal@hal.example"] == (65, 0, 65)
        assert before["ian@gmail.com"] == (30, -15, 45)
        assert both.contact("hal@hal.example")["crmsync_trigger"] == "score 64 ≥ 50"  # fifteen seconds have passed
        assert str(both.contact("ian@gmail.com")["crmsync_trigger"]).startswith("demo_request")
        assert not both.contact("jon@jon.example").get("crmsync_mql_at")
        first = {email: both.contact(email)["crmsync_mql_at"] for email in ("hal@hal.example", "ian@gmail.com")}
        assert all(first.values())
        # S12: of a merge the union of the events is scored: four of which three count, not twice forty.
        ids = [both.contact(email)["id"] for email in ("jon@jon.example", "joe@joe.example")]
        both.hs.merge("contacts", ids[0], ids[1:])
        both.settle()
        (merged,) = [row for row in both.hs.all("contacts") if row["lastname"] in ("jon", "joe")]
        assert 58 <= float(merged["crmsync_score"]) <= 60
        # S4: after 25 days the score is below 50, a visit lifts it over 50 again: nobody is qualified a second time.
        both.time.advance(days=25)
        both.settle()
        assert scores(both, "hal@hal.example")[0] < 50
        assert tell(both, {"hal@hal.example": [(0, "pricing_page_view")]}, "later") == 1
        assert scores(both, "hal@hal.example")[0] >= 50
        assert {email: both.contact(email)["crmsync_mql_at"] for email in first} == first
