"""V1, V2, G1, G2, L10 and H1 end to end: both simulated CRMs, a real name server and a real verification provider, one story that each rule reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from askable import MX, NameServer, ProviderServer, name_server, provider_server
from crmsync.engine.forget import erase_email, persons_of
from crmsync.engine.verify import Verifier
from crmsync.playbook import write_defaults
from crmsync.service.check import check_live
from crmsync.service.plan import plan
from crmsync.service.settings import read_settings
from crmsync.service.status import status
from crmsync.service.sync import sync
from crmsync.service.verify import asked_about, verifier
from crmsync.service.workspace import open_workspace
from crmsync.store import ADDRESS, DOMAIN
from scenarios.world import Both

VERA, DEAD, DORA, OPAL = "vera+spring@acme.example", "dan@dead.example", "dora@dead.example", "opal@acme.example"
LENA = "lena@acme.example"
"""Never qualified."""
LENA_NOW = "lena.lopez@acme.example"
NINA = "nina@nina.example"
SECRET = "the-providers-secret"
PROVIDER = """data_gate:
  mx: true
  provider:
    url: {url}/check/{{email}}
    header: "Authorization: Bearer {{token}}"
    words: {{verified: [deliverable], invalid: [undeliverable]}}
    enrich: {{title: person.title, city: person.city}}
"""


@dataclass
class Story:
    """What was seen on the way, and what was there at the end, before persons were erased. quality: moment -> e-mail -> (HubSpot's, Salesforce's) data
    quality. hs, sf, tasks, plain: e-mail -> contact, lead, HubSpot's task, its body in Salesforce. known: moment -> what was answered."""

    both: Both
    names: NameServer
    provider: ProviderServer
    verifier: Verifier
    quality: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    woken: dict[str, int] = field(default_factory=dict)
    hs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sf: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    emptied: tuple[Any, Any, Any] = ()  # type: ignore[assignment]
    known: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)
    edits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    asked_without_leave: int = -1

    def look(self, moment: str, *emails: str) -> None:
        both = self.both
        self.quality[moment] = {e: (both.contact(e)["crmsync_data_quality"], both.lead(e)["crmsync_data_quality__c"]) for e in emails}

    def verify(self, moment: str) -> None:
        """What `sync` does after its cycles."""
        self.woken[moment] = self.verifier.step(self.both.world, self.both.time(), wait=30.0)
        self.both.settle()

    def keep(self) -> None:
        """All there is to see, before anybody is erased."""
        both = self.both
        for email in (VERA, DEAD, DORA, OPAL):
            self.hs[email], self.sf[email] = dict(both.contact(email)), dict(both.lead(email))
            (task,) = [t for t in both.hs.all("tasks") if email in t["hs_task_subject"]]
            self.tasks[email] = dict(task)
            self.plain[email] = str(both.twin("task", "hubspot", str(task["id"]))["Description"])
        person = both.person_of("hubspot", "contacts", str(self.hs[VERA]["id"]))
        self.rules = [rule for entry in both.store.journal.of(str(person)) for rule in entry.rules.values()]
        found = status(both.store, now=both.time(), real_now=both.time())
        self.waiting = found.json()["contact_data"]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with ExitStack() as stack:
        names = stack.enter_context(name_server({"acme.example": MX, "corp.example": MX}))
        provider = stack.enter_context(provider_server({VERA: {"result": "deliverable", "person": {"title": "CTO", "city": "Bonn"}}}))
        edits = {
            "mappings/playbook.yaml": {"data_gate: {mx: true, disposable: true}\n": PROVIDER.format(url=provider.url)},
            "crmsync.yaml": {"tasks_in: salesforce": "tasks_in: hubspot"},
        }
        both = stack.enter_context(Both(kinds=("task",), edits=edits))
        environ = {**both.environ, "CRMSYNC_VERIFY__RESOLVER": names.address, "CRMSYNC_VERIFY__TOKEN": SECRET}
        both.world.asked_about = asked_about(environ, both.playbook.gate)
        made = verifier(environ, both.playbook.gate)
        assert made is not None
        stack.callback(made.close)
        yield _told(Story(both=both, names=names, provider=provider, verifier=made, edits=edits, environ=environ))


def _told(story: Story) -> Story:
    both = story.both
    phone = "+14155552671"
    for email, more in ((VERA, {}), (DEAD, {}), (DORA, {"phone": phone}), (OPAL, {"phone": phone, "jobtitle": "CEO"}), (LENA, {})):
        both.hs.create("contacts", {"email": email, "lastname": email, "country": "United States", **more})
    both.settle()
    story.look("at first", VERA, DEAD)
    story.verify("DNS")
    story.look("after DNS", VERA, DEAD, DORA, OPAL)
    both.time.advance(60)
    both.sf.edit("Lead", both.lead(OPAL)["Id"], {"HasOptedOutOfEmail": True})
    both.settle()
    for email, form in ((VERA, "Book a demo"), (DEAD, "Book a demo"), (DORA, "Book a demo")):
        both.hs.happen({"email": email, "type": "form_submitted", "name": form, "at": both.time()})
    for name in ("Download the guide", "Download the report", "Webinar"):
        both.time.advance(60)
        both.hs.happen({"email": OPAL, "type": "form_submitted", "name": name, "at": both.time()})
        both.settle()
    both.time.advance(60)
    story.verify("provider")
    story.look("after the provider", VERA)
    both.time.advance(60)
    for email in (VERA, LENA):
        both.hs.happen({"email": email, "type": "email_bounce", "at": both.time()})
    both.settle()
    story.look("after a bounce", VERA, LENA)
    both.time.advance(60)
    both.sf.edit("Lead", both.lead(LENA)["Id"], {"Email": LENA_NOW})
    both.settle()
    story.look("after a new address", LENA_NOW)
    story.keep()
    both.hs.edit("contacts", story.hs[VERA]["id"], {"city": ""})
    both.settle()
    both.hs.edit("contacts", story.hs[VERA]["id"], {"zip": "53111"})
    both.settle()
    story.emptied = (both.contact(VERA).get("city"), both.lead(VERA).get("City"), both.contact(VERA)["jobtitle"])
    both.assert_settled()
    story.verify("nothing is due")
    _erased(story)
    _synced(story)
    return story


def _erased(story: Story) -> None:
    """Vera first, then both persons of one domain; another verification follows."""
    asked = [(ADDRESS, VERA), (ADDRESS, OPAL), (DOMAIN, "acme.example"), (DOMAIN, "dead.example")]
    store, places = story.both.store, persons_of(story.both.world)
    story.known["before"] = set(store.answers.known(asked))
    erase_email(store, VERA, places, story.both.time())
    story.known["without Vera"] = set(store.answers.known(asked))
    for email in (DEAD, DORA):
        erase_email(store, email, places, story.both.time())
    story.known["without all of one domain"] = set(store.answers.known(asked))
    story.both.settle()
    story.verify("after the erasure")


def _synced(story: Story) -> None:
    """A person who is entered later, and one `crmsync sync` in a process of its own."""
    both = story.both
    both.hs.create("contacts", {"email": NINA, "lastname": "Nina"})
    both.time.advance(60)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        write_defaults(home)
        for name, edits in story.edits.items():
            text = (home / name).read_text("utf-8")
            for old, new in edits.items():
                text = text.replace(old, new)
            (home / name).write_text(text, "utf-8")
        settings = read_settings({**story.environ, "CRMSYNC_HOME": folder, "CRMSYNC_DATABASE_URL": both.database})
        with open_workspace(settings, clock=both.time, sleep=both.time.sleep) as workspace:
            asked = len(story.names.asked)
            plan(workspace)
            check_live(workspace)
            story.asked_without_leave = len(story.names.asked) - asked
            story.result = sync(workspace).json()
    story.quality["one sync"] = {NINA: (both.contact(NINA)["crmsync_data_quality"], both.lead(NINA)["crmsync_data_quality__c"])}


def test_one_sync_asks_decides_and_writes(story: Story) -> None:
    assert (story.result["errors"], story.result["more"]) == ({}, False)
    assert story.quality["one sync"] == {NINA: ("invalid", "invalid")}
    assert ("nina.example", "MX") in story.names.asked
    assert story.asked_without_leave == 0, "neither plan nor check asks anybody"


def test_v1_the_domain_and_bounces_judge_an_address_in_both_crms(story: Story) -> None:
    assert story.quality["at first"] == {VERA: ("unknown", "unknown"), DEAD: ("unknown", "unknown")}
    good, bad = ("verified", "verified"), ("invalid", "invalid")
    assert story.quality["after DNS"] == {VERA: good, DEAD: bad, DORA: bad, OPAL: good}
    assert (story.woken["DNS"], story.woken["nothing is due"]) == (5, 0)
    assert "dead.example takes no mail" in story.hs[DEAD]["crmsync_data_issues"]
    assert story.names.asked.count(("acme.example", "MX")) == 1, "one answer serves all"
    assert story.quality["after a bounce"] == {VERA: bad, LENA: bad}
    assert story.quality["after a new address"] == {LENA_NOW: good}
    assert "bounced" in story.sf[VERA]["crmsync_data_issues__c"]


def test_v2_the_provider_is_asked_about_qualified_persons_and_fills_what_is_empty_in_both_crms(story: Story) -> None:
    assert sorted(story.provider.asked) == sorted([VERA, OPAL]), "not about whom DNS has judged, nor about anybody twice"
    assert story.provider.seen[0][2]["Authorization"] == f"Bearer {SECRET}"
    assert story.quality["after the provider"][VERA] == ("verified", "verified")
    assert (story.hs[VERA]["jobtitle"], story.sf[VERA]["Title"]) == ("CTO", "CTO")
    assert (story.hs[VERA]["city"], story.sf[VERA]["City"]) == ("Bonn", "Bonn")
    assert story.rules.count("provider: the field was empty") == 2
    city, city_there, title = story.emptied
    assert (city or None, city_there or None, title) == (None, None, "CTO"), "who empties the field wants it empty"
    assert story.waiting == {"waiting": {}, "notes": {}}


def test_l10_who_cannot_be_reached_is_not_handed_off_and_a_task_asks_for_it(story: Story) -> None:
    assert story.hs[DEAD]["crmsync_stage"] == "mql"
    assert story.tasks[DEAD]["hs_task_subject"].startswith("Fix contact data")
    assert "takes no mail" in story.tasks[DEAD]["hs_task_body"]
    assert story.hs[DORA]["crmsync_stage"] == "sal", "a phone number is enough"
    assert story.tasks[DORA]["hs_task_subject"].startswith("Call now")


def test_h1_the_task_is_formatted_in_hubspot_and_plain_in_salesforce(story: Story) -> None:
    html = story.tasks[VERA]["hs_task_body"]
    assert "<div><strong>CONTACT</strong></div><ul><li>" in html
    assert f"<li>E-mail: {VERA} (verified)</li>" in html
    for text in (story.plain[VERA], story.hs[VERA]["crmsync_handoff"]):
        assert f"- E-mail: {VERA} (verified)\n" in text
        assert "<" not in text


def test_g1_who_opted_out_in_either_crm_is_called_and_not_e_mailed(story: Story) -> None:
    assert str(story.hs[OPAL]["hs_email_optout"]) == "true"
    assert story.hs[OPAL]["crmsync_mql_type"] == "content_download"
    task = story.tasks[OPAL]
    assert (task["hs_task_type"], task["hs_task_subject"].partition(":")[0]) == ("CALL", "Call, no e-mail (they opted out)")
    assert "opted out: send no e-mail" in task["hs_task_body"]


def test_g2_erasing_a_person_erases_the_answers_about_them(story: Story) -> None:
    vera, opal, acme, dead = (ADDRESS, VERA), (ADDRESS, OPAL), (DOMAIN, "acme.example"), (DOMAIN, "dead.example")
    assert story.known["before"] == {vera, opal, acme, dead}
    assert story.known["without Vera"] == {opal, acme, dead}, "others have that domain"
    assert story.known["without all of one domain"] == {opal, acme}
    assert len(story.provider.seen) == 2, "nobody asks about the erased again"
