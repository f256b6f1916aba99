"""What is said to contradict itself holds for nobody, and what is said to cover takes all: held against the conditions as they are judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from random import Random

import pytest

from crmsync.decide.condition import Lists, holds
from crmsync.decide.titles import Titles, phrases
from crmsync.model.condition import All, AnyOf, Condition, Happened, Not, Test
from crmsync.model.link import Signal
from crmsync.model.record import Value
from crmsync.playbook.logic import MOST, covers, never

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LISTS = Lists(free=frozenset({"gmail.com"}), titles=Titles(ranks={"c": phrases(["ceo"]), "d": phrases(["vp"])}))

VALUES: dict[str, tuple[Value, ...]] = {
    "number": (None, 0, 1, 2, 3, 4, 5),
    "text": (None, "", "a", "B", "ab", "abc", "b c", "VP", "CEO", "VP and CEO", "x@gmail.com", "x@acme.example"),
    "code": (None, "", "1", "2", "3", "4", "5", "9", "19", "20", "21", "23", "30", "31", "50", "99", "100", "4-56", "D-31", "x", "2 2"),
    "date": (None, *((NOW - timedelta(days=days)).isoformat() for days in (-1, 0, 4, 5, 6, 9, 10, 11, 40))),
}
"""Every value that a field of a kind has here: with these, tests of all bounds and words below go either way."""
PASTS = [
    [Signal(event_id=f"{i}", type=type, at=NOW - timedelta(days=ago)) for i, (type, ago) in enumerate(said)]
    for n in range(4)
    for said in combinations_with_replacement((("x", 2), ("x", 8), ("x", 30), ("y", 2), ("y", 8)), n)
]


def _literal(chance: Random, kind: str) -> Condition:
    made: Condition
    if kind == "signals":
        low, high = chance.randrange(3), chance.choice([None, 0, 1, 2])
        made = Happened(
            signals=chance.choice([("x",), ("y",), ("x", "y")]), at_least=low, at_most=high, within_days=chance.choice([None, 5.0, 10.0])
        )
    elif chance.random() < 0.15:
        made = Test(field=kind, op=chance.choice(["empty", "filled"]))
    elif kind == "number":
        op = chance.choice(["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "between"])
        value = (chance.randrange(1, 5), chance.randrange(1, 5))
        made = Test(field=kind, op=op, value=value if op in ("in", "not_in", "between") else value[0])
    elif kind == "code":
        op = chance.choice(["between", "between", "eq", "ne", "in"])
        codes = ["1", "2", "4", "9", "19", "20", "23", "31", "99"]
        made = Test(field=kind, op=op, value=chance.choice(codes) if op in ("eq", "ne") else (chance.choice(codes), chance.choice(codes)))
    elif kind == "date":
        made = Test(field=kind, op=chance.choice(["within", "older_than"]), value=chance.choice([5, 10]))
    else:
        op = chance.choice(["eq", "ne", "in", "not_in", "contains", "matches", "title_is", "domain_in", "lt", "ge"])
        words = {"title_is": ["c", "d"], "domain_in": ["free", "acme.example"]}.get(op, ["a", "b", "ABC", "vp"])
        made = Test(
            field=kind,
            op=op,
            value=chance.choice(words) if op in ("eq", "ne", "lt", "ge") else tuple(chance.sample(words, 2)[: chance.randrange(1, 3)]),
        )
    return Not(of=made) if chance.random() < 0.4 else made


def _any(chance: Random, kind: str) -> Condition:
    parts = tuple(_literal(chance, kind) for _ in range(chance.randrange(1, 4)))
    return chance.choice([All, All, AnyOf])(of=parts)


def _fits(condition: Condition, kind: str) -> list[bool]:
    if kind == "signals":
        return [holds(condition, {}, LISTS, NOW, past) for past in PASTS]
    return [holds(condition, {kind: value}, LISTS, NOW) for value in VALUES[kind]]


@pytest.mark.parametrize("kind", [*VALUES, "signals"])
def test_nobody_is_where_nobody_is_said_to_be(kind: str) -> None:
    chance, empty, told, covered, said = Random(f"logic of {kind}"), 0, 0, 0, 0
    for _ in range(300):
        one, other = _any(chance, kind), _any(chance, kind)
        ones, others = _fits(one, kind), _fits(other, kind)
        if never(one):
            assert not any(ones), one
        if covers(one, other):
            assert all(first for first, second in zip(ones, others, strict=True) if second), (one, other)
        empty, told = empty + (not any(ones)), told + never(one)
        inside = any(others) and all(first for first, second in zip(ones, others, strict=True) if second)
        covered, said = covered + inside, said + (inside and covers(one, other))
    # Some texts that would fit are not among the values here, so that less is said of them than it seems.
    assert told >= 0.65 * empty > 30
    assert said >= 0.65 * covered > 30


def _t(op: str, value: Value | tuple[Value, ...] = None, field: str = "f") -> Test:
    return Test(field=field, op=op, value=value)


@pytest.mark.parametrize(
    "parts",
    [
        (_t("eq", "a"), _t("eq", "b")),
        (_t("eq", "a"), _t("in", ("b", "c"))),
        (_t("in", ("a", "b")), _t("not_in", ("B", "A"))),
        (_t("empty"), _t("filled")),
        (_t("empty"), _t("eq", 1)),
        (_t("ge", 5), _t("lt", 5)),
        (_t("between", (9, 3)),),
        (_t("between", (1, 3)), _t("gt", 3)),
        (_t("between", ("10000", "19999")), _t("between", ("20000", "29999"))),
        (_t("between", ("10000", "19999")), Not(of=_t("between", ("00000", "49999")))),
        (_t("eq", 4), _t("lt", 4)),
        (_t("gt", "2026-02-01"), _t("lt", "2026-01-01")),
        (_t("eq", "berlin"), _t("contains", "paris")),
        (_t("eq", "berlin"), Not(of=_t("matches", "^b"))),
        (_t("title_is", "c"), Not(of=_t("title_is", ("c", "d")))),
        (_t("domain_in", "free"), Not(of=_t("domain_in", ("disposable", "free")))),
        (_t("eq", 5), _t("contains", "5")),
        (_t("within", 5), _t("older_than", 10)),
        (Happened(signals=("x",), at_least=2, within_days=7), Not(of=Happened(signals=("x", "y"), within_days=30))),
        (Happened(signals=("x",), at_least=3), Happened(signals=("x",), at_least=0, at_most=2)),
        (AnyOf(of=()),),
        (AnyOf(of=(All(of=(_t("eq", 1), _t("eq", 2))), All(of=(_t("eq", True), _t("eq", False))))),),
        (Not(of=All(of=())),),
    ],
)
def test_contradictions(parts: tuple[Condition, ...]) -> None:
    assert never(*parts)
    for part in parts if len(parts) > 1 else ():
        assert not never(part)


@pytest.mark.parametrize(
    ("wide", "narrow", "answer"),
    [
        (_t("ge", 100), _t("between", (200, 300)), True),
        (_t("between", (200, 1000)), _t("between", (300, 400)), True),
        (_t("between", (200, 1000)), _t("between", (300, 1400)), False),
        (_t("between", ("00000", "49999")), _t("between", ("10000", "19999")), True),
        (_t("between", ("0000", "4999")), _t("between", ("10000", "19999")), False),
        (_t("between", ("10000", "19999")), _t("between", ("15000", "29999")), False),
        (_t("filled"), _t("between", ("10000", "19999")), True),
        (_t("filled"), _t("eq", "x"), True),
        (_t("not_in", ("a",)), _t("empty"), True),
        (_t("in", ("DE", "AT")), _t("eq", "de"), True),
        (AnyOf(of=(_t("eq", "a"), _t("eq", "b"))), _t("in", ("A", "B")), True),
        (_t("eq", "a"), _t("eq", "a", field="g"), False),
        (All(of=()), _t("filled"), True),
        (AnyOf(of=(_t("empty"), _t("filled"))), All(of=()), True),
        (Happened(signals=("x", "y")), Happened(signals=("x",), at_least=2, within_days=3), True),
        (Happened(signals=("x",), within_days=3), Happened(signals=("x",)), False),
    ],
)
def test_what_covers_what(wide: Condition, narrow: Condition, answer: bool) -> None:
    assert covers(wide, narrow) is answer


def test_more_alternatives_than_can_be_looked_through_say_nothing() -> None:
    pairs = tuple(AnyOf(of=(_t("eq", i, field=f"f{i}"), _t("empty", field=f"g{i}"))) for i in range(12))
    assert 2 ** len(pairs) > MOST
    assert not never(*pairs, _t("empty"), _t("filled"))
    assert never(*pairs[:3], _t("empty"), _t("filled"))
