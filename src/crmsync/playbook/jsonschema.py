"""JSON Schemas of the files an admin edits, for editors. `python -m crmsync.playbook.jsonschema FOLDER` writes them."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from crmsync.playbook.schema import FILES

FOLDER = "docs/reference/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """File name of the schema -> the schema (JSON Schema 2020-12), for every file in FILES."""
    made: dict[str, dict[str, Any]] = {}
    for name, model in FILES.items():
        schema = model.model_json_schema(by_alias=True)
        made[f"{Path(name).stem}.schema.json"] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return made


@cache
def texts() -> dict[str, str]:
    """File name of the schema -> the schema as it is written into files."""
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}


def write(folder: Path) -> list[Path]:
    """Writes all schemas into `folder`, over older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in texts().items():
        path = folder / name
        path.write_text(text, "utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER)):
        sys.stdout.write(f"{path}\n")
