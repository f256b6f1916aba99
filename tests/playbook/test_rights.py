"""Rights that the shipped mapping needs, against credentials that lack one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crmsync.model.record import ObjectSchema
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.playbook.rights import check_rights

RIGHTS = ("read", "create", "update", "delete", "read_links", "links")
BOOK = load_files(shipped_paths())
NEEDED = {
    "Contact": {"read", "update"},
    "Lead": {"read", "create", "update"},
    "Task": {"read", "create", "update", "delete", "read_links", "links"},
    "Event": {"read", "create", "update", "delete", "read_links", "links"},
    "Account": {"read"},
    "Opportunity": {"read", "read_links"},
    "CampaignMember": {"read", "read_links"},
    "Campaign": set(),
}


def lacking(*objects: str, rights: tuple[str, ...] = RIGHTS) -> dict[str, dict[str, ObjectSchema]]:
    return {"salesforce": {o: ObjectSchema(object=o, label=o, lacks={r: f"grant {r}" for r in rights}) for o in objects}}


@pytest.mark.parametrize("object", NEEDED)
def test_only_what_the_mapping_does_is_asked_for(object: str) -> None:
    found = check_rights(BOOK, lacking(object), {"salesforce": "Task"})
    assert {f.fix.removeprefix("grant ") for f in found} == NEEDED[object]
    assert {f.subject for f in found} <= {f"salesforce {object}"}


def test_what_stops_something_is_an_error_and_what_costs_a_kind_a_warning() -> None:
    found = check_rights(BOOK, lacking("Lead", "Event", "Account"), {"salesforce": "Task"})
    levels = {(f.subject.partition(" ")[2], f.fix.removeprefix("grant ")): f.level for f in found}
    assert levels["Lead", "read"] == levels["Event", "delete"] == levels["Event", "links"] == "error"
    assert levels["Event", "read"] == levels["Account", "read"] == "warning"
    (deletes,) = [f for f in found if f.fix == "grant delete"]
    assert deletes.message == "the credentials for salesforce lack delete, which the mapping needs for: meeting"
    assert check_rights(BOOK, lacking("Lead", "Event", rights=()), {"salesforce": "Task"}) == []


def test_directions_and_deletes_count() -> None:
    """Two-way companies are edited, activities that only leave are not, and persons are deleted where deletes propagate."""
    written = {**BOOK.twins, "company": replace(BOOK.twins["company"], to=frozenset({"salesforce"}))}
    written["meeting"] = replace(BOOK.twins["meeting"], to=frozenset({"hubspot"}), create_as={"hubspot": "meetings"})
    book = replace(BOOK, twins=written, deletes="propagate")
    found = check_rights(book, lacking("Account", "Event", "Contact"), {"hubspot": "tasks"})
    told = {(f.subject.partition(" ")[2], f.fix.removeprefix("grant ")) for f in found}
    assert told == {
        ("Account", "read"), ("Account", "update"), ("Event", "read"), ("Event", "read_links"),
        ("Contact", "read"), ("Contact", "update"), ("Contact", "delete"),
    }  # fmt: skip
