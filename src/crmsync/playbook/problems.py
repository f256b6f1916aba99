"""Problems of configuration files: collected, with file, line, column and the fix, and raised together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from crmsync.errors import ConfigError

Path = tuple[str | int, ...]
"""Keys and list indexes from the root of a file to a value."""

SHOWN = 80
"""Characters of an admin's own text that a message repeats."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing wrong in one place. line and column count from 1; file is relative to the home folder."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(slots=True)
class Problems:
    """All problems of one load. `fail` raises one ConfigError that holds each of them once, in file order."""

    found: list[Problem] = field(default_factory=list)

    def add(self, file: str, at: tuple[int, int], message: str) -> None:
        problem = Problem(file=file, line=at[0], column=at[1], message=message)
        if problem not in self.found:
            self.found.append(problem)

    def fail(self) -> None:
        if self.found:
            raise ConfigError("\n".join(str(problem) for problem in sorted(self.found)))


def quoted(value: object) -> str:
    """An admin's value for a message: on one line, shortened."""
    text = str(value).replace("\r", " ").replace("\n", " ")
    return f'"{text[:SHOWN]}…"' if len(text) > SHOWN else f'"{text}"'


def close(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, whatever the case, or None."""
    by_fold: dict[str, str] = {}
    for name in known:
        by_fold.setdefault(name.casefold(), name)
    near = get_close_matches(word[:SHOWN].casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None


def one_of(word: str, known: Iterable[str], *, limit: int = 20) -> str:
    """`use one of a, b, c (did you mean a?)`: the fix for a word that is not known."""
    names = list(dict.fromkeys(known))
    guess = close(word, names)
    listed = ", ".join(names[:limit]) + (" …" if len(names) > limit else "")
    return f"use one of {listed}" + (f" (did you mean {guess}?)" if guess else "")
