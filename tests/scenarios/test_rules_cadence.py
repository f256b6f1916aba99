"""Every rule of cadences (process.md C1-C8, A3, L6; F57, F77-F80) end to end through both simulated CRMs, over a simulated month in which everybody is worked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from scenarios.stories import SOON, Stage, Stories, Waits, at
from scenarios.touched import KINDS, Watched, asks, days_of, done, local_day
from scenarios.world import SIDES, USERS, Both, Edits

EDITS: Edits = {
    "mappings/person.yaml": {"fields:\n": "fields:\n  expected_amount: {type: number, hubspot: annualrevenue, direction: none}\n"},
    "mappings/followup.yaml": {
        "replies:\n": "templates: {value_email: {needs: [title]}}\nreplies:\n",
    },
    "mappings/playbook.yaml": {
        "  people: {} ": "  people:\n"
        "    pat@corp.example: {away: [{from: 2026-03-09, to: 2026-03-13, cover: sam@corp.example}]}\n"
        "    lou@corp.example: {away: [{from: 2026-03-09, to: 2026-03-13}]}\n  # "
    },
}
REPS = [
    *USERS,
    {"email": "pat@corp.example", "first_name": "Pat", "last_name": "Away", "time_zone": "America/New_York"},
    {"email": "lou@corp.example", "first_name": "Lou", "last_name": "Away", "time_zone": "America/New_York"},
]
stories = Stories()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """All stories of this file, told in one world."""
    with Both(kinds=KINDS, edits=EDITS, users=REPS) as both:
        both.settle()
        watched = Watched(both)
        stage = Stage(both, watched)
        stage.watched = watched  # type: ignore[attr-defined]
        stage.play(stories, both)
        yield stage


def test_c3_never_two_open_made_a_horizon_ahead_due_in_working_hours(stage: Stage) -> None:
    """Of everybody in this file, after every settle; the clocks went forward on day 6."""
    stage.watched.check()  # type: ignore[attr-defined]


TWELVE = (
    # done when, where, subject, TaskSubtype, day, priority, minutes of the reminder before it is due, words of the text in German where there is one
    (at(1), "salesforce", "Call now", "Call", "2026-03-03", "High", 5, "Gesprächsleitfaden: erster Anruf"),
    (at(1, 18), "hubspot", "E-mail", "Email", "2026-03-03", "High", None, "Ihre Vorführung für Mia Works"),
    (at(2), "hubspot", "Call again", "Call", "2026-03-04", "High", 15, ""),
    (at(3), "salesforce", "E-mail with something of value", "Email", "2026-03-05", "Normal", None, "Etwas, das Ihnen auch ohne uns nützt"),
    (at(4), "hubspot", "Connect", "Task", "2026-03-06", "Normal", None, ""),
    (at(7), "salesforce", "Call", "Call", "2026-03-09", "Normal", 15, ""),
    (at(7, 18), "hubspot", "E-mail with a case study", "Email", "2026-03-09", "Normal", None, "Guten Tag Mia Lee"),
    (at(8), "salesforce", "Call", "Call", "2026-03-10", "Normal", 15, ""),
    (at(10), "hubspot", "E-mail with a new angle", "Email", "2026-03-12", "Normal", None, "Guten Tag Mia Lee"),
    (at(11), "salesforce", "Comment or share", "Task", "2026-03-13", "Normal", None, ""),
    (at(14), "hubspot", "Last call", "Call", "2026-03-16", "Normal", 15, ""),
    (at(14, 18), "salesforce", "Break-up e-mail", "Email", "2026-03-16", "Normal", None, "3  Stopp: bitte keine E-Mails mehr."),
)


@stories
def test_c1_c3_c8_l6_twelve_touches_in_fourteen_days(both: Both) -> Waits:
    mia = asks(both, "mia", country="Germany", jobtitle="CTO")
    yield both.time() + SOON
    assert mia.run().name == "standard"
    reminded: list[bool] = []
    for number, (moment, side, subject, subtype, day, priority, reminder, words) in enumerate(TWELVE, 1):
        if moment - both.time() > timedelta(days=2):
            yield moment - timedelta(days=1)  # a day off: what is due on Monday morning is made now
        yield moment
        (task,), (twin,) = mia.open(), mia.open("hubspot")
        shown = (task["Subject"], task["TaskSubtype"], task["ActivityDate"], task["Priority"])
        assert shown == (f"{subject}: Mia Lee (Mia Works)", subtype, day, priority), number
        there = (twin["hs_task_subject"], twin["hs_task_type"], twin["hs_task_priority"])
        assert there == (
            task["Subject"],
            {"Call": "CALL", "Email": "EMAIL", "Task": "TODO"}[subtype],
            "HIGH" if priority == "High" else "MEDIUM",
        )
        assert task["OwnerId"] == both.owner("salesforce", "rita@corp.example")
        assert words in task["Description"]
        assert number == 1 or f"Touch {number} of 12 of the cadence standard." in task["Description"]
        assert "demo_request: Book a demo" in task["Description"], "why this person"
        assert task["IsReminderSet"] is (reminder is not None)
        row = both.store.tasks.by_key([task["crmsync_key__c"]])[task["crmsync_key__c"]]
        assert row.due_at is not None
        assert datetime.fromisoformat(twin["hs_timestamp"]) == row.due_at, (
            "Salesforce knows the day only; the copy has the moment all the same"
        )
        assert int(twin.get("hs_task_reminders") or 0) <= row.due_at.timestamp() * 1000
        if reminder is not None:
            wanted = max(row.due_at - timedelta(minutes=reminder), row.created_at)  # nobody is reminded before there is a task
            assert datetime.fromisoformat(task["ReminderDateTime"]) == wanted, number
            reminded.append(wanted < row.due_at)
        mia.does(side)
    yield at(14, 20)
    assert reminded.count(True) >= 4
    assert mia.open() == mia.open("hubspot") == []
    assert all(done(row) for side in SIDES for row in mia.tasks(side))
    assert mia.contact()["crmsync_touches"] == str(mia.lead()["crmsync_touches__c"]).removesuffix(".0") == "12"
    assert not mia.contact().get("crmsync_next_touch_at")
    yield at(17)
    assert mia.path()[-1] == "sal", "an answer is waited for"
    yield at(17, 20)
    # L6: three days after the last touch they go back to marketing, with the cause
    assert mia.path()[-3:] == ["mql", "sal", "nurture"]
    assert mia.state().stages[-1].cause == "cadence standard finished with no answer"
    assert mia.contact()["crmsync_stage"] == mia.lead()["crmsync_stage__c"] == "nurture"
    assert (mia.contact()["crmsync_recycles"], mia.contact().get("crmsync_cadence") or "") == ("1", "")
    yield at(31)
    assert len(mia.tasks()) == len(mia.tasks("hubspot")) == 12


LIGHT = (
    ("First e-mail", "Email"), ("Connect", "Task"), ("E-mail with something of value", "Email"), ("Comment or share", "Task"),
    ("E-mail with a case study", "Email"), ("E-mail with a new angle", "Email"), ("Last message", "Task"), ("Break-up e-mail", "Email"),
)  # fmt: skip


@stories
def test_c2_light_has_eight_touches_and_nobody_is_called(both: Both) -> Waits:
    leo = asks(both, "leo", annualrevenue="4000", jobtitle="CTO")
    big = asks(both, "big", annualrevenue="40000")
    yield both.time() + SOON
    assert (leo.run().name, big.run().name) == ("light", "standard")
    for moment in (at(1), at(2), at(4), at(7), at(8), at(10), at(14), at(14, 18)):
        yield moment
        leo.does("hubspot")
        if moment == at(1):
            big.does()
    yield at(14, 20)
    assert [(s, r["TaskSubtype"]) for s, r in zip(leo.subjects(), leo.tasks(), strict=True)][1:] == list(LIGHT)[1:]
    assert days_of(leo.tasks())[1:] == ["2026-03-04", "2026-03-06", "2026-03-09", "2026-03-10", "2026-03-12", "2026-03-16", "2026-03-16"]
    yield at(17, 20)
    assert leo.state().stages[-1].cause == "cadence light finished with no answer"


@stories
def test_c4_one_digit_replies_and_the_opt_out_carried_to_both(both: Both) -> Waits:
    later, rival, stop = (asks(both, name) for name in ("later", "rival", "stop"))
    yield at(1)
    for one in (later, rival, stop):
        one.does()
    yield at(1, 18)
    later.says("1\n\nBest\nLater")
    rival.says("2")
    stop.says("3.\n\n> Shall I close the file?")
    yield at(1, 18) + SOON
    told = [(p.path()[-1], p.state().stages[-1].cause) for p in (later, rival, stop)]
    assert told == [
        ("nurture", "replied 1 (bad_timing)"), ("disqualified", "replied 2 (competitor)"), ("nurture", "replied 3")
    ]  # fmt: skip
    yield at(2)
    for one, out in ((later, False), (rival, False), (stop, True)):
        assert (one.contact().get("hs_email_optout") == "true", one.lead()["HasOptedOutOfEmail"]) == (out, out)
        assert not one.run().active
        assert one.contact()["crmsync_stage"] == one.lead()["crmsync_stage__c"]
    yield at(31)
    for one in (later, rival, stop):
        assert (one.subjects(), one.subjects("hubspot")) == (["Call now"], ["Call now"]), "the open touch was taken back, no other was made"
    assert stop.lead()["HasOptedOutOfEmail"] is True


@stories
def test_c4_a_text_with_a_hole_is_not_printed(both: Both) -> Waits:
    ned = asks(both, "ned")
    for moment in (at(1), at(1, 18), at(2)):
        yield moment
        ned.does()
    yield at(3)
    (task,) = ned.open()
    assert ned.subjects()[-1] == "E-mail with something of value"
    assert "The text value_email was left out, for these are not known: title. Please write your own." in task["Description"]
    for row in [*both.sf.all("Task"), *both.hs.all("tasks")]:
        assert not {"{{", "{%", "None"} & set(str(row.get("Description") or row.get("hs_task_body") or "").split()), row


@stories
def test_c5_f77_reply_meeting_opt_out_bounce_and_stage_change_stop(both: Both) -> Waits:
    names = ("answers", "meets", "optsout", "bounces", "moved")
    answers, meets, optsout, bounces, moved = people = [asks(both, name) for name in names]
    yield at(1)
    for one in people:
        one.does()
    yield at(1, 18)
    assert {tuple(one.subjects()) for one in people} == {("Call now", "E-mail")}
    answers.says("Thank you, that sounds interesting. Who would come along?")
    meets.happens("meeting_booked", name="Demo")
    optsout.happens("unsubscribe")
    bounces.happens("email_bounce")
    both.sf.edit("Lead", moved.lead()["Id"], {"crmsync_stage__c": "nurture"})
    yield at(1, 18) + SOON
    assert [one.run().ended for one in people] == ["answered", "meeting", "opted out", "address bounced", "stage left"]
    assert [one.contact().get("crmsync_cadence") or "" for one in people] == [""] * 5
    states = {task.key: task.state for one in (optsout, bounces, moved) for task in both.store.touches.tasks_of([one.who])[one.who]}
    assert sorted(states.values()) == ["deleted"] * 3 + ["done"] * 3, "what is taken back is known as deleted at once"
    yield at(2)
    # who answered or booked waits for the rep: that touch stays; the others are taken back in both CRMs
    for one, left in ((answers, 2), (meets, 2), (optsout, 1), (bounces, 1), (moved, 1)):
        assert (len(one.tasks()), len(one.tasks("hubspot"))) == (left, left), one.email
    answers.does("hubspot")
    yield at(31)
    for one, left in ((answers, 2), (meets, 2), (optsout, 1), (bounces, 1), (moved, 1)):
        assert (len(one.tasks()), len(one.tasks("hubspot"))) == (left, left), f"later touches of {one.email}"


@stories
def test_c5_f77_out_of_office_pauses_until_the_day_they_are_back(both: Both) -> Waits:
    ooo = asks(both, "ooo")
    yield at(1)
    ooo.does()
    yield at(1, 18)
    ooo.says("I am out of the office until March 17, 2026.", subject="Automatic reply: Your demo")
    yield at(2)
    assert ooo.run().paused == "out of office"
    ooo.does()  # what is open may be done all the same
    yield at(3)
    assert (ooo.run().active, ooo.open()) == (True, [])
    yield at(14)
    assert ooo.open() == []
    assert ooo.contact()["crmsync_next_touch_at"][:10] == "2026-03-18"
    yield at(16)
    assert [(row["ActivityDate"], row["Subject"].split(":")[0]) for row in ooo.open()] == [("2026-03-18", "Call again")]
    assert ooo.run().paused == ""


@stories
def test_c5_f78_a_rep_who_is_away_is_stood_in_for_or_waited_for(both: Both) -> Waits:
    """Pat's persons go to Sam from Monday to Friday of the second week; Lou has nobody, so theirs wait."""
    worked, idle = asks(both, "worked", "pat@corp.example"), asks(both, "idle", "pat@corp.example")
    waits, stuck = asks(both, "waits", "lou@corp.example"), asks(both, "stuck", "lou@corp.example")
    for moment in (at(1), at(1, 18), at(2), at(3)):
        yield moment
        for one in (worked, idle, waits, stuck):
            one.does()
    yield at(4)
    worked.does()
    waits.does("hubspot")
    owner = {mail: {side: both.owner(side, f"{mail}@corp.example") for side in SIDES} for mail in ("pat", "sam", "lou")}
    # away since midnight: at noon of Monday
    yield at(7)
    assert [(t["OwnerId"], t["ActivityDate"]) for t in worked.open()] == [(owner["sam"]["salesforce"], "2026-03-09")]
    assert waits.open() == []
    (moved,), (twin,) = idle.open(), idle.open("hubspot")
    assert (moved["OwnerId"], twin["hubspot_owner_id"]) == (owner["sam"]["salesforce"], owner["sam"]["hubspot"]), (
        "the open touch went along"
    )
    (kept,), (twin,) = stuck.open(), stuck.open("hubspot")
    assert (kept["OwnerId"], kept["ActivityDate"]) == (owner["lou"]["salesforce"], "2026-03-16")
    assert twin["hs_timestamp"].startswith("2026-03-16")
    assert {p.contact()["hubspot_owner_id"] for p in (worked, idle)} == {owner["pat"]["hubspot"]}, "persons stay with their rep"
    assert {row["OwnerId"] for row in worked.tasks()[:-1]} == {owner["pat"]["salesforce"]}, "done tasks stay"
    worked.does("hubspot")
    # back on Monday: the open touch comes back to Pat, and what waited for Lou is there
    yield at(14)
    assert [(t["OwnerId"], local_day(idle.run().due_at)) for t in idle.open()] == [(owner["pat"]["salesforce"], "2026-03-16")]
    assert [(t["OwnerId"], t["ActivityDate"]) for t in waits.open()] == [(owner["lou"]["salesforce"], "2026-03-16")]
    assert len(worked.open()) == 1


@stories
def test_c5_f57_a_new_owner_gets_the_open_touch_in_both_crms(both: Both) -> Waits:
    fae, gil = asks(both, "fae"), asks(both, "gil")
    yield at(1)
    fae.does()
    gil.does()
    yield at(1, 18)
    rita, sam = ({side: both.owner(side, f"{name}@corp.example") for side in SIDES} for name in ("rita", "sam"))
    fae.edits(hubspot_owner_id=sam["hubspot"])
    both.sf.edit("Lead", gil.lead()["Id"], {"OwnerId": sam["salesforce"]})
    yield at(1, 18) + SOON
    yield at(2)
    for one in (fae, gil):
        assert [row["OwnerId"] for row in one.tasks()] == [rita["salesforce"], sam["salesforce"]]
        assert [row["hubspot_owner_id"] for row in one.tasks("hubspot")] == [rita["hubspot"], sam["hubspot"]]
        assert one.run().step == 1
        one.does("hubspot")
    yield at(2) + SOON
    assert {row["OwnerId"] for one in (fae, gil) for row in one.open()} == {sam["salesforce"]}


@stories
def test_c6_f80_one_cadence_for_each_person(both: Both) -> Waits:
    again, back = asks(both, "again"), asks(both, "back")
    ann, ana = asks(both, "ann", company="Ann Works"), asks(both, "ana", "sam@corp.example", company="Ann Works")
    yield at(1)
    for one in (again, back, ann, ana):
        one.does()
    yield at(1, 18)
    first = again.run()
    again.happens("form_submitted", name="Request a demo")
    both.sf.edit("Lead", back.lead()["Id"], {"crmsync_disposition__c": "rejected", "crmsync_reason_code__c": "bad_timing"})
    before = back.run()
    yield at(2)
    # a second request does not begin another one
    assert (again.run().started_at, again.run().step, again.subjects()) == (first.started_at, 1, ["Call now", "E-mail"])
    # who was sent back is in none, and in a new one when they ask again
    assert (back.path()[-1], back.run().ended, back.subjects()) == ("nurture", "stage left", ["Call now"])
    back.happens("form_submitted", name="Request a demo")
    both.hs.merge("contacts", ann.id, [ana.id])
    yield at(2) + SOON
    yield at(3)
    assert (back.path()[-1], back.run().active, back.run().step) == ("sal", True, 0)
    assert back.run().started_at > before.started_at
    assert (back.subjects(), len(back.open()), len(back.open("hubspot"))) == (["Call now", "Call now"], 1, 1)
    back.does()
    # two records of one person: one cadence, one open touch
    both_of = [
        row
        for row in both.sf.all("Task")
        if not done(row) and row["Subject"].endswith("(Ann Works)") and "-touch-" in row["crmsync_key__c"]
    ]
    assert [row["crmsync_key__c"].split("-touch-")[0] for row in both_of] == [ann.who]
    yield at(3) + SOON
    assert back.subjects()[2:] == ["E-mail"], "the touches of the new one are made although the old one had them, too"


@stories
def test_c7_f79_one_advance_for_each_touch(both: Both) -> Waits:
    names = ("twice", "logged", "bycall", "gonesf", "gonehs", "owntask")
    twice, logged, bycall, gonesf, gonehs, owntask = people = [asks(both, name, jobtitle="CTO") for name in names]
    yield at(1)
    for one in people:
        one.does()
    yield at(1, 18)
    for one in people:
        assert (one.run().step, len(one.tasks())) == (1, 2)
    for one in (logged, bycall, owntask):
        one.does()
    twice.does("salesforce")
    twice.does("hubspot")
    both.sf.delete("Task", gonesf.open()[0]["Id"])
    both.hs.delete("tasks", str(gonehs.open("hubspot")[0]["id"]))
    yield at(1, 18) + SOON
    yield at(2)
    # completed in both at once: one touch, one step; deleted in either: passed over, counted by nobody
    assert (twice.run().step, twice.contact()["crmsync_touches"], len(twice.tasks())) == (2, "2", 3)
    for one in (gonesf, gonehs):
        assert (one.run().step, one.contact()["crmsync_touches"]) == (2, "1")
        assert one.subjects() == one.subjects("hubspot") == ["Call now", "Call again"], "not made again"
    # a call is open: one logs it and completes the task, one only logs it, one completes a task of their own beside it
    logged.happens("call_logged", name="Tried again", outcome="no_answer")
    logged.does()
    bycall.happens("call_logged", name="Tried again", outcome="no_answer")
    mine = both.enter("task", "salesforce", owntask.lead()["Id"], Subject="Call Owntask back")
    both.edit("task", "salesforce", mine, Status="Completed")
    owntask.does("hubspot")
    yield at(2) + SOON
    yield at(3)
    for one in (logged, bycall, owntask):
        assert (one.run().step, one.contact()["crmsync_touches"]) == (3, "3"), one.email
        assert len(one.open()) == len(one.open("hubspot")) == 1
        assert one.subjects()[-1] == "E-mail with something of value"
    assert bycall.subjects() == ["Call now", "E-mail", "E-mail with something of value"], "the task of what was logged is taken back"


@stories
def test_a3_no_response_waits_for_eight_touches(both: Both) -> Waits:
    eve = asks(both, "eve", jobtitle="CTO")
    yield at(1)
    eve.does()
    yield at(1, 18)
    eve.does("hubspot")
    both.sf.edit("Lead", eve.lead()["Id"], {"crmsync_disposition__c": "rejected", "crmsync_reason_code__c": "no_response"})
    yield at(2)
    asked = [row for row in eve.tasks() if row["Subject"].startswith("Keep trying")]
    assert [row["Subject"] for row in asked] == ["Keep trying (2 of 8 touches): Eve Lee (Eve Works)"]
    assert eve.path()[-1] == "sal"
    who = eve.who
    assert [p.cause for p in both.problems("too_few_touches") if p.person_id == who] == ["too_few_touches"]
    for moment in (at(2), at(3), at(4), at(7), at(7, 18)):
        yield moment
        (touch,) = [row for row in eve.open() if not row["Subject"].startswith("Keep trying")]
        both.sf.edit("Task", touch["Id"], {"Status": "Completed"})
    yield at(8)
    assert (eve.path()[-1], eve.contact()["crmsync_touches"]) == ("sal", "7")
    (touch,) = [row for row in eve.open() if not row["Subject"].startswith("Keep trying")]
    both.sf.edit("Task", touch["Id"], {"Status": "Completed"})
    yield at(8) + SOON
    yield at(10)
    # with the eighth it is accepted by itself
    assert (eve.path()[-1], eve.contact()["crmsync_touches"]) == ("nurture", "8")
    assert eve.state().stages[-1].cause.startswith("disposition rejected (no_response)")
    assert eve.lead()["crmsync_stage__c"] == "nurture"
    assert [p for p in both.problems("too_few_touches") if p.person_id == who] == []


@stories
def test_a3_l2_a_stage_set_by_hand_stands_and_its_no_response_does_not(both: Both) -> Waits:
    hal = asks(both, "hal", jobtitle="CTO")
    yield at(1)
    hal.does()
    yield at(1, 18)
    lead = hal.lead()["Id"]
    both.sf.edit("Lead", lead, {"crmsync_stage__c": "disqualified", "crmsync_reason_code__c": "no_response"})
    yield at(2)
    assert hal.path()[-1] == hal.contact()["crmsync_stage"] == hal.lead()["crmsync_stage__c"] == "disqualified"
    for side in SIDES:
        assert len(hal.open(side)) == 1
        assert hal.subjects(side)[-1] == "Keep trying (1 of 8 touches)"
    assert "The stage disqualified stands" in hal.open()[0]["Description"]
    assert [p.cause for p in both.problems() if p.person_id == hal.who] == ["too_few_touches"]
    both.sf.edit("Lead", lead, {"crmsync_reason_code__c": "wrong_icp"})
    yield at(3)
    assert ([p for p in both.problems() if p.person_id == hal.who], hal.path()[-1]) == ([], "disqualified")


@stories
def test_a3_l6_nobody_is_given_up_whose_touches_were_deleted(both: Both) -> Waits:
    del_ = asks(both, "dell", jobtitle="CTO")
    yield at(1)
    del_.does()
    for moment in (at(1, 18), at(2), at(3), at(4), at(7), at(7, 18), at(8), at(10), at(11), at(14), at(14, 18)):
        yield moment
        (task,) = del_.open("hubspot")
        both.hs.delete("tasks", str(task["id"]))
    yield at(14, 20)
    for side in SIDES:  # the rep is asked in the CRM, once
        (task,) = del_.open(side)
        assert del_.subjects(side)[-1] == "Keep trying (1 of 8 touches)"
    yield at(31)
    assert [len(del_.open(side)) for side in SIDES] == [1, 1]
    assert (del_.path()[-1], del_.run().active) == ("sal", True)
    (problem,) = [p for p in both.problems("too_few_touches") if p.person_id == del_.who]
    assert "the cadence standard is over after 1 of at least 8 touches" in problem.message
