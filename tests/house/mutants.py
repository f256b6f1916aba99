"""Known bugs, each planted by replacing a few words of the product, and the tests that must notice.

Not random mutation: every one is a mistake that a later change could plausibly make, and that would lose or invent somebody's data.
"""

from __future__ import annotations

from dataclasses import dataclass

LAWS = "tests/house/test_laws.py::{}"
MERGE = "tests/decide/test_merge.py::{}"
CHANGES, MANY = "tests/scenarios/test_f01_change_detection.py::{}", "tests/scenarios/test_f03_many_records.py::{}"
ECHO, DUPLICATES = "tests/scenarios/test_f13_echo.py::{}", "tests/scenarios/test_f18_duplicates.py::{}"
CONFLICTS, RECORDS = "tests/scenarios/test_f26_conflicts.py::{}", "tests/scenarios/test_f33_records.py::{}"
OWNERS, OPERATIONS = "tests/scenarios/test_f48_owners.py::{}", "tests/scenarios/test_f61_operations.py::{}"
BAD_INPUT = "tests/scenarios/test_bad_input.py::{}"


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` (which occurs exactly once) becomes `new`; the test `killer` must fail."""

    name: str
    file: str
    old: str
    new: str
    killer: str


CYCLE, APPLY, PULL = "src/crmsync/engine/cycle.py", "src/crmsync/engine/apply.py", "src/crmsync/engine/pull.py"
SETTLE = "src/crmsync/engine/settle_people.py"
DELIBERATE, OUTBOX = "src/crmsync/engine/deliberate.py", "src/crmsync/engine/outbox.py"
MERGING, RECONCILE, PLAN = "src/crmsync/decide/merge.py", "src/crmsync/decide/reconcile.py", "src/crmsync/decide/plan.py"
PERSON, GUARD = "src/crmsync/decide/person.py", "src/crmsync/decide/guard.py"
MATCH, PEOPLE, WORLD = "src/crmsync/decide/match.py", "src/crmsync/engine/people.py", "src/crmsync/engine/world.py"
BELIEFS = "src/crmsync/engine/beliefs.py"
RESUME, SYNC = "src/crmsync/engine/resume.py", "src/crmsync/service/sync.py"
HUBSPOT, SALESFORCE = "connectors/crmsync_hubspot/", "connectors/crmsync_salesforce/"

BY_INTENT = """store.save_persons([replace(v.state, base={**v.state.base, **{
        name: __import__("crmsync.model.link", fromlist=["Agreed"]).Agreed(values=values, mapping=world.playbook.person.fields[name].fingerprint)
        for write in v.plan.writes for name, values in write.base.items()}}) for v in verdicts])"""

MUTANTS = (
    Mutant('the base moves by intent', CYCLE,
           'store.save_persons([verdict.state for verdict in verdicts])',
           BY_INTENT,
           LAWS.format('test_the_base_moves_by_results_not_by_intent')),
    Mutant('an outdated index row is believed', PULL,
           'return held is not None and record.modified_at < held.modified_at',
           'return False and held is not None',
           LAWS.format('test_an_outdated_index_row_is_not_believed')),
    Mutant('a create is sent without its key', OUTBOX,
           'key=planned.key',
           'key=None',
           LAWS.format('test_a_create_whose_answer_was_lost_is_found_by_its_key')),
    Mutant('a rewritten value is echoed back', SETTLE,
           'accepted = {**values, self.side: stands.get(name, values.get(self.side))}',
           'accepted = {**values}',
           LAWS.format('test_a_value_the_crm_rewrites_is_not_written_back')),
    Mutant('the earlier change wins', MERGING,
           'return "left" if left_at > right_at',
           'return "left" if left_at < right_at',
           MERGE.format('test_every_shape_under_every_rule')),
    Mutant('absent is taken for empty', RECONCILE,
           'if right_column is None or name not in left.fields or name not in right.fields:',
           'left, right = (__import__("dataclasses").replace(s, fields={**dict.fromkeys(left_lens.by_name), **s.fields}) for s in (left, right))\n        if right_column is None:',
           LAWS.format('test_what_a_page_did_not_deliver_is_unknown_not_empty')),
    Mutant('a parked value is tried again', PLAN,
           'return refused is not None and refused == data_hash(value)',
           'return False',
           LAWS.format('test_a_refused_value_is_parked_and_the_rest_goes_on')),
    Mutant('a deleted record is created anew', PLAN,
           'return not any(s.ref.side == side for s in snapshots)',
           'return not any(s.ref.side == side and s.state is RecordState.LIVE for s in snapshots)',
           LAWS.format('test_a_deleted_record_is_not_raised_from_the_dead')),
    Mutant('the round robin forgets its turn', DELIBERATE,
           'if counter != first_counter:',
           'if counter < first_counter:',
           LAWS.format('test_round_robin_goes_on_where_it_stopped')),
    Mutant('start_from is ignored', PERSON,
           'return replace(state, historic=historic,',
           'return replace(state, historic=False,',
           LAWS.format('test_what_happened_before_the_first_sync_starts_nothing')),
    Mutant('no second look before writing', APPLY,
           'if not updates or len(updates) > REREAD_UP_TO:',
           'if True:',
           LAWS.format('test_an_edit_between_reading_and_writing_is_not_overwritten')),
    Mutant('creates: off by one', GUARD,
           'if creates <= brakes.max_creates:',
           'if creates < brakes.max_creates:',
           LAWS.format('test_creates_up_to_the_limit_pass')),
    Mutant('deletes: off by one', GUARD,
           'if deleted < brakes.min_deletes or',
           'if deleted <= brakes.min_deletes or',
           LAWS.format('test_deletes_up_to_the_limits_pass')),
    Mutant('a halt is not remembered', CYCLE,
           'world.store.set_halt(halt)',
           'world.store.set_halt(None)',
           LAWS.format('test_a_halt_stands_until_a_person_lifts_it')),
    Mutant('a remapped field keeps its base', RECONCILE,
           'known = agreed is not None and agreed.mapping == rule.fingerprint',
           'known = agreed is not None',
           LAWS.format('test_a_field_whose_mapping_changed_has_no_base')),
    Mutant('first contact clears', MERGING,
           '        return _first_contact(left, right, policy, left_at, right_at)',
           '        base = Base(left=right, right=right)',
           MERGE.format('test_every_shape_under_every_rule')),
    Mutant('an opt-out can be lost', MERGING,
           'return _settle(True, left, right, policy,',
           'return _settle(right, left, right, policy,',
           MERGE.format('test_an_opt_out_always_wins')),
    Mutant('a change is read and never decided', PULL,
           'store.save_snapshots(loud, dirty=True)',
           'store.save_snapshots(loud, dirty=False)',
           LAWS.format('test_the_base_moves_by_results_not_by_intent')),
    Mutant('a lead is as good as a contact', MATCH,
           'key=lambda s: (order[s.ref.object], f',
           'key=lambda s: (0, f',
           DUPLICATES.format('test_f23_several_salesforce_records_with_one_email')),
    Mutant('the youngest of twins counts', MATCH,
           '!= kept, s.created_at or _LONG_AGO, s.ref.id)',
           '!= kept, -(s.created_at or _LONG_AGO).timestamp(), s.ref.id)',
           DUPLICATES.format('test_f23_of_leads_alone_the_oldest_counts')),
    Mutant('a record of somebody else is taken over', APPLY,
           'if match is not None and other is None:',
           'if match is not None and other != person_id:',
           DUPLICATES.format('test_f24_duplicate_rule_names_somebody_else')),
    Mutant('the brake for creates is far too late', GUARD,
           'if creates <= brakes.max_creates:',
           'if creates <= 10 * brakes.max_creates:',
           MANY.format('test_f25_first_sync_flood_stops_at_the_brake')),
    Mutant('history has outward effects', PERSON,
           'return replace(state, historic=historic,',
           'return replace(state, historic=False,',
           MANY.format('test_f25_history_has_no_outward_effects')),
    Mutant('every field is decided by the date of its record', RECONCILE,
           'if known and agreed is not None else None',
           'if known and agreed is not None and False else None',
           CONFLICTS.format('test_f26_both_sides_edit_different_fields')),
    Mutant('a merge moves the link to the oldest twin', MATCH,
           'kept = (anchors or {}).get(side)',
           'kept = None',
           RECORDS.format('test_f33_salesforce_merge_moves_the_link_and_flags_the_twin')),
    Mutant('signals stay with the loser of a merge', PEOPLE,
           'store.move_signals(lose, keep)',
           'store.move_signals(lose, lose)',
           RECORDS.format('test_f33_salesforce_merge_moves_the_link_and_flags_the_twin')),
    Mutant('former ids are forgotten', MATCH,
           'for ref in candidate.former:',
           'for ref in ():',
           RECORDS.format('test_f34_hubspot_merge_makes_a_third_id')),
    Mutant('an owner without a twin is blanked', PLAN,
           'if column.map.type is FieldType.OWNER and value is not None and sent is None:',
           'if column.map.type is FieldType.OWNER and value is not None and sent is None and self.snapshot is None:',
           OWNERS.format('test_f48_owner_without_a_twin_leaves_the_owner_and_says_so')),
    Mutant('a new twin of an owner is not noticed', BELIEFS,
           'SCHEMA_CAUSES = frozenset({"owner_without_twin", ',
           'SCHEMA_CAUSES = frozenset({',
           OWNERS.format('test_f48_owner_without_a_twin_leaves_the_owner_and_says_so')),
    Mutant('the daily limit is taken for a burst', HUBSPOT + "client.py",
           '            if trouble.daily:',
           '            if False:',
           OPERATIONS.format('test_f61_daily_limit_stops_that_side_until_it_is_lifted[hubspot]')),
    Mutant('a burst limit is not waited out', HUBSPOT + "client.py",
           'wait = asked if asked is not None else (1.0 if trouble.secondly else 10.0) * state.sent',
           'wait = 0.1',
           OPERATIONS.format('test_f61_a_burst_limit_is_waited_out')),
    Mutant('a lock is taken for a refusal', SALESFORCE + "wire.py",
           'return OutcomeKind.RETRY if error.code in _RETRY else OutcomeKind.REJECTED',
           'return OutcomeKind.REJECTED',
           OPERATIONS.format('test_f62_locked_rows_are_tried_again_later')),
    Mutant('tries follow each other at once', SETTLE,
           'wait = min(timedelta(seconds=5) * 2**tries, MAX_BACKOFF)',
           'wait = timedelta(seconds=1)',
           OPERATIONS.format('test_f62_locked_rows_are_tried_again_later')),
    Mutant('poison is parked for ever', PLAN,
           'if refused is not None and refused == self.mark():',
           'if refused is not None:',
           OPERATIONS.format('test_f63_poison_record_is_tried_once_and_heals_by_its_data')),
    Mutant('a run with problems ends as a success', SYNC,
           'return 1 if codes or self.problems or self.conflicts or self.more else 0',
           'return 1 if codes or self.more else 0',
           OPERATIONS.format('test_f66_a_run_with_failures_says_so')),
    Mutant('a silent CRM is not told', SYNC,
           '        result.errors = dict(report.errors)\n',
           '',
           OPERATIONS.format('test_f66_a_run_with_failures_says_so')),
    Mutant('wrong credentials stop both sides', WORLD,
           '            except (CredentialsError, UnreachableError) as error:\n                if side not in known:',
           '            except UnreachableError as error:\n                if side not in known:',
           BAD_INPUT.format('test_wrong_token_later_pauses_one_side_only')),
    Mutant('a lost create is not looked for', RESUME,
           'found = {str(r.fields.get(connector.own_field(KEY))): r for r in connector.find(object, connector.own_field(KEY), keys, fields)}',
           'found: dict[str, Record] = {}',
           DUPLICATES.format('test_f18_create_timed_out_but_succeeded')),
    Mutant('the fallback owner is set again', PLAN,
           'return fallback, None if self.snapshot.fields.get("owner") == fallback else native',
           'return fallback, native',
           OWNERS.format('test_f48_fallback_owner_takes_over_once')),
    Mutant('a page edge inside one stamp is taken for its end', HUBSPOT + "poll.py",
           'stamp - 1 if more else stamp',
           'stamp',
           CHANGES.format('test_f04_a_mass_update_broken_off_at_a_page_edge_of_hubspot')),
    Mutant('poison is tried again', PLAN,
           'if refused is not None and refused == self.mark():',
           'if False:',
           OPERATIONS.format('test_f63_poison_record_is_tried_once_and_heals_by_its_data')),
    Mutant('what shares a stamp with the last row read is skipped', SALESFORCE + "cursor.py",
           'return f"SystemModstamp >= {stamp(at[0])}"',
           'return f"SystemModstamp > {stamp(at[0])}"',
           CHANGES.format('test_f04_equal_stamps_at_a_page_edge_of_salesforce')),
)  # fmt: skip
