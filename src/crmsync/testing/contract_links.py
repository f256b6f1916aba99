"""The part of the connector contract about activities: whom they belong to, and what becomes of them. Skipped where a rig cannot do "activities"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from crmsync.connect.protocol import Cursor
from crmsync.model.change import Action, OutcomeKind, Write
from crmsync.model.fields import KEY
from crmsync.model.record import Record, RecordState, Ref, Value
from crmsync.testing.rig import Rig, add, needs, of

__all__ = ["ActivityRig", "LinksContract"]


class ActivityRig(Rig, Protocol):
    """A rig whose CRM has activities. activity: a native object of theirs. activity_text: a text field of it. activity_needs: what a new one must have."""

    activity: str
    activity_text: str
    activity_needs: Mapping[str, Value]


def able(rig: Rig) -> ActivityRig:
    """The rig as one with activities; skips the test where it has none."""
    needs(rig, "activities")
    return cast(ActivityRig, rig)


def person(rig: Rig, name: str) -> Ref:
    """Somebody an activity can be about."""
    return Ref(side=rig.connector.name, object=rig.object, id=add(rig, name))


def log(rig: ActivityRig, key: str, *about: Ref) -> str:
    """A new activity about these people; its id."""
    fields = {**rig.activity_needs, rig.activity_text: "first"}
    (outcome,) = rig.connector.write(
        [Write(write_id=f"write {key}", action=Action.CREATE, object=rig.activity, fields=fields, key=key, about=about)]
    )
    assert outcome.kind in (OutcomeKind.DONE, OutcomeKind.EXISTS), outcome
    return str(outcome.existing_id or outcome.id)


def relink(rig: ActivityRig, id: str, *about: Ref, unlink: tuple[Ref, ...] = ()) -> OutcomeKind:
    """An update of links alone."""
    write = Write(write_id=f"relink {id}", action=Action.UPDATE, object=rig.activity, id=id, about=about, unlink=unlink)
    return rig.connector.write([write])[0].kind


def belongs(rig: ActivityRig, record: Record) -> tuple[Ref, ...]:
    """Whom a record belongs to, by itself or by asking."""
    return record.links if record.links is not None else rig.connector.links(rig.activity, [record.ref.id])[record.ref.id]


def now(rig: ActivityRig, id: str) -> Record:
    """The activity as it stands."""
    (record,) = rig.connector.fetch(rig.activity, [id], (rig.activity_text,))
    return record


def polled(rig: ActivityRig, cursor: Cursor | None) -> tuple[list[Record], Cursor]:
    """A pull of activities, after the time that the CRM takes to show them."""
    rig.wait(rig.seen_after)
    pages = list(rig.connector.pull(rig.activity, (rig.activity_text,), cursor, rig.now()))
    return [record for page in pages for record in page.records], pages[-1].cursor


class LinksContract:
    """Tests about activities; part of ConnectorContract."""

    def test_an_activity_belongs_to_whom_it_is_about(self, rig: Rig) -> None:
        able_rig = able(rig)
        who = person(rig, "p")
        id, alone = log(able_rig, "a1", who), log(able_rig, "a2")
        seen, _ = polled(able_rig, None)
        for record in (of(seen, id), now(able_rig, id)):
            assert belongs(able_rig, record) == (who,)
            assert record.fields[able_rig.activity_text] == "first"
        assert belongs(able_rig, now(able_rig, alone)) == (), "belonging to nobody is empty, not missing"
        assert {id, alone} <= set(rig.connector.live_ids(able_rig.activity))

    def test_an_activity_is_created_once(self, rig: Rig) -> None:
        able_rig = able(rig)
        who = person(rig, "p")
        assert log(able_rig, "a1", who) == log(able_rig, "a1", who)
        (found,) = rig.connector.find(able_rig.activity, rig.connector.own_field(KEY), ["a1"], (able_rig.activity_text,))
        assert belongs(able_rig, found) == (who,)

    def test_an_activity_of_several_people_keeps_them_all(self, rig: Rig) -> None:
        able_rig = able(rig)
        people = tuple(person(rig, f"p{n}") for n in range(3))
        told = belongs(able_rig, now(able_rig, log(able_rig, "a1", *people)))
        most = rig.connector.traits.people_per_activity
        if most == 1:
            assert told == people[:1], "where there is room for one, it is the main person"
        else:
            assert set(told) == set(people)

    def test_links_alone_can_be_changed(self, rig: Rig) -> None:
        able_rig = able(rig)
        first, second = person(rig, "p1"), person(rig, "p2")
        id = log(able_rig, "a1", first)
        assert relink(able_rig, id, second, unlink=(first,)) is OutcomeKind.DONE
        assert belongs(able_rig, now(able_rig, id)) == (second,)
        assert relink(able_rig, id, second, unlink=(first,)) is OutcomeKind.DONE, "what is as it was wanted is done"
        assert relink(able_rig, id, unlink=(second,)) is OutcomeKind.DONE
        assert belongs(able_rig, now(able_rig, id)) == ()
        assert now(able_rig, id).fields[able_rig.activity_text] == "first"

    def test_a_change_of_links_alone_is_noticed(self, rig: Rig) -> None:
        able_rig = able(rig)
        first, second = person(rig, "p1"), person(rig, "p2")
        id = log(able_rig, "a1", first)
        before, cursor = polled(able_rig, None)
        rig.wait(60)
        relink(able_rig, id, second, unlink=(first,))
        after, _ = polled(able_rig, cursor)
        assert belongs(able_rig, of(after, id)) == (second,)
        assert not of(after, id).digest or of(after, id).digest != of(before, id).digest, "an equal digest says that nothing changed"

    def test_a_deleted_activity_is_told(self, rig: Rig) -> None:
        able_rig = able(rig)
        id = log(able_rig, "a1", person(rig, "p"))
        _, cursor = polled(able_rig, None)
        rig.wait(60)
        (outcome,) = rig.connector.write([Write(write_id="d", action=Action.DELETE, object=able_rig.activity, id=id)])
        assert outcome.kind is OutcomeKind.DONE
        rig.wait(rig.gone_after)
        assert of(polled(able_rig, cursor)[0], id).state is RecordState.DELETED
        assert id not in set(rig.connector.live_ids(able_rig.activity))
