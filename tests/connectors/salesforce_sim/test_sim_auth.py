"""OAuth grants, sessions, limits."""

from __future__ import annotations

import base64
import time
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crmsync_salesforce.sim import Simulator

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_client_credentials_by_basic_auth_and_by_form(client: Any) -> None:
    credentials = client.sim.credentials
    basic = client.token({"grant_type": "client_credentials"}, auth=(credentials.client_id, credentials.client_secret))
    form = client.token(
        {"grant_type": "client_credentials", "client_id": credentials.client_id, "client_secret": credentials.client_secret}
    )
    for answer in (basic, form):
        body = answer.json()
        assert answer.status_code == 200
        assert body["instance_url"] == client.sim.url
        assert body["token_type"] == "Bearer"
        assert body["issued_at"].isdigit()
        assert len(body["issued_at"]) == 13
        assert "expires_in" not in body
        assert "refresh_token" not in body


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "crmsync-simulated-client", "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
    ],
)
def test_token_errors_are_400_with_error_and_description(client: Any, form: dict[str, str], error: str) -> None:
    answer = requests.post(f"{client.sim.url}/services/oauth2/token", data=form, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_password_and_refresh_grants(client: Any) -> None:
    credentials = client.sim.credentials
    base = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    good = client.token({"grant_type": "password", "username": credentials.username, "password": credentials.password, **base})
    assert good.status_code == 200
    bad = client.token({"grant_type": "password", "username": credentials.username, "password": "wrong", **base})
    assert bad.json() == {"error": "invalid_grant", "error_description": "authentication failure - Invalid Password"}
    refresh = client.sim.refresh_token()
    again = client.token({"grant_type": "refresh_token", "refresh_token": refresh, **base})
    assert again.status_code == 200
    assert "refresh_token" not in again.json()
    unknown = client.token({"grant_type": "refresh_token", "refresh_token": "5Aep", **base})
    assert unknown.status_code == 400
    assert unknown.json() == {"error": "invalid_grant", "error_description": "expired access/refresh token"}


def test_refresh_token_rotation_ends_the_old_token(client: Any) -> None:
    client.sim.options.rotate_refresh_tokens = True
    form = {"grant_type": "refresh_token", "refresh_token": client.sim.refresh_token(), "client_id": client.sim.credentials.client_id}
    assert client.token(form).json()["refresh_token"] != form["refresh_token"]
    assert client.token(form).status_code == 400


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: rsa.RSAPrivateKey) -> str:
    encoded = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def test_jwt_bearer_checks_signature_and_claims(key: rsa.RSAPrivateKey) -> None:
    with Simulator(public_key=public(key), client_id="app", username="me@x.example") as sim:
        soon = int(time.time()) + 120
        good = {"iss": "app", "sub": "me@x.example", "aud": "https://login.salesforce.com", "exp": soon}
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

        def attempt(signer: rsa.RSAPrivateKey, **claims: Any) -> requests.Response:
            assertion = jwt.encode({**good, **claims}, signer, algorithm="RS256")
            form = {"grant_type": JWT_GRANT, "assertion": assertion}
            return requests.post(f"{sim.url}/services/oauth2/token", data=form, timeout=10)

        assert attempt(key).status_code == 200
        assert attempt(key, aud=sim.url).status_code == 200
        assert attempt(stranger).json()["error_description"] == "invalid assertion"
        assert attempt(key, aud="https://evil.example").json()["error_description"] == "audience is invalid"
        assert attempt(key, sub="other@x.example").json()["error_description"] == "user hasn't approved this consumer"
        assert attempt(key, iss="other").json()["error"] == "invalid_client_id"
        assert attempt(key, exp=1_000_000).json()["error"] == "invalid_grant"


def test_jwt_accepts_an_expiry_that_is_a_string(key: rsa.RSAPrivateKey) -> None:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    with Simulator(public_key=public(key), client_id="app", username="me@x.example") as sim:
        claims = f'{{"iss":"app","sub":"me@x.example","aud":"https://acme.my.salesforce.com","exp":"{int(time.time()) + 180}"}}'
        head = part(b'{"alg":"RS256"}') + "." + part(claims.encode())
        signature = key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
        form = {"grant_type": JWT_GRANT, "assertion": f"{head}.{part(signature)}"}
        assert requests.post(f"{sim.url}/services/oauth2/token", data=form, timeout=10).status_code == 200


def test_revoked_and_expired_sessions_answer_401_as_a_list(client: Any, ticker: Any) -> None:
    client.sim.revoke_tokens()
    answer = client.call("GET", "/limits")
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    client.login()
    assert client.call("GET", "/limits").status_code == 200
    client.sim.options.token_lifetime = 7200.0
    ticker.tick(hours=2)
    assert client.call("GET", "/limits").status_code == 401


def test_soap_login_is_a_fault_unless_switched_on(client: Any) -> None:
    body = "<e><username>integration@crmsync.example</username><password>simulated-password</password></e>"
    url = f"{client.sim.url}/services/Soap/u/59.0"
    fault = client.http.post(url, data=body)
    assert fault.status_code == 500
    assert "<sf:exceptionCode>INVALID_OPERATION</sf:exceptionCode>" in fault.text
    client.sim.options.soap_login = True
    good = client.http.post(url, data=body)
    assert good.status_code == 200
    assert "<sessionId>" in good.text
    assert "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in client.http.post(url, data="<username>x</username>").text


def test_userinfo_revoke_and_introspect(client: Any) -> None:
    info = client.http.get(f"{client.sim.url}/services/oauth2/userinfo").json()
    assert info["user_id"] == client.sim.integration_user
    assert info["user_type"] == "STANDARD"
    token = client.http.headers["Authorization"].partition(" ")[2]
    credentials = client.sim.credentials
    form = {"token": token, "client_id": credentials.client_id, "client_secret": credentials.client_secret}
    assert client.http.post(f"{client.sim.url}/services/oauth2/introspect", data=form).json()["active"] is True
    assert client.http.post(f"{client.sim.url}/services/oauth2/revoke", data={"token": token}).status_code == 200
    assert client.call("GET", "/limits").status_code == 401


def test_versions_need_no_session_and_are_not_billed(client: Any) -> None:
    before = client.sim.api_calls()
    answer = requests.get(f"{client.sim.url}/services/data/", timeout=10)
    assert {"label", "url", "version"} == set(answer.json()[0])
    assert client.sim.api_calls() == before


def test_quota_is_403_and_rolls_over_24_hours(client: Any, ticker: Any) -> None:
    client.sim.options.daily_limit = 2
    first = client.call("GET", "/limits")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/2"
    assert first.json()["DailyApiRequests"] == {"Max": 2, "Remaining": 1}
    client.call("GET", "/limits")
    over = client.call("GET", "/limits")
    assert over.status_code == 403
    assert over.json()[0] == {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    assert "Retry-After" not in over.headers
    client.sim.options.enforce_limits = False
    assert client.call("GET", "/limits").status_code == 200
    client.sim.options.enforce_limits = True
    ticker.tick(hours=24)
    assert client.call("GET", "/limits").status_code == 200


def test_production_host_names_get_https_addresses(client: Any) -> None:
    credentials = client.sim.credentials
    answer = client.token(
        {"grant_type": "client_credentials"},
        auth=(credentials.client_id, credentials.client_secret),
        headers={"Host": "acme.my.salesforce.com"},
    )
    assert answer.json()["instance_url"] == "https://acme.my.salesforce.com"
