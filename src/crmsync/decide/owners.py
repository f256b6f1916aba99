"""Who is who among the users of the connected CRMs (F48)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from crmsync.decide.shift import UNSAID, in_turn, same_person, zone_among
from crmsync.model.absence import Away
from crmsync.model.record import User, Value
from crmsync.model.rules import WorkingHours

SHORT_ID = 15
"""An id that an admin copied may lack what a CRM adds to it: this many characters name one user all the same."""

Pairs = Mapping[str, Mapping[str, str]]
NO_CALENDARS: Mapping[str, tuple[Away, ...]] = MappingProxyType({})


class Known(Mapping[str, User]):
    """House owner id -> that user. An owner whom no list of users told yet is a queue all the same where the CRM gives such an id to queues and groups alone;
    these are found, but not counted among the known ones. groups: "side:" and what such ids begin with."""

    def __init__(self, told: Mapping[str, User], groups: Collection[str]) -> None:
        self._told = told
        self._groups = tuple(groups)

    def __getitem__(self, house: str) -> User:
        found = self._told.get(house)
        if found is not None:
            return found
        if house.startswith(self._groups):
            side, _, native = house.partition(":")
            return User(side=side, id=native, email=None, name=native, kind="queue")
        raise KeyError(house)

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who is who on which side. A house owner id is the lower-case e-mail where the CRM has one, else "side:native id".

    users: house owner id -> that person, with the time zone and hours that count. zones: (side, house owner id) -> the zone by which that CRM
    shows them days."""

    house_of: Mapping[tuple[str, str], str] = field(default_factory=dict)
    native_of: Mapping[tuple[str, str], str] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    zones: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def house(self, side: str, native: Value) -> str | None:
        """The house id of a native owner id; unknown ones keep "side:id", so that they are never mistaken for each other."""
        return None if native is None else self.house_of.get((side, str(native))) or f"{side}:{native}"

    def native(self, side: str, house: Value) -> str | None:
        """The native id on that side of a person who may own records there; None when there is no active twin (F48)."""
        return None if house is None else self.native_of.get((side, str(house)))

    def known(self, side: str, house: Value) -> str | None:
        """The native id on that side of that person, also of one who may own nothing new any more."""
        return next((id for (at, id), found in self.house_of.items() if at == side and found == house), None)

    def machine(self, house: Value) -> bool:
        """Whether that is an integration's user: its records are nobody's choice."""
        user = self.users.get(str(house))
        return user is not None and user.kind == "integration"

    def zone(self, side: str, house: Value, default: str) -> str:
        """The IANA zone by which that CRM shows this person's days; the default of somebody whose zone nobody tells."""
        found = self.zones.get((side, str(house)))
        if found is None and (user := self.users.get(str(house))) is not None:
            found = user.time_zone
        return found or default


def owners_of(
    users: Iterable[User],
    pairs: Pairs,
    hours: WorkingHours | None = None,
    first: str | None = None,
    calendars: Mapping[str, tuple[Away, ...]] = NO_CALENDARS,
    groups: Collection[str] = (),
) -> Owners:
    """Matches users by lower-case e-mail, then by the admin's explicit pairs (which win). Inactive users are known but own nothing new, also when
    a pair names them. first: the CRM whose users say when people work; hours: the admin's, with what is said of single persons. calendars: house owner id ->
    absences that their calendar tells, which add to those that users and the admin tell. groups: see Known."""
    hours = hours or WorkingHours()
    ordered = sorted(users, key=lambda u: (not u.active, u.side, u.id))
    named = _named(ordered, pairs)
    house_of = dict(named)
    native_of: dict[tuple[str, str], str] = {}
    known = {(user.side, user.id) for user in ordered}
    same: dict[str, list[User]] = {}
    for (side, native), house in named.items():
        if (side, native) not in known:
            native_of[side, house] = native  # users that the CRM does not list may own records all the same
    for user in sorted(ordered, key=lambda u: (u.side, u.id) not in named):
        by_mail = user.email.lower() if user.email else f"{user.side}:{user.id}"
        house = house_of.setdefault((user.side, user.id), by_mail)
        if user.active:
            native_of.setdefault((user.side, house), user.id)
        same.setdefault(house, []).append(user)
    people = {house: same_person(found, house, hours, first, calendars.get(house, ())) for house, found in same.items()}
    zones = {
        (user.side, house): zone
        for house, found in same.items()
        for user in found
        if (zone := zone_among(in_turn(found, user.side), hours.people.get(house, UNSAID))) is not None
    }
    return Owners(house_of=house_of, native_of=native_of, users=Known(people, groups) if groups else people, zones=zones)


def _named(users: Iterable[User], pairs: Pairs) -> dict[tuple[str, str], str]:
    """(side, native id) -> house owner id, as the admin paired them."""
    ids: dict[str, list[str]] = {}
    for user in users:
        ids.setdefault(user.side, []).append(user.id)
    return {
        (side, whole_id(native, ids.get(side, ()))): house.lower() for house, by_side in pairs.items() for side, native in by_side.items()
    }


def whole_id(native: str, ids: Iterable[str]) -> str:
    """The id of these that is meant: itself, or the only one that begins with it when it is long enough to be an id cut short."""
    found = [id for id in ids if id == native or (len(native) >= SHORT_ID and id.startswith(native))]
    return native if native in found or len(found) != 1 else found[0]
