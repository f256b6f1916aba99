"""Signals from campaigns, activities and property histories: typed, dated, and each event once whatever is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from crmsync.decide.canonical import stamp
from crmsync.decide.signals import unique
from crmsync.model.link import Signal
from crmsync.playbook.check import check
from crmsync.service.status import status
from scenarios.world import Both, only


@pytest.fixture
def small(both: Both) -> Both:
    """With the kinds that the test names."""
    return both


@pytest.fixture
def bare() -> Iterator[Both]:
    """Persons alone."""
    with Both(kinds=()) as world:
        yield world


def person(both: Both, email: str = "ann@example.com") -> str:
    found = both.store.find_person_by_email(email)
    assert len(found) == 1, found
    return found[0]


def signals(both: Both, email: str = "ann@example.com") -> list[Signal]:
    id = person(both, email)
    return both.store.signals.of([id]).get(id, [])


def types(both: Both, email: str = "ann@example.com") -> list[str]:
    return [signal.type for signal in signals(both, email)]


def campaign(both: Both, type: str) -> str:
    return both.sf.create("Campaign", {"Name": f"{type} of March", "Type": type, "IsActive": True})


@pytest.fixture(scope="module")
def campaigns() -> Iterator[Both]:
    """Shared: each case has a person of its own."""
    with Both(kinds=("campaign_member",)) as world:
        yield world


RESPONDED = {"Webinar": ["webinar_attended"], "Conference": ["event_attended"], "White Paper": ["content_download"], "Email": []}
"""Type of campaign -> the signals of a member who responded."""


def test_a_campaign_member_who_responded_is_a_signal(campaigns: Both) -> None:
    both, emails = campaigns, {type: f"{type.replace(' ', '')}@example.com".lower() for type in RESPONDED}
    members = {}
    for type, email in emails.items():
        lead = both.sf.create("Lead", {"LastName": type, "Company": "Acme", "Email": email})
        members[type] = both.sf.create("CampaignMember", {"CampaignId": campaign(both, type), "LeadId": lead, "Status": "Sent"})

    def all_become(status: str) -> None:
        for member in members.values():
            both.sf.edit("CampaignMember", member, {"Status": status})
        both.settle()

    both.settle()
    assert {type: types(both, email) for type, email in emails.items()} == {type: [] for type in RESPONDED}
    before = both.time.advance(hours=1)
    all_become("Responded")
    assert {type: types(both, email) for type, email in emails.items()} == RESPONDED
    for type, email in emails.items():
        for one in signals(both, email):
            assert before - timedelta(minutes=1) < one.at <= both.time(), type
            assert one.detail == f"{type} of March", type
    both.assert_settled()
    all_become("Sent")
    all_become("Responded")
    assert {type: types(both, email) for type, email in emails.items()} == RESPONDED
    both.assert_settled()


def test_a_member_of_a_contact_and_a_converted_lead_is_one_event(campaigns: Both) -> None:
    lead = campaigns.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "ann@example.com"})
    campaigns.sf.create("CampaignMember", {"CampaignId": campaign(campaigns, "Webinar"), "LeadId": lead, "Status": "Responded"})
    campaigns.settle()
    assert types(campaigns) == ["webinar_attended"]
    campaigns.sf.convert(lead)
    campaigns.settle()
    assert types(campaigns) == ["webinar_attended"]
    campaigns.assert_settled()


@only("meeting")
def test_a_salesforce_event_that_is_over_was_held_and_a_canceled_meeting_was_not(small: Both) -> None:
    lead = small.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "ann@example.com"})
    times = {"StartDateTime": "2026-03-03T16:00:00.000+0000", "EndDateTime": "2026-03-03T16:30:00.000+0000"}
    small.sf.create("Event", {"Subject": "Demo", "WhoId": lead, **times})
    gone = small.sf.create("Event", {"Subject": "Called off", "WhoId": lead, **times})
    small.settle()
    contact = small.contact("ann@example.com")["hs_object_id"]
    canceled = small.hs.create(
        "meetings",
        {
            "hs_meeting_title": "Lunch", "hs_meeting_outcome": "CANCELED", "hs_timestamp": "2026-03-03T16:00:00Z",
            "hs_meeting_start_time": "2026-03-03T16:00:00Z", "hs_meeting_end_time": "2026-03-03T16:30:00Z",
        },
    )  # fmt: skip
    small.hs.associate("meetings", canceled, "contacts", contact)
    small.sf.delete("Event", gone)
    small.settle()
    # both of Salesforce were booked: one lasts until its end, the other until it was called off (A7); the canceled one is nothing
    booked = [("meeting_booked", stamp(small.time())), ("meeting_booked", "2026-03-03T16:30:00.000Z")]
    assert sorted((s.type, s.detail) for s in signals(small)) == booked
    small.time.advance(hours=3)
    small.settle()
    assert sorted((s.type, s.detail) for s in signals(small)) == [*booked, ("meeting_held", "Demo")]
    small.assert_settled()


@only("call", "email", "meeting")
def test_calls_meetings_and_replies_of_hubspot_are_signals(small: Both) -> None:
    contact = small.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    made = [
        ("calls", {"hs_call_title": "Intro", "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7"}),
        ("calls", {"hs_call_title": "Again", "hs_call_disposition": "73a0d17f-1163-4015-bdd5-ec830791da20"}),
        ("emails", {"hs_email_subject": "Re: Intro", "hs_email_direction": "INCOMING_EMAIL"}),
        ("emails", {"hs_email_subject": "Offer", "hs_email_direction": "EMAIL"}),
        (
            "meetings",
            {
                "hs_meeting_title": "Demo", "hs_meeting_outcome": "COMPLETED", "hs_meeting_start_time": "2026-03-03T14:00:00Z",
                "hs_meeting_end_time": "2026-03-03T14:30:00Z",
            },
        ),
    ]  # fmt: skip
    for object, fields in made:
        id = small.hs.create(object, {"hs_timestamp": "2026-03-03T14:00:00Z", **fields})
        small.hs.associate(object, id, "contacts", contact)
    small.settle()
    assert sorted((s.type, s.detail) for s in signals(small)) == [
        ("call_connected", "Intro"), ("email_reply", "Re: Intro"), ("meeting_held", "Demo"),
    ]  # fmt: skip
    small.assert_settled()


@only("call")
def test_an_activity_of_two_persons_who_become_one_counts_once(small: Both) -> None:
    people = [small.hs.create("contacts", {"email": f"{name}@example.com", "lastname": "Lee"}) for name in ("ann", "anna")]
    call = {"hs_timestamp": "2026-03-03T14:00:00Z", "hs_call_title": "Intro", "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7"}
    id = small.hs.create("calls", call)
    for contact in people:
        small.hs.associate("calls", id, "contacts", contact)
    small.settle()
    assert types(small, "ann@example.com") == types(small, "anna@example.com") == ["call_connected"]
    small.hs.merge("contacts", people[0], [people[1]])
    small.settle()
    small.settle()
    assert [s.type for s in unique(signals(small))] == ["call_connected"]


def test_histories_cost_one_call_for_fifty_contacts(bare: Both) -> None:
    small = bare
    small.hs.create_many("contacts", [{"email": f"p{n}@example.com", "lastname": f"P{n}"} for n in range(101)])
    small.settle()
    small.mark()
    for n in range(101):
        assert small.hs.happen({"email": f"p{n}@example.com", "type": "form_submitted", "name": f"Demo request {n}", "at": small.time()})
    small.cycle(after=20)
    reads = [c for c in small.hs.calls if c.path.endswith("/contacts/batch/read")]
    assert sum(len(types(small, f"p{n}@example.com")) for n in range(101)) == 101
    # 101 histories by fifties; what is about to be written is looked at once more by hundreds
    assert len(reads) == 3 + 2, [c.path for c in reads]
    small.settle()
    small.mark()
    small.settle()
    assert [c for c in small.hs.calls if c.path.endswith("/contacts/batch/read")] == []


def listed(both: Both) -> Counter[str]:
    """API calls since the mark that read the lists of events, by the beginning of their path."""
    return Counter(c.path.split("/")[1] for c in both.hs.calls if c.path.startswith(("/marketing", "/form-integrations", "/email/public")))


SUBMITTED = {"email": "ann@example.com", "type": "form_submitted", "name": "Pricing: Talk to sales", "form": "Talk to sales"}
ANSWERS = {"message": "We need\nfifty seats", "budget": "10,000"}


@only("note")
def test_a_form_submission_comes_with_its_answers_and_counts_once(small: Both) -> None:
    small.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    small.settle()
    small.mark()
    assert small.hs.happen({**SUBMITTED, "answers": ANSWERS, "page": "https://corp.example/pricing", "at": small.time()})
    small.settle()
    (one,) = signals(small)
    assert (one.type, one.detail) == ("pricing_inquiry", "Pricing: Talk to sales")
    assert one.answers == ("message: We need fifty seats", "budget: 10,000", "page: https://corp.example/pricing")
    small.assert_settled()
    small.settle()
    assert signals(small) == [one]


@only("note")
def test_marketing_emails_count_once(small: Both) -> None:
    small.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    small.settle()
    kinds = ("email_open", "email_click", "email_reply", "unsubscribe", "email_bounce")
    for kind in kinds:
        small.time.advance(5)
        assert small.hs.happen({"email": "ann@example.com", "type": kind, "at": small.time()})
    assert small.hs.happen({"email": "ann@example.com", "type": "page_view", "name": "https://corp.example/pricing", "at": small.time()})
    small.settle(everything=False)
    small.settle()
    assert sorted(types(small)) == sorted((*kinds, "pricing_page_view"))
    # an event of the list alone: of two opens between two polls, the contact shows the last
    log = small.hs.portal.marketing
    log.mail(1, "OPEN", "ann@example.com", int(small.time().timestamp() * 1000) - 300_000)
    small.settle()
    assert types(small).count("email_open") == 2
    small.settle()
    assert types(small).count("email_open") == 2
    small.assert_settled()


@only("note")
def test_lists_that_are_dated_a_little_later_count_once_and_cost_an_idle_poll_nothing(small: Both) -> None:
    small.hs.options.event_skew_ms = 900
    small.hs.create_many("contacts", [{"email": f"p{n}@example.com", "lastname": f"P{n}"} for n in range(20)])
    small.settle()
    for n in range(20):
        small.hs.happen({**SUBMITTED, "email": f"p{n}@example.com", "answers": {"n": str(n)}, "at": small.time()})
    small.mark()
    small.settle(everything=False)
    assert listed(small)["form-integrations"] <= 2, "one call for all submissions of a form"
    assert [[s.answers[0] for s in signals(small, f"p{n}@example.com")] for n in range(20)] == [[f"n: {n}"] for n in range(20)]
    for _ in range(8):
        small.assert_settled()


def test_scopes_that_are_missing_are_told_once_and_nothing_else_waits() -> None:
    granted = [
        f"crm.{part}.{kind}.{verb}"
        for part in ("objects", "schemas")
        for kind in ("contacts", "companies", "deals", "owners")
        for verb in ("read", "write")
    ]
    with Both(hubspot={"scopes": [*granted, "communication_preferences.read_write", "oauth"]}) as both:
        both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
        both.settle()
        both.hs.happen({**SUBMITTED, "answers": ANSWERS, "at": both.time()})
        both.mark()
        both.settle()
        (one,) = signals(both)
        assert (one.type, one.answers) == ("pricing_inquiry", ())
        assert listed(both) == Counter(), "what is closed is asked for once an hour"
        assert both.problems() == []
        closed = status(both.store, now=both.time(), real_now=both.time()).closed
        assert {side: sorted(found) for side, found in closed.items()} == {"hubspot": ["forms", "marketing_emails"]}
        assert "scope forms" in closed["hubspot"]["forms"]
        assert len([text for _, kind, text in both.store.events() if kind == "note" and "does not let us read" in text]) == 2
        found = {f.subject: f.level for f in both.connectors["hubspot"].check()}
        assert (found["HubSpot: read marketing-forms"], found["HubSpot: read email-events"]) == ("info", "info")
        # a list that fails does not hold up anybody either
        both.hs.options.scopes = None
        both.hs.faults.add({"path": "^/(marketing|email)/", "do": "status", "status": 500, "method": None, "after": 0, "times": None})
        both.sf.create("Lead", {"LastName": "Moss", "Company": "Acme", "Email": "bob@example.com"})
        assert all(report.errors == {} for report in both.settle(3_700))
        assert both.contact("bob@example.com")["lastname"] == "Moss"
        assert set(status(both.store, now=both.time(), real_now=both.time()).closed["hubspot"]) == {"forms", "marketing_emails"}
        both.hs.faults.clear()
        # once granted and well, they are read again
        both.settle()
        both.settle()
        assert status(both.store, now=both.time(), real_now=both.time()).closed == {}
        (one,) = signals(both)
        assert one.answers[0] == "message: We need fifty seats"


def test_an_email_that_salesforce_received_is_a_reply_where_its_messages_are_read() -> None:
    plain = "      hubspot: hs_email_direction\n      direction: none\n      listed_only: true\n      values:\n"
    enabled = (
        "      hubspot: {field: hs_email_direction, at_creation: true}\n      salesforce: {field: EmailMessage.Incoming, read_only: true}\n"
        "      direction: to_hubspot\n      listed_only: true\n      values:\n"
        '        salesforce: {outbound: "false", inbound: "true"}\n'
    )
    edits = {"mappings/activities.yaml": {plain: enabled}}
    with Both(edits=edits, salesforce={"email_messages": True}, kinds=("email", "task")) as both:
        both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "ann@example.com"})
        both.settle()
        assert both.sf.happen({"email": "ann@example.com", "type": "email_reply", "name": "Re: offer", "at": both.time()})
        both.settle()
        (email,) = both.hs.all("emails")
        assert email["hs_email_direction"] == "INCOMING_EMAIL"
        assert [(s.type, s.source) for s in signals(both)] == [("email_reply", "activity")]
        both.settle(900)
        both.assert_settled()


def test_a_misspelt_field_of_messages_is_named_and_the_others_are_read() -> None:
    fields = "    due:       {type: day, hubspot: hs_timestamp, salesforce: ActivityDate}\n    direction:\n      type: picklist\n      hubspot: hs_email_direction\n"
    sender, right = (
        f"    {name}: {{type: text, salesforce: {{field: EmailMessage.{native}, read_only: true}}, hubspot: hs_email_{to}, direction: to_hubspot}}\n"
        for name, native, to in (("sender", "FromAdress", "headers"), ("about", "Subject", "html"))
    )
    edits = {"mappings/activities.yaml": {fields: sender + right + fields}}
    with Both(edits=edits, salesforce={"email_messages": True}, kinds=("email",)) as both:
        found = check(both.playbook, {"salesforce": both.world.read_schemas("salesforce", ("Task",))})
        (wrong,) = [f for f in found if "EmailMessage" in f.subject]
        assert (wrong.level, wrong.subject.partition(" ")[2]) == ("error", "Task.EmailMessage.FromAdress")
        assert "did you mean EmailMessage.FromAddress?" in wrong.message
        both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "ann@example.com"})
        both.settle()
        assert both.sf.happen({"email": "ann@example.com", "type": "email_reply", "name": "Re: offer", "at": both.time()})
        assert all(report.errors == {} for report in both.settle())
        (email,) = both.hs.all("emails")
        assert email["hs_email_html"] == "Re: offer"
        named = [(p.cause, p.side, p.object, p.field) for p in both.problems() if p.cause == "unknown_field"]
        assert named == [("unknown_field", "salesforce", "Task", "EmailMessage.FromAdress")]


BOUNCES = {
    "550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown": "email_bounce",
    "smtp; 550 No such user here": "email_bounce",
    "5.4.4 host not found": "email_bounce",
    "452 4.2.2 The email account that you tried to reach is over quota": "soft_bounce",
    "421 Service not available": "soft_bounce",
    "552 5.2.2 Mailbox is full": "soft_bounce",
    "550 5.7.1 Message rejected as spam": "soft_bounce",
}
"""What Salesforce says -> the signal: only what speaks of the address is a bounce for good."""


def test_an_email_of_salesforce_that_bounced_is_a_signal_and_costs_no_call(bare: Both) -> None:
    bare.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    bare.settle()
    lead = str(bare.lead("ann@example.com")["Id"])
    bare.world.refresh(bare.time.advance(600))
    for number, (reason, type) in enumerate(BOUNCES.items(), 1):
        at = bare.time().replace(microsecond=0)
        bare.sf.edit("Lead", lead, {"EmailBouncedReason": reason, "EmailBouncedDate": at})
        bare.mark()
        reports = bare.settle()
        found = signals(bare)
        assert len(found) == number, "each once"
        assert (found[-1].type, found[-1].at, found[-1].detail) == (type, at, reason)
        quality = {bare.contact("ann@example.com").get("crmsync_data_quality"), bare.lead("ann@example.com").get("crmsync_data_quality__c")}
        assert quality == {"invalid"}, "once the address bounced, what passes later changes nothing"
        if type == "soft_bounce":
            assert bare.writes() == {"hubspot": 0, "salesforce": 0}
            assert bare.extra_calls(reports) == [], "it came with the poll"
    bare.sf.edit("Lead", lead, {"EmailBouncedReason": None, "EmailBouncedDate": None})
    bare.settle()
    assert len(signals(bare)) == len(BOUNCES), "what is emptied is no event"
