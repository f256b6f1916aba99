"""What is wrong in the texts for tasks: told by `check`, and before a daemon takes an edited one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from crmsync.decide.template import LISTS, known_fields, render
from crmsync.decide.template_source import Source, read_source
from crmsync.model.followup import Template
from crmsync.model.rules import Playbook
from crmsync.playbook.problems import Problem, Problems, one_of, quoted
from crmsync.playbook.templates import BODY_LINE, file_of

_HOLES = (
    re.compile(r"[ \t][,.;:](?=\s|$)", re.MULTILINE),
    re.compile(r"\(\s*\)"),
    re.compile(r'""|“”|„“'),
    re.compile(r"(?<=\S)[ \t]{2,}"),
)
"""What a text looks like where something in it is empty: a blank before a comma, empty brackets or quotes, two blanks."""


def text_problems(playbook: Playbook) -> list[Problem]:
    """Everything that is wrong in the texts, by file and line: what they must not hold, merge fields that nobody knows, holes that an empty one would leave.
    A text with such an error is never offered to a rep, whatever else works."""
    problems = Problems()
    known = known_fields(playbook.person.fields, playbook.frameworks)
    for template in playbook.templates.values():
        for locale, (subject, body) in template.variants.items():
            _text(template.name, file_of(template.name, locale), subject, body, known, problems)
        for field in sorted(template.needs - set(known)):
            message = f"templates: {template.name}: needs: {quoted(field)} is no merge field; {one_of(field, known)}"
            problems.add("mappings/followup.yaml", (1, 1), message)
    return sorted(problems.found)


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


def _text(name: str, file: str, subject: str, body: str, known: Collection[str], problems: Problems) -> None:
    sources = ((read_source(subject), 1), (read_source(body), BODY_LINE))
    flaws = [(flaw.message, flaw.line + first - 1) for source, first in sources for flaw in source.flaws]
    strange = [(field, line + first - 1) for source, first in sources for field, line in source.fields.items() if field not in known]
    for message, line in flaws:
        problems.add(file, (line, 1), message)
    for field, line in strange:
        problems.add(file, (line, 1), f"{quoted(field)} is no merge field; {one_of(field, known, limit=60)}")
    if not strange and not flaws:
        _holes(Template(name=name, variants={"": (subject, body)}), file, sources, problems)


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
