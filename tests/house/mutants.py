"""Known bugs, each planted by replacing a few words of the product, and the fast tests that must notice.

Not random mutation: every one is a mistake that a later change could plausibly make, and that would lose or invent somebody's data.
"""

from __future__ import annotations

from dataclasses import dataclass

LAWS = "tests/house/test_laws.py::{}"
MERGE = "tests/decide/test_merge.py::{}"


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` (which occurs exactly once) becomes `new`; the test `killer` must fail."""

    name: str
    file: str
    old: str
    new: str
    killer: str


CYCLE, APPLY, PULL = "src/crmsync/engine/cycle.py", "src/crmsync/engine/apply.py", "src/crmsync/engine/pull.py"
DELIBERATE, OUTBOX = "src/crmsync/engine/deliberate.py", "src/crmsync/engine/outbox.py"
MERGING, RECONCILE, PLAN = "src/crmsync/decide/merge.py", "src/crmsync/decide/reconcile.py", "src/crmsync/decide/plan.py"
PERSON, GUARD = "src/crmsync/decide/person.py", "src/crmsync/decide/guard.py"

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
    Mutant('a rewritten value is echoed back', APPLY,
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
           'return self.parked.get((self.ref.side, self.ref.object, name)) == data_hash(value)',
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
)  # fmt: skip
