"""People do what they like in both CRMs for weeks, at random: owners, queues, stages, decisions, tasks, forms, replies, conversions, reps who leave. Whatever they did,
a second look at everybody finds nothing to do: nobody is handed over, staged or written once more (laws 2 and 4, L2, R6, F13, F55)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from scenarios.floor import HAND_RAISED, HOT, address, ask, person, rep, reps, routing
from scenarios.touched import KINDS
from scenarios.world import Both

REPS = ("amy", "ben", "cat")
PEOPLE = ("ann", "bob", "cleo", "dora")
STAGES = ("lead", "mql", "sal", "sql", "opportunity", "customer", "nurture", "disqualified")
WAITS = (60.0, 3_600.0, 8 * 3_600.0, 86_400.0, 3 * 86_400.0, 10 * 86_400.0)


class Hands:
    """What people can do; each act is about one person, by chance."""

    def __init__(self, both: Both, rng: random.Random) -> None:
        self.both, self.rng = both, rng
        self.sf: Any = both.sf
        self.hs: Any = both.hs
        self.queue = both.sf.add_queue("Inbound", "Lead")
        self.done: list[str] = []
        self.acts: dict[str, Callable[[str], object]] = {
            "owner in HubSpot": lambda who: self.contact(who, hubspot_owner_id=both.owner("hubspot", rep(rng.choice(REPS)))),
            "nobody in HubSpot": lambda who: self.contact(who, hubspot_owner_id=""),
            "owner in Salesforce": lambda who: self.lead(who, OwnerId=both.owner("salesforce", rep(rng.choice(REPS)))),
            "queue": lambda who: self.lead(who, OwnerId=self.queue),
            "stage in HubSpot": lambda who: self.contact(who, crmsync_stage=rng.choice(STAGES)),
            "stage in Salesforce": lambda who: self.lead(who, crmsync_stage__c=rng.choice(STAGES)),
            "decision in HubSpot": lambda who: self.contact(
                who, crmsync_disposition=rng.choice(["rejected", "recycle", "accepted", ""]), crmsync_reason_code=rng.choice(["", "no_response", "wrong_icp"])
            ),
            "decision in Salesforce": lambda who: self.lead(
                who, crmsync_disposition__c=rng.choice(["rejected", "recycle", None]), crmsync_reason_code__c=rng.choice([None, "no_response", "wrong_icp"])
            ),
            "task done": lambda who: [self.sf.edit("Task", id, {"Status": "Completed"}) for id in self.open_tasks(who)[:1]],
            "task deleted": lambda who: [self.sf.delete("Task", id) for id in self.open_tasks(who)[:1]],
            "form": lambda who: self.happens(who, "form_submitted", name=rng.choice([HOT, HAND_RAISED, "Newsletter"])),
            "reply": lambda who: self.happens(who, "email_reply"),
            "conversion": lambda who: self.convert(who),
            "phone": lambda who: self.contact(who, phone=f"+1408555{rng.randint(1000, 9999)}"),
        }  # fmt: skip

    def some(self) -> None:
        """A few acts, with short pauses; crmsync may look between them."""
        for _ in range(self.rng.randint(1, 4)):
            act, who = self.rng.choice(sorted(self.acts)), self.rng.choice(PEOPLE)
            self.done.append(f"{act}: {who}")
            self.acts[act](who)
            self.both.time.advance(self.rng.choice([1, 5, 60, 600]))
            if self.rng.random() < 0.5:
                self.both.cycle()

    def contact(self, who: str, **fields: Any) -> None:
        self.hs.edit("contacts", self.both.contact(address(who))["id"], fields)

    def lead(self, who: str, **fields: Any) -> None:
        for row in self.both.people_of("Lead", address(who)):
            if not row.get("IsConverted"):
                self.sf.edit("Lead", row["Id"], fields)

    def convert(self, who: str) -> None:
        """Sometimes; Salesforce converts no lead of a queue."""
        for row in self.both.people_of("Lead", address(who)):
            if self.rng.random() < 0.3 and row["OwnerId"] != self.queue:
                self.sf.convert(row["Id"])

    def open_tasks(self, who: str) -> list[str]:
        mark = f"{person(self.both, who)}-"
        return [
            str(t["Id"]) for t in self.sf.all("Task") if str(t.get("crmsync_key__c") or "").startswith(mark) and t["Status"] != "Completed"
        ]

    def happens(self, who: str, type: str, **more: Any) -> None:
        self.hs.happen({"email": address(who), "type": type, "at": self.both.time(), **more})


def known(both: Both) -> dict[str, Any]:
    """What a look must not change by itself: stages, owners, and how often each was given to whom."""
    ids = list(both.store.iter_person_ids())
    given = both.store.assignments.of(ids)
    return {id: (state.stages, state.owner, state.owner_by, len(given.get(id, []))) for id, state in both.store.persons(ids).items()}


@pytest.mark.parametrize("seed", [4, 8])
def test_whatever_hands_did_a_second_look_finds_nothing_to_do(seed: int) -> None:
    rng = random.Random(seed)
    with Both(edits=routing(members="[amy@corp.example, ben@corp.example]"), kinds=KINDS, users=reps(*REPS)) as both:
        hands = Hands(both, rng)
        both.settle()
        ask(both, *PEOPLE, form=HOT)
        both.settle()
        for _ in range(9):
            hands.some()
            both.settle(after=rng.choice(WAITS))
            both.settle(after=60)
            for look in range(2):  # the first one may write scores that faded meanwhile
                before = known(both)
                both.mark()
                both.store.mark_dirty_persons(list(before))
                both.settle(0)
                assert known(both) == before, hands.done[-8:]
                assert look == 0 or both.writes() == {"hubspot": 0, "salesforce": 0}, hands.done[-8:]
            assert both.store.journal.open_intents() == []
            for who in PEOPLE:
                assert len(hands.open_tasks(who)) <= 3, (who, hands.done[-8:])
