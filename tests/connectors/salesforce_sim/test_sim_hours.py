"""Business hours: a new org has one record, open around the clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_a_new_org_has_default_business_hours_from_midnight_to_midnight(client: Any, sim: Any) -> None:
    (found,) = client.records(
        "SELECT Id, Name, IsDefault, TimeZoneSidKey, MondayStartTime, MondayEndTime FROM BusinessHours WHERE IsDefault = true"
    )
    assert (found["Name"], found["MondayStartTime"], found["MondayEndTime"]) == ("Default", "00:00:00.000Z", "00:00:00.000Z")
    assert found["TimeZoneSidKey"] == client.records("SELECT TimeZoneSidKey FROM Organization")[0]["TimeZoneSidKey"]
    sim.edit("BusinessHours", found["Id"], {"MondayStartTime": "09:30:00", "MondayEndTime": None})
    (edited,) = client.records("SELECT MondayStartTime, MondayEndTime FROM BusinessHours")
    assert (edited["MondayStartTime"], edited["MondayEndTime"]) == ("09:30:00.000Z", None)
    bad = client.call("PATCH", f"/sobjects/BusinessHours/{found['Id']}", json={"MondayStartTime": "25:00"})
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert client.call("DELETE", f"/sobjects/BusinessHours/{found['Id']}").status_code == 400


def test_its_fields_are_those_of_the_public_schema(client: Any, shared: Path) -> None:
    known = json.loads((shared / "data" / "salesforce_describe" / "standard_schema_jsforce.json").read_text("utf-8"))
    real = known["BusinessHours"]["fields"]
    mine = {field["name"]: field for field in client.call("GET", "/sobjects/BusinessHours/describe").json()["fields"]}
    assert set(mine) == set(real)
    assert {name for name, field in mine.items() if field["type"] == "time"} == {name for name in real if name.endswith("Time")}
    assert {name: field["nillable"] for name, field in mine.items()} == {name: field["nillable"] for name, field in real.items()}
