"""What `crmsync check` says of alerts, calendars, teams and absences, before anybody misses an alert or a lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from fronts.town import USERS, Town


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text, f"{path.name} no longer says {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.fixture
def staffed(town: Town) -> Town:
    """Alerts for a channel and for owners, somebody's calendar, a pool of teams, and fields of absences."""
    playbook = town.home / "mappings" / "playbook.yaml"
    edit(playbook, "  members: []  ", "  teams: {salesforce: [East], hubspot: [West]}\n  members: []  ")
    edit(playbook, "  people: {}  ", "  people: {rita@example.com: {calendar: RITA}}  ")
    fields = "  away_fields: {salesforce: {from: OutFrom__c, until: LastLoginDate}, hubspot: {until: back_on}}\n"
    edit(playbook, "  from_crm: true ", f"{fields}  from_crm: true ")
    alerts = town.home / "mappings" / "alerts.yaml"
    edit(alerts, "# to:\n#   hot_lead: [owner, sales] ", "to:\n  hot_lead: [owner, sales] ")
    return town


def test_check_tells_without_asking_anybody_who_would_hear_of_nothing(staffed: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    said = staffed.run("check")
    assert "alerts: warning: alerts: channel sales hears of nothing: CRMSYNC_ALERTS__SALES is not set." in said.out
    assert "alerts: warning: alerts: owner hear of nothing but their tasks: CRMSYNC_ALERTS__PERSON is not set." in said.out
    assert "calendars: error: rita@example.com: calendar: CRMSYNC_CALENDARS__RITA is not set" in said.out
    assert (said.code, staffed.calls()) == (2, 0)
    monkeypatch.setenv("CRMSYNC_CALENDARS__RITA", "http://calendar.example/secret-word")
    refused = staffed.run("check")
    assert refused.code == 2
    assert "secret-word" not in refused.out
    monkeypatch.setenv("CRMSYNC_CALENDARS__RITA", "https://calendar.example/secret-word")
    monkeypatch.setenv("CRMSYNC_CALENDARS__OLD", "https://calendar.example/old")
    monkeypatch.setenv("CRMSYNC_ALERTS__SALES", "json://127.0.0.1:1/hook")
    monkeypatch.setenv("CRMSYNC_ALERTS__PERSON", "json://127.0.0.1:1/{email}")
    well = staffed.run("check")
    assert well.code == 0, well.out
    assert "alerts: info: alerts: alerts go to owner, sales" in well.out
    assert "CRMSYNC_CALENDARS__OLD is set, and is nobody's calendar" in well.out
    assert "secret-word" not in well.out
    assert staffed.calls() == 0


def test_check_live_tells_of_teams_nobody_is_in_and_of_fields_that_are_not_there(staffed: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMSYNC_CALENDARS__RITA", "https://calendar.example/rita")
    for sim in staffed.sims.values():
        sim.seed(users=USERS, people=[])
    staffed.provision()
    said = staffed.run("check", "--live")
    assert "routing: pool default: nobody active is in 'East' of salesforce" in said.out
    assert "routing: pool default: nobody active is in 'West' of hubspot" in said.out
    assert "User.OutFrom__c is not in salesforce, or our user may not see it: it tells nobody's absence" in said.out
    assert "LastLoginDate is not" not in said.out
    assert "hubspot does not tell which fields its users have: back_on cannot be looked for" in said.out
    assert "channel sales hears of nothing" in said.out
    assert said.code == 2
