"""Bad input among signals: from the future, out of order, doubled, older than the person, of unknown types, ten thousand of one person.

One world, `POST /signals` on the way in; `explain` and `status` on the way out stay right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from crmsync.engine.cycle import cycle
from crmsync.service.explain import explain
from crmsync.service.signals import AT_ONCE, SignalsRefusedError, take, used_signals
from crmsync.service.status import status
from crmsync.service.sync import one_cycle
from crmsync.service.workspace import Workspace
from scenarios.desk import desk
from scenarios.world import Both

VISITS, CROWD = "pricing_page_view", 10_000
EMAIL, EARLY, SOON, BOT, ODD = "åsa+news@a.example", "early@e.example", "soon@s.example", "bot@b.example", "odd@o.example"


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with Both(kinds=()) as world:
        for email in (EMAIL, EARLY, SOON, BOT, ODD):
            world.hs.create("contacts", {"email": email, "lastname": "Lee", "phone": "+1 408 555 0100"})
        world.settle()
        yield world


def tell(both: Both, *rows: dict[str, Any], email: str = EMAIL) -> dict[str, Any]:
    given = [{"email": email, "type": VISITS, **row} for row in rows]
    return take(both.store, orjson.dumps(given), both.time(), used_signals(both.playbook))


def decide(both: Both) -> None:
    cycle(both.world, both.time(), everything=False, only={})


def told(both: Both, email: str = EMAIL) -> dict[str, Any]:
    return explain(workspace(both), email)


def workspace(both: Both) -> Workspace:
    return desk(both)


def rule(found: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in found["score"]["reasons"] if row["rule"] == name]
    return dict(row)


def test_out_of_order_doubled_and_older_than_the_person(both: Both) -> None:
    now = both.time()
    ago = [now - timedelta(days=days) for days in (3, 400, 40, 3)]
    rows = [{"id": f"v-{n % 3}", "at": at.isoformat(), "detail": f"/pricing/{n % 3}"} for n, at in enumerate(ago)]
    said = tell(both, *rows)
    assert (said["new"], said["known"]) == (3, 1)
    decide(both)
    found = told(both)
    assert [row["at"] for row in found["score"]["signals"]] == sorted(at.isoformat() for at in ago[:3])
    price = rule(found, "Pricing page")
    assert price["source"].startswith("3 ×")
    assert (price["full"], price["half_life_days"], price["event"]["detail"]) == (30.0, 30, "/pricing/0")
    assert 0 < price["points"] < price["full"]
    # the same once more, the other way round: nothing changes
    assert tell(both, *reversed(rows))["known"] == 4
    decide(both)
    assert told(both)["score"] == found["score"]


def test_from_the_future(both: Both) -> None:
    now = both.time()
    with pytest.raises(SignalsRefusedError, match="a day ahead"):
        tell(both, {"id": "f-1", "at": (now + timedelta(days=2)).isoformat()}, email=EARLY)
    rows = [{"id": f"f-{hours}", "at": (now + timedelta(hours=hours)).isoformat()} for hours in (-1, 20)]
    assert tell(both, *rows, email=EARLY)["new"] == 2
    decide(both)
    found = told(both, EARLY)
    assert found["score"]["total"] == pytest.approx(20, abs=0.5), "a wrong clock counts as now, once"
    assert rule(found, "Pricing page")["event"]["at"] == (now - timedelta(hours=1)).isoformat()
    assert found["next"]["at"] <= (now + timedelta(hours=20, seconds=1)).isoformat(), "and is looked at when its time has come"
    both.time.advance(hours=21)
    decide(both)
    later = told(both, EARLY)
    assert rule(later, "Pricing page")["event"]["at"] == (now + timedelta(hours=20)).isoformat()
    assert later["score"]["total"] < found["score"]["total"]


def test_what_time_alone_changes_next_is_told_and_comes_true(both: Both) -> None:
    """`explain` says when and what; at that moment it is so."""
    at = both.time()
    tell(both, *({"id": f"s-{n}", "at": (at - timedelta(minutes=n)).isoformat()} for n in range(3)), email=SOON)
    decide(both)
    found = told(both, SOON)
    coming = found["next"]
    assert coming["at"] == found["next_due_at"]
    (score,) = [change for change in coming["changes"] if change["what"] == "score"]
    assert (score["from"], score["why"]) == (found["score"]["total"], "falls below 25")
    assert (found["score"]["segment"], found["score"]["mql_at"]) == (None, both.playbook.score.mql_at)
    assert found["gate"]["reachable"]
    both.time.advance((datetime.fromisoformat(coming["at"]) - both.time()).total_seconds())
    decide(both)
    assert told(both, SOON)["score"]["total"] == score["to"] <= 25


def test_ten_thousand_of_one_person(both: Both) -> None:
    now = both.time()
    rows = [{"id": f"b-{n}", "at": (now - timedelta(minutes=5 * n)).isoformat(), "detail": f"/p/{n}"} for n in range(CROWD)]
    assert sum(tell(both, *rows[start : start + AT_ONCE], email=BOT)["new"] for start in range(0, CROWD, AT_ONCE)) == CROWD
    both.mark()
    decide(both)
    found = told(both, BOT)
    mine = [w for side in ("hubspot", "salesforce") for w in both.written(side) if w.id in {one["record_id"] for one in found["links"]}]
    assert 0 < len(mine) <= 4, "one decision, not ten thousand"
    price = rule(found, "Pricing page")
    assert price["source"].startswith("5 ×"), "the rule's cap"
    assert price["points"] <= 50
    assert len(found["score"]["signals"]) == CROWD


def test_unknown_types_are_counted_and_listed_in_status(both: Both) -> None:
    now = both.time()
    rows = [{"id": f"u-{n}", "type": "hovered" if n % 3 else "blinked", "at": now.isoformat()} for n in range(6)]
    assert tell(both, *rows, email=ODD)["unused"] == ["blinked", "hovered"]
    before = told(both, ODD)["score"]
    one_cycle(workspace(both))
    assert told(both, ODD)["score"]["reasons"] == before["reasons"], "they are worth nothing and keep nobody warm"
    quick, thorough = (status(both.store, now=now, real_now=now, thorough=t) for t in (False, True))
    assert quick.unknown_signals is None, "not counted for every look at the status page"
    assert thorough.json()["unknown_signals"] == {"hovered": 4, "blinked": 2}


def test_a_cycle_that_fails_unexpectedly_is_told_by_the_status(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OverflowError("date value out of range")

    def told() -> tuple[str, ...]:
        return status(both.store, now=both.time(), real_now=both.time()).reasons

    workspace: Workspace = desk(both)
    one_cycle(workspace)
    assert told() == ()
    with monkeypatch.context() as patch:
        patch.setattr("crmsync.service.sync.cycle", broken)
        with pytest.raises(OverflowError):
            one_cycle(workspace)
    assert told() == ("crmsync: a cycle failed unexpectedly (OverflowError); it is tried again",)
    one_cycle(workspace)
    assert told() == ()
