"""Companies and deals: linked, read for conditions, two-way when enabled; associations that change alone (F08)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from crmsync.engine.twins import deliberate_twins
from crmsync.model.record import Ref
from scenarios.world import Both, Edits

RULE = """
    - name: A company of the right size
      points: 33
      when: {field: company.employees, between: [200, 1000]}
    - name: An open deal
      points: 11
      when: {field: deal.open, is: true}
  # What they did."""
RULES: Edits = {"mappings/playbook.yaml": {"\n  # What they did.": RULE}}


@pytest.fixture
def ruled() -> Iterator[Both]:
    with Both(edits=RULES, kinds=("company", "deal")) as world:
        yield world


def twin_of(both: Both, side: str, object: str, id: str) -> str | None:
    found = both.store.snapshots([Ref(side=side, object=object, id=id)])
    return next(iter(found.values())).person_id if found else None


def score(both: Both, contact: str) -> str | None:
    value = both.hs.get("contacts", contact).get("crmsync_fit_score")
    return None if value is None else str(value)


HALVES: tuple[tuple[dict[str, str], dict[str, str], bool], ...] = (
    ({"name": "One", "domain": "alpha.example"}, {"Name": "Two", "Website": "HTTPS://www.Alpha.example/about?x=1"}, True),
    ({"name": "BETA  Inc.", "domain": "beta.example"}, {"Name": "Beta GmbH & Co. KG"}, True),
    ({"name": "Gamma", "domain": "gamma.example"}, {"Name": "Gamma Ltd", "Website": "gamma.invalid"}, False),
    ({"name": "Three", "domain": "gmail.com"}, {"Name": "Four", "Website": "gmail.com"}, False),
    ({"name": "Five", "domain": "five.example"}, {"Name": "Six"}, False),
)
"""(company, account, whether they are one)."""


def test_companies_are_linked_by_domain_then_by_name(both: Both) -> None:
    made = [(str(both.hs.create("companies", company)), both.sf.create("Account", account)) for company, account, _ in HALVES]
    both.settle()
    twins = [(twin_of(both, "hubspot", "companies", hs), twin_of(both, "salesforce", "Account", sf)) for hs, sf in made]
    assert None not in {twin for pair in twins for twin in pair}
    for (ours, theirs), half in zip(twins, HALVES, strict=True):
        assert (ours == theirs) is half[2], half
    assert len({twin for pair in twins for twin in pair}) == sum(1 if linked else 2 for *_, linked in HALVES)
    assert both.problems("ambiguous_company") == []


def test_a_company_that_comes_or_is_corrected_later_finds_its_half(both: Both) -> None:
    hs = both.hs.create("companies", {"name": "One", "domain": "one.example"})
    both.settle()
    late = both.sf.create("Account", {"Name": "Uno", "Website": "one.example"})
    both.settle()
    assert twin_of(both, "salesforce", "Account", late) == twin_of(both, "hubspot", "companies", str(hs))
    other = both.hs.create("companies", {"name": "Two"})
    account = both.sf.create("Account", {"Name": "Due"})
    both.settle()
    halves = [twin_of(both, "salesforce", "Account", account), twin_of(both, "hubspot", "companies", str(other))]
    assert halves[0] != halves[1]
    both.store.company_words.put({str(half): {"=due"} for half in halves})  # as where a rule matches leads to accounts (R1)
    both.hs.edit("companies", other, {"name": "due, inc."})
    both.settle()
    twin = twin_of(both, "salesforce", "Account", account)
    assert twin == twin_of(both, "hubspot", "companies", str(other))
    assert len(both.store.snapshots_of([str(twin)])[str(twin)]) == 2
    assert both.store.company_words.having(["=due"], 9) == {"=due": [twin]}, "the other half is found no more"
    both.assert_settled()


def test_an_ambiguous_name_is_reported_and_not_guessed(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    hs = both.hs.create("companies", {"name": "Acme"})
    accounts = [both.sf.create("Account", {"Name": name}) for name in ("Acme Inc", "ACME Ltd")]
    both.settle()
    twins = {str(twin_of(both, "hubspot", "companies", str(hs))), *(str(twin_of(both, "salesforce", "Account", a)) for a in accounts)}
    assert len(twins) == 3
    asked: list[Sequence[str]] = []
    by_email = both.store.by_email

    def noted(emails: Sequence[str], *given: Any) -> Any:
        asked.append(emails)
        return by_email(emails, *given)

    with monkeypatch.context() as noting:
        noting.setattr(both.store, "by_email", noted)
        plans = deliberate_twins(both.world, sorted(twins), both.time())
    assert [problem.cause for plan in plans for problem in plan.problems] == ["ambiguous_company"] * 3
    assert len(asked) == 1, "namesakes are looked up once for all of a batch"
    told = both.problems("ambiguous_company")
    assert {p.record_id for p in told} == {str(hs), *accounts}
    both.sf.edit("Account", accounts[1], {"Name": "Another"})
    both.settle()
    both.sf.edit("Account", accounts[0], {"Name": "Acme"})
    both.settle()
    assert twin_of(both, "hubspot", "companies", str(hs)) == twin_of(both, "salesforce", "Account", accounts[0])
    assert both.problems("ambiguous_company") == []


def test_facts_of_the_company_are_tested_by_conditions_and_wake_its_persons_only(ruled: Both) -> None:
    company = ruled.hs.create("companies", {"name": "One", "domain": "one.example", "numberofemployees": "50"})
    ann = ruled.hs.create("contacts", {"email": "ann@one.example", "lastname": "Lee"})
    ruled.hs.create("contacts", {"email": "bob@two.example", "lastname": "Roe"})
    ruled.hs.associate("contacts", ann, "companies", company)
    ruled.settle()
    assert score(ruled, ann) in (None, "0")
    ruled.mark()
    ruled.hs.edit("companies", company, {"numberofemployees": "500"})
    reports = ruled.settle()
    assert score(ruled, ann) == "33"
    assert {(w.object, str(w.id)) for w in ruled.written("hubspot")} == {("contacts", str(ann))}
    assert sum(report.decided for report in reports) <= 4
    ruled.assert_settled()


def test_of_two_companies_the_one_that_both_crms_know_counts(ruled: Both) -> None:
    """The HubSpot company of the contact has no half in Salesforce; the account of the contact has one in HubSpot."""
    alone = ruled.hs.create("companies", {"name": "Alone", "domain": "alone.example", "numberofemployees": "5"})
    ruled.hs.create("companies", {"name": "Acme", "domain": "acme.example", "numberofemployees": "500"})
    account = ruled.sf.create("Account", {"Name": "Acme", "Website": "acme.example"})
    ruled.sf.create("Contact", {"LastName": "Lee", "Email": "ann@acme.example", "AccountId": account})
    ann = ruled.hs.create("contacts", {"email": "ann@acme.example", "lastname": "Lee"})
    ruled.hs.associate("contacts", ann, "companies", alone)
    ruled.settle()
    assert score(ruled, ann) == "33"


def test_an_opportunity_is_read_for_its_stage(ruled: Both) -> None:
    account = ruled.sf.create("Account", {"Name": "Acme"})
    ann = ruled.sf.create("Contact", {"LastName": "Lee", "Email": "ann@acme.example", "AccountId": account})
    deal = ruled.sf.create("Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-06-01", "AccountId": account})
    ruled.sf.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": ann})
    ruled.settle()
    contact = ruled.contact("ann@acme.example")["hs_object_id"]
    assert score(ruled, contact) == "11"
    ruled.sf.edit("Opportunity", deal, {"StageName": "Closed Lost"})
    ruled.settle()
    assert score(ruled, contact) == "0"
    ruled.assert_settled()


def test_a_contact_role_alone_is_noticed(ruled: Both) -> None:
    """F08: the role is a row of its own; its opportunity keeps its stamp."""
    account = ruled.sf.create("Account", {"Name": "Acme"})
    ann = ruled.sf.create("Contact", {"LastName": "Lee", "Email": "ann@acme.example", "AccountId": account})
    deal = ruled.sf.create("Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-06-01", "AccountId": account})
    ruled.settle()
    contact = ruled.contact("ann@acme.example")["hs_object_id"]
    assert score(ruled, contact) == "0"
    role = ruled.sf.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": ann})
    ruled.settle(after=360)
    assert score(ruled, contact) == "11"
    ruled.assert_settled()
    ruled.sf.delete("OpportunityContactRole", role)
    ruled.settle(after=360)
    assert score(ruled, contact) == "0"
    ruled.assert_settled()


# --- two-way -----------------------------------------------------------------------------------------------------------------

TWO_WAY: Edits = {
    "mappings/companies.yaml": {
        "  two_way: false\n  create: false": "  two_way: true\n  create: true",
        "deal:\n  on: true\n  two_way: false": "deal:\n  on: true\n  two_way: true\n  create: true",
        "stage:      {type: text, hubspot: dealstage, salesforce: StageName, direction: none}": "stage: {type: picklist, hubspot: dealstage, "
        "salesforce: StageName, required: true, values: {hubspot: {early: appointmentscheduled}, salesforce: {early: Prospecting}}}",
    }
}


@pytest.fixture
def carried() -> Iterator[Both]:
    with Both(edits=TWO_WAY, kinds=("company", "deal")) as world:
        yield world


def employed(both: Both) -> tuple[str, str, list[str], list[str]]:
    """A person on both sides (a Salesforce contact), and two companies that both CRMs have; nobody works anywhere yet."""
    companies = [both.hs.create("companies", {"name": name, "domain": f"{name}.example"}) for name in ("one", "two")]
    accounts = [both.sf.create("Account", {"Name": name, "Website": f"{name}.example"}) for name in ("one", "two")]
    contact = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    person = both.sf.create("Contact", {"LastName": "Lee", "Email": "ann@example.com"})
    both.settle()
    both.assert_settled()
    both.mark()
    return contact, person, companies, accounts


def test_a_company_becomes_an_account_and_its_fields_stay_in_step(carried: Both) -> None:
    company = carried.hs.create("companies", {"name": "Acme", "domain": "acme.example", "numberofemployees": "50"})
    contact = carried.hs.create("contacts", {"email": "ann@acme.example", "lastname": "Lee"})
    person = carried.sf.create("Contact", {"LastName": "Lee", "Email": "ann@acme.example"})
    carried.hs.associate("contacts", contact, "companies", company)
    carried.settle()
    (account,) = carried.sf.all("Account")
    assert (account["Name"], account["NumberOfEmployees"]) == ("Acme", 50)
    assert account["crmsync_key__c"] == carried.hs.get("companies", company)["crmsync_key"]
    assert carried.sf.get("Contact", person)["AccountId"] == account["Id"]
    carried.assert_settled()
    carried.mark()
    carried.sf.edit("Account", account["Id"], {"NumberOfEmployees": 60})
    carried.settle()
    assert carried.hs.get("companies", company)["numberofemployees"] == "60"
    assert carried.writes() == {"hubspot": 1, "salesforce": 0}
    carried.assert_settled()


def test_an_account_becomes_a_company_of_its_contact(carried: Both) -> None:
    account = carried.sf.create("Account", {"Name": "Acme", "Website": "https://www.acme.example"})
    carried.sf.create("Contact", {"LastName": "Lee", "Email": "ann@acme.example", "AccountId": account})
    carried.settle()
    (company,) = carried.hs.all("companies")
    assert company["name"] == "Acme"
    contact = carried.contact("ann@acme.example")
    assert contact["associatedcompanyid"] == company["hs_object_id"]
    carried.assert_settled()


def test_an_ambiguous_company_is_created_nowhere(carried: Both) -> None:
    carried.hs.create("companies", {"name": "Acme"})
    for name in ("Acme Inc", "ACME Ltd"):
        carried.sf.create("Account", {"Name": name})
    carried.settle()
    assert (len(carried.hs.all("companies")), len(carried.sf.all("Account"))) == (1, 2)
    carried.assert_settled()


def test_f08_a_company_association_alone_is_carried_to_salesforce(carried: Both) -> None:
    contact, person, companies, accounts = employed(carried)
    carried.hs.associate("contacts", contact, "companies", companies[0])
    carried.settle()
    assert carried.sf.get("Contact", person)["AccountId"] == accounts[0]
    assert len(carried.written("salesforce")) == 1
    carried.assert_settled()
    carried.mark()
    carried.hs.dissociate("contacts", contact, "companies", companies[0])
    carried.hs.associate("contacts", contact, "companies", companies[1])
    carried.settle()
    assert carried.sf.get("Contact", person)["AccountId"] == accounts[1]
    assert len(carried.written("salesforce")) == 1
    carried.assert_settled()
    carried.hs.dissociate("contacts", contact, "companies", companies[1])
    carried.settle()
    assert carried.sf.get("Contact", person)["AccountId"] is None
    carried.assert_settled()


def test_f08_an_account_alone_is_carried_to_hubspot(carried: Both) -> None:
    contact, person, companies, accounts = employed(carried)
    for place in (0, 1):
        carried.sf.edit("Contact", person, {"AccountId": accounts[place]})
        carried.settle()
        assert carried.hs.get("contacts", contact)["associatedcompanyid"] == companies[place]
        assert carried.hs.associated("contacts", contact, "companies") == [companies[place]]
        carried.assert_settled()
    carried.sf.edit("Contact", person, {"AccountId": None})
    carried.settle()
    assert carried.hs.associated("contacts", contact, "companies") == []
    carried.assert_settled()


def test_f08_of_two_moves_salesforce_counts_and_a_first_meeting_changes_nothing(carried: Both) -> None:
    contact, person, companies, accounts = employed(carried)
    both_at_once = carried.hs.associate("contacts", contact, "companies", companies[0])
    carried.sf.edit("Contact", person, {"AccountId": accounts[1]})
    assert both_at_once
    carried.settle()
    assert carried.hs.get("contacts", contact)["associatedcompanyid"] == companies[1]
    bob = carried.hs.create("contacts", {"email": "bob@example.com", "lastname": "Roe"})
    carried.hs.associate("contacts", bob, "companies", companies[0])
    his = carried.sf.create("Contact", {"LastName": "Roe", "Email": "bob@example.com", "AccountId": accounts[1]})
    carried.settle()
    assert carried.hs.get("contacts", bob)["associatedcompanyid"] == companies[0]
    assert carried.sf.get("Contact", his)["AccountId"] == accounts[1]
    carried.assert_settled()


def test_f08_only_read_companies_are_never_carried(both: Both) -> None:
    contact, person, companies, _ = employed(both)
    both.hs.associate("contacts", contact, "companies", companies[0])
    both.settle()
    assert both.sf.get("Contact", person)["AccountId"] is None
    assert both.written("salesforce") == []


def test_f08_a_refused_account_is_parked_by_itself(carried: Both) -> None:
    contact, person, companies, accounts = employed(carried)
    carried.sf.validation_rule("Contact", lambda row: bool(row.get("AccountId")), "Accounts are assigned by finance", field="AccountId")
    carried.hs.associate("contacts", contact, "companies", companies[0])
    carried.hs.edit("contacts", contact, {"jobtitle": "CFO"})
    carried.settle()
    assert carried.sf.get("Contact", person)["Title"] == "CFO"
    assert carried.sf.get("Contact", person)["AccountId"] is None
    (problem,) = carried.problems("FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert problem.field == "company record"
    assert accounts
    carried.assert_settled()


def test_contact_roles_and_deal_associations_follow_each_other(carried: Both) -> None:
    contact, person, companies, accounts = employed(carried)
    opportunity = carried.sf.create(
        "Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-06-01", "AccountId": accounts[0]}
    )
    carried.settle()
    (deal,) = [row["hs_object_id"] for row in carried.hs.all("deals")]
    assert carried.hs.associated("deals", deal, "companies") == [companies[0]]
    carried.assert_settled()
    carried.hs.associate("deals", deal, "contacts", contact)
    carried.settle()
    (role,) = carried.sf.all("OpportunityContactRole")
    assert (role["OpportunityId"], role["ContactId"]) == (opportunity, person)
    carried.assert_settled()
    carried.sf.delete("OpportunityContactRole", role["Id"])
    carried.settle(after=360)
    assert carried.hs.associated("deals", deal, "contacts") == []
    carried.assert_settled()
