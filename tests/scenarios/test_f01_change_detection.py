"""Change detection: no change is missed, none is applied twice (F01, F02, F04, F06, F07)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from crmsync.connect.protocol import Page
from crmsync.playbook.check import check
from scenarios.world import POLL, START, Both

MINUTE = 60.0
LAG_PROMISED = 300.0
"""HubSpot's search shows a change within five minutes."""
PAGE = 20
"""Rows of one page in these tests: 50 records are three pages."""
NOTICED_WITHIN = 180.0
"""How long after it shows: the overlap is read again every two and a half minutes."""


def somebody(number: int, **more: Any) -> dict[str, Any]:
    return {"email": f"p{number}@example.com", "first_name": "Pat", "last_name": f"No{number}", "company": "Acme", **more}


# --- F01 ------------------------------------------------------------------------------------------------------------------------


def test_f01_search_index_lag() -> None:
    lags = {1: 1.0, 2: 150.0, 3: LAG_PROMISED}
    with Both(people=[somebody(n, kind="lead") for n in (*lags, 4)], kinds=()) as both:
        # given pairs at rest, and changes that search shows only `lag` seconds later
        both.settle()
        both.assert_settled()
        ids = {n: both.contact(f"p{n}@example.com")["id"] for n in (*lags, 4)}
        leads = {n: both.lead(f"p{n}@example.com")["Id"] for n in (*lags, 4)}
        for n, lag in lags.items():
            both.hs.options.change("search_lag", lag)
            both.hs.edit("contacts", ids[n], {"phone": f"+1408555010{n}"})
        both.mark()
        # when we poll each minute, and later changes of another contact show at once
        both.hs.options.change("search_lag", 0.0)
        noticed: dict[int, float] = {}
        for minute in range(1, 10):
            both.time.advance(MINUTE - 1)
            both.hs.edit("contacts", ids[4], {"city": f"Town {minute}"})
            both.settle(1)
            shown = {n for n in lags if both.sf.get("Lead", leads[n])["Phone"] is not None}
            noticed |= dict.fromkeys(shown - noticed.keys(), minute * MINUTE)
            assert shown == noticed.keys(), "it went away again"
        # then each was applied exactly once, soon after it showed, however far the others had moved the mark
        for n, lag in lags.items():
            assert lag <= noticed[n] <= lag + NOTICED_WITHIN + MINUTE, (n, noticed)
            assert both.sf.get("Lead", leads[n])["Phone"] == f"+1408555010{n}"
            assert [w.changes.keys() & {"Phone", "City"} for w in both.written("salesforce") if w.id == leads[n]] == [{"Phone"}], n
        assert len(both.written("salesforce")) == len(lags) + 9
        assert both.written("hubspot") == []
        assert both.lead("p4@example.com")["City"] == "Town 9"
        both.assert_settled()


def test_f01_our_own_writes_lag_too() -> None:
    with Both(people=[somebody(1, kind="lead")], hubspot={"search_lag": 240.0}, kinds=()) as both:
        # given a pair at rest in a portal whose search always lags four minutes
        for _ in range(8):
            both.settle(MINUTE)
        lead, contact = both.lead("p1@example.com")["Id"], both.contact("p1@example.com")["id"]
        # and a contact whose last edit came in just now, so that the overlap still holds it
        both.hs.edit("contacts", contact, {"city": "San Jose"})
        for _ in range(5):
            both.settle(MINUTE)
        assert both.sf.get("Lead", lead)["City"] == "San Jose"
        both.mark()
        # when Salesforce changes the title, we write it, and search still shows the old one for four minutes
        both.sf.edit("Lead", lead, {"Title": "Data Engineer"})
        for _ in range(8):
            both.settle(MINUTE)
            # then the old showing is never taken for a new edit
            assert both.sf.get("Lead", lead)["Title"] == "Data Engineer"
            assert both.hs.get("contacts", contact)["jobtitle"] == "Data Engineer"
        assert both.writes() == {"hubspot": 1, "salesforce": 0}
        both.assert_settled()


@pytest.mark.parametrize("pause", [75.0, 900.0, 86_400.0])
def test_f01_a_change_right_after_a_rare_poll(pause: float) -> None:
    with Both(people=[somebody(1, kind="lead"), somebody(2, kind="lead")], kinds=()) as both:
        # given two pairs that were brought in step at this very moment
        both.settle()
        leads = [both.lead(f"p{n}@example.com")["Id"] for n in (1, 2)]
        contacts = [both.contact(f"p{n}@example.com")["id"] for n in (1, 2)]
        both.mark()
        both.time.advance(0.2)
        # when a person edits one in each CRM before the second is over, and we look again only after `pause`
        both.sf.edit("Lead", leads[0], {"Phone": "+14085550100"})
        both.hs.edit("contacts", contacts[1], {"phone": "+14085550101"})
        both.settle(pause)
        # then each arrives, once
        for n, phone in enumerate(("+14085550100", "+14085550101")):
            assert both.sf.get("Lead", leads[n])["Phone"] == both.hs.get("contacts", contacts[n])["phone"] == phone
        assert [w.id for w in both.written("hubspot")] == [contacts[0]]
        assert [w.id for w in both.written("salesforce")] == [leads[1]]
        both.assert_settled()


@pytest.mark.usefixtures("small_searches")
def test_f01_a_burst_of_our_own_writes_is_read_again_for_a_while_only() -> None:
    with Both(people=[], salesforce={"page_size": PAGE}, kinds=()) as both:
        # given 50 persons just created in Salesforce, each of them written back to in HubSpot: three pages there, three here
        both.hs.create_many("contacts", [{"email": f"p{n}@example.com", "lastname": f"No{n}", "company": "Acme"} for n in range(50)])
        both.settle()
        both.settle()
        # when an edit in the middle of them shows five minutes late, and the overlap has passed
        both.hs.options.change("search_lag", LAG_PROMISED)
        both.hs.edit("contacts", both.contact("p20@example.com")["id"], {"phone": "+14085550100"})
        both.hs.options.change("search_lag", 0.0)
        for _ in range(12):
            both.settle(MINUTE)
        # then nothing was missed
        assert both.lead("p20@example.com")["Phone"] == "+14085550100"
        # and looking costs one call per object from then on, in this process and in a new one, which asks for the rest apart
        for restarted in (False, True):
            if restarted:
                both.restart()
            both.time.advance(20 * MINUTE)
            both.mark()
            (report,) = both.settle(0)
            looked = {side: calls - report.refresh_calls[side] for side, calls in both.calls().items()}
            assert max(looked.values()) <= 2, (looked, both.calls())
            assert max(report.refresh_calls.values()) <= 7, "who we are, users, queues, hours, three schemas"
            assert {side: pulled.read for side, pulled in report.pulled.items()} == {"hubspot": 0, "salesforce": 0}
        both.assert_settled()


# --- F02 ------------------------------------------------------------------------------------------------------------------------


def while_reading(both: Both, side: str, object: str, *, after_page: int, then: Callable[[], None]) -> list[int]:
    """Lets `then` happen once, between two pages of the side's next pull; tells how many pages each pull had."""
    connector: Any = both.connectors[side]
    plain = connector.pull
    pages: list[int] = []

    def pull(asked: str, *args: Any, **more: Any) -> Iterator[Page]:
        for number, page in enumerate(plain(asked, *args, **more), start=1):
            yield page
            if asked == object and number == after_page and not pages:
                then()
        pages.append(number) if asked == object else None

    connector.pull = pull
    return pages


@pytest.fixture
def small_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmsync_hubspot.search.PAGE", PAGE)


@pytest.mark.usefixtures("small_searches")
@pytest.mark.parametrize("side", ["salesforce", "hubspot"])
def test_f02_change_during_the_run(side: str) -> None:
    with Both(people=[somebody(n, kind="lead") for n in range(50)], salesforce={"page_size": PAGE}, kinds=()) as both:
        # given 50 pairs at rest, a mass update on one side, and a pull of three pages, of which the first was read
        both.settle()
        both.time.advance(MINUTE)
        for row in both.sf.all("Lead") if side == "salesforce" else both.hs.all("contacts"):
            if side == "salesforce":
                both.sf.edit("Lead", row["Id"], {"City": "San Jose"})
            else:
                both.hs.edit("contacts", row["id"], {"city": "San Jose"})
            both.time.advance(1)
        both.mark()
        lead, contact = both.lead("p7@example.com")["Id"], both.contact("p7@example.com")["id"]

        def change() -> None:
            both.time.advance(2)
            if side == "salesforce":
                both.sf.edit("Lead", lead, {"Phone": "+14085550100"})
            else:
                both.hs.edit("contacts", contact, {"phone": "+14085550100"})

        pages = while_reading(both, side, {"salesforce": "Lead", "hubspot": "contacts"}[side], after_page=2, then=change)
        # when one of its records changes while the third is read
        both.settle()
        both.settle()
        # then this run or the next has it on both sides, and nobody was skipped when the rows moved up
        assert pages[0] >= 3
        assert {row["City"] for row in both.sf.all("Lead")} == {row["city"] for row in both.hs.all("contacts")} == {"San Jose"}
        assert both.sf.get("Lead", lead)["Phone"] == both.hs.get("contacts", contact)["phone"] == "+14085550100"
        other = {"salesforce": "hubspot", "hubspot": "salesforce"}[side]
        assert len([w for w in both.written(other) if {"Phone", "phone"} & set(w.changes)]) == 1
        assert both.counts() == {"contacts": 50, "Lead": 50, "Contact": 0}
        both.assert_settled()


# --- F04 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["none", "locator lost", "connection lost", "restart"])
def test_f04_equal_stamps_at_a_page_edge_of_salesforce(trouble: str) -> None:
    with Both(salesforce={"page_size": PAGE}, kinds=()) as both:
        # given 50 leads of one second in pages of 20, so that both page ends lie inside the group
        rows = [{"LastName": f"No{n}", "Company": "Acme", "Email": f"p{n}@example.com"} for n in range(50)]
        ids = both.sf.create_many("Lead", rows)
        assert len({row["SystemModstamp"] for row in both.sf.all("Lead")}) == 1
        # when they are read, and on the way the server loses its place, the line drops, or we are restarted
        second = {"method": "GET", "path": "/query/.*-20$", "times": 1}
        if trouble == "locator lost":
            body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
            both.sf.faults.add({**second, "do": "status", "status": 400, "body": body})
        elif trouble != "none":
            both.sf.faults.add({**second, "times": 10, "do": "drop_before"})
            both.cycle(POLL)
            assert len(both.hs.all("contacts")) == PAGE, "only the first page was read"
            both.sf.faults.clear()
            if trouble == "restart":
                both.restart()
        reports = both.settle()
        # then this very pull went on at the edge; later ones, which read an overlap again, were not needed to find the rest
        assert reports[0].pulled["salesforce"].read >= 50 - (PAGE if trouble in ("connection lost", "restart") else 0)
        # and none was skipped and none doubled
        assert both.counts() == {"contacts": 50, "Lead": 50, "Contact": 0}
        assert {row["email"] for row in both.hs.all("contacts")} == {row["Email"] for row in rows}
        assert len(both.written("hubspot", "contacts")) == 50
        assert {w.id for w in both.written("salesforce", "Lead")} <= set(ids)
        both.assert_settled()


@pytest.mark.usefixtures("small_searches")
@pytest.mark.parametrize("broken", [False, True])
def test_f04_equal_stamps_at_a_page_edge_of_hubspot(broken: bool) -> None:
    with Both(kinds=()) as both:
        # given 50 contacts of one millisecond, in pages of 20
        rows = [{"email": f"p{n}@example.com", "lastname": f"No{n}", "company": "Acme"} for n in range(50)]
        both.hs.create_many("contacts", rows)
        assert len({row["lastmodifieddate"] for row in both.hs.all("contacts")}) == 1
        # when they are read, and on the way the line drops for good
        if broken:
            both.hs.faults.add({"method": "POST", "path": "contacts/search", "after": 1, "times": 10, "do": "drop_before"})
            both.cycle(POLL)
            assert len(both.sf.all("Lead")) == PAGE, "only the first page was read"
            both.hs.faults.clear()
            both.restart()
        both.settle()
        # then none was skipped and none doubled
        assert both.counts() == {"contacts": 50, "Lead": 50, "Contact": 0}
        assert {row["Email"] for row in both.sf.all("Lead")} == {row["email"] for row in rows}
        assert len(both.written("salesforce", "Lead")) == 50
        both.assert_settled()


@pytest.mark.usefixtures("small_searches")
def test_f04_a_mass_update_broken_off_at_a_page_edge_of_hubspot() -> None:
    with Both(people=[somebody(n, kind="lead") for n in range(50)], kinds=()) as both:
        # given 50 pairs at rest, and all contacts changed in one millisecond, longer ago than the overlap that every poll reads again
        both.settle()
        both.time.advance(10)
        for row in both.hs.all("contacts"):
            both.hs.edit("contacts", row["id"], {"city": "San Jose"})
        both.mark()
        both.time.advance(40)
        # when the line drops after the first page, and the next poll goes on, before everything is looked through once more
        both.hs.faults.add({"method": "POST", "path": "contacts/search", "after": 1, "times": 10, "do": "drop_before"})
        both.cycle()
        assert [row["City"] for row in both.sf.all("Lead")].count("San Jose") == PAGE, "only the first page was read"
        both.hs.faults.clear()
        both.settle()
        # then nobody whose change shares its stamp with the last one read was skipped
        assert [row["City"] for row in both.sf.all("Lead")].count("San Jose") == 50
        assert len(both.written("salesforce", "Lead")) == 50
        both.settle(MINUTE)
        both.assert_settled()


# --- F06 ------------------------------------------------------------------------------------------------------------------------


def test_f06_last_modified_date_can_be_set() -> None:
    with Both(people=[somebody(1, kind="lead")], kinds=()) as both:
        # given a pair at rest
        both.settle()
        both.assert_settled()
        lead, contact = both.lead("p1@example.com")["Id"], both.contact("p1@example.com")["id"]
        # when the lead is edited, and a data loader sets its LastModifiedDate two years back
        both.time.advance(MINUTE)
        both.sf.edit("Lead", lead, {"Phone": "+14085550100"})
        both.sf.backdate("Lead", lead, last_modified=START - timedelta(days=730))
        both.mark()
        both.settle()
        # then the edit arrives: the cursor and the freshness of a record go by SystemModstamp
        assert both.hs.get("contacts", contact)["phone"] == "+14085550100"
        assert both.sf.get("Lead", lead)["Phone"] == "+14085550100"
        assert both.writes() == {"hubspot": 1, "salesforce": 0}
        both.assert_settled()


def test_f06_a_back_dated_new_lead_is_found() -> None:
    with Both(salesforce={"audit_fields": True}, kinds=()) as both:
        # given an org at rest
        both.sf.create("Lead", {"LastName": "First", "Company": "Acme", "Email": "first@example.com"})
        both.settle()
        both.assert_settled()
        # when a migration creates a lead with old audit dates
        both.time.advance(MINUTE)
        lead = both.sf.create("Lead", {"LastName": "Old", "Company": "Acme", "Email": "old@example.com"})
        both.sf.backdate("Lead", lead, created=START - timedelta(days=900), last_modified=START - timedelta(days=800))
        both.settle()
        # then HubSpot has it too
        assert both.contact("old@example.com")["lastname"] == "Old"
        assert both.counts() == {"contacts": 2, "Lead": 2, "Contact": 0}
        both.assert_settled()


# --- F07 ------------------------------------------------------------------------------------------------------------------------


def test_f07_a_mapped_formula_is_told_by_the_live_check() -> None:
    line = "  mobile:      {type: phone, hubspot: mobilephone, salesforce: MobilePhone, conflict: latest}\n"
    mapped = "  region:      {type: text, hubspot: state, salesforce: {Lead: Region__c}, conflict: salesforce, direction: to_hubspot}\n"
    taken = "  state:       {type: text, hubspot: state, salesforce: {Lead: State, Contact: MailingState}, conflict: latest}\n"
    with Both(edits={"mappings/person.yaml": {line: line + mapped, taken: ""}}, kinds=()) as both:
        # given a mapping that names a formula field
        both.sf.add_field("Lead", "Region__c", formula=lambda row: f"Region of {row.get('Country') or 'nowhere'}")
        objects = {side: connector.schema(both.world.objects(side)) for side, connector in both.connectors.items()}
        # when the mapping is checked against the live schemas
        found = check(both.playbook, objects, {side: c.own_field for side, c in both.connectors.items()})
        # then it says that a change of it alone goes unnoticed
        told = [finding for finding in found if "Region__c" in finding.message and "computed" in finding.message]
        assert [finding.level for finding in told] == ["warning"]
        assert "region" in told[0].message
        # and the formula's value goes over with the record, and is never written
        both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "ann@example.com", "Country": "Chile"})
        both.settle()
        assert both.contact("ann@example.com")["state"] == "Region of Chile"
        assert both.problems("read_only") == []
        both.hs.edit("contacts", both.contact("ann@example.com")["id"], {"state": "elsewhere"})
        both.settle()
        assert both.lead("ann@example.com")["Region__c"] == "Region of Chile"
        assert both.contact("ann@example.com")["state"] == "Region of Chile", "Salesforce has authority"
        both.assert_settled()
