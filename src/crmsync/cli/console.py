"""How commands speak: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

LINE_EVERY = 2.0
Report = Callable[[str, int, int | None], None]


def out() -> Console:
    """Standard output; wide when it is no terminal, so that nothing is cut."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    """Standard error."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(text: str = "", style: str | None = None) -> None:
    """A line of result. The text is taken as it is, not as markup: much of it comes from CRMs."""
    out().print(text, style=style, markup=False)


def tell(text: str, style: str | None = None) -> None:
    """A line on standard error, beside the result."""
    err().print(text, style=style, markup=False)


def fail(text: str) -> None:
    """What went wrong, on standard error."""
    console = err()
    console.print("[bold red]error:[/] " + escape(text)) if console.is_terminal else console.print(f"error: {text}", markup=False)


def show_json(value: Any) -> None:
    """Indented JSON on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    sys.stdout.flush()


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> Table:
    """A table whose cells are plain text. right: indexes of right-aligned columns."""
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", show_edge=False)
    for index, name in enumerate(columns):
        grid.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*["" if cell is None else escape(str(cell)) for cell in row])
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
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        with self._lock:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(escape(what), total=total)
            self._progress.update(self._tasks[what], completed=done, total=total)


@contextmanager
def progress() -> Iterator[Report]:
    """Where long work reports to: bars on a terminal, lines otherwise; both on standard error."""
    console = err()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(bars)
