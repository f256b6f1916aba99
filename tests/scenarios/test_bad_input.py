"""Bad input: credentials, permissions, values of the wrong kind, another account, emptied CRMs. A clear answer, and nothing is lost."""

from __future__ import annotations

import pytest

from crmsync.errors import CredentialsError, HaltError
from crmsync.service.resume import resume
from crmsync_hubspot.sim import Simulator as HubSpot
from scenarios.persons import assert_in_step, crowd
from scenarios.test_f42_values import STATE, add_property
from scenarios.world import Both

SIZE = "  seats:       {type: number, hubspot: seats, salesforce: {Lead: Seats__c, Contact: Seats__c}, conflict: latest}\n"


def with_setting(both: Both, name: str, value: str) -> str:
    """Restarts with one setting changed; returns what it was."""
    before: str = both.environ[name]
    both.environ[name] = value
    both.restart()
    return before


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("CRMSYNC_HUBSPOT__ACCESS_TOKEN", "CRMSYNC_HUBSPOT__ACCESS_TOKEN"),
        ("CRMSYNC_SALESFORCE__CLIENT_SECRET", "CRMSYNC_SALESFORCE__CLIENT_ID"),
        ("CRMSYNC_SALESFORCE__CLIENT_ID", "CRMSYNC_SALESFORCE__CLIENT_ID"),
    ],
)
def test_wrong_token_at_the_first_sync(both: Both, setting: str, told: str) -> None:
    # given somebody to sync and a wrong secret
    both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Example Works"})
    both.mark()
    right = with_setting(both, setting, "wrong-secret-value-0123456789")
    # when it syncs
    with pytest.raises(CredentialsError) as refused:
        both.settle()
    # then it says which setting to look at, keeps the secret to itself, ends as a matter of configuration, and nothing was written
    assert told in str(refused.value)
    assert "wrong-secret" not in str(refused.value)
    assert refused.value.exit_code == 2
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # and with the right one it all arrives
    with_setting(both, setting, right)
    both.settle()
    assert both.lead("ann@example.com")["LastName"] == "Lee"
    assert both.problems() == []
    both.settle()
    both.assert_settled()


def test_wrong_token_later_pauses_one_side_only(both: Both) -> None:
    # given two persons in step, edited on both sides
    pairs = crowd(both, 2)
    for contact, lead in pairs:
        both.hs.edit("contacts", contact, {"jobtitle": "Baker"})
        both.sf.edit("Lead", lead, {"City": "Lyon"})
    # when it comes back with a wrong HubSpot token and runs for a while
    right = with_setting(both, "CRMSYNC_HUBSPOT__ACCESS_TOKEN", "pat-wrong-token-0123456789")
    reports = [both.cycle(after=200) for _ in range(4)]
    # then that side says so each time, also when schemas are due to be read, and nothing is written there
    assert all(isinstance(r.errors.get("hubspot"), CredentialsError) for r in reports)
    assert all("salesforce" not in r.errors for r in reports)
    assert both.writes()["hubspot"] == 0
    # and with the right one both sides agree
    with_setting(both, "CRMSYNC_HUBSPOT__ACCESS_TOKEN", right)
    both.settle()
    assert both.writes() == {"hubspot": 2, "salesforce": 2}
    assert both.problems() == []
    assert_in_step(both)


def test_missing_scope_is_named(both: Both) -> None:
    # given two persons in step, and Salesforce edits one
    pairs = crowd(both, 2)
    both.sf.edit("Lead", pairs[0][1], {"Title": "Baker"})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Smith"})
    # when HubSpot's token may read but no longer write contacts
    granted = both.hs.options.scopes
    both.hs.options.scopes = ("crm.objects.contacts.read", "crm.schemas.contacts.read", "crm.objects.owners.read", "oauth")
    report = both.cycle(after=15)
    # then the missing scope is named and the other direction goes on
    assert isinstance(report.errors["hubspot"], CredentialsError)
    assert "crm.objects.contacts.write" in str(report.errors["hubspot"])
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Smith"
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    # and once it is granted, the value arrives
    both.hs.options.scopes = granted
    both.settle()
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Baker"
    assert both.problems() == []
    assert_in_step(both)


def test_text_for_a_number_is_parked_alone() -> None:
    with Both(edits={"mappings/person.yaml": {STATE: SIZE + STATE}}) as both:
        # given a mapping from a text in HubSpot to a number in Salesforce
        for object in ("Lead", "Contact"):
            both.sf.add_field(object, "Seats__c", type="Number", precision=10, scale=0)
        add_property(both, "seats", "string", "text")
        pairs = crowd(both, 6)
        # when five have numbers and one has words, with another edit each
        for n, (contact, _) in enumerate(pairs):
            both.hs.edit("contacts", contact, {"seats": "lots" if n == 3 else str(n), "jobtitle": "Baker"})
        both.settle()
        # then the five are written, of the bad one all but that field, and it is said once
        assert [both.sf.get("Lead", lead).get("Seats__c") for _, lead in pairs] == [0, 1, 2, None, 4, 5]
        assert {both.sf.get("Lead", lead)["Title"] for _, lead in pairs} == {"Baker"}
        assert [(p.side, p.field, p.record_id) for p in both.problems()] == [("salesforce", "seats", pairs[3][1])]
        assert both.writes() == {"hubspot": 0, "salesforce": 6}
        both.assert_settled()
        # and it heals when it is a number
        both.hs.edit("contacts", pairs[3][0], {"seats": "33"})
        both.settle()
        assert both.sf.get("Lead", pairs[3][1])["Seats__c"] == 33
        assert both.problems() == []
        assert_in_step(both)


@pytest.mark.parametrize("wait", [15, 400])
def test_another_account_halts(both: Both, wait: int) -> None:
    # given two persons in step, and an edit that waits
    pairs = crowd(both, 2)
    both.sf.edit("Lead", pairs[0][1], {"Title": "Baker"})
    with HubSpot(clock=both.time, search_lag=0.0, portal_id=999) as stranger:
        # when the credentials lead to another portal, at once after a restart or later
        stranger.create("contacts", {"email": "stranger@example.com", "lastname": "Stranger"})
        ours = with_setting(both, "CRMSYNC_HUBSPOT__BASE_URL", stranger.url)
        for _ in range(2):
            with pytest.raises(HaltError, match="999"):
                both.settle(after=wait)
        # then nothing was read into the state and nothing was written anywhere
        assert [w for w in stranger.writes if w.user == stranger.portal.integration.name] == []
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        assert both.store.find_person_by_email("stranger@example.com") == []
        # and the halt stands in the store with its way out, where `status` and the daemon find it
        halt = both.store.halt()
        assert halt is not None
        assert (halt.cause, halt.side) == ("account_changed", "hubspot")
        assert "crmsync resume" in halt.message
        assert [kind for _, kind, _ in both.store.events()].count("halt") == 1
        # and a person who resumes without having corrected the credentials is halted again: every link would be wrong
        resume(both.store, now=both.time())
        with pytest.raises(HaltError, match="999"):
            both.settle(after=wait)
        assert both.store.find_person_by_email("stranger@example.com") == []
        # and with the right address the halt stands until somebody resumes; then it goes on as if nothing had been
        with_setting(both, "CRMSYNC_HUBSPOT__BASE_URL", ours)
        with pytest.raises(HaltError, match="999"):
            both.settle(after=wait)
        resume(both.store, now=both.time())
        both.settle()
        assert both.store.get("allow") is None
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Baker"
    assert both.problems() == []
    assert_in_step(both)


def test_an_emptied_hubspot_halts(both: Both) -> None:
    # given fifteen persons in step
    pairs = crowd(both, 15)
    # when HubSpot is emptied and Salesforce goes on being edited
    for contact, _ in pairs:
        both.hs.delete("contacts", contact)
    both.sf.edit("Lead", pairs[0][1], {"Title": "Baker"})
    with pytest.raises(HaltError, match="15 of 15"):
        both.settle(after=1000)
    # then nothing is written, and no one is created anew
    halt = both.store.halt()
    assert halt is not None
    assert (halt.cause, halt.side) == ("emptied", "hubspot")
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert both.counts() == {"contacts": 0, "Lead": 15, "Contact": 0}
