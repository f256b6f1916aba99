"""Lists of which the first entry that fits counts (segments, question sets, routing rules, cadences, estimates): entries that nobody ever comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crmsync.model.condition import All, Condition, Not
from crmsync.playbook.logic import never

EVERYBODY = All(of=())
Said = tuple[str, str, str]
"""Where, what, and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of such a list. when: whom it is for. where: its `file:line`. takes: whether none of them comes to the entries after it."""

    name: str
    when: Condition
    where: str
    takes: bool = True


def out_of_reach(kind: str, entries: Iterable[Entry]) -> Iterator[Said]:
    """What is wrong with the order, by entry. kind: the name of the list in its file."""
    before: list[Condition] = []
    for one in entries:
        if never(one.when):
            yield one.where, f"{kind}: the condition of {one.name} contradicts itself: it holds for nobody", "correct it, or remove it"
        elif never(one.when, *before):
            what = f"{kind}: {one.name} is never reached: earlier ones take everybody for whom it holds"
            yield one.where, what, "move it up, or narrow an earlier one"
        if one.takes:
            before.append(Not(of=one.when))
