"""The shipped words of activities, written out: which native value of one CRM is which of the other (mapping-defaults, contracts 4.7 and 5.8).

Tests that take their expectations from the map itself cannot see two words that were swapped in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from crmsync.model.rules import FieldMap, FieldType
from crmsync.playbook.load import load_files, shipped_paths

ACROSS: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    ("task", "status"): (
        ("NOT_STARTED", "not_started", "Not Started"),
        ("IN_PROGRESS", "in_progress", "In Progress"),
        ("COMPLETED", "completed", "Completed"),
        ("WAITING", "waiting", "Waiting on someone else"),
        ("DEFERRED", "deferred", "Deferred"),
    ),
    ("task", "priority"): (("LOW", "low", "Low"), ("MEDIUM", "normal", "Normal"), ("HIGH", "high", "High")),
    ("task", "channel"): (("CALL", "call", "Call"), ("EMAIL", "email", "Email"), ("TODO", "other", "Task")),
    ("call", "direction"): (("INBOUND", "inbound", "Inbound"), ("OUTBOUND", "outbound", "Outbound")),
    ("call", "disposition"): (
        ("f240bbac-87c9-4f6e-bf70-924b57d47db7", "connected", "Connected"),
        ("73a0d17f-1163-4015-bdd5-ec830791da20", "no_answer", "No Answer"),
        ("9d9162e7-6cf3-4944-bf63-4dff82258764", "busy", "Busy"),
        ("b2cf5968-551e-4856-9783-52b3da59a7d0", "left_voicemail", "Left Voicemail"),
        ("a4c4c377-d246-4b32-a13b-75a56a4cd0ff", "left_live_message", "Left Live Message"),
        ("17b47fee-58de-441e-a44c-c6300d46f273", "wrong_number", "Wrong Number"),
    ),
}
"""(kind, field) -> (HubSpot's value, ours, Salesforce's) of each pair that stands for the same in both; HubSpot alone is ever written a channel."""
READ: Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]] = {
    ("task", "priority"): {"hubspot": {"NONE": "normal"}},
    ("task", "channel"): {"salesforce": {"Cadence": "other", "LinkedIn": "other", "ListEmail": "other"}},
    ("call", "direction"): {"salesforce": {"Internal": "outbound"}},
    ("email", "direction"): {"hubspot": {"EMAIL": "outbound", "FORWARDED_EMAIL": "outbound", "INCOMING_EMAIL": "inbound"}},
    ("meeting", "outcome"): {
        "hubspot": {
            "SCHEDULED": "scheduled",
            "COMPLETED": "completed",
            "RESCHEDULED": "rescheduled",
            "NO_SHOW": "no_show",
            "CANCELED": "canceled",
        }
    },
}
"""(kind, field) -> side -> what is only ever read there."""


@cache
def shipped() -> dict[tuple[str, str], FieldMap]:
    twins = load_files(shipped_paths()).twins
    return {
        (kind, f.name): f for kind, t in twins.items() if t.activity for f in t.fields.values() if f.type is FieldType.PICKLIST and f.values
    }


def written(field: FieldMap, side: str) -> dict[str, str]:
    """house value -> the native one that is written there: the first of several."""
    found: dict[str, str] = {}
    for native, house in field.values.get(side, {}).items():
        found.setdefault(house, native)
    return found


def test_every_list_of_words_is_written_out_here() -> None:
    assert set(shipped()) == set(ACROSS) | set(READ)


@pytest.mark.parametrize("place", [*ACROSS], ids=".".join)
def test_what_one_crm_calls_it_the_other_calls_so(place: tuple[str, str]) -> None:
    field = shipped()[place]
    assert written(field, "hubspot") == {ours: hubspot for hubspot, ours, _ in ACROSS[place]}
    assert written(field, "salesforce") == {ours: salesforce for _, ours, salesforce in ACROSS[place]}


@pytest.mark.parametrize("place", [*READ], ids=".".join)
def test_what_is_only_read_means_this(place: tuple[str, str]) -> None:
    field, both_ways = shipped()[place], ACROSS.get(place, ())
    for side, told in READ[place].items():
        again = {native for hubspot, _, salesforce in both_ways for native in (hubspot, salesforce)}
        assert {native: house for native, house in field.values[side].items() if native not in again} == told
