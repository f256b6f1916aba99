"""Who gets a person: the order of rules, the hot pool, queue and fallback, hand-made owners, reassignment, and the reason of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crmsync.decide.condition import Lists
from crmsync.decide.pool import Floor, PoolNow, RepNow
from crmsync.decide.roster import pools_of
from crmsync.decide.route import AccountMatch, RouteVerdict, members, pool_problems
from crmsync.decide.route import route as routed
from crmsync.model.condition import All, Happened, Test
from crmsync.model.link import Signal
from crmsync.model.record import Fields, User
from crmsync.model.routing import AccountRule, Member, Pool, RouteRule, RoutingRules

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
USERS = {
    name: User(side="crm", id=name, email=name, name=name, active=name != "gone", kind="queue" if name == "queue" else "person")
    for name in ("amy", "ben", "cleo", "dan", "boss", "gone", "queue", "owner", "named")
}
ACCOUNT = RouteRule(name="account owner", account=AccountRule())
NAMED = RouteRule(name="key accounts", when=Test(field="company.employees", op="ge", value=5_000), owner="named")
DACH = RouteRule(name="DACH", when=Test(field="country", op="in", value=("DE", "AT", "CH")), pool="dach")
DEMO = RouteRule(name="demo", when=All(of=(Happened(signals=("demo_form",), within_days=7),)), pool="demo")


def floor_of(*, away: tuple[str, ...] = (), never: tuple[str, ...] = (), **pools: tuple[str, ...]) -> Floor:
    pools = {"default": ("amy", "ben"), **pools}

    def rep(name: str) -> RepNow:
        out = name in away or name in never
        return RepNow(rep=name, here=not out, back=NOW + timedelta(hours=len(name)) if name in away else None)

    return Floor(pools={name: PoolNow(name=name, reps=tuple(map(rep, reps))) for name, reps in pools.items()}, first="default")


def route(facts: Fields | None = None, *, floor: Floor | None = None, rules: tuple[RouteRule, ...] = (), hot_pool: str | None = None,
          fallback: str | None = "boss", signals: tuple[Signal, ...] = (), **more: object) -> RouteVerdict:  # fmt: skip
    return routed(
        floor=floor or floor_of(), routing=RoutingRules(rules=rules, hot=hot_pool, fallback=fallback), facts=facts or {}, lists=Lists(),
        signals=signals, now=NOW, users=USERS, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def acme(by: str = "domain", owner: str = "owner", similar: float = 100.0) -> AccountMatch:
    return AccountMatch(owner=owner, company="Acme GmbH", by=by, similar=similar)


GERMAN = {"country": "DE", "company.employees": 9_000}


def test_r1_the_first_rule_that_gives_somebody_counts() -> None:
    floor = floor_of(dach=("cleo",), demo=("dan",))
    rules = (ACCOUNT, NAMED, DACH, DEMO)
    demo = (Signal(event_id="1", type="demo_form", at=NOW - timedelta(days=1)),)
    assert route(GERMAN, floor=floor, rules=rules, account=acme()).owner == "owner"
    assert route(GERMAN, floor=floor, rules=rules).owner == "named"
    assert route({"country": "de"}, floor=floor, rules=rules, signals=demo).owner == "cleo"
    assert route({"country": "US"}, floor=floor, rules=rules, signals=demo).owner == "dan"
    assert route({"country": "US"}, floor=floor, rules=rules).pool == "default"
    assert route(GERMAN, floor=floor, rules=tuple(reversed(rules)), account=acme()).owner == "cleo", "by the order that the admin gave"


@pytest.mark.parametrize(
    ("match", "by", "owner"),
    [
        (acme("linked"), ("name",), "owner"),
        (acme("domain"), ("domain",), "owner"),
        (acme("domain"), ("name",), None),
        (acme("name", similar=90), ("domain", "name"), "owner"),
        (acme("name", similar=89.9), ("domain", "name"), None),
        (None, ("domain", "name"), None),
    ],
)
def test_r1_an_account_matches_only_as_the_rule_says(match: AccountMatch | None, by: tuple[str, ...], owner: str | None) -> None:
    rule = RouteRule(name="account owner", account=AccountRule(by=by, similar=90))
    verdict = route(rules=(rule,), account=match)
    assert (verdict.owner == "owner") == (owner is not None)
    assert (verdict.rule == "account owner") == (owner is not None)


@pytest.mark.parametrize("owner", ["gone", "queue", "crm:0052", "nobody@x.example"])
def test_r1_an_owner_who_can_own_nobody_is_passed_over_and_that_is_said(owner: str) -> None:
    verdict = route(rules=(ACCOUNT,), account=acme(owner=owner))
    assert verdict.owner in ("amy", "ben")
    assert f"passed over: account owner ({owner} is no active user)" in verdict.reason
    verdict = route(rules=(RouteRule(name="fixed", owner=owner),))
    assert verdict.rule == "default pool"
    assert f"fixed ({owner} is no active user)" in verdict.reason
    assert verdict.problem == ""


def test_r4_hot_persons_go_to_the_hot_pool_before_all_rules() -> None:
    floor = floor_of(closers=("dan",))
    hot = route(GERMAN, floor=floor, rules=(ACCOUNT, NAMED), account=acme(), hot_pool="closers", hot=True)
    assert (hot.owner, hot.rule, hot.pool) == ("dan", "hot leads", "closers")
    assert route(GERMAN, floor=floor, rules=(ACCOUNT,), account=acme(), hot_pool="closers").owner == "owner", "who is not hot does not"
    assert route(hot=True, floor=floor).pool == "default", "no hot pool is named"


def test_r4_a_hot_person_does_not_wait_for_closers_while_somebody_else_is_there() -> None:
    verdict = route(floor=floor_of(closers=("dan",), away=("dan",)), hot_pool="closers", hot=True)
    assert verdict.pool == "default"
    assert "passed over: pool closers (nobody available: 1 away)" in verdict.reason
    # but for them, too, where nobody else is
    nobody = route(floor=floor_of(closers=("dan",), away=("dan", "amy", "ben")), hot_pool="closers", hot=True)
    assert (nobody.owner, nobody.waits_until) == (None, NOW + timedelta(hours=3))
    assert route(floor=floor_of(closers=("dan",), away=("dan",), never=("amy", "ben")), hot_pool="closers", hot=True).waits


def test_r5_f52_nobody_available_now_waits_in_the_queue() -> None:
    verdict = route(floor=floor_of(away=("amy", "ben")))
    assert verdict.waits
    assert (verdict.owner, verdict.problem, verdict.fell_back) == (None, "", False)
    assert (verdict.rule, verdict.pool, verdict.waits_until) == ("default pool", "default", NOW + timedelta(hours=3))
    assert verdict.reason == "waits in the queue, rule default pool: pool default (nobody available: 2 away)"
    assert verdict.floor == floor_of(away=("amy", "ben")), "nobody took a turn"


def test_r5_whom_a_rule_sends_to_a_pool_waits_for_its_members() -> None:
    verdict = route({"country": "DE"}, floor=floor_of(dach=("cleo",), away=("cleo",)), rules=(DACH,))
    assert verdict.waits
    assert (verdict.rule, verdict.pool) == ("DACH", "dach")
    # a pool in which nobody ever can is passed over
    passed = route({"country": "DE"}, floor=floor_of(dach=("cleo",), never=("cleo",)), rules=(DACH,))
    assert (passed.rule, passed.problem) == ("default pool", "")
    assert "passed over: nobody of pool dach will be back" in passed.reason
    assert "pool dach is empty" in route({"country": "DE"}, rules=(DACH,)).reason


def test_r5_the_fallback_owner_when_nobody_ever_can() -> None:
    verdict = route(floor=floor_of(default=()))
    assert (verdict.owner, verdict.fell_back, verdict.rule) == ("boss", True, "fallback owner")
    assert verdict.problem == "pool default is empty: gave to boss"
    nobody = route(floor=floor_of(default=()), fallback=None)
    assert (nobody.owner, nobody.waits) == (None, False)
    assert nobody.problem == "pool default is empty, and no fallback owner is named"
    gone = route(floor=floor_of(default=()), fallback="gone")
    assert gone.problem == "pool default is empty, and the fallback owner gone is no active user"
    again = route(floor=floor_of(default=()), tried=("boss",))
    assert (again.owner, again.problem) == (None, "pool default is empty, and the fallback owner boss had them already")


def test_r5_the_fallback_owner_when_the_time_in_the_queue_is_over() -> None:
    verdict = route(floor=floor_of(away=("amy", "ben")), wait=False)
    assert (verdict.owner, verdict.fell_back) == ("boss", True)
    assert verdict.problem == "nobody was available in time: pool default (nobody available: 2 away): gave to boss"
    assert route(wait=False).owner in ("amy", "ben"), "who is there comes first"


def test_r6_f55_an_owner_who_stands_takes_no_turn() -> None:
    floor = floor_of(closers=("dan",))
    verdict = route(GERMAN, floor=floor, rules=(ACCOUNT, NAMED), account=acme(), hot_pool="closers", hot=True, owner="set by hand")
    assert (verdict.owner, verdict.reason, verdict.floor) == ("set by hand", "existing owner stands", floor)


def test_r7_reassignment_goes_to_who_has_not_had_them() -> None:
    floor = floor_of(default=("amy", "ben", "cleo"))
    tried: list[str] = []
    for _ in range(3):
        verdict = route(floor=floor, tried=tuple(tried))
        assert verdict.owner not in tried
        assert verdict.floor is not None
        assert not verdict.used_up
        floor = verdict.floor
        tried.append(str(verdict.owner))
    again = route(floor=floor, tried=tuple(tried))
    assert again.used_up
    assert again.owner in tried[:-1]
    assert "all of the pool had them, begun anew" in again.reason


def test_r7_account_and_named_owners_who_had_them_do_not_get_them_back() -> None:
    verdict = route(GERMAN, rules=(ACCOUNT, NAMED), account=acme(), tried=("owner", "named"))
    assert verdict.owner in ("amy", "ben")
    assert "passed over: account owner (owner had them); key accounts (named had them)" in verdict.reason


def test_r8_the_reason_says_rule_pool_members_counter_and_how() -> None:
    floor = floor_of(dach=("cleo", "dan"), away=("dan",))
    assert (
        route({"country": "DE"}, floor=floor, rules=(DACH,)).reason == "rule DACH, pool dach of 2, counter 0: round robin, 1 of 2 available"
    )
    assert route(rules=(ACCOUNT,), account=acme()).reason == "rule account owner: owner of Acme GmbH (same domain)"
    named = route(rules=(ACCOUNT,), account=acme("name", similar=93.75))
    assert named.reason == "rule account owner: owner of Acme GmbH (name 94 % alike)"
    assert route(GERMAN, rules=(NAMED,)).reason == "rule key accounts: named owner"


def test_r8_a_reason_fits_its_field_whatever_names_there_are() -> None:
    rules = tuple(RouteRule(name=f"rule {n} " + "x" * 60, owner="gone") for n in range(20))
    verdict = route(rules=rules)
    assert len(verdict.reason) == 255
    hostile = route(rules=(ACCOUNT,), account=AccountMatch(owner="owner", company="A\n\u202e" + "ß" * 500, by="linked"))
    assert len(hostile.reason) <= 255
    assert hostile.reason.isprintable()
    assert len(route(rules=rules, floor=floor_of(default=())).reason) == 255


def test_f54_a_burst_of_500_has_exact_counters() -> None:
    floor, owners = floor_of(default=("amy", "ben", "cleo", "dan")), []
    for turn in range(500):
        verdict = route(floor=floor)
        assert verdict.counter == turn + 1
        assert verdict.floor is not None
        floor = verdict.floor
        owners.append(verdict.owner)
    assert {owners.count(rep) for rep in ("amy", "ben", "cleo", "dan")} == {125}
    assert {rep.load for rep in floor.pools["default"].reps} == {125}


def test_whoever_is_given_somebody_by_a_rule_has_one_lead_more_in_every_pool() -> None:
    verdict = route(GERMAN, floor=floor_of(default=("amy", "named"), dach=("named",)), rules=(NAMED,))
    assert verdict.floor is not None
    assert [rep.load for rep in verdict.floor.pools["default"].reps] == [0, 1]
    assert [rep.given_today for rep in verdict.floor.pools["dach"].reps] == [1]
    assert verdict.floor.pools["default"].turn == 0


# --- who is in a pool --------------------------------------------------------------------------------------------------------


def people(*emails: str, teams: tuple[str, ...] = ()) -> list[User]:
    return [
        User(side=side, id=f"{side}-{e}", email=e, name=e, teams=teams if side == "left" else ())
        for e in emails
        for side in ("left", "right")
    ]


def test_r2_members_of_a_team_take_part_beside_the_named_ones() -> None:
    pool = Pool(
        name="emea", members=(Member(rep="z", weight=2.0),), teams={"left": ("EMEA  Sales", "00G1"), "right": ()}, exclude=frozenset({"c"})
    )
    routing = RoutingRules(pools={"emea": pool, "default": Pool(name="default")})
    users = [*people("c", "b", teams=("emea sales",)), *people("a", teams=("00G1",)), *people("z", "other")]
    assert members(routing=routing, users=users, sides=("left", "right"), pool="emea") == ("z", "a", "b")
    assert members(routing=routing, users=users, sides=("left", "right")) == ("a", "b", "c", "other", "z")


def test_r2_a_team_nobody_is_in_is_no_invitation_to_everybody() -> None:
    routing = RoutingRules(pools={"default": Pool(name="default", teams={"left": ("Ghosts",)})})
    users = people("a", "b")
    assert members(routing=routing, users=users, sides=("left", "right")) == ()
    assert pool_problems(routing=routing, users=users, sides=("left", "right")) == (
        "pool default: nobody active is in 'Ghosts' of left", "pool default is empty",
    )  # fmt: skip


def test_every_pool_is_looked_at_the_default_one_first() -> None:
    pools = {name: Pool(name=name, members=(Member(rep=f"{name}@x"),)) for name in ("late", "hot", "dach", "default")}
    routing = RoutingRules(pools=pools, hot="hot", rules=(DACH,))
    assert [pool.name for pool in pools_of(routing)] == ["default", "hot", "dach", "late"]
    found = pool_problems(routing=routing, users=people("hot@x"), sides=("left", "right"))
    assert [text.partition(":")[0] for text in found if "no active user" in text] == ["pool default", "pool dach", "pool late"]
    assert [text for text in found if "hot" in text] == []
