"""Conditions: a table per operator, and totality over generated values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.condition import OPS, Lists, domain_of, fields_of, fold_words, holds, lists_of, turns_at
from crmsync.errors import ConfigError
from crmsync.model.condition import All, AnyOf, Happened, Not, Test
from crmsync.model.link import Signal
from crmsync.model.record import Value
from crmsync.model.rules import PersonMap, Playbook

LISTS = lists_of(
    Playbook(
        person=PersonMap(objects={}, create_as={}, fields={}),
        free_domains=frozenset({"GMAIL.com", "gmx.de"}),
        disposable_domains=frozenset({"0-mail.example"}),
        competitor_domains=frozenset({"rival.example"}),
        titles={"c_level": ("CEO", "chief executive officer", "président", "CTO"), "director": ("director", "VP", "vice president")},
    )
)


@pytest.mark.parametrize(
    ("op", "value", "wanted", "answer"),
    [
        ("eq", "Software", "software", True),
        ("eq", "5", 5, False),
        ("eq", 5, 5.0, True),
        ("eq", True, 1, False),
        ("eq", True, True, True),
        ("eq", None, None, False),
        ("ne", "a", "b", True),
        ("ne", "a", "A", False),
        ("ne", None, "b", True),
        ("ne", "5", 5, True),
        ("in", "DE", ("de", "at"), True),
        ("in", "fr", ("de", "at"), False),
        ("not_in", "fr", ("de", "at"), True),
        ("not_in", "de", ("de", "at"), False),
        ("lt", 4, 5, True),
        ("lt", 5, 5, False),
        ("le", 5, 5, True),
        ("gt", 5, 5, False),
        ("gt", 6, 5, True),
        ("ge", 5, 5, True),
        ("ge", "200", 100, False),
        ("ge", 200, "100", False),
        ("ge", True, 0, False),
        ("ge", 5, (1, 2), False),
        ("lt", "2026-01-31", "2026-02-01", True),
        ("ge", float("nan"), 0, False),
        ("between", 200, (200, 1000), True),
        ("between", 1000, (200, 1000), True),
        ("between", 1001, (200, 1000), False),
        ("between", "500", (200, 1000), False),
        ("between", 5, 5, False),
        ("between", "10115", ("10000", "19999"), True),
        ("between", " 19999 ", ("10000", "19999"), True),
        ("between", "20000", ("10000", "19999"), False),
        ("between", "1500", ("10000", "19999"), False),
        ("between", "150000", ("10000", "19999"), False),
        ("between", "110 00", ("10000", "19999"), True),
        ("between", "19999-1234", ("10000", "19999"), True),
        ("between", "D-10115", ("10000", "19999"), True),
        ("between", "01067", ("01000", "01999"), True),
        ("between", "1067", ("01000", "01999"), False),
        ("between", "SW1A 1AA", ("10000", "19999"), False),
        ("between", "", ("10000", "19999"), False),
        ("between", 15000, ("10000", "19999"), False),
        ("between", "750", ("500", "10000"), True),
        ("between", "9999", ("500", "10000"), True),
        ("between", "60", ("500", "10000"), False),
        ("between", "9" * 10_000, ("10000", "19999"), False),
        ("between", "b", ("A", "C"), True),
        ("between", "2026-06-30", ("2026-01-01", "2026-12-31"), True),
        ("matches", "Head of Sales", r"^head\b", True),
        ("matches", "Head of Sales", r"([", False),
        ("matches", 12, r"1", False),
        ("contains", "a;Blue;c", "blue", True),
        ("contains", "red", ("blue", "green"), False),
        ("contains", "red", "", False),
        ("empty", None, None, True),
        ("empty", "  ", None, True),
        ("empty", 0, None, False),
        ("filled", False, None, True),
        ("filled", "", None, False),
        ("domain_in", "a@Gmail.com", "free", True),
        ("domain_in", "a@notgmail.com", "free", False),
        ("domain_in", "a@0-mail.example", ("free", "disposable"), True),
        ("domain_in", "a@mail.rival.example", "competitor", True),
        ("domain_in", "https://www.rival.example/about?x=@y.example", "competitor", False),
        ("domain_in", "https://www.rival.example/about", "competitor", True),
        ("domain_in", "a@acme.example", "acme.example", True),
        ("domain_in", "a@acme.example", ("@acme.example",), True),
        ("domain_in", "no domain", "free", False),
        ("title_is", "C.E.O. & Founder", "c_level", True),
        ("title_is", "PRESIDENT", "c_level", True),
        ("title_is", "Président-Directeur", "c_level", True),
        ("title_is", "Director of Engineering", "c_level", False),
        ("title_is", "Director of Engineering", ("c_level", "director"), True),
        ("title_is", "Vice-President, EMEA", "director", True),
        ("title_is", "Vector artist", "c_level", False),
        ("title_is", "CEO", "unknown_class", False),
    ],
)
def test_operator(op: str, value: Value, wanted: Value | tuple[Value, ...], answer: bool) -> None:
    assert holds(Test(field="f", op=op, value=wanted), {"f": value}, LISTS) is answer


def test_missing_field_is_empty() -> None:
    assert holds(Test(field="f", op="empty"), {}, LISTS)
    assert not holds(Test(field="f", op="eq", value="x"), {}, LISTS)


def test_combinations() -> None:
    yes, no = Test(field="a", op="filled"), Test(field="b", op="filled")
    facts: dict[str, Value] = {"a": "x"}
    assert holds(All(of=(yes, Not(of=no))), facts, LISTS)
    assert not holds(All(of=(yes, no)), facts, LISTS)
    assert holds(AnyOf(of=(no, yes)), facts, LISTS)
    assert holds(All(of=()), facts, LISTS)
    assert not holds(AnyOf(of=()), facts, LISTS)
    assert fields_of(All(of=(yes, Not(of=no), yes))) == ("a", "b")


def test_unknown_operator_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="unknown operator 'like'"):
        holds(Test(field="f", op="like", value="x"), {"f": "x"}, LISTS)


@pytest.mark.parametrize(
    ("text", "domain"),
    [("A@B.Example", "b.example"), ("x@y@z.example", "z.example"), ("http://www.a.example:80/p", "a.example"), ("a.example", "a.example"),
     ("Acme Inc. GmbH", ""), ("", ""), ("a@", ""), ("a@localhost", "")],
)  # fmt: skip
def test_domain_of(text: str, domain: str) -> None:
    assert domain_of(text) == domain


def test_fold_words() -> None:
    assert fold_words("  Élève--V.P.,  Straße ") == " eleve vp strasse "


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))


@given(op=st.sampled_from(sorted(OPS)), value=VALUES, wanted=st.one_of(VALUES, st.lists(VALUES, max_size=3).map(tuple)))
def test_total_and_negations_agree(op: str, value: Value, wanted: Value | tuple[Value, ...]) -> None:
    facts = {"f": value}
    assert holds(Test(field="f", op=op, value=wanted), facts, LISTS) in (True, False)
    blank = holds(Test(field="f", op="empty"), facts, LISTS)
    assert blank is not holds(Test(field="f", op="filled"), facts, LISTS)
    assert holds(Test(field="f", op="ne", value=wanted), facts, LISTS) is not holds(Test(field="f", op="eq", value=wanted), facts, LISTS)


def test_empty_lists_know_nothing() -> None:
    assert not holds(Test(field="f", op="domain_in", value="free"), {"f": "a@gmail.com"}, Lists())


NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def _seen(name: str, days: float) -> Signal:
    return Signal(event_id=f"{name}{days}", type=name, at=NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("op", "value", "answer"),
    [
        ("within", "2026-03-01T12:00:00.000Z", True),
        ("within", "2026-03-01T11:59:59.999Z", False),
        ("within", "2026-03-31T12:00:00.000Z", True),
        ("within", "2026-03-31T12:00:00.001Z", False),
        ("within", "2026-03-10", True),
        ("within", "soon", False),
        ("within", 20_000_101, False),
        ("older_than", "2026-03-01T12:00:00.000Z", False),
        ("older_than", "2026-03-01T11:59:59.999Z", True),
        ("older_than", "2026-04-01", False),
        ("older_than", None, False),
    ],
)
def test_days_before_now(op: str, value: Value, answer: bool) -> None:
    assert holds(Test(field="since", op=op, value=30), {"since": value}, LISTS, NOW) is answer


def test_days_without_a_now_do_not_hold() -> None:
    assert not holds(Test(field="since", op="within", value=30), {"since": "2026-03-30"}, LISTS)
    assert not holds(Happened(signals=("x",)), {}, LISTS, None, [_seen("x", 1)])


def test_counts_in_a_window() -> None:
    signals = [_seen("x", 1), _seen("x", 7), _seen("x", 7.5), _seen("y", 1), _seen("x", -1)]
    counts = {
        (low, high, days): holds(Happened(signals=("x",), at_least=low, at_most=high, within_days=days), {}, LISTS, NOW, signals)
        for low, high, days in [(2, None, 7), (3, None, 7), (3, None, None), (4, None, None), (0, 1, 7), (0, 2, 7), (1, None, 0.5)]
    }
    assert counts == {
        (2, None, 7): True, (3, None, 7): False, (3, None, None): True, (4, None, None): False, (0, 1, 7): False, (0, 2, 7): True,
        (1, None, 0.5): False,
    }  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from("xy"), st.floats(-3, 40)), max_size=6),
    st.integers(0, 3),
    st.one_of(st.none(), st.floats(0.01, 30)),
    st.floats(0, 20),
    st.floats(0, 60),
)
def test_nothing_turns_before_it_is_said_to(
    told: list[tuple[str, float]], low: int, window: float | None, days: float, later: float
) -> None:
    condition = AnyOf(of=(Happened(signals=("x",), at_least=low, within_days=window), Test(field="since", op="within", value=days)))
    facts, signals = {"since": "2026-03-30T01:02:03.004Z"}, [_seen(name, ago) for name, ago in told]
    turn, then = turns_at([condition], facts, NOW, signals), NOW + timedelta(days=later)
    if turn is None or then < turn:
        assert holds(condition, facts, LISTS, then, signals) is holds(condition, facts, LISTS, NOW, signals)
