"""OAuth token endpoint, sessions, userinfo, revocation, and the retired SOAP login."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.org import Org

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = re.compile(r"https://[\w.-]+\.salesforce\.com/?")


@dataclass(slots=True, kw_only=True)
class Credentials:
    """What the connected app and its user prove themselves with. `public_key` is PEM; without it signatures go unchecked."""

    client_id: str = "crmsync-simulated-client"
    client_secret: str = "crmsync-simulated-secret"  # noqa: S105 - the simulator's own throw-away default
    username: str = "integration@crmsync.example"
    password: str = "simulated-password"  # noqa: S105 - the simulator's own throw-away default
    security_token: str = ""
    public_key: str | None = None
    consumer_approved: bool = True


class OAuthError(Exception):
    """A 400 of the token endpoint."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.reply = Reply(status=status, body={"error": error, "error_description": description})


class Auth:
    """Issues and checks sessions. The running user of every session is the integration user."""

    def __init__(self, org: Org, credentials: Credentials, integration_user: str, organization_id: str) -> None:
        self._org = org
        self.credentials = credentials
        self.integration_user = integration_user
        self.organization_id = organization_id
        self._sessions: dict[str, datetime] = {}
        self.refresh_tokens: set[str] = set()

    # ---- sessions ---------------------------------------------------------------------------------------------
    def new_session(self) -> str:
        """A session id for the integration user."""
        token = f"{self.organization_id[:15]}!{secrets.token_urlsafe(48)}"
        self._sessions[token] = self._org.clock.now()
        return token

    def new_refresh_token(self) -> str:
        """A refresh token that the refresh flow accepts."""
        token = f"5Aep861{secrets.token_urlsafe(40)}"
        self.refresh_tokens.add(token)
        return token

    def revoke_all(self) -> None:
        """End every session; refresh tokens stay good."""
        self._sessions.clear()

    def user_of(self, call: Call) -> str:
        """The user id behind the call's bearer token. Raises 401 INVALID_SESSION_ID. [R:restforce]"""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        begun = self._sessions.get(token.strip()) if scheme.lower() in ("bearer", "oauth") else None
        lifetime = self._org.options.token_lifetime
        if begun is not None and lifetime and (self._org.clock.now() - begun).total_seconds() >= lifetime:
            del self._sessions[token.strip()]
            begun = None
        if begun is None:
            raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        return self.integration_user

    # ---- endpoints --------------------------------------------------------------------------------------------
    def token(self, call: Call) -> Reply:
        """POST /services/oauth2/token in its four grants."""
        form = call.form()
        try:
            return self._grant(call, form)
        except OAuthError as error:
            return error.reply

    def _grant(self, call: Call, form: Mapping[str, str]) -> Reply:
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            self._client(call, form)
            return self._issue(call)
        if grant == JWT_GRANT:
            self._assertion(form.get("assertion", ""), call)
            return self._issue(call)
        if grant == "refresh_token":
            self._client(call, form, secret_needed=False)
            offered = form.get("refresh_token", "")
            if offered not in self.refresh_tokens:
                raise OAuthError("invalid_grant", "expired access/refresh token")
            extra: dict[str, Any] = {}
            if self._org.options.rotate_refresh_tokens:
                self.refresh_tokens.discard(offered)
                extra["refresh_token"] = self.new_refresh_token()
            return self._issue(call, **extra)
        if grant == "password":
            self._client(call, form)
            wanted = self.credentials.password + self.credentials.security_token
            if form.get("username") != self.credentials.username or form.get("password") != wanted:
                raise OAuthError("invalid_grant", "authentication failure - Invalid Password")
            return self._issue(call)
        raise OAuthError("unsupported_grant_type", "grant type not supported")

    def _client(self, call: Call, form: Mapping[str, str], *, secret_needed: bool = True) -> None:
        client_id, secret = form.get("client_id"), form.get("client_secret")
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "invalid client credentials", 401) from None
        if client_id != self.credentials.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if (secret_needed or secret is not None) and not secrets.compare_digest(secret or "", self.credentials.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _assertion(self, assertion: str, call: Call) -> None:
        import jwt  # a tenth of a second to import, and few orgs use this flow

        key = self.credentials.public_key
        options: Any = {"verify_signature": key is not None, "verify_exp": False, "verify_aud": False, "verify_iat": False}
        try:
            claims = jwt.decode(assertion, key or "", algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if claims.get("iss") != self.credentials.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        audience = str(claims.get("aud", ""))
        if AUDIENCE.fullmatch(audience) is None and audience.rstrip("/") != self.instance_url(call):
            raise OAuthError("invalid_grant", "audience is invalid")
        if not self.credentials.consumer_approved:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if claims.get("sub") != self.credentials.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        try:
            expires = float(claims.get("exp", ""))
        except (TypeError, ValueError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        # a client may live by the real clock while the simulator's was moved, so one of the two must still be before exp
        if expires < min(self._org.clock.now().timestamp(), datetime.now(UTC).timestamp()):
            raise OAuthError("invalid_grant", "expired authorization code")

    def instance_url(self, call: Call) -> str:
        """Where the client shall call: what it called, https for production host names."""
        host = call.headers.get("host", "127.0.0.1")
        return f"https://{host}" if host.endswith(".salesforce.com") else f"http://{host}"

    def _issue(self, call: Call, **extra: Any) -> Reply:
        instance = self.instance_url(call)
        issued = str(int(self._org.clock.now().timestamp() * 1000))
        identity = f"{instance}/id/{self.organization_id}/{self.integration_user}"
        digest = hashlib.sha256(f"{identity}{issued}".encode()).digest()
        body = {
            "access_token": self.new_session(),
            "signature": base64.b64encode(digest).decode(),
            "scope": "api",
            "instance_url": instance,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
            **extra,
        }
        return Reply(body=body, headers={"Cache-Control": "no-store"})

    def revoke(self, call: Call) -> Reply:
        """POST /services/oauth2/revoke."""
        token = call.form().get("token", "")
        if token in self._sessions:
            del self._sessions[token]
        elif token in self.refresh_tokens:
            self.refresh_tokens.discard(token)
        else:
            return Reply(status=400, body={"error": "unsupported_token_type", "error_description": "this token type is not supported"})
        return Reply()

    def introspect(self, call: Call) -> Reply:
        """POST /services/oauth2/introspect."""
        try:
            self._client(call, call.form())
        except OAuthError as error:
            return error.reply
        active = call.form().get("token", "") in self._sessions
        if not active:
            return Reply(body={"active": False})
        return Reply(body={"active": True, "client_id": self.credentials.client_id, "username": self.credentials.username, "scope": "api"})

    def userinfo(self, call: Call) -> Reply:
        """GET /services/oauth2/userinfo. [R:amp-labs user-info]"""
        user = self._org.tables["User"].rows[self.user_of(call)]
        body = {
            "sub": f"{self.instance_url(call)}/id/{self.organization_id}/{user['Id']}",
            "user_id": user["Id"],
            "organization_id": self.organization_id,
            "preferred_username": user["Username"],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "zoneinfo": user["TimeZoneSidKey"],
            "address": {},
            "is_salesforce_integration_user": False,
            "urls": {},
            "active": bool(user.get("IsActive")),
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "updated_at": user["LastModifiedDate"].replace(".000+0000", "Z"),
        }
        return Reply(body=body)

    def soap(self, call: Call) -> Reply:
        """SOAP login(): a fault, as the call is retired; with option soap_login a session. [D][R:grouparoo]"""
        text = call.body.decode("utf-8", "replace")
        username = _element(text, "username")
        password = _element(text, "password")
        envelope = '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        if not self._org.options.soap_login:
            return self._soap_fault(envelope, "INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")
        wanted = self.credentials.password + self.credentials.security_token
        if username != self.credentials.username or password != wanted:
            message = "Invalid username, password, security token; or user locked out."
            return self._soap_fault(envelope, "INVALID_LOGIN", message)
        url = f"{self.instance_url(call)}/services/Soap/u/62.0/{self.organization_id[:15]}"
        body = (
            f'{envelope}xmlns="urn:partner.soap.sforce.com"><soapenv:Body><loginResponse><result>'
            f"<passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>{escape(url)}</serverUrl>"
            f"<sessionId>{escape(self.new_session())}</sessionId><userId>{self.integration_user}</userId>"
            "<userInfo><sessionSecondsValid>7200</sessionSecondsValid></userInfo></result></loginResponse></soapenv:Body></soapenv:Envelope>"
        )
        return Reply(body=body, content_type="text/xml;charset=UTF-8")

    @staticmethod
    def _soap_fault(envelope: str, code: str, message: str) -> Reply:
        body = (
            f'{envelope}xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode>'
            f"<faultstring>{code}: {escape(message)}</faultstring><detail><sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode>"
            f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        )
        return Reply(status=500, body=body, content_type="text/xml;charset=UTF-8")


def _element(text: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>(.*?)</(?:\w+:)?{name}>", text, re.DOTALL)
    return unescape(found[1]) if found else ""
