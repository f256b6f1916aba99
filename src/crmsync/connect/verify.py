"""Whom to ask about contact data: DNS (does a domain take mail?) and a verification provider (is this address good?).

Both are asked from several threads at once, and never while anybody waits for a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from crmsync.model.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A provider's answer about one address. quality: verified | risky | invalid | unknown. found: house field -> what it knows of the person."""

    quality: str
    found: Mapping[str, Value] = field(default_factory=dict)


class MailDomains(Protocol):
    """Raises nothing."""

    def takes_mail(self, domain: str) -> bool | None:
        """Whether the domain (IDNA) takes mail; None when it could not be told just now."""
        ...


class Provider(Protocol):
    """A verification provider."""

    def ask(self, address: str) -> Word:
        """Its word for one address. Raises: ProviderBusyError; nothing else."""
        ...


class ProviderBusyError(Exception):
    """The provider did not answer as it should; it is not this address's fault. The message names neither the address nor the secret.

    retry_after: seconds it asks to be left alone for (None: not said). refused: the secret or the account is the trouble."""

    def __init__(self, message: str, *, retry_after: float | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.refused = refused
