"""followup.yaml: what it builds, every mistake where it stands, what lint says of cadences."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.decide.asked import asked_of
from crmsync.model.condition import Happened, Test
from crmsync.model.followup import ALWAYS, NO_CONNECT, ReplyRule, SlaRules, Step, Window
from crmsync.playbook import load
from crmsync.playbook.lint import lint
from crmsync.playbook.load import load_files, shipped_paths
from playbook.saying import expect_mistake, loaded

FILE, RULES = "mappings/followup.yaml", "mappings/playbook.yaml"


def test_c1_c2_ship(tmp_path: Path) -> None:
    made = load_files(shipped_paths())
    by_name = {one.name: one for one in made.cadences}
    light, standard = by_name["light"], by_name["standard"]
    assert [step.day for step in standard.steps] == [1, 1, 2, 3, 4, 6, 7, 8, 10, 11, 13, 14]
    assert [step.channel for step in standard.steps] == [
        "call",
        "email",
        "call",
        "email",
        "social",
        "call",
        "email",
        "call",
        "email",
        "social",
        "call",
        "email",
    ]
    assert [i for i, step in enumerate(standard.steps) if step.only == NO_CONNECT] == [1]
    assert {step.remind_minutes for step in standard.steps if step.channel == "call"} == {15}
    assert (len(light.steps), "call" in {step.channel for step in light.steps}) == (8, False)
    assert light.when == Test(field="expected_amount", op="lt", value=10000)
    assert standard.steps[-1].template == light.steps[-1].template == "reengagement"
    assert {"webinar", "content"} <= set(by_name)
    assert by_name["webinar"].steps[1:] == by_name["content"].steps[1:] == standard.steps[2:]
    assert made.replies == (
        ReplyRule(digit="1", reason="bad_timing"),
        ReplyRule(digit="2", reason="competitor"),
        ReplyRule(digit="3", opt_out=True),
    )
    assert made.sla == SlaRules()
    assert not [type for type in made.cadences if "browser" in type.types or not type.types]


def test_a1_a2_a4_clocks_cadences_and_replies_are_built(tmp_path: Path) -> None:
    text = """
sla:
  handoff_within:
    2 working days
  respond_within: 4 working hours
  sql_within: 1 hour
  at_risk: [25, 50, 75]
  min_touches: 2
  conversation_days: 1.5
  late_after: 0.5 hours
cadences:
  - name: own
    types: [browser]
    when: {signals: [blog_read], at_least: 2}
    days: working
    horizon: 2 hours
    answer_days: 0
    steps:
      - {day: 1, channel: call}
      - {day: 1, channel: other, action: " Write a card ", if: no_connect, priority: low, remind: 2 hours}
replies: {7: {reason: no_budget, opt_out: true}}
templates: {demo_request: {needs: [first_name]}}
"""
    made = loaded(tmp_path, FILE, text)
    sla = made.sla
    assert (sla.handoff, sla.response, sla.sql) == (Window(minutes=960), Window(minutes=240), Window(minutes=60, working=False))
    assert (sla.at_risk, sla.min_touches, sla.conversation_days, sla.late_minutes) == ((0.25, 0.5, 0.75), 2, 1.5, 30)
    (own,) = made.cadences
    assert (own.types, own.working_days, own.horizon_minutes, own.answer_days) == (("browser",), True, 120, 0)
    assert own.when == Happened(signals=("blog_read",), at_least=2)
    assert own.steps == (
        Step(day=1, channel="call", only=ALWAYS),
        Step(day=1, channel="other", action="Write a card", only=NO_CONNECT, priority="low", remind_minutes=120),
    )
    assert own.where == f"{FILE}:{text[: text.index('- name: own')].count(chr(10)) + 1}"
    assert made.replies == (ReplyRule(digit="7", reason="no_budget", opt_out=True),)
    assert made.templates["demo_request"].needs == {"first_name"}
    tested = loaded(tmp_path, FILE, "cadences: [{name: a, when: {field: company.industry, is: x}, steps: [{day: 1, channel: call}]}]\n")
    assert "company.industry" in asked_of(tested)


def test_a2_types_without_a_time_have_that_of_the_sla(home: Path) -> None:
    (home / FILE).write_text("sla: {respond_within: 3 hours}\n", "utf-8")
    (home / RULES).write_text(
        "types: [{type: direct_request, signals: [demo_request], respond_within: 1 hour}, {type: browser}]\n", "utf-8"
    )
    direct, browser = load(home).types
    assert (direct.respond_minutes, browser.respond_minutes, browser.working_time) == (60, 180, False)


def test_a_home_of_an_earlier_version_has_clocks_and_no_cadences(home: Path) -> None:
    for name in (FILE, "mappings/alerts.yaml"):
        (home / name).unlink()
    made = load(home)
    assert (made.sla, made.cadences, made.replies, made.alerts.to) == (SlaRules(), (), (), {})
    assert [(f.level, f.subject) for f in lint(made)] == [("info", FILE)]


ONE = "cadences: [{name: a, steps: [{day: 1, channel: call}%s]}]"
# text with «the wrong place» marked, message
CASES = {
    "shares that do not rise": ("sla: {at_risk: [80, «50»]}", "at_risk: 50 does not come after 80; let the shares rise"),
    "the same share twice": ("sla: {at_risk: [80, «80»]}", None),
    "a share of everything": ("sla: {at_risk: [50, «100»]}", 'at_risk: "100" is out of range; it must be at most 99'),
    "a share of nothing": ("sla: {at_risk: [«0»]}", 'at_risk: "0" is out of range; it must be at least 1'),
    "late in working time": ("sla: {late_after: «1 working hour»}", 'late_after: "1 working hour" cannot be used here; write a number and a unit, like "15 minutes", "24 hours" or "7 days"; working time is not possible here, nor more than 999 weeks'),
    "no time": ("sla: {respond_within: «soon»}", None),
    "a negative number of touches": ("sla: {min_touches: «-1»}", None),
    "an unknown template": (ONE % ", {day: 2, channel: email, template: «demo_reqest»}", None),
    "needs of no template": ("templates: {«demo_reqest»: {needs: [first_name]}}", None),
    "steps out of order": (ONE % ", {day: 3, channel: call}, {day: «2», channel: call}", "day: day 2 comes before day 3 of the step above; put the steps in order"),
    "a handoff on another day": ("cadences: [{name: a, steps: [{day: «2», channel: call}]}]", "day: the first step is the task of the handoff, which is on day 1; write 1"),
    "a handoff left out": ("cadences: [{name: a, steps: [{day: 1, channel: call, if: «no_connect»}]}]", "if: the first step is the task of the handoff and never left out; remove if"),
    "day zero": (ONE % ", {day: «0», channel: call}", None),
    "no steps": ("cadences: [{name: a, steps: «»[]}]", "steps: too few entries; give at least 1"),
    "an unknown channel": (ONE % ", {day: 2, channel: «fax»}", 'channel: unknown value "fax"; use one of call, email, social, meeting, other'),
    "an unknown condition of a step": (ONE % ", {day: 2, channel: call, if: «no_reply»}", None),
    "two cadences of one name": ("cadences: [{name: a, steps: [{day: 1, channel: call}]}, {name: «a», steps: [{day: 1, channel: call}]}]", 'name: another cadence is already called "a"; rename one'),
    "an unknown type": ("cadences: [{name: a, types: [«browsers»], steps: [{day: 1, channel: call}]}]", 'types: unknown value "browsers"; use one of direct_request, pre_qualified, content_download, browser (did you mean browser?)'),
    "an unknown field": ("cadences: [{name: a, when: {field: «amont», is: x}, steps: [{day: 1, channel: call}]}]", None),
    "an unknown signal": ("cadences: [{name: a, when: {signals: [«demo»]}, steps: [{day: 1, channel: call}]}]", None),
    "a unit of no clock": ("cadences: [{name: a, horizon: «1 month», steps: [{day: 1, channel: call}]}]", None),
    "a reply of no digit": ("replies: {«yes»: {opt_out: true}}", None),
    "a reply of an unknown reason": ("replies: {1: {reason: «bad_timming»}}", 'reason: unknown reason code "bad_timming"; use one of wrong_icp, bad_timing, no_budget, competitor, already_customer, no_response, bad_data (did you mean bad_timing?)'),
    "a reply that means nothing": ("replies: {1: «»{}}", "1: the reply means nothing; give a reason, or opt_out: true"),
    "an estimate without an amount": ("expected_amount: [«»{when: {field: employees, less_than: 5}}]", None),
    "an estimate below nothing": ("expected_amount: [{amount: «-1»}]", None),
    "an estimate by itself": ("expected_amount: [{amount: 1, when: {field: «expected_amount», less_than: 5}}]", None),
    "an expected amount that is a text": ("cadences: [{name: a, when: {field: expected_amount, is: «small»}, steps: [{day: 1, channel: call}]}]", None),
    "an unknown key": ("«slas»: {}", "slas: unknown key; use one of sla, expected_amount, cadences, replies, templates (did you mean sla?)"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, tmp_path: Path) -> None:
    marked, message = CASES[case]
    expect_mistake(tmp_path, FILE, marked + "\n", message)


def test_a_fact_of_what_is_off_names_the_switch(home: Path) -> None:
    companies = home / "mappings" / "companies.yaml"
    text = companies.read_text("utf-8")
    companies.write_text(text.replace("company:\n  on: true", "company:\n  on: false"), "utf-8")
    with pytest.raises(
        Exception,
        match=r"followup\.yaml:\d+:\d+: field: company\.employees is not known, because nothing is read of companies; write on: true under company",
    ):
        load(home)


EIGHT = "[{day: 1, channel: call}" + ", {day: 2, channel: email}" * 7 + "]"


@pytest.mark.parametrize(
    ("cadences", "said"),
    [
        (f"[{{name: a, steps: {EIGHT}}}, {{name: b, types: [browser], steps: {EIGHT}}}]", ["cadences: b is never reached: earlier ones take everybody for whom it holds"]),
        (f"[{{name: a, types: [browser], steps: {EIGHT}}}, {{name: b, types: [browser, direct_request], steps: {EIGHT}}}]", []),
        (f"[{{name: a, types: [browser], when: {{field: employees, more_than: 10}}, steps: {EIGHT}}}, {{name: b, types: [browser], when: {{field: employees, more_than: 20}}, steps: {EIGHT}}}]", ["cadences: b is never reached: earlier ones take everybody for whom it holds"]),
        (f"[{{name: a, when: {{all: [{{field: title, empty: true}}, {{field: title, filled: true}}]}}, steps: {EIGHT}}}]", ["cadences: the condition of a contradicts itself: it holds for nobody"]),
        ("[{name: a, steps: [{day: 1, channel: call}]}]", ["cadences: a has 1 touches, and nobody is given up before 8 (min_touches)"]),
        (f"[{{name: a, steps: {EIGHT.replace('call', 'email')}}}]", ["cadences: a has e-mails only: an opt-out leaves nothing of it"]),
    ],
)  # fmt: skip
def test_what_lint_says_of_cadences(cadences: str, said: list[str], tmp_path: Path) -> None:
    found = lint(loaded(tmp_path, FILE, f"cadences: {cadences}\n"))
    assert [f.message for f in found if f.message.startswith("cadences")] == said
    assert all(f.subject == f"{FILE}:1" and f.fix for f in found if f.message.startswith("cadences"))


SMALL = "when: {field: expected_amount, less_than: 10000}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"cadences: [{{name: a, {SMALL}, steps: {EIGHT}}}]", ["cadences: a looks at expected_amount, which nothing tells"]),
        (f"expected_amount: [{{amount: 5}}]\ncadences: [{{name: a, {SMALL}, steps: {EIGHT}}}]", []),
        (f"expected_amount: [{{amount: 5}}]\ncadences: [{{name: a, steps: {EIGHT}}}]", ["expected_amount is estimated, and no cadence looks at it"]),
        (
            f"expected_amount: [{{amount: 5}}, {{amount: 6, when: {{field: employees, filled: true}}}}]\ncadences: [{{name: a, {SMALL}, steps: {EIGHT}}}]",
            ["expected_amount: estimate 2 is never reached: earlier ones take everybody for whom it holds"],
        ),
        (
            f"expected_amount: [{{amount: 5, when: {{all: [{{field: employees, less_than: 1}}, {{field: employees, more_than: 2}}]}}}}]\ncadences: [{{name: a, {SMALL}, steps: {EIGHT}}}]",
            ["expected_amount: the condition of estimate 1 contradicts itself: it holds for nobody"],
        ),
        (
            f"cadences: [{{name: a, when: {{field: deal.amount, less_than: 5}}, steps: {EIGHT}}}]",
            ["cadences: a looks at deal.amount, which nobody has at a handoff: an open deal makes an opportunity"],
        ),
    ],
)  # fmt: skip
def test_c2_what_lint_says_of_expected_amounts(text: str, said: list[str], tmp_path: Path) -> None:
    found = [one for one in lint(loaded(tmp_path, FILE, f"{text}\n")) if "_amount" in one.message or ".amount" in one.message]
    assert [one.message for one in found] == said
    assert all(one.subject.startswith(f"{FILE}:") and one.fix for one in found)


def test_c2_what_conditions_on_the_expected_amount_look_at(tmp_path: Path) -> None:
    asked = asked_of(load_files(shipped_paths()))
    assert {"employees", "company_size", "company.employees", "deal.amount", "deal.open"} <= asked
    without = asked_of(loaded(tmp_path, FILE, f"cadences: [{{name: a, steps: {EIGHT}}}]\n"))
    assert "deal.amount" not in without


STEP = "steps: [{day: 1, channel: call}, {day: 2, channel: email}, {day: 3, channel: social}, {day: 4, channel: meeting}]"


@pytest.mark.parametrize(
    ("off", "old", "new", "said"),
    [
        ("task", "on: true", "on: false", ["cadences: tasks are not read, so none is ever seen completed and no cadence goes on"]),
        ("call", "on: true", "on: false", ["types: direct_request asks for calls, and calls that reps log are not read: only their tasks count"]),
        ("meeting", "on: true", "on: false", ["cadences: a asks for meetings, and meetings that reps log are not read: only their tasks count"]),
        (
            "task", "hubspot: {call: CALL, email: EMAIL, other: TODO}", "hubspot: {email: EMAIL, other: TODO}",
            ["types: direct_request makes tasks of the channel call, for which hubspot has no kind of task in the mapping: they cannot be carried there"],
        ),
        (
            "task", "hubspot: {call: CALL, email: EMAIL, other: TODO}", "hubspot: {call: CALL, email: EMAIL}",
            [
                f"cadences: a makes tasks of the channel {channel}, for which hubspot has no kind of task in the mapping: they cannot be carried there"
                for channel in ("social", "meeting")
            ],
        ),
    ],
)  # fmt: skip
def test_c3_lint_names_channels_whose_tasks_no_crm_can_carry_or_nobody_reads(
    off: str, old: str, new: str, said: list[str], home: Path
) -> None:
    followup, activities = home / FILE, home / "mappings" / "activities.yaml"
    followup.write_text(f"cadences: [{{name: a, {STEP}}}]\n", "utf-8")
    text = activities.read_text("utf-8")
    at = text.index(f"\n{off}:\n")
    assert old in text[at:]
    activities.write_text(text[:at] + text[at:].replace(old, new, 1), "utf-8")
    found = lint(load(home))
    assert [one.message for one in found if " channel " in one.message or "not read" in one.message] == said
    assert all(one.fix for one in found)
