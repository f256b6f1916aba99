"""Routes one API call through authentication, limits and scopes to its handler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from . import associating, batches, definitions, directory, lists, marketing, objects, users
from .auth import Tokens, check_scopes
from .errors import ApiError, correlation_id, no_resource
from .limits import Limits
from .portal import Portal
from .preferences import Preferences
from .searching import Searches
from .wire import Call, Reply, canonical, object_type, parse_query, wrong_method

# the vendor exempts these from the ten-secondly limit (rate-limit-exemptions in its specification)
_EXEMPT = frozenset({"crm.associations", "crm.schemas"})


class Answer(NamedTuple):
    """What goes back: status, JSON body (None: no content), headers, and whether it counts as an API call."""

    status: int
    body: object
    headers: dict[str, str]
    billed: bool


class Api:
    """The vendor's API over one portal."""

    def __init__(self, portal: Portal, tokens: Tokens) -> None:
        self.portal = portal
        self.tokens = tokens
        self.limits = Limits(portal.options)
        self.preferences = Preferences(portal)
        self._searches = Searches(portal)

    def handle(self, method: str, path: str, query: str, raw: bytes, headers: Mapping[str, str], base: str) -> Answer:
        """Carries one call out, under the portal's lock."""
        found = canonical(path)
        with self.portal.lock:
            now = self.portal.settle()
            if found is None:
                return self._answer(no_resource(), {}, False)
            api, version, parts = found
            call = Call(
                portal=self.portal,
                method=method,
                api=api,
                version=version,
                parts=parts,
                query=parse_query(query),
                raw=raw,
                headers=headers,
                now=now,
                base=base,
            )
            if api == "oauth" and parts[:1] != ["private-apps"]:
                try:
                    return self._reply(self.tokens.token(call), {}, False)
                except ApiError as error:
                    return self._answer(error, {}, False)
            return self._authenticated(call)

    def _authenticated(self, call: Call) -> Answer:
        search = call.api == "crm.objects" and call.parts[1:] == ["search"]
        try:
            self.tokens.check(call.headers.get("authorization"), call.now)
        except ApiError as error:
            return self._answer(error, {}, False)
        limited = self.limits.take(call.now, search=search, exempt=call.api in _EXEMPT)
        if limited is not None:
            return self._answer(limited, self.limits.headers(call.now, search=search, limited=True), False)
        headers = self.limits.headers(call.now, search=search, limited=False)
        try:
            check_scopes(self.portal.options, call.api, call.parts, call.method, call.many("associations"))
            return self._reply(self._route(call), headers, True)
        except ApiError as error:
            return self._answer(error, headers, True)

    def _route(self, call: Call) -> Reply:
        match call.api:
            case "oauth":
                return self.tokens.info(call)
            case "crm.objects":
                return self._objects(call)
            case "crm.associations":
                return associating.batch(call, call.parts)
            case "crm.properties":
                return definitions.handle(call)
            case "crm.owners":
                return directory.owners(call)
            case "crm.pipelines":
                return directory.pipelines(call)
            case "crm.schemas":
                return directory.schemas(call)
            case "account-info":
                return directory.account(call, self.limits)
            case "communication-preferences":
                return self.preferences.handle(call)
            case "crm.lists":
                return lists.handle(call)
            case "marketing":
                return marketing.list_forms(call)
            case "form-integrations":
                return marketing.list_submissions(call)
            case "email":
                return marketing.list_events(call)
        raise no_resource()

    def _objects(self, call: Call) -> Reply:
        if not call.parts:
            raise no_resource()
        if call.parts[0] in ("users", "user", "0-115"):
            return users.handle(call, call.parts[1:])
        kind = object_type(call.parts[0])
        table = self.portal.tables[kind.plural]
        rest = call.parts[1:]
        method = call.method
        if not rest:
            if method == "GET":
                return objects.listing(call, table)
            if method == "POST":
                return objects.create(call, table)
            raise wrong_method()
        if method == "POST" and len(rest) == 1 and rest[0] in ("search", "merge", "gdpr-delete"):
            if rest[0] == "search":
                return self._searches.run(call, table)
            return objects.merge(call, table) if rest[0] == "merge" else objects.gdpr_delete(call, table)
        if method == "POST" and len(rest) == 2 and rest[0] == "batch":
            return batches.run(call, table, rest[1])
        if len(rest) >= 2 and rest[1] == "associations":
            return associating.on_record(call, kind, rest[0], rest[2:])
        if len(rest) != 1:
            raise no_resource()
        match method:
            case "GET":
                return objects.get(call, table, rest[0])
            case "PATCH":
                return objects.update(call, table, rest[0])
            case "DELETE":
                return objects.delete(call, table, rest[0])
        raise wrong_method()

    @staticmethod
    def _reply(reply: Reply, headers: dict[str, str], billed: bool) -> Answer:
        return Answer(reply.status, reply.body, {**headers, **reply.headers, "X-HubSpot-Correlation-Id": correlation_id()}, billed)

    @staticmethod
    def _answer(error: ApiError, headers: dict[str, str], billed: bool) -> Answer:
        correlation = str(error.body.get("correlationId") or correlation_id())
        return Answer(error.status, error.body, {**headers, **error.headers, "X-HubSpot-Correlation-Id": correlation}, billed)
