"""Every page that people open, in a real browser: what it shows, what it asks for, and that a rep's clicks reach crmsync."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import structlog
from selenium.webdriver.common.by import By
from selenium.webdriver.common.selenium_manager import SeleniumManager
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from crmsync.daemon.loop import Totals
from crmsync.decide.worktime import calendar_of
from crmsync.insight.drift import Drift
from crmsync.insight.sim_checks import Check
from crmsync.insight.sim_demand import demand_of
from crmsync.insight.sim_figures import Sample, figures_of
from crmsync.insight.sim_people import reps_of
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.work import CadenceRun
from crmsync.service import simulate as simulations
from crmsync.service.report import period, sla_report
from crmsync.service.report_table import as_json
from crmsync.service.report_text import percent
from crmsync.service.settings import Web
from crmsync.service.simulate import Cost, Simulation, Wanted
from crmsync.store import Store
from crmsync.web.app import create_app
from crmsync.web.server import Server
from fronts import browser as browsers
from fronts.browser import NARROW, WIDTHS, Browser, Seen, browser
from fronts.test_report import ANN, BO, EVE, NOW, fill, with_store
from fronts.test_report_web import Town
from fronts.test_web import WELL, WORK
from fronts.town import Answer
from scenarios.test_simulate import calm
from scenarios.touched import KINDS, Person, asks
from scenarios.world import Both

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
LONG = "https://crm.example/" + "x" * 200
"""A word that no phone is wide enough for."""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all; nobody looks for another one in the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SeleniumManager, "binary_paths", lambda *_: pytest.fail("a browser or driver is looked for in the network"))
        with browser(tmp_path_factory.mktemp("profile")) as opened:
            yield opened


def shown(window: Browser, url: str, *texts: str, drawings: int = 0) -> Seen:
    """Opens a page in both widths, holds it to what every page must be, and looks for the texts. Returns how it looks on a desk."""
    phone, desk = (window.open(url, width=width) for width in WIDTHS)
    for found in (phone, desk):
        assert found.faults(drawings=drawings) == [], (url, found.width)
        assert [text for text in texts if text not in found.text] == [], (url, found.width, found.text)
    sizes = [(small[0], large[0]) for small, large in zip(phone.drawings, desk.drawings, strict=True)]
    assert all(small <= large for small, large in sizes), f"blown up on a phone: {sizes}"
    return desk


def the_same_without_scripts(window: Browser, page: Seen) -> None:
    """Holds a page to show all that it shows where no script may run."""
    without = window.open(page.url, scripts=False)
    assert without.faults(drawings=len(page.drawings)) == []
    assert (without.title, without.text, without.drawings) == (page.title, page.text, page.drawings)


# --- the looks themselves ------------------------------------------------------------------------------------------------------------

BAD = """<!doctype html><body style="width:3000px"><h1>One</h1><h1>Two</h1><h2> </h2><svg width=5 height=5><g class="role-legend-symbol"><path opacity=".1"/></g></svg><script>missing()</script>
<img src="http://127.0.0.1:9/picture.png"></body>"""
GOOD = '<!doctype html><html lang="en"><head><title>Good</title>{}</head><body><h1>Good</h1><svg width=40 height=40><rect width=30 height=30 /></svg>{}</body></html>'
POLICY = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"


def test_a_bad_page_is_told_from_a_good_one(window: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    def faults(text: str) -> str:
        page.write_text(text, "utf-8")
        return "\n".join(window.open(page.as_uri(), width=NARROW).faults(drawings=1))

    assert faults(GOOD.format("", "")) == ""
    told = faults(BAD).replace("drawings=1", "")
    for fault in (
        "asks for http://127.0.0.1:9/picture.png", "missing is not defined", "has <script>", "has <img", "needs 30", "has no title", "in the language ''",
        "has the headings ('H1 One', 'H1 Two', 'H2 ')", "a drawing of (5, 5, 0, 0)", "has the legend <path",
    ):  # fmt: skip
        assert fault in told
    assert "has 0 drawings" in faults('<!doctype html><html lang="en"><title>None</title><h1>None</h1>')
    assert "Content Security Policy" in faults(GOOD.format(POLICY, "<p style='color:red'>Red</p>"))
    for hostile in (SCRIPT, IMAGE):
        faults(GOOD.format("", hostile))
        assert window.look().title == "owned", "what runs would be seen"
        page.write_text(GOOD.format("", hostile), "utf-8")
        assert window.open(page.as_uri(), scripts=False).title == "Good", "nothing runs without scripts"


def test_without_a_browser_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for there in ("chromium", "chromedriver"):
        monkeypatch.setattr(browsers, "shutil", SimpleNamespace(which=lambda name, there=there: f"/bin/{name}" if name == there else None))
        with pytest.raises(pytest.skip.Exception, match="apt-get install chromium chromium-driver"), browser(tmp_path):
            pytest.fail("opened a browser that is not there")


# --- the daemon's pages and the reports ----------------------------------------------------------------------------------------------


def hostile_town(folder: Path) -> Town:
    """The report's little history with people whose names would run something."""
    store = Store.open(f"sqlite:///{folder / 'state.db'}")
    fill(store)
    store.save_users("a", [replace(user, name={"1": SCRIPT, "3": IMAGE}.get(user.id, user.name)) for user in store.users()])
    return Town(store)


def lines_of(town: Town) -> list[str]:
    """How each rep stands in the table, by the same report as JSON."""
    found = as_json(sla_report(town.store, town.playbook, *period(town.playbook, town.clock()), town.clock()))
    rows = found["groups"]["rep"]
    assert [row["name"] for row in rows if row["name"] in (SCRIPT, IMAGE)]
    return [f"{row['name']}\t{row['count']}\t{percent(row['share'])}\t{row['kept'] + row['breached']}\t" for row in rows]


def test_the_daemons_pages(window: Browser, tmp_path: Path) -> None:
    town = hostile_town(tmp_path)
    status = replace(
        WELL,
        events=((WELL.at, "halt", SCRIPT), (WELL.at, "halt", LONG)),
        verify_notes={"address": LONG},
        **{**WORK, "calendars": {LONG: IMAGE}},
    )
    totals = Totals(cycles=9, failures=2, read={"hubspot": 30_123}, written={"hubspot": 4_567}, api_calls={"hubspot": 1_234_567})
    app = create_app(
        web=Web(), status=lambda: status, totals=lambda: totals, reasons=lambda: (IMAGE, LONG), take=lambda _: {}, sla=town.sla,
        links={SCRIPT: "http://127.0.0.1:1/"},
    )  # fmt: skip
    with Server(app, host="127.0.0.1", port=0) as server:
        home = shown(
            window, server.url + "/", "Persons\t12", "9, 2 failed", "response: 3 running (2 at risk), 1 paused, 2 breached", "4 waiting, 1 of them tried in vain, 7 given up",
            "30123\t4567\t1234567\t7 of ?", SCRIPT, IMAGE, LONG, "2026-03-02 12:00:00 UTC",
        )  # fmt: skip
        the_same_without_scripts(window, home)
        assert home.headings[1:] == ("H2 Stages", "H2 CRMs", "H2 Events")
        window.driver.find_element(By.LINK_TEXT, "SLA compliance").click()
        assert window.driver.current_url == f"{server.url}/reports/sla"
        report = shown(window, f"{server.url}/reports/sla", "33 %\nwithin the SLA\n1 of 3", SCRIPT, IMAGE, *lines_of(town), drawings=3)
        the_same_without_scripts(window, report)
        assert min(width for width, *_ in report.drawings) < NARROW, "of one week"
        assert {"H2 Weeks", "H2 Reps", "H2 Teams", "H2 All clocks", "H2 How this is counted"} <= set(report.headings)
        assert (
            shown(window, f"{server.url}/reports/sla?from=2001-01-01&to=2001-02-01", "No lead was handed over in this time.").drawings == ()
        )
        status = replace(WELL, records={}, budgets={}, stages={}, events=(), next_due_at=None, lag_seconds=None)
        shown(window, server.url + "/", "never", "nothing")
    town.store.close()


def simulated(town: Town) -> Simulation:
    """What a simulation of two weeks would tell of that history, of three people more in a cadence, and of a rep whose name would run something."""
    start = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=NOW.weekday() + 7)
    end, assumed = start + timedelta(weeks=2), calm()
    reps = reps_of(Random(1), 3, start, 2, [ANN, BO, EVE], assumed)
    reps[0].first_name, reps[0].last_name = SCRIPT, "Abel"
    users = {rep.email: User(side="a", id=rep.email, email=rep.email, name=rep.name, time_zone=rep.zone) for rep in reps}
    for rep in reps:
        rep.calendar = calendar_of(users[rep.email], town.playbook.hours)
    began = start + timedelta(hours=10)
    run, sal = (
        CadenceRun(name="standard", started_at=began),
        StageEntry(stage="sal", previous="mql", at=began, cause="handed off", who="engine"),
    )
    people = [PersonState(person_id=f"s{n}", owner=rep.email, handed_at=began, cadence=run, stages=(sal,)) for n, rep in enumerate(reps)]
    with town.store.begin():
        town.store.save_persons(people)
    compliance = sla_report(town.store, town.playbook, start, end, NOW)
    loads = [Sample(at=start + timedelta(days=day), leads={rep.email: day % 4 for rep in reps}, tasks={}) for day in range(14)]
    figures = figures_of(town.store, compliance, reps=reps, start=start, end=end, samples=loads)
    spent = [(began, 25.0)]
    demand = demand_of(town.store, town.playbook, reps=reps, users=users, done=[], spent=spent, other=0.35, start=start, weeks=2)
    return Simulation(
        wanted=Wanted(weeks=2, reps=3, leads=1, assumed=assumed), start=start, end=end, reps=tuple(reps), arrived=6, compliance=compliance, figures=figures, demand=demand,
        checks=(Check(name="no task exists twice in a CRM", counted=3), Check(name="caps are kept", counted=2, failures=1, broken=(IMAGE,))), drift=Drift(), problems={"reason_missing": 2}, cost=Cost(cycles=3),
    )  # fmt: skip


def test_the_files_of_reports(
    window: Browser, home: Path, tmp_path: Path, command: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMSYNC_HOME", str(home))
    with_store(home)
    sla, simulation = tmp_path / "sla.html", tmp_path / "simulation.html"
    assert command("report", "sla", "--out", sla).code == 0
    reps = command("report", "sla", "--json").json["groups"]["rep"]
    shown(window, sla.as_uri(), "1 of 3", *(f"{row['name']}\t{row['count']}\t{percent(row['share'])}\t" for row in reps), drawings=3)
    town = hostile_town(tmp_path)
    found = simulated(town)
    town.store.close()
    monkeypatch.setattr(simulations, "simulate", lambda _wanted, **_: found)
    assert command("simulate", "--out", simulation).code == 1, "something did not hold"
    told = command("simulate", "--json").json
    lines = [
        f"{row['name']} {row['persona']}\t{row['given']}\t{row['taken_over'] or '–'}\t{row['reassigned_away'] or '–'}\t"
        for row in told["team"]
    ]
    assert SCRIPT in lines[0]
    lines += [f"{row['week']}\t{row['handed']}\t{row['asked']}\t{row['made']}\t{row['workdays']}\t" for row in told["demand"]["weeks"]]
    share = f"{percent(told['compliance']['leads']['share'])}\nwithin the SLA"
    page = shown(window, simulation.as_uri(), *lines, share, IMAGE, "broken: 1", "reason_missing (2)", drawings=6)
    the_same_without_scripts(window, page)
    assert page.title == "Simulation of a playbook, 2 weeks, 3 reps"
    for name, count in told["outcomes"].items():
        assert any(line.split("\t")[0].endswith(f" {name}") and line.split("\t")[1] == str(count) for line in page.text.splitlines()), name


# --- the simulated CRMs, worked by hand ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Both, Person, Person]]:
    """Both simulated CRMs, and two people who asked for a demo and have a task of ours."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with Both(kinds=KINDS) as both:
        both.settle()
        mia, leo = asks(both, "mia", lastname=IMAGE), asks(both, "leo", lastname=SCRIPT, company=LONG)
        both.settle()
        yield both, mia, leo


def press(window: Browser, part: WebElement, button: str) -> None:
    """Presses a button there, and waits until the next page is open."""
    part.find_element(By.XPATH, f".//button[.='{button}']").click()
    WebDriverWait(window.driver, 30).until(staleness_of(part))


def test_the_simulators_pages(window: Browser, stage: tuple[Both, Person, Person]) -> None:
    both, mia, leo = stage
    salesforce, hubspot = both.sf.url, both.hs.url
    shown(window, f"{salesforce}/", "Leads", f"Mia {IMAGE}", f"Leo {SCRIPT}", "Open tasks by owner")
    shown(window, f"{salesforce}/record/Lead/{leo.lead()['Id']}", SCRIPT, LONG, "Activity history")
    shown(window, f"{salesforce}/tasks", "Tasks of Rita Rep", SCRIPT, IMAGE)
    shown(window, f"{hubspot}/", "Contacts (2)", IMAGE, SCRIPT)
    shown(window, f"{hubspot}/records/contacts/{leo.id}", SCRIPT, LONG, "Timeline")
    shown(window, f"{hubspot}/records/contacts/{mia.id}", IMAGE)


def test_a_rep_completes_a_task_by_a_click_and_crmsync_goes_on(window: Browser, stage: tuple[Both, Person, Person]) -> None:
    both, mia, _ = stage
    (task,) = mia.open("hubspot")
    window.open(f"{both.hs.url}/")
    window.driver.find_element(By.XPATH, "//table//a[.='Mia']").click()
    card = window.driver.find_element(By.XPATH, "//div[contains(@class, 'card')][.//a[starts-with(., 'Call now: Mia')]]")
    press(window, card, "Complete")
    done = window.look()
    assert done.faults() == []
    assert window.driver.find_elements(By.XPATH, "//button[.='Complete']") == []
    both.settle()
    assert both.hs.get("tasks", str(task["id"]))["hs_task_status"] == "COMPLETED"
    assert (str(mia.lead()["crmsync_touches__c"]).removesuffix(".0"), mia.lead()["crmsync_sla_status__c"]) == ("1", "met")
    assert mia.subjects() == mia.subjects("hubspot") == ["Call now", "E-mail"], "the next touch of the cadence"
    assert [row["IsClosed"] for row in mia.tasks()] == [True, False]
    again = window.open(f"{both.hs.url}/records/contacts/{mia.id}")
    assert again.faults() == []
    assert window.driver.find_element(By.XPATH, "//div[contains(@class, 'card')][.//button[.='Complete']]//a").text.startswith(
        "E-mail: Mia"
    )


def test_another_reschedules_one_and_crmsync_takes_the_day(window: Browser, stage: tuple[Both, Person, Person]) -> None:
    both, _, leo = stage
    (task,), (twin,) = leo.open(), leo.open("hubspot")
    assert task["ActivityDate"] == "2026-03-03"
    window.open(f"{both.sf.url}/tasks")
    row = window.driver.find_element(By.XPATH, "//tr[.//a[starts-with(., 'Call now: Leo')]]")
    row.find_element(By.XPATH, ".//input[@type='date']").send_keys("03052026")
    press(window, row, "Reschedule")
    assert window.look().faults() == []
    shown_day = window.driver.find_element(By.XPATH, "//tr[.//a[starts-with(., 'Call now: Leo')]]/td").text
    both.settle()
    (moved,), (there,) = leo.open(), leo.open("hubspot")
    assert (shown_day, moved["ActivityDate"], there["hs_timestamp"][:10]) == ("2026-03-05", "2026-03-05", "2026-03-05")
    assert (moved["Id"], there["id"]) == (task["Id"], twin["id"]), "the same tasks"
    both.settle()
    assert leo.open()[0]["ActivityDate"] == "2026-03-05", "nobody sets it back"
