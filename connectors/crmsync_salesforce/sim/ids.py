"""Salesforce record ids: 3 characters of object prefix, a base-62 number, and a checksum of three for case-blind systems."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
INSTANCE = "ak"


def checksum(id15: str) -> str:
    """The three characters that make a 15-character id an 18-character one: which letters are upper-case."""
    suffix = ""
    for start in (0, 5, 10):
        bits = 0
        for offset in range(5):
            if "A" <= id15[start + offset] <= "Z":
                bits |= 1 << offset
        suffix += CHECK[bits]
    return suffix


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`-th record of the object with this key prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    id15 = f"{prefix}{INSTANCE}{digits.rjust(10, '0')}"
    return id15 + checksum(id15)


def normalise_id(value: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when the text cannot be an id."""
    if len(value) not in (15, 18) or not value.isalnum() or not value.isascii():
        return None
    full = value[:15] + checksum(value[:15])
    return full if len(value) == 15 or value == full else None
