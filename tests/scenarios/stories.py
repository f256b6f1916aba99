"""Many persons' stories in one simulated month: each is a generator that acts, says until when it waits, and looks again; what they wait for, they wait for together.

Settling both CRMs costs the same for one person as for thirty, so stories of one file share every settle. A story that fails fails its own test only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from scenarios.world import POLL, START, Both

Waits = Iterator[datetime]
"""Each moment (UTC) until which a story waits. A story is resumed at that moment after a settle."""
W = TypeVar("W")
Story = Callable[[W], Waits]
SOON = timedelta(seconds=POLL)


def at(day: int, hour: int = 17, minute: int = 0) -> datetime:
    """That moment (UTC) of the n-th day of the simulated month; 1 is the day on which it begins."""
    return (START + timedelta(days=day - 1)).replace(hour=hour, minute=minute)


class Stage:
    """Plays stories in one world until all are told. watch: looked at after each settle."""

    def __init__(self, both: Both, watch: Callable[[], None] = lambda: None) -> None:
        self._both, self._watch = both, watch
        self._failed: dict[str, BaseException] = {}
        self._told: set[str] = set()

    def play(self, stories: Mapping[str, Story[W]], town: W) -> None:
        """Begins all stories and goes from each moment that one of them waits for to the next."""
        waiting: dict[str, tuple[datetime, Waits]] = {}
        for name, story in stories.items():
            self._resume(name, story(town), waiting)
        while waiting:
            moment = max(min(until for until, _ in waiting.values()), self._both.time())
            self._both.settle((moment - self._both.time()).total_seconds())
            self._watch()
            for name, (until, told) in sorted(waiting.items()):
                if until <= self._both.time():
                    del waiting[name]
                    self._resume(name, told, waiting)

    def _resume(self, name: str, told: Waits, waiting: dict[str, tuple[datetime, Waits]]) -> None:
        try:
            waiting[name] = next(told), told
        except StopIteration:
            self._told.add(name)
        except Exception as error:
            self._failed[name] = error

    def saw(self, name: str) -> None:
        """Raises what made that story fail; fails when it was not told to its end."""
        if name in self._failed:
            raise self._failed[name]
        assert name in self._told, f"{name} was not told"


class Stories(dict[str, Story[Any]]):
    """The stories of a test module; each that is added becomes a test of its name, which takes the module's fixture `stage`."""

    def __call__(self, story: Story[Any]) -> Callable[[Stage], None]:
        name = story.__name__
        self[name] = story

        def test(stage: Stage) -> None:
            stage.saw(name)

        test.__name__, test.__qualname__, test.__module__, test.__doc__ = name, name, story.__module__, story.__doc__
        return test
