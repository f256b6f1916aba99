"""Whether somebody is there to be given work (process.md R3): hours, holidays and absences together; who stands in for whom (A7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from crmsync.decide.worktime import ALWAYS, Calendar, around_the_clock, calendar, holidays_of
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.routing import ASSIGN
from crmsync.model.rules import WorkingHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Made by `presence_of`. calendar: when they are there while not absent. absences: as told, in order. spells: absences that overlap or touch, as one;
    in order and apart. All moments are aware; answers are UTC."""

    calendar: Calendar
    absences: tuple[Away, ...] = ()
    spells: tuple[tuple[datetime, datetime], ...] = ()

    def here(self, at: datetime) -> bool:
        """Not absent, on no holiday, and within the hours that are told of them."""
        return self._spell(at) is None and self.calendar.open(at)

    def back(self, at: datetime) -> datetime | None:
        """`at` when they are here, else the next moment at which they are; None when there is none within ten years."""
        found = self.calendar.opens(at)
        # Each round leaves a spell behind for good: there are at most as many as spells.
        while found is not None and (spell := self._spell(found)) is not None:
            found = self.calendar.opens(spell[1])
        return found

    def away(self, at: datetime) -> Away | None:
        """The absence at that moment, from the begin to the end of all that overlap or touch; cover and source are of one that covers `at`, the first that
        names a cover before others. None when they are not absent."""
        spell = self._spell(at)
        if spell is None:
            return None
        now = [away for away in self.absences if away.start <= at < away.end]
        told = next((away for away in now if away.cover), now[0])
        return replace(told, start=spell[0], end=spell[1])

    def covers(self, at: datetime) -> tuple[str, ...]:
        """House owner ids of those who are named to stand in at that moment, each once."""
        return tuple(dict.fromkeys(away.cover for away in self.absences if away.cover and away.start <= at < away.end))

    def _spell(self, at: datetime) -> tuple[datetime, datetime] | None:
        return next((spell for spell in self.spells if spell[0] <= at < spell[1]), None)


def presence_of(user: User | None, hours: WorkingHours, outside_hours: str) -> Presence:
    """When that person is there. Hours count that are told of them (`User.hours`); somebody whose hours nobody tells is there around the clock but for
    holidays. outside_hours: with ASSIGN neither hours nor holidays count. None: somebody of whom nothing is known."""
    if outside_hours == ASSIGN:
        when = around_the_clock()
    else:
        spans = user.hours.spans if user is not None and user.hours is not None else ALWAYS
        when = calendar(hours, zone=user.time_zone if user is not None else None, spans=spans, place=holidays_of(user, hours))
    absences = tuple(sorted(away for away in set(user.away) if away.start < away.end)) if user is not None and user.away else ()
    return Presence(calendar=when, absences=absences, spells=_spells(absences))


def cover_of(rep: str, users: Mapping[str, User], at: datetime) -> str | None:
    """House owner id of who stands in for that rep at that moment: of those named, the first active one who is not absent then. None when the rep is not
    absent, or nobody can stand in. users: by house owner id."""
    user = users.get(rep)
    if user is None or not user.away:
        return None
    now = sorted(away for away in set(user.away) if away.start <= at < away.end)
    for cover in dict.fromkeys(away.cover for away in now if away.cover):
        other = users.get(cover)
        if cover != rep and other is not None and other.active and not any(away.start <= at < away.end for away in other.away):
            return cover
    return None


def _spells(absences: tuple[Away, ...]) -> tuple[tuple[datetime, datetime], ...]:
    found: list[tuple[datetime, datetime]] = []
    for away in absences:
        if found and away.start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], away.end))
        else:
            found.append((away.start, away.end))
    return tuple(found)
