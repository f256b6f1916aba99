"""`routing` and `working_hours` of playbook.yaml: what they build, every mistake where it stands, and what lint and the check of users say of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crmsync.decide.asked import asked_of
from crmsync.model.absence import Away
from crmsync.model.condition import Test
from crmsync.model.record import User
from crmsync.model.routing import AccountRule, Member
from crmsync.model.rules import Playbook
from crmsync.playbook.check_people import check_people
from crmsync.playbook.fingerprint import of_decisions
from crmsync.playbook.lint import lint
from crmsync.playbook.load import load_files, shipped_paths
from playbook.saying import expect_mistake, loaded

FILE = "mappings/playbook.yaml"
TYPES = "types: [{type: browser}]\n"
BOOK = """
routing:
  pool: everybody
  members: [Ann@x.example, {rep: bob@x.example, weight: 2, per_day: 10, open_leads: 40}]
  exclude: [Eve@x.example]
  fallback: Boss@x.example
  select: weighted
  per_day: 20
  pools:
    closers: {members: [cid@x.example], select: best_conversion}
    east: {teams: {hubspot: [East, 77]}}
  hot: closers
  rules:
    - {name: account, account: {by: [domain], similar: 95}}
    - {name: key, when: {field: email, domain_in: target}, owner: Key@x.example}
    - {name: east, when: {field: postal_code, between: ["10000", "19999"]}, pool: east}
  queue_within: 1 working day
  reassign_after:
  reassign_at_breach: true
  outside_hours: assign
working_hours:
  start: "08:00"
  end: "18:00"
  time_zone: Europe/Berlin
  country: DE
  region: BY
  away_fields: {salesforce: {from: Out_From__c, until: Out_Until__c}, hubspot: {cover: deputy}}
  people:
    Ann@x.example:
      time_zone: America/New_York
      country: US
      away:
        - {from: 2026-12-20, to: 2027-01-03, cover: Bob@x.example}
        - {from: "2026-03-02T13:00", to: "2026-03-02T20:00Z"}
      calendar: ann_calendar
    bob@x.example: {region: BE, calendar: "https://calendars.example/bob.ics", away: [{from: 2026-05-01, to: 2026-05-01}]}
"""


def test_r1_r2_r4_pools_and_rules_are_built(tmp_path: Path) -> None:
    made = loaded(tmp_path, FILE, BOOK + TYPES).routing
    assert (made.pool, set(made.pools), made.hot, made.fallback) == (
        "everybody",
        {"everybody", "closers", "east"},
        "closers",
        "boss@x.example",
    )
    assert made.default.members == (Member(rep="ann@x.example"), Member(rep="bob@x.example", weight=2, per_day=10, open_leads=40))
    assert (made.default.exclude, made.default.select, made.default.per_day) == ({"eve@x.example"}, "weighted", 20)
    assert made.named("east").teams == {"hubspot": ("East", "77")}
    account, key, east = made.rules
    assert account.account == AccountRule(by=("domain",), similar=95)
    assert (key.owner, key.when) == ("key@x.example", Test(field="email", op="domain_in", value="target"))
    assert (east.pool, east.when) == ("east", Test(field="postal_code", op="between", value=("10000", "19999")))
    assert east.where == f"{FILE}:{BOOK[: BOOK.index('- {name: east')].count(chr(10)) + 1}"
    assert (made.queue_minutes, made.queue_working_time, made.reassign_minutes) == (600, True, None)
    assert (made.reassign_at_breach, made.outside_hours) == (True, "assign")


def test_r3_hours_holidays_and_absences_are_built(tmp_path: Path) -> None:
    hours = loaded(tmp_path, FILE, BOOK + TYPES).hours
    assert (hours.country, hours.region) == ("DE", "BY")
    assert hours.away_fields == {"salesforce": {"from": "Out_From__c", "until": "Out_Until__c"}, "hubspot": {"cover": "deputy"}}
    ann, bob = hours.people["ann@x.example"], hours.people["bob@x.example"]
    assert (ann.country, ann.region, ann.calendar) == ("US", None, "ann_calendar")
    assert ann.away == (  # in New York, but for the time that names its own zone
        Away(start=datetime(2026, 3, 2, 18, tzinfo=UTC), end=datetime(2026, 3, 2, 20, tzinfo=UTC), source="playbook"),
        Away(
            start=datetime(2026, 12, 20, 5, tzinfo=UTC), end=datetime(2027, 1, 4, 5, tzinfo=UTC), cover="bob@x.example", source="playbook"
        ),
    )
    assert (bob.country, bob.region, bob.calendar, bob.week) == ("DE", "BE", "https://calendars.example/bob.ics", None)
    assert bob.away == (Away(start=datetime(2026, 4, 30, 22, tzinfo=UTC), end=datetime(2026, 5, 1, 22, tzinfo=UTC), source="playbook"),)


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    made = loaded(tmp_path, FILE, TYPES)
    assert (made.routing.queue_minutes, made.routing.reassign_minutes, made.routing.reassign_working_time) == (240, 2880, False)
    assert (made.routing.outside_hours, made.routing.hot, made.routing.rules) == ("queue", None, ())
    assert loaded(tmp_path, FILE, "routing: {queue_within: }\n" + TYPES).routing.queue_minutes is None


def test_r1_rules_take_part_in_what_is_asked_and_in_who_is_decided_anew(tmp_path: Path) -> None:
    plain = loaded(tmp_path, FILE, TYPES)
    ruled = loaded(tmp_path, FILE, "routing: {rules: [{name: a, when: {field: company.industry, is: x}, owner: a@x.example}]}\n" + TYPES)
    assert "company.industry" in asked_of(ruled) - asked_of(plain)
    assert of_decisions(ruled) != of_decisions(plain)
    moved = loaded(tmp_path, FILE, "\n\n" + TYPES)
    assert of_decisions(moved) == of_decisions(plain)
    assert of_decisions(replace(plain, sla=replace(plain.sla, min_touches=3))) != of_decisions(plain)
    assert of_decisions(replace(plain, cadences=())) != of_decisions(plain)
    assert of_decisions(replace(plain, hours=replace(plain.hours, country="DE"))) != of_decisions(plain)
    assert of_decisions(replace(plain, alerts=replace(plain.alerts, manager="m@x.example"))) == of_decisions(plain)


R, H = "routing: ", "working_hours: "
# text with «the wrong place» marked, message
CASES = {
    "an unknown hot pool": (R + "{hot: «closer», pools: {closers: {}}}", 'hot: unknown pool "closer"; use one of default, closers (did you mean closers?)'),
    "a rule to an unknown pool": (R + "{rules: [{name: a, pool: «east»}]}", 'pool: unknown pool "east"; use one of default'),
    "the default pool twice": (R + "{pools: {«default»: {}}}", "default: default is the pool whose members stand under routing itself; give one of them another name"),
    "a member who is no address": (R + "{members: [«rita»]}", 'members: "rita" is no e-mail address; write that of the user'),
    "a member with a share who is none": (R + "{pools: {a: {members: [{rep: «rita», weight: 2}]}}}", 'rep: "rita" is no e-mail address; write that of the user'),
    "a member twice": (R + "{members: [a@x.example, «A@x.example»]}", 'members: "A@x.example" stands twice in the pool default; write their share as weight'),
    "a negative weight": (R + "{members: [{rep: a@x.example, weight: «-1»}]}", 'weight: "-1" is out of range; it must be at least 0'),
    "all weights zero": (R + "{pools: {p: {members: «»[{rep: a@x.example, weight: 0}, {rep: b@x.example, weight: 0}]}}}", "members: every weight in the pool p is 0, so nobody would get anybody; give one of them more"),
    "all weights zero but of who is excluded": (R + "{exclude: [b@x.example], members: «»[{rep: a@x.example, weight: 0}, b@x.example]}", None),
    "a cap of nothing": (R + "{per_day: «0»}", 'per_day: "0" is out of range; it must be at least 1'),
    "an excluded nobody": (R + "{exclude: [«eve»]}", None),
    "a fallback who is none": (R + "{fallback: «boss»}", 'fallback: "boss" is no e-mail address; write that of the user'),
    "teams of no CRM": (R + "{teams: {«zoho»: [East]}}", 'zoho: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "an unknown way to select": (R + "{select: «random»}", 'select: unknown value "random"; use one of round_robin, weighted, least_load, best_conversion'),
    "a rule to nobody": (R + "{rules: [«»{name: a}]}", "rules: the rule leads to nobody; write exactly one of account, owner, pool"),
    "a rule to two": (R + "{rules: [«»{name: a, owner: a@x.example, pool: default}]}", "rules: the rule leads to both owner and pool; write exactly one of account, owner, pool"),
    "a rule's owner who is none": (R + "{rules: [{name: a, owner: «ann»}]}", None),
    "two rules of one name": (R + "{rules: [{name: a, pool: default}, {name: «a», pool: default}]}", 'name: another rule is already called "a"; rename one'),
    "a rule's field": (R + "{rules: [{name: a, when: {field: «contry», is: DE}, pool: default}]}", None),
    "a rule's signal": (R + "{rules: [{name: a, when: {signals: [«demo»]}, pool: default}]}", None),
    "a range of codes turned round": (R + '{rules: [{name: a, when: {field: postal_code, between: «»["20000", "10000"]}, pool: default}]}', None),
    "codes that are numbers": (R + "{rules: [{name: a, when: {field: postal_code, between: «»[10000, 19999]}, pool: default}]}", 'between: postal_code is a text and never the number 10000; write "10000" if that is its text, or use is, in, matches or contains with texts'),
    "too unlike": (R + "{rules: [{name: a, account: {similar: «20»}}]}", 'similar: "20" is out of range; it must be at least 50'),
    "no duration": (R + "{queue_within: «soon»}", None),
    "an unknown country": (H + "{country: «XX»}", 'country: no public holidays are known of "XX"; write its two letters, like DE, or remove it'),
    "an unknown region": (H + "{country: DE, region: «Quux»}", 'region: no region "Quux" of DE is known to have public holidays of its own; write its letters, like BY in DE, or remove it'),
    "a region of nowhere": (H + "{region: «BY»}", "region: a region of no country; add country"),
    "a person's country": (H + "{people: {a@x.example: {country: «Atlantis»}}}", None),
    "away before it begins": (H + "{people: {a@x.example: {away: [{from: 2026-05-02, to: «2026-05-01»}]}}}", "to: 2026-05-01 ends before 2026-05-02 begins; correct one of them"),
    "away on no day": (H + "{people: {a@x.example: {away: [{from: «2026-02-30», to: 2026-05-01}]}}}", None),
    "away beyond all days": (H + "{people: {a@x.example: {away: [{from: 2026-02-20, to: «9999-12-31»}]}}}", None),
    "a cover who is none": (H + "{people: {a@x.example: {away: [{from: 2026-05-01, to: 2026-05-01, cover: «bob»}]}}}", 'cover: "bob" is no e-mail address; write that of the user'),
    "a cover of themselves": (H + "{people: {a@x.example: {away: [{from: 2026-05-01, to: 2026-05-01, cover: «A@x.example»}]}}}", None),
    "a calendar in the open": (H + "{people: {a@x.example: {calendar: «'http://c.example/a.ics'»}}}", "calendar: neither an https address nor the name of a setting; write https://… or the NAME of CRMSYNC_CALENDARS__NAME"),
    "a calendar with a password": (H + "{people: {a@x.example: {calendar: «'https://a:b@c.example/a.ics'»}}}", None),
    "a calendar without a host": (H + "{people: {a@x.example: {calendar: «'https://[x'»}}}", None),
    "absences of no CRM": (H + "{away_fields: {«zoho»: {until: x}}}", None),
    "absences without an end": (H + "{away_fields: {«salesforce»: {cover: Cover__c}}}", "salesforce: nothing tells when they are back; add until"),
    "no name of a field": (H + "{away_fields: {salesforce: {until: «a b»}}}", None),
    "a breach before the answer": ("types: [{type: browser, respond_within: 4 working hours, breach_within: «1 working hour»}]", "breach_within: 1 working hour is shorter than respond_within (4 working hours); correct one of them"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, tmp_path: Path) -> None:
    marked, message = CASES[case]
    expect_mistake(tmp_path, FILE, marked + "\n", message)


SOUND = "score: {mql_at: 10, behavior: [{name: B, points: 10, signals: [blog_read]}]}\n" + TYPES


@pytest.mark.parametrize(
    ("routing", "said"),
    [
        ("{rules: [{name: a, pool: default}, {name: b, owner: b@x.example}]}", ["routing: b is never reached: earlier ones take everybody for whom it holds"]),
        ("{rules: [{name: a, account: {}}, {name: b, owner: b@x.example}]}", []),
        ("{rules: [{name: a, when: {all: [{field: title, empty: true}, {field: title, filled: true}]}, pool: default}]}", ["routing: the condition of a contradicts itself: it holds for nobody"]),
        ('{rules: [{name: a, when: {field: postal_code, between: ["10000", "49999"]}, pool: default}, {name: b, when: {field: postal_code, between: ["20000", "29999"]}, owner: b@x.example}]}', ["routing: b is never reached: earlier ones take everybody for whom it holds"]),
        ("{pools: {closers: {}}}", ["routing: nobody is sent to the pool closers"]),
        ("{hot: closers, pools: {closers: {}}}", []),
        ("{pools: {p: {members: [a@x.example], exclude: [a@x.example]}}, hot: p}", ["routing: every member of p is excluded; the pool is empty"]),
        ("{members: [a@x.example], pools: {p: {}}, rules: [{name: all, pool: p}]}", ["routing: nobody is sent to the pool default: a rule takes everybody"]),
        ("{select: least_load, members: [{rep: a@x.example, weight: 2}, b@x.example]}", ["routing: the weights of default only break ties, because it selects by least_load"]),
        ("{hot: default}", ["routing: hot leads go to the same pool as everybody"]),
    ],
)  # fmt: skip
def test_what_lint_says(routing: str, said: list[str], tmp_path: Path) -> None:
    found = [f for f in lint(loaded(tmp_path, FILE, f"{SOUND}routing: {routing}\n")) if f.message.startswith("routing")]
    assert [f.message for f in found] == said
    assert {f.subject for f in found} <= {f"{FILE}:{SOUND.count(chr(10)) + 1}"}


def _user(side: str, email: str, *, active: bool = True) -> User:
    return User(side=side, id=f"{side}-{email}", email=email, name=email, active=active)


def test_persons_who_are_no_users_are_told(tmp_path: Path) -> None:
    book: Playbook = loaded(tmp_path, FILE, BOOK + TYPES)
    everybody = ["ann", "bob", "cid", "eve", "boss", "key"]
    users = {side: [_user(side, f"{who.title()}@x.example") for who in everybody] for side in ("hubspot", "salesforce")}
    assert check_people(book, users) == []
    users = {
        "salesforce": [_user("salesforce", f"{who}@x.example", active=who != "bob") for who in everybody if who not in ("key", "boss")]
    }
    found = {f.message: f.subject for f in check_people(book, users)}
    assert set(found) == {
        "routing: the rule key is passed over, its owner key@x.example is no active user of salesforce",
        "routing: the fallback boss@x.example is no active user of salesforce",
        "working_hours: the hours are nobody's, bob@x.example is no active user of salesforce",
        "working_hours: the cover of ann@x.example, bob@x.example is no active user of salesforce",
        "routing: pool east: hubspot, whose teams it names, is not connected or shows no users",
    }
    lines = (BOOK + TYPES).split("\n")
    told = [(found[message].rpartition(":")[0], lines[int(found[message].rpartition(":")[2]) - 1].strip()) for message in sorted(found)]
    assert told == [
        (FILE, "east: {teams: {hubspot: [East, 77]}}"),
        (FILE, "fallback: Boss@x.example"),
        (FILE, "- {name: key, when: {field: email, domain_in: target}, owner: Key@x.example}"),
        (FILE, "Ann@x.example:"),
        (FILE, 'bob@x.example: {region: BE, calendar: "https://calendars.example/bob.ics", away: [{from: 2026-05-01, to: 2026-05-01}]}'),
    ]


def test_what_ships_says_the_defaults_of_the_process_page() -> None:
    made = load_files(shipped_paths())
    assert (made.routing.queue_minutes, made.routing.reassign_minutes, set(made.routing.pools)) == (240, 2880, {"default"})
    direct = made.types[0]
    assert (direct.respond_minutes, direct.working_time, direct.breach_minutes, direct.breach_working_time) == (10, True, 240, True)
