"""One tree of errors, grouped by what to do next. The docstring of a class is what its kind means to a reader."""

from __future__ import annotations


class CrmsyncError(Exception):
    """Something went wrong; the message says what happened, what was not done, and the next command."""

    exit_code = 1


class ConfigError(CrmsyncError):
    """Fix your configuration: nothing was contacted or nothing was written."""

    exit_code = 2


class CredentialsError(ConfigError):
    """A CRM refused the credentials or the token lacks a permission; fix them, nothing was lost."""

    def __init__(self, message: str, *, side: str) -> None:
        super().__init__(message)
        self.side = side


class HaltError(CrmsyncError):
    """Stopped for safety: a person must look, then `crmsync resume`."""

    exit_code = 3


class UnreachableError(CrmsyncError):
    """A CRM or the database cannot be reached; everything unsent stays in the journal and is retried."""

    exit_code = 4

    def __init__(self, message: str, *, side: str | None = None) -> None:
        super().__init__(message)
        self.side = side


class QuotaError(UnreachableError):
    """A CRM's quota is used up; work waits until `retry_after` seconds have passed (None: unknown, try at the next poll)."""

    def __init__(self, message: str, *, side: str, retry_after: float | None = None) -> None:
        super().__init__(message, side=side)
        self.retry_after = retry_after


class CursorExpiredError(CrmsyncError):
    """The CRM no longer knows changes since our cursor: a full reconciliation by id is needed before deletes are believed."""

    def __init__(self, message: str, *, side: str, object: str) -> None:
        super().__init__(message)
        self.side = side
        self.object = object


class BusyError(CrmsyncError):
    """Another crmsync process holds this database; this one did nothing."""

    exit_code = 4
