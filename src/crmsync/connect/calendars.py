"""Reads a calendar that is published at a web address. The address is a secret: whoever knows it reads the calendar. It stands in no message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

LARGEST = 5_000_000
"""Bytes of a calendar that are read."""
SECONDS = 30.0
"""How long reading takes at most, and a little longer when the other end falls silent."""
CONNECT_SECONDS, SILENT_SECONDS = 5.0, 10.0
_ETAG_LENGTH = 200


class CalendarError(Exception):
    """A calendar could not be read; says why, and never from where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """text: None when the calendar is as it was when `etag` was given. etag: to give next time ("": none)."""

    text: str | None
    etag: str


def read_calendar(address: str, etag: str = "", *, monotonic: Callable[[], float] = time.monotonic) -> Reading:
    """What stands at that address, which `checked_address` has accepted. Follows no redirect. Raises: CalendarError."""
    import requests

    headers = {"Accept": "text/calendar, */*;q=0.1", "Accept-Encoding": "identity", **({"If-None-Match": etag} if etag else {})}
    ends = monotonic() + SECONDS
    try:
        with requests.get(
            address, headers=headers, auth=_as_it_is, timeout=(CONNECT_SECONDS, SILENT_SECONDS), allow_redirects=False, stream=True
        ) as response:
            if response.status_code == 304 and etag:
                return Reading(text=None, etag=etag)
            if response.is_redirect or response.is_permanent_redirect:
                raise CalendarError(f"its address leads to another one ({response.status_code}); enter that one")
            if response.status_code != 200:
                raise CalendarError(f"its address answered {response.status_code}")
            body = _body(response, ends, monotonic)
            told = response.headers.get("ETag", "")
    except (requests.RequestException, OSError, ValueError) as error:
        raise CalendarError(f"its address gave no answer ({type(error).__name__})") from None
    except Exception as error:
        if isinstance(error, CalendarError):
            raise
        raise CalendarError(f"its address gave no sound answer ({type(error).__name__})") from None
    usable = len(told) <= _ETAG_LENGTH and told.isascii() and told.isprintable()
    return Reading(text=body.decode("utf-8-sig", "replace"), etag=told if usable else "")


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """No credentials: without this, requests would look for some in ~/.netrc."""
    return request


def _body(response: Response, ends: float, monotonic: Callable[[], float]) -> bytes:
    """As it comes: what is compressed unasked could be of any size."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise CalendarError("its address sends it compressed, unasked")
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(65_536, decode_content=False):
        size += len(part)
        if size > LARGEST:
            raise CalendarError(f"it is larger than {LARGEST // 1_000_000} MB")
        if monotonic() > ends:
            raise CalendarError(f"it did not come within {SECONDS:.0f} seconds")
        parts.append(part)
    return b"".join(parts)
