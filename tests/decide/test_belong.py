"""Whom an activity belongs to: what one side adds or takes away reaches the other, as far as it can hold it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.belong import COMPANY, PERSON, Belonging, Party
from crmsync.model.record import Ref


def party(id: str, *sides: str, family: str = PERSON) -> Party:
    return Party(id=id, family=family, records={side: Ref(side=side, object=family, id=f"{side}-{id}") for side in sides})


PARTIES = {p.id: p for p in (party("ann", "a", "b"), party("bob", "a", "b"), party("cat", "a"), party("acme", "a", "b", family=COMPANY))}


def belonging(a: tuple[str, ...], b: tuple[str, ...], most: int | None = None) -> Belonging:
    return Belonging(shown={"a": a, "b": b}, parties=PARTIES, people={"a": None, "b": most})


def change(found: Belonging, side: str, other: str, base: dict[str, tuple[str, ...]]) -> tuple[list[str], list[str], tuple[str, ...]]:
    add, drop, then = found.change(side, other, base)
    return [ref.id for ref in add], [ref.id for ref in drop], then


def test_somebody_added_on_one_side_is_added_on_the_other() -> None:
    base = {"a": ("ann",), "b": ("ann",)}
    assert change(belonging(("ann", "bob"), ("ann",)), "b", "a", base) == (["b-bob"], [], ("ann", "bob"))
    assert change(belonging(("ann", "bob"), ("ann",)), "a", "b", base) == ([], [], ("ann", "bob"))


def test_somebody_taken_away_is_taken_away() -> None:
    base = {"a": ("ann", "bob"), "b": ("ann", "bob")}
    assert change(belonging(("bob",), ("ann", "bob")), "b", "a", base) == ([], ["b-ann"], ("bob",))


def test_a_person_who_lost_their_record_was_not_taken_away() -> None:
    parties = {**PARTIES, "ann": party("ann", "b")}
    found = Belonging(shown={"a": ("bob",), "b": ("ann", "bob")}, parties=parties, people={"a": None, "b": None})
    assert change(found, "b", "a", {"a": ("ann", "bob"), "b": ("ann", "bob")}) == ([], [], ("ann", "bob"))


def test_a_side_that_holds_one_person_keeps_the_one_it_has() -> None:
    base = {"a": ("ann",), "b": ("ann",)}
    assert change(belonging(("ann", "bob"), ("ann",), most=1), "b", "a", base) == ([], [], ("ann",))
    assert change(belonging(("bob",), ("ann",), most=1), "b", "a", base) == (["b-bob"], ["b-ann"], ("bob",))


def test_the_company_does_not_take_the_person_s_place() -> None:
    assert belonging(("acme", "ann", "bob"), (), most=1).targets("b", ("acme", "ann", "bob")) == (
        PARTIES["ann"].records["b"],
        PARTIES["acme"].records["b"],
    )


def test_who_has_no_record_there_cannot_be_linked() -> None:
    assert belonging(("cat",), ()).targets("b", ("cat",)) == ()
    assert change(belonging(("cat", "ann"), ("ann",)), "b", "a", {"a": ("ann",), "b": ("ann",)}) == ([], [], ("ann",))


names = st.lists(st.sampled_from(["ann", "bob", "acme"]), unique=True).map(tuple)


@settings(max_examples=300, deadline=None)
@given(a=names, b=names, base=names, most=st.sampled_from([None, 1]))
def test_once_both_are_settled_nothing_more_moves(a: tuple[str, ...], b: tuple[str, ...], base: tuple[str, ...], most: int | None) -> None:
    """Both sides take what the other changed; settled like that, a further look changes nothing."""
    found, before = belonging(a, b, most), {"a": base, "b": base}
    then_a, then_b = found.change("a", "b", before)[2], found.change("b", "a", before)[2]
    again = belonging(then_a, then_b, most)
    settled = {"a": then_a, "b": then_b}
    for side, other in (("a", "b"), ("b", "a")):
        assert again.change(side, other, settled)[:2] == ((), ())
    if most is None:
        assert set(then_a) == set(then_b), "without a limit both sides agree"
