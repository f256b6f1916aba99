"""How commands speak: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

LINE_EVERY = 2.0
Report = Callable[[str, int, int | None], None]
_CONTROLS = dict.fromkeys([*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)])
"""What a text from a CRM could tell a terminal to do; a tab and a new line are only text."""


def out() -> Console:
    """Standard output; wide when it is no terminal, so that nothing is cut."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(text: str = "", style: str | None = None) -> None:
    """A line of result. The text is taken as it is, not as markup: much of it comes from CRMs."""
    _line(sys.stdout, text, style, out)


def tell(text: str, style: str | None = None) -> None:
    """A line on standard error, beside the result."""
    _line(sys.stderr, text, style, err)


def fail(text: str) -> None:
    """What went wrong, on standard error."""
    if _is_terminal(sys.stderr):
        err().print("error: ", style="bold red", end="")
        err().print(text.translate(_CONTROLS), markup=False, emoji=False)
    else:
        tell(f"error: {text}")


def _line(stream: TextIO, text: str, style: str | None, console: Callable[[], Console]) -> None:
    clean = text.translate(_CONTROLS)
    if _is_terminal(stream):
        console().print(clean, style=style, markup=False, emoji=False)
    else:
        # Without rich: a script reads plain lines, and need not wait until it is loaded.
        stream.write(clean + "\n")
        stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    """As rich decides it: a terminal, or something that is said to take colours."""
    return bool(os.environ.get("FORCE_COLOR")) or os.environ.get("TTY_COMPATIBLE") == "1" or stream.isatty()


def show_json(value: Any) -> None:
    """Indented JSON on standard output."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    sys.stdout.flush()


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> Table:
    """A table whose cells are plain text. right: indexes of right-aligned columns."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", show_edge=False)
    for index, name in enumerate(columns):
        grid.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*[Text("" if cell is None else str(cell).translate(_CONTROLS)) for cell in row])
    return grid


def show(grid: Table) -> None:
    """A table on standard output."""
    out().print(grid)


class _Lines:
    """A line per kind of work now and then, where there is no terminal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._said.get(what, 0.0) < LINE_EVERY:
                return
            self._said[what] = now
        tell(f"{what}: {done}" + (f" of {total}" if total is not None else ""))


class _Bars:
    """One bar per kind of work."""

    def __init__(self, progress: Progress) -> None:
        from rich.markup import escape

        self._escape = escape
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        with self._lock:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(self._escape(what), total=total)
            self._progress.update(self._tasks[what], completed=done, total=total)


@contextmanager
def progress() -> Iterator[Report]:
    """Where long work reports to: bars on a terminal, lines otherwise; both on standard error."""
    if not _is_terminal(sys.stderr):
        yield _Lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True) as bars:
        yield _Bars(bars)
