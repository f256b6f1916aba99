"""Values and schema: one value that does not fit never holds up the others, is said once, and heals (F42-F47)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from crmsync_salesforce.sim.schema import pick
from scenarios.persons import assert_in_step, crowd, email
from scenarios.world import Both

STATE = "  state:       {type: text,"
REGION = "  region:      {type: picklist, hubspot: region, salesforce: {Lead: Region__c, Contact: Region__c}, conflict: latest}\n"
BIRTHDAY = (
    "  renewal_day: {type: date, hubspot: renewal_day, salesforce: {Lead: Renewal_Day__c, Contact: Renewal_Day__c}, conflict: latest}\n"
    "  seen_at:     {type: datetime, hubspot: seen_at, salesforce: {Lead: Seen_At__c, Contact: Seen_At__c}, conflict: latest}\n"
)


def mapped(lines: str, **more: Any) -> Both:
    """A world whose mapping has further fields."""
    return Both(edits={"mappings/person.yaml": {STATE: lines + STATE}}, kinds=(), **more)


def add_property(both: Both, name: str, kind: str, field: str, **more: Any) -> None:
    """A custom property, made through HubSpot's own address as an admin's tool would."""
    body = {"name": name, "label": name, "type": kind, "fieldType": field, "groupName": "contactinformation", **more}
    answer = requests.post(
        f"{both.hs.url}/crm/v3/properties/contacts",
        json=body,
        headers={"Authorization": f"Bearer {both.hs.options.access_token}"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text


def add_region(both: Both) -> None:
    values = [{"fullName": v, "label": v, "default": False} for v in ("North", "South")]
    for object in ("Lead", "Contact"):
        both.sf.add_field(
            object, "Region__c", type="Picklist", valueSet={"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}
        )
    options = [{"label": v, "value": v, "displayOrder": n, "hidden": False} for n, v in enumerate(("North", "South", "Mars"))]
    add_property(both, "region", "enumeration", "select", options=options)


def parked(both: Both) -> list[tuple[str, str, str | None]]:
    return sorted((p.cause, p.side, p.field) for p in both.problems())


def test_f42_option_that_the_other_side_lacks() -> None:
    with mapped(REGION) as both:
        # given four persons in step and a restricted picklist in Salesforce that lacks one of HubSpot's options
        add_region(both)
        pairs = crowd(both, 4)
        # when two get that option with another edit, and a third gets a known one
        for contact, _ in pairs[:2]:
            both.hs.edit("contacts", contact, {"region": "Mars", "jobtitle": "Pilot"})
        both.hs.edit("contacts", pairs[2][0], {"region": "North"})
        both.settle()
        # then only that field is parked, as one group; all other fields and persons go through
        assert [both.sf.get("Lead", lead).get("Region__c") for _, lead in pairs] == [None, None, "North", None]
        assert [both.sf.get("Lead", lead)["Title"] for _, lead in pairs] == ["Pilot", "Pilot", "Engineer", "Engineer"]
        groups = [(g[0], g[1], g[3], g[4]) for g in both.store.problems.groups()]
        assert groups == [("not_an_option", "salesforce", "region", 2)]
        assert both.writes() == {"hubspot": 0, "salesforce": 3}
        # and nothing is tried again by itself
        both.assert_settled()
        # and one heals by an edit, the other when the admin adds the option
        both.time.advance(5)
        both.hs.edit("contacts", pairs[0][0], {"region": "South"})
        both.settle()
        assert both.sf.get("Lead", pairs[0][1])["Region__c"] == "South"
        for object in ("Lead", "Contact"):
            add_option(both, object, "Mars")
        both.settle(after=400)
        assert both.sf.get("Lead", pairs[1][1])["Region__c"] == "Mars"
        assert both.problems() == []
        assert_in_step(both)


def add_option(both: Both, object: str, option: str) -> None:
    """What an admin does in the setup of a picklist."""
    with both.sf.org.lock:
        field = both.sf.org.kind(object).fields["region__c"]
        both.sf.org.kind(object).add(replace(field, picklist=(*field.picklist, pick(option))))
        both.sf.org.touch_access()


def test_f43_one_bad_row_in_a_batch(both: Both) -> None:
    # given thirty persons in step, and a rule of the org that no schema tells
    pairs = crowd(both, 30)
    both.sf.validation_rule("Lead", lambda row: row.get("City") == "Nowhere", "There is no such city")
    # when all are edited at once and one of them breaks the rule
    for n, (contact, _) in enumerate(pairs):
        both.hs.edit("contacts", contact, {"city": "Nowhere" if n == 17 else "Lyon"})
    both.settle()
    # then twenty-nine are written and the one is parked, with the CRM's own words
    assert [both.sf.get("Lead", lead).get("City") for _, lead in pairs].count("Lyon") == 29
    assert both.writes() == {"hubspot": 0, "salesforce": 29}
    (problem,) = both.problems()
    assert (problem.cause, problem.record_id) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", pairs[17][1])
    assert "There is no such city" in problem.message
    both.assert_settled()
    # and it heals when the data changes
    both.hs.edit("contacts", pairs[17][0], {"city": "Nice"})
    both.settle()
    assert both.sf.get("Lead", pairs[17][1])["City"] == "Nice"
    assert both.problems() == []
    assert_in_step(both)


def test_f43_one_bad_row_for_hubspot(both: Both) -> None:
    # given twenty persons in step
    pairs = crowd(both, 20)
    # when all change in Salesforce, and one gets an e-mail that HubSpot knows of somebody else
    both.time.advance(5)
    for n, (_, lead) in enumerate(pairs):
        both.sf.edit("Lead", lead, {"Title": "Baker", **({"Email": email(3)} if n == 7 else {})})
    both.settle()
    # then the others are written, and of the bad row all but that field
    assert {both.hs.get("contacts", contact)["jobtitle"] for contact, _ in pairs} == {"Baker"}
    assert both.hs.get("contacts", pairs[7][0])["email"] == email(7)
    assert [(p.cause, p.field, p.record_id) for p in both.problems() if p.cause != "duplicate"] == [("CONFLICT", "email", pairs[7][0])]
    assert both.writes() == {"hubspot": 20, "salesforce": 0}
    assert both.counts() == {"contacts": 20, "Lead": 20, "Contact": 0}
    both.assert_settled()
    # and it heals when the e-mail is corrected
    both.sf.edit("Lead", pairs[7][1], {"Email": email(7)})
    both.settle()
    assert both.problems() == []
    assert_in_step(both)


def test_f44_accepted_but_unchanged_is_raised(both: Both) -> None:
    # given two persons in step, and automation in Salesforce that puts a title back
    pairs = crowd(both, 2)
    both.sf.automation("Lead", lambda row: {"Title": "Engineer"} if row.get("Email") == email(0) else {})
    # when HubSpot changes both titles
    for contact, _ in pairs:
        both.hs.edit("contacts", contact, {"jobtitle": "Baker"})
    both.settle()
    both.settle()
    # then the one that did not stick is said, once; neither side is overwritten again and again; the other person is written
    assert [(p.cause, p.side, p.field, p.record_id) for p in both.problems()] == [("silent_no_op", "salesforce", "title", pairs[0][1])]
    assert both.sf.get("Lead", pairs[0][1])["Title"] == "Engineer"
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Baker"
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Baker"
    assert both.writes() == {"hubspot": 0, "salesforce": 2}
    both.assert_settled()
    # and when the automation is gone, the next edit arrives and the problem with it goes
    both.sf.org.automations.clear()
    both.time.advance(5)
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "Master baker"})
    both.settle()
    both.settle()
    assert both.sf.get("Lead", pairs[0][1])["Title"] == "Master baker"
    assert both.problems() == []
    assert_in_step(both)


def test_f45_field_removed_and_made_again() -> None:
    with mapped(REGION) as both:
        # given two persons in step with a mapped custom field
        add_region(both)
        pairs = crowd(both, 2)
        both.hs.edit("contacts", pairs[1][0], {"region": "South"})
        both.settle()
        # when an admin deletes the field in Salesforce, and a value for it comes with another edit
        for object in ("Lead", "Contact"):
            both.sf.remove_field(object, "Region__c")
        both.hs.edit("contacts", pairs[0][0], {"region": "North", "jobtitle": "Pilot"})
        both.settle()
        both.settle()
        # then the very next cycle meets it: the field is named, the other field goes through
        assert both.sf.get("Lead", pairs[0][1])["Title"] == "Pilot"
        assert {(p.cause, p.side, p.object, p.field) for p in both.problems("unknown_field")} >= {
            ("unknown_field", "salesforce", "Lead", "Region__c"),
            ("unknown_field", "salesforce", "Contact", "Region__c"),
        }
        both.settle(after=400)
        both.assert_settled()
        # and when the field is there again, the value arrives and nothing waits any more
        for object in ("Lead", "Contact"):
            both.sf.add_field(object, "Region__c", type="Text", length=80)
        both.settle(after=400)
        assert both.sf.get("Lead", pairs[0][1])["Region__c"] == "North"
        assert both.problems() == []
        # and nothing that it leaves empty at first was emptied by anybody
        assert both.hs.get("contacts", pairs[1][0])["region"] == both.sf.get("Lead", pairs[1][1])["Region__c"] == "South"
        assert_in_step(both)


def test_f45_lost_permission_to_write_a_field(both: Both) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    # when the integration user may no longer see the title, and HubSpot edits title and phone of one
    both.sf.hide_field("Lead", "Title")
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "Pilot", "phone": "+14085551111"})
    both.settle()
    both.settle()
    # then it is noticed within that cycle, named, and the phone goes through; the second person is unharmed
    assert ("unknown_field", "salesforce", "Title") in {(p.cause, p.side, p.field) for p in both.problems()}
    assert both.sf.get("Lead", pairs[0][1])["Phone"] == "+14085551111"
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Pilot"
    both.settle(after=400)
    both.assert_settled()
    # and when it is given back, the value arrives
    both.sf.show_field("Lead", "Title")
    both.settle(after=400)
    assert both.sf.get("Lead", pairs[0][1])["Title"] == "Pilot"
    assert both.problems() == []
    assert_in_step(both)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Tongatapu"])
def test_f46_a_date_is_the_same_day_on_both_sides(zone: str) -> None:
    with mapped(BIRTHDAY, hubspot={"time_zone": zone}) as both:
        # given a date and a datetime field on both sides, and a portal far from UTC
        for object in ("Lead", "Contact"):
            both.sf.add_field(object, "Renewal_Day__c", type="Date")
            both.sf.add_field(object, "Seen_At__c", type="DateTime")
        add_property(both, "renewal_day", "date", "date")
        add_property(both, "seen_at", "datetime", "date")
        pairs = crowd(both, 3)
        # when days and moments are set on either side: the day of the clock change, and late in the evening
        both.hs.edit("contacts", pairs[0][0], {"renewal_day": "2026-03-08", "seen_at": "2026-03-08T23:30:00.250Z"})
        both.sf.edit("Lead", pairs[1][1], {"Renewal_Day__c": "2026-03-08", "Seen_At__c": "2026-03-08T23:30:00.000+0000"})
        both.hs.edit("contacts", pairs[2][0], {"renewal_day": str(int(datetime(2026, 10, 25, tzinfo=UTC).timestamp() * 1000))})
        both.settle()
        # then both sides show the same calendar day, midnight UTC in HubSpot, and the same moment
        assert both.sf.get("Lead", pairs[0][1])["Renewal_Day__c"] == "2026-03-08"
        assert str(both.hs.get("contacts", pairs[1][0])["renewal_day"]).startswith("2026-03-08")
        assert both.sf.get("Lead", pairs[2][1])["Renewal_Day__c"] == "2026-10-25"
        assert moment(both.sf.get("Lead", pairs[0][1])["Seen_At__c"]) == datetime(2026, 3, 8, 23, 30, tzinfo=UTC)
        assert moment(both.hs.get("contacts", pairs[1][0])["seen_at"]) == datetime(2026, 3, 8, 23, 30, tzinfo=UTC)
        # and the echo of either form moves nothing back
        assert both.writes() == {"hubspot": 1, "salesforce": 2}
        assert both.problems() == []
        assert_in_step(both)


def moment(text: Any) -> datetime:
    """What either CRM shows of a datetime, to the second."""
    found = str(text)
    if found.isdigit():
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(found) // 1000)
    return datetime.fromisoformat(found).astimezone(UTC).replace(microsecond=0)


def test_f47_what_cannot_be_stored_is_tried_once_and_heals_by_data(both: Both) -> None:
    # given four persons in step, and a validation rule that names its field
    pairs = crowd(both, 4)
    both.sf.validation_rule("Lead", lambda row: row.get("Title") == "Wizard", "No wizards", field="Title")
    # when a text is too long, a rule is broken, a new person has no last name, and somebody is edited well
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "x" * 129, "phone": "+14085551111"})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Wizard", "phone": "+14085552222"})
    both.hs.create("contacts", {"email": "nameless@example.com"})
    both.hs.edit("contacts", pairs[3][0], {"jobtitle": "Baker"})
    both.settle()
    # then the bad fields alone are parked; the rest of their records and of the batch is written; the placeholder stands for the name
    assert parked(both) == [("FIELD_CUSTOM_VALIDATION_EXCEPTION", "salesforce", "title"), ("too_long", "salesforce", "title")]
    assert [both.sf.get("Lead", lead)["Title"] for _, lead in pairs] == ["Engineer", "Engineer", "Engineer", "Baker"]
    assert [both.sf.get("Lead", lead)["Phone"] for _, lead in pairs[:2]] == ["+14085551111", "+14085552222"]
    assert both.lead("nameless@example.com")["LastName"] == "[not provided]"
    assert both.contact("nameless@example.com").get("lastname") is None
    # and no cycle tries again while the data stays, however long
    both.mark()
    for _ in range(4):
        both.settle(after=100)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert [row.attempts for row in both.store.problems.rows()] == [1, 1]
    # and each heals by its data
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "Short"})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Magician"})
    both.hs.edit("contacts", str(both.contact("nameless@example.com")["id"]), {"lastname": "Known", "company": "Found Ltd"})
    both.settle()
    assert both.problems() == []
    assert both.lead("nameless@example.com")["LastName"] == "Known"
    both.hs.edit("contacts", str(both.contact("nameless@example.com")["id"]), {"jobtitle": "Smith"})
    both.settle()
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Magician"
    both.assert_settled()


def test_f47_a_text_too_long_is_cut_when_the_admin_says_so() -> None:
    line = "  title:       {type: text, hubspot: jobtitle, salesforce: Title, conflict: latest"
    with Both(edits={"mappings/person.yaml": {line: line + ", on_too_long: cut"}}, kinds=()) as both:
        # given a person in step and a field that may be cut
        ((contact, lead),) = crowd(both, 1)
        # when HubSpot gets a longer text than Salesforce takes
        both.hs.edit("contacts", contact, {"jobtitle": "y" * 200})
        both.settle()
        # then Salesforce has the beginning, HubSpot keeps the whole, and neither moves again
        assert both.sf.get("Lead", lead)["Title"] == "y" * 128
        assert both.hs.get("contacts", contact)["jobtitle"] == "y" * 200
        assert both.writes() == {"hubspot": 0, "salesforce": 1}
        assert both.problems() == []
        both.assert_settled()
