"""The simulator's switches: what is doubtful in the vendor's behaviour, and what a test wants to turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Lag = float | Callable[[], float]


@dataclass(slots=True, kw_only=True)
class Options:
    """Settings of one simulated portal; all but the identity ones may change at run time.

    Seconds are simulated seconds, except `latency` and `webhook_retry_seconds`, which are real ones.
    """

    portal_id: int = 44237313
    app_id: int = 19083857
    time_zone: str = "US/Eastern"
    currency: str = "USD"
    access_token: str = "pat-na1-6f3c1a52-sim0-4e0b-9d6a-51mu1a7ed000"  # noqa: S105 - a simulator has no secret
    client_id: str = "sim-client-id"
    client_secret: str = "sim-client-secret"  # noqa: S105 - a simulator has no secret
    refresh_token: str = "sim-refresh-token"  # noqa: S105 - a simulator has no secret
    auth: str = "private_app"
    """private_app | oauth: which settings `environment()` hands out, and which rate-limit headers are sent."""
    expires_in: int = 1800
    scopes: Sequence[str] | None = None
    """Granted scopes; None grants everything."""
    latency: float = 0.0
    rate_limits: bool = False
    burst: int = 190
    search_per_second: int = 5
    daily_limit: int = 650_000
    search_lag: Lag = 2.0
    """Seconds until a modification is visible to search, or a function giving them per modification."""
    merge_creates_new_id: bool = True
    email_lookup_secondary: bool = False
    """Whether idProperty=email also finds additional addresses (undocumented)."""
    batch_read_resolves_merged: bool = False
    batch_conflict_names_id: bool = False
    """Whether a 409 of batch/create names the existing id (recorded without, seen with)."""
    lifecycle_backward: str = "ignore"
    """ignore | reject | allow: what a write that moves lifecyclestage backward does."""
    default_lifecycle_stage: str = "lead"
    activity_bumps_person: bool = True
    activity_bump_seconds: float = 1.3
    association_bumps: bool = True
    """Whether a new or removed association moves the modified stamps of both records."""
    association_page: int = 500
    """How many associations of one record a batch read or ?associations= answers before it says `paging`."""
    unknown_dispositions: str = "reject"
    """reject | accept: what a call disposition that the portal does not list meets."""
    archived_owners: str = "accept"
    """accept | reject: whether a record may be given to a deactivated owner."""
    event_skew_ms: int = 0
    """How much later a form submission or e-mail event is dated than the contact's property that shows it."""
    restore_bumps_modified: bool = False
    enrich_companies: bool = False
    """Whether HubSpot fills twitterhandle of a new company with a domain about 2 s later."""
    numeric_association_ids: bool = True
    """v4 associations answer ids as JSON integers (recorded) rather than strings (spec)."""
    read_only_writes: str = "reject"
    """reject | ignore: what a write to a read-only property does (docs disagree)."""
    preferences_api: str = "both"
    """v3 | v4 | both | off: which communication-preferences versions answer."""
    optout_when_all_unsubscribed: bool = True
    """Whether unsubscribing from every subscription type also sets hs_email_optout."""
    resubscribe_allowed: bool = False
    """Whether the API may subscribe somebody who had opted out of everything."""
    list_answers: str = "live"
    """live | reference: whether memberships are answered as the live API does (recordsIdsAdded, empty lists left out) or as v3's reference has them."""
    shuffle_results: bool = True
    seed_companies: bool = True
    webhooks: Sequence[tuple[str, Sequence[str | Mapping[str, Any]]]] = field(default_factory=tuple)
    """(address, subscriptions): "contact.creation", "contact.propertyChange:email" or HubSpot's subscription JSON."""
    webhook_retry_seconds: float = 0.2
    webhook_attempts: int = 10

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")

    def change(self, name: str, value: Any) -> None:
        """Sets one switch; ValueError on an unknown name or a value of the wrong kind."""
        known = {f.name: f for f in fields(self)}
        if name not in known:
            raise ValueError(f"unknown option {name}")
        before = getattr(self, name)
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}")
        if isinstance(before, bool) != isinstance(value, bool):
            raise ValueError(f"{name} takes {'true or false' if isinstance(before, bool) else 'no true or false'}")
        if isinstance(before, int | float) and not isinstance(before, bool):
            numeric = isinstance(value, int | float) or (name == "search_lag" and callable(value))
            if not numeric or (isinstance(value, int | float) and value < 0):
                raise ValueError(f"{name} takes a number of at least 0")
        if isinstance(before, str) and not isinstance(value, str):
            raise ValueError(f"{name} takes text")
        setattr(self, name, value)

    def lag_ms(self) -> int:
        """Milliseconds until the modification being made now shows in search."""
        lag = self.search_lag
        return int((lag() if callable(lag) else lag) * 1000)

    def json(self) -> dict[str, Any]:
        """The switches for the control address; secrets left out, functions as text."""
        hidden = {"access_token", "client_secret", "refresh_token"}
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
        if callable(self.search_lag):
            shown["search_lag"] = "function"
        return shown


CHOICES: dict[str, tuple[str, ...]] = {
    "auth": ("private_app", "oauth"),
    "lifecycle_backward": ("ignore", "reject", "allow"),
    "read_only_writes": ("reject", "ignore"),
    "preferences_api": ("v3", "v4", "both", "off"),
    "unknown_dispositions": ("reject", "accept"),
    "archived_owners": ("accept", "reject"),
    "list_answers": ("live", "reference"),
}
