"""What is made from the models is up to date, complete, and accepts the files that ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from crmsync.playbook import docs, jsonschema
from crmsync.playbook.load import shipped_paths
from crmsync.playbook.problems import Problems
from crmsync.playbook.schema import FILES
from crmsync.playbook.validate import keys_of, models_in
from crmsync.playbook.yamlfile import read

ROOT = Path(__file__).parents[2]


def test_published_schemas_are_up_to_date(tmp_path: Path) -> None:
    for made in jsonschema.write(tmp_path):
        published = ROOT / jsonschema.FOLDER / made.name
        assert published.read_text("utf-8") == made.read_text("utf-8"), "run `python -m crmsync.playbook.jsonschema`"


def test_reference_pages_are_up_to_date(tmp_path: Path) -> None:
    for made in docs.write(tmp_path):
        assert (ROOT / docs.FOLDER / made.name).read_text("utf-8") == made.read_text("utf-8"), "run `python -m crmsync.playbook.docs`"


def _all_models(roots: Sequence[type[BaseModel]] = tuple(FILES.values())) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    open_: list[type[BaseModel]] = list(roots)
    while open_:
        model = open_.pop()
        if model not in found:
            found.add(model)
            open_.extend(m for f in model.model_fields.values() for m in models_in(f.annotation))
    return found


def test_every_key_is_described_and_on_a_page() -> None:
    text = "\n".join(docs.pages().values())
    models = _all_models()
    assert len(models) > 15
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name} has no description"
            assert f"| `{field.alias or name}` |" in text
            assert field.description.split("|")[0] in text


@pytest.mark.parametrize("name", sorted(FILES))
def test_schemas_accept_what_ships_and_refuse_a_strange_key(name: str) -> None:
    problems = Problems()
    file = read(shipped_paths()[name], name, problems)
    assert file is not None, problems.found
    schema = json.loads(json.dumps(jsonschema.schemas()[f"{Path(name).stem}.schema.json"]))
    assert _accepts(schema, file.data, schema) == []
    assert _accepts(schema, {**file.data, "strange_key": 1}, schema) != []
    for key, value in file.data.items():
        wrong: Any = 7 if isinstance(value, dict | list) else {}
        assert _accepts(schema, {**file.data, key: wrong}, schema) != [], key


def test_keys_of_a_place_in_a_file() -> None:
    person, playbook = FILES["mappings/person.yaml"], FILES["mappings/playbook.yaml"]
    assert "placeholder" in keys_of(person, ())
    assert "conflict" in keys_of(person, ("fields", "email"))
    assert keys_of(person, ("fields", "email", "hubspot")) == ["field", "read_only", "at_creation"]
    assert "domain_in" in keys_of(playbook, ("score", "fit", 0, "when", "any", 1, "not"))


_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def _accepts(schema: dict[str, Any], value: Any, root: dict[str, Any], path: str = "$") -> list[str]:
    """Violations of the part of JSON Schema that editors use most: $ref, anyOf/oneOf, type, enum, const, required, properties, items."""
    if "$ref" in schema:
        return _accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root, path)
    for many in ("anyOf", "oneOf"):
        if many in schema:
            tries = [_accepts(s, value, root, path) for s in schema[many]]
            return [] if any(not t for t in tries) else min(tries, key=len)
    kind = schema.get("type")
    if kind in ("number", "integer"):
        right = isinstance(value, int | float if kind == "number" else int) and not isinstance(value, bool)
    else:
        right = kind is None or isinstance(value, _TYPES[kind])
    if not right:
        return [f"{path} is no {kind}"]
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return [f"{path} is not one of the values"]
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{path}.{key} is missing" for key in schema.get("required", []) if key not in value]
        for key, part in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
            for pattern in schema.get("patternProperties", {}).values():
                inner = pattern
            if inner is False:
                found.append(f"{path}.{key} is unknown")
            elif isinstance(inner, dict):
                found += _accepts(inner, part, root, f"{path}.{key}")
    if isinstance(value, list):
        for i, part in enumerate(value):
            found += _accepts(schema.get("items", {}), part, root, f"{path}[{i}]")
    return found


def test_what_editors_offer_fits_the_schema() -> None:
    extras: list[tuple[type[BaseModel], Any]] = [(model, model.model_config.get("json_schema_extra") or {}) for model in _all_models()]
    offered = [(model, one["body"]) for model, extra in extras for one in extra.get("defaultSnippets", [])]
    made = jsonschema.schemas()
    for name, root in FILES.items():
        published = json.dumps(made[f"{Path(name).stem}.schema.json"])
        inside = _all_models([root])
        assert published.count('"defaultSnippets"') == sum(bool(extra) for model, extra in extras if model in inside), name
    assert len(offered) >= 12
    for model, body in offered:
        assert model.model_validate(
            json.loads(json.dumps(body).replace("$1", "blog_read").replace("$2", "demo_request").replace("$3", "x"))
        )
