"""`crmsync report sla` by command on a store (process.md A9), its files, and the weekly message; hostile names included."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from crmsync.errors import ConfigError
from crmsync.insight.compliance import Bar
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.rules import Playbook
from crmsync.model.work import HANDED, HANDOFF, REASSIGNED, RESPONSE, Assignment, Clock, Touch
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.service.report import as_html, message, period, sla_report
from crmsync.service.report_plots import times_plot
from crmsync.service.report_table import COLUMNS
from crmsync.service.workspace import Workspace
from crmsync.store import Store
from crmsync.store.obligations import Obligation
from fronts.town import Answer

ANN, BO, EVE = "ann@acme.example", "bo@acme.example", "eve@acme.example"
EVIL = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - 6 * DAY
"""When most leads were handed over: in the period that is reported by default, for it begins at least four weeks ago."""


def fill(store: Store, start: datetime = START, now: datetime = NOW) -> None:
    """Ann answers one lead and breaches one; Bo gets that one by reassignment and answers; Eve has one that is open, at risk, and one that is overdue."""
    store.save_users(
        "a",
        [
            User(side="a", id="1", email=ANN, name="Ann Abel", teams=("East",)),
            User(side="a", id="2", email=BO, name=EVIL, teams=("East", "@Keys")),
            User(side="a", id="3", email=EVE, name=FORMULA),
        ],
    )

    def owed(person: str, at: datetime, owner: str, **more: Any) -> Obligation:
        given: dict[str, Any] = {"minutes": 240.0, "pool": "default", "mql_type": "browser", "source": "Web", "due_at": at + 4 * HOUR}
        return Obligation(person_id=person, kind=RESPONSE, started_at=at, owner=owner, **{**given, **more})

    second = start + 2 * DAY
    soon = now - HOUR
    running = Clock(kind=RESPONSE, started_at=soon, minutes=240, owner=EVE, running_since=soon, due_at=now + DAY, told=(0.5,))
    answered = {"met_at": start + HOUR, "ended_at": start + HOUR, "ended": "met", "used": 60.0}
    with store.begin():
        store.obligations.save(
            [
                Obligation(person_id="p1", kind=HANDOFF, started_at=start - HOUR, minutes=1440, working=False, met_at=start, ended_at=start, ended="met", used=60.0),
                owed("p1", start, ANN, source=EVIL, **answered),
                owed("p2", start, ANN, source=FORMULA, breached_at=start + 4 * HOUR, late=True, ended_at=second, ended="reassigned", used=960.0),
                owed("p2", second, BO, source=FORMULA, met_at=second + HOUR, ended_at=second + HOUR, ended="met", used=60.0),
                owed("p3", soon, EVE, due_at=now + DAY),
                owed("p4", start, EVE, breached_at=start + 4 * HOUR),
            ]
        )  # fmt: skip
        store.assignments.add(
            [
                *(Assignment(person_id=person, at=start, owner=ANN, cause=HANDED) for person in ("p1", "p2", "p4")),
                Assignment(person_id="p2", at=second, owner=BO, previous=ANN, cause=REASSIGNED),
            ]
        )
        store.touches.save([("p1", Touch(twin_id=f"t{n}", at=start + n * HOUR, channel="call")) for n in range(1, 4)])
        store.save_persons(
            [
                PersonState(person_id="p3", clocks=(running,)),
                PersonState(person_id="p1", stages=(
                    StageEntry(stage="sal", previous="mql", at=start, cause="handed off", who="engine"),
                    StageEntry(stage="disqualified", previous="sal", at=start + DAY, cause="disposition rejected (no_response) in a", who="hand"),
                )),
            ]
        )  # fmt: skip


@pytest.fixture
def filled(home: Path, command: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`crmsync report sla ...` on a store with a little history, and no CRM connected."""
    monkeypatch.setenv("CRMSYNC_HOME", str(home))
    with_store(home)
    return lambda *args: command("report", "sla", *args)


def with_store(home: Path) -> None:
    store = Store.open(f"sqlite:///{home / 'state.db'}")
    try:
        fill(store)
    finally:
        store.close()


def test_a9_the_report_as_json(filled: Callable[..., Answer]) -> None:
    said = filled("--json")
    assert said.code == 0, said.err
    found = said.json
    assert filled("--format", "json").json["leads"] == found["leads"]
    leads, turns = found["leads"], found["turns"]
    assert {name: leads[name] for name in ("count", "kept", "breached", "open", "not_due", "owing", "late", "touched", "reassigned")} == {
        "count": 4, "kept": 1, "breached": 2, "open": 1, "not_due": 0, "owing": 1, "late": 1, "touched": 2, "reassigned": 1,
    }  # fmt: skip
    assert (leads["share"], leads["median_minutes"], leads["touches"], leads["touches_per_lead"]) == (0.3333, 540.0, 3, 0.75)
    assert (leads["closed"], leads["unanswered"], leads["enough_effort"], found["min_touches"]) == (1, 1, 0, 8)
    assert (turns["count"], turns["kept"], turns["breached"]) == (5, 2, 2)
    reps = {row["group"]: row for row in found["groups"]["rep"]}
    assert {rep: (row["name"], row["kept"], row["breached"], row["reassigned"]) for rep, row in reps.items()} == {
        ANN: ("Ann Abel", 1, 1, 1), BO: (EVIL, 1, 0, 0), EVE: (FORMULA, 0, 1, 0),
    }  # fmt: skip
    assert {row["group"]: row["count"] for row in found["groups"]["team"]} == {"East": 3, "@Keys": 1, None: 2}
    assert {row["group"] for row in found["groups"]["reason"]} == {None, "disqualified: no_response"}
    assert found["now"] == [{"owner": EVE, "name": FORMULA, "open": 2, "on_time": 0, "at_risk": 1, "breached": 1, "paused": 0}]
    handoff = next(row for row in found["clocks"] if row["clock"] == "handoff")
    response = next(row for row in found["clocks"] if row["clock"] == "response")
    assert [response[name] for name in ("count", "kept", "breached", "open", "not_due", "late")] == [5, 2, 2, 1, 0, 1]
    assert (handoff["window_minutes"], handoff["working_time"], handoff["kept"], handoff["share"]) == (1440.0, False, 1, 1.0)


def test_a9_the_report_as_one_tidy_table_that_no_spreadsheet_reckons_with(filled: Callable[..., Answer]) -> None:
    said = filled("--format", "csv")
    assert said.code == 0, said.err
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["by"], rows[0]["count"], rows[0]["share"]) == ("all", "4", "0.3333")
    eve = next(row for row in rows if row["group"] == EVE)
    assert eve["name"] == f"'{FORMULA}"
    assert next(row for row in rows if row["by"] == "source" and "HYPERLINK" in row["group"])["group"] == f"'{FORMULA}"
    for row in rows:
        assert not any(str(cell).startswith(("=", "+", "-", "@")) for cell in row.values())
    assert sum(int(row["count"]) for row in rows if row["by"] == "rep") == 5


def test_only_the_groups_that_are_asked_for(filled: Callable[..., Answer]) -> None:
    assert set(filled("--json", "--by", "rep", "--by", "week").json["groups"]) == {"rep", "week"}
    rows = list(csv.DictReader(io.StringIO(filled("--format", "csv", "--by", "type").out)))
    assert [(row["by"], row["group"]) for row in rows] == [("all", ""), ("type", "browser")]
    assert filled("--by", "colour").code == 2


class Page(HTMLParser):
    """What a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "data", "action") and not str(value).startswith("#"):
                self.loads.append(str(value))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a9_the_report_as_a_page_that_loads_and_runs_nothing(filled: Callable[..., Answer], tmp_path: Path) -> None:
    out = tmp_path / "sla.html"
    said = filled("--out", str(out))
    assert (said.code, said.out) == (0, ""), said.err
    text = out.read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "object", "embed", "form", "foreignobject"})
    assert page.loads == []
    assert "url(http" not in text
    assert "@import" not in text
    shown = " ".join(page.text)
    assert EVIL in shown, "as text"
    assert "1 of 3" in shown
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3
    ids = [one for drawing in drawings for one in re.findall(r'\bid="([^"]+)"', drawing)]
    assert len(ids) == len(set(ids)), "ids of several drawings on one page are apart"
    assert any(EVIL in "".join(ElementTree.fromstring(drawing).itertext()) for drawing in drawings)


def test_plain_text_for_a_terminal_and_as_a_file(filled: Callable[..., Answer], tmp_path: Path) -> None:
    said = filled()
    assert said.code == 0
    assert "4 leads handed over: 1 answered in time, 2 not; 1 still in time; 1 of the breached ones still unanswered" in said.out
    assert re.search(r"^Ann Abel +2 +50 % +2 +", said.out, re.MULTILINE)
    out = tmp_path / "sla.txt"
    assert filled("--out", str(out)).code == 0
    assert "By rep (turns with a rep)" in out.read_text("utf-8")


def test_a_file_is_written_as_a_whole_and_its_ending_chooses_the_format(filled: Callable[..., Answer], tmp_path: Path) -> None:
    out = tmp_path / "sla.json"
    out.write_text("old", "utf-8")
    out.chmod(0o640)
    assert filled("--out", str(out)).code == 0
    assert json.loads(out.read_text("utf-8"))["leads"]["count"] == 4
    assert out.stat().st_mode & 0o777 == 0o640
    other = tmp_path / "sla.table"
    assert filled("--out", str(other), "--format", "csv").code == 0
    assert other.read_text("utf-8").startswith("by,group,name,")
    other.unlink()
    assert [path.name for path in tmp_path.glob("*sla*")] == ["sla.json"], "nothing is left beside it"


def test_the_period_is_days_of_handoffs(filled: Callable[..., Answer]) -> None:
    found = filled("--json", "--from", str((START - DAY).date()), "--to", str((START + DAY).date())).json
    assert found["leads"]["count"] == 3, "without the one of today"
    assert found["leads"]["touched"] == 2, "what came of them later counts"
    none = filled("--from", "2001-01-01", "--to", "2001-02-01")
    assert none.code == 0
    assert "No lead was handed over in this time." in none.out
    assert "No lead was handed over" in filled("--format", "html", "--from", "2001-01-01", "--to", "2001-02-01").out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--from", "yesterday"], "--from 'yesterday' is no date"),
        (["--to", "2026-02-30"], "--to '2026-02-30' is no date"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "Nothing lies between"),
        (["--from", "9999-01-01"], "Nothing lies between"),
        (["--to", "9999-12-31", "--from", "2026-01-01"], "beyond the calendar"),
        (["--json", "--format", "csv"], "contradict"),
        (["--out", "no/such/folder/x.html"], "There is no folder"),
        (["--out", "sla.pdf"], "--out: .pdf is none of .csv, .htm, .html, .json, .txt; choose another ending, or name --format."),
        (["--out", "sla.HTML", "--format", "csv"], "--format csv and a file that ends in .html contradict each other."),
        (["--out", "sla.csv", "--json"], "--json and a file that ends in .csv contradict each other."),
        (["--format", "pdf"], "pdf"),
    ],
)
def test_what_will_not_do_ends_with_2(
    filled: Callable[..., Answer], args: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = filled(*args)
    assert (said.code, said.out) == (2, "")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("sla.")]
    assert told in said.err


def test_a_file_that_cannot_be_written_is_said(filled: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "x.html").mkdir()
    said = filled("--out", str(tmp_path / "x.html"))
    assert said.code == 2
    assert "cannot be written" in said.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["x.html"]


# --- weeks and days; the weekly message -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Playbook:
    return load_files(shipped_paths())


def test_without_dates_it_is_this_week_and_the_four_before(shipped: Playbook) -> None:
    berlin = replace(shipped, hours=replace(shipped.hours, time_zone="Europe/Berlin"))
    now = datetime(2026, 4, 2, 10, tzinfo=UTC)
    assert period(berlin, now) == (datetime(2026, 3, 1, 23, tzinfo=UTC), now)
    start, end = period(berlin, now, "2026-03-28", "2026-03-29")
    assert (start, end) == (datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)), "the day is 23 hours long"
    with pytest.raises(ConfigError, match="Nothing lies between"):
        period(berlin, now, "2026-04-03")


def test_a9_the_weekly_message_is_of_the_week_before(shipped: Playbook, tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    monday = datetime(2026, 3, 9, 8, tzinfo=UTC)
    utc = replace(shipped, hours=replace(shipped.hours, time_zone="UTC"))
    try:
        fill(store, monday - 6 * DAY, monday)
        workspace = cast(Workspace, SimpleNamespace(store=store, playbook=utc))
        text = message(workspace, monday)
        title, *lines = text.splitlines()
        assert title == "SLA 2–8 Mar 2026: 33 % (1 of 3) within the SLA"
        assert "3 leads handed over: 1 answered in time, 2 not; 1 of the breached ones still unanswered" in lines
        assert "Owed now: 2, at risk 1, overdue 1" in lines
        assert "Handoff by marketing in time: 100 % (1 of 1)" in lines
        assert not any(line.startswith("The seven days before") for line in lines)
        later = message(workspace, monday + 7 * DAY).splitlines()
        assert "The seven days before: 33 % (1 of 3)" in later
        empty = message(workspace, monday + 70 * DAY)
        assert empty.splitlines()[0].endswith(": no lead was handed over")
    finally:
        store.close()


def test_the_report_reads_and_writes_nothing(shipped: Playbook, tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    try:
        fill(store)
        before = (store.obligations.of(["p1", "p2", "p3", "p4"]), store.touches.of(["p1"]), store.persons(["p1", "p3"]))
        as_html(sla_report(store, shipped, NOW - 30 * DAY, NOW, NOW))
        assert (store.obligations.of(["p1", "p2", "p3", "p4"]), store.touches.of(["p1"]), store.persons(["p1", "p3"])) == before
    finally:
        store.close()


def test_an_axis_of_few_leads_tells_whole_numbers_once() -> None:
    drawn = times_plot([Bar(upto=60.0, kept=1), Bar(upto=None)])
    assert sorted(re.findall(r">(\d+)</text>", drawn)) == ["0", "1", "1"], "0 and 1 on the axis, 1 above the bar"
    assert {"0", "100"} <= set(re.findall(r">(\d+)</text>", times_plot([Bar(upto=60.0, kept=100), Bar(upto=None)])))
