"""What people did to the owner field of the CRMs (process.md R6): whom they chose stands, and so does their choice of nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crmsync.decide.alerts import no_owner
from crmsync.decide.lifecycle import HAND, stage_of
from crmsync.decide.owning import ROUTER, WORKED, assignment
from crmsync.decide.steps import Made, can_own
from crmsync.decide.text import one_line
from crmsync.decide.who import who
from crmsync.model.copies import replace
from crmsync.model.link import PersonState
from crmsync.model.record import Fields, User
from crmsync.model.work import BY_HAND

CRM = "crm"
WAY_BACK = "whoever takes them in a CRM has them; crmsync_stage set to mql has them routed again"


def as_shown(state: PersonState, facts: Fields, users: Mapping[str, User], shown: str | None, now: datetime, made: Made) -> PersonState:
    """The state after a look at the owner field, at `now` (UTC). shown: house owner id there, None where it is empty; made: takes what has to be told.

    A usable owner other than ours was set by hand and stands. A field that was emptied, or given to a queue or an integration, after every CRM had shown ours
    (`owner_was` is theirs) was so by hand, too: nobody owns the person until somebody takes them. Of a rep who can own nothing any more that tells nothing: the
    next one gets them (R7)."""
    after = _looked(state, users, shown, now)
    if after.owner is not None:
        if after.owner_by == HAND and after.owner != state.owner and state.handed_at is not None:
            made.assignments.append(assignment(state, after, facts, now, BY_HAND))
        return after
    if after.owner_by == HAND and stage_of(after) in WORKED:
        told = f"{after.owner_reason}; {WAY_BACK}"
        made.problems.append(f"left without owner: {told}")
        if state.owner is not None:
            made.alerts.append(no_owner(who=who(facts), problem=told, at=now))
    return after


def on_its_way(state: PersonState, shown: str | None) -> bool:
    """Whether the router's owner is still to arrive where one of those before them is shown: of several changes that a CRM missed, it shows the first."""
    return state.owner_by == ROUTER and state.owner_was != state.owner and shown in (state.owner_was, *state.tried)


def _looked(state: PersonState, users: Mapping[str, User], shown: str | None, now: datetime) -> PersonState:
    if not can_own(shown, users):
        return _left(state, users, shown, now)
    if shown == state.owner:
        return state if state.owner_by != ROUTER or state.owner_was == shown else replace(state, owner_was=shown)
    if on_its_way(state, shown):
        return state
    if state.assigned_at is None:
        return replace(state, owner=shown, owner_by=CRM)
    return replace(state, owner=shown, owner_by=HAND, owner_reason="set by hand in a CRM", assigned_at=now, owner_was=None)


def _left(state: PersonState, users: Mapping[str, User], shown: str | None, now: datetime) -> PersonState:
    """Who had an owner, and now shows none who could work them."""
    if state.owner is None or shown == state.owner:
        return state
    if state.handed_at is None or state.assigned_at is None:
        return replace(state, owner=None, owner_by=None) if shown is None and state.owner_by != ROUTER else state
    arrived = state.owner_by != ROUTER or state.owner_was == state.owner
    if not arrived or not can_own(state.owner, users):
        return state
    user = users.get(shown or "")
    to = f"{user.kind} {user.name}" if user is not None else shown or "nobody"
    reason = one_line(f"taken from {state.owner} and given to {to} by hand in a CRM", 255)
    return replace(state, owner=None, owner_by=HAND, owner_reason=reason, assigned_at=now)
