"""Jinja2 source of a text for tasks (process.md C4), read by what it may hold rather than by what it may not: text, merge fields, a few filters, `if`, and
`for` over a merge field that is a list. Nothing else is compiled, so nothing else can run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

SOURCE_LIMIT = 20_000
"""Characters of one text's source."""
NODES, DEPTH, NESTED = 400, 16, 4
"""Parts of one text, how deep they may stand in each other, and `if` and `for` in `if` and `for`."""
LISTS = frozenset({"answers"})
"""Merge fields that are lists: their value has a line for each item."""
FILTERS = ("default", "upper", "lower", "title", "first_word")
TESTS = ("defined", "undefined")
RESERVED = frozenset({"self", "loop", "super", "caller", "varargs", "kwargs", "range", "dict", "lipsum", "cycler", "joiner", "namespace"})
"""Names that mean something to Jinja2 itself: no merge fields."""
_MAY = "a text may hold merge fields, the filters " + ", ".join(FILTERS) + ", if, and for over a merge field that is a list"
_WORDS = {
    "Getattr": "attributes (a.b)", "Getitem": "subscripts (a[b])", "Call": "calls", "Macro": "macros", "CallBlock": "call blocks", "Import": "imports",
    "FromImport": "imports", "Include": "includes", "Extends": "extends", "Block": "blocks", "Assign": "set", "AssignBlock": "set", "With": "with",
    "FilterBlock": "filter blocks", "Slice": "subscripts (a[b])", "Concat": "joining (~)", "List": "lists", "Tuple": "lists", "Dict": "dictionaries",
}  # fmt: skip
_PLAIN = frozenset({"Template", "Output", "TemplateData", "CondExpr", "Not", "And", "Or", "Operand"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What a source must not hold. line: from 1 within that source."""

    line: int
    message: str


@dataclass(slots=True)
class Log:
    """What became of empty merge fields in one rendering. bare: printed without a default; fell_back: field -> what stood in for it."""

    bare: list[str] = field(default_factory=list)
    fell_back: dict[str, str] = field(default_factory=dict)


class Hole:
    """An empty merge field: false, no list items, kept by filters, and noted when a text would print it."""

    __slots__ = ("log", "name")

    def __init__(self, name: str, log: Log) -> None:
        self.name = name
        self.log = log

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __str__(self) -> str:
        self.log.bare.append(self.name)
        return ""


class Lines(tuple[str, ...]):
    """The items of a merge field that is a list; printed in one line."""

    __slots__ = ()

    def __str__(self) -> str:
        return "; ".join(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source that was read. fields: merge field -> the line of its first use. run: values of all of them -> the text in parts; None where there are flaws."""

    fields: Mapping[str, int]
    flaws: tuple[Flaw, ...]
    run: Callable[[Mapping[str, object]], Iterable[str]] | None


@lru_cache(maxsize=512)
def read_source(text: str) -> Source:
    """What the text of one subject or body holds; never raises. The same text is compiled once."""
    from jinja2 import TemplateError, TemplateSyntaxError

    if len(text) > SOURCE_LIMIT:
        return _flawed(1, f"longer than {SOURCE_LIMIT:,} characters; shorten it")
    environment = _environment()
    try:
        tree = environment.parse(text)
        look = _Look()
        look.at(tree, 0, 0)
        if look.flaws:
            return Source(fields=look.fields, flaws=tuple(look.flaws), run=None)
        compiled = environment.from_string(tree)
    except TemplateSyntaxError as error:
        return _flawed(error.lineno, f"not Jinja2: {_flat(error.message or '')}")
    except RecursionError:
        return _flawed(1, "nested too deeply")
    except (TemplateError, ValueError, TypeError, OverflowError, SyntaxError, MemoryError) as error:
        return _flawed(1, f"not Jinja2: {_flat(str(error)) or type(error).__name__}")
    return Source(fields=look.fields, flaws=(), run=compiled.generate)


def _flawed(line: int, message: str) -> Source:
    return Source(fields={}, flaws=(Flaw(line=max(line, 1), message=message),), run=None)


def _flat(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja2 with nothing in it: no loader, no globals, only our filters and tests."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Plain text: where a CRM wants HTML, all of it is escaped afterwards.
    made = ImmutableSandboxedEnvironment(loader=None, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0, finalize=_shown)
    made.globals.clear()
    made.filters.clear()
    made.filters.update(
        default=_default, upper=_kept(str.upper), lower=_kept(str.lower), title=_kept(str.title),
        first_word=_kept(lambda text: text.split(" ", 1)[0]),
    )  # fmt: skip
    made.tests.clear()
    made.tests.update(defined=lambda value: not isinstance(value, Hole), undefined=lambda value: isinstance(value, Hole))
    return made


def _shown(value: object) -> str:
    return str(value)


def _kept(change: Callable[[str], str]) -> Callable[[object], object]:
    """A filter of texts that lets an empty field pass as it is, so that a default can follow."""
    return lambda value: value if isinstance(value, Hole) else change(str(value))


def _default(value: object, other: object) -> object:
    if not isinstance(value, Hole):
        return value
    if not isinstance(other, Hole):
        value.log.fell_back.setdefault(value.name, str(other))
    return other


class _Look:
    """Looks at every part of a parsed source."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self.flaws: list[Flaw] = []
        self.bound: list[str] = []
        self.seen = 0

    def at(self, node: nodes.Node, depth: int, nested: int) -> None:
        """Notes the fields and flaws of a part and all in it. nested: how many `if` and `for` it stands in."""
        self.seen += 1
        if self.seen > NODES or depth > DEPTH or nested > NESTED:
            what = f"more than {NODES} parts" if self.seen > NODES else "nested too deeply"
            self.flaws = self.flaws or [Flaw(line=node.lineno or 1, message=f"{what}; shorten it")]
            return
        kind = type(node).__name__
        check = getattr(self, f"_{kind.lower()}", None)
        if check is not None:
            check(node, depth, nested)
        elif kind in _PLAIN:
            self._inner(node, depth, nested)
        else:
            self._flaw(node, f"{_WORDS.get(kind, 'such expressions')} cannot be used; {_MAY}")

    def _inner(self, node: nodes.Node, depth: int, nested: int) -> None:
        for inner in node.iter_child_nodes():
            self.at(inner, depth + 1, nested)

    def _flaw(self, node: nodes.Node, message: str) -> None:
        self.flaws.append(Flaw(line=node.lineno or 1, message=message))

    def _name(self, node: Any, depth: int, nested: int) -> None:
        if node.name in self.bound:
            return
        if node.name in RESERVED or node.name.startswith("_"):
            self._flaw(node, f"{_flat(node.name)[:40]} is no merge field; {_MAY}")
        else:
            self.fields.setdefault(node.name, node.lineno)

    def _const(self, node: Any, depth: int, nested: int) -> None:
        if not isinstance(node.value, str | bool):
            self._flaw(node, "numbers cannot be used; write a text in quotes")

    def _if(self, node: nodes.Node, depth: int, nested: int) -> None:
        self._inner(node, depth, nested + 1)

    def _compare(self, node: Any, depth: int, nested: int) -> None:
        if any(part.op not in ("eq", "ne") for part in node.ops):
            self._flaw(node, "only == and != compare; a merge field is a text")
        self._inner(node, depth, nested)

    def _test(self, node: Any, depth: int, nested: int) -> None:
        if node.name not in TESTS or node.args or node.kwargs:
            self._flaw(node, f"the test {_flat(node.name)[:40]} cannot be used; write `if field`, `is defined` or `is undefined`")
        self._inner(node, depth, nested)

    def _filter(self, node: Any, depth: int, nested: int) -> None:
        if node.name not in FILTERS or node.node is None:
            self._flaw(node, f"there is no filter {_flat(node.name)[:40]}; use one of {', '.join(FILTERS)}")
        elif node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None or len(node.args) != (node.name == "default"):
            self._flaw(node, 'write default("text") or default(other_field); the other filters take nothing')
        elif node.args and not _stands_in(node.args[0]):
            self._flaw(node, "default wants a text that is not empty, or another merge field: an empty one would leave a hole")
        self._inner(node, depth, nested)

    def _for(self, node: Any, depth: int, nested: int) -> None:
        over = node.iter.name if type(node.iter).__name__ == "Name" else ""
        if over not in LISTS or over in self.bound:
            self._flaw(node, f"for goes over a merge field that is a list: {', '.join(sorted(LISTS))}")
        elif self.bound or node.recursive or node.test is not None or type(node.target).__name__ != "Name":
            self._flaw(node, "for in for, recursive, with if, or with several names cannot be used")
        elif node.target.name in RESERVED or node.target.name.startswith("_"):
            self._flaw(node, f"choose another name than {_flat(node.target.name)[:40]}")
        else:
            self.at(node.iter, depth + 1, nested)
            self.bound.append(node.target.name)
            for inner in node.body:
                self.at(inner, depth + 1, nested + 1)
            self.bound.pop()
            for inner in node.else_:
                self.at(inner, depth + 1, nested + 1)


def _stands_in(node: Any) -> bool:
    """Whether a default can be printed: another field, or a text that shows."""
    return type(node).__name__ == "Name" or (isinstance(text := getattr(node, "value", None), str) and bool(text.strip()))
