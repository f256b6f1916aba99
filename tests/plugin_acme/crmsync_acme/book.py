"""Acme Rolodex, a CRM in one JSON file: humans, chores, workers. Its clock is a counter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLUMNS = ("Mail", "Given", "Family", "Tel", "Role", "Firm", "Heads", "Keeper")
WORKERS = {"w1": "rita@corp.example", "w2": "sam@corp.example"}


class Book:
    """Reads and writes the whole file at every call, as small as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """{"tick": int, "columns": [names], "humans": {id: row}, "chores": {id: row}}; row: {"fields", "tick", "made", "gone", "by_us"}."""
        if not self.path.exists():
            return {"tick": 0, "columns": list(COLUMNS), "humans": {}, "chores": {}}
        found: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return found

    def save(self, data: Mapping[str, Any]) -> None:
        self.path.write_text(json.dumps(data), "utf-8")

    def add(self, kind: str, fields: Mapping[str, Any], *, by_us: bool = False) -> str:
        """The new row's id."""
        data = self.read()
        data["tick"] += 1
        id = f"{kind[0]}{len(data[kind]) + 1}"
        kept = {name: value for name, value in fields.items() if value not in (None, "")}
        data[kind][id] = {"fields": kept, "tick": data["tick"], "made": data["tick"], "gone": False, "by_us": by_us}
        self.save(data)
        return id

    def edit(self, id: str, fields: Mapping[str, Any], *, by_us: bool = False) -> None:
        """None and "" clear. Raises KeyError for an unknown id."""
        data = self.read()
        data["tick"] += 1
        row = data["humans"][id]
        merged = {**row["fields"], **fields}
        row |= {"fields": {k: v for k, v in merged.items() if v not in (None, "")}, "tick": data["tick"], "by_us": by_us}
        self.save(data)

    def remove(self, id: str, *, by_us: bool = False) -> None:
        data = self.read()
        data["tick"] += 1
        data["humans"][id] |= {"gone": True, "tick": data["tick"], "by_us": by_us}
        self.save(data)
