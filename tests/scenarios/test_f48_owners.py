"""Owners: people without a twin, assignment rules, and hands that beat the router (F48, F49, F55)."""

from __future__ import annotations

from typing import Any

from scenarios.persons import assert_in_step, crowd, email
from scenarios.world import USERS, Both

HOPE: dict[str, Any] = {"email": "hope@corp.example", "first_name": "Hope", "last_name": "Hubspot", "time_zone": "America/New_York"}


def owner_of(both: Both, lead: str) -> str | None:
    """E-mail of the lead's owner, "id" of one without."""
    id = both.sf.get("Lead", lead)["OwnerId"]
    return next((u.email or u.id for u in both.store.users() if (u.side, u.id) == ("salesforce", id)), None)


def test_f48_owner_without_a_twin_leaves_the_owner_and_says_so(both: Both) -> None:
    # given three persons in step, and a user who is in HubSpot only
    both.hs.add_user(HOPE)
    pairs = crowd(both, 3)
    both.settle(after=400)
    both.mark()
    # when she is made the owner of one in HubSpot, with another edit
    both.hs.edit("contacts", pairs[0][0], {"hubspot_owner_id": both.owner("hubspot", "hope@corp.example"), "jobtitle": "Baker"})
    both.hs.edit("contacts", pairs[1][0], {"hubspot_owner_id": both.owner("hubspot", "sam@corp.example")})
    both.settle()
    # then Salesforce's owner stays, it is said, and nothing flips back or is tried again; the rest went through
    assert owner_of(both, pairs[0][1]) == "rita@corp.example"
    assert both.sf.get("Lead", pairs[0][1])["Title"] == "Baker"
    assert owner_of(both, pairs[1][1]) == "sam@corp.example"
    assert [(p.cause, p.side, p.field) for p in both.problems()] == [("owner_without_twin", "salesforce", "owner")]
    assert both.writes() == {"hubspot": 0, "salesforce": 2}
    both.assert_settled()
    assert both.hs.get("contacts", pairs[0][0])["hubspot_owner_id"] == both.owner("hubspot", "hope@corp.example")
    # and when she gets a user in Salesforce, she is the owner there too, without another edit
    both.sf.seed(users=[HOPE], people=[])
    both.settle(after=400)
    assert owner_of(both, pairs[0][1]) == "hope@corp.example"
    assert both.problems() == []
    assert_in_step(both)


def test_f48_fallback_owner_takes_over_once() -> None:
    with Both(edits={"mappings/person.yaml": {"  fallback:\n": "  fallback: sam@corp.example\n"}}) as both:
        # given a person in step, a fallback owner, and a user who is in HubSpot only
        both.hs.add_user(HOPE)
        ((contact, lead),) = crowd(both, 1)
        both.settle(after=400)
        both.mark()
        # when she becomes the owner in HubSpot, and a further person is hers from the start
        both.hs.edit("contacts", contact, {"hubspot_owner_id": both.owner("hubspot", "hope@corp.example")})
        both.hs.create(
            "contacts", {"email": "new@example.com", "lastname": "New", "hubspot_owner_id": both.owner("hubspot", "hope@corp.example")}
        )
        both.settle()
        # then the fallback owns both in Salesforce, HubSpot keeps her, and there is no reset loop
        assert owner_of(both, lead) == "sam@corp.example"
        assert owner_of(both, str(both.lead("new@example.com")["Id"])) == "sam@corp.example"
        assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", "hope@corp.example")
        assert [w.action for w in both.written("salesforce", "Lead")].count("update") == 1
        both.settle()
        both.assert_settled()
        # and when another one without a twin takes over in HubSpot, the fallback, who owns it already, is not set once more
        both.hs.add_user({**HOPE, "email": "ivy@corp.example", "first_name": "Ivy"})
        both.settle(after=400)
        both.mark()
        both.hs.edit("contacts", contact, {"hubspot_owner_id": both.owner("hubspot", "ivy@corp.example")})
        both.settle()
        assert owner_of(both, lead) == "sam@corp.example"
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", "ivy@corp.example")
        both.assert_settled()


def test_f48_deactivated_owner_and_queue(both: Both) -> None:
    # given three persons in step, one of them Sam's, and a queue
    pairs = crowd(both, 3)
    both.hs.edit("contacts", pairs[2][0], {"hubspot_owner_id": both.owner("hubspot", "sam@corp.example")})
    queue = both.sf.add_queue("Inbound", "Lead")
    both.settle(after=400)
    both.mark()
    # when a rep puts one into the queue, and the other one's owner is deactivated in HubSpot and edited afterwards
    both.sf.edit("Lead", pairs[0][1], {"OwnerId": queue})
    both.hs.add_user({**USERS[0], "active": False})
    both.settle(after=400)
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Baker"})
    both.sf.edit("Lead", pairs[2][1], {"OwnerId": both.owner("salesforce", "rita@corp.example")})
    both.settle()
    # then nobody's owner is blanked or fought over, nothing new is given to whom is no longer active; it is said, and other fields go through
    assert both.sf.get("Lead", pairs[0][1])["OwnerId"] == queue
    assert both.hs.get("contacts", pairs[0][0])["hubspot_owner_id"] == both.owner("hubspot", "rita@corp.example")
    assert owner_of(both, pairs[1][1]) == "rita@corp.example"
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Baker"
    told = sorted((p.cause, p.side, p.record_id) for p in both.problems())
    assert told == [("owner_without_twin", "hubspot", contact) for contact in sorted((pairs[0][0], pairs[2][0]))]
    assert both.hs.get("contacts", pairs[2][0])["hubspot_owner_id"] == both.owner("hubspot", "sam@corp.example")
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    both.assert_settled()
    # and when she is back and takes the lead out of the queue, both sides agree
    both.hs.add_user(USERS[0])
    both.sf.edit("Lead", pairs[0][1], {"OwnerId": both.owner("salesforce", "rita@corp.example")})
    both.settle(after=400)
    assert both.problems() == []
    assert_in_step(both)


def test_f49_assignment_rule_does_not_steal_the_owner(both: Both) -> None:
    # given an org whose assignment rule gives every lead to a queue, unless it is told not to
    pairs = crowd(both, 2)
    queue = both.sf.add_queue("Inbound", "Lead")
    both.sf.lead_assignment(queue)
    # when a new person comes from HubSpot with an owner, and an old one is edited there
    both.hs.create(
        "contacts",
        {
            "email": "new@example.com",
            "lastname": "New",
            "company": "New Works",
            "hubspot_owner_id": both.owner("hubspot", "sam@corp.example"),
        },
    )
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "Baker"})
    both.settle()
    # then our owner survives on create and on update
    assert owner_of(both, str(both.lead("new@example.com")["Id"])) == "sam@corp.example"
    assert both.sf.get("Lead", pairs[0][1])["Title"] == "Baker"
    assert owner_of(both, pairs[0][1]) == "rita@corp.example"
    assert both.problems() == []
    assert_in_step(both)


def routed(both: Both) -> tuple[str, str, str]:
    """Somebody without an owner who asks for a demo: contact, lead, and the e-mail of whom the router chose."""
    both.hs.create(
        "contacts", {"email": email(0), "firstname": "Pat", "lastname": "Person0", "company": "Example Works", "phone": "+14085550000"}
    )
    both.settle()
    both.time.advance(60)
    both.hs.happen({"email": email(0), "type": "form_submitted", "name": "Demo request", "at": both.time()})
    both.settle()
    contact, lead = str(both.contact(email(0))["id"]), str(both.lead(email(0))["Id"])
    state = both.state_of("hubspot", "contacts", contact)
    assert state.owner_by == "router"
    assert state.owner is not None
    assert state.owner in {u["email"] for u in USERS}
    assert owner_of(both, lead) == state.owner
    assert_in_step(both)
    both.mark()
    return contact, lead, state.owner


def other_than(chosen: str) -> str:
    return next(str(u["email"]) for u in USERS if u["email"] != chosen)


def test_f55_owner_changed_by_hand_in_salesforce_stands(both: Both) -> None:
    # given a lead that the router assigned
    contact, lead, chosen = routed(both)
    # when a manager gives it to another rep, and new signals come
    both.sf.edit("Lead", lead, {"OwnerId": both.owner("salesforce", other_than(chosen))})
    both.settle()
    both.time.advance(600)
    both.hs.happen({"email": email(0), "type": "form_submitted", "name": "Pricing inquiry", "at": both.time()})
    both.settle()
    # then that rep owns it on both sides, and the router does not take it back
    assert owner_of(both, lead) == other_than(chosen)
    assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", other_than(chosen))
    assert both.state_of("hubspot", "contacts", contact).owner_by == "hand"
    assert [w for w in both.written("salesforce", "Lead") if "OwnerId" in w.changes] == []
    assert len([w for w in both.written("hubspot", "contacts") if "hubspot_owner_id" in w.changes]) == 1
    assert both.problems() == []
    assert_in_step(both)


def test_f55_owner_changed_by_hand_in_hubspot_stands(both: Both) -> None:
    # given a lead that the router assigned
    contact, lead, chosen = routed(both)
    # when a marketer gives the contact to another rep in HubSpot
    both.hs.edit("contacts", contact, {"hubspot_owner_id": both.owner("hubspot", other_than(chosen))})
    both.settle()
    both.settle(after=3600)
    # then Salesforce follows, by one write, and the router does not take it back
    assert owner_of(both, lead) == other_than(chosen)
    assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", other_than(chosen))
    assert len([w for w in both.written("salesforce", "Lead") if "OwnerId" in w.changes]) == 1
    assert [w for w in both.written("hubspot", "contacts") if "hubspot_owner_id" in w.changes] == []
    assert both.state_of("hubspot", "contacts", contact).owner_by == "hand"
    assert_in_step(both)


def test_f55_routing_does_not_touch_a_person_somebody_owns(both: Both) -> None:
    # given a person whom a rep owns already
    ((contact, lead),) = crowd(both, 1)
    # when that person asks for a demo
    both.time.advance(60)
    both.hs.happen({"email": email(0), "type": "form_submitted", "name": "Demo request", "at": both.time()})
    both.settle()
    # then the owner stays and has the task
    assert owner_of(both, lead) == "rita@corp.example"
    assert [t["OwnerId"] for t in both.sf.all("Task")] == [both.owner("salesforce", "rita@corp.example")]
    assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", "rita@corp.example")
    assert [w for w in both.written("salesforce", "Lead") if "OwnerId" in w.changes] == []
    assert_in_step(both)
