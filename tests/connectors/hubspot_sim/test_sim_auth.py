"""Tokens, OAuth refresh, scopes, account addresses."""

from __future__ import annotations

import pytest
import requests


def test_private_token_and_both_401_shapes(make, clock):
    http = make(auth="oauth")
    assert http("GET", "/crm/v3/objects/contacts").status_code == 200
    bad = requests.get(http.sim.url + "/crm/v3/objects/contacts", timeout=5)
    assert bad.status_code == 401
    assert bad.json()["category"] == "INVALID_AUTHENTICATION"
    assert bad.json()["message"].startswith("Authentication credentials not found")
    env = http.sim.environment()
    form = {
        "grant_type": "refresh_token",
        "client_id": env["CRMSYNC_HUBSPOT__CLIENT_ID"],
        "client_secret": env["CRMSYNC_HUBSPOT__CLIENT_SECRET"],
        "refresh_token": env["CRMSYNC_HUBSPOT__REFRESH_TOKEN"],
    }
    token = requests.post(http.sim.url + "/oauth/v1/token", data=form, timeout=5)
    assert token.status_code == 200
    assert token.json()["expires_in"] == 1800
    assert token.json()["token_type"] == "bearer"
    header = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert requests.get(http.sim.url + "/crm/v3/owners/", headers=header, timeout=5).status_code == 200
    clock.tick(1801)
    expired = requests.get(http.sim.url + "/crm/v3/owners", headers=header, timeout=5)
    assert expired.status_code == 401
    assert expired.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert expired.json()["message"] == "The OAuth token used to make this call expired 1 second(s) ago."
    assert expired.json()["context"]["expire time"] == ["2026-03-02T09:30:00.250Z"]


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"])
def test_refresh_errors(http, path):
    answer = requests.post(
        http.sim.url + path,
        data={
            "grant_type": "refresh_token",
            "client_id": http.sim.options.client_id,
            "client_secret": http.sim.options.client_secret,
            "refresh_token": "stale",
        },
        timeout=5,
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert answer.json()["status"] == "BAD_REFRESH_TOKEN"


def test_v1_token_takes_query_parameters_and_v3_does_not(http):
    o = http.sim.options
    query = f"?grant_type=refresh_token&client_id={o.client_id}&client_secret={o.client_secret}&refresh_token={o.refresh_token}"
    assert requests.post(http.sim.url + "/oauth/v1/token" + query, timeout=5).status_code == 200
    assert requests.post(http.sim.url + "/oauth/v3/token" + query, timeout=5).status_code == 400


def test_revoked_tokens_come_back(http):
    http.sim.revoke_tokens()
    assert http("GET", "/crm/v3/owners").status_code == 401
    http.sim.restore_tokens()
    assert http("GET", "/crm/v3/owners").status_code == 200


def test_missing_scope(make):
    http = make(scopes=["crm.objects.contacts.read"])
    assert http("GET", "/crm/v3/objects/contacts").status_code == 200
    assert http("POST", "/crm/v3/objects/contacts/search", {}).status_code == 200
    refused = http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@b.co"}})
    assert refused.status_code == 403
    assert refused.json()["category"] == "MISSING_SCOPES"
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]
    assert http.sim.all("contacts") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/crm/v3/objects/contacts?associations=deals"),
        ("POST", "/crm/v4/associations/contacts/deals/batch/read"),
        ("GET", "/crm/v4/objects/contacts/1/associations/deals"),
        ("PUT", "/crm/v4/objects/contacts/1/associations/default/deals/2"),
    ],
)
def test_associations_need_the_other_sides_scope(make, method, path):
    http = make(scopes=["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read"])
    refused = http(method, path, {"inputs": []} if method == "POST" else None)
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"]
    assert http(method, path.replace("deals", "tasks"), {"inputs": []} if method == "POST" else None).status_code != 403
    assert http(method, path.replace("deals", "companies"), {"inputs": []} if method == "POST" else None).status_code != 403


def test_account_details_and_usage(http, recorded, same_shape):
    details = http("GET", "/account-info/v3/details").json()
    same_shape(details, recorded("recorded/amp-labs-connectors/hubspot/test/post-auth/account-info.json"))
    assert details["utcOffset"] == "-05:00"
    usage = http("GET", "/account-info/2026-03/api-usage/daily/private-apps").json()["results"][0]
    assert usage["currentUsage"] == 2
    assert usage["resetsAt"] == "2026-03-03T05:00:00Z"


def test_unknown_addresses_and_types(http, recorded, same_shape):
    unknown = http("GET", "/crm/v3/objects/butterflies")
    assert unknown.status_code == 400
    assert unknown.json()["message"] == "Unable to infer object type from: butterflies"
    assert "category" not in unknown.json()
    same_shape(unknown.json(), recorded("recorded/amp-labs-connectors/hubspot/test/search/error-invalid-object.json"))
    assert http("GET", "/nowhere").status_code == 404


def test_dated_and_numbered_addresses_reach_the_same_records(http):
    record_id = http.contact(email="a@b.co")
    paths = [
        f"/crm/v3/objects/contacts/{record_id}",
        f"/crm/objects/2026-03/contacts/{record_id}",
        f"/crm/v3/objects/CONTACT/{record_id}/",
        f"/crm/v3/objects/0-1/{record_id}",
    ]
    answers = [http("GET", p).json() for p in paths]
    assert all(a == answers[0] for a in answers)
    assert answers[0]["properties"]["email"] == "a@b.co"
