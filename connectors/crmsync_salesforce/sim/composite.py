"""Composite and batch: several calls in one, with references between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.org import Org

LIMIT = 25
HEAVY_LIMIT = 5
REFERENCE = re.compile(r"@\{([^}]+)\}")
HEAVY = re.compile(r"/(query|queryAll|composite/sobjects)(/|\?|$)")


class UnresolvedError(Exception):
    """A reference to a subrequest that gave no such value."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Composite:
    """Handlers of composite and composite/batch."""

    def __init__(self, org: Org, inner: Callable[[Call], Reply], bill: Callable[[int], None]) -> None:
        self._org = org
        self._inner = inner
        self._bill = bill

    def run(self, call: Call) -> Reply:
        """POST composite: one call on the bill, subrequests in order, `@{ref.path}` filled from earlier answers."""
        body = call.object()
        requests = body.get("compositeRequest")
        if not isinstance(requests, list) or not requests or not all(isinstance(entry, dict) for entry in requests):
            raise SalesforceError("JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
        if len(requests) > LIMIT:
            message = f"The maximum number of allowed composite subrequests is {LIMIT}, but {len(requests)} were specified."
            raise SalesforceError("LIMIT_EXCEEDED", message)
        heavy = sum(1 for entry in requests if HEAVY.search(str(entry.get("url", ""))))
        if heavy > HEAVY_LIMIT:
            message = f"The maximum number of query and collections subrequests is {HEAVY_LIMIT}, but {heavy} were specified."
            raise SalesforceError("LIMIT_EXCEEDED", message)
        names = [str(entry.get("referenceId", "")) for entry in requests]
        if len(set(names)) != len(names) or not all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in names):
            raise SalesforceError("INVALID_INPUT", "referenceId must be unique and hold letters, digits and underscores only")
        return self._sequence(call, requests, all_or_none=body.get("allOrNone") is True)

    def _sequence(self, call: Call, requests: list[dict[str, Any]], *, all_or_none: bool) -> Reply:
        answers: dict[str, Any] = {}
        results: list[dict[str, Any]] = []
        failed = False
        mark = self._org.begin()
        try:
            for entry in requests:
                name = str(entry["referenceId"])
                if failed and all_or_none:
                    results.append(_halted(name))
                    continue
                reply = self._one(call, entry, answers)
                body = orjson.loads(reply.encoded() or b"null")
                if reply.status < 300:
                    answers[name] = body
                else:
                    failed = True
                results.append({"body": body, "httpHeaders": _kept(reply.headers), "httpStatusCode": reply.status, "referenceId": name})
            if failed and all_or_none:
                self._org.rollback(mark)
                results = [entry if entry["httpStatusCode"] >= 300 else _halted(entry["referenceId"]) for entry in results]
        finally:
            self._org.end()
        return Reply(body={"compositeResponse": results})

    def _one(self, call: Call, entry: Mapping[str, Any], answers: Mapping[str, Any]) -> Reply:
        try:
            url = str(_fill(str(entry.get("url", "")), answers, whole=False))
            body = _fill(entry.get("body"), answers, whole=True)
        except UnresolvedError as error:
            message = f"Invalid reference specified. No value for {error.path} found in {error.path.partition('.')[0]}"
            return Reply(status=400, body=SalesforceError("PROCESSING_HALTED", message).body())
        extra = entry.get("httpHeaders")
        headers = {key.lower(): str(value) for key, value in extra.items()} if isinstance(extra, dict) else {}
        return self._inner(subcall(call, str(entry.get("method", "")), url, body, {**call.headers, **headers}))

    def batch(self, call: Call) -> Reply:
        """POST composite/batch: independent subrequests, each on the bill."""
        body = call.object()
        requests = body.get("batchRequests")
        if not isinstance(requests, list) or not requests:
            raise SalesforceError("JSON_PARSER_ERROR", "batchRequests must be a list of subrequests")
        if len(requests) > LIMIT:
            raise SalesforceError("LIMIT_EXCEEDED", f"The maximum number of allowed batch subrequests is {LIMIT}.")
        self._bill(len(requests) - 1)
        results: list[dict[str, Any]] = []
        halted = False
        for entry in requests:
            if halted:
                body_halted = SalesforceError("BATCH_PROCESSING_HALTED", "Batch processing halted by request").body()
                results.append({"statusCode": 412, "result": body_halted})
                continue
            url = str(entry.get("url", ""))
            address = url if url.startswith("/services/") else f"/services/data/{url.lstrip('/')}"
            reply = self._inner(subcall(call, str(entry.get("method", "")), address, entry.get("richInput"), call.headers))
            results.append({"statusCode": reply.status, "result": orjson.loads(reply.encoded() or b"null")})
            halted = reply.status >= 400 and body.get("haltOnError") is True
        return Reply(body={"hasErrors": any(entry["statusCode"] >= 400 for entry in results), "results": results})


def subcall(call: Call, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Call:
    """The call that a subrequest stands for."""
    path, _, query = url.partition("?")
    return Call(
        method=method.upper(),
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=b"" if body is None else orjson.dumps(body),
        user=call.user,
        version=call.version,
        inner=True,
    )


def _halted(name: str) -> dict[str, Any]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    body = [{"errorCode": "PROCESSING_HALTED", "message": message}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name}


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in ("Location", "ETag", "Last-Modified")}


def _fill(value: Any, answers: Mapping[str, Any], *, whole: bool) -> Any:
    if isinstance(value, dict):
        return {key: _fill(entry, answers, whole=whole) for key, entry in value.items()}
    if isinstance(value, list):
        return [_fill(entry, answers, whole=whole) for entry in value]
    if not isinstance(value, str):
        return value
    alone = REFERENCE.fullmatch(value)
    if alone is not None and whole:
        return _lookup(alone[1], answers)
    return REFERENCE.sub(lambda found: str(_lookup(found[1], answers)), value)


def _lookup(path: str, answers: Mapping[str, Any]) -> Any:
    found: Any = answers
    for step in re.findall(r"[^.\[\]]+", path):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise UnresolvedError(path) from None
    return found
