"""Lead-to-account matching over the companies that the store knows (R1): by the linked company, by domain, by name; and the index behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crmsync.engine.accounts import INDEX, Accounts, above, forget_companies, index_companies, note_companies, words_of
from crmsync.model.link import Agreed, PersonState, Twin
from crmsync.model.record import Fields, User, Value
from crmsync.model.routing import AccountRule, RouteRule, RoutingRules
from crmsync.model.rules import FieldType, Place, TwinMap
from crmsync.model.verdict import AccountMatch
from tiny import Tiny, field_map, playbook, replace

OWNERS = ("amy@corp.example", "ben@corp.example")
AMY, BEN = OWNERS


def rules(*by: str, similar: float = 90.0) -> RoutingRules:
    return RoutingRules(rules=(RouteRule(name="account owner", account=AccountRule(by=by, similar=similar)),))


def company_map() -> TwinMap:
    places = {("a", "person"): Place(field="city"), ("b", "person"): Place(field="city")}
    name = replace(field_map("name", FieldType.TEXT), places=places)
    return TwinMap(kind="company", objects={}, create_as={}, fields={"name": name}, match=("domain", "name"))


def company(id: str, name: str, owner: str | None = AMY, sides: int = 1, **told: Value) -> Twin:
    outputs: dict[str, Value] = {"name": name, "owner": owner, **told}
    state = PersonState(
        person_id=id, outputs={n: v for n, v in outputs.items() if v is not None}, anchors={f"s{n}": f"account/{n}" for n in range(sides)},
        base={"name": Agreed(values={})},
    )  # fmt: skip
    return Twin(twin_id=id, kind="company", state=state)


class Desk:
    def __init__(self, tmp_path: Path) -> None:
        self.tiny = Tiny(tmp_path, rules=playbook(routing=rules("domain", "name")))
        robot = User(side="a", id="a-robot", email="robot@corp.example", name="robot")
        for crm, side in ((self.tiny.a, "a"), (self.tiny.b, "b")):
            crm.users_list = [User(side=side, id=f"{side}-{e}", email=e, name=e) for e in OWNERS]
            crm.users_list.append(User(side=side, id=f"{side}-gone", email="gone@corp.example", name="gone", active=False))
        self.tiny.a.users_list.append(robot)
        self.tiny.cycle()
        self.tiny.world.integration = frozenset({("a", "a-robot")})
        self.tiny.world.kinds.maps["company"] = company_map()

    def know(self, *twins: Twin) -> None:
        self.tiny.store.twins.save(twins)
        note_companies(self.tiny.world, twins)

    def route_by(self, routing: RoutingRules) -> None:
        self.tiny.world.playbook = replace(self.tiny.world.playbook, routing=routing)

    def of(self, facts: Fields | None = None, *linked: str) -> AccountMatch | None:
        return Accounts(self.tiny.world).of(facts or {}, linked)

    def owner(self, facts: Fields | None = None, *linked: str) -> str | None:
        found = self.of(facts, *linked)
        return found.owner if found is not None else None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.tiny.close()


def test_r1_the_linked_company_then_the_domain_then_the_name(desk: Desk) -> None:
    desk.know(company("c1", "Linked Ltd", AMY), company("c2", "Domain Ltd", BEN, domain="domain.example"), company("c3", "Name GmbH", AMY))
    facts = {"email": "eve@eu.domain.example", "company": "NAME, Inc."}
    assert desk.of(facts, "c1") == AccountMatch(owner=AMY, company="Linked Ltd", by="linked")
    assert desk.of(facts) == AccountMatch(owner=BEN, company="Domain Ltd", by="domain")
    assert desk.of({"company": "NAME, Inc."}) == AccountMatch(owner=AMY, company="Name GmbH", by="name")
    assert desk.of({"email": "x@y.example", "website": "https://www.domain.example/en"}, "unknown") is not None
    assert desk.of({"email": "x@y.example", "company": "Somebody Else"}) is None
    assert desk.of({"email": 7, "company": True, "website": None}) is None


def test_r1_mail_services_are_nobodys_account(desk: Desk) -> None:
    desk.know(company("c1", "Somebody at Gmail", AMY, domain="gmail.com"), company("c2", "Up", AMY, domain="example"))
    assert desk.of({"email": "eve@gmail.com"}) is None
    assert desk.of({"email": "eve@any.example"}) is None
    assert list(above("a.b.example")) == ["a.b.example", "b.example"]
    assert list(above("")) == []


def test_r1_a_fuzzy_name_reaches_the_threshold_of_the_rule(desk: Desk) -> None:
    desk.know(company("c1", "Northwind Traders GmbH"), company("c2", "Northwind Trading School"), company("c3", "Southwind Traders"))
    found = desk.of({"company": "Nortwind Traders Inc."})
    assert found is not None
    assert found.company == "Northwind Traders GmbH"
    assert 95 < found.similar < 100
    desk.route_by(rules("name", similar=99))
    assert desk.of({"company": "Nortwind Traders Inc."}) is None
    assert desk.owner({"company": "northwind traders"}) == AMY
    desk.route_by(rules("domain"))
    assert desk.of({"company": "northwind traders"}) is None


def test_r1_of_several_one_who_can_own_somebody_then_the_same_country(desk: Desk) -> None:
    desk.know(
        company("c1", "Acme", "gone@corp.example", 2, country="US"), company("c2", "Acme AG", BEN, 2, country="US"),
        company("c3", "ACME", AMY, country="DE"), company("c4", "acme ltd", None, 2), company("c5", "Acme", "robot@corp.example", 2),
    )  # fmt: skip
    assert desk.owner({"company": "Acme"}) == BEN, "known to both CRMs"
    assert desk.owner({"company": "Acme", "country": "de "}) == AMY
    assert desk.owner({"company": "Acme"}, "c4", "c5", "c3") == AMY, "nobody owns the first, and a machine the second"


def test_r1_an_owner_who_left_is_named_so_that_the_reason_can_say_it(desk: Desk) -> None:
    desk.know(company("c1", "Acme", "gone@corp.example"))
    assert desk.owner({"company": "Acme"}) == "gone@corp.example"


def test_names_of_common_words_only_are_found_by_two_in_a_row(desk: Desk) -> None:
    desk.know(*(company(f"g{n:04}", f"Global Number{n} Services Group", None) for n in range(450)))
    desk.know(company("one", "Global Services Grup", BEN))
    assert desk.owner({"company": "Global Services Group"}) == BEN


def test_the_index_follows_the_companies(desk: Desk) -> None:
    desk.know(company("c1", "Acme", domain="acme.example"))
    assert desk.owner({"email": "eve@acme.example"}) == AMY
    words = desk.tiny.store.company_words
    before = words.count()
    desk.know(company("c1", "Best", domain="best.example"), replace(company("t1", "Acme"), kind="task"))
    assert desk.of({"email": "eve@acme.example", "company": "Acme"}) is None
    assert desk.owner({"email": "eve@best.example"}) == AMY
    assert words.count() == before
    desk.know(company("c1", "", None))
    assert words.count() == 0
    desk.know(company("c2", "Acme"))
    forget_companies(desk.tiny.world, ["c2"])
    assert words.count() == 0


def test_the_index_is_made_when_the_first_rule_comes_and_dropped_with_the_last(desk: Desk) -> None:
    store = desk.tiny.store
    desk.route_by(RoutingRules())
    desk.know(company("c1", "Acme"), company("c2", "Best"))
    assert desk.of({"company": "Acme"}, "c1") is None, "no rule asks"
    assert (store.get(INDEX), store.company_words.count()) == (None, 0)
    desk.route_by(rules("name"))
    assert desk.owner({"company": "Acme"}) == AMY
    assert index_companies(desk.tiny.world) == 0, "once"
    desk.route_by(RoutingRules())
    assert index_companies(desk.tiny.world) == 0
    assert (store.get(INDEX), store.company_words.count()) == (None, 0)


def test_nothing_is_asked_before_somebody_needs_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.tiny.store, "company_words", None)
    Accounts(desk.tiny.world)
    desk.route_by(RoutingRules())
    assert Accounts(desk.tiny.world).of({"company": "Acme"}) is None


def test_words_of_a_company_without_anything_to_tell() -> None:
    assert words_of({}) == frozenset()
    assert words_of({"domain": "acme.example", "website": "https://acme.example/x"}) == {"@acme.example"}
