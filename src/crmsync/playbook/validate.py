"""From plain values to a checked model; pydantic's findings become problems with a position and a fix in an admin's words."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crmsync.playbook.problems import Path, Problems, one_of, quoted
from crmsync.playbook.schema_mapping import CommonField
from crmsync.playbook.shapes import CLOCK, DURATION, NAME, PLAIN, WORKING, Strict
from crmsync.playbook.yamlfile import YamlFile

M = TypeVar("M", bound=Strict)

_HINTS = {
    NAME: "use lower-case letters, digits and underscores, beginning with a letter",
    DURATION: 'write a number and a unit, like "10 minutes", "24 working hours" or "7 days"; 999 weeks at most',
    WORKING: 'write a number and a unit of working time, like "8 working hours" or "1 working day"',
    PLAIN: 'write a number and a unit, like "15 minutes", "24 hours" or "7 days"; working time is not possible here, nor more than 999 weeks',
    CLOCK: 'write a time like "09:00"',
}
_WANTED = {
    "string_type": "a text", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "list_type": "a list", "dict_type": "a mapping of keys to values", "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values", "int_from_float": "a whole number", "datetime_type": "a date and time",
    "string_sub_type": "a text",
}  # fmt: skip


def validate(file: YamlFile, model: type[M], problems: Problems) -> M | None:
    """The file's content as `model`, or None with every finding in `problems`."""
    try:
        return model.model_validate(file.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=True):
            _tell(file, model, detail, problems)
        return None


def real_path(file: YamlFile, loc: tuple[int | str, ...]) -> Path:
    """`loc` without pydantic's own marks: the part of it that stands in the file."""
    path: Path = ()
    for i, step in enumerate(loc):
        if step == "[key]":
            continue
        if (*path, step) in file.values:
            path = (*path, step)
        elif i == len(loc) - 1:
            path = (*path, step) if isinstance(step, str) and not step.startswith("<") and not _is_mark(step) else path
    return path


def _is_mark(step: str) -> bool:
    return "[" in step or step in ("str", "int", "float", "bool", "list[str]")


def _tell(file: YamlFile, model: type[BaseModel], detail: ErrorDetails, problems: Problems) -> None:
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx", {})
    path = real_path(file, loc)
    name = str(next((step for step in reversed(path) if isinstance(step, str)), "the file"))
    value = detail["input"]
    at = file.at(path)
    if kind == "extra_forbidden":
        around = path[:-1]
        problems.add(file.name, file.at(path, key=True), f"{name}: unknown key; {one_of(name, keys_of(model, around))}")
        return
    if kind == "missing":
        if path in file.values:
            path = path[:-1]
        problems.add(file.name, file.at(path[:-1]), f"{name}: this key is missing here; add it")
        return
    if loc and loc[-1] == "[key]":
        at = file.at(path, key=True)
    problems.add(file.name, at, f"{name}: {_say(kind, value, context, detail['msg'])}")


def _say(kind: str, value: Any, context: dict[str, Any], message: str) -> str:
    if kind == "literal_error":
        known = [word.strip(" '") for word in str(context.get("expected", "")).replace(" or ", ",").split(",")]
        return f"unknown value {_shown(value)}; {one_of(str(value), known)}"
    if kind in _WANTED:
        return f"{_shown(value)} is not {_WANTED[kind]}; write {_WANTED[kind]}"
    if kind == "string_pattern_mismatch":
        return f"{_shown(value)} cannot be used here; {_HINTS.get(str(context.get('pattern')), 'correct it')}"
    bounds = {
        "greater_than": "more than {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than": "less than {lt}",
        "less_than_equal": "at most {le}",
    }
    if kind in bounds:
        return f"{_shown(value)} is out of range; it must be {bounds[kind].format(**{k: _number(v) for k, v in context.items()})}"
    if kind == "too_short":
        return f"too few entries; give at least {context.get('min_length')}"
    if kind == "too_long":
        return f"too many entries; give at most {context.get('max_length')}"
    if kind == "string_too_short":
        return "an empty text; write something"
    if kind == "string_too_long":
        return f"the text is too long; write at most {context.get('max_length')} characters"
    if kind == "value_error":
        return str(context.get("error", message))
    return f"{message}; correct it"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    return quoted(str(value).lower() if isinstance(value, bool) else value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def keys_of(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the mapping at `path` may have, as an admin writes them; of a field only the fixed ones."""
    here: Any = model
    for step in path:
        here = _inside(here, step)
        if here is None:
            return []
    found = _models(here)
    return [f.alias or name for m in found for name, f in m.model_fields.items()]


def _inside(annotation: Any, step: str | int) -> Any:
    for m in _models(annotation):
        for name, f in m.model_fields.items():
            if step in (name, f.alias):
                return f.annotation
        if issubclass(m, CommonField):
            return m.SIDE
    for part in _parts(annotation):
        if get_origin(part) is (list if isinstance(step, int) else dict):
            return get_args(part)[-1]
    return None


def _parts(annotation: Any) -> list[Any]:
    """An annotation, or the parts of a union or Annotated."""
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    if get_origin(annotation) in (list, dict):
        return [annotation]
    arguments = get_args(annotation)
    return [p for a in arguments for p in _parts(a)] if arguments else [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [p for p in _parts(annotation) if isinstance(p, type) and issubclass(p, BaseModel)]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation, whatever unions, lists and mappings lie around them."""
    inner = [a for p in _parts(annotation) if get_origin(p) in (list, dict) for a in get_args(p)]
    return list(dict.fromkeys([*_models(annotation), *(m for a in inner for m in models_in(a))]))
