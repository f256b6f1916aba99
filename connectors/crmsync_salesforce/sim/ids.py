"""Salesforce record ids: 3 characters of object prefix, a base-62 number, and a checksum of three for case-blind systems."""

from __future__ import annotations

from functools import lru_cache

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
UPPER_BITS = {code: "1" if 65 <= code <= 90 else "0" for code in range(128)}
CHECK_OF = {f"{bits:05b}"[::-1]: letter for bits, letter in enumerate(CHECK)}  # the first character is the lowest bit
INSTANCE = "ak"


def checksum(id15: str) -> str:
    """The three characters that make a 15-character id an 18-character one: which letters are upper-case."""
    bits = id15.translate(UPPER_BITS)
    return CHECK_OF[bits[:5]] + CHECK_OF[bits[5:10]] + CHECK_OF[bits[10:]]


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`-th record of the object with this key prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    id15 = f"{prefix}{INSTANCE}{digits.rjust(10, '0')}"
    return id15 + checksum(id15)


@lru_cache(maxsize=8192)  # one save asks several times
def normalise_id(value: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when the text cannot be an id."""
    if len(value) not in (15, 18) or not value.isalnum() or not value.isascii():
        return None
    full = value[:15] + checksum(value[:15])
    return full if len(value) == 15 or value == full else None
