"""How alike two company names are (process.md R1), less what differs between two spellings of one and the same. Pure.

Of a threshold of 90: the score of two names of n letters that differ by one typing error is 100 - 100/n, so one error passes from ten letters on; a further
word of k letters costs 100 (k+1) / (2n+k+1), so in a name of under 18 letters no word of three or more passes. Short names have to be equal: an owner
who gets a stranger's lead costs more than a lead that goes to the pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from rapidfuzz import fuzz

from crmsync.decide.company import LEGAL_FORMS
from crmsync.decide.words import fold_words
from crmsync.model.record import Value

ALIKE = 90.0
"""From this score on two names are taken for one where an admin says nothing else."""
_BETWEEN = frozenset({"and", "und", "et", "y", "e", "og", "och"})
_LONGEST_FORM = 4
"""Words that a legal form may be spelled in ("sp z o o")."""
_LONG_ENOUGH = 5
_PREFIX = 4


@lru_cache(maxsize=16_384)
def name_key(name: Value) -> str:
    """A company's name as it is compared: case, accents, punctuation, legal forms at the end, "the" and words for "and" left out; "ACME, S. A." is "acme". A
    name that is nothing else stays as it is; "" where there is none."""
    words = fold_words(name).split() if isinstance(name, str) else []
    kept = [word for word in words if word not in _BETWEEN] or words
    while len(kept) > 1 and (length := _form(kept)):
        kept = kept[:-length]
    if len(kept) > 1 and kept[0] == "the":
        kept = kept[1:]
    return " ".join(kept)


def likeness(left: Value, right: Value) -> float:
    """How alike two names are: 100 the same, 0 nothing in common or a name is missing. The order of words and blanks between them do not count. Names with
    other numbers in them are of two companies: 0."""
    return key_likeness(name_key(left), name_key(right))


def key_likeness(left: str, right: str) -> float:
    """The same of two keys as `name_key` makes them."""
    if not left or not right or _numbers(left) != _numbers(right):
        return 0.0
    if left == right:
        return 100.0
    by_word, whole = fuzz.token_sort_ratio(left, right), (left.replace(" ", ""), right.replace(" ", ""))
    # Blanks are forgiven, further words are not.
    return max(by_word, fuzz.ratio(*whole)) if abs(len(whole[0]) - len(whole[1])) <= 1 else by_word


def finders(key: str) -> Iterator[str]:
    """Words by which names like this one are found, of which two names that are alike nearly always share one: the key itself (after "="), its words, two in a
    row, how longer words begin (after "~"), and the key without blanks (after "+")."""
    if not key:
        return
    words = key.split()
    yield f"={key}"
    yield f"+{''.join(words)}"
    yield from words
    yield from (" ".join(sorted(pair)) for pair in pairwise(words))
    yield from (f"~{word[:_PREFIX]}" for word in words if len(word) >= _LONG_ENOUGH)


def _form(words: list[str]) -> int:
    """How many words at the end are a legal form; 0: none. At least one word is left."""
    for length in range(min(_LONGEST_FORM, len(words) - 1), 0, -1):
        part = words[-length:]
        if "".join(part) in LEGAL_FORMS and (length == 1 or all(len(word) <= 2 for word in part)):
            return length
    return 0


def _numbers(key: str) -> list[str]:
    return sorted(word for word in key.split() if word.isdigit())
