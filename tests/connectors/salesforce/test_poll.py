"""Pulls, cursors, overlap, deletions, bulk reading: a simulated org over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from crmsync.connect.protocol import Page
from crmsync.errors import ConfigError, CredentialsError, CursorExpiredError
from crmsync.model.change import Action, Write
from crmsync.model.record import RecordState
from crmsync_salesforce.bulk import Bulk
from crmsync_salesforce.client import Client, LostError
from crmsync_salesforce.cursor import Overlap, Position, finished, from_json

FIELDS = ("Email", "LastName", "AccountId", "Account.Name", "HasOptedOutOfEmail")


def rows(pages: Iterable[Page]) -> list[Any]:
    return [r for page in pages for r in page.records]


def contacts(sim: Any, count: int) -> list[str]:
    ids: list[str] = sim.create_many("Contact", ({"LastName": f"P{i}", "Email": f"p{i}@x.example"} for i in range(count)))
    return ids


def pull(connector: Any, cursor: Any = None, *, object: str = "Contact", now: datetime | None = None, fields: Any = FIELDS) -> list[Page]:
    pages = list(connector.pull(object, fields, cursor, now or datetime.now(UTC)))
    assert pages[-1].last
    assert not any(p.last for p in pages[:-1])
    for page in pages:
        assert orjson.loads(orjson.dumps(page.cursor)) == page.cursor
    return pages


def test_an_empty_object_gives_one_page_and_a_cursor(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    (page,) = pull(connector)
    assert len(page.records) == 0
    assert page.total == 0
    simulator.create("Contact", {"LastName": "New"})
    assert [r.fields["LastName"] for r in rows(pull(connector, page.cursor))] == ["New"]


def test_first_pull_pages_all_live_rows_once(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 4_500)
    simulator.delete("Contact", ids[0])
    connector = connect(simulator)
    connector.identity()
    before = connector.calls()
    pages = pull(connector)
    found = [r.ref.id for r in rows(pages)]
    assert sorted(found) == sorted(ids[1:])
    assert pages[0].total == 4_499
    assert connector.calls() - before == len(pages) == 3


def test_an_idle_pull_costs_one_call(simulator: Any, connect: Callable[..., Any]) -> None:
    contacts(simulator, 10)
    connector = connect(simulator)
    cursor = pull(connector)[-1].cursor
    before = (connector.calls(), simulator.api_calls())
    (page,) = pull(connector, cursor)
    assert (connector.calls() - before[0], simulator.api_calls() - before[1]) == (1, 1)
    assert len(page.records) <= 10


def test_edits_deletes_merges_undeletes_and_authors_are_told(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 6)
    connector = connect(simulator)
    cursor = pull(connector)[-1].cursor
    simulator.edit("Contact", ids[0], {"LastName": "Edited"})
    simulator.delete("Contact", ids[1])
    simulator.merge("Contact", ids[2], [ids[3]])
    simulator.delete("Contact", ids[4])
    simulator.undelete("Contact", ids[4])
    connector.write([Write(write_id="w", action=Action.UPDATE, object="Contact", id=ids[5], fields={"LastName": "Ours"})])
    found = {r.ref.id: r for r in rows(pull(connector, cursor))}
    assert found[ids[0]].fields["LastName"] == "Edited"
    assert found[ids[0]].by_us is False
    assert found[ids[5]].by_us is True
    assert found[ids[1]].state is RecordState.DELETED
    assert found[ids[3]].state is RecordState.MERGED
    assert found[ids[3]].survivor is not None
    assert found[ids[3]].survivor.id == ids[2]
    assert found[ids[2]].former_ids == (ids[3],)
    assert found[ids[4]].state is RecordState.LIVE


def test_a_converted_lead_points_to_its_contact(simulator: Any, connect: Callable[..., Any]) -> None:
    lead = simulator.create("Lead", {"LastName": "L", "Company": "C", "Email": "l@x.example"})
    connector = connect(simulator)
    cursor = pull(connector, object="Lead", fields=("Email",))[-1].cursor
    simulator.convert(lead)
    (record,) = rows(pull(connector, cursor, object="Lead", fields=("Email",)))
    assert record.state is RecordState.CONVERTED
    assert record.survivor is not None
    assert record.survivor.object == "Contact"
    (fetched,) = connector.fetch("Lead", [lead], ["Email"])
    assert fetched.survivor == record.survivor
    assert list(connector.live_ids("Lead")) == []
    assert connector.find("Lead", "Email", ["l@x.example"], ["Email"]) == []


def test_ties_across_a_page_edge_are_neither_lost_nor_endless(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 4_100)
    connector = connect(simulator)
    pages = list(connector.pull("Contact", FIELDS, None, datetime.now(UTC)))
    # the process dies after the first page: the stored cursor goes on behind it
    rest = pull(connector, pages[0].cursor)
    assert {r.ref.id for r in pages[0].records} | {r.ref.id for r in rows(rest)} == set(ids)
    assert rest[-1].cursor["high"]


def test_a_change_while_pages_are_read_is_found_next_time(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 4_100)
    connector = connect(simulator)
    pages: list[Page] = []
    for page in connector.pull("Contact", FIELDS, None, datetime.now(UTC)):
        if not pages:
            simulator.edit("Contact", ids[0], {"LastName": "Meanwhile"})
            simulator.delete("Contact", ids[1])
        pages.append(page)
    seen = {r.ref.id: r for r in rows(pull(connector, pages[-1].cursor))}
    assert seen[ids[0]].fields["LastName"] == "Meanwhile"
    assert seen[ids[1]].state is RecordState.DELETED


def test_a_lost_query_locator_is_replaced_by_a_new_query(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 4_100)
    body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
    simulator.faults.add({"method": "GET", "path": r"/query/0r8", "times": 1, "do": "status", "status": 400, "body": body})
    assert {r.ref.id for r in rows(pull(connect(simulator)))} == set(ids)


def test_parents_flatten(simulator: Any, connect: Callable[..., Any]) -> None:
    account = simulator.create("Account", {"Name": "Acme"})
    simulator.create("Contact", {"LastName": "A", "AccountId": account})
    simulator.create("Contact", {"LastName": "B"})
    found = {r.fields["LastName"]: r.fields for r in rows(pull(connect(simulator)))}
    assert (found["A"]["Account.Name"], found["A"]["AccountId"]) == ("Acme", account)
    assert found["B"]["Account.Name"] is None


def test_tasks_can_be_pulled(simulator: Any, connect: Callable[..., Any]) -> None:
    contact = simulator.create("Contact", {"LastName": "A"})
    simulator.create("Task", {"Subject": "Call", "WhoId": contact, "ActivityDate": "2026-05-01"})
    (record,) = rows(pull(connect(simulator), object="Task", fields=("Subject", "WhoId", "ActivityDate", "IsClosed")))
    assert record.fields == {"Subject": "Call", "WhoId": contact, "ActivityDate": "2026-05-01", "IsClosed": False}


# --- bulk --------------------------------------------------------------------------------------------------------------------


def test_many_rows_come_by_a_bulk_job_with_the_same_values(simulator: Any, connect: Callable[..., Any], naps: Any) -> None:
    account = simulator.create("Account", {"Name": 'Ac,me "quoted"\nline'})
    people = ({"LastName": f"P{i}", "Email": f"p{i}@x.example", "AccountId": account} for i in range(12_500))
    ids = simulator.create_many("Contact", people)
    odd = simulator.create("Contact", {"LastName": 'Ünï, "x"', "AccountId": account, "HasOptedOutOfEmail": True})
    plain = {r.ref.id: r for r in rows(pull(connect(simulator)))}
    connector = connect(simulator, bulk_read_from="5000")
    connector.identity()
    before = connector.calls()
    pages = pull(connector)
    found = {r.ref.id: r for r in rows(pages)}
    assert found == plain
    assert {id: r.digest for id, r in found.items()} == {id: r.digest for id, r in plain.items()}, "read the other way is no change"
    assert len(found) == len(ids) + 1
    assert found[odd].fields["HasOptedOutOfEmail"] is True
    assert connector.calls() - before < 12
    assert all(nap <= 10 for nap in naps.taken)
    simulator.edit("Contact", ids[7], {"LastName": "Later"})
    assert "Later" in {r.fields["LastName"] for r in rows(pull(connector, pages[-1].cursor))}


def test_a_bulk_read_goes_on_after_a_crash(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 25_000)
    connector = connect(simulator, bulk_read_from="5000")
    pages: list[Page] = []
    for page in connector.pull("Contact", FIELDS, None, datetime.now(UTC)):
        pages.append(page)
        if len(pages) == 2:
            break
    assert pages[1].cursor["job"]
    again = connect(simulator, bulk_read_from="5000")
    rest = pull(again, pages[1].cursor)
    assert {r.ref.id for r in rows(pages)} | {r.ref.id for r in rows(rest)} == set(ids)
    assert "job" not in rest[-1].cursor


def test_a_crash_within_a_sheet_of_a_bulk_read_reads_that_sheet_again(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 25_000)
    taken: list[Page] = []
    for page in connect(simulator, bulk_read_from="5000").pull("Contact", FIELDS, None, datetime.now(UTC)):
        taken.append(page)
        if "job" in page.cursor and "locator" in page.cursor and taken[-2].cursor == page.cursor:
            break  # the second slice of the second sheet
    assert max(len(page.records) for page in taken[3:]) <= 1_000
    again = connect(simulator, bulk_read_from="5000")
    again.identity()
    before = again.calls()
    rest = pull(again, taken[-1].cursor)
    assert {r.ref.id for r in rows(taken)} | {r.ref.id for r in rows(rest)} == set(ids)
    assert len(rows(rest)) <= len(ids) - 10_000
    assert again.calls() - before <= 4  # who we are, the schema, the two sheets that are left


class Answers:
    """A client that gives one canned result page after another."""

    def __init__(self, *bodies: bytes, told: int) -> None:
        self._bodies = list(bodies)
        self._told = told

    def request(self, method: str, path: str, **_: Any) -> Any:
        assert method == "GET"
        assert path.startswith("jobs/query/750/results?maxRecords=")
        return SimpleNamespace(content=self._bodies.pop(0), headers={"Sforce-NumberOfRecords": str(self._told), "Sforce-Locator": "null"})


def sheet(count: int) -> bytes:
    return "".join(['"Id","LastName"\n', *(f'"{i:03}","Ünï\n{i}"\n' for i in range(count))]).encode()


@pytest.mark.parametrize("cut", [1, 3, 8, 9, 10, 14, 15, 18, 40, 70_000])
def test_a_sheet_cut_off_anywhere_is_asked_for_again_and_no_half_row_is_handed_out(cut: int) -> None:
    whole = sheet(6_000)
    found = list(Bulk(cast("Client", Answers(whole[:-cut], whole, told=6_000))).page("750", None))
    assert found[-1].last
    assert [part.last for part in found].count(True) == 1
    handed = [cells for part in found for cells in part.rows]
    assert all(cells[1] == f"Ünï\n{int(cells[0])}" for cells in handed)
    assert {int(cells[0]) for cells in handed} == set(range(6_000))
    assert max(len(part.rows) for part in found) <= 1_000


def test_a_sheet_that_keeps_arriving_short_is_an_error() -> None:
    with pytest.raises(LostError, match="short"):
        list(Bulk(cast("Client", Answers(sheet(9), sheet(9), told=10))).page("750", None))


def test_a_bulk_job_that_is_gone_is_read_again(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 5_500)
    connector = connect(simulator)
    first = next(iter(connector.pull("Contact", FIELDS, None, datetime.now(UTC))))
    cursor = {**first.cursor, "job": "750ak000000000zAAA", "locator": "abc"}
    rest = pull(connector, cursor)
    assert {r.ref.id for r in first.records} | {r.ref.id for r in rows(rest)} == set(ids)


def test_live_ids_are_complete_by_pages_and_by_job(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 4_300)
    simulator.delete("Contact", ids[9])
    expected = sorted(set(ids) - {ids[9]})
    assert sorted(connect(simulator).live_ids("Contact")) == expected
    assert sorted(connect(simulator, bulk_read_from="2100").live_ids("Contact")) == expected


# --- expiry ------------------------------------------------------------------------------------------------------------------


def test_a_cursor_older_than_the_recycle_bin_is_expired(simulator: Any, connect: Callable[..., Any]) -> None:
    contacts(simulator, 1)
    connector = connect(simulator)
    now = datetime.now(UTC)
    cursor = pull(connector, now=now)[-1].cursor
    with pytest.raises(CursorExpiredError) as caught:
        list(connector.pull("Contact", FIELDS, cursor, now + timedelta(days=15)))
    assert (caught.value.side, caught.value.object) == ("salesforce", "Contact")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, [{"errorCode": "INVALID_REPLICATION_DATE", "message": "startDate before org replication enabled date"}]),
        (
            200,
            {
                "deletedRecords": [],
                "earliestDateAvailable": "2099-01-01T00:00:00.000+0000",
                "latestDateCovered": "2099-01-01T00:00:00.000+0000",
            },
        ),
    ],
)
def test_a_trimmed_delete_log_expires_the_cursor(simulator: Any, connect: Callable[..., Any], status: int, body: Any) -> None:
    contacts(simulator, 1)
    connector = connect(simulator)
    now = datetime.now(UTC)
    cursor = pull(connector, now=now)[-1].cursor
    simulator.faults.add({"method": "GET", "path": "/deleted", "times": 1, "do": "status", "status": status, "body": body})
    with pytest.raises(CursorExpiredError):
        list(connector.pull("Contact", FIELDS, cursor, now + timedelta(days=1)))


def test_deletions_only_the_log_knows_are_delivered(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 3)
    connector = connect(simulator)
    now = datetime.now(UTC)
    cursor = pull(connector, now=now)[-1].cursor
    erased = "003ak000000zzzzAAA"
    body = {
        "deletedRecords": [{"id": erased, "deletedDate": "2026-05-01T00:00:00.000+0000"}],
        "earliestDateAvailable": "2020-01-01T00:00:00.000+0000",
        "latestDateCovered": "2026-05-01T00:00:00.000+0000",
    }
    simulator.faults.add({"method": "GET", "path": "/deleted", "times": 1, "do": "status", "status": 200, "body": body})
    simulator.edit("Contact", ids[0], {"LastName": "E"})
    found = {r.ref.id: r.state for r in rows(pull(connector, cursor, now=now + timedelta(hours=5)))}
    assert found[erased] is RecordState.DELETED
    assert found[ids[0]] is RecordState.LIVE


def test_a_real_silence_is_bridged_with_the_log_of_the_org(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 3)
    connector = connect(simulator)
    cursor = pull(connector)[-1].cursor
    simulator.delete("Contact", ids[0])
    past = {**cursor, "polled": (datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    found = {r.ref.id: r.state for r in rows(pull(connector, past))}
    assert found[ids[0]] is RecordState.DELETED


def test_names_that_could_carry_soql_are_refused(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    for object, fields in (("Contact; x", ("Email",)), ("Contact", ("Email FROM User",)), ("Contact", ("(SELECT Id FROM Tasks)",))):
        with pytest.raises(ConfigError):
            list(connector.pull(object, fields, None, datetime.now(UTC)))
    with pytest.raises(ConfigError):
        list(connector.pull("Contact", ("Email",), {"v": 1, "high": "x OR Id != null", "polled": None}, datetime.now(UTC)))
    assert simulator.api_calls() == 0


def test_a_field_we_cannot_see_is_a_credentials_error(simulator: Any, connect: Callable[..., Any]) -> None:
    with pytest.raises(CredentialsError, match="nowhere__c"):
        list(connect(simulator).pull("Contact", ("nowhere__c",), None, datetime.now(UTC)))


def test_a_record_purged_between_two_polls_is_found_by_the_log(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = contacts(simulator, 3)
    connector = connect(simulator)
    now = datetime.now(UTC)
    first = pull(connector, now=now)[-1].cursor
    erased = ids[0]
    simulator.delete("Contact", erased)
    simulator.purge("Contact", erased)
    polled = pull(connector, first, now=now + timedelta(minutes=90))[-1]
    assert erased not in {r.ref.id for r in polled.records}
    body = {
        "deletedRecords": [{"id": erased, "deletedDate": "2026-05-01T00:00:00.000+0000"}],
        "earliestDateAvailable": "2020-01-01T00:00:00.000+0000",
        "latestDateCovered": "2026-05-01T06:00:00.000+0000",
    }
    simulator.faults.add({"method": "GET", "path": "/deleted", "times": 1, "do": "status", "status": 200, "body": body})
    late = pull(connector, polled.cursor, now=now + timedelta(minutes=150))[-1]
    assert {r.ref.id for r in late.records if r.state is RecordState.DELETED} == {erased}
    assert late.cursor["covered"] == "2026-05-01T06:00:00Z"
    before = connector.calls()
    pull(connector, late.cursor, now=now + timedelta(minutes=160))
    assert connector.calls() - before == 1


def test_a_purged_delete_log_expires_the_cursor(simulator: Any, connect: Callable[..., Any]) -> None:
    contacts(simulator, 1)
    connector = connect(simulator)
    cursor = pull(connector)[-1].cursor
    simulator.purge_delete_log(0.0)
    past = {**cursor, "polled": (datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    with pytest.raises(CursorExpiredError):
        list(connector.pull("Contact", FIELDS, past, datetime.now(UTC)))


def test_a_field_hidden_from_us_is_named(simulator: Any, connect: Callable[..., Any]) -> None:
    contacts(simulator, 1)
    connector = connect(simulator)
    cursor = pull(connector)[-1].cursor
    simulator.hide_field("Contact", "HasOptedOutOfEmail")
    with pytest.raises(CredentialsError, match="HasOptedOutOfEmail"):
        list(connector.pull("Contact", FIELDS, cursor, datetime.now(UTC)))


# --- overlap -----------------------------------------------------------------------------------------------------------------

T = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
OVERLAP = Overlap(narrow=15, wide=300, every=150)


@pytest.mark.parametrize(
    ("moved", "read", "widened", "expected", "wide"),
    [
        pytest.param(5, 5, 5, "SystemModstamp >= 2026-05-01T11:59:40Z", False, id="just moved"),
        pytest.param(60, 15, 60, "SystemModstamp > 2026-05-01T11:59:55Z", False, id="read again since"),
        pytest.param(60, 60, 60, "SystemModstamp >= 2026-05-01T11:59:40Z", False, id="never read since it moved"),
        pytest.param(60, 15, 160, "SystemModstamp >= 2026-05-01T11:54:55Z", True, id="wide is due"),
        pytest.param(500, 15, 160, "SystemModstamp > 2026-05-01T11:59:55Z", False, id="wide was read late enough"),
        pytest.param(500, 15, 300, "SystemModstamp >= 2026-05-01T11:54:55Z", True, id="wide was read too early"),
        pytest.param(3600, 3600, 3600, "SystemModstamp >= 2026-05-01T11:54:55Z", True, id="once an hour"),
        pytest.param(-30, -30, -30, "SystemModstamp >= 2026-05-01T11:54:55Z", True, id="the clock went back"),
    ],
)
def test_overlap_is_narrow_wide_now_and_then_and_nothing_when_quiet(moved: int, read: int, widened: int, expected: str, wide: bool) -> None:
    position = Position(
        high="2026-05-01T11:59:55Z",
        high_at=ago(moved),
        high_server=ago(moved),
        read=ago(read),
        read_server=ago(read),
        wide=ago(widened),
        wide_server=ago(widened),
    )
    assert OVERLAP.condition(position, T, T) == (expected, wide)


def ago(seconds: int) -> str:
    return (T - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_clock_that_runs_ahead_alone_does_not_end_the_overlap() -> None:
    position = Position(
        high="2026-05-01T11:59:55Z",
        high_at=ago(3600),
        high_server=ago(1),
        read=ago(1),
        read_server=ago(1),
        wide=ago(60),
        wide_server=ago(60),
    )
    assert OVERLAP.condition(position, T, T) == ("SystemModstamp >= 2026-05-01T11:59:40Z", False)
    assert OVERLAP.condition(replace(position, read_server=None), T, None) == ("SystemModstamp >= 2026-05-01T11:59:40Z", False)


def test_a_late_commit_is_found_by_the_wide_overlap() -> None:
    position = Position(high="2026-05-01T11:59:55Z", high_at=ago(2), high_server=ago(2), wide=ago(180), wide_server=ago(180))
    text, wide = OVERLAP.condition(position, T, T)
    assert wide
    assert text < "SystemModstamp >= 2026-05-01T11:57:25Z"


@pytest.mark.parametrize("pause", [75, 600, 7000])
def test_a_change_in_the_second_of_the_mark_is_found_however_late_we_look(simulator: Any, connect: Callable[..., Any], pause: int) -> None:
    (contact,) = contacts(simulator, 1)
    connector = connect(simulator)
    now = simulator.now()
    simulator.clock.run_at(0)
    simulator.edit("Contact", contact, {"LastName": "First"})
    cursor = pull(connector, now=now)[-1].cursor
    simulator.edit("Contact", contact, {"LastName": "Second"})
    simulator.clock.advance(timedelta(seconds=pause))
    connector.users()  # another request tells the org's clock first
    page = pull(connector, cursor, now=now + timedelta(seconds=pause))[-1]
    assert [r.fields["LastName"] for r in page.records] == ["Second"]


def test_a_transaction_that_commits_late_is_not_skipped(simulator: Any, connect: Callable[..., Any]) -> None:
    late, other = contacts(simulator, 2)
    connector = connect(simulator)
    now = datetime.now(UTC)
    cursor = pull(connector, now=now)[-1].cursor
    simulator.options.late_commit_seconds = 60.0
    simulator.edit("Contact", late, {"LastName": "Late"})
    simulator.options.late_commit_seconds = 0.0
    simulator.edit("Contact", other, {"LastName": "Other"})
    page = pull(connector, cursor, now=now + timedelta(seconds=20))[-1]
    assert "Late" not in {r.fields["LastName"] for r in page.records}
    simulator.settle()
    names: set[Any] = set()
    for seconds in range(40, 200, 20):
        page = pull(connector, page.cursor, now=now + timedelta(seconds=seconds))[-1]
        names |= {r.fields["LastName"] for r in page.records}
    assert "Late" in names


def test_the_high_water_mark_never_falls() -> None:
    position = Position(high="2026-05-01T11:59:55Z", high_at="2026-05-01T11:59:58Z")
    for high in ("2026-05-01T11:00:00Z", None):
        assert finished(position, high, now=T, server=T) == replace(
            position, read="2026-05-01T12:00:00Z", read_server="2026-05-01T12:00:00Z"
        )
    moved = finished(position, "2026-05-01T12:00:00Z", now=T, server=None)
    assert (moved.high, moved.high_at, moved.high_server) == ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z", None)


def test_cursors_survive_json_and_foreign_versions_start_over() -> None:
    position = Position(high="2026-05-01T11:59:55Z", at=("2026-05-01T11:59:55Z", "003"), polled="2026-05-01T11:59:55Z")
    assert from_json(orjson.loads(orjson.dumps(position.to_json()))) == position
    assert from_json({"v": 99}) is None
