"""Seeding, live events, exports, preferences, webhooks, the pages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

ANN = {"email": "ann@acme.co", "first_name": "Ann", "last_name": "Lee"}


def _person(**more):
    return {
        "email": "Zed@Firm.co",
        "first_name": "Zed",
        "last_name": "Ox",
        "title": "CFO",
        "company": "Firm",
        "website": "https://www.firm.co/x",
        "employees": 40,
        "industry": "Banking",
        "owner_email": "ann@acme.co",
        "source": "Web",
        "created_at": datetime(2025, 1, 2, tzinfo=UTC),
        **more,
    }


def test_seed_makes_owners_contacts_and_companies_visible_at_once(http):
    http.sim.seed(users=[ANN], people=[_person(email_opt_out=True), _person(email="two@firm.co", company="FIRM")])
    first, second = http.sim.all("contacts")
    owner = http("GET", "/crm/v3/owners").json()["results"][0]
    assert (first["email"], first["jobtitle"], first["numemployees"]) == ("zed@firm.co", "CFO", "25-50")
    assert (first["hubspot_owner_id"], first["createdate"]) == (owner["id"], "2025-01-02T00:00:00Z")
    assert (first["hs_email_optout"], first["hs_analytics_source"]) == ("true", "ORGANIC_SEARCH")
    (company,) = http.sim.all("companies")
    assert (company["domain"], company["numberofemployees"], company["industry"]) == ("firm.co", "40", "BANKING")
    assert first["associatedcompanyid"] == second["associatedcompanyid"] == company["id"]
    assert http.sim.associated("companies", company["id"], "contacts") == [first["id"], second["id"]]
    assert http.found() == [first["id"], second["id"]]
    with pytest.raises(ValueError, match="two people"):
        http.sim.seed(users=[], people=[_person()])


def test_events_set_read_only_properties_with_history(http, clock):
    contact = http.contact(email="a@b.co")
    clock.tick(1)
    assert http.sim.happen({"email": "A@b.co", "type": "form_submitted", "name": "Book a demo"}) is True
    clock.tick(1)
    http.sim.happen({"email": "a@b.co", "type": "form_submitted", "name": "Pricing"})
    http.sim.happen({"email": "a@b.co", "type": "page_view", "name": "https://x.co/pricing"})
    http.sim.happen({"email": "a@b.co", "type": "email_open"})
    http.sim.happen({"email": "a@b.co", "type": "email_click"})
    http.sim.happen({"email": "a@b.co", "type": "email_reply"})
    http.sim.happen({"email": "a@b.co", "type": "unsubscribe"})
    got = http.sim.get("contacts", contact)
    assert (got["first_conversion_event_name"], got["recent_conversion_event_name"], got["num_conversion_events"]) == (
        "Book a demo",
        "Pricing",
        "2",
    )
    assert got["recent_conversion_date"] == "2026-03-02T09:00:02.250Z"
    assert (got["hs_analytics_last_url"], got["hs_analytics_num_page_views"]) == ("https://x.co/pricing", "1")
    stamp = "2026-03-02T09:00:02.250Z"
    assert got["hs_email_last_open_date"] == got["hs_email_last_click_date"] == got["hs_email_last_reply_date"] == stamp
    assert (got["hs_email_optout"], got["lastmodifieddate"]) == ("true", stamp)
    path = f"/crm/v3/objects/contacts/{contact}?propertiesWithHistory=recent_conversion_event_name"
    history = http("GET", path).json()["propertiesWithHistory"]["recent_conversion_event_name"]
    assert [(v["value"], v["sourceType"]) for v in history] == [("Pricing", "FORM"), ("Book a demo", "FORM")]


def test_new_people_unknown_people_and_tasks(http):
    http.sim.seed(users=[ANN], people=[])
    assert http.sim.happen({"email": "n@b.co", "type": "page_view"}) is False
    assert http.sim.happen({"email": "n@b.co", "type": "new_person", "person": {"first_name": "N"}}) is True
    assert http.sim.happen({"email": "n@b.co", "type": "new_person"}) is False
    assert http.sim.happen({"email": "m@b.co", "type": "form_submitted", "name": "Demo"}) is True
    first = http.sim.all("contacts")[0]
    assert first["firstname"] == "N"
    assert http.sim.happen({"email": "n@b.co", "type": "task_completed"}) is False
    owner = http("GET", "/crm/v3/owners").json()["results"][0]["id"]
    task = http.sim.create(
        "tasks",
        {"hs_timestamp": "2026-03-03", "hs_task_subject": "Call", "hubspot_owner_id": owner, "associations": {"contacts": [first["id"]]}},
        user="integration",
    )
    assert http.sim.happen({"email": "n@b.co", "type": "task_completed", "name": "Call"}) is True
    assert http.sim.get("tasks", task)["hs_task_status"] == "COMPLETED"
    newest = http.sim.writes[0]
    assert (newest.user, newest.human, newest.changes["hs_task_status"]) == ("Ann Lee", True, ("NOT_STARTED", "COMPLETED"))
    with pytest.raises(ValueError, match="unknown event type"):
        http.sim.happen({"email": "n@b.co", "type": "telepathy"})


def test_loading_a_dirty_export(http, tmp_path):
    http.sim.add_user(ANN)
    path = tmp_path / "contacts.csv"
    path.write_text(
        "Record ID,First Name,Email,Phone Number,Lifecycle Stage,Contact owner,Create Date,Favourite Colour,hs_lead_status,\n"
        "551,Ada,Ada@x.co,+44 20 7946 0000,Marketing Qualified Lead,Ann Lee,2024-05-01 10:20,Blue,New,\n"
        "552,Ada again,ada@x.co,,Lead,,,,,\n"
        "553,Bob,bob@x.co,,No Such Stage,Nobody Known,05/02/2024,,Open,\n",
        encoding="utf-8-sig",
    )
    counts = http.sim.load(path)
    assert counts == {"contacts": 2, "columns": 9, "new_properties": 1, "duplicates": 1, "skipped": 0, "bad_values": 2}
    ada, bob = http.sim.all("contacts")
    assert (ada["email"], ada["lifecyclestage"], ada["favourite_colour"], ada["hs_lead_status"]) == (
        "ada@x.co",
        "marketingqualifiedlead",
        "Blue",
        "NEW",
    )
    assert (ada["createdate"], ada["hubspot_owner_id"]) == (
        "2024-05-01T10:20:00Z",
        http("GET", "/crm/v3/owners").json()["results"][0]["id"],
    )
    assert (bob["createdate"], bob["lifecyclestage"]) == ("2024-05-02T00:00:00Z", "lead")
    assert http("GET", "/crm/v3/properties/contacts/favourite_colour").json()["label"] == "Favourite Colour"
    broken = tmp_path / "broken.csv"
    broken.write_text('Email,First Name\na@b.co,"open quote\n')
    with pytest.raises(ValueError, match=r"broken\.csv, row"):
        http.sim.load(broken)
    with pytest.raises(ValueError, match="cannot be read"):
        http.sim.load(tmp_path / "absent.csv")


def test_opting_out_through_v4_and_v3(make):
    http = make()
    contact = http.contact(email="a@b.co")
    assert http("PATCH", f"/crm/v3/objects/contacts/{contact}", {"properties": {"hs_email_optout": "true"}}).status_code == 400
    assert http("POST", "/communication-preferences/v4/statuses/a%40b.co/unsubscribe-all").status_code == 400
    assert "hs_email_optout" not in http.sim.get("contacts", contact)
    out = http("POST", "/communication-preferences/v4/statuses/a%40b.co/unsubscribe-all?channel=EMAIL")
    assert out.status_code == 200
    assert http.sim.get("contacts", contact)["hs_email_optout"] == "true"
    assert out.json()["results"][0]["status"] == "UNSUBSCRIBED"
    back = http("POST", "/communication-preferences/v3/subscribe", {"emailAddress": "a@b.co", "subscriptionId": "237525690"})
    assert back.status_code == 400
    http.sim.options.change("resubscribe_allowed", True)
    http("POST", "/communication-preferences/v3/subscribe", {"emailAddress": "a@b.co", "subscriptionId": "237525690"})
    assert http.sim.get("contacts", contact)["hs_email_optout"] == "false"
    other = http.contact(email="c@d.co")
    ids = [d["id"] for d in http("GET", "/communication-preferences/v3/definitions").json()["subscriptionDefinitions"]]
    http("POST", "/communication-preferences/v3/unsubscribe", {"emailAddress": "c@d.co", "subscriptionId": ids[0]})
    assert "hs_email_optout" not in http.sim.get("contacts", other)
    http(
        "POST",
        "/communication-preferences/v4/statuses/c@d.co",
        {"subscriptionId": int(ids[1]), "statusState": "UNSUBSCRIBED", "channel": "EMAIL"},
    )
    assert http.sim.get("contacts", other)["hs_email_optout"] == "true"
    status = http("GET", "/communication-preferences/v3/status/email/c@d.co").json()["subscriptionStatuses"]
    assert {s["status"] for s in status} == {"NOT_SUBSCRIBED"}
    http.sim.options.change("preferences_api", "v3")
    assert http("GET", "/communication-preferences/v4/definitions").status_code == 404


@pytest.fixture
def receiver():
    """A webhook target that refuses the first delivery."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(503 if len(got) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/hubspot", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_webhooks_are_signed_batched_and_retried(make, receiver):
    url, got = receiver
    http = make(webhooks=[(url, ["contact.creation", "contact.propertyChange:firstname", "contact.merge"])], webhook_retry_seconds=0.01)
    http.contact(email="a@b.co", firstname="A")
    assert http.sim.webhooks.wait_idle()
    headers, body = got[1]
    first = json.loads(got[0][1])
    events = json.loads(body)
    assert [e["attemptNumber"] for e in (first[0], events[0])] == [0, 1]
    assert {(e["subscriptionType"], e.get("propertyName")) for d in got[1:] for e in json.loads(d[1])} == {
        ("contact.creation", None),
        ("contact.propertyChange", "firstname"),
    }
    source = b"POST" + url.encode() + body + headers["X-HubSpot-Request-Timestamp"].encode()
    expected = base64.b64encode(hmac.new(http.sim.options.client_secret.encode(), source, hashlib.sha256).digest()).decode()
    assert headers["X-HubSpot-Signature-v3"] == expected
    assert events[0]["portalId"] == http.sim.options.portal_id
    assert events[0]["occurredAt"] == 1772442000250


def test_property_change_needs_a_property(make):
    with pytest.raises(ValueError, match="subscribed per property"):
        make(webhooks=[("http://127.0.0.1:1/x", ["contact.propertyChange"])])


def test_pages_are_escaped_and_mark_who_wrote(http):
    contact = http.contact(email="a@b.co", firstname="<script>alert(1)</script>")
    http.sim.seed(users=[ANN], people=[])
    http.sim.edit("contacts", contact, {"jobtitle": "CEO"}, user="ann@acme.co")
    http.sim.create("tasks", {"hs_timestamp": "2026-03-03", "hs_task_subject": "Ring <b>", "associations": {"contacts": [contact]}})
    for path in ("/", "/?q=script", f"/records/contacts/{contact}", "/?object=tasks"):
        page = requests.get(http.sim.url + path, timeout=5)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "<script>" not in page.text
    overview = requests.get(http.sim.url + "/", timeout=5).text
    assert "&lt;script&gt;" in overview
    assert "Ring &lt;b&gt;" in overview
    assert '<span class="person">person</span> Ann Lee' in overview
    assert '<span class="machine">automatic</span> integration' in overview
    assert requests.get(http.sim.url + "/?q=nobody", timeout=5).text.count("No records.") == 1
    for bad in ("/?object=boats", "/records/contacts/1", "/records/boats/1"):
        assert requests.get(http.sim.url + bad, timeout=5).status_code == 404


def test_environment_by_kind_of_authentication(make):
    private, oauth = make().sim.environment(), make(auth="oauth").sim.environment()
    assert "CRMSYNC_HUBSPOT__ACCESS_TOKEN" in private
    assert {"CRMSYNC_HUBSPOT__CLIENT_ID", "CRMSYNC_HUBSPOT__CLIENT_SECRET", "CRMSYNC_HUBSPOT__REFRESH_TOKEN"} <= oauth.keys()
    assert private["CRMSYNC_HUBSPOT__BASE_URL"].startswith("http://127.0.0.1:")


def test_a_refused_bulk_leaves_nothing_behind(http):
    with pytest.raises(ValueError, match="already exists"):
        http.sim.create_many("contacts", [{"email": "a@b.co"}, {"email": "A@b.co"}])
    with pytest.raises(ValueError, match="does not exist"):
        http.sim.create_many("contacts", [{"email": "a@b.co"}, {"nonsense": "x"}])
    assert http.sim.all("contacts") == []
    assert http.contact(email="a@b.co")


def test_what_reps_and_prospects_do_on_a_timeline(http: Any) -> None:
    for who in ("rep", "boss"):
        http.sim.add_user({"email": f"{who}@acme.co", "first_name": who})
    owners = {o["email"]: o["id"] for o in http("GET", "/crm/v3/owners").json()["results"]}
    contact = http.sim.create("contacts", {"email": "a@b.co", "hubspot_owner_id": owners["rep@acme.co"]})
    assert http.sim.happen({"email": "a@b.co", "type": "email_received", "name": "Re: Offer", "text": "1\n<b>Later</b>"})
    assert http.sim.happen({"email": "a@b.co", "type": "call_logged", "outcome": "no_answer", "by": "boss@acme.co"})
    assert http.sim.happen({"email": "a@b.co", "type": "meeting_booked", "start": "2026-06-20T09:00:00+00:00"})
    assert not http.sim.happen({"email": "nobody@b.co", "type": "email_received"})
    (mail,), (call,), (meeting,) = (http.sim.all(plural) for plural in ("emails", "calls", "meetings"))
    assert (mail["hs_email_direction"], mail["hs_email_text"]) == ("INCOMING_EMAIL", "1\n<b>Later</b>")
    assert "&lt;b&gt;" in mail["hs_email_html"], "a stranger's text is no markup"
    assert call["hs_call_disposition"] == "73a0d17f-1163-4015-bdd5-ec830791da20"
    assert [row["hubspot_owner_id"] for row in (mail, call, meeting)] == [owners[f"{who}@acme.co"] for who in ("rep", "boss", "rep")]
    assert meeting["hs_meeting_start_time"].startswith("2026-06-20T09:00:00")
    assert http.sim.get("contacts", contact)["engagements_last_meeting_booked"]
    for plural, row in (("emails", mail), ("calls", call), ("meetings", meeting)):
        assert http.sim.associated(plural, row["id"], "contacts") == [contact]
    with pytest.raises(ValueError, match="outcome must be one of"):
        http.sim.happen({"email": "a@b.co", "type": "call_logged", "outcome": "shrug"})


def test_an_admin_keeps_users_over_the_control_address(http: Any) -> None:
    def do(**body: Any) -> Any:
        answer = http("POST", "/_sim/do", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    owner = do(verb="add_user", user={"email": "rep@acme.co", "first_name": "Rep"})
    team = do(verb="join_team", email="rep@acme.co", team="EMEA")
    do(verb="add_user_property", name="deputy")
    do(verb="set_user", email="rep@acme.co", properties={"deputy": "boss@acme.co"})
    assert http("GET", f"/crm/v3/owners/{owner}").json()["teams"] == [{"id": team, "name": "EMEA", "primary": True}]
    do(verb="leave_teams", email="rep@acme.co")
    do(verb="deactivate_user", email="rep@acme.co")
    assert http("GET", f"/crm/v3/owners/{owner}?archived=true").json()["archived"] is True
    refused = http("POST", "/_sim/do", {"verb": "set_user", "email": "rep@acme.co", "properties": {"hs_email": "x"}})
    assert refused.status_code == 422
