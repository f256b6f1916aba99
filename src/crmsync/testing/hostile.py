"""A hostile CRM: does to values, pages and calls what real CRMs have been seen to do, all of it within the protocol.

What an engine must survive: texts cut and trimmed, e-mails lower-cased, numbers rounded, phones reformatted, emoji and lone surrogates dropped or
replaced, pages twice and out of order, one batch of many refused for the quota.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.connect.protocol import Cursor, Page
from crmsync.errors import QuotaError
from crmsync.model.record import Value
from crmsync.testing.memory import MemoryCrm

Rewrite = Callable[[str, Value], Value]
LIMIT = 255


def trims(name: str, value: Value) -> Value:
    return (value.strip() or None) if isinstance(value, str) else value


def cuts(name: str, value: Value) -> Value:
    """Keeps the first 255 characters of a text, without a word."""
    return value[:LIMIT] if isinstance(value, str) else value


def lowers_emails(name: str, value: Value) -> Value:
    return value.lower() if isinstance(value, str) and name == "email" else value


def rounds(name: str, value: Value) -> Value:
    """Numbers to two places, also those that arrive as text."""
    if isinstance(value, float):
        return round(value, 2)
    return value


def formats_phones(name: str, value: Value) -> Value:
    """+14085550100 becomes (408) 555-0100, as a phone field of an American CRM shows it."""
    digits = re.sub(r"\D", "", value) if isinstance(value, str) and name == "phone" else ""
    if re.fullmatch(r"1?\d{10}", digits):
        return f"({digits[-10:-7]}) {digits[-7:-4]}-{digits[-4:]}"
    return value


def replaces_surrogates(name: str, value: Value) -> Value:
    """A lone half of a surrogate pair is no text: it is stored as a question mark."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def drops_emoji(name: str, value: Value) -> Value:
    """A database of three-byte characters."""
    return re.sub("[\U00010000-\U0010ffff]", "?", value) if isinstance(value, str) else value


RUDE: tuple[Rewrite, ...] = (replaces_surrogates, cuts, trims, lowers_emails, rounds)
"""What every hostile CRM does; a test adds `formats_phones` or `drops_emoji`."""


def chain(rewrites: Sequence[Rewrite]) -> Rewrite:
    """One rewrite that does all, in order."""

    def rewrite(name: str, value: Value) -> Value:
        for step in rewrites:
            value = step(name, value)
        return value

    return rewrite


@dataclass(slots=True, kw_only=True)
class HostileCrm(MemoryCrm):
    """A MemoryCrm whose pages come twice and out of order. quota_every: each so-manieth write call is refused for the quota (0: never)."""

    quota_every: int = 0
    write_calls: int = field(default=0)

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        """Every page twice, its records in a different order the second time; the cursor moves only after the repetition."""
        before: Mapping[str, Any] = dict(cursor) if cursor is not None else {"tick": 0}
        for page in MemoryCrm.pull(self, object, fields, cursor, now):
            yield Page(records=tuple(reversed(page.records)), cursor=before, last=False)
            yield page
            before = page.cursor

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        if name == "write":
            self.write_calls += 1
            if self.quota_every and self.write_calls % self.quota_every == 0:
                self.call_count += 1
                raise QuotaError(f"{self.name} has no calls left at the moment", side=self.name)
        return MemoryCrm._call(self, name, work)


def hostile(*, rewrites: Sequence[Rewrite] = RUDE, **options: Any) -> HostileCrm:
    """A hostile CRM; options are those of HostileCrm and MemoryCrm."""
    return HostileCrm(rewrite=chain(rewrites), **options)
