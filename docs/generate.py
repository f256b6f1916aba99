"""Writes the generated pages of docs/: commands, merge table, mapping, playbook, JSON Schemas. `make docs` runs it; a test says when it is due.

python docs/generate.py [FOLDER]          another folder than docs/
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from crmsync.cli.main import app
from crmsync.playbook import docs, jsonschema

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))
import merge_table  # noqa: E402  # the law is written down once, in the table the tests enumerate

MADE = "<!-- Made by `make docs`; change {source}, not this page. -->\n\n"
KINDS = {"int": "NUMBER", "float": "NUMBER", "Path": "PATH", "str": "TEXT"}
RULE_WORDS = {"latest": "`latest`", "left": "the left CRM's name", "right": "the right CRM's name", "fill": "`fill`", "ask": "`ask`"}


def commands() -> str:
    """The reference of all commands, from their own help."""
    root = typer.main.get_command(app)
    parts = [
        MADE.format(source="the help texts in src/crmsync/cli"),
        "# Commands\n\n",
        "Results go to standard output, progress and errors to standard error. What a command's exit code says stands in "
        "[exit codes and JSON](exit-codes-and-json.md), where its settings come from in [settings](settings.md).\n\n",
        "Options of `crmsync` itself, before the command:\n\n",
        *_params(root),
    ]
    for path, command in _leaves(root, ("crmsync",)):
        parts.append(f"\n## {' '.join(path)}\n\n{_sentence(command.help)}\n\n")
        usage = " ".join([*path, *(_argument(p) for p in command.params if p.param_type_name == "argument")])
        parts.append(f"```\n{usage}{' [OPTIONS]' if any(p.param_type_name == 'option' for p in command.params) else ''}\n```\n")
        rows = list(_params(command))
        parts += ["\n", *rows] if rows else []
    return "".join(parts)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not getattr(command, "commands", None):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _leaves(inner, (*path, name))


def _params(command: Any) -> Iterator[str]:
    shown = [
        p for p in command.params if not getattr(p, "hidden", False) and p.name not in ("help", "install_completion", "show_completion")
    ]
    if shown:
        yield "| what | meaning |\n|---|---|\n"
    for param in shown:
        if param.param_type_name == "argument":
            name = _argument(param)
        else:
            kind = getattr(param.type_descriptor.annotation, "__name__", "str")
            value = "" if param.is_flag else f" {param.metavar or KINDS.get(kind, 'TEXT')}"
            name = ", ".join(sorted((*param.opts, *param.secondary_opts), key=len, reverse=True)) + value
        default = param.default if not callable(param.default) else None
        told = "" if default in (None, False, ()) or param.required else f" Default: `{default}`."
        yield f"| `{name}` | {_sentence(param.help)}{told} |\n"


def _argument(param: Any) -> str:
    name = str(param.metavar or param.name.upper())
    return name if param.required or name.startswith("[") else f"[{name}]"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def table() -> str:
    """The merge law, from the table that the tests enumerate."""
    rules = [str(rule) for rule in merge_table.RULES]
    parts = [
        MADE.format(source="tests/merge_table.py"),
        "# The merge law\n\n",
        "What happens to one field of one person, in every situation and under every conflict rule. `tests/decide/test_merge.py` holds the code "
        "against this very table.\n\n",
        'Read it so: "left" and "right" are the two CRMs; `X`, `Y`, `Z` are values, *empty* is none. **Base** is what both showed when the field '
        "was last settled; at first contact there is none. Left's change is the later one. `→ Y` writes Y to the right CRM, `Y ←` writes Y to the "
        "left one, – writes nothing, *ask* opens a conflict and leaves both values.\n\n",
        "| situation | base | left | right | " + " | ".join(RULE_WORDS[rule] for rule in rules) + " |\n",
        "|---|---|---|---|" + "---|" * len(rules) + "\n",
    ]
    for shape, (base, left, right) in merge_table.SHAPES.items():
        stood = "none" if base is None else f"{_value(base[0])} / {_value(base[1])}"
        cells = [_cell(merge_table.TABLE[shape][rule]) for rule in merge_table.RULES]
        parts.append(f"| {shape} | {stood} | {_value(left)} | {_value(right)} | {' | '.join(cells)} |\n")
    parts.append(
        "\nThree things bound the table. A direction that the mapping does not allow is never written; the difference then stands. A field with "
        "`empty: keep` does not carry clears. And `true_wins`, the rule of the opt-out, has no cases: if either CRM says yes, both do.\n"
        "\nAn `ask` conflict waits in `crmsync conflicts list`; the values stay apart until somebody chooses.\n"
    )
    return "".join(parts)


def _value(value: str | None) -> str:
    return "*empty*" if value is None else f"`{value}`"


def _cell(cell: object) -> str:
    if cell == merge_table.ASKED:
        return "*ask*"
    assert isinstance(cell, tuple)
    left, right = cell
    found = [f"{_value(left)} ←" if left is not merge_table.KEEP else "", f"→ {_value(right)}" if right is not merge_table.KEEP else ""]
    return " ".join(part for part in found if part) or "–"


def write(folder: Path) -> list[Path]:
    """Writes every generated page below `folder`; returns them."""
    reference = folder / "reference"
    reference.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (("commands.md", commands()), ("merge-table.md", table())):
        (reference / name).write_text(text, "utf-8")
        written.append(reference / name)
    return [*written, *docs.write(reference), *jsonschema.write(reference / "schema")]


if __name__ == "__main__":
    for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS):
        sys.stdout.write(f"{path}\n")
