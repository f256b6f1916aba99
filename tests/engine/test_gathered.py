"""Small pages of activities are put together, so that whom they belong to is asked in whole batches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmsync.connect.protocol import LazyRecords, Page
from crmsync.engine.pull import gathered
from crmsync.errors import UnreachableError
from crmsync.model.record import Record, Ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int) -> Record:
    return Record(ref=Ref(side="left", object="calls", id=str(number)), fields={}, modified_at=NOW)


def page(start: int, count: int, *, last: bool = False, digests: bool = True) -> Page:
    numbers = range(start, start + count)
    told = [(str(n), f"digest {n}") for n in numbers] if digests else ()
    return Page(records=LazyRecords(numbers, record), digests=told, cursor={"at": start + count}, last=last, total=1_000)


def test_pages_are_put_together_up_to_the_limit_and_nothing_is_lost_or_moved() -> None:
    given = [page(n * 199, 199, last=n == 11) for n in range(12)]
    found = list(gathered(given, 1_000))
    assert [len(one.records) for one in found] == [995, 995, 398]
    assert [one.cursor["at"] for one in found] == [995, 1_990, 2_388]
    assert [one.last for one in found] == [False, False, True]
    assert [int(r.ref.id) for one in found for r in one.records] == list(range(2_388))
    assert [id for one in found for id, _ in one.digests] == [str(n) for n in range(2_388)]
    assert found[1].records[7].ref.id == str(995 + 7)


def test_a_large_page_and_an_empty_one_pass_as_they_are() -> None:
    large, empty = page(0, 2_000), page(0, 0, last=True)
    assert list(gathered([large, empty], 1_000)) == [large, empty]
    assert list(gathered([empty], 1_000)) == [empty]


def test_records_without_digests_leave_the_whole_page_without() -> None:
    (found,) = gathered([page(0, 3), page(3, 2, digests=False)], 1_000)
    assert (len(found.records), len(found.digests)) == (5, 0)


def test_what_was_read_before_an_error_is_handed_out_before_it_is_raised() -> None:
    def broken() -> Iterator[Page]:
        yield page(0, 5)
        yield page(5, 5)
        raise UnreachableError("gone", side="left")

    found = gathered(broken(), 1_000)
    first = next(found)
    assert (len(first.records), first.cursor) == (10, {"at": 10})
    with pytest.raises(UnreachableError):
        next(found)
