"""`POST /signals`: what a website tells reaches a decision without a poll, waits for persons nobody knows yet, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from crmsync.engine.cycle import cycle
from crmsync.engine.forget import erase_email, persons_of
from crmsync.service.retention import LAST, WAITING_DAYS, forget_daily
from crmsync.service.signals import AT_ONCE, SignalsRefusedError, take, used_signals
from crmsync.store import Store
from scenarios.world import Both

ANN = "ann@example.com"


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with Both(kinds=()) as world:
        world.settle()
        yield world


def told(both: Both, *rows: dict[str, Any]) -> dict[str, Any]:
    given = [{"email": ANN, "type": "demo_request", "at": both.time().isoformat(), **row} for row in rows]
    return take(both.store, orjson.dumps(given), both.time(), used_signals(both.playbook))


def types(both: Both, email: str) -> list[str]:
    (person,) = both.store.find_person_by_email(email)
    return [signal.type for signal in both.store.signals.of([person]).get(person, [])]


def test_a_told_demo_request_is_decided_without_asking_the_crms(both: Both) -> None:
    contact = both.hs.create("contacts", {"email": ANN, "lastname": "Lee", "phone": "+1 408 555 0100"})
    both.settle()
    both.mark()
    assert told(both, {"id": "w-1", "detail": "Demo\nseats: 50"})["new"] == 1
    cycle(both.world, both.time(), everything=False, only={})
    assert [c.path for c in both.hs.calls if "/search" in c.path] == [], "nobody was asked what changed"
    assert both.hs.get("contacts", contact)["crmsync_stage"] in ("mql", "sal")
    (task,) = [task for task in both.sf.all("Task") if "Demo" in str(task["Description"])]
    assert "seats: 50" in task["Description"]
    # and again, with the address in another case: known
    assert told(both, {"id": "w-1", "email": "Ann@Example.com "}) == {
        "new": 0, "waiting": 0, "known": 1, "unknown": 0, "erased": 0, "unused": [],
    }  # fmt: skip
    both.settle()  # colleagues at the same company hear of it
    both.assert_settled()


def test_of_somebody_unknown_it_waits(both: Both) -> None:
    bob = {"email": "bob@example.com", "at": both.time().isoformat()}
    first = told(both, bob, {**bob, "type": "hovered"}, bob)
    assert (first["new"], first["waiting"], first["known"], first["unused"]) == (0, 2, 1, ["hovered"])
    assert told(both, bob)["waiting"] == 0
    both.settle()
    assert both.store.find_person_by_email("bob@example.com") == []
    both.sf.create("Lead", {"LastName": "Moss", "Company": "Acme", "Email": "Bob@example.com"})
    both.settle()
    assert sorted(types(both, "bob@example.com")) == ["demo_request", "hovered"]
    assert told(both, bob)["known"] == 1
    assert both.store.signals.waiting(["bob@example.com"]) == {}


def test_a_key_names_the_person_too(both: Both) -> None:
    both.hs.create("contacts", {"email": "cat@example.com", "lastname": "Poe"})
    both.settle()
    key = both.contact("cat@example.com")["crmsync_key"]
    answer = told(both, {"email": None, "crmsync_key": key, "id": "k-1"}, {"email": None, "crmsync_key": "nobody", "id": "k-2"})
    assert (answer["new"], answer["unknown"]) == (1, 1)
    assert types(both, "cat@example.com") == ["demo_request"]
    assert told(both, {"email": None, "crmsync_key": key, "id": "k-1"})["known"] == 1


def test_of_the_erased_nothing_is_kept(both: Both) -> None:
    assert told(both, {"email": "gone@example.com", "id": "g-1"})["waiting"] == 1
    (erased,) = erase_email(both.store, "gone@example.com", persons_of(both.world), both.time())
    assert erased.counts == {"signals": 1}
    assert both.store.signals.waiting(["gone@example.com"]) == {}
    assert told(both, {"email": "gone@example.com", "id": "g-2"})["erased"] == 1
    assert both.store.signals.waiting(["gone@example.com"]) == {}
    # a new person with that address is somebody else: what was done before is not theirs
    before = both.time().isoformat()
    both.time.advance(60)
    both.sf.create("Lead", {"LastName": "New", "Company": "Acme", "Email": "gone@example.com"})
    both.settle()
    assert told(both, {"email": "gone@example.com", "id": "g-3", "at": before})["erased"] == 1
    assert told(both, {"email": "gone@example.com", "id": "g-4"})["new"] == 1
    assert types(both, "gone@example.com") == ["demo_request"]


def test_what_waits_too_long_is_forgotten(both: Both) -> None:
    told(both, {"email": "never@example.com", "id": "n-1"})
    for days, left in ((0, 1), (WAITING_DAYS + 1, 0)):
        both.store.put(LAST, None)
        forget_daily(both.store, both.playbook.retention, both.time() + timedelta(days=days))
        assert len(both.store.signals.waiting(["never@example.com"])) == left


NOW = datetime.fromisoformat("2026-03-03T15:00:00+00:00")
GOOD = {"email": ANN, "type": "trial_start", "at": "2026-03-01T09:00:00Z"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (7, "an object"), ({**GOOD, "kind": "x"}, "'kind'"), ({**GOOD, "email": ""}, "crmsync_key is needed"), ({**GOOD, "email": "ann"}, "no e-mail"),
        ({**GOOD, "type": "Trial Start"}, "type is needed"), ({**GOOD, "type": ""}, "type is needed"), ({**GOOD, "at": "soon"}, "at is needed"),
        ({**GOOD, "at": "2026-03-05T09:00:00Z"}, "a day ahead"), ({**GOOD, "at": 1}, "must be text"), ({**GOOD, "id": "x" * 201}, "200 characters"),
        ({**GOOD, "detail": ["x"]}, "must be text"), ({**GOOD, "at": "9999-12-31T23:59:59-14:00"}, "at is needed"),
    ],
)  # fmt: skip
def test_one_that_is_wrong_refuses_all(both: Both, row: object, why: str) -> None:
    fine = {**GOOD, "email": "zoe@example.com"}
    with pytest.raises(SignalsRefusedError, match=why) as refused:
        take(both.store, orjson.dumps([fine, row]), NOW, frozenset())
    assert refused.value.at == 1
    assert both.store.signals.waiting(["zoe@example.com"]) == {}


def test_a_body_that_is_no_list_of_signals(both: Both) -> None:
    store: Store = both.store
    for body in (b"", b"{", b'"x"', b"\xff", orjson.dumps([GOOD] * (AT_ONCE + 1))):
        with pytest.raises(SignalsRefusedError):
            take(store, body, NOW, frozenset())
    assert take(store, b"[]", NOW, frozenset())["new"] == 0
    assert take(store, orjson.dumps({**GOOD, "email": "lou@example.com"}), NOW, frozenset())["waiting"] == 1
