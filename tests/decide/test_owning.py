"""Who is next when nobody works a person (process.md R7), on one decision alone: whom the router finds, and when it looks again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.decide.condition import Lists
from crmsync.decide.owning import JOINED, RETRY, ROUTER, Router, Ways
from crmsync.decide.pool import Floor, PoolNow, RepNow
from crmsync.model.alert import POOL_USED_UP, REASSIGNED
from crmsync.model.link import PersonState, StageEntry
from crmsync.model.record import User
from crmsync.model.routing import one_pool
from tiny import playbook

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SOL, JOE, KIM = "sol@corp.example", "joe@corp.example", "kim@corp.example"
HAD = NOW - timedelta(hours=48)
STATE = PersonState(
    person_id="p", owner=SOL, owner_by=ROUTER, assigned_at=HAD, handed_at=HAD, pool="default", rule="default pool", tried=(SOL,),
    stages=(StageEntry(stage="sal", previous="mql", at=HAD, cause="", who="engine"),),
)  # fmt: skip


def router(*reps: RepNow, at: datetime = NOW) -> Router:
    floor = Floor(pools={"default": PoolNow(name="default", reps=reps)}, first="default")
    users = {rep: User(side="a", id=rep, email=rep, name=rep) for rep in (SOL, JOE, KIM)}
    return Router(
        playbook=playbook(routing=one_pool(members=[rep.rep for rep in reps])), users=users, facts={"email": "ann@acme.example"}, lists=Lists(),
        signals=(), at=at, ways=Ways(floor=lambda: floor),
    )  # fmt: skip


def test_r7_the_only_rep_of_a_pool_keeps_them_until_somebody_joins_it() -> None:
    alone = router(RepNow(rep=SOL)).next(STATE, "why")
    assert (alone.owner, alone.state, alone.floor) == (None, STATE, None)
    assert [alert.kind for alert in alone.alerts] == [POOL_USED_UP]
    assert alone.due == NOW + JOINED, "nothing else would have the person looked at again"
    later = router(RepNow(rep=SOL), RepNow(rep=JOE), at=NOW + JOINED).next(alone.state, "why")
    assert (later.owner, later.state.tried) == (JOE, (SOL, JOE))
    assert [alert.kind for alert in later.alerts] == [REASSIGNED]
    # however often it is looked, one thing is told: the alert is of the same moment
    assert router(RepNow(rep=SOL), at=NOW + JOINED).next(alone.state, "why").alerts == alone.alerts


def test_r7_nobody_can_be_had_now_and_is_looked_for_again() -> None:
    away = RepNow(rep=JOE, here=False, back=NOW + timedelta(hours=5))
    assert router(RepNow(rep=SOL), away).next(STATE, "why").due == NOW + timedelta(hours=5)
    full = RepNow(rep=JOE, open_leads=3, load=3)
    found = router(RepNow(rep=SOL), full).next(STATE, "why")
    assert (found.owner, found.state, found.due) == (None, STATE, NOW + RETRY)
