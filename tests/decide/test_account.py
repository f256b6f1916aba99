"""Who is whose colleague (S7), and when engagement has moved."""

from __future__ import annotations

import pytest

from crmsync.decide.account import account_of, engagement_moved
from crmsync.decide.condition import Lists
from crmsync.model.record import Value

LISTS = Lists(free=frozenset({"gmail.com"}), disposable=frozenset({"trash.example"}))


@pytest.mark.parametrize(
    ("email", "company", "domain", "account"),
    [
        ("ann@acme.example", None, None, "domain:acme.example"),
        ("ann@Mail.Acme.example", None, None, "domain:mail.acme.example"),
        ("ann@gmail.com", None, None, None),
        ("ann@eu.gmail.com", None, None, None),
        ("ann@trash.example", None, None, None),
        (None, None, None, None),
        ("no address", None, None, None),
        ("ann@gmail.com", "c1", None, "company:c1"),
        ("ann@other.example", "c1", None, "company:c1"),  # whom she works for is known; her address may be of anything
        ("ann@gmail.com", "c1", "https://www.acme.example/de", "domain:acme.example"),
        ("ann@acme.example", "c1", "gmail.com", "company:c1"),
        ("ann@acme.example", None, 7, "domain:acme.example"),
    ],
)
def test_s7_account(email: str | None, company: str | None, domain: Value, account: str | None) -> None:
    assert account_of({"email": email}, company, domain, LISTS) == account


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [(0, 3, True), (3, 0, True), (3, -9, True), (0, -9, False), (20, 24.9, False), (20, 25, True), (20, 15, True), (20, 20, False)],
)
def test_s7_engagement_moves_by_steps(before: float, now: float, moved: bool) -> None:
    assert engagement_moved(before, now, 5.0) is moved
