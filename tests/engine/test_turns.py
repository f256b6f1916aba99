"""Whose turn it is: an idle poll stays within its calls, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.engine.turns import CALLS_AT_MOST, LONGEST_WAIT, Objects, part, whole

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE_PERSON = (("contacts",), "tasks", ("calls", "emails", "meetings", "notes", "companies", "deals"), timedelta(minutes=15))
TWO_PERSONS = (("Contact", "Lead"), "Task", ("Event", "Account", "Opportunity", "CampaignMember"), timedelta(hours=2))
Shape = tuple[tuple[str, ...], str, tuple[str, ...], timedelta]


class Crm:
    """Objects that each owe a look `every` so often."""

    def __init__(self, shape: Shape) -> None:
        self.persons, self.task, self.others, self.every = shape
        self.names = (*self.persons, *([self.task] if self.task else []), *self.others)
        self.now = NOON
        self.looked = dict.fromkeys(self.names, NOON)
        self.polled = dict.fromkeys(self.names, NOON)
        self.begin = 0

    def objects(self) -> Objects:
        owed = {name: at for name, at in self.looked.items() if self.now - at >= self.every}
        return Objects(persons=self.persons, task=self.task, others=self.others, owed=owed)

    def made(self, looks: Mapping[str, int]) -> int:
        """Remembers what was looked at; returns what it cost."""
        owed = self.objects().owed
        for name, extra in looks.items():
            self.polled[name] = self.now
            if extra and name in owed:
                self.looked[name] = self.now
        return sum(1 + min(extra, int(name in owed)) for name, extra in looks.items())


@pytest.mark.parametrize(
    "shape", [ONE_PERSON, TWO_PERSONS, (("contacts",), "", (), ONE_PERSON[3]), (("Contact", "Lead"), "", (), TWO_PERSONS[3])]
)
@pytest.mark.parametrize("pause", [timedelta(seconds=15), timedelta(minutes=2)])
def test_a_poll_costs_four_calls_and_sees_everything_in_time(shape: Shape, pause: timedelta) -> None:
    crm = Crm(shape)
    slowest = dict.fromkeys(crm.names, timedelta())
    eldest = dict.fromkeys(crm.names, timedelta())
    for _ in range(2_000):
        crm.now += pause
        looks, crm.begin = part(crm.objects(), crm.begin, crm.now)
        assert crm.made(looks) <= CALLS_AT_MOST, looks
        for name in crm.names:
            slowest[name] = max(slowest[name], crm.now - crm.polled[name])
            eldest[name] = max(eldest[name], crm.now - crm.looked[name])
    # persons each time, tasks too where there is room beside them, the others in turn, and one look after the other
    assert all(slowest[name] == timedelta() for name in crm.persons)
    assert not crm.task or slowest[crm.task] <= (timedelta() if shape is ONE_PERSON else pause * len(crm.others))
    assert all(slowest[name] <= pause * (2 * len(crm.others) + 2) for name in crm.others)
    assert max(eldest.values()) <= crm.every + pause * (len(crm.names) + 1)


@pytest.mark.parametrize(
    "shape", [ONE_PERSON, TWO_PERSONS, (("contacts",), "", (), ONE_PERSON[3]), (("Contact", "Lead"), "", (), TWO_PERSONS[3])]
)
@pytest.mark.parametrize("pause", [timedelta(minutes=minutes) for minutes in (1, 5, 20, 60)])
def test_a_whole_look_costs_one_call_more_for_each_further_object(shape: Shape, pause: timedelta) -> None:
    crm = Crm(shape)
    further = len(crm.names) - len(crm.persons)
    rounds = dict.fromkeys(crm.names, 0)
    for _ in range(200):
        crm.now += pause
        owed = set(crm.objects().owed)
        looks = whole(crm.objects(), crm.now)
        assert list(looks) == list(crm.names)
        assert crm.made(looks) <= CALLS_AT_MOST + further
        for name in crm.names:
            rounds[name] = rounds[name] + 1 if name in owed and not looks[name] else 0
            # what the promises page says: at the latest with the sixth look
            assert rounds[name] < 6, name
        if shape is ONE_PERSON:
            assert {"contacts", "tasks"} & owed <= {name for name, extra in looks.items() if extra}


def test_what_waited_too_long_is_looked_at_whatever_it_costs() -> None:
    crm = Crm(ONE_PERSON)
    crm.now += LONGEST_WAIT
    assert set(whole(crm.objects(), crm.now).values()) == {1}
    looks, _ = part(crm.objects(), 0, crm.now)
    assert dict.fromkeys(crm.names, 1).items() <= looks.items()


def test_a_turn_goes_on_where_the_last_one_ended() -> None:
    objects = Objects(persons=("contacts",), task="tasks", others=ONE_PERSON[2])
    seen, begin = [], 0
    for _ in range(4):
        looks, begin = part(objects, begin, NOON)
        seen.append([name for name in looks if name in objects.others])
    assert seen == [["calls", "emails"], ["meetings", "notes"], ["companies", "deals"], ["calls", "emails"]]
