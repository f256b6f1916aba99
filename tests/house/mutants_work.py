"""Known bugs in who works a person, by when and how: routing, clocks, cadences, alerts. See house.mutants."""

from __future__ import annotations

from house.mutants import Mutant

OWNING, POOL, PERSON = "src/crmsync/decide/owning.py", "src/crmsync/decide/pool.py", "src/crmsync/decide/person.py"
SLA, SLA_RUN, WORKTIME = "src/crmsync/decide/sla.py", "src/crmsync/decide/sla_run.py", "src/crmsync/decide/worktime.py"
HANDS, SHOWN = "src/crmsync/decide/hands.py", "src/crmsync/engine/shown.py"
CADENCE, CADENCE_END = "src/crmsync/decide/cadence.py", "src/crmsync/decide/cadence_end.py"
FLOOR, ALERTS, TAKEN_BACK = "src/crmsync/engine/floor.py", "src/crmsync/engine/alerts.py", "src/crmsync/engine/taken_back.py"

REASSIGN, POOLS, TURNS = "tests/scenarios/test_rules_reassign.py::{}", "tests/decide/test_pool.py::{}", "tests/engine/test_floor.py::{}"
CLOCKS, TOUCHES = "tests/decide/test_sla_rules.py::{}", "tests/decide/test_cadence_rules.py::{}"
LEFT = "tests/scenarios/test_rules_left.py::{}"
TOLD, TASKS = "tests/engine/test_alerts.py::{}", "tests/engine/test_tasks_claimed.py::{}"

MUTANTS = (
    Mutant('whoever was given somebody by hand is relieved of them', OWNING,
           'return state.owner_by == ROUTER and state.assigned_at is not None',
           'return state.assigned_at is not None',
           REASSIGN.format('test_r6_f55_f57_a_hand_beats_the_router_for_a_month_and_open_tasks_move')),
    Mutant('an owner who stands loses the person at the handoff', OWNING,
           'verdict = self._route(state, hot=hot, owner=standing,',
           'verdict = self._route(state, hot=hot, owner=None,',
           "tests/decide/test_person.py::test_an_existing_owner_stands"),
    Mutant('who had the person before is forgotten', OWNING,
           'tried=(pass_on,) if verdict.used_up else (*tried, pass_on)',
           'tried=(pass_on,)',
           REASSIGN.format('test_r7_f57_unworked_goes_to_the_next_rep_with_open_tasks_and_clocks_in_both_crms')),
    Mutant('a rep gets a person back while others never had them', POOL,
           'asked = [rep for rep in ever if rep.rep not in tried]',
           'asked = [rep for rep in ever if rep.rep != (tried or ("",))[-1]]',
           POOLS.format('test_r7_the_next_rep_and_nobody_twice_before_all_had_them')),
    Mutant('what each rep is owed is forgotten between runs', FLOOR,
           '"lags": lags, "served"',
           '"lags": {}, "served"',
           TURNS.format('test_f50_turns_go_on_over_any_split_of_runs')),
    Mutant('a turn is not held against whoever had it', POOL,
           'owed[chosen] -= 1',
           'owed[chosen] -= 0',
           POOLS.format('test_f51_one_to_two_to_three')),
    Mutant('the cap of a day is ignored', POOL,
           'if rep.here and not rep.full and not rep.day_full]',
           'if rep.here and not rep.full]',
           POOLS.format('test_f51_caps_are_never_exceeded_in_any_pool')),
    Mutant('the cap of open leads is ignored', POOL,
           'if rep.here and not rep.full and not rep.day_full]',
           'if rep.here and not rep.day_full]',
           POOLS.format('test_f51_caps_are_never_exceeded_in_any_pool')),
    Mutant('a breach is told at every look', SLA,
           'fresh = over and BREACHED_SHARE not in clock.told',
           'fresh = over',
           CLOCKS.format('test_a5_a_breach_is_told_once_and_asks_for_a_reassignment')),
    Mutant('a clock runs on while sales talks with the person', SLA_RUN,
           'off = [*pauses, *(Pause(',
           'off = [*(Pause(',
           CLOCKS.format('test_a7_a_conversation_pauses_the_response_and_its_end_resumes_it')),
    Mutant('holidays are working days', WORKTIME,
           'if ordinal in free:',
           'if ordinal in ():',
           CLOCKS.format('test_f74_a_holiday_is_left_out')),
    Mutant('the next touch does not wait for the open one', CADENCE,
           'return self._open(run, rule) if run.task_key else self._next(run, rule)',
           'return self._next(run, rule)',
           TOUCHES.format('test_c7_f79_a_task_done_in_either_crm_advances_once')),
    Mutant('a touch whose task was deleted is made again', CADENCE,
           'return shut if gone else run',
           'return replace(shut, step=run.step) if gone else run',
           TOUCHES.format('test_c7_f79_a_deleted_task_is_left_out_and_never_made_again')),
    Mutant('whoever opted out goes on being e-mailed', CADENCE_END,
           'if not run.unmailed and self._opted_out(types):',
           'if False and self._opted_out(types):',
           TOUCHES.format('test_c5_f77_an_opt_out_stops_it_and_takes_back_an_open_e_mail_but_no_call')),
    Mutant('a cadence goes on after an answer', CADENCE_END,
           'return REPLIED if types & REPLIES else ""',
           'return ""',
           TOUCHES.format('test_c5_f77_a_reply_stops_it_and_leaves_the_rep_their_task')),
    Mutant('somebody is given up after too few touches', CADENCE,
           'if made < wanted:',
           'if made < 0:',
           TOUCHES.format('test_a3_with_too_few_touches_nobody_is_given_up')),
    Mutant('an alert is told again with every look', ALERTS,
           'at=alert.at,',
           'at=now,',
           TOLD.format('test_a4_at_risk_goes_to_the_owner_alone_and_each_share_once')),
    Mutant('a task that was taken back is made after all', TAKEN_BACK,
           'store.task_created(key, WITHDRAWN)',
           'pass',
           TASKS.format('test_c5_what_is_taken_back_is_deleted_at_once_made_or_not')),
    Mutant('a rep gets somebody back whom a hand took from them', HANDS,
           'if state.owner_was is not None or not can_own(state.owner, users):',
           'if state.owner is not None:',
           LEFT.format('test_r6_f55_nobody_by_hand_stands_for_a_month_and_is_told_once')),
    Mutant('a stage set by hand is carried out at every look', SHOWN,
           'if not commands:',
           'if commands or not commands:',
           LEFT.format('test_r6_l2_a_stage_of_mql_has_them_routed_again')),
)  # fmt: skip
