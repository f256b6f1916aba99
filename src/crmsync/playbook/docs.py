"""The reference pages on the files an admin edits, made from the models' descriptions and the files that ship.
`python -m crmsync.playbook.docs FOLDER` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from crmsync.playbook.load import shipped_paths
from crmsync.playbook.schema import FILES
from crmsync.playbook.schema_mapping import CommonField
from crmsync.playbook.validate import models_in

FOLDER = "docs/reference"

_INTRO = """<!-- Made by `python -m crmsync.playbook.docs`; change the descriptions in the code, not this page. -->

# {title}

{lead}

Every file is plain YAML without tags and below 1 MB. A misspelt key, a wrong type or a name that is known nowhere is an error with file,
line, column and the fix; `crmsync check` shows all of them at once. Written for editors, the same rules are JSON Schemas: `crmsync init`
puts them into `mappings/.schema`.
"""
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "mapping.md": (
        "The mapping",
        "Which records stand for persons, which fields are kept in step, and which fields tell of behaviour.",
        ("mappings/person.yaml", "mappings/signals.yaml"),
    ),
    "activities.md": (
        "Activities, companies and deals",
        "Which activities of persons are kept in step and how; what is read of companies and deals.",
        ("mappings/activities.yaml", "mappings/companies.yaml"),
    ),
    "playbook.md": (
        "The playbook",
        "How persons are scored, what becomes of them, who gets them and by when; and the settings of the whole installation.",
        ("crmsync.yaml", "mappings/playbook.yaml", "mappings/lists.yaml"),
    ),
    "followup.md": (
        "Follow-up and alerts",
        "What is owed by when after a handoff, which touches follow each other, what a reply means, and who hears of what.",
        ("mappings/followup.yaml", "mappings/alerts.yaml"),
    ),
}


def pages() -> dict[str, str]:
    """File name of the page -> its Markdown."""
    paths = shipped_paths()
    made: dict[str, str] = {}
    for page, (title, lead, names) in PAGES.items():
        parts = [_INTRO.format(title=title, lead=lead)]
        for name in names:
            parts.append(f"## {name}\n\n{_doc(FILES[name])}\n")
            parts.extend(_sections(FILES[name], ""))
            parts.append(f"### {name} as it ships\n\n```yaml\n{paths[name].read_text('utf-8')}```\n")
        made[page] = "\n".join(parts)
    return made


def write(folder: Path) -> list[Path]:
    """Writes all pages into `folder`, over older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")
        written.append(folder / name)
    return written


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """A heading and a table for a model, then the same for the models inside it, once each."""
    seen: set[type[BaseModel]] = set()

    def section(model: type[BaseModel], path: str) -> Iterator[str]:
        if model in seen:
            return
        seen.add(model)
        if path:
            yield f"### `{path}`\n\n{_doc(model)}\n"
        rows = [_row(field.alias or name, field) for name, field in model.model_fields.items()]
        yield "| key | what it may be | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
        inner = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        if issubclass(model, CommonField):
            inner["<crm>"] = model.SIDE
        for name, annotation in inner.items():
            for inside in models_in(annotation):
                yield from section(inside, f"{path}.{name}".removeprefix("."))

    yield from section(model, path)


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _row(name: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        default = "*must be given*"
    elif isinstance(field.default, BaseModel):
        default = ""
    else:
        default = "" if field.default is None else f"`{json.dumps(field.default, ensure_ascii=False)}`"
    meaning = field.description or ""
    return f"| `{name}` | {_kind(field)} | {default} | {meaning} |".replace("\n", " ")


def _kind(field: FieldInfo) -> str:
    """What may be written, in words, with its bounds."""
    annotation: Any = field.annotation
    schema = TypeAdapter(annotation).json_schema()
    for bound in field.metadata:
        for ours, theirs in (("ge", "minimum"), ("gt", "exclusiveMinimum"), ("le", "maximum")):
            if (limit := getattr(bound, ours, None)) is not None:
                schema[theirs] = limit
    return _words(schema).replace("|", "\\|")


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        found = [_words(s) for s in schema.get("anyOf", schema.get("oneOf", []))]
        return " or ".join(dict.fromkeys(w for w in found if w != "empty"))
    if "enum" in schema:
        return ", ".join(f"`{v}`" for v in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "$ref" in schema:
        return "a mapping"
    kind = schema.get("type")
    if kind == "array":
        inner = _words(schema.get("items", {}))
        return f"a list of: {inner}" if inner.startswith("`") else f"a list of {_PLURAL.get(inner, inner)}"
    if kind == "object":
        return "a mapping"
    if kind in ("number", "integer"):
        word = "a number" if kind == "number" else "a whole number"
        low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
        bounds = [
            f"at least {low:g}" if low is not None else "",
            f"more than {above:g}" if above is not None else "",
            f"at most {high:,.0f}" if high is not None else "",
        ]
        return ", ".join([word, *(b for b in bounds if b)])
    return {
        "string": "a date or date and time" if schema.get("format") == "date-time" else "a text",
        "boolean": "`true` or `false`",
        "null": "empty",
    }.get(str(kind), "")


_PLURAL = {"a text": "texts", "a mapping": "mappings", "a number": "numbers"}

if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER)):
        sys.stdout.write(f"{path}\n")
