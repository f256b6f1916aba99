"""Client: what it repeats, how long it waits, what it never says; over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.hubspot.replies import Reply, reply
from crmsync.errors import CredentialsError, QuotaError, UnreachableError
from crmsync_hubspot.client import Client, LostAnswerError
from crmsync_hubspot.settings import parse

SECRET = "pat-na1-very-secret"
SEARCH_LIMIT = {"status": "error", "message": "You have reached your secondly limit.", "correlationId": "c", "category": "RATE_LIMITS"}
WINDOW_LIMIT = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "policyName": "TEN_SECONDLY_ROLLING",
}
DAY_LIMIT = {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}


def test_sends_the_token_and_reuses_the_connection(script: Any, client: Client) -> None:
    script.then(reply(json={"a": 1}), reply(json={"a": 2}))
    assert client.get("owners", "", {"limit": 5, "archived": False, "after": None}).json == {"a": 1}
    assert client.get("owners").json == {"a": 2}
    assert script.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert script.requests[0].query == {"limit": ["5"], "archived": ["false"]}
    assert client.calls() == 2


def test_search_limit_waits_one_second_more_each_time(script: Any, client: Client, waits: list[float]) -> None:
    script.then(reply(429, SEARCH_LIMIT), reply(429, SEARCH_LIMIT), reply(json={"results": []}))
    assert client.read("objects", "contacts/search", {}, search=True).status == 200
    assert waits == [1.0, 2.0]
    assert client.calls() == 3


def test_window_limit_waits_until_it_has_passed(script: Any, client: Client, waits: list[float]) -> None:
    script.then(reply(429, WINDOW_LIMIT), reply(json={}))
    assert client.get("owners").status == 200
    assert waits == [10.0]


def test_retry_after_is_believed(script: Any, client: Client, waits: list[float]) -> None:
    script.then(reply(429, WINDOW_LIMIT, {"Retry-After": "3"}), reply(477, {}, {"Retry-After": "7"}), reply(423, {}), reply(json={}))
    assert client.call("POST", "objects", "contacts/batch/create", body={}, repeatable=False).status == 200
    assert waits == [3.0, 7.0, 2.0]


def test_daily_limit_is_not_repeated(script: Any, client: Client, waits: list[float]) -> None:
    script.then(reply(429, DAY_LIMIT))
    with pytest.raises(QuotaError):
        client.get("owners")
    assert waits == []
    assert client.calls() == 1


def test_an_endless_limit_ends_as_quota(script: Any, client: Client) -> None:
    script.answer = lambda _: reply(429, SEARCH_LIMIT)
    with pytest.raises(QuotaError) as caught:
        client.read("objects", "contacts/search", {}, search=True)
    assert caught.value.retry_after
    assert client.calls() == 6


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 522, 523, 524])
def test_server_troubles_are_repeated_for_reads_only(script: Any, client: Client, waits: list[float], status: int) -> None:
    script.then(reply(status, None), reply(json={"ok": True}))
    assert client.get("owners").json == {"ok": True}
    assert len(waits) == 1
    script.then(reply(status, None))
    with pytest.raises(LostAnswerError):
        client.call("POST", "objects", "contacts/batch/create", body={}, repeatable=False)
    assert client.calls() == 3


@pytest.mark.parametrize("broken", [reply(drop=True), reply(json={"results": [1, 2, 3]}, cut=True)])
def test_broken_answers(script: Any, client: Client, broken: Reply) -> None:
    script.then(broken, reply(json={"ok": True}))
    assert client.get("owners").json == {"ok": True}
    script.then(broken)
    with pytest.raises(LostAnswerError):
        client.call("POST", "objects", "contacts/batch/create", body={}, repeatable=False)


def test_nobody_there_is_unreachable_and_surely_not_sent(waits: Any, clock: Any) -> None:
    client = Client(parse({"base_url": "http://127.0.0.1:9", "access_token": SECRET}), sleep=waits, clock=clock)
    with pytest.raises(UnreachableError) as caught:
        client.call("POST", "objects", "contacts/batch/create", body={}, repeatable=False)
    assert not isinstance(caught.value, LostAnswerError)
    assert SECRET not in str(caught.value)


def test_redirects_do_not_carry_the_token_away(script: Any, client: Client) -> None:
    script.answer = lambda _: reply(302, None, {"Location": script.url + "/elsewhere"})
    with pytest.raises(UnreachableError):
        client.get("owners")
    assert "/elsewhere" not in script.paths


def test_missing_scopes_are_named(script: Any, client: Client) -> None:
    body = {
        "category": "MISSING_SCOPES",
        "message": "…",
        "errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.read"]}}],
    }
    script.then(reply(403, body))
    with pytest.raises(CredentialsError, match=r"crm\.objects\.contacts\.read"):
        client.get("objects", "contacts")


def test_a_refused_private_token_is_not_tried_again(script: Any, client: Client) -> None:
    script.then(reply(401, {"category": "INVALID_AUTHENTICATION", "message": f"Authentication credentials not found {SECRET}"}))
    with pytest.raises(CredentialsError, match="CRMSYNC_HUBSPOT__ACCESS_TOKEN") as caught:
        client.get("owners")
    assert SECRET not in str(caught.value)
    assert client.calls() == 1


def test_daily_headers_are_the_budget(script: Any, client: Client) -> None:
    assert client.budget().limit is None
    script.then(reply(json={}, headers={"X-HubSpot-RateLimit-Daily": "650000", "X-HubSpot-RateLimit-Daily-Remaining": "649000"}))
    client.get("owners")
    assert (client.budget().used, client.budget().limit) == (1000, 650000)


# --- OAuth -----------------------------------------------------------------------------------------------------------------------


def oauth(script: Any, waits: Any, clock: Any, version: str = "v3") -> Client:
    options = {"client_id": "id", "client_secret": "hush", "refresh_token": "again-1", "base_url": script.url, "api_version": version}
    return Client(parse(options), sleep=waits, clock=clock)


def token(number: int, **more: Any) -> Reply:
    return reply(json={"token_type": "bearer", "access_token": f"at-{number}", "expires_in": 1800, **more})


def test_tokens_are_renewed_before_they_expire(script: Any, waits: Any, clock: Any) -> None:
    client = oauth(script, waits, clock)
    script.then(token(1, refresh_token="again-2"), reply(json={}), reply(json={}), token(2), reply(json={}))
    client.get("owners")
    clock.advance(minutes=28)
    client.get("owners")
    clock.advance(minutes=1, seconds=1)
    client.get("owners")
    assert script.paths == ["/oauth/v1/token", "/crm/v3/owners", "/crm/v3/owners", "/oauth/v1/token", "/crm/v3/owners"]
    assert script.requests[0].body == {
        "grant_type": "refresh_token", "client_id": "id", "client_secret": "hush", "refresh_token": "again-1"
    }  # fmt: skip
    assert script.requests[3].body["refresh_token"] == "again-2"
    assert script.requests[4].headers["authorization"] == "Bearer at-2"
    assert client.calls() == 3


def test_an_expired_token_is_renewed_once(script: Any, waits: Any, clock: Any) -> None:
    client = oauth(script, waits, clock, "2026-03")
    expired = reply(401, {"category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token used to make this call expired"})
    script.then(token(1), expired, token(2), reply(json={"ok": True}))
    assert client.get("owners").json == {"ok": True}
    assert script.paths[0] == "/oauth/2026-03/token"
    script.then(expired, token(3), expired)
    with pytest.raises(CredentialsError, match="REFRESH_TOKEN"):
        client.get("owners")


def test_a_refused_refresh_token_says_so(script: Any, waits: Any, clock: Any) -> None:
    client = oauth(script, waits, clock)
    script.then(reply(400, {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "refresh token is invalid"}))
    with pytest.raises(CredentialsError, match="BAD_REFRESH_TOKEN") as caught:
        client.get("owners")
    assert "hush" not in str(caught.value)
    assert "again-1" not in str(caught.value)
