"""Every kind of mistake is told with its file, line, column and fix, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crmsync.errors import ConfigError
from crmsync.playbook import load
from crmsync.playbook.yamlfile import MAX_BYTES

PERSON, SIGNALS, PLAYBOOK, LISTS = (f"mappings/{name}.yaml" for name in ("person", "signals", "playbook", "lists"))
EMAIL = "  email:       {type: email, hubspot: email, salesforce: Email, conflict: latest}\n"

# file, old text, new text with «the wrong place» marked, message
CASES = {
    "unknown rule": (PERSON, EMAIL, EMAIL.replace("latest", "«lastest»"), 'conflict: unknown rule "lastest"; use one of latest, hubspot, salesforce, fill, ask, true_wins (did you mean latest?)'),
    "unknown side": (PERSON, EMAIL, EMAIL.replace("hubspot:", "«hubspt»:"), "hubspt: unknown key or CRM; use one of hubspot, salesforce, direction, values, empty, on_too_long, required (did you mean hubspot?)"),
    "unknown direction": (PERSON, EMAIL, EMAIL.replace("}", ", direction: «to_hubspt»}"), 'direction: unknown direction "to_hubspt"; use one of both, to_hubspot, to_salesforce, none (did you mean to_hubspot?)'),
    "unknown type": (PERSON, EMAIL, EMAIL.replace("type: email", "type: «emial»"), 'type: unknown value "emial"; use one of text, long_text, email, phone, url, number, bool, date, datetime, picklist, multi, owner (did you mean email?)'),
    "missing type": (PERSON, EMAIL, EMAIL.replace("{type: email, ", "«»{"), "type: this key is missing here; add it"),
    "email of a wrong type": (PERSON, EMAIL, EMAIL.replace("type: email", "type: «text»"), "type: the field email must be of this type; write email"),
    "a field nowhere": (PERSON, EMAIL, EMAIL + "  «nick»: {type: text}\n", "nick: no CRM has this field; add its native name under hubspot or salesforce"),
    "one native field twice": (PERSON, EMAIL, EMAIL + "  nick: {type: text, salesforce: Title}\n", ""),
    "bad house name": (PERSON, EMAIL, EMAIL + "  «Nick»: {type: text, hubspot: nick}\n", None),
    "unknown object": (PERSON, "{Lead: Website}", "{«Leads»: Website}", 'Leads: unknown object "Leads"; use one of Contact, Lead (did you mean Lead?)'),
    "true_wins on a text": (PERSON, EMAIL, EMAIL.replace("latest", "«true_wins»"), "conflict: true_wins is for type bool; use another rule"),
    "create as a stranger": (PERSON, "  salesforce: Lead\n", "  salesforce: «Person»\n", 'salesforce: not one of this CRM\'s objects: "Person"; use one of Contact, Lead'),
    "unknown stage": (PERSON, "      customer: customer\n", "      «custmer»: customer\n", None),
    "value under two names": (PERSON, "Other: [OTHER_CAMPAIGNS, OFFLINE]", "Other: «»[OTHER_CAMPAIGNS, AI_REFERRALS]", 'Other: "AI_REFERRALS" already stands for Web; keep one'),
    "a number for a text": (PERSON, EMAIL, EMAIL.replace("hubspot: email", "hubspot: «7»"), 'hubspot: "7" is not a text; write a text'),
    "unknown key": (PLAYBOOK, "  hysteresis: 10 ", "  «histeresis»: 10 ", "histeresis: unknown key; use one of mql_at, mql_top_percent, sql_at, hysteresis, express, min_delta, bands, inactivity_loss, inactivity_days, inactive_points, inactive_after_days, account, fit, behavior (did you mean hysteresis?)"),
    "out of range": (PLAYBOOK, "mql_at: 50 ", "mql_at: «-5» ", 'mql_at: "-5" is out of range; it must be more than 0'),
    "a text for a number": (PLAYBOOK, "mql_at: 50 ", 'mql_at: «"fifty"» ', 'mql_at: "fifty" is not a number; write a number'),
    "unknown signal": (PLAYBOOK, "signals: [demo_booked]", "signals: [«demo_boked»]", None),
    "unknown express signal": (PLAYBOOK, "express: [demo_request,", "express: [«demo»,", None),
    "unknown field in a condition": (PLAYBOOK, "{field: employees, between: [200, 1000]}", "{field: «employee», between: [200, 1000]}", None),
    "unknown title class": (PLAYBOOK, "{field: title, title_is: c_level}", "{field: title, title_is: «clevel»}", None),
    "unknown domain list": (PLAYBOOK, "{field: email, domain_in: [free, disposable]}", "{field: email, domain_in: «freemail»}", 'domain_in: unknown list "freemail"; use one of free, disposable, competitor, target (did you mean free?), or a domain'),
    "unknown operator": (PLAYBOOK, "{field: email, domain_in: [free, disposable]}", "{field: email, «domains_in»: free}", None),
    "two tests": (PLAYBOOK, "{field: email, domain_in: [free, disposable]}", "«»{field: email, domain_in: free, filled: true}", None),
    "no test": (PLAYBOOK, "{field: email, domain_in: [free, disposable]}", "«»{field: email}", None),
    "two forms": (PLAYBOOK, "when: {field: title, title_is: c_level}}", "when: «»{all: [], field: title, title_is: c_level}}", "when: not a condition; write exactly one of all, any, not, signals, or a field with one test"),
    "turned range": (PLAYBOOK, "between: [200, 1000]", "between: «»[1000, 200]", None),
    "cluster without window": (PLAYBOOK, "      count: 3\n      within_days: 7\n", "      count: «3»\n", "count: a cluster needs a window; add within_days"),
    "endless duration": (PLAYBOOK, "10 working minutes", "«1000000 weeks»", 'respond_within: "1000000 weeks" cannot be used here; write a number and a unit, like "10 minutes", "24 working hours" or "7 days"; 999 weeks at most'),
    "bad duration": (PLAYBOOK, "10 working minutes", "«10 mins of work»", 'respond_within: "10 mins of work" cannot be used here; write a number and a unit, like "10 minutes", "24 working hours" or "7 days"; 999 weeks at most'),
    "bad clock": (PLAYBOOK, 'end: "17:00"', 'end: «"5 pm"»', 'end: "5 pm" cannot be used here; write a time like "09:00"'),
    "end before start": (PLAYBOOK, 'end: "17:00"', 'end: «"08:00"»', "end: 08:00 is not after start 09:00; correct one of them"),
    "unknown zone": (PLAYBOOK, "time_zone: UTC", "time_zone: «Mars/Base»", 'time_zone: unknown time zone "Mars/Base"; write one like Europe/Berlin or America/New_York'),
    "hours of nobody": (PLAYBOOK, "people: {} ", "people: {«rita»: {days: [mon]}} ", 'rita: "rita" is no e-mail address; write that of the user'),
    "person's end": (PLAYBOOK, "people: {} ", 'people: {r@x.example: {end: «"09:00"»}} ', "end: 09:00 is not after start 09:00; correct one of them"),
    "person's start": (PLAYBOOK, "people: {} ", 'people: {r@x.example: «»{start: "18:00"}} ', "end: 17:00 is not after start 18:00; correct one of them"),
    "person's zone": (PLAYBOOK, "people: {} ", "people: {r@x.example: {time_zone: «Mars/Base»}} ", 'time_zone: unknown time zone "Mars/Base"; write one like Europe/Berlin or America/New_York'),
    "no such day": (PLAYBOOK, "holidays: [] ", "holidays: [«2026-02-30»] ", None),
    "rule twice": (PLAYBOOK, "{name: Pricing page, points: 10,", "{name: «Awareness», points: 10,", 'name: another behavior rule is already called "Awareness"; rename one'),
    "broken expression": (SIGNALS, "match: 'webinar'", "match: «'web(inar'»", None),
    "when_true with at": (SIGNALS, "  - {side: hubspot, object: contacts, field: hs_email_optout,", "  - «»{at: x, side: hubspot, object: contacts, field: hs_email_optout,", None),
    "misspelt kind of event": (SIGNALS, "type: email_open, events: email_open}", "type: email_open, events: «email_opn»}", 'events: unknown kind of event "email_opn", which would never be read; use one of form_submission, email_open, email_click, email_reply, email_unsubscribe, email_bounce (did you mean email_open?)'),
    "events of a CRM without lists": (SIGNALS, "elsewhere: [", "  - {side: salesforce, object: Lead, field: X__c, type: email_open, events: «email_open»}\nelsewhere: [", 'events: unknown kind of event "email_open", which would never be read; salesforce lists no events: remove events here'),
    "signal of a strange CRM": (SIGNALS, "  - {side: hubspot, object: contacts, field: hs_email_last_open_date,", "  - {side: «zoho», object: contacts, field: hs_email_last_open_date,", 'side: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "no domain": (LISTS, "[hey.com,", "[«hey»,", None),
    "tasks nowhere": ("crmsync.yaml", "tasks_in: salesforce", "tasks_in: «salesfroce»", 'tasks_in: unknown CRM "salesfroce"; use one of hubspot, salesforce (did you mean salesforce?)'),
    "unknown policy": ("crmsync.yaml", "deletes: unlink", "deletes: «delete»", 'deletes: unknown value "delete"; use one of unlink, propagate'),
    "no moment": ("crmsync.yaml", "start_from:\n", "start_from: «soon»\n", None),
    "key twice": ("crmsync.yaml", "poll_seconds: 15\n", "poll_seconds: 15\n«poll_seconds»: 30\n", None),
    "syntax": ("crmsync.yaml", "deletes: unlink", "deletes: [unlink", None),
    "a tag": ("crmsync.yaml", "poll_seconds: 15\n", "poll_seconds: «»!!python/object/apply:os.system ['true']\n", None),
    "merge key": ("crmsync.yaml", "poll_seconds: 15\n", "«<<»: {a: 1}\n", None),
    "no number": ("crmsync.yaml", "poll_seconds: 15\n", "poll_seconds: «.inf»\n", None),
    "list for a mapping": (PERSON, EMAIL, "  email: «»[a, b]\n", "email: a list is not a mapping of keys to values; write a mapping of keys to values"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, home: Path, errors_of: Callable[[str, str, str], list[str]]) -> None:
    file, old, marked, message = CASES[case]
    new = marked.replace("«", "").replace("»", "")
    told = errors_of(file, old, new)
    assert len(told) == 1, told
    if "«" in marked:
        text = (home / file).read_text("utf-8")
        before = text[: text.index(new) + marked.index("«")]
        spot = f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
        assert told[0].startswith(spot), (told[0], spot)
        if message is not None:
            assert told[0] == spot + message
    assert ";" in told[0], "an error tells the fix"


def test_all_mistakes_are_told_at_once_in_file_order(home: Path) -> None:
    person, playbook = home / PERSON, home / PLAYBOOK
    person.write_text(person.read_text("utf-8").replace("conflict: latest", "conflict: newest"), "utf-8")
    playbook.write_text(
        playbook.read_text("utf-8").replace("mql_at: 50 ", "mql_at: high ").replace("channel: email", "channel: fax"), "utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        load(home)
    told = str(caught.value).split("\n")
    newest = [line for line in told if 'unknown rule "newest"' in line]
    assert len(newest) == person.read_text("utf-8").count("newest")
    assert sum('"fax"' in line for line in told) == 3
    assert sum("mql_at" in line for line in told) == 1
    assert len(told) == len(newest) + 4
    numbers = [int(line.split(":")[1]) for line in told if line.startswith(PERSON)]
    assert numbers == sorted(numbers)
    assert caught.value.exit_code == 2


def test_a_missing_file_names_the_command(home: Path) -> None:
    (home / SIGNALS).unlink()
    with pytest.raises(ConfigError, match=r"^mappings/signals\.yaml:1:1: the file is missing; run `crmsync init`"):
        load(home)


def test_an_empty_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="crmsync init"):
        load(tmp_path)


def test_a_required_file_left_empty_is_an_error_not_a_crash(home: Path) -> None:
    (home / PERSON).write_text("", "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(home)
    assert [line.split(": ")[1] for line in str(caught.value).split("\n")] == ["create_as", "fields", "objects"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"])
def test_an_emptied_playbook_is_an_accident(home: Path, text: str) -> None:
    (home / PLAYBOOK).write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"^mappings/playbook\.yaml:1:1: the file is empty; "):
        load(home)


def test_a_bomb_of_aliases_is_refused(home: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    (home / LISTS).write_text("\n".join(rows), "utf-8")
    with pytest.raises(ConfigError, match="aliases written out"):
        load(home)


def test_an_alias_of_itself_is_refused(home: Path) -> None:
    (home / LISTS).write_text("titles: &a\n  x: *a\n", "utf-8")
    with pytest.raises(ConfigError, match="aliases written out"):
        load(home)


def test_deep_nesting_is_refused(home: Path) -> None:
    (home / LISTS).write_text("titles: " + "[" * 5000 + "]" * 5000, "utf-8")
    with pytest.raises(ConfigError, match=r"^mappings/lists\.yaml:\d+:\d+: "):
        load(home)


def test_a_file_that_is_too_large_is_refused_unread(home: Path) -> None:
    (home / LISTS).write_text("#" * (MAX_BYTES + 1), "utf-8")
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        load(home)


def test_a_file_that_is_not_utf8_says_where(home: Path) -> None:
    (home / LISTS).write_bytes(b"titles:\n  a: [\xff]\n")
    with pytest.raises(ConfigError, match=r"^mappings/lists\.yaml:2:7: the file is not UTF-8"):
        load(home)


def test_a_folder_in_place_of_a_file_is_an_error(home: Path) -> None:
    (home / LISTS).unlink()
    (home / LISTS).mkdir()
    with pytest.raises(ConfigError, match=r"^mappings/lists\.yaml:1:1: the file cannot be read"):
        load(home)
