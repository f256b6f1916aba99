"""What a job title says of its bearer: rank and department, by phrases in any language. Titles and phrases are compared as `fold_words` makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from crmsync.decide.words import fold_words

HELPERS = "assistant"
"""The rank of those who work for somebody of another rank: a title of theirs is of no other rank."""
LONGEST = 4
"""Words of a phrase that is looked up; longer ones are searched for."""
_STAR = "\ua729"
"""A letter of no living language: stands for `*` while a phrase is folded."""
_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "đ": "d", "Đ": "D"})
"""Letters that are no accented ones to Unicode, and are left out by the same people."""
_STRUCK = "\x00"
"""Stands for words that were struck out: no phrase reaches across."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """Phrases to look for. whole: of at most LONGEST words each, blanks between. starts, ends, inner: what single words begin with, end with, or
    hold (`abteilungs*`, `*leiter`, `*marketing*`). loose: all other phrases with a `*`, as one expression."""

    whole: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    loose: re.Pattern[str] | None = None

    def word(self, word: str) -> bool:
        """Whether one of the single words with a `*` fits."""
        return word.startswith(self.starts) or word.endswith(self.ends) or (bool(self.inner) and any(part in word for part in self.inner))


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """ranks, departments: class -> its phrases. without: class -> phrases that are struck out of a title first."""

    ranks: Mapping[str, Phrases] = field(default_factory=dict)
    departments: Mapping[str, Phrases] = field(default_factory=dict)
    without: Mapping[str, Phrases] = field(default_factory=dict)


def phrases(texts: Iterable[str]) -> Phrases:
    """Phrases as an admin writes them; `*` stands for any letters of a word."""
    whole: set[str] = set()
    loose: set[str] = set()
    single: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    for text in texts:
        words = _folded(text.replace("*", _STAR)).split()
        bare = "".join(words).strip(_STAR)
        if not bare:
            continue  # nothing but stars would be every title
        if "*" not in text and len(words) <= LONGEST:
            whole.add(" ".join(words))
        elif len(words) == 1 and _STAR not in bare:
            first, last = words[0].startswith(_STAR), words[0].endswith(_STAR)
            single[2 if first and last else 1 if first else 0].add(bare)
        else:
            loose.add(" ".join(re.escape(w).replace(_STAR, r"\w*") for w in words))
    starts, ends, inner = (tuple(sorted(found)) for found in single)
    return Phrases(
        whole=frozenset(whole),
        starts=starts,
        ends=ends,
        inner=inner,
        loose=re.compile(f"(?<= )(?:{'|'.join(sorted(loose))})(?= )") if loose else None,
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


def _found(words: tuple[str, ...], known: Phrases) -> bool:
    if not known.whole.isdisjoint(_runs(words)) or any(map(known.word, words)):
        return True
    return known.loose is not None and known.loose.search(f" {' '.join(words)} ") is not None


def _struck(words: tuple[str, ...], known: Phrases) -> tuple[str, ...]:
    """The title without these phrases, the longest first."""
    text = f" {' '.join(words)} "
    if known.loose is not None:
        text = known.loose.sub(_STRUCK, text)
    for run in sorted(known.whole & _runs(words), key=len, reverse=True):
        text = text.replace(f" {run} ", f" {_STRUCK} ")
    return tuple(_STRUCK if known.word(word) else word for word in text.split())


@lru_cache(maxsize=8192)
def _runs(words: tuple[str, ...]) -> frozenset[str]:
    """Every run of at most LONGEST words."""
    return frozenset(" ".join(words[at:end]) for at in range(len(words)) for end in range(at + 1, min(at + LONGEST, len(words)) + 1))
