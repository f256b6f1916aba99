"""`crmsync simulate`: modelled people in both simulated CRMs for a week of simulated time; what must hold does, and the report says what happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.cli.main import run
from crmsync.insight.sim_assume import AVERAGE, CHERRY_PICKING, DILIGENT, Assumptions
from crmsync.playbook import write_defaults
from crmsync.service import simulate as simulations
from crmsync.service.simulate import Simulation, Wanted, simulate
from crmsync.service.simulate_page import as_html, as_json

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LOOKS: list[timedelta] = []
"""How long each look at the CRMs took in the simulation."""


def calm() -> Assumptions:
    """As shipped, but nobody is away or leaves, everybody comes on a working day with an address that exists, and the reps live in one time zone."""
    assumed = Assumptions()
    mix = {"demo_request": 0.5, "pricing_inquiry": 0.2, "content_download": 0.3, "webinar": 0.0, "browser": 0.0}
    work = {"vacations": 0, "leavers": 0, "time_zones": ["Europe/London"]}
    people = {"mix": assumed.prospects.mix.model_copy(update=mix), "weekend": 0.0, "bounces": 0.0}
    return assumed.model_copy(
        update={"work": assumed.work.model_copy(update=work), "prospects": assumed.prospects.model_copy(update=people)}
    )


def small_playbook(folder: Path) -> Path:
    """The shipped one without the kinds of activities that nobody here makes: each is a call per look."""
    write_defaults(folder)
    path = folder / "mappings" / "activities.yaml"
    text = path.read_text("utf-8")
    for kind in ("note", "campaign_member"):
        assert f"\n{kind}:\n  on: true" in text
        text = text.replace(f"\n{kind}:\n  on: true", f"\n{kind}:\n  on: false")
    path.write_text(text, "utf-8")
    path = folder / "mappings" / "signals.yaml"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("    events:")]
    path.write_text("\n".join(lines).replace(", events: email_open", "").replace(", events: email_click", "") + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One week, a rep of each kind, nine visitors."""
    home = small_playbook(tmp_path_factory.mktemp("playbook"))
    cycle = simulations._Run._cycle

    def timed(run: simulations._Run, **how: Any) -> None:
        begun = run._clock()
        cycle(run, **how)
        LOOKS.append(run._clock() - begun)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulations, "TICK", timedelta(hours=2))
        patch.setattr(simulations._Run, "_cycle", timed)
        return simulate(Wanted(weeks=1, reps=3, leads=9, seed=3, home=home, start=MONDAY, assumed=calm()))


def test_everything_that_must_hold_holds(week: Simulation) -> None:
    assert [(check.name, check.broken) for check in week.checks if not check.held] == []
    counted = {check.name: check.counted for check in week.checks}
    assert counted["touches are the activities that the CRMs show completed"] >= 10
    assert counted["no task exists twice in a CRM"] >= 20
    assert counted["every lead in work has an owner who is there"] >= 1
    assert week.sound
    assert week.drift.unexplained == 0


def test_a_look_at_the_crms_takes_seconds_in_the_simulation_too(week: Simulation) -> None:
    assert len(LOOKS) >= 20
    assert timedelta() < max(LOOKS) < timedelta(minutes=1), "what paces calls must not pile up: reps would wait for it, and clocks run out"


def test_r2_who_comes_and_qualifies_is_handed_to_the_team_in_turn(week: Simulation) -> None:
    figures = week.figures
    assert week.arrived == 9
    assert 6 <= figures.qualified <= 9
    assert sum(rep.given for rep in figures.reps) == figures.qualified
    assert figures.spread is not None
    assert figures.spread <= 1
    assert sum(figures.outcomes.values()) == figures.qualified
    assert (figures.samples[0].at, figures.samples[-1].at) == (MONDAY, MONDAY + timedelta(weeks=1))
    assert max(rep.peak for rep in figures.reps) >= 2


def test_c1_what_the_cadences_ask_of_the_team_stands_beside_what_it_made(week: Simulation) -> None:
    (only,) = week.demand.weeks
    assert (only.week, only.handed, only.days) == (1, week.figures.qualified, 15)
    assert only.asked >= only.handed, "the first touch of everybody at least"
    assert 0 < only.made <= sum(rep.touches for rep in week.figures.reps)
    assert week.demand.growing
    assert only.time == 3 * 5 * 8 * 60 * 0.65
    assert only.made * 2 < only.busy < only.time, "each touch takes some minutes; three reps have time for nine visitors"
    assert week.demand.carries is not None
    assert week.demand.carries > only.handed


def test_a9_the_diligent_keep_the_sla_better_than_who_picks_cherries(week: Simulation) -> None:
    kinds = {one.persona: one for one in week.figures.personas}
    assert list(kinds) == [DILIGENT, AVERAGE, CHERRY_PICKING]
    good, bad = kinds[DILIGENT], kinds[CHERRY_PICKING]
    assert good.share is not None
    assert bad.share is not None
    assert good.share > bad.share
    assert good.kept + bad.kept <= week.compliance.turns.kept


def test_the_report_says_it_in_html_and_json(week: Simulation) -> None:
    page = as_html(week)
    assert page.count("<svg") >= 4
    assert "These are modelled people, not yours" in page
    assert all(rep.name in page for rep in week.reps)
    assert all(key in page for key, _, _ in week.wanted.assumed.listed())
    told = json.loads(json.dumps(as_json(week)))
    assert told["sound"] is True
    assert told["compliance"]["leads"]["count"] == week.figures.qualified
    assert [row["persona"] for row in told["team"]] == [rep.persona_name for rep in week.reps]
    (asked,) = told["demand"]["weeks"]
    assert asked["asked_per_day"] == round(asked["asked"] / 15, 2)
    assert (asked["busy_minutes"], told["demand"]["growing"]) == (round(week.demand.weeks[0].busy), True)
    assert set(told["load"][0]) == {"at", "leads", "tasks"}
    assert f"In week 1 the cadences asked for {week.demand.weeks[0].asked_a_day:.1f} touches" in page
    assert "What the playbook asks of the team" in page


@pytest.mark.parametrize(("sound", "code"), [(True, 0), (False, 1)])
def test_the_command(
    week: Simulation, sound: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Wanted] = []

    def instead(wanted: Wanted, **_: Any) -> Simulation:
        asked.append(wanted)
        return week

    monkeypatch.setattr(simulations, "simulate", instead)
    monkeypatch.setattr(Simulation, "sound", property(lambda _: sound))
    monkeypatch.setenv("CRMSYNC_HOME", str(tmp_path))
    file = tmp_path / "team.yaml"
    file.write_text("work: {leavers: 0}\ndiligent: {share: 0.9}\n", "utf-8")
    args = [
        "simulate",
        "--weeks",
        "2",
        "--reps",
        "5",
        "--leads",
        "40/week",
        "--seed",
        "9",
        "--assumptions",
        str(file),
        "--out",
        str(tmp_path / "x.json"),
    ]
    assert run(args) == code
    (wanted,) = asked
    assert (wanted.weeks, wanted.reps, wanted.leads, wanted.seed, wanted.home) == (2, 5, 40, 9, None)
    assert (wanted.assumed.work.leavers, wanted.assumed.diligent.share, wanted.assumed.diligent.does) == (0, 0.9, 0.985)
    assert json.loads((tmp_path / "x.json").read_text("utf-8"))["seed"] == 3
    assert "9 people came" in capsys.readouterr().out
    assert run(["simulate", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["reps"] == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--leads", "many"], "no number per week"),
        (["--leads", "0/week"], "no number per week"),
        (["--json", "--format", "html"], "contradict each other"),
        (["--assumptions", "none.yaml"], "none.yaml is no file"),
        (["--out", "nowhere/x.html"], "There is no folder nowhere"),
        (["--out", "x.csv"], "--out: .csv is none of .htm, .html, .json, .txt"),
        (["--out", "x.html", "--json"], "--json and a file that ends in .html contradict each other"),
    ],
)
def test_what_will_not_do_is_said_before_anything_is_simulated(
    args: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["simulate", *args]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Nothing was simulated" in error
