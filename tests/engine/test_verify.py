"""Asking DNS and the verification provider: what their answers mean, how much is asked, and that trouble with them holds up nobody."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from askable import MX, NameServer, ProviderServer, name_server, provider_server
from crmsync.cli.look import _unverified
from crmsync.connect.verify import ProviderBusyError
from crmsync.connect.verify_dns import Dns
from crmsync.connect.verify_http import HttpProvider
from crmsync.engine.verify import WOKEN_AT_ONCE, Verifier
from crmsync.engine.world import World
from crmsync.errors import ConfigError
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.process import GateRules, ProviderRule
from crmsync.model.record import Ref, User
from crmsync.service.status import status
from crmsync.service.verify import asked_about, check_verification, verifier
from crmsync.store import ADDRESS, DOMAIN, NOTES, Lookup, Store, StoredSnapshot

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "s3cret-of-the-provider"
ZONE = {
    "acme.example": MX,
    "corp.example": MX,
    "xn--exmple-cua.example": MX,
    "address-only.example": {"A": "192.0.2.7"},
    "ipv6-only.example": {"AAAA": "2001:db8::7"},
    "null.example": {"MX": "0 ."},
    "nothing.example": {"TXT": '"v=spf1 -all"'},
    "broken.example": "SERVFAIL",
    "refuses.example": "REFUSED",
    "silent.example": "silent",
}


@pytest.fixture(scope="module")
def dns_server() -> Iterator[NameServer]:
    with name_server(ZONE) as server:
        yield server


@pytest.fixture(scope="module")
def http_server() -> Iterator[ProviderServer]:
    with provider_server({}) as server:
        yield server


@pytest.fixture
def names(dns_server: NameServer) -> NameServer:
    dns_server.asked.clear()
    dns_server.zone = dict(ZONE)
    return dns_server


@pytest.fixture
def service(http_server: ProviderServer) -> ProviderServer:
    http_server.seen.clear()
    http_server.answers, http_server.otherwise = {}, {"result": "never heard"}
    return http_server


# --- DNS --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "takes"),
    [
        ("acme.example", True),
        ("ACME.example", True),
        ("xn--exmple-cua.example", True),
        ("address-only.example", True),
        ("ipv6-only.example", True),
        ("null.example", False),
        ("nothing.example", False),
        ("unheard-of.example", False),
        ("broken.example", None),
        ("refuses.example", None),
        ("silent.example", None),
        (f"{'a' * 64}.example", None),
        ("..", None),
    ],
)
def test_v1_whether_a_domain_takes_mail(names: NameServer, domain: str, takes: bool | None) -> None:
    assert Dns(names.address, seconds=0.2 if domain == "silent.example" else 5.0).takes_mail(domain) is takes


def test_a_name_server_that_is_not_there_tells_nothing() -> None:
    assert Dns("127.0.0.1:1", seconds=0.2).takes_mail("acme.example") is None


@pytest.mark.parametrize("given", ["ns.example:53", "127.0.0.1:x", "127.0.0.1:0", ":53", "300.1.1.1:53", "[::1]:99999"])
def test_a_resolver_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="CRMSYNC_VERIFY__RESOLVER"):
        Dns(given)


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("localhost:53", ("127.0.0.1", 53)),
    ],
)
def test_a_resolver_may_be_named_in_these_ways(given: str, server: tuple[str, int]) -> None:
    asking = Dns(given)._resolver()
    assert (asking.nameservers, asking.port) == ([server[0]], server[1])


# --- the provider -----------------------------------------------------------------------------------------------------------


def rule(service: ProviderServer, **more: Any) -> ProviderRule:
    words = {"verified": ("deliverable", "OK"), "risky": ("catch-all",), "invalid": ("undeliverable", "false")}
    return ProviderRule(**{"url": f"{service.url}/check/{{email}}", "header": "Authorization: Bearer {token}", "words": words, **more})


@pytest.mark.parametrize(
    ("answer", "quality"),
    [
        ({"result": "deliverable"}, "verified"),
        ({"result": " ok "}, "verified"),
        ({"result": "Catch-All"}, "risky"),
        ({"result": False}, "invalid"),
        ({"result": "who knows"}, "unknown"),
        ({"result": ["deliverable"]}, "unknown"),
        ({"other": 1}, "unknown"),
        ([], "unknown"),
        ((400, {}), "unknown"),
        ((422, {}), "unknown"),
    ],
)
def test_v2_the_providers_words(service: ProviderServer, answer: Any, quality: str) -> None:
    service.answers["ann@acme.example"] = answer
    assert HttpProvider(rule(service), SECRET).ask("ann@acme.example").quality == quality


def test_v2_an_odd_address_arrives_as_it_is_and_the_secret_in_its_header(service: ProviderServer) -> None:
    odd = '"a/b?c&d"+x@exämple.example'
    service.answers[odd] = {"data": {"checks": [{"status": "deliverable"}], "company": {"name": " Acme ", "size": 12}, "junk": {"a": 1}}}
    enrich = {"company": "data.company.name", "employees": "data.company.size", "title": "data.title", "city": "data.junk"}
    for more in ({}, {"method": "POST", "url": service.url, "body": '{"email": "{email}", "deep": true}'}):
        word = HttpProvider(rule(service, answer="data.checks.0.status", enrich=enrich, **more), SECRET).ask(odd)
        assert (word.quality, word.found) == ("verified", {"company": "Acme", "employees": 12})
    (get, _, headers, _), (post, path, _, body) = service.seen
    assert (get, post, path, json.loads(body)) == ("GET", "POST", "/", {"email": odd, "deep": True})
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert all(SECRET not in path for _, path, _, _ in service.seen)


def test_v2_a_provider_that_takes_its_secret_in_the_address_or_the_body(service: ProviderServer) -> None:
    odd = "{token}+x@acme.example"
    service.answers[odd] = {"result": "deliverable", "person": {"employees": math.nan, "share": math.inf}}
    ways: tuple[dict[str, Any], ...] = (
        {"url": f"{service.url}/v2/{{token}}/{{email}}"},
        {"url": service.url, "method": "POST", "body": '{"email": "{email}", "key": "{token}"}'},
    )
    for more in ways:
        word = HttpProvider(rule(service, header=None, enrich={"employees": "person.employees"}, **more), 'a "b/c').ask(odd)
        assert (word.quality, word.found) == ("verified", {}), "what is no number is none"
        with pytest.raises(ConfigError, match="CRMSYNC_VERIFY__TOKEN"):
            HttpProvider(rule(service, header=None, **more), None)
    (_, path, _, _), (_, _, _, body) = service.seen
    assert path == "/v2/a%20%22b%2Fc/%7Btoken%7D%2Bx%40acme.example"
    assert json.loads(body) == {"email": odd, "key": 'a "b/c'}


@pytest.mark.parametrize(
    ("answer", "retry_after", "refused"),
    [
        ((429, {"Retry-After": "120"}), 120.0, False),
        ((503, {}), None, False),
        ((500, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), None, False),
        ((401, {}), None, True),
        ((403, {}), None, True),
        ((302, {"Location": "http://127.0.0.1:1/elsewhere"}), None, True),
        (b"<html>login</html>", None, False),
        (b'{"result": "' + b"x" * 300_000 + b'"}', None, False),
        (b"[" * 100_000, None, False),
    ],
)
def test_v2_a_provider_in_trouble(service: ProviderServer, answer: Any, retry_after: float | None, refused: bool) -> None:
    service.answers["ann@acme.example"] = answer
    with pytest.raises(ProviderBusyError) as caught:
        HttpProvider(rule(service), SECRET).ask("ann@acme.example")
    assert (caught.value.retry_after, caught.value.refused) == (retry_after, refused)
    assert SECRET not in str(caught.value)
    assert "ann@" not in str(caught.value)


def test_v2_a_provider_that_is_not_there() -> None:
    with pytest.raises(ProviderBusyError, match="no answer"):
        HttpProvider(ProviderRule(url="http://127.0.0.1:1/{email}", timeout_seconds=0.5), None).ask("ann@acme.example")


@pytest.mark.parametrize(
    ("more", "token", "word"),
    [
        ({"url": "http://verify.example/{email}"}, SECRET, "plain http"),
        ({"url": "https://user:pw@verify.example/{email}"}, SECRET, "password"),
        ({}, None, "CRMSYNC_VERIFY__TOKEN"),
        ({}, "two\nlines", "CRMSYNC_VERIFY__TOKEN"),
    ],
)
def test_v2_what_cannot_work_is_refused_without_a_secret_in_the_words(
    service: ProviderServer, more: dict[str, Any], token: str | None, word: str
) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        HttpProvider(rule(service, **more), token)
    assert "two" not in str(caught.value)


# --- whom an installation asks ----------------------------------------------------------------------------------------------

SIMULATED = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x", "CRMSYNC_HUBSPOT__BASE_URL": "http://127.0.0.1:1"}
REAL = {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": "x"}


def test_of_simulated_crms_nobody_outside_is_asked(tmp_path: Path) -> None:
    outside = GateRules(provider=ProviderRule(url="https://verify.example/{email}", header="Key: {token}"))
    inside = GateRules(provider=ProviderRule(url="http://127.0.0.1:9/{email}"))
    assert not asked_about(SIMULATED, outside)
    assert verifier(SIMULATED, outside) is None
    named = {**SIMULATED, "CRMSYNC_VERIFY__RESOLVER": "127.0.0.1:5353"}
    assert (asked_about(named, outside).domains, asked_about(named, outside).addresses) == (True, False)
    assert asked_about(SIMULATED, inside).addresses
    real = asked_about(REAL, outside)
    assert (real.domains, real.addresses) == (True, True)
    assert not asked_about(REAL, GateRules(mx=False))
    with pytest.raises(ConfigError, match="CRMSYNC_VERIFY__TOKEN"):
        verifier(REAL, outside)
    (tmp_path / "token").write_text(f"{SECRET}\n")
    assert verifier({**REAL, "CRMSYNC_VERIFY__TOKEN_FILE": str(tmp_path / "token")}, outside) is not None
    with pytest.raises(ConfigError, match="CRMSYNC_VERIFY__TOKN is no setting"):
        verifier({**REAL, "CRMSYNC_VERIFY__TOKN": SECRET}, outside)


@pytest.mark.parametrize(
    ("environ", "rules", "level", "said"),
    [
        (SIMULATED, GateRules(), "info", "nobody is asked about contact data: every connected CRM is simulated"),
        (REAL, GateRules(mx=False), "info", "nobody is asked about contact data: data_gate names nobody"),
        (REAL, GateRules(), "info", "asks this machine's name servers about contact data"),
        (
            {**REAL, "CRMSYNC_VERIFY__RESOLVER": "192.0.2.1:53"},
            GateRules(provider=ProviderRule(url="https://verify.example/{email}")),
            "info",
            "asks the name server 192.0.2.1:53 and verify.example about contact data",
        ),
        (
            REAL,
            GateRules(provider=ProviderRule(url="https://verify.example/{email}", header="Key: {token}")),
            "error",
            "CRMSYNC_VERIFY__TOKEN",
        ),
        ({**REAL, "CRMSYNC_VERIFY__RESOLVER": "ns.example"}, GateRules(), "error", "CRMSYNC_VERIFY__RESOLVER"),
    ],
)
def test_a_live_check_says_whom_it_would_ask(environ: dict[str, str], rules: GateRules, level: str, said: str) -> None:
    (found,) = check_verification(environ, rules)
    assert found.level == level
    assert said in found.message


# --- between cycles ---------------------------------------------------------------------------------------------------------


@dataclass
class Around:
    """As much of a World as the verifier looks at."""

    store: Store
    people: tuple[User, ...] = (User(side="a", id="1", email="rita@corp.example", name="Rita"),)


@dataclass
class Desk:
    """A store with persons whose contact data waits, and a verifier."""

    store: Store
    rules: GateRules
    verifier: Verifier
    people: tuple[User, ...] = field(default=Around.people)

    def person(self, id: str, email: str, *, address: bool = False) -> None:
        shot = Snapshot(ref=Ref(side="a", object="p", id=id), fields={"email": email}, extra={}, modified_at=NOW, person_id=id)
        self.store.save_snapshots([StoredSnapshot(snapshot=shot, hash=id, emails=(email,), key=None)], dirty=False)
        self.store.save_persons([PersonState(person_id=id)])
        asked = Lookup(person_id=id, domain=email.partition("@")[2], address=email, domain_at=NOW, address_at=NOW if address else None)
        self.store.answers.note([asked])

    def decided(self, id: str, domain: str, told: str) -> None:
        """As deciding about the person notes it."""
        until = self.store.answers.known([(DOMAIN, domain)])[DOMAIN, domain].until
        self.store.answers.note([Lookup(person_id=id, domain=domain, address="", domain_at=until, domain_told=told)])

    def step(self, after: timedelta = timedelta(0), wait: float = 20.0) -> int:
        around = Around(self.store, self.people)
        return self.verifier.step(cast(World, around), NOW + after, wait=wait)

    def word(self, text: str, kind: str = DOMAIN) -> str | None:
        answer = self.store.answers.known([(kind, text)]).get((kind, text))
        return None if answer is None else answer.word

    def note(self, kind: str) -> str | None:
        return (self.store.get(NOTES) or {}).get(kind, {}).get("note")


@pytest.fixture
def desk(tmp_path: Path, names: NameServer, service: ProviderServer) -> Iterator[Desk]:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    rules = GateRules(mx_per_run=3, provider=rule(service, per_run=2, days=90.0))
    assert rules.provider is not None
    made = Verifier(domains=Dns(names.address, seconds=10.0), provider=HttpProvider(rules.provider, SECRET), rules=rules)
    yield Desk(store=store, rules=rules, verifier=made)
    made.close()
    store.close()


def test_a_bounded_number_of_domains_is_asked_each_once_and_their_persons_are_due(desk: Desk, names: NameServer) -> None:
    for index, domain in enumerate(
        ("acme.example", "acme.example", "null.example", "gone.example", "corp.example", "address-only.example")
    ):
        desk.person(f"p{index}", f"p{index}@{domain}")
    assert desk.step() == 4, "of three domains"
    assert len({name for name, _ in names.asked if name != "corp.example"}) == 3
    assert desk.step() == 2
    assert {d: desk.word(d) for d in ("acme.example", "null.example", "gone.example", "corp.example", "address-only.example")} == {
        "acme.example": "yes", "null.example": "no", "gone.example": "no", "corp.example": "yes", "address-only.example": "yes"
    }  # fmt: skip
    assert sorted(desk.store.due_persons(NOW, 10)) == [f"p{index}" for index in range(6)]
    before = len(names.asked)
    assert desk.step(timedelta(days=6)) == 0
    assert len(names.asked) == before, "answers are believed"
    desk.step(timedelta(days=8))
    desk.step(timedelta(days=8))
    assert {name for name, _ in names.asked[before:]} == {"null.example", "gone.example", "corp.example"}, (
        "bad news are not believed for long"
    )
    before = len(names.asked)
    desk.step(timedelta(days=31))
    desk.step(timedelta(days=31))
    assert {name for name, _ in names.asked[before:]} >= {"acme.example", "address-only.example"}


def test_a_domain_that_cannot_be_told_is_asked_again_later_and_keeps_its_answer(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@acme.example")
    desk.step()
    desk.decided("ann", "acme.example", "yes")
    desk.person("bob", "bob@broken.example")
    names.zone["acme.example"] = "SERVFAIL"
    assert desk.step(timedelta(days=31)) == 0
    assert (desk.word("acme.example"), desk.word("broken.example")) == ("yes", None)
    assert desk.note(DOMAIN) is None, "DNS itself works"
    asked = len(names.asked)
    desk.step(timedelta(days=31, minutes=14))
    assert len(names.asked) == asked
    names.zone["acme.example"] = names.zone["broken.example"] = MX
    assert desk.step(timedelta(days=31, minutes=16)) == 1, "only bob learns something new"
    assert (desk.word("acme.example"), desk.word("broken.example")) == ("yes", "yes")


def test_when_dns_is_down_nobody_is_judged_and_it_rests(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@acme.example")
    names.zone = dict.fromkeys(ZONE, "SERVFAIL")
    assert desk.step() == 0
    assert (desk.word("acme.example"), desk.note(DOMAIN)) == (None, "no answer from DNS")
    asked = len(names.asked)
    desk.step(timedelta(seconds=30))
    assert len(names.asked) == asked, "it rests"
    names.zone = dict(ZONE)
    assert desk.step(timedelta(seconds=61)) == 1
    assert (desk.word("acme.example"), desk.note(DOMAIN)) == ("yes", None)


def test_a_name_server_that_knows_nobody_does_not_condemn_everybody(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@acme.example")
    names.zone = {}
    assert desk.step() == 0
    assert desk.word("acme.example") is None
    assert "corp.example" in str(desk.note(DOMAIN))
    names.zone = dict(ZONE)
    assert desk.step(timedelta(minutes=30)) == 0
    assert desk.step(timedelta(minutes=61)) == 1


def test_v2_the_provider_is_asked_within_bounds_and_its_answer_comes_with_what_it_knows(desk: Desk, service: ProviderServer) -> None:
    service.otherwise = {"result": "deliverable"}
    for name in ("ann", "bob", "cleo"):
        desk.person(name, f"{name}@acme.example", address=True)
    desk.person("dan", "dan@acme.example")
    desk.step()
    assert len(service.asked) == 2
    desk.step()
    assert sorted(service.asked) == ["ann@acme.example", "bob@acme.example", "cleo@acme.example"], (
        "nobody asks about dan, and about nobody twice"
    )
    assert desk.word("ann@acme.example", ADDRESS) == "verified"
    desk.step(timedelta(days=89))
    assert len(service.asked) == 3
    service.otherwise = {"result": "undeliverable"}
    desk.step(timedelta(days=91))
    desk.step(timedelta(days=91))
    assert desk.word("bob@acme.example", ADDRESS) == "invalid"


@pytest.mark.parametrize(
    ("trouble", "rests", "word"),
    [((429, {"Retry-After": "600"}), 600, "answered 429"), ((503, {}), 60, "answered 503"), ((401, {}), 3600, "refused us with 401")],
)
def test_v2_a_provider_in_trouble_is_left_alone_and_noted(desk: Desk, service: ProviderServer, trouble: Any, rests: int, word: str) -> None:
    service.otherwise = trouble
    for name in ("ann", "bob", "cleo"):
        desk.person(name, f"{name}@acme.example", address=True)
    with capture_logs() as logs:
        assert desk.step() == 3, "what DNS said counts all the same"
        desk.step(timedelta(seconds=rests - 1))
    assert len(service.seen) <= 2
    assert word in str(desk.note(ADDRESS))
    found = status(desk.store, now=NOW, real_now=NOW)
    assert found.unverified == {ADDRESS: 3}
    shown = _unverified(found)
    assert shown.startswith("3 of an unverified address; address: the verification provider")
    assert word in shown
    assert "asked again after 2026-03-02T" in shown
    assert SECRET not in json.dumps(logs, default=str)
    assert "ann@" not in json.dumps(logs, default=str)
    service.otherwise = {"result": "deliverable"}
    desk.step(timedelta(seconds=rests + 1))
    desk.step(timedelta(seconds=rests + 1))
    assert desk.word("ann@acme.example", ADDRESS) == "verified"
    assert desk.note(ADDRESS) is None


def test_a_step_does_not_wait_for_answers_and_takes_them_when_they_are_there(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@broken.example")
    desk.person("bob", "bob@acme.example")
    assert desk.step(wait=0.0) == 0
    assert desk.store.answers.waiting(NOW)[DOMAIN] == 2
    assert desk.step() == 1
    assert desk.word("acme.example") == "yes"


def test_an_answer_about_many_wakes_them_in_portions(desk: Desk) -> None:
    many = [PersonState(person_id=f"p{index:05d}") for index in range(WOKEN_AT_ONCE + 1)]
    desk.store.save_persons(many)
    desk.store.answers.note([Lookup(person_id=state.person_id, domain="acme.example", domain_at=NOW) for state in many])
    desk.person("ann", "ann@acme.example")
    assert (desk.step(), desk.step(), desk.step()) == (WOKEN_AT_ONCE, 2, 0)


def test_what_the_records_no_longer_show_is_not_asked(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@acme.example")
    desk.store.answers.note([Lookup(person_id="ann", domain="former.example", domain_at=NOW)])
    assert desk.step() == 0
    assert names.asked == []


def test_answers_that_came_for_another_are_not_asked_again(desk: Desk, names: NameServer) -> None:
    desk.person("ann", "ann@acme.example")
    desk.step()
    desk.decided("ann", "acme.example", "yes")
    asked = len(names.asked)
    desk.person("bob", "bob@acme.example")
    assert desk.step() == 1
    assert len(names.asked) == asked
