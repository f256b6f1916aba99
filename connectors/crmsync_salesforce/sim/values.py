"""One value on its way into a field: type, length, syntax, picklist. Out of it comes the form that the API prints."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

from crmsync_salesforce.sim.clock import parse_day, parse_moment, stamp
from crmsync_salesforce.sim.errors import SalesforceError, malformed_id
from crmsync_salesforce.sim.fields import DECIMAL_TYPES, SOAP_TYPES, TEXT_TYPES, Field
from crmsync_salesforce.sim.ids import normalise_id

EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")


def unreadable(field: Field, value: Any, column: int | None) -> SalesforceError:
    """A value of the wrong type: JSON fails as a whole, a CSV cell fails its row. [R:nango; R:amp-labs partial-failure]"""
    kind = SOAP_TYPES.get(field.type, "xsd:string").removeprefix("xsd:")
    if column is not None:
        text = f"Failed to deserialize field at col {column}. Due to, '{value}' is not a valid value for the type xsd:{kind}"
        return SalesforceError("INVALID_FIELD", text, fields=[field.name])
    token = {bool: "VALUE_TRUE" if value else "VALUE_FALSE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}
    shown = token.get(type(value), "VALUE_STRING" if isinstance(value, str) else "START_OBJECT")
    text = (
        f"Cannot deserialize instance of {kind} from {shown} value {value} or request may be missing a required field at [line:1, column:1]"
    )
    return SalesforceError("JSON_PARSER_ERROR", text)


def coerce(field: Field, value: Any, *, column: int | None = None, trim: bool = True) -> Any:
    """The canonical stored form of an incoming value. Raises SalesforceError.

    Text is trimmed and empty text is null [GK]; decimals are floats (35 comes out as 35.0); date-times are UTC strings of
    one-second resolution, times of day end in Z though they are local; ids have 18 characters. Aware `datetime` and `date` objects are taken too (the Python face).
    """
    if value is None or value == "":
        return False if field.type == "boolean" and value is None else None
    if field.type in TEXT_TYPES:
        return _text(field, value, column, trim)
    if field.type == "boolean":
        return _boolean(field, value, column)
    if field.type == "int" or field.type in DECIMAL_TYPES:
        return _number(field, value, column)
    try:
        if field.type == "date":
            return (value if isinstance(value, date) else parse_day(value)).isoformat()[:10]
        if field.type == "datetime":
            if not isinstance(value, datetime) and "T" not in value:
                raise ValueError(value)
            return stamp(value if isinstance(value, datetime) else parse_moment(value))
        if field.type == "time":
            return f"{time.fromisoformat(value).replace(tzinfo=None).isoformat('milliseconds')}Z"
    except (ValueError, TypeError, AttributeError):
        raise unreadable(field, value, column) from None
    if field.type in ("reference", "id"):
        found = normalise_id(value) if isinstance(value, str) else None
        if found is None:
            raise malformed_id(str(value))
        return found
    return value


def _text(field: Field, value: Any, column: int | None, trim: bool) -> str | None:
    if not isinstance(value, str):
        raise unreadable(field, value, column)
    text = value.strip() if trim else value
    if not text:
        return None
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", message, fields=[field.name])
    if field.type == "email" and EMAIL.fullmatch(text) is None:
        raise SalesforceError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", fields=[field.name])
    if field.restricted and field.picklist:
        parts = text.split(";") if field.type == "multipicklist" else [text]
        for part in parts:
            if not field.allowed(part):
                message = f"{field.label}: bad value for restricted picklist field: {part}"
                raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[field.name])
    return text


def _boolean(field: Field, value: Any, column: int | None) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false", "1", "0"):
        return value.strip().lower() in ("true", "1")
    raise unreadable(field, value, column)


def _number(field: Field, value: Any, column: int | None) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unreadable(field, value, column)
    try:
        number = float(value)
    except ValueError:
        raise unreadable(field, value, column) from None
    if field.type == "int":
        if number != int(number):
            raise unreadable(field, value, column)
        if abs(number) >= 10 ** (field.digits or 9):
            raise _out_of_range(field, value)
        return int(number)
    whole = (field.precision or 18) - field.scale
    if number != number or abs(number) >= 10**whole:
        raise _out_of_range(field, value)
    return round(number, field.scale)


def _out_of_range(field: Field, value: Any) -> SalesforceError:
    message = f"{field.label}: value outside of valid range on numeric field: {value}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[field.name])
