"""The texts for tasks in mappings/templates as files: NAME.txt, and NAME.LOCALE.txt in other languages. What stands in them is looked at in lint_templates.

The first line is `Subject: …`, the second one is empty, the rest is the body; what both may hold says decide/template_source.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from crmsync.model.followup import Template
from crmsync.playbook.problems import Problems, one_of, quoted
from crmsync.playbook.yamlfile import YamlFile

FOLDER = "mappings/templates"
"""Where the files lie in a home folder; messages name them so."""
MAX_BYTES, MAX_FILES = 64_000, 1_000
BODY_LINE = 3
"""The line of a file on which the body begins."""
_NAME = re.compile(
    r"(?P<name>[a-z][a-z0-9_]{0,59})(?:\.(?P<locale>[a-z]{2,3}(?:[-_](?:[a-z]{2}|[a-z]{4}|[0-9]{3}))?))?\.txt", re.IGNORECASE
)
_SUBJECT = re.compile(r"subject:[ \t]*(?P<text>.*)", re.IGNORECASE)


def template_files(folder: Path) -> list[Path]:
    """The files of templates in `folder`, by name; none where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".txt")[:MAX_FILES]
    except OSError:
        return []


def read_templates(folder: Path, problems: Problems) -> dict[str, Template]:
    """name -> Template, of all that can be read. What is wrong with a file goes to `problems`."""
    texts: dict[str, dict[str, tuple[str, str]]] = {}
    for path in template_files(folder):
        file = f"{FOLDER}/{path.name}"
        found = _NAME.fullmatch(path.name)
        if found is None or not found["name"].islower():
            problems.add(
                file, (1, 1), "not the name of a template; call it NAME.txt or NAME.LOCALE.txt with small letters, like demo_request.de.txt"
            )
            continue
        locale = (found["locale"] or "").lower().replace("_", "-")
        variants = texts.setdefault(found["name"], {})
        if locale in variants:
            problems.add(file, (1, 1), f"there is another file for {found['name']} in {locale}; remove one of them")
        elif (text := _read(path, file, problems)) is not None:
            variants[locale] = text
    for name, variants in texts.items():
        if variants and "" not in variants and not (folder / f"{name}.txt").exists():
            first = file_of(name, min(variants))
            problems.add(first, (1, 1), f"{name}.txt is missing: the text for everybody whose language has none of its own; write it")
    return {name: Template(name=name, variants=variants, where=f"{FOLDER}/{name}.txt") for name, variants in texts.items() if variants}


def naming_errors(followup: YamlFile, templates: Mapping[str, Template], problems: Problems) -> None:
    """Steps of cadences that name a template which is not there, and `needs` of one that is not there."""
    data = followup.data if isinstance(followup.data, dict) else {}
    cadences = data.get("cadences")
    for i, cadence in enumerate(cadences if isinstance(cadences, list) else ()):
        steps = cadence.get("steps") if isinstance(cadence, dict) else None
        for j, step in enumerate(steps if isinstance(steps, list) else ()):
            name = step.get("template") if isinstance(step, dict) else None
            if isinstance(name, str) and name and name not in templates:
                problems.add(followup.name, followup.at(("cadences", i, "steps", j, "template")), _unknown(name, templates))
    told = data.get("templates")
    for name in told if isinstance(told, dict) else ():
        if name not in templates:
            problems.add(followup.name, followup.at(("templates", name), key=True), _unknown(str(name), templates))


def with_needs(templates: Mapping[str, Template], needs: Mapping[str, Collection[str]]) -> dict[str, Template]:
    """The templates with what followup.yaml demands of them."""
    return {name: replace(template, needs=frozenset(needs.get(name, ()))) for name, template in templates.items()}


def _unknown(name: str, templates: Mapping[str, Template]) -> str:
    if not templates:
        return f"there is no template {quoted(name)}: {FOLDER} holds none; `crmsync init` writes those that ship"
    if name.removesuffix(".txt") in templates:
        return f"there is no template {quoted(name)}; leave out the .txt"
    return f"there is no template {quoted(name)}; {one_of(name, sorted(templates))}, or write {FOLDER}/{name[:60]}.txt"


def file_of(name: str, locale: str) -> str:
    """The file of a variant, as messages name it."""
    return f"{FOLDER}/{name}.{locale}.txt" if locale else f"{FOLDER}/{name}.txt"


def _read(path: Path, file: str, problems: Problems) -> tuple[str, str] | None:
    """Subject and body as sources; None when the file is none of a template."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        problems.add(file, (1, 1), f"the file cannot be read: {error.strerror or type(error).__name__}; check its path and permissions")
        return None
    except UnicodeDecodeError as error:
        problems.add(file, (raw.count(b"\n", 0, error.start) + 1, 1), "the file is not UTF-8; save it as UTF-8")
        return None
    if len(raw) > MAX_BYTES:
        problems.add(file, (1, 1), f"the file is larger than {MAX_BYTES:,} bytes; shorten it")
        return None
    first, _, rest = text.partition("\n")
    empty, _, body = rest.partition("\n")
    found = _SUBJECT.fullmatch(first.rstrip())
    if found is None or not found["text"].strip():
        problems.add(file, (1, 1), "the subject is missing; write `Subject: …` into the first line, then an empty line, then the text")
        return None
    if empty.strip():
        problems.add(file, (2, 1), "the second line is not empty; write the text below an empty line")
        return None
    if not body.strip():
        problems.add(file, (BODY_LINE, 1), "there is no text below the subject; write one")
        return None
    return found["text"], body.rstrip()
