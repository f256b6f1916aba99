"""How alike company names are: what is left out, what an error costs, and where two are not one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.likeness import ALIKE, finders, key_likeness, likeness, name_key

NAMES = st.lists(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=12), max_size=5).map(" ".join)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ACME GmbH", "acme"),
        ("Acme, Inc.", "acme"),
        ("Acme Ltd", "acme"),
        ("Acme S.A.", "acme"),
        ("Acme S. A.", "acme"),
        ("Acme A/S", "acme"),
        ("Acme sp. z o.o.", "acme"),
        ("Acme Holding GmbH & Co. KG", "acme holding"),
        ("  Café   Zürich  AG ", "cafe zurich"),
        ("The Acme Company", "acme"),
        ("Smith & Sons", "smith sons"),
        ("Smith und Sons", "smith sons"),
        ("SA", "sa"),
        ("Limited", "limited"),
        ("The", "the"),
        ("AND", "and"),
        ("日本電気株式会社", "日本電気株式会社"),
        ("...", ""),
        ("", ""),
        (None, ""),
        (7, ""),
        (True, ""),
    ],
)
def test_r1_what_two_spellings_of_a_name_differ_in_is_left_out(name: str | int | None, key: str) -> None:
    assert name_key(name) == key


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Acme GmbH", "ACME, Inc."),
        ("DataRobot", "Data Robot Inc"),
        ("Kühne + Nagel", "Kuhne & Nagel International AG".replace(" International", "")),
        ("Nagel Kuehne", "Kuehne Nagel"),
        ("Weyland-Yutani Corp", "Weyland Yutani"),
        ("Northwind Traders", "Nortwind Traders Ltd."),
        ("Müller Maschinenbau", "Mueller Maschinenbau GmbH"),
    ],
)
def test_r1_one_company_in_two_spellings(left: str, right: str) -> None:
    assert likeness(left, right) >= ALIKE
    assert likeness(left, right) == likeness(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Acme", "Acne"),
        ("Acme", "Acme Bank"),
        ("Delta Airlines", "Delta Faucets"),
        ("Stadtwerke Musterstadt Nord 1", "Stadtwerke Musterstadt Nord 2"),
        ("First National Bank of Springfield", "First National Bank of Shelbyville"),
        ("Global Services Group", "General Services Group"),
        ("Acme", ""),
        ("", ""),
    ],
)
def test_r1_two_companies(left: str, right: str) -> None:
    assert likeness(left, right) < ALIKE


def test_r1_an_error_in_ten_letters_passes_and_a_further_word_does_not() -> None:
    for length in range(4, 30):
        name = "qwertzuiopasdfghjklyxcvbnmqwer"[:length]
        wrong = name[: length // 2] + "é" + name[length // 2 + 1 :]
        assert (key_likeness(name, wrong) >= ALIKE) == (length >= 10)
        if length < 18:
            assert key_likeness(name, f"{name} ost") < ALIKE


@given(left=NAMES, right=NAMES)
def test_likeness_is_a_percentage_and_the_same_both_ways(left: str, right: str) -> None:
    score = likeness(left, right)
    assert 0 <= score <= 100
    assert score == likeness(right, left)
    assert likeness(left, left) == (100 if name_key(left) else 0)
    assert name_key(name_key(left)) == name_key(left) or len(name_key(left).split()) > 1


@given(words=st.lists(st.text("abcdefgh", min_size=5, max_size=10), min_size=2, max_size=4), data=st.data())
def test_names_that_are_alike_share_a_word_to_be_found_by(words: list[str], data: st.DataObject) -> None:
    """A typing error behind the first letters of one word, words in another order, a blank more or less."""
    key = " ".join(words)
    place = data.draw(st.integers(0, len(words) - 1))
    wrong = [*words[:place], words[place][:-1] + "z", *words[place + 1 :]]
    for other in (" ".join(wrong), " ".join(reversed(words)), "".join(words)):
        assert set(finders(key)) & set(finders(other))
    assert list(finders("")) == []
