"""The connector contract as tests: every promise of crmsync.connect.protocol, for whoever writes a connector.

```python
class TestAcme(ConnectorContract):
    @pytest.fixture
    def rig(self): return AcmeRig()
```
A rig (`crmsync.testing.rig.Rig`) is a connected CRM plus the hands of a person who works in it. What a CRM cannot do (merge, convert, ...) is left out of `can` and skipped.
"""

from __future__ import annotations

import json
from datetime import timedelta
from unittest import SkipTest

from crmsync.connect.protocol import Cursor
from crmsync.errors import QuotaError, UnreachableError
from crmsync.model.change import Action, OutcomeKind, Write
from crmsync.model.fields import KEY, OWN_FIELDS
from crmsync.model.record import RecordState, Ref, Value
from crmsync.testing.contract_links import LinksContract
from crmsync.testing.contract_lists import ListsContract
from crmsync.testing.contract_teams import TeamsContract
from crmsync.testing.rig import Rig, add, asked, create, draft_of, each_method, error_of, mail, needs, of, pull, update

__all__ = ["ConnectorContract", "Rig"]

ODD = 'Zoë "O\'Brien" \\ 50 % & <b> 😀'


class ConnectorContract(LinksContract, ListsContract, TeamsContract):
    """Subclass it in a test module and give it a `rig` fixture with a fresh CRM per test."""

    # --- reading ----------------------------------------------------------------------------------------------------------------

    def test_first_pull_shows_live_records_only(self, rig: Rig) -> None:
        ids = [add(rig, f"p{n}") for n in range(3)]
        rig.delete(ids[1])
        rig.wait(rig.seen_after)
        records, _ = pull(rig, None)
        assert {r.ref.id for r in records} == {ids[0], ids[2]}, "the first pull shows what is live, all of it, and nothing else"
        assert all(r.state is RecordState.LIVE for r in records)

    def test_records_say_who_and_when(self, rig: Rig) -> None:
        id = add(rig, "p", **{rig.text: ODD})
        rig.wait(rig.seen_after)
        record = of(pull(rig, None)[0], id)
        assert record.ref == Ref(side=rig.connector.name, object=rig.object, id=id)
        assert record.fields[rig.text] == ODD, "text comes back as it was typed"
        assert set(asked(rig)) <= set(record.fields), "each field asked for is delivered, empty ones as None"
        assert record.fields[rig.connector.own_field(KEY)] is None
        for moment in (record.modified_at, record.created_at):
            assert moment is not None
            assert moment.utcoffset() == timedelta(0), "moments are aware UTC"

    def test_a_pull_has_pages_and_a_cursor_even_without_changes(self, rig: Rig) -> None:
        _, cursor = pull(rig, None)
        pages = list(rig.connector.pull(rig.object, asked(rig), cursor, rig.now()))
        assert pages, "always at least one page: its cursor says how far we are"
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert json.loads(json.dumps(dict(pages[-1].cursor))) == dict(pages[-1].cursor), "a cursor is JSON"

    def test_a_change_is_shown_once_the_cursor_stands_before_it_and_may_repeat(self, rig: Rig) -> None:
        id = add(rig, "p")
        rig.wait(rig.seen_after)
        _, before = pull(rig, None)
        rig.wait(60)
        rig.edit(id, {rig.text: "changed"})
        rig.wait(rig.seen_after)
        first, after = pull(rig, before)
        assert of(first, id).fields[rig.text] == "changed"
        again, _ = pull(rig, before)
        assert of(again, id).fields[rig.text] == "changed", "the same cursor shows the same change again"
        rig.wait(60)
        rig.edit(id, {rig.text: "changed again"})
        rig.wait(rig.seen_after)
        later, _ = pull(rig, after)
        assert of(later, id).fields[rig.text] == "changed again"

    def test_a_crash_after_any_page_repeats_and_never_skips(self, rig: Rig) -> None:
        ids = {add(rig, f"p{n}") for n in range(7)}
        rig.wait(rig.seen_after)
        pages = list(rig.connector.pull(rig.object, asked(rig), None, rig.now()))
        for stop in range(len(pages)):
            read = {r.ref.id for page in pages[: stop + 1] for r in page.records}
            rest, _ = pull(rig, pages[stop].cursor)
            assert read | {r.ref.id for r in rest} >= ids, f"going on from page {stop} skips records"

    def test_a_change_while_pages_are_read_is_not_lost(self, rig: Rig) -> None:
        ids = [add(rig, f"p{n}") for n in range(5)]
        rig.wait(rig.seen_after)
        cursor: Cursor = {}
        shown: dict[str, Value] = {}
        for number, page in enumerate(rig.connector.pull(rig.object, asked(rig), None, rig.now())):
            shown |= {r.ref.id: r.fields[rig.text] for r in page.records}
            cursor = page.cursor
            if number == 0:
                rig.edit(ids[0], {rig.text: "meanwhile"})
        rig.wait(rig.seen_after)
        shown |= {r.ref.id: r.fields[rig.text] for r in pull(rig, cursor)[0]}
        assert shown[ids[0]] == "meanwhile"

    def test_a_deletion_is_told(self, rig: Rig) -> None:
        id = add(rig, "p")
        rig.wait(rig.seen_after)
        _, cursor = pull(rig, None)
        rig.wait(60)
        rig.delete(id)
        rig.wait(rig.gone_after)
        assert of(pull(rig, cursor)[0], id).state is RecordState.DELETED
        told = rig.connector.fetch(rig.object, [id], asked(rig))
        assert all(r.state is RecordState.DELETED for r in told), "a deleted record is absent, or told as deleted"
        assert id not in set(rig.connector.live_ids(rig.object))

    def test_a_merge_is_told_with_its_survivor(self, rig: Rig) -> None:
        needs(rig, "merge")
        winner, loser = add(rig, "w"), add(rig, "l")
        rig.wait(rig.seen_after)
        _, cursor = pull(rig, None)
        rig.wait(60)
        survivor = rig.merge(winner, loser)
        rig.wait(max(rig.seen_after, rig.gone_after))
        records, _ = pull(rig, cursor)
        as_former = any(r.ref.id == survivor and loser in r.former_ids for r in records)
        as_merged = any(r.ref.id == loser and r.state is RecordState.MERGED and r.survivor and r.survivor.id == survivor for r in records)
        assert as_former or as_merged, "a merge must not look like a deletion"
        assert not any(r.ref.id == loser and r.state is RecordState.DELETED for r in records)
        told = rig.connector.fetch(rig.object, [loser], asked(rig))
        assert survivor in {id for r in told for id in (r.ref.id, r.survivor.id if r.survivor else None)}, (
            "a fetch by the old id leads there as well"
        )
        assert loser not in set(rig.connector.live_ids(rig.object))

    def test_a_conversion_is_told_with_what_it_turned_into(self, rig: Rig) -> None:
        needs(rig, "convert")
        id = add(rig, "p")
        rig.wait(rig.seen_after)
        _, cursor = pull(rig, None)
        rig.wait(60)
        target = rig.convert(id)
        rig.wait(max(rig.seen_after, rig.gone_after))
        record = of(pull(rig, cursor)[0], id)
        assert (record.state, record.survivor) == (RecordState.CONVERTED, target)
        assert rig.connector.traits.forward[rig.object] == target.object
        (told,) = rig.connector.fetch(rig.object, [id], asked(rig))
        assert (told.state, told.survivor) == (RecordState.CONVERTED, target)

    def test_fetch_shows_the_present_without_waiting(self, rig: Rig) -> None:
        id = add(rig, "p")
        rig.edit(id, {rig.text: "now"})
        told = rig.connector.fetch(rig.object, [id, rig.unknown_id], asked(rig))
        live = [r for r in told if r.state is not RecordState.PURGED]
        assert [(r.ref.id, r.fields[rig.text]) for r in live] == [(id, "now")], (
            "strongly consistent; missing ones are absent, or told as purged"
        )
        assert rig.connector.fetch(rig.object, [], asked(rig)) == []

    def test_find_ignores_case_and_shows_the_present(self, rig: Rig) -> None:
        id, other = add(rig, "ann"), add(rig, "o'brien+x")
        rig.delete(add(rig, "gone"))
        values = [mail("ANN"), mail("gone"), mail("nobody"), mail("o'brien+x")]
        found = rig.connector.find(rig.object, rig.email, values, asked(rig))
        assert {r.ref.id for r in found} == {id, other}, "live records only, whatever the case, at once"
        assert rig.connector.find(rig.object, rig.email, [], asked(rig)) == []

    def test_live_ids_lists_what_is_live(self, rig: Rig) -> None:
        ids = [add(rig, f"p{n}") for n in range(4)]
        rig.delete(ids[2])
        assert sorted(rig.connector.live_ids(rig.object)) == sorted({*ids} - {ids[2]})

    def test_history_is_empty_or_newest_first(self, rig: Rig) -> None:
        id = add(rig, "p", **{rig.text: "one"})
        rig.wait(60)
        rig.edit(id, {rig.text: "two"})
        versions = rig.connector.history(rig.object, [id], [rig.text])
        assert {(v.id, v.field) for v in versions} <= {(id, rig.text)}
        if versions:
            assert [v.value for v in versions][:2] == ["two", "one"]
            assert [v.at for v in versions] == sorted((v.at for v in versions), reverse=True)

    # --- writing ----------------------------------------------------------------------------------------------------------------

    def test_a_create_arrives_with_its_key(self, rig: Rig) -> None:
        (outcome,) = rig.connector.write([create(rig, "k1", "p", **{rig.text: ODD})])
        assert (outcome.write_id, outcome.kind) == ("write k1", OutcomeKind.DONE), outcome
        assert rig.shown(str(outcome.id))[rig.text] == ODD
        (found,) = rig.connector.find(rig.object, rig.connector.own_field(KEY), ["k1"], asked(rig))
        assert found.ref.id == outcome.id
        assert found.fields[rig.connector.own_field(KEY)] == "k1"

    def test_a_create_repeated_with_its_key_makes_no_second_record(self, rig: Rig) -> None:
        (first,) = rig.connector.write([create(rig, "k1", "p")])
        (second,) = rig.connector.write([create(rig, "k1", "p")])
        assert second.kind in (OutcomeKind.DONE, OutcomeKind.EXISTS), second
        assert first.id in (second.id, second.existing_id)
        assert sorted(rig.connector.live_ids(rig.object)) == [first.id]

    def test_updates_in_one_call_are_carried_out_in_order(self, rig: Rig) -> None:
        ids = [add(rig, f"p{n}") for n in range(3)]
        writes = [update(rig, id, f"{id}-{n}", **{rig.text: f"v{n}"}) for n in range(3) for id in ids]
        outcomes = rig.connector.write(writes)
        assert [o.write_id for o in outcomes] == [w.write_id for w in writes], "outcomes align with the input"
        assert {o.kind for o in outcomes} == {OutcomeKind.DONE}
        assert {rig.shown(id)[rig.text] for id in ids} == {"v2"}

    def test_none_clears(self, rig: Rig) -> None:
        id = add(rig, "p", **{rig.text: "x"})
        (outcome,) = rig.connector.write([update(rig, id, "w", **{rig.text: None})])
        assert outcome.kind is OutcomeKind.DONE
        assert not rig.shown(id)[rig.text]
        (record,) = rig.connector.fetch(rig.object, [id], asked(rig))
        assert record.fields[rig.text] is None, "empty is None, never an empty text"

    def test_what_is_not_named_stays(self, rig: Rig) -> None:
        id = add(rig, "p", **{rig.text: "x"})
        rig.connector.write([update(rig, id, "w", **{rig.email: mail("q")})])
        assert (rig.shown(id)[rig.text], rig.shown(id)[rig.email]) == ("x", mail("q"))

    def test_shown_values_are_the_stored_ones(self, rig: Rig) -> None:
        if not rig.connector.traits.reads_back:
            raise SkipTest("writes do not read back")
        id = add(rig, "p")
        (outcome,) = rig.connector.write([update(rig, id, "w", **{rig.text: "new"})])
        assert outcome.shown is not None
        assert outcome.shown[rig.text] == rig.shown(id)[rig.text]
        assert outcome.modified_at is not None
        assert outcome.modified_at.utcoffset() == timedelta(0)

    def test_one_bad_record_does_not_stop_the_others(self, rig: Rig) -> None:
        needs(rig, "refuse")
        ids = [add(rig, f"p{n}") for n in range(3)]
        writes = [update(rig, id, f"w{n}", **({rig.text: "good"} if n != 1 else dict(rig.bad))) for n, id in enumerate(ids)]
        writes += [create(rig, "k1", "good"), create(rig, "k2", "bad", **rig.bad), create(rig, "k3", "fine")]
        outcomes = rig.connector.write(writes)
        assert [o.write_id for o in outcomes] == [w.write_id for w in writes]
        done, no = OutcomeKind.DONE, OutcomeKind.REJECTED
        assert [o.kind for o in outcomes] == [done, no, done, done, no, done]
        for refused in (outcomes[1], outcomes[4]):
            assert refused.cause, "a refusal has the CRM's own code"
            assert {name.lower() for name in refused.fields} <= {name.lower() for name in rig.bad}, "only fields that were sent are named"
        assert [rig.shown(id)[rig.text] for id in (ids[0], ids[2])] == ["good", "good"]

    def test_a_create_for_an_address_that_exists_names_the_record(self, rig: Rig) -> None:
        needs(rig, "unique_email")
        id = add(rig, "p")
        outcomes = rig.connector.write([create(rig, "k1", "other"), create(rig, "k2", "P")])
        assert [o.kind for o in outcomes] == [OutcomeKind.DONE, OutcomeKind.EXISTS]
        assert outcomes[1].existing_id == id

    def test_a_write_to_a_deleted_record_is_gone(self, rig: Rig) -> None:
        id, other = add(rig, "p"), add(rig, "q")
        rig.delete(id)
        outcomes = rig.connector.write([update(rig, id, "w1", **{rig.text: "x"}), update(rig, other, "w2", **{rig.text: "x"})])
        assert [o.kind for o in outcomes] == [OutcomeKind.GONE, OutcomeKind.DONE]

    def test_a_write_to_a_merged_record_leads_to_the_survivor(self, rig: Rig) -> None:
        needs(rig, "merge")
        winner, loser = add(rig, "w"), add(rig, "l")
        survivor = rig.merge(winner, loser)
        (outcome,) = rig.connector.write([update(rig, loser, "w", **{rig.text: "x"})])
        assert outcome.kind in (OutcomeKind.GONE, OutcomeKind.DONE)
        if outcome.kind is OutcomeKind.DONE:
            assert (outcome.id, rig.shown(survivor)[rig.text]) == (survivor, "x")

    def test_a_write_to_a_converted_record_is_gone(self, rig: Rig) -> None:
        needs(rig, "convert")
        id = add(rig, "p")
        rig.convert(id)
        (outcome,) = rig.connector.write([update(rig, id, "w", **{rig.text: "x"})])
        assert outcome.kind is OutcomeKind.GONE

    def test_a_delete_deletes_once(self, rig: Rig) -> None:
        id, kept = add(rig, "p"), add(rig, "q")
        delete = Write(write_id="w", action=Action.DELETE, object=rig.object, id=id)
        assert rig.connector.write([delete])[0].kind is OutcomeKind.DONE
        assert rig.connector.write([delete])[0].kind in (OutcomeKind.DONE, OutcomeKind.GONE), "gone is what was wanted"
        assert list(rig.connector.live_ids(rig.object)) == [kept]

    def test_more_than_one_batch(self, rig: Rig) -> None:
        count = 2 * rig.connector.traits.write_batch + 1
        assert rig.connector.write([]) == []
        outcomes = rig.connector.write([create(rig, f"k{n}", f"p{n}") for n in range(count)])
        assert [o.write_id for o in outcomes] == [f"write k{n}" for n in range(count)]
        assert {o.kind for o in outcomes} == {OutcomeKind.DONE}
        ids = [str(o.id) for o in outcomes]
        assert len(set(ids)) == count
        rig.wait(rig.seen_after)
        assert {r.ref.id for r in pull(rig, None)[0]} == set(ids)
        told = rig.connector.fetch(rig.object, ids, asked(rig))
        assert {r.ref.id: r.fields[rig.email] for r in told} == {id: mail(f"p{n}") for n, id in enumerate(ids)}, (
            "each id leads to its own record"
        )
        found = rig.connector.find(rig.object, rig.email, [mail(f"p{n}") for n in range(count)], asked(rig))
        assert {r.ref.id for r in found} == set(ids)

    def test_a_task_is_created_once(self, rig: Rig) -> None:
        needs(rig, "tasks")
        id = add(rig, "p")
        draft = draft_of(rig, id)
        before = rig.connector.calls()
        write = rig.connector.task(draft, "w1")
        assert rig.connector.calls() == before, "making the write contacts nothing"
        assert (write.action, write.object, write.key) == (Action.CREATE, rig.connector.traits.task_object, "task-1")
        (first,) = rig.connector.write([write])
        (second,) = rig.connector.write([rig.connector.task(draft, "w2")])
        assert first.kind is OutcomeKind.DONE, first
        assert second.kind in (OutcomeKind.DONE, OutcomeKind.EXISTS)
        assert first.id in (second.id, second.existing_id)
        assert rig.tasks() == 1
        field = rig.connector.own_field(KEY)
        (found,) = rig.connector.find(rig.connector.traits.task_object, field, ["task-1"], [field])
        assert found.ref.id == first.id

    # --- troubles ---------------------------------------------------------------------------------------------------------------

    def test_when_it_is_not_reached_each_method_says_so(self, rig: Rig) -> None:
        needs(rig, "break")
        id = add(rig, "p")
        _, cursor = pull(rig, None)
        rig.trouble("down")
        for call in each_method(rig, id, cursor):
            assert isinstance(error_of(call), UnreachableError)
        rig.trouble("")
        assert rig.shown(id)[rig.text] is None
        assert rig.connector.write([update(rig, id, "w", **{rig.text: "x"})])[0].kind is OutcomeKind.DONE, "and then it goes on"

    def test_when_the_quota_is_used_up_each_method_says_so(self, rig: Rig) -> None:
        needs(rig, "break")
        id = add(rig, "p")
        _, cursor = pull(rig, None)
        rig.trouble("quota")
        *reads, write = each_method(rig, id, cursor)
        for call in reads:
            assert isinstance(error_of(call), QuotaError)
        assert isinstance(error_of(write), UnreachableError)
        rig.trouble("")
        assert rig.shown(id)[rig.text] is None

    def test_a_lost_answer_to_a_write_is_unknown_and_the_key_settles_it(self, rig: Rig) -> None:
        needs(rig, "break")
        rig.trouble("lost")
        (outcome,) = rig.connector.write([create(rig, "k1", "p")])
        rig.trouble("")
        found = rig.connector.find(rig.object, rig.connector.own_field(KEY), ["k1"], asked(rig))
        assert len(found) == 1, "it was carried out once"
        if outcome.kind is OutcomeKind.DONE:
            assert outcome.id == found[0].ref.id, "a connector may settle it by itself"
        else:
            assert outcome.kind is OutcomeKind.UNKNOWN, "neither an error nor a refusal: nobody knows"

    # --- looking around ---------------------------------------------------------------------------------------------------------

    def test_identity_users_and_schema(self, rig: Rig) -> None:
        connector = rig.connector
        assert connector.identity().account
        assert connector.identity() == connector.identity()
        users = connector.users()
        assert {u.side for u in users} <= {connector.name}
        assert len({u.id for u in users}) == len(users)
        assert rig.object in connector.traits.person_objects
        schema = connector.schema([rig.object, connector.traits.task_object])
        names = schema[rig.object].fields
        assert {rig.email, rig.text, connector.own_field(KEY)} <= set(names)
        assert all(name == field.name for name, field in names.items())
        assert connector.own_field(KEY) in schema[connector.traits.task_object].fields
        assert {f.level for f in connector.check()} <= {"error", "warning", "info"}

    def test_provision_is_done_once_and_rehearsed_without_effect(self, rig: Rig) -> None:
        needs(rig, "bare")
        connector = rig.bare()
        field = connector.own_field(KEY)
        assert field not in connector.schema([rig.object])[rig.object].fields
        assert {"would"} <= {f.level for f in connector.provision(OWN_FIELDS, dry_run=True)} <= {"would", "info", "warning"}
        assert field not in connector.schema([rig.object])[rig.object].fields, "a rehearsal changes nothing"
        assert "done" in {f.level for f in connector.provision(OWN_FIELDS, dry_run=False)}
        fields = connector.schema([rig.object])[rig.object].fields
        assert {connector.own_field(f.name) for f in OWN_FIELDS if "person" in f.on} <= set(fields)
        assert not {f.level for f in connector.provision(OWN_FIELDS, dry_run=False)} & {"done", "would", "error"}, (
            "the second time nothing is to do"
        )

    def test_calls_are_counted_and_an_idle_pull_is_cheap(self, rig: Rig) -> None:
        for n in range(3):
            add(rig, f"p{n}")
        rig.wait(rig.seen_after)
        _, cursor = pull(rig, None)
        rig.wait(15)
        _, cursor = pull(rig, cursor)
        counted, made = rig.connector.calls(), rig.calls()
        rig.wait(15)
        pull(rig, cursor)
        cost = rig.connector.calls() - counted
        assert 0 < cost <= rig.idle_calls
        told = rig.calls()
        if made is not None and told is not None:
            assert cost == told - made, "calls are counted as the CRM counts them"
