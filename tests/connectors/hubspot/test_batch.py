"""Writes in batches against scripted answers: the old shapes that name nobody, lost answers, unordered results (F18, F19, F42, F43)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.hubspot.replies import reply
from crmsync.errors import QuotaError, UnreachableError
from crmsync.model.change import Action, OutcomeKind, Write
from crmsync_hubspot.batch import Batch
from crmsync_hubspot.client import Client
from crmsync_hubspot.lookup import Lookup
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.writing import Writing

NO_PROPERTIES = reply(json={"results": []})


def create(n: int, **fields: Any) -> Write:
    return Write(write_id=f"w{n}", action=Action.CREATE, object="contacts", key=f"k{n}", fields={"email": f"p{n}@x.example", **fields})


def update(n: int, **fields: Any) -> Write:
    return Write(write_id=f"w{n}", action=Action.UPDATE, object="contacts", id=str(n), fields=fields)


def problem(code: str, name: str, message: str = "was not valid") -> dict[str, Any]:
    entry = {"message": message, "code": code, "context": {"propertyName": [name]}}
    return {"status": "error", "category": "VALIDATION_ERROR", "message": f"Property values were not valid: {message}", "errors": [entry]}


class Server:
    """Refuses whole batches as HubSpot does without trace ids. refuse: properties -> error body, or None."""

    def __init__(self, refuse: Any) -> None:
        self.refuse = refuse
        self.writes = 0
        self.created: dict[str, Any] = {}

    def __call__(self, request: Any) -> Any:
        if "/properties/" in request.path:
            return NO_PROPERTIES
        if request.path.endswith("/batch/read"):
            wanted = {i["id"] for i in request.body["inputs"]}
            name = request.body.get("idProperty")
            return reply(json={"results": [r for r in self.created.values() if (r["properties"].get(name) if name else r["id"]) in wanted]})
        if request.method == "GET":
            return reply(404, {"category": "OBJECT_NOT_FOUND"})
        self.writes += 1
        for row in request.body["inputs"]:
            if body := self.refuse(row):
                return reply(409 if body.get("category") == "CONFLICT" else 400, body)
        results = []
        for row in request.body["inputs"]:
            id = row.get("id") or str(1000 + len(self.created))
            self.created[id] = {"id": id, "properties": row["properties"], "updatedAt": "2026-06-01T12:00:00.500Z"}
            results.append(self.created[id])
        return reply(201 if "create" in request.path else 200, {"status": "COMPLETE", "results": results[::-1]})


@pytest.fixture
def writing(client: Client) -> Writing:
    schemas = Schemas(client)
    return Writing(client, schemas, Lookup(client, schemas))


def kinds(outcomes: list[Any]) -> dict[str, OutcomeKind]:
    return {o.write_id: o.kind for o in outcomes}


def test_results_in_any_order_find_their_rows(script: Any, writing: Writing) -> None:
    script.answer = Server(lambda _: None)
    outcomes = writing.write([create(n, firstname=f"N{n}") for n in range(5)])
    assert [o.write_id for o in outcomes] == [f"w{n}" for n in range(5)]
    assert [o.shown["firstname"] for o in outcomes if o.shown] == [f"N{n}" for n in range(5)]
    assert len({o.id for o in outcomes}) == 5
    sent = next(r for r in script.requests if r.path.endswith("/batch/create")).body["inputs"]
    assert [i["objectWriteTraceId"] for i in sent] == [f"w{n}" for n in range(5)]
    assert sent[0]["properties"]["crmsync_key"] == "k0"


def test_one_bad_value_in_a_hundred_is_found_alone(script: Any, writing: Writing) -> None:
    server = Server(lambda row: problem("INVALID_OPTION", "country") if row["properties"]["country"] == "Atlantis" else None)
    script.answer = server
    outcomes = writing.write([update(n, country="Atlantis" if n == 37 else "Malta") for n in range(1, 101)])
    bad = [o for o in outcomes if o.kind is not OutcomeKind.DONE]
    assert [(o.write_id, o.kind, o.fields, o.cause) for o in bad] == [("w37", OutcomeKind.REJECTED, ("country",), "INVALID_OPTION")]
    assert server.writes < 18
    assert len(server.created) == 99


def test_a_quoted_value_is_suspected_first(script: Any, writing: Writing) -> None:
    def refuse(row: Any) -> Any:
        bad = row["properties"]["country"] == "Atlantis"
        return problem("INVALID_OPTION", "country", 'Atlantis was not one of the allowed options: ["Malta"]') if bad else None

    script.answer = server = Server(refuse)
    writing.write([update(n, country="Atlantis" if n == 37 else "Italy") for n in range(1, 101)])
    assert server.writes == 3


def test_an_unknown_property_refuses_exactly_the_rows_that_carry_it(script: Any, writing: Writing) -> None:
    script.answer = server = Server(lambda row: problem("PROPERTY_DOESNT_EXIST", "gone") if "gone" in row["properties"] else None)
    outcomes = writing.write([update(n, **({"gone": "x"} if n % 2 else {"city": "Rome"})) for n in range(1, 21)])
    assert {o.write_id for o in outcomes if o.kind is OutcomeKind.REJECTED} == {f"w{n}" for n in range(1, 21, 2)}
    assert all(o.fields == ("gone",) for o in outcomes if o.kind is OutcomeKind.REJECTED)
    assert server.writes == 2


def test_a_conflict_that_names_nobody_costs_one_row(script: Any, writing: Writing) -> None:
    conflict = {"status": "error", "category": "CONFLICT", "message": "Contact already exists"}
    script.answer = server = Server(lambda row: conflict if row["properties"]["email"] == "p3@x.example" else None)
    server.created["551"] = {"id": "551", "properties": {"email": "p3@x.example"}, "updatedAt": "2026-06-01T12:00:00Z"}
    outcomes = writing.write([create(n) for n in range(8)])
    assert kinds(outcomes).pop("w3") is OutcomeKind.EXISTS
    assert next(o.existing_id for o in outcomes if o.write_id == "w3") == "551"
    assert sum(o.kind is OutcomeKind.DONE for o in outcomes) == 7


def test_an_email_taken_by_another_is_a_rejected_update(script: Any, writing: Writing) -> None:
    conflict = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 77"}
    script.answer = Server(lambda row: conflict if row["id"] == "2" else None)
    outcome = writing.write([update(1, email="a@x.example"), update(2, email="b@x.example")])[1]
    assert (outcome.kind, outcome.fields, outcome.existing_id) == (OutcomeKind.REJECTED, ("email",), "77")


def test_207_names_each_row(script: Any, writing: Writing) -> None:
    errors = [
        {
            "category": "CONFLICT",
            "message": "Contact already exists. Existing ID: 9",
            "context": {"objectWriteTraceId": ["w0"], "existingId": ["9"]},
        },
        {**problem("INVALID_EMAIL", "email"), "context": {"objectWriteTraceId": ["w2"]}},
    ]
    row = {"id": "11", "properties": {"email": "p1@x.example"}, "updatedAt": "2026-06-01T12:00:00Z"}
    script.then(NO_PROPERTIES, reply(207, {"status": "COMPLETE", "results": [row], "numErrors": 2, "errors": errors}))
    outcomes = writing.write([create(0), create(1), create(2)])
    assert [(o.kind, o.id, o.existing_id, o.fields) for o in outcomes] == [
        (OutcomeKind.EXISTS, None, "9", ()),
        (OutcomeKind.DONE, "11", None, ()),
        (OutcomeKind.REJECTED, None, None, ("email",)),
    ]


def test_a_taken_key_is_looked_up(script: Any, writing: Writing) -> None:
    taken = problem("CONFLICTING_UNIQUE_VALUE", "crmsync_key", "a record already has that value for crmsync_key")
    script.answer = server = Server(lambda row: taken if row["properties"]["crmsync_key"] == "k1" else None)
    server.created["8"] = {"id": "8", "properties": {"crmsync_key": "k1"}, "updatedAt": "2026-06-01T12:00:00Z"}
    outcome = writing.write([create(0), create(1)])[1]
    assert (outcome.kind, outcome.existing_id) == (OutcomeKind.EXISTS, "8")


@pytest.mark.parametrize("lost", [reply(drop=True), reply(502), reply(201, {"results": []}, cut=True)])
def test_a_lost_answer_to_a_create_is_unknown_and_not_repeated(script: Any, writing: Writing, lost: Any) -> None:
    script.then(NO_PROPERTIES, lost)
    assert [o.kind for o in writing.write([create(0), create(1)])] == [OutcomeKind.UNKNOWN, OutcomeKind.UNKNOWN]
    assert len(script.requests) == 2


def test_a_lost_answer_to_an_update_is_repeated_once(script: Any, writing: Writing) -> None:
    row = {"id": "1", "properties": {"city": "Rome"}, "updatedAt": "2026-06-01T12:00:00Z"}
    script.then(NO_PROPERTIES, reply(drop=True), reply(json={"results": [row]}))
    outcome = writing.write([update(1, city="Rome")])[0]
    assert (outcome.kind, outcome.shown) == (OutcomeKind.DONE, {"city": "Rome"})
    script.then(reply(502), reply(502))
    assert writing.write([update(1, city="Rome")])[0].kind is OutcomeKind.UNKNOWN


def test_nothing_sent_raises_and_something_sent_does_not(script: Any, writing: Writing) -> None:
    day = {"message": "You have reached your daily limit.", "policyName": "DAILY"}
    script.answer = lambda _: reply(429, day)
    with pytest.raises(QuotaError):
        writing.write([update(1, city="Rome")])
    server = Server(lambda _: None)
    script.answer = lambda r: server(r) if server.writes < 1 else reply(429, day)
    outcomes = writing.write([update(1, city="Rome"), replace(update(1, city="Oslo"), write_id="later")])
    assert [o.kind for o in outcomes] == [OutcomeKind.DONE, OutcomeKind.RETRY]


def test_two_writes_to_one_record_keep_their_order(script: Any, writing: Writing) -> None:
    script.answer = server = Server(lambda _: None)
    outcomes = writing.write([update(1, city="Rome"), update(2, city="Rome"), replace(update(1, city="Oslo"), write_id="later")])
    sent = [[(i["id"], i["properties"]["city"]) for i in r.body["inputs"]] for r in script.requests if r.path.endswith("/batch/update")]
    assert sent == [[("1", "Rome"), ("2", "Rome")], [("1", "Oslo")]]
    assert [o.kind for o in outcomes] == [OutcomeKind.DONE] * 3
    assert server.writes == 2


def test_none_clears_and_bools_are_words(script: Any, writing: Writing) -> None:
    script.answer = Server(lambda _: None)
    outcome = writing.write([update(1, city=None, flag=True, score=7)])[0]
    sent = next(r for r in script.requests if r.path.endswith("/batch/update")).body["inputs"][0]
    assert sent["properties"] == {"city": "", "flag": "true", "score": "7"}
    assert outcome.shown is not None
    assert outcome.shown["city"] is None


def test_batches_hold_a_hundred(script: Any, writing: Writing) -> None:
    script.answer = Server(lambda _: None)
    outcomes = writing.write([update(n, city="Rome") for n in range(1, 251)])
    sizes = sorted(len(r.body["inputs"]) for r in script.requests if r.path.endswith("/batch/update"))
    assert sizes == [50, 100, 100]
    assert len({o.write_id for o in outcomes}) == 250


def test_delete_archives_in_one_call(script: Any, writing: Writing) -> None:
    script.then(NO_PROPERTIES, reply(204))
    doomed = [Write(write_id=f"d{n}", action=Action.DELETE, object="tasks", id=str(n)) for n in range(3)]
    assert [o.kind for o in writing.write(doomed)] == [OutcomeKind.DONE] * 3
    assert script.requests[1].body == {"inputs": [{"id": "0"}, {"id": "1"}, {"id": "2"}]}


def test_a_half_carried_batch_never_raises(script: Any, client: Client) -> None:
    server = Server(lambda row: problem("INVALID_OPTION", "country") if row["properties"]["country"] == "Atlantis" else None)
    script.answer = lambda r: server(r) if server.writes < 2 else reply(429, {"message": "daily limit", "policyName": "DAILY"})
    outcomes = Batch(client, Schemas(client)).update(
        "contacts", [update(n, country="Atlantis" if n == 1 else "Malta") for n in range(1, 5)]
    )
    assert OutcomeKind.RETRY in {o.kind for o in outcomes.values()}
    assert json.dumps([o.message for o in outcomes.values()])


def test_unreachable_is_raised(script: Any, writing: Writing) -> None:
    script.answer = lambda _: reply(423, {})
    with pytest.raises(UnreachableError):
        writing.write([create(1)])
