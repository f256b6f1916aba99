"""Nurture tracks (N1): which programme a person is in, when they enter, finish and fall back, and which lists they are on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from crmsync.decide.condition import Lists, holds, turns_at
from crmsync.model.condition import Condition
from crmsync.model.copies import replace
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import Track
from crmsync.model.record import Fields
from crmsync.model.verdict import TrackVerdict

OPT_OUT = "email_opt_out"
"""The house field that ends e-mail (G1)."""
NO_TRACK = "none"
"""What crmsync_track shows of somebody who has left one."""


def track(
    state: PersonState,
    stage: str | None,
    facts: Fields,
    signals: Sequence[Signal],
    tracks: Sequence[Track],
    lists: Lists,
    now: datetime,
    *,
    start_from: datetime | None = None,
) -> TrackVerdict:
    """The track a person should be in at `now` (UTC). state: with `tracks_done` of the present stage (see `nurtured`).

    They enter the first track that has their stage, whose `when` holds and whose `graduate` does not yet. They stay while it has their stage; when it has
    it no longer, the track that fits then takes them. They finish it when `graduate` holds or `days` are over: `graduate_to` follows where it
    has their stage, else nothing before the stage changes. Who opted out of e-mail is in no track with lists (G1). start_from: stages that somebody
    had before it put them in no track (section 9a); None: all count."""
    by_name = {t.name: t for t in tracks}
    current = by_name.get(state.track) if state.track is not None else None
    silent = facts.get(OPT_OUT) is True
    found = _Look(facts, signals, lists, now, stage, silent)
    if current is not None and found.may(current):
        done = found.finished(current, state.track_since)
        if done is None:
            return TrackVerdict(track=current.name, next_due_at=_earliest([found.over(current, state.track_since), found.turn([current])]))
        return _after(current, done, by_name, state, found)
    why = _why_left(state.track, current, stage, silent)
    fitting: Track | None = None
    waits: datetime | None = None
    if not state.tracks_done and not _old(state, stage, start_from):
        open_to = [t for t in tracks if found.may(t)]
        fitting = next((t for t in open_to if found.wanted(t)), None)
        waits = found.turn(open_to)
    if fitting is None:
        return TrackVerdict(track=None, changed=state.track is not None, cause=why, next_due_at=waits)
    told = f"stage {stage}" + (f", {why}" if why else "")
    due = _earliest([found.over(fitting, now), found.turn([fitting])])
    return TrackVerdict(track=fitting.name, changed=True, cause=told, next_due_at=due)


def nurtured(
    before: PersonState,
    state: PersonState,
    facts: Fields,
    signals: Sequence[Signal],
    tracks: Sequence[Track],
    lists: Lists,
    now: datetime,
    *,
    start_from: datetime | None = None,
) -> tuple[PersonState, TrackVerdict]:
    """`state` (before this decision: `before`) with its track settled, and the verdict. A new stage forgets what was finished at the last one."""
    if state.tracks_done and len(state.stages) > len(before.stages):
        state = replace(state, tracks_done=())
    stage = state.stages[-1].stage if state.stages else None
    verdict = track(state, stage, facts, signals, tracks, lists, now, start_from=start_from)
    if verdict.changed or verdict.finished:
        done = tuple(dict.fromkeys((*state.tracks_done, *verdict.finished)))
        since = now if verdict.track is not None else None
        state = replace(state, track=verdict.track, track_since=since, tracks_done=done)
    return state, verdict


def wanted_lists(name: str | None, tracks: Iterable[Track]) -> Mapping[str, str]:
    """side -> id of the list or campaign that goes with a track."""
    return next((t.lists for t in tracks if t.name == name), {})


class _Look:
    """One person at one moment, held against tracks."""

    def __init__(self, facts: Fields, signals: Sequence[Signal], lists: Lists, at: datetime, stage: str | None, silent: bool) -> None:
        self.facts, self.signals, self.lists, self.at, self.stage, self.silent = facts, signals, lists, at, stage, silent

    def holds(self, condition: Condition) -> bool:
        return holds(condition, self.facts, self.lists, self.at, self.signals)

    def may(self, t: Track) -> bool:
        """Whether somebody at this stage may be in it."""
        return self.stage in t.stages and not (self.silent and t.lists)

    def wanted(self, t: Track) -> bool:
        return (t.when is None or self.holds(t.when)) and not (t.graduate is not None and self.holds(t.graduate))

    def finished(self, t: Track, since: datetime | None) -> str | None:
        """Why it is finished; None when it is not."""
        if t.graduate is not None and self.holds(t.graduate):
            return "graduated"
        end = self.over(t, since)
        return f"over after {t.days:g} days" if end is not None and end <= self.at else None

    def over(self, t: Track, since: datetime | None) -> datetime | None:
        if t.days is None or since is None:
            return None
        try:
            return since + timedelta(days=t.days)
        except OverflowError:
            return None

    def turn(self, tracks: Iterable[Track]) -> datetime | None:
        conditions = [c for t in tracks for c in (t.when, t.graduate) if c is not None]
        return turns_at(conditions, self.facts, self.at, self.signals)


def _after(current: Track, why: str, by_name: Mapping[str, Track], state: PersonState, found: _Look) -> TrackVerdict:
    """What follows a finished track: along `graduate_to`, past those that are finished already."""
    done = [current.name]
    follower = by_name.get(current.graduate_to or "")
    while follower is not None and follower.name not in (*done, *state.tracks_done) and found.may(follower):
        if follower.graduate is None or not found.holds(follower.graduate):
            due = _earliest([found.over(follower, found.at), found.turn([follower])])
            told = f"{why} from {current.name}" if why == "graduated" else f"{current.name} {why}"
            return TrackVerdict(track=follower.name, changed=True, cause=told, next_due_at=due, finished=tuple(done))
        done.append(follower.name)
        follower = by_name.get(follower.graduate_to or "")
    told = f"{why} from {current.name}" if why == "graduated" else f"{current.name} {why}"
    return TrackVerdict(track=None, changed=True, cause=told, finished=tuple(done))


def _why_left(name: str | None, current: Track | None, stage: str | None, silent: bool) -> str:
    if name is None:
        return ""
    if current is None:
        return f"{name} is no longer in the playbook"
    if stage not in current.stages:
        return f"left {name}: stage is now {stage}"
    return f"left {name}: opted out of e-mail" if silent else f"left {name}"


def _old(state: PersonState, stage: str | None, start_from: datetime | None) -> bool:
    """Whether they have had their stage since before `start_from`: what happened then starts nothing (section 9a)."""
    if start_from is None or not state.stages:
        return False
    if stage == "mql" and state.historic:
        return True
    first_sight = state.stages[-1].previous is None
    return first_sight and (state.created_at is None or state.created_at < start_from)


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)
