"""The HTML page, read the way a person reads it: by its cells."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
import requests


class Cells(HTMLParser):
    """Collects the rows of all tables as lists of cell texts."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


def rows(client: Any, path: str) -> list[list[str]]:
    answer = requests.get(client.sim.url + path, timeout=10)
    assert answer.status_code == 200
    parser = Cells()
    parser.feed(answer.text)
    return [[" ".join(text.split()) for text in row] for row in parser.rows]


@pytest.fixture
def staged(client: Any) -> str:
    client.sim.seed(users=[{"email": "rep@x.example", "first_name": "Rae", "last_name": "Rep"}], people=[])
    client.sim.add_field("Lead", "crmsync_stage__c", type="Text", length=40, label="crmsync stage")
    client.sim.add_field("Lead", "crmsync_score__c", type="Number", precision=6, scale=0, label="crmsync score")
    rep = client.records("SELECT Id FROM User WHERE Email = 'rep@x.example'")[0]["Id"]
    return str(client.lead(FirstName="Ann", OwnerId=rep, crmsync_stage__c="mql", crmsync_score__c=1045, City="Oslo", Country="Norway"))


def test_the_lead_list_shows_person_owner_stage_and_score(client: Any, staged: str) -> None:
    shown = rows(client, "/")
    assert shown[0] == ["Name", "Company", "Email", "Owner", "crmsync stage", "crmsync score", "Last change (UTC)"]
    assert shown[1] == ["Ann Ng", "Acme", "ann@acme.example", "Rae Rep", "mql", "1,045", "2026-05-04 09:00:00 integration"]
    client.sim.edit("Lead", staged, {"Title": "CEO"})
    assert rows(client, "/")[1][-1] == "2026-05-04 09:00:00 human"
    client.sim.remove_field("Lead", "crmsync_score__c")
    assert "crmsync score" not in rows(client, "/")[0]


def test_the_contact_list_names_the_account(client: Any) -> None:
    client.make("Contact", LastName="B", AccountId=client.make("Account", Name="Acme"))
    assert rows(client, "/?object=Contact")[1][:2] == ["B", "Acme"]


def test_open_tasks_are_under_their_owner_with_due_priority_and_person(client: Any, ticker: Any, staged: str) -> None:
    owner = client.read("Lead", staged)["OwnerId"]
    client.make("Task", Subject="Later", ActivityDate="2026-05-06", WhoId=staged, OwnerId=owner)
    client.make("Task", Subject="Call", ActivityDate="2026-05-05", Priority="High", WhoId=staged, OwnerId=owner)
    client.make("Task", Subject="Done", Status="Completed", OwnerId=owner)
    shown = rows(client, "/")
    head = shown.index(["Due", "Subject", "Priority", "Related to"])
    assert shown[head + 1 : head + 3] == [["2026-05-05", "Call", "High", "Ann Ng"], ["2026-05-06", "Later", "Normal", "Ann Ng"]]
    assert shown[head + 3][0] == "When (UTC)"
    text = requests.get(f"{client.sim.url}/", timeout=10).text
    assert "Rae Rep <span" in text
    assert "2 open" in text
    assert "overdue" not in text
    ticker.tick(days=2)
    assert requests.get(f"{client.sim.url}/", timeout=10).text.count('title="overdue"') == 1
    assert "due 2026-05-05 – overdue" in requests.get(f"{client.sim.url}/record/Lead/{staged}", timeout=10).text


def test_writes_say_who_changed_what_from_what_to_what(client: Any, staged: str) -> None:
    client.call("PATCH", f"/sobjects/Lead/{staged}", json={"crmsync_stage__c": "sql", "OwnerId": client.sim.integration_user})
    client.sim.edit("Lead", staged, {"City": None, "Description": "x" * 500}, user="rep@x.example")
    shown = rows(client, "/")
    head = shown.index(["When (UTC)", "Who", "What", "Change"])
    human, machine, made = shown[head + 1 : head + 4]
    assert human[1:3] == ["Rae Rep human", "changed lead Ann Ng"]
    assert "City Oslo → empty" in human[3]
    assert f"Description empty → {'x' * 159}…" in human[3]
    assert machine[1:3] == ["Integration User integration", "changed lead Ann Ng"]
    assert "crmsync_stage__c mql → sql" in machine[3]
    assert "OwnerId Rae Rep → Integration User" in machine[3]
    assert made[2] == "created lead Ann Ng"
    assert "→" not in made[3]
    client.sim.delete("Lead", staged)
    assert ["2026-05-04 09:00:00", "Ada Admin human", "deleted lead Ann Ng", ""] in rows(client, "/")


def test_a_record_shows_values_as_people_read_them_and_lists_what_is_empty(client: Any, staged: str) -> None:
    shown = {row[1]: row[2] for row in rows(client, f"/record/Lead/{staged}") if len(row) == 3}
    assert shown["Address"] == "Oslo Norway"
    assert shown["OwnerId"] == "Rae Rep"
    assert shown["CreatedDate"] == "2026-05-04 09:00:00"
    assert shown["IsConverted"] == "no"
    assert shown["crmsync_score__c"] == "1,045"
    text = requests.get(f"{client.sim.url}/record/Lead/{staged}", timeout=10).text
    assert "Empty: MasterRecordId, Salutation" in text
    assert "None" not in text
    client.sim.delete("Lead", staged)
    assert '<span class="tag deleted">deleted</span>' in requests.get(f"{client.sim.url}/record/Lead/{staged}", timeout=10).text


def test_nothing_hostile_leaves_its_cell(client: Any, staged: str) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    client.call("PATCH", f"/sobjects/Lead/{staged}", json={"LastName": evil, "Company": evil, "crmsync_stage__c": evil})
    client.make("Task", Subject=evil, WhoId=staged)
    for path in ("/", f"/record/Lead/{staged}", "/?object=Task", "/?q=%22%3E%3Cimg"):
        answer = requests.get(client.sim.url + path, timeout=10)
        assert "<img" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
