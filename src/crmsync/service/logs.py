"""Logs on standard error: readable on a terminal, JSON otherwise; without secrets and without personal data."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from crmsync.connect.http import redact

_EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(r"(?<![\w.:-])\+?\d(?:[ ()/-]{0,2}\d){8,14}(?![\w:-])")
_SECRET_KEY = re.compile(r"(?i)token|secret|password|authorization|assertion|private_key|credential|database_url")
_PERSONAL_KEY = re.compile(r"(?i)(^|_)(e?mail|phone|mobile|first_?name|last_?name|street|subject|body|to|from)($|_)")
ADDRESSES = ("urllib3.connectionpool",)
"""What they warn of names whole addresses, with whatever stands in their path and query."""
QUIET = ("urllib3", "alembic", "uvicorn", "uvicorn.error", "uvicorn.access", "hubspot", "simple_salesforce", "asyncio")
CRASH_FILE = "crmsync-error.log"


def scrub(text: str) -> str:
    """The text fit for a log: tokens, secrets, e-mail addresses and phone numbers are masked."""
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", redact(text)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: _value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return scrub(str(value))


def _value(key: str, value: Any) -> Any:
    if value is not None and _SECRET_KEY.search(key):
        return "[secret]"
    if value is not None and _PERSONAL_KEY.search(key):
        return "[personal]"
    return _clean(value)


def redacting(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: masks by key, and by shape inside every text."""
    kept = ("event", "level", "timestamp", "logger")
    return {key: (scrub(str(value)) if key == "event" else value) if key in kept else _value(key, value) for key, value in event.items()}


def set_up_logs(*, verbose: bool = False) -> None:
    """Sends structlog and the standard library's logging to standard error. Safe to call again."""
    terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redacting,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer(sort_keys=True)
    )
    level = logging.INFO if verbose or not terminal else logging.WARNING
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StderrLoggers(),
        cache_logger_on_first_use=False,
    )
    handler = _StderrHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ADDRESSES:
        logging.getLogger(name).setLevel(logging.ERROR)


class _StderrHandler(logging.Handler):
    """The same for the standard library's loggers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


class _StderrLoggers:
    """Writes to whatever sys.stderr is at that moment, so that a redirected one is honoured."""

    def __call__(self, *_args: Any) -> structlog.PrintLogger:
        return structlog.PrintLogger(file=sys.stderr)


def keep_crash(error: BaseException, folder: Path) -> Path:
    """Appends the scrubbed traceback to a file in `folder`, or in the system's temporary folder where that fails. Returns the file."""
    text = scrub("".join(traceback.format_exception(error)))
    for place in (folder, Path(tempfile.gettempdir())):
        path = place / CRASH_FILE
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError:
            continue
        return path
    return folder / CRASH_FILE
