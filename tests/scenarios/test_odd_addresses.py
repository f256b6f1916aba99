"""E-mail addresses with quotes, plus-tags and letters beyond ASCII, from the contact to the lead and back to `explain`."""

from __future__ import annotations

import orjson

from crmsync.service.explain import explain
from crmsync.service.signals import take, used_signals
from scenarios.desk import desk
from scenarios.world import Both

TAKEN = ("o'hara+news@acme.example", "x&y=z?#%+1@acme.example")
REFUSED = "zoë+tag@exämple.example"
"""HubSpot takes it; Salesforce has no addresses with such letters."""


def test_an_odd_address_is_found_scored_and_written_wherever_a_crm_takes_it() -> None:
    with Both(kinds=()) as both:
        both.settle()
        both.time.advance(60)
        every = (*TAKEN, REFUSED)
        for email in every:
            both.hs.create("contacts", {"email": email, "lastname": 'O\'Hara "x" <b>', "phone": "+1 408 555 0100"})
        both.settle()
        for email in every:
            row = {"email": email.upper(), "type": "demo_request", "at": both.time().isoformat(), "id": email}
            assert take(both.store, orjson.dumps(row), both.time(), used_signals(both.playbook))["new"] == 1
        both.settle()
        for email in every:
            told = explain(desk(both), email)
            assert told is not None
            assert (told["stage"]["current"], [row["type"] for row in told["score"]["signals"]]) == ("sal", ["demo_request"])
            assert [row["email"] for row in both.hs.all("contacts") if row["crmsync_key"] == told["person"]["person_id"]] == [email]
        assert {row["Email"]: row["crmsync_stage__c"] for row in both.sf.all("Lead")} == dict.fromkeys(TAKEN, "sal")
        (refused,) = both.problems()
        assert (refused.cause, refused.side) == ("INVALID_EMAIL_ADDRESS", "salesforce")
        assert REFUSED in refused.message
        both.assert_settled()
