"""The texts for tasks in mappings/templates, and what is wrong with them: NAME.txt, and NAME.LOCALE.txt in other languages.

The first line is `Subject: …`, the second one is empty, the rest is the body; what both may hold says decide/template_source.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from crmsync.decide.locale import normal
from crmsync.decide.template import LISTS, render
from crmsync.decide.template_source import Source, read_source
from crmsync.model.followup import Template
from crmsync.model.rules import Playbook
from crmsync.playbook.problems import Problems, one_of, quoted
from crmsync.playbook.yamlfile import YamlFile

FOLDER = "mappings/templates"
"""Where the files lie in a home folder; messages name them so."""
MAX_BYTES, MAX_FILES = 64_000, 1_000
BODY_LINE = 3
_NAME = re.compile(r"(?P<name>[a-z][a-z0-9_]{0,59})(?:\.(?P<locale>[A-Za-z0-9_-]{2,11}))?\.txt")
_SUBJECT = re.compile(r"subject:[ \t]*(?P<text>.*)", re.IGNORECASE)
_HOLES = (
    re.compile(r"[ \t][,.;:](?=\s|$)", re.MULTILINE),
    re.compile(r"\(\s*\)"),
    re.compile(r'""|“”|„“'),
    re.compile(r"(?<=\S)[ \t]{2,}"),
)
"""What a text looks like where something in it is empty: a blank before a comma, empty brackets or quotes, two blanks."""


def template_files(folder: Path) -> list[Path]:
    """The files of templates in `folder`, by name; none where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".txt")[:MAX_FILES]
    except OSError:
        return []


def read_templates(folder: Path, problems: Problems) -> dict[str, Template]:
    """name -> Template, of all that can be read. What is wrong with a file, or in it whatever it is merged with, goes to `problems`."""
    texts: dict[str, dict[str, tuple[str, str]]] = {}
    for path in template_files(folder):
        file = f"{FOLDER}/{path.name}"
        found = _NAME.fullmatch(path.name)
        locale = normal(found["locale"]) if found is not None and found["locale"] else ""
        if found is None or (found["locale"] and not locale):
            problems.add(
                file, (1, 1), "not the name of a template; call it NAME.txt or NAME.LOCALE.txt with small letters, like demo_request.de.txt"
            )
            continue
        variants = texts.setdefault(found["name"], {})
        if locale in variants:
            problems.add(file, (1, 1), f"there is another file for {found['name']} in {locale}; remove one of them")
        elif (text := _read(path, file, problems)) is not None:
            variants[locale] = text
    for name, variants in texts.items():
        if variants and "" not in variants and not (folder / f"{name}.txt").exists():
            first = _file(name, min(variants))
            problems.add(first, (1, 1), f"{name}.txt is missing: the text for everybody whose language has none of its own; write it")
    return {name: Template(name=name, variants=variants, where=f"{FOLDER}/{name}.txt") for name, variants in texts.items() if variants}


def template_errors(templates: Mapping[str, Template], known: Collection[str], problems: Problems) -> None:
    """Merge fields that are not among `known`, and texts that would have a hole without one of their fields."""
    for template in templates.values():
        for locale, (subject, body) in template.variants.items():
            file = _file(template.name, locale)
            sources = ((read_source(subject), 1), (read_source(body), BODY_LINE))
            strange = [(name, line + first - 1) for source, first in sources for name, line in source.fields.items() if name not in known]
            for name, line in strange:
                problems.add(file, (line, 1), f"{quoted(name)} is no merge field; {one_of(name, known)}")
            if not strange and not any(source.flaws for source, _ in sources):
                _holes(Template(name=template.name, variants={"": (subject, body)}), file, sources, problems)


def naming_errors(followup: YamlFile, templates: Mapping[str, Template], known: Collection[str], problems: Problems) -> None:
    """Steps of cadences that name a template which is not there; `needs` of one that is not there, or of unknown merge fields."""
    data = followup.data if isinstance(followup.data, dict) else {}
    cadences = data.get("cadences")
    for i, cadence in enumerate(cadences if isinstance(cadences, list) else ()):
        steps = cadence.get("steps") if isinstance(cadence, dict) else None
        for j, step in enumerate(steps if isinstance(steps, list) else ()):
            name = step.get("template") if isinstance(step, dict) else None
            if isinstance(name, str) and name and name not in templates:
                problems.add(followup.name, followup.at(("cadences", i, "steps", j, "template")), _unknown(name, templates))
    told = data.get("templates")
    for name, one in told.items() if isinstance(told, dict) else ():
        if name not in templates:
            problems.add(followup.name, followup.at(("templates", name), key=True), _unknown(str(name), templates))
        needs = one.get("needs") if isinstance(one, dict) else None
        for k, field in enumerate(needs if isinstance(needs, list) else ()):
            if isinstance(field, str) and field not in known:
                problems.add(
                    followup.name,
                    followup.at(("templates", name, "needs", k)),
                    f"{quoted(field)} is no merge field; {one_of(field, known)}",
                )


def with_needs(templates: Mapping[str, Template], needs: Mapping[str, Collection[str]]) -> dict[str, Template]:
    """The templates with what followup.yaml demands of them."""
    return {name: replace(template, needs=frozenset(needs.get(name, ()))) for name, template in templates.items()}


def lint_templates(playbook: Playbook, shipped: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """(where, message, fix) of templates that no step names. shipped: names of those that came with crmsync, which may wait to be used."""
    used = {step.template for cadence in playbook.cadences for step in cadence.steps}
    for template in playbook.templates.values():
        if template.name not in used and template.name not in shipped:
            yield (
                template.where,
                f"no step of a cadence names the template {template.name}",
                "name it in mappings/followup.yaml, or remove the file",
            )


def _unknown(name: str, templates: Mapping[str, Template]) -> str:
    if not templates:
        return f"there is no template {quoted(name)}: {FOLDER} holds none; `crmsync init` writes those that ship"
    return f"there is no template {quoted(name)}; {one_of(name, sorted(templates))}, or write {FOLDER}/{name[:60]}.txt"


def _file(name: str, locale: str) -> str:
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
    for part, line in ((found["text"], 1), (body.rstrip(), BODY_LINE)):
        for flaw in read_source(part).flaws:
            problems.add(file, (line + flaw.line - 1, 1), flaw.message)
    return found["text"], body.rstrip()


def _holes(text: Template, file: str, sources: tuple[tuple[Source, int], ...], problems: Problems) -> None:
    """Renders the text with all of its fields, then without each of them."""
    names = {name: line + first - 1 for source, first in reversed(sources) for name, line in source.fields.items()}
    full = {name: "One: two\nThree: four" if name in LISTS else "Something" for name in names}
    whole = _counted(text, full)
    for name, line in names.items():
        without = _counted(text, {other: value for other, value in full.items() if other != name})
        if any(found > usual for found, usual in zip(without, whole, strict=True)):
            problems.add(
                file, (line, 1), f"without {name} the text has a hole; write a default, or put the words around it into one if with it"
            )


def _counted(text: Template, fields: Mapping[str, str]) -> tuple[int, ...]:
    made = render(text, None, fields)
    return tuple(sum(len(hole.findall(part)) for part in (made.subject, made.body)) for hole in _HOLES)
