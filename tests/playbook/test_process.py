"""The language of the process: what each key becomes, defaults of homes that lack it, and each mistake with its place and fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crmsync.errors import ConfigError
from crmsync.model.condition import All, AnyOf, Happened, Not, Test
from crmsync.model.fields import REASON_CODES
from crmsync.model.process import AccountRule, EngagedRule, GateRules, Question, ScoreRules, StageRules
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.playbook.schema_process import ROLES
from crmsync.playbook.schema_stages import REASONS

PLAYBOOK = "mappings/playbook.yaml"


def _load(tmp_path: Path, text: str, lists: str | None = None) -> Playbook:
    paths = {**shipped_paths(), PLAYBOOK: tmp_path / "playbook.yaml"}
    paths[PLAYBOOK].write_text(text, "utf-8")
    if lists is not None:
        paths["mappings/lists.yaml"] = tmp_path / "lists.yaml"
        paths["mappings/lists.yaml"].write_text(lists, "utf-8")
    return load_files(paths)


def test_a_home_of_an_earlier_version_has_the_defaults(tmp_path: Path) -> None:
    made = _load(tmp_path, "score: {mql_at: 40}\n", "competitor_domains: [rival.example]\n")
    assert made.score == ScoreRules(mql_at=40)
    assert made.stages == StageRules(form_types=made.stages.form_types, reasons=REASONS)
    assert {"form_submitted", "demo_request", "content_download"} <= made.stages.form_types
    assert "email_click" not in made.stages.form_types
    assert set(REASONS) == set(REASON_CODES)
    assert made.gate == GateRules(roles=frozenset(ROLES))
    assert (made.segments, made.tracks, made.profile.sets, made.types) == ((), (), (), ())
    assert made.frameworks == {"bant"}


def test_what_ships_says_the_defaults_of_the_process_page() -> None:
    made = load_files(shipped_paths())
    assert made.stages.reasons == REASONS
    assert set(ROLES) <= made.gate.roles
    assert made.stages.engaged == EngagedRule(days=30)
    assert (made.stages.acceptance, made.stages.stale_sql_days, made.score.recycle_factor) == ("explicit", 30, 0.5)
    assert made.score.express == ("demo_request", "pricing_inquiry")
    assert [t.name for t in made.tracks] == ["mql_education", "sql_enablement"]
    assert 28 <= (made.tracks[0].days or 0) <= 42
    text = shipped_paths()[PLAYBOOK].read_text("utf-8")
    assert len(text.splitlines()) < 150 - 1, "`crmsync init` adds a line for editors"


def test_conditions(tmp_path: Path) -> None:
    text = """
score:
  fit:
    - name: A
      points: 50
      when:
        all:
          - {field: employees, between: [1, 5]}
          - any: [{signals: [blog_read, email_click], at_least: 3, within_days: 7}, {signals: [unsubscribe], at_most: 0}]
          - {not: {field: deal.close_date, older_than: 30}}
          - {field: crmsync_disposition, is: Rejected}
          - {signals: [demo_request], at_least: 1, at_most: 2}
"""
    found = _load(tmp_path, text).score.fit[0]
    assert found.when == All(of=(
        Test(field="employees", op="between", value=(1, 5)),
        AnyOf(of=(
            Happened(signals=("blog_read", "email_click"), at_least=3, within_days=7),
            Happened(signals=("unsubscribe",), at_least=0, at_most=0),
        )),
        Not(of=Test(field="deal.close_date", op="older_than", value=30)),
        Test(field="crmsync_disposition", op="eq", value="Rejected"),
        Happened(signals=("demo_request",), at_least=1, at_most=2),
    ))  # fmt: skip
    assert isinstance(found.when, All)
    assert isinstance(found.when.of[0], Test)
    assert (found.where, found.when.of[0].where) == (f"{PLAYBOOK}:4", f"{PLAYBOOK}:8")


def test_a_segment_is_the_score_with_its_differences(tmp_path: Path) -> None:
    text = """
score:
  mql_at: 50
  mql_top_percent: 20
  account: {share: 0.2, max_points: 9}
  fit: [{name: A, points: 5, when: {field: title, filled: true}}, {name: B, points: 6, when: {field: city, filled: true}}]
  behavior: [{name: C, points: 7, signals: [blog_read]}]
stages: {recycle_factor: 0.3}
segments:
  - {name: plain, when: {field: employees, less_than: 10}}
  - name: large
    when: {field: employees, at_least: 1000}
    score:
      mql_at: 60
      account: {share: 0}
      without: [B]
      fit: [{name: New, points: 1, when: {field: phone, filled: true}}, {name: A, points: 8, when: {field: title, filled: true}}]
  - {name: best, when: {field: country, is: DE}, score: {mql_top_percent: 5}}
"""
    made = _load(tmp_path, text)
    plain, large, best = made.segments
    assert plain.score == made.score
    assert made.score.account == AccountRule(share=0.2, max_points=9)
    assert [(r.name, r.points) for r in large.score.fit] == [("A", 8), ("New", 1)]
    assert large.score.behavior == made.score.behavior
    assert (large.score.mql_at, large.score.top_percent, large.score.account) == (60, None, None)
    assert (best.score.mql_at, best.score.top_percent) == (50, 5)
    assert {s.score.recycle_factor for s in made.segments} == {0.3}


def test_questions_of_a_segment(tmp_path: Path) -> None:
    text = """
segments:
  - {name: small, when: {field: employees, less_than: 10}}
  - {name: german, when: {field: country, is: DE}}
qualification: [meddic]
profile:
  show: 3
  sets:
    - {name: g, segment: german, ask: {phone: Your number?, crmsync_metrics: Measured by what?}}
    - {name: s, segment: small, ask: {title: Your role?}}
    - {name: rest, ask: {city: Where?}}
"""
    made = _load(tmp_path, text)
    small, german = (s.when for s in made.segments)
    assert [s.when for s in made.profile.sets] == [All(of=(Not(of=small), german)), small, None]
    assert made.profile.sets[0].questions == (
        Question(field="phone", ask="Your number?"),
        Question(field="crmsync_metrics", ask="Measured by what?"),
    )
    assert made.profile.show == 3


def test_stages_types_gate_and_tracks(tmp_path: Path) -> None:
    text = """
working_hours: {start: "08:00", end: "18:00"}
score: {express: [demo_request]}
stages:
  signals: []
  forms: ['talk to (us|sales)']
  acceptance: automatic
  straight_to_sql: [demo_request]
  reasons: {no_budget: disqualified}
  lost_to: lead
  deals: false
  ask_within: 2 working days
types:
  - {type: pre_qualified, when: {field: email, domain_in: target}, respond_within: 4 working hours}
data_gate:
  region: DE
  provider:
    url: https://verify.example/v1?email={email}
    header: "Authorization: Bearer {token}"
    answer: data.status
    words: {verified: [ok, valid], invalid: bad}
    enrich: {company: data.company}
tracks:
  - {name: warm, stages: [nurture], when: {signals: [blog_read]}, days: 28, graduate: {field: title, filled: true}, graduate_to: hot}
  - {name: hot, stages: [nurture, sql], lists: {hubspot: 12, salesforce: 701xx0000012345}}
"""
    made = _load(
        tmp_path,
        text,
        "target_account_domains: [Big.example]\nrole_addresses: [Info]\nbusiness_domains: [gmx.de]\ndepartments: {it: [it]}\ntitles_except: {it: [it girl]}\n",
    )
    stages = made.stages
    assert (stages.signals, stages.forms, stages.acceptance, stages.straight_to_sql) == (
        (),
        ("talk to (us|sales)",),
        "automatic",
        ("demo_request",),
    )
    assert (stages.reasons, stages.lost_to, stages.deals, stages.ask_minutes, stages.engaged) == (
        {"no_budget": "disqualified"},
        "lead",
        False,
        1200,
        None,
    )
    assert made.types[0].when == Test(field="email", op="domain_in", value="target")
    assert made.gate.region == "DE"
    assert made.gate.roles == {"info"}
    assert made.gate.provider is not None
    assert made.gate.provider.words == {"verified": ("ok", "valid"), "invalid": ("bad",)}
    assert made.gate.provider.enrich == {"company": "data.company"}
    warm, hot = made.tracks
    assert (warm.when, warm.days, warm.graduate_to) == (Happened(signals=("blog_read",)), 28, "hot")
    assert hot.lists == {"hubspot": "12", "salesforce": "701xx0000012345"}
    assert (made.target_domains, made.business_domains) == ({"big.example"}, {"gmx.de"})
    assert (made.departments, made.titles_except) == ({"it": ("it",)}, {"it": ("it girl",)})


FIT = "score: {fit: [{name: A, points: 50, when: %s}]}\n"
SEGMENT = "segments: [{name: s, when: %s}]\n"
# text with «the wrong place» marked, message
CASES = {
    # typed against the field
    "a number against a picklist": (FIT % "{field: company_size, at_least: «200»}", "at_least: company_size is of type picklist, of which at_least never holds; use is, in or not_in with its options"),
    "a number for an option": (FIT % "{field: company_size, is: «200»}", 'is: company_size is a picklist and never the number 200; write "200" if that is its text, or use is, in or not_in with its options'),
    "a number against a text": (FIT % "{field: postal_code, less_than: «5»}", 'less_than: postal_code is a text and never the number 5; write "5" if that is its text, or use is, in, matches or contains with texts'),
    "a text against a number": (FIT % "{field: employees, is: «many»}", 'is: employees is a number and "many" is none; use is, in, less_than, at_most, more_than, at_least or between with numbers'),
    "a pattern on a number": (FIT % "{field: employees, matches: «'1'»}", None),
    "within on a text": (FIT % "{field: title, within: «30»}", "within: title is of type text, of which within never holds; use is, in, matches or contains with texts"),
    "a date against a number": (FIT % "{field: deal.close_date, more_than: «5»}", 'more_than: deal.close_date is a date and 5 is none; write one like "2026-01-31", or within with days'),
    "no date": (FIT % "{field: deal.close_date, is: «soon»}", 'is: deal.close_date is a date and "soon" is none; write one like 2026-01-31'),
    "a text against a bool": (FIT % "{field: email_opt_out, is: «'yes'»}", 'is: email_opt_out is true or false and never "yes"; use is: true or is: false'),
    "a bool against a text": (FIT % "{field: title, is: «true»}", None),
    "an option that there is not": (FIT % "{field: crmsync_disposition, in: «»[rejected, acepted]}", 'in: crmsync_disposition never has the value "acepted"; use one of accepted, rejected, recycle (did you mean accepted?)'),
    "a title class of a domain": (FIT % "{field: email, title_is: «c_level»}", None),
    "a domain of a number": (FIT % "{field: employees, domain_in: «free»}", None),
    "an owner has no order": (FIT % "{field: owner, more_than: «a@x.example»}", None),
    # counts
    "no such signal": (FIT % "{signals: [blog_read, «blog_raed»]}", None),
    "a count of a field": (FIT % "«»{signals: [blog_read], is: 3}", "when: signals are counted, is is a test of a field; write at_least, at_most, within_days beside signals"),
    "no whole number": (FIT % "«»{signals: [blog_read], at_least: 1.5}", None),
    "at least none": (FIT % "«»{signals: [blog_read], at_least: 0}", "when: at_least of signals is a whole number, 1 or more; for signals that never happened write at_most: 0"),
    "more than at most": (FIT % "«»{signals: [blog_read], at_least: 3, at_most: 2}", "when: at_least 3 is more than at_most 2, which never holds; correct one of them"),
    "a window of a field": (FIT % "«»{field: title, is: x, within_days: 3}", "when: within_days goes with signals; for a date write {field: ..., within: ...}"),
    "signals and a field": (FIT % "«»{field: title, signals: [blog_read]}", None),
    # segments
    "a segment by signals": (SEGMENT % "{any: [{field: title, filled: true}, {signals: «»[blog_read]}]}", "signals: who is in a segment must not change by what they do; test fields only"),
    "a segment by time": (SEGMENT % "{field: deal.close_date, within: «30»}", "within: who is in a segment must not change by time; compare with a fixed date"),
    "a segment twice": ("segments: [{name: s, when: {field: title, filled: true}}, {name: «s», when: {field: title, empty: true}}]", 'name: another segment is already called "s"; rename one'),
    "without nothing": ("segments: [{name: s, when: {field: title, filled: true}, score: {without: [«Gone»]}}]", 'without: score has no rule "Gone"; there is none yet; define it or remove this'),
    "a distance too far": ("segments: [{name: s, when: {field: title, filled: true}, score: {mql_at: «5»}}]", "mql_at: hysteresis 10 is more than mql_at (5); make it smaller"),
    "signals of a segment": ("segments: [{name: s, when: {field: title, filled: true}, score: {express: [«gone»]}}]", None),
    # stages
    "straight without express": ("stages: {straight_to_sql: [«demo_request»]}", 'straight_to_sql: not one of the express signals: "demo_request"; there is none yet; define it or remove this'),
    "a reason that nobody can give": ("stages: {reasons: {«wrong_ipc»: nurture}}", 'wrong_ipc: unknown reason code "wrong_ipc"; use one of wrong_icp, bad_timing, no_budget, competitor, already_customer, no_response, bad_data (did you mean wrong_icp?)'),
    "a reason that leads astray": ("stages: {reasons: {wrong_icp: «customer»}}", 'wrong_icp: unknown value "customer"; use one of nurture, disqualified'),
    "no counter": ("stages: {engaged_subscriber: {opened: «title»}}", "opened: title is of type text and counts no e-mails; name a number"),
    "an unknown counter": ("stages: {engaged_subscriber: {opened: «opens»}}", None),
    "time that is not worked": ("stages: {ask_within: «1 day»}", 'ask_within: "1 day" cannot be used here; write a number and a unit of working time, like "8 working hours" or "1 working day"'),
    "a form that does not compile": ("stages: {forms: [«'(x'»]}", None),
    "an unknown acceptance": ("stages: {acceptance: «manual»}", 'acceptance: unknown value "manual"; use one of explicit, on_assignment, automatic'),
    "a type's field": ("types: [{type: browser, when: {field: «titel», is: x}}]", None),
    # questions and tracks
    "a question of no field": ("profile: {sets: [{name: a, ask: {«titel»: Who?}}]}", None),
    "a question of a framework that is off": ("profile: {sets: [{name: a, ask: {«crmsync_metrics»: Which?}}]}", "crmsync_metrics: crmsync_metrics is an answer of MEDDIC, which is off; write qualification: [bant, meddic]"),
    "a rule of a framework that is off": ("qualification: []\n" + FIT % "{field: «crmsync_budget», filled: true}", "field: crmsync_budget is an answer of BANT, which is off; write qualification: [bant]"),
    "questions of no segment": ("profile: {sets: [{name: a, segment: «big», ask: {title: Who?}}]}", 'segment: unknown segment "big"; there is none yet; define it or remove this'),
    "two ways to choose": ("profile:\n  sets:\n    - «»{name: a, segment: big, when: {field: title, filled: true}, ask: {title: Who?}}", None),
    "a track after itself": ("tracks: [{name: a, stages: [mql], days: 3, graduate_to: «a»}]", "graduate_to: a track cannot follow itself; name another one or remove it"),
    "a track without end": ("tracks: [{name: a, stages: [mql], graduate_to: «b»}, {name: b, stages: [mql]}]", "graduate_to: the track never ends, so nothing follows; add graduate or days"),
    "a track's list nowhere": ("tracks: [{name: a, stages: [mql], lists: {«hubspt»: '1'}}]", 'hubspt: unknown CRM "hubspt"; use one of hubspot, salesforce (did you mean hubspot?)'),
    "a track of no stage": ("tracks: [{name: a, stages: [«mqll»]}]", None),
    # the gate
    "a provider that addresses name": ("data_gate: {provider: {url: «'https://{email}/check'»}}", "url: the host must be a name of your own; write {email} and {token} behind it"),
    "an open provider": ("data_gate: {provider: {url: «'http://verify.example/{email}'»}}", "url: addresses of persons must not travel in the open; use https"),
    "a secret in the file": ("data_gate: {provider: {url: «'https://me:pw@verify.example/{email}'»}}", None),
    "nothing asks": ("data_gate: {provider: «»{url: 'https://verify.example/'}}", "provider: nothing asks for the address; write {email} in url or body"),
    "a body with GET": ("data_gate: {provider: «»{url: 'https://v.example/{email}', body: '{}'}}", None),
    "a header without a secret": ("data_gate: {provider: «»{url: 'https://v.example/{email}', header: 'X-Key: 123'}}", None),
    "a word of two meanings": ("data_gate: {provider: {url: 'https://v.example/{email}', words: {verified: ok, risky: «OK»}}}", 'risky: "OK" already means verified; keep one'),
    "an enriched field nowhere": ("data_gate: {provider: {url: 'https://v.example/{email}', enrich: {«firm»: a.b}}}", None),
    "no country": ("data_gate: {region: «Germany»}", None),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, tmp_path: Path) -> None:
    marked, message = CASES[case]
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, marked.replace("«", "").replace("»", ""))
    before = marked[: marked.index("«")]
    spot = f"{PLAYBOOK}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    told = str(caught.value).split("\n")
    assert len(told) == 1, told
    assert told[0].startswith(spot), (told[0], spot)
    assert "; " in told[0], "an error tells the fix"
    if message is not None:
        assert told[0] == spot + message


def test_texts_that_are_codes_stay_comparable(tmp_path: Path) -> None:
    """Postal codes are texts, and have an order all the same; a picklist's option may look like a number."""
    for when in (
        '{field: postal_code, between: ["10000", "19999"]}',
        '{field: company_size, is: "200"}',
        '{field: deal.close_date, is: "2026-01-31"}',
    ):
        assert _load(tmp_path, FIT % when).score.fit[0].points == 50


@pytest.mark.parametrize("page", ["write-a-playbook.md", "nurture-and-ask.md", "verify-contact-data.md"])
def test_what_the_how_to_pages_show_loads(page: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / page).read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert blocks
    segment = "segments: [{name: enterprise, when: {field: employees, more_than: 1000}}]\n"
    for block in blocks:
        if block.startswith("when:"):
            for when in re.split(r"^(?=when:)", block, flags=re.MULTILINE)[1:]:
                rule = "\n".join(f"      {line}" for line in when.splitlines())
                assert _load(tmp_path, f"score:\n  fit:\n    - name: A\n      points: 1\n{rule}\n").score.fit[0].points == 1
        else:
            follows = "  - {name: demo_invitation, stages: [nurture]}\n" if "demo_invitation" in block else ""
            block = block.replace('["Company of 200 to 1,000 employees"]', "[]")  # a rule of the shipped score, which is not in these lines
            made = _load(tmp_path, (segment if "segment: enterprise" in block else "") + block + follows)
            assert made.fingerprint != _load(tmp_path, "routing: {}\n").fingerprint
