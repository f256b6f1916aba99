"""What several of the files have in common: names, numbers, texts, and the base of every model."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict, JsonValue

NAME = r"^[a-z][a-z0-9_]{0,59}$"


def _window(working: str) -> str:
    """The pattern of a number and a unit. Some decades at most: moments beyond a calendar's end are nobody's deadline, and break whatever reckons with them."""
    units = ((6, "(minute|min)"), (5, "hour"), (4, "day"), (3, "week"))
    return rf"^\s*({'|'.join(rf'[0-9]{{1,{digits}}}([.][0-9]+)?[ ]+{working}{unit}s?' for digits, unit in units)})\s*$"


DURATION, WORKING, PLAIN = _window("(working[ ]+)?"), _window("working[ ]+"), _window("")
CLOCK = r"^([01]?\d|2[0-4]):[0-5]\d$"
STAGE = Literal["subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "nurture", "disqualified"]
MQL_TYPE = Literal["direct_request", "pre_qualified", "content_download", "browser"]
DAY = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

HouseName = Annotated[str, Field(pattern=NAME)]
"""Lower-case letters, digits and underscores: how house fields, signals and rules are named."""
Text = Annotated[str, Field(min_length=1, max_length=500)]
Points = Annotated[float, Field(ge=-1000, le=1000)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(gt=0, le=3650)]
Scalar = str | int | float | bool


def _text(value: object) -> object:
    """Ids and option values may look like numbers; they are texts all the same."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _texts(value: object) -> object:
    return [_text(part) for part in value] if isinstance(value, list) else _text(value)


NativeText = Annotated[str, BeforeValidator(_text), Field(max_length=500)]
Words = Annotated[str | list[str], BeforeValidator(_texts)]


class Strict(BaseModel):
    """Unknown keys are errors; numbers in quotes are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def snippets(**bodies: JsonValue) -> JsonDict:
    """For editors that complete YAML: label -> what is written where such a mapping may stand."""
    return {"defaultSnippets": [{"label": label.replace("_", " "), "body": body} for label, body in bodies.items()]}


def compiles(pattern: str) -> str:
    """The pattern itself. Raises ValueError when it is no regular expression."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of would change its meaning with a later Python
            re.compile(pattern)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ValueError(f"the regular expression does not compile ({error}); correct it") from None
    return pattern


EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
"""What is taken for an e-mail address of a user; whether there is such a user is told by `check --live`."""


Pattern = Annotated[Text, AfterValidator(compiles)]
"""A regular expression."""


def words(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def minutes_of(clock: str) -> int:
    """Minutes after midnight of "HH:MM"."""
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def plain_minutes(text: str) -> float:
    """Minutes of a duration that matches PLAIN, like "15 minutes" or "1.5 days"."""
    number, unit = text.split(maxsplit=1)
    return float(number) * _PLAIN[unit.strip().removesuffix("s")]


_PLAIN = {"minute": 1, "min": 1, "hour": 60, "day": 1440, "week": 10_080}
