"""alerts.yaml: what it builds, every mistake where it stands; no address ever stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from crmsync.model.alert import ALERT_KINDS, AlertRules, Quiet
from crmsync.model.record import User
from crmsync.playbook.check_people import check_people
from crmsync.playbook.lint import lint
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.playbook.schema_alerts import KIND
from playbook.saying import expect_mistake, loaded

FILE = "mappings/alerts.yaml"
BOOK = """
to: {hot_lead: [owner, sales, sales], breach: [owner, manager], no_owner: []}
manager: Head@x.example
managers: {Rita@x.example: Lead@x.example}
quiet: {from: "20:00", to: "7:00", days: [sun, sat]}
digest: {over: 3, within: 2 minutes}
escalation_task: false
weekly: {day: fri, at: "16:30", to: [board]}
time_zone: Europe/Berlin
"""


def test_nobody_hears_of_anything_as_it_ships() -> None:
    assert load_files(shipped_paths()).alerts == AlertRules()


def test_what_the_shipped_comments_show_loads(tmp_path: Path) -> None:
    text = shipped_paths()[FILE].read_text("utf-8")
    shown = re.sub(r"^# (?=(to|  [a-z_]+|manager|managers|quiet|weekly):)", "", text, flags=re.MULTILINE)
    assert shown.count("\n#") < text.count("\n#") - 10
    made = loaded(tmp_path, FILE, shown).alerts
    assert set(made.to) == set(ALERT_KINDS)
    assert (made.channels, made.manager, made.weekly_day) == ({"sales"}, "head.of.sales@example.com", 0)


def test_h2_receivers_quiet_hours_and_digests_are_built(tmp_path: Path) -> None:
    made = loaded(tmp_path, FILE, BOOK).alerts
    assert made == AlertRules(
        to={"hot_lead": ("owner", "sales"), "breach": ("owner", "manager")},
        channels=frozenset({"sales", "board"}),
        managers={"rita@x.example": "lead@x.example"},
        manager="head@x.example",
        digest_over=3,
        digest_seconds=120,
        quiet=Quiet(start=1200, end=420, days=frozenset({5, 6})),
        escalation_task=False,
        weekly_day=4,
        weekly_minute=990,
        weekly_to=("board",),
        time_zone="Europe/Berlin",
    )
    days = loaded(tmp_path, FILE, "to: {breach: [sales]}\nquiet: {days: [sun]}\n").alerts.quiet
    assert days == Quiet(start=0, end=0, days=frozenset({6}))


def test_every_kind_of_alert_can_be_named() -> None:
    assert set(get_args(KIND)) == set(ALERT_KINDS)


ADDRESS = "to: an address does not belong into a file; write a name of your own here, and its address as the setting CRMSYNC_ALERTS__NAME"
# text with «the wrong place» marked, message
CASES = {
    "a chat's address": ("to: {breach: [«'slack://token/a/b'»]}", ADDRESS.replace("to:", "breach:")),
    "an e-mail address": ("to: {breach: [«rita@x.example»]}", ADDRESS.replace("to:", "breach:")),
    "a web address": ("weekly: {to: [«'https://hooks.example/x'»]}", ADDRESS),
    "no name of a setting": ("to: {breach: [«Sales»]}", 'breach: "Sales" cannot be a name here; use lower-case letters, digits and underscores, beginning with a letter'),
    "the name of what is taken": ("to: {breach: [«person»]}", None),
    "an unknown kind": ("to: {«breech»: [sales]}", None),
    "the owner of nobody": ("to: {no_owner: [«owner»]}", "no_owner: no_owner is about persons whom nobody owns; write manager or a channel"),
    "a manager who is not named": ("to: {breach: [«manager»]}", "breach: nobody is named as a manager; add manager or managers to this file"),
    "a manager who is none": ("manager: «boss»", 'manager: "boss" is no e-mail address; write that of the user'),
    "a rep who is none": ("managers: {«rita»: boss@x.example}", 'rita: "rita" is no e-mail address; write that of the user'),
    "a rep's manager who is none": ("managers: {rita@x.example: «boss»}", None),
    "their own manager": ("managers: {rita@x.example: «Rita@x.example»}", "rita@x.example: nobody is their own manager; name somebody else or remove the line"),
    "half of the quiet hours": ('«quiet»: {from: "20:00"}', "quiet: from and to go together; add the other one"),
    "nothing quiet": ("«quiet»: {}", None),
    "quiet for no time": ('quiet: {from: "20:00", to: «"20:00"»}', None),
    "quiet from no time": ('quiet: {from: «"24:00"», to: "07:00"}', "from: 24:00 is no time of a day; write 23:59 at most"),
    "quiet for ever": ("quiet: {days: «»[mon, tue, wed, thu, fri, sat, sun]}", None),
    "a digest of nothing": ("digest: {over: «0»}", None),
    "a digest in working time": ("digest: {within: «1 working hour»}", None),
    "the report to its owner": ("weekly: {to: [«owner»]}", None),
    "the report to no manager": ("weekly: {to: [«manager»]}", None),
    "the report at no time": ('weekly: {at: «"25:00"», to: [a]}', None),
    "the report to nobody": ("weekly: {to: «»[]}", "to: too few entries; give at least 1"),
    "an unknown zone": ("time_zone: «Mars/Base»", 'time_zone: unknown time zone "Mars/Base"; write one like Europe/Berlin or America/New_York'),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, tmp_path: Path) -> None:
    marked, message = CASES[case]
    expect_mistake(tmp_path, FILE, marked + "\n", message)


def test_what_lint_says(tmp_path: Path) -> None:
    text = "manager: a@x.example\nescalation_task: false\nquiet: {days: [sun]}\n"
    assert [(f.subject, f.message) for f in lint(loaded(tmp_path, FILE, text))] == [
        (f"{FILE}:1", "alerts: managers are named, and hear of nothing"),
        (f"{FILE}:3", "alerts: quiet hours are named, and nobody is told of anything"),
    ]


def test_managers_who_are_no_users_are_told(tmp_path: Path) -> None:
    made = loaded(tmp_path, FILE, BOOK.replace("escalation_task: false", "escalation_task: true"))
    users = {"hubspot": [User(side="hubspot", id="1", email="lead@x.example", name="Lead")]}
    assert [f.message for f in check_people(made, users)] == [
        "a breach makes no task, because the manager head@x.example is no active user of hubspot",
        "managers: the rep rita@x.example is no active user of hubspot",
    ]
