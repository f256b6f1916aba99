"""Business hours of the organisation, as every user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmsync.model.week import Week
from crmsync_salesforce.hours import week

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def row(**days: tuple[str | None, str | None]) -> dict[str, str | None]:
    closed: dict[str, tuple[str | None, str | None]] = dict.fromkeys(DAYS, (None, None))
    return {f"{day}{end}Time": times[at] for day, times in {**closed, **days}.items() for at, end in enumerate(("Start", "End"))}


@pytest.mark.parametrize(
    ("days", "spans"),
    [
        ({"Monday": ("09:00:00.000Z", "17:30:00.000Z"), "Sunday": ("10:00:00", "12:00:00Z")}, ((0, 540, 1050), (6, 600, 720))),
        ({"Monday": ("00:00:00.000Z", "00:00:00.000Z")}, ((0, 0, 1440),)),
        ({"Monday": ("18:00:00.000Z", "00:00:00.000Z")}, ((0, 1080, 1440),)),
        ({"Monday": ("17:00:00.000Z", "09:00:00.000Z"), "Friday": ("08:00:00.000Z", None)}, None),
        ({"Monday": ("25:00:00.000Z", "later"), "Friday": ("9", "17")}, None),
        ({}, None),
    ],
)
def test_a_row_becomes_a_week_of_local_minutes(days: dict[str, tuple[str | None, str | None]], spans: Any) -> None:
    found = week(row(**days))
    assert found == (Week(spans=spans, shared=True) if spans else None)


def test_everybody_has_the_default_hours_by_one_call(simulator: Any, connect: Callable[..., Any]) -> None:
    simulator.seed(users=[{"email": "ann@acme.example", "time_zone": "Europe/Vienna"}], people=[])
    connector = connect(simulator)
    found = {user.email: user for user in connector.users()}
    assert connector.calls() == 3, "users, business hours, queues"
    ann = found["ann@acme.example"]
    assert ann.hours is not None
    assert ann.hours.shared
    assert ann.hours.always, "as in a new org"
    (default,) = simulator.all("BusinessHours")
    simulator.edit("BusinessHours", default["Id"], row(Tuesday=("08:00:00.000Z", "16:00:00.000Z")))
    other = {"Name": "Night", "IsActive": True, "IsDefault": False, "TimeZoneSidKey": "Asia/Tokyo"}
    night = simulator.create("BusinessHours", {**other, **row(Tuesday=("00:00:00.000Z", "04:00:00.000Z"))})
    ann = {user.email: user for user in connector.users()}["ann@acme.example"]
    assert (ann.time_zone, ann.hours) == ("Europe/Vienna", Week(spans=((1, 480, 960),), shared=True))
    simulator.edit("BusinessHours", default["Id"], {"IsDefault": False})
    simulator.edit("BusinessHours", night, {"IsDefault": True})
    assert {user.hours for user in connector.users() if user.kind == "person"} == {Week(spans=((1, 0, 240),), shared=True)}


def test_users_are_known_where_business_hours_are_refused(simulator: Any, connect: Callable[..., Any]) -> None:
    refused = [{"errorCode": "INVALID_TYPE", "message": "sObject type 'BusinessHours' is not supported."}]
    simulator.faults.add({"path": "FROM.BusinessHours", "times": None, "do": "status", "status": 400, "body": refused})
    found = connect(simulator).users()
    assert found
    assert {user.hours for user in found} == {None}
