"""Logins, refreshes, retries, statuses and limits, against stubbed HTTP answers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import requests
import responses
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from urllib3.exceptions import NewConnectionError

from crmsync.errors import ConfigError, CredentialsError, QuotaError, UnreachableError
from crmsync_salesforce.client import KEYED_WRITE, ONCE, READ, WRITE, Client, LostError, RefusedError
from crmsync_salesforce.settings import read_settings

from .conftest import DATA, LOGIN, NOW, TOKEN_BODY, Naps, options

TOKEN_URL = f"{LOGIN}/services/oauth2/token"
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client(naps: Naps) -> Iterator[Client]:
    made = Client(read_settings(options()), sleep=naps, clock=lambda: NOW)
    yield made
    made.close()


def sent(http: responses.RequestsMock, index: int = -1) -> Any:
    return http.calls[index].request


def test_client_credentials_login_then_bearer(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", json={"ok": 1}, headers={"Sforce-Limit-Info": "api-usage=18/15000", "Date": "Fri, 01 May 2026 08:00:00 GMT"})
    assert client.get("limits") == {"ok": 1}
    login = sent(http, 0)
    assert login.headers["Authorization"] == "Basic " + base64.b64encode(b"key:s3cret-value").decode()
    assert parse_qs(login.body) == {"grant_type": ["client_credentials"]}
    assert sent(http).headers["Authorization"] == "Bearer 00Dxx!token-one"
    assert (client.budget().used, client.budget().limit) == (18, 15000)
    assert client.meter.count == 1
    assert client.server_time == NOW
    assert (client.token().org_id, client.token().user_id) == ("00D5g00000ABCDEEA4", "0055g00000XYZabAAH")


def test_every_request_has_timeouts(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", json={})
    client.get("limits")
    adapter = client._http.get_adapter(LOGIN)
    assert adapter._timeout == (10.0, 120.0)  # type: ignore[attr-defined]


def test_refresh_token_login(http: responses.RequestsMock, naps: Naps) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", json={})
    client = Client(read_settings(options(refresh_token="r3fresh")), sleep=naps, clock=lambda: NOW)
    client.get("limits")
    form = parse_qs(sent(http, 0).body)
    assert form == {"grant_type": ["refresh_token"], "client_id": ["key"], "client_secret": ["s3cret-value"], "refresh_token": ["r3fresh"]}


def test_jwt_login_has_a_string_expiry_and_the_login_address_as_audience(http: responses.RequestsMock, naps: Naps) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = serialization.Encoding.PEM
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", json={})
    client = Client(read_settings(options(username="me@acme.example", private_key=pem)), sleep=naps, clock=lambda: NOW)
    client.get("limits")
    form = parse_qs(sent(http, 0).body)
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = jwt.decode(form["assertion"][0], key.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_aud": False})
    expiry = f"{(NOW + timedelta(minutes=3)).timestamp():.0f}"
    assert claims == {"iss": "key", "sub": "me@acme.example", "aud": LOGIN, "exp": expiry}


def test_an_unusable_key_is_a_configuration_error_that_does_not_quote_it(naps: Naps) -> None:
    client = Client(read_settings(options(username="u", private_key="not-a-key-material")), sleep=naps, clock=lambda: NOW)
    with pytest.raises(ConfigError, match="PRIVATE_KEY_FILE") as caught:
        client.get("limits")
    assert "not-a-key-material" not in str(caught.value)


@pytest.mark.parametrize("name", ["auth_error_response", "refresh_error_response"])
def test_a_refused_login_is_a_credentials_error(
    http: responses.RequestsMock, client: Client, recorded: Callable[[str], bytes], name: str
) -> None:
    http.post(TOKEN_URL, status=400, body=recorded(f"restforce/{name}.json"))
    with pytest.raises(CredentialsError, match="invalid_grant") as caught:
        client.get("limits")
    assert "s3cret-value" not in str(caught.value)
    assert len(http.calls) == 1


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", "{}", '{"access_token": null, "instance_url": "x"}'])
def test_a_login_page_that_is_not_salesforce(http: responses.RequestsMock, client: Client, body: str) -> None:
    http.post(TOKEN_URL, status=200, body=body)
    with pytest.raises(CredentialsError):
        client.get("limits")


def test_an_unreachable_login_is_tried_again_and_then_reported(http: responses.RequestsMock, client: Client, naps: Naps) -> None:
    http.post(TOKEN_URL, status=503, body="busy")
    with pytest.raises(UnreachableError):
        client.get("limits")
    assert len(http.calls) == 3
    assert len(naps.taken) == 2


def test_the_instance_may_not_be_this_machine_when_the_login_is_not(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json={**TOKEN_BODY, "instance_url": "http://127.0.0.1:8080"})
    with pytest.raises(CredentialsError, match="this machine"):
        client.get("limits")


def test_a_loopback_login_stays_on_loopback(http: responses.RequestsMock, naps: Naps) -> None:
    client = Client(read_settings(options(login_url="http://127.0.0.1:4711")), sleep=naps, clock=lambda: NOW)
    http.post("http://127.0.0.1:4711/services/oauth2/token", json=TOKEN_BODY)
    http.get("http://127.0.0.1:4711/services/data/v62.0/limits", json={"ok": 1})
    assert client.get("limits") == {"ok": 1}
    assert client._http.trust_env is False


# --- dead sessions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [EXPIRED, EXPIRED[0], "", "<html>", [], None, 7])
def test_an_expired_session_logs_in_again_whatever_the_body(http: responses.RequestsMock, client: Client, body: Any) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.post(TOKEN_URL, json={**TOKEN_BODY, "access_token": "token-two"})
    plain = isinstance(body, str)
    http.get(DATA + "limits", status=401, **({"body": body} if plain else {"json": body}))
    http.get(DATA + "limits", json={"ok": 1})
    assert client.get("limits") == {"ok": 1}
    assert sent(http).headers["Authorization"] == "Bearer token-two"


def test_headers_survive_the_new_login(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.patch(DATA + "composite/sobjects", status=401, json=EXPIRED)
    http.patch(DATA + "composite/sobjects", json=[])
    client.request("PATCH", "composite/sobjects", body=b"{}", headers={"Sforce-Auto-Assign": "FALSE"}, safety=WRITE)
    assert sent(http).headers["Sforce-Auto-Assign"] == "FALSE"
    assert sent(http).body == b"{}"


def test_a_session_that_stays_dead_is_given_up_after_one_login(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", status=401, json=EXPIRED)
    with pytest.raises(CredentialsError, match="INVALID_SESSION_ID") as caught:
        client.get("limits")
    assert len(http.calls) == 4
    assert "token-one" not in str(caught.value)


def test_many_threads_log_in_once(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    old = client.token()
    tokens: list[Any] = []
    threads = [threading.Thread(target=lambda: tokens.append(client.token(after=old))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(t) for t in tokens}) == 1
    assert len(http.calls) == 2


# --- troubles ----------------------------------------------------------------------------------------------------------------


def test_the_daily_limit_is_a_quota_error_and_not_retried(http: responses.RequestsMock, client: Client, naps: Naps) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "limits", status=403, json=[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])
    with pytest.raises(QuotaError) as caught:
        client.get("limits")
    assert (caught.value.side, caught.value.retry_after) == ("salesforce", None)
    assert naps.taken == []


def test_the_concurrency_limit_is_waited_for(http: responses.RequestsMock, client: Client, naps: Naps) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded."}]
    http.get(DATA + "limits", status=403, json=body)
    http.get(DATA + "limits", json={"ok": 1})
    assert client.get("limits") == {"ok": 1}
    assert len(naps.taken) == 1


@pytest.mark.parametrize("code", ["INVALID_FIELD", "INVALID_TYPE", "API_DISABLED_FOR_ORG"])
def test_what_the_user_cannot_see_is_a_credentials_error(http: responses.RequestsMock, client: Client, code: str) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "query/?q=x", status=400, json=[{"errorCode": code, "message": "No such column 'x' on sobject of type Lead"}])
    with pytest.raises(CredentialsError, match=code):
        client.get("query/?q=x")


@pytest.mark.parametrize(
    ("safety", "status", "body", "attempts", "error"),
    [
        (READ, 500, "oops", 4, LostError),
        (READ, 503, "busy", 4, UnreachableError),
        (KEYED_WRITE, 502, "gateway", 2, LostError),
        (WRITE, 502, "gateway", 1, LostError),
        (WRITE, 503, "busy", 4, UnreachableError),
        (ONCE, 503, "busy", 1, LostError),
        (ONCE, 500, '[{"errorCode":"UNKNOWN_EXCEPTION","message":"?"}]', 1, LostError),
        (ONCE, 503, '[{"errorCode":"SERVER_UNAVAILABLE","message":"?"}]', 4, RefusedError),
        (ONCE, 400, '[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"?"}]', 4, RefusedError),
        (ONCE, 400, '[{"errorCode":"JSON_PARSER_ERROR","message":"?"}]', 1, RefusedError),
        (ONCE, 302, "", 1, RefusedError),
    ],
)
def test_only_what_cannot_be_carried_out_twice_is_repeated(
    http: responses.RequestsMock, client: Client, naps: Naps, safety: Any, status: int, body: str, attempts: int, error: type[Exception]
) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.post(DATA + "x", status=status, body=body)
    with pytest.raises(UnreachableError) as caught:
        client.request("POST", "x", body=b"{}", safety=safety)
    assert type(caught.value) is error
    assert len(http.calls) == 1 + attempts
    assert len(naps.taken) == attempts - 1


def refused() -> requests.ConnectionError:
    return requests.ConnectionError(NewConnectionError(None, "refused"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "safety", "attempts", "error"),
    [
        (refused(), ONCE, 4, UnreachableError),
        (requests.ConnectTimeout(), WRITE, 4, UnreachableError),
        (requests.ReadTimeout("slow"), WRITE, 1, LostError),
        (requests.ReadTimeout("slow"), KEYED_WRITE, 2, LostError),
        (requests.ConnectionError("reset"), ONCE, 1, LostError),
        (requests.ConnectionError("reset"), READ, 4, LostError),
        (requests.exceptions.ChunkedEncodingError("half"), WRITE, 1, LostError),
    ],
)
def test_a_broken_connection_is_unreachable_or_unknown(
    http: responses.RequestsMock, client: Client, failure: Exception, safety: Any, attempts: int, error: type[Exception]
) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.post(DATA + "x", body=failure)
    with pytest.raises(UnreachableError) as caught:
        client.request("POST", "x", body=b"{}", safety=safety)
    assert type(caught.value) is error
    assert len(http.calls) == 1 + attempts


def test_a_lost_answer_is_not_forgotten_when_the_next_try_is_refused(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.post(DATA + "x", body=requests.ReadTimeout("slow"))
    http.post(DATA + "x", body=refused())
    with pytest.raises(LostError):
        client.request("POST", "x", body=b"{}", safety=KEYED_WRITE)


def test_addresses_outside_the_instance_are_not_followed(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "query/?q=x", json={"done": False, "nextRecordsUrl": "https://evil.example/next", "records": []})
    with pytest.raises(UnreachableError, match="outside"):
        list(client.query("query/?q=x"))


def test_pages_follow_done_and_not_a_count(http: responses.RequestsMock, client: Client, recorded: Callable[[str], bytes]) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    http.get(DATA + "query/?q=x", body=recorded("restforce/sobject/query_paginated_first_page_response.json"))
    http.get(f"{LOGIN}/services/data/v26.0/query/01gD", body=recorded("restforce/sobject/query_paginated_last_page_response.json"))
    assert [r["Text_Label"] for r in client.rows("query/?q=x")] == ["First Page", "Last Page"]


def test_secrets_are_in_no_log_and_no_message(http: responses.RequestsMock, client: Client) -> None:
    http.post(TOKEN_URL, json=TOKEN_BODY)
    leak = [{"errorCode": "X", "message": "Bearer 00Dxx!token-one and s3cret-value and access_token=abcdef123"}]
    http.get(DATA + "limits", status=400, json=leak)
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as logs, pytest.raises(RefusedError) as caught:
        client.get("limits")
    text = str(caught.value) + repr(logs) + repr(client.token())
    assert logs
    assert not [s for s in ("token-one", "s3cret-value", "abcdef123") if s in text]
