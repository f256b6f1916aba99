"""Forms, their submissions, and the events of marketing e-mails: shapes, order, paging, scopes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .conftest import START, Clock, Http

NOW = int(START.timestamp() * 1000)
EVENTS = "/email/public/v1/events"


def submitted(http: Http, form: str, n: int, clock: Clock) -> str:
    for i in range(n):
        event = {"email": "Ann@example.com", "type": "form_submitted", "name": f"Page: {form}", "form": form, "answers": {"seats": str(i)}}
        assert http.sim.happen({**event, "at": clock() + timedelta(seconds=i)})
    (id,) = [row["id"] for row in http("GET", "/marketing/v3/forms?limit=100").json()["results"] if row["name"] == form]
    return str(id)


def test_forms_are_listed_in_pages(http: Http, clock: Clock) -> None:
    for name in ("A", "B", "C"):
        submitted(http, name, 1, clock)
    first = http("GET", "/marketing/v3/forms/?limit=2").json()
    assert {"id", "name", "formType", "createdAt", "updatedAt", "archived", "fieldGroups", "configuration"} <= set(first["results"][0])
    rest = http("GET", f"/marketing/v3/forms?limit=2&after={first['paging']['next']['after']}").json()
    assert "paging" not in rest
    assert sorted(row["name"] for row in first["results"] + rest["results"]) == ["A", "B", "C"]
    assert http("GET", "/marketing/forms/2026-03?limit=50").json()["results"][0].keys() == first["results"][0].keys()
    assert http("GET", "/marketing/v3/forms?after=nonsense").status_code == 400
    assert http("GET", f"/marketing/v3/forms/{first['results'][0]['id']}").json() == first["results"][0]
    assert http("GET", "/marketing/v3/forms/no-such-form").status_code == 404


def test_submissions_are_newest_first_at_most_50(http: Http, clock: Clock) -> None:
    form = submitted(http, "Contact us", 60, clock)
    path = f"/form-integrations/v1/submissions/forms/{form}"
    first = http("GET", path + "?limit=50").json()
    assert (len(first["results"]), set(first["paging"]["next"])) == (50, {"after"})
    row = first["results"][0]
    assert set(row) == {"conversionId", "submittedAt", "pageUrl", "values"}
    assert row["submittedAt"] == NOW + 59_000
    assert [(v["name"], v["value"]) for v in row["values"]] == [("email", "ann@example.com"), ("seats", "59")]
    rest = http("GET", f"{path}?limit=50&after={first['paging']['next']['after']}").json()
    assert [r["submittedAt"] for r in rest["results"]] == [NOW + n * 1000 for n in range(9, -1, -1)]
    assert "paging" not in rest
    assert len(http("GET", path).json()["results"]) == 20
    assert http("GET", path + "?limit=51").status_code == 400
    assert http("GET", "/form-integrations/v1/submissions/forms/no-such-form").status_code == 404


def test_events_are_newest_first_by_type_moment_and_recipient(http: Http, clock: Clock) -> None:
    for email in ("ann@example.com", "bob@example.com"):
        http.contact(email=email)
    happened = [("email_open", 0), ("email_click", 1), ("email_reply", 2), ("email_bounce", 3), ("unsubscribe", 4)]
    for kind, second in happened:
        assert http.sim.happen(
            {"email": "ann@example.com", "type": kind, "name": "UNKNOWN_USER", "at": clock() + timedelta(seconds=second)}
        )
    assert http.sim.happen({"email": "bob@example.com", "type": "email_open", "name": "Spring", "at": clock()})

    def rows(query: str = "") -> list[dict[str, Any]]:
        answer = http("GET", f"{EVENTS}?limit=100{query}")
        assert (answer.status_code, answer.json()["hasMore"]) == (200, False)
        return list(answer.json()["events"])

    mine = [e for e in rows("&recipient=ann@example.com") if e["type"] != "SENT"]
    assert [e["type"] for e in mine] == ["STATUSCHANGE", "BOUNCE", "REPLY", "CLICK", "OPEN"]
    common = {"appId", "appName", "created", "emailCampaignId", "id", "portalId", "recipient", "type"}
    assert all(common <= set(e) for e in mine)
    status, bounce, reply, click, opened = mine
    assert (status["portalSubscriptionStatus"], bounce["status"][0], bounce["category"]) == ("UNSUBSCRIBED", "5", "UNKNOWN_USER")
    assert {"url", "browser", "userAgent"} <= set(click)
    assert set(opened["sentBy"]) == {"created", "id"} == set(reply["sentBy"])
    assert sorted(e["recipient"] for e in rows("&eventType=OPEN")) == ["ann@example.com", "bob@example.com"]
    assert [e["type"] for e in rows(f"&startTimestamp={NOW + 3000}")] == ["STATUSCHANGE", "BOUNCE"]
    assert [e["type"] for e in rows(f"&startTimestamp={NOW + 1000}&endTimestamp={NOW + 2000}")] == ["REPLY", "CLICK"]
    refused = http("GET", f"{EVENTS}?eventType=Open")
    assert refused.status_code == 400
    assert "not one of the values accepted for Enum class" in refused.json()["message"]


def test_events_page_by_an_opaque_offset_and_hide_filtered_ones(http: Http, clock: Clock) -> None:
    http.contact(email="ann@example.com")
    for n in range(12):
        assert http.sim.happen({"email": "ann@example.com", "type": "email_open", "name": "News", "at": clock() + timedelta(seconds=n)})
    http.sim.portal.marketing.events[0]["filteredEvent"] = True
    first = http("GET", EVENTS).json()
    assert (len(first["events"]), first["hasMore"]) == (10, True)
    rest = http("GET", f"{EVENTS}?offset={first['offset']}").json()
    assert (len(rest["events"]), rest["hasMore"]) == (3, False), "twelve and the SENT they belong to"
    assert len(http("GET", f"{EVENTS}?limit=100&excludeFilteredEvents=true").json()["events"]) == 12
    assert http("GET", f"{EVENTS}?limit=1001").status_code == 400
    assert http("GET", f"{EVENTS}?offset=7").status_code == 400


def test_forms_and_events_have_scopes_of_their_own(make: Callable[..., Http]) -> None:
    http = make(scopes=["crm.objects.contacts.read"])
    for path, scope in (("/marketing/v3/forms", "forms"), ("/form-integrations/v1/submissions/forms/x", "forms"), (EVENTS, "content")):
        answer = http("GET", path)
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
        assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == [scope]


def test_a_privacy_deletion_takes_them_along(http: Http, clock: Clock) -> None:
    form = submitted(http, "Contact us", 1, clock)
    http.sim.happen({"email": "ann@example.com", "type": "email_open", "name": "News"})
    answer = http("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": "ann@example.com", "idProperty": "email"})
    assert answer.status_code == 204
    assert http("GET", f"/form-integrations/v1/submissions/forms/{form}").json()["results"] == []
    assert http("GET", EVENTS).json()["events"] == []


def test_lists_may_be_dated_a_little_later_than_the_contact(make: Callable[..., Http], clock: Clock) -> None:
    http = make(event_skew_ms=700)
    form = submitted(http, "Contact us", 1, clock)
    (row,) = http("GET", f"/form-integrations/v1/submissions/forms/{form}").json()["results"]
    (contact,) = http.sim.all("contacts")
    assert (row["submittedAt"], contact["recent_conversion_date"]) == (NOW + 700, "2026-03-02T09:00:00.250Z")
