"""SOQL: filters, order, paging, errors."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest


@pytest.fixture
def five(client: Any, ticker: Any) -> list[str]:
    """Five leads, one second apart, Title null on the third."""
    ids = []
    for number in range(5):
        ids.append(client.lead(f"p{number}@x{number % 2}.example", LastName=f"L{number}", Title=None if number == 2 else f"T{number}"))
        ticker.tick(seconds=1)
    return ids


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Email = 'P1@X1.example'", [1]),
        ("Email IN ('p1@x1.example', 'p4@x0.example', 'none@x')", [1, 4]),
        ("Email NOT IN ('p1@x1.example')", [0, 2, 3, 4]),
        ("Email LIKE '%@x0.example'", [0, 2, 4]),
        ("LastName LIKE 'l_'", [0, 1, 2, 3, 4]),
        ("Title = null", [2]),
        ("Title != null", [0, 1, 3, 4]),
        ("Title != 'T0'", [1, 2, 3, 4]),
        ("(LastName = 'L0' OR LastName = 'L1') AND NOT (Title = 'T1')", [0]),
        ("IsConverted = false AND LastName > 'L2'", [3, 4]),
        ("SystemModstamp >= 2026-05-04T09:00:03Z", [3, 4]),
        ("SystemModstamp > 2026-05-04T11:00:02+02:00 AND SystemModstamp < 2026-05-04T09:00:04Z", [3]),
        ("SystemModstamp > 2026-05-04T09:00:02.500Z", [3, 4]),
        ("CreatedDate = TODAY", [0, 1, 2, 3, 4]),
        ("CreatedDate = YESTERDAY", []),
        ("CreatedDate = LAST_N_DAYS:3", [0, 1, 2, 3, 4]),
        ("CreatedDate < LAST_N_DAYS:3", []),
        ("Owner.Email = 'integration@crmsync.example' AND LastName = 'L3'", [3]),
        ("OwnerId IN (SELECT Id FROM User WHERE IsActive = true) AND LastName = 'L3'", [3]),
    ],
)
def test_filters(client: Any, five: list[str], where: str, expected: list[int]) -> None:
    assert client.ids(f"SELECT Id FROM Lead WHERE {where} ORDER BY LastName") == [five[number] for number in expected]


def test_id_filters_take_both_lengths(client: Any, five: list[str]) -> None:
    assert client.ids(f"SELECT Id FROM Lead WHERE Id IN ('{five[1][:15]}', '{five[3]}') ORDER BY Id") == [five[1], five[3]]


def test_order_nulls_limit_offset(client: Any, five: list[str]) -> None:
    assert client.ids("SELECT Id FROM Lead ORDER BY Title") == [five[2], five[0], five[1], five[3], five[4]]
    assert client.ids("SELECT Id FROM Lead ORDER BY Title DESC NULLS LAST, Id LIMIT 2 OFFSET 1") == [five[3], five[1]]
    assert client.ids("SELECT Id FROM Lead ORDER BY SystemModstamp DESC, Id DESC LIMIT 2") == [five[4], five[3]]


def test_keyset_paging_walks_every_row_once(client: Any, five: list[str]) -> None:
    seen: list[str] = []
    where = "SystemModstamp >= 2026-05-04T09:00:00Z"
    while True:
        rows = client.records(f"SELECT Id, SystemModstamp FROM Lead WHERE {where} ORDER BY SystemModstamp, Id LIMIT 2")
        if not rows:
            break
        seen += [row["Id"] for row in rows]
        stamp = rows[-1]["SystemModstamp"].replace(".000+0000", "Z")
        where = f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{rows[-1]['Id']}')"
    assert seen == five


def test_group_is_an_object_and_group_by_a_clause(client: Any) -> None:
    queue = client.sim.add_queue("Inbound")
    assert client.ids("SELECT Id,Name FROM Group WHERE Type = 'Queue' ORDER BY Id") == [queue]
    assert client.ids("SELECT Id FROM group ORDER BY Id LIMIT 1") == [queue]
    assert client.records("SELECT Type, COUNT(Id) n FROM Group GROUP BY Type")[0]["n"] == 1
    assert client.query("SELECT Id FROM Order ORDER BY Id").json()[0]["errorCode"] == "INVALID_TYPE"
    for text in ("SELECT Id FROM GROUP BY Type", "SELECT Id FROM ORDER BY Id", "SELECT Id FROM Where"):
        assert client.query(text).json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_order_by_id_goes_on_where_a_greater_id_begins(client: Any) -> None:
    made = client.sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(150)])  # past Z, into a, and over to 10
    assert any(first[14].isupper() and second[14].islower() for first, second in itertools.pairwise(made))
    seen: list[str] = []
    where = ""
    while page := client.ids(f"SELECT Id FROM Contact {where} ORDER BY Id LIMIT 7"):
        seen += page
        where = f"WHERE Id > '{page[-1]}'"
    assert seen == made
    assert client.ids("SELECT Id FROM Contact ORDER BY Id DESC") == made[::-1]
    assert client.records("SELECT MAX(Id) last FROM Contact")[0]["last"] == made[-1]


@pytest.mark.parametrize("descending", [False, True])
def test_paging_within_one_stamp_neither_loses_nor_repeats(client: Any, ticker: Any, descending: bool) -> None:
    made = client.sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(90)])
    ticker.tick(seconds=1)
    made += client.sim.create_many("Contact", [{"LastName": f"D{number}"} for number in range(5)])
    way, sign = ("DESC", "<") if descending else ("ASC", ">")
    seen: list[str] = []
    where = "WHERE SystemModstamp > 2020-01-01T00:00:00Z"
    while page := client.records(f"SELECT Id, SystemModstamp FROM Contact {where} ORDER BY SystemModstamp {way}, Id {way} LIMIT 8"):
        seen += [row["Id"] for row in page]
        at, last = page[-1]["SystemModstamp"].replace(".000+0000", "Z"), page[-1]["Id"]
        where = f"WHERE SystemModstamp {sign} {at} OR (SystemModstamp = {at} AND Id {sign} '{last}')"
    assert seen == (made[::-1] if descending else made)
    last_stamp = "2026-05-04T09:00:01Z"
    assert client.ids(f"SELECT Id FROM Contact WHERE SystemModstamp >= {last_stamp}") == made[90:]
    assert client.ids(f"SELECT Id FROM Contact WHERE SystemModstamp > {last_stamp}") == []
    assert client.ids("SELECT Id FROM Contact WHERE SystemModstamp > TODAY") == []
    assert len(client.ids("SELECT Id FROM Contact WHERE SystemModstamp > YESTERDAY AND SystemModstamp < TOMORROW")) == 95
    assert client.ids(f"SELECT Id FROM Contact WHERE NOT (SystemModstamp < {last_stamp})") == made[90:]


def test_records_have_their_fields_in_the_order_of_select(client: Any) -> None:
    client.make("Contact", LastName="A", AccountId=client.make("Account", Name="Acme"))
    text = "SELECT HasOptedOutOfEmail, Account.Name, Id, Owner.Name, LastName, Account.Id FROM Contact"
    assert list(client.records(text)[0]) == ["attributes", "HasOptedOutOfEmail", "Account", "Id", "Owner", "LastName"]


def test_string_escapes_and_quotes(client: Any) -> None:
    record_id = client.lead(Company="O'Neil \\ Sons")
    assert client.ids("SELECT Id FROM Lead WHERE Company = 'O\\'Neil \\\\ Sons'") == [record_id]
    client.make("Account", Name="100% wool")
    client.make("Account", Name="1000 wool")
    assert len(client.ids("SELECT Id FROM Account WHERE Name LIKE '100\\% wool'")) == 1


def test_pages_have_locators_and_a_full_count(client: Any) -> None:
    client.sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(450)])
    headers = {"Sforce-Query-Options": "batchSize=200"}
    page = client.query("SELECT Id FROM Contact ORDER BY Id", headers=headers).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (450, False, 200)
    assert page["nextRecordsUrl"].startswith("/services/data/v62.0/query/0r8")
    assert page["nextRecordsUrl"].endswith("-200")
    ids = [row["Id"] for row in page["records"]]
    while not page["done"]:
        page = client.http.get(client.sim.url + page["nextRecordsUrl"]).json()
        ids += [row["Id"] for row in page["records"]]
    assert len(set(ids)) == 450
    assert "nextRecordsUrl" not in page
    lost = client.call("GET", "/query/0r8ak0000000099AAA-200")
    assert lost.json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_pages_may_be_smaller_than_asked(client: Any) -> None:
    client.sim.options.page_size = 50
    client.sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(120)])
    page = client.query("SELECT Id FROM Contact").json()
    assert (len(page["records"]), page["totalSize"]) == (50, 120)


def test_a_page_of_2000_is_the_default(client: Any) -> None:
    client.sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(2001)])
    page = client.query("SELECT Id FROM Contact").json()
    assert len(page["records"]) == 2000


def test_parents_nest_and_are_null_when_absent(client: Any) -> None:
    account = client.make("Account", Name="Acme")
    client.make("Contact", LastName="A", AccountId=account)
    client.make("Contact", LastName="B")
    rows = client.records("SELECT LastName, Account.Name, Account.Owner.Email, Owner.Name FROM Contact ORDER BY LastName")
    assert rows[0]["Account"]["Name"] == "Acme"
    assert rows[0]["Account"]["Owner"]["Email"] == "integration@crmsync.example"
    assert rows[0]["Account"]["attributes"]["type"] == "Account"
    assert rows[1]["Account"] is None
    assert rows[1]["Owner"]["Name"] == "Integration User"
    task = client.make("Task", WhoId=client.lead())
    assert client.records(f"SELECT Who.Type, Who.Name FROM Task WHERE Id = '{task}'")[0]["Who"]["Type"] == "Lead"


def test_children_nest_and_are_null_when_empty(client: Any) -> None:
    account = client.make("Account", Name="Acme")
    client.make("Account", Name="Bare")
    client.make("Contact", LastName="A", AccountId=account)
    rows = client.records("SELECT Name, (SELECT LastName FROM Contacts WHERE LastName != 'Z' ORDER BY LastName) FROM Account ORDER BY Name")
    assert (rows[0]["Contacts"]["totalSize"], rows[0]["Contacts"]["records"][0]["LastName"]) == (1, "A")
    assert rows[1]["Contacts"] is None


def test_counts_and_groups(client: Any, five: list[str]) -> None:
    assert client.query("select count() from Lead").json() == {"totalSize": 5, "done": True, "records": []}
    total = client.records("SELECT COUNT(Id) total, MAX(LastName) FROM Lead")
    assert total == [{"attributes": {"type": "AggregateResult"}, "total": 5, "expr0": "L4"}]
    groups = client.records("SELECT Status, COUNT(Id) FROM Lead GROUP BY Status")
    assert groups[0]["Status"] == "Open - Not Contacted"
    assert groups[0]["expr0"] == 5


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Id FROM Accout", "INVALID_TYPE", "sObject type 'Accout' is not supported."),
        ("SELECT Nope FROM Lead", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'."),
        ("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'."),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        ("SELECT Id FROM Lead ORDER BY Description", "MALFORMED_QUERY", "can not be sorted"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "should not be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Lead WHERE LastName = 'a' AND Title = 'b' OR City = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Lead LIMIT", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Lead WHERE LastName = 'a", "MALFORMED_QUERY", "no viable alternative"),
        ("SELECT Id FROM Lead WHERE LastName = 'a\\q'", "MALFORMED_QUERY", "Illegal string escape"),
        ("SELECT Id, Boss.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Id FROM Lead WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY", "unexpected token: 'SOMEDAY'"),
        ("SELECT FROM Lead", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY", "unexpected token"),
        ("", "MALFORMED_QUERY", "cannot be empty"),
    ],
)
def test_query_errors(client: Any, soql: str, code: str, text: str) -> None:
    answer = client.query(soql)
    assert answer.status_code == 400
    found = answer.json()[0]
    assert found["errorCode"] == code
    assert text in found["message"]
    assert "fields" not in found


def test_the_window_and_caret_of_query_errors(client: Any) -> None:
    found = client.query("select count() from XYZZY").json()[0]["message"]
    assert found.startswith("\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY'")
    longer = client.query("SELECT Id,Name,BillingCity,IsDeleted FROM Accout").json()[0]["message"]
    head = "\nName,BillingCity,IsDeleted FROM Accout\n                                ^\nERROR at Row:1:Column:43\n"
    assert longer.startswith(head)


def test_a_plus_that_is_not_encoded_becomes_a_blank(client: Any, five: list[str]) -> None:
    url = f"{client.sim.url}/services/data/v62.0/query?q=SELECT+Id+FROM+Lead+WHERE+SystemModstamp>=2026-05-04T09:00:03+00:00"
    assert client.http.get(url).json()[0]["errorCode"] == "MALFORMED_QUERY"
    good = url.replace("+00:00", "%2B00:00")
    assert client.http.get(good).json()["totalSize"] == 2


def test_query_all_shows_deleted_rows_and_query_does_not(client: Any, five: list[str]) -> None:
    client.sim.delete("Lead", five[0])
    assert five[0] not in client.ids("SELECT Id FROM Lead")
    assert client.ids("SELECT Id FROM Lead WHERE IsDeleted = true", every=True) == [five[0]]


def test_a_large_org_answers_in_stamp_order_from_the_index(client: Any) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    people = [
        {"email": f"p{number}@x.example", "last_name": str(number), "created_at": day.replace(minute=number % 60)}
        for number in range(20_000)
    ]
    client.sim.seed(users=[], people=people)
    rows = client.records("SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp >= 2026-01-01T00:30:00Z ORDER BY SystemModstamp, Id")
    keys = [(row["SystemModstamp"], row["Id"]) for row in rows]
    assert len(keys) == 2000
    assert keys == sorted(keys)
    assert keys[0][0] == "2026-01-01T00:30:00.000+0000"
