"""What a CRM does not take of crmsync's own fields: the rest of the record goes through, and it is told once (F42)."""

from __future__ import annotations

from dataclasses import replace

from crmsync.model.process import ProfileRules, Question, QuestionSet, Track
from crmsync.model.rules import Playbook
from scenarios.world import Both

NAMES = ("ann", "bob")
ASKED = ProfileRules(sets=(QuestionSet(name="all", questions=(Question(field="title", ask="What is your role?"),)),))


def renamed(book: Playbook) -> Playbook:
    """A track of a name for which crmsync_track has no option: the field is older than the track."""
    return replace(book, tracks=(Track(name="handholding", stages=("mql", "sal")),), profile=ASKED)


def renamed_again(book: Playbook) -> Playbook:
    return replace(book, tracks=(Track(name="coaching", stages=("mql", "sal")),))


def groups(both: Both) -> list[tuple[str, str, str | None, int]]:
    return [(cause, side, field, count) for cause, side, _, field, count, *_ in both.store.problems.groups()]


def test_f42_a_track_without_an_option_parks_that_field_only() -> None:
    with Both(kinds=()) as both:
        both.settle()
        both.restart(playbook=renamed)
        # when two persons enter a track that HubSpot has no word for
        both.time.advance(60)
        ids = [both.hs.create("contacts", {"email": f"{n}@{n}.example", "lastname": n, "crmsync_stage": "mql"}) for n in NAMES]
        both.settle()
        # then all but that field is there, in both CRMs, and it is one group
        for id in ids:
            shown, lead = both.hs.get("contacts", id), both.lead(str(both.hs.get("contacts", id)["email"]))
            assert (shown.get("crmsync_track"), lead.get("crmsync_track__c")) == (None, "handholding")
            assert (shown["crmsync_stage"], lead["crmsync_stage__c"]) == ("sal", "sal")
            assert shown["crmsync_next_questions"]
            assert lead["crmsync_next_questions__c"] == shown["crmsync_next_questions"]
        assert groups(both) == [("INVALID_OPTION", "hubspot", "crmsync_track", 2)]
        both.assert_settled()
        # and so it is where nothing else is to be written
        both.restart(playbook=renamed_again)
        both.time.advance(60)
        both.settle()
        assert groups(both) == [("INVALID_OPTION", "hubspot", "crmsync_track", 2)]
        assert all("coaching" in problem.message for problem in both.problems())
        both.assert_settled()
        # and it heals with the option
        both.hs.set_options("contacts", "crmsync_track", {"none": "None", "coaching": "Coaching"})
        both.settle(after=4000)
        assert [both.hs.get("contacts", id)["crmsync_track"] for id in ids] == ["coaching"] * 2
        assert both.problems() == []
        both.assert_settled()
