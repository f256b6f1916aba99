"""Tokens: a private app's static one, OAuth access tokens with expiry, the refresh endpoint, scopes."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from .errors import ApiError, correlation_id, missing_scopes, plain, validation
from .objecttypes import find_type
from .options import Options
from .values import iso
from .wire import Call, Reply

_ENGAGEMENT_SCOPES = "contacts"  # engagements are covered by the contact scopes

EVERY = (
    *(f"crm.objects.{name}.{verb}" for name in ("contacts", "companies", "deals", "users", "owners") for verb in ("read", "write")),
    *(f"crm.schemas.{name}.{verb}" for name in ("contacts", "companies", "deals") for verb in ("read", "write")),
    "crm.lists.read", "crm.lists.write", "forms", "content", "communication_preferences.read", "communication_preferences.read_write",
)  # fmt: skip
"""What a token has whose scopes are not limited, as far as this simulator looks at them."""


class Tokens:
    """Who may call. Times in epoch ms."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.private = {options.access_token}
        self.refresh = {options.refresh_token}
        self.access: dict[str, int] = {}

    def check(self, header: str | None, now: int) -> None:
        """Raises ApiError 401: EXPIRED_AUTHENTICATION past expiry, INVALID_AUTHENTICATION for anything unknown."""
        scheme, _, token = (header or "").partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token in self.private:
            return
        expiry = self.access.get(token) if scheme.lower() == "bearer" else None
        if expiry is None:
            raise plain(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
                "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                "INVALID_AUTHENTICATION",
            )
        if now >= expiry:
            seconds = (now - expiry) // 1000
            raise plain(
                401,
                f"The OAuth token used to make this call expired {seconds} second(s) ago.",
                "EXPIRED_AUTHENTICATION",
                context={"expire time": [iso(expiry)]},
            )

    def revoke(self, *, refresh: bool = False) -> None:
        """Revokes every access token there is, the private app's too; with `refresh` the refresh tokens as well."""
        self.private.clear()
        self.access.clear()
        if refresh:
            self.refresh.clear()

    def restore(self) -> None:
        """Makes the configured private-app and refresh tokens valid again."""
        self.private.add(self.options.access_token)
        self.refresh.add(self.options.refresh_token)

    def expire(self, now: int) -> None:
        """Lets every OAuth access token be past its expiry."""
        self.access = dict.fromkeys(self.access, now)

    def issue(self, now: int) -> str:
        """A new OAuth access token."""
        token = secrets.token_urlsafe(32)
        self.access[token] = now + self.options.expires_in * 1000
        return token

    def info(self, call: Call) -> Reply:
        """POST /oauth/v2/private-apps/get/access-token-info: whose token it is, and its scopes."""
        if call.method != "POST" or call.version != "v2" or call.parts != ["private-apps", "get", "access-token-info"]:
            raise plain(404, "resource not found")
        if call.json().get("tokenKey") not in self.private:
            raise validation("tokenKey is not a private app's token")
        scopes = list(EVERY if self.options.scopes is None else self.options.scopes)
        return Reply(body={"userId": 1, "hubId": self.options.portal_id, "appId": self.options.app_id, "scopes": scopes})

    def token(self, call: Call) -> Reply:
        """POST /oauth/{v1,v3,2026-03}/token with grant_type=refresh_token; v1 takes query parameters too."""
        if call.method != "POST" or call.parts != ["token"]:
            raise plain(404, "resource not found")
        form = dict(parse_qsl(call.raw.decode("utf-8", "replace")))
        if call.version == "v1":
            form = {**{name: values[-1] for name, values in call.query.items()}, **form}
        if form.get("grant_type") != "refresh_token":
            raise validation("grant_type must be refresh_token")
        if form.get("client_id") != self.options.client_id or form.get("client_secret") != self.options.client_secret:
            raise ApiError(
                400,
                {
                    "error": "invalid_client",
                    "error_description": "client id or secret is invalid",
                    "status": "BAD_CLIENT_ID",
                    "message": "missing or unknown client id",
                    "correlationId": correlation_id(),
                },
            )
        if form.get("refresh_token") not in self.refresh:
            message = "refresh token is invalid, expired or revoked"
            raise ApiError(
                400,
                {
                    "error": "invalid_grant",
                    "error_description": message,
                    "status": "BAD_REFRESH_TOKEN",
                    "message": message,
                    "correlationId": correlation_id(),
                },
            )
        return Reply(
            body={
                "token_type": "bearer",
                "access_token": self.issue(call.now),
                "refresh_token": form["refresh_token"],
                "expires_in": self.options.expires_in,
                "hub_id": self.options.portal_id,
                "scopes": list(self.options.scopes or ()),
            }
        )


def needed_scopes(api: str, parts: list[str], method: str) -> list[str]:
    """The granular scopes a call needs; empty when none. Reads by POST (search, batch/read) count as reads."""
    kind = find_type(parts[0]) if parts else None
    reading = method == "GET" or parts[-1:] == ["search"] or parts[-2:] == ["batch", "read"]
    verb = "read" if reading else "write"
    if api == "crm.objects" and parts[:1] in (["users"], ["user"], ["0-115"]):
        return [f"crm.objects.users.{verb}"]
    if api in ("crm.objects", "crm.associations") and kind is not None:
        return [f"crm.objects.{_ENGAGEMENT_SCOPES if kind.engagement else kind.plural}.{verb}"]
    if api == "crm.properties" and kind is not None:
        return [f"crm.schemas.{_ENGAGEMENT_SCOPES if kind.engagement else kind.plural}.{verb}"]
    if api == "crm.owners":
        return ["crm.objects.owners.read"]
    if api == "crm.lists":
        return [f"crm.lists.{verb}"]
    if api in ("marketing", "form-integrations"):
        return ["forms"]
    if api == "email":
        return ["content"]
    if api == "communication-preferences":
        return ["communication_preferences.read" if reading else "communication_preferences.read_write"]
    return []


def _target_scopes(api: str, parts: list[str], asked: list[str]) -> list[str]:
    """The read scopes of the other side: of association addresses, and of the types named by ?associations=."""
    others = list(asked) if api == "crm.objects" else []
    if api == "crm.associations" and len(parts) > 1:
        others.append(parts[1])
    elif api == "crm.objects" and len(parts) > 3 and parts[2] == "associations":
        others.append(parts[4] if parts[3] == "default" and len(parts) > 4 else parts[3])
    kinds = [kind for kind in map(find_type, others) if kind is not None]
    return [f"crm.objects.{_ENGAGEMENT_SCOPES if kind.engagement else kind.plural}.read" for kind in kinds]


def check_scopes(options: Options, api: str, parts: list[str], method: str, asked: list[str]) -> None:
    """Raises ApiError 403 MISSING_SCOPES; `asked` are the types of ?associations=."""
    if options.scopes is None:
        return
    granted = set(options.scopes)
    needed = [*needed_scopes(api, parts, method), *_target_scopes(api, parts, asked)]
    lacking = [s for s in dict.fromkeys(needed) if s not in granted]
    if lacking:
        raise missing_scopes(lacking)
