"""The pages a person reads and works on by form: what they show, who is said to have done it, what they refuse."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
import requests

REP = {"email": "rep@us.co", "first_name": "Rae", "last_name": "Rep", "time_zone": "Europe/Berlin"}
EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def staged(http):
    ann = {"email": "ann@acme.co", "first_name": "Ann", "last_name": "Lee", "company": "Acme", "website": "https://acme.co"}
    who = {"email": "ann@acme.co", "owner_email": "rep@us.co"}
    activities = [
        {**who, "kind": "note", "body": "First <b>words</b>\nsecond", "at": datetime(2026, 2, 1, 8, tzinfo=UTC)},
        {
            **who,
            "kind": "call",
            "subject": "Intro",
            "at": datetime(2026, 2, 3, 8, tzinfo=UTC),
            "disposition": "busy",
            "duration_seconds": 65,
        },
        {**who, "kind": "task", "subject": "Late one", "due": "2026-03-01"},
        {**who, "kind": "task", "subject": "Next one", "due": "2026-03-09"},
        {**who, "kind": "meeting", "subject": "Demo", "at": datetime(2026, 3, 4, 10, tzinfo=UTC), "duration_seconds": 2700},
    ]
    http.sim.seed(users=[REP], people=[{**ann, "owner_email": "rep@us.co"}], activities=activities)
    return http.sim.all("contacts")[0]["id"]


def page(http, path):
    answer = requests.get(http.sim.url + path, timeout=10)
    assert answer.status_code == 200
    return answer.text


def post(http, verb, headers=None, **fields):
    own = {"Origin": http.sim.url} if headers is None else headers
    return requests.post(f"{http.sim.url}/act/{verb}", data=fields, headers=own, allow_redirects=False, timeout=10)


def on(http, verb, plural, record, **fields):
    return post(http, verb, object=plural, id=record, back=f"/records/{plural}/{record}", **fields)


def task_of(http, subject):
    return next(task for task in http.sim.all("tasks") if task["hs_task_subject"] == subject)


def test_a_contacts_timeline_is_newest_first_below_what_is_ahead(http, staged):
    text = page(http, f"/records/contacts/{staged}")
    order = [text.index(mark) for mark in ("Late one", "Demo", "Next one", "Timeline", "Intro", "second")]
    assert order == sorted(order)
    assert "due 2026-03-01 08:00 UTC – overdue" in text
    assert text.count("overdue</time>") == 1
    assert "First &lt;b&gt;words&lt;/b&gt;" in text
    for shown in ("Busy", "1 min 5 s", "Ann Lee", "owner Rae Rep", "You act as Rae Rep"):
        assert shown in text
    assert "<script" not in text


def test_a_companys_page_has_its_people_and_their_activities(http, staged):
    company = http.sim.all("companies")[0]["id"]
    text = page(http, f"/records/companies/{company}")
    assert f'<a href="/records/contacts/{staged}">Ann Lee</a>' in text
    assert "Intro" in text
    assert f'<a href="/records/companies/{company}">Acme</a>' in page(http, f"/records/contacts/{staged}")
    assert "acme.co" in page(http, "/?object=companies")


def test_completing_and_rescheduling_by_form(http, staged, clock):
    late, ahead = task_of(http, "Late one")["id"], task_of(http, "Next one")["id"]
    clock.tick(5)
    done = post(http, "complete", object="tasks", id=late, back=f"/records/contacts/{staged}")
    assert (done.status_code, done.headers["Location"]) == (303, f"/records/contacts/{staged}")
    assert http.sim.get("tasks", late)["hs_task_status"] == "COMPLETED"
    newest = http.sim.writes[0]
    assert (newest.user, newest.human, newest.object, newest.id) == ("Rae Rep", True, "tasks", late)
    assert on(http, "reschedule", "tasks", ahead, due="2026-03-30").status_code == 303
    assert http.sim.get("tasks", ahead)["hs_timestamp"] == "2026-03-30T07:00:00Z"  # nine in Berlin, whatever the season
    meeting = http.sim.all("meetings")[0]["id"]
    assert on(http, "reschedule", "meetings", meeting, due="2026-03-05T11:00").status_code == 303
    moved = http.sim.get("meetings", meeting)
    assert (moved["hs_meeting_start_time"], moved["hs_meeting_end_time"]) == ("2026-03-05T11:00:00Z", "2026-03-05T11:45:00Z")


def test_logging_calls_notes_and_tasks_by_form(http, staged):
    guid = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
    assert on(http, "call", "contacts", staged, title="Hello", minutes="2.5", disposition=guid, body=EVIL).status_code == 303
    call = http.sim.all("calls")[-1]
    assert (call["hs_call_title"], call["hs_call_duration"], call["hs_call_disposition"]) == ("Hello", "150000", guid)
    assert http.sim.associated("calls", call["id"], "contacts") == [staged]
    assert on(http, "note", "contacts", staged, body="a\nb").status_code == 303
    assert http.sim.all("notes")[-1]["hs_note_body"] == "<p>a<br>b</p>"
    assert on(http, "task", "contacts", staged, subject="New", due="2026-03-12").status_code == 303
    task = task_of(http, "New")
    assert (task["hs_timestamp"], task["hubspot_owner_id"]) == (
        "2026-03-12T08:00:00Z",
        http.sim.get("contacts", staged)["hubspot_owner_id"],
    )
    assert "<img" not in page(http, f"/records/contacts/{staged}")
    assert http.sim.writes[0].user == "Rae Rep"


def test_changing_owner_value_consent_and_deleting(http, staged):
    other = http.sim.add_user({"email": "bo@us.co", "first_name": "Bo"})
    assert on(http, "change", "contacts", staged, property="jobtitle", value="CFO").status_code == 303
    assert on(http, "optout", "contacts", staged).status_code == 303
    assert on(http, "owner", "contacts", staged, owner=other).status_code == 303
    props = http.sim.get("contacts", staged)
    assert (props["jobtitle"], props["hs_email_optout"], props["hubspot_owner_id"]) == ("CFO", "true", other)
    assert {write.user for write in http.sim.writes if write.action == "update"} == {"Rae Rep"}
    assert "Opt out of e-mail" not in page(http, f"/records/contacts/{staged}")
    gone = on(http, "delete", "contacts", staged)
    assert (gone.status_code, gone.headers["Location"]) == (303, "/?object=contacts")
    assert http.sim.all("contacts") == []
    assert "archived" in page(http, f"/records/contacts/{staged}")


@pytest.mark.parametrize(
    ("verb", "fields", "said"),
    [
        ("change", {"property": "email", "value": "no address"}, "Email address no address is invalid"),
        ("change", {"property": "lifecyclestage", "value": EVIL}, "was not one of the allowed options"),
        ("change", {"property": "hs_object_id", "value": "1"}, "read only"),
        ("owner", {"owner": "12"}, "Owner id 12 does not exist"),
        ("call", {"minutes": "long"}, "was not a valid number"),
        ("task", {"subject": "x", "due": "soon"}, "was not a valid long"),
        ("note", {"body": "  "}, "A note needs some text."),
        ("nonsense", {}, "There is no such form."),
    ],
)
def test_a_bad_value_shows_hubspots_own_words_and_changes_nothing(http, staged, verb, fields, said):
    before = {name: http.sim.all(name) for name in ("contacts", "calls", "notes", "tasks")}
    answer = on(http, verb, "contacts", staged, **fields)
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert is not None
    assert said in html.unescape(alert[1])
    assert "<img" not in answer.text
    assert before == {name: http.sim.all(name) for name in before}
    assert list(http.sim.writes) == []


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://evil.example", "Host": "evil.example"}]
)
def test_forms_of_other_sites_are_refused(http, staged, headers):
    assert post(http, "delete", headers, object="contacts", id=staged).status_code == 403
    assert len(http.sim.all("contacts")) == 1


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/records/contacts/1\r\nX: y", "/_sim/options"])
def test_a_form_leads_back_to_these_pages_only(http, staged, back):
    task = task_of(http, "Late one")["id"]
    answer = post(http, "complete", object="tasks", id=task, back=back)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "X" not in answer.headers


def test_forms_are_no_api_calls_and_other_methods_do_nothing(http, staged):
    http.sim.reset_calls()
    on(http, "note", "contacts", staged, body="x")
    assert (http.sim.calls, http.sim.api_calls()) == ([], 0)
    assert requests.put(f"{http.sim.url}/act/note", timeout=10).status_code == 405
    assert requests.get(f"{http.sim.url}/act/note", timeout=10).status_code == 404
    answer = requests.get(f"{http.sim.url}/records/contacts/{staged}", timeout=10)
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
