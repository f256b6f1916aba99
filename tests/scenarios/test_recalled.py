"""A world that takes another's first look knows what it would have read, and takes none once anything is changed that the look tells of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scenarios import recalled
from scenarios.recalled import CACHES, told
from scenarios.world import Both

CHANGES: dict[str, Callable[[Both], object]] = {
    "a field": lambda both: both.sf.add_field("Lead", "Size__c", type="Text", length=10),
    "a hidden field": lambda both: both.sf.hide_field("Lead", "Title"),
    "a removed field": lambda both: both.sf.remove_field("Lead", "Size__c"),
    "a queue": lambda both: both.sf.add_queue("Inbound", "Lead"),
    "a user": lambda both: both.sf.edit("User", both.sf.all("User")[-1]["Id"], {"IsActive": False}),
    "a switch of the org": lambda both: both.sf.options.change("email_messages", True),
    "a fault of the org": lambda both: both.sf.faults.add({"do": "drop_before"}),
    "options": lambda both: both.hs.set_options("calls", "hs_call_disposition", {"1": "Asked to call back"}),
    "an owner": lambda both: both.hs.deactivate_user("rita@corp.example"),
    "a switch of the portal": lambda both: both.hs.options.change("time_zone", "UTC"),
    "a fault of the portal": lambda both: both.hs.faults.add({"do": "drop_before"}),
}


def known(both: Both) -> dict[str, Any]:
    """What the engine, the store and the connectors know of both CRMs."""
    world, parts = both.world, both.connectors
    return {
        "world": (
            world.schemas,
            world.people,
            world.integration,
            vars(world.owners) if hasattr(world.owners, "__dict__") else world.owners,
        ),
        "store": [both.store.get(name) for name in ("world", "world_told", "world_read_at", "account:hubspot", "account:salesforce")],
        "users": both.store.users(),
        "kept": {(s, p, n): getattr(getattr(parts[s], p), n) for s, kept in CACHES.items() for p, n in kept},
        "side": {side: world.twin_objects(side) for side in world.sides},
    }


def test_what_is_recalled_is_what_is_read_and_any_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalled, "_looks", {})
    found, calls = list[dict[str, Any]](), list[int]()
    for _ in range(2):
        with Both() as both:
            both.world.refresh(both.time.advance(15))
            found.append(known(both))
            calls.append(sum(both.calls().values()))
            before = told(both)
            both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
            both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme"})
            assert told(both) == before, "what is entered is none of it"
    assert found[0] == found[1]
    assert calls[1] <= 1 < 20 < calls[0], calls
    with Both() as both:
        unseen = []
        for what, change in CHANGES.items():
            before = told(both)
            change(both)
            unseen += [what] if told(both) == before else []
        assert unseen == []
        both.sf.faults.clear()
        both.hs.faults.clear()
        both.mark()
        both.world.refresh(both.time.advance(15))
        assert sum(both.calls().values()) > 20, "it reads itself"
        assert both.world.schemas["hubspot"]["calls"].fields["hs_call_disposition"].options == ("1",)
        assert "Title" not in both.world.schemas["salesforce"]["Lead"].fields


def test_a_later_look_is_believed_until_anything_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Both, "believes", True)
    monkeypatch.setattr(Both, "recalls", False)  # an equal world may have been there before
    with Both() as both:

        def asked() -> int:
            """Calls of the look of a day later."""
            both.mark()
            both.world.refresh(both.time.advance(days=1))
            return sum(both.calls().values())

        whole = asked()
        before = known(both)
        assert [asked(), asked()] == [0, 0]
        assert {**known(both), "store": None} == {**before, "store": None}
        unread = []
        for what, change in CHANGES.items():
            change(both)
            if "fault" in what:
                both.sf.faults.clear()
                both.hs.faults.clear()
                continue
            unread += [what] if asked() < 10 else []
            assert asked() == 0, what
        assert unread == []
        assert whole >= 10
        both.world.forget_schema("salesforce")
        assert asked() >= 5, "what is in doubt is read"
        both.restart()
        assert asked() >= 10, "a new process believes nobody"
