"""What the best share of the scored persons reaches (S4 `top_percent`): taken anew once a day for each scoring model, from the stored scores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crmsync.decide.canonical import moment, stamp
from crmsync.engine.world import World
from crmsync.model.event import DECIDED_UNDER

CUTS = "cuts"
"""Where the store keeps them."""
EVERY = timedelta(days=1)
NO_CUTS: Mapping[str, float] = {}


def shares(world: World) -> dict[str, float]:
    """segment ("": the playbook's own model) -> per cent of its persons who are to be mql; empty where every threshold is a number."""
    models = {"": world.playbook.score, **{s.name: s.score for s in world.playbook.segments}}
    return {name: model.top_percent for name, model in models.items() if model.top_percent is not None}


def cuts_of(world: World) -> Mapping[str, float]:
    """segment -> the total that counts today in place of `mql_at`. Reads the store only where a model has `top_percent`."""
    if not shares(world):
        return NO_CUTS
    held: Mapping[str, Any] = world.store.get(CUTS) or {}
    found: Mapping[str, float] = held.get("cuts", NO_CUTS)
    return found


def take_cuts(world: World, now: datetime, *, wake: bool = True) -> None:
    """Takes the cuts anew when a day has passed since, the shares are others, a share had no cut, or everybody was decided under other rules since. Persons
    whose score lies between an old and a new cut, or between where these let go (hysteresis), are decided again (wake). Nothing is asked
    where every threshold is a number."""
    wanted = shares(world)
    if not wanted:
        return
    store = world.store
    held: Mapping[str, Any] = store.get(CUTS) or {}
    taken, under = moment(held.get("at")), _decided_under(world)
    old: Mapping[str, float] = held.get("cuts", NO_CUTS)
    lately = taken is not None and taken <= now < taken + EVERY and held.get("shares") == wanted and held.get("under") == under
    if lately and set(old) == set(wanted):
        return
    models = {"": world.playbook.score, **{s.name: s.score for s in world.playbook.segments}}
    with store.begin():
        new = {name: cut for name, share in wanted.items() if (cut := store.score_cut(name, share)) is not None}
        if lately and new == old:
            return
        store.put(CUTS, {"at": stamp(now), "shares": wanted, "cuts": new, "under": under})
        for name in wanted:
            before, after = old.get(name, models[name].mql_at), new.get(name, models[name].mql_at)
            if wake and before != after:
                slack = models[name].min_delta  # a stored score may be that much behind
                for below in {0.0, models[name].hysteresis}:
                    store.wake_between(name, min(before, after) - below - slack, max(before, after) - below + slack)


def _decided_under(world: World) -> str:
    """The rules that the stored scores are of: those in force once everybody was decided under them, "" while that goes on."""
    told: Mapping[str, Any] = world.store.get(DECIDED_UNDER) or {}
    return world.rules if told.get("rules") == world.rules and told.get("after") is None else ""
