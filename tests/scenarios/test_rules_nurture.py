"""P1, N1, S10, G1 end to end through both simulators: questions, tracks, and the lists and campaigns that persons are on meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crmsync.connect import Finding
from crmsync.connect.protocol import LIST_CLOSED, LIST_FORBIDDEN
from crmsync.engine.members import MEMBER
from crmsync.model.condition import Test
from crmsync.model.fields import FRAMEWORK_FIELDS
from crmsync.model.process import ProfileRules, Question, QuestionSet, Track
from crmsync.model.rules import Playbook
from crmsync.service.check_lists import check_lists
from crmsync.service.plan import plan
from crmsync.service.provision import provision
from crmsync.testing.memory import Died
from scenarios.desk import desk
from scenarios.world import Both

ALL = ("Ann", "Bob", "Cid")
EDUCATION = Track(name="mql_education", stages=("mql", "sal", "nurture"), days=42)
ENABLEMENT = Track(name="sql_enablement", stages=("sql",))
QUESTIONS = ProfileRules(
    sets=(
        QuestionSet(
            name="big",
            when=Test(field="company", op="eq", value="Globex"),
            questions=(Question(field="crmsync_champion", ask="Who wants it?"),),
        ),
        QuestionSet(
            name="all",
            questions=(
                Question(field="title", ask="What is your role?"),
                Question(field="crmsync_pain", ask="What hurts?"),
                Question(field="crmsync_budget", ask="Which budget?"),
            ),
        ),
    ),
    show=2,
)


class Nurture:
    """Both CRMs with a list and a campaign for each track, and everything provisioned that the playbook needs."""

    def __init__(self, frameworks: frozenset[str]) -> None:
        # Campaign members are read, too, where they are on: our own must not come back as news.
        self.both = Both(kinds=() if "meddic" in frameworks else ("campaign_member",))
        self.frameworks = frameworks
        hs, sf = self.both.hs, self.both.sf
        self.lists = {"mql": hs.add_list("Education"), "sql": hs.add_list("Enablement")}
        self.campaigns = {"mql": sf.create("Campaign", {"Name": "Education"}), "sql": sf.create("Campaign", {"Name": "Enablement"})}
        self.both.restart(playbook=self.with_tracks)
        if "meddic" in frameworks:
            made = provision(desk(self.both), dry_run=False)
            done = {side: {f.subject for f in found if f.level == "done" and "crmsync_" in f.subject} for side, found in made.items()}
            names = [f.name for f in FRAMEWORK_FIELDS["meddic"]]
            assert done["hubspot"] == {f"contacts.{name}" for name in names}
            assert done["salesforce"] == {f"{object}.{name}__c" for name in names for object in ("Lead", "Contact")}
        self.person("old")
        self.both.settle()

    def with_tracks(self, playbook: Playbook) -> Playbook:
        tracks = (
            replace(EDUCATION, lists={"hubspot": self.lists["mql"], "salesforce": self.campaigns["mql"]}),
            replace(ENABLEMENT, lists={"hubspot": self.lists["sql"], "salesforce": self.campaigns["sql"]}),
        )
        return replace(playbook, tracks=tracks, profile=QUESTIONS, frameworks=self.frameworks)

    def person(self, name: str, **more: str) -> str:
        """A contact that a marketer enters as an mql; its id."""
        given = {"email": f"{name}@{name}.example", "lastname": name.title(), "company": name.title(), "crmsync_stage": "mql"}
        return str(self.both.hs.create("contacts", {**given, **more}))

    def stage(self, name: str, stage: str) -> None:
        """A rep moves somebody in HubSpot."""
        self.both.hs.edit("contacts", self.both.contact(f"{name}@{name}.example")["id"], {"crmsync_stage": stage})

    def on(self, which: str, *names: str) -> tuple[set[str], set[str]]:
        """Who of these is on the HubSpot list, and who in the campaign."""
        hubspot = {str(self.both.hs.get("contacts", id)["lastname"]) for id in self.both.hs.members(self.lists[which])}
        rows = [row for row in self.both.sf.all("CampaignMember") if row["CampaignId"] == self.campaigns[which]]
        salesforce = {str(self.both.sf.get("Lead", row["LeadId"])["LastName"]) for row in rows}
        return hubspot & set(names), salesforce & set(names)

    def calls(self) -> list[str]:
        """API calls about memberships since the last mark: "METHOD what"."""
        made = [(c.method, c.path) for c in self.both.hs.calls] + [(c.method, c.path) for c in self.both.sf.calls]
        found = [f"{method} {path.rpartition('memberships/')[2]}" for method, path in made if "/memberships/" in path]
        return found + [f"{m} sobjects" for m, path in made if m in ("POST", "DELETE") and path.endswith("composite/sobjects")]

    def shown(self, name: str) -> dict[str, Any]:
        contact, lead = self.both.contact(f"{name}@{name}.example"), self.both.lead(f"{name}@{name}.example")
        for field in ("crmsync_track", "crmsync_next_questions", "crmsync_stage"):
            assert contact.get(field) == lead.get(f"{field}__c"), field
        return contact


@pytest.fixture(scope="module")
def town() -> Iterator[Nurture]:
    made = Nurture(frozenset({"bant", "meddic"}))
    yield made
    made.both.close()


def test_n1_the_life_of_tracks_in_both_crms(town: Nurture) -> None:
    both = town.both
    # section 9a: whoever was an mql before the first connection is on no list until their stage changes
    assert town.on("mql", "Old") == (set(), set())
    assert (town.shown("old")["crmsync_stage"], town.shown("old").get("crmsync_track")) == ("mql", None)
    town.stage("old", "sql")
    both.settle()
    assert town.on("sql", "Old") == ({"Old"}, {"Old"})
    town.stage("old", "disqualified")
    both.settle()
    assert town.on("sql", "Old") == (set(), set())
    bob = town.person("bob")
    both.hs.set_member(town.lists["mql"], bob)  # a marketer put Bob there by hand
    for name in ("ann", "cid"):
        town.person(name)
    both.mark()
    both.settle()
    assert town.on("mql", *ALL) == ({"Ann", "Bob", "Cid"}, {"Ann", "Bob", "Cid"})
    assert town.shown("ann")["crmsync_track"] == "mql_education"
    assert town.calls() == ["PUT add", "POST sobjects"], "one call per list for three people"
    both.assert_settled()

    # sql: from one list to the other; Bob stays where the marketer put him
    for name in ("ann", "bob"):
        town.stage(name, "sql")
    both.mark()
    both.settle()
    assert town.on("mql", *ALL) == ({"Bob", "Cid"}, {"Cid"})
    assert town.on("sql", *ALL) == ({"Ann", "Bob"}, {"Ann", "Bob"})
    assert town.shown("bob")["crmsync_track"] == "sql_enablement"
    assert town.calls() == ["PUT remove", "PUT add", "DELETE sobjects", "POST sobjects"]

    # back to nurture: from the enablement track to the education track
    town.stage("ann", "nurture")
    both.settle()
    assert (town.on("mql", *ALL)[1], town.on("sql", *ALL)[1]) == ({"Ann", "Cid"}, {"Bob"})
    assert town.shown("ann")["crmsync_track"] == "mql_education"

    # G1: an opt-out in either CRM ends the memberships in both
    both.sf.edit("Lead", both.lead("ann@ann.example")["Id"], {"HasOptedOutOfEmail": True})
    both.settle()
    assert town.on("mql", *ALL) == ({"Bob", "Cid"}, {"Cid"})
    assert town.shown("ann")["crmsync_track"] == "none"

    # six weeks later: Cid has finished; Bob, whom nobody has heard of for thirty days, fell back by the rule of stale sqls
    both.settle(timedelta(days=42).total_seconds())
    assert (town.on("mql", *ALL), town.on("sql", *ALL)) == (({"Bob"}, {"Bob"}), (set(), set()))
    assert (town.shown("cid")["crmsync_track"], town.shown("bob")["crmsync_track"]) == ("none", "mql_education")
    assert both.state_of("hubspot", "contacts", both.contact("cid@cid.example")["id"]).tracks_done == ("mql_education",)
    both.settle()
    both.assert_settled()

    # a converted lead is still a member, and can leave; the marketer's own membership stays
    contact = both.sf.convert(both.lead("bob@bob.example")["Id"])
    both.settle()
    assert contact in {row.get("ContactId") for row in both.sf.all("CampaignMember") if row["CampaignId"] == town.campaigns["mql"]}
    town.stage("bob", "disqualified")
    both.settle()
    assert contact not in {row.get("ContactId") for row in both.sf.all("CampaignMember")}
    assert bob in both.hs.members(town.lists["mql"])


def test_p1_s10_the_next_questions_follow_what_is_known(town: Nurture) -> None:
    both = town.both
    town.person("dan", jobtitle="CTO")
    town.person("globex")
    both.settle()
    assert town.shown("dan")["crmsync_next_questions"] == "1. What hurts? 2. Which budget?"
    assert town.shown("globex")["crmsync_next_questions"] == "1. Who wants it?"
    # a rep gives the answers: one in each CRM
    both.sf.edit("Lead", both.lead("dan@dan.example")["Id"], {"crmsync_pain__c": "Too slow"})
    both.hs.edit("contacts", both.contact("globex@globex.example")["id"], {"crmsync_champion": "The CFO"})
    both.settle()
    assert town.shown("dan")["crmsync_next_questions"] == "1. Which budget?"
    assert not town.shown("globex").get("crmsync_next_questions"), "nothing is left to ask"
    both.assert_settled()


def test_a_crash_after_the_call_is_looked_up_and_what_we_added_is_ours(town: Nurture, monkeypatch: pytest.MonkeyPatch) -> None:
    both = town.both
    eve, fay = town.person("eve"), town.person("fay")
    both.hs.set_member(town.lists["mql"], fay)
    both.time.advance(3_600)
    connector = both.connectors["hubspot"]
    carried = connector.members  # type: ignore[attr-defined]

    def dies(*args: Any) -> Any:
        carried(*args)
        raise Died

    monkeypatch.setattr(connector, "members", dies)
    with pytest.raises(Died):
        both.settle(0)
    assert {entry.kind for entry in both.store.journal.open_intents()} == {MEMBER}, "journalled before it was sent"
    monkeypatch.undo()
    both.restart()
    both.settle()
    assert both.store.journal.open_intents() == []
    list_id = town.lists["mql"]
    assert both.state_of("hubspot", "contacts", eve).member_of["hubspot"] == (list_id,)
    assert both.state_of("hubspot", "contacts", fay).found_on["hubspot"] == (list_id,)
    # an answer that is lost on the way
    gus = town.person("gus")
    both.hs.faults.add({"do": "drop_after", "times": 1, "path": "memberships/add"})
    both.settle()
    both.settle()
    assert both.state_of("hubspot", "contacts", gus).member_of["hubspot"] == (list_id,)
    for name in ("eve", "fay", "gus"):
        town.stage(name, "disqualified")
    both.settle()
    assert set(both.hs.members(list_id)) & {eve, fay, gus} == {fay}, "only what we added is taken away"
    both.settle()
    both.assert_settled()


@pytest.fixture
def apart() -> Iterator[Nurture]:
    made = Nurture(frozenset({"bant"}))
    yield made
    made.both.close()


def test_a_list_that_refuses_is_one_problem_and_holds_nothing_up(apart: Nurture) -> None:
    town, both = apart, apart.both
    good = both.playbook
    active = both.hs.add_list("Everybody", processing="DYNAMIC")

    def broken(list_id: str) -> Playbook:
        return replace(good, tracks=tuple(replace(t, lists={**t.lists, "hubspot": list_id}) for t in good.tracks))

    for n, (list_id, cause) in enumerate(((active, LIST_CLOSED), (town.lists["mql"], LIST_FORBIDDEN))):
        name = f"ida{n}"
        both.restart(playbook=lambda _, list_id=list_id: broken(list_id))
        if cause == LIST_FORBIDDEN:
            granted = [s for s in EVERY if not s.startswith("crm.lists")]
            both.hs.options.change("scopes", granted)
        person, other = town.person(name), town.person(f"{name}b")
        if cause == LIST_CLOSED:
            said = plan(desk(both))
            rule = "track: mql_education"
            joins = {("hubspot", list_id, "join", rule): 2, ("salesforce", town.campaigns["mql"], "join", rule): 2}
            assert said.memberships == joins, "also of the leads that this very sync creates"
            assert [m["persons"] for m in said.json()["memberships"]] == [2, 2]
            writes = Counter(write.crm for write in said.writes if write.action != "delete")
            assert said.calls == {side: len({(w.object, w.action) for w in said.writes if w.crm == side}) + 1 for side in writes}
        both.mark()
        both.settle()
        assert len(town.calls()) == 2, "the list is asked once, the campaign once"
        group = [g for g in both.store.problems.groups() if g[0] == cause]
        assert [(g[1], g[2], g[3], g[4]) for g in group] == [("hubspot", "list", list_id, 2)]
        assert f"`crmsync problems retry --cause {cause}`" in group[0][5]
        assert town.shown(name)["crmsync_track"] == "mql_education"
        assert both.lead(f"{name}@{name}.example")["LastName"] in town.on("mql", name.title())[1]
        (finding,) = [f for f in looked(both) if f.level == "error"][:1]
        assert list_id in finding.message
        # nothing is tried again at once, and an hour later it is; by then it works
        both.mark()
        both.settle()
        assert [c for c in town.calls() if c.startswith("PUT")] == []
        both.hs.options.change("scopes", None)
        both.restart(playbook=lambda _: good)
        both.settle(3_700)
        assert {person, other} <= set(both.hs.members(town.lists["mql"]))
        assert both.problems(cause) == []
        for one in (name, f"{name}b"):
            town.stage(one, "disqualified")
        both.settle()
    assert {f.level for f in looked(both)} == {"info"}
    both.settle()
    both.assert_settled()


def looked(both: Both) -> list[Finding]:
    return check_lists(both.playbook.tracks, both.connectors)


EVERY = (
    *(f"crm.objects.{name}.{verb}" for name in ("contacts", "companies", "deals", "users", "owners") for verb in ("read", "write")),
    *(f"crm.schemas.{name}.{verb}" for name in ("contacts", "companies", "deals") for verb in ("read", "write")),
    "forms", "content", "communication_preferences.read_write",
)  # fmt: skip
