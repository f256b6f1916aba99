"""Names that must be known elsewhere, and conditions: what the checks of playbook.yaml, followup.yaml and alerts.yaml have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from crmsync.model.condition import code_range
from crmsync.playbook.facts import FRAMEWORK_OF, Fact, misfit
from crmsync.playbook.problems import Path, one_of, quoted
from crmsync.playbook.schema_process import ListsFile
from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import EMAIL, words

LISTED = ("free", "disposable", "competitor", "target")
OTHERS = {"company": "companies", "deal": "deals"}
"""What else than persons conditions can look at."""

Add = Callable[..., None]
"""add(file, path, message, key=False)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the other files of a home name; None where the file that it comes from has errors of its own. signals: every signal that can come. facts: what
    conditions can name. sides: the CRMs that person.yaml names. lists: the content of lists.yaml. frameworks: those that are on."""

    signals: Sequence[str] | None = None
    facts: dict[str, Fact] | None = None
    sides: Collection[str] | None = None
    lists: ListsFile | None = None
    frameworks: Sequence[str] = field(default=())


class Names:
    """Checks of names in one file."""

    def __init__(self, file: str, names: Known, add: Add) -> None:
        self.file, self.names, self.add = file, names, add

    def tell(self, path: Path, message: str, *, key: bool = False) -> None:
        self.add(self.file, path, message, key=key)

    def known(self, path: Path, word: str, among: Iterable[str], what: str, *, key: bool = False) -> bool:
        names = list(among)
        if word in names:
            return True
        self.tell(
            path, f"{what} {quoted(word)}; {one_of(word, names) if names else 'there is none yet; define it or remove this'}", key=key
        )
        return False

    def once(self, at: Path, names: Sequence[str], what: str) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                self.tell((*at, i, "name"), f"{what} {quoted(name)}; rename one")

    def signals(self, path: Path, named: Sequence[str]) -> None:
        if self.names.signals is not None:
            for i, name in enumerate(named):
                self.known((*path, i), name, self.names.signals, "unknown signal")

    def email(self, path: Path, text: str | None, *, key: bool = False) -> None:
        """Whether somebody could be found by it."""
        if text is not None and not EMAIL.fullmatch(text.strip()):
            self.tell(path, f"{quoted(text)} is no e-mail address; write that of the user", key=key)

    def zone(self, path: Path, name: str) -> bool:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.tell(path, f"unknown time zone {quoted(name)}; write one like Europe/Berlin or America/New_York")
            return False
        return True

    def fact(self, path: Path, name: str, *, key: bool = False) -> bool:
        """Whether a field is known of persons at all."""
        facts = self.names.facts
        if facts is None:
            return False
        framework = FRAMEWORK_OF.get(name)
        if framework is not None and name not in facts:
            on = ", ".join([*self.names.frameworks, framework])
            self.tell(
                path, f"{name} is an answer of {framework.upper()}, which is off; write qualification: [{on}]{self._whither()}", key=key
            )
            return False
        kind = name.partition(".")[0]
        if kind in OTHERS and not any(known.startswith(f"{kind}.") for known in facts):
            fix = f"write on: true under {kind} in mappings/companies.yaml, or remove this"
            self.tell(path, f"{name} is not known, because nothing is read of {OTHERS[kind]}; {fix}", key=key)
            return False
        return self.known(path, name, facts, "unknown field", key=key)

    def _whither(self) -> str:
        return "" if self.file.endswith("playbook.yaml") else " in mappings/playbook.yaml"

    def condition(self, path: Path, when: When | None) -> None:
        """Every test and count of a condition."""
        for at, leaf in leaves(when, path) if when is not None else ():
            self.signals((*at, "signals"), leaf.signals or ())
            if leaf.field is not None:
                self.test(at, leaf)

    def test(self, path: Path, test: When) -> None:
        name, written = str(test.field), test.tests()[0]
        lists = self.names.lists
        for word in words(test.title_is):
            if lists is not None:
                self.known((*path, "title_is"), word, [*lists.titles, *lists.departments], "lists.yaml has no such class of titles:")
        for word in words(test.domain_in):
            if word not in LISTED and "." not in word:
                self.tell((*path, "domain_in"), f"unknown list {quoted(word)}; {one_of(word, LISTED)}, or a domain")
        if test.between is not None and not _a_range(*test.between):
            self.tell((*path, "between"), "the first must not be larger than the second, and both of one kind; correct them")
            return
        if self.fact((*path, "field"), name) and self.names.facts is not None:
            wrong = misfit(name, written, test.wanted(written), self.names.facts[name])
            if wrong:
                self.tell((*path, written), wrong)


def _a_range(low: int | float | str, high: int | float | str) -> bool:
    """Whether something can lie between them."""
    if isinstance(low, str) and isinstance(high, str):
        first, last = low.strip().casefold(), high.strip().casefold()
        codes = code_range(low, high)
        return codes[0] <= codes[1] if codes is not None else first <= last
    return not isinstance(low, str) and not isinstance(high, str) and low <= high


def leaves(when: When, path: Path) -> Iterator[tuple[Path, When]]:
    """Every test of a field and every count of signals in a condition, with its path in the file."""
    if when.field is not None or when.signals is not None:
        yield path, when
    if when.not_ is not None:
        yield from leaves(when.not_, (*path, "not"))
    for key, parts in (("all", when.all), ("any", when.any)):
        for i, part in enumerate(parts or ()):
            yield from leaves(part, (*path, key, i))
