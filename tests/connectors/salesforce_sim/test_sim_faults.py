"""Fault rules, control over HTTP, the clock, the page."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests

from crmsync_salesforce.sim import FaultRule, Simulator


def test_drop_before_does_nothing_and_drop_after_does_the_work(client: Any) -> None:
    body = {"LastName": "x", "Company": "y"}
    client.sim.faults.add(FaultRule(do="drop_before", method="POST", path="/sobjects/Lead", times=1))
    with pytest.raises(requests.ConnectionError):
        client.call("POST", "/sobjects/Lead", json=body)
    assert client.ids("SELECT Id FROM Lead") == []
    client.sim.faults.add({"do": "drop_after", "method": "POST", "path": "/sobjects/Lead", "times": 1})
    with pytest.raises(requests.ConnectionError):
        client.call("POST", "/sobjects/Lead", json=body)
    assert len(client.ids("SELECT Id FROM Lead")) == 1
    assert client.call("POST", "/sobjects/Lead", json=body).status_code == 201


def test_truncate_sends_half(client: Any) -> None:
    client.lead()
    client.sim.faults.add(FaultRule(do="truncate", path="/query", times=1))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError, ValueError)):
        client.query("SELECT Id FROM Lead").json()
    assert client.query("SELECT Id FROM Lead").json()["totalSize"] == 1


def test_status_rules_count_and_order(client: Any) -> None:
    rule = {"do": "status", "path": "/limits", "after": 1, "times": 2, "status": 503, "body": [{"errorCode": "SERVER_UNAVAILABLE"}]}
    client.sim.faults.add({**rule, "headers": {"X-Why": "test"}})
    statuses = [client.call("GET", "/limits").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    client.sim.faults.add(FaultRule(do="status_after", method="POST", path="/sobjects/Lead", status=500, body="oops"))
    answer = client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y"})
    assert (answer.status_code, answer.text) == (500, "oops")
    assert len(client.ids("SELECT Id FROM Lead")) == 1
    client.sim.faults.clear()
    assert client.sim.faults.all() == []


def test_delays_let_other_calls_through(client: Any) -> None:
    client.sim.faults.add(FaultRule(do="delay", path="/limits", seconds=0.05))
    assert client.call("GET", "/limits").status_code == 200


def test_bad_rules_are_refused() -> None:
    for bad in ({"do": "explode"}, {"do": "status", "colour": 1}, {"do": "status", "path": "("}, {}):
        with pytest.raises(ValueError, match=r".+"):
            FaultRule.of(bad)


def test_control_over_http(client: Any) -> None:
    assert client.control("POST", "/faults", json={"do": "status", "path": "/limits", "status": 500}).status_code == 200
    assert client.control("GET", "/faults").json()[0]["path"] == "/limits"
    assert client.call("GET", "/limits").status_code == 500
    client.control("DELETE", "/faults")
    assert client.call("GET", "/limits").status_code == 200
    calls = client.control("GET", "/calls").json()
    assert [call["status"] for call in calls if call["path"].endswith("/limits")] == [500, 200]
    client.control("POST", "/calls/reset")
    assert client.sim.api_calls() == 0
    assert client.control("POST", "/options", json={"latency": 0, "daily_limit": 7}).json()["daily_limit"] == 7
    assert client.control("GET", "/options").json()["daily_limit"] == 7
    for path, body in (
        ("/options", {"nope": 1}),
        ("/options", {"daily_limit": "x"}),
        ("/faults", {"do": "x"}),
        ("/clock", {"when": 1}),
        ("/do", {"verb": "fly"}),
        ("/do", {"verb": "create", "object": "Lead", "fields": {"Nope": 1}}),
        ("/do", {"verb": "edit", "object": "Lead"}),
        ("/clock", {"now": "tomorrow"}),
    ):
        refused = client.control("POST", path, json=body)
        assert refused.status_code == 422
        assert refused.json()["error"]
    assert client.control("GET", "/nothing").status_code == 404


def test_control_acts_like_a_person(client: Any) -> None:
    def do(verb: str, **args: Any) -> Any:
        answer = client.control("POST", "/do", json={"verb": verb, **args})
        assert answer.status_code == 200, answer.text
        return answer.json()

    people = [{"email": "p@x.example", "last_name": "P", "created_at": "2026-01-01T00:00:00Z"}]
    do("seed", users=[{"email": "rep@x.example", "last_name": "Rep"}], people=people)
    lead = client.ids("SELECT Id FROM Lead")[0]
    do("edit", object="Lead", id=lead, fields={"Title": "CEO"}, user="rep@x.example")
    assert do("get", object="Lead", id=lead)["Title"] == "CEO"
    other = do("create", object="Lead", fields={"LastName": "Q", "Company": "x"})["id"]
    assert do("merge", object="Lead", winner_id=lead, loser_ids=[other])["id"] == lead
    contact = do("convert", lead_id=lead)["id"]
    assert client.read("Contact", contact)["Email"] == "p@x.example"
    do("delete", object="Contact", id=contact)
    do("undelete", object="Contact", id=contact)
    assert do("happen", event={"email": "p@x.example", "type": "unsubscribe"}) == {"seen": True}
    assert client.read("Contact", contact)["HasOptedOutOfEmail"] is True
    do("revoke_tokens")
    assert client.call("GET", "/limits").status_code == 401
    owner = client.control("POST", "/options", json={"assignment_owner": client.sim.admin_user})
    rules = client.control("POST", "/options", json={"duplicate_rules": [{"object": "Lead", "action": "block"}]})
    assert (owner.status_code, rules.status_code) == (200, 200)
    assert client.sim.org.duplicate_rules[0].action == "block"


def test_the_clock_jumps_and_runs(client: Any, ticker: Any) -> None:
    client.control("POST", "/clock", json={"now": "2027-01-01T00:00:00Z"})
    assert client.read("Lead", client.lead())["CreatedDate"] == "2027-01-01T00:00:00.000+0000"
    client.control("POST", "/clock", json={"rate": 60})
    ticker.tick(seconds=10)
    assert client.call("GET", "/limits").headers["Date"] == "Fri, 01 Jan 2027 00:10:00 GMT"
    shown = client.control("GET", "/clock").json()
    assert shown == {"now": "2027-01-01T00:10:00+00:00", "rate": 60.0}


def test_events_of_the_world(client: Any) -> None:
    sim = client.sim
    sim.seed(users=[], people=[{"email": "p@x.example", "last_name": "P"}])
    for kind in ("form_submitted", "page_view", "email_open", "email_click"):
        assert sim.happen({"email": "p@x.example", "type": kind}) is False
    assert sim.happen({"email": "p@x.example", "type": "email_reply", "name": "Re: hello"}) is True
    reply = client.records("SELECT Subject, TaskSubtype, IsClosed, Who.Email FROM Task")[0]
    assert (reply["Subject"], reply["TaskSubtype"], reply["IsClosed"]) == ("Email: Re: hello", "Email", True)
    assert sim.happen({"email": "p@x.example", "type": "task_completed"}) is False
    lead = client.ids("SELECT Id FROM Lead")[0]
    task = client.make("Task", Subject="Call", WhoId=lead)
    assert sim.happen({"email": "P@x.example", "type": "task_completed"}) is True
    assert client.read("Task", task)["IsClosed"] is True
    assert client.read("Task", task)["LastModifiedById"] == client.read("Task", task)["OwnerId"]
    fresh = {"email": "new@x.example", "type": "new_person", "person": {"last_name": "New", "company": "Acme"}}
    assert sim.happen(fresh) is True
    assert sim.happen(fresh) is False
    assert client.ids("SELECT Id FROM Lead WHERE Email = 'new@x.example' AND Company = 'Acme'")
    assert sim.writes[0].action == "create"
    assert sim.happen({"email": "nobody@x.example", "type": "unsubscribe"}) is False
    with pytest.raises(ValueError, match="unknown event type"):
        sim.happen({"email": "p@x.example", "type": "sneeze"})


def test_seed_links_accounts_and_owners(client: Any) -> None:
    users = [{"email": "rep@x.example", "first_name": "Rae", "last_name": "Rep", "time_zone": "Europe/Paris"}]
    people = [
        {
            "email": "a@x.example",
            "first_name": "A",
            "last_name": "One",
            "company": "Acme",
            "kind": "contact",
            "owner_email": "REP@x.example",
        },
        {"email": "b@x.example", "last_name": "Two", "company": "ACME", "kind": "contact", "email_opt_out": True},
        {"email": "c@x.example", "last_name": "Three", "employees": 50, "industry": "Banking", "source": "Web"},
    ]
    client.sim.seed(users=users, people=people)
    rows = client.records("SELECT Name, Account.Name, Owner.Email, HasOptedOutOfEmail FROM Contact ORDER BY Name")
    assert [row["Account"]["Name"] for row in rows] == ["Acme", "Acme"]
    assert rows[0]["Owner"]["Email"] == "rep@x.example"
    assert [row["HasOptedOutOfEmail"] for row in rows] == [False, True]
    lead = client.records("SELECT Company, NumberOfEmployees, Status FROM Lead")[0]
    assert (lead["Company"], lead["NumberOfEmployees"], lead["Status"]) == ("Three", 50, "Open - Not Contacted")
    with pytest.raises(ValueError, match="unknown key in person: colour"):
        client.sim.seed(users=[], people=[{"email": "x@x.example", "colour": "red"}])


def test_the_page_shows_records_tasks_and_who_wrote(client: Any) -> None:
    lead = client.lead(LastName="<script>alert(1)</script>")
    client.sim.edit("Lead", lead, {"Title": "Boss & Co"})
    client.make("Task", Subject="Call <b>", ActivityDate="2026-05-05")
    index = requests.get(f"{client.sim.url}/", timeout=10)
    assert index.headers["Content-Type"].startswith("text/html")
    assert "<script>" not in index.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in index.text
    assert "Call &lt;b&gt;" in index.text
    assert '<tr class="integration">' in index.text
    assert '<tr class="human">' in index.text
    assert "Boss &amp; Co" in index.text
    assert "No records." in requests.get(f"{client.sim.url}/?object=Lead&q=zzz", timeout=10).text
    record = requests.get(f"{client.sim.url}/record/Lead/{lead}", timeout=10)
    assert "Boss &amp; Co" in record.text
    assert requests.get(f"{client.sim.url}/record/Lead/nope", timeout=10).status_code == 404
    assert requests.post(f"{client.sim.url}/", timeout=10).status_code == 405
    assert client.sim.calls[-1].path.startswith("/services/")


def test_pages_of_the_page(client: Any) -> None:
    client.sim.create_many("Contact", [{"LastName": f"C{number:03}"} for number in range(40)])
    first = requests.get(f"{client.sim.url}/?object=Contact", timeout=10).text
    second = requests.get(f"{client.sim.url}/?object=Contact&page=2", timeout=10).text
    assert ("C039" in first, "C000" in first) == (True, False)
    assert ("C000" in second, "older →" in second) == (True, False)


def test_environment_and_options() -> None:
    with Simulator(daily_limit=5, client_id="me") as sim:
        environment = sim.environment()
        assert environment["CRMSYNC_SALESFORCE__LOGIN_URL"] == sim.url
        assert environment["CRMSYNC_SALESFORCE__CLIENT_ID"] == "me"
        assert sim.options.daily_limit == 5
    with pytest.raises(ValueError, match="unknown option"):
        Simulator(colour="red")


def test_the_start_does_not_wait_for_what_few_calls_need() -> None:
    program = (
        "import sys, crmsync_salesforce; before = set(sys.modules); import crmsync_salesforce.sim;"
        "print(sorted({'jwt', 'jinja2', 'cryptography'} & (set(sys.modules) - before)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_two_simulators_live_side_by_side(client: Any) -> None:
    with Simulator() as other:
        assert other.url != client.sim.url
        client.lead()
        assert other.all("Lead") == []
