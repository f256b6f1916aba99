"""The compliance report as a page of the daemon, over real HTTP, from a real store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Semaphore

import pytest
import requests

from crmsync.daemon.loop import Totals
from crmsync.errors import UnreachableError
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.service import report_web
from crmsync.service.report_web import SlaPage
from crmsync.service.settings import Web
from crmsync.store import Store
from crmsync.testing.still import StillClock
from crmsync.web.app import create_app
from crmsync.web.server import Server
from fronts.test_report import EVIL, NOW, Page, fill
from fronts.test_web import WELL


class Town:
    """A store with a little history, and what the page asks."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, StillClock(NOW)
        self.playbook: Playbook = load_files(shipped_paths())
        self.page = SlaPage(store, lambda: self.playbook, self.clock)
        self.gone = False

    def sla(self, first: str | None, last: str | None) -> str:
        if self.gone:
            raise UnreachableError("The database is gone")
        return self.page(first, last)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    fill(store)
    yield Town(store)
    store.close()


@pytest.fixture
def url(town: Town) -> Iterator[str]:
    app = create_app(web=Web(), status=lambda: WELL, totals=Totals, reasons=tuple, take=lambda _: {}, sla=town.sla)
    with Server(app, host="127.0.0.1", port=0) as server:
        yield server.url


def test_a9_the_page_is_the_report_and_as_well_guarded_as_the_status_page(url: str, town: Town) -> None:
    home = requests.get(url, timeout=20)
    assert '<a href="/reports/sla">' in home.text
    answer = requests.get(f"{url}/reports/sla", timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"):
        assert answer.headers[name] == home.headers[name]
    page = Page()
    page.feed(answer.text)
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "form"})
    assert "1 of 3" in " ".join(page.text)
    assert EVIL in " ".join(page.text), "as text"
    assert requests.get(f"{url}/reports/sla", headers={"Host": "evil.example"}, timeout=20).status_code == 400
    assert requests.post(f"{url}/reports/sla", timeout=20).status_code == 405


def test_the_days_can_be_chosen_and_what_is_no_day_is_said(url: str, town: Town) -> None:
    none = requests.get(f"{url}/reports/sla?from=2001-01-01&to=2001-02-01", timeout=60)
    assert (none.status_code, "No lead was handed over in this time." in none.text) == (200, True)
    wrong = requests.get(f"{url}/reports/sla?from=<script>", timeout=20)
    assert (wrong.status_code, wrong.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert "is no date such as 2026-03-01" in wrong.text
    for beyond in ("to=0001-01-03", "from=0001-01-01", "to=9999-12-31", "from=9999-12-31&to=9999-12-31"):
        assert requests.get(f"{url}/reports/sla?{beyond}", timeout=60).status_code in (200, 400), beyond
    town.gone = True
    assert requests.get(f"{url}/reports/sla", timeout=20).status_code == 503


def test_whoever_asks_for_many_pages_keeps_nobody_from_knowing_that_it_is_alive(
    url: str, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page that is made holds a thread of the server; a supervisor that hears nothing for long starts the daemon anew."""
    held, go_on = Semaphore(0), Event()

    def slow(_: object) -> str:
        held.release()
        assert go_on.wait(30)
        return "page"

    monkeypatch.setattr(report_web, "as_html", slow)
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(requests.get, f"{url}/reports/sla?from=2026-01-{day % 28 + 1:02}", timeout=60) for day in range(60)]
        assert held.acquire(timeout=30)
        while sum(one.done() for one in asked) < 60 - report_web.WAITING:
            wait([one for one in asked if not one.done()], timeout=5, return_when=FIRST_COMPLETED)
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
        go_on.set()
    codes = Counter(one.result().status_code for one in asked)
    assert codes == {200: report_web.WAITING, 503: 60 - report_web.WAITING}


def test_a_page_is_reckoned_once_a_minute_and_anew_for_another_playbook(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(report_web, "as_html", lambda report: made.append(report) or f"page {len(made)}")
    assert [town.page(), town.page()] == ["page 1", "page 1"]
    town.clock.advance(59)
    assert town.page() == "page 1"
    town.clock.advance(1)
    assert town.page() == "page 2"
    town.playbook = replace(town.playbook, sla=replace(town.playbook.sla, min_touches=3))
    assert town.page() == "page 3"
    for back in range(1, 12):
        town.page(str((NOW - timedelta(days=back)).date()))
    count = len(made)
    assert town.page() == f"page {count + 1}", "the oldest of many is forgotten"


def test_there_is_no_such_page_where_nothing_makes_it() -> None:
    app = create_app(web=Web(), status=lambda: WELL, totals=Totals, reasons=tuple, take=lambda _: {})
    with Server(app, host="127.0.0.1", port=0) as server:
        assert requests.get(f"{server.url}/reports/sla", timeout=20).status_code == 404
        assert "/reports/sla" not in requests.get(server.url, timeout=20).text
