"""One edit, one write: every field of a person that the shipped mapping carries, from either side, for leads and for contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from crmsync.model.rules import FieldMap
from scenarios.persons import crowd
from scenarios.world import SIDES, Both, other_side, shipped_playbook

SAM = "sam@corp.example"
WRITTEN: Mapping[str, str] = {
    "first_name": "Zoé", "last_name": "O'Brien", "phone": "+14155552671", "mobile": "+14155552672", "title": "Head of Things",
    "company": "Other Works", "website": "https://other.example", "street": "1 High Street", "city": "Oslo", "state": "Ohio",
    "postal_code": "90210", "country": "Norway", "industry": "Banking",
}  # fmt: skip
"""House field -> what is entered on one side and then stands on both."""
ELSEWHERE = {
    "lead_source": "test_f30_a_field_carried_at_creation",
    "email_opt_out": "test_consent",
    "employees": "read",
    "company_size": "read",
    "emails_delivered": "read",
    "emails_opened": "read",
    "emails_clicked": "read",
}
"""Fields that no edit carries as it stands -> what proves them."""
BACK = ("company", "hubspot", "Lead")
"""Salesforce has the last word about a lead's company: an edit in HubSpot is put back, by one write, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One field, entered on `side`, of a person who is this object in Salesforce."""

    field: FieldMap
    side: str
    object: str

    def __str__(self) -> str:
        return f"{self.field.name}-{self.side}-{self.object}"

    def native(self, side: str) -> str:
        return self.field.places[side, "contacts" if side == "hubspot" else self.object].field


def cases() -> list[Case]:
    found = []
    for field in shipped_playbook().person.fields.values():
        for object in ("Lead", "Contact"):
            there = field.places.get(("salesforce", object))
            if field.name in ELSEWHERE or there is None or "." in there.field:
                continue  # of a company's fields the person's record shows, nothing is written
            found += [Case(field=field, side=side, object=object) for side in SIDES]
    return found


@pytest.fixture(scope="module")
def people() -> Iterator[tuple[Both, dict[tuple[str, str], dict[str, str]]]]:
    """(object in Salesforce, side of the edits) -> one person's record per side."""
    with Both(kinds=()) as both:
        pairs = crowd(both, len(SIDES))
        contacts = {side: f"contact-{side}@example.com" for side in SIDES}
        rita = both.owner("salesforce", "rita@corp.example")
        for mail in contacts.values():
            both.sf.create("Contact", {"LastName": "Known", "FirstName": "Kim", "Email": mail, "OwnerId": rita})
        both.settle()
        both.settle()
        ids = {("Lead", side): {"hubspot": pair[0], "salesforce": pair[1]} for side, pair in zip(SIDES, pairs, strict=True)}
        for side, mail in contacts.items():
            ids["Contact", side] = {"hubspot": str(both.contact(mail)["id"]), "salesforce": str(both.sf_contact(mail)["Id"])}
        both.assert_settled()
        yield both, ids


def entered(case: Case, both: Both, side: str) -> str:
    """What stands on `side` after the edit."""
    if case.field.name == "owner":
        return both.owner(side, SAM)
    if case.field.name == "email":
        return f"new-{case.side}-{case.object}@example.com".lower()
    return WRITTEN[case.field.name]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_one_edit_is_one_write_on_the_other_side(case: Case, people: tuple[Both, dict[tuple[str, str], dict[str, str]]]) -> None:
    both, ids = people[0], people[1][case.object, case.side]
    other, object = other_side(case.side), {"hubspot": "contacts", "salesforce": case.object}
    crm: dict[str, Any] = {"hubspot": both.hs, "salesforce": both.sf}
    before = crm[case.side].get(object[case.side], ids[case.side]).get(case.native(case.side))
    assert before != entered(case, both, case.side), "an edit that changes nothing"
    both.mark()
    crm[case.side].edit(object[case.side], ids[case.side], {case.native(case.side): entered(case, both, case.side)})
    both.settle()
    back = (case.field.name, case.side, case.object) == BACK
    for side in SIDES:
        shown = crm[side].get(object[side], ids[side]).get(case.native(side))
        assert shown == (before if back else entered(case, both, side)), side
        made = [w.id for w in both.written(side) if case.native(side) in w.changes]
        assert made == ([ids[side]] if (side == other) is not back else []), f"{side}: {both.written(side)}"
    assert both.problems() == []
    both.assert_settled()


def test_every_field_of_the_shipped_mapping_is_here() -> None:
    named = {case.field.name for case in cases()}
    assert named | set(ELSEWHERE) == set(shipped_playbook().person.fields)
    assert named == {*WRITTEN, "email", "owner"}
    assert {(case.side, case.object) for case in cases()} == {(side, object) for side in SIDES for object in ("Lead", "Contact")}
