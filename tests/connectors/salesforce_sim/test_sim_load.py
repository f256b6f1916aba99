"""Loading real exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmsync_salesforce.sim import Simulator


def test_a_tree_export_with_plans(client: Any, shared: Path) -> None:
    counts = client.sim.load(shared / "data" / "salesforce_sample_records" / "easy-spaces")
    real = {
        name: len(json.loads((shared / "data/salesforce_sample_records/easy-spaces" / f"{name}s.json").read_text())["records"])
        for name in ("Lead", "Account", "Contact")
    }
    assert counts == real
    row = client.records("SELECT Name, Account.Name FROM Contact WHERE Email = 'phaidra.rayer@sw-global.com'")[0]
    assert row["Account"]["Name"] == "Thompson, Skidmore and Smith"
    contact = next(entry for entry in client.sim.all("Contact") if entry["Email"] == "phaidra.rayer@sw-global.com")
    assert contact["Reservation_Status__c"] == "Draft"
    assert client.query("SELECT Reservation_Status__c FROM Contact").status_code == 400


def test_unknown_objects_are_skipped_and_counted(client: Any, shared: Path) -> None:
    counts = client.sim.load(shared / "data" / "salesforce_sample_records" / "ecars")
    assert counts == {"Contact": 2, "skipped": 1, "Lead": 1}


def test_a_folder_of_exports(client: Any, shared: Path) -> None:
    counts = client.sim.load(shared / "data" / "salesforce_sample_records")
    assert (counts["Lead"], counts["Contact"], counts["skipped"]) == (12, 14, 1)


def test_csv_exports(client: Any, shared: Path, tmp_path: Path) -> None:
    for name in ("Lead_Data.csv", "Contact_Data.csv"):
        text = (shared / "data" / "salesforce_sample_records" / "easy-spaces" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert client.sim.load(tmp_path) == {"Contact": 12, "Lead": 11}
    lead = client.records("SELECT Company, Title FROM Lead WHERE Email = 'fpatterfield0@engadget.com'")[0]
    assert lead["Company"] == "Hettinger and Sons"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("Lead.csv", "LastName,Company\nA\n", "Lead.csv row 2"),
        ("Lead.csv", "LastName,NumberOfEmployees\nA,few\n", "Lead.csv row 2"),
        ("Nonsense.csv", "A\n1\n", "Nonsense.csv row 2"),
        ("Leads.json", '{"records": [{"LastName": "x"}]}', "Leads.json row 1"),
        ("Leads.json", "{", "Leads.json"),
        (
            "Contacts.json",
            '{"records": [{"attributes": {"type": "Contact"}, "AccountId": "@Nope"}]}',
            "Contacts.json row 1: unknown reference @Nope",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_file_and_row(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        Simulator().load(tmp_path)


def test_a_failed_load_leaves_nothing_behind(client: Any, tmp_path: Path) -> None:
    (tmp_path / "Lead.csv").write_text("LastName,Company,Email\nA,B,a@x.example\nC,D,nonsense\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Lead\.csv row 3: Email: invalid email address"):
        client.sim.load(tmp_path)
    assert client.ids("SELECT Id FROM Lead") == []


def test_not_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a directory"):
        Simulator().load(tmp_path / "nothing")
