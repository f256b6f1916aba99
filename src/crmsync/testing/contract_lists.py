"""The part of the connector contract about memberships of lists and campaigns. Skipped where a rig cannot do "lists"."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, cast

from crmsync.connect.protocol import LIST_CLOSED, LIST_UNKNOWN, KeepsMembers
from crmsync.model.change import OutcomeKind
from crmsync.model.record import Ref
from crmsync.testing.rig import Rig, add, needs

__all__ = ["ListRig", "ListsContract"]


class ListRig(Rig, Protocol):
    """A rig whose connector is a KeepsMembers. unknown_list: an id of the right form that no list has. `trouble` also knows "lost members": the next
    call of `members` is carried out, its answer lost."""

    unknown_list: str

    def new_list(self) -> str:
        """A list or campaign without members; its id."""
        ...

    def closed_list(self) -> str:
        """A list whose members nobody can change by hand; "" where the CRM has none."""
        ...

    def enlist(self, list_id: str, id: str) -> None:
        """A person makes a record a member."""
        ...

    def listed(self, list_id: str) -> set[str]:
        """Who is a member, as the CRM's own screen shows it."""
        ...


def able(rig: Rig) -> tuple[ListRig, KeepsMembers]:
    """The rig as one with lists, and its connector; skips the test where it has none."""
    needs(rig, "lists")
    return cast(ListRig, rig), cast(KeepsMembers, rig.connector)


def refs(rig: Rig, *ids: str) -> list[Ref]:
    """Records of the object under test."""
    return [Ref(side=rig.connector.name, object=rig.object, id=id) for id in ids]


class ListsContract:
    """Tests about memberships; part of ConnectorContract."""

    def test_joining_tells_whom_this_very_call_put_there(self, rig: Rig) -> None:
        lists, keeps = able(rig)
        made, fresh, there = lists.new_list(), add(rig, "fresh"), add(rig, "there")
        lists.enlist(made, there)
        assert rig.connector.traits.member_batch
        counted = rig.connector.calls()
        outcomes = keeps.members(made, refs(rig, fresh, there), [])
        assert [(o.write_id, o.kind) for o in outcomes] == [(fresh, OutcomeKind.DONE), (there, OutcomeKind.EXISTS)]
        assert lists.listed(made) == {fresh, there}
        assert rig.connector.calls() - counted == 1, "one call for one batch of one list"
        again = keeps.members(made, refs(rig, fresh), [])
        assert [o.kind for o in again] == [OutcomeKind.EXISTS], "joining twice is the same as once, and told so"
        assert keeps.members(made, refs(rig, rig.unknown_id), [])[0].kind is OutcomeKind.GONE

    def test_leaving_ends_memberships_and_touches_no_other(self, rig: Rig) -> None:
        lists, keeps = able(rig)
        made, other = lists.new_list(), lists.new_list()
        goes, stays, never = (add(rig, name) for name in ("goes", "stays", "never"))
        for one in (made, other):
            keeps.members(one, refs(rig, goes, stays), [])
        outcomes = keeps.members(made, [], refs(rig, goes, never))
        assert [o.kind for o in outcomes] == [OutcomeKind.DONE, OutcomeKind.EXISTS]
        assert (lists.listed(made), lists.listed(other)) == ({stays}, {goes, stays})
        mixed = keeps.members(made, refs(rig, never), refs(rig, stays))
        assert [(o.write_id, o.kind) for o in mixed] == [(never, OutcomeKind.DONE), (stays, OutcomeKind.DONE)], "aligned, who joins first"
        assert lists.listed(made) == {never}

    def test_a_list_that_is_not_there_or_takes_nobody_says_so(self, rig: Rig) -> None:
        lists, keeps = able(rig)
        person = refs(rig, add(rig, "p"))
        assert keeps.member_list(lists.new_list()).refused == ""
        for list_id, cause in ((lists.unknown_list, LIST_UNKNOWN), (lists.closed_list(), LIST_CLOSED)):
            if list_id:
                (outcome,) = keeps.members(list_id, person, [])
                assert (outcome.kind, outcome.cause) == (OutcomeKind.REJECTED, cause)
                assert outcome.message
                assert keeps.member_list(list_id).refused == cause
        assert keeps.member_since(lists.unknown_list, person) == {}

    def test_members_are_told_with_the_moment(self, rig: Rig) -> None:
        lists, keeps = able(rig)
        made, first, later, never = lists.new_list(), add(rig, "first"), add(rig, "later"), add(rig, "never")
        keeps.members(made, refs(rig, first), [])
        rig.wait(600)
        keeps.members(made, refs(rig, later), [])
        since = keeps.member_since(made, refs(rig, first, later, never))
        assert set(since) == set(refs(rig, first, later))
        apart = since[refs(rig, later)[0]] - since[refs(rig, first)[0]]
        assert timedelta(seconds=590) < apart < timedelta(seconds=610)
        assert all(at.utcoffset() == timedelta(0) for at in since.values())

    def test_a_lost_answer_about_memberships_stays_unknown(self, rig: Rig) -> None:
        lists, keeps = able(rig)
        needs(rig, "break")
        made, person = lists.new_list(), refs(rig, add(rig, "p"))
        rig.trouble("lost members")
        (outcome,) = keeps.members(made, person, [])
        rig.trouble("")
        assert outcome.kind is OutcomeKind.UNKNOWN, (
            "nobody knows; and it was not sent twice, for a second answer hides what the first one did"
        )
        assert set(keeps.member_since(made, person)) == set(person)
