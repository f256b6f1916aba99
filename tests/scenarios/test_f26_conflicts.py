"""Lost updates and conflicts: both sides edit, who wins, and what the loser leaves behind (F26-F30)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crmsync.model.record import Record
from scenarios.persons import assert_in_step, crowd
from scenarios.world import Both

TITLE = "  title:       {type: text, hubspot: jobtitle, salesforce: Title, conflict: latest}"


def title_rule(conflict: str) -> Both:
    return Both(edits={"mappings/person.yaml": {TITLE: TITLE.replace("latest", conflict)}})


def test_f26_both_sides_edit_different_fields(both: Both) -> None:
    # given three persons in step
    pairs = crowd(both, 3)
    contact, lead = pairs[0]
    # when one field is edited in Salesforce and another one of the same person in HubSpot, between two polls
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"Title": "Fitter"})
    both.hs.edit("contacts", contact, {"phone": "+14085559999"})
    both.settle()
    # then both survive, by one write on each side, of that field alone
    assert both.sf.get("Lead", lead)["Phone"] == "+14085559999"
    assert both.hs.get("contacts", contact)["jobtitle"] == "Fitter"
    assert [set(w.changes) for w in both.written("salesforce")] == [{"Phone"}]
    assert [set(w.changes) for w in both.written("hubspot")] == [{"jobtitle"}]
    assert both.problems() == []
    assert both.store.conflicts.count() == 0
    assert_in_step(both)


@pytest.mark.parametrize("later", ["hubspot", "salesforce"])
def test_f27_both_sides_edit_one_field_and_the_later_wins(both: Both, later: str) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    contact, lead = pairs[0]
    # when the same field is edited on both sides between two polls, `later` being ten seconds later
    edits: list[tuple[str, Callable[[], None]]] = [
        ("hubspot", lambda: both.hs.edit("contacts", contact, {"jobtitle": "Word of HubSpot"})),
        ("salesforce", lambda: both.sf.edit("Lead", lead, {"Title": "Word of Salesforce"})),
    ]
    for _, edit in sorted(edits, key=lambda e: e[0] == later):
        both.time.advance(10)
        edit()
    both.settle()
    # then the later one stands on both sides, by one write to the loser's side
    word = {"hubspot": "Word of HubSpot", "salesforce": "Word of Salesforce"}
    assert both.sf.get("Lead", lead)["Title"] == both.hs.get("contacts", contact)["jobtitle"] == word[later]
    loser = "salesforce" if later == "hubspot" else "hubspot"
    assert both.writes() == {loser: 1, later: 0}
    # and the journal keeps the loser's value and why it lost, so that it can be brought back
    entry = both.store.journal.of(str(both.person_of("hubspot", "contacts", contact)), limit=1)[0]
    native = "Title" if loser == "salesforce" else "jobtitle"
    assert (entry.side, entry.old[native], entry.write.fields[native]) == (loser, word[loser], word[later])
    assert entry.rules[native] == f"latest: both changed, {later} later"
    # and bringing it back by hand is an ordinary edit
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"jobtitle": word[loser]})
    both.settle()
    assert both.sf.get("Lead", lead)["Title"] == word[loser]
    assert_in_step(both)


def test_f27_the_later_change_of_the_field_wins_not_of_the_record(both: Both) -> None:
    # given a person in step
    ((contact, lead),) = crowd(both, 1)
    # when the title is edited in HubSpot, later in Salesforce, and HubSpot's record is touched last by another field
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"jobtitle": "Early"})
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"Title": "Late"})
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"city": "Rome"})
    both.settle()
    # then HubSpot's history tells that its title is the older one
    assert (both.hs.get("contacts", contact)["jobtitle"], both.sf.get("Lead", lead)["Title"]) == ("Late", "Late")
    assert both.sf.get("Lead", lead)["City"] == "Rome"
    assert both.writes() == {"hubspot": 1, "salesforce": 1}
    assert_in_step(both)


def test_f27_rule_ask_leaves_both_until_a_person_chooses() -> None:
    with title_rule("ask") as both:
        # given two persons in step and a field whose rule is `ask`
        pairs = crowd(both, 2)
        contact, lead = pairs[0]
        # when both sides edit it, and somebody else is edited too
        both.sf.edit("Lead", lead, {"Title": "Mine"})
        both.hs.edit("contacts", contact, {"jobtitle": "Yours", "phone": "+14085557777"})
        both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Other"})
        both.settle()
        # then neither is overwritten, one conflict waits, and the batch went on: the other field and the other person
        assert (both.sf.get("Lead", lead)["Title"], both.hs.get("contacts", contact)["jobtitle"]) == ("Mine", "Yours")
        (conflict,) = both.store.conflicts.rows()
        assert (conflict.field, dict(conflict.values)) == ("title", {"hubspot": "Yours", "salesforce": "Mine"})
        assert both.sf.get("Lead", lead)["Phone"] == "+14085557777"
        assert both.sf.get("Lead", pairs[1][1])["Title"] == "Other"
        assert both.writes() == {"hubspot": 0, "salesforce": 2}
        both.assert_settled()
        # when a person chooses Salesforce
        both.store.conflicts.resolve(conflict.conflict_id, "salesforce")
        both.settle()
        # then its value stands and nothing waits any more
        assert both.hs.get("contacts", contact)["jobtitle"] == "Mine"
        assert both.store.conflicts.count() == 0
        assert both.writes() == {"hubspot": 1, "salesforce": 0}
        assert_in_step(both)


def test_f28_authority_protects_at_all_times(both: Both) -> None:
    # given a field that Salesforce has authority over, edited there and carried to HubSpot
    contact, lead = crowd(both, 2)[0]
    both.sf.edit("Lead", lead, {"Company": "Decided Ltd"})
    both.settle()
    assert both.hs.get("contacts", contact)["company"] == "Decided Ltd"
    both.mark()
    # when HubSpot edits it one minute later, with no edit in Salesforce at all
    both.time.advance(60)
    both.hs.edit("contacts", contact, {"company": "Overwritten Inc", "jobtitle": "Baker"})
    both.settle()
    # then Salesforce keeps its value and HubSpot gets it back; the other field of the same edit goes through
    assert both.sf.get("Lead", lead)["Company"] == both.hs.get("contacts", contact)["company"] == "Decided Ltd"
    assert [set(w.changes) for w in both.written("salesforce")] == [{"Title"}]
    assert [w.changes for w in both.written("hubspot")] == [{"company": ("Overwritten Inc", "Decided Ltd")}]
    assert_in_step(both)


def edit_before_fetch(both: Both, side: str, edit: Callable[[], None]) -> None:
    """Lets a person edit right before the engine looks at its targets once more."""
    connector: Any = both.connectors[side]
    fetch = connector.fetch

    def late(object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        connector.fetch = fetch
        edit()
        found: list[Record] = fetch(object, ids, fields)
        return found

    connector.fetch = late


def test_f29_stale_write_is_decided_again(both: Both) -> None:
    # given an edit in Salesforce that is about to be written to HubSpot
    pairs = crowd(both, 2)
    contact, lead = pairs[0]
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"Title": "Old decision"})
    both.sf.edit("Lead", pairs[1][1], {"Title": "Unconcerned"})
    # when the same field changes in HubSpot after the poll and before the write
    edit_before_fetch(both, "hubspot", lambda: both.hs.edit("contacts", contact, {"jobtitle": "Newer word", "phone": "+14085551234"}))
    reports = both.settle(after=20)
    # then the write is not sent; the next cycle decides anew with what is there now, and the rest of the batch was sent
    assert reports[0].sent.superseded == 1
    assert both.sf.get("Lead", lead)["Title"] == both.hs.get("contacts", contact)["jobtitle"] == "Newer word"
    assert both.sf.get("Lead", lead)["Phone"] == "+14085551234"
    assert both.hs.get("contacts", pairs[1][0])["jobtitle"] == "Unconcerned"
    assert [w.id for w in both.written("hubspot")] == [pairs[1][0]]
    assert both.writes() == {"hubspot": 1, "salesforce": 1}
    outcomes = [e.outcome for e in both.store.journal.of(str(both.person_of("hubspot", "contacts", contact)), limit=2)]
    assert sorted(map(str, outcomes)) == ["done", "superseded"]
    assert_in_step(both)


def test_f29_stale_write_to_salesforce_is_decided_again(both: Both) -> None:
    # given an edit in HubSpot that is about to be written to Salesforce
    ((contact, lead),) = crowd(both, 1)
    both.hs.edit("contacts", contact, {"jobtitle": "Old decision"})
    # when somebody edits another field of the target in between
    edit_before_fetch(both, "salesforce", lambda: both.sf.edit("Lead", lead, {"Phone": "+14085554321"}))
    reports = both.settle()
    # then both values survive
    assert reports[0].sent.superseded == 1
    assert both.sf.get("Lead", lead)["Title"] == "Old decision"
    assert both.hs.get("contacts", contact)["phone"] == "+14085554321"
    assert both.writes() == {"hubspot": 1, "salesforce": 1}
    assert_in_step(both)


def test_f30_a_cleared_value_clears_unless_the_rule_says_no(both: Both) -> None:
    # given four persons in step
    pairs = crowd(both, 4, city="Rome")
    # when values are cleared: on either side, and one that is required
    both.sf.edit("Lead", pairs[0][1], {"Phone": None})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": None})
    both.hs.edit("contacts", pairs[2][0], {"lastname": None, "city": None})
    both.settle()
    # then the other side is cleared, but a required value never is
    assert both.hs.get("contacts", pairs[0][0]).get("phone") is None
    assert both.sf.get("Lead", pairs[1][1]).get("Title") is None
    assert both.sf.get("Lead", pairs[2][1])["LastName"] == "Person2"
    assert both.sf.get("Lead", pairs[2][1]).get("City") is None
    assert both.writes() == {"hubspot": 1, "salesforce": 2}
    both.assert_settled()
    # and what stands on the side that was not cleared can be given back by an edit there
    both.time.advance(5)
    both.sf.edit("Lead", pairs[2][1], {"LastName": "Person-2"})
    both.settle()
    assert both.hs.get("contacts", pairs[2][0])["lastname"] == "Person-2"
    assert_in_step(both)


def test_f30_a_field_that_is_not_shown_is_not_cleared(both: Both) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    # when Salesforce hides a mapped field from us and the record changes otherwise
    both.sf.hide_field("Lead", "Title")
    both.time.advance(400)
    both.sf.edit("Lead", pairs[0][1], {"Phone": "+14085550099", "Title": "Edited in the dark"})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Told in the dark"})
    both.settle()
    # then HubSpot's value stays: a missing key is unknown, not empty; the other field goes through and the loss is named
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Engineer"
    assert both.hs.get("contacts", pairs[0][0])["phone"] == "+14085550099"
    assert [(p.object, p.field) for p in both.problems("unknown_field") if p.person_id is None] == [("Lead", "Title")]
    assert both.writes() == {"hubspot": 1, "salesforce": 0}
    # and when it is shown again, both sides catch up with what happened in the dark
    both.sf.show_field("Lead", "Title")
    both.settle(after=400)
    assert both.problems() == []
    assert both.hs.get("contacts", pairs[0][0])["jobtitle"] == "Edited in the dark"
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Told in the dark"
    assert_in_step(both)


def test_f30_keep_leaves_the_other_side_alone() -> None:
    kept = "  title:       {type: text, hubspot: jobtitle, salesforce: Title, conflict: latest, empty: keep}"
    with Both(edits={"mappings/person.yaml": {TITLE: kept}}) as both:
        # given a person in step, and a field that does not carry clears
        ((contact, lead),) = crowd(both, 1)
        # when Salesforce clears it
        both.sf.edit("Lead", lead, {"Title": None})
        both.settle()
        # then HubSpot keeps its value and nothing is written back either
        assert both.hs.get("contacts", contact)["jobtitle"] == "Engineer"
        assert both.sf.get("Lead", lead).get("Title") is None
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        both.assert_settled()


def test_f30_a_field_carried_at_creation_is_not_filled_again(both: Both) -> None:
    # given a person whose lead source came from HubSpot when the lead was new
    both.hs.create(
        "contacts", {"email": "source@example.com", "lastname": "Source", "hs_analytics_source": "ORGANIC_SEARCH"}, user="system"
    )
    both.settle()
    contact, lead = str(both.contact("source@example.com")["id"]), both.lead("source@example.com")["Id"]
    assert both.sf.get("Lead", lead)["LeadSource"] == "Web"
    # when a rep empties it and the person is edited again and again
    both.sf.edit("Lead", lead, {"LeadSource": None})
    for title in ("Baker", "Smith", "Pilot"):
        both.hs.edit("contacts", contact, {"jobtitle": title})
        both.settle()
        # then it stays empty
        assert both.sf.get("Lead", lead)["Title"] == title
        assert both.sf.get("Lead", lead).get("LeadSource") is None
