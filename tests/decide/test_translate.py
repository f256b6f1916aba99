"""Between native and house values: markup, scaled numbers, listed values, and texts that were cut."""

from __future__ import annotations

import pytest

from crmsync.decide.bodies import is_cut
from crmsync.decide.canonical import clean, fold, moment, same
from crmsync.decide.owners import Owners
from crmsync.decide.translate import Lens, lenses_of
from crmsync.model.record import Value
from crmsync.model.rules import FieldMap, FieldType, PersonMap, Place

OWNERS = Owners()


def _lens(
    type: FieldType, place: Place, *, listed_only: bool = False, most: int | None = None, values: dict[str, str] | None = None
) -> Lens:
    field = FieldMap(
        name="x",
        type=type,
        places={("a", "thing"): place},
        to=frozenset("a"),
        listed_only=listed_only,
        most=most,
        values={"a": values or {}},
    )
    return lenses_of(PersonMap(objects={"a": ("thing",)}, create_as={}, fields={"x": field}), ["a"])["a", "thing"]


HTML = Place(field="body", html=True)


def test_markup_is_text_in_the_house() -> None:
    lens = _lens(FieldType.RICH_TEXT, HTML)
    assert lens.to_house({"body": "<p>Hello&nbsp;<b>Ann</b></p><ul><li>a</ul>"}, OWNERS) == {"x": "Hello Ann\n\n- a"}
    assert lens.to_native("x", "a < b\n\nc", OWNERS) == "<p>a &lt; b</p><p>c</p>"
    assert lens.to_native("x", None, OWNERS) is None
    assert lens.to_house({"body": "<p></p>"}, OWNERS) == {"x": None}
    assert lens.to_house({"body": None}, OWNERS) == {"x": None}
    assert lens.to_house({}, OWNERS) == {}


def test_plain_places_know_no_markup() -> None:
    lens = _lens(FieldType.RICH_TEXT, Place(field="body"))
    assert lens.to_house({"body": "a < b <p>\r\n"}, OWNERS) == {"x": "a < b <p>"}
    assert lens.to_native("x", "a < b", OWNERS) == "a < b"


@pytest.mark.parametrize("place", [HTML, Place(field="body")])
def test_a_cut_never_comes_back(place: Place) -> None:
    lens = _lens(FieldType.RICH_TEXT, place, most=60)
    whole = "word " * 40
    native = lens.to_native("x", whole, OWNERS)
    assert is_cut(native)
    assert len(str(native)) <= 60 + len("<p></p><br>")
    assert lens.to_house({"body": native}, OWNERS) == {}
    assert lens.to_house({"body": f"{native}<p>and a note</p>"}, OWNERS) == {}
    assert lens.to_native("x", "short", OWNERS) in ("short", "<p>short</p>")


@pytest.mark.parametrize(("native", "house"), [
    (60_000, 60), ("61499", 61), ("61500", 62), (0, 0), ("", None), (None, None), ("long", "long"),
])  # fmt: skip
def test_scaled_numbers_are_whole(native: Value, house: Value) -> None:
    assert _lens(FieldType.NUMBER, Place(field="ms", per=1000)).to_house({"ms": native}, OWNERS) == {"x": house}


def test_scaled_numbers_go_back() -> None:
    lens = _lens(FieldType.NUMBER, Place(field="ms", per=1000))
    assert lens.to_native("x", 62, OWNERS) == 62_000
    assert lens.to_native("x", 0.5, OWNERS) == 500
    assert lens.to_native("x", None, OWNERS) is None


def test_only_listed_values_count() -> None:
    values = {"guid-1": "connected", "guid-2": "busy"}
    lens = _lens(FieldType.PICKLIST, Place(field="outcome"), listed_only=True, values=values)
    assert lens.to_house({"outcome": "guid-1"}, OWNERS) == {"x": "connected"}
    assert lens.to_house({"outcome": "guid-9"}, OWNERS) == {}
    assert lens.to_house({"outcome": None}, OWNERS) == {"x": None}
    assert lens.unlisted({"outcome": " guid-9 "}) == {"x": "guid-9"}
    assert lens.unlisted({"outcome": "guid-2"}) == lens.unlisted({"outcome": ""}) == lens.unlisted({}) == {}
    assert lens.to_native("x", "busy", OWNERS) == "guid-2"
    free = _lens(FieldType.PICKLIST, Place(field="outcome"), values=values)
    assert free.to_house({"outcome": "guid-9"}, OWNERS) == {"x": "guid-9"}
    assert free.unlisted({"outcome": "guid-9"}) == {}
    nothing_to_list = _lens(FieldType.PICKLIST, Place(field="outcome"), listed_only=True)
    assert nothing_to_list.to_house({"outcome": "busy"}, OWNERS) == {"x": "busy"}


@pytest.mark.parametrize(("native", "house"), [
    ("2026-03-08", "2026-03-08"), ("2026-03-08T09:00:00Z", "2026-03-08T09:00:00.000Z"), ("1772960400000", "2026-03-08T09:00:00.000Z"),
    ("2026-03-08T01:00:00-08:00", "2026-03-08T09:00:00.000Z"), ("soon", "soon"), ("", None),
])  # fmt: skip
def test_a_day_stays_what_it_is(native: str, house: Value) -> None:
    lens = _lens(FieldType.DAY, Place(field="due"))
    assert lens.to_house({"due": native}, OWNERS) == {"x": house}
    assert lens.to_native("x", house, OWNERS) == house


def test_what_counts_as_the_same() -> None:
    assert same(FieldType.RICH_TEXT, "a  b\r\n\n\nc", "a b\nc ")
    assert not same(FieldType.RICH_TEXT, "a b", "a\nb")
    assert fold(FieldType.RICH_TEXT, " \n ") is None
    assert clean(FieldType.RICH_TEXT, " a\r\nb ") == "a\nb"
    assert same(FieldType.DAY, "2026-03-08T09:00:00.000Z", "2026-03-08T09:00:00.999Z")
    assert not same(FieldType.DAY, "2026-03-08", "2026-03-09")


@pytest.mark.parametrize(
    "odd", ["9" * 20, "-" + "9" * 20, "--123456789", "²" * 9, "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"]
)
def test_a_moment_that_no_calendar_holds_stays_text(odd: str) -> None:
    assert [clean(kind, odd) for kind in (FieldType.DATETIME, FieldType.DAY)] == [odd, odd]
    assert moment(odd) is None
    assert clean(FieldType.DATE, odd) == (odd[:10] if "T" in odd else odd)
