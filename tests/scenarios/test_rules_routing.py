"""Who gets a person, end to end through both simulated CRMs (process.md R1, R2, R4, R8; F49): match rules, pools, hot leads, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crmsync.service.explain import explain
from scenarios.desk import desk
from scenarios.floor import HOT, ask, open_tasks, owner, owners, reason, rep, reps, routing, spread, stage, until
from scenarios.world import START, Both

PRODUCT = "\n  product: {type: text, hubspot: message, direction: none}\n\n  # For scoring only."
RULES = """  hot: closers
  rules:
    - {name: same account, account: {by: [domain, name], similar: 90}}
    - {name: key accounts, when: {field: company.employees, at_least: 5000}, owner: kay@corp.example}
    - {name: named for one who left, when: {field: city, is: Gone}, owner: zoe@corp.example}
    - {name: Germany, when: {field: country, in: [Germany, DE]}, pool: dach}
    - {name: Texas, when: {field: state, is: Texas}, pool: south}
    - {name: Berlin, when: {field: postal_code, between: ["10000", "14199"]}, pool: east}
    - {name: banks, when: {field: industry, contains: bank}, pool: finance}
    - {name: big ones, when: {field: employees, at_least: 1000}, pool: big}
    - {name: analytics, when: {field: product, contains: analytics}, pool: product}
    - {name: partners, when: {field: lead_source, is: Partner Referral}, pool: partners}
  pools:
    closers: {members: [cleo@corp.example]}
    dach: {members: [dora@corp.example]}
    south: {members: [sid@corp.example]}
    east: {members: [eva@corp.example]}
    finance: {members: [finn@corp.example]}
    big: {members: [bea@corp.example]}
    product: {members: [pia@corp.example]}
    partners: {members: [paul@corp.example]}
"""


def leave(both: Both, name: str) -> None:
    """A rep leaves: deactivated in both CRMs. Known with the next look at users."""
    both.hs.deactivate_user(rep(name))
    (user,) = (row["Id"] for row in both.sf.all("User") if row["Email"] == rep(name))
    both.sf.edit("User", user, {"IsActive": False})


STAFF = ["amy", "ben", "kay", "zoe", "olga", "cleo", "dora", "sid", "eva", "finn", "bea", "pia", "paul"]


class Matched(Both):
    """People whom each rule is about, all routed in one settle."""

    def __init__(self) -> None:
        edits = routing(RULES, members="[amy@corp.example, ben@corp.example]", person={"\n  # For scoring only.": PRODUCT})
        super().__init__(edits=edits, kinds=("company",), users=reps(*STAFF))
        leave(self, "zoe")
        queue = self.sf.add_queue("Inbound", "Lead")
        self.settle()
        olga = self.hs.portal.owners.find(rep("olga"))
        zoe = self.hs.portal.owners.find(rep("zoe"))
        assert olga is not None
        assert zoe is not None
        self.linked = self.hs.create("companies", {"name": "Linked Ltd", "hubspot_owner_id": str(olga.id)})
        self.hs.create("companies", {"name": "Acme GmbH", "domain": "acme.example", "hubspot_owner_id": str(olga.id)})
        self.hs.create("companies", {"name": "Left Alone Inc.", "domain": "left.example", "hubspot_owner_id": str(zoe.id)})
        huge = self.hs.create("companies", {"name": "Huge Works", "domain": "huge.example", "numberofemployees": "9000"})
        theirs = self.owner("salesforce", rep("olga"))
        self.sf.create("Account", {"Name": "Northwind Traders", "OwnerId": theirs})
        self.sf.create("Account", {"Name": "Sales Only", "Website": "https://www.salesonly.example/start", "OwnerId": theirs})
        self.settle()
        for name, more in (("size", {"NumberOfEmployees": 2500}), ("source", {"LeadSource": "Partner Referral"})):
            given = {"Email": f"{name}@{name}.example", "LastName": name, "Company": "Works", "Phone": "+14085550100", "OwnerId": queue}
            self.sf.create("Lead", {**given, **more})
        self.settle()
        # HubSpot names the source of whom an integration created
        self.hs.edit("contacts", self.contact("source@source.example")["id"], {"hs_analytics_source": "OFFLINE"})
        for name in ("size", "source"):
            assert self.hs.happen({"email": f"{name}@{name}.example", "type": "form_submitted", "name": "Talk to Sales", "at": self.time()})
        ask(self, "linked", associations={"companies": [self.linked]})
        ask(self, "domain@eu.acme.example", "salesonly@salesonly.example")
        ask(self, "alike", company="Northwnd Traders, Inc.")
        ask(self, "unlike", company="Northland Trailers")
        ask(self, "left@left.example", "plain", "plain2")
        ask(self, "free@gmail.com", company="")
        ask(self, "key@huge.example", country="Germany", associations={"companies": [huge]})
        ask(self, "gone", city="Gone", state="Texas")
        ask(self, "country", country="germany", industry="Banking")
        ask(self, "state", state="TEXAS", zip="10115")
        ask(self, "postal", zip="10115")
        ask(self, "border", zip="14200")
        ask(self, "industry", industry="Retail banking")
        ask(self, "product", message="Tell me about Analytics, please")
        ask(self, "hot", form=HOT, country="Germany")
        self.settle()


@pytest.fixture(scope="module")
def matched() -> Iterator[Both]:
    with Matched() as both:
        yield both


@pytest.mark.parametrize(
    ("name", "who", "why"),
    [
        ("linked", "olga", "rule same account: owner of Linked Ltd (they belong to it)"),
        ("domain@eu.acme.example", "olga", "rule same account: owner of Acme GmbH (same domain)"),
        ("salesonly@salesonly.example", "olga", "rule same account: owner of Sales Only (same domain)"),
        ("alike", "olga", "rule same account: owner of Northwind Traders (name 97 % alike)"),
        ("key@huge.example", "kay", "rule key accounts: named owner"),
        ("country", "dora", "rule Germany, pool dach of 1, counter 0: round robin, 1 of 1 available"),
        ("state", "sid", "rule Texas, pool south of 1, counter "),
        ("gone", "sid", "; passed over: named for one who left (zoe@corp.example is no active user)"),
        ("postal", "eva", "rule Berlin, pool east of 1, counter 0: round robin, 1 of 1 available"),
        ("industry", "finn", "rule banks, pool finance of 1, counter 0: round robin, 1 of 1 available"),
        ("size", "bea", "rule big ones, pool big of 1, counter 0: round robin, 1 of 1 available"),
        ("product", "pia", "rule analytics, pool product of 1, counter 0: round robin, 1 of 1 available"),
        ("source", "paul", "rule partners, pool partners of 1, counter 0: round robin, 1 of 1 available"),
    ],
)
def test_r1_each_match_rule_in_its_order(matched: Both, name: str, who: str, why: str) -> None:
    assert owner(matched, name) == rep(who)
    assert why in reason(matched, name)
    assert stage(matched, name) == "sal"
    assert [whose for _, whose in open_tasks(matched, name)] == [rep(who)]


@pytest.mark.parametrize("name", ["unlike", "border", "free@gmail.com", "plain"])
def test_r1_whom_no_rule_fits_goes_to_the_default_pool(matched: Both, name: str) -> None:
    assert owner(matched, name) in (rep("amy"), rep("ben"))
    assert reason(matched, name).startswith("rule default pool, pool default of 2, counter ")


def test_r1_the_account_of_one_who_left_is_passed_over_and_the_reason_says_so(matched: Both) -> None:
    assert owner(matched, "left@left.example") in (rep("amy"), rep("ben"))
    assert reason(matched, "left@left.example").endswith("; passed over: same account (zoe@corp.example is no active user)")


def test_r4_a_hot_person_goes_to_the_closers_before_any_rule(matched: Both) -> None:
    assert owner(matched, "hot") == rep("cleo")
    assert reason(matched, "hot") == "rule hot leads, pool closers of 1, counter 0: round robin, 1 of 1 available"


def test_r8_explain_says_the_same_as_the_field(matched: Both) -> None:
    for name in ("domain@eu.acme.example", "hot", "left@left.example"):
        told = explain(desk(matched), name if "@" in name else f"{name}@{name}.example")
        assert told["owner"]["reason"] == reason(matched, name)
        assert told["owner"]["owner"] == owner(matched, name)


def test_r8_all_of_it_settles(matched: Both) -> None:
    matched.assert_settled()
    assert matched.problems() == []


# --- pools (R2), hot leads (R4), caps (R3) -------------------------------------------------------------------------------------

POOLS = """  hot: closers
  rules:
    - {name: fair, when: {field: city, is: Fair}, pool: fair}
    - {name: north, when: {field: city, is: North}, pool: north}
    - {name: weighted, when: {field: city, is: Weighted}, pool: weighted}
    - {name: crew, when: {field: city, is: Crew}, pool: crew}
    - {name: desk, when: {field: city, is: Desk}, pool: desk}
    - {name: east, when: {field: city, is: East}, pool: east}
    - {name: least, when: {field: city, is: Least}, pool: least}
    - {name: best, when: {field: city, is: Best}, pool: best}
    - {name: daily, when: {field: city, is: Daily}, pool: daily}
    - {name: full, when: {field: city, is: Full}, pool: full}
  pools:
    closers: {members: [cleo@corp.example]}
    fair: {members: [uma@corp.example, udo@corp.example, una@corp.example]}
    north: {teams: {hubspot: [North]}}
    weighted: {members: [wade@corp.example, {rep: will@corp.example, weight: 2}, {rep: wyn@corp.example, weight: 3}, {rep: wes@corp.example, weight: 0}], select: weighted}
    crew: {teams: {salesforce: [Crew]}}
    desk: {teams: {salesforce: [Desk]}}
    east: {teams: {hubspot: [East]}}
    least: {members: [lea@corp.example, leo@corp.example, liv@corp.example], select: least_load}
    best: {members: [bart@corp.example, bess@corp.example], select: best_conversion}
    daily: {members: [dan@corp.example, {rep: dot@corp.example, per_day: 1}], per_day: 3}
    full: {members: [fay@corp.example, fox@corp.example], open_leads: 2}
"""
CREW = [
    "amy",
    "ben",
    "cleo",
    "uma",
    "udo",
    "una",
    "nat",
    "ned",
    "wade",
    "will",
    "wyn",
    "wes",
    "gus",
    "gia",
    "tom",
    "tess",
    "lea",
    "leo",
    "liv",
    "bart",
    "bess",
    "dan",
    "dot",
    "fay",
    "fox",
]


@pytest.fixture(scope="module")
def pooled() -> Iterator[Both]:
    edits = routing(POOLS, members="[amy@corp.example, ben@corp.example]")
    with Both(edits=edits, kinds=(), users=reps(*CREW)) as both:
        both.sf.add_group("Crew", rep("gus"), rep("gia"))
        queue = both.sf.add_queue("Desk", "Lead")
        both.sf.join_group(queue, rep("gus"))
        both.sf.join_group(queue, both.sf.add_group("Inner", rep("tom")))
        both.hs.join_team(rep("tess"), "East")
        both.hs.join_team(rep("tom"), "East")
        both.hs.join_team(rep("nat"), "North")
        both.settle()
        yield both


def crowd(both: Both, word: str, count: int, **more: Any) -> list[str]:
    """So many new people of a city, with the word in their names; nothing is synced yet."""
    names = [f"{word}{n}" for n in range(count)]
    ask(both, *names, city=word.rstrip("0123456789").title(), **more)
    return names


def judged(both: Both, name: str, disposition: str, reason_code: str | None = None) -> None:
    """A rep's decision in Salesforce."""
    both.sf.edit(
        "Lead",
        str(both.lead(f"{name}@{name}.example")["Id"]),
        {"crmsync_disposition__c": disposition, "crmsync_reason_code__c": reason_code},
    )


def test_r2_f50_f51_shares_are_exact_however_runs_are_split(pooled: Both) -> None:
    names: list[str] = []
    for run, size in enumerate((1, 5, 2, 7, 3)):
        batch = [f"weighted{run}x{n}" for n in range(size)]
        ask(pooled, *batch, city="Weighted")
        batch += [f"fair{run}x{n}" for n in range(size)]
        ask(pooled, *batch[size:], city="Fair")
        pooled.settle(after=3600)
        names += batch
        weighted, fair = (spread(pooled, [n for n in names if n.startswith(word)]) for word in ("weighted", "fair"))
        total = sum(weighted.values())
        # counted in the CRMs after each run: within 1 of the exact share, and equal weights differ by at most 1
        for name, share in (("wade", 1 / 6), ("will", 2 / 6), ("wyn", 3 / 6)):
            assert abs(weighted[rep(name)] - total * share) <= 1, (run, name, weighted)
        each = [fair[rep(name)] for name in ("uma", "udo", "una")]
        assert (sum(each), max(each) - min(each) <= 1) == (total, True), fair
        assert weighted[rep("wes")] == 0
    assert weighted == Counter({rep("wade"): 3, rep("will"): 6, rep("wyn"): 9})
    # R8: the counter of each pool goes on by one for each person
    told = sorted(int(reason(pooled, n).split("counter ")[1].split(":")[0]) for n in names if n.startswith("weighted"))
    assert told == list(range(18))


@pytest.mark.parametrize(("word", "members"), [("crew", ("gus", "gia")), ("desk", ("gus", "tom")), ("east", ("tess", "tom"))])
def test_r2_a_pool_of_a_group_a_queue_or_a_team(pooled: Both, word: str, members: tuple[str, ...]) -> None:
    names = crowd(pooled, word, 4)
    pooled.settle()
    assert spread(pooled, names) == {rep(name): 2 for name in members}
    assert f"pool {word} of 2" in reason(pooled, names[0])


def test_r2_who_joins_and_leaves_a_team_joins_and_leaves_the_pool(pooled: Both) -> None:
    names = crowd(pooled, "north", 2)
    pooled.settle()
    assert spread(pooled, names) == {rep("nat"): 2}
    pooled.hs.join_team(rep("ned"), "North")
    pooled.settle(after=400)
    both = [f"north{n}" for n in range(2, 6)]
    ask(pooled, *both, city="North")
    pooled.settle()
    assert spread(pooled, both) in ({rep("nat"): a, rep("ned"): 4 - a} for a in (1, 2))
    pooled.hs.leave_teams(rep("nat"))
    pooled.settle(after=400)
    ask(pooled, "north6", "north7", city="North")
    pooled.settle()
    assert spread(pooled, ["north6", "north7"]) == {rep("ned"): 2}
    assert spread(pooled, names) == {rep("nat"): 2}  # who had somebody keeps them


def test_r2_least_load_counts_who_is_theirs_in_the_crms(pooled: Both) -> None:
    first = crowd(pooled, "least", 3)
    pooled.settle()
    assert spread(pooled, first) == {rep("lea"): 1, rep("leo"): 1, rep("liv"): 1}
    # when a manager gives two of them to one rep by hand
    pooled.time.advance(60)
    busy = owner(pooled, first[0])
    for name in first[1:]:
        pooled.hs.edit("contacts", pooled.contact(f"{name}@{name}.example")["id"], {"hubspot_owner_id": pooled.owner("hubspot", busy)})
    pooled.settle()
    # then the next four go to the other two
    later = [f"least{n}" for n in range(3, 7)]
    ask(pooled, *later, city="Least")
    pooled.settle()
    assert spread(pooled, later) == {rep(name): 2 for name in ("lea", "leo", "liv") if rep(name) != busy}
    assert "least load" in reason(pooled, later[0])


def test_r2_best_conversion_goes_by_how_leads_ended(pooled: Both) -> None:
    first = crowd(pooled, "best", 16)
    pooled.settle()
    assert spread(pooled, first) == {rep("bart"): 8, rep("bess"): 8}  # equals take turns
    pooled.time.advance(60)
    for name in first:
        won = owner(pooled, name) == rep("bess")
        judged(pooled, name, "accepted" if won else "rejected", None if won else "wrong_icp")
    pooled.settle()
    assert Counter(stage(pooled, name) for name in first) == {"sql": 8, "disqualified": 8}
    # the rates are looked at once a day
    pooled.settle(after=26 * 3600)
    later = [f"best{n}" for n in range(16, 20)]
    ask(pooled, *later, city="Best")
    pooled.settle()
    assert spread(pooled, later) == {rep("bess"): 4}
    assert "best conversion, 2 of 2 available" in reason(pooled, later[0])


def test_r3_daily_caps_hold_and_begin_anew_at_midnight_where_the_rep_is(pooled: Both) -> None:
    until(pooled, hours=24 * ((pooled.time() - START).days + 1))  # 10:00 in New York
    today = crowd(pooled, "daily", 6)
    pooled.settle()
    here = [name for name in today if stage(pooled, name) == "sal"]
    assert spread(pooled, here) == {rep("dan"): 3, rep("dot"): 1}
    waiting = [name for name in today if name not in here]
    assert len(waiting) == 2
    assert (
        reason(pooled, waiting[0]) == "waits in the queue, rule daily: pool daily (nobody available: 2 had as many as they take in a day)"
    )
    # nothing before midnight in New York (05:00 UTC), all of them right after it
    pooled.settle(after=(START.replace(hour=4, minute=59) - START).total_seconds() + 86400)
    assert {stage(pooled, name) for name in waiting} == {"mql"}
    pooled.settle(after=120)
    assert {stage(pooled, name) for name in waiting} == {"sal"}
    assert spread(pooled, waiting)[rep("dot")] <= 1
    assert reason(pooled, waiting[0]).startswith("rule daily, pool daily of 2, counter ")


def test_r3_open_lead_caps_hold_and_a_closed_lead_makes_room(pooled: Both) -> None:
    names = crowd(pooled, "full", 5)
    pooled.settle()
    here = [name for name in names if stage(pooled, name) == "sal"]
    assert spread(pooled, here) == {rep("fay"): 2, rep("fox"): 2}
    (waits,) = set(names) - set(here)
    assert owners(pooled, waits)[0] == ""
    assert reason(pooled, waits) == "waits in the queue, rule full: pool full (nobody available: 2 have as many open leads as they take)"
    pooled.time.advance(60)
    judged(pooled, here[0], "rejected", "wrong_icp")
    freed = owner(pooled, here[0])
    pooled.settle()
    pooled.settle(after=900)
    assert owner(pooled, waits) == freed
    assert stage(pooled, waits) == "sal"


def test_r4_hot_people_do_not_wait_for_the_closers(pooled: Both) -> None:
    ask(pooled, "warm", "hotter", form=HOT)
    pooled.settle()
    assert spread(pooled, ["warm", "hotter"]) == {rep("cleo"): 2}
    pooled.hs.deactivate_user(rep("cleo"))
    pooled.settle(after=400)
    ask(pooled, "hottest", form=HOT)
    pooled.settle()
    assert owner(pooled, "hottest") in (rep("amy"), rep("ben"))
    assert reason(pooled, "hottest").endswith("; passed over: pool closers is empty")


def test_f49_salesforces_own_assignment_rules_do_not_override_the_routed_owner(pooled: Both) -> None:
    pooled.sf.lead_assignment(pooled.sf.add_queue("Stolen", "Lead"))
    ask(pooled, "ruled", "ruled2")
    pooled.settle()
    given = spread(pooled, ["ruled", "ruled2"])
    assert set(given) <= {rep("amy"), rep("ben")}
    pooled.settle(after=timedelta(days=1).total_seconds())
    assert spread(pooled, ["ruled", "ruled2"]) == given
    pooled.sf.lead_assignment(None)


def test_r6_f48_a_queue_that_was_made_a_minute_ago_owns_nobody(pooled: Both) -> None:
    pooled.settle(after=400)  # users are read
    queue = pooled.sf.add_queue("Fresh", "Lead")
    given = {"Email": "fresh@fresh.example", "LastName": "Fresh", "Company": "Works", "Phone": "+14085550100", "OwnerId": queue}
    pooled.sf.create("Lead", given)
    pooled.settle()
    assert pooled.hs.happen({"email": "fresh@fresh.example", "type": "form_submitted", "name": "Talk to Sales", "at": pooled.time()})
    pooled.settle()
    assert queue not in {user.id for user in pooled.store.users()}, "no list of users has told of it yet"
    assert owner(pooled, "fresh") in (rep("amy"), rep("ben"))
    assert "rule default pool" in reason(pooled, "fresh")
    assert [whose for _, whose in open_tasks(pooled, "fresh")] == [owner(pooled, "fresh")]
