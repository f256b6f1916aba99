"""Which record of a side counts when a person has several there (F23): whatever the order of birth, of changes or of reading."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.decide.match import primary, spares
from crmsync.model.link import Snapshot
from crmsync.model.record import Ref
from scenarios.world import shipped_playbook

PERSON = shipped_playbook().person
BORN = datetime(2026, 1, 1, tzinfo=UTC)


def births(order: tuple[str, ...]) -> list[Snapshot]:
    """Records of one person named `object number`, an hour apart in this order; the later in the alphabet, the later changed."""
    return [
        Snapshot(
            ref=Ref(side="salesforce", object=name.split()[0], id=name),
            fields={},
            extra={},
            created_at=BORN + timedelta(hours=hours),
            modified_at=BORN + timedelta(days=1, hours=sorted(order).index(name)),
            person_id="p",
        )
        for hours, name in enumerate(order)
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(("Lead 1", "Lead 2", "Contact 1"))), ids=" ".join)
def test_a_contact_counts_before_leads_whoever_came_first(order: tuple[str, ...]) -> None:
    for read in itertools.permutations(births(order)):
        chosen = primary(read, "salesforce", PERSON)
        assert chosen is not None
        assert chosen.ref.id == "Contact 1"
        assert {spare.ref.id for spare in spares(read, chosen)} == {"Lead 1", "Lead 2"}


@pytest.mark.parametrize("order", list(itertools.permutations(("Lead 1", "Lead 2", "Lead 3"))), ids=" ".join)
def test_of_leads_the_oldest_counts_unless_another_one_did_so_far(order: tuple[str, ...]) -> None:
    for read in itertools.permutations(births(order)):
        oldest = primary(read, "salesforce", PERSON)
        assert oldest is not None
        assert oldest.ref.id == order[0]
        kept = primary(read, "salesforce", PERSON, {"salesforce": f"Lead/{order[-1]}"})
        assert kept is not None
        assert kept.ref.id == order[-1]
