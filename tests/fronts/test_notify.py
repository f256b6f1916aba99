"""Alerts over real HTTP: sent once, by threads of their own, gathered when there are many, tried again, and never at the price of a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from crmsync.connect.notify import NotSentError, address_problem, is_local, send
from crmsync.decide.alerts import WEEKLY
from crmsync.decide.owners import owners_of
from crmsync.engine.alerts import remember_alerts
from crmsync.errors import ConfigError, UnreachableError
from crmsync.model.alert import AT_RISK, BREACH, HOT_LEAD, Alert, AlertRules, Quiet
from crmsync.model.record import User
from crmsync.service.explain_work import alert_state
from crmsync.service.logs import set_up_logs
from crmsync.service.notify import HOLD, LAST_WEEKLY, Notifier
from crmsync.service.notify_where import check_alerts, option_of
from crmsync.service.settings import Settings, Web
from crmsync.service.workspace import Workspace
from crmsync.store import Store
from crmsync.store.alerts import AlertCounts, AlertRow
from tiny import Tiny, playbook

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG = 60.0
"""Seconds after which a test gives up waiting; none waits so long when all is well."""
RITA, MAX = "rita@acme.example", "max@acme.example"
SECRET = "xoxb-s3cret-of-the-chat"
RULES = AlertRules(
    to={HOT_LEAD: ("sales",), AT_RISK: ("owner",), BREACH: ("owner", "manager", "sales")},
    channels=frozenset({"sales"}),
    managers={RITA: MAX},
)


class Receiver(ThreadingHTTPServer):
    """A chat's webhook. status: what it answers with; heard: (path, title, text) of what it accepted; refused: how often it did not; open: cleared while it keeps
    everybody waiting."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.status = 200
        self.heard: list[tuple[str, str, str]] = []
        self.refused = 0
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.heard]


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.entered.set()
        server.open.wait(LONG)
        if server.status == 200:
            server.heard.append((self.path, said["title"], said["message"]))
        else:
            server.refused += 1
        self.send_response(server.status)
        self.send_header("Location", f"http://{server.place}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.open.set()
        server.shutdown()
        server.server_close()


@dataclass
class Office:
    """A world with alerts, a chat that hears them, and a clock that a test moves."""

    tiny: Tiny
    chat: Receiver
    environ: dict[str, str]
    now: datetime = NOW
    notifier: Notifier = field(default_factory=Notifier)

    def workspace(self) -> Workspace:
        settings = Settings(home=Path(), database_url=self.tiny.url, web=Web(), environ=self.environ)
        world = self.tiny.world
        return Workspace(
            settings=settings, playbook=self.tiny.rules, connectors=world.connectors, store=self.tiny.store, world=world,
            clock=lambda: self.now, sleep=lambda seconds: None,
        )  # fmt: skip

    def rules(self, **more: object) -> None:
        self.tiny.remap(lambda rules: replace(rules, alerts=replace(RULES, **more)))  # type: ignore[arg-type]
        self.meet()

    def meet(self) -> None:
        users = [User(side="a", id=email, email=email, name=email, time_zone="Europe/Berlin") for email in (RITA, MAX)]
        self.tiny.world.owners = owners_of(users, {}, self.tiny.rules.hours)

    def decide(self, *people: str, kind: str = HOT_LEAD, owner: str | None = RITA) -> None:
        alerts = [(one, Alert(kind=kind, at=self.now, title=f"{kind}: {one}", body=f"About {one}.", owner=owner)) for one in people]
        with self.tiny.store.begin():
            remember_alerts(self.tiny.world, alerts, self.now)

    def step(self, later: timedelta = timedelta(), *, wait: float = LONG) -> int:
        self.now += later
        return self.notifier.step(self.workspace(), wait=wait)

    def counts(self) -> AlertCounts:
        return self.tiny.store.alerts.counts(self.now)

    def restart(self) -> None:
        """Another process: nothing of the old one is left but the database."""
        self.tiny.restart()
        self.meet()
        self.notifier = Notifier()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with receiver() as chat:
        tiny = Tiny(tmp_path, rules=playbook(alerts=RULES))
        environ = {
            "CRMSYNC_ALERTS__SALES": f"json://{chat.place}/sales/{SECRET}",
            "CRMSYNC_ALERTS__PERSON": f"json://{chat.place}/people?-to={{email}}",
        }
        found = Office(tiny=tiny, chat=chat, environ=environ)
        found.meet()
        yield found
        chat.open.set()
        found.notifier.close()
        tiny.close()


# --- sent -------------------------------------------------------------------------------------------------------------------


def test_h2_an_alert_is_sent_once_and_its_words_are_forgotten(office: Office) -> None:
    office.decide("ann")
    assert office.step() == 1
    assert office.chat.heard == [(f"/sales/{SECRET}", "hot_lead: ann", "About ann.")]
    office.decide("ann")
    assert [office.step(SECOND), office.step(HOUR)] == [0, 0]
    office.restart()
    assert office.step(DAY) == 0
    assert len(office.chat.heard) == 1
    (row,) = office.tiny.store.alerts.of(["ann"])["ann"]
    assert (row.title, row.body, row.sent_at, row.error) == ("", "", NOW, "")


def test_a5_owner_and_manager_get_their_own_message(office: Office) -> None:
    office.decide("ann", kind=BREACH)
    assert office.step() == 3
    paths = sorted(path for path, _, _ in office.chat.heard)
    assert paths == ["/people?to=max%40acme.example", "/people?to=rita%40acme.example", f"/sales/{SECRET}"]


def test_a4_at_risk_reaches_the_owner_with_what_is_at_risk(office: Office) -> None:
    office.decide("ann", kind=AT_RISK)
    office.step()
    assert office.chat.heard == [("/people?to=rita%40acme.example", "at_risk: ann", "About ann.")]


def test_h2_no_step_waits_for_a_chat_that_does_not_answer(office: Office) -> None:
    with receiver() as other:
        office.environ["CRMSYNC_ALERTS__PERSON"] = f"json://{other.place}/{{email}}"
        office.chat.open.clear()
        office.decide("ann", kind=BREACH)
        assert office.step(wait=0) == 3, "returned while the channel was still silent"
        assert office.chat.entered.wait(LONG)
        office.decide("bob")
        assert office.step(SECOND, wait=0) == 0, "nothing is sent a second time meanwhile, nor queued behind what does not move"
        assert office.notifier._lanes["person"].rest(LONG), "the others do not wait for the silent one"
        assert sorted(path for path, _, _ in other.heard) == [f"/{MAX}", f"/{RITA}"]
        assert office.chat.heard == []
        office.chat.open.set()
        assert office.notifier._lanes["sales"].rest(LONG)
        office.step(SECOND)
        assert office.chat.titles == ["breach: ann", "hot_lead: bob"]


# --- in vain ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "reason"), [(500, "HTTP 500"), (404, "HTTP 404"), (302, "HTTP 302")])
def test_h2_what_was_refused_is_tried_again_later(office: Office, status: int, reason: str) -> None:
    office.chat.status = status
    office.decide("ann")
    assert [office.step(), office.step(30 * SECOND), office.step(30 * SECOND), office.step(MINUTE)] == [1, 0, 1, 0]
    (row,) = office.tiny.store.alerts.of(["ann"])["ann"]
    assert (row.error, row.tries, row.body, office.chat.refused) == (reason, 2, "About ann.", 2)
    assert (office.counts().waiting, office.counts().failing) == (1, 1)
    office.chat.status = 200
    office.step(MINUTE)
    assert office.chat.titles == ["hot_lead: ann"]
    assert office.counts().waiting == 0


def test_h2_a_chat_that_is_down_for_hours_misses_nothing(office: Office) -> None:
    gone = office.chat.place
    with receiver() as other:
        office.environ["CRMSYNC_ALERTS__SALES"] = f"json://{other.place}/"
    office.decide("ann")
    for _ in range(8):
        office.step(HOUR)
        office.decide(f"{office.now:%H}")
    assert {row.error for rows in office.tiny.store.alerts.of(["ann"]).values() for row in rows} == {"no connection, or no answer"}
    office.environ = {**office.environ, "CRMSYNC_ALERTS__SALES": f"json://{gone}/"}
    for _ in range(3):
        office.step(HOUR)
    assert len(office.chat.heard) < 9, "what gathered came gathered"
    told = "\n".join(title + text for _, title, text in office.chat.heard)
    assert all(one in told for one in ("ann", "10", "17")), told
    assert office.counts().waiting == 0


def test_h2_a_slow_chat_is_given_up_for_this_time(office: Office) -> None:
    office.environ["CRMSYNC_ALERTS__SALES"] = f"json://{office.chat.place}/?rto=0.2"
    office.chat.open.clear()
    office.decide("ann")
    office.step()
    (row,) = office.tiny.store.alerts.of(["ann"])["ann"]
    assert (row.error, row.sent_at) == ("no connection, or no answer", None)


def test_h2_a_chat_that_never_ends_is_left_to_itself(office: Office) -> None:
    office.chat.open.clear()
    with pytest.raises(NotSentError, match=r"no answer within 0\.2 seconds"):
        send(f"json://{office.chat.place}/", "title", "text", patience=0.2)


def test_h2_restart_between_claim_and_settle_repeats_that_one_message_only(office: Office) -> None:
    office.decide("ann", "bob")
    store = office.tiny.store
    ann, bob = store.alerts.claim(store.alerts.due(NOW, 10), NOW + HOLD)
    send(office.environ["CRMSYNC_ALERTS__SALES"], ann.title, ann.body)  # then the process dies: sent, and not settled
    store.alerts.sent([bob.alert_id], NOW)
    office.restart()
    assert office.step(MINUTE) == 0, "it may still be on its way"
    assert office.step(HOLD) == 1
    assert office.chat.titles == ["hot_lead: ann", "hot_lead: ann"]
    assert office.step(DAY) == 0


def test_h2_two_processes_send_it_once(office: Office) -> None:
    other = Store.open(office.tiny.url)
    try:
        office.decide("ann")
        office.chat.open.clear()
        office.step(wait=0)
        assert other.alerts.due(office.now, 10) == []
    finally:
        other.close()
        office.chat.open.set()
    office.step()
    assert office.chat.titles == ["hot_lead: ann"]


def test_law_3_what_was_sent_is_settled_later_when_the_database_was_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.decide("ann")

    def gone(ids: object, now: object) -> None:
        raise UnreachableError("the database is away")

    with monkeypatch.context() as away:
        away.setattr(office.tiny.store.alerts, "sent", gone)
        office.step()
        with pytest.raises(UnreachableError):
            office.step(HOLD)
    assert office.step(DAY) == 0
    assert office.chat.titles == ["hot_lead: ann"]
    assert office.tiny.store.alerts.of(["ann"])["ann"][0].sent_at == NOW


def test_closing_gives_back_what_was_not_begun(office: Office) -> None:
    office.rules(digest_over=10)
    office.chat.open.clear()
    office.decide("ann", "bob", "cleo")
    office.step(wait=0)
    assert office.chat.entered.wait(LONG)
    opened = threading.Timer(0.05, office.chat.open.set)
    opened.start()
    office.notifier.close()
    opened.join()
    assert office.chat.titles == ["hot_lead: ann"]
    office.notifier = Notifier()
    assert office.step() == 2
    assert sorted(office.chat.titles) == ["hot_lead: ann", "hot_lead: bob", "hot_lead: cleo"]


def test_law_9_what_had_no_address_is_not_told_once_there_is_one(office: Office) -> None:
    sales = office.environ.pop("CRMSYNC_ALERTS__SALES")
    office.decide("ann")
    assert office.step() == 0
    office.environ = {**office.environ, "CRMSYNC_ALERTS__SALES": sales}
    office.tiny.restart()
    office.meet()
    office.notifier = Notifier()
    office.decide("bob")
    with office.tiny.store.begin():
        remember_alerts(office.tiny.world, [("ann", Alert(kind=HOT_LEAD, at=NOW, title="again", body="", owner=RITA))], NOW)
    assert office.step(MINUTE) == 1
    assert office.chat.titles == ["hot_lead: bob"]
    (row,) = office.tiny.store.alerts.of(["ann"])["ann"]
    assert (alert_state(row), alert_state(office.tiny.store.alerts.of(["bob"])["bob"][0])) == ("for_nobody", "sent")


def test_g2_a_letter_on_its_way_does_not_tell_of_who_was_erased_meanwhile(office: Office) -> None:
    """As by `crmsync forget` in another process, while the chat keeps everybody waiting."""
    office.rules(digest_over=10)
    office.chat.open.clear()
    office.decide("ann", "bob", "cleo")
    office.step(wait=0)
    assert office.chat.entered.wait(LONG)
    other = Store.open(office.tiny.url)
    other.alerts.erase(["bob"])
    other.close()
    office.chat.open.set()
    assert office.notifier._lanes["sales"].rest(LONG)
    assert office.chat.titles == ["hot_lead: ann", "hot_lead: cleo"]


def test_g2_a_gathered_letter_names_those_only_who_are_left(office: Office) -> None:
    office.rules(digest_over=1)
    office.chat.open.clear()
    report = AlertRow(person_id="", kind=WEEKLY, at=NOW, address="channel:sales", not_before=NOW, title="The week")
    office.tiny.store.alerts.add([report], NOW)
    office.decide("ann", "bob", "cleo")
    office.step(wait=0)
    assert office.chat.entered.wait(LONG), "the report is on its way, the gathered letter behind it"
    office.tiny.store.alerts.erase(["bob"])
    office.chat.open.set()
    assert office.notifier._lanes["sales"].rest(LONG)
    ((_, _, week), (_, title, text)) = office.chat.heard
    assert (title, "bob" in text, all(name in text for name in ("ann", "cleo"))) == ("2 alerts: hot leads 2", False, True), week


# --- many -------------------------------------------------------------------------------------------------------------------


def test_h2_a_hundred_at_once_are_one_message(office: Office) -> None:
    office.decide(*(f"lead-{number:03d}" for number in range(100)))
    assert office.step() == 1
    ((_, title, text),) = office.chat.heard
    assert title == "100 alerts: hot leads 100"
    assert text.splitlines()[:2] == ["HOT LEADS (100)", "- hot_lead: lead-000"]
    assert text.splitlines()[-1] == "- and 70 more"
    assert office.counts().waiting == 0


def test_h2_never_more_than_digest_over_in_any_minute(office: Office) -> None:
    office.rules(digest_over=3, digest_seconds=60.0)
    sent: list[datetime] = []
    for second in range(150):
        office.decide(f"lead-{second:03d}")
        sent += [office.now] * office.step(SECOND)
    assert all(sum(at <= other < at + MINUTE for other in sent) <= 3 for at in sent)
    assert 6 <= len(sent) <= 9
    office.step(MINUTE)
    told = "\n".join(title + text for _, title, text in office.chat.heard)
    assert office.chat.titles[:3] == ["hot_lead: lead-000", "hot_lead: lead-001", "hot_lead: lead-002"]
    assert "alerts: hot leads" in told
    assert office.counts().waiting == 0, "none was lost"


def test_h2_what_exceeds_the_room_that_is_left_comes_gathered(office: Office) -> None:
    office.rules(digest_over=4)
    office.decide("ann", "bob", "cleo")
    assert office.step() == 3
    office.decide("dan", "eve")
    assert office.step(SECOND) == 1
    assert office.chat.titles[3:] == ["2 alerts: hot leads 2"]
    office.decide("fay")
    assert [office.step(SECOND), office.step(MINUTE)] == [0, 1]


def test_h2_an_owner_who_is_a_manager_too_has_one_limit(office: Office) -> None:
    office.rules(digest_over=1, managers={MAX: RITA}, to={BREACH: ("manager",), AT_RISK: ("owner",)})
    office.decide("ann", kind=AT_RISK)
    office.decide("bob", kind=BREACH, owner=MAX)
    assert office.step() == 1
    assert office.chat.titles == ["2 alerts: sla breached 1, sla at risk 1"]


def test_h2_in_quiet_hours_hot_leads_only_and_the_rest_in_the_morning(office: Office) -> None:
    office.rules(quiet=Quiet(start=20 * 60, end=7 * 60))
    office.now = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)  # the night in which Berlin's clock goes forward: seven is at 5:00 UTC
    office.decide("ann", kind=AT_RISK)
    office.decide("bob")
    assert [office.step(), office.step(timedelta(hours=6, minutes=59)), office.step(MINUTE)] == [1, 0, 1]
    assert office.chat.titles == ["hot_lead: bob", "at_risk: ann"]


# --- the weekly message -----------------------------------------------------------------------------------------------------


def test_a9_the_weekly_report_is_a_message_once_a_week(office: Office) -> None:
    asked: list[datetime] = []

    def report(workspace: Workspace, now: datetime) -> str:
        asked.append(now)
        return "SLA compliance: 92 %\n\nRita: 95 %\nMax: 89 %"

    office.notifier = Notifier(report)
    office.rules(weekly_day=0, weekly_minute=480, weekly_to=("sales",))
    assert [office.step(), office.step(DAY)] == [0, 0], "the week before nobody was asked to tell"
    assert office.tiny.store.get(LAST_WEEKLY) is not None
    office.now = NOW + 7 * DAY - HOUR
    assert [office.step(), office.step(MINUTE), office.step(DAY)] == [1, 0, 0]
    assert office.chat.heard == [(f"/sales/{SECRET}", "SLA compliance: 92 %", "Rita: 95 %\nMax: 89 %")]
    assert (asked, [row.kind for row in office.tiny.store.alerts.of([""])[""]]) == ([NOW + 7 * DAY - HOUR], [WEEKLY])


# --- addresses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("json://chat.example/hook", "without TLS.*jsons://"),
        ("xml://chat.example/hook", "xmls://"),
        ("form://chat.example/hook", "forms://"),
        ("JSON://chat.example/hook", "without TLS"),
        ("mailto://me:secret@mail.example", "mailtos://"),
        ("mailtos://me:secret@mail.example?mode=insecure", "without TLS"),
        ("mailto://me:secret@localhost?smtp=mail.example", "without TLS"),
        ("jsons://chat.example/?verify=no", "certificate"),
        ("rsyslog://log.example", "without TLS"),
        ("json://localhost.chat.example/", "without TLS"),
        ("json://10.0.0.1/", "without TLS"),
        ("http://chat.example/hook", "no address"),
        ("https://chat.example/hook", "no address"),
        ("nonsense", "no address"),
        ("", "no address"),
        ("jsons://a.example/ jsons://b.example/", "blanks"),
    ],
)
def test_h2_an_address_without_tls_is_refused(url: str, why: str) -> None:
    found = address_problem(url)
    assert found is not None
    assert re.search(why, found), found
    assert not any(part in found for part in ("chat.example", "mail.example", "secret"))
    with pytest.raises(NotSentError) as caught:
        send(url, "title", "body")
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "jsons://chat.example/hook", "json://localhost:8080/hook", "json://[::1]:8080/", "mailtos://me:secret@mail.example?to=a%40b.example",
        "mailto://me:secret@localhost?smtp=127.0.0.1", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "discord://1234/abcdefabcdef",
        "jsons://localhost/?verify=no",
    ],
)  # fmt: skip
def test_an_address_that_is_safe_is_taken(url: str) -> None:
    assert address_problem(url) is None
    assert is_local(url) == ("localhost" in url or "::1" in url)


def test_an_address_from_a_crm_names_neither_host_nor_parameter(office: Office) -> None:
    office.decide("ann", kind=AT_RISK, owner="o'neil+x&-evil=1@acme.example")
    office.step()
    assert [path for path, _, _ in office.chat.heard] == ["/people?to=o%27neil%2Bx%26-evil%3D1%40acme.example"]
    office.decide("bob", kind=AT_RISK, owner="rita+crm@acme.example")
    office.step(MINUTE)
    assert office.chat.heard[-1][0] == "/people?to=rita%2Bcrm%40acme.example"


def test_who_has_no_address_holds_up_nobody(office: Office) -> None:
    del office.environ["CRMSYNC_ALERTS__PERSON"]
    office.decide("ann", kind=BREACH)
    assert office.step() == 1
    assert office.chat.titles == ["breach: ann"]
    assert office.counts().waiting == 0, "and is not told weeks later, when the setting comes"


def test_nobody_of_a_simulated_crm_is_written_to_outside(office: Office) -> None:
    office.environ.update({"CRMSYNC_SALESFORCE__LOGIN_URL": "http://127.0.0.1:1", "CRMSYNC_ALERTS__PERSON": "jsons://chat.example/{email}"})
    office.decide("ann", kind=BREACH)
    with capture_logs() as logs:
        office.step()
    assert office.chat.titles == ["breach: ann"]
    assert (logs, office.counts().waiting) == ([], 0)


def test_addresses_come_from_files_too_and_not_twice(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(office.environ.pop("CRMSYNC_ALERTS__SALES") + "\n", encoding="utf-8")
    office.environ["CRMSYNC_ALERTS__SALES_FILE"] = str(file)
    office.decide("ann")
    assert office.step() == 1
    assert office.chat.titles == ["hot_lead: ann"]
    office.environ = {**office.environ, "CRMSYNC_ALERTS__SALES": "json://localhost/"}
    with pytest.raises(ConfigError, match="both set") as caught:
        office.notifier.prepare(office.workspace())
    assert "localhost" not in str(caught.value)


def test_check_tells_who_hears_of_nothing() -> None:
    def told(environ: Mapping[str, str], rules: AlertRules = RULES) -> dict[str, str]:
        return {finding.message: finding.level for finding in check_alerts(environ, rules)}

    nothing = told({})
    assert list(nothing.values()) == ["warning", "warning"]
    assert all(any(name in text for text in nothing) for name in ("CRMSYNC_ALERTS__SALES", "CRMSYNC_ALERTS__PERSON"))
    good = {"CRMSYNC_ALERTS__SALES": "jsons://chat.example/s3cret", "CRMSYNC_ALERTS__PERSON": "mailtos://me:pw@mail.example?to={email}"}
    assert told(good) == {"alerts go to manager, owner, sales": "info"}
    bad = told(
        {
            "CRMSYNC_ALERTS__SALES": "json://chat.example/s3cret",
            "CRMSYNC_ALERTS__PERSON": "jsons://chat.example/",
            "CRMSYNC_ALERTS__X": "jsons://x",
        }
    )
    assert list(bad.values()) == ["error", "error", "warning"]
    assert any("jsons://" in text and "SALES" in text for text in bad)
    assert any("{email}" in text for text in bad)
    assert not any("s3cret" in text or "chat.example" in text for text in bad)
    assert told({}, AlertRules()) == {}
    assert "alerts.yaml names none" in " ".join(told(good, replace(RULES, managers={})))
    assert [f.level for f in check_alerts({"CRMSYNC_ALERTS__SALES_FILE": "/nowhere/at/all"}, RULES)] == ["error"]
    assert option_of("East-Coast / 2") == "east_coast_2"


# --- secrets ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["500", "gone", "plain", "nonsense", "crash", "burst"])
def test_no_log_no_row_and_no_problem_holds_a_secret(office: Office, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {
        "500": f"json://user:{SECRET}@{office.chat.place}/{SECRET}?-token={SECRET}",
        "gone": f"json://user:{SECRET}@127.0.0.1:1/{SECRET}?-token={SECRET}",
        "plain": f"json://user:{SECRET}@chat.example/{SECRET}",
        "nonsense": f"slack://{SECRET}",
        "crash": f"json://{office.chat.place}/{SECRET}",
        "burst": f"json://{office.chat.place}/{SECRET}",
    }
    office.environ["CRMSYNC_ALERTS__SALES"] = urls[trouble]
    office.chat.status = 500
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    set_up_logs(verbose=True)
    logging.getLogger().setLevel(logging.INFO)
    if trouble == "crash":
        monkeypatch.setattr("crmsync.connect.notify._hub", Breaking)
    if trouble == "burst":
        monkeypatch.setattr("crmsync.connect.notify._hub", lambda: Breaking().notify())
    try:
        office.decide("ann")
        for _ in range(30):
            office.step(HOUR)
    finally:
        logging.getLogger().setLevel(logging.WARNING)
        structlog.reset_defaults()
    (row,) = office.tiny.store.alerts.of(["ann"])["ann"]
    told = [written.getvalue(), row.error, *(problem.problem.message for problem in office.tiny.store.problems.rows())]
    assert "alert not sent" in told[0]
    assert all("CRMSYNC_ALERTS__SALES" in line for line in told[0].splitlines()), "the library says nothing of its own"
    assert row.error
    assert len(told) == 3, "given up, and told as a problem"
    assert not [text for text in told if SECRET in text or "s3cret" in text]
    office.notifier.close()
    file = Path(office.tiny.url.removeprefix("sqlite:///"))
    assert not [path for path in file.parent.glob("state.db*") if SECRET.encode() in path.read_bytes()]


class Breaking:
    """A library that fails with everything it knows in its message."""

    def add(self, plugin: object) -> None:
        """Takes it."""

    def notify(self, **said: object) -> None:
        raise RuntimeError(f"json://user:{SECRET}@x")


def test_hostile_words_do_nothing_but_stand_there(office: Office) -> None:
    hostile = "@everyone\nfile:///etc/passwd {{7*7}} \\n :fire: <b>x</b> ?attach=/etc/passwd"
    office.decide(hostile)
    office.step()
    ((_, title, text),) = office.chat.heard
    assert "\n" not in title
    assert "@everyone" not in title + text
    assert all(kept in text for kept in ("file:///etc/passwd", "{{7*7}}", "\\n", ":fire:", "‹b›x‹/b›", "?attach=/etc/passwd"))
