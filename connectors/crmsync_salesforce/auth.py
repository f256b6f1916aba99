"""Tokens: client credentials, JWT bearer and refresh token, over simple-salesforce's token login."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import token_login

from crmsync.connect.http import RetryPolicy, is_loopback, never_sent, redact
from crmsync.errors import ConfigError, CredentialsError, UnreachableError
from crmsync_salesforce.settings import Settings, setting

SIDE = "salesforce"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_IDENTITY = re.compile(r"/id/(00D\w{12}(?:\w{3})?)/(005\w{12}(?:\w{3})?)$")
_LOGIN_RETRY = RetryPolicy(attempts=3, first=0.5, ceiling=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token and where it is good. base: scheme and host of the instance. org_id / user_id: from the login's identity address.

    refresh: the refresh token that follows, where the org rotates them: the one just used is worth nothing any more.
    """

    value: str = field(repr=False)
    base: str
    org_id: str | None = None
    user_id: str | None = None
    refresh: str | None = field(default=None, repr=False)


class _BusyLoginError(Exception):
    """The token endpoint answered 5xx: worth another try."""


class _LoginPost:
    """What token_login needs of a session; keeps the identity address that token_login throws away."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.identity = ""
        self.refresh: str | None = None

    def post(self, url: str, data: Mapping[str, str], *, headers: Mapping[str, str] | None, proxies: Any) -> requests.Response:
        response = self._session.post(url, data, headers=dict(headers or {}), allow_redirects=False)
        if response.status_code >= 500:
            raise _BusyLoginError(f"HTTP {response.status_code}")
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or (response.status_code == 200 and not isinstance(body.get("instance_url"), str)):
            raise SalesforceAuthenticationFailed(response.status_code, "the login address did not answer like Salesforce")
        self.identity = str(body.get("id") or "")
        self.refresh = body.get("refresh_token") or None
        return response


def _request(settings: Settings, now: datetime, refresh: str | None) -> tuple[dict[str, str], dict[str, str] | None]:
    """Form fields and headers of the token request."""
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    if settings.flow == "refresh":
        assert settings.refresh_token is not None
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id,
            "refresh_token": refresh or settings.refresh_token.get_secret_value(),
        }
        return ({**form, "client_secret": secret} if secret else form), None
    if settings.flow == "jwt":
        assert settings.private_key is not None
        # exp is a string: what simple-salesforce sends and Salesforce takes
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.login_url,
            "exp": f"{(now + timedelta(minutes=3)).timestamp():.0f}",
        }
        try:
            assertion = jwt.encode(claims, settings.private_key.get_secret_value(), algorithm="RS256")
        except Exception:  # the library's message may quote the key
            raise ConfigError(f"{setting('private_key_file')} holds no usable RSA private key in PEM form") from None
        return {"grant_type": _JWT_GRANT, "assertion": assertion}, None
    pair = base64.b64encode(f"{settings.client_id}:{secret}".encode()).decode()
    return {"grant_type": "client_credentials"}, {"Authorization": f"Basic {pair}"}


def _base(settings: Settings, host: str) -> str:
    """Scheme and host to talk to. token_login strips the scheme, so it is restored: https, except that a loopback login stays on loopback."""
    host = host.split("/")[0]
    if not settings.local:
        if is_loopback(urlsplit(f"//{host}").hostname):
            raise CredentialsError("Salesforce named an instance on this machine; refusing it", side=SIDE)
        return f"https://{host}"
    scheme = urlsplit(settings.login_url).scheme
    return f"{scheme}://{host}" if is_loopback(urlsplit(f"//{host}").hostname) else settings.login_url


def login(
    settings: Settings, session: requests.Session, *, now: datetime, sleep: Callable[[float], None], refresh: str | None = None
) -> Token:
    """A fresh access token. now: aware UTC, for the JWT's expiry. refresh: a rotated refresh token, instead of the configured one.

    Raises: CredentialsError when refused; UnreachableError when the login address does not answer; ConfigError for an unusable key.
    """
    form, headers = _request(settings, now, refresh)

    def once() -> Token:
        post = _LoginPost(session)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # token_login warns with the client id in the text
            token, host = token_login(
                f"{settings.login_url}/services/oauth2/token", form, settings.host, settings.client_id, headers, None, post
            )
        found = _IDENTITY.search(post.identity)
        if not token:
            raise SalesforceAuthenticationFailed(None, "no access token in the answer")
        org_id, user_id = found.groups() if found else (None, None)
        return Token(value=token, base=_base(settings, host), org_id=org_id, user_id=user_id, refresh=post.refresh)

    # a token request changes nothing, so every failure to answer may be tried again
    try:
        return _LOGIN_RETRY.run(once, retry_if=lambda e: isinstance(e, _BusyLoginError | requests.RequestException), sleep=sleep)
    except SalesforceAuthenticationFailed as error:
        reason = redact(
            f"{error.code}: {error.auth_message}", (*settings.secrets(), form.get("refresh_token", ""), form.get("assertion", ""))
        )
        raise CredentialsError(
            f"Salesforce refused the {settings.flow} login ({reason}); nothing was read or written. Check {setting('client_id')} and its secrets",
            side=SIDE,
        ) from None
    except (_BusyLoginError, requests.RequestException) as error:
        how = "cannot be reached" if never_sent(error) else "did not answer"
        raise UnreachableError(f"Salesforce's login address {settings.host} {how} ({type(error).__name__})", side=SIDE) from None
