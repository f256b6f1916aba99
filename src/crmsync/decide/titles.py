"""What a job title says of its bearer: rank and department, by phrases in any language. Titles and phrases are compared as `fold_words` makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from crmsync.decide.words import fold_words

HELPERS = "assistant"
"""The rank of those who work for somebody of another rank: a title of theirs is of no other rank."""
_STAR = "\ua729"
"""A letter of no living language: stands for `*` while a phrase is folded."""
_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "đ": "d", "Đ": "D"})
"""Letters that are no accented ones to Unicode, and are left out by the same people."""
_STRUCK = "\x00"
"""Stands for words that were struck out: no phrase reaches across."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phrases:
    """Phrases to look for. words: of one word each; starts, ends, inner: what single words begin with, end with, or hold (`abteilungs*`, `*leiter`,
    `*marketing*`). runs: first word -> phrases of several words that begin with it, a blank on either side. loose: first word ("" for one
    with a `*`) -> expressions for phrases of several words with a `*`. Two are never equal, so that they are quickly told apart."""

    words: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loose: Mapping[str, re.Pattern[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """ranks, departments: class -> its phrases. without: class -> phrases that are struck out of a title first."""

    ranks: Mapping[str, Phrases] = field(default_factory=dict)
    departments: Mapping[str, Phrases] = field(default_factory=dict)
    without: Mapping[str, Phrases] = field(default_factory=dict)


def phrases(texts: Iterable[str]) -> Phrases:
    """Phrases as an admin writes them; `*` stands for any letters of a word."""
    single: dict[str, set[str]] = {"": set(), "start": set(), "end": set(), "inner": set()}
    runs: dict[str, set[str]] = {}
    loose: dict[str, set[str]] = {}
    for text in texts:
        words = _folded(text.replace("*", _STAR)).split()
        bare = "".join(words).strip(_STAR)
        if not bare:
            continue  # nothing but stars would be every title
        first, last = words[0].startswith(_STAR), words[-1].endswith(_STAR)
        if len(words) == 1 and _STAR not in bare:
            single["inner" if first and last else "end" if first else "start" if last else ""].add(bare)
        elif "*" not in text:
            runs.setdefault(words[0], set()).add(f" {' '.join(words)} ")
        else:
            loose.setdefault("" if _STAR in words[0] else words[0], set()).add(" ".join(re.escape(w).replace(_STAR, r"\w*") for w in words))
    return Phrases(
        words=frozenset(single[""]),
        starts=tuple(sorted(single["start"])),
        ends=tuple(sorted(single["end"])),
        inner=tuple(sorted(single["inner"])),
        runs={word: tuple(sorted(found, key=len, reverse=True)) for word, found in runs.items()},
        loose={word: re.compile(f"(?<= )(?:{'|'.join(sorted(found))})(?= )") for word, found in loose.items()},
    )


def _folded(text: str) -> str:
    return fold_words(text if text.isascii() else text.translate(_LETTERS))


def titled(title: str, wanted: Iterable[str], titles: Titles) -> bool:
    """Whether a title is of one of these ranks or departments. A helper's title ("Assistant to the CEO") is of no other rank, but of a department. A
    class that nobody defined has no titles."""
    words = _words(title)
    for name in wanted:
        if name in titles.departments and _of(words, name, titles.departments, titles):
            return True
        if (
            name in titles.ranks
            and _of(words, name, titles.ranks, titles)
            and (name == HELPERS or not _of(words, HELPERS, titles.ranks, titles))
        ):
            return True
    return False


@lru_cache(maxsize=8192)
def _words(title: str) -> tuple[str, ...]:
    return tuple(_folded(title).split())


def _of(words: tuple[str, ...], name: str, classes: Mapping[str, Phrases], titles: Titles) -> bool:
    known = classes.get(name)
    if known is None:
        return False
    without = titles.without.get(name)
    if without is not None and _found(words, without):
        words = _struck(words, without)
    return _found(words, known)


@lru_cache(maxsize=65536)
def _is(known: Phrases, word: str) -> bool:
    """Whether one word alone is such a phrase. Titles are many, their words are few."""
    alone = word in known.words or word.startswith(known.starts) or word.endswith(known.ends)
    return alone or any(part in word for part in known.inner)


def _found(words: tuple[str, ...], known: Phrases) -> bool:
    for word in words:
        if _is(known, word):
            return True
    text = ""
    for word in words:
        if word in known.runs or word in known.loose:
            text = text or f" {' '.join(words)} "
            if any(run in text for run in known.runs.get(word, ())) or (word in known.loose and known.loose[word].search(text)):
                return True
    return "" in known.loose and known.loose[""].search(f" {' '.join(words)} ") is not None


def _struck(words: tuple[str, ...], known: Phrases) -> tuple[str, ...]:
    """The title without these phrases, the longest first."""
    text = f" {' '.join(words)} "
    for pattern in (known.loose[word] for word in ("", *words) if word in known.loose):
        text = pattern.sub(_STRUCK, text)
    for run in sorted({run for word in words for run in known.runs.get(word, ())}, key=len, reverse=True):
        text = text.replace(run, f" {_STRUCK} ")
    return tuple(_STRUCK if _is(known, word) else word for word in text.split())
