"""Quota, locks, poison, crashes, revoked tokens: work waits and nothing is lost, written twice, or hammered (F61-F67)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from crmsync.errors import CredentialsError, QuotaError
from crmsync.model.change import Outcome, Write
from crmsync.service.settings import Settings, Web
from crmsync.service.sync import sync
from crmsync.service.workspace import Workspace
from scenarios.persons import assert_in_step, crowd, differences, email
from scenarios.world import Both

BURST = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "correlationId": "c",
    "policyName": "TEN_SECONDLY_ROLLING",
}
DAILY = {**BURST, "message": "You have reached your daily limit.", "policyName": "DAILY"}


class Died(BaseException):
    """The process ends here: nothing may catch it."""


def workspace(both: Both) -> Workspace:
    """The world as the commands have it."""
    assert both._folder is not None
    return Workspace(
        settings=Settings(home=both._folder, database_url=both.database, environ=both.environ, web=Web()),
        playbook=both.playbook,
        connectors=both.connectors,
        store=both.store,
        world=both.world,
        clock=both.time,
        sleep=lambda seconds: None,
        began={side: c.calls() for side, c in both.connectors.items()},
    )


def edit_both(both: Both, pairs: Sequence[tuple[str, str]], word: str) -> None:
    """Each side gets an edit for each person, of different fields."""
    for contact, lead in pairs:
        both.hs.edit("contacts", contact, {"jobtitle": word})
        both.sf.edit("Lead", lead, {"City": word})


def test_f61_a_burst_limit_is_waited_out(both: Both) -> None:
    # given three persons in step, edited on both sides
    pairs = crowd(both, 3)
    edit_both(both, pairs, "Baker")
    # when HubSpot answers 429 twice to our write
    both.hs.faults.add({"do": "status", "status": 429, "body": BURST, "path": "batch/update", "times": 2})
    began = both.time()
    reports = both.settle()
    # then it is repeated after waiting, in the same cycle, and nothing is dropped or written twice
    assert reports[0].errors == {}
    assert (both.time() - began).total_seconds() >= 20
    assert both.writes() == {"hubspot": 3, "salesforce": 3}
    assert both.problems() == []
    assert_in_step(both)


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_f61_daily_limit_stops_that_side_until_it_is_lifted(both: Both, side: str) -> None:
    # given three persons in step, edited on both sides
    pairs = crowd(both, 3)
    edit_both(both, pairs, "Baker")
    # when one CRM says that the day's calls are used up
    if side == "hubspot":
        both.hs.faults.add({"do": "status", "status": 429, "body": DAILY, "path": "^/crm"})
    else:
        both.sf.options.change("daily_limit", 1)
    reports = [both.cycle(after=15), both.cycle(after=15)]
    # then that side is paused with a name, asked once per cycle and not each second; neither side gets anything wrong
    assert all(isinstance(r.errors[side], QuotaError) for r in reports)
    assert both.writes()[side] == 0
    refused = [c.path for c in both.hs.calls if c.status == 429] + [c.path for c in both.sf.calls if c.status == 403]
    assert 0 < len(refused) <= 4
    # and when it is lifted, all catch up, once
    both.hs.faults.clear()
    both.sf.options.change("daily_limit", 100_000)
    both.settle()
    assert both.writes() == {"hubspot": 3, "salesforce": 3}
    assert both.problems() == []
    assert_in_step(both)


def test_f62_locked_rows_are_tried_again_later(both: Both) -> None:
    # given four persons in step, edited in HubSpot
    pairs = crowd(both, 4)
    edit_both(both, pairs, "Baker")
    # when Salesforce has the rows locked
    both.sf.options.change("lock_all", True)
    both.settle()
    # then it is said as passing, HubSpot's side went on, and the tries are bounded
    assert {p.cause for p in both.problems()} == {"UNABLE_TO_LOCK_ROW"}
    assert all(row.retry_at is not None for row in both.store.problems.rows())
    assert both.writes() == {"hubspot": 4, "salesforce": 0}
    both.sf.reset_calls()
    for _ in range(6):
        both.settle(after=10)
    assert sum(1 for c in both.sf.calls if c.method == "PATCH") <= 6 * 4
    # and when the lock is gone they arrive, and nothing waits any more
    both.sf.options.change("lock_all", False)
    both.settle(after=3600)
    assert both.writes() == {"hubspot": 4, "salesforce": 4}
    assert both.problems() == []
    assert_in_step(both)


def test_f63_poison_record_is_tried_once_and_heals_by_its_data(both: Both) -> None:
    # given an org that refuses one new person as a whole, for a reason no field names
    both.sf.validation_rule("Lead", lambda row: row.get("Email") == email(0), "Not this one")
    for n in range(3):
        both.hs.create("contacts", {"email": email(n), "lastname": f"Person{n}", "company": "Example Works"})
    # when it is synced again and again, over restarts
    for _ in range(3):
        both.settle(after=100)
        both.restart()
        poison = both.person_of("hubspot", "contacts", str(both.contact(email(0))["id"]))
        both.store.mark_dirty_persons([str(poison)])  # decided again, with the same data
    both.settle()
    # then it was tried once, is said once, and the others are there
    (row,) = both.store.problems.rows()
    assert (row.problem.cause, row.attempts, row.retry_at) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", 1, None)
    assert both.counts() == {"contacts": 3, "Lead": 2, "Contact": 0}
    both.assert_settled()
    # and a change of its data makes it try again
    both.sf.org.validation_rules.clear()
    both.hs.edit("contacts", str(both.contact(email(0))["id"]), {"jobtitle": "Baker"})
    both.settle()
    assert both.lead(email(0))["Title"] == "Baker"
    assert both.problems() == []
    assert both.counts() == {"contacts": 3, "Lead": 3, "Contact": 0}
    both.assert_settled()


def test_f64_death_at_every_call_heals_without_duplicates(both: Both) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    rita = both.owner("salesforce", "rita@corp.example")
    # when the process dies right before or after the writes, or between a last look and the write, of a round of edits and new people
    cases = [(side, *how) for side in both.connectors for how in (("write", "before"), ("write", "after"), ("fetch", "after"))]
    for round, (side, method, phase) in enumerate(cases):
        both.hs.create("contacts", {"email": f"hub{round}@example.com", "lastname": f"Hub{round}", "company": "Example Works"})
        both.sf.create(
            "Lead", {"Email": f"force{round}@example.com", "LastName": f"Force{round}", "Company": "Example Works", "OwnerId": rita}
        )
        edit_both(both, pairs, f"Round{round}")
        die_at(both, side, method, phase)
        with pytest.raises(Died):
            both.settle()
        both.restart()
        both.settle()
    # then after each restart the same state is reached: everybody is there once, with the newest values
    assert {both.sf.get("Lead", lead)["Title"] for _, lead in pairs} == {"Round5"}
    assert {both.hs.get("contacts", contact)["city"] for contact, _ in pairs} == {"Round5"}
    assert both.counts() == {"contacts": 14, "Lead": 14, "Contact": 0}
    assert both.problems() == []
    assert [d for d in differences(both) if " owner: " not in d] == []
    both.assert_settled()


def die_at(both: Both, side: str, method: str, phase: str) -> None:
    """The next such call ends the process before or after it was carried out."""
    connector: Any = both.connectors[side]
    real = getattr(connector, method)

    def dying(*given: Any) -> Any:
        if phase == "after":
            real(*given)
        raise Died

    setattr(connector, method, dying)


def test_f66_a_run_with_failures_says_so(both: Both) -> None:
    # given three persons in step, one of whom gets a text that Salesforce cannot hold
    pairs = crowd(both, 3)
    space = workspace(both)
    both.time.advance(15)
    assert sync(space, wait=0).exit_code == 0
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "x" * 200})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Baker"})
    # when it is synced
    both.time.advance(15)
    result = sync(space, wait=0)
    # then the exit status and the counts say that not all of it worked
    assert (result.exit_code, result.problems, result.conflicts, result.halted) == (1, 1, 0, None)
    assert result.written == {"hubspot": 0, "salesforce": 1}
    assert [(g[0], g[1], g[3], g[4]) for g in both.store.problems.groups()] == [("too_long", "salesforce", "title", 1)]
    # when one CRM does not answer, it says which
    both.hs.faults.add({"do": "drop_before"})
    both.time.advance(15)
    down = sync(space, wait=0)
    assert (down.exit_code, sorted(down.json()["errors"])) == (4, ["hubspot"])
    # and when all is well again, it says that too
    both.hs.faults.clear()
    both.hs.edit("contacts", pairs[0][0], {"jobtitle": "Short"})
    both.time.advance(15)
    assert sync(space, wait=0).exit_code == 0
    assert_in_step(both)


def revoke_before_write(both: Both, side: str) -> None:
    """The token dies between reading and writing."""
    connector: Any = both.connectors[side]
    write = connector.write

    def late(writes: Sequence[Write]) -> list[Outcome]:
        connector.write = write
        (both.hs if side == "hubspot" else both.sf).revoke_tokens()
        return list(write(writes))

    connector.write = late


def test_f67_hubspot_token_revoked_mid_run(both: Both) -> None:
    # given three persons in step, edited on both sides, and a new one in Salesforce
    pairs = crowd(both, 3)
    edit_both(both, pairs, "Baker")
    both.sf.create(
        "Lead",
        {"Email": "new@example.com", "LastName": "New", "Company": "New", "OwnerId": both.owner("salesforce", "rita@corp.example")},
    )
    # when the token is revoked after the poll
    revoke_before_write(both, "hubspot")
    report = both.cycle(after=15)
    # then that side is paused and named as a matter of credentials; the other side is written
    assert isinstance(report.errors["hubspot"], CredentialsError)
    assert not report.more
    assert "CRMSYNC_HUBSPOT__ACCESS_TOKEN" in str(report.errors["hubspot"])
    assert both.hs.options.access_token not in str(report.errors["hubspot"])
    for _ in range(3):
        both.cycle(after=200)
    assert both.writes()["hubspot"] == 0
    assert {both.sf.get("Lead", lead)["Title"] for _, lead in pairs} == {"Baker"}
    # and with the token back everything arrives, once
    both.hs.restore_tokens()
    both.settle()
    assert both.counts() == {"contacts": 4, "Lead": 4, "Contact": 0}
    assert [w.action for w in both.written("hubspot")].count("create") == 1
    assert both.problems() == []
    assert_in_step(both)


def test_f67_salesforce_session_ended_mid_run_is_renewed(both: Both) -> None:
    # given three persons in step, edited on both sides, and an assignment rule
    pairs = crowd(both, 3)
    both.sf.lead_assignment(both.sf.add_queue("Inbound", "Lead"))
    edit_both(both, pairs, "Baker")
    # when the session ends after the poll
    revoke_before_write(both, "salesforce")
    reports = both.settle()
    # then a new one is taken in the same breath, and the repeated request keeps its headers: no owner is stolen
    assert reports[0].errors == {}
    assert both.writes() == {"hubspot": 3, "salesforce": 3}
    assert_in_step(both)


def test_f67_salesforce_secret_withdrawn_mid_run(both: Both) -> None:
    # given three persons in step, edited on both sides
    pairs = crowd(both, 3)
    edit_both(both, pairs, "Baker")
    secret = both.sf.credentials.client_secret
    both.sf.auth.credentials.client_secret = "withdrawn"
    # when the session ends and no new one is given
    revoke_before_write(both, "salesforce")
    report = both.cycle(after=15)
    # then that side is paused, also after a restart, and HubSpot's is written
    assert isinstance(report.errors["salesforce"], CredentialsError)
    assert secret not in str(report.errors["salesforce"])
    both.restart()
    again = both.cycle(after=15)
    assert isinstance(again.errors["salesforce"], CredentialsError)
    assert both.writes() == {"hubspot": 3, "salesforce": 0}
    # and with the secret back everything arrives
    both.sf.auth.credentials.client_secret = secret
    both.settle()
    assert both.writes() == {"hubspot": 3, "salesforce": 3}
    assert both.problems() == []
    assert_in_step(both)


def test_old_history_is_forgotten_once_a_day(both: Both) -> None:
    def old() -> list[str]:
        return [text for _, _, text in both.store.events() if text.startswith("old")]

    # given history older than crmsync.yaml lets it grow, of which more turns up
    crowd(both, 1)
    both.store.log_event(both.time() - timedelta(days=91), "halt", "old 1")
    # when sync runs, it goes; and again only a day later
    assert sync(workspace(both)).exit_code == 0
    assert old() == []
    both.store.log_event(both.time() - timedelta(days=91), "halt", "old 2")
    both.time.advance(hours=23)
    assert sync(workspace(both)).exit_code == 0
    assert old() == ["old 2"]
    both.time.advance(hours=1)
    assert sync(workspace(both)).exit_code == 0
    assert old() == []
