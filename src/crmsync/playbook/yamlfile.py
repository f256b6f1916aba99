"""A YAML file as plain values plus the position of each: safe (no tags, no objects), bounded, duplicate keys and alias bombs refused."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from crmsync.playbook.problems import Path, Problems, quoted

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
"""Values of one file with every alias written out; a bomb of nested aliases passes it at once."""
MAX_DEPTH = 40
KEPT = 64_000
"""Characters of a text that is kept composed; a playbook's files have a tenth of it."""

_CORE = "tag:yaml.org,2002:"
_PLAIN = frozenset({"str", "int", "float", "bool", "null", "timestamp", "map", "seq"})
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class YamlFile:
    """`data`: dicts, lists, texts, numbers, bools and None. values / keys: path -> (line, column) from 1, of a value and of its key."""

    name: str
    data: Any = None
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def at(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Where `path` stands, or the nearest thing around it. key: the position of its key rather than of its value."""
        for end in range(len(path), -1, -1):
            spot = (self.keys if key else self.values).get(path[:end])
            spot = spot or self.values.get(path[:end])
            if spot is not None:
                return spot
        return (1, 1)

    def where(self, path: Path) -> str:
        """`file:line` of the key at `path`."""
        return f"{self.name}:{self.at(path, key=True)[0]}"


def read(file: File, name: str, problems: Problems) -> YamlFile | None:
    """The file's content, None when it cannot be read; what is wrong goes to `problems` under the name `name`."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problems.add(name, (1, 1), "the file is missing; run `crmsync init`, which writes only what is missing")
        return None
    except OSError as error:
        problems.add(name, (1, 1), f"the file cannot be read: {error.strerror or type(error).__name__}; check its path and permissions")
        return None
    if len(raw) > MAX_BYTES:
        problems.add(name, (1, 1), f"the file is larger than {MAX_BYTES:,} bytes; shorten it")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.add(name, (line, error.start - raw.rfind(b"\n", 0, error.start)), "the file is not UTF-8; save it as UTF-8")
        return None
    return parse(text, name, problems)


def parse(text: str, name: str, problems: Problems) -> YamlFile | None:
    """The same for a text at hand. An empty file is an empty mapping."""
    try:
        root = (_kept if len(text) <= KEPT else _composed)(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problems.add(
            name, at, f"not YAML: {_flat(error.problem or error.context or 'cannot be parsed')}; check quotes, colons and indentation here"
        )
        return None
    except (YAMLError, ValueError, RecursionError, LookupError, AttributeError, TypeError) as error:
        # ruamel's own readers raise more than YAMLError on hostile text; whatever it is, the file is not usable YAML.
        line, column = getattr(error, "line", None), getattr(error, "column", None)
        at = (line + 1, column + 1) if isinstance(line, int) and isinstance(column, int) else (1, 1)
        reason = "nested too deeply" if isinstance(error, RecursionError) else _flat(str(error).split("\n", 1)[0] or type(error).__name__)
        problems.add(name, at, f"not YAML: {reason}; correct the file")
        return None
    file = YamlFile(name=name)
    before = len(problems.found)
    file.data = {} if root is None else _Reader(file, problems).value(root, (), 0)
    file.values.setdefault((), (1, 1))
    return file if len(problems.found) == before else None


def _composed(text: str) -> Node | None:
    root: Node | None = YAML(typ="safe", pure=True).compose(text)
    return root


_kept = lru_cache(maxsize=16)(_composed)
"""The same for texts that this process saw before: composing them is most of the time of loading a playbook. Nothing changes a node."""


class _Reader:
    """Turns composed nodes into plain values; stops at the first bound that is passed."""

    def __init__(self, file: YamlFile, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.nodes = 0
        self.stopped = False

    def refuse(self, node: Node, message: str) -> None:
        self.problems.add(self.file.name, _mark(node), message)

    def value(self, node: Node, path: Path, depth: int) -> Any:
        self.nodes += 1
        if self.stopped:
            return None
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            self.stopped = True
            self.refuse(
                node, f"more than {MAX_NODES:,} values or {MAX_DEPTH} levels, aliases written out; write it shorter, without nested aliases"
            )
            return None
        self.file.values[path] = _mark(node)
        tag = str(node.tag)
        if not tag.startswith(_CORE) or tag.removeprefix(_CORE) not in _PLAIN:
            self.refuse(node, f"the tag {quoted(tag)} is not allowed; write a plain value")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node, tag.removeprefix(_CORE))
        if isinstance(node, SequenceNode):
            return [self.value(part, (*path, i), depth + 1) for i, part in enumerate(node.value) if not self.stopped]
        return self.mapping(node, path, depth) if isinstance(node, MappingNode) else None

    def mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if self.stopped:
                break
            if not isinstance(key_node, ScalarNode) or str(key_node.tag) == f"{_CORE}merge":
                self.refuse(key_node, "a key must be a plain word; merge keys and keys made of lists are not allowed")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in found:
                first = self.file.keys[here][0]
                self.refuse(key_node, f"{key}: this key stands twice, first on line {first}; keep one")
                continue
            self.file.keys[here] = _mark(key_node)
            found[key] = self.value(value_node, here, depth + 1)
        return found

    def scalar(self, node: ScalarNode, tag: str) -> Any:
        text = str(node.value)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag == "int" and _INT.fullmatch(text):
            return int(text)
        if tag in ("int", "float"):
            number = float(text) if _FLOAT.fullmatch(text) else math.nan
            if math.isfinite(number):
                return number
            self.refuse(node, f"{quoted(text)} is not a usable number; write it in plain decimals, or in quotes if it is a text")
            return None
        return text


def _mark(node: Node) -> tuple[int, int]:
    mark = node.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _flat(text: str) -> str:
    return " ".join(text.split())[:200]
