"""The admin's folder as one Playbook: `load`, and the files that ship: `shipped`, `write_defaults`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from crmsync.errors import ConfigError
from crmsync.model.rules import Playbook
from crmsync.playbook.build import build
from crmsync.playbook.build_twins import twin_maps
from crmsync.playbook.fingerprint import of_playbook
from crmsync.playbook.problems import Problems
from crmsync.playbook.references import References
from crmsync.playbook.schema import FILES, OPTIONAL, CrmsyncFile
from crmsync.playbook.schema_activities import ActivitiesFile, CompaniesFile
from crmsync.playbook.schema_alerts import AlertsFile
from crmsync.playbook.schema_followup import FollowupFile
from crmsync.playbook.schema_mapping import PersonFile, SignalsFile
from crmsync.playbook.schema_process import ListsFile, PlaybookFile
from crmsync.playbook.shapes import Strict
from crmsync.playbook.templates import FOLDER, naming_errors, read_templates, template_files, with_needs
from crmsync.playbook.validate import validate
from crmsync.playbook.yamlfile import YamlFile, read

SCHEMA_FOLDER = "mappings/.schema"
RULES = "mappings/playbook.yaml"
FOLLOWUP = "mappings/followup.yaml"


def load(home: Path) -> Playbook:
    """The playbook in `home`/crmsync.yaml and `home`/mappings/*.yaml.

    Raises ConfigError whose message has one line `file:line:column: key: what is wrong; the fix` for everything that is wrong, in file
    order; file names are relative to `home`.
    """
    if not (home / "crmsync.yaml").exists() and not (home / "mappings").exists():
        raise ConfigError(f"no configuration in {home}: crmsync.yaml and mappings/ are missing; run `crmsync init` or set CRMSYNC_HOME")
    return load_files({name: home / name for name in FILES})


def load_files(paths: dict[str, Path], templates: Path | None = None) -> Playbook:
    """The same from files wherever they lie. paths: every name in FILES -> the file to read. One of OPTIONAL may be missing. templates: the folder with the
    texts for tasks (None: the one beside followup.yaml; it may be missing)."""
    problems = Problems()
    files: dict[str, YamlFile] = {}
    models: dict[str, Strict | None] = {}
    for name, model in FILES.items():
        if name in OPTIONAL and not paths[name].exists():
            files[name], models[name] = YamlFile(name=name, data={}), model()
            continue
        file = read(paths[name], name, problems)
        if file is not None:
            if name == RULES and not file.data:
                # Cut short by an accident rather than meant: under no rules at all everybody would stand at 0 points.
                problems.add(name, (1, 1), "the file is empty; `crmsync init` writes one to start from where there is none")
            files[name] = file
            models[name] = validate(file, model, problems)
    References(files, models, problems).run()
    texts = read_templates(templates or paths[FOLLOWUP].parent / "templates", problems)
    if FOLLOWUP in files:
        naming_errors(files[FOLLOWUP], texts, problems)
    problems.fail()
    crmsync, person, signals, playbook, lists, activities, companies, followup, alerts = (models[name] for name in FILES)
    if not (
        isinstance(crmsync, CrmsyncFile)
        and isinstance(person, PersonFile)
        and isinstance(signals, SignalsFile)
        and isinstance(playbook, PlaybookFile)
        and isinstance(lists, ListsFile)
        and isinstance(activities, ActivitiesFile)
        and isinstance(companies, CompaniesFile)
        and isinstance(followup, FollowupFile)
        and isinstance(alerts, AlertsFile)
    ):
        raise ConfigError("the configuration could not be read, and no file says why; run `crmsync init` in an empty folder and compare")
    texts = with_needs(texts, {name: said.needs for name, said in followup.templates.items()})
    made = build(crmsync, person, signals, playbook, lists, followup, alerts, texts, files)
    twins = twin_maps(activities, companies, made.person, files["mappings/activities.yaml"], files["mappings/companies.yaml"])
    return of_playbook(replace(made, twins=twins, due_time=activities.due_time))


def shipped() -> Path:
    """The folder with the YAML files that ship: in an installed wheel beside the package's code, in a source tree at its top.

    Raises ConfigError when the installation lacks it."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "mappings", package.parents[1] / "mappings"):
        if (folder / "person.yaml").is_file():
            return folder
    raise ConfigError("the mappings that ship with crmsync are not in this installation; install crmsync again")


def shipped_paths() -> dict[str, Path]:
    """Every name in FILES -> the file that ships for it."""
    folder = shipped()
    return {name: folder / Path(name).name for name in FILES}


def shipped_templates() -> dict[str, Path]:
    """Name of the file in a home folder -> the file that ships for it, of every text for tasks."""
    return {f"{FOLDER}/{path.name}": path for path in template_files(shipped() / "templates")}


def write_defaults(dir: Path) -> list[Path]:
    """Writes what `dir` lacks: crmsync.yaml, mappings/*.yaml, mappings/templates/*.txt, and the JSON Schemas that editors complete from. Returns what it wrote.

    Never overwrites a file. Raises ConfigError when the folder cannot be written."""
    # Imported here: `python -m crmsync.playbook.jsonschema` must not find itself imported by its own package already.
    from crmsync.playbook.jsonschema import texts

    wanted = {
        name: f"# yaml-language-server: $schema={_schema_for(name)}\n{path.read_text('utf-8')}" for name, path in shipped_paths().items()
    }
    wanted |= {f"{SCHEMA_FOLDER}/{name}": text for name, text in texts().items()}
    wanted |= {name: path.read_text("utf-8") for name, path in shipped_templates().items()}
    written: list[Path] = []
    try:
        for name, text in wanted.items():
            path = dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("x", encoding="utf-8", newline="\n") as stream:
                    stream.write(text)
            except FileExistsError:
                continue
            written.append(path)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or dir} cannot be written ({os.strerror(error.errno or 0)}); {len(written)} files were written before"
        ) from error
    return written


def _schema_for(name: str) -> str:
    """The schema's path as seen from the file."""
    schema = f"{Path(name).stem}.schema.json"
    return f".schema/{schema}" if name.startswith("mappings/") else f"{SCHEMA_FOLDER}/{schema}"
