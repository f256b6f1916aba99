"""Every stage rule (process.md L1-L11) end to end through both simulated CRMs, and the scenarios that hang on them (F44, F69, F71-F73)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crmsync.engine.cycle import Report
from crmsync_salesforce.sim.schema import pick
from scenarios.world import SIDES, Both, Edits


@pytest.fixture(scope="module")
def plain() -> Iterator[Both]:
    """One world for rules that need nothing but persons: each test has persons of its own."""
    with Both(kinds=()) as both:
        both.settle()  # from now on nothing is historic
        yield both


def person(both: Both, name: str, **fields: Any) -> str:
    """A new HubSpot contact, synced."""
    contact = str(both.hs.create("contacts", {"email": f"{name}@{name}.example", "firstname": name.title(), "lastname": "Lee", **fields}))
    both.settle()
    return contact


def happens(both: Both, contact: str, type: str, **more: Any) -> None:
    """Something the person does now; settles."""
    at = both.time.advance(60)
    assert both.hs.happen({"email": both.hs.get("contacts", contact)["email"], "type": type, "at": at, **more})
    both.settle()


def signal(both: Both, contact: str, form: str) -> None:
    """A form that the person sends now; settles."""
    happens(both, contact, "form_submitted", name=form)


def lead_id(both: Both, contact: str) -> str:
    return str(both.lead(str(both.hs.get("contacts", contact)["email"]))["Id"])


def stands(both: Both, contact: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Where both CRMs say the person stands: our stage, HubSpot's two fields, Salesforce's. Fails when our stage differs between them."""
    shown, lead = both.hs.get("contacts", contact), both.lead(str(both.hs.get("contacts", contact)["email"]))
    assert shown.get("crmsync_stage") == lead.get("crmsync_stage__c")
    return shown.get("crmsync_stage"), shown.get("lifecyclestage"), shown.get("hs_lead_status"), lead.get("Status")


def path(both: Both, contact: str) -> list[str]:
    return [entry.stage for entry in both.state_of("hubspot", "contacts", contact).stages]


def decide_in_salesforce(both: Both, contact: str, disposition: str | None, reason: str | None = None) -> list[Report]:
    """What a rep chooses on the lead; settles."""
    both.time.advance(5)
    both.sf.edit("Lead", lead_id(both, contact), {"crmsync_disposition__c": disposition, "crmsync_reason_code__c": reason})
    return both.settle()


def tasks(both: Both, contact: str) -> list[str]:
    """Subjects of the person's tasks in both CRMs."""
    state = both.state_of("hubspot", "contacts", contact)
    rows = [*both.sf.all("Task"), *both.hs.all("tasks")]
    mine = [r for r in rows if str(r.get("crmsync_key__c") or r.get("crmsync_key") or "").startswith(f"{state.person_id}-")]
    return sorted(str(r.get("Subject") or r.get("hs_task_subject")) for r in mine)


def made(both: Both) -> Counter[str]:
    """Our own writes since the last mark: "side object action" -> how many records."""
    return Counter(f"{side} {w.object} {w.action}" for side in SIDES for w in both.written(side))


_OBJECTS, _ROWS = "POST /crm/v3/objects/contacts/batch", "/services/data/v62.0/composite/sobjects"
BACKWARD = Counter({f"{_OBJECTS}/read": 3, f"{_OBJECTS}/update": 3, f"PATCH {_ROWS}": 1})
"""What a move backwards costs: both records are read once more right before they are written; HubSpot's stage then needs a look, clearing, setting, a look."""
SQL = ("sql", "salesqualifiedlead", "IN_PROGRESS", "Working - Contacted")
SAL = ("sal", "marketingqualifiedlead", "OPEN", "Open - Not Contacted")
NURTURE = ("nurture", "lead", "BAD_TIMING", "Open - Not Contacted")


def accepted(both: Both, name: str, **fields: Any) -> str:
    """A person who asked for a demo and whom the rep accepted."""
    contact = person(both, name, **fields)
    signal(both, contact, "Request a demo")
    decide_in_salesforce(both, contact, "accepted")
    assert stands(both, contact) == SQL
    return contact


def waits(both: Both, contact: str) -> list[str]:
    """Causes of what waits for a person about this one; others live in the same world."""
    who = both.person_of("hubspot", "contacts", contact)
    return [p.cause for p in both.problems() if p.person_id == who]


def test_l1_l3_l4_l9_from_form_and_reply_to_sql(plain: Both) -> None:
    # a named form makes an mql, and the handoff a sal with an owner, a package and a task
    contact = person(plain, "ada")
    signal(plain, contact, "Talk to Sales")
    assert (path(plain, contact), stands(plain, contact)) == (["lead", "mql", "sal"], SAL)
    state = plain.state_of("hubspot", "contacts", contact)
    assert state.stages[1].cause.startswith("named form: ")
    assert state.owner
    shown = plain.hs.get("contacts", contact)
    assert "Talk to Sales" in str(shown["crmsync_handoff"])
    assert len(tasks(plain, contact)) == 1
    # so does a reply, without hurry: it is no express signal
    other = person(plain, "bea")
    happens(plain, other, "email_reply")
    assert path(plain, other) == ["lead", "mql", "sal"]
    assert plain.state_of("hubspot", "contacts", other).stages[1].cause.startswith("reply: ")
    # the rep's word makes an sql in both CRMs, written once, with a task for the next step (H3); the first touch is still to be made
    plain.mark()
    decide_in_salesforce(plain, contact, "accepted")
    assert stands(plain, contact) == SQL
    assert made(plain) == {"hubspot contacts update": 1, "salesforce Lead update": 1, "salesforce Task create": 1}
    assert len(tasks(plain, contact)) == 2
    assert "Agree on the next step: Ada Lee" in tasks(plain, contact)
    shown = plain.hs.get("contacts", contact)
    times = [str(shown[f"crmsync_{name}_at"]) for name in ("mql", "sal", "sql")]
    assert times == sorted(times)
    assert plain.lead("ada@ada.example")["crmsync_sql_at__c"]
    told = [(e.previous, e.stage, e.who) for e in plain.state_of("hubspot", "contacts", contact).stages]
    assert told == [(None, "lead", "engine"), ("lead", "mql", "engine"), ("mql", "sal", "engine"), ("sal", "sql", "hand")]
    plain.assert_settled()


def test_l2_a_stage_set_by_hand_is_carried_and_stands(plain: Both) -> None:
    contact = accepted(plain, "cem")
    plain.time.advance(5)
    plain.sf.edit("Lead", lead_id(plain, contact), {"crmsync_stage__c": "lead"})
    plain.settle()
    assert stands(plain, contact)[:2] == ("lead", "lead")
    plain.assert_settled()  # the demo request that made the mql does not make one again
    assert path(plain, contact)[-1] == "lead"


def test_l6_l7_l11_f71_recycled_and_back_again(plain: Both) -> None:
    contact = accepted(plain, "dee")
    plain.mark()
    # a rejection without a reason moves nobody: the rep is asked for one, once
    decide_in_salesforce(plain, contact, "rejected")
    assert stands(plain, contact) == SQL
    assert [t for t in tasks(plain, contact) if t.startswith("Give a reason code")] == ["Give a reason code: Dee Lee"]
    assert [p.cause for p in plain.problems("reason_missing")] == ["reason_missing"]
    plain.settle()
    assert tasks(plain, contact) == ["Agree on the next step: Dee Lee", "Call now: Dee Lee", "Give a reason code: Dee Lee"]
    # the reason code recycles: both CRMs go backwards, HubSpot by clearing first, proved by what it shows
    plain.world.refresh(plain.time.advance(400))
    plain.mark()
    reports = decide_in_salesforce(plain, contact, "rejected", "bad_timing")
    assert Counter(plain.extra_calls(reports)) == BACKWARD + Counter([f"DELETE {_ROWS}"])
    assert stands(plain, contact) == NURTURE
    # what was asked for is there, and nobody agrees on next steps any more: both tasks went with one call
    assert tasks(plain, contact) == ["Call now: Dee Lee"]
    state = plain.state_of("hubspot", "contacts", contact)
    assert (state.recycles, state.judged, waits(plain, contact)) == (1, "rejected/bad_timing", [])
    moves = [w.changes["lifecyclestage"] for w in plain.written("hubspot", "contacts") if "lifecyclestage" in w.changes]
    assert moves == [("salesqualifiedlead", None), (None, "lead")]
    shown = plain.hs.get("contacts", contact)
    assert shown["crmsync_recycles"] == "1"
    assert float(shown["crmsync_behavior_score"]) < 30  # what happened before is worth half
    plain.assert_settled()
    # a new demo request makes a new mql, although the cool-off lasts; the old decision is taken back so that the rep can judge again
    signal(plain, contact, "Request a demo")
    assert stands(plain, contact) == SAL
    lead = plain.lead("dee@dee.example")
    assert (lead.get("crmsync_disposition__c"), lead.get("crmsync_reason_code__c")) == (None, None)
    plain.assert_settled()
    decide_in_salesforce(plain, contact, "rejected", "bad_timing")
    assert stands(plain, contact) == NURTURE
    assert plain.hs.get("contacts", contact)["crmsync_recycles"] == "2"
    # L9: all of it is remembered; L8: both records are still there
    assert path(plain, contact) == ["lead", "mql", "sal", "sql", "nurture", "mql", "sal", "nurture"]


def test_l7_l8_a_reason_that_ends_chosen_in_hubspot(plain: Both) -> None:
    contact = accepted(plain, "eli")
    plain.time.advance(5)
    plain.hs.edit("contacts", contact, {"crmsync_disposition": "rejected", "crmsync_reason_code": "wrong_icp"})
    plain.settle()
    assert stands(plain, contact) == ("disqualified", "other", "UNQUALIFIED", "Closed - Not Converted")
    assert plain.state_of("hubspot", "contacts", contact).stages[-1].cause == "disposition rejected (wrong_icp) in hubspot"
    plain.assert_settled()
    # nobody is deleted, wherever the person ends
    assert plain.counts()["contacts"] == len(plain.hs.all("contacts"))
    deletes = [w for side, objects in (("hubspot", ("contacts",)), ("salesforce", ("Lead", "Contact"))) for o in objects
               for w in plain.written(side, o) if w.action not in ("create", "update")]  # fmt: skip
    assert deletes == []


def test_l10_bad_contact_data_is_not_handed_off(plain: Both) -> None:
    contact = person(plain, "fay")
    happens(plain, contact, "email_bounce")
    signal(plain, contact, "Request a demo")
    assert stands(plain, contact)[0] == "mql"
    assert tasks(plain, contact) == ["Fix contact data: Fay Lee"]
    shown = plain.hs.get("contacts", contact)
    assert shown["crmsync_data_quality"] == "invalid"
    assert "bounced" in str(shown["crmsync_data_issues"])
    assert [p.cause for p in plain.problems("handoff_waits")] == ["handoff_waits"]
    plain.time.advance(5)
    plain.sf.edit("Lead", lead_id(plain, contact), {"Phone": "+14085550100"})
    plain.settle()
    assert stands(plain, contact) == SAL
    assert len(tasks(plain, contact)) == 2
    assert waits(plain, contact) == []


def test_f69_f72_one_mql_for_a_flapping_score_also_after_a_merge(plain: Both) -> None:
    """A score around the threshold makes one mql; two contacts that are merged are scored from the union of their events, not by the sum."""
    contact = person(plain, "gus", jobtitle="Director of Sales")
    for n in range(3):
        happens(plain, contact, "page_view", name=f"https://x.example/pricing?{n}")
    assert path(plain, contact) == ["lead", "mql", "sal"]
    for _ in range(2):
        plain.hs.edit("contacts", contact, {"jobtitle": "Director of Sales Assistance"})
        plain.settle()
        plain.hs.edit("contacts", contact, {"jobtitle": "Director of Sales"})
        plain.settle()
    assert path(plain, contact) == ["lead", "mql", "sal"]
    assert len(tasks(plain, contact)) == 1
    twin = person(plain, "gustav", jobtitle="Director of Sales")
    signal(plain, twin, "Download the e-book")
    scores = [float(plain.hs.get("contacts", id)["crmsync_score"]) for id in (contact, twin)]
    plain.hs.merge("contacts", contact, [twin])
    plain.settle(after=400)
    merged = plain.hs.all("contacts")
    (shown,) = [row for row in merged if str(row.get("email")).startswith("gus")]
    assert float(shown["crmsync_score"]) == pytest.approx(scores[0] + scores[1] - 25, abs=1.5)  # the fit counts once
    assert path(plain, str(shown["hs_object_id"])).count("mql") == 1
    assert stands(plain, str(shown["hs_object_id"])) == SAL  # where the further of the two stood


def test_l1_engaged_subscriber_and_l6_stale_sql_by_time_alone() -> None:
    with Both(kinds=()) as both:
        both.settle()
        reader, lazy = (person(both, name, lifecyclestage="subscriber") for name in ("hal", "ida"))
        for contact in (reader, lazy):
            for type in ("email_delivered", "email_open") * 2 + ("email_click",):
                happens(both, contact, type)
        happens(both, reader, "email_click")
        sql = accepted(both, "jan")
        assert stands(both, reader)[0] == "subscriber"
        both.settle(after=timedelta(days=29).total_seconds())
        assert (stands(both, reader)[0], stands(both, sql)) == ("subscriber", SQL)
        both.settle(after=timedelta(days=2).total_seconds())
        # then the one who read everything is handed over, the other is not, and the sql whom nobody heard of is kept warm
        assert path(both, reader) == ["subscriber", "mql", "sal"]
        assert path(both, lazy) == ["subscriber"]
        assert stands(both, sql) == NURTURE
        assert both.state_of("hubspot", "contacts", sql).stages[-1].cause == "no engagement for 30 days"
        both.settle(after=90)
        both.assert_settled()


def test_l4_straight_and_automatic() -> None:
    edits: Edits = {
        "mappings/playbook.yaml": {
            "straight_to_sql: []": "straight_to_sql: [demo_request]",
            "acceptance: explicit": "acceptance: automatic",
        }
    }
    with Both(kinds=(), edits=edits) as both:
        both.settle()
        contact = person(both, "kim")
        signal(both, contact, "Request a demo")
        assert (path(both, contact), stands(both, contact)) == (["lead", "mql", "sal", "sql"], SQL)
        assert len(tasks(both, contact)) == 1
        other = person(both, "lea", jobtitle="CEO", numemployees="100-500")
        signal(both, other, "Pricing inquiry")
        assert stands(both, other) == SAL  # 90 points
        signal(both, other, "Download the e-book")
        assert stands(both, other) == SQL
        assert both.state_of("hubspot", "contacts", other).stages[-1].cause.startswith("accepted automatically: score 1")


def deal(both: Both, contact: str, name: str, stage: str, day: str) -> str:
    """A deal of that contact, as a rep makes it; settles."""
    fields = {"dealname": name, "dealstage": stage, "pipeline": "default", "closedate": day, "associations": {"contacts": [contact]}}
    made = str(both.hs.create("deals", fields))
    both.settle(after=400)
    return made


def test_l5_f73_deals_move_and_a_lost_one_not_for_ever() -> None:
    with Both(kinds=("deal",)) as both:
        both.settle()
        contact = accepted(both, "max")
        both.world.refresh(both.time())
        both.mark()
        first = deal(both, contact, "Pilot", "qualifiedtobuy", "2026-04-01")
        assert stands(both, contact) == ("opportunity", "opportunity", "OPEN_DEAL", "Working - Contacted")
        # nobody has to agree on the next step with somebody who has a deal
        assert made(both) == {"hubspot contacts update": 1, "salesforce Lead update": 1, "salesforce Task delete": 1}
        both.hs.edit("deals", first, {"dealstage": "closedlost"})
        both.settle(after=400)
        assert stands(both, contact) == NURTURE
        assert both.state_of("hubspot", "contacts", contact).stages[-1].cause == "deal lost: Pilot"
        second = deal(both, contact, "Rollout", "qualifiedtobuy", "2026-09-01")
        assert stands(both, contact)[0] == "opportunity"
        both.hs.edit("deals", second, {"dealstage": "closedwon"})
        both.settle(after=400)
        assert stands(both, contact)[:2] == ("customer", "customer")
        assert path(both, contact) == ["lead", "mql", "sal", "sql", "opportunity", "nurture", "opportunity", "customer"]
        both.assert_settled()


OWN_WORDS: Edits = {
    "mappings/person.yaml": {
        "      subscriber: subscriber\n      lead: lead\n      mql: marketingqualifiedlead\n      sal: marketingqualifiedlead\n"
        "      sql: salesqualifiedlead\n      opportunity: opportunity\n      customer: customer\n      nurture: lead\n      disqualified: other\n":
        '      subscriber: "101"\n      lead: "102"\n      mql: "103"\n      sal: "103"\n      sql: "105"\n      opportunity: "106"\n'
        '      customer: "107"\n      nurture: "104"\n      disqualified: "109"\n',
        "      lead: Open - Not Contacted\n      mql: Open - Not Contacted\n      sal: Open - Not Contacted\n      sql: Working - Contacted\n":
        "      lead: Neu\n      mql: Neu\n      sal: Neu\n      sql: In Arbeit\n",
        "      opportunity: Working - Contacted\n      nurture: Open - Not Contacted\n      disqualified: Closed - Not Converted":
        "      opportunity: In Arbeit\n      nurture: Warm halten\n      disqualified: Kein Interesse",
    }
}  # fmt: skip
PORTAL = [("101", "Abonnent"), ("102", "Lead"), ("103", "MQL"), ("104", "Warm halten"), ("105", "SQL"), ("106", "Chance"), ("107", "Kunde"),
          ("108", "Wettbewerber"), ("109", "Sonstige")]  # fmt: skip


@pytest.mark.parametrize("backward", ["ignore", "reject", "allow"])
def test_l11_renamed_numeric_and_further_options(backward: str) -> None:
    """A portal with numeric stages and one of its own between, an org with German statuses, and every way HubSpot answers a move backwards."""
    with Both(kinds=(), edits=OWN_WORDS, hubspot={"lifecycle_backward": backward, "default_lifecycle_stage": "102"}) as both:
        both.hs.set_options("contacts", "lifecyclestage", PORTAL)
        rename(both, ["Neu", "In Arbeit", "Warm halten", "Umgewandelt", "Kein Interesse"])
        both.settle()
        contact = person(both, "nia")
        signal(both, contact, "Request a demo")
        assert stands(both, contact) == ("sal", "103", "OPEN", "Neu")
        decide_in_salesforce(both, contact, "accepted")
        assert stands(both, contact) == ("sql", "105", "IN_PROGRESS", "In Arbeit")
        decide_in_salesforce(both, contact, "recycle", "no_budget")
        assert stands(both, contact) == ("nurture", "104", "BAD_TIMING", "Warm halten")
        assert both.problems() == []
        both.assert_settled()


def rename(both: Both, statuses: Sequence[str]) -> None:
    """Gives the org's leads these statuses."""
    with both.sf.org.lock:
        field = both.sf.org.kind("Lead").fields["status"]
        both.sf.org.kind("Lead").add(replace(field, picklist=tuple(pick(status) for status in statuses)))
        both.sf.org.touch_access()


def test_f44_a_stage_that_did_not_arrive_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal whose own automation swallows every change of the stage: HubSpot accepts it and shows the old one. That is said once, and not tried
    for ever; the other CRM and our own field move on."""
    with Both(kinds=()) as both:
        both.settle()
        contact = accepted(both, "ole")

        def swallow(self: Any, plural: str, changes: dict[str, str], current: Any) -> list[Any]:
            changes.pop("lifecyclestage", None)
            return []

        monkeypatch.setattr(type(both.hs.portal), "_hold_lifecycle", swallow)
        decide_in_salesforce(both, contact, "rejected", "bad_timing")
        assert stands(both, contact) == ("nurture", "salesqualifiedlead", "BAD_TIMING", "Open - Not Contacted")
        assert [(p.cause, p.side, p.field) for p in both.problems()] == [("silent_no_op", "hubspot", "status:lifecyclestage")]
        both.assert_settled()
