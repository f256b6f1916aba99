"""`crmsync preview TEMPLATE EMAIL`: the text that a task for this person would have, from what is stored; no CRM is contacted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmsync.decide.template import locale_of, merge_fields, render
from crmsync.engine.preview import look
from crmsync.errors import ConfigError, CrmsyncError
from crmsync.model.followup import Template
from crmsync.model.link import PersonState
from crmsync.model.record import Fields
from crmsync.playbook.lint_templates import text_problems
from crmsync.playbook.problems import one_of, quoted
from crmsync.playbook.templates import FOLDER
from crmsync.service.workspace import Workspace


def preview_template(workspace: Workspace, name: str, email: str, locale: str | None = None) -> dict[str, Any]:
    """The documented shape. locale: the language to take; None: the person's own, as for a task. Several persons with that address: the first.

    Raises: ConfigError when there is no such template (its message names those that there are); CrmsyncError when nobody has that address."""
    template = known_template(workspace.playbook.templates, name)
    store = workspace.store
    found = store.find_person_by_email(email.strip().lower())
    if not found:
        raise CrmsyncError(f"No person with the e-mail {email.strip()} is known; no CRM was asked. Run `crmsync sync` and try again.")
    state = store.persons(found[:1]).get(found[0]) or PersonState(person_id=found[0])
    facts = _facts(workspace, found[0])
    owner = None if state.owner is None else workspace.world.owners.users.get(state.owner)
    signals = store.signals.of(found[:1]).get(found[0], [])
    fields = merge_fields(facts, owner=owner, trigger=state.trigger, mql_type=state.mql_type, signals=signals)
    wanted = locale or locale_of(facts)
    made = render(template, wanted, fields)
    wrong = [
        str(problem) for problem in text_problems(workspace.playbook) if problem.file.startswith((f"{FOLDER}/{name}.", template.where))
    ]
    return {
        "template": name,
        "person_id": found[0],
        "wanted_locale": wanted,
        "locale": made.locale or None,
        "locales": sorted(one for one in template.variants if one),
        "subject": made.subject,
        "body": made.body,
        "blocked": made.blocked,
        "blocked_by": list(made.blocked_by),
        "problem": made.problem or None,
        "missing": list(made.missing),
        "fell_back": [{"field": field, "text": text} for field, text in made.fell_back],
        "wrong": wrong,
    }


def known_template(templates: Mapping[str, Template], name: str) -> Template:
    """The template of that name. Raises: ConfigError."""
    if name in templates:
        return templates[name]
    if not templates:
        raise ConfigError(
            f"There is no template {quoted(name)}: {FOLDER} holds none. `crmsync init` writes those that ship; nothing was contacted."
        )
    raise ConfigError(f"There is no template {quoted(name)}; {one_of(name, sorted(templates), limit=60)}. Nothing was contacted.")


def _facts(workspace: Workspace, person_id: str) -> Fields:
    """What would be decided to be true of the person now; what was last read where nothing can be decided."""
    verdict = look(workspace.world, [person_id], workspace.clock())[0] if workspace.world.recall() else None
    if verdict is not None:
        return verdict.reconciled.facts
    return {name: value for s in workspace.store.snapshots_of([person_id]).get(person_id, []) for name, value in s.fields.items()}
