"""Rate limits, headers, faults, control addresses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests

GROUPAROO = "recorded/grouparoo/hubspot/export-objects__export-records-contact.json"


def _recorded(entries, status, part):
    return next(e for e in entries if e["status"] == status and part in e["path"])


def test_ten_secondly_limit(make, clock):
    http = make(rate_limits=True, burst=5)
    for left in range(4, -1, -1):
        answer = http("GET", "/crm/v3/objects/contacts")
        assert answer.headers["X-HubSpot-RateLimit-Remaining"] == str(left)
    refused = http("GET", "/crm/v3/objects/contacts")
    assert refused.status_code == 429
    body = refused.json()
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "Retry-After" not in refused.headers
    clock.tick(10)
    assert http("GET", "/crm/v3/objects/contacts").status_code == 200


def test_search_limit_and_its_own_429(make, clock, recorded, same_shape):
    http = make(rate_limits=True)
    for _ in range(5):
        assert http.search([]).status_code == 200
    refused = http.search([])
    theirs = _recorded(recorded(GROUPAROO), 429, "/search")
    assert refused.status_code == 429
    same_shape(refused.json(), theirs["response"])
    assert {k: v for k, v in refused.json().items() if k != "correlationId"} == {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "category": "RATE_LIMITS",
    }
    assert "Retry-After" not in refused.headers
    assert http("GET", "/crm/v3/objects/contacts").status_code == 200
    clock.tick(1)
    assert http.search([]).status_code == 200


@pytest.mark.parametrize(("status", "part"), [(200, "/search"), (201, "/batch/create"), (204, "/batch/archive")])
def test_recorded_headers(http, recorded, status, part):
    theirs = _recorded(recorded(GROUPAROO), status, part)
    body = {"filterGroups": []} if status == 200 else {"inputs": [{"id": "1", "properties": {"email": "a@b.co"}}]}
    ours = http("POST", "/crm/v3/objects/CONTACT" + part, body)
    assert ours.status_code == status
    wanted = {h.lower() for h in theirs["headers"] if h.lower().startswith("x-hubspot")}
    assert {h.lower() for h in ours.headers if h.lower().startswith("x-hubspot")} == wanted


def test_oauth_apps_see_110_and_no_daily_headers(make):
    http = make(auth="oauth")
    answer = http("GET", "/crm/v3/objects/contacts")
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in answer.headers


def test_daily_limit_ends_at_midnight_of_the_account(make, clock):
    http = make(daily_limit=2)
    for _ in range(2):
        http("GET", "/crm/v3/owners")
    refused = http("GET", "/crm/v3/owners")
    assert refused.status_code == 429
    assert (refused.json()["message"], refused.json()["policyName"]) == ("You have reached your daily limit.", "DAILY")
    clock.tick(19 * 3600 + 3599)
    assert http("GET", "/crm/v3/owners").status_code == 429
    clock.tick(1)
    assert http("GET", "/crm/v3/owners").status_code == 200


def test_calls_are_listed_and_billed(http):
    http("GET", "/crm/v3/owners")
    http.session.headers["Authorization"] = "Bearer nobody"
    http("GET", "/crm/v3/owners")
    assert [(c.method, c.path, c.status, c.billed) for c in http.sim.calls] == [
        ("GET", "/crm/v3/owners", 200, True),
        ("GET", "/crm/v3/owners", 401, False),
    ]
    assert http.sim.api_calls() == 1
    requests.post(http.sim.url + "/_sim/calls/reset", timeout=5)
    assert http.sim.api_calls() == 0
    assert requests.get(http.sim.url + "/_sim/calls", timeout=5).json() == {"calls": [], "billed": 0}


@pytest.mark.parametrize("status", [423, 477, 502])
def test_status_fault_after_and_times(http, status):
    http.sim.faults.add({"do": "status", "status": status, "after": 1, "times": 2, "path": "owners", "headers": {"Retry-After": "2"}})
    answers = [http("GET", "/crm/v3/owners") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, status, status, 200]
    assert answers[1].headers["Retry-After"] == "2"


def test_the_date_header_tells_the_portals_own_time(http, clock):
    def told() -> list[str]:
        return [http("GET", "/crm/v3/owners").headers["Date"], http.search([]).headers["Date"]]

    assert told() == ["Mon, 02 Mar 2026 09:00:00 GMT"] * 2
    clock.tick(90)
    assert told() == ["Mon, 02 Mar 2026 09:01:30 GMT"] * 2
    http.sim.clock.jump(datetime(2027, 1, 1, tzinfo=UTC))
    http.sim.faults.add({"do": "status", "status": 502, "path": "owners", "times": 1})
    assert told() == ["Fri, 01 Jan 2027 00:00:00 GMT"] * 2
    assert requests.get(http.sim.url + "/_sim/clock", timeout=5).headers["Date"] == "Fri, 01 Jan 2027 00:00:00 GMT"


def test_drops_do_or_do_not_commit(http):
    http.sim.faults.add({"do": "drop_before", "method": "POST", "times": 1})
    with pytest.raises(requests.ConnectionError):
        http.contact(email="a@b.co")
    assert http.sim.all("contacts") == []
    http.sim.faults.add({"do": "drop_after", "method": "POST", "times": 1})
    with pytest.raises(requests.ConnectionError):
        http.contact(email="a@b.co")
    assert len(http.sim.all("contacts")) == 1
    http.sim.faults.add({"do": "status_after", "status": 504, "method": "POST", "times": 1})
    assert http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "c@d.co"}}).status_code == 504
    assert len(http.sim.all("contacts")) == 2
    http.sim.faults.add({"do": "truncate", "times": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        http("GET", "/crm/v3/objects/contacts")
    assert http("GET", "/crm/v3/objects/contacts").status_code == 200


def test_a_delay_goes_on_normally(http):
    http.sim.faults.add({"do": "delay", "seconds": 0.01, "times": 1})
    assert [http("GET", "/crm/v3/owners").status_code for _ in range(2)] == [200, 200]
    assert http.sim.api_calls() == 2


def test_control_addresses(http):
    base = http.sim.url + "/_sim/"
    made = requests.post(base + "do", json={"verb": "create", "object": "contacts", "fields": {"email": "a@b.co"}}, timeout=5)
    record_id = made.json()["result"]
    assert (
        requests.post(
            base + "do", json={"verb": "edit", "object": "contacts", "id": record_id, "fields": {"firstname": "A"}}, timeout=5
        ).status_code
        == 200
    )
    got = requests.post(base + "do", json={"verb": "get", "object": "contacts", "id": record_id}, timeout=5).json()["result"]
    assert got["firstname"] == "A"
    for bad in (
        {"verb": "fly"},
        {"verb": "create"},
        {"verb": "create", "object": "x", "fields": {}},
        {"verb": "edit", "object": "contacts", "id": "1", "fields": {}},
        [],
    ):
        answer = requests.post(base + "do", json=bad, timeout=5)
        assert answer.status_code == 422
        assert answer.json()["error"]
    assert requests.post(base + "faults", json={"do": "explode"}, timeout=5).status_code == 422
    assert requests.post(base + "faults", json={"do": "status", "status": 500}, timeout=5).status_code == 201
    assert len(requests.get(base + "faults", timeout=5).json()["faults"]) == 1
    assert requests.delete(base + "faults", timeout=5).json() == {"faults": []}
    assert requests.post(base + "options", json={"latency": "slow"}, timeout=5).status_code == 422
    options = requests.post(base + "options", json={"search_lag": 9, "rate_limits": True}, timeout=5).json()
    assert (options["search_lag"], http.sim.options.rate_limits) == (9, True)
    assert "access_token" not in options
    shown = requests.post(base + "clock", json={"now": "2027-01-01T00:00:00+00:00", "rate": 60}, timeout=5).json()
    assert shown == {"now": "2027-01-01T00:00:00+00:00", "rate": 60.0}
    assert http.sim.api_calls() == 0
