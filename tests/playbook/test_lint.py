"""What lint finds in playbooks that load: each rule of it in a playbook of few lines, and its silence where nothing is odd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from crmsync.model.process import BehaviorRule, ScoreRules
from crmsync.model.routing import one_pool
from crmsync.model.rules import Playbook
from crmsync.playbook.lint import lint
from crmsync.playbook.lint_score import most
from crmsync.playbook.load import load_files, shipped_paths

LAST = "types: [{type: browser}]\n"
SCORE = "score: {mql_at: 10, behavior: [{name: B, points: 10, signals: [blog_read]}]}\n"


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def _said(playbook: Playbook) -> str:
    found = lint(playbook)
    assert all(f.level == "warning" and f.fix and f.subject for f in found)
    return "\n".join(f.message for f in found)


def _of(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    """(where, message) of what lint says of a playbook.yaml, `where` without the file's name."""
    path = tmp_path / "playbook.yaml"
    path.write_text(dedent(text), "utf-8")
    found = lint(load_files({**shipped_paths(), "mappings/playbook.yaml": path}))
    assert all(f.level == "warning" and f.fix for f in found)
    return [(f.subject.removeprefix("mappings/playbook.yaml").lstrip(":"), f.message) for f in found]


def test_a_threshold_nobody_can_reach(playbook: Playbook) -> None:
    top = most(playbook.score)
    assert top == 30 + 15 + 15 + 60 + 30 + 90 + 20 + 50 + 20
    assert "nobody can reach mql_at 331" in _said(replace(playbook, score=replace(playbook.score, mql_at=331, sql_at=400)))
    assert _said(replace(playbook, score=replace(playbook.score, mql_at=330, sql_at=400))) == ""
    automatic = replace(playbook, stages=replace(playbook.stages, acceptance="automatic"))
    assert _said(automatic) == ""
    assert "nobody can reach sql_at 331" in _said(replace(automatic, score=replace(playbook.score, sql_at=331)))
    assert _said(replace(playbook, score=replace(playbook.score, mql_at=331, sql_at=400, top_percent=20))) == ""


def test_a_rule_without_cap_reaches_everything() -> None:
    assert most(ScoreRules(behavior=(BehaviorRule(name="x", points=1, signals=("y",)),))) == float("inf")


def test_sizes_and_worthless_rules(playbook: Playbook) -> None:
    many = tuple(BehaviorRule(name=str(i), points=float(i), signals=("x",)) for i in range(21))
    said = _said(replace(playbook, score=replace(playbook.score, behavior=many, sql_at=40)))
    assert "21 behavior rules" in said
    assert 'the rule "0" is worth 0 points' in said
    assert "sql_at 40 lies below mql_at 50" in said


def test_types_that_never_come(playbook: Playbook) -> None:
    assert "browser takes everybody" in _said(replace(playbook, types=playbook.types[::-1]))
    said = _said(replace(playbook, types=playbook.types[1:-1]))
    assert "no type takes everybody" in said
    assert "the express signal demo_request" in said


def test_tasks_and_pools(playbook: Playbook) -> None:
    said = _said(replace(playbook, tasks_in=None, routing=one_pool(members=("A@x.example",), exclude=("a@x.example",))))
    assert "tasks_in is empty" in said
    assert "every member of default is excluded" in said


CASES = {
    "a condition against itself": (
        "score: {fit: [{name: A, points: 60, when: {all: [{field: country, is: DE}, {field: country, is: FR}]}}, {name: B, points: 50, when: {field: title, filled: true}}]}\n" + LAST,
        [("1", 'score: the condition of "A" contradicts itself and never holds')],
    ),
    "empty and filled": (
        "score:\n  fit:\n    - {name: A, points: 9, when: {all: [{field: title, empty: true}, {field: title, filled: true}]}}\n"
        + "    - {name: B, points: 50, when: {field: title, filled: true}}\n" + LAST,
        [("3", 'score: the condition of "A" contradicts itself and never holds')],
    ),
    "a rule that holds for everybody": (
        "score:\n  fit:\n    - {name: A, points: 50, when: {any: [{field: title, empty: true}, {field: title, filled: true}]}}\n" + LAST,
        [("3", 'score: the condition of "A" holds for everybody')],
    ),
    "a rule behind another of its group": (
        """
        score:
          fit:
            - {name: Big, points: 50, group: size, when: {field: employees, at_least: 100}}
            - {name: Bigger, points: 40, group: size, when: {field: employees, between: [200, 300]}}
            - {name: Biggest, points: 60, group: size, when: {field: employees, more_than: 1000}}
        types: [{type: browser}]
        """,
        [("5", 'score: "Bigger" never counts: "Big" of the same group holds whenever it does, and has as many points or more')],
    ),
    "points that are taken back": (
        """
        score:
          mql_at: 10
          fit:
            - {name: Here, points: 10, when: {field: country, in: [DE, AT]}}
            - {name: There, points: -5, when: {any: [{field: country, is: at}, {field: country, is: de}]}}
          behavior:
            - {name: Read, points: 5, signals: [blog_read, email_click]}
            - {name: Left, points: -5, signals: [unsubscribe, blog_read]}
        types: [{type: browser}]
        """,
        [
            ("6", 'score: "There" takes back what "Here" gives: both conditions say the same'),
            ("9", 'score: "Left" takes back what "Read" gives for blog_read'),
        ],
    ),
    "points that never fade": (
        """
        score:
          mql_at: 10
          inactivity_loss: 0
          behavior:
            - {name: Read, points: 5, signals: [blog_read]}
            - {name: Click, points: 5, signals: [email_click], half_life_days: 30}
            - {name: Left, points: -5, signals: [unsubscribe]}
        types: [{type: browser}]
        """,
        [("6", 'score: points of "Read" never fade: it has no half_life_days, and inactivity_loss is 0')],
    ),
    "an express signal that loses": (
        """
        score:
          mql_at: 10
          express: [unsubscribe]
          behavior:
            - {name: Read, points: 10, signals: [blog_read]}
            - {name: Left, points: -5, signals: [unsubscribe]}
        types: [{type: direct_request, signals: [unsubscribe]}, {type: browser}]
        """,
        [("7", 'score: "Left" takes points for unsubscribe, which is an express signal')],
    ),
    "keys of the score": (
        """
        score:
          sql_at: 4
          mql_at: 60
          behavior:
            - {name: Read, points: 5, signals: [blog_read], max_times: 2}
        types: [{type: content_download, signals: [blog_read]}]
        """,
        [
            ("4", "score: nobody can reach mql_at 60; the rules give 10 points at most"),
            ("3", "score: sql_at 4 lies below mql_at 60"),
            ("7", "types: no type takes everybody; who fits none is handled as browser with a default response time"),
        ],
    ),
    "segments": (
        SCORE + """
segments:
  - {name: large, when: {field: employees, at_least: 1000}, score: {mql_at: 20, behavior: [{name: B, points: 5, signals: [blog_read], max_times: 2}]}}
  - {name: nobody, when: {field: employees, between: [10, 10]}}
  - {name: huge, when: {field: employees, more_than: 5000}}
  - {name: none, when: {all: [{field: employees, less_than: 10}, {field: employees, more_than: 10}]}}
""" + LAST,
        [
            ("4", "segment large: nobody can reach mql_at 20; the rules give 10 points at most"),
            ("6", "segments: huge is never reached: earlier ones take everybody for whom it holds"),
            ("7", "segments: the condition of none contradicts itself: it holds for nobody"),
        ],
    ),
    "types": (
        SCORE + """
types:
  - {type: direct_request, signals: [demo_request, blog_read]}
  - {type: pre_qualified, signals: [blog_read], min_fit: 10}
  - {type: pre_qualified, when: {field: email, domain_in: target}}
  - {type: content_download, when: {all: [{field: email, domain_in: [target, x.example]}, {field: email, domain_in: target}]}, signals: [email_click]}
  - {type: content_download, when: {all: [{field: title, filled: true}, {field: title, empty: true}]}}
  - {type: browser}
""",
        [
            ("5", "types: this pre_qualified never comes: direct_request before it takes everybody that it would"),
            ("7", "types: this content_download never comes: pre_qualified before it takes everybody that it would"),
            ("8", "types: the condition of content_download contradicts itself: nobody is of this type"),
        ],
    ),
    "stages": (
        SCORE.replace("{mql_at", "{express: [demo_request], mql_at")
        + "stages: {signals: [demo_request], reasons: {bad_timing: disqualified, wrong_icp: disqualified}}\n"
        + "types: [{type: direct_request, signals: [demo_request]}, {type: browser}]\n",
        [
            ("2", "stages: the reason code no_budget, competitor, already_customer, no_response, bad_data leads nowhere: such a rejection ends in disqualified"),
            ("2", "stages: no reason code leads to nurture: nobody who was rejected comes back"),
            ("2", "stages: demo_request is an express signal, too, which says more"),
        ],
    ),
    "questions": (
        SCORE + "segments: [{name: large, when: {field: employees, at_least: 1000}}]\n" + """
profile:
  sets:
    - {name: large, segment: large, ask: {title: Who are you?}}
    - {name: larger, when: {field: employees, more_than: 2000}, ask: {title: Who are you?}}
    - {name: all, ask: {title: Who are you?}}
    - {name: late, when: {field: title, empty: true}, ask: {title: Who are you?}}
""" + LAST,
        [
            ("7", "profile: larger is never reached: earlier ones take everybody for whom it holds"),
            ("9", "profile: late is never reached: earlier ones take everybody for whom it holds"),
        ],
    ),
    "tracks": (
        SCORE + """
tracks:
  - {name: one, stages: [mql, sal], days: 30, graduate_to: after}
  - {name: two, stages: [mql], when: {field: title, filled: true}}
  - {name: three, stages: [nurture], graduate: {any: [{field: title, filled: true}, {field: title, empty: true}]}}
  - {name: after, stages: [sql]}
""" + LAST,
        [
            ("4", "tracks: after never follows one: it is for none of its stages (mql, sal)"),
            ("5", "tracks: nobody can enter two: one before it takes everybody at its stages"),
            ("6", "tracks: nobody can enter three: whoever could enter has graduated already"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_what_lint_says_with_its_line(case: str, tmp_path: Path) -> None:
    text, wanted = CASES[case]
    assert _of(tmp_path, text) == wanted


def test_a_segment_has_its_own_count_of_rules(tmp_path: Path) -> None:
    rules = ", ".join(f"{{name: F{i}, points: {i + 1}, when: {{field: city, is: c{i}}}}}" for i in range(21))
    said = _of(tmp_path, f"{SCORE}segments: [{{name: s, when: {{field: title, filled: true}}, score: {{fit: [{rules}]}}}}]\n{LAST}")
    assert [message for _, message in said] == ["segment s: 21 fit rules; more than 20 explain nothing any more"]


def test_s9_the_shipped_model_is_of_few_rules_and_more_than_20_are_warned_of(playbook: Playbook) -> None:
    fit, behavior = playbook.score.fit, playbook.score.behavior
    assert 5 <= len(fit) <= 7
    assert 5 <= len(behavior) <= 7
    assert _said(playbook) == ""
    many = tuple(replace(fit[0], name=f"F{n}", points=n + 1.0, group=f"g{n}") for n in range(21))
    assert "21 fit rules; more than 20 explain nothing any more" in _said(replace(playbook, score=replace(playbook.score, fit=many)))
    assert "more than 20" not in _said(replace(playbook, score=replace(playbook.score, fit=many[:20])))
