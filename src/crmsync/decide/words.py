"""Texts as words, for comparison."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DOTTED = re.compile(r"(?<!\w)(?:\w\.){2,}\w?(?!\w)")
_BREAKS = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def fold_words(text: str) -> str:
    """Words of `text`, accents and case folded, initials joined ("C.E.O." is "ceo"), one blank around each: " vice president "."""
    folded = _DOTTED.sub(lambda m: m.group().replace(".", ""), text)
    if not folded.isascii():
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return f" {_BREAKS.sub(' ', folded.casefold()).strip()} "
