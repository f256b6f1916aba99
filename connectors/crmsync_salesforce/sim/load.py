"""Loading a real export: `sf data export tree` JSON with or without plan files, or one CSV per object."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.people import People
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.tooling import Tooling

TEXT_LENGTH = 255
LONG_LENGTH = 131_072
Numbered = tuple[int, str | None, dict[str, Any]]


class Loader:
    """Reads one directory, or the exports in its sub-directories. Unknown custom fields are created, unknown custom objects are skipped and counted."""

    def __init__(self, org: Org, people: People, tooling: Tooling) -> None:
        self._org = org
        self._people = people
        self._tooling = tooling
        self._references: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._made: list[tuple[str, str]] = []

    def load(self, path: Path) -> dict[str, int]:
        """Records made per object, and `skipped`.

        Raises ValueError with file and row for what cannot be read; then no record of the export stays.
        """
        if not path.is_dir():
            raise ValueError(f"{path}: not a directory")
        try:
            # A folder of exports is as good as one: references name records of their own export only.
            for folder in [path] if self._in_order(path) else sorted(p for p in path.iterdir() if p.is_dir()):
                self._references.clear()
                for file in self._in_order(folder):
                    if file.suffix == ".csv":
                        self._csv(file)
                    else:
                        self._tree(file)
        except ValueError:
            for name, record_id in self._made:
                self._org.tables[name].remove(record_id)
            raise
        return self._counts

    @staticmethod
    def _in_order(path: Path) -> list[Path]:
        """Files in plan order; without a plan by name, tree files before CSV; a tree file beats a CSV of the same object."""
        listed: list[Path] = []
        trees: list[Path] = []
        for file in sorted(path.glob("*.json")):
            data = _json(file)
            if isinstance(data, list):
                for step in data:
                    for name in step.get("files", ()):
                        target = path / name
                        if target.exists() and target not in listed:
                            listed.append(target)
            elif isinstance(data, dict) and "records" in data:
                trees.append(file)
        listed += [file for file in trees if file not in listed]
        return listed or sorted(path.glob("*.csv"))

    # ---- tree files -------------------------------------------------------------------------------------------
    def _tree(self, file: Path) -> None:
        data = _json(file)
        if not isinstance(data, dict) or not isinstance(data.get("records"), list):
            raise ValueError(f"{file.name}: no list of records")
        self._records(file, data["records"], None)

    def _records(self, file: Path, records: list[Any], parent: tuple[str, str] | None) -> None:
        for number, entry in enumerate(records, 1):
            attributes = entry.get("attributes") if isinstance(entry, dict) else None
            name = attributes.get("type") if isinstance(attributes, dict) else None
            if not isinstance(attributes, dict) or not isinstance(name, str):
                raise ValueError(f"{file.name} row {number}: attributes.type is missing")
            kind = self._kind(name, file.name, number)
            if kind is None:
                continue
            nested = {key: value for key, value in entry.items() if isinstance(value, dict) and "records" in value}
            fields = {key: value for key, value in entry.items() if key != "attributes" and key not in nested and key.lower() != "id"}
            if parent is not None:
                fields[self._reference_to(kind, parent[0])] = parent[1]
            made = self._make(kind, fields, file.name, number)
            if attributes.get("referenceId"):
                self._references[str(attributes["referenceId"])] = made
            for children in nested.values():
                self._records(file, children["records"], (kind.name, made))

    @staticmethod
    def _reference_to(kind: ObjectType, parent: str) -> str:
        found = next((field.name for field in kind.fields.values() if parent in field.references and field.createable), None)
        if found is None:
            raise ValueError(f"{kind.name} has no field that refers to {parent}")
        return found

    # ---- CSV --------------------------------------------------------------------------------------------------
    def _csv(self, file: Path) -> None:
        stem = file.stem.removesuffix("_Data").removesuffix("_data")
        name = next((kind.name for kind in self._org.objects.values() if stem.lower() in (kind.name.lower(), kind.plural.lower())), stem)
        try:
            with file.open(newline="", encoding="utf-8-sig") as handle:
                reader = csv.DictReader(handle, restkey="__extra__")
                for number, row in enumerate(reader, 2):
                    if "__extra__" in row or None in row.values():
                        raise ValueError(f"{file.name} row {number}: another number of cells than the header")
                    kind = self._kind(name, file.name, number)
                    if kind is not None:
                        cells = {key: value for key, value in row.items() if value != "" and key.lower() != "id"}
                        self._make(kind, cells, file.name, number)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{file.name}: {error}") from None

    # ---- one record -------------------------------------------------------------------------------------------
    def _kind(self, name: str, file: str, number: int) -> ObjectType | None:
        kind = self._org.objects.get(name.lower())
        if kind is None and not name.endswith("__c") and file.endswith(".csv"):
            raise ValueError(f"{file} row {number}: the file is named after no object of the org")
        if kind is None or not kind.writable or kind.tooling:
            self._count("skipped")
            return None
        return kind

    def _make(self, kind: ObjectType, fields: Mapping[str, Any], file: str, number: int) -> str:
        try:
            values: dict[str, Any] = {}
            for key, value in fields.items():
                field = kind.fields.get(key.lower())
                if field is None:
                    key = self._custom(kind, key, value)
                elif not field.createable:
                    continue
                if isinstance(value, str) and value.startswith("@") and field is not None and field.type == "reference":
                    if value[1:] not in self._references:
                        raise ValueError(f"{file} row {number}: unknown reference {value}")
                    value = self._references[value[1:]]
                elif field is None and value is not None and not isinstance(value, str | bool | int | float):
                    raise ValueError(f"{file} row {number}: {key} holds no plain value")
                values[key] = value
            made = self._people.create_many(kind.name, [values])[0]
        except SalesforceError as error:
            raise ValueError(f"{file} row {number}: {error.message}") from None
        self._made.append((kind.name, made))
        self._count(kind.name)
        return made

    def _custom(self, kind: ObjectType, key: str, value: Any) -> str:
        """The name of a custom field for an unknown column, created when it does not exist; it stays without permissions."""
        name = key if key.endswith("__c") else f"{key}__c"
        label = key.removesuffix("__c").replace("_", " ")[:40]
        metadata: dict[str, Any] = {"label": label, "type": "Text", "length": TEXT_LENGTH}
        if isinstance(value, bool):
            metadata = {"label": label, "type": "Checkbox", "defaultValue": False}
        elif isinstance(value, int | float):
            metadata = {"label": label, "type": "Number", "precision": 18, "scale": 4}
        elif isinstance(value, str) and len(value) > TEXT_LENGTH:
            metadata = {"label": label, "type": "LongTextArea", "length": LONG_LENGTH, "visibleLines": 3}
        owner = "Activity" if kind.name in ("Task", "Event") else kind.name
        if not kind.has(name):
            self._tooling.make(f"{owner}.{name}", metadata)
        return name

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name}: {error}") from None
