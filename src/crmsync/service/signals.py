"""`POST /signals`: what a website or product tells of persons, checked as a whole and kept once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from crmsync.decide.asked import conditions_of
from crmsync.decide.condition import signals_of
from crmsync.decide.signals import ANSWER_LENGTH, ANSWERS, DETAIL_LIMIT
from crmsync.engine.events import Taken, take_signals
from crmsync.errors import CrmsyncError
from crmsync.model.link import Signal, SignalSource
from crmsync.model.rules import Playbook
from crmsync.store import Store

AT_ONCE = 1_000
"""Signals in one request."""
BYTES = 1_000_000
"""Of one request's body."""
AHEAD = timedelta(days=1)
"""How far a sender's clock may be ahead."""
_KEYS = frozenset({"email", "crmsync_key", "type", "at", "id", "detail"})
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,185}")
_LENGTHS = {"id": 200, "crmsync_key": 100}


class SignalsRefusedError(CrmsyncError):
    """The body says something that is no signal; nothing of it was kept. `at`: the place in the list, None for the body itself."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    email: str
    key: str
    signal: Signal


def take(store: Store, body: bytes, now: datetime, used: frozenset[str]) -> dict[str, Any]:
    """Keeps what the body tells and returns the documented answer: how many are `new`, `waiting` for a person nobody knows yet, `known` already,
    `unknown` (a key that is nobody's) or of `erased` persons, and names that no rule looks at (`unused`). used: names that rules look at.

    Raises: SignalsRefusedError, then nothing was kept; UnreachableError when the database does not answer."""
    given = _read(body, now)
    with store.begin():  # persons may be joined meanwhile
        persons = store.persons(sorted({one.key for one in given if one.key}))
        nobody = [one for one in given if one.key not in persons and not one.email]
        rows = [(one.email, one.signal) for one in given if one.key in persons or one.email]
        whose = {one.signal.event_id: one.key for one in given if one.key in persons}
        taken = take_signals(store, rows, persons=whose) if rows else Taken()
    return {
        "new": taken.new,
        "waiting": taken.waiting,
        "known": taken.known,
        "unknown": len(nobody),
        "erased": taken.erased,
        "unused": sorted({one.signal.type for one in given} - used),
    }


def _read(body: bytes, now: datetime) -> list[_Given]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SignalsRefusedError("the body is no JSON") from None
    rows = told if isinstance(told, list) else [told]
    if len(rows) > AT_ONCE:
        raise SignalsRefusedError(f"{len(rows)} signals in one request; send at most {AT_ONCE}")
    return [_one(row, place if rows is told else None, now) for place, row in enumerate(rows)]


def _one(row: object, place: int | None, now: datetime) -> _Given:
    if not isinstance(row, dict):
        raise SignalsRefusedError("a signal is an object", place)
    strange = sorted(set(row) - _KEYS)
    if strange:
        raise SignalsRefusedError(f"unknown key {strange[0][:60]!r}; known are {', '.join(sorted(_KEYS))}", place)
    text = {name: _text(row, name, place) for name in _KEYS}
    email, key = text["email"].strip().lower(), text["crmsync_key"].strip()
    if not email and not key:
        raise SignalsRefusedError("email or crmsync_key is needed", place)
    if email and not _EMAIL.fullmatch(email):
        raise SignalsRefusedError("email is no e-mail address", place)
    if not _TYPE.fullmatch(text["type"]):
        raise SignalsRefusedError("type is needed: small letters, digits and _, at most 60, such as trial_start", place)
    for name, most in _LENGTHS.items():
        if len(text[name]) > most:
            raise SignalsRefusedError(f"{name} has more than {most} characters", place)
    at = _moment(text["at"], place)
    if at > now + AHEAD:
        raise SignalsRefusedError("at is more than a day ahead", place)
    lines = [line.strip() for line in text["detail"].splitlines() if line.strip()] or [""]
    detail, answers = lines[0][:DETAIL_LIMIT], tuple(line[:ANSWER_LENGTH] for line in lines[1 : ANSWERS + 1])
    parts = ("id", text["id"]) if text["id"] else ("", email or key, text["type"], at.isoformat(), text["detail"])
    event_id = sha256("\x1f".join(("signals", *parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return _Given(
        email=email,
        key=key,
        signal=Signal(event_id=event_id, type=text["type"], at=at, detail=detail, source=SignalSource.API, answers=answers),
    )


def _text(row: Mapping[str, object], name: str, place: int | None) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SignalsRefusedError(f"{name} must be text", place)
    return value


def _moment(text: str, place: int | None) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SignalsRefusedError("at is needed: ISO 8601, such as 2026-03-01T09:00:00Z", place) from None


def used_signals(playbook: Playbook) -> frozenset[str]:
    """Names that a rule of the playbook looks at."""
    models = (playbook.score, *(segment.score for segment in playbook.segments))
    stages = playbook.stages
    named = (
        *(rule.signals for model in models for rule in model.behavior),
        *(model.express for model in models),
        *(rule.signals for rule in playbook.types),
        *(signals_of(condition) for condition in conditions_of(playbook)),
        stages.signals,
        stages.form_types,
        stages.straight_to_sql,
    )
    return frozenset(name for names in named for name in names)


def named_signals(playbook: Playbook) -> frozenset[str]:
    """Names that a rule looks at or that a map of the playbook makes: signals of any other type are nobody's."""
    made = (name for map in playbook.signals for name in map.types)
    told = (test.type for twin in playbook.twins.values() for test in twin.signals)
    return used_signals(playbook) | {*made, *told}
