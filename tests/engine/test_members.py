"""Memberships on their way out: whole batches, a crash or lost answer at any call, refusals that wait, a side that is away, joined persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.connect.protocol import LIST_CLOSED, LIST_UNKNOWN
from crmsync.engine.members import MEMBER
from crmsync.engine.undo import undo
from crmsync.errors import UnreachableError
from crmsync.model.link import PersonState
from crmsync.model.process import Track
from crmsync.model.rules import Playbook
from crmsync.testing.memory import Died
from crmsync.testing.memory_lists import ListingCrm
from tiny import NAMES, Shelf, Tiny, playbook, quietly, silence

LIST, OTHER = "L1", "L2"
TRACKS = (
    Track(name="mql_education", stages=("mql", "sal"), lists={"a": LIST, "b": LIST}),
    Track(name="sql_enablement", stages=("sql",), lists={"a": OTHER}),
)


class Lists(Tiny):
    """Two memory CRMs with a list each, batches of two, and persons who are set to a stage by hand."""

    def __init__(self, where: Path | Shelf, tracks: tuple[Track, ...] = TRACKS) -> None:
        a, b = (ListingCrm(name=n, names=NAMES, unique_email="email", reads_back=n == "b", clock=lambda: self.now) for n in "ab")
        a.lists, b.lists = {LIST: {}, OTHER: {}}, {LIST: {}}
        super().__init__(where, rules=replace(playbook(), tracks=tracks), a=a, b=b)
        self.lists = {"a": a, "b": b}

    def enter(self, *names: str) -> None:
        """Persons whom somebody makes mqls after they were seen first (what a memory CRM holds is older than the connection)."""
        for name in names:
            self.a.add(email=f"{name}@x.example")
        self.settle()
        self.set_stage("mql")

    def set_stage(self, stage: str) -> None:
        for id in self.a.live():
            self.a.edit(id, crmsync_stage=stage)

    def on(self, side: str, list_id: str = LIST) -> set[str]:
        return set(self.lists[side].lists[list_id])

    def asked(self, side: str) -> list[tuple[str, int, int]]:
        """(list, how many join, how many leave) of each call so far; forgets them."""
        made = [(list_id, len(join), len(leave)) for list_id, join, leave in self.lists[side].asked]
        self.lists[side].asked.clear()
        return made

    def states(self) -> list[PersonState]:
        return list(self.store.persons(list(self.store.iter_person_ids())).values())

    def causes(self) -> Counter[str]:
        return Counter(row.problem.cause for row in self.store.problems.rows() if row.problem.object == "list")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("shelf"))
    yield made
    made.store.close()


@pytest.fixture
def tiny(shelf: Shelf) -> Iterator[Lists]:
    made = Lists(shelf)
    made.settle()
    yield made
    made.close()


def test_whole_batches_go_out_and_nothing_when_nothing_changes(tiny: Lists) -> None:
    tiny.enter(*"abcde")
    tiny.settle()
    assert tiny.on("a") == set(tiny.a.live())
    assert tiny.on("b") == set(tiny.b.live())
    assert tiny.asked("a") == [(LIST, 2, 0), (LIST, 2, 0), (LIST, 1, 0)]
    assert sorted(tiny.asked("b")) == sorted([(LIST, 2, 0), (LIST, 2, 0), (LIST, 1, 0)])
    tiny.settle()
    assert tiny.asked("a") == tiny.asked("b") == []
    tiny.set_stage("sql")
    tiny.settle()
    assert (tiny.on("a"), tiny.on("b"), tiny.on("a", OTHER)) == (set(), set(), set(tiny.a.live()))
    assert {state.member_of.get("a") for state in tiny.states()} == {(OTHER,)}
    assert {state.member_of.get("b") for state in tiny.states()} == {None}


def test_a_refusing_list_is_asked_once_then_less_and_less_often(tiny: Lists) -> None:
    tiny.lists["a"].closed.add(LIST)
    tiny.enter(*"abcde")
    tiny.settle()
    assert tiny.asked("a") == [(LIST, 2, 0)], "once it refuses, nothing more is sent to it"
    assert tiny.on("b") == set(tiny.b.live()), "nothing else is held up"
    assert tiny.causes() == {LIST_CLOSED: 5}
    assert len([g for g in tiny.store.problems.groups() if g[0] == LIST_CLOSED]) == 1
    for hours in (1, 2, 4, 8, 16, 24, 24):
        tiny.now += timedelta(hours=hours) - timedelta(minutes=10)
        tiny.settle()
        assert tiny.asked("a") == []
        tiny.now += timedelta(minutes=20)
        tiny.settle()
        assert tiny.asked("a") == [(LIST, 2, 0)], hours
    tiny.lists["a"].closed.clear()
    tiny.now += timedelta(hours=25)
    tiny.settle()
    assert tiny.on("a") == set(tiny.a.live())
    assert tiny.causes() == {}


def test_who_no_longer_wants_a_refusing_list_has_no_problem_any_more(tiny: Lists) -> None:
    del tiny.lists["a"].lists[LIST]
    tiny.enter("a")
    tiny.settle()
    assert tiny.causes() == {LIST_UNKNOWN: 1}
    tiny.set_stage("disqualified")
    tiny.settle()
    assert tiny.causes() == {}


def test_a_list_that_is_deleted_need_not_be_left(tiny: Lists) -> None:
    tiny.enter("a")
    tiny.settle()
    del tiny.lists["a"].lists[LIST]
    tiny.set_stage("disqualified")
    tiny.settle()
    assert tiny.causes() == {}
    assert [dict(state.member_of) for state in tiny.states()] == [{}]


def test_memberships_wait_for_a_side_that_is_away(tiny: Lists) -> None:
    tiny.enter("a", "b")

    def away(call: str, phase: str) -> None:
        if call == "members" and phase == "before":
            raise UnreachableError("a is away", side="a")

    tiny.a.fault = away
    for _ in range(3):
        quietly(tiny)
    assert (tiny.on("a"), tiny.store.journal.open_intents()) == (set(), [])
    assert tiny.on("b") == set(tiny.b.live())
    tiny.a.fault = lambda call, phase: None
    tiny.settle()
    assert tiny.on("a") == set(tiny.a.live())


@pytest.mark.parametrize("how", ["dies before", "dies after", "lost", "down"])
def test_trouble_at_any_call_loses_no_membership_and_takes_none_that_is_not_ours(shelf: Shelf, how: str) -> None:
    """Two persons join, one of whom a marketer had put there already; then both leave. Whatever call goes wrong, in the end the list holds the
    marketer's alone, and never anybody who did not belong there."""
    with silence():
        for at in range(1, 40):
            tiny = Lists(shelf, TRACKS[:1])
            tiny.settle()
            tiny.enter("a", "b")
            kept = max(tiny.a.live())
            tiny.lists["a"].set_member(LIST, kept)
            tiny.now += timedelta(hours=1)
            over = struck(tiny, at, how)
            tiny.set_stage("disqualified")
            assert tiny.on("a") == set(tiny.a.live()), (how, at)
            assert tiny.on("b") == set(tiny.b.live()), (how, at)
            over = struck(tiny, at, how) and over
            assert tiny.on("a") == {kept}, (how, at)
            assert tiny.on("b") == set(), (how, at)
            assert tiny.store.journal.open_intents() == []
            assert all(not state.member_of for state in tiny.states())
            tiny.close()
            if over:
                return
    raise AssertionError("the last call was never reached")


def struck(tiny: Lists, at: int, how: str) -> bool:
    """Cycles with trouble at the `at`-th call about memberships; then all is well again. Whether there was no such call."""
    seen = 0

    def strike(call: str, phase: str) -> None:
        nonlocal seen
        if call not in ("members", "member_since"):
            return
        seen += phase == "before"
        if seen != at or phase != ("before" if how in ("dies before", "down") else "after"):
            return
        if how.startswith("dies"):
            raise Died
        if how == "down" or call == "member_since":
            raise UnreachableError("away", side="a")
        raise ConnectionError

    tiny.a.fault = tiny.b.fault = strike
    try:
        quietly(tiny)
    except Died:
        tiny.restart()
    tiny.a.fault = tiny.b.fault = lambda call, phase: None
    tiny.settle()
    return seen < at


def test_two_persons_who_turn_out_one_keep_what_either_was_on(tiny: Lists) -> None:
    tiny.enter("a", "b")
    tiny.settle()
    first, second = sorted(tiny.a.live())
    tiny.a.merge(first, second)
    tiny.settle()
    assert tiny.on("a") == {first}
    tiny.set_stage("disqualified")
    tiny.settle()
    assert tiny.on("a") == set()


def test_another_list_of_the_same_track_takes_over(tiny: Lists) -> None:
    tiny.enter("a")
    tiny.settle()

    def renamed(rules: Playbook) -> Playbook:
        return replace(rules, tracks=(replace(TRACKS[0], lists={"a": OTHER, "b": LIST}),))

    tiny.remap(renamed)
    tiny.settle()
    assert (tiny.on("a"), tiny.on("a", OTHER)) == (set(), set(tiny.a.live()))


def test_a_membership_is_in_the_journal_and_is_not_undone_by_itself(tiny: Lists) -> None:
    tiny.enter("a")
    tiny.settle()
    (state,) = tiny.states()
    entries = [entry for entry in tiny.store.journal.of(state.person_id) if entry.kind == MEMBER]
    assert {(e.side, e.outcome, next(iter(e.write.fields.items())), e.rules[f"list:{LIST}"]) for e in entries} == {
        (side, "done", (f"list:{LIST}", True), "track: mql_education") for side in "ab"
    }
    done = undo(tiny.world, entries[0].write.write_id, tiny.now)
    assert "follows the nurture track" in done.refused
    assert tiny.on("a") == set(tiny.a.live())
