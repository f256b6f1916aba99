"""The daemon's addresses over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from crmsync.daemon.loop import Totals
from crmsync.errors import ConfigError, UnreachableError
from crmsync.service.settings import Web
from crmsync.service.signals import BYTES, SignalsRefusedError
from crmsync.service.status import Status
from crmsync.store.alerts import AlertCounts
from crmsync.store.obligations import OpenClocks
from crmsync.web.app import create_app
from crmsync.web.server import Server

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOKEN = "correct horse battery"
HOSTILE = "<script>alert(1)</script>"
WELL = Status(
    at=NOON, halted=None, halted_at=None, holder=None, lag_seconds=3.5, last_cycle={"errors": {}}, last_good=None,
    budgets={"hubspot": {"used": 7, "limit": None}}, records={"hubspot": {"contacts": {"live": 12, "deleted": 1}}}, persons=12, without_email={},
    stages={"mql": 2, "lead": 10}, waiting=4, open_writes=1, problems=6, conflicts=5, next_due_at=NOON,
    events=((NOON, "halt", HOSTILE),),
)  # fmt: skip

WORK: dict[str, Any] = {
    "clocks": {
        "queue": OpenClocks(running=5, paused=0, breached=0, oldest=NOON),
        "response": OpenClocks(running=3, paused=1, breached=2, oldest=NOON, at_risk=2),
    },
    "alerts": AlertCounts(waiting=4, failing=1, given_up=7, oldest=NOON),
    "calendars": {"rita@acme.example": HOSTILE},
}


class View:
    def __init__(self) -> None:
        self.reasons: tuple[str, ...] = ()
        self.status: Status | None = WELL
        self.taken: list[bytes] = []
        self.trouble: Exception | None = None
        self.totals = Totals(cycles=9, failures=2, read={"hubspot": 30}, written={"hubspot": 4}, api_calls={"hubspot": 11})

    def take(self, body: bytes) -> dict[str, Any]:
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(body)
        return {"new": 1}

    def look(self) -> Status:
        if self.status is None:
            raise UnreachableError("The database is gone")
        return self.status


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def url(view: View) -> Iterator[str]:
    app = create_app(
        web=Web(signals_token=SecretStr(TOKEN)),
        status=view.look,
        totals=lambda: view.totals,
        reasons=lambda: view.reasons,
        take=view.take,
        links={"CRM": "http://127.0.0.1:1/?a=1&b=2"},
    )
    with Server(app, host="127.0.0.1", port=0) as server:
        yield server.url


def get(url: str, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    return requests.get(url + path, headers=dict(headers or {}), timeout=5)


def test_healthz_whatever_happens(url: str, view: View) -> None:
    view.reasons, view.status = ("halted",), None
    answer = get(url, "/healthz")
    assert (answer.status_code, answer.json()["alive"]) == (200, True)


def test_readyz_says_why_not(url: str, view: View) -> None:
    assert (get(url, "/readyz").status_code, get(url, "/readyz").json()) == (200, {"ready": True, "reasons": []})
    view.reasons = ("hubspot: down",)
    answer = get(url, "/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reasons": ["hubspot: down"]})


def test_metrics(url: str, view: View) -> None:
    answer = get(url, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = set(answer.text.splitlines())
    assert {
        "crmsync_ready 1.0", "crmsync_cycles_total 9.0", "crmsync_cycle_failures_total 2.0", 'crmsync_api_calls_total{crm="hubspot"} 11.0',
        'crmsync_records_read_total{crm="hubspot"} 30.0', 'crmsync_writes_total{crm="hubspot"} 4.0', "crmsync_persons 12.0",
        'crmsync_stage_persons{stage="mql"} 2.0', 'crmsync_records{crm="hubspot",object="contacts",state="deleted"} 1.0',
        "crmsync_problems 6.0", "crmsync_conflicts 5.0", "crmsync_waiting_records 4.0", "crmsync_open_writes 1.0", "crmsync_halted 0.0",
        "crmsync_lag_seconds 3.5", 'crmsync_budget_calls{crm="hubspot",what="used"} 7.0',
    } <= lines  # fmt: skip
    assert 'what="limit"' not in answer.text
    view.status = replace(WELL, **WORK)
    assert {
        'crmsync_open_clocks{kind="response",status="running"} 3.0', 'crmsync_open_clocks{kind="response",status="paused"} 1.0',
        'crmsync_open_clocks{kind="response",status="breached"} 2.0', 'crmsync_open_clocks{kind="response",status="at_risk"} 2.0',
        'crmsync_open_clocks{kind="queue",status="running"} 5.0',
        'crmsync_alerts{state="waiting"} 4.0', 'crmsync_alerts{state="failing"} 1.0', 'crmsync_alerts{state="given_up"} 7.0',
        "crmsync_unread_calendars 1.0",
    } <= set(get(url, "/metrics").text.splitlines())  # fmt: skip
    view.status = None
    without = get(url, "/metrics")
    assert without.status_code == 200
    assert "crmsync_cycles_total 9.0" in without.text
    assert "crmsync_persons" not in without.text


def test_the_page_shows_and_escapes(url: str, view: View) -> None:
    view.reasons = (HOSTILE,)
    answer = get(url, "/")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert answer.text.count("&lt;script&gt;") == 2
    assert 'href="http://127.0.0.1:1/?a=1&amp;b=2"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for figure in ("12 live", "lead", "10", "7 of"):
        assert figure in answer.text
    assert "Decided anew" not in answer.text
    assert "Contact data" not in answer.text
    view.status = replace(WELL, anew=(3, 9), unverified={"address": 4}, verify_notes={"address": HOSTILE})
    answer = get(url, "/")
    assert "3 of 9 persons, for the playbook changed" in answer.text
    assert "4 of an unverified address" in answer.text
    assert "<script" not in answer.text
    assert "Open clocks" not in answer.text
    view.status = replace(WELL, **WORK)
    answer = get(url, "/")
    assert 'response: 3 running (2 at risk), 1 paused, <span class="bad">2 breached</span>' in answer.text
    assert "waiting for an owner: 5 running, 0 paused, 0 breached" in answer.text
    assert "4 waiting, 1 of them tried in vain, 7 given up" in answer.text
    assert "rita@acme.example: &lt;script&gt;" in answer.text
    assert "<script" not in answer.text


def test_the_page_survives_a_dead_database(url: str, view: View) -> None:
    view.status = None
    answer = get(url, "/")
    assert answer.status_code == 200
    assert "The database is gone" in answer.text


def test_an_empty_start(url: str, view: View) -> None:
    view.totals = Totals()
    view.status = replace(WELL, lag_seconds=None, next_due_at=None, stages={}, records={}, budgets={}, events=(), last_cycle=None)
    assert get(url, "/").status_code == 200
    assert get(url, "/metrics").status_code == 200


def test_another_hosts_name_is_refused(url: str) -> None:
    assert get(url, "/", {"Host": "evil.example"}).status_code == 400
    assert get(url, "/healthz", {"Host": "localhost:1"}).status_code == 200


@pytest.mark.parametrize("path", ["/../etc/passwd", "/nothing", "/metrics/x"])
def test_unknown_paths(url: str, path: str) -> None:
    assert get(url, path).status_code == 404


def test_a_taken_port_is_a_configuration_error(view: View) -> None:
    app = create_app(web=Web(), status=view.look, totals=lambda: view.totals, reasons=lambda: view.reasons, take=view.take)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="CRMSYNC_WEB__PORT"), Server(app, host="127.0.0.1", port=taken.getsockname()[1]):
            pytest.fail("listened on a taken port")


def post(url: str, body: bytes, token: str | None = TOKEN) -> requests.Response:
    return requests.post(f"{url}/signals", data=body, headers={} if token is None else {"Authorization": f"Bearer {token}"}, timeout=5)


def test_signals_are_taken_from_those_who_have_the_token(url: str, view: View) -> None:
    answer = post(url, b"[]")
    assert (answer.status_code, answer.json(), view.taken) == (200, {"new": 1}, [b"[]"])
    for wrong in (None, "", "correct horse", TOKEN + "x", "schl\u00fcssel".encode().decode("latin-1")):
        refused = post(url, b"[]", wrong)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert post(url, b"x" * (BYTES + 1)).status_code == 413
    assert get(url, "/signals").status_code == 405
    assert len(view.taken) == 1, "nothing of what was refused was read"


def test_signals_that_are_refused_say_why(url: str, view: View) -> None:
    view.trouble = SignalsRefusedError("type is needed", 3)
    answer = post(url, b"[]")
    assert (answer.status_code, answer.json()) == (422, {"error": "type is needed", "at": 3})
    view.trouble = UnreachableError("The database is busy")
    answer = post(url, b"[]")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_no_token_no_signals(view: View) -> None:
    app = create_app(web=Web(), status=view.look, totals=lambda: view.totals, reasons=lambda: view.reasons, take=view.take)
    with Server(app, host="127.0.0.1", port=0) as server:
        assert post(server.url, b"[]", "").status_code == 404
    assert view.taken == []
